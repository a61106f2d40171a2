"""The frames a benchmark runs on: drawn ones of 1280 x 720, or the first of a video. All decoded beforehand.

They differ, so that no cache holds a whole frame from run to run.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from app.core.frames import ImageBGR

COUNT = 16
_SIZE = (720, 1280)


def drawn_frames(count: int = COUNT, size: tuple[int, int] = _SIZE, seed: int = 0) -> list[ImageBGR]:
    """Draws ``count`` frames, UInt8[H, W, 3] of ``size``, as a moving camera might see them: blobs, edges and grain.

    All show the same things in different places, so that post-processing has about the same work with each.
    """
    import cv2

    rng = np.random.default_rng(seed)
    height, width = size
    coarse = rng.integers(0, 256, (9, 16, 3), np.uint8)
    scene = np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
    for _ in range(24):
        x, y = (int(rng.integers(0, extent)) for extent in (width, height))
        w, h = (int(rng.integers(extent // 20, extent // 3)) for extent in (width, height))
        scene[y : y + h, x : x + w] = rng.integers(0, 256, 3, np.uint8)
    frames: list[ImageBGR] = []
    for index in range(count):
        moved = np.roll(scene, (3 * index, 8 * index), axis=(0, 1))
        frames.append(np.asarray(cv2.add(moved, rng.integers(0, 12, moved.shape, np.uint8)), np.uint8))
    return frames


def video_frames(path: Path, count: int = COUNT) -> list[ImageBGR]:
    """Reads the first ``count`` frames of the video at ``path``, or all if it is shorter.

    Raises:
        AppError: There is no such file, or it is not a video.
    """
    from app.core.sources.video import VideoReader

    reader = VideoReader(path)
    frames: list[ImageBGR] = []
    try:
        while len(frames) < count and (frame := reader.read_frame()) is not None:
            frames.append(frame.image_bgr)
    finally:
        reader.close()
    return frames
