"""Zones on the frame: seen while one watches, drawn when asked for, kept as soon as they are drawn. GUI thread.

Composes the overlay, the bar and the panel; the window gives bar and panel their places.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import cast

from PySide6.QtCore import QObject, QPoint, Qt, Signal
from PySide6.QtWidgets import QMenu, QWidget

from app.core.events.geometry import Point
from app.core.events.scene import Scene
from app.core.events.scene_edit import rectangle
from app.core.frames import FrameResult
from app.core.live.events import ModelReady
from app.ui.services.services import Services
from app.ui.zones.bar import ZoneBar
from app.ui.zones.drawing import Drawing, Tool
from app.ui.zones.hits import Hit
from app.ui.zones.overlay import FrameView, ZoneOverlay
from app.ui.zones.panel import ZonePanel
from app.ui.zones.zone_files import ZoneFiles

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 from 0 to 1 over the frame."""


class ZoneEditor(QObject):
    """Draws on the present source.

    Args:
        services: Where the scene is kept, and what runs.
        view: What shows the frame; the overlay lies on it.
        where: The same, as a ``FrameView``.
        boxes: Says which boxes are shown on the frame, the last on top.
    """

    began = Signal()
    """Zones are being drawn from now on."""
    ended = Signal()

    def __init__(self, services: Services, view: QWidget, where: FrameView, boxes: Callable[[], list[Box]]) -> None:
        super().__init__(view)
        self._services, self._view, self._where, self._boxes = services, view, where, boxes
        self._scenes = services.scenes
        self.overlay = ZoneOverlay(view, where)
        self.files = ZoneFiles(services, view, self._replace)
        self.menu: QMenu | None = None
        """What can be done with the shape under the pointer, once asked for."""
        self._kept = self.overlay.drawing.edit.kept
        self._labels: tuple[str, ...] = ()
        self._connect()
        self._take_settings()

    @cached_property
    def bar(self) -> ZoneBar:
        """The tools; made when zones are first drawn, as the panel is."""
        bar = ZoneBar(self._services.theme)
        bar.tool_chosen.connect(self._choose_tool)
        bar.undo.connect(self._undo)
        bar.redo.connect(self._redo)
        bar.done.connect(self.end)
        for widget in (self.overlay, bar):
            widget.addActions(bar.shortcuts())
        return bar

    @cached_property
    def panel(self) -> ZonePanel:
        """The list of what is drawn."""
        panel = ZonePanel()
        panel.addActions(self.bar.shortcuts())
        panel.chosen.connect(self._choose)
        panel.renamed.connect(self._rename)
        panel.limited.connect(self._limit)
        panel.flipped.connect(self._flip)
        panel.deleted.connect(self._delete)
        panel.import_asked.connect(self.files.ask_import)
        panel.export_asked.connect(self.files.ask_export)
        panel.copy_asked.connect(self._ask_copy)
        return panel

    @property
    def drawing(self) -> Drawing:
        """Returns what is drawn on."""
        return self.overlay.drawing

    @property
    def editing(self) -> bool:
        """Returns whether zones are being drawn."""
        return self.overlay.editing

    def toggle(self) -> None:
        """Begin to draw, or be done with it."""
        if self.editing:
            self.end()
        else:
            self.begin()

    def begin(self) -> bool:
        """Let zones be drawn; returns whether there is a frame to draw on."""
        if self._where.frame_rect().isEmpty():
            self._services.banner.tell("info", "There is no frame to draw on yet.", "Open a camera or a file first.")
            return False
        if not self._scenes.loaded:
            self._services.banner.tell("info", "What is drawn on this source is still being read.", "Try again soon.")
            return False
        if not self.editing:
            self.overlay.set_editing(True)
            self.overlay.raise_()
            self.panel.show_labels(self._labels)
            self.began.emit()
        self.overlay.setFocus(Qt.FocusReason.OtherFocusReason)
        return True

    def end(self) -> None:
        """Be done with drawing."""
        if self.editing:
            self.drawing.choose_tool("select")
            self.drawing.select(None)
            self.overlay.set_editing(False)
            self.ended.emit()
            self._view.setFocus(Qt.FocusReason.OtherFocusReason)

    def mask_box(self, box: Box) -> None:
        """Ignore from now on what is found where a box lies."""
        if not self._scenes.loaded:
            return
        kept = self.drawing.add("mask", rectangle(box[:2], box[2:]))
        shape, refused = self.drawing.shape, self.drawing.refused
        if not self.editing:
            self.drawing.select(None)
        self.overlay.refresh()
        if kept and shape is not None:
            change = ("Change…", partial(self._show, shape.name))
            words = f"What is found here is ignored from now on: {shape.name}."
            self._services.banner.tell("success", words, topic="zones", action=None if self.editing else change)
        else:
            self._services.banner.tell("warning", refused, topic="zones")

    def _show(self, name: str) -> None:
        """Let a shape be changed."""
        if self.begin():
            names = [shape.name for shape in self.drawing.edit.kept]
            self.drawing.select(names.index(name) if name in names else None)
            self.overlay.refresh()

    def start_zone(self, at: Point) -> None:
        """Begin a zone with its first corner."""
        if self.begin():
            self.drawing.choose_tool("zone")
            self.drawing.path.append(at)
            self.overlay.refresh()

    # -- inside --------------------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        overlay, controller = self.overlay, self._services.controller
        overlay.changed.connect(self._changed)
        overlay.ended.connect(self.end)
        overlay.menu_asked.connect(self._show_menu)
        self._scenes.changed.connect(self._scene_changed)
        controller.opening.connect(self.end)
        controller.closed.connect(self.end)
        controller.frame.connect(self._frame_shown)
        controller.model_ready.connect(self._model_ready)
        self._services.settings.changed.connect(self._take_settings)

    def _changed(self) -> None:
        """Something was done on the overlay: keep it, and show it beside."""
        kept = self.drawing.edit.kept
        if kept != self._kept:
            self._kept = kept
            self._scenes.replace(self.drawing.edit.scene)
        if self.editing:
            self.bar.show_drawing(self.drawing, self.overlay.by_keys)
            self.panel.show_drawing(self.drawing, self.overlay.palette_name)

    def _scene_changed(self, scene: Scene) -> None:
        if scene != self.drawing.edit.scene:
            drawing = Drawing(scene)
            self._kept = drawing.edit.kept
            self.overlay.drawing = drawing
            self.overlay.refresh()

    def _replace(self, scene: Scene) -> None:
        self.drawing.cancel()
        self.drawing.select(None)
        self.drawing.edit.replace_all(scene)
        self._keep()

    def _frame_shown(self, result: FrameResult) -> None:
        self.overlay.frame_pixels = (result.frame.width, result.frame.height)

    def _model_ready(self, model: ModelReady) -> None:
        self._labels = model.spec.labels
        if self.editing:
            self.panel.show_labels(self._labels)

    def _take_settings(self) -> None:
        settings = self._services.settings.current
        self.overlay.palette_name = settings.overlay.palette
        self.overlay.set_watched(settings.window.show_zones)

    # -- from bar, panel and menu --------------------------------------------------------------------------------------

    def _choose_tool(self, tool: str) -> None:
        self.drawing.choose_tool(cast("Tool", tool))
        self.overlay.refresh()
        self.overlay.setFocus(Qt.FocusReason.OtherFocusReason)

    def _choose(self, index: int) -> None:
        if self.drawing.tool != "select":
            self.drawing.choose_tool("select")
        self.drawing.select(index)
        self.overlay.refresh()

    def _undo(self) -> None:
        self.drawing.undo()
        self.overlay.refresh()

    def _redo(self) -> None:
        self.drawing.redo()
        self.overlay.refresh()

    def _rename(self, name: str) -> None:
        if self.drawing.selected is not None:
            self.drawing.edit.rename(self.drawing.selected, name)
            self._keep()

    def _limit(self, classes: tuple[str, ...]) -> None:
        if self.drawing.selected is not None:
            self.drawing.edit.limit(self.drawing.selected, classes)
            self._keep()

    def _flip(self) -> None:
        if self.drawing.selected is not None:
            self.drawing.edit.flip(self.drawing.selected)
            self._keep()

    def _delete(self) -> None:
        self.drawing.point = None
        self.drawing.delete()
        self.overlay.refresh()
        self.overlay.setFocus(Qt.FocusReason.OtherFocusReason)

    def _keep(self) -> None:
        self.drawing.keep()
        self.overlay.refresh()

    def _ask_copy(self) -> None:
        self.files.ask_copy(self.panel.mapToGlobal(QPoint(16, self.panel.height() // 2)))

    def _show_menu(self, found: Hit | None, place: Point) -> None:
        self.menu = menu = QMenu(self._view)
        box = next((box for box in reversed(self._boxes()) if _is_in(place, box)), None)
        if found is not None:
            shape = self.drawing.edit.kept[found.shape]
            if found.point is not None and shape.kind != "line":
                menu.addAction("Delete this corner", self._delete_corner)
            if shape.kind == "line":
                menu.addAction("Turn “in” around", self._flip)
            menu.addAction(f"Rename this {shape.kind}", self.panel.begin_name)
            menu.addAction(f"Delete this {shape.kind}", self._delete)
            menu.addSeparator()
        if box is not None:
            menu.addAction("Make a mask of this box", partial(self.mask_box, box))
        menu.addAction("Start a zone here", partial(self.start_zone, place))
        menu.popup(self.overlay.menu_at.toPoint())

    def _delete_corner(self) -> None:
        self.drawing.delete()
        self.overlay.refresh()


def _is_in(place: Point, box: Box) -> bool:
    return box[0] <= place[0] <= box[2] and box[1] <= place[1] <= box[3]
