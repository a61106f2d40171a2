"""The request, progress and report of an export. Immutable values; they cross threads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from app.core.counts import found_text
from app.core.errors import AppError
from app.core.events.scene import IgnoreMask
from app.core.export.seen import SeenSoFar
from app.core.export.tally import TrackSummary
from app.core.frames import ImageBGRA
from app.core.highlights.options import HighlightOptions
from app.core.muxing.video_options import VideoOptions
from app.core.settings import DetectionSettings, ModelSettings, OverlaySettings

CachePolicy = Literal["keep", "drop", "only"]
AUTO = 0
"""``detect_every`` as "auto": as often as objects need it, whatever the frame rate."""
MAX_DETECT_EVERY = 60


class ExportCancelledError(AppError):
    """The user stopped the export; nothing was left under the final names. What was found stays for the next run."""


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file of detections to write.

    Attributes:
        path: Where.
        format: A name of ``app.core.records.formats.FORMATS``.
    """

    path: Path
    format: str


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """One video to annotate, with a snapshot of all settings.

    Attributes:
        source: The video; only ever read.
        output: The annotated MP4, MKV or WebM; None for data files alone. An existing file is
            replaced when the export is done.
        data: Data files to write.
        model: The detector and its device.
        detection: Threshold, overlap, classes.
        overlay: Appearance of boxes.
        video: Quality, encoder and deinterlacing of the video.
        cache: "keep" uses what earlier runs of this model found in this video, and keeps what is found now;
            "drop" keeps it only until the files are there, so that an interrupted job can go on; "only" renders from
            what is kept, and opens no model: ``model.name`` then says whose, "" the newest.
        highlights: What else is made of the objects: numbers, snapshots, clips.
        resume: Whether what an interrupted run left is gone on with; otherwise it is left alone, for a later one.
        detect_every: N: the network sees every Nth frame, and motion carries boxes between; or ``AUTO``.
        analysis: Folder in which the detections are kept of a run that writes nothing else; None for any other run.
        masks: Where nothing is found; they act before objects are followed, and not on what is kept.
    """

    source: Path
    output: Path | None
    data: tuple[DataFile, ...] = ()
    model: ModelSettings = field(default_factory=ModelSettings)
    detection: DetectionSettings = field(default_factory=DetectionSettings)
    overlay: OverlaySettings = field(default_factory=OverlaySettings)
    video: VideoOptions = field(default_factory=VideoOptions)
    cache: CachePolicy = "keep"
    highlights: HighlightOptions = field(default_factory=HighlightOptions)
    resume: bool = True
    detect_every: int = 1
    analysis: Path | None = None
    masks: tuple[IgnoreMask, ...] = ()

    @property
    def store_folder(self) -> Path:
        """The folder in which the detections are kept."""
        return self.analysis or next(self.targets(), self.source).parent

    def targets(self) -> Iterator[Path]:
        """The files and folders it writes beside the kept detections."""
        if self.output is not None:
            yield self.output
        yield from (data.path for data in self.data)
        yield from self.highlights.folders()


@dataclass(frozen=True, slots=True)
class ExportProgress:
    """The progress of an export.

    Attributes:
        stage: "opening" (model and file), "running", "finishing" (the files get their names), "paused" (by the user,
            or until there is room on the disk).
        frames_done: Frames written.
        frames_total: Frames in all, as the file says; None when it does not.
        frames_per_s: Mean rate since the first frame; 0 before.
        eta_s: Seconds to go; None when unknown.
        remark: What a person should know now, one line: why it is paused, that it goes on from where an earlier run
            stopped, that the disk may become full; "" for nothing.
        seen: What was found so far; None before the first frame.
    """

    stage: Literal["opening", "running", "finishing", "paused"]
    frames_done: int = 0
    frames_total: int | None = None
    frames_per_s: float = 0.0
    eta_s: float | None = None
    remark: str = ""
    seen: SeenSoFar | None = None

    @property
    def found(self) -> str:
        """Returns what was found so far, in words; "" before the first frame."""
        return "" if self.seen is None else found_text(self.seen.detections, self.frames_done, self.seen.objects)


@dataclass(frozen=True, slots=True)
class ExportReport:
    """The result of an export.

    Attributes:
        source: The video.
        output: The annotated file, if any.
        data: Data files.
        model: Name of the model.
        device: Where it ran.
        precision: What it computed in.
        frames: Frames written.
        detections: Boxes shown, over all frames; an object that is seen in many frames counts as often.
        counts: The same by class name.
        seconds: From start to finished files.
        encoder: FFmpeg's name of the video encoder; "" without a video.
        damaged_packets: Pieces of the source that could not be decoded.
        notes: What the user should know, one line each; empty when the copy is complete and as asked.
        frames_known: Frames whose objects an earlier run had found; the network did not run on them.
        cache: The kept detections; None when none are kept.
        cache_bytes: Their size.
        objects: Distinct objects by class name, each counted once; None when objects were not followed.
        seen: Each of them, with its times.
        folders: Snapshots and clips.
        telling_frame: The frame with the most detections, small; None where there were none, or nobody looks.
    """

    source: Path
    output: Path | None
    data: tuple[Path, ...]
    model: str
    device: str
    precision: str
    frames: int
    detections: int
    counts: dict[str, int]
    seconds: float
    encoder: str
    damaged_packets: int
    notes: tuple[str, ...]
    frames_known: int = 0
    cache: Path | None = None
    cache_bytes: int = 0
    objects: dict[str, int] | None = None
    seen: tuple[TrackSummary, ...] = ()
    folders: tuple[Path, ...] = ()
    telling_frame: ImageBGRA | None = field(default=None, compare=False, repr=False)

    @property
    def found(self) -> str:
        """The finds in words: "8 vehicles" where objects were followed, else "232 detections in 180 frames"."""
        return found_text(self.detections, self.frames, self.objects)

    def as_dict(self) -> dict[str, Any]:
        """Returns plain values for JSON."""
        return {
            "path": str(self.source),
            "output": None if self.output is None else str(self.output),
            "data": [str(path) for path in self.data],
            "frames": self.frames,
            "detections": self.detections,
            "counts": self.counts,
            "seconds": round(self.seconds, 3),
            "frames_per_s": round(self.frames / self.seconds, 2) if self.seconds > 0 else 0.0,
            "encoder": self.encoder,
            "damaged_packets": self.damaged_packets,
            "notes": list(self.notes),
            "frames_known": self.frames_known,
            "cache": None if self.cache is None else str(self.cache),
            "cache_bytes": self.cache_bytes,
            "objects": self.objects,
            "tracks": [seen.as_dict() for seen in self.seen],
            "folders": [str(path) for path in self.folders],
        }
