"""torchvision's Faster R-CNN as an engine, to compare with: its own resize, network and post-processing, eager, fp32.

Used by the thread that opened it. Loads torch and torchvision.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from detector.detections import Candidates
from detector.errors import DetectorError, Remedy
from detector.golden import Floats
from detector.model_file import ModelEntry
from detector.models.faster_rcnn import build_faster_rcnn
from detector.nms import batched_nms
from detector.preprocess import check_frame
from detector.runtime.base import ImageBGR
from detector.runtime.cuda_support import empty_cache, first_line, shown
from detector.runtime.engine import Engine
from detector.spec import PostprocessSpec
from detector.weights import load_state, load_strict


class FasterRcnnDetector(Engine):
    """See ``Detector``.

    What it hands out has been suppressed at the model's own overlap already: a higher limit brings nothing back.

    Args:
        entry: The model, with weights.
        device: Where it runs.
        notes: Passed on.

    Raises:
        DetectorError: The weights are damaged, or the device cannot run them.
    """

    def __init__(self, entry: ModelEntry, device: torch.device, notes: Sequence[str] = ()) -> None:
        super().__init__(entry.spec, f"torchvision_{device.type}", shown(device), "fp32", notes)
        assert entry.path is not None  # open_detector refuses entries without weights
        self._place = device
        self._network = build_faster_rcnn(entry.spec)
        load_strict(self._network, load_state(entry.path, entry.spec), entry.path.name)
        try:
            self._network.requires_grad_(False).to(device)
        except (RuntimeError, AssertionError) as error:
            self.close()
            raise DetectorError(f"{self.device} cannot run {entry.name}: {first_line(error)}.") from error

    def _run(self, frames: Sequence[ImageBGR], rule: PostprocessSpec) -> list[Candidates]:
        results = []
        for frame in frames:  # one by one: what it needs of a batch of large frames is out of proportion
            try:
                with torch.inference_mode():
                    image = self._tensor(frame)
                    self.on_stage("preprocess")
                    found: dict[str, Tensor] = self._network([image])[0]
                    self.on_stage("network")
                    boxes, scores, labels = (found[key].cpu().numpy() for key in ("boxes", "scores", "labels"))
            except torch.OutOfMemoryError as error:
                empty_cache(self._place)
                raise DetectorError(
                    f"{self.device} has too little free memory for {self.spec.name}.",
                    "Close other programs that use it, or run on the CPU.",
                    Remedy("device", "cpu"),
                ) from error
            results.append(_candidates(boxes, scores, labels, rule))
            self.on_stage("postprocess")
        return results

    def _tensor(self, frame: ImageBGR) -> Tensor:
        """Float[3, H, W] in 0..1 on the device, RGB; the bytes are what is uploaded."""
        check_frame(frame)
        rgb = np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
        return torch.from_numpy(rgb).to(self._place).permute(2, 0, 1).float() / 255

    def _raw(self, _frame: ImageBGR) -> NoReturn:
        raise DetectorError(f"{self.spec.name} has no default boxes whose answers could be compared.")

    def _release(self) -> None:
        self.__dict__.pop("_network", None)
        empty_cache(self._place)


def _candidates(boxes: Floats, scores: Floats, labels: npt.NDArray[np.int64], rule: PostprocessSpec) -> Candidates:
    """torchvision's answer for one frame as ours; its class 0 is the background."""
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] > rule.score_floor]
    xyxy = boxes[order].astype(np.float32)
    class_ids = (labels[order] - 1).astype(np.int32)
    kept = batched_nms(xyxy, class_ids, rule.iou_threshold)
    return Candidates(xyxy, scores[order].astype(np.float32), class_ids, kept, rule.iou_threshold)
