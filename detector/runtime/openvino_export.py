"""Our networks in OpenVINO's format for other programs: frames in as BGR, 0..255, detections out.

The input's scale and channel order and, unless only the raw outputs are wanted, decoding and suppression are part of
the graph, as in the SSDs of the Open Model Zoo: one table [1, 1, N, 7] of image, class (background 0), score and box.
"""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path
from typing import Any

import numpy as np

from detector.boxes import cxcywh_to_xyxy
from detector.default_boxes import default_boxes
from detector.errors import DetectorError
from detector.model_file import ModelEntry
from detector.plans.architectures import has_own_graph, is_two_stage
from detector.runtime.ir import read_ir
from detector.runtime.openvino_graph import network_of
from detector.runtime.openvino_runtime import last_line, load_openvino, operations
from detector.spec import ModelSpec


def export_openvino(entry: ModelEntry, target: Path, *, raw: bool = False) -> None:
    """Write the model's network to ``target`` and the ``.bin`` beside it, both whole or neither.

    Args:
        entry: The model, with weights.
        target: An ``.xml``; replaced where it is there.
        raw: Put out encoded boxes and logits, without decoding and suppression.

    Raises:
        DetectorError: There is no such network, it is damaged, or ``target`` cannot be written.
    """
    if target.suffix.lower() != ".xml":
        raise DetectorError(f"{target.name} must end in .xml.", "The weights go beside it, as .bin.")
    if is_two_stage(entry.spec):
        raise DetectorError(f"{entry.name} is torchvision's own network and cannot be exported.")
    openvino = load_openvino()
    if has_own_graph(entry.spec):
        network = read_ir(openvino.Core(), entry)
    else:
        network = network_of(openvino, entry)
        _take_frames(network, entry.spec)
        if not raw:
            network = _with_detections(openvino, network, entry.spec)
    _save(openvino, network, target)


def _take_frames(network: Any, spec: ModelSpec) -> None:
    """Puts the input's channel order and scale into the graph."""
    ops, image = operations(), network.inputs[0]
    takers = list(image.get_target_inputs())
    mean, std = (np.asarray(values, np.float32).reshape(1, 3, 1, 1) for values in (spec.input.mean, spec.input.std))
    frames = image
    if spec.input.channels == "rgb":
        frames = ops.gather(image, np.array([2, 1, 0]), np.array(1)).output(0)
    scaled = ops.divide(ops.subtract(frames, mean), std)
    for taker in takers:
        taker.replace_source_output(scaled.output(0))


def _with_detections(openvino: Any, network: Any, spec: ModelSpec) -> Any:
    """The network with softmax, decoding and suppression at its end."""
    assert spec.config is not None  # a network of ours
    ops, rule = operations(), spec.postprocess
    locs, logits = (result.input_value(0) for result in network.get_results())
    boxes = default_boxes(spec.config)
    variances = np.asarray(spec.config.variances, np.float32)
    if rule.max_log_size is not None:
        most = np.full(4, np.finfo(np.float32).max, np.float32)
        most[2:] = rule.max_log_size / variances[2:]
        locs = ops.minimum(locs, most).output(0)
    priors = np.stack([cxcywh_to_xyxy(boxes).reshape(-1), np.tile(variances, len(boxes))])[None]
    table = ops.detection_output(
        ops.reshape(locs, np.array([1, -1]), False),
        ops.reshape(ops.softmax(logits, 2), np.array([1, -1]), False),
        ops.constant(priors.astype(np.float32)),
        {
            "background_label_id": 0,
            "top_k": rule.top_k,
            "keep_top_k": [rule.max_detections],
            "nms_threshold": rule.iou_threshold,
            "confidence_threshold": rule.score_floor,
            "code_type": "caffe.PriorBoxParameter.CENTER_SIZE",
            "share_location": True,
            "normalized": True,
            "clip_before_nms": rule.clip,
        },
    )
    return openvino.Model([table], network.get_parameters(), spec.name)


def _save(openvino: Any, network: Any, target: Path) -> None:
    work = target.with_name(f".{target.stem[:100]}-{uuid.uuid4().hex[:12]}")
    try:
        work.mkdir()
        try:
            openvino.save_model(network, str(work / target.name), compress_to_fp16=False)
            for part in (target.with_suffix(".bin"), target):  # an .xml without its weights is of no use
                (work / part.name).replace(part)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        raise DetectorError(f"Cannot write {target}: {error.strerror or error}.") from error
    except RuntimeError as error:
        raise DetectorError(f"Cannot write {target}: {last_line(error)}.", "Check the free disk space.") from error
