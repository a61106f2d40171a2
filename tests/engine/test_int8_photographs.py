"""int8 on trained weights and photographs: it finds what fp32 finds. Skipped where that material is not here."""

from __future__ import annotations

import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.core.models import user_library
from detector.evaluation.agreement import compare
from detector.model_file import ModelEntry
from detector.runtime.base import ImageBGR
from detector.runtime.calibrate import with_ranges
from detector.runtime.format_measurements import AGREES, ENOUGH
from detector.runtime.open import open_detector
from detector.weights import describe_anew, load_arrays
from tests.support.shared_data import shared


@pytest.fixture(scope="module")
def photographs() -> list[ImageBGR]:
    """Forty of VOC2007 trainval at their original size."""
    found = []
    with tarfile.open(shared("images/voc2007-original-40.tar")) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.name.endswith(".jpg") else None
            if file is not None:
                image = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)
                assert image is not None
                found.append(np.asarray(image, np.uint8))
    return found


def agreement(entry: ModelEntry, photographs: list[ImageBGR]) -> tuple[float, int]:
    """Returns the agreement of int8 with fp32, and the objects it was measured on."""
    with open_detector(entry, "cpu", "int8") as short, open_detector(entry, "cpu", "fp32") as exact:
        assert (short.precision, exact.precision) == ("int8", "fp32")
        found = compare([exact.detect(image) for image in photographs], [short.detect(image) for image in photographs])
    return found.ap, found.objects


def test_ranges_measured_on_photographs_do_for_others(photographs: list[ImageBGR]) -> None:
    entry = user_library().import_file(Path(shared("weights/ultraface/version-RFB-320.pth")), "faces").entry
    assert entry.path is not None
    spec = with_ranges(entry.spec, load_arrays(entry.path, entry.spec), photographs[::2], "photographs")
    assert spec.int8 is not None
    assert spec.int8.agreement is not None
    assert spec.int8.agreement >= AGREES
    describe_anew(entry.path, spec)
    ap, objects = agreement(user_library().find("faces"), photographs[1::2])
    assert objects >= ENOUGH
    assert ap >= AGREES


def test_models_in_the_box_with_ranges_find_in_int8_what_they_find_in_fp32(photographs: list[ImageBGR]) -> None:
    bundled = [entry for entry in user_library().list() if entry.bundled and entry.spec.int8 is not None]
    if not bundled:
        pytest.skip("no model in the box carries ranges")
    for entry in bundled:
        ap, objects = agreement(entry, photographs)
        assert objects >= ENOUGH, entry.name
        assert ap >= AGREES, entry.name
