"""Why a stream cannot be opened or was lost, in plain words without its address. Pure."""

from __future__ import annotations

import errno
import re
import socket
import urllib.error

import av

SILENT = "no answer in time"


def reason_of(error: Exception) -> str:
    """Returns FFmpeg's words for it, without the URL that its messages repeat."""
    if isinstance(error, av.error.ExitError | TimeoutError):
        return SILENT
    if isinstance(error, urllib.error.HTTPError):
        return f"{error.code} {error.reason}".strip()
    # EIO is FFmpeg's word for a name that nobody knows, among others.
    if isinstance(error, socket.gaierror) or getattr(error, "errno", None) == errno.EIO:
        return "it cannot be reached"
    text = getattr(error, "strerror", None)
    return (text or "it cannot be understood").rstrip(".")


def is_denied(error: Exception) -> bool:
    """Returns whether the server wants to know who asks."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code in (401, 403)
    return isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError)


def advice_for(error: Exception, address: str) -> str:
    """Returns what to do about an address that cannot be opened."""
    if is_denied(error):
        scheme, _, rest = address.partition("://")
        if "@" in re.split("[/?#]", rest)[0]:
            return "Check user and password in the address."
        return f"Put user and password into the address: {scheme}://user:password@host/..."
    return "Check the address, and that this computer can reach it."
