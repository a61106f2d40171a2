"""Addresses of streams: recognising them, showing them without their secrets. Pure; opens nothing."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

URL_SCHEMES = ("http://", "https://", "rtsp://", "rtsps://")
"""The schemes that are opened."""

_SECRET = re.compile(r"pass|pwd|token|key|secret|auth|sig|user|login", re.IGNORECASE)
_KNOWN = "https?|rtsps?|rtmps?|rtp|udp|tcp|srt|mms|ftps?|sftp|wss?"
# Of a known scheme one slash may be all that is left: as a path, "rtsp://host" becomes "rtsp:/host".
_SCHEME = re.compile(rf"([a-z][a-z0-9+.-]+)://|({_KNOWN}):/", re.IGNORECASE)
_IN_TEXT = re.compile(rf"(?<![a-z0-9+.-])(?:[a-z][a-z0-9+.-]+://|(?:{_KNOWN}):/)(?:\S*@)?[^\s\"'<>]*", re.IGNORECASE)
_HOST = re.compile(
    r"""(?: \d{1,3}(?:\.\d{1,3}){3}                # an IPv4 address
          | \[[0-9a-f:.%]+\]                       # an IPv6 address
          | localhost
          | (?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,63} )""",
    re.IGNORECASE | re.VERBOSE,
)
_RTSP_PORTS = (554, 8554, 10554)
_TLS_PORTS = (443, 8443)
_ESCAPED = str.maketrans({"/": "%2F", "?": "%3F", "#": "%23", "@": "%40"})


def is_address(source: str) -> bool:
    """Returns whether ``source`` is an address of any scheme, even one that went through a path and lost a slash."""
    found = _SCHEME.match(source)
    return found is not None and (found[1] or "").lower() != "file"


def redact(uri: str) -> str:
    """Returns ``uri`` fit for a title or a log: user names, passwords and tokens of an address become ``***``.

    People type passwords with / ? # and @ in them unescaped, so everything before the last @ counts as secret.
    """
    if not is_address(uri):
        return f"***@{uri.rpartition('@')[2]}" if "@" in uri and with_schemes(uri) else uri
    found = _SCHEME.match(uri)
    assert found is not None  # is_address
    rest = uri[found.end() :]
    secret, _, address = rest.rpartition("@")
    place, _, query = address.partition("#")[0].partition("?")
    pairs = [(key, "***" if _SECRET.search(key) else value) for key, value in parse_qsl(query, keep_blank_values=True)]
    shown = f"?{urlencode(pairs, quote_via=quote, safe='*/')}" if pairs else ""
    return f"{found[0]}{'***@' if secret else ''}{place}{shown}"


def without_passwords(text: str) -> str:
    """Returns ``text`` with the user names, passwords and tokens taken out of the addresses in it."""
    return _IN_TEXT.sub(lambda found: redact(found[0]), text)


def as_understood(url: str) -> str:
    """Returns ``url`` as FFmpeg understands it: a lower-case scheme, and no bare / ? # @ in the password.

    People paste passwords as they are. "user:half/half@host" is told from "host:554/path@2x" by the port, which is a
    number.
    """
    scheme, _, rest = url.partition("://")
    place = re.split("[/?#]", rest)[0]
    port = place.rpartition(":")[2] if ":" in place else ""
    if "@" not in place and "@" in rest and port and not port.isdigit() and not place.startswith("["):
        secret, _, address = rest.rpartition("@")
        rest = f"{secret.translate(_ESCAPED)}@{address}"
    return f"{scheme.lower()}://{rest}"


def with_schemes(typed: str) -> tuple[str, ...]:
    """Returns the addresses that ``typed`` may stand for where it looks like one without its scheme, likeliest first.

    A host (a name with a dot, an IP address, localhost) followed by a port or a path, perhaps after user and password:
    "192.168.1.5:554/x", "cam.local/stream", "jane:pw@cam.local". Empty where it looks like anything else; that no file
    has this name is for the caller to know.
    """
    if is_address(typed) or "\\" in typed or typed.startswith(("/", ".", "~")) or any(map(str.isspace, typed)):
        return ()
    login, at, address = typed.rpartition("@")
    place, slash, path = address.partition("/")
    host, colon, port = (place, "", "") if place.endswith("]") else place.rpartition(":")
    if not colon:
        host, port = place, ""
    if not _HOST.fullmatch(host) or (colon and not (port.isdigit() and 0 < int(port) < 65536)):
        return ()
    plain_name = not (slash or colon or at)
    if plain_name and not re.fullmatch(r"[\d.]+|\[.*\]|localhost", host):
        return ()  # "clip.mov" is a file's name
    order = _likely_schemes(int(port) if port else None, path)
    return tuple(f"{scheme}://{login}{at}{address}" for scheme in order)


def _likely_schemes(port: int | None, path: str) -> tuple[str, ...]:
    if port in _RTSP_PORTS:
        return "rtsp", "http"
    if port == 322:
        return "rtsps", "rtsp"
    if port in _TLS_PORTS:
        return "https", "http"
    if port is not None or re.search(r"\.(m3u8|mjpe?g|cgi|jpg|mp4|ts)\b", path, re.IGNORECASE):
        return "http", "https", "rtsp"
    return "rtsp", "http", "https"


def host_and_port(url: str) -> tuple[str, int]:
    """Returns the host, in lower case, and the port that ``url`` leads to.

    Raises:
        ValueError: It names no host, or no port that exists.
    """
    parts = urlsplit(as_understood(url))
    default = {"http": 80, "https": 443, "rtsp": 554, "rtsps": 322}.get(parts.scheme)
    port = parts.port or default
    if not parts.hostname or port is None:
        raise ValueError("no host")
    return parts.hostname.lower(), port
