"""One window for a session: who has the place, what is handed over, and what must not be believed."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Client
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import instance
from app.core.instance import InstanceLock, OpenRequest, claim_or_send
from tests.support import window_process

MESSAGE = OpenRequest(("/films/Ünï 中.mp4", "rtsp://jane:pw@host/cam"), "token")


@contextmanager
def _listening(folder: Path, answer: bool = True) -> Iterator[tuple[InstanceLock, list[OpenRequest]]]:
    place, got = InstanceLock(folder), []

    def receive(message: OpenRequest) -> bool:
        got.append(message)
        return answer

    assert place.claim()
    place.listen(receive)
    try:
        yield place, got
    finally:
        place.close()


def _address(folder: Path) -> str:
    """Where the window listens, as soon as it does."""
    other = InstanceLock(folder)
    while not (found := other.read_address()):
        threading.Event().wait(0.01)
    return found


def test_a_later_start_hands_over(tmp_path: Path) -> None:
    with _listening(tmp_path) as (_, got):
        assert claim_or_send(InstanceLock(tmp_path), MESSAGE) == "handed over"
        assert claim_or_send(InstanceLock(tmp_path), OpenRequest()) == "handed over"
        assert got == [MESSAGE, OpenRequest()]
        assert claim_or_send(InstanceLock(tmp_path), None) == "alone", "a window of its own was asked for"
    later = InstanceLock(tmp_path)
    assert claim_or_send(later, MESSAGE) == "first", "the window was closed"
    later.close()


def test_other_displays_have_windows_of_their_own(tmp_path: Path) -> None:
    one, other = InstanceLock(tmp_path, {"DISPLAY": ":0"}), InstanceLock(tmp_path, {"DISPLAY": ":1"})
    assert one.claim()
    assert other.claim()
    one.close()
    other.close()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_nobody_else_can_speak_to_it_and_nothing_is_left(tmp_path: Path) -> None:
    folder = tmp_path / "place"
    with _listening(folder):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        address = Path(_address(folder))
        assert stat.S_ISSOCK(address.stat().st_mode)
        assert stat.S_IMODE(address.parent.stat().st_mode) == 0o700
        (published,) = folder.glob("*.address")
        assert stat.S_IMODE(published.stat().st_mode) == 0o600
    assert not address.parent.exists()
    assert [path.suffix for path in folder.iterdir()] == [".lock"]


def test_a_window_that_does_not_take_it_is_left_alone(tmp_path: Path) -> None:
    with _listening(tmp_path, answer=False) as (_, got):
        assert claim_or_send(InstanceLock(tmp_path), MESSAGE) == "alone"
        assert got == [MESSAGE]


def test_a_window_that_never_listens_is_left_alone(tmp_path: Path) -> None:
    first = InstanceLock(tmp_path)
    assert first.claim()
    assert claim_or_send(InstanceLock(tmp_path), MESSAGE, timeout_s=0.2) == "alone"
    first.close()


@pytest.mark.parametrize("sources", [("camera:0",), ("/films/a.mp4",) * 501, ("/" + "x" * 4000,) * 400])
def test_what_would_not_be_taken_is_not_sent(tmp_path: Path, sources: tuple[str, ...]) -> None:
    with _listening(tmp_path) as (_, got):
        assert claim_or_send(InstanceLock(tmp_path), OpenRequest(sources)) == "alone"
        assert got == []


@pytest.mark.skipif(sys.platform == "win32", reason="names there are Unicode")
def test_a_name_that_is_not_utf8_is_handed_over(tmp_path: Path) -> None:
    message = OpenRequest((os.fsdecode(b"/films/\xff.mp4"),))
    with _listening(tmp_path) as (_, got):
        assert claim_or_send(InstanceLock(tmp_path), message) == "handed over"
        assert got == [message]


def test_a_window_that_closes_before_it_listens_leaves_nothing(tmp_path: Path) -> None:
    place = InstanceLock(tmp_path / "place")
    assert place.claim()
    place.listen(lambda _message: True)
    place.close()
    assert [path.suffix for path in (tmp_path / "place").iterdir()] == [".lock"]


def test_a_folder_that_cannot_be_used_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert claim_or_send(InstanceLock(tmp_path / "file"), MESSAGE) == "alone"


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\xff", b"[]", b"{}", b"[" * 100_000, b'{"version": 2, "open": [], "activation": ""}',
        b'{"version": 1, "open": ["relative.mp4"], "activation": ""}',
        b'{"version": 1, "open": ["/a\\u0000b"], "activation": ""}',
        b'{"version": 1, "open": ["ftp://host/x"], "activation": ""}',
        b'{"version": 1, "open": ["/films/\\ud83d.mp4"], "activation": ""}',
        b'{"version": 1, "open": ["http://host/\\ud83d"], "activation": ""}',
        b'{"version": 1, "open": [7], "activation": ""}', b'{"version": 1, "open": [], "activation": null}',
        OpenRequest(("/x",) * 501).to_bytes(), OpenRequest(("/" + "x" * 5000,)).to_bytes(), b"x" * 1_100_000,
    ],
)  # fmt: skip
def test_what_is_no_message_does_nothing(tmp_path: Path, content: bytes) -> None:
    with _listening(tmp_path) as (_, got):
        with Client(_address(tmp_path)) as visitor:
            try:
                visitor.send_bytes(content)
                assert visitor.recv_bytes() == b"no"
            except (EOFError, OSError):
                pass  # too much to be read at all
        assert claim_or_send(InstanceLock(tmp_path), MESSAGE) == "handed over", "it still listens"
        assert got == [MESSAGE]


def test_who_says_nothing_is_not_waited_for_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance, "SPEAK_S", 0.1)  # what a test would wait for
    with _listening(tmp_path) as (_, got), Client(_address(tmp_path)):
        assert claim_or_send(InstanceLock(tmp_path), MESSAGE) == "handed over"
        assert got == [MESSAGE]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
_OBJECTS = st.fixed_dictionaries(
    {"version": st.just(1) | _JSON, "open": _JSON | st.lists(st.text()), "activation": _JSON}
)


@given(st.binary(max_size=300) | _OBJECTS.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_refused_or_a_message(content: bytes) -> None:
    try:
        message = OpenRequest.from_bytes(content)
    except ValueError:
        return
    assert OpenRequest.from_bytes(message.to_bytes()) == message


def test_names_that_are_no_text_arrive_unchanged() -> None:
    odd = OpenRequest(("/films/\udcff.mp4",))
    assert OpenRequest.from_bytes(odd.to_bytes()) == odd


_CHILD = """
import sys, threading
from pathlib import Path
from app.core.instance import OpenRequest, InstanceLock, claim_or_send
place = InstanceLock(Path(sys.argv[1]))
got, enough = [], threading.Event()
def receive(message):
    got.append(message.sources[0])
    if len(got) == int(sys.argv[3]):
        enough.set()
    return True
outcome = claim_or_send(place, OpenRequest((sys.argv[2],)), timeout_s=60)
print(outcome, flush=True)
if outcome == "first":
    place.listen(receive)
    enough.wait(60)
    print(*sorted(got), flush=True)
    place.close()
"""


def _child(folder: Path, source: str, expected: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _CHILD, str(folder), source, str(expected)]
    return subprocess.Popen(command, cwd=window_process.ROOT, stdout=subprocess.PIPE, text=True)


def test_of_several_started_at_once_one_is_the_window(tmp_path: Path) -> None:
    """As when a file manager opens several files with one program each."""
    children = [_child(tmp_path, f"/films/{number}.mp4", 3) for number in range(4)]
    said = [child.communicate(timeout=100)[0].splitlines() for child in children]
    (first,) = [number for number, lines in enumerate(said) if lines[0] == "first"]
    others = [f"/films/{number}.mp4" for number in range(4) if number != first]
    assert said[first][1].split() == others
    assert [lines for number, lines in enumerate(said) if number != first] == [["handed over"]] * 3


@pytest.mark.skipif(sys.platform == "win32", reason="kills by a signal")
def test_what_a_killed_window_left_is_cleared_away(tmp_path: Path) -> None:
    child = _child(tmp_path, "/films/a.mp4", 1)
    address = Path(_address(tmp_path))
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert address.exists()
    with _listening(tmp_path) as (_, got):
        assert not address.parent.exists()
        assert claim_or_send(InstanceLock(tmp_path), MESSAGE) == "handed over"
        assert got == [MESSAGE]


@pytest.mark.parametrize(
    "message",
    [
        {"open": ["/films/\ud800.mp4"], "activation": ""},
        {"open": ["rtsp://cam/\udfff"], "activation": ""},
        {"open": ["/films/a.mp4", "/films/\ud83d"], "activation": ""},
        {"open": ["/films/a.mp4"], "activation": "token\udc80\ud800"},
    ],
)
def test_half_a_character_is_refused_and_nothing_is_lost(tmp_path: Path, message: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"cannot be opened|no activation"):
        OpenRequest.from_bytes(json.dumps({"version": 1, **message}).encode())
    with _listening(tmp_path) as (_, got):
        with Client(_address(tmp_path)) as visitor:
            visitor.send_bytes(json.dumps({"version": 1, **message}).encode())
            assert visitor.recv_bytes() == b"no"
        assert got == []


def test_a_name_that_is_no_text_is_handed_over_as_it_is() -> None:
    if sys.platform == "win32":
        pytest.skip("names are text there")
    message = OpenRequest(("/films/\udcff.mp4",))
    assert OpenRequest.from_bytes(message.to_bytes()) == message


def test_an_address_without_a_scheme_is_handed_over() -> None:
    message = OpenRequest(("192.168.1.5:554/x",))
    assert OpenRequest.from_bytes(message.to_bytes()) == message
