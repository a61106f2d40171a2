"""A video whose objects were followed, ready for any threshold and question. Immutable; any thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.core.candidate_cache.store import CandidateStore
from app.core.candidate_cache.store_facts import StoreFacts
from app.core.events.geometry import Point
from app.core.events.trajectories import Trajectories, follow


@dataclass(frozen=True, slots=True, eq=False)
class FollowedVideo:
    """The objects of a video, from which questions about it start.

    Attributes:
        path: The video.
        facts: Model, engine and precision that found what is in it.
        seen: Everything that was followed.
    """

    path: Path
    facts: StoreFacts
    seen: Trajectories


def follow_video(
    path: Path,
    store_path: Path,
    threshold_of: Callable[[StoreFacts], float],
    iou_threshold: float,
    masks: Sequence[Sequence[Point]] = (),
    check: Callable[[], None] = lambda: None,
) -> FollowedVideo:
    """Follows the objects of a video through its complete store.

    Args:
        path: The video.
        store_path: Its store.
        threshold_of: The lowest threshold that will be asked for, of what a model found.
        iou_threshold: As for ``follow``.
        masks: As for ``follow``.
        check: Called for each frame; may raise to stop.

    Raises:
        AppError: The store cannot be used.
    """
    with CandidateStore.open(store_path) as store:
        seen = follow(store, threshold_of(store.facts), iou_threshold, masks, check)
        return FollowedVideo(path, store.facts, seen)
