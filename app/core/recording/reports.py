"""A recorder's plan and its reports. Immutable."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from app.core.recording.folder import FolderLimits

Kind = Literal["recording", "clip"]


@dataclass(frozen=True, slots=True)
class RecorderPlan:
    """The recording of one source, as planned.

    Attributes:
        title: The source's name, without secrets.
        folder: For everything that comes, in segments; None to record clips alone.
        clips: Where clips go; None for none.
        segment_s: A segment ends with the first key frame after so long.
        segment_bytes: ... or after so much.
        pre_roll_s: How far back a clip may begin.
        limits: Of each folder.
        min_free: Bytes that stay free on the disk.
    """

    title: str
    folder: Path | None = None
    clips: Path | None = None
    segment_s: float = 600.0
    segment_bytes: int = 2_000_000_000
    pre_roll_s: float = 0.0
    limits: FolderLimits = field(default_factory=FolderLimits)
    min_free: int = 200_000_000


@dataclass(frozen=True, slots=True)
class FileBegun:
    """A file grows from now on, under its name with ``.part`` behind it."""

    path: Path
    kind: Kind


@dataclass(frozen=True, slots=True)
class FileFinished:
    """A file is whole.

    Attributes:
        path: It.
        kind: What it is.
        began_ns: ``time.monotonic_ns()`` at which its first frame arrived.
        seconds: Time of its last frame; up to 2 s less may be there where it could not be ended.
        events: What it shows, of a clip.
    """

    path: Path
    kind: Kind
    began_ns: int
    seconds: float
    events: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ClipFailed:
    """There is no clip of these events, or it ends early."""

    events: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RecordingPaused:
    """Nothing is written for now; it goes on by itself.

    Attributes:
        message: Why, one line.
        hint: What to do, one line; may be empty.
    """

    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class RecordingResumed:
    """Writing goes on."""


RecorderReport = FileBegun | FileFinished | ClipFailed | RecordingPaused | RecordingResumed
