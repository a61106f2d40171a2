"""What an export has shown so far: counts, and the newest frame, small. An immutable value that crosses threads."""

from __future__ import annotations

from dataclasses import dataclass

from app.core.frames import ImageBGRA


@dataclass(frozen=True, slots=True, eq=False)
class SeenSoFar:
    """The sum of what has been shown.

    Attributes:
        detections: Boxes, over all frames.
        objects: Distinct objects by class; None when they are not followed.
        frame: The newest frame, small; None where nobody looks at it.
    """

    detections: int
    objects: dict[str, int] | None
    frame: ImageBGRA | None = None
