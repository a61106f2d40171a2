"""The window's words for what helps: its fields and buttons in place of the options and commands that errors name.

Remedies that the window has no control for, or applies by itself, are not spoken of: the hint stands on its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from detector.errors import ExplainedError, Remedy

FIELDS = {
    "layout": "Layout",
    "rule": "Outputs",
    "size": "Input size",
    "priors": "Default boxes",
    "channels": "Channel order",
    "scale": "Pixels",
    "fit": "Shape",
    "scores": "Scores",
    "first": "First class",
    "labels": "Class names",
    "device": "Device",
    "precision": "Precision",
    "threshold": "Threshold",
    "classes": "Classes",
    "deinterlace": "Deinterlace",
}
"""Labels of the controls, by the option they stand for."""
VALUES = {
    "priors": {"voc": "VOC", "coco": "COCO"},
    "channels": {"rgb": "RGB", "bgr": "BGR"},
    "rule": {
        "detection-output": "A table of image, class, score, box",
        "ssd-decoded": "Boxes and scores",
        "ssd-raw": "Encoded boxes, scores, default boxes",
        "tflite-ssd": "Encoded boxes of TensorFlow Lite",
        "grid": "A box for each cell of grids",
        "queries": "Boxes and logits of queries",
        "nms-inside": "Boxes that overlap no more",
    },
    "scale": {
        "0-255": "0 to 255",
        "0-1": "0 to 1",
        "-1-1": "-1 to 1",
        "127-128": "minus 127, divided by 128",
        "caffe": "minus Caffe's mean",
        "imagenet": "ImageNet's mean and deviation",
    },
    "fit": {"warp": "Stretched", "letterbox": "Kept, in the middle", "corner": "Kept, at the top left"},
    "scores": {"none": "Probabilities already", "sigmoid": "By sigmoid", "softmax": "By softmax"},
    "first": {"0": "Number 0", "1": "Number 1"},
    "device": {"cpu": "CPU"},
}
"""Words of the controls for values, by option; other values speak for themselves."""
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
    # FILE, WIDTHxHEIGHT and a list of several stand for what the user has to choose.
    chosen = remedy.value and remedy.value == remedy.value.lower() and "|" not in remedy.value
    where = " in Preferences" if remedy.option in _IN_PREFERENCES else ""
    return f"“{field}: {_choice(remedy)}”{where}" if chosen else f"“{field}”{where}"


def _choice(remedy: Remedy) -> str:
    """Returns the value as the control shows it."""
    if remedy.option == "layout":
        from detector.importers.layouts import LAYOUTS  # not before the window is up

        return next((layout.title for layout in LAYOUTS if layout.name == remedy.value), remedy.value)
    return value_text(remedy.option, remedy.value)


def value_text(option: str, value: str) -> str:
    """Returns how a control shows a value: "BGR", "By sigmoid"."""
    if option == "size":
        return value.replace("x", " \N{MULTIPLICATION SIGN} ")
    return VALUES.get(option, {}).get(value, value)
