"""The command line. Parses, runs one command, turns failures into one line and an exit code. Main thread.

Nothing heavy is imported before a command needs it: ``--help`` answers at once, the window opens before torch.
Exit codes: 0 done, 1 the work failed, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import atexit
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from app.cli.console import Console, UsageError, ensure_streams
from app.cli.remedies import phrased
from detector.errors import ExplainedError

DONE, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130

_OVERVIEW = """\
Watch a camera or a video through an SSD detector, live, and export what it saw.

  ssd-viewer [SOURCE...] [--camera N|NAME] [--screen [N|WxH+X+Y]]
                                          the window: video, image, folder of images, http(s):// or rtsp:// stream
  ssd-viewer detect IMAGE...              images to detections, and annotated copies
  ssd-viewer annotate VIDEO...            video to annotated video and data
  ssd-viewer analyse VIDEO...             what is in a video, kept beside it for later questions
  ssd-viewer events VIDEO...              what happens in a video: objects, times, zones, lines
  ssd-viewer watch SOURCE...              the live view without a window: records, clips of events, alarms
  ssd-viewer evaluate                     accuracy of a model, or of detections that exist already
  ssd-viewer train                        from annotated images to a detector
  ssd-viewer bench                        how fast a model runs on this computer, beside others
  ssd-viewer cameras                      names and stable ids of the cameras
  ssd-viewer models [list|info|download|import|check|remove|...]
                                          the model library
  ssd-viewer verify FOLDER                whether anything of a case changed
  ssd-viewer self-test                    what works on this computer

`ssd-viewer COMMAND --help` explains a command."""


class Parser(argparse.ArgumentParser):
    """Reports wrong usage in one line."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message[:1].upper()}{message[1:]}.", f"See {self.prog} --help.")


def program() -> NoReturn:
    """The whole process: runs ``main``, and ends.

    Taking OpenVINO and torch down library by library costs a second or two that nobody gains from, and a thread left
    behind in a driver may crash meanwhile. So the process ends as soon as everything registered for its end has run.
    """
    code = [FAILED]
    atexit.register(lambda: _end(code[0]))  # first to be registered, so last to be called
    code[0] = main()
    sys.exit(code[0])


def _end(code: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # a full disk, a reader that went away
            code = code or FAILED
    os._exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: Arguments after the program's name; None for those of the process.

    Returns:
        The exit code.
    """
    ensure_streams()
    arguments = list(sys.argv[1:] if argv is None else argv)
    console = Console()
    try:
        code = _run(arguments, console)
        sys.stdout.flush()  # what cannot be written fails here, where it is told
        return code
    except UsageError as error:
        console.error(phrased(error))
        return WRONG_USAGE
    except ExplainedError as error:
        console.error(phrased(error))
        return FAILED
    except KeyboardInterrupt:
        console.error("Interrupted.")
        return INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe went away, e.g. `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:  # the commands explain those of their files; what is left is the output itself
        where = f"{error.filename} cannot be used" if error.filename else "The result cannot be written"
        console.error(f"{where}: {error.strerror or error}.")
        return FAILED
    except SystemExit as stop:  # argparse: --help and --version
        return stop.code if isinstance(stop.code, int) else FAILED


def _run(arguments: list[str], console: Console) -> int:
    if arguments[:1] == ["--self-test"]:
        arguments[0] = "self-test"
    name = arguments[0] if arguments else ""
    if name in COMMANDS:
        parser = Parser(prog=f"ssd-viewer {name}", allow_abbrev=False)
        run = COMMANDS[name](parser)
        options = parser.parse_args(arguments[1:])
    else:
        parser = Parser(
            prog="ssd-viewer",
            description=_OVERVIEW,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            usage="ssd-viewer [SOURCE...] [options]  |  ssd-viewer COMMAND ...",
            allow_abbrev=False,
        )
        run = _window(parser)
        options = parser.parse_args(arguments)
    console.configure(quiet=getattr(options, "quiet", False), json_target=getattr(options, "json", None))
    return run(options, console)


Run = Callable[[argparse.Namespace, Console], int]


def _window(parser: argparse.ArgumentParser) -> Run:
    from app import __version__
    from app.cli import window

    parser.add_argument("--version", action="version", version=f"ssd-viewer {__version__}")
    return window.prepare(parser)


def _analyse(parser: argparse.ArgumentParser) -> Run:
    from app.cli import analyse

    return analyse.prepare(parser)


def _annotate(parser: argparse.ArgumentParser) -> Run:
    from app.cli import annotate

    return annotate.prepare(parser)


def _bench(parser: argparse.ArgumentParser) -> Run:
    from app.cli import bench

    return bench.prepare(parser)


def _cameras(parser: argparse.ArgumentParser) -> Run:
    from app.cli import cameras

    return cameras.prepare(parser)


def _detect(parser: argparse.ArgumentParser) -> Run:
    from app.cli import detect

    return detect.prepare(parser)


def _evaluate(parser: argparse.ArgumentParser) -> Run:
    from app.cli import evaluate

    return evaluate.prepare(parser)


def _events(parser: argparse.ArgumentParser) -> Run:
    from app.cli import events

    return events.prepare(parser)


def _models(parser: argparse.ArgumentParser) -> Run:
    from app.cli import models

    return models.prepare(parser)


def _self_test(parser: argparse.ArgumentParser) -> Run:
    from app.cli import self_test

    return self_test.prepare(parser)


def _train(parser: argparse.ArgumentParser) -> Run:
    from app.cli import train

    return train.prepare(parser)


def _verify(parser: argparse.ArgumentParser) -> Run:
    from app.cli import verify

    return verify.prepare(parser)


def _watch(parser: argparse.ArgumentParser) -> Run:
    from app.cli import watch

    return watch.prepare(parser)


# Each adds its options to a parser and returns what runs; plain imports, so that PyInstaller finds them.
COMMANDS: dict[str, Callable[[argparse.ArgumentParser], Run]] = {
    "analyse": _analyse,
    "annotate": _annotate,
    "bench": _bench,
    "cameras": _cameras,
    "detect": _detect,
    "evaluate": _evaluate,
    "events": _events,
    "models": _models,
    "self-test": _self_test,
    "train": _train,
    "verify": _verify,
    "watch": _watch,
}
