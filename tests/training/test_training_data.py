"""What a training learns from: the order, the images, bad files, and batches on host and device."""

from __future__ import annotations

import dataclasses
import tarfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from app.lab.training.material import common_labels
from detector.errors import DetectorError
from detector.evaluation.data_sets import read_data
from detector.evaluation.results import DataSet, ImageTruth
from detector.training.batches import DeviceBatches, DeviceDataset, HostBatches, pad_objects
from detector.training.data import ImageReader, training_images
from detector.training.examples import Example, ImageExamples
from detector.training.order import Order, Pick, noise
from detector.training.policy import PAPER, UNCHANGED
from detector.training.survey import box_notes, check_same_images, fingerprint
from tests.support.shared_data import shared
from tests.support.training_sets import LABELS, SIZE, make_blocks

_CPU = torch.device("cpu")
_FILL = (127.0, 127.0, 127.0)


@pytest.fixture(scope="module")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    return make_blocks(tmp_path_factory.mktemp("blocks"), 6)


def examples(data: DataSet, reader: ImageReader | None = None) -> ImageExamples:
    return ImageExamples(training_images([data], LABELS), PAPER, SIZE, _FILL, 7, reader or ImageReader())


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 8), st.sampled_from([1, 2, 4]), st.integers(0, 2**40))
def test_every_image_comes_once_each_time_and_processes_share_without_overlap(
    count: int, share: int, processes: int, seed: int
) -> None:
    batch = share * processes
    orders = [Order(count, batch, seed, rank, processes) for rank in range(processes)]
    alone = Order(count, batch, seed)
    steps = -(-3 * count // batch)
    seen: list[Pick] = []
    for step in range(steps):
        together = [pick for order in orders for pick in order.picks(step)]
        assert together == alone.picks(step)
        seen += together
    for epoch in range(2):
        assert sorted(p.index for p in seen if p.epoch == epoch) == list(range(count))


def test_times_through_the_images_differ_and_so_do_their_random_numbers() -> None:
    order = Order(50, 50, 3)
    first, second = ([pick.index for pick in order.picks(step)] for step in (0, 1))
    assert first != second
    numbers = [noise(seed, Pick(epoch, index), 4).tolist() for seed in (0, 1) for epoch in (0, 1) for index in (0, 1)]
    assert len({tuple(row) for row in numbers}) == 8
    assert noise(5, Pick(2, 3), 9).tolist() == noise(5, Pick(2, 3), 9).tolist()


def test_classes_of_several_sets_are_joined_by_name_and_by_the_words_of_voc_and_coco() -> None:
    voc, coco = ("aeroplane", "sofa", "dog"), ("dog", "airplane", "Couch", "zebra")
    sets = [DataSet(Path(), "voc", "train", labels, ()) for labels in (voc, coco)]
    assert common_labels(sets) == ("aeroplane", "sofa", "dog", "zebra")
    assert common_labels([replace(sets[0], labels=("sofa", "couch")), sets[1]])[:2] == ("sofa", "couch")
    image = ImageTruth(
        "1", Path("1.jpg"), 100, 100, np.tile((0.0, 0.0, 9.0, 9.0), (4, 1)), np.arange(4, dtype=np.int32),
        *(np.zeros(4, np.bool_), np.zeros(4, np.bool_), np.full(4, 81.0), np.full(4, 81.0)), "1.jpg",
    )  # fmt: skip
    (labelled_image,) = training_images([replace(sets[1], images=(image,))], common_labels(sets))
    assert labelled_image.class_ids.tolist() == [2, 0, 1, 3]


def test_boxes_become_fractions_of_what_they_were_marked_on(blocks: DataSet) -> None:
    labelled_image = training_images([blocks], LABELS)[0]
    image, boxes, ids = ImageReader().read(labelled_image)
    assert image.shape == (120, 160, 3)
    np.testing.assert_allclose(boxes * (160, 120, 160, 120), blocks.images[0].boxes_xyxy, atol=1e-4)
    assert ids.tolist() == blocks.images[0].class_ids.tolist()
    twice = replace(labelled_image, width=320, height=240, boxes_xyxy=labelled_image.boxes_xyxy * 2)
    np.testing.assert_allclose(ImageReader().read(twice)[1], boxes, atol=1e-6)
    unsaid = replace(labelled_image, width=0, height=0)
    np.testing.assert_allclose(ImageReader().read(unsaid)[1], boxes, atol=1e-6)


def test_boxes_outside_are_cut_off_and_those_without_area_left_out(blocks: DataSet) -> None:
    labelled_image = training_images([blocks], LABELS)[0]
    boxes = np.array([[-50, -50, 80, 60], [20, 20, 20, 50], [200, 10, 240, 30], [40, 30, 20, 50]], np.float32)
    odd = replace(labelled_image, boxes_xyxy=boxes, class_ids=np.array([0, 1, 2, 0]))
    _, kept, ids = ImageReader().read(odd)
    assert kept.tolist() == [[0.0, 0.0, 0.5, 0.5]]
    assert ids.tolist() == [0]


def test_boxes_that_are_not_learnt_as_marked_are_counted_and_named(blocks: DataSet) -> None:
    labelled_images = training_images([blocks], LABELS)
    assert box_notes(labelled_images) == ()
    boxes = np.array([[-50, -50, 80, 60], [20, 20, 20, 50], [200, 10, 240, 30], [-1, 30, 161, 50]], np.float32)
    odd = replace(labelled_images[0], boxes_xyxy=boxes, class_ids=np.array([0, 1, 2, 0]))
    none = replace(labelled_images[1], boxes_xyxy=np.empty((0, 4), np.float32), class_ids=np.empty(0, np.int64))
    unsaid = replace(odd, width=0, height=0)
    assert box_notes([odd, none, unsaid]) == (
        "1 box reaches beyond its image and is cut off at the edge (box 1 in block000.png).",
        "2 boxes have no area inside their images and are left out (box 2 in block000.png, box 3 in block000.png).",
    )


def test_sets_of_images_are_told_apart(blocks: DataSet, tmp_path: Path) -> None:
    labelled_images = training_images([blocks], LABELS)
    known = fingerprint(labelled_images)
    moved = [replace(labelled_image, path=tmp_path / labelled_image.path.name) for labelled_image in labelled_images]
    assert fingerprint(moved) == known
    first, *others = labelled_images
    changed_ones = (
        others,
        [*others, first],
        [replace(first, path=tmp_path / "other.png"), *others],
        [replace(first, boxes_xyxy=first.boxes_xyxy + np.float32(1)), *others],
        [replace(first, class_ids=(first.class_ids + 1) % 3), *others],
    )
    assert len({known, *map(fingerprint, changed_ones)}) == 1 + len(changed_ones)
    check_same_images(tmp_path, known, known)
    check_same_images(tmp_path, "", known)
    with pytest.raises(DetectorError, match="other data: 6 images instead of 5"):
        check_same_images(tmp_path, known, fingerprint(others))
    with pytest.raises(DetectorError, match="other data: 6 images with other names, boxes or classes"):
        check_same_images(tmp_path, known, fingerprint(changed_ones[3]))


def test_classes_are_found_by_name_and_what_is_not_to_be_learnt_is_left_out(blocks: DataSet) -> None:
    labelled_images = training_images([blocks], ("Blue", "red"))
    for labelled_image, image in zip(labelled_images, blocks.images, strict=True):
        assert labelled_image.class_ids.tolist() == [{0: 1, 2: 0}[k] for k in image.class_ids.tolist() if k != 1]
    crowded = _with(blocks, crowd=True)
    with pytest.raises(DetectorError, match="None of the 6 images"):
        training_images([crowded], LABELS)
    difficult = _with(blocks, difficult=True)
    assert len(training_images([difficult], LABELS)[0].class_ids) == len(blocks.images[0].class_ids)
    with pytest.raises(DetectorError, match="None of the 6 images"):
        training_images([difficult], LABELS, use_difficult=False)


def _with(data: DataSet, *, crowd: bool = False, difficult: bool = False) -> DataSet:
    images = [
        dataclasses.replace(image, crowd=image.crowd | crowd, difficult=image.difficult | difficult)
        for image in data.images
    ]
    return dataclasses.replace(data, images=tuple(images))


@pytest.mark.parametrize(("labels", "words"), [((), "no class"), (("horse",), "none of the classes")])
def test_nothing_to_learn_is_one_line(blocks: DataSet, labels: tuple[str, ...], words: str) -> None:
    with pytest.raises(DetectorError, match=words):
        training_images([blocks], labels)


def test_a_bad_image_is_named_once_and_the_next_one_stands_in(tmp_path: Path) -> None:
    data = make_blocks(tmp_path, 4)
    (tmp_path / "block001.png").write_bytes(b"\x89PNG no more")
    (tmp_path / "block002.png").unlink()
    reader = ImageReader()
    found = examples(data, reader)
    for epoch in range(2):
        example = found.load(Pick(epoch, 1))
        assert example.image_bgr.shape == (*SIZE, 3)
        # The third image's place is taken by the same one.
        assert 1 <= len(example.class_ids) <= len(data.images[3].class_ids)
    reasons = {path.name: reason for path, reason in reader.failures().items()}
    assert list(reasons) == ["block001.png", "block002.png"]
    assert "damaged" in reasons["block001.png"]
    assert "cannot be read" in reasons["block002.png"]
    for labelled_image in data.images:
        assert labelled_image.path is not None
        labelled_image.path.unlink(missing_ok=True)
    with pytest.raises(DetectorError, match="Not one of the images"):
        found.load(Pick(0, 0))


@pytest.mark.parametrize("threads", [1, 3])
def test_batches_are_the_same_from_any_step_on_and_for_any_number_of_threads(blocks: DataSet, threads: int) -> None:
    order = Order(len(blocks.images), 4, 7)
    with closing(HostBatches(examples(blocks), order, _CPU, 1).batches(0)) as source:
        straight = [next(source) for _ in range(4)]
    with closing(HostBatches(examples(blocks), order, _CPU, threads).batches(2)) as source:
        later = [next(source) for _ in range(2)]
    for ours, theirs in zip(later, straight[2:], strict=True):
        assert ours.picks == theirs.picks
        assert torch.equal(ours.images_bgr, theirs.images_bgr)
        assert torch.equal(ours.boxes_xyxy, theirs.boxes_xyxy)
        assert torch.equal(ours.class_ids, theirs.class_ids)


def test_images_on_the_device_are_those_of_the_files(blocks: DataSet) -> None:
    labelled_images = training_images([blocks], LABELS)
    order = Order(len(labelled_images), 4, 7)
    device = DeviceDataset(labelled_images, 128, _CPU, 2, ImageReader())
    assert device.images.shape == (6, 128, 128, 3)
    plain = ImageExamples(labelled_images, UNCHANGED, SIZE, _FILL, 7, ImageReader())
    with (
        closing(DeviceBatches(device, order, UNCHANGED, SIZE, _FILL).batches(1)) as one,
        closing(HostBatches(plain, order, _CPU, 1).batches(1)) as other,
    ):
        ours, theirs = next(one), next(other)
    assert ours.picks == theirs.picks
    difference = (ours.images_bgr - theirs.images_bgr.float()).abs()
    assert float(difference.mean()) < 5  # resized twice, and the images are noisy
    torch.testing.assert_close(ours.boxes_xyxy, theirs.boxes_xyxy, atol=1e-6, rtol=0)
    assert torch.equal(ours.class_ids, theirs.class_ids)


def test_processes_augment_their_share_on_the_device_as_one_process_would(blocks: DataSet) -> None:
    labelled_images = training_images([blocks], LABELS)
    device = DeviceDataset(labelled_images, 96, _CPU, 1, ImageReader())

    def batch(rank: int, processes: int) -> torch.Tensor:
        order = Order(len(labelled_images), 4, 7, rank, processes)
        with closing(DeviceBatches(device, order, PAPER, SIZE, _FILL).batches(3)) as source:
            return next(source).images_bgr

    torch.testing.assert_close(torch.cat((batch(0, 2), batch(1, 2))), batch(0, 1), rtol=0, atol=1e-3)


def test_images_without_objects_are_batched() -> None:
    image = np.zeros((*SIZE, 3), np.uint8)
    empty = Example(image, np.empty((0, 4), np.float32), np.empty(0, np.int64))
    one = Example(image, np.array([[0.1, 0.1, 0.2, 0.2]], np.float32), np.array([2]))
    assert pad_objects([empty, empty])[1].shape == (2, 0)
    boxes, ids = pad_objects([empty, one])
    assert ids.tolist() == [[-1], [2]]
    assert boxes.shape == (2, 1, 4)


def test_real_images_keep_their_objects_in_sight(tmp_path: Path) -> None:
    with tarfile.open(shared("images/voc2007-original-40.tar")) as archive:
        archive.extractall(tmp_path, filter="data")
    voc = read_data(next(path.parent for path in tmp_path.rglob("Annotations")), "voc")
    coco = read_data(shared("coco-val2017-32"), "coco")
    labels = tuple(dict.fromkeys((*voc.labels, "zebra")))
    labelled_images = training_images([voc, coco], labels)
    assert len(labelled_images) == len(voc.images) + len(coco.images)
    known = {"car", "person", "tvmonitor"}  # the last one is COCO's "tv"
    assert known <= {
        labels[k] for labelled_image in labelled_images[len(voc.images) :] for k in labelled_image.class_ids
    }
    reader = ImageReader()
    examples = ImageExamples(labelled_images, PAPER, (300, 300), _FILL, 1, reader)
    for index, labelled_image in enumerate(labelled_images):
        example = examples.load(Pick(0, index))
        assert example.image_bgr.shape == (300, 300, 3)
        assert bool(len(example.class_ids)) == bool(len(labelled_image.class_ids))
        assert set(example.class_ids) <= set(labelled_image.class_ids)
        assert bool(((example.boxes_xyxy >= 0) & (example.boxes_xyxy <= 1)).all())
    assert not reader.failures()
