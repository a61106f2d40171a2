"""Our way from an image to detections, in torchvision's own order of steps, and the comparison with its result."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from detector import postprocess_torch
from detector.default_boxes import default_boxes
from detector.detections import Candidates, Detections
from detector.postprocess import postprocess
from detector.spec import ModelSpec
from tests.support.torchvision_twins import as_floats

BOX_PX, SCORE = 0.01, 1e-5


def network_input(image: Tensor, spec: ModelSpec) -> Tensor:
    """Float[1, 3, S, S]: normalised, then resized as ``F.interpolate`` does by default, in torchvision's order."""
    mean = torch.tensor(spec.input.mean)[:, None, None] / 255
    std = torch.tensor(spec.input.std)[:, None, None] / 255
    normal = ((as_floats(image) - mean) / std)[None]
    return interpolate(normal, size=(spec.input.height, spec.input.width), mode="bilinear", align_corners=False)


def by_numpy(locs: Tensor, logits: Tensor, spec: ModelSpec, size: tuple[int, int]) -> Candidates:
    assert spec.config is not None
    return postprocess(locs.numpy(), logits.numpy(), default_boxes(spec.config), spec.postprocess, [size])[0]


def by_torch(locs: Tensor, logits: Tensor, spec: ModelSpec, size: tuple[int, int]) -> Candidates:
    assert spec.config is not None
    defaults, sizes = torch.from_numpy(default_boxes(spec.config)), torch.tensor([size], dtype=torch.float32)
    return postprocess_torch.postprocess(locs, logits, defaults, spec.postprocess, sizes).candidates()[0]


def assert_same(ours: Detections, theirs: dict[str, Tensor]) -> None:
    """Each of theirs is one of ours: same class, box and score; and at its place, except among equal scores."""
    boxes, scores, labels = (theirs[key].numpy() for key in ("boxes", "scores", "labels"))
    assert len(ours) == len(scores)
    assert np.abs(ours.scores - scores).max(initial=0) <= SCORE
    same = (
        (ours.class_ids[:, None] + 1 == labels[None])
        & (np.abs(ours.boxes_xyxy[:, None] - boxes[None]).max(axis=-1) <= BOX_PX)
        & (np.abs(ours.scores[:, None] - scores[None]) <= SCORE)
    )
    free = np.ones(len(scores), dtype=bool)
    for row in same:
        partners = np.flatnonzero(row & free)
        assert len(partners), "one of ours is none of theirs, or out of order by more than a tie"
        free[partners[0]] = False
