"""A door on this computer to an encrypted server whose certificate was checked, for FFmpeg's RTSP.

What TLS FFmpeg brings along, and what it checks, differs from system to system; Python's is the same everywhere. So
FFmpeg speaks plain RTSP to a port of the loopback address, and this passes it on. One visitor, one connection.
"""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import ssl
import threading

from app.core.media.certificates import Certificates
from app.core.workers import Worker

_log = logging.getLogger(__name__)
_PIECE = 65536
_TICK_S = 0.2


class TlsRelay:
    """Connects at once, and relays until it is closed. Made and closed by the thread that reads the stream.

    Args:
        certificates: Who is believed.
        host: The server.
        port: Its port.
        timeout_s: For the connection.

    Attributes:
        port: The port on 127.0.0.1.

    Raises:
        UntrustedCertificateError: The server's certificate is not trusted.
        OSError: It does not answer.
    """

    def __init__(self, certificates: Certificates, host: str, port: int, timeout_s: float) -> None:
        self._server = certificates.secure(socket.create_connection((host, port), timeout_s), host, port)
        try:
            self._door = socket.create_server(("127.0.0.1", 0), backlog=1)
        except BaseException:
            self._server.close()
            raise
        self.port: int = self._door.getsockname()[1]
        self._worker = Worker("tls-relay", self._run, _failed)
        self._worker.start()

    def close(self) -> None:
        """Hang up, without waiting; idempotent."""
        self._worker.stop()

    def _run(self, stop: threading.Event) -> None:
        with self._server, self._door:
            self._door.settimeout(_TICK_S)
            while not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    visitor, _ = self._door.accept()
                    with visitor:
                        self._door.close()  # for nobody else
                        self._relay(visitor, stop)
                    return

    def _relay(self, visitor: socket.socket, stop: threading.Event) -> None:
        server = self._server
        server.settimeout(0)
        outgoing = b""
        while not stop.is_set():
            # What TLS has decrypted already does not show on the socket.
            waiting = server.pending() > 0
            readers = [server] if outgoing else [server, visitor]
            readable, _, _ = select.select(readers, [server] if outgoing else [], [], 0 if waiting else _TICK_S)
            if visitor in readable:
                outgoing = visitor.recv(_PIECE)
                if not outgoing:
                    return
            if outgoing:
                with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    outgoing = outgoing[server.send(outgoing) :]
            if server in readable or waiting:
                with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    incoming = server.recv(_PIECE)
                    if not incoming:
                        return
                    visitor.sendall(incoming)


def _failed(error: BaseException) -> None:
    """Either side hung up: FFmpeg notices."""
    if not isinstance(error, OSError):
        _log.error("the relay to an encrypted camera failed", exc_info=error)
