"""torchvision's Faster R-CNN on thumbnails: the code path is that of large images, the work a hundredth."""

from __future__ import annotations

import pytest
from torchvision.models import detection


def shrink_faster_rcnn(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on to the end of the test it looks at 64 pixels, and at 20 places in them."""
    real = detection.fasterrcnn_resnet50_fpn
    small = {"min_size": 64, "max_size": 96, "rpn_post_nms_top_n_test": 20}
    monkeypatch.setattr(detection, "fasterrcnn_resnet50_fpn", lambda **given: real(**given, **small))
