"""A short video with kept detections of the demo model, in which it is known what happens."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from app.core.candidate_cache.source_content import SourceContent
from app.core.candidate_cache.store import SUFFIX
from app.core.candidate_cache.store_facts import StoreFacts
from app.core.candidate_cache.store_format import StoredFrame
from app.core.candidate_cache.store_writer import StoreWriter
from app.core.models import user_library, weights_sha256
from app.core.settings import ModelSettings
from detector.detections import Candidates
from tests.support.media import make_video

FPS = Fraction(10)
FRAMES = 60
SIZE = (160, 120)
MODEL = "demo"


def labels() -> tuple[str, ...]:
    """The class names of the model."""
    return user_library().find(MODEL).spec.labels


def seen_at(index: int) -> Candidates:
    """What is seen in a frame: first a walker, later a surer stander, and a faint third all the time.

    The walker (class 0, 0.6, once 0.65) is there in frames 5 to 27 and goes to the right; the stander (class 1, 0.9) in
    frames 35 to 59; the third (class 2, 0.3) always stands in the corner.
    """
    found = []
    if 5 <= index < 28:
        left = 4.0 * (index - 5)
        found.append(((left, 30.0, left + 30, 80.0), 0.65 if index == 12 else 0.6, 0))
    if index >= 35:
        found.append(((60.0, 40.0, 90.0, 100.0), 0.9, 1))
    found.append(((130.0, 5.0, 155.0, 30.0), 0.3, 2))
    found.sort(key=lambda one: -one[1])
    boxes = np.array([box for box, _, _ in found], np.float32)
    scores = np.array([score for _, score, _ in found], np.float32)
    return Candidates(boxes, scores, np.array([number for _, _, number in found], np.int32))


def make_analysed(folder: Path, name: str = "street.mp4", detect_every: int = 1) -> Path:
    """A video with its store beside it."""
    video = make_video(folder / name, frames=FRAMES, fps=FPS, size=SIZE)
    keep_events(video, detect_every)
    return video


def keep_events(video: Path, detect_every: int = 1) -> Path:
    """Put a store beside ``video``."""
    entry = user_library().find(MODEL)
    weights = weights_sha256(ModelSettings(name=MODEL))
    source = SourceContent(video)
    spec = entry.spec
    how = ("openvino", "cpu", "fp32", spec.labels, 0.05, FRAMES)
    facts = StoreFacts(source.key, spec.name, weights, *how, detect_every=detect_every)
    target = video.with_name(video.name + SUFFIX)
    writer = StoreWriter(target)
    writer.begin(facts)
    for index in range(FRAMES):
        writer.append(StoredFrame(index / FPS, *SIZE, seen_at(index)))
    writer.finish(source.whole_sha256())
    return target
