"""The events of the window as one: analysing, the list and its panel, playing an event. GUI thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from PySide6.QtCore import QModelIndex, QObject, QRectF, Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QWidget

from app.core.errors import ExplainedError
from app.core.events.index import EventIndex
from app.core.events.judgements import JudgementStore
from app.core.events.listing import ListedEvent, ListQuery
from app.core.events.live_archive import LiveArchive
from app.core.events.saying import EventStores
from app.core.events.scene import Scene
from app.core.export.request import ExportReport, ExportRequest
from app.core.live.appearances import ClassRow
from app.core.palette import class_colour
from app.core.paths import event_index_file, judgements_file, live_events_file
from app.ui.events.all_events import AllEvents
from app.ui.events.all_panel import AllPanel
from app.ui.events.analyser import Analyser
from app.ui.events.case_work import choice_of
from app.ui.events.cases import Cases
from app.ui.events.event_feed import EventFeed, FeedState
from app.ui.events.event_panel import EventPanel
from app.ui.events.event_picture import EventPicture
from app.ui.events.event_player import EventPlayer, PathOverlay
from app.ui.events.event_work import EventList, ShownList
from app.ui.events.kept_pictures import KeptPictures
from app.ui.events.live_feed import LiveFeed
from app.ui.services.services import Services
from app.ui.services.video_thumbnails import VideoThumbnailMaker


class EventDesk(QObject):
    """Makes the parts and connects them.

    Args:
        services: What they work with.
        view: Over which paths are drawn.
        frame_rect: Where the frame lies in it.
        card_rect: Where it has words about a box.
        parent: Owns this object.
    """

    narrowed = Signal(object)
    """``ClassRow`` by class of the events that are listed; None where all are."""

    open_asked = Signal(str)
    """The user wants to see an event of another video: its path."""

    def __init__(
        self,
        services: Services,
        view: QWidget,
        frame_rect: Callable[[], QRectF],
        card_rect: Callable[[], QRectF],
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self._services = services
        self.cases = Cases(services, parent)
        self.analyser = Analyser(services, self)
        self.thumbnails = VideoThumbnailMaker(services.background)
        archive, judgements = LiveArchive(live_events_file()), JudgementStore(judgements_file())
        stores = EventStores(EventIndex(event_index_file()), archive, judgements)
        source = (services.controller, services.settings, services.background, self._scene_of)
        self.feed = EventFeed(*source, judgements)
        self.live = LiveFeed(*source, stores)
        self._pictures = KeptPictures(archive, services.background)
        self.picture = EventPicture(self._live_picture, parent)
        self._shown: ShownList | None = None
        self.panel = EventPanel(services.theme, self.thumbnails)
        self.all = AllEvents(services.settings, services.background, stores)
        self.all_panel = AllPanel(services.theme, self.thumbnails)
        self._wanted: tuple[Path, ListedEvent] | None = None  # an event of a video that is being opened
        self.player = EventPlayer(services.controller, PathOverlay(view, frame_rect, card_rect))
        self._connect()
        self._show_key_frames("source", "analyse_every")
        self._connect_pictures()
        self._connect_all()

    def _connect(self) -> None:
        """Connect what is about the present source."""
        services = self._services
        self.analyser.left.connect(self._take_export)
        self.analyser.known.connect(self.feed.look_again)
        services.scenes.changed.connect(self.feed.scene_changed)
        self.feed.state_changed.connect(self._show_state)
        self.feed.made.connect(self._show_events)
        self.live.began.connect(self._live_began)
        self.live.made.connect(self._show_list)
        for feed in (self.feed, self.live):
            feed.not_kept.connect(self._tell_not_kept)
            self.panel.said.connect(feed.say)
        self.panel.analyse.connect(self.analyser.start)
        self.panel.key_frames.changed.connect(self._choose_key_frames)
        services.settings.changed.connect(self._show_key_frames)
        self.panel.case.connect(self.make_case)
        self.panel.filters.changed.connect(self._ask)
        self.panel.list.chosen.connect(self._play)
        self.analyser.available.connect(self.panel.begin.setEnabled)
        self.analyser.began.connect(self._show_analysis)
        self.analyser.ended.connect(self._show_analysis)

    def _connect_pictures(self) -> None:
        """Connect the pictures that are kept of live events."""
        for events in (self.panel.list.events, self.all_panel.list.events):
            events.picture_of = self._live_picture
            self._pictures.made.connect(events.pictures_made)
        self._pictures.made.connect(self.picture.show_picture)
        self.picture.save_asked.connect(self._pictures.save)
        self._pictures.saved.connect(self._tell_saved)
        self._pictures.not_saved.connect(self._tell_not_kept)
        self.panel.list.doubleClicked.connect(self._show_picture_at)

    def _connect_all(self) -> None:
        """Connect what is about the events of all videos."""
        every, panel = self.all, self.all_panel
        self.feed.made.connect(every.remember)
        every.made.connect(panel.show_events)
        every.filled.connect(panel.show_filling)
        every.failed.connect(self._tell_index_failed)
        every.found.connect(self._go_to)
        panel.folder_chosen.connect(every.add_folder)
        panel.stopped.connect(every.stop_filling)
        panel.filters.changed.connect(every.ask)
        panel.page.said.connect(every.say)
        panel.page.case.connect(self._make_case_of_all)
        every.said.connect(self.feed.read_again)
        every.said.connect(self.live.read_again)
        every.not_kept.connect(self._tell_not_kept)
        panel.list.chosen.connect(self._show_of_all)

    def _choose_key_frames(self) -> None:
        self._services.settings.set("source", "analyse_every", self.panel.key_frames.value)

    def _show_key_frames(self, section: str, name: str) -> None:
        if (section, name) == ("source", "analyse_every"):
            self.panel.key_frames.show_value(self._services.settings.current.source.analyse_every)

    def _take_export(self, report: ExportReport) -> None:
        """An export or analysis has left what it found: of the video that is looked at, or of another."""
        present = self._services.controller.video_file
        if present is not None and present.absolute() == report.source.absolute():
            self.feed.look_again()
        else:
            self.all.add_export(report)

    def _show_analysis(self, request: ExportRequest | None = None) -> None:
        self.panel.show_analysis("" if request is None else request.source.name)

    def _live_picture(self, row: ListedEvent) -> QImage | None:
        is_kept = row.live is not None and row.live.kept
        return self._pictures.get(row) if is_kept else self.live.picture(row)

    def _show_picture_at(self, index: QModelIndex) -> None:
        row = self.panel.list.events.rows[index.row()]
        if row.live is not None:
            self.picture.show_event(row)

    def _show_of_all(self, row: ListedEvent) -> None:
        """Go to an event of a video; of a live source, which nothing brings back, show the picture."""
        if row.live is not None:
            self.picture.show_event(row)
        else:
            self.all.look_for(row)

    def _scene_of(self) -> Scene:
        return self._services.scenes.scene

    def close(self) -> None:
        """The window closes."""
        self.feed.close()
        self.live.close()
        self.picture.hide()
        self.cases.close()
        self.all.close()
        self.thumbnails.close()

    def next_event(self) -> None:
        """Play the event after the present one in the list in view; without one, the first that begins from here on."""
        self._go(1)

    def previous_event(self) -> None:
        """Play the event before it."""
        self._go(-1)

    def make_case(self) -> None:
        """Open the dialog that makes a case of the list, or bring it back while it writes one."""
        made = self.feed.current
        if made is not None:
            selected = frozenset(row.number for row in self.panel.list.selected())
            self.cases.open(choice_of(made, selected))

    def _make_case_of_all(self) -> None:
        view = self.all_panel.list
        self.cases.open(self.all.answers.choice(view.events.rows, view.selected()))

    def _go_to(self, place: Path | None, row: ListedEvent) -> None:
        """Show an event of any video, which lies there."""
        if place is None:
            name = "" if row.video is None else row.video.name
            hint = "Open it from where it is now: it is known again by its content."
            self._services.banner.tell("warning", f"{name} is not where it was.", hint, topic="index")
            return
        self._wanted = place, row
        present = self._services.controller.video_file
        if present is not None and present.absolute() == place.absolute():
            self._show_wanted()
        else:
            self.open_asked.emit(str(place))

    def _show_wanted(self) -> None:
        """Choose the event that was asked for, or the one that is most like it, once its video has a list."""
        made = self.feed.current
        if self._wanted is None or made is None or made.wanted.video.absolute() != self._wanted[0].absolute():
            return
        row, self._wanted = self._wanted[1], None
        same = [number for number, one in enumerate(self.panel.list.events.rows) if one.label == row.label]
        if same:
            rows = self.panel.list.events.rows
            self.panel.list.choose(min(same, key=lambda number: abs(rows[number].best_s - row.best_s)))

    def _tell_index_failed(self, error: ExplainedError) -> None:
        self._services.banner.tell_error(error, topic="index")

    def _go(self, by: int) -> None:
        if self.all_panel.isVisible():
            self.all_panel.list.step(by, 0.0)
        else:
            self.panel.list.step(by, self._services.controller.playback.shown_s)

    def _ask(self, query: ListQuery) -> None:
        self.feed.ask(query)
        self.live.ask(query)

    def _play(self, row: ListedEvent) -> None:
        shown = self._shown
        if shown is None:
            return
        if self.picture.isVisible():
            self._show_picture_at(self.panel.list.currentIndex())
        event = shown.events[row.number - 1]
        colour = self.panel.list.events.colours.get(row.label) or class_colour(row.label)
        if shown.video is None:
            self.player.overlay.show_path(event, colour)
        else:
            self.player.play(event, colour)

    def _live_began(self) -> None:
        self._show_state(FeedState("ready"))

    def _show_state(self, state: FeedState) -> None:
        self.panel.show_state(state)
        if state.kind != "ready":
            self._shown = None
            self.player.forget()
            self.narrowed.emit(None)
        if state.kind == "offer" and self._wanted is not None:  # another model found it: go there all the same
            self._services.controller.playback.seek(self._wanted[1].start_s)
            self._wanted = None

    def _show_events(self, made: EventList) -> None:
        self._show_list(made.shown)
        self._show_wanted()
        self.narrowed.emit(None if made.wanted.query.is_everything else rows_of(made.listed))

    def _show_list(self, shown: ShownList) -> None:
        self._shown = shown
        self.panel.show_events(shown, self._services.settings.current.overlay.palette)

    def _tell_saved(self, target: Path) -> None:
        self._services.banner.tell("success", f"{target.name} is saved.", str(target), topic="judgements")

    def _tell_not_kept(self, error: ExplainedError) -> None:
        self._services.banner.tell_error(error, topic="judgements")


def rows_of(events: Iterable[ListedEvent]) -> dict[str, ClassRow]:
    """Returns when the events of each class were there, by the name of the class."""
    spans: dict[str, list[tuple[float, float]]] = {}
    for event in events:
        spans.setdefault(event.label, []).append((event.start_s, event.end_s))
    tables = {label: np.array(sorted(times)) for label, times in spans.items()}
    return {label: ClassRow(label, table[:, 0], table[:, 1]) for label, table in tables.items()}
