"""The events of the window as one: analysing, the list and its panel, playing an event. GUI thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from PySide6.QtCore import QObject, QRectF, Signal
from PySide6.QtWidgets import QWidget

from app.core.errors import ExplainedError
from app.core.events.listing import ListedEvent, ListQuery
from app.core.events.scene import Scene
from app.core.live.appearances import ClassRow
from app.core.palette import class_colour
from app.ui.events.analyser import Analyser
from app.ui.events.case_dialog import CaseDialog
from app.ui.events.event_feed import EventFeed, FeedState
from app.ui.events.event_panel import EventPanel
from app.ui.events.event_player import EventPlayer, PathOverlay
from app.ui.events.event_work import EventList
from app.ui.services.services import Services
from app.ui.services.video_thumbnails import VideoThumbnailMaker


class EventDesk(QObject):
    """Makes the parts and connects them.

    Args:
        services: What they work with.
        view: Over which paths are drawn.
        frame_rect: Where the frame lies in it.
        parent: Owns this object.
    """

    narrowed = Signal(object)
    """``ClassRow`` by class of the events that are listed; None where all are."""

    def __init__(self, services: Services, view: QWidget, frame_rect: Callable[[], QRectF], parent: QWidget) -> None:
        super().__init__(parent)
        self._services, self._parent = services, parent
        self.case: CaseDialog | None = None
        """The dialog that was opened last."""
        self.analyser = Analyser(services, self)
        self.thumbnails = VideoThumbnailMaker(services.background)
        self.feed = EventFeed(services.controller, services.settings, services.background, self._scene_of)
        self.panel = EventPanel(services.theme, self.thumbnails)
        self.player = EventPlayer(services.controller, PathOverlay(view, frame_rect))
        self.analyser.left.connect(self.feed.look_again)
        self.analyser.known.connect(self.feed.look_again)
        services.scenes.changed.connect(self.feed.scene_changed)
        self.feed.state_changed.connect(self._show_state)
        self.feed.made.connect(self._show_events)
        self.feed.not_kept.connect(self._tell_not_kept)
        self.panel.analyse.connect(self.analyser.start)
        self.panel.said.connect(self.feed.say)
        self.panel.case.connect(self.make_case)
        self.panel.filters.changed.connect(self._ask)
        self.panel.list.chosen.connect(self._play)
        self.analyser.available.connect(self.panel.begin.setEnabled)

    def _scene_of(self) -> Scene:
        return self._services.scenes.scene

    def close(self) -> None:
        """The window closes."""
        self.feed.close()
        if self.case is not None:
            self.case.stop()
            self.case.hide()
        self.thumbnails.close()

    def next_event(self) -> None:
        """Play the event after the present one in the list; without one, the first that begins from here on."""
        self._go(1)

    def previous_event(self) -> None:
        """Play the event before it."""
        self._go(-1)

    def make_case(self) -> None:
        """Open the dialog that makes a case of the list, or bring it back while it writes one."""
        made = self.feed.current
        if self.case is not None and self.case.isVisible():
            self.case.raise_()
            self.case.activateWindow()
        elif made is not None:
            selected = frozenset(row.number for row in self.panel.list.selected())
            overlay = self._services.settings.current.overlay
            if self.case is not None:
                self.case.deleteLater()
            self.case = CaseDialog(made, selected, overlay, self._services.background, self._parent)
            self.case.show()

    def _go(self, by: int) -> None:
        view = self.panel.list
        rows = view.events.rows
        if not rows:
            return
        present = view.currentIndex().row()
        if view.present() is None:
            now = self._services.controller.shown_s
            after = [number for number, row in enumerate(rows) if row.start_s >= now]
            before = [number for number, row in enumerate(rows) if row.start_s < now]
            target = (after or [len(rows) - 1])[0] if by > 0 else (before or [0])[-1]
        else:
            target = present + by
        view.choose(min(max(target, 0), len(rows) - 1))

    def _ask(self, query: ListQuery) -> None:
        self.feed.ask(query)

    def _play(self, row: ListedEvent) -> None:
        made = self.feed.current
        if made is not None:
            colour = self.panel.list.events.colours.get(row.label) or class_colour(row.label)
            self.player.play(made.events[row.number - 1], colour)

    def _show_state(self, state: FeedState) -> None:
        self.panel.show_state(state)
        if state.kind != "ready":
            self.narrowed.emit(None)

    def _show_events(self, made: EventList) -> None:
        self.panel.show_events(made, self._services.settings.current.overlay.palette)
        self.narrowed.emit(None if made.wanted.query.is_everything else rows_of(made.listed))

    def _tell_not_kept(self, error: ExplainedError) -> None:
        self._services.banner.tell_error(error, topic="judgements")


def rows_of(events: Iterable[ListedEvent]) -> dict[str, ClassRow]:
    """Returns when the events of each class were there, by the name of the class."""
    spans: dict[str, list[tuple[float, float]]] = {}
    for event in events:
        spans.setdefault(event.label, []).append((event.start_s, event.end_s))
    tables = {label: np.array(sorted(times)) for label, times in spans.items()}
    return {label: ClassRow(label, table[:, 0], table[:, 1]) for label, table in tables.items()}
