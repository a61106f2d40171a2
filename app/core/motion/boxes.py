"""Moves boxes with what they hold: a weighted least squares fit of shift and scale to the points inside. Pure numpy.

After the box tracking of MediaPipe: the camera's motion is taken out first, so that a box whose points tell nothing
follows the camera, and one whose object moves on its own follows those points that do.
"""

from __future__ import annotations

import numpy as np

from app.core.motion.frame_motion import FrameMotion
from app.core.motion.similarity import Floats, fit

_MIN_OWN = 0.15  # share of the weight inside a box that must move on its own before the box does
_MAX_GROWTH = 1.08  # a frame
_OWN = 3.0  # standard deviations from the camera's motion
_REACH = 1.0  # of the box's half sides
_PRIOR = np.array([0.3, 0.1, 0.02, 0.02])  # points' worth of "as the camera"


def moved(boxes_xyxy: Floats, motion: FrameMotion) -> Floats:
    """Moves boxes from the first frame of ``motion`` to its second.

    Args:
        boxes_xyxy: Float64[B, 4] pixels.
        motion: Between the two frames; not a cut.

    Returns:
        Float64[B, 4] pixels, in the same order; they may lie outside the frame.
    """
    if not len(boxes_xyxy):
        return boxes_xyxy.copy()
    centre, half = (boxes_xyxy[:, :2] + boxes_xyxy[:, 2:]) / 2, (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]) / 2
    camera_scale = float(np.sqrt(abs(np.linalg.det(motion.camera[:, :2]))))
    shift, growth = motion.camera_shifts(centre), np.full(len(centre), camera_scale)
    if len(motion.points):
        own = _own(centre, half, motion)
        shift = shift + own[:, 2:]
        growth = growth * np.clip(1 + own[:, 0], 1 / _MAX_GROWTH, _MAX_GROWTH)
    centre, half = centre + shift, half * growth[:, None]
    return np.concatenate((centre - half, centre + half), axis=1)


def _own(centre: Floats, half: Floats, motion: FrameMotion) -> Floats:
    """Float64[B, 4]: each box's scale - 1, turn and shift besides the camera's."""
    offset = motion.points[None] - centre[:, None]  # [B, N, 2]
    reach = np.abs(offset) / np.maximum(half, 1.0)[:, None]
    near = np.where((reach < _REACH).all(axis=2), np.exp(-(reach**2).sum(axis=2)), 0.0)  # [B, N]
    rest = motion.shifts - motion.camera_shifts(motion.points)  # [N, 2]
    apart = np.einsum("nj,njk,nk->n", rest, motion.tensors, rest) > (_OWN * motion.point_error) ** 2
    own = near @ apart > _MIN_OWN * near.sum(axis=1)
    found = np.zeros((len(centre), 4))
    if own.any():
        weights = near[own] * apart
        used = weights.any(axis=0)
        found[own] = fit(
            offset[own][:, used], rest[used], motion.tensors[used], weights[:, used], motion.point_error, _PRIOR
        )
    return found
