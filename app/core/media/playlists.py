"""Which files of this computer a playlist may lead to, and which formats may lead anywhere at all.

FFmpeg goes by a file's content: a text called holiday.mp4 may be a playlist that reads other files, of this computer or
of the network, and shows them. So playlists are read as such under their own names only, and lead only to files in
their own folder and those below.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import av

from app.core.errors import AppError

HLS_SUFFIXES = (".m3u8", ".m3u")
CONCAT_SUFFIXES = (".ffconcat", ".concat")
_OTHERS = (".mpd", ".xspf", ".pls", ".asx", ".wpl", ".sdp", ".smil", ".ram", ".cue")
_LEADING = ("concat", "hls", "dash", "imf", "sdp", "rtsp", "rtp", "sap", "lavfi", "vobsub", "webm_dash_manifest")
"""FFmpeg's formats that open more than they are given."""
_MAX_BYTES = 4_000_000
_MAX_NESTED = 4
_URI = re.compile(r'URI\s*=\s*(?:"([^"]*)"|([^",\s]+))', re.IGNORECASE)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+[:,]", re.IGNORECASE)
_CONCAT_FILE = re.compile(r"file\s+(.*)")
_CONCAT_MAGIC = "ffconcat version"


def _formats(*but: str) -> str:
    return ",".join(sorted(name for name in av.formats_available if name not in _LEADING or name in but))


LOCAL_FORMATS = _formats()
"""FFmpeg's formats that a file may have: those that lead nowhere."""
REMOTE_FORMATS = _formats("hls")


def local_options(path: Path) -> tuple[str | None, dict[str, str]]:
    """Returns FFmpeg's format, or None to find out, and the options to open a file of this computer with.

    Raises:
        AppError: It is a playlist that leads elsewhere than below its folder, or of a kind that is not read.
        OSError: It cannot be read.
    """
    suffix = path.suffix.lower()
    options = {"protocol_whitelist": "file", "format_whitelist": LOCAL_FORMATS, "pattern_type": "none"}
    if suffix in HLS_SUFFIXES:
        _check_hls(path, path.parent.resolve(), _MAX_NESTED, {path.resolve(): _MAX_NESTED})
        # "crypto" decrypts segments of which both file and key were checked.
        return "hls", options | {"protocol_whitelist": "file,crypto", "format_whitelist": _formats("hls")}
    if suffix in CONCAT_SUFFIXES:
        _check_concat(path, path.parent.resolve(), {path.resolve()})
        return "concat", options | {"format_whitelist": _formats("concat"), "safe": "1"}
    return None, options


def refuse_disguised(path: Path) -> None:
    """Say what a file is that could not be opened as the video that its name promises.

    Raises:
        AppError: It is a playlist, or was to be one.
    """
    suffix = path.suffix.lower()
    try:
        with path.open("rb") as file:
            head = file.read(512).decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    except OSError:
        return
    if suffix in _OTHERS:
        raise AppError(f"{path.name} is a playlist or description of a kind that is not read.", "Open what it names.")
    if suffix in HLS_SUFFIXES + CONCAT_SUFFIXES:
        raise AppError(
            f"{path.name} cannot be read.", "It is damaged, or a file that it names is not there or holds no video."
        )
    if head.startswith(("#EXTM3U", _CONCAT_MAGIC)):
        kind, right = ("an HLS playlist", ".m3u8") if head.startswith("#") else ("a list of FFmpeg", ".ffconcat")
        raise AppError(
            f"{path.name} is {kind}, not a video: it names other files.",
            f"If you trust it, give it a name that ends in {right}.",
        )
    if head.startswith("v=0"):
        raise AppError(f"{path.name} describes a stream of the network.", "Open the stream's own address.")


def _check_hls(path: Path, folder: Path, nested: int, checked: dict[Path, int]) -> None:
    """Follows a playlist as FFmpeg would.

    Args:
        path: The playlist.
        folder: Nothing may lie elsewhere.
        nested: How many more playlists deep it may lead.
        checked: The playlists below that were looked at, and how deep they might lead then: one that is met again
            further down, itself perhaps, has to be looked at again.
    """
    for line in _lines(path):
        attributes = line.startswith("#")
        for name in [first or second for first, second in _URI.findall(line)] if attributes else [line]:
            target = _check_below(path, name, folder)
            if target.suffix.lower() in HLS_SUFFIXES and target.is_file():
                if not nested:
                    raise AppError(f"{path.name} leads to playlists within playlists.", "That is refused.")
                if nested - 1 < checked.get(target, nested):
                    checked[target] = nested - 1
                    _check_hls(target, folder, nested - 1, checked)


def _check_concat(path: Path, folder: Path, checked: set[Path]) -> None:
    for line in _lines(path):
        found = _CONCAT_FILE.match(line)
        if found is None:
            continue
        target = _check_below(path, _unquoted(found[1]), folder)
        if target in checked or not target.is_file():
            continue
        checked.add(target)
        with target.open("rb") as file:
            if file.read(len(_CONCAT_MAGIC)) == _CONCAT_MAGIC.encode():
                raise AppError(f"{path.name} leads to lists within lists ({target.name}).", "That is refused.")


def _check_below(playlist: Path, name: str, folder: Path) -> Path:
    if _SCHEME.match(name):
        raise AppError(
            f"{playlist.name} leads to {name.partition(':')[0]}: addresses are refused in a file's playlist.",
            "Open the address itself.",
        )
    # FFmpeg takes ".." out of the text, the system follows links first: neither may lead outside.
    target, as_text = (playlist.parent / name).resolve(), Path(os.path.normpath(playlist.parent.resolve() / name))
    if not target.is_relative_to(folder) or not as_text.is_relative_to(folder):
        raise AppError(
            f"{playlist.name} leads to a file outside its folder ({Path(name).name}).",
            "That is refused; move the files below the playlist's folder.",
        )
    return target


def _lines(path: Path) -> list[str]:
    with path.open("rb") as file:
        content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise AppError(f"{path.name} is larger than a playlist can be.")
    text = content.decode("utf-8", "surrogateescape").lstrip("\ufeff")
    # As FFmpeg splits lines, and no further: Python knows more line ends.
    return [line for part in re.split(r"[\r\n\0]", text) if (line := part.strip(" \t"))]


def _unquoted(text: str) -> str:
    """Returns the first word of an ffconcat line: quotes, and backslashes before single characters."""
    word, quoted, escaped = [], False, False
    for character in text:
        if escaped:
            word.append(character)
            escaped = False
        elif character == "\\" and not quoted:
            escaped = True
        elif character == "'":
            quoted = not quoted
        elif character in " \t" and not quoted:
            break
        else:
            word.append(character)
    return "".join(word)
