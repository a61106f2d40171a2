"""Batches for the trainer: loaded ahead on threads of the host, or cut from images that live on the device.

Both give the same images in the same order for the same seed, from any step on and for any number of processes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from detector.training.augment_gpu import augment_batch
from detector.training.data import ImageReader, LabelledImage
from detector.training.examples import Example, Examples
from detector.training.matcher import PADDING
from detector.training.order import Order, Pick
from detector.training.policy import Policy

_AHEAD = 3  # batches being loaded while one is learnt from
_CHUNK = 256  # images decoded between two copies to the device


@dataclass(frozen=True, slots=True)
class Batch:
    """One step's images, on the trainer's device.

    Attributes:
        images_bgr: UInt8 or Float32 [B, 3, H, W] in 0..255.
        boxes_xyxy: Float32[B, G, 4], fractions of the image.
        class_ids: Int64[B, G]; ``PADDING`` where there is no object.
        picks: Which they are.
    """

    images_bgr: Tensor
    boxes_xyxy: Tensor
    class_ids: Tensor
    picks: Sequence[Pick]


class BatchSource(Protocol):
    """The source of the trainer's batches. Used on the trainer's thread."""

    order: Order

    def batches(self, first_step: int) -> Generator[Batch, None, None]:
        """The batches of step ``first_step`` and all after it, without end."""

    def name(self, index: int) -> str:
        """Returns the name of an image for messages."""


class HostBatches:
    """Examples made on threads of the host, a few batches ahead.

    Args:
        examples: What to learn from.
        order: Which when.
        device: Where the batches go.
        threads: That load.
    """

    def __init__(self, examples: Examples, order: Order, device: torch.device, threads: int) -> None:
        self.order = order
        self.name = examples.name
        self._examples = examples
        self._device = device
        self._threads = threads

    def batches(self, first_step: int) -> Generator[Batch, None, None]:
        """See ``BatchSource``; the threads end with the iteration."""
        pool = ThreadPoolExecutor(self._threads, thread_name_prefix="ssdv-train-load")
        waiting: deque[tuple[list[Pick], list[Future[Example]]]] = deque()
        step = first_step
        try:
            while True:
                while len(waiting) < _AHEAD:
                    picks = self.order.picks(step)
                    waiting.append((picks, [pool.submit(self._examples.load, pick) for pick in picks]))
                    step += 1
                picks, loading = waiting.popleft()
                yield self._together(picks, [future.result() for future in loading])
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _together(self, picks: list[Pick], examples: list[Example]) -> Batch:
        images = torch.from_numpy(np.stack([example.image_bgr for example in examples]))
        boxes, ids = pad_objects(examples)
        if self._device.type == "cuda":
            images, boxes, ids = images.pin_memory(), boxes.pin_memory(), ids.pin_memory()
        images, boxes, ids = (part.to(self._device, non_blocking=True) for part in (images, boxes, ids))
        return Batch(images.permute(0, 3, 1, 2), boxes, ids, picks)


class DeviceDataset:
    """All images decoded, stretched to a square and kept on the device.

    Args:
        labelled: At least one.
        side: Of the square, pixels.
        device: Where they live: 3 * side * side bytes each.
        threads: That decode.
        reader: Reads them; the next readable one takes the place of one that is not.
    """

    def __init__(
        self, labelled: Sequence[LabelledImage], side: int, device: torch.device, threads: int, reader: ImageReader
    ) -> None:
        import cv2

        self.labelled = labelled

        def load(index: int) -> Example:
            image, boxes, ids = reader.read_or_next(labelled, index)
            return Example(np.asarray(cv2.resize(image, (side, side)), dtype=np.uint8), boxes, ids)

        self.images = torch.empty((len(labelled), side, side, 3), dtype=torch.uint8, device=device)
        objects: list[Example] = []
        empty = np.empty((0, 0, 3), np.uint8)
        with ThreadPoolExecutor(threads, thread_name_prefix="ssdv-train-load") as pool:
            for low in range(0, len(labelled), _CHUNK):
                examples = list(pool.map(load, range(low, min(low + _CHUNK, len(labelled)))))
                chunk = torch.from_numpy(np.stack([example.image_bgr for example in examples]))
                self.images[low : low + len(examples)] = chunk.to(device)
                objects += [Example(empty, example.boxes_xyxy, example.class_ids) for example in examples]
        boxes, ids = pad_objects(objects)
        self.boxes, self.class_ids = boxes.to(device), ids.to(device)
        self.counts = [len(example.class_ids) for example in objects]


class DeviceBatches:
    """Batches cut from a ``DeviceDataset`` and augmented there.

    Args:
        data: The images.
        order: Which when.
        policy: Of the augmentation.
        size: Height and width of the network's input.
        fill_bgr: What surrounds an image that is zoomed out, 0..255.
    """

    def __init__(
        self,
        data: DeviceDataset,
        order: Order,
        policy: Policy,
        size: tuple[int, int],
        fill_bgr: tuple[float, float, float],
    ) -> None:
        self.order = order
        self._data = data
        self._policy = policy
        self._size = size
        self._device = data.images.device
        self._fill = torch.tensor(fill_bgr, device=self._device)
        self._generator = torch.Generator(self._device)

    def name(self, index: int) -> str:
        """The image's file name."""
        return self._data.labelled[index].path.name

    def batches(self, first_step: int) -> Generator[Batch, None, None]:
        """See ``BatchSource``."""
        step = first_step
        while True:
            yield self._batch(step)
            step += 1

    def _batch(self, step: int) -> Batch:
        order, picks = self.order, self.order.picks(step)
        indices = [pick.index for pick in picks]
        most = max(self._data.counts[index] for index in indices)  # known here, so the device need not be asked
        where = torch.tensor(indices)
        if self._device.type == "cuda":
            where = where.pin_memory()
        where = where.to(self._device, non_blocking=True)
        # The numbers of the whole batch are drawn, so that each process finds those of its share.
        self._generator.manual_seed(int(np.random.SeedSequence((order.seed, 1, step)).generate_state(1, np.uint64)[0]))
        noise = torch.rand((order.batch, self._policy.noise_size), device=self._device, generator=self._generator)
        share = slice(order.rank * len(picks), (order.rank + 1) * len(picks))
        images, boxes, ids = augment_batch(
            self._data.images[where],
            self._data.boxes[where, :most],
            self._data.class_ids[where, :most],
            policy=self._policy,
            noise=noise[share],
            size=self._size,
            fill_bgr=self._fill,
        )
        return Batch(images, boxes, ids, picks)


def pad_objects(examples: Sequence[Example]) -> tuple[Tensor, Tensor]:
    """Boxes Float32[B, G, 4] and class ids Int64[B, G] of examples with up to G objects."""
    most = max((len(example.class_ids) for example in examples), default=0)
    boxes = torch.zeros(len(examples), most, 4)
    ids = torch.full((len(examples), most), PADDING)
    for row, example in enumerate(examples):
        count = len(example.class_ids)
        boxes[row, :count] = torch.from_numpy(example.boxes_xyxy)
        ids[row, :count] = torch.from_numpy(example.class_ids)
    return boxes, ids
