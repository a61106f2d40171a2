"""Augmentation: what it decides, what it does to pixels and boxes, and that host and device do the same."""

from __future__ import annotations

import colorsys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision import tv_tensors
from torchvision.ops import box_iou
from torchvision.transforms.v2 import functional as reference

from detector.config import SSD300_VOC
from detector.training import augment_gpu
from detector.training.augment import Image, apply_colours, apply_view, augment
from detector.training.augment_gpu import augment_batch
from detector.training.loss import MultiBoxLoss
from detector.training.matcher import PADDING, Matcher
from detector.training.policy import PAPER, UNCHANGED, ColourJitter, Policy, Views, draw_colours, draw_views, see
from tests.support.one_thread import one_thread

_FILL = (104.0, 117.0, 123.0)
_CROPS_ONLY = replace(PAPER, colour_chance=0.0, zoom_out_chance=0.0, mirror_chance=0.0)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Tensors this small gain nothing from more, and lose much on a busy machine."""
    with one_thread():
        yield


def smooth_image(seed: int, height: int = 90, width: int = 120) -> Image:
    """Colour gradients and blobs: what interpolation and colour spaces may be compared on."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (6, 8, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def random_noise(seed: int, count: int, policy: Policy = PAPER) -> Tensor:
    return torch.rand(count, policy.noise_size, generator=torch.Generator().manual_seed(seed))


def random_objects(seed: int, images: int, most: int) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 0.8, (images, most, 2))
    boxes = np.concatenate((corner, np.minimum(corner + rng.uniform(0.02, 0.6, corner.shape), 1)), axis=2)
    ids = np.where(np.arange(most) < rng.integers(0, most + 1, (images, 1)), rng.integers(0, 20, (images, most)), -1)
    return torch.from_numpy(boxes).float(), torch.from_numpy(ids)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 6))
def test_what_is_seen_lies_inside_and_no_image_loses_all_its_objects(seed: int, most: int) -> None:
    boxes, ids = random_objects(seed, 8, most)
    views = draw_views(PAPER, random_noise(seed, 8), boxes, ids)
    seen, seen_ids = see(views, boxes, ids)
    real = seen_ids >= 0
    assert bool(((seen >= 0) & (seen <= 1)).all())
    assert bool((seen[real][:, 2:] > seen[real][:, :2]).all())
    assert bool((real.any(dim=1) == (ids >= 0).any(dim=1)).all())
    assert torch.equal(seen_ids[real], ids[real])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.9]))
def test_crops_overlap_some_object_as_much_as_was_asked(seed: int, least: float) -> None:
    boxes, ids = random_objects(seed, 16, 3)
    policy = replace(_CROPS_ONLY, min_ious=(least,))
    views = draw_views(policy, random_noise(seed, 16, policy), boxes, ids)
    for window, seen, numbers in zip(views.windows, boxes, ids, strict=True):
        if window.tolist() == [0.0, 0.0, 1.0, 1.0]:
            continue
        width, height = (window[2:] - window[:2]).tolist()
        assert 0.5 - 1e-5 <= width / height <= 2 + 1e-5
        assert 0.3 - 1e-5 <= (width * height) ** 0.5 <= 1 + 1e-5
        assert float(box_iou(seen[numbers >= 0], window[None]).max()) >= least - 1e-5


def test_crops_come_from_every_sampler_and_images_without_objects_are_not_cropped() -> None:
    boxes = torch.tensor([[[0.1, 0.1, 0.9, 0.9]]]).repeat(700, 1, 1)
    noise = random_noise(1, 700)
    windows = draw_views(_CROPS_ONLY, noise, boxes, torch.zeros(700, 1, dtype=torch.int64)).windows
    whole = (windows == torch.tensor([0.0, 0.0, 1.0, 1.0])).all(dim=1)
    assert 60 < int(whole.sum()) < 140  # one choice of seven
    overlap = box_iou(boxes[0], windows)[0]
    assert int((overlap < 0.5).sum()) > 50
    assert int((overlap > 0.7).sum()) > 100
    nothing = draw_views(_CROPS_ONLY, noise, boxes, torch.full((700, 1), PADDING)).windows
    assert nothing.unique(dim=0).tolist() == [[0.0, 0.0, 1.0, 1.0]]


def test_zoom_out_puts_the_image_on_a_canvas_up_to_four_times_as_wide() -> None:
    policy = replace(UNCHANGED, zoom_out_chance=0.5)
    boxes, ids = random_objects(0, 400, 2)
    windows = draw_views(policy, random_noise(3, 400, policy), boxes, ids).windows
    side = windows[:, 2:] - windows[:, :2]
    torch.testing.assert_close(side[:, 0], side[:, 1])
    assert bool((windows[:, :2] <= 0).all())
    assert bool((windows[:, 2:] >= 1 - 1e-6).all())
    assert 150 < int((side[:, 0] > 1).sum()) < 250
    assert 3.8 < float(side.max()) <= 4


def test_amounts_stay_within_the_policy_and_each_comes_half_the_time() -> None:
    colours = draw_colours(PAPER, random_noise(5, 1000))
    contrast = colours.contrast_first * colours.contrast_last
    for values, low, high, rest in (
        (colours.brightness, -32, 32, 0),
        (colours.saturation, 0.5, 1.5, 1),
        (colours.hue, -36, 36, 0),
        (contrast, 0.5, 1.5, 1),
    ):
        assert 420 < int((values != rest).sum()) < 580
        assert low <= float(values.min()) < low + 0.1 * (high - low)
        assert high - 0.1 * (high - low) < float(values.max()) <= high
    assert 150 < int((colours.contrast_first != 1).sum()) < 350
    assert 150 < int((colours.contrast_last != 1).sum()) < 350


def test_unchanged_is_the_image_resized() -> None:
    image, box = smooth_image(0), np.array([[0.1, 0.2, 0.5, 0.6]], np.float32)
    ids = np.array([3], np.int64)
    noise = np.zeros(UNCHANGED.noise_size, np.float32)
    got, boxes, numbers = augment(image, box, ids, policy=UNCHANGED, noise=noise, size=(60, 60), fill_bgr=_FILL)
    expected = cv2.resize(image, (60, 60), interpolation=cv2.INTER_LINEAR)
    assert np.abs(got.astype(int) - expected).max() <= 2
    np.testing.assert_allclose(boxes, box)
    assert numbers.tolist() == [3]


def test_mirrored_twice_is_the_image_itself() -> None:
    image, boxes, ids = smooth_image(2, 64, 64), *random_objects(2, 1, 4)
    views = Views(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.tensor([True]))
    once, (seen, seen_ids) = apply_view(image, views, (64, 64), _FILL), see(views, boxes, ids)
    assert not np.array_equal(once, image)
    np.testing.assert_array_equal(once, image[:, ::-1])
    np.testing.assert_array_equal(apply_view(once, views, (64, 64), _FILL), image)
    again, again_ids = see(views, seen, seen_ids)
    torch.testing.assert_close(again[ids >= 0], boxes[ids >= 0])
    assert torch.equal(again_ids, ids)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31))
def test_a_view_is_torchvisions_pad_crop_resize_and_flip(seed: int) -> None:
    """On whole pixels, where theirs can say the same."""
    rng = np.random.default_rng(seed)
    image = smooth_image(seed, 48, 64)
    left, top, right, bottom = (int(v) for v in rng.integers(0, 40, 4))
    height, width = 48 + top + bottom, 64 + left + right
    x, y = int(rng.integers(0, width - 30)), int(rng.integers(0, height - 30))
    w, h = int(rng.integers(25, width - x + 1)), int(rng.integers(25, height - y + 1))
    theirs = tv_tensors.Image(torch.from_numpy(image).permute(2, 0, 1))
    theirs = reference.pad(theirs, [left, top, right, bottom], fill=list(_FILL))
    theirs = reference.crop(theirs, y, x, h, w)
    flipped = bool(rng.random() < 0.5)
    theirs = reference.horizontal_flip(theirs) if flipped else theirs
    window = torch.tensor([[(x - left) / 64, (y - top) / 48, (x - left + w) / 64, (y - top + h) / 48]])
    views = Views(window, torch.tensor([flipped]))

    exact = apply_view(image, views, (h, w), _FILL)  # no scaling, so nothing to interpolate
    np.testing.assert_array_equal(exact, theirs.permute(1, 2, 0).numpy())
    batch = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    device = augment_gpu.apply_views(batch, views, (h, w), torch.tensor(_FILL))
    torch.testing.assert_close(device[0], theirs.float(), atol=0.1, rtol=0)

    boxes, ids = random_objects(seed, 1, 4)
    pixels = boxes[0] * torch.tensor([64.0, 48.0, 64.0, 48.0]) + torch.tensor([left - x, top - y] * 2)
    other = tv_tensors.BoundingBoxes(pixels, format="XYXY", canvas_size=(h, w))  # type: ignore[call-overload]  # its stub knows enums only
    other = reference.horizontal_flip(other) if flipped else other
    other = reference.clamp_bounding_boxes(other) / torch.tensor([w, h, w, h])
    seen, seen_ids = see(views, boxes, ids)
    real = seen_ids[0] >= 0
    torch.testing.assert_close(seen[0][real], other.as_subclass(Tensor)[real], atol=1e-5, rtol=0)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255), st.floats(0.5, 1.5), st.floats(-36, 36))
def test_saturation_and_hue_are_those_of_hsv(red: int, green: int, blue: int, saturation: float, hue: float) -> None:
    one = torch.ones(1)
    colours = ColourJitter(one * 0, one, one * saturation, one * hue, one)
    h, s, v = colorsys.rgb_to_hsv(red / 255, green / 255, blue / 255)
    expected = np.array(colorsys.hsv_to_rgb((h + hue / 360) % 1, min(s * saturation, 1), v)) * 255
    pixel = torch.tensor([blue, green, red]).float().reshape(1, 3, 1, 1)
    got = augment_gpu.apply_colours(pixel, colours).flatten().numpy()[::-1]
    np.testing.assert_allclose(got, expected, atol=0.05)
    host = apply_colours(np.array([[[blue, green, red]]], np.uint8), colours)[0, 0, ::-1]
    # 8 bit HSV knows 180 hues and 256 saturations.
    np.testing.assert_allclose(host, expected, atol=9)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31))
def test_host_and_device_make_the_same_example(seed: int) -> None:
    originals = [smooth_image(seed + i, 80, 80) for i in range(4)]
    boxes, ids = random_objects(seed, 4, 3)
    noise = random_noise(seed, 4)
    images, device_boxes, device_ids = augment_batch(
        torch.from_numpy(np.stack(originals)),
        boxes,
        ids,
        policy=PAPER,
        noise=noise,
        size=(60, 60),
        fill_bgr=torch.tensor(_FILL),
    )
    for row, original in enumerate(originals):
        valid = ids[row] >= 0
        host, host_boxes, host_ids = augment(
            original,
            boxes[row][valid].numpy(),
            ids[row][valid].numpy(),
            policy=PAPER,
            noise=noise[row].numpy(),
            size=(60, 60),
            fill_bgr=_FILL,
        )
        seen = device_ids[row] >= 0
        assert device_ids[row][seen].tolist() == host_ids.tolist()
        torch.testing.assert_close(device_boxes[row][seen], torch.from_numpy(host_boxes), atol=1e-6, rtol=0)
        difference = np.abs(images[row].permute(1, 2, 0).numpy() - host)
        assert difference.mean() < 2.5  # 8 bit HSV, and a 1/32 pixel of warpAffine
        assert np.quantile(difference, 0.95) < 9


def test_brightness_and_contrast_are_exact_on_the_host() -> None:
    image, one = smooth_image(4), torch.ones(1)
    got = apply_colours(image, ColourJitter(one * 20, one * 1.5, one, one * 0, one))
    np.testing.assert_array_equal(got, ((image.astype(float) + 20).clip(0, 255) * 1.5).round().clip(0, 255))
    got = apply_colours(image, ColourJitter(one * 0, one, one, one * 0, one * 0.5))
    np.testing.assert_array_equal(got, (image * np.float32(0.5)).round())


@pytest.mark.parametrize("objects", [0, 3])
def test_nothing_asks_the_device_for_a_value(objects: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A meta tensor has no values: whoever asks for one fails."""
    monkeypatch.setattr(torch, "autocast", lambda *_args, **_kwargs: nullcontext())  # it knows no meta device
    device = torch.device("meta")
    matcher, loss = Matcher(SSD300_VOC, device), MultiBoxLoss()
    images, boxes, ids = augment_batch(
        torch.empty(2, 64, 64, 3, dtype=torch.uint8, device=device),
        torch.empty(2, objects, 4, device=device),
        torch.empty(2, objects, dtype=torch.int64, device=device),
        policy=PAPER,
        noise=torch.empty(2, PAPER.noise_size, device=device),
        size=(300, 300),
        fill_bgr=torch.empty(3, device=device),
    )
    assert images.shape == (2, 3, 300, 300)
    targets = matcher(boxes, ids)
    assert targets.locs.shape == (2, 8732, 4)
    losses = loss(torch.empty(2, 8732, 4, device=device), torch.empty(2, 8732, 21, device=device), targets)
    assert losses.confidence.shape == ()


@pytest.mark.parametrize("objects", [0, 2])
def test_the_fate_of_an_image_depends_on_its_own_numbers_only(objects: int) -> None:
    boxes, ids = random_objects(8, 5, objects)
    noise = random_noise(8, 5)
    together = draw_views(PAPER, noise, boxes, ids)
    for row in range(5):
        alone = draw_views(PAPER, noise[row : row + 1], boxes[row : row + 1], ids[row : row + 1])
        torch.testing.assert_close(alone.windows[0], together.windows[row], rtol=0, atol=0)
        assert alone.mirrored[0] == together.mirrored[row]
