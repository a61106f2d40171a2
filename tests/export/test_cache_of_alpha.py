"""Detections kept of videos with separate alpha, from when the colours that it hides were looked at."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.core.candidate_cache.lookup import FROM_CACHE
from app.core.candidate_cache.store import CandidateStore
from app.core.candidate_cache.store_writer import StoreWriter
from app.core.errors import AppError
from app.core.export.job import ExportJob
from app.core.export.request import DataFile, ExportReport, ExportRequest
from app.core.settings import ModelSettings
from app.core.sources.alpha_decoder import usual_reading
from tests.support.media import make_transparent_video, make_video
from tools.fixtures.fixed_detector import open_fixed


def _export(source: Path, folder: Path, from_cache: bool) -> ExportReport:
    request = ExportRequest(
        source,
        None,
        (DataFile(folder / "out.jsonl", "jsonl"),),
        model=ModelSettings("fake"),
        cache="only" if from_cache else "keep",
    )
    return ExportJob(request, open_detector=open_fixed).run()


def test_only_what_was_seen_on_black_is_used(tmp_path: Path) -> None:
    source = make_transparent_video(tmp_path / "in.webm", "libvpx-vp9", frames=6)
    _export(source, tmp_path, from_cache=False)
    _export(source, tmp_path, from_cache=True)
    kept = tmp_path / "in.webm.ssdv"
    with CandidateStore.open(kept) as store:
        facts, frames = store.facts, list(store)
    assert facts.reading == "alpha on black"
    writer = StoreWriter(kept)  # as it was written before
    writer.begin(replace(facts, reading=""))
    for frame in frames:
        writer.append(frame)
    writer.finish()
    with pytest.raises(AppError) as caught:
        _export(source, tmp_path, from_cache=True)
    assert caught.value.remedies == (FROM_CACHE,)


def test_other_videos_keep_what_they_have(tmp_path: Path) -> None:
    assert usual_reading(make_video(tmp_path / "a.mkv", frames=2)) == ""
    assert usual_reading(make_video(tmp_path / "a.mp4", frames=2)) == ""
    assert usual_reading(tmp_path / "not there.webm") == ""
    (tmp_path / "cut.webm").write_bytes(b"\x1a\x45\xdf\xa3")
    assert usual_reading(tmp_path / "cut.webm") == ""
