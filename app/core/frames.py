"""The values that travel from source to screen. Immutable: they cross threads."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
import numpy.typing as npt

from detector.detections import Candidates
from detector.runtime.base import AnyFrame, on_host

ImageBGR = npt.NDArray[np.uint8]
"""UInt8[H, W, 3]."""

ImageBGRA = npt.NDArray[np.uint8]
"""UInt8[H, W, 4], byte order of QImage.Format_RGB32 on little-endian machines; alpha 255."""

SourceKind = Literal["camera", "video", "stream", "screen", "image", "folder"]
LIVE_KINDS: frozenset[SourceKind] = frozenset({"camera", "stream", "screen"})
"""Sources without a beginning or an end of their own."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One upright frame.

    Attributes:
        image_bgr: UInt8[H, W, 3], read-only, contiguous.
        image_bgra: The same frame ready to paint; made on the capture thread.
        index: Running number in the source, from 0.
        pts_s: Presentation time in seconds from the source's start, exact; None for a live camera.
        captured_ns: ``time.monotonic_ns()`` when the frame left the device or decoder.
        name: File name, for images of a folder.
        jumps: How often a file was played from elsewhere before it; the scene goes on while this stays the same.
    """

    image_bgr: ImageBGR
    image_bgra: ImageBGRA
    index: int
    pts_s: Fraction | None
    captured_ns: int
    name: str = ""
    jumps: int = 0

    @property
    def width(self) -> int:
        return int(self.image_bgr.shape[1])

    @property
    def height(self) -> int:
        return int(self.image_bgr.shape[0])

    @property
    def time_s(self) -> Fraction:
        """Its time, seconds: of presentation in a file, else of a clock that never goes back."""
        return self.pts_s if self.pts_s is not None else Fraction(self.captured_ns, 1_000_000_000)


def crop_of(frame: Frame, box: tuple[float, ...]) -> tuple[int, int, int, int]:
    """Returns the whole pixels that a box, x1 y1 x2 y2, touches within the frame; at least one."""
    x1, y1 = min(max(0, int(box[0])), frame.width - 1), min(max(0, int(box[1])), frame.height - 1)
    return x1, y1, max(x1 + 1, min(frame.width, math.ceil(box[2]))), max(y1 + 1, min(frame.height, math.ceil(box[3])))


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """Facts about an object that is followed; times as ``Frame.time_s``.

    Attributes:
        first_s: When it was first detected.
        last_s: When it was last detected.
        missed: The network did not find it when it looked last; motion alone says where it is.
    """

    first_s: float
    last_s: float
    missed: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class FrameResult:
    """A frame and what was found in it; the two never part, so boxes always lie on the frame they belong to.

    Attributes:
        frame: The frame.
        candidates: What the network left; None while no model was ready for this frame.
        labels: Class names that the candidates' ids index.
        model: Name of the model that ran; "" with no candidates.
        detect_ms: Time in the detector for this frame, milliseconds.
        detected_ns: ``time.monotonic_ns()`` when the result was ready.
        followed: The network saw an earlier frame; motion brought the boxes here.
        numbers: Number of each candidate's object, None while it has none; empty where nothing was followed. No two
            objects of a source have the same.
        objects: What is known of each candidate's object, None while it has no number; empty likewise.
        so_far: Different objects by class, one for each label, since the source began, jumped or changed its model;
            empty where nothing was followed.
        seen: Where ``followed``: the earlier frame, with what the network found in it; the same for all frames until
            its next answer.
    """

    frame: Frame
    candidates: Candidates | None
    labels: tuple[str, ...] = ()
    model: str = ""
    detect_ms: float = 0.0
    detected_ns: int = 0
    followed: bool = False
    numbers: tuple[int | None, ...] = ()
    objects: tuple[ObjectFacts | None, ...] = ()
    so_far: tuple[int, ...] = ()
    seen: FrameResult | None = None

    def unseen_s(self, row: int) -> float:
        """For how long the network has not found the object of a candidate, seconds; 0 where it did when it looked."""
        facts = self.objects[row] if self.objects else None
        return max(0.0, float(self.frame.time_s) - facts.last_s) if facts is not None and facts.missed else 0.0


@dataclass(frozen=True, slots=True)
class FrameConversion:
    """How a decoded frame was converted, and what it is.

    Attributes:
        turned: Rows became columns.
        curve: "PQ" or "HLG" where that was brought down to BT.709; "" otherwise.
        hdr_left: HDR of a kind that is not understood; the frame is left as it is.
        fields: Interlaced and still so: which half of the lines comes first; "" for whole frames.
    """

    turned: bool = False
    curve: str = ""
    hdr_left: bool = False
    fields: Literal["", "top", "bottom"] = ""


UNCHANGED = FrameConversion()


@dataclass(frozen=True, slots=True, eq=False)
class DecodedFrame:
    """A decoded frame for an export.

    Attributes:
        image: UInt8[H, W, 3], upright, contiguous; or the same on a graphics card, in an analysis that paints nothing.
        index: Running number, from 0.
        pts_s: Seconds from the first frame, exact.
        conversion: What was done to it; the same for all frames of a file.
    """

    image: AnyFrame
    index: int
    pts_s: Fraction
    conversion: FrameConversion = UNCHANGED

    @property
    def image_bgr(self) -> ImageBGR:
        """UInt8[H, W, 3] in host memory; fetched at each call where it lies on a card."""
        return on_host(self.image)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, pixels."""
        height, width = self.image.shape[:2]
        return width, height


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """The properties of an open source.

    Attributes:
        kind: What it is.
        name: For people: camera name, file name, URL without its password.
        width: Pixels, upright.
        height: Pixels, upright.
        fps: Nominal frames per second; None when unknown (never guessed).
        duration_s: Length of a file; None for a live source.
        frame_count: Frames or images; None when unknown.
        seekable: Whether pause, seek and step apply.
    """

    kind: SourceKind
    name: str
    width: int
    height: int
    fps: Fraction | None = None
    duration_s: Fraction | None = None
    frame_count: int | None = None
    seekable: bool = False

    @property
    def frames_expected(self) -> int | None:
        """``frame_count``, or else reckoned from length and rate; None when neither can be told."""
        if self.frame_count is None and self.duration_s is not None and self.fps is not None:
            return round(self.duration_s * self.fps)
        return self.frame_count
