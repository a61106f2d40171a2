"""Sockets whose every wait ends: because data came, because the user stopped, or because nothing moved for too long.

Used by the thread that downloads. Looking up a name and connecting cannot be interrupted from outside, so a helper
thread does them; when the user stops meanwhile it is left behind and closes what it opened.
"""

from __future__ import annotations

import contextlib
import io
import queue
import socket
import ssl
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from detector.errors import DetectorError
from detector.system_certificates import verifying_context

_TICK_S = 0.1


class DownloadStoppedError(DetectorError):
    """The user stopped the download."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """The limits of waiting, and who may end it.

    Attributes:
        stop: Set by another thread to end the download.
        connect_s: For a connection, name look-up included.
        stall_s: For the next byte.
    """

    stop: threading.Event = field(default_factory=threading.Event)
    connect_s: float = 20.0
    stall_s: float = 30.0

    def check(self) -> None:
        """Raise ``DownloadStoppedError`` if the user stopped."""
        if self.stop.is_set():
            raise DownloadStoppedError("The download was stopped.")


def connect(host: str, port: int, timeouts: Timeouts) -> socket.socket:
    """A connected socket.

    Raises:
        OSError: No such host, it refuses, or it does not answer in time.
        DownloadStoppedError: The user stopped.
    """
    outcome: queue.SimpleQueue[socket.socket | OSError] = queue.SimpleQueue()
    abandoned = threading.Event()

    def work() -> None:
        try:
            connected = _connect_any(host, port, timeouts.connect_s)
        except OSError as error:
            outcome.put(error)
            return
        outcome.put(connected)
        if abandoned.is_set():
            connected.close()

    threading.Thread(target=work, name="ssdv-connect", daemon=True).start()
    deadline = time.monotonic() + timeouts.connect_s
    while True:
        with contextlib.suppress(queue.Empty):
            found = outcome.get(timeout=_TICK_S)
            if isinstance(found, OSError):
                raise found
            return found
        if timeouts.stop.is_set() or time.monotonic() > deadline:
            abandoned.set()
            with contextlib.suppress(queue.Empty):  # it came at this very moment
                late = outcome.get_nowait()
                if isinstance(late, socket.socket):
                    late.close()
            timeouts.check()
            raise TimeoutError(f"no answer in {timeouts.connect_s:g} s")


def _connect_any(host: str, port: int, timeout_s: float) -> socket.socket:
    """Try the addresses of ``host``, those of IPv4 and IPv6 in turn: in many a network one of the two leads nowhere."""
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    before: Counter[int] = Counter()
    ranked = []
    for family, *_, address in addresses:
        ranked.append((before[family], address))
        before[family] += 1
    ranked.sort(key=lambda found: found[0])
    failure: OSError = OSError("no address")
    for _, address in ranked:
        try:
            return socket.create_connection((str(address[0]), int(address[1])), timeout=timeout_s / min(len(ranked), 4))
        except OSError as error:
            failure = error
    raise failure


def secure(connected: socket.socket, host: str, timeouts: Timeouts) -> ssl.SSLSocket:
    """The same connection, encrypted, after the other side has proved to be ``host``.

    Raises:
        OSError: It has not (``ssl.SSLCertVerificationError``), or the connection failed.
        DownloadStoppedError: The user stopped.
    """
    connected.settimeout(_TICK_S)
    wrapped = verifying_context().wrap_socket(connected, server_hostname=host, do_handshake_on_connect=False)
    deadline = time.monotonic() + timeouts.connect_s
    try:
        while True:
            try:
                wrapped.do_handshake()
                return wrapped
            except TimeoutError:
                timeouts.check()
                if time.monotonic() > deadline:
                    raise
    except BaseException:
        wrapped.close()
        raise


class StoppableSocket:
    """The part of a socket that ``http.client`` uses; its waits follow a ``Timeouts``.

    Args:
        connected: Closed by its owner, not by ``close``: http.client closes a connection whose answer is still to be
            read, and relies on sockets counting their readers.
        timeouts: For each wait.
    """

    def __init__(self, connected: socket.socket, timeouts: Timeouts) -> None:
        self._socket = connected
        self._timeouts = timeouts

    def makefile(self, *_mode: object, **_options: object) -> io.BufferedReader:
        """The reading side."""
        return io.BufferedReader(_Reader(self))

    def sendall(self, data: bytes) -> None:
        """Send a request; a few hundred bytes, which the system takes at once."""
        self._socket.settimeout(self._timeouts.stall_s)
        self._socket.sendall(data)

    def close(self) -> None:
        """Nothing; see the class."""

    def receive_into(self, buffer: memoryview) -> int:
        """The next bytes; 0 at the end.

        Raises:
            OSError: The connection broke, or nothing came for too long.
            DownloadStoppedError: The user stopped.
        """
        deadline = time.monotonic() + self._timeouts.stall_s
        self._socket.settimeout(_TICK_S)
        while True:
            self._timeouts.check()
            try:
                return self._socket.recv_into(buffer)
            except TimeoutError:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"nothing came for {self._timeouts.stall_s:g} s") from None


class _Reader(io.RawIOBase):
    """The raw file under ``StoppableSocket.makefile``."""

    def __init__(self, stoppable: StoppableSocket) -> None:
        self._stoppable = stoppable

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        return self._stoppable.receive_into(memoryview(buffer))  # type: ignore[arg-type]  # any writable buffer
