"""Options for what an export makes of objects beyond their boxes: numbers, snapshots, clips. Immutable."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path


@dataclass(frozen=True, slots=True)
class HighlightOptions:
    """Numbers, snapshots and clips to make.

    Attributes:
        tracks: Number the objects, show the numbers in the labels, write them into the data files.
        frames_every_s: Annotated sets (COCO, VOC, YOLO) hold the images of frames this many seconds apart, 0 for
            all; None for no images.
        snapshots: Folder for the best image of each object; None for none.
        snapshot_classes: Classes to take snapshots of; empty for all.
        clips: Folder for the videos around appearances; None for none.
        clip_classes: Classes to cut clips of, each for itself.
        before_s: Seconds a clip begins before its object appears.
        after_s: Seconds it goes on after the object is gone.
    """

    tracks: bool = False
    frames_every_s: Fraction | None = None
    snapshots: Path | None = None
    snapshot_classes: tuple[str, ...] = ()
    clips: Path | None = None
    clip_classes: tuple[str, ...] = ()
    before_s: Fraction = Fraction(2)
    after_s: Fraction = Fraction(2)

    @property
    def follows(self) -> bool:
        """Returns whether objects are numbered, be it only to take one image of each."""
        return self.tracks or self.snapshots is not None

    def renamed(self, name: Callable[[Path], Path]) -> HighlightOptions:
        """The same in other folders."""
        return replace(
            self,
            snapshots=None if self.snapshots is None else name(self.snapshots),
            clips=None if self.clips is None else name(self.clips),
        )

    def folders(self) -> Iterator[Path]:
        """The folders to write."""
        if self.snapshots is not None:
            yield self.snapshots
        if self.clips is not None:
            yield self.clips
