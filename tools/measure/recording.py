"""``python -m tools.measure.recording [VIDEO]``: what recording costs, as a share of one core while it runs live.

Clean: the packets of a 1080p stream, 30 frames a second, from the demuxer to the file, without decoding. Drawn: 720p
frames with ten boxes each, painted and encoded. Both are run as fast as they go, and the processor's time is set
against the length of the video. Without VIDEO, a drawn one with moving noise is made first.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from app.core.frames import FrameResult, ImageBGR
from app.core.recording.drawn import DrawnFrames
from app.core.recording.recorder import Recorder
from app.core.recording.reports import RecorderPlan
from app.core.recording.source_recording import SourceRecording
from app.core.settings import OverlaySettings
from app.core.sources.base import frame_from_bgr
from app.core.sources.packet_tap import PacketTap
from detector.detections import Candidates, Detections

FPS = 30
_PATIENCE_S = 120.0
_BOXES = 10


def noisy_images(count: int, size: tuple[int, int]) -> Iterator[ImageBGR]:
    """Draws images that move, with some of the noise of a camera."""
    rng = np.random.default_rng(0)
    width, height = size
    ground = np.asarray(rng.integers(40, 200, (height // 8, width // 8, 3)), np.uint8).repeat(8, 0).repeat(8, 1)
    grain = np.asarray(rng.integers(0, 12, (height, width, 3)), np.uint8)
    for index in range(count):
        yield np.roll(ground, 3 * index, axis=1) + np.roll(grain, 7 * index, axis=0)


def make_stream(path: Path, seconds: int) -> Path:
    """Writes a 1080p stream as a camera sends it."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 1920, 1072, "yuv420p"
        stream.bit_rate = 6_000_000
        stream.options = {"preset": "ultrafast", "g": str(FPS)}
        for image in noisy_images(seconds * FPS, (1920, 1072)):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode(None))
    return path


def recording_into(folder: Path) -> SourceRecording:
    """Returns a recording that tells nobody anything but failures."""
    recorder = Recorder(RecorderPlan("measured", folder, min_free=0), lambda report: None)
    return SourceRecording(recorder, lambda error: print(error, file=sys.stderr), Fraction(FPS))


def clean(video: Path, folder: Path) -> float:
    """Returns the share of a core that copying packets takes, less that of reading them, which the view does anyway."""
    shares = []
    for taps in (False, True):
        recording = recording_into(folder)
        begun = time.process_time()
        with av.open(str(video)) as container:
            stream = container.streams.video[0]
            tap = PacketTap(container, stream, recording)
            last = Fraction(0)
            for packet in container.demux(stream):
                if taps:
                    tap.take(packet, time.monotonic_ns())
                if packet.pts is not None:
                    last = max(last, packet.pts * packet.time_base)
        recording.close(_PATIENCE_S)
        shares.append((time.process_time() - begun) / float(last))
    return shares[1] - shares[0]


def drawn(seconds: int, folder: Path) -> tuple[float, str]:
    """Returns the share of a core that painting and encoding take, and the encoder."""
    recording, frames = recording_into(folder), DrawnFrames(OverlaySettings())
    rng = np.random.default_rng(1)
    corners = rng.uniform(0, 600, (_BOXES, 2)).astype(np.float32)
    boxes = np.concatenate((corners, corners + 80), axis=1)
    shown = Detections(boxes, np.full(_BOXES, 0.9, np.float32), np.arange(_BOXES, dtype=np.int32) % 3)
    images = list(noisy_images(FPS, (1280, 720)))
    room = threading.Semaphore(3)
    begun = time.process_time()
    for index in range(seconds * FPS):
        room.acquire(timeout=_PATIENCE_S)
        frame = frame_from_bgr(images[index % FPS].copy(), index, None, index * 10**9 // FPS)
        result = FrameResult(frame, Candidates.empty(), ("person", "car", "dog"))

        def make(result: FrameResult = result) -> ImageBGR:
            room.release()
            return frames.draw(result, shown)

        recording.image(frame.captured_ns, make)
    used = recording.encoder
    recording.close(_PATIENCE_S)
    return (time.process_time() - begun) / seconds, used


def main() -> int:
    """Runs the program described above."""
    parser = argparse.ArgumentParser(description="Measure what recording costs.")
    parser.add_argument("video", nargs="?", type=Path)
    parser.add_argument("--seconds", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        video = options.video or make_stream(folder / "stream.ts", options.seconds)
        print(f"clean, as it came: {100 * clean(video, folder):.1f} % of a core")
        share, encoder = drawn(options.seconds, folder)
        print(f"drawn, 720p at {FPS} frames a second, {encoder}: {100 * share:.0f} % of a core")
    return 0


if __name__ == "__main__":
    sys.exit(main())
