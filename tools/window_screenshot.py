"""Makes the image of the window in the README: ``xvfb-run -a python -m tools.window_screenshot CLIP --at 62``.

The real window with the default model plays a clip, and its image is taken at the first frame from the time named on
that shows something found; of a clip that is analysed, beside the list of events, one of which is chosen. The clip is
not kept; who publishes the image names its author beside it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tools.real_window import open_window, settle, wait_until

if TYPE_CHECKING:
    from app.ui.main_window import MainWindow

ROOT = Path(__file__).resolve().parents[1]
_LEAD_S = 4.0  # it plays so long before, so that speed and latency are those of a window that runs
_PICTURES_MS = 2000  # for the small images of the list
_QUALITY = 90
_NOTHING = "nothing was found in time"


def take(clip: Path, at_s: float, out: Path, theme: str, size: tuple[int, int]) -> None:
    """Write the image.

    Args:
        clip: A video.
        at_s: Seconds from its beginning.
        out: File to write, JPEG or PNG by its ending.
        theme: "light" or "dark".
        size: Of the window, pixels.

    Raises:
        TimeoutError: The clip cannot be opened, or nothing is found in it from then on.
        OSError: ``out`` cannot be written.
    """
    from app.core.live.cached_analysis import stores_beside

    window = open_window(theme, size)
    controller, events = window.services.controller, window.events
    controller.trouble.connect(_print_trouble)
    try:
        window.open_source(str(clip))
        wait_until(lambda: controller.info is not None, f"{clip} was not opened in time")
        controller.playback.seek(max(0.0, at_s - _LEAD_S))
        if stores_beside(str(clip)):
            window.show_events()
            wait_until(lambda: _shows_something(window, at_s), _NOTHING)
            wait_until(lambda: events.panel.list.model().rowCount() > 0, "no event was listed in time")
            events.next_event()  # plays it from its beginning
        wait_until(lambda: _shows_something(window, at_s), _NOTHING)
        settle(_PICTURES_MS)
        if not window.grab().save(str(out), quality=_QUALITY):
            raise OSError(f"{out} cannot be written")
    finally:
        window.close_now()


def _shows_something(window: MainWindow, at_s: float) -> bool:
    """Returns whether the frame in view is from ``at_s`` or later, and has boxes."""
    result = window.stage.view.result
    time_s = None if result is None else result.frame.pts_s
    return time_s is not None and time_s >= at_s and len(window.stage.view.detections()) > 0


def _print_trouble(_kind: str, _topic: str, message: str, hint: str) -> None:
    print(message, hint, file=sys.stderr)


def main() -> int:
    """Take the image."""
    parser = argparse.ArgumentParser(prog="python -m tools.window_screenshot", description=__doc__)
    parser.add_argument("clip", type=Path, metavar="CLIP")
    parser.add_argument("--at", type=float, default=0.0, metavar="S", help="seconds from the beginning (default: 0)")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "window.jpg", metavar="FILE")
    parser.add_argument("--theme", choices=("light", "dark"), default="dark", help="(default: dark)")
    parser.add_argument("--size", type=int, nargs=2, default=(1240, 780), metavar=("W", "H"))
    given = parser.parse_args()
    try:
        take(given.clip, given.at, given.out, given.theme, tuple(given.size))
    except (TimeoutError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(given.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
