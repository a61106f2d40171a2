"""User names, passwords and tokens of streams, apart from the settings, in a file that only the user may read.

The settings remember addresses as they are shown: ``rtsp://***@camera/live``. What the stars stand for is here, so that
a copy of the settings, or a look over the shoulder, gives nothing away. Any thread.
"""

from __future__ import annotations

import logging
from typing import Any

from app.core.addresses import redact
from app.core.errors import AppError
from app.core.files.json_store import JsonStore
from app.core.paths import stream_logins_file

_log = logging.getLogger(__name__)
_MAX_KEPT = 100


def keep_login(uri: str) -> str:
    """Returns ``uri`` as it may be remembered; its secrets, if it has any, are kept here.

    Where they cannot be kept, the user has to type them again.
    """
    shown = redact(uri)
    if shown == uri or "***" not in shown:
        return uri
    try:
        _store().update(lambda known: _with(known, shown, uri))
    except AppError as error:
        _log.info("a login is not kept: %s", error.message)
    return shown


def with_login(shown: str) -> str:
    """Returns the address that is remembered as ``shown``; the same where nothing more is known of it."""
    if "***" not in shown:
        return shown
    known = _store().read().get(shown)
    return known if isinstance(known, str) and redact(known) == shown else shown


def _with(known: dict[str, Any], shown: str, uri: str) -> dict[str, Any]:
    others = [(other, known[other]) for other in known if other != shown]
    return dict([*others, (shown, uri)][-_MAX_KEPT:])


def _store() -> JsonStore:
    return JsonStore(stream_logins_file(), private=True)
