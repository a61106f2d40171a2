"""Files of web servers, read for FFmpeg: the address itself, and whatever a playlist behind it names.

FFmpeg asks for every file through ``RemoteFiles.open``. That is where certificates are checked, because FFmpeg would
check only that of the first address and none of those that a playlist leads to, and where a playlist is kept from
naming files of this computer. Used by the thread that opened it.
"""

from __future__ import annotations

import http.client
import io
import re
import time
import urllib.error
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from urllib.parse import unquote, urlsplit, urlunsplit

from app.core.addresses import redact
from app.core.errors import AppError
from app.core.media.certificates import Certificates
from app.core.media.stand_in import StandIn
from app.core.media.web_client import WebClient

_AVSEEK_SIZE = 0x10000
REMOTE_OPTIONS = {"http_persistent": "0", "http_multiple": "0"}
"""For FFmpeg's HLS, which takes files that it asks for here for connections of its own otherwise."""
_READ_ON = 256 * 1024  # a place this close ahead is reached sooner by reading than by asking anew
_HEAD = 512
_MAX_PLAYLIST = 1_000_000
_TARGET = re.compile(rb"^#EXT-X-TARGETDURATION:\s*(\d{1,4}(?:\.\d{1,6})?)", re.MULTILINE)
_PLAYLIST_TYPES = ("application/vnd.apple.mpegurl", "application/x-mpegurl", "audio/mpegurl", "audio/x-mpegurl")
_PAGE = re.compile(rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_DOCUMENTS = (
    ("a JSON document", ("application/json",), re.compile(rb'\s*[{\[]\s*["{\[\]}]')),
    ("an XML document", ("application/xml", "text/xml", "application/rss+xml"), re.compile(rb"\s*<\?xml")),
)


@dataclass(frozen=True, slots=True)
class RemoteStart:
    """An address that was asked for, as FFmpeg is to open it.

    Attributes:
        url: Where it led, without user and password.
        format: FFmpeg's name of the format where the server says it; None to find out.
    """

    url: str
    format: str | None


class RemoteFiles:
    """Opens files of web servers, by http and https.

    Args:
        certificates: Who is believed.
        open_s: Seconds within which a server must answer.
        quiet_s: Seconds that one may then be silent.

    Attributes:
        give_up_at: Moment of the monotonic clock at which reading ends with ``TimeoutError``, however much comes.
        target_s: Longest segment that a playlist has announced, seconds; None before one has.
        complete: The playlist last read says that nothing will follow.
        refused: Why a file was refused, which FFmpeg does not say; None where none was.
    """

    def __init__(self, certificates: Certificates, open_s: float, quiet_s: float) -> None:
        self._quiet_s = quiet_s
        self._open_s = open_s
        self.give_up_at = time.monotonic() + open_s
        self.target_s: Fraction | None = None
        self.complete = False
        self.refused: AppError | None = None
        self._client = WebClient(certificates)
        self._first: tuple[str, RemoteFile] | None = None
        self._files: weakref.WeakSet[RemoteFile] = weakref.WeakSet()
        self._playlists: dict[str, bytes] = {}
        self._lost = False  # which is said once: PyAV prints the rest of what it hears in one call

    def begin(self, url: str) -> RemoteStart:
        """Ask for ``url`` and look at what comes; FFmpeg is then to open what is returned, with ``open``.

        Raises:
            AppError: It is a web page or another document, or the server's certificate is not trusted.
            OSError, ValueError: It cannot be opened.
        """
        parts = urlsplit(url)
        login, _, place = parts.netloc.rpartition("@")
        bare = urlunsplit(parts._replace(netloc=place))
        if login:
            user, _, password = login.partition(":")
            self._client.add_login(f"{parts.scheme}://{place}/", unquote(user), unquote(password))
        first = self._ask(bare, None)
        try:
            head = first.peek(_HEAD)
            self._refuse_documents(redact(url), first.kind, head)
        except BaseException:
            first.close()
            raise
        # FFmpeg takes it over.
        self._first = first.name, first
        if head.startswith(b"#EXTM3U"):
            return RemoteStart(first.name, "hls")
        return RemoteStart(first.name, "mpjpeg" if first.kind == "multipart/x-mixed-replace" else None)

    def open(self, url: str, _flags: int, options: Mapping[str, str]) -> RemoteFile | StandIn:
        """Give FFmpeg a file; its ``io_open``.

        Where a live playlist goes on, a segment that the server refuses is empty, and a playlist is as it was: an error
        would cost the packet that FFmpeg had ready.

        Raises:
            AppError: It lies elsewhere than on a web server, or the server's certificate is not trusted.
            OSError, ValueError: It cannot be opened.
        """
        if self._first is not None and self._first[0] == url and not options.get("offset"):
            first, self._first = self._first[1], None
            return first
        try:
            return self._open(url, options)
        except urllib.error.HTTPError:
            if self.target_s is None or self.complete or (url not in self._playlists and _is_playlist(url)):
                raise
            return StandIn(self._playlists.get(url, b""))
        except OSError:
            if self._lost:
                return StandIn(b"")
            self._lost = self.target_s is not None and not self.complete
            raise
        except AppError as error:
            self.refused = self.refused or error
            self.give_up_at = time.monotonic()
            raise

    def _open(self, url: str, options: Mapping[str, str]) -> RemoteFile:
        if not url.lower().startswith(("http://", "https://")):
            scheme = url.partition(":")[0] if ":" in url else "a file"
            raise AppError(
                f"The stream asks for something that is not on a web server ({scheme}).",
                "That is refused: it could read files of this computer.",
            )
        start, end = int(options.get("offset") or 0), int(options.get("end_offset") or 0)
        wanted = f"bytes={start}-{end - 1 if end else ''}" if start or end else None
        return self._ask(url, wanted, start)

    def close(self) -> None:
        """Hang up; FFmpeg does not close the file that it was opened with."""
        for file in tuple(self._files):
            file.close()

    def _ask(self, url: str, byte_range: str | None, start: int = 0) -> RemoteFile:
        response = self.request(url, byte_range)
        if byte_range is not None and response.status != 206:
            response.close()
            raise OSError("the server does not give parts of files")
        file = RemoteFile(self, response, start)
        self._files.add(file)
        if file.kind in _PLAYLIST_TYPES or _is_playlist(file.name):
            self._playlists[url] = file.peek_all(_MAX_PLAYLIST)
            self._look_at_playlist(self._playlists[url])
        return file

    def forget(self, file: RemoteFile) -> None:
        """``file`` is closed."""
        self._files.discard(file)

    def _look_at_playlist(self, content: bytes) -> None:
        if target := _TARGET.search(content):
            self.target_s = max(self.target_s or Fraction(0), Fraction(target[1].decode()))
            self.complete = b"#EXT-X-ENDLIST" in content

    def request(self, url: str, byte_range: str | None) -> http.client.HTTPResponse:
        """Send one request, following redirections and answering who asks for a password.

        Raises:
            OSError, ValueError: There is no such file, or no answer that can be understood.
        """
        left_s = max(0.05, min(self._open_s, self.give_up_at - time.monotonic()))
        return self._client.request(url, byte_range, left_s, self._quiet_s)

    @staticmethod
    def _refuse_documents(name: str, kind: str, head: bytes) -> None:
        if _PAGE.match(head):
            raise AppError(
                f"{name} is a web page, not a video.",
                "Open it in a browser and look for the address of the stream itself; "
                "the camera's manual names it, often as rtsp://….",
            )
        for what, kinds, pattern in _DOCUMENTS:
            if kind in kinds and pattern.match(head):
                raise AppError(f"{name} is {what}, not a video.", "Look for the address of the stream itself.")


def _is_playlist(url: str) -> bool:
    return urlsplit(url).path.lower().endswith((".m3u8", ".m3u"))


class RemoteFile:
    """One file, as FFmpeg reads it.

    Args:
        files: Asked again after a seek.
        response: Its answer.
        start: The place in the file where that begins.
    """

    def __init__(self, files: RemoteFiles, response: http.client.HTTPResponse, start: int = 0) -> None:
        self._files = files
        self._response = response
        self.name = response.geturl()
        self.kind = response.headers.get_content_type()
        self._head = b""
        self._at = self._wanted = start
        length = response.headers.get("Content-Length", "")
        self._size = start + int(length) if length.isdigit() else None
        self._ranges = response.status == 206 or response.headers.get("Accept-Ranges", "").strip().lower() == "bytes"

    def peek(self, size: int) -> bytes:
        """Returns the first bytes without taking them: as many as come, ``size`` at most, none at the end."""
        while len(self._head) < size:
            piece = self._receive(size - len(self._head))
            self._head += piece
            if not piece or b"\n" in self._head.lstrip():
                break
        return self._head

    def peek_all(self, limit: int) -> bytes:
        """Returns all of a small file without taking it: its first ``limit`` bytes at most."""
        while len(self._head) < limit and (piece := self._receive(limit - len(self._head))):
            self._head += piece
        return self._head

    def read(self, size: int) -> bytes:
        """Returns the next bytes, ``size`` at most; none at the end.

        Raises:
            OSError: The connection broke, or was silent for too long.
        """
        if self._wanted != self._at:
            self._go(self._wanted)
        piece = self._take(size)
        self._at += len(piece)
        self._wanted = self._at
        return piece

    def seekable(self) -> bool:
        """Returns whether the server gives parts of the file."""
        return self._ranges and self._size is not None

    def tell(self) -> int:
        """Returns the place of the next byte."""
        return self._wanted

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Continue at another place; FFmpeg's AVSEEK_SIZE asks for the size, -1 where it is not known."""
        if whence == _AVSEEK_SIZE:
            return -1 if self._size is None else self._size
        if whence == io.SEEK_END:
            if self._size is None:
                raise OSError("the size is not known")
            offset += self._size
        elif whence == io.SEEK_CUR:
            offset += self._wanted
        self._wanted = offset
        return offset

    def close(self) -> None:
        """Hang up; idempotent."""
        self._response.close()
        self._files.forget(self)

    def _go(self, place: int) -> None:
        if 0 < place - self._at <= _READ_ON:
            while self._at < place and (piece := self._take(place - self._at)):
                self._at += len(piece)
        if self._at == place:
            return
        self._response.close()
        self._head = b""
        self._response = self._files.request(self.name, f"bytes={place}-")
        if self._response.status != 206:
            raise OSError("the server does not give parts of files")
        self._at = place

    def _take(self, size: int) -> bytes:
        if self._head:
            piece, self._head = self._head[:size], self._head[size:]
            return piece
        return self._receive(size)

    def _receive(self, size: int) -> bytes:
        if time.monotonic() > self._files.give_up_at:
            raise TimeoutError
        try:
            return self._response.read1(size)
        except http.client.HTTPException as error:
            raise OSError("the connection broke") from error
