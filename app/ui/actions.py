"""Every command of the window in one table: words, keys, icon. Menus, buttons and the help sheet are made from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget

from app.ui.widgets.colours import Colours
from app.ui.widgets.icons import icon


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """One command.

    Attributes:
        name: By which ``Commands`` or the window connects it.
        text: In menus and on the help sheet.
        keys: Shortcuts in Qt's portable spelling; the first is the one shown.
        group: Heading on the help sheet.
        icon: Name of the icon, or "".
        checkable: A switch.
        label: In the toolbar, beside the icon.
    """

    name: str
    text: str
    keys: tuple[str, ...]
    group: str
    icon: str = ""
    checkable: bool = False
    label: str = ""


ACTIONS: tuple[ActionSpec, ...] = (
    ActionSpec("open_file", "Open video or images…", ("Ctrl+O",), "Source", "film"),
    ActionSpec("open_folder", "Open folder of images…", ("Ctrl+Shift+O",), "Source", "folder"),
    ActionSpec("open_address", "Open stream address…", ("Ctrl+U",), "Source", "globe"),
    ActionSpec("cameras", "Choose a camera or source", ("C",), "Source", "camera"),
    ActionSpec("several", "Several sources at once…", ("G",), "Source", "grid"),
    ActionSpec("sample", "Play the sample clip", (), "Source", "shapes"),
    ActionSpec("close_source", "Close the source", ("Ctrl+W",), "Source", "close"),
    ActionSpec("play", "Play or pause", ("Space",), "Playback"),
    ActionSpec("step_back", "Back one frame or image", ("Left",), "Playback"),
    ActionSpec("step_forward", "Forward one frame or image", ("Right",), "Playback"),
    ActionSpec("jump_back", "Back five seconds or ten images", ("Shift+Left",), "Playback"),
    ActionSpec("jump_forward", "Forward five seconds or ten images", ("Shift+Right",), "Playback"),
    ActionSpec("rewind", "To the start", ("Home",), "Playback"),
    ActionSpec("to_end", "To the end", ("End",), "Playback"),
    ActionSpec("loop", "Loop on or off", ("L",), "Playback"),
    ActionSpec("zoom_in", "Zoom in", ("Ctrl++", "Ctrl+="), "Picture"),
    ActionSpec("zoom_out", "Zoom out", ("Ctrl+-",), "Picture"),
    ActionSpec("zoom_fit", "Show the whole frame", ("0", "Ctrl+0"), "Picture"),
    ActionSpec("look_left", "Look further left while zoomed", ("Ctrl+Left",), "Picture"),
    ActionSpec("look_right", "Look further right", ("Ctrl+Right",), "Picture"),
    ActionSpec("look_up", "Look further up", ("Ctrl+Up",), "Picture"),
    ActionSpec("look_down", "Look further down", ("Ctrl+Down",), "Picture"),
    ActionSpec("next_box", "Pin the next box and say what it is", ("B",), "Picture"),
    ActionSpec("previous_box", "Pin the box before", ("Shift+B",), "Picture"),
    ActionSpec("lower", "Lower the threshold", ("[", "-"), "Detection"),
    ActionSpec("higher", "Raise the threshold", ("]", "+", "="), "Detection"),
    ActionSpec("labels", "Labels on or off", ("T",), "Detection"),
    ActionSpec("zones", "Zones, lines and masks…", ("Z",), "Detection", "zone", checkable=True),
    ActionSpec("models", "Manage models…", ("M",), "Detection", "model"),
    ActionSpec("import_model", "Import a model file…", ("Ctrl+I",), "Detection", "folder"),
    ActionSpec("snapshot", "Save a snapshot", ("S",), "Output", "snapshot", label="Snapshot"),
    ActionSpec("record", "Record the camera or stream", ("R",), "Output", "record", checkable=True, label="Record"),
    ActionSpec("virtual_camera", "Use the view as a camera in other programs", (), "Output", checkable=True),
    ActionSpec("analyse", "Analyse video", ("A",), "Output", "search", label="Analyse"),
    ActionSpec("export", "Export annotated video…", ("Ctrl+E",), "Output", "export", label="Export"),
    ActionSpec("export_many", "Export several videos…", ("Ctrl+Shift+E",), "Output", "layers"),
    ActionSpec("events", "List of events", ("E",), "Events", "list"),
    ActionSpec("alarms", "Alarms: rules and what happened", ("W",), "Events", "bell"),
    ActionSpec("arm", "Arm or disarm the alarms", ("Shift+W",), "Events", checkable=True),
    ActionSpec("next_event", "Next event", ("N",), "Events"),
    ActionSpec("previous_event", "Previous event", ("P",), "Events"),
    ActionSpec("panel", "Panel of settings and events", ("F9",), "Window", "sliders", checkable=True),
    ActionSpec("preferences", "Preferences…", ("Ctrl+,",), "Window", "sliders"),
    ActionSpec("fullscreen", "Full screen", ("F11", "F"), "Window", "fullscreen"),
    ActionSpec("escape", "Let go of a box or an event, leave full screen, stop opening, dismiss", ("Esc",), "Window"),
    ActionSpec("help", "Help and keyboard shortcuts", ("F1", "?"), "Window", "help"),
    ActionSpec("guides", "Guides and troubleshooting…", ("Shift+F1",), "Window", "help"),
    ActionSpec("diagnostics", "Save diagnostics…", (), "Window", "download"),
    ActionSpec("about", "About and licences", (), "Window", "info"),
    ActionSpec("quit", "Quit", ("Ctrl+Q",), "Window"),
)


def make_actions(owner: QWidget) -> dict[str, QAction]:
    """Makes a QAction for each command, attached to ``owner``; what it does is connected by name."""
    made: dict[str, QAction] = {}
    for spec in ACTIONS:
        action = QAction(spec.text, owner)
        action.setShortcuts([QKeySequence(key) for key in spec.keys])
        action.setCheckable(spec.checkable)
        if spec.label:
            action.setIconText(spec.label)
        action.setAutoRepeat(spec.group in ("Playback", "Picture", "Detection") and spec.name not in ("play", "loop"))
        keys = f" ({spec.keys[0]})" if spec.keys else ""
        action.setToolTip(spec.text.removesuffix("…") + keys)
        owner.addAction(action)
        made[spec.name] = action
    return made


def apply_theme(actions: Mapping[str, QAction], colours: Colours) -> None:
    """Give the icons the theme's colours."""
    for spec in ACTIONS:
        if spec.icon:
            actions[spec.name].setIcon(icon(spec.icon, colours.text, colours.muted))
