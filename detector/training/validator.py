"""How good a network is that is being trained, by its data's own metric, on the trainer's device and thread."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from detector import postprocess as on_host
from detector.default_boxes import default_boxes
from detector.detections import Candidates, DetectionFilter
from detector.errors import DetectorError
from detector.evaluation.class_matching import match_names
from detector.evaluation.coco_metric import evaluate_coco
from detector.evaluation.data_sets import only_classes
from detector.evaluation.detection_table import DetectionTable, make_table
from detector.evaluation.results import CocoResult, DataSet, Metric, Result
from detector.evaluation.voc_metric import evaluate_voc
from detector.postprocess_torch import postprocess
from detector.spec import ModelSpec
from detector.training.augment import Image
from detector.training.data import ImageReader, LabelledImage, training_images
from detector.training.trainer import Normaliser

_BATCH = 32
_UNREAD = (0, 0)


class Validator:
    """Measures networks of one spec on one annotated set, by its own metric: COCO's, or VOC2007's for VOC sets.

    Args:
        spec: What the networks are.
        data: The set. Classes that are not the spec's are left out.
        device: Where they run.
        threads: That read images.
        reader: Reads the images; the objects of those it cannot read count as not found.

    Raises:
        DetectorError: No image shows one of the classes.
    """

    def __init__(
        self,
        spec: ModelSpec,
        data: DataSet,
        device: torch.device,
        threads: int,
        reader: ImageReader,
    ) -> None:
        assert spec.config is not None
        known = match_names(spec.labels, data.labels, {}).ids
        data = only_classes(data, [data.labels[index] for index in known if index >= 0])
        self._spec = spec
        self._data = data
        self._numbers = match_names(spec.labels, data.labels, {}).ids
        self._images = training_images([data], spec.labels)
        self._device = device
        self._threads = threads
        self._reader = reader
        self._metric: Metric = "coco" if data.kind == "coco" else "voc07"
        self._normalise = Normaliser(spec.input, device)
        self._defaults = torch.from_numpy(default_boxes(spec.config)).to(device)

    def __call__(self, network: nn.Module) -> Result:
        """Run ``network``, in evaluation mode and on the device, over the whole set."""
        rows: list[tuple[int, Candidates]] = []
        with ThreadPoolExecutor(self._threads, thread_name_prefix="ssdv-train-load") as pool:
            loaded = pool.map(self._read, self._images)
            for low in range(0, len(self._images), _BATCH):
                chunk = [next(loaded) for _ in range(min(_BATCH, len(self._images) - low))]
                rows += enumerate(self._run(network, chunk), start=low)
        found = self._found(rows)
        if self._metric == "coco":
            return evaluate_coco(self._data, found)
        return evaluate_voc(self._data, found, self._metric)

    def _read(self, labelled: LabelledImage) -> tuple[Image, tuple[int, int]]:
        """The image at the network's input size, and the height and width its boxes refer to."""
        try:
            image, _, _ = self._reader.read(labelled)
        except DetectorError:  # a training of many hours must not end here
            return np.zeros((self._spec.input.height, self._spec.input.width, 3), np.uint8), _UNREAD
        size = (labelled.height or image.shape[0], labelled.width or image.shape[1])
        warped = cv2.resize(image, (self._spec.input.width, self._spec.input.height), interpolation=cv2.INTER_LINEAR)
        return np.asarray(warped, dtype=np.uint8), size

    @torch.inference_mode()
    def _run(self, network: nn.Module, chunk: Sequence[tuple[Image, tuple[int, int]]]) -> list[Candidates]:
        """Candidates of each image in ``chunk``."""
        images = torch.from_numpy(np.stack([image for image, _ in chunk])).to(self._device).permute(0, 3, 1, 2)
        locs, logits = network(self._normalise(images))
        found = self._candidates(locs, logits, [size for _, size in chunk])
        return [Candidates.empty() if size == _UNREAD else one for one, (_, size) in zip(found, chunk, strict=True)]

    def _candidates(self, locs: Tensor, logits: Tensor, sizes: Sequence[tuple[int, int]]) -> list[Candidates]:
        """Post-processing where the predictions are; on a CPU numpy's is many times as fast as torch's."""
        assert self._spec.config is not None
        rule, variances = self._spec.postprocess, self._spec.config.variances
        if self._device.type == "cpu":
            predictions = (locs.float().numpy(), logits.float().numpy(), self._defaults.numpy())
            return on_host.postprocess(*predictions, rule, sizes, variances=variances)
        extents = torch.tensor(sizes, dtype=torch.float32, device=self._device)
        return postprocess(locs, logits, self._defaults, rule, extents, variances=variances).candidates()

    def _found(self, rows: Sequence[tuple[int, Candidates]]) -> DetectionTable:
        """Returns the detections that suppression leaves in all images, under the set's class numbers."""
        rule = self._spec.postprocess
        wanted = DetectionFilter(rule.score_floor, rule.iou_threshold, None, rule.max_detections)
        found = [(number, candidates.detections(wanted)) for number, candidates in rows]
        images = np.concatenate([np.full(len(one), number) for number, one in found])
        ids = self._numbers[np.concatenate([one.class_ids for _, one in found])]
        known = ids >= 0
        scores = np.concatenate([one.scores for _, one in found]).astype(np.float64)
        boxes = np.concatenate([one.boxes_xyxy for _, one in found]).astype(np.float64)
        return make_table(images[known], ids[known], scores[known], boxes[known])


def scores(result: Result) -> dict[str, float]:
    """The numbers a training is followed by, under names that say whose metric it is."""
    if isinstance(result, CocoResult):
        return {"COCO AP": result.mean_ap, "COCO AP50": result.numbers["AP50"]}
    return {"VOC07 mAP" if result.metric == "voc07" else "VOC mAP": result.mean_ap}
