"""Fits similarities (scale, turn and shift) to the shifts of points, robustly, for many sets of points at once.

Least squares by the structure tensor: a point on an edge tells only how far it went across the edge, so its shift
counts in that direction alone, and edges serve as well as corners (the aperture problem; Horn and Schunck, 1981).
Robust by reweighting with a width that narrows round by round (Geman-McClure with graduated non-convexity).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_ROUNDS = 5


def fit(points: Floats, shifts: Floats, tensors: Floats, weights: Floats, error: float, prior: Floats) -> Floats:
    """Fits one similarity for each row of ``weights``.

    Args:
        points: Float64[B, N, 2] or [1, N, 2]: the points from the origin of each set, pixels.
        shifts: Float64[N, 2], pixels.
        tensors: Float64[N, 2, 2]: how well each shift is known in each direction, eigenvalues 0 to 1.
        weights: Float64[B, N]: how far each point belongs to each set.
        error: Standard deviation of a shift, pixels.
        prior: Float64[4]: weight of "no scale, no turn, no shift in x, in y" against that of one point.

    Returns:
        Float64[B, 4]: scale - 1, turn, shift in x and in y of each set's origin, pixels.
    """
    x, y = points[..., 0], points[..., 1]
    a, b, c = tensors[:, 0, 0], tensors[:, 0, 1], tensors[:, 1, 1]
    gx, gy = a * shifts[:, 0] + b * shifts[:, 1], b * shifts[:, 0] + c * shifts[:, 1]
    scale = np.maximum((weights * (x**2 + y**2)).sum(1) / np.maximum(weights.sum(1), 1e-9), 1.0)
    damping = np.zeros((len(weights), 4, 4))
    damping[:, 0, 0], damping[:, 1, 1] = prior[0] * scale, prior[1] * scale
    damping[:, 2, 2], damping[:, 3, 3] = prior[2], prior[3]
    moment = _moments(x, y, a, b, c)  # ten of the 4 x 4 normal matrix, each [B, N]
    right = np.broadcast_arrays(x * gx + y * gy, x * gy - y * gx, gx, gy)
    fitted = _solve(moment, right, weights, damping)
    width = None
    for share in np.geomspace(1.0, 0.15, _ROUNDS):
        rx = shifts[:, 0] - (fitted[:, :1] * x - fitted[:, 1:2] * y + fitted[:, 2:3])
        ry = shifts[:, 1] - (fitted[:, 1:2] * x + fitted[:, :1] * y + fitted[:, 3:])
        off = a * rx**2 + 2 * b * rx * ry + c * ry**2
        if width is None:
            width = 2 * np.sqrt((weights * off).sum(1) / np.maximum(weights.sum(1), 1e-9))
        narrow = np.maximum(2 * error, share * width)[:, None]
        fitted = _solve(moment, right, weights / (1 + off / narrow**2) ** 2, damping)
    return fitted


def _moments(x: Floats, y: Floats, a: Floats, b: Floats, c: Floats) -> list[Floats]:
    """The upper triangle of each point's normal matrix, for rows (x, y), (-y, x), (1, 0), (0, 1)."""
    ones = np.ones_like(x)
    return [
        a * x**2 + 2 * b * x * y + c * y**2,
        b * (x**2 - y**2) + (c - a) * x * y,
        a * x + b * y,
        b * x + c * y,
        a * y**2 - 2 * b * x * y + c * x**2,
        b * x - a * y,
        c * x - b * y,
        a * ones,
        b * ones,
        c * ones,
    ]


_UPPER = np.triu_indices(4)


def _solve(moment: list[Floats], right: list[Floats] | tuple[Floats, ...], weights: Floats, damping: Floats) -> Floats:
    normal = np.zeros_like(damping)
    for row, column, values in zip(*_UPPER, moment, strict=True):
        normal[:, row, column] = normal[:, column, row] = (weights * values).sum(1)
    target = np.stack([(weights * values).sum(1) for values in right], axis=1)
    solved: Floats = np.linalg.solve(normal + damping, target[..., None])[..., 0]
    return solved
