"""The motion from one frame to another as a value, and the camera's part in it. Pure numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.core.motion.similarity import Floats, fit

_MIN_POINTS = 12  # fewer say nothing about the camera
_MAX_TURN = 0.25  # of a similarity's linear part, a frame; more is a wrong fit
_PRIOR = np.array([2.0, 2.0, 0.05, 0.05])  # points' worth of "the camera stands still"


@dataclass(frozen=True, slots=True, eq=False)
class FrameMotion:
    """Where the points of a frame are in another one.

    Attributes:
        points: Float64[N, 2] xy in the first frame, pixels.
        shifts: Float64[N, 2]: how far each went until the second frame, pixels.
        tensors: Float64[N, 2, 2]: how well each shift is known in each direction, eigenvalues 0 to 1; on an edge it is
            known across the edge only.
        camera: Float64[2, 3]: the similarity that takes the still part of the first frame to the second.
        point_error: Standard deviation of a shift, pixels of the frame.
        cut: Whether the second frame shows another scene: nothing goes on from the first, and there are no points.
    """

    points: Floats
    shifts: Floats
    tensors: Floats
    camera: Floats
    point_error: float
    cut: bool = False

    def reversed(self) -> FrameMotion:
        """Returns the motion from the second frame back to the first."""
        turn = np.linalg.inv(self.camera[:, :2])
        camera = np.concatenate((turn, -turn @ self.camera[:, 2:]), axis=1)
        return FrameMotion(self.points + self.shifts, -self.shifts, self.tensors, camera, self.point_error, self.cut)

    def camera_shifts(self, points: Floats) -> Floats:
        """Returns how far the camera alone moves ``points``, Float64[..., 2] pixels."""
        shifts: Floats = points @ self.camera[:, :2].T + self.camera[:, 2] - points
        return shifts


STILL = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def cut() -> FrameMotion:
    """Returns the motion between frames that have nothing in common."""
    return FrameMotion(np.empty((0, 2)), np.empty((0, 2)), np.empty((0, 2, 2)), STILL, 1.0, cut=True)


def camera_of(points: Floats, shifts: Floats, tensors: Floats, error: float) -> Floats:
    """Fits the similarity that most points follow.

    Args:
        points: Float64[N, 2], pixels.
        shifts: Float64[N, 2], pixels.
        tensors: Float64[N, 2, 2], see ``FrameMotion``.
        error: Standard deviation of a shift of the still part, pixels.

    Returns:
        Float64[2, 3]; no motion at all where there are too few points.
    """
    if len(points) < _MIN_POINTS:
        return STILL.copy()
    centre = points.mean(axis=0)
    scale, turn, *shift = fit((points - centre)[None], shifts, tensors, np.ones((1, len(points))), error, _PRIOR)[0]
    if max(abs(scale), abs(turn)) > _MAX_TURN:
        return STILL.copy()
    linear = np.array([[1 + scale, -turn], [turn, 1 + scale]])
    moved: Floats = np.concatenate((linear, (shift + centre - linear @ centre)[:, None]), axis=1)
    return moved
