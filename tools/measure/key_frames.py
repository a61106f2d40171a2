"""``python -m tools.measure.key_frames VIDEO… [--model NAME]``: how much ``--detect-every`` finds of all there is.

The network sees every frame once; that is the reference, as far as it scores 0.5. Then only every Nth answer is used,
with motion between, and the same with the last answer held. A detection counts as found when one of its class overlaps
it with an IoU of 0.5 and scores 0.5 itself, so that scores which flicker around 0.5 cost both alike.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from app.core.export.key_frames import follow_between
from app.core.frames import DecodedFrame
from app.core.models import open_model_for_batches
from app.core.settings import ModelSettings
from app.core.sources.video import VideoReader
from detector.boxes import iou
from detector.detections import DetectionFilter, Detections

_SURE, _FOUND, _SAME = 0.5, 0.1, 0.5


def every_frame(frames: Sequence[DecodedFrame], model: ModelSettings) -> list[Detections]:
    """Returns what the network finds in each frame."""
    with open_model_for_batches(model) as detector:
        return [
            detector.candidates_batch([frame.image_bgr], 0.45, 0.05)[0].detections(DetectionFilter(_FOUND, 0.45))
            for frame in frames
        ]


def f1(reference: Sequence[Detections], answers: Sequence[Detections]) -> float:
    """Returns the F1 of the sure detections of both; each reference is found once."""
    hits = wrong = missed = 0
    for wanted, given in zip(reference, answers, strict=True):
        one, other = wanted.above(_SURE), given.above(_SURE)
        overlap = iou(one.boxes_xyxy, other.boxes_xyxy)
        overlap[one.class_ids[:, None] != other.class_ids[None]] = 0
        pairs = 0
        while overlap.size and overlap.max() >= _SAME:
            row, column = (int(i) for i in np.unravel_index(overlap.argmax(), overlap.shape))
            overlap[row], overlap[:, column] = 0, 0
            pairs += 1
        hits, wrong, missed = hits + pairs, wrong + len(other) - pairs, missed + len(one) - pairs
    return 2 * hits / max(1, 2 * hits + wrong + missed)


def followed(frames: Sequence[DecodedFrame], reference: Sequence[Detections], every: int) -> list[Detections]:
    """Returns the detections of every frame from those of every Nth."""

    def ask(runs: Sequence[Sequence[DecodedFrame]]) -> list[Detections]:
        return [reference[run[-1].index] for run in runs]

    return [detections for _, detections, _ in follow_between(frames, every, ask, 1)]


def main() -> None:
    """Runs the program described above."""
    parser = argparse.ArgumentParser(description="What --detect-every finds of what every frame gives.")
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--model", default=ModelSettings().name)
    options = parser.parse_args()
    print(f"{'video':<36} every   F1 followed   F1 held")
    for path in options.videos:
        reader = VideoReader(path)
        frames = []
        while (frame := reader.read_frame()) is not None:
            frames.append(frame)
        reader.close()
        reference = every_frame(frames, ModelSettings(options.model))
        for every in (3, 5):
            held = [reference[index // every * every] for index in range(len(frames))]
            carried = followed(frames, reference, every)
            scores = f"{f1(reference, carried):11.3f}   {f1(reference, held):7.3f}"
            print(f"{path.name:<36} {every:>5}   {scores}", flush=True)


if __name__ == "__main__":
    main()
