"""Shows the view with its boxes as a camera to other programs, while that is wanted. GUI thread; it works elsewhere.

It is never on by itself: whoever looks at a camera has not asked for others to see it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction

from app.core.errors import ExplainedError
from app.ui.guides import VIRTUAL_CAMERA
from app.ui.services.bridge import Wake
from app.ui.services.services import Services
from app.ui.view.video_view import VideoView

if TYPE_CHECKING:  # they load OpenCV
    from app.core.recording.drawn import DrawnFrames
    from app.core.watching.virtual_camera import VirtualCamera

TOPIC = "virtual camera"
_END_S = 10.0
_QUIT_S = 1.0


class VirtualCameraControl(QObject):
    """Does what the action "virtual_camera" says.

    Args:
        services: The controller has the source.
        view: Its frames are shown, with the boxes that it shows.
        action: Checked while it is on.
        parent: Owns this object.
    """

    status = Signal(str, str)
    """Which camera other programs see, and that they do in a word; "" while they see none."""

    help_asked = Signal(str)
    """The guide, and the heading in it, that says what is needed."""

    def __init__(self, services: Services, view: VideoView, action: QAction, parent: QObject) -> None:
        super().__init__(parent)
        self._services, self._view, self._action = services, view, action
        self._camera: VirtualCamera | None = None
        self._frames: DrawnFrames | None = None
        self._device = ""
        self._times = 0
        self._ending = False
        self._said: deque[tuple[int, Callable[[], None]]] = deque()
        self._wake = Wake(self._hear)
        controller = services.controller
        controller.opening.connect(self._source_changed)
        controller.opened.connect(self._source_changed)
        controller.closed.connect(self._end)
        view.received.connect(self._show_frame)
        view.filtered.connect(self._show_frame)
        services.settings.changed.connect(self._setting_changed)
        action.triggered.connect(self._toggle)
        self._show()

    @property
    def running(self) -> bool:
        """Whether other programs see the view, or are about to."""
        return self._camera is not None

    def close(self) -> None:
        """The window closes."""
        self._wake.close()
        camera, self._camera = self._camera, None
        if camera is not None:
            camera.close(_QUIT_S)

    # -- begins and ends --------------------------------------------------------------------------------------------

    def _toggle(self) -> None:
        if self.running:
            self._end()
        elif self._services.controller.info is not None:
            self._begin()
        self._show()

    def _begin(self) -> None:
        from app.core.recording.drawn import DrawnFrames
        from app.core.watching.virtual_camera import VirtualCamera

        self._frames = DrawnFrames(self._services.settings.current.overlay)
        self._times += 1
        number = self._times
        self._camera = VirtualCamera(
            lambda device: self._later(number, lambda: self._opened(device)),
            lambda error: self._later(number, lambda: self._failed(error)),
        )
        self._show_frame()

    def _end(self) -> None:
        """Ends it; another can begin only once the device is free."""
        camera, self._camera, self._device = self._camera, None, ""
        if camera is not None:
            self._ending = True
            self._services.background.run("virtual-camera", lambda: camera.close(_END_S), self._ended)
        self._show()

    def _ended(self, _in_time: bool) -> None:
        self._ending = False
        self._show()

    def _source_changed(self, *_about: object) -> None:
        self._show()

    # -- frames -----------------------------------------------------------------------------------------------------

    def _show_frame(self, *_about: object) -> None:
        camera, frames, shown = self._camera, self._frames, self._view.shown
        result = shown.result
        if camera is not None and frames is not None and result is not None:
            found, tracks, unseen_s = shown.detections, shown.numbers, shown.unseen_s
            camera.show(lambda: frames.draw(result, found, tracks, unseen_s))

    def _setting_changed(self, section: str, _name: str) -> None:
        if section == "overlay" and self._frames is not None:
            from app.core.recording.drawn import DrawnFrames

            self._frames = DrawnFrames(self._services.settings.current.overlay)
            self._show_frame()

    # -- what is said -----------------------------------------------------------------------------------------------

    def _later(self, number: int, say: Callable[[], None]) -> None:
        """Has something said on the GUI thread; the camera's calls."""
        self._said.append((number, say))
        self._wake.post()

    def _hear(self) -> None:
        while self._said:
            number, say = self._said.popleft()
            if number == self._times and self.running:
                say()

    def _opened(self, device: str) -> None:
        self._device = device
        self._services.banner.tell(
            "success",
            f"Other programs see this view as the camera {device}.",
            "Choose it there. It ends when the source is closed, or by the same entry of the menu.",
            topic=TOPIC,
        )
        self._show()

    def _failed(self, error: ExplainedError) -> None:
        self._end()
        more = ("What to do…", self._ask_help)
        self._services.banner.tell("warning", error.message, error.hint, topic=TOPIC, action=more)

    def _ask_help(self) -> None:
        self.help_asked.emit(VIRTUAL_CAMERA)

    def _show(self) -> None:
        self._action.setChecked(self.running)
        self._action.setEnabled(self.running or (self._services.controller.info is not None and not self._ending))
        shown = bool(self._device)
        self.status.emit(f"Camera for other programs: {self._device}" if shown else "", "Shared" if shown else "")
