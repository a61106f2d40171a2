"""What a file that was meant to hold weights turns out to be instead, told by its first bytes."""

from __future__ import annotations

from detector.errors import DetectorError


def refuse_other_files(start: bytes, name: str) -> None:
    """Name what is saved by mistake in place of weights: nothing at all, a web page, a Git LFS pointer.

    Args:
        start: The first bytes of the file, some hundred.
        name: Of the file, for the message.

    Raises:
        DetectorError: It is one of these.
    """
    text = start.lstrip().lower()
    if not start:
        raise DetectorError(f"{name} is empty.", "Fetch the file again.")
    if text.startswith((b"<!doctype", b"<html", b"<head", b"<?xml")):
        raise DetectorError(f"{name} is a web page, not weights.", "Save the file the page links to instead.")
    if text.startswith(b"version https://git-lfs"):
        raise DetectorError(f"{name} is a Git LFS pointer, not the weights.", "Run 'git lfs pull', or download it.")
