"""Class names from a text file."""

from __future__ import annotations

from pathlib import Path

from detector.errors import DetectorError
from detector.spec_fields import MAX_LABEL_CHARS, MAX_LABELS

MAX_LABEL_BYTES = 1_000_000


def read_labels(path: Path) -> tuple[str, ...]:
    """Reads class names, one a line; the background, where it comes first, is left out.

    Raises:
        DetectorError: The file cannot be read or is no list of names.
    """
    labels = tuple(line.strip() for line in text_of(path).splitlines() if line.strip())
    if labels and labels[0].strip("_").lower() == "background":  # as jetson-inference and TensorFlow write it
        labels = labels[1:]
    if not 1 <= len(labels) <= MAX_LABELS or len(set(labels)) != len(labels):
        raise DetectorError(f"{path.name} must name 1 to {MAX_LABELS} classes, one a line, each once.")
    odd = next((label for label in labels if len(label) > MAX_LABEL_CHARS or any(ord(c) < 32 for c in label)), None)
    if odd is not None:
        raise DetectorError(f"{path.name} is no list of class names: one would be {odd[:40]!r}.")
    return labels


def text_of(path: Path) -> str:
    """Returns the whole of a small text file.

    Raises:
        DetectorError: It cannot be read, is large, or no text.
    """
    try:
        if path.exists() and not path.is_file():  # a pipe may never end
            raise DetectorError(f"{path} is not a file.")
        if path.stat().st_size > MAX_LABEL_BYTES:
            raise DetectorError(f"{path.name} is too large to be a list of labels.")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DetectorError(f"{path.name} is not a text file.") from error
    except OSError as error:
        raise DetectorError(f"Cannot read {path}: {error.strerror or error}.") from error
