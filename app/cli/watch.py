"""``ssd-viewer watch``: the live view without a window. Main thread, which waits; the work runs on its own."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from app.cli.console import Console, UsageError
from app.cli.interrupt import cancel_on_interrupt
from app.cli.json_lines import LineOutput
from app.cli.options import detection_settings, find_model, say_if_demo, with_own_limits
from app.cli.watch_options import actions_of, add_watch_options, address_of, rules_of
from app.cli.zones import check_zones_asked, scenes_for
from app.core.errors import AppError
from app.core.sources.base import CAMERA, SCREEN

if TYPE_CHECKING:
    from app.core.alarms.rules import Rule
    from app.core.watching.request import WatchRequest
    from app.core.watching.watch import Watch

_LINES_S = 5.0


def prepare(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace, Console], int]:
    """Add the options; return what runs."""
    parser.description = (
        "Watch live sources without a window: record them, find events, keep clips of these and tell somebody. A line "
        "of JSON for each event on stdout. Ctrl-C ends it in good order."
    )
    add_watch_options(parser)
    return run


def run(options: argparse.Namespace, console: Console) -> int:
    """Watch until Ctrl-C, SIGTERM, the end of --for or of all sources.

    Raises:
        UsageError: As said.
        AppError: The model or a folder cannot be used.
    """
    sources = [_source(source) for source in options.sources]
    if len(set(sources)) < len(sources):
        raise UsageError("A source is named twice.", "Name each once.")
    if options.virtual_camera:
        _check_virtual_camera(sources)
    requests = _requests(options, sources, console)
    actions = actions_of(options)
    from app.core.alarms.delivery import Delivery
    from app.core.heap import share_heap
    from app.core.sources.base import SourceOptions
    from app.core.watching.watch import Watch

    share_heap()
    watches: list[Watch] = []

    def nobody_reads() -> None:
        for watch in watches:
            watch.stop()

    lines = LineOutput(nobody_reads)

    def tell(data: dict[str, Any]) -> None:
        lines.give(data)
        if data["type"] == "trouble":
            console.note(_trouble_text(data["source"] or "", data["message"], data["hint"]))

    def failed(line: str) -> None:
        tell({"type": "trouble", "source": None, "message": line, "hint": ""})

    watch = Watch(requests, Delivery(actions, failed), tell, SourceOptions(), options.health)
    watches.append(watch)
    with cancel_on_interrupt(watch.stop, terminate=True):
        done = watch.run(options.for_s)
    lines.close(_LINES_S)
    return 0 if done else 1


def _requests(options: argparse.Namespace, sources: Sequence[str], console: Console) -> dict[str, WatchRequest]:
    """Makes the request of each source."""
    check_zones_asked(options, options.zone)
    scenes = scenes_for(options, sources, console.note, lambda scene: rules_of(options, scene))
    common = _common_request(options, rules_of(options, scenes[0]), console)
    return {
        source: replace(common, scene=scene, rules=rules_of(options, scene))
        for source, scene in zip(sources, scenes, strict=True)
    }


def _common_request(options: argparse.Namespace, rules: Sequence[Rule], console: Console) -> WatchRequest:
    """Makes the request that all sources share; ``rules`` name the classes."""
    from app.core.detection_filter import check_classes
    from app.core.recording.folder import FolderLimits
    from app.core.watching.request import WatchRequest

    model, detection = detection_settings(options)
    entry = find_model(model, detection)
    say_if_demo(entry, console)
    try:
        for rule in rules:
            check_classes(rule.classes, entry.spec.labels, entry.name)
    except AppError as error:
        raise UsageError(error.message, error.hint) from error
    return WatchRequest(
        model=model,
        detection=with_own_limits(detection, options, entry.spec.threshold, entry.spec.postprocess.iou_threshold),
        record=options.record,
        mode=options.mode,
        clips=options.clips,
        before_s=options.before,
        after_s=options.after,
        segment_s=options.segment,
        segment_bytes=options.segment_size,
        limits=FolderLimits(options.max_size, options.max_days),
        min_free=options.keep_free,
        virtual_camera=options.virtual_camera,
    )


def _check_virtual_camera(sources: Sequence[str]) -> None:
    from app.core.watching.virtual_camera import check_virtual_camera

    if len(sources) > 1:
        raise UsageError("A virtual camera shows one source.", "Name one, or leave out --virtual-camera.")
    check_virtual_camera()


def _source(given: str) -> str:
    from app.cli.window import named_source

    source = address_of(given)
    return source if source.startswith((CAMERA, SCREEN)) else named_source(source)


def _trouble_text(source: str, message: str, hint: str) -> str:
    named = message if source in message else f"{source}: {message}"
    return f"{named} {hint}".strip()
