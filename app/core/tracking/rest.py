"""Which objects stand still: where each was seen last, beside a slow average of where it was. Pure numpy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from detector.boxes import iou

Floats = npt.NDArray[np.float64]

SAME_PLACE_IOU = 0.7
_AVERAGED_S = 0.5


class Rest:
    """Boxes as they were seen, one for each object.

    Attributes:
        last: Float64[T, 4] xyxy, pixels.
    """

    def __init__(self) -> None:
        self.last: Floats = np.empty((0, 4))
        self._average: Floats = np.empty((0, 4))

    def add(self, boxes_xyxy: Floats) -> None:
        """Appends objects seen for the first time, Float64[K, 4]."""
        self.last = np.concatenate((self.last, boxes_xyxy))
        self._average = np.concatenate((self._average, boxes_xyxy))

    def seen(self, index: npt.NDArray[np.intp], boxes_xyxy: Floats, passed_s: Floats) -> None:
        """Takes where objects ``index`` were seen, Float64[K, 4], and the seconds since the time before, Float64[K]."""
        weight = np.minimum(passed_s / _AVERAGED_S, 1.0)[:, None]
        self._average[index] += weight * (boxes_xyxy - self._average[index])
        self.last[index] = boxes_xyxy

    def stood(self, index: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
        """Returns whether objects ``index`` were in the same place for a while when they were seen last, Bool[K]."""
        average, last = self._average[index].astype(np.float32), self.last[index].astype(np.float32)
        still: npt.NDArray[np.bool_] = iou(average, last).diagonal() >= SAME_PLACE_IOU
        return still

    def keep(self, kept: npt.NDArray[np.bool_]) -> None:
        """Forgets all objects but those of ``kept``, Bool[T]."""
        self.last, self._average = self.last[kept], self._average[kept]
