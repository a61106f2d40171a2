"""Rules, arming and their page as one; the status bar says while it is armed. GUI thread; the work runs elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QUrl, Signal
from PySide6.QtGui import QAction, QDesktopServices
from PySide6.QtWidgets import QWidget

from app.core.alarms.alarm_store import AlarmRule, AlarmStore
from app.core.alarms.rules import Rule
from app.core.counts import number_of
from app.core.detection_filter import check_classes
from app.core.errors import AppError, ExplainedError
from app.core.events.listing import ListedEvent
from app.core.frames import SourceInfo
from app.core.live.events import LiveState
from app.core.recording.clip_index import ClipIndex, KeptClip
from app.core.settings import DetectionSettings
from app.ui.alarms.alarm_model import AlarmModel
from app.ui.alarms.alarm_panel import AlarmPanel
from app.ui.alarms.arming import Arming
from app.ui.services.services import Services
from app.ui.widgets.icons import icon

if TYPE_CHECKING:
    from app.ui.alarms.rule_dialog import RuleDialog
    from app.ui.alarms.ways_dialog import WaysDialog

TOPIC = "alarms"
_FIRST = AlarmRule(Rule("seen", ("person",), ways=frozenset({"notify"})))


class AlarmControl(QObject):
    """Makes the parts and connects them.

    Args:
        services: What they work with.
        arm: Arms and disarms; checked while it is armed.
        show: Shows the page; coloured while it is armed.
        parent: Owns this object; dialogs open over it.
    """

    status = Signal(str, str)
    """That it is armed, and how many events began, and the same in a word; "" otherwise."""

    def __init__(self, services: Services, arm: QAction, show: QAction, parent: QWidget) -> None:
        super().__init__(parent)
        self._services, self._parent = services, parent
        self._arm, self._show_action = arm, show
        self.model = AlarmModel(AlarmStore(), ClipIndex(), services.controller, services.background)
        self.arming = Arming(services.controller, services.background, self)
        self.panel = AlarmPanel(services.background)
        self.dialog: RuleDialog | WaysDialog | None = None
        """The dialog that was opened last."""
        self.open_file: Callable[[Path], None] = _open_file
        self._armed: dict[int, str] = {}  # which source, each time
        self._since = ""
        self._events = 0
        self._paused = False
        self._connect()
        self._show()

    def _connect(self) -> None:
        controller, panel = self._services.controller, self.panel
        self.model.changed.connect(self._rules_changed)
        self.model.not_saved.connect(self._tell_not_saved)
        self.arming.changed.connect(self._show)
        self.arming.happened.connect(self._take_line)
        self.arming.failed.connect(self._failed)
        panel.arm_asked.connect(self._arm_asked)
        panel.changed.connect(self.model.replace)
        panel.edit_asked.connect(self._edit)
        panel.ways_asked.connect(self._edit_ways)
        panel.log.asked.connect(self.play)
        self._arm.triggered.connect(self._arm_asked)
        controller.playback.live.connect(self._live)
        controller.opened.connect(self._opened)
        controller.model_ready.connect(self._model_changed)
        self._services.scenes.changed.connect(self._look_changed)
        self._services.settings.changed.connect(self._setting_changed)

    def close(self) -> None:
        """The window closes."""
        if self.dialog is not None:
            self.dialog.hide()
        self.arming.close()
        try:
            self.model.flush()
        except AppError:
            return  # it was said when it was tried the first time, or nobody is there to be told

    # -- rules ------------------------------------------------------------------------------------------------------

    def _edit(self, row: int) -> None:
        from app.ui.alarms.rule_dialog import RuleDialog  # not before the window is up

        rules = self.model.rules
        first = replace(_FIRST, rule=replace(_FIRST.rule, classes=self._known_first()))
        kept = rules[row] if row < len(rules) else first
        zones = [zone.name for zone in self._services.scenes.scene.zones]
        dialog = RuleDialog(kept, self._labels, zones, self.model.ways, self._parent)

        def made(rule: AlarmRule) -> None:
            self.model.replace((*rules[:row], rule, *rules[row + 1 :]))

        dialog.made.connect(made)
        self._open(dialog)

    def _edit_ways(self) -> None:
        from app.ui.alarms.ways_dialog import WaysDialog  # likewise

        dialog = WaysDialog(self.model.ways, self._parent)
        dialog.made.connect(self.model.replace_ways)
        self._open(dialog)

    def _open(self, dialog: RuleDialog | WaysDialog) -> None:
        if self.dialog is not None:
            self.dialog.hide()
            self.dialog.deleteLater()
        self.dialog = dialog
        dialog.open()

    @property
    def _labels(self) -> tuple[str, ...]:
        ready = self._services.controller.model
        return () if ready is None else ready.spec.labels

    def _known_first(self) -> tuple[str, ...]:
        """Persons where the model knows them, anything where it does not."""
        try:
            check_classes(_FIRST.rule.classes, self._labels, "")
        except AppError:
            return ()
        return _FIRST.rule.classes

    def _rules_changed(self) -> None:
        if self.model.source is None and (self.arming.armed or self.arming.starting):
            self.arming.disarm()
        self.panel.show_trouble("")
        self.panel.show_rules(self.model.rules, self.model.source is not None)
        self._show()

    def _tell_not_saved(self, error: ExplainedError) -> None:
        self._services.banner.tell("warning", f"The alarms cannot be saved. {error.message}", error.hint, topic=TOPIC)

    # -- clips ------------------------------------------------------------------------------------------------------

    def clip_of(self, row: ListedEvent) -> Path | None:
        """Returns the newest clip of the present source that shows an event."""
        return next((clip.path for clip in reversed(self.model.clips) if clip.shows(row)), None)

    def play(self, clip: Path) -> None:
        """Show a clip or picture in the system's own program; the live source goes on."""
        if clip.is_file():
            self.open_file(clip)
        else:
            self._services.banner.tell("warning", f"{clip.name} is not there any more.", topic=TOPIC)

    # -- arming -----------------------------------------------------------------------------------------------------

    def _arm_asked(self, wanted: bool) -> None:
        if not wanted or self.arming.armed or self.arming.starting:
            self.arming.disarm()
            return
        rules = [kept.rule for kept in self.model.rules if kept.on]
        info = self.model.source
        try:
            if info is None or not rules:
                raise AppError("There is nothing to arm.", "Open a camera or stream, and tick a rule.")
            self._check(rules)
        except AppError as error:
            self._failed(error.message, error.hint)
            self._show()
            return
        self.panel.show_trouble("")
        self._events, self._since = 0, f"{datetime.now():%H:%M}"
        self._begin(info, rules)

    def _check(self, rules: list[Rule]) -> None:
        """Refuses rules that could never find anything.

        Raises:
            AppError: A zone or class is not there.
        """
        scene, ready = self._services.scenes.scene, self._services.controller.model
        for rule in rules:
            if rule.zone:
                scene.zone(rule.zone)
            if ready is not None:
                check_classes(rule.classes, ready.spec.labels, ready.spec.name)

    def _begin(self, info: SourceInfo, rules: list[Rule]) -> None:
        from app.core.recording.folder import limits_of, recordings_folder
        from app.core.watching.request import WatchRequest

        settings = self._services.settings.current
        recording = settings.recording
        request = WatchRequest(
            settings.model,
            self._detection,
            tuple(replace(rule, snapshot=rule.snapshot or "notify" in (rule.ways or ())) for rule in rules),
            self._services.scenes.scene,
            mode="drawn" if recording.mode == "drawn" else "clean",
            clips=recordings_folder(recording),
            before_s=recording.before_s,
            after_s=recording.after_s,
            limits=limits_of(recording),
        )
        wanted = frozenset(way for rule in rules for way in rule.ways or ())
        self._armed[self.arming.arm(info, request, wanted, self.model.ways, settings.overlay)] = self.model.uri

    @property
    def _detection(self) -> DetectionSettings:
        """What counts as an object; which classes are shown plays no part, the rules name theirs."""
        return replace(self._services.settings.current.detection, classes=())

    def _look_changed(self, *_about: object) -> None:
        """Another threshold, model, zone or mask: an armed source goes by it at once."""
        if self.arming.armed:
            self.arming.adjust(self._detection, self._services.scenes.scene)
            try:
                self._check([kept.rule for kept in self.model.rules if kept.on])
            except AppError as error:
                self._failed(f"{error.message} A rule finds nothing.", error.hint)

    def _model_changed(self, *_about: object) -> None:
        self.arming.unseen()  # another model knows other objects
        self._look_changed()

    def _setting_changed(self, section: str, _name: str) -> None:
        if section == "detection":
            self._look_changed()

    # -- the source -------------------------------------------------------------------------------------------------

    def _live(self, live: bool) -> None:
        session = self._services.controller.session
        state = LiveState.RUNNING if session is None else session.state
        self._paused = state is LiveState.PAUSED
        if state in (LiveState.STALLED, LiveState.FAILED):
            self.arming.lost()
        elif self._paused:
            self.arming.unseen()
        self._show()

    def _opened(self, _info: SourceInfo) -> None:
        self.arming.follow_tap()

    # -- what is said -----------------------------------------------------------------------------------------------

    def _take_line(self, times: int, line: dict[str, Any]) -> None:
        self._events += line["type"] == "began" and self.arming.armed
        if line["type"] == "note":  # clips are kept again
            self.panel.show_trouble("")
        self.panel.log.take(times, line)
        if line["type"] == "clip" and line["start"] is not None:
            begin_s = datetime.fromisoformat(line["start"]).timestamp()
            clip = KeptClip(begin_s, begin_s + line["seconds"], Path(line["path"]))
            self.model.add_clip(self._armed[times], clip)
        self._show()

    def _failed(self, message: str, hint: str) -> None:
        self.panel.show_trouble(f"{message} {hint}".strip())
        self._services.banner.tell("warning", message, hint, topic=TOPIC)

    def show_state(self) -> None:
        """Show again whether it is armed: the colours are others."""
        self._show()

    def _show(self) -> None:
        armed, starting = self.arming.armed, self.arming.starting
        colours = self._services.theme.colours
        self._show_action.setIcon(icon("bell", colours.danger if armed else colours.text, colours.muted))
        self._arm.setChecked(armed or starting)
        self._arm.setEnabled(armed or starting or any(kept.on for kept in self.model.rules))
        if not armed:
            self.panel.show_armed("", waiting=starting)
            self.status.emit("", "")
            return
        word = "Armed, but paused" if self._paused else "Armed"
        events = number_of(self._events, "event")
        dropped = self.arming.dropped
        left = f"  ·  {dropped} frames left out of clips" if dropped else ""
        self.panel.show_armed(f"{word} since {self._since}  ·  {events}{left}")
        self.status.emit(f"{word}  ·  {events}{left}", word)


def _open_file(path: Path) -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))
