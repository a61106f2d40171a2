"""The options of ``ssd-viewer watch``, and what they mean."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.console import UsageError
from app.cli.options import add_detection_flags, names
from app.cli.times import seconds
from app.cli.zones import add_zones_flag
from app.core.alarms.rules import Rule
from app.core.errors import AppError

if TYPE_CHECKING:
    from app.core.alarms.actions import Action
    from app.core.events.scene import Scene

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(KB|MB|GB|TB)", re.IGNORECASE)
_UNITS = {"kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_ANY = "any"
_LEAST_SEGMENT = 1_000_000


def add_watch_options(parser: argparse.ArgumentParser) -> None:
    """Adds all of them."""
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="camera:0, camera:NAME, screen:1, an address, @FILE that holds one, or a video",
    )
    _add_rules(parser)
    _add_files(parser)
    _add_alarms(parser)
    parser.add_argument("--for", dest="for_s", type=seconds, metavar="S", help="end after this long, such as 8h")
    parser.add_argument(
        "--virtual-camera", action="store_true", help="other programs see the view with its boxes as a camera"
    )
    parser.add_argument("--health", type=Path, metavar="FILE", help="keep figures in this file, renewed every minute")
    add_detection_flags(parser)
    parser.add_argument("--quiet", action="store_true", help="say nothing on stderr but errors")


def _add_rules(parser: argparse.ArgumentParser) -> None:
    rules = parser.add_argument_group("what is an event")
    rules.add_argument(
        "--on",
        action="append",
        type=names,
        default=[],
        metavar="CLASS[,CLASS]",
        help="one of these is there; any: whatever the model knows; may be given several times",
    )
    add_zones_flag(rules, "zones, and masks in which nothing is found")
    rules.add_argument("--zone", default="", metavar="NAME", help="only in this zone")
    rules.add_argument("--min-duration", type=seconds, default=0.0, metavar="S", help="there for so long")
    rules.add_argument("--every", type=seconds, default=0.0, metavar="S", help="not more often than that")
    rules.add_argument(
        "--absent",
        action="append",
        type=_absence,
        default=[],
        metavar="CLASS[,CLASS]:S",
        help="none of these was there for so long, such as person:10m",
    )
    rules.add_argument("--gone", type=seconds, metavar="S", help="the source is lost for so long")


def _add_files(parser: argparse.ArgumentParser) -> None:
    files = parser.add_argument_group("what is kept")
    files.add_argument("--record", type=Path, metavar="DIR", help="everything, in segments")
    files.add_argument(
        "--mode", choices=("clean", "drawn", "both"), default="clean", help="as it comes (default), or with boxes"
    )
    files.add_argument("--clips", type=Path, metavar="DIR", help="a clip and a picture of each event")
    files.add_argument("--before", type=seconds, default=5.0, metavar="S", help="a clip begins so long before (5s)")
    files.add_argument("--after", type=seconds, default=10.0, metavar="S", help="... and goes on after (10s)")
    files.add_argument(
        "--segment", type=_positive_seconds, default=600.0, metavar="S", help="length of a segment (10m)"
    )
    files.add_argument(
        "--segment-size",
        type=_segment_size,
        default=2_000_000_000,
        metavar="SIZE",
        help="it ends earlier at that size (2GB)",
    )
    files.add_argument("--max-size", type=size, metavar="SIZE", help="of each folder, such as 50GB; the oldest go")
    files.add_argument("--max-days", type=_positive, metavar="N", help="recordings older than this go")
    files.add_argument(
        "--keep-free", type=size, default=200 * 10**6, metavar="SIZE", help="room left on the disk (200MB)"
    )


def _add_alarms(parser: argparse.ArgumentParser) -> None:
    alarms = parser.add_argument_group("who is told (nobody, unless set)")
    alarms.add_argument("--notify", action="store_true", help="a notification on the desktop")
    alarms.add_argument("--sound", action="store_true", help="a sound when an event begins")
    alarms.add_argument(
        "--run",
        metavar="'PROGRAM …'",
        help="a program, with {label} {time} {clip} {snapshot} {source}; no shell; killed after a minute",
    )
    alarms.add_argument("--post", metavar="URL|@FILE", help="send each event as JSON there; @FILE holds the address")
    alarms.add_argument(
        "--mqtt", metavar="URL|@FILE", help="publish each event: mqtt[s]://[user:password@]host[:port][/topic]"
    )


def size(text: str) -> int:
    """Bytes of ``500MB``, ``50GB`` or ``1.5TB``; a KB is 1000 bytes."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise argparse.ArgumentTypeError(f"a size such as 500MB or 50GB is wanted, not {text!r}")
    return int(float(found[1]) * _UNITS[found[2].lower()])


def _segment_size(text: str) -> int:
    value = size(text)
    if value < _LEAST_SEGMENT:
        raise argparse.ArgumentTypeError(f"at least 1MB is wanted, not {text!r}")
    return value


def _positive_seconds(text: str) -> float:
    value = seconds(text)
    if value < 1.0:
        raise argparse.ArgumentTypeError(f"at least a second is wanted, not {text!r}")
    return value


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"a number of days is wanted, not {text!r}")
    return value


def _absence(text: str) -> tuple[tuple[str, ...], float]:
    classes, colon, quantity = text.rpartition(":")
    if not colon:
        raise argparse.ArgumentTypeError(f"a class and a time such as person:10m are wanted, not {text!r}")
    return names(classes), seconds(quantity)


def rules_of(options: argparse.Namespace, scene: Scene) -> tuple[Rule, ...]:
    """The rules asked for; where clips or alarms are wanted without a rule, whatever is seen is an event.

    Raises:
        SceneError: There is no such zone.
    """
    zone = scene.zone(options.zone).name if options.zone else ""  # as it is spelled there
    every_s = options.every
    wanted = [*options.on]
    told = options.clips or options.notify or options.sound or options.run or options.post or options.mqtt
    if not wanted and not options.absent and options.gone is None and told:
        wanted = [(_ANY,)]
    rules = [Rule("seen", _classes(classes), zone, options.min_duration, every_s) for classes in wanted]
    rules += [Rule("absent", _classes(classes), zone, for_s, every_s) for classes, for_s in options.absent]
    if options.gone is not None:
        rules.append(Rule("gone", for_s=options.gone, every_s=every_s))
    return tuple(rules)


def _classes(given: Sequence[str]) -> tuple[str, ...]:
    return () if _ANY in given else tuple(given)


def actions_of(options: argparse.Namespace) -> list[Action]:
    """Returns every way in which events are told.

    Raises:
        UsageError: A program, address or placeholder cannot be used.
    """
    if options.clips is None and "{clip}" in (options.run or ""):
        raise UsageError("There are no clips for the program of --run.", "Give --clips DIR, or leave out {clip}.")
    from app.core.alarms.ways import AlarmWays, actions_of_ways

    given = {
        "notify": options.notify,
        "sound": options.sound,
        "command": options.run is not None,
        "post": options.post is not None,
        "mqtt": options.mqtt is not None,
    }
    try:
        ways = AlarmWays(options.run or "", address_of(options.post or ""), address_of(options.mqtt or ""))
        return actions_of_ways([way for way, is_given in given.items() if is_given], ways)
    except AppError as error:
        raise UsageError(error.message, error.hint) from error


def address_of(given: str) -> str:
    """Returns the address itself, or what is in the file: everybody can see a command line.

    Of a service the file may be one of systemd's credentials.

    Raises:
        UsageError: The file cannot be read, or holds anything but one line.
    """
    if not given.startswith("@"):
        return given
    path = Path(os.environ.get("CREDENTIALS_DIRECTORY", ""), given[1:])
    try:
        (address,) = path.read_text(encoding="utf-8").strip().splitlines()
    except (OSError, ValueError):
        raise UsageError(f"The address cannot be read from {path}.", "Write it into that file, alone.") from None
    return address
