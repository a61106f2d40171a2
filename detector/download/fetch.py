"""Fetching published weights: resume, limits, checks, and a file that has its name only when it is the right one.

Runs on the caller's thread until done; another thread may set the stop event. What came is kept as ``NAME.part`` when
the connection breaks or the user stops, and thrown away when it turns out to be the wrong thing.
"""

from __future__ import annotations

import contextlib
import re
import threading
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path
from urllib.parse import unquote, urlsplit

from detector.download.connection import DownloadStoppedError, Timeouts
from detector.download.download_progress import Meter, OnProgress
from detector.download.file_check import FetchedFile, check_no_page, compare, verify_file
from detector.download.http_get import CutError, get, web_address
from detector.download.part import DownloadPart, Origin
from detector.download.proxy import split
from detector.errors import DetectorError, Remedy
from detector.safetensors_file import MAX_FILE_BYTES
from detector.spec import WeightsFile

_BLOCK = 1 << 18
_RECONNECTS = 4  # each only after bytes have come; few bytes, for after many there may be any number
MANY_BYTES = 1 << 20
_SLACK = 1.06  # published sizes are rounded
_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")
_BY_FOLDER = Remedy("weights-dir", "DIR")
_EMPTY_RANGE = re.compile(r"bytes \*/([0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class NetworkOptions:
    """The choices of how the network is used.

    Attributes:
        proxy: Address of a proxy; empty for that of the system or the environment.
        mirror: Base address that has the published files under their names; empty for where they were published.
        connect_s: Timeouts for a connection.
        stall_s: Timeouts for the next byte.
    """

    proxy: str = ""
    mirror: str = ""
    connect_s: float = 20.0
    stall_s: float = 30.0


def file_name(weights: WeightsFile) -> str:
    """The published name of the file."""
    return unquote(urlsplit(weights.url).path.rpartition("/")[2])


def address_of(weights: WeightsFile, mirror: str) -> str:
    """Returns where the file is fetched.

    Raises:
        DetectorError: The mirror is no web address.
    """
    base = mirror.strip()
    if not base:
        return weights.url
    how = "Write http://… or https://…, up to the folder that has the files."
    parts = split(base, "The mirror", how)
    if parts.scheme not in ("http", "https"):
        raise DetectorError("The mirror must be an http:// or https:// address.", how)
    path = f"{parts.path.rstrip('/')}/{urlsplit(weights.url).path.rpartition('/')[2]}"
    return parts._replace(path=path, fragment="").geturl()


def fetch(
    weights: WeightsFile,
    target: Path,
    *,
    options: NetworkOptions | None = None,
    remembered: str = "",
    on_progress: OnProgress | None = None,
    stop: threading.Event | None = None,
) -> FetchedFile:
    """Bring the file to ``target``, going on with what an earlier attempt left.

    Args:
        weights: What to fetch.
        target: Final name; the file has it only once it is whole and verified. If it is there already, it is only
            verified, and removed if it is another.
        options: Proxy, mirror and timeouts.
        remembered: SHA-256 of the file when it was first fetched; empty if it never was.
        on_progress: Told at most ten times a second, on this thread.
        stop: Ends the download at once when another thread sets it.

    Raises:
        DetectorError: It cannot be fetched, is not the published file, or does not fit on the disk.
        DownloadStoppedError: ``stop`` was set.
    """
    options = options or NetworkOptions()
    address = address_of(weights, options.mirror)
    web_address(address)
    if target.is_file():
        return _already_here(target, weights, remembered, stop)
    timeouts = Timeouts(stop or threading.Event(), options.connect_s, options.stall_s)
    with DownloadPart(target) as part:
        try:
            _Download(weights, address, options.proxy, timeouts, part, on_progress).run()
        except DownloadStoppedError as error:
            raise DownloadStoppedError(error.message, _kept(part, address)) from error
        except DetectorError as error:
            hint, remedies = (error.hint, error.remedies) if error.hint else (by_hand(weights), (_BY_FOLDER,))
            raise DetectorError(error.message, f"{_kept(part, address)} {hint}".strip(), *remedies) from error
        return _verified(part, weights, remembered)


def _already_here(target: Path, weights: WeightsFile, remembered: str, stop: threading.Event | None) -> FetchedFile:
    """Verifies a file that has its final name; one that is another is removed."""
    try:
        return verify_file(target, weights, remembered, stop)
    except DownloadStoppedError:
        raise
    except DetectorError:
        with contextlib.suppress(OSError):
            target.unlink()
        raise


def _verified(part: DownloadPart, weights: WeightsFile, remembered: str) -> FetchedFile:
    """Gives a whole part its name if it is the published file, else throws it away."""
    name, sha256 = part.target.name, part.sha256()
    try:
        check_no_page(part.start(), name)
        verified = compare(name, sha256, weights, remembered)
    except DetectorError:
        part.discard()
        raise
    part.commit()
    return FetchedFile(part.target, sha256, verified)


def by_hand(weights: WeightsFile) -> str:
    """Returns the hint for when the network does not help."""
    return f"Check the network, the proxy and the mirror; or fetch {weights.url} another way and import the file."


def _kept(part: DownloadPart, address: str) -> str:
    if part.origin(_place(address)) is None:
        return ""
    return f"{part.size / 1e6:.1f} MB are kept; the next download goes on from there."


def _place(address: str) -> str:
    """``address`` without login and query, for a note on the disk."""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


class _Download:
    """One run of ``fetch`` against the server."""

    def __init__(
        self,
        weights: WeightsFile,
        address: str,
        proxy: str,
        timeouts: Timeouts,
        part: DownloadPart,
        on_progress: OnProgress | None,
    ) -> None:
        self._weights = weights
        self._address, self._place = address, _place(address)
        self._host = str(urlsplit(address).hostname)
        self._proxy = proxy
        self._timeouts = timeouts
        self._part = part
        self._meter = Meter(on_progress)
        self._limit = int(weights.size_bytes * _SLACK) if weights.size_bytes else MAX_FILE_BYTES

    def run(self) -> None:
        """Fetch until everything came; a connection that breaks is made anew as long as it brought something."""
        poor = 0
        while poor <= _RECONNECTS:
            before = self._part.size
            try:
                if self._attempt(self._part.origin(self._place)):
                    return
            except CutError as cut:
                brought = self._part.size - before
                if brought >= MANY_BYTES:
                    poor = 0
                    continue
                if brought <= 0 or poor == _RECONNECTS:
                    raise DetectorError(f"The connection to {self._host} {cut}.") from cut
            poor += 1
        raise DetectorError(f"{self._host} contradicts itself about what it has.")

    def _attempt(self, origin: Origin | None) -> bool:
        """One request. False if the server refuses to go on where the part ends: it is empty then."""
        headers = {}
        if origin is not None:
            headers = {"Range": f"bytes={self._part.size}-", "If-Range": origin.validator}
        with get(self._address, headers, self._proxy, self._timeouts) as response:
            if origin is not None and response.status == 416:
                whole = _EMPTY_RANGE.fullmatch(response.getheader("Content-Range", ""))
                if whole and int(whole[1]) == self._part.size:
                    return True  # everything was there; only the last step was missing
                return self._forget()
            self._check_status(response)
            if response.status == 206:
                if origin is None or not _goes_on(response, origin, self._part.size):
                    return self._forget()
                total = origin.total
            else:
                total = response.length
                self._part.restart(Origin(self._place, _validator(response), total))
            self._receive(response, total)
        return True

    def _forget(self) -> bool:
        self._part.restart(Origin(self._place, "", None))
        return False

    def _check_status(self, response: HTTPResponse) -> None:
        """Refuse everything but the file, whole or the rest of it."""
        status, name = response.status, file_name(self._weights)
        if status in (404, 410):
            raise DetectorError(f"{self._host} does not have {name} ({status}).")
        if status in (401, 403):
            raise DetectorError(f"{self._host} does not give {name} out ({status}).")
        if status in (408, 429) or status >= 500:
            raise DetectorError(f"{self._host} cannot serve {name} now ({status}).", "Try again later.")
        if status not in (200, 206):
            raise DetectorError(f"{self._host} answers with status {status} instead of {name}.")
        if response.getheader("Content-Type", "").lower().startswith(("text/html", "application/xhtml")):
            check_no_page(b"<html", name)
        if response.getheader("Content-Encoding", "identity").lower() not in ("identity", ""):
            raise DetectorError(f"{self._host} sends {name} packed, which was not asked for.")

    def _receive(self, response: HTTPResponse, total: int | None) -> None:
        """Append the body to the part."""
        part, name = self._part, file_name(self._weights)
        if (total or 0) > self._limit:
            raise DetectorError(f"{self._host} offers {total or 0:,} bytes as {name}, which is far too much.")
        part.check_space(total)
        self._meter.show(part.size, total, force=True)
        while block := response.read1(_BLOCK):
            if part.size + len(block) > self._limit:
                part.discard()
                raise DetectorError(f"{self._host} sends more than {name} can have; it was thrown away.")
            part.write(block)
            self._meter.show(part.size, total)
        if response.length or (total is not None and part.size < total):
            raise CutError("broke off")
        if total is not None and part.size > total:
            part.discard()
            raise DetectorError(f"{self._host} contradicts itself about what it has.")
        if not part.size:
            raise DetectorError(f"{self._host} sent an empty file.")
        self._meter.show(part.size, total, force=True)


def _validator(response: HTTPResponse) -> str:
    """Returns a strong ETag, else the date of the last change: either tells later whether the file is the same."""
    etag = response.getheader("ETag", "")
    return etag if etag.startswith('"') else response.getheader("Last-Modified", "")


def _goes_on(response: HTTPResponse, origin: Origin, size: int) -> bool:
    """Returns whether a 206 is the rest of the very file the part is of."""
    found = _RANGE.fullmatch(response.getheader("Content-Range", ""))
    if found is None or int(found[1]) != size:
        return False
    if origin.total is not None and found[3] not in ("*", str(origin.total)):
        return False
    return _validator(response) in ("", origin.validator)
