"""What is chosen among the shapes, and what can be done now, in words. Pure."""

from __future__ import annotations

from app.core.events.geometry import Point
from app.core.events.scene_edit import Shape
from app.ui.zones.drawing import Drawing

_HINTS = {
    "select": "Click a shape, drag its corners, double-click an edge for another corner.",
    "zone": "Click its corners, then the first again; or drag a rectangle.",
    "line": "Drag from end to end. The arrow shows which way is “in”.",
    "mask": "Draw around what is to be ignored: nothing is found there.",
}
_KEYS = {
    "select": "Tab goes to the next shape or corner, arrows move it, Delete removes it.",
    "zone": "Enter puts one in the middle.",
    "line": "Enter puts one in the middle.",
    "mask": "Enter puts one in the middle.",
}


def hint_text(drawing: Drawing) -> str:
    """Returns what the mouse can do now."""
    return _HINTS[drawing.tool]


def key_text(drawing: Drawing) -> str:
    """Returns what the keyboard can do now."""
    return _KEYS[drawing.tool]


def chosen_text(drawing: Drawing) -> str:
    """Returns the chosen shape or corner, for a screen reader, or what can be done."""
    if drawing.wrong:
        return drawing.wrong
    shape = drawing.shape
    if shape is None:
        return f"{_count(drawing.edit.kept)} {key_text(drawing)}"
    if drawing.point is None:
        return f"{shape_text(shape)}, {len(shape.points)} points"
    place = _place(shape.points[drawing.point])
    return f"{shape_text(shape)}, point {drawing.point + 1} of {len(shape.points)}, {place}"


def shape_text(shape: Shape) -> str:
    """Returns kind and name, such as "zone “door”", and the classes it is limited to."""
    limited = f", only {', '.join(shape.classes)}" if shape.classes else ""
    return f"{shape.kind} “{shape.name}”{limited}"


def _place(point: Point) -> str:
    return f"{point[0] * 100:.0f} % from the left, {point[1] * 100:.0f} % from the top"


def _count(shapes: tuple[Shape, ...]) -> str:
    if not shapes:
        return "Nothing is drawn."
    return "1 shape." if len(shapes) == 1 else f"{len(shapes)} shapes."
