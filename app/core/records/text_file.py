"""A data file of text that appears under its name only when it is whole. Owned by the writing thread."""

from __future__ import annotations

from pathlib import Path

from app.core.files.atomic_file import AtomicFile
from app.core.files.write_errors import explain_write_error


class TextFile:
    """The part of a ``RecordWriter`` that all single files share.

    Args:
        target: The final name; its folder must exist.
        errors: What becomes of letters that UTF-8 cannot hold (lone surrogates), as ``str.encode`` names it.

    Raises:
        AppError: The file cannot be written.
    """

    def __init__(self, target: Path, errors: str = "replace") -> None:
        self._errors = errors
        self._part = AtomicFile(target)

    def append(self, text: str) -> None:
        """Write ``text`` at the end.

        Raises:
            AppError: The disk is full, the folder is gone.
        """
        try:
            self._part.file.write(text.encode("utf-8", self._errors))
        except OSError as error:
            raise explain_write_error(error, self._part.target) from error

    def flush(self) -> None:
        """Hand what was written to the system, so that it outlives this process.

        Raises:
            AppError: As ``append``.
        """
        try:
            self._part.file.flush()
        except OSError as error:
            raise explain_write_error(error, self._part.target) from error

    def complete(self) -> None:
        """See ``RecordWriter``."""
        self._part.complete()

    def finish(self) -> None:
        """See ``RecordWriter``."""
        self._part.commit()

    def discard(self) -> None:
        """See ``RecordWriter``."""
        self._part.discard()
