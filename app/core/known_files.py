"""SHA-256 of files that were fetched, by address: a small JSON beside the models, so that a change is noticed later.

Needed where a publisher names no hash. Any thread; reading never fails.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.core import paths
from app.core.files.json_store import JsonStore

_SHA256 = re.compile(r"[0-9a-f]{64}")


def known_files() -> Path:
    """The file that holds them."""
    return paths.models_dir().parent / "known-files.json"


def recall(url: str) -> str:
    """SHA-256 of what was first fetched from ``url``; empty if nothing was."""
    return _read().get(url, "")


def remember(url: str, sha256: str) -> None:
    """Keep the hash, unless there is one for ``url`` already.

    Raises:
        AppError: It cannot be written.
    """
    JsonStore(known_files()).update(lambda known: None if url in _sound(known) else {**_sound(known), url: sha256})


def _read() -> dict[str, str]:
    return _sound(JsonStore(known_files()).read())


def _sound(content: Mapping[str, Any]) -> dict[str, str]:
    return {url: sha for url, sha in content.items() if isinstance(sha, str) and _SHA256.fullmatch(sha)}
