"""Clips as they are remembered, and which events they show."""

from __future__ import annotations

import json
from datetime import date, datetime
from fractions import Fraction
from pathlib import Path

import pytest

from app.core.events.listing import ListedEvent, LiveFacts
from app.core.recording.clip_index import MAX_CLIPS, ClipIndex, KeptClip

SECRET = "hunter2"
STREAM = f"rtsp://jane:{SECRET}@door/live"
NOON_S = datetime(2026, 11, 30, 12).timestamp()


def row(start_s: float, end_s: float, live: bool = True) -> ListedEvent:
    """An event of the 30th of November, by the time of day."""
    facts = LiveFacts(date(2026, 11, 30)) if live else None
    return ListedEvent(1, 0, "person", start_s, end_s, 0.9, 0.0, Fraction(0), (0, 0, 1, 1), live=facts)


def clip_at(folder: Path, second: float, seconds: float = 10.0) -> KeptClip:
    path = folder / f"{second:g}.mp4"
    path.touch()
    return KeptClip(NOON_S + second, NOON_S + second + seconds, path)


def test_clips_are_known_by_their_source_and_forgotten_when_they_are_gone(tmp_path: Path) -> None:
    file = tmp_path / "data" / "clips.json"
    clips = [clip_at(tmp_path, second) for second in (0, 20, 40)]
    index = ClipIndex(file)
    for clip in clips[:2]:
        index.add(STREAM, clip)
    index.add("camera:0", clips[2])
    assert SECRET not in file.read_text()
    assert ClipIndex(file).of(STREAM) == tuple(clips[:2])
    clips[0].path.unlink()
    assert ClipIndex(file).of(STREAM) == (clips[1],)
    assert ClipIndex(file).of("camera:0") == (clips[2],)
    assert ClipIndex(file).of("camera:1") == ()


def test_a_clip_shows_what_happened_while_it_ran(tmp_path: Path) -> None:
    clip, noon = clip_at(tmp_path, 0), 12 * 3600.0
    spans = ((-9, -1), (-9, 0), (-9, 99), (3, 4), (10, 12), (11, 12))
    assert [clip.shows(row(noon + begin, noon + end)) for begin, end in spans] == [False, True, True, True, True, False]
    assert not clip.shows(row(noon, noon + 1, live=False))


@pytest.mark.parametrize(
    "entry", [None, [], ["camera:0", 1.0, 2.0], ["camera:0", "1", 2.0, "x"], ["camera:0", float("nan"), 2.0, "x"],
              ["camera:0", 1.0, 2.0, 5], ["camera:0", 1.0, 2.0, "a\0b"], ["camera:0", 1.0, 2.0, ""]],
)  # fmt: skip
def test_what_is_no_clip_is_passed_by(tmp_path: Path, entry: object) -> None:
    clip = clip_at(tmp_path, 0)
    ClipIndex(tmp_path / "clips.json").add("camera:0", clip)
    content = json.loads((tmp_path / "clips.json").read_text())
    content["clips"].insert(0, entry)
    (tmp_path / "clips.json").write_text(json.dumps(content))
    assert ClipIndex(tmp_path / "clips.json").of("camera:0") == (clip,)


def test_the_oldest_are_forgotten(tmp_path: Path) -> None:
    clip = clip_at(tmp_path, 0)
    entry = ["camera:0", clip.begin_s, clip.end_s, str(clip.path)]
    (tmp_path / "clips.json").write_text(json.dumps({"clips": [entry] * MAX_CLIPS}))
    ClipIndex(tmp_path / "clips.json").add("camera:1", clip)
    assert len(ClipIndex(tmp_path / "clips.json").of("camera:0")) == MAX_CLIPS - 1
    assert ClipIndex(tmp_path / "clips.json").of("camera:1") == (clip,)
