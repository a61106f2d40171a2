"""Makes the image of the window in the README: ``xvfb-run -a python -m tools.window_screenshot CLIP --at 62``.

The real window with the default model plays a clip, and its image is taken at the first frame from the time named on
that shows something found; of a clip that is analysed, beside the list of events, one of which is chosen. The clip is
not kept; who publishes the image names its author beside it.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_LEAD_S = 4.0  # it plays so long before, so that speed and latency are those of a window that runs
_PATIENCE_MS = 120_000
_PICTURES_MS = 2000  # for the small images of the list
_QUALITY = 90


def take(clip: Path, at_s: float, out: Path, theme: str, size: tuple[int, int]) -> str:
    """Write the image; what could not be done, or "".

    Args:
        clip: A video.
        at_s: Seconds from its beginning.
        out: File to write, JPEG or PNG by its ending.
        theme: "light" or "dark".
        size: Of the window, pixels.
    """
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication

    from app.core.frames import FrameResult, SourceInfo
    from app.core.live.cached_analysis import stores_beside
    from app.core.settings import Settings
    from app.ui.main import build_window

    application = QApplication(sys.argv[:1])
    settings = Settings()
    window = build_window(application, replace(settings, window=replace(settings.window, theme=theme)), None)
    window.resize(*size)
    window.show()
    window.services.library.refresh_models()
    failed = ["nothing was found in time"]

    is_analysed = bool(stores_beside(str(clip)))
    if is_analysed:
        window.show_events()

    def opened(_info: SourceInfo) -> None:
        window.services.controller.playback.seek(max(0.0, at_s - _LEAD_S))

    def shown(result: FrameResult) -> None:
        time_s = result.frame.pts_s
        if not failed or time_s is None or time_s < at_s or not len(window.stage.view.detections()):
            return
        if is_analysed and not window.events.panel.list.currentIndex().isValid():
            if window.events.panel.list.model().rowCount():
                window.events.next_event()  # plays it from its beginning
            return
        failed.clear()
        QTimer.singleShot(_PICTURES_MS, window, keep)

    def keep() -> None:
        if not window.grab().save(str(out), quality=_QUALITY):
            failed.append(f"{out} cannot be written")
        window.close_now()

    window.services.controller.opened.connect(opened)
    window.services.controller.frame.connect(shown)
    window.services.controller.trouble.connect(
        lambda _kind, _topic, message, hint: print(message, hint, file=sys.stderr)
    )
    QTimer.singleShot(_PATIENCE_MS, window, window.close_now)
    window.open_source(str(clip))
    application.exec()
    return "".join(failed)


def main() -> int:
    """Take the image."""
    parser = argparse.ArgumentParser(prog="python -m tools.window_screenshot", description=__doc__)
    parser.add_argument("clip", type=Path, metavar="CLIP")
    parser.add_argument("--at", type=float, default=0.0, metavar="S", help="seconds from the beginning (default: 0)")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "window.jpg", metavar="FILE")
    parser.add_argument("--theme", choices=("light", "dark"), default="dark", help="(default: dark)")
    parser.add_argument("--size", type=int, nargs=2, default=(1240, 780), metavar=("W", "H"))
    given = parser.parse_args()
    problem = take(given.clip, given.at, given.out, given.theme, tuple(given.size))
    if problem:
        print(problem, file=sys.stderr)
        return 1
    print(given.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
