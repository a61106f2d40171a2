"""Which proxy a request goes through: the one set, else the system's or the environment's (``https_proxy``...)."""

from __future__ import annotations

import base64
import urllib.request
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from detector.errors import DetectorError

_HOW = "Write http://HOST:PORT, or http://USER:PASSWORD@HOST:PORT."


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that is spoken to in plain HTTP.

    Attributes:
        host: Name or address.
        port: Its port.
        authorization: Value of ``Proxy-Authorization``; empty for none.
    """

    host: str
    port: int
    authorization: str


def proxy_for(url: SplitResult, chosen: str) -> Proxy | None:
    """The proxy for ``url``, or None to go there directly.

    Args:
        url: Where the request goes.
        chosen: The user's setting; empty for the environment's.

    Raises:
        DetectorError: The proxy's address cannot be used.
    """
    address = chosen.strip()
    if not address:
        host = url.hostname or ""
        address = urllib.request.getproxies().get(url.scheme, "")
        if not address or urllib.request.proxy_bypass(host):
            return None
    parts = split(address if "://" in address else f"http://{address}", "The proxy", _HOW)
    if parts.scheme != "http":
        raise DetectorError(f"The proxy is {parts.scheme}://, a kind that is not supported.", _HOW)
    return Proxy(parts.hostname or "", parts.port or 80, authorization(parts))


def authorization(parts: SplitResult) -> str:
    """``Basic ...`` of the user and password in an address; empty without."""
    if parts.username is None:
        return ""
    words = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return "Basic " + base64.b64encode(words.encode()).decode("ascii")


def split(address: str, what: str, how: str) -> SplitResult:
    """Returns the parts of an address.

    Raises:
        DetectorError: Its host cannot be the name of one, or its port is none; the message starts with ``what``, the
            hint is ``how``.
    """
    try:
        address.encode()
        parts = urlsplit(address)
        fit = bool((parts.hostname or "").encode("idna")) and (parts.port is None or parts.port > 0)
    except ValueError:
        fit = False
    if not fit or any(ord(c) <= 32 or ord(c) == 127 for c in address):
        raise DetectorError(f"{what} has no usable address.", how)  # not repeated: it may hold a password
    return parts
