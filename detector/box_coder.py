"""Offsets between default boxes and the boxes they stand for. Paper section 2.2, equation 2."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Boxes = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class BoxCoder:
    """The code of a checkpoint, computed in float32 whatever its network computed in.

    Attributes:
        variances: Scale of the encoded (cx, cy, w, h).
        max_log_size: Upper bound of the decoded log size ratio, so that exp() stays sane; None for none.
    """

    variances: tuple[float, float, float, float] = (0.1, 0.1, 0.2, 0.2)
    max_log_size: float | None = None

    def encode(self, boxes_cxcywh: Boxes, defaults: Boxes) -> Boxes:
        """Returns the regression targets: ((b - d) / d_wh) / v for centres, log(b / d) / v for sizes.

        Args:
            boxes_cxcywh: Float32[N, 4], sizes positive, in the unit of ``defaults``.
            defaults: Float32[N, 4] as (cx, cy, w, h).

        Returns:
            Float32[N, 4].
        """
        boxes, scale = boxes_cxcywh.astype(np.float32, copy=False), np.asarray(self.variances, np.float32)
        centres = (boxes[:, :2] - defaults[:, :2]) / defaults[:, 2:] / scale[:2]
        sizes = np.log(boxes[:, 2:] / defaults[:, 2:]) / scale[2:]
        return np.concatenate((centres, sizes), axis=1)

    def decode(self, locs: Boxes, defaults: Boxes) -> Boxes:
        """The inverse of ``encode``.

        Args:
            locs: Float[N, 4] as predicted.
            defaults: Float32[N, 4] as (cx, cy, w, h).

        Returns:
            Float32[N, 4] as (cx, cy, w, h), in the unit of ``defaults``; infinite where exp() overflows.
        """
        deltas = locs.astype(np.float32, copy=False) * np.asarray(self.variances, np.float32)
        centres = deltas[:, :2] * defaults[:, 2:] + defaults[:, :2]
        logs = deltas[:, 2:]
        if self.max_log_size is not None:
            logs = np.minimum(logs, np.float32(self.max_log_size))
        with np.errstate(over="ignore"):
            sizes = np.exp(logs) * defaults[:, 2:]
        return np.concatenate((centres, sizes), axis=1)
