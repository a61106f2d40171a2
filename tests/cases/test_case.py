"""A case: what is in it, that every change is found, and that nothing is left of one that failed."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from hashlib import sha256
from pathlib import Path

import av
import numpy as np
import pytest

from app.core.candidate_cache.source_content import SourceContent
from app.core.candidate_cache.store_facts import StoreFacts
from app.core.cases.case import CaseCheck, check_case, write_case
from app.core.cases.images import Look, heat
from app.core.cases.tables import events_csv
from app.core.errors import AppError
from app.core.events.answer import Answer, SourceAnswer, content_sha256
from app.core.events.find import find_events
from app.core.events.geometry import anchors_of
from app.core.events.question import Question
from app.core.events.scene import Line, Scene, Zone
from app.core.events.trajectories import Trajectories
from app.core.files.atomic_folder import AtomicFolder
from tests.support.media import make_video, read_frame_index
from tests.support.report_page import read_page

_SCENE = Scene((Zone("<b>door", ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))),), (Line("=gate", ((0.5, 0.0), (0.5, 1.0))),))
_LOOK = Look(Fraction(1, 10), Fraction(1, 10))
_FIRST, _LAST = 20, 49


def answer_about(video: Path, label: str = "<script>") -> Answer:
    """One object that crosses the frame to the right in frames 20 to 49 of 90, 30 a second."""
    frames = np.arange(_FIRST, _LAST + 1)
    left = np.linspace(0, 120, len(frames))
    boxes = np.stack((left, np.full_like(left, 100), left + 20, np.full_like(left, 118)), axis=1).astype(np.float32)
    seen = Trajectories(
        labels=(label,),
        size=(160, 120),
        pts_s=tuple(Fraction(index, 30) for index in range(90)),
        floor=0.1,
        tracks=np.ones(len(frames), np.int64),
        class_ids=np.zeros(len(frames), np.int32),
        frames=frames,
        times_s=frames / 30,
        boxes_xyxy=boxes,
        anchors=anchors_of(boxes, 160, 120),
        scores=np.full(len(frames), 0.75, np.float32),
    )
    facts = StoreFacts(SourceContent(video).key, "fake", "ab" * 32, "fake", "cpu", "fp32", (label,), 0.05)
    events = find_events(seen, 0.5, _SCENE)
    source = SourceAnswer(video, facts, seen, 0.5, 0, len(events), events, scene=_SCENE)
    return Answer(Question(line="=gate"), (source,))


def _case(tmp_path: Path, rejected: frozenset[int] = frozenset()) -> Path:
    video = make_video(tmp_path / "in & out.mp4", frames=90, audio=True)
    folder = tmp_path / "case"
    given = answer_about(video)
    given = replace(given, sources=tuple(replace(source, rejected=rejected) for source in given.sources))
    write_case(folder, given, [content_sha256(video)], _LOOK)
    return folder


def test_a_case_holds_all_that_was_promised(tmp_path: Path) -> None:
    folder = _case(tmp_path, frozenset({1}))
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    stem = "00001.in-out.script"
    assert names == sorted(
        (
            *(".ssd-viewer", f"clips/{stem}.mp4", "events.csv", "events.json", "manifest.json", "report.html"),
            *(f"snapshots/{stem}-clean.png", f"snapshots/{stem}.png", "zones.json"),
        )
    )
    manifest = json.loads((folder / "manifest.json").read_text())
    for name, digest in manifest["files"].items():
        assert sha256((folder / name).read_bytes()).hexdigest() == digest
    assert sorted(manifest["files"]) == [name for name in names if name not in (".ssd-viewer", "manifest.json")]
    (event,) = json.loads((folder / "events.json").read_text())["events"]
    assert (event["rejected"], event["start"], event["end"]) == (True, 0.666667, 1.633333)
    assert [crossing["direction"] for crossing in event["crossings"]] == ["out"]  # downwards, to its left
    assert manifest["asked"]["line"] == "=gate"


def test_clips_are_cut_at_exact_frames(tmp_path: Path) -> None:
    (clip,) = (_case(tmp_path) / "clips").iterdir()
    with av.open(str(clip)) as container:
        shown = [read_frame_index(frame.to_ndarray(format="bgr24")) for frame in container.decode(video=0)]
        assert len(container.streams.audio) == 1
    assert shown == [*range(_FIRST - 3, _LAST + 4)]


def test_the_report_is_one_whole_page_without_markup_of_others(tmp_path: Path) -> None:
    page = read_page((_case(tmp_path, frozenset({1})) / "report.html").read_text())
    assert "default-src 'none'" in page.policy
    assert not page.handlers
    assert {address.partition(":")[0] for address in page.addresses} == {"data", "clips/00001.in-out.script.mp4"}
    assert page.tags.count("script") == 1  # the page's own, though a class is called so
    assert "b" not in page.tags[page.tags.index("figure") :]  # and a zone <b>door
    assert page.rows[-1][:7] == ["1 <script> (rejected), in & out.mp4", "", "0.67", "1.63", "0.97", "0.00", "0.75"]
    assert page.rows[-1][7] == "=gate out 1.23"
    assert "abababab" in page.text  # the model's hash
    ((picture,),) = page.sections.values()
    assert picture.tags() == ["<b>door", "=gate"]
    (path,) = [line for line in picture.root.iter("polyline") if line.find("title") is not None]
    places = [tuple(map(float, point.split(","))) for point in path.attrib["points"].split()]
    assert (places[0], places[-1], len(places)) == ((10.0, 118.0), (130.0, 118.0), _LAST - _FIRST + 1)


def test_no_cell_is_a_formula(tmp_path: Path) -> None:
    video = make_video(tmp_path / "=cmd.mp4", frames=3)
    rows = events_csv(answer_about(video, '=HYPERLINK("x")')).splitlines()
    assert "\"'=HYPERLINK" in rows[1]


def _break(folder: Path, how: str) -> None:
    clip = next((folder / "clips").iterdir())
    if how == "changed":
        clip.write_bytes(clip.read_bytes()[:-1] + b"x")
    elif how == "missing":
        clip.unlink()
    elif how == "added":
        (folder / "clips" / "new.mp4").write_bytes(b"")
    else:
        content = clip.read_bytes()
        clip.unlink()
        (folder.parent / "elsewhere").write_bytes(content)
        clip.symlink_to(folder.parent / "elsewhere")


@pytest.mark.parametrize(("how", "state"), [("changed",) * 2, ("missing",) * 2, ("added",) * 2, ("linked", "changed")])
def test_every_change_is_found(tmp_path: Path, how: str, state: str) -> None:
    folder = _case(tmp_path)
    before = check_case(folder)
    assert before.is_sound
    _break(folder, how)
    after = check_case(folder)
    assert not after.is_sound
    assert [value for name, value in after.files.items() if name.startswith("clips/")][-1] == state
    assert sum(value != "unchanged" for value in after.files.values()) == 1
    assert after.manifest_sha256 == before.manifest_sha256


def test_videos_and_model_are_looked_for(tmp_path: Path) -> None:
    folder = _case(tmp_path)

    def states() -> tuple[list[str], tuple[str, str]]:
        found: CaseCheck = check_case(folder)
        return [*found.sources.values()], found.model

    assert states() == (["unchanged"], ("fake", "not here"))
    video = tmp_path / "in & out.mp4"
    video.write_bytes(video.read_bytes() + b"x")
    assert states()[0] == ["changed"]
    assert not check_case(folder).is_sound
    video.unlink()
    assert states()[0] == ["not here"]
    assert check_case(folder).is_sound


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{",
        b'{"files": {"a": "b"}, "sources": [], "model": {"name": "", "sha256": ""}}',
        b'{"files": {"a\\u0000": "' + b"0" * 64 + b'"}, "sources": [], "model": {"name": "", "sha256": ""}}',
        b"[" * 100_000,
    ],
)
def test_a_damaged_manifest_is_said_to_be_one(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(AppError):
        check_case(tmp_path)


def test_names_that_lead_out_of_the_folder_are_missing(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"1")
    folder = tmp_path / "case"
    folder.mkdir()
    digest = sha256(b"1").hexdigest()
    files = {"../secret": digest, str(secret): digest}
    about = {"files": files, "sources": [], "model": {"name": "nobody", "sha256": ""}}
    (folder / "manifest.json").write_text(json.dumps(about))
    assert set(check_case(folder).files.values()) == {"missing"}


def test_no_folder_and_no_case(tmp_path: Path) -> None:
    for folder in (tmp_path / "none", tmp_path):
        with pytest.raises(AppError):
            check_case(folder)


@pytest.mark.parametrize("fault", ["full", "stopped"])
def test_a_case_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    def full(self: AtomicFolder, path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def stop() -> None:
        raise KeyboardInterrupt

    check: Callable[[], None] = lambda: None  # noqa: E731 - one of two
    if fault == "full":
        monkeypatch.setattr(AtomicFolder, "write_once", full)
    else:
        check = stop
    video = make_video(tmp_path / "in.mp4", frames=90)
    with pytest.raises(AppError if fault == "full" else KeyboardInterrupt):
        write_case(tmp_path / "case", answer_about(video), [content_sha256(video)], _LOOK, check=check)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_heat_is_the_time_spent_in_each_part(tmp_path: Path) -> None:
    answer = answer_about(make_video(tmp_path / "in.mp4", frames=3))
    seconds = heat([event for _, event in answer.each()], (4, 8))
    assert seconds.shape == (4, 8)
    assert float(seconds.sum()) == pytest.approx((_LAST - _FIRST) / 30, abs=1e-5)
    assert seconds[:3].sum() == 0.0  # it walks along the bottom
    assert (seconds[3, :6] > 0).all()
