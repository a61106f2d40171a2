"""One window for a desktop session: the first has the place, a later start hands it what it was to open. No Qt.

The place is a locked file, which frees itself however a process ends. Beside it stands the address at which the window
that has it listens: a local socket in a folder that only the user may enter, or on Windows a pipe of a name nobody can
guess; never the network. A message is one small JSON object; what is in it is checked before anything is done.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import platform
import re
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from app.core.addresses import with_schemes
from app.core.errors import AppError
from app.core.files.atomic_file import write_atomically
from app.core.files.regular_file import open_regular
from app.core.paths import place_dir
from app.core.workers import Worker
from detector.file_lock import LockedError, open_locked

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_log = logging.getLogger(__name__)

StartOutcome = Literal["first", "handed over", "alone"]
Answer = Literal["taken", "refused", "nobody"]

_SESSION = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM", "SESSIONNAME")
_ADDRESS = re.compile(r"(https?|rtsps?)://", re.IGNORECASE)
_ROOM = "ssd-viewer-window-"
_TAKEN, _REFUSED = b"taken", b"no"
_VERSION = 1
_MAX_BYTES = 1_000_000
_MAX_SOURCES = 500
_MAX_TEXT = 4096
SPEAK_S = 2.0
_ANSWER_S = 6.0
_TIMEOUT_S = 8.0
_PAUSE_S = 0.05


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """A request of a later start to the open window.

    Attributes:
        sources: Absolute paths and addresses; none only brings the window to the front.
        activation: What the desktop gave the later start, so that the window may come to the front; or "".
    """

    sources: tuple[str, ...] = ()
    activation: str = ""

    def to_bytes(self) -> bytes:
        """Returns the request as it is sent."""
        return json.dumps({"version": _VERSION, "open": self.sources, "activation": self.activation}).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> OpenRequest:
        """Returns the request that was sent.

        Raises:
            ValueError: It is not one of these.
        """
        try:
            message = json.loads(content)
        except RecursionError as error:
            raise ValueError("too deep") from error
        if len(content) > _MAX_BYTES:
            raise ValueError("too long")
        if not isinstance(message, dict) or message.get("version") != _VERSION:
            raise ValueError("of another version")
        sources, activation = message.get("open"), message.get("activation")
        if not isinstance(sources, list) or len(sources) > _MAX_SOURCES or not all(map(_is_source, sources)):
            raise ValueError("names what cannot be opened")
        if not isinstance(activation, str) or not _is_activation(activation):
            raise ValueError("no activation")
        return cls(tuple(sources), activation)


def _is_activation(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return len(text) <= _MAX_TEXT and "\0" not in text


def _is_source(source: object) -> bool:
    if not isinstance(source, str) or not 0 < len(source) <= _MAX_TEXT or "\0" in source:
        return False
    try:
        os.fsencode(source)
    except UnicodeEncodeError:  # half a surrogate pair, which is in no name
        return False
    return bool(_ADDRESS.match(source) or with_schemes(source)) or Path(source).is_absolute()


class InstanceLock:
    """The place of the one window. Used by the main thread; ``listen`` starts a thread of its own.

    Args:
        folder: Where its files are; None for the user's.
        environment: Tells one desktop session from another.
    """

    def __init__(self, folder: Path | None = None, environment: Mapping[str, str] = os.environ) -> None:
        self._folder = folder or place_dir()
        session = "\0".join((platform.node(), *(environment.get(name, "") for name in _SESSION)))
        name = f"window-{hashlib.sha256(session.encode(errors='surrogateescape')).hexdigest()[:16]}"
        self._lock = self._folder / f"{name}.lock"
        self._address_file = self._folder / f"{name}.address"
        self._descriptor = -1
        self._address = ""
        self._worker: Worker | None = None

    def claim(self) -> bool:
        """Have the place, if nobody has it; whether it is ours now.

        Raises:
            OSError: The folder cannot be used.
        """
        self._folder.mkdir(0o700, parents=True, exist_ok=True)  # who can open the lock can keep it
        try:
            self._descriptor = open_locked(self._lock)
        except LockedError:
            return False
        _remove_room(self.read_address())  # of a window that was killed
        self._address_file.unlink(missing_ok=True)
        return True

    def send(self, message: OpenRequest) -> Answer:
        """Hand over to the window that has the place; "nobody" where none listens (yet, or any more).

        Raises:
            ValueError: It would not be taken.
        """
        from multiprocessing.connection import Client

        content = message.to_bytes()
        OpenRequest.from_bytes(content)
        address = self.read_address()
        if not address:
            return "nobody"
        try:
            with Client(address) as connection:
                connection.send_bytes(content)
                if connection.poll(_ANSWER_S):
                    return "taken" if connection.recv_bytes(len(_TAKEN)) == _TAKEN else "refused"
                return "refused"
        except (OSError, EOFError):  # it just ended
            return "nobody"

    def listen(self, receive: Callable[[OpenRequest], bool]) -> None:
        """Take what later starts hand over, until ``close``.

        Args:
            receive: Called on the listening thread; whether it was taken.
        """
        self._worker = Worker("hand-over", lambda stop: self._serve(stop, receive), _broken)
        self._worker.start()

    def close(self) -> None:
        """Give the place up. Never raises."""
        if self._worker is not None:
            self._worker.stop()
            self._wake()
            self._worker.join(1.0)
            self._worker = None
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                self._address_file.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = -1

    # On the listening thread

    def _serve(self, stop: threading.Event, receive: Callable[[OpenRequest], bool]) -> None:
        from multiprocessing.connection import Listener  # takes a while, and the window should be up first

        address = ""
        try:
            address = _new_address()
            with Listener(address, backlog=16) as listener:
                self._address = address
                if not stop.is_set():
                    write_atomically(self._address_file, address.encode(), private=True)
                while not stop.is_set():
                    with listener.accept() as connection:
                        _answer(connection, receive, stop)
        except (OSError, EOFError, AppError) as error:  # later starts open windows of their own
            _log.info("nothing can be handed over: %s", error)
        finally:
            _remove_room(address)

    def _wake(self) -> None:
        """``accept`` returns for a visitor only."""
        from multiprocessing.connection import Client

        if self._address:
            with contextlib.suppress(OSError, EOFError), Client(self._address):
                pass

    # Addresses

    def read_address(self) -> str:
        """Returns the address at which the window of this place listens; "" where none does."""
        try:
            with open_regular(self._address_file) as file:
                return file.read(_MAX_TEXT).decode("utf-8")
        except (OSError, UnicodeDecodeError):
            return ""


def claim_or_send(place: InstanceLock, message: OpenRequest | None, timeout_s: float = _TIMEOUT_S) -> StartOutcome:
    """Have the place, or hand over to who has it.

    A window that just begins does not listen yet, and one that ends gives the place free: both are waited for. One that
    does not answer is left alone.

    Args:
        place: The place.
        message: None takes the place if it is free, and hands nothing over.
        timeout_s: Seconds to wait at most.
    """
    end = time.monotonic() + timeout_s
    try:
        while not place.claim():
            if message is None:
                return "alone"
            answer = place.send(message)
            if answer == "taken":
                return "handed over"
            if answer == "refused" or time.monotonic() > end:
                return "alone"
            time.sleep(_PAUSE_S)  # this process does nothing else, and there is no event to wait for
    except (OSError, ValueError) as error:
        _log.info("windows do not know of each other: %s", error)
        return "alone"
    return "first"


def _answer(connection: Connection, receive: Callable[[OpenRequest], bool], stop: threading.Event) -> None:
    """One visitor. None is answered once the window ends, so that it looks for the place again."""
    try:
        if not connection.poll(SPEAK_S):
            return
        message = OpenRequest.from_bytes(connection.recv_bytes(_MAX_BYTES))
        if receive(message):
            connection.send_bytes(_TAKEN)
        elif not stop.is_set():
            connection.send_bytes(_REFUSED)
    except (OSError, EOFError):  # it went away, or sends too much
        return
    except ValueError as error:
        _log.info("not taken: %s", error)
        with contextlib.suppress(OSError):
            connection.send_bytes(_REFUSED)


def _new_address() -> str:
    import secrets  # needed once the window is up, not before
    import tempfile

    if sys.platform == "win32":
        return rf"\\.\pipe\{_ROOM}{secrets.token_hex(16)}"
    return str(Path(tempfile.mkdtemp(prefix=_ROOM)) / "window")  # the folder is the user's alone


def _remove_room(address: str) -> None:
    room = Path(address).parent
    if room.name.startswith(_ROOM) and sys.platform != "win32":
        with contextlib.suppress(OSError):
            Path(address).unlink(missing_ok=True)
            room.rmdir()


def _broken(error: BaseException) -> None:
    _log.error("the thread that later starts speak to failed", exc_info=error)
