"""``ssd-viewer cameras``: which there are, without starting any."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from app.cli.console import Console, UsageError, table
from app.cli.options import add_result_flags
from app.core.errors import AppError


def prepare(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace, Console], int]:
    """Add the options; return what runs."""
    parser.description = (
        "Names, stable ids and formats of the cameras; no camera is started. "
        "Network cameras that encrypt (https, rtsps) sign their certificates themselves: --trust remembers one."
    )
    trust = parser.add_mutually_exclusive_group()
    trust.add_argument(
        "--trust",
        metavar="ADDRESS",
        help="remember the certificate that the server at https://HOST, rtsps://HOST or HOST:PORT shows now, "
        "and accept exactly that one from there",
    )
    trust.add_argument("--distrust", metavar="ADDRESS", help="forget it")
    parser.add_argument(
        "--fingerprint", metavar="SHA256", help="with --trust: only if its certificate has this fingerprint"
    )
    add_result_flags(parser)
    return run


def run(options: argparse.Namespace, console: Console) -> int:
    """List them, or change whose certificate is trusted.

    Raises:
        UsageError: --fingerprint without --trust.
        AppError: Nobody answers there, or with another certificate.
    """
    if options.fingerprint and not options.trust:
        raise UsageError("--fingerprint says which certificate to trust.", "Add --trust ADDRESS.")
    if options.trust:
        return _trust(options.trust, options.fingerprint, console)
    if options.distrust:
        return _distrust(options.distrust, console)
    return _list(console)


def _trust(address: str, expected: str | None, console: Console) -> int:
    from app.core.media.certificates import Certificates, normalised

    certificates = Certificates()
    shown = certificates.look(address)
    if expected is not None and normalised(expected) != shown.fingerprint:
        raise AppError(
            f"{shown.place} shows another certificate: {shown.fingerprint}.", "It is not trusted; nothing was changed."
        )
    certificates.trust(shown.place, shown.fingerprint)
    console.give({"trusted": shown.place, "sha256": shown.fingerprint, "verified": shown.verified})
    console.say(f"{shown.place} is trusted from now on, with this certificate only:")
    console.say(f"SHA-256 {shown.fingerprint}")
    if shown.verified:
        console.say("The system vouches for it as well; it would have been accepted anyway.")
    return 0


def _distrust(address: str, console: Console) -> int:
    from app.core.addresses import host_and_port
    from app.core.media.certificates import Certificates, place_of

    try:
        place = place_of(*host_and_port(address if "://" in address else f"https://{address}"))
    except ValueError as error:
        raise AppError("This is no address of a server.", "Write https://HOST, rtsps://HOST or HOST:PORT.") from error
    known = Certificates().forget(place)
    console.give({"distrusted": place, "was_trusted": known})
    console.say(f"{place} is not trusted any more." if known else f"{place} was not trusted.")
    return 0


def _list(console: Console) -> int:
    from app.core.sources.cameras import list_cameras

    cameras = list_cameras(ask_formats=True)
    console.give(
        {
            "cameras": [
                {"index": c.number, "name": c.name, "stable_id": c.stable_id, "formats": list(c.formats)}
                for c in cameras
            ]
        }
    )
    if not cameras:
        console.say("No camera is connected.")
        return 0
    lines = table([("N", "NAME", "STABLE ID"), *((str(c.number), c.name, c.stable_id) for c in cameras)])
    console.say(lines[0])
    for camera, line in zip(cameras, lines[1:], strict=True):
        console.say(line)
        for offered in camera.formats or ("formats unknown until the camera runs",):
            console.say(f"     {offered}")
    return 0
