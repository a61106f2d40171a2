"""Requests to web servers that have proved who they are. Used by the thread that made it."""

from __future__ import annotations

import http.client
import socket
import urllib.error
import urllib.request
from typing import Any, cast
from urllib.parse import quote, urlsplit, urlunsplit

from app.core.media.certificates import Certificates

_KEPT = "%/:?#[]@!$&'()*+,;=~"
"""What stands in addresses as it is; people also paste spaces and letters of their own, which may not."""


class WebClient:
    """Asks web servers for files, by http and https.

    Args:
        certificates: Who is believed.
    """

    def __init__(self, certificates: Certificates) -> None:
        self._sockets: list[socket.socket] = []
        self._logins = urllib.request.HTTPPasswordMgrWithPriorAuth()
        self._opener = urllib.request.OpenerDirector()
        for handler in (
            urllib.request.ProxyHandler(),
            _PlainHandler(self._sockets),
            _SecureHandler(self._sockets, certificates),
            urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.HTTPRedirectHandler(),
            urllib.request.HTTPBasicAuthHandler(self._logins),
            urllib.request.HTTPDigestAuthHandler(self._logins),
            urllib.request.HTTPErrorProcessor(),
        ):
            self._opener.add_handler(handler)
        self._opener.addheaders = [("User-Agent", "ssd-viewer"), ("Accept", "*/*")]

    def add_login(self, root: str, user: str, password: str) -> None:
        """Tell servers below ``root`` that ask for it who is there."""
        self._logins.add_password(None, root, user, password)

    def request(
        self, url: str, byte_range: str | None, open_s: float, quiet_s: float, posted_json: bytes | None = None
    ) -> http.client.HTTPResponse:
        """Send one request, following redirections and answering who asks for a password.

        Args:
            url: http or https, without user and password.
            byte_range: "bytes=0-99"; None for the whole.
            open_s: Seconds within which the server must answer.
            quiet_s: Seconds that it may then be silent.
            posted_json: What to send; None to ask for a file.

        Raises:
            AppError: The server's certificate is not trusted.
            OSError, ValueError: There is no such file, or no answer that can be understood.
        """
        parts = urlsplit(url)
        url = urlunsplit(parts._replace(path=quote(parts.path, _KEPT), query=quote(parts.query, _KEPT), fragment=""))
        headers = {"Range": byte_range} if byte_range else {}
        if posted_json is not None:
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(url, posted_json, headers)
        try:
            response = self._opener.open(request, timeout=open_s)
            for connected in self._sockets[-1:]:
                connected.settimeout(quiet_s)
            if posted_json is not None and response.geturl() != request.full_url:
                response.close()
                raise OSError("it leads to another address, which was not sent anything")
        except urllib.error.HTTPError as error:
            error.close()
            raise
        except urllib.error.URLError as error:
            raise error.reason if isinstance(error.reason, Exception) else OSError(error.reason) from None
        except http.client.HTTPException as error:
            raise ValueError("no answer in HTTP") from error
        finally:
            self._sockets.clear()  # they belong to the answers
        return cast(http.client.HTTPResponse, response)


class _PlainHandler(urllib.request.HTTPHandler):
    """Notes the sockets, whose patience changes once they have answered."""

    def __init__(self, sockets: list[socket.socket]) -> None:
        super().__init__()
        self._sockets = sockets

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        """Called by urllib."""
        return self.do_open(cast(Any, self._connection), request)

    def _connection(self, host: str, **options: Any) -> http.client.HTTPConnection:
        sockets = self._sockets

        class Connection(http.client.HTTPConnection):
            def connect(self) -> None:
                super().connect()
                sockets.append(self.sock)

        return Connection(host, **options)


class _SecureHandler(urllib.request.HTTPSHandler):
    """Connections to servers that have proved who they are."""

    def __init__(self, sockets: list[socket.socket], certificates: Certificates) -> None:
        super().__init__()
        self._sockets = sockets
        self._certificates = certificates

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        """Called by urllib."""
        return self.do_open(cast(Any, self._connection), request)

    def _connection(self, host: str, **options: Any) -> http.client.HTTPSConnection:
        sockets, certificates = self._sockets, self._certificates

        class Connection(http.client.HTTPSConnection):
            def connect(self) -> None:
                http.client.HTTPConnection.connect(self)  # and through the proxy, where there is one
                inner: Any = self  # http.client has no public name for where the proxy leads to
                host, port = inner._tunnel_host or self.host, inner._tunnel_port or self.port
                self.sock = certificates.secure(self.sock, host, port)
                sockets.append(self.sock)

        return Connection(host, **options)
