"""From a model's name to the library by way of the net or a folder: `models download` and what the window calls."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from app.core import known_files, paths
from app.core.downloads import fetch_model, fetched_so_far
from app.core.errors import AppError
from app.core.model_cards import model_cards
from app.core.models import user_library
from app.core.settings import NetworkSettings, Settings
from app.core.settings_store import save_settings
from detector.download import DownloadProgress, DownloadStoppedError
from detector.errors import DetectorError
from detector.library import ModelLibrary
from detector.registry import MODELS
from detector.spec import WeightsFile
from detector.weights import load_state
from tests.support.command_line import Capture, check_one_line, install_fake_model, run, write_photos
from tests.support.file_server import FileServer, cut_after, serve, whole
from tests.support.tiny_models import random_spec, random_state, save_checkpoint

NAME = "ultraface-slim-320"
FILE = "version-slim-320.pth"


@pytest.fixture(scope="module")
def checkpoint() -> bytes:
    """A file as UltraFace publishes it, random weights."""
    buffer = io.BytesIO()
    torch.save(random_state(random_spec("ultraface-slim")), buffer)
    return buffer.getvalue()


@pytest.fixture
def server(checkpoint: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with FileServer(checkpoint) as running:
        yield running


def publish(monkeypatch: pytest.MonkeyPatch, server: FileServer, digits: int = 64) -> str:
    """Make ``NAME`` a model whose file is on ``server``, with that much of its hash published."""
    sha256 = hashlib.sha256(server.content).hexdigest()
    weights = WeightsFile(f"{server.address}/raw/{FILE}", sha256[:digits], 0)
    monkeypatch.setitem(MODELS, NAME, replace(MODELS[NAME], weights=weights))
    return sha256


def left_over() -> list[str]:
    return sorted(str(p.relative_to(paths.models_dir())) for p in paths.models_dir().rglob("*"))


@pytest.mark.parametrize(
    ("digits", "verified", "said"), [(64, "full", "as published"), (8, "prefix", "begins"), (0, "none", "nobody")]
)
def test_a_model_is_fetched_and_in_the_library_with_what_is_known_of_it(
    server: FileServer, monkeypatch: pytest.MonkeyPatch, checkpoint: bytes, digits: int, verified: str, said: str
) -> None:
    sha256 = publish(monkeypatch, server, digits)
    seen: list[DownloadProgress] = []
    done = fetch_model(NAME, on_progress=seen.append)
    assert (done.file.sha256, done.file.verified) == (sha256, verified)
    assert said in done.notes[0].text
    assert sha256 in done.notes[0].text
    assert seen[-1].done_bytes == len(checkpoint)
    entry = user_library().find(NAME)
    assert entry == done.entry
    known = MODELS[NAME]
    assert (entry.spec.title, entry.spec.licence, entry.spec.accuracy) == (known.title, known.licence, known.accuracy)
    assert sha256 in entry.spec.provenance
    assert left_over() == [f"{NAME}.safetensors"]
    assert entry.path is not None
    state = load_state(entry.path, entry.spec)
    wanted = random_state(random_spec("ultraface-slim"))
    assert set(state) >= {name for name in wanted if "num_batches" not in name}
    assert all(torch.equal(state[name], wanted[name]) for name in state)


def test_bytes_that_change_later_are_noticed_where_no_hash_was_published(
    server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256 = publish(monkeypatch, server, 0)
    url = f"{server.address}/raw/{FILE}"
    fetch_model(NAME)
    assert known_files.recall(url) == sha256
    user_library().remove(NAME)
    assert fetch_model(NAME).file.verified == "remembered"
    user_library().remove(NAME)
    server.content = server.content[:-1] + b"?"
    with pytest.raises(DetectorError) as caught:
        fetch_model(NAME)
    assert "first fetched here" in caught.value.message
    assert str(known_files.known_files()) in caught.value.hint
    assert left_over() == [".downloads"]


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"a": 1}', b"\xff", b"[" * 100_000])
def test_damaged_memories_of_files_are_no_memories(content: bytes) -> None:
    known_files.known_files().parent.mkdir(parents=True)
    known_files.known_files().write_bytes(content)
    assert known_files.recall("a") == ""
    known_files.remember("a", "0" * 64)
    known_files.remember("a", "1" * 64)
    assert known_files.recall("a") == "0" * 64


def test_what_several_downloads_learn_at_once_is_all_remembered() -> None:
    start = threading.Barrier(8)
    failed: list[Exception] = []

    def learn(number: int) -> None:
        start.wait()
        try:
            known_files.remember(f"https://host/{number}", f"{number:064x}")
        except AppError as error:
            failed.append(error)

    threads = [threading.Thread(target=learn, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert [known_files.recall(f"https://host/{number}") for number in range(8)] == [f"{n:064x}" for n in range(8)]


def test_a_hash_that_cannot_be_remembered_is_told_and_stops_nothing(
    server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(monkeypatch, server, 8)
    known_files.known_files().mkdir(parents=True)
    assert "cannot be remembered" in fetch_model(NAME).notes[0].text
    assert user_library().find(NAME).path is not None


def test_a_disk_that_fills_up_at_the_last_step_leaves_no_half_of_a_model(
    server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise DetectorError("Cannot write.")

    publish(monkeypatch, server)
    monkeypatch.setattr("app.core.downloads.describe_anew", full)
    with pytest.raises(DetectorError, match="Cannot write"):
        fetch_model(NAME)
    assert left_over() == []
    assert known_files.recall(f"{server.address}/raw/{FILE}") == ""


@pytest.mark.parametrize("where", ["models", "folder"])
def test_a_file_that_came_another_way_is_used_instead_of_the_net(
    server: FileServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, where: str
) -> None:
    publish(monkeypatch, server)
    folder = paths.models_dir() if where == "models" else tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_bytes(server.content)
    done = fetch_model(NAME, weights_dir=tmp_path if where == "folder" else None)
    assert done.file.path == folder / FILE
    assert (folder / FILE).exists(), "the user's own file stays"
    assert server.requests == []
    user_library().remove(NAME)
    (folder / FILE).write_bytes(server.content[:-5])
    with pytest.raises(DetectorError, match="not the published file") as caught:
        fetch_model(NAME, weights_dir=tmp_path if where == "folder" else None)
    assert str(folder / FILE) in caught.value.hint, "no other network helps"
    assert (folder / FILE).exists()


def test_a_folder_without_the_file_is_told_and_the_net_left_alone(
    server: FileServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    publish(monkeypatch, server)
    for folder, said in ((tmp_path, f"no {FILE} in"), (tmp_path / "gone", "no folder .*gone")):
        with pytest.raises(AppError, match=said):
            fetch_model(NAME, weights_dir=folder)
    assert server.requests == []


def test_what_cannot_be_imported_is_kept_only_where_it_is_the_published_file(
    server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.content = b"\x80\x04 not a checkpoint"
    url, kept = f"{server.address}/raw/{FILE}", [".downloads", f".downloads/{FILE}"]
    for digits, left in ((0, []), (8, kept)):
        publish(monkeypatch, server, digits)
        with pytest.raises(DetectorError):
            fetch_model(NAME)
        assert left_over() == left
        assert known_files.recall(url) == ""
    sha256 = publish(monkeypatch, server, 0)
    known_files.remember(url, sha256)
    with pytest.raises(DetectorError):
        fetch_model(NAME)
    assert left_over() == kept, "the file is the one of the first time"


def test_a_file_that_found_no_room_as_a_model_is_not_fetched_again(
    server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise DetectorError("Cannot write: No space left on device.")

    publish(monkeypatch, server, 0)
    with monkeypatch.context() as patch:
        patch.setattr(ModelLibrary, "import_file", full)
        patch.setattr("app.core.downloads.shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000}))
        patch.setattr("detector.download.part.DownloadPart.check_space", lambda *_: None)
        with pytest.raises(DetectorError, match="No space left"):
            fetch_model(NAME)
    server.requests.clear()
    assert fetch_model(NAME).file.verified == "none"
    assert server.requests == []
    assert left_over() == [f"{NAME}.safetensors"]


def test_a_stop_after_the_last_byte_leaves_the_file_for_the_next_time(
    server: FileServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    publish(monkeypatch, server)
    stop = threading.Event()
    stop.set()
    (tmp_path / FILE).write_bytes(server.content)
    with pytest.raises(DownloadStoppedError, match=r"stopped\.$"):
        fetch_model(NAME, weights_dir=tmp_path, stop=stop)
    stop.clear()

    def stop_at_the_end(progress: DownloadProgress) -> None:
        if progress.done_bytes == progress.total_bytes:
            stop.set()

    with pytest.raises(DownloadStoppedError, match="All of it came"):
        fetch_model(NAME, on_progress=stop_at_the_end, stop=stop)
    assert left_over() == [".downloads", f".downloads/{FILE}"]
    with pytest.raises(DownloadStoppedError):
        fetch_model(NAME, stop=stop)
    assert left_over() == [".downloads", f".downloads/{FILE}"]
    weights = MODELS[NAME].weights
    assert weights is not None
    assert fetched_so_far(weights, user_library()) == len(server.content)
    server.requests.clear()
    assert fetch_model(NAME).entry.path is not None
    assert server.requests == []


def test_where_an_unpublished_hash_came_from_stays_with_the_model(
    server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(monkeypatch, server, 0)
    done = fetch_model(NAME, network=NetworkSettings(mirror=f"{server.address}/m"))
    assert done.notes[0].text.startswith(f"{FILE} by way of 127.0.0.1: SHA-256 ")
    assert done.entry.spec.provenance.endswith("(not published)")
    assert done.file.sha256 not in done.verified
    assert f"{done.file.sha256[:8]}…, which nobody published" in done.verified


def test_a_name_that_is_unknown_or_taken_fetches_nothing(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(monkeypatch, server)
    fetch_model(NAME)
    server.requests.clear()
    for name, said in ((NAME, "already"), ("demo", "published"), ("nonsense", "published")):
        with pytest.raises(AppError, match=said):
            fetch_model(name)
    assert server.requests == []


def test_proxy_and_mirror_are_those_of_the_settings(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(monkeypatch, server)
    network = NetworkSettings(mirror=f"{server.address}/mirrored")
    save_settings(paths.settings_file(), replace(Settings(), network=network))
    fetch_model(NAME)
    assert [path for path, _ in server.requests] == [f"/mirrored/{FILE}"]
    user_library().remove(NAME)
    with pytest.raises(DetectorError, match=r"The proxy nowhere\.invalid is not found"):
        fetch_model(NAME, network=NetworkSettings(proxy="http://nowhere.invalid:1"))


# -- the command ---------------------------------------------------------------------------------------------------


def test_the_command_tells_what_it_did(
    capsys: Capture, server: FileServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sha256 = publish(monkeypatch, server)
    code, out, err = run(capsys, "models", "download", NAME)
    assert (code, err) == (0, "")
    assert f"SHA-256 {sha256}, as published." in out
    assert "Licence: MIT" in out
    code, _, err = run(capsys, "models", "download", NAME)
    assert code == 1
    check_one_line(err, "already", f"models remove {NAME}")
    run(capsys, "models", "remove", NAME)
    (tmp_path / FILE).write_bytes(server.content)
    code, out, err = run(capsys, "models", "download", NAME, "--weights-dir", tmp_path, "--json", "-")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert (told["name"], told["sha256"], told["verified"]) == (NAME, sha256, "full")
    assert Path(told["path"]).is_file()


def test_the_command_shows_a_bar_on_a_terminal(
    capsys: Capture, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(monkeypatch, server)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    code, _, err = run(capsys, "models", "download", NAME)
    assert code == 0
    assert f"{NAME}: 100%" in err
    assert "MB/s" in err


def test_without_a_length_the_bar_claims_no_share(
    capsys: Capture, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(monkeypatch, server)
    server.answers.append(whole(length=-1))
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    code, _, err = run(capsys, "models", "download", NAME)
    assert code == 0
    assert "MB/s" in err
    assert "%" not in err


def test_what_is_published_of_a_model_is_shown_before_it_is_fetched(capsys: Capture) -> None:
    _, out, _ = run(capsys, "models", "info", "ssd300-vgg16-coco")
    for line in (
        "size bytes: 142593753 (142.6 MB)",
        "input: 300 x 300 pixels",
        "input rule: RGB, 0 to 255, minus (122.999, 116.999, 103.999)",
        "classes: 80",
        "weights sha256: b556d3b4… (only its beginning is published)",
    ):
        assert line in out.splitlines()
    assert "licence: BSD-3-Clause" in out
    assert "COCO val2017 AP 0.251" in out
    _, out, _ = run(capsys, "models", "info", NAME)
    assert "input rule: RGB, 0 to 255, minus (127, 127, 127), divided by (128, 128, 128)" in out
    assert re.search(r"weights sha256: [0-9a-f]{64}\n", out)
    _, out, _ = run(capsys, "models", "info", "ssd300-vgg16-voc")
    assert "weights sha256: Not published" in out


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_known_model_has_what_a_card_shows(name: str) -> None:
    spec = MODELS[name]
    assert spec.title
    assert spec.provenance
    assert spec.accuracy
    assert re.match(r"MIT|BSD", spec.licence)
    assert spec.weights is not None
    assert spec.weights.url.startswith("https://")
    assert re.fullmatch(r"[0-9a-f]{8}|[0-9a-f]{64}|", spec.weights.sha256)
    assert len({other.weights and other.weights.url for other in MODELS.values()}) == len(MODELS)


@pytest.mark.skipif(sys.platform == "win32", reason="sends itself an interrupt")
def test_an_interrupt_keeps_what_came_and_says_so(
    capsys: Capture, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(monkeypatch, server)
    server.answers.extend([cut_after(200_000), cut_after(0, silent=True)])
    interrupter = threading.Thread(target=lambda: server.stalled.wait(60) and os.kill(os.getpid(), signal.SIGINT))
    interrupter.start()
    code, out, err = run(capsys, "models", "download", NAME)
    interrupter.join()
    assert (code, out) == (130, "")
    check_one_line(err, "Interrupted.", "0.2 MB are kept", "goes on from there")
    server.answers.append(serve)
    code, _, _ = run(capsys, "models", "download", NAME, "--quiet")
    assert code == 0
    assert server.requests[-1][1]["Range"] == "bytes=200000-"


def test_the_flags_win_over_the_settings(capsys: Capture, server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(monkeypatch, server)
    save_settings(paths.settings_file(), replace(Settings(), network=NetworkSettings("http://nowhere.invalid:1")))
    code, _, err = run(capsys, "models", "download", NAME)
    assert code == 1
    check_one_line(err, "The proxy nowhere.invalid is not found")
    code, _, _ = run(capsys, "models", "download", NAME, "--proxy", "", "--mirror", f"{server.address}/m")
    assert code == 0
    assert server.requests[-1][0] == f"/m/{FILE}"


# -- nothing else goes out -----------------------------------------------------------------------------------------

_watching: list[str] = []
_on = threading.Event()


def _audit(event: str, _arguments: object) -> None:
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto") and _on.is_set():
        _watching.append(event)


def test_listing_describing_importing_checking_and_detecting_open_no_connection(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: FileServer
) -> None:
    sys.addaudithook(_audit)  # stays for good, and is deaf outside this test
    publish(monkeypatch, server)
    photos = write_photos(tmp_path / "photos")
    _on.set()
    try:
        assert run(capsys, "models")[0] == 0
        assert run(capsys, "models", "info", NAME)[0] == 0
        save_checkpoint(tmp_path / "version-slim-320.pth")
        assert run(capsys, "models", "import", tmp_path / "version-slim-320.pth", "--name", "mine")[0] == 0
        assert run(capsys, "models", "check", "mine")[0] == 0
        model_cards(user_library(), {})
        code, _, err = run(capsys, "detect", photos[0], "--model", NAME)
        assert code == 1
        check_one_line(err, f"models download {NAME}")
        with monkeypatch.context() as patch:
            install_fake_model(patch)
            assert run(capsys, "detect", photos[0], "--model", "fake")[0] == 0
        assert _watching == []
        assert server.requests == []
        fetch_model(NAME)
        assert "socket.connect" in _watching, "what goes out is noticed"
    finally:
        _on.clear()
