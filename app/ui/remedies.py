"""The window's words for what helps: its fields and buttons in place of the options and commands that errors name.

Remedies that the window has no control for, or applies by itself, are not spoken of: the hint stands on its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from detector.errors import ExplainedError, Remedy

FIELDS = {
    "layout": "Layout",
    "priors": "Default boxes",
    "channels": "Channel order",
    "labels": "Class names",
    "device": "Device",
    "precision": "Precision",
    "threshold": "Threshold",
    "classes": "Classes",
    "deinterlace": "Deinterlace",
}
"""Labels of the controls, by the option they stand for."""
_IN_PREFERENCES = ("device", "precision")
COMMANDS = {
    "models import": "Import a model file…",
    "models download": "Download",
    "models optimise": "Optimise for this computer",
}
"""Words on buttons and in menus, by the command they stand for."""


def phrased(error: ExplainedError) -> str:
    """Returns the error's message and hint, with the controls that help, as one line."""
    return f"{error.message} {hint_of(error)}".strip()


def hint_of(error: ExplainedError) -> str:
    """Returns the error's hint with the controls that help."""
    return with_controls(error.hint, error.remedies)


def with_controls(hint: str, remedies: Sequence[Remedy]) -> str:
    """Returns ``hint`` with its remedies as controls, such as "Assume other sizes (“Default boxes: VOC”)."."""
    controls = ", ".join(dict.fromkeys(filter(None, map(_control, remedies))))
    if not controls:
        return hint
    return f"{hint.removesuffix('.')} ({controls})." if hint else f"Try {controls}."


def _control(remedy: Remedy) -> str:
    if remedy.command:
        words = COMMANDS.get(remedy.command, "")
        return f"“{words}”" if words else ""
    field = FIELDS.get(remedy.option, "")
    if not field:
        return ""
    if remedy.omit:
        return f"without “{field}”"
    chosen = remedy.value and not remedy.value.isupper()  # FILE and the like stand for what the user has to choose
    where = " in Preferences" if remedy.option in _IN_PREFERENCES else ""
    return f"“{field}: {_choice(remedy)}”{where}" if chosen else f"“{field}”{where}"


def _choice(remedy: Remedy) -> str:
    """Returns the value as the control shows it."""
    if remedy.option in ("priors", "channels"):
        return remedy.value.upper()
    if remedy.option == "layout":
        from detector.importers.layouts import LAYOUTS  # not before the window is up

        return next((layout.title for layout in LAYOUTS if layout.name == remedy.value), remedy.value)
    return "CPU" if (remedy.option, remedy.value) == ("device", "cpu") else remedy.value
