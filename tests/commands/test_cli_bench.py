"""``ssd-viewer bench`` as it is typed: what it says, what it writes, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import pytest

from app.cli import bench as command
from app.core.errors import AppError
from app.lab.bench import benchmark
from app.lab.bench.baselines import BASELINES
from app.lab.bench.bench_report import BenchReport
from app.lab.bench.bench_request import BenchRequest
from app.lab.bench.chart import FORMATS
from app.lab.bench.random_weights import LOADS
from detector.runtime.cuda_support import why_not_cuda
from detector.runtime.openvino_runtime import is_installed
from tests.support.bench_report import REPORT
from tests.support.command_line import Capture, check_one_line, run
from tests.support.media import make_video
from tests.support.one_thread import one_thread
from tests.support.quick_peaks import use_quick_peaks
from tests.support.small_rival import shrink_faster_rcnn
from tests.support.tiny_models import random_spec, save_random


@pytest.fixture(autouse=True)
def _quick_peaks(monkeypatch: pytest.MonkeyPatch) -> None:
    use_quick_peaks(monkeypatch)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[BenchRequest]:
    """The requests that would have been measured; ``REPORT`` is the answer."""
    requests: list[BenchRequest] = []

    def measure(request: BenchRequest, _on_progress: Callable[[str, int, int], None]) -> BenchReport:
        requests.append(request)
        return REPORT

    monkeypatch.setattr(benchmark, "run_bench", measure)
    return requests


def check_contract(answer: dict[str, Any]) -> None:
    """The keys that others rely on, with their types."""
    assert isinstance(answer["device"], str)
    assert isinstance(answer["model"], str)
    assert answer["results"]
    for row in answer["results"]:
        assert isinstance(row["name"], str)
        assert type(row["batch"]) is int
        assert type(row["frames_per_s"]) is float
        assert set(row["latency_ms"]) == {"p50", "p95"}
        assert 0 < row["latency_ms"]["p50"] <= row["latency_ms"]["p95"]
        assert all(type(time) is float for time in row["stages_ms"].values())
        assert type(row["ratio_to_baseline"]) is float
        assert row["frames_per_s"] == pytest.approx(1000 * row["batch"] / row["latency_ms"]["p50"], rel=1e-3)


def test_a_whole_measurement(capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shrink_faster_rcnn(monkeypatch)
    save_random(tmp_path / "tiny.safetensors")
    video = make_video(tmp_path / "v.mp4", 3)
    page, answer = tmp_path / "bench.html", tmp_path / "bench.json"
    options = ("--model", tmp_path / "tiny.safetensors", "--source", video, "--batch", "1", "2", "--seconds", "0")
    options = (*options, "--versus", "fasterrcnn", "--device", "cpu", "--precision", "fp32", "--load", "typical")
    with one_thread():
        code, out, _ = run(capsys, "bench", *options, "--chart", page, "--json", answer)
    assert code == 0
    content = json.loads(answer.read_text(encoding="utf-8"))
    check_contract(content)
    names = ["fasterrcnn cpu fp32", "ssd-viewer cpu fp32"]
    assert [(row["name"], row["batch"]) for row in content["results"]] == [(n, b) for b in (1, 2) for n in names]
    theirs, ours = content["results"][:2]
    assert theirs["ratio_to_baseline"] == 1.0
    assert ours["ratio_to_baseline"] > 0
    assert list(ours["stages_ms"]) == ["preprocess", "network", "postprocess"]
    assert ours["load"] == "typical"
    assert ours["candidates"] > 0
    assert ours["peak_share"] > 0
    assert "3 frames of v.mp4, 160 x 120; candidates above a score of 0.3" in out
    assert "fasterrcnn cpu fp32" in out
    assert "<svg" in page.read_text(encoding="utf-8")
    assert ours["engine"] == ("openvino" if is_installed() else "torch_cpu")


def test_weights_that_are_there_are_used(capsys: Capture, tmp_path: Path) -> None:
    spec = random_spec("ultraface-slim")
    save_random(tmp_path / "tiny.safetensors", replace(spec, postprocess=replace(spec.postprocess, score_floor=0.01)))
    options = ("--model", tmp_path / "tiny.safetensors", "--seconds", "0", "--device", "cpu", "--json", "-")
    code, out, _ = run(capsys, "bench", *options)
    assert code == 0
    content = json.loads(out)
    check_contract(content)
    assert (content["weights"], content["results"][0]["load"]) == ("its own", "own weights")
    assert content["score_floor"] == 0.05  # as in the window, whatever the model's rule
    assert content["baseline"] == content["results"][0]["name"]
    assert content["results"][0]["ratio_to_baseline"] == 1.0


def test_json_has_what_others_rely_on(asked: list[BenchRequest], capsys: Capture) -> None:
    code, out, _ = run(capsys, "bench", "--json", "-")
    assert code == 0
    content = json.loads(out)
    check_contract(content)
    assert content["model"] == "ssd300-vgg16-coco"
    ours = content["results"][1]
    assert (ours["latency_ms"], ours["frames_per_s"]) == ({"p50": 40.0, "p95": 74.0}, 25.0)
    assert (ours["ratio_to_baseline"], ours["peak_share"], ours["memory_mib"]) == (7.5, 0.93, 180.4)
    assert content["skipped"] == [{"name": "ssd-viewer cpu fp16", "reason": "fp16 is for GPUs."}]
    assert asked[0].plan.seconds == 20.0


def test_the_table_says_it_in_words(asked: list[BenchRequest], capsys: Capture) -> None:
    code, out, err = run(capsys, "bench")
    assert code == 0
    rows = [" ".join(line.split()) for line in out.splitlines()]
    assert "ssd-viewer cpu int8 typical 1 25.0 40.00 74.00 7.50 93% 180 201 97.0%" in rows
    assert "torchvision cpu fp32 typical 1 3.3 300.00 555.00 1.00 - - - -" in rows
    assert "ssd-viewer cpu int8 0.70 39.00 0.50" in rows
    assert "torchvision cpu fp32 7.00 280.00 -" in rows
    assert "ssd-viewer cpu fp16 is skipped: fp16 is for GPUs." in err
    assert "busy" in err
    assert run(capsys, "bench", "--quiet")[1:] == ("", "")


@pytest.mark.parametrize("suffix", FORMATS)
def test_charts(asked: list[BenchRequest], capsys: Capture, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"bench{suffix}"
    code, out, _ = run(capsys, "bench", "--chart", path)
    assert code == 0
    assert f"Chart: {path}" in out
    if suffix == ".png":
        image = cv2.imread(str(path))
        assert image is not None
        assert image.shape[1] > 600
        return
    text = path.read_text(encoding="utf-8")
    assert "25.0  (7.50x)" in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")
    if suffix == ".html":
        assert "Other programs keep this computer busy." in text
        assert "fp16 is for GPUs." in text
        assert "68.70 GFLOP a frame" in text


def test_what_is_typed_is_what_is_measured(asked: list[BenchRequest], capsys: Capture, tmp_path: Path) -> None:
    video = make_video(tmp_path / "v.mp4", 1)
    options = ("--batch", "1", "8", "--batch", "8", "--device", "cpu", "all", "--precision", "fp32", "bf16")
    options = (*options, "--versus", "torchvision", "fasterrcnn", "--load", "all", "--seconds", "0.5")
    assert run(capsys, "bench", *options, "--source", video, "--model", "ssdlite320-mobilenetv3-coco")[0] == 0
    request = asked[0]
    assert request.entry.name == "ssdlite320-mobilenetv3-coco"
    assert request.entry.path is None  # known by name, without weights
    assert (request.batches, request.devices) == ((1, 8), ("cpu", "all"))
    assert (request.precisions, request.loads) == (("fp32", "bf16"), ("empty", "typical", "worst"))
    assert (request.versus, request.source) == (("torchvision", "fasterrcnn"), video)
    assert (request.plan.seconds, request.plan.warm_up_s) == (0.5, 0.05)


def test_the_choices_offered_are_those_there_are() -> None:
    assert tuple(LOADS) == command.LOADS
    assert tuple(BASELINES) == command.VERSUS
    assert FORMATS == command.CHARTS


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--versus", "yolo"), ("--versus", "yolo")),
        (("--precision", "fp8"), ("fp8",)),
        (("--device", "tpu"), ("There is no device 'tpu'", "all")),
        (("--batch", "0"), ("a batch is a number from 1",)),
        (("--batch", "x"), ("a batch is a number",)),
        (("--seconds", "nan"), ("number of seconds",)),
        (("--load", "heavy"), ("heavy",)),
        (("--chart", "bench.pdf"), (".html, .png, .svg",)),
        (("--chart", "missing/bench.png"), ("folder missing does not exist",)),
        (("--source", "missing.mp4"), ("missing.mp4 does not exist",)),
        (("--model", "nonsense"), ("There is no model 'nonsense'", "ssd300-vgg16-coco")),
    ],
)
def test_wrong_usage_is_one_line(capsys: Capture, options: tuple[str, ...], said: tuple[str, ...]) -> None:
    code, out, err = run(capsys, "bench", *options)
    assert (code, out) == (2, "")
    check_one_line(err, *said)


def test_what_is_no_video_is_one_line(capsys: Capture, tmp_path: Path) -> None:
    text = tmp_path / "notes.mp4"
    text.write_text("not a video")
    code, _, err = run(capsys, "bench", "--source", text)
    assert code == 1
    check_one_line(err, "notes.mp4")


def test_results_are_never_written_over_the_video(capsys: Capture, tmp_path: Path) -> None:
    video = make_video(tmp_path / "v.mp4", 1)
    before = video.read_bytes()
    code, _, err = run(capsys, "bench", "--source", video, "--json", video)
    assert code == 1
    check_one_line(err, "v.mp4")
    assert video.read_bytes() == before


def test_a_device_that_is_not_here_is_one_line_before_any_work(capsys: Capture) -> None:
    if not why_not_cuda(7):
        pytest.skip("eight GPUs here")
    code, _, err = run(capsys, "bench", "--device", "cuda:7")
    assert code == 1
    check_one_line(err, "cuda:7 cannot be used")


def test_a_network_torchvision_does_not_have_is_one_line_before_any_work(capsys: Capture) -> None:
    code, _, err = run(capsys, "bench", "--model", "ssd512-vgg16-coco", "--versus", "torchvision", "--device", "cpu")
    assert code == 1
    check_one_line(err, "torchvision has no network like ssd512-vgg16-coco", "fasterrcnn")


def test_a_number_format_that_is_not_here_is_refused_where_named_and_left_out_of_all(
    capsys: Capture, tmp_path: Path
) -> None:
    save_random(tmp_path / "tiny.safetensors")
    options = ("bench", "--model", tmp_path / "tiny.safetensors", "--device", "cpu", "--seconds", "0")
    code, _, err = run(capsys, *options, "--precision", "fp16")
    assert code == 1
    check_one_line(err, "does not run on cpu in fp16", "for GPUs")
    code, out, _ = run(capsys, *options, "--precision", "all", "--json", "-")
    assert code == 0
    content = json.loads(out)
    assert "ssd-viewer cpu fp32" in [row["name"] for row in content["results"]]
    assert "ssd-viewer cpu fp16" in [each["name"] for each in content["skipped"]]
    agreeing = [row["agreement"] for row in content["results"] if row["precision"] == "bf16"]
    assert all(share > 0.7 for share in agreeing)


def test_a_chart_that_cannot_be_written_leaves_nothing(
    asked: list[BenchRequest], capsys: Capture, tmp_path: Path
) -> None:
    (tmp_path / "c.png").mkdir()
    code, _, err = run(capsys, "bench", "--chart", tmp_path / "c.png", "--quiet")
    assert code == 1
    check_one_line(err, "c.png")
    assert [path.name for path in tmp_path.iterdir()] == ["c.png"]


def test_on_a_gpu(capsys: Capture) -> None:
    if why_not_cuda(0):
        pytest.skip("no CUDA device here")
    options = ("--model", "ultraface-slim-320", "--device", "cuda", "--precision", "all", "--batch", "1", "4")
    code, out, _ = run(capsys, "bench", *options, "--seconds", "0", "--json", "-")
    assert code == 0
    content = json.loads(out)
    check_contract(content)
    assert {row["precision"] for row in content["results"]} >= {"fp32", "fp16"}
    assert all(row["memory_mib"] > 0 and row["stages_ms"] for row in content["results"])


def test_an_error_on_the_way_is_one_line(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> BenchReport:
        raise AppError("It broke.", "Try again.")

    monkeypatch.setattr(benchmark, "run_bench", fail)
    code, _, err = run(capsys, "bench")
    assert code == 1
    check_one_line(err, "It broke. Try again.")
