"""Recognises sources among what is dragged onto the window of several sources, by name alone."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData, QUrl

from app.core.addresses import URL_SCHEMES
from app.ui.widgets.drops import classify

_SOURCES = ("video", "image", "folder")


def sources_in(mime: QMimeData) -> list[str]:
    """Returns the videos, images, folders and addresses in a drag, in order; an address may also be plain text."""
    urls = mime.urls() or [QUrl(line.strip()) for line in mime.text().splitlines()]
    found = [uri for url in urls if (uri := _source(url))]
    return list(dict.fromkeys(found))


def _source(url: QUrl) -> str:
    """Returns what to open; "" for what is no source."""
    if url.isLocalFile():
        path = Path(url.toLocalFile())
        return str(path) if classify([path]).kind in _SOURCES else ""
    address = url.toString(QUrl.ComponentFormattingOption.FullyEncoded)
    return address if address.lower().startswith(URL_SCHEMES) else ""
