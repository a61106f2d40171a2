"""Shows on stage and banner how an analysis goes, and on the timeline which events are listed. GUI thread."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction

from app.ui.events.analyser import TOPIC
from app.ui.events.event_desk import EventDesk
from app.ui.services.services import Services
from app.ui.view.stage import Stage
from app.ui.view.timeline_feed import TimelineFeed
from app.ui.view.timeline_preview import TimelinePreview


class EventPresenter(QObject):
    """Carries signals between the events and the stage.

    Args:
        services: Run the analysis, and tell of it.
        desk: The events.
        stage: Shows.
        timeline: Feeds the timeline.
        analyse: The action that starts an analysis.
    """

    list_wanted = Signal()
    """The list of events is what the user wants to see."""

    def __init__(
        self, services: Services, desk: EventDesk, stage: Stage, timeline: TimelineFeed, analyse: QAction
    ) -> None:
        super().__init__()
        self._services = services
        analyser, strip, runner = desk.analyser, stage.analysis, services.analyses
        analyse.triggered.connect(analyser.start)
        analyser.available.connect(analyse.setEnabled)
        analyse.setEnabled(analyser.is_available)
        analyser.began.connect(strip.begin)
        analyser.began.connect(timeline.grow)
        analyser.ended.connect(strip.end)
        analyser.ended.connect(timeline.stop_growing)
        analyser.known.connect(self._say_analysed)
        runner.progress.connect(strip.show_progress)
        runner.progress.connect(timeline.grown)
        strip.cancelled.connect(analyser.cancel)
        strip.resumed.connect(runner.resume)
        desk.narrowed.connect(stage.timeline.show_listed)
        self.preview = TimelinePreview(stage, stage.timeline.body, desk.thumbnails, self._video_file)

    def _video_file(self) -> Path | None:
        return self._services.controller.video_file

    def _say_analysed(self) -> None:
        self._services.banner.tell("info", "This video is analysed already.", topic=TOPIC)
        self.list_wanted.emit()
