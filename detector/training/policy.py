"""The augmentation of each image, decided from given random numbers. Paper section 2.2, "Data augmentation".

Pure functions of tensors on any device, a batch at a time. All randomness comes in as ``noise``, so an image's fate
depends on its own numbers only: not on the batch it is in, the worker that loads it, or how many processes share the
work. Applying the decisions to pixels is the business of ``augment`` (host) and ``augment_gpu`` (device).

Where the paper is silent the rules are those of the authors' Caffe code: everything is in fractions of the image,
each of the samplers makes its tries, one of their successes is drawn. torchvision's transforms differ in the numbers
(brightness is multiplied, hue turns half as far, channels are swapped) and in the shape of the crops, and draw from one
global generator; so they serve as witnesses in the tests and are not used here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from detector.training.matcher import PADDING, pairwise_iou

_COLOUR, _ZOOM, _CROP, _MIRROR, _TRIES = 0, 9, 13, 14, 15  # where each decision finds its random numbers


@dataclass(frozen=True, slots=True)
class Policy:
    """The limits of augmentation; the defaults are the authors'.

    Attributes:
        brightness: Most that is added to or taken from every value, of 255.
        contrast: Least and most every value is multiplied by.
        saturation: The same for the saturation.
        hue: Most the hue is turned, degrees. (Caffe's 18 are OpenCV's units of two degrees.)
        colour_chance: Of each of these four.
        zoom_out_chance: Of putting the image somewhere on a larger canvas.
        zoom_out: Largest side of the canvas, in sides of the image.
        min_ious: One sampler of crops each: some object overlaps the crop by at least this much. A crop always holds
            the centre of that object (Caffe's may hold none). Not cropping is one more choice.
        tries: Of each sampler.
        scale: Least and most the side of a crop.
        ratio: Least and most width over height of a crop.
        mirror_chance: Of left and right being swapped.
    """

    brightness: float = 32.0
    contrast: tuple[float, float] = (0.5, 1.5)
    saturation: tuple[float, float] = (0.5, 1.5)
    hue: float = 36.0
    colour_chance: float = 0.5
    zoom_out_chance: float = 0.5
    zoom_out: float = 4.0
    min_ious: tuple[float, ...] = (0.1, 0.3, 0.5, 0.7, 0.9, 0.0)
    tries: int = 50
    scale: tuple[float, float] = (0.3, 1.0)
    ratio: tuple[float, float] = (0.5, 2.0)
    mirror_chance: float = 0.5

    @property
    def noise_size(self) -> int:
        """Random numbers one image needs."""
        return _TRIES + 4 * self.tries * len(self.min_ious)


PAPER = Policy()
MILD = Policy(
    hue=18.0,
    contrast=(0.7, 1.3),
    saturation=(0.7, 1.3),
    zoom_out_chance=0.35,
    zoom_out=2.5,
    min_ious=(0.3, 0.5, 0.7, 0.9),
    tries=12,
    scale=(0.35, 1.0),
)
"""For a network that knows its work: what it is shown should look like what people film."""
UNCHANGED = Policy(colour_chance=0.0, zoom_out_chance=0.0, min_ious=(), mirror_chance=0.0)


@dataclass(frozen=True, slots=True)
class ColourJitter:
    """Photometric distortion, in this order; each Float32[B].

    Attributes:
        brightness: Added to every value, 0..255.
        contrast_first: Factor of every value, before the two below; 1 where it comes last.
        saturation: Factor.
        hue: Degrees added.
        contrast_last: Factor of every value, after all; 1 where it came first.
    """

    brightness: Tensor
    contrast_first: Tensor
    saturation: Tensor
    hue: Tensor
    contrast_last: Tensor


@dataclass(frozen=True, slots=True)
class Views:
    """The part of each image that becomes the network's input.

    Attributes:
        windows: Float32[B, 4] xyxy, fractions of the image; reaches outside where the image was zoomed out.
        mirrored: Bool[B], left and right swapped afterwards.
    """

    windows: Tensor
    mirrored: Tensor


def draw_colours(policy: Policy, noise: Tensor) -> ColourJitter:
    """Decide the photometric distortion.

    Args:
        policy: The limits.
        noise: Float32[B, noise_size] in [0, 1).
    """
    coins, amounts = noise[:, _COLOUR : _COLOUR + 5], noise[:, _COLOUR + 5 : _COLOUR + 9]
    chosen = coins[:, :4] < policy.colour_chance

    def amount(index: int, low: float, high: float, otherwise: float) -> Tensor:
        return torch.where(chosen[:, index], low + (high - low) * amounts[:, index], otherwise)

    contrast, first = amount(1, *policy.contrast, 1.0), coins[:, 4] < 0.5
    return ColourJitter(
        brightness=amount(0, -policy.brightness, policy.brightness, 0.0),
        contrast_first=torch.where(first, contrast, 1.0),
        saturation=amount(2, *policy.saturation, 1.0),
        hue=amount(3, -policy.hue, policy.hue, 0.0),
        contrast_last=torch.where(first, 1.0, contrast),
    )


def draw_views(policy: Policy, noise: Tensor, boxes_xyxy: Tensor, class_ids: Tensor) -> Views:
    """Decide zoom-out, crop and mirror, in this order.

    Args:
        policy: The limits.
        noise: Float32[B, noise_size] in [0, 1).
        boxes_xyxy: Float32[B, G, 4], fractions of the image.
        class_ids: Int64[B, G]; ``PADDING`` where there is no object.
    """
    zoomed = noise[:, _ZOOM] < policy.zoom_out_chance
    side = torch.where(zoomed, 1 + (policy.zoom_out - 1) * noise[:, _ZOOM + 1], 1.0)[:, None]  # [B, 1]
    corner = (side - 1) * noise[:, _ZOOM + 2 : _ZOOM + 4]  # [B, 2] of the image on the canvas
    corner = corner.repeat(1, 2)  # [B, 4]
    crop = _draw_crops(policy, noise, (boxes_xyxy + corner[:, None]) / side[:, None], class_ids >= 0)
    return Views(crop * side - corner, noise[:, _MIRROR] < policy.mirror_chance)


def see(views: Views, boxes_xyxy: Tensor, class_ids: Tensor) -> tuple[Tensor, Tensor]:
    """Objects as seen through ``views``: those whose centre is inside, cut off at the edges.

    Args:
        views: Of the same batch.
        boxes_xyxy: Float32[B, G, 4], fractions of the image.
        class_ids: Int64[B, G].

    Returns:
        Boxes Float32[B, G, 4], fractions of the view; class ids Int64[B, G], ``PADDING`` for what is not seen.
    """
    origin, size = views.windows[:, None, :2], (views.windows[:, 2:] - views.windows[:, :2])[:, None]
    boxes = (boxes_xyxy - origin.repeat(1, 1, 2)) / size.repeat(1, 1, 2)
    centre = (boxes[..., :2] + boxes[..., 2:]) / 2
    boxes = boxes.clamp(0, 1)
    seen = ((centre > 0) & (centre < 1)).all(dim=-1) & (boxes[..., 2:] > boxes[..., :2]).all(dim=-1)
    x1, y1, x2, y2 = boxes.unbind(dim=-1)
    swapped = torch.stack((1 - x2, y1, 1 - x1, y2), dim=-1)
    boxes = torch.where(views.mirrored[:, None, None], swapped, boxes)
    return torch.where(seen[..., None], boxes, 0.0), torch.where(seen, class_ids, PADDING)


def _draw_crops(policy: Policy, noise: Tensor, boxes_xyxy: Tensor, valid: Tensor) -> Tensor:
    """Float32[B, 4]: one crop of each canvas, in fractions of it, for boxes in fractions of it."""
    batch, samplers = len(noise), len(policy.min_ious)
    whole = torch.cat((noise.new_zeros(batch, 1, 2), noise.new_ones(batch, 1, 2)), dim=2)
    if samplers == 0:
        return whole[:, 0]
    crops = _tries(policy, noise[:, _TRIES:].reshape(batch, -1, 4))  # [B, S * T, 4]
    good = _held(crops, boxes_xyxy, valid).reshape(batch, samplers, policy.tries)
    good = good >= _limits(policy, noise.device)[:, None]  # [B, S, T]
    first = good.int().argmax(dim=2, keepdim=True)  # [B, S, 1]
    crops = crops.reshape(batch, samplers, policy.tries, 4)
    crops = crops.gather(2, first[..., None].expand(-1, -1, -1, 4))[:, :, 0]  # [B, S, 4]
    crops = torch.cat((whole, crops), dim=1)
    usable = torch.cat((valid.new_ones(batch, 1), good.any(dim=2)), dim=1)  # [B, 1 + S]
    place = usable.cumsum(dim=1)  # 1, 2, ... at the usable ones
    wanted = (noise[:, _CROP] * place[:, -1]).long() + 1
    chosen = (usable & (place == wanted[:, None])).int().argmax(dim=1)
    return crops.gather(1, chosen[:, None, None].expand(-1, 1, 4))[:, 0]


@lru_cache(maxsize=8)
def _limits(policy: Policy, device: torch.device) -> Tensor:
    """Float32[S]; kept on the device, because copying from the host would wait for all that is queued there."""
    return torch.tensor(policy.min_ious, device=device)


def _tries(policy: Policy, noise: Tensor) -> Tensor:
    """Float32[B, N, 4] random windows from Float32[B, N, 4] noise: a scale, a shape that fits it, and a place."""
    scale = policy.scale[0] + (policy.scale[1] - policy.scale[0]) * noise[..., 0]
    low = (scale * scale).clamp_min(policy.ratio[0])
    high = (1 / (scale * scale)).clamp_max(policy.ratio[1])
    root = (low + (high - low) * noise[..., 1]).sqrt()
    size = torch.stack((scale * root, scale / root), dim=-1).clamp_max(1)
    corner = (1 - size) * noise[..., 2:]
    return torch.cat((corner, corner + size), dim=-1)


def _held(crops: Tensor, boxes_xyxy: Tensor, valid: Tensor) -> Tensor:
    """Float32[B, N]: the most that a crop overlaps an object whose centre it holds; -1 where it holds none."""
    if valid.shape[1] == 0:
        return torch.full(crops.shape[:2], -1.0, device=crops.device)
    centre = ((boxes_xyxy[..., :2] + boxes_xyxy[..., 2:]) / 2)[:, :, None]  # [B, G, 1, 2]
    inside = ((centre > crops[:, None, :, :2]) & (centre < crops[:, None, :, 2:])).all(dim=-1)  # [B, G, N]
    overlaps = pairwise_iou(boxes_xyxy, crops)
    return torch.where(inside & valid[..., None], overlaps, -1.0).amax(dim=1)
