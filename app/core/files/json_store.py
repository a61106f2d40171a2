"""Small facts kept as one JSON object in a file. Any thread; reading never fails, writing is atomic."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.core.files.atomic_file import AtomicFile
from app.core.files.regular_file import read_limited
from app.core.files.write_errors import explain_write_error

_log = logging.getLogger(__name__)
_MAX_BYTES = 1_000_000
_updating = threading.Lock()


class JsonStore:
    """One file.

    Args:
        path: Where; its folder is created when something is written.
        private: Nobody but the user may read it.
    """

    def __init__(self, path: Path, private: bool = False) -> None:
        self._path = path
        self._private = private

    def read(self) -> dict[str, Any]:
        """The object in the file, which anybody may have changed; empty where there is none, or it cannot be used."""
        try:
            content = read_limited(self._path, _MAX_BYTES)
            value = None if content is None else json.loads(content)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            _log.info("%s: %s", self._path, error)
            return {}
        return value if isinstance(value, dict) else {}

    def update(self, change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> None:
        """Write what ``change`` makes of the object; nothing is written for None.

        Nobody else writes the file meanwhile: other threads wait, and other programs are refused.

        Raises:
            AppError: It cannot be written, or another program writes it at this moment.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with _updating, AtomicFile(self._path, self._private) as part:
                value = change(self.read())
                if value is not None:
                    part.file.write(json.dumps(value, indent=1).encode() + b"\n")
                    part.commit()
        except OSError as error:
            raise explain_write_error(error, self._path) from error
