"""A request to watch sources, and what to make of them. Immutable."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from app.core.alarms.rules import Rule
from app.core.events.scene import Scene
from app.core.recording.folder import FolderLimits
from app.core.recording.reports import RecorderPlan
from app.core.settings import DetectionSettings, ModelSettings

Mode = Literal["clean", "drawn", "both"]
_FOUND_AFTER_S = 2.0
"""An object has a number only after it was seen for a moment, and a frame takes a while to be looked at."""


@dataclass(frozen=True, slots=True)
class WatchRequest:
    """What to do with each source.

    Attributes:
        model: What looks for objects.
        detection: What counts as one.
        rules: What is an event.
        scene: Zones and masks.
        record: Folder for everything that comes; None for none.
        mode: What is recorded: what came, what came with its boxes drawn, or both.
        clips: Folder for clips and snapshots of events; None for none.
        before_s: Seconds that a clip begins before its event.
        after_s: Seconds that it goes on after.
        segment_s: Length of a recording, seconds.
        segment_bytes: Its size.
        limits: Of each folder.
        min_free: Bytes that stay free on the disk.
        virtual_camera: Whether other programs see its frames with their boxes, as a camera.
    """

    model: ModelSettings
    detection: DetectionSettings
    rules: tuple[Rule, ...] = ()
    scene: Scene = field(default_factory=Scene)
    record: Path | None = None
    mode: Mode = "clean"
    clips: Path | None = None
    before_s: float = 5.0
    after_s: float = 10.0
    segment_s: float = 600.0
    segment_bytes: int = 2_000_000_000
    limits: FolderLimits = field(default_factory=FolderLimits)
    min_free: int = 200_000_000
    virtual_camera: bool = False

    def plan(self, title: str, drawn: bool) -> RecorderPlan | None:
        """Returns what one of the two recorders of a source is to do; None where it has nothing to do.

        Args:
            title: The source's name, without secrets.
            drawn: Whether it is the one that records frames with their boxes.
        """
        folder = self.record if self.mode in ("drawn" if drawn else "clean", "both") else None
        clipped = self.clips is not None and any(rule.keeps_clips for rule in self.rules)
        clips = self.clips if clipped and drawn == (self.mode == "drawn") else None
        if folder is None and clips is None:
            return None
        longest_s = max((rule.for_s for rule in self.rules if rule.what == "seen"), default=0.0)
        name = f"{title}-drawn" if drawn and self.mode == "both" else title
        pre_roll_s = self.before_s + longest_s + _FOUND_AFTER_S
        limits = (self.segment_s, self.segment_bytes, pre_roll_s, self.limits, self.min_free)
        return RecorderPlan(name, folder, clips, *limits)
