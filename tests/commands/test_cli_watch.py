"""``ssd-viewer watch`` on a camera on the loopback network, with a model that always finds the same."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.support.command_line import Capture, check_one_line, install_fake_model, run
from tests.support.media import make_video
from tests.support.virtual_camera import NAME, Device, install_virtual_camera
from tools.fixtures.coded_images import ImageBGR
from tools.fixtures.mjpeg_server import MjpegServer


@pytest.fixture(autouse=True)
def _fake_model(monkeypatch: pytest.MonkeyPatch) -> None:
    install_fake_model(monkeypatch)


def lines_of(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM ends a program there")
def test_an_event_is_kept_and_told_and_sigterm_ends_it_in_good_order(capsys: Capture, tmp_path: Path) -> None:
    record, clips, health = tmp_path / "r", tmp_path / "c", tmp_path / "health.json"
    end = "import os, signal, sys; open(sys.argv[2], 'w').write(sys.argv[1]); os.kill(os.getppid(), signal.SIGTERM)"
    command = shlex.join([sys.executable, "-c", end, "{label}", str(tmp_path / "told")])
    files = ["--record", record, "--mode", "both", "--clips", clips, "--before", "2s", "--after", "1s"]
    with MjpegServer(20, (320, 240)) as server:
        secret = server.url.replace("http://", "http://jane:hunter2@")
        code, out, err = run(
            capsys, "watch", secret, "--model", "fake", "--on", "person", *files, "--keep-free", "1KB",
            "--run", command, "--health", health, "--min-duration", "1s",
        )  # fmt: skip
    assert (code, err) == (0, "")
    assert "hunter2" not in out
    lines = lines_of(out)
    kinds = [line["type"] for line in lines]
    assert kinds[0] == kinds[-1] == "health"
    assert set(kinds) == {"health", "open", "began", "ended", "clip", "recording"}
    (began,) = [line for line in lines if line["type"] == "began"]
    assert (began["label"], began["rule"], began["what"]) == ("person", "person", "seen")
    assert Path(began["snapshot"]).is_file()
    (clip,) = [line for line in lines if line["type"] == "clip"]
    assert clip["events"] == [began["id"]]
    paths = [Path(line["path"]) for line in lines if line["type"] in ("clip", "recording")]
    assert sorted(paths) == sorted([*record.glob("*.mp4"), *clips.glob("*.mp4")])
    assert len(paths) == 3
    for path in record.glob("*.mp4"):
        data = [json.loads(line) for line in path.with_suffix(".jsonl").read_text().splitlines()]
        assert data[-1]["detections"][0]["label"] == "car"
    for path in paths:
        with av.open(str(path)) as video:
            assert sum(1 for _ in video.decode(video=0)) > 2
    assert (tmp_path / "told").read_text() == "person"
    assert json.loads(health.read_text())["sources"][0]["events"] == 1


def test_an_address_in_a_credential_is_watched_for_the_time_given(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with MjpegServer(fps=20) as server:
        (tmp_path / "secret_camera").write_text(server.url + "\n")
        code, out, err = run(capsys, "watch", "@secret_camera", "--model", "fake", "--for", "1s")
    assert (code, err) == (0, "")
    assert {line["type"] for line in lines_of(out)} <= {"health", "open"}


def test_a_video_is_watched_to_its_end(capsys: Capture, tmp_path: Path) -> None:
    video = make_video(tmp_path / "clip.mp4", frames=20)
    code, out, err = run(capsys, "watch", video, "--model", "fake", "--record", tmp_path / "r", "--keep-free", "1KB")
    assert (code, err) == (0, "")
    assert [line["type"] for line in lines_of(out)] == ["health", "open", "recording", "health"]


def test_a_recording_begins_anew_when_it_is_large(capsys: Capture, tmp_path: Path) -> None:
    noise = np.random.default_rng(1)

    def frame(_index: int, size: tuple[int, int]) -> ImageBGR:
        return noise.integers(0, 255, (size[1], size[0], 3), np.uint8)

    folder = tmp_path / "r"
    options = ["--model", "fake", "--record", folder, "--keep-free", "1KB", "--segment-size", "1MB", "--for", "2s"]
    with MjpegServer(20, (640, 480), frame) as server:
        code, out, _ = run(capsys, "watch", server.url, *options)
    assert code == 0
    sizes = [Path(line["path"]).stat().st_size for line in lines_of(out) if line["type"] == "recording"]
    assert len(sizes) > 1
    assert max(sizes) < 1_600_000


def test_a_video_that_cannot_be_read_is_a_failure(capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"no video")
    code, _, err = run(capsys, "watch", tmp_path / "clip.mp4", "--model", "fake")
    assert code == 1
    check_one_line(err, "clip.mp4")
    assert err.count("clip.mp4") == 1


def test_a_screen_that_was_never_there_is_a_failure(capsys: Capture) -> None:
    code, out, err = run(capsys, "watch", "screen:99", "--model", "fake")
    assert code == 1
    check_one_line(err, "screen 99: ")
    assert [line["type"] for line in lines_of(out)] == ["health", "trouble", "health"]


def test_the_view_is_a_camera_of_the_computer(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    device = Device()
    install_virtual_camera(monkeypatch, device)
    with MjpegServer(20, (320, 240)) as server:
        code, out, err = run(capsys, "watch", server.url, "--model", "fake", "--virtual-camera", "--for", "2s")
    assert (code, err) == (0, "")
    assert [NAME in line["message"] for line in lines_of(out) if line["type"] == "note"] == [True]
    assert (device.opened, device.closed) == (2, 2)  # tried first
    assert {image.shape for image in device.images} == {(240, 320, 3)}
    assert any(np.ptp(image, axis=2).max() > 60 for image in device.images)  # boxes have colours, the frames are grey


def test_a_virtual_camera_that_cannot_be_is_a_line(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    install_virtual_camera(monkeypatch, None)
    code, out, err = run(capsys, "watch", "camera:0", "--model", "fake", "--virtual-camera")
    assert (code, out) == (1, "")
    check_one_line(err, "virtual camera")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows plays sounds by itself")
def test_a_computer_that_plays_no_sounds_says_so_at_once(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    code, out, err = run(capsys, "watch", "camera:0", "--model", "fake", "--sound")
    assert (code, out) == (2, "")
    check_one_line(err, "plays sounds")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "SOURCE"),
        (["camera:0", "camera:0"], "twice"),
        (["camera:0", "--on", "cat"], "It knows: car, person, dog"),
        (["camera:0", "--absent", "person"], "person:10m"),
        (["camera:0", "--zone", "door"], "--zones"),
        (["camera:0", "--run", "no-such-program"], "not found"),
        (["camera:0", "--run", "sh '{lable}"], "quotation"),
        (["camera:0", "--run", "sh {lable}"], "{label}"),
        (["camera:0", "--run", "sh {clip}"], "--clips"),
        (["camera:0", "--post", "ftp://jane:hunter2@host/x"], "http"),
        (["camera:0", "--post", "@/no/such/file"], "/no/such/file"),
        (["@/no/such/file"], "/no/such/file"),
        (["@LICENSE"], "alone"),
        (["camera:0", "--mqtt", "http://host"], "mqtt://"),
        (["camera:0", "--mqtt", "mqtt://jane:hunter2[@host"], "mqtt://"),
        (["camera:0", "--post", "http://[::1"], "https://"),
        (["camera:0", "--max-size", "50"], "50GB"),
        (["camera:0", "--max-days", "nan"], "days"),
        (["camera:0", "--segment", "0"], "a second"),
        (["camera:0", "--segment-size", "10KB"], "1MB"),
        (["camera:0", "--for", "soon"], "10s"),
        (["camera:0", "camera:1", "--virtual-camera"], "one source"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(capsys: Capture, arguments: list[str], said: str) -> None:
    code, out, err = run(capsys, "watch", *arguments, *(["--model", "fake"] if arguments else []))
    assert (code, out) == (2, "")
    check_one_line(err, said)
    assert "hunter2" not in err
