"""Augmentation of a batch on its device: what ``policy`` decided, done with tensor operations. On the trainer's thread.

Images come as they lie in a ``DeviceDataset``; nothing here asks the device for a value, so the host never waits. It
computes the same on the CPU, where ``augment`` is its reference.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 # everybody's name for it

from detector.training.policy import ColourJitter, Policy, Views, draw_colours, draw_views, see


def augment_batch(
    images_bgr: Tensor,
    boxes_xyxy: Tensor,
    class_ids: Tensor,
    *,
    policy: Policy,
    noise: Tensor,
    size: tuple[int, int],
    fill_bgr: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """A batch of training examples from a batch of images.

    Args:
        images_bgr: UInt8[B, S, S, 3], each image stretched to a square.
        boxes_xyxy: Float32[B, G, 4], fractions of the image.
        class_ids: Int64[B, G]; ``PADDING`` where there is no object.
        policy: The limits.
        noise: Float32[B, policy.noise_size] in [0, 1), which decides everything.
        size: Height and width of the result, pixels.
        fill_bgr: Float32[3], what surrounds an image that is zoomed out, 0..255.

    Returns:
        Float32[B, 3, height, width] in 0..255, still BGR; boxes and class ids as given, ``PADDING`` for objects that
        are not seen any more.
    """
    views = draw_views(policy, noise, boxes_xyxy, class_ids)
    images = images_bgr.permute(0, 3, 1, 2).float()  # [B, 3, S, S]
    images = apply_views(apply_colours(images, draw_colours(policy, noise)), views, size, fill_bgr)
    return (images, *see(views, boxes_xyxy, class_ids))


def apply_colours(images_bgr: Tensor, colours: ColourJitter) -> Tensor:
    """Distort the colours of Float32[B, 3, H, W] in 0..255; values stay in that range."""

    def factor(values: Tensor) -> Tensor:
        return values[:, None, None, None]

    images = (images_bgr + factor(colours.brightness)).clamp_(0, 255)
    images = images.mul_(factor(colours.contrast_first)).clamp_(0, 255)
    images = _turn(images, colours.saturation[:, None, None], colours.hue[:, None, None])
    return images.mul_(factor(colours.contrast_last)).clamp_(0, 255)


def _turn(images_bgr: Tensor, saturation: Tensor, hue: Tensor) -> Tensor:
    """Scale the saturation and turn the hue by degrees, in HSV; the arguments are Float32[B, 1, 1]."""
    blue, green, red = images_bgr.unbind(dim=1)  # each [B, H, W]
    value = images_bgr.amax(dim=1)
    spread = value - images_bgr.amin(dim=1)
    safe = spread.clamp_min(1e-6)
    # In sixths of the circle from red.
    angle = torch.where(value == green, 2 + (blue - red) / safe, 4 + (red - green) / safe)
    angle = torch.where(value == red, (green - blue) / safe, angle) + hue / 60
    wide = torch.minimum(spread * saturation, value)  # saturation is spread over value, at most 1
    offsets = torch.arange(1, 6, 2, device=images_bgr.device)[:, None, None]  # of blue, green and red
    k = (angle[:, None] + offsets).remainder_(6)  # [B, 3, H, W]
    return value[:, None] - wide[:, None] * torch.minimum(k, 4 - k).clamp_(0, 1)


def apply_views(images: Tensor, views: Views, size: tuple[int, int], fill: Tensor) -> Tensor:
    """Warp the window of each of Float32[B, 3, H, W] to ``size``, bilinearly; ``fill`` where it reaches outside."""
    x1, y1, x2, y2 = views.windows.unbind(dim=1)
    x1, x2 = torch.where(views.mirrored, x2, x1), torch.where(views.mirrored, x1, x2)
    x, y = _places(x1, x2, size[1]), _places(y1, y2, size[0])
    rows, columns = size
    grid = torch.stack((x[:, None].expand(-1, rows, -1), y[:, :, None].expand(-1, -1, columns)), dim=-1)
    result = F.grid_sample(images, grid * 2 - 1, mode="bilinear", padding_mode="border", align_corners=False)
    outside = ((x < 0) | (x > 1))[:, None] | ((y < 0) | (y > 1))[:, :, None]  # [B, rows, columns]
    return torch.where(outside[:, None], fill[:, None, None], result)


def _places(low: Tensor, high: Tensor, count: int) -> Tensor:
    """Float32[B, count]: centres of ``count`` equal pixels between Float32[B] ``low`` and ``high``."""
    fractions = (torch.arange(count, device=low.device) + 0.5) / count
    return low[:, None] + (high - low)[:, None] * fractions
