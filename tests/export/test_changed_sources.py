"""What was found in a video is never used for other frames: not after a change in place, and not for a playlist."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from app.core import paths
from app.core.errors import AppError
from app.core.export.history import find_finished
from app.core.export.job import ExportJob
from app.core.export.request import DataFile, ExportCancelledError, ExportReport, ExportRequest
from app.core.settings import ModelSettings
from detector.errors import Remedy
from tests.support.media import make_video
from tests.support.steady_detector import FakeDetector

FRAMES = 60


def raw_avi(path: Path) -> Path:
    """Uncompressed: any pixel of any frame can be changed without touching the rest of the file."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("rawvideo", rate=10)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "bgr24"
        for index in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(np.full((120, 160, 3), index, np.uint8), format="bgr24")
            frame.pts, frame.time_base = index, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def request_for(source: Path) -> ExportRequest:
    return ExportRequest(source, None, (DataFile(source.parent / "out.jsonl", "jsonl"),))


def export(request: ExportRequest, detector: FakeDetector | None = None) -> ExportReport:
    return ExportJob(request, open_detector=lambda _: detector or FakeDetector()).run()


def change_in_place(path: Path) -> None:
    """One byte, between the places that are sampled."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size * 15 // 30)
        byte = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte[0] ^ 255]))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_where_finished_exports_are_remembered_is_not_waited_for(tmp_path: Path) -> None:
    pipe = paths.models_dir().parent / "exports" / "made"
    pipe.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(pipe)
    request = replace(request_for(raw_avi(tmp_path / "in.avi")), cache="drop")
    thread = threading.Thread(target=export, args=(request,), daemon=True)
    thread.start()
    thread.join(60)
    pipe.unlink()
    assert not thread.is_alive()
    assert (tmp_path / "out.jsonl").exists()


def test_a_raw_video_changed_in_place_is_analysed_anew(tmp_path: Path) -> None:
    source = raw_avi(tmp_path / "in.avi")
    request = replace(request_for(source), cache="keep")
    assert export(request).cache == tmp_path / "in.avi.ssdv"
    assert find_finished(request) is not None
    change_in_place(source)
    assert find_finished(request) is None
    with pytest.raises(AppError) as caught:
        export(replace(request, cache="only", model=ModelSettings("")))
    assert caught.value.remedies == (Remedy("from-cache", omit=True),)
    fake = FakeDetector()
    report = export(request, fake)
    assert sum(fake.batches) == FRAMES
    assert report.cache == tmp_path / "in.avi (2).ssdv"


def test_without_a_store_too_a_changed_video_is_not_done(tmp_path: Path) -> None:
    request = replace(request_for(raw_avi(tmp_path / "in.avi")), cache="drop")
    export(request)
    assert find_finished(request) is not None
    change_in_place(request.source)
    assert find_finished(request) is None


def test_an_interrupted_run_is_not_gone_on_with_in_a_changed_video(tmp_path: Path) -> None:
    request = request_for(raw_avi(tmp_path / "in.avi"))
    fake = FakeDetector(lambda _: job.cancel() if len(fake.batches) == 20 else None)
    job = ExportJob(request, open_detector=lambda _: fake)
    with pytest.raises(ExportCancelledError):
        job.run()
    assert (tmp_path / "in.avi.ssdv.part").exists()
    change_in_place(request.source)
    fresh = FakeDetector()
    assert export(request, fresh).frames_known == 0
    assert sum(fresh.batches) == FRAMES


def test_a_copy_is_the_same_video(tmp_path: Path) -> None:
    request = request_for(raw_avi(tmp_path / "in.avi"))
    export(request)
    (tmp_path / "copy").mkdir()
    copy = tmp_path / "copy" / "in.avi"
    copy.write_bytes(request.source.read_bytes())
    fake = FakeDetector()
    assert export(replace(request, source=copy), fake).frames_known == FRAMES
    assert fake.batches == []


@pytest.mark.parametrize("change", ["grown", "changed in place", "replaced"])
def test_a_video_that_changes_while_it_is_read_is_not_kept_and_not_said_to_be(tmp_path: Path, change: str) -> None:
    source = raw_avi(tmp_path / "in.avi")

    def meddle(_: int) -> None:
        if len(fake.batches) != 20:
            return
        if change == "grown":
            with source.open("ab") as file:
                file.write(b"more")
        elif change == "changed in place":
            change_in_place(source)
        else:
            raw_avi(tmp_path / "other.avi").replace(source)

    fake = FakeDetector(meddle)
    report = export(request_for(source), fake)
    assert report.cache is None
    assert any("was changed while it was read" in note for note in report.notes)
    assert not list(tmp_path.glob("*.ssdv*"))


def playlist(folder: Path, name: str) -> Path:
    make_video(folder / "seg0.ts", frames=20)
    path = folder / name
    path.write_text("ffconcat version 1.0\nfile seg0.ts\n" if "concat" in name else HLS)
    return path


HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\nseg0.ts\n#EXT-X-ENDLIST\n"


@pytest.mark.parametrize("name", ["list.ffconcat", "list.m3u8"])
def test_nothing_is_kept_of_a_playlist(tmp_path: Path, name: str) -> None:
    request = request_for(playlist(tmp_path, name))
    report = export(request)
    assert report.cache is None
    assert any("is a playlist" in note for note in report.notes)
    assert not list(tmp_path.glob("*.ssdv*"))
    assert find_finished(request) is None
    make_video(tmp_path / "seg0.ts", frames=20, size=(160, 120))
    fake = FakeDetector()
    assert export(request, fake).frames == sum(fake.batches) > 0
    with pytest.raises(AppError, match="is a playlist"):
        export(replace(request, cache="only", model=ModelSettings("")))
