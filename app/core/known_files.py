"""SHA-256 of files that were fetched, by address: a small JSON beside the models, so that a change is noticed later.

Needed where a publisher names no hash. Any thread; reading never fails.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from pathlib import Path

from app.core import paths
from app.core.files.atomic_file import AtomicFile, explain_write_error

_log = logging.getLogger(__name__)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TOO_LARGE = 1_000_000
_lock = threading.Lock()


def known_files() -> Path:
    """Where they are kept."""
    return paths.models_dir().parent / "known-files.json"


def recall(url: str) -> str:
    """SHA-256 of what was first fetched from ``url``; empty if nothing was."""
    return _read().get(url, "")


def remember(url: str, sha256: str) -> None:
    """Keep the hash, unless there is one for ``url`` already.

    Raises:
        AppError: It cannot be written.
    """
    path = known_files()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _lock, AtomicFile(path) as part:  # which other programs keep away from, so nothing is added meanwhile
            known = _read()
            if url not in known:
                part.file.write((json.dumps({**known, url: sha256}, indent=2) + "\n").encode())
                part.commit()
    except OSError as error:
        raise explain_write_error(error, path) from error


def _read() -> dict[str, str]:
    path = known_files()
    try:
        with path.open("rb") as file:
            content = json.loads(file.read(_TOO_LARGE))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        _log.info("%s: %s", path, error)
        return {}
    if not isinstance(content, dict):
        return {}
    return {url: sha for url, sha in content.items() if isinstance(sha, str) and _SHA256.fullmatch(sha)}
