"""Draws the sample material that the project ships: ``python -m tools.demo.clip``.

Writes ``assets/demo.mp4``, ten seconds of moving shapes with a soft tone, and ``assets/selftest.png`` with the boxes
that must be found in it, ``assets/selftest.json``.
"""

from __future__ import annotations

import argparse
import json
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.audio.stream import AudioStream
from av.container import OutputContainer

from tools.demo.motion import MovingScene
from tools.demo.scenes import Scene
from tools.demo.shapes import CLASSES

SIZE = (640, 480)
FPS = 30
DURATION_S = 10
AUDIO_RATE = 44_100
CLIP_SEED = 24
SELFTEST_SEED = 4


def sample_clip() -> MovingScene:
    """Returns the scene of ``assets/demo.mp4``."""
    return MovingScene(CLIP_SEED, SIZE, tuple(range(len(CLASSES))))


def write_clip(path: Path) -> None:
    """Encodes the sample clip: H.264 and AAC in MP4."""
    content = sample_clip()
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        video = container.add_stream("libx264", rate=FPS, options={"crf": "25", "preset": "slow"})
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        video.time_base = Fraction(1, FPS)
        audio = container.add_stream("aac", rate=AUDIO_RATE, layout="mono")
        audio.bit_rate = 64_000
        for number in range(FPS * DURATION_S):
            frame = av.VideoFrame.from_ndarray(content.frame(number / FPS).image_bgr, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        _mux_tone(container, audio)


def _mux_tone(container: OutputContainer, stream: AudioStream) -> None:
    samples = tone()
    for start in range(0, len(samples), 1024):
        piece = av.AudioFrame.from_ndarray(samples[None, start : start + 1024], format="flt", layout="mono")
        piece.sample_rate, piece.pts, piece.time_base = AUDIO_RATE, start, Fraction(1, AUDIO_RATE)
        container.mux(stream.encode(piece))
    container.mux(stream.encode(None))


def tone() -> npt.NDArray[np.float32]:
    """Returns Float32[samples]: a quiet chord, one soft stroke a second."""
    time_s = np.arange(AUDIO_RATE * DURATION_S) / AUDIO_RATE
    chord = sum(np.sin(2 * np.pi * frequency * time_s) for frequency in (220.0, 277.2, 329.6))
    stroke = np.minimum(time_s % 1.0 / 0.02, 1.0) * np.exp(-3.0 * (time_s % 1.0))
    return np.asarray(0.06 * chord * stroke, dtype=np.float32)


def selftest_scene() -> Scene:
    """Returns the scene of ``assets/selftest.png``: one frame of another moving scene."""
    return MovingScene(SELFTEST_SEED, SIZE, (7, 5, 3, 1, 0)).frame(0.0)


def write_selftest(folder: Path) -> None:
    """Writes the image and its ground truth."""
    scene = selftest_scene()
    cv2.imwrite(str(folder / "selftest.png"), scene.image_bgr, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    expected = [
        {"label": CLASSES[class_id], "box": box.tolist()}
        for box, class_id in zip(scene.boxes_xyxy, scene.class_ids, strict=True)
    ]
    text = json.dumps({"model": "demo", "expected": expected}, indent=2)
    (folder / "selftest.json").write_text(text + "\n", encoding="utf-8")


def main() -> None:
    """Writes both."""
    parser = argparse.ArgumentParser(prog="python -m tools.demo.clip", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("assets"), help="where to (default %(default)s)")
    folder: Path = parser.parse_args().folder
    write_clip(folder / "demo.mp4")
    write_selftest(folder)
    for name in ("demo.mp4", "selftest.png", "selftest.json"):
        print(f"{folder / name}: {(folder / name).stat().st_size} bytes")


if __name__ == "__main__":
    main()
