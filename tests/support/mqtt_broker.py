"""An MQTT 3.1.1 broker for one test, by the standard's packet formats: takes what is published, and remembers it."""

from __future__ import annotations

import socket
import threading

_CONNECT, _PUBLISH, _DISCONNECT = 1, 3, 14


class MqttBroker:
    """Serves while entered as a context.

    Args:
        answer: The code that every CONNECT is answered with.

    Attributes:
        published: (topic, content, retained), in order.
        logins: The part of each CONNECT that holds user and password.
    """

    def __init__(self, answer: int = 0) -> None:
        self._answer = answer
        self.published: list[tuple[str, bytes, bool]] = []
        self.logins: list[bytes] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> MqttBroker:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        while (first := connection.recv(1)) and (kind := first[0] >> 4) != _DISCONNECT:
            content = _exactly(connection, _length(connection))
            if kind == _CONNECT:
                self.logins.append(content[10:])
                connection.sendall(bytes((0x20, 2, 0, self._answer)))
            elif kind == _PUBLISH:
                length = int.from_bytes(content[:2], "big")
                topic, number = content[2 : 2 + length].decode(), content[2 + length : 4 + length]
                self.published.append((topic, content[4 + length :], bool(first[0] & 1)))
                connection.sendall(b"\x40\x02" + number)


def _length(connection: socket.socket) -> int:
    total = shift = 0
    while True:
        byte = _exactly(connection, 1)[0]
        total |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return total


def _exactly(connection: socket.socket, count: int) -> bytes:
    content = b""
    while len(content) < count:
        more = connection.recv(count - len(content))
        if not more:
            raise ConnectionError("hung up")
        content += more
    return content
