"""Gives the drawing of zones its places in the window: a bar above the view, a list beside it. GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QObject, QPointF, QRectF, Signal
from PySide6.QtGui import QAction

from app.core.events.scene import Scene
from app.ui.services.services import Services
from app.ui.view.stage import Stage
from app.ui.widgets.side_panel import SidePanel
from app.ui.widgets.split import Split
from app.ui.zones.editor import Box, ZoneEditor


class ZoneDrawing(QObject):
    """Begins and ends with the action.

    Args:
        services: As for ``ZoneEditor``.
        stage: Shows the frame.
        split: Opens and closes what is beside it.
        side: What that is.
        action: Switches drawing on and off.
    """

    drawing = Signal(bool)
    """Whether zones are being drawn."""

    def __init__(self, services: Services, stage: Stage, split: Split, side: SidePanel, action: QAction) -> None:
        super().__init__(stage)
        self._stage, self._view, self._split, self._side, self._action = stage, stage.view, split, side, action
        self._panel_was_open: bool | None = None  # where it was opened here
        self.editor = ZoneEditor(services, stage.view, stage.view, self._boxes)
        self.editor.began.connect(self._began)
        self.editor.ended.connect(self._ended)
        services.scenes.changed.connect(self._scene_changed)
        stage.view.mask_asked.connect(self._mask_asked)
        stage.view.zone_asked.connect(self._zone_asked)
        action.triggered.connect(self._toggle)

    def _toggle(self) -> None:
        self.editor.toggle()
        self._action.setChecked(self.editor.editing)

    def _mask_asked(self, part: QRectF) -> None:
        self.editor.mask_box((part.left(), part.top(), part.right(), part.bottom()))

    def _zone_asked(self, place: QPointF) -> None:
        self.editor.start_zone((place.x(), place.y()))

    def _scene_changed(self, scene: Scene) -> None:
        self._view.set_masks(scene.ignored)

    def _began(self) -> None:
        self._action.setChecked(True)
        self.drawing.emit(True)
        if self.editor.bar.parent() is None:
            self._stage.place_above(self.editor.bar)
        self.editor.bar.show()
        self._view.zoom_plate.raise_()
        self._side.cover(self.editor.panel)
        if not self._split.is_narrow:
            self._panel_was_open = self._split.panel_open
            self._split.open_panel(True)

    def _ended(self) -> None:
        self._action.setChecked(False)
        self.drawing.emit(False)
        self.editor.bar.hide()
        self._side.uncover()
        if self._panel_was_open is not None and not self._split.is_narrow:
            self._split.open_panel(self._panel_was_open)
        self._panel_was_open = None

    def _boxes(self) -> list[Box]:
        """The boxes shown, from 0 to 1 over the frame, best last."""
        result = self._view.result
        if result is None:
            return []
        width, height = result.frame.width, result.frame.height
        boxes = self._view.detections().boxes_xyxy.tolist()
        return [(x1 / width, y1 / height, x2 / width, y2 / height) for x1, y1, x2, y2 in reversed(boxes)]
