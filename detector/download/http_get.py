"""One GET and the redirects that follow from it, by way of a proxy or not. Used by the thread that downloads."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import string
from collections.abc import Iterator, Mapping
from typing import NoReturn, cast
from urllib.parse import SplitResult, quote, urljoin

from detector.download.connection import StoppableSocket, Timeouts, connect, secure
from detector.download.proxy import Proxy, authorization, proxy_for, split
from detector.errors import DetectorError, Remedy

_REDIRECTS = (301, 302, 303, 307, 308)
_MAX_REDIRECTS = 8
_PORTS = {"http": 80, "https": 443}
_PROXY_HINT = "Check the proxy setting, or the variables http_proxy and https_proxy."
_PROXY = Remedy("proxy")
_CUT = (ConnectionError, TimeoutError, http.client.IncompleteRead, ssl.SSLEOFError, ssl.SSLZeroReturnError)


class CutError(Exception):
    """The connection broke or fell silent; the text says which, as a half-sentence."""


@contextlib.contextmanager
def get(address: str, headers: Mapping[str, str], proxy: str, timeouts: Timeouts) -> Iterator[http.client.HTTPResponse]:
    """The answer to a GET, after redirects; to be read inside the ``with`` block.

    Args:
        address: http or https.
        headers: Sent with every request.
        proxy: The user's setting; empty for the environment's.
        timeouts: For each wait.

    Raises:
        DetectorError: No connection, no HTTP, or a redirect that will not be followed; the message has no advice
            where fetching the file another way is all there is.
        CutError: The connection broke, also while the caller reads.
        DownloadStoppedError: The user stopped.
    """
    with contextlib.ExitStack() as stack:
        for _ in range(_MAX_REDIRECTS + 1):
            parts = web_address(address)
            response = _ask(parts, headers, proxy, timeouts, stack)
            where = response.getheader("Location", "")
            if response.status not in _REDIRECTS or not where:
                with _explained(parts):
                    yield response
                return
            address = _followed(parts, where)
            stack.close()
        raise DetectorError(f"{parts.hostname} redirects in circles.")


def web_address(address: str) -> SplitResult:
    """``address``, if it is one of the web.

    Raises:
        DetectorError: It is not.
    """
    parts = split(quote(address, safe=string.punctuation), "The download", "")
    if parts.scheme not in _PORTS:
        raise DetectorError(f"{parts.scheme}:// is no address of the web.", "Only http:// and https:// are fetched.")
    return parts


def _followed(parts: SplitResult, where: str) -> str:
    """Returns where a redirect leads, if it may be followed."""
    try:
        target = urljoin(parts.geturl(), where)
    except ValueError as error:  # brackets around what is no IPv6 address
        raise DetectorError(f"{parts.hostname} redirects to an address that is none.") from error
    scheme = target.partition(":")[0].lower()
    if scheme not in _PORTS:
        raise DetectorError(f"{parts.hostname} redirects to {scheme[:20]}:, which is no address of the web.")
    if parts.scheme == "https" and scheme == "http":
        raise DetectorError(f"{parts.hostname} redirects to an address without encryption, which is not followed.")
    return target


def _ask(
    parts: SplitResult, headers: Mapping[str, str], proxy: str, timeouts: Timeouts, stack: contextlib.ExitStack
) -> http.client.HTTPResponse:
    """Send the request; what was opened is closed by ``stack``."""
    via = proxy_for(parts, proxy)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    with _explained(parts, via):
        connected = _connect(parts, via, timeouts)
        stack.callback(lambda: connected.close())  # the name may come to mean the encrypted one
        if parts.scheme == "https":
            if via:
                _tunnel(connected, host, port, via, timeouts)
            connected = secure(connected, host, timeouts)
        sent = {"User-Agent": "ssd-viewer", "Accept-Encoding": "identity", "Connection": "close", **headers}
        if parts.username is not None:
            sent["Authorization"] = authorization(parts)
        target = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
        if via and parts.scheme == "http":
            target = f"http://{_netloc(host, port, 80)}{target}"
            if via.authorization:
                sent["Proxy-Authorization"] = via.authorization
        connection = http.client.HTTPConnection(host, port)
        connection.sock = cast(socket.socket, StoppableSocket(connected, timeouts))
        sent["Host"] = _netloc(host, port, _PORTS[parts.scheme])
        connection.request("GET", target, headers=sent)
        response = connection.getresponse()
        stack.callback(response.close)
        if via and response.status == 407:
            _refuse_proxy(via.host, response.status)
        return response


def _connect(parts: SplitResult, via: Proxy | None, timeouts: Timeouts) -> socket.socket:
    host, port = (via.host, via.port) if via else (parts.hostname or "", parts.port or _PORTS[parts.scheme])
    try:
        return connect(host, port, timeouts)
    except TimeoutError as error:
        who = f"The proxy {host}" if via else host
        raise DetectorError(f"{who} does not answer.", *_advice(via)) from error


def _netloc(host: str, port: int, usual: int) -> str:
    name = f"[{host}]" if ":" in host else host
    return name if port == usual else f"{name}:{port}"


def _tunnel(connected: socket.socket, host: str, port: int, via: Proxy, timeouts: Timeouts) -> None:
    """Have the proxy connect through to ``host``."""
    stoppable = StoppableSocket(connected, timeouts)
    where = _netloc(host, port, 0)
    lines = [f"CONNECT {where} HTTP/1.1", f"Host: {where}"]
    if via.authorization:
        lines.append(f"Proxy-Authorization: {via.authorization}")
    stoppable.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
    answer = http.client.HTTPResponse(cast(socket.socket, stoppable), method="CONNECT")
    answer.begin()
    if not 200 <= answer.status < 300:
        _refuse_proxy(via.host, answer.status)


def _refuse_proxy(host: str, status: int) -> NoReturn:
    """Say that the proxy did not let the request through."""
    wants = "wants a user name and password" if status == 407 else "does not let the download through"
    raise DetectorError(f"The proxy {host} {wants} ({status}).", _PROXY_HINT, _PROXY)


def _advice(via: Proxy | None) -> tuple[()] | tuple[str, Remedy]:
    """Returns what helps where the connection leads to a proxy: the hint and its remedy."""
    return (_PROXY_HINT, _PROXY) if via else ()


@contextlib.contextmanager
def _explained(parts: SplitResult, via: Proxy | None = None) -> Iterator[None]:
    """Failures of the connection in plain words."""
    host = f"The proxy {via.host}" if via else str(parts.hostname)
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise DetectorError(
            f"{parts.hostname} cannot prove that it is {parts.hostname}: {error.verify_message.rstrip('.')}.",
            "Open a browser: the network may want a login first. Check this computer's clock. A network that inspects "
            "connections needs SSL_CERT_FILE to name its certificate.",
        ) from error
    except socket.gaierror as error:
        raise DetectorError(f"{host} is not found: there is no network, or no such name.", *_advice(via)) from error
    except ConnectionRefusedError as error:
        raise DetectorError(f"{host} refuses the connection.", *_advice(via)) from error
    except _CUT as error:
        raise CutError("fell silent" if isinstance(error, TimeoutError) else "broke off") from error
    except ssl.SSLError as error:
        raise DetectorError(f"{host} does not speak TLS properly: {error.reason}.", *_advice(via)) from error
    except http.client.HTTPException as error:
        raise DetectorError(f"{host} answers with something that is not HTTP.", *_advice(via)) from error
    except OSError as error:
        raise DetectorError(f"{host} cannot be reached: {error.strerror or error}.", *_advice(via)) from error
