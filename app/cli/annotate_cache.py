"""Flags of ``annotate`` about what earlier runs found: go on with it, render from it, keep none of it."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from app.cli.annotate_highlights import check_highlight_classes
from app.cli.console import Console, UsageError
from app.cli.options import detection_settings, find_model, say_if_demo, with_own_limits
from app.core.errors import AppError
from app.core.settings import DetectionSettings, ModelSettings

if TYPE_CHECKING:
    from app.core.export.request import CachePolicy, ExportRequest


def add_cache_flags(parser: argparse.ArgumentParser) -> None:
    """``--resume --from-cache --no-cache``."""
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with an interrupted batch: videos that are done are passed over "
        "(within a video it goes on by itself, from what VIDEO.ssdv.part holds)",
    )
    parser.add_argument(
        "--from-cache",
        action="store_true",
        help="render from the detections kept in VIDEO.ssdv, with another threshold, IoU, classes; no model is loaded",
    )
    parser.add_argument(
        "--no-cache",
        action="store_true",
        help="look at every frame anew, and keep no detections once the files are there; "
        "--resume --no-cache goes on with an interrupted run",
    )


def cache_policy(options: argparse.Namespace) -> CachePolicy:
    """Returns the policy that the flags ask for.

    Raises:
        UsageError: They contradict each other.
    """
    if options.from_cache and options.no_cache:
        raise UsageError("--from-cache needs what --no-cache does not want.", "Leave one of them out.")
    if options.from_cache:
        return "only"
    return "drop" if options.no_cache else "keep"


def resumes(options: argparse.Namespace) -> bool:
    """Returns whether what an interrupted run left is used; a cluster begins a task again by itself, and must."""
    return options.resume or options.ray is not None or not options.no_cache


def chosen_model(options: argparse.Namespace, console: Console) -> tuple[ModelSettings, DetectionSettings]:
    """Model and detection settings; the model is looked for, unless what it found is kept.

    Raises:
        UsageError: There is no such model, device or class.
        DetectorError: Its weights are not here, or they are broken.
    """
    model, detection = detection_settings(options)
    if cache_policy(options) == "only":
        return ModelSettings(name=options.model or ""), detection
    entry = find_model(model, detection)
    detection = with_own_limits(detection, options, entry.spec.threshold, entry.spec.postprocess.iou_threshold)
    check_highlight_classes(options, entry.spec.labels, entry.name)
    say_if_demo(entry, console)
    return model, detection


def with_cached_threshold(request: ExportRequest, options: argparse.Namespace) -> ExportRequest:
    """``request``, which renders from kept detections, with the limits of the model whose they are."""
    from app.core.candidate_cache.source_content import SourceContent
    from app.core.export.source_facts import cached_detections
    from app.core.models import own_iou, own_threshold

    try:
        model = cached_detections(request, SourceContent(request.source)).facts.model
    except AppError:
        return request  # nothing is kept: the export says so
    detection = with_own_limits(request.detection, options, own_threshold(model), own_iou(model))
    return replace(request, detection=detection)
