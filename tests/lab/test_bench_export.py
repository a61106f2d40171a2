"""``bench --export``: a video's beginning exported, each step alone and all at once."""

from __future__ import annotations

import json
import threading
from fractions import Fraction
from pathlib import Path

import pytest

from app.core import paths
from app.core.errors import AppError
from app.core.settings import ModelSettings
from app.core.sources.video import VideoReader
from app.core.speeds import fingerprint, load_speeds
from app.lab.bench.export_steps import Cost, ExportBench, share_of_possible, share_of_slowest
from app.lab.bench.rounds import BenchCancelledError
from app.lab.bench.video_cut import cut
from detector.model_file import open_file
from detector.runtime.open import open_detector
from tests.support.command_line import Capture, check_one_line, run
from tests.support.media import make_audio, make_video
from tests.support.one_thread import one_thread
from tests.support.quick_peaks import use_quick_peaks
from tests.support.tiny_models import save_random
from tools.fixtures.coded_images import read_frame_index


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    use_quick_peaks(monkeypatch)
    monkeypatch.setattr("app.lab.bench.export_steps.STEP_S", 0.05)
    monkeypatch.setattr("app.lab.bench.export_steps.LONG_S", 0.0)


def indices(path: Path) -> list[int]:
    reader = VideoReader(path)
    try:
        return [read_frame_index(frame.image_bgr) for frame in iter(reader.read_frame, None)]
    finally:
        reader.close()


def test_a_clip_is_the_beginning_as_it_is(tmp_path: Path) -> None:
    video = make_video(tmp_path / "v.mp4", 40, fps=Fraction(20), audio=True)
    before = video.read_bytes()
    # Frames that refer to later ones are stored after these: a few more than asked for may have come by then.
    found = indices(cut(video, 1.0, tmp_path))
    assert found[:19] == list(range(19))
    assert len(found) < 25
    assert indices(cut(video, 99.0, tmp_path)) == list(range(40))
    assert video.read_bytes() == before


def test_what_is_no_video_is_said(tmp_path: Path) -> None:
    with pytest.raises(AppError, match=r"sound\.m4a holds no video"):
        cut(make_audio(tmp_path / "sound.m4a"), 1.0, tmp_path)
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(AppError, match=r"text\.mp4 cannot be copied"):
        cut(tmp_path / "text.mp4", 1.0, tmp_path)


def test_an_export_is_measured_by_step_and_whole(capsys: Capture, tmp_path: Path) -> None:
    save_random(tmp_path / "tiny.safetensors")
    video = make_video(tmp_path / "v.mp4", 12, fps=Fraction(10), audio=True)
    page = tmp_path / "bench.html"
    options = ("--model", tmp_path / "tiny.safetensors", "--device", "cpu", "--precision", "fp32", "--seconds", "0")
    options = (*options, "--source", video, "--export", "60", "--json", tmp_path / "b.json", "--chart", page)
    with one_thread():
        code, out, _ = run(capsys, "bench", *options)
    assert code == 0
    export = json.loads((tmp_path / "b.json").read_text(encoding="utf-8"))["export"]
    assert (export["frames"], export["width"], export["height"], export["rounds"]) == (12, 160, 120, 1)
    assert export["video_s"] == pytest.approx(1.2, abs=0.01)
    rates = export["steps_frames_per_s"]
    assert list(rates) == ["decode", "detect", "paint", "encode", "write"]
    assert min(*rates.values(), export["frames_per_s"]) > 0
    slowest = min(rates[step] for step in ("decode", "detect", "write"))
    assert export["share_of_slowest_step"] == pytest.approx(export["frames_per_s"] / slowest, rel=0.01)
    spent = export["cpu_ms_per_frame"]
    assert list(spent) == [*rates, "whole"]
    assert export["share_of_possible"] >= export["share_of_slowest_step"] * 0.999
    assert "all at once: the export" in out
    assert "Export of 12 frames, 160 x 120" in page.read_text(encoding="utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.json", "bench.html", "tiny.safetensors", "v.mp4"]


@pytest.mark.parametrize(
    ("cpu_ms", "cores", "share"),
    [
        (10.0, 2, 30 / (2000 / 30)),  # all processors busy: 3 x 10 ms on two of them
        (10.0, 16, 30 / 80),  # enough of them: the slowest step bounds it
        (0.0, 2, 30 / 80),  # the work is done by a GPU
    ],
)
def test_what_is_possible_depends_on_the_processors(cpu_ms: float, cores: int, share: float) -> None:
    costs = {step: Cost(rate, max(cpu_ms, 1e-6)) for step, rate in (("decode", 500), ("detect", 90), ("write", 80))}
    costs |= {"paint": Cost(9000, cpu_ms), "encode": Cost(90, cpu_ms), "whole": Cost(30, 40.0)}
    assert share_of_possible(costs, cores) == pytest.approx(share)
    assert share_of_slowest(costs) == pytest.approx(30 / 80)


def test_it_can_be_stopped(tmp_path: Path) -> None:
    save_random(tmp_path / "tiny.safetensors")
    work = tmp_path / "work"
    work.mkdir()
    stop = threading.Event()

    def on_step(step: str) -> None:
        if step == "paint":
            stop.set()

    file = tmp_path / "tiny.safetensors"
    model = ModelSettings(str(file), "cpu", "fp32")
    video = make_video(tmp_path / "v.mp4", 3)
    bench = ExportBench(video, 9.0, model, lambda: open_detector(open_file(file), "cpu", "fp32"), work, on_step, stop)
    with one_thread(), pytest.raises(BenchCancelledError):
        bench.run()


def test_an_export_needs_a_video_of_a_second(capsys: Capture, tmp_path: Path) -> None:
    code, _, err = run(capsys, "bench", "--export")
    assert code == 2
    check_one_line(err, "--export needs the video", "--source")
    code, _, err = run(capsys, "bench", "--export", "0.5", "--source", tmp_path)
    assert code == 2
    check_one_line(err, "one second of video at least")


def test_the_speed_of_a_models_own_weights_is_kept_for_its_card(capsys: Capture, tmp_path: Path) -> None:
    model = tmp_path / "tiny.safetensors"
    save_random(model)
    options = ("--model", model, "--device", "cpu", "--precision", "fp32", "--seconds", "0", "--batch", "1", "2")
    with one_thread():
        assert run(capsys, "bench", *options, "--load", "empty", "--quiet")[0] == 0
        assert load_speeds(paths.speeds_file()) == {}
        code, out, _ = run(capsys, "bench", *options, "--json", "-")
    assert code == 0
    rows = json.loads(out)["results"]
    assert [row["batch"] for row in rows] == [1, 2]
    (kept,) = load_speeds(paths.speeds_file())[fingerprint(model)]
    assert kept.frames_per_s == pytest.approx(rows[0]["frames_per_s"], rel=1e-3)
    assert (kept.engine, kept.device, kept.precision) == (rows[0]["engine"], "cpu", "fp32")
