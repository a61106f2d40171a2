"""The menu on the frame: what to do with a box, or with a place. GUI thread."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QPointF, QRectF, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QMenu

from app.core.errors import ExplainedError
from app.core.frames import Frame, crop_of
from app.ui.services.services import Services
from app.ui.view.frame_painter import as_qimage
from app.ui.view.video_view import VideoView
from app.ui.widgets.quantity_text import TIMES
from detector.class_names import find_name


class BoxMenu(QObject):
    """Opens the menu, and does what is chosen.

    Args:
        services: Class filter, name of the source, where files are written and what is said of it.
        view: Shows the frame, and says where the menu is wanted.
    """

    def __init__(self, services: Services, view: VideoView) -> None:
        super().__init__(view)
        self._view, self._controller, self._settings = view, services.controller, services.settings
        self._background, self._banner = services.background, services.banner
        self.menu: QMenu | None = None
        """The one that was opened last."""
        view.menu_asked.connect(self._open)

    def _open(self, point: QPointF) -> None:
        if self.menu is not None:
            self.menu.deleteLater()
        self.menu = menu = QMenu(self._view)
        row = self._view.box_at(point)
        if row is not None:
            self._add_box(menu, row)
        self._add_place(menu, point, row)
        if not menu.isEmpty():
            menu.popup(self._view.mapToGlobal(point.toPoint()))

    def _add_box(self, menu: QMenu, row: int) -> None:
        shown = self._view.shown
        assert shown.result is not None
        label, frame = shown.label(row), shown.result.frame
        box = tuple(shown.detections.boxes_xyxy[row].tolist())
        others = tuple(name for name in self._classes_shown() if find_name(name, (label,)) < 0)
        said = label.replace("&", "&&")
        menu.addAction(f"Show only “{said}”", partial(self._settings.set, "detection", "classes", (label,)))
        hide = menu.addAction(f"Hide “{said}”", partial(self._settings.set, "detection", "classes", others))
        hide.setEnabled(bool(others))
        menu.addSeparator()
        menu.addAction("Copy what is in the box", partial(self._copy, frame, box))
        menu.addAction("Save what is in the box", partial(self._save, frame, box, label))

    def _classes_shown(self) -> tuple[str, ...]:
        """Returns the classes that the filter lets through."""
        chosen, labels = self._settings.current.detection.classes, self._view.shown.labels
        return tuple(name for name in labels if find_name(name, chosen) >= 0) or labels

    def _add_place(self, menu: QMenu, point: QPointF, row: int | None) -> None:
        place = self._view.to_frame(point)
        if place is None:
            return
        menu.addSeparator()
        menu.addAction("Start a zone here", partial(self._ask_zone, place))
        if row is not None:
            menu.addAction("Make a mask of this box", partial(self._ask_mask, self._view.box_place(row)))

    def _ask_zone(self, place: QPointF) -> None:
        self._view.zone_asked.emit(place)

    def _ask_mask(self, place: QRectF) -> None:
        self._view.mask_asked.emit(place)

    def _copy(self, frame: Frame, box: tuple[float, ...]) -> None:
        x1, y1, x2, y2 = crop_of(frame, box)
        QGuiApplication.clipboard().setImage(as_qimage(frame.image_bgra).copy(x1, y1, x2 - x1, y2 - y1))
        self._banner.tell("success", f"Copied {x2 - x1} {TIMES} {y2 - y1} pixels", topic="crop")

    def _save(self, frame: Frame, box: tuple[float, ...], label: str) -> None:
        info = self._controller.info
        name = frame.name or (info.name if info is not None else "snapshot")
        self._background.run("crop", lambda: _save_now(frame, box, label, name), self._saved, self._failed)

    def _saved(self, path: Path) -> None:
        def show_folder() -> None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(path.parent)))

        self._banner.tell(
            "success", f"Saved {path.name}", f"In {path.parent}.", topic="crop", action=("Open folder", show_folder)
        )

    def _failed(self, error: ExplainedError) -> None:
        self._banner.tell_error(error, topic="crop")


def _save_now(frame: Frame, box: tuple[float, ...], label: str, name: str) -> Path:
    """Saves a crop beside the snapshots; on a worker."""
    from app.core.paths import pictures_dir
    from app.core.snapshot import save_crop

    return save_crop(frame, box, label, pictures_dir(), name)
