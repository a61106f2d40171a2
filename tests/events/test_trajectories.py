"""Following objects through frames: masks act before tracking, and whoever is confirmed has all its sightings."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest

from app.core.candidate_cache.store_format import StoredFrame
from app.core.events.find import find_events
from app.core.events.trajectories import Trajectories, follow_frames
from detector.detections import Candidates, DetectionFilter

Box = tuple[float, float, float, float]
_WANTED = DetectionFilter(0.1)


def frame_at(index: int, found: Sequence[tuple[Box, float]], fps: int = 10) -> StoredFrame:
    """A frame of 100 x 100 with boxes of one class and their scores, best first."""
    boxes = np.array([box for box, _ in found], np.float32).reshape(-1, 4)
    scores = np.array([score for _, score in found], np.float32)
    return StoredFrame(Fraction(index, fps), 100, 100, Candidates(boxes, scores, np.zeros(len(found), np.int32)))


def _walk(mask: Sequence[tuple[float, float]] | None = None) -> Trajectories:
    """One object crosses to the right in 3 s; another stands at the left."""
    frames = [
        frame_at(index, [((2.0 * index, 10, 2.0 * index + 20, 50), 0.9), ((0, 60, 20, 90), 0.8)]) for index in range(31)
    ]
    return follow_frames(frames, ["person"], _WANTED, () if mask is None else [mask])


def test_each_object_has_all_its_sightings() -> None:
    walker, stander = find_events(_walk(), 0.5)
    assert (walker.frames.tolist(), stander.frames.tolist()) == ([*range(31)], [*range(31)])
    assert (walker.label, walker.start_s, walker.end_s, walker.still_s) == ("person", 0.0, 3.0, 0.0)
    assert (stander.still_s, stander.best) == (3.0, 0)
    assert walker.anchors[0].tolist() == [0.1, 0.5]


def test_sightings_before_an_object_is_confirmed_belong_to_it() -> None:
    frames = [frame_at(index, [((10, 10, 40, 60), 0.9)] if index >= 5 else []) for index in range(20)]
    (event,) = find_events(follow_frames(frames, ["person"], _WANTED), 0.5)
    assert event.frames.tolist() == [*range(5, 20)]


def test_a_mask_hides_by_the_middle_of_the_box_before_tracking() -> None:
    hidden = [(0.0, 0.7), (0.3, 0.7), (0.3, 0.8), (0.0, 0.8)]  # the stander's middle, not the point it stands on
    seen = _walk(hidden)
    assert set(seen.tracks.tolist()) == {1}
    (walker,) = find_events(seen, 0.5)
    assert len(walker.frames) == 31


def test_frames_without_objects_and_no_frames_at_all() -> None:
    for count in (0, 1, 12):
        seen = follow_frames([frame_at(index, []) for index in range(count)], ["person"], _WANTED)
        assert (len(seen), len(seen.pts_s), find_events(seen, 0.5)) == (0, count, ())
    (event,) = find_events(follow_frames([frame_at(0, [((10, 10, 40, 60), 0.9)])], ["person"], _WANTED), 0.5)
    assert (event.start_s, event.end_s, event.still_s) == (0.0, 0.0, 0.0)


def test_a_clock_that_jumps_back_stands_still() -> None:
    frames = [frame_at(index if index < 10 else index - 8, [((10, 10, 40, 60), 0.9)]) for index in range(20)]
    (event,) = find_events(follow_frames(frames, ["person"], _WANTED), 0.5)
    assert (np.diff(event.times_s) >= 0).all()
    assert event.end_s == 1.1


def test_following_can_be_stopped() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        follow_frames([frame_at(0, [])], ["person"], _WANTED, (), stop)


def test_frames_that_the_network_did_not_see_count_but_show_nothing() -> None:
    box = ((10.0, 10.0, 40.0, 60.0), 0.9)
    frames = [frame_at(index, [box] if index % 3 == 0 or index == 10 else []) for index in range(11)]
    seen = follow_frames(frames, ["person"], _WANTED, detect_every=3)
    (event,) = find_events(seen, 0.5)
    assert event.frames.tolist() == [0, 3, 6, 9, 10]  # the network sees the last one, too
    assert event.times_s.tolist() == [0.0, 0.3, 0.6, 0.9, 1.0]
    assert len(seen.pts_s) == 11


@pytest.mark.parametrize("every", [1, 3])
def test_an_object_ends_at_a_cut_though_another_is_in_its_place(every: int) -> None:
    box = ((10.0, 10.0, 40.0, 60.0), 0.9)
    frames = [frame_at(index, [box] if index % every == 0 or index in (19, 20) else []) for index in range(40)]
    seen = follow_frames(frames, ["person"], _WANTED, detect_every=every, cuts=(20,))
    first, second = find_events(seen, 0.5)
    assert (first.tracker_id, second.tracker_id) == (1, 2)
    assert (first.frames[-1], second.frames[0]) == (19, 20)
    (whole,) = find_events(follow_frames(frames, ["person"], _WANTED, detect_every=every), 0.5)
    assert (whole.frames[0], whole.frames[-1]) == (first.frames[0], second.frames[-1])


def test_what_stood_before_a_cut_is_not_found_again_after_it() -> None:
    box = ((10.0, 10.0, 40.0, 60.0), 0.9)
    frames = [frame_at(index, [box] if index < 20 or index >= 45 else []) for index in range(60)]
    assert len(find_events(follow_frames(frames, ["person"], _WANTED), 0.5)) == 1
    assert len(find_events(follow_frames(frames, ["person"], _WANTED, cuts=(30,)), 0.5)) == 2
    quick = follow_frames(frames, ["person"], _WANTED, detect_every=5, cuts=(31,))  # the network found nothing there
    assert len(find_events(quick, 0.5)) == 2
