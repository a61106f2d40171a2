"""From a source's name to the source; on the thread that will use it. OpenCV and PyAV are imported when needed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from app.core.addresses import URL_SCHEMES, is_address, redact, with_schemes
from app.core.errors import AppError
from app.core.file_types import IMAGE_SUFFIXES
from app.core.frames import SourceKind
from app.core.sources.base import CAMERA, SCREEN, Source, SourceOptions
from app.core.stream_logins import with_login


def kind_of(uri: str) -> SourceKind:
    """The kind of ``uri``, without opening it; a URL is a stream until it proves to be a recorded video.

    Looks at the disk, which may not answer for long where a folder of another computer is gone: not for the GUI thread.
    """
    kind = kind_by_name(uri)
    if kind in ("camera", "screen") or uri.lower().startswith(URL_SCHEMES):
        return kind
    path = Path(uri)
    try:
        if path.is_dir():
            return "folder"
        if kind == "stream" and not path.exists():
            return kind
    except OSError:  # an overlong name, a folder that may not be looked into: opening it will say so
        pass
    return "image" if path.suffix.lower() in IMAGE_SUFFIXES else "video"


def kind_by_name(uri: str) -> SourceKind:
    """The likely kind of ``uri``, by its name alone: a path without an ending passes for a folder."""
    if uri.startswith(CAMERA):
        return "camera"
    if uri.startswith(SCREEN):
        return "screen"
    if uri.lower().startswith(URL_SCHEMES) or with_schemes(uri):
        return "stream"
    suffix = Path(uri).suffix.lower()
    return "folder" if not suffix else "image" if suffix in IMAGE_SUFFIXES else "video"


def shown_name(uri: str) -> str:
    """``uri`` for a title or a list: no password, no long path."""
    kind = kind_by_name(uri)
    if kind == "stream" or is_address(uri):
        return redact(uri)
    if kind == "screen":
        return f"screen {uri[len(SCREEN) :]}".strip()
    return f"camera {uri[len(CAMERA) :]}" if kind == "camera" else Path(uri).name or uri


def open_source(uri: str, options: SourceOptions | None = None) -> Source:
    """Open a camera ("camera:0", "camera:NAME"), a screen ("screen:1"), a file, a folder of images, or a URL.

    Raises:
        AppError: It cannot be opened; the message names it and says why.
    """
    options = options or SourceOptions()
    uri = with_login(uri)
    kind = kind_of(uri)
    if kind == "camera":
        from app.core.sources.camera import CameraSource

        return CameraSource(uri[len(CAMERA) :], options)
    if kind == "screen":
        from app.core.sources.screen import ScreenSource

        return ScreenSource(uri[len(SCREEN) :], options)
    if kind == "stream":
        return _open_url(uri, options) if "://" in uri else _open_without_scheme(uri, options)
    if "://" in uri:
        raise AppError(f"{uri.partition('://')[0]}:// is not understood.", "Use http://, https:// or rtsp://.")
    if kind == "video":
        from app.core.sources.video import VideoReader

        return VideoReader(Path(uri))
    from app.core.sources.images import FolderSource, ImageSource, list_images

    if kind == "folder":
        folder = Path(uri)
        return FolderSource(folder.name or uri, list_images(folder), options.folder_fps, uri)
    return ImageSource(Path(uri))


def _open_without_scheme(typed: str, options: SourceOptions) -> Source:
    """Tries the schemes that the address may have; what a server answers counts more than that none does."""
    from app.core.sources.stream import UnreachableError

    addresses = with_schemes(typed)
    shared = replace(options, open_timeout_s=options.open_timeout_s / len(addresses))
    for address in addresses:
        try:
            return _open_url(address, shared)
        except UnreachableError:
            continue
    schemes = [f"{address.partition(':')[0]}://" for address in addresses]
    raise AppError(
        f"{redact(typed)} is no file, and as an address it opens neither as {' nor as '.join(schemes)}.",
        f"Check it, and write it whole, such as {redact(addresses[0])}.",
    )


def _open_url(url: str, options: SourceOptions) -> Source:
    from app.core.sources.stream import RecordedError, StreamSource
    from app.core.sources.video import VideoReader

    try:
        return StreamSource(url, options)
    except RecordedError:
        return VideoReader(url)
