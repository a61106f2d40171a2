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
_UPPER = np.triu_indices(4)


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
    terms = _terms(x, y, a, b, c, gx, gy)
    fitted = _solve(terms, weights, damping)
    width = None
    for share in np.geomspace(1.0, 0.15, _ROUNDS):
        rx = shifts[:, 0] - (fitted[:, :1] * x - fitted[:, 1:2] * y + fitted[:, 2:3])
        ry = shifts[:, 1] - (fitted[:, 1:2] * x + fitted[:, :1] * y + fitted[:, 3:])
        off = a * rx**2 + 2 * b * rx * ry + c * ry**2
        if width is None:
            width = 2 * np.sqrt((weights * off).sum(1) / np.maximum(weights.sum(1), 1e-9))
        narrow = np.maximum(2 * error, share * width)[:, None]
        fitted = _solve(terms, weights / (1 + off / narrow**2) ** 2, damping)
    return fitted


def _terms(x: Floats, y: Floats, a: Floats, b: Floats, c: Floats, gx: Floats, gy: Floats) -> Floats:
    """Float64[B, 14, N]: of each point the upper triangle of its normal matrix, then its right side.

    Rows of the matrix are those of (x, y), (-y, x), (1, 0), (0, 1).
    """
    ax, ay, bx, by, cx, cy = a * x, a * y, b * x, b * y, c * x, c * y
    terms = np.empty((len(x), 14, x.shape[1]))
    each = (
        ax * x + 2 * bx * y + cy * y,
        bx * x - by * y + cx * y - ay * x,
        ax + by,
        bx + cy,
        ay * y - 2 * bx * y + cx * x,
        bx - ay,
        cx - by,
        a,
        b,
        c,
        x * gx + y * gy,
        x * gy - y * gx,
        gx,
        gy,
    )
    for place, values in enumerate(each):
        terms[:, place] = values
    return terms


def _solve(terms: Floats, weights: Floats, damping: Floats) -> Floats:
    sums = (terms @ weights[..., None])[..., 0]
    normal = np.zeros_like(damping)
    normal[:, _UPPER[0], _UPPER[1]] = normal[:, _UPPER[1], _UPPER[0]] = sums[:, :10]
    return np.asarray(np.linalg.solve(normal + damping, sums[:, 10:, None])[..., 0], np.float64)
