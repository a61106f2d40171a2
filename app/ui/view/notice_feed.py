"""Decides what the plate on the frame says: that nothing is shown and why, or that the model cannot know. GUI thread.

Comes after the presenter, which puts each frame on the view first.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial

from PySide6.QtCore import QObject, QRectF, Signal

from app.core.frames import FrameResult
from app.ui.services.controller import LiveController
from app.ui.services.settings_model import SettingsModel
from app.ui.view.notice_plate import NoticePlate
from app.ui.view.silence import Silence, hidden_text, masked_text, silent_text
from app.ui.view.video_view import VideoView
from detector.bundled_files import default_model

DEMO_TEXT = "The demo model knows drawn shapes only. Choose another model."
NO_MODEL_TEXT = "No model is running, so nothing is detected."
_ANEW_NS = 500_000_000  # words that change with every frame cannot be read


class NoticeFeed(QObject):
    """Feeds the plate of one view.

    Args:
        view: Shows frames, and bears the plate.
        controller: Says which source and model there are.
        settings: Changed by the plate's button.
    """

    choose_model = Signal()
    """The user wants to choose another model."""

    def __init__(self, view: VideoView, controller: LiveController, settings: SettingsModel) -> None:
        super().__init__()
        self._view, self._controller, self._settings = view, controller, settings
        self._silence = Silence()
        self._act: Callable[[], object] = self.choose_model.emit
        self._said_ns = 0
        self._without_model = False  # and none is being opened
        self._hushed = False
        self.notice: NoticePlate = view.notice
        self.notice.pressed.connect(self._pressed)
        controller.frame.connect(self._frame_shown)
        controller.playback.paused.connect(self._look_again)
        controller.opening.connect(self._forget)
        controller.closed.connect(self._forget)
        controller.model_loading.connect(self._forget)
        controller.model_lost.connect(self._model_lost)
        controller.model_ready.connect(self._look_again)
        view.filtered.connect(self._look_again)
        view.rearranged.connect(self._place)

    def hush(self, hushed: bool) -> None:
        """Say nothing: the frame is needed for something else."""
        self._hushed = hushed
        self._look_again()

    def _model_lost(self) -> None:
        self._forget()
        self._without_model = True
        self._look_again()

    def _forget(self) -> None:
        self._without_model = False
        self._silence.forget()
        self._hide()

    def _frame_shown(self, _result: FrameResult) -> None:
        self._update()

    def _look_again(self) -> None:
        self._said_ns = 0
        self._update()

    def _update(self) -> None:
        result = self._view.result
        self._view.set_demo_told(self._is_lost)
        if self._hushed:
            self._hide()
        elif result is not None and self._without_model:
            self._act = self.choose_model.emit
            self._tell(NO_MODEL_TEXT, "Choose a model…", "The video goes on meanwhile")
        elif result is None or result.candidates is None:
            self._hide()
        elif self._is_lost:
            self._tell_demo()
        elif self._silence.update(len(self._view.detections()) > 0, result.frame.captured_ns, self._is_still):
            self._tell_silence(result)
        else:
            self._hide()

    @property
    def _is_lost(self) -> bool:
        """Returns whether the model is a demo that looks at more than its sample."""
        return self._view.is_demo and not self._controller.is_sample

    @property
    def _is_still(self) -> bool:
        info = self._controller.info
        return self._controller.playback.is_paused or (info is not None and info.kind == "image")

    @cached_property
    def _better(self) -> str:
        """The best model that came with the program, looked up once: it is asked for at every frame."""
        return default_model()

    def _tell_demo(self) -> None:
        better = self._better
        model = self._controller.model
        if model is not None and model.spec.name == better:  # nothing better came with the program
            button, self._act = "Choose a model…", self.choose_model.emit
        else:
            button, self._act = f"Use {better}", partial(self._settings.set, "model", "name", better)
        self._tell(DEMO_TEXT, button, "The live view goes on meanwhile")

    def _tell_silence(self, result: FrameResult) -> None:
        now_ns = result.frame.captured_ns
        if self.notice.words and not self._is_still and 0 <= now_ns - self._said_ns < _ANEW_NS:
            return
        self._said_ns = now_ns
        hidden = self._view.shown.hidden
        if hidden:
            self._act = partial(self._settings.set, "detection", "classes", ())
            self._tell(hidden_text(hidden), "Show all classes", "Take the class filter off")
            return
        if self._view.shown.masked:
            self._tell(masked_text(self._view.shown.masked), "", "")
            return
        said = silent_text(self._settings.current.detection.threshold, self._view.shown.best())
        button = "" if said.threshold is None else f"Lower to {said.threshold:.2f}"
        self._act = partial(self._settings.set, "detection", "threshold", said.threshold)
        self._tell(said.words, button, "Show what scores at least this")

    def _tell(self, words: str, button: str, tip: str) -> None:
        if (self.notice.words, self.notice.button.text()) != (words, button):
            self.notice.tell(words, button, tip)
        self._place()

    def _place(self) -> None:
        if self.notice.words:
            boxes = [QRectF(x1, y1, x2 - x1, y2 - y1) for x1, y1, x2, y2 in (mark.rect for mark in self._view.marks())]
            self.notice.place(self._view.visible_rect(), boxes)

    def _hide(self) -> None:
        if not self.notice.isHidden():
            self.notice.hide()

    def _pressed(self) -> None:
        self._act()
