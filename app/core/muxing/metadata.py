"""Carries over what a file says about itself: titles, dates, languages, chapters, attachments, time code.

Reads one container and sets up another, before its header is written. Owned by ``ssdv-export-write``.
"""

from __future__ import annotations

import logging
from fractions import Fraction
from typing import Any

import av
from av.container import InputContainer, OutputContainer

from app.core.muxing.video_options import MKV, MP4, ContainerKind

log = logging.getLogger(__name__)

# About the old file's making rather than its content, and no longer true of the copy.
_STALE = frozenset(
    ("major_brand", "minor_version", "compatible_brands", "encoder", "encoding_tool", "rotate", "duration", "vendor_id",
     "source_id", "timecode")
)  # fmt: skip
_STALE_STARTS = ("_statistics", "bps", "number_of_", "variant_bitrate", "duration-")
# What an MP4 keeps in the place where every player looks. Anything else needs QuickTime's place, which fewer know.
_COMMON = frozenset(
    ("title", "artist", "album_artist", "composer", "album", "date", "comment", "genre", "copyright", "grouping",
     "lyrics", "description", "synopsis", "show", "episode_id", "network", "keywords", "creation_time", "location",
     "location-eng", "media_type", "hd_video", "language")
)  # fmt: skip


def still_true(metadata: dict[str, str]) -> dict[str, str]:
    """The part of ``metadata`` that is true of a copy as well."""
    return {
        key.lower() if key.isupper() else key: value  # Matroska shouts
        for key, value in metadata.items()
        if key.lower() not in _STALE and not key.lower().startswith(_STALE_STARTS) and "\0" not in value
    }


def muxer_options(source: InputContainer | None, container: ContainerKind, common_clock: int) -> dict[str, str]:
    """Settings of the muxer with which times and descriptions survive."""
    if container is not MP4:
        # Sound may begin before 0, to prime its decoder; moved to 0, everything else would move with it.
        return {"avoid_negative_ts": "disabled"}
    # MP4 states when each track starts in ticks of a clock of its own, by default milliseconds: too coarse.
    options = {"movie_timescale": str(common_clock)}
    if source is not None and set(map(str.lower, still_true(source.metadata))) - _COMMON:
        options["movflags"] = "+use_metadata_tags"
    return options


def describe(source: Any, target: Any) -> None:
    """Language, title and role of a track (any ``av.Stream``)."""
    described = still_true(source.metadata)
    described.pop("creation_time", None)
    target.metadata.update(described)
    target.disposition = source.disposition


def describe_file(
    source: InputContainer, copy: OutputContainer, container: ContainerKind, origin_s: Fraction
) -> list[str]:
    """Carry over descriptions, chapters and attachments.

    Returns:
        A line for each thing that is left out.
    """
    copy.metadata.update(still_true(source.metadata))
    chapters = []
    for chapter in source.chapters():
        base = chapter["time_base"]
        if base and chapter["end"] >= chapter["start"]:
            shift = round(origin_s / base)
            moved = {"start": max(0, chapter["start"] - shift), "end": max(0, chapter["end"] - shift)}
            chapters.append({**chapter, **moved})
    if chapters:
        copy.set_chapters(chapters)  # type: ignore[arg-type] # the same keys as it gives
    return _attach(source, copy, container)


def _attach(source: InputContainer, copy: OutputContainer, container: ContainerKind) -> list[str]:
    files = list(source.streams.attachments)
    if not files:
        return []
    if container is not MKV:
        return [f"{_count(len(files), 'attached file')} left out: {container.name} cannot hold them. Matroska can."]
    for number, file in enumerate(files, 1):
        name = file.metadata.get("filename", f"attachment-{number}")
        copy.add_attachment(name, file.mimetype or "application/octet-stream", file.data)
    return []


def time_code(source: InputContainer) -> str:
    """Time code of the first frame ("01:00:00:00"); "" where there is none."""
    places = [source.metadata, *(stream.metadata for stream in source.streams)]
    return next((place["timecode"] for place in places if place.get("timecode")), "")


def tracks_left_out(source: InputContainer, main: av.VideoStream | None) -> list[str]:
    """Lines about cover images and further video tracks, and about what is neither video, sound nor text."""
    others = [stream for stream in source.streams.video if main is None or stream.index != main.index]
    covers = [s for s in others if s.disposition & av.stream.Disposition.attached_pic]
    lines = [f"{_count(len(covers), 'cover image')} left out."] if covers else []
    more = len(others) - len(covers)
    # Chapters and the time code lie in tracks of their own, and are made anew.
    data = len(source.streams.data) - bool(source.chapters()) - bool(time_code(source))
    return [
        *lines,
        *([f"{_count(more, 'further video track')} left out."] if more else []),
        *([f"{_count(data, 'data track')} left out."] if data > 0 else []),
    ]


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
