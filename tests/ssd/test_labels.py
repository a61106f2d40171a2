"""Class names and the two numberings of COCO."""

from __future__ import annotations

import json

from torchvision.models.detection import SSD300_VGG16_Weights

from detector.labels import COCO80, COCO_SPARSE_IDS, TORCHVISION_COCO91, VOC20
from tests.support.shared_data import shared


def test_counts_and_no_name_twice() -> None:
    assert (len(set(VOC20)), len(set(COCO80)), len(set(COCO_SPARSE_IDS))) == (20, 80, 80)
    assert list(VOC20) == sorted(VOC20)
    assert (min(COCO_SPARSE_IDS), max(COCO_SPARSE_IDS)) == (1, 90)
    assert list(COCO_SPARSE_IDS) == sorted(COCO_SPARSE_IDS)


def test_the_sparse_list_is_torchvisions() -> None:
    assert list(TORCHVISION_COCO91) == SSD300_VGG16_Weights.COCO_V1.meta["categories"]
    assert TORCHVISION_COCO91.count("N/A") == 10
    assert tuple(TORCHVISION_COCO91[number] for number in COCO_SPARSE_IDS) == COCO80


def test_names_and_ids_are_those_of_the_data_set() -> None:
    categories = json.loads(shared("coco-val2017-32/instances_val2017.json").read_text())["categories"]
    assert [(c["id"], c["name"]) for c in categories] == list(zip(COCO_SPARSE_IDS, COCO80, strict=True))
