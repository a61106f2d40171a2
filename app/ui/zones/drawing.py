"""Turns presses, moves and keys into changes of shapes. Pure: no widget, positions from 0 to 1 over the frame."""

from __future__ import annotations

from typing import Literal

from app.core.events.geometry import Point, meets_path
from app.core.events.scene import Scene
from app.core.events.scene_edit import Kind, SceneEdit, Shape, free_name, rectangle, snapped
from app.ui.zones.hits import Drag, Hit, Reach, hit, is_near

Tool = Literal["select", "zone", "line", "mask"]

_MIDDLE: dict[Kind, tuple[Point, ...]] = {
    "zone": rectangle((0.35, 0.35), (0.65, 0.65)),
    "mask": rectangle((0.4, 0.4), (0.6, 0.6)),
    "line": ((0.5, 0.75), (0.5, 0.25)),
}
"""What the keyboard begins with; a line from below upwards, so that to the right is "in"."""
_CROSSES = "This edge would meet another one."
_THREE = "An area needs three corners or more."


class Drawing:
    """One scene while it is drawn on.

    Args:
        scene: To begin with.

    Attributes:
        edit: Its shapes.
        tool: What a press on the frame does.
        selected: Index of the shape that was chosen; None for none.
        point: The chosen corner of it; None for the whole shape.
        path: Corners of the shape that is being drawn.
        pointer: Where the pointer is; None while it is elsewhere.
        refused: Why the last change was not kept; "" once another one was.
    """

    def __init__(self, scene: Scene) -> None:
        self.edit = SceneEdit(scene)
        self.tool: Tool = "select"
        self.selected: int | None = None
        self.point: int | None = None
        self.path: list[Point] = []
        self.pointer: Point | None = None
        self.refused = ""
        self._drag: Drag | None = None

    @property
    def shape(self) -> Shape | None:
        """The chosen shape."""
        shapes = self.edit.shapes
        return shapes[self.selected] if self.selected is not None and self.selected < len(shapes) else None

    @property
    def ghost(self) -> tuple[Point, ...]:
        """The shape that is being drawn, up to the pointer."""
        if self.tool == "select" or not self.path or self.pointer is None:
            return tuple(self.path)
        if self._draws_rectangle:
            return rectangle(self.path[0], self.pointer)
        return (*self.path, self.pointer)

    @property
    def wrong(self) -> str:
        """Returns why what is shown cannot be kept; "" for nothing."""
        to = self.pointer
        if self.edit.problem or to is None or self._draws_rectangle or self._closes(to):
            return self.edit.problem or self.refused
        return _CROSSES if meets_path(self.path, to) else self.refused

    def choose_tool(self, tool: Tool) -> None:
        """Draw something else from now on; what was begun is given up."""
        self.cancel()
        self.tool = tool
        if tool != "select":
            self.select(None)

    def select(self, index: int | None, point: int | None = None) -> None:
        """Choose a shape, or one of its corners."""
        self.selected, self.point, self.refused = index, point, ""

    def cancel(self) -> None:
        """Give up what was begun."""
        self.path.clear()
        self.edit.cancel()
        self._drag, self.refused = None, ""

    # -- the pointer ---------------------------------------------------------------------------------------------------

    def press(self, at: Point, reach: Reach) -> None:
        """The pointer goes down."""
        self.refused, self._reach = "", reach
        self.pointer = self._snapped(at)
        if self.tool != "select":
            self._press_drawing(at)
            return
        found = hit(self.edit.kept, at, reach, self.selected)
        self.select(found.shape if found else None, found.point if found else None)
        self._drag = Drag(at, found)

    def move(self, at: Point, reach: Reach) -> None:
        """The pointer goes elsewhere, pressed or not."""
        self._reach = reach
        self.pointer = self._snapped(at)
        drag = self._drag
        if drag is None or (not drag.moved and is_near(drag.start, at, (reach[0] / 2, reach[1] / 2))):
            return
        self._drag = Drag(drag.start, drag.hit, True)
        if drag.hit is not None:
            self._move_hit(drag.hit, drag.start, at)

    def release(self, at: Point, reach: Reach) -> None:
        """The pointer comes up."""
        self.move(at, reach)
        drag, self._drag = self._drag, None
        if drag is None or not drag.moved:
            return
        if drag.hit is not None:
            self.keep()
        elif self.path and self.pointer is not None:  # drawn in one go
            corners = (self.path[0], self.pointer)
            self._add(corners if self.tool == "line" else rectangle(*corners))

    def double_click(self, at: Point, reach: Reach) -> None:
        """The pointer goes down a second time: ends what is drawn, or puts a corner on an edge."""
        self._reach = reach
        if self.tool != "select":
            self.finish()
            return
        found = hit(self.edit.kept, at, reach, self.selected)
        if found is not None and found.edge is not None and self.edit.kept[found.shape].kind != "line":
            self.edit.insert_point(found.shape, found.edge, at)
            if self.keep():
                self.select(found.shape, found.edge + 1)

    # -- keys ----------------------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """End what is being drawn; where nothing is yet, put one in the middle of the frame."""
        if self.tool == "select":
            return
        if not self.path:
            self._add(_MIDDLE[self.tool])
        elif len(self.path) < 3:
            self.refused = _THREE
        else:
            self._add(tuple(self.path))

    def back(self) -> bool:
        """Give up, one thing at a time: what is drawn, the tool, the choice; returns whether there was any."""
        if self.path or self._drag is not None or self.refused:
            self.cancel()
        elif self.tool != "select":
            self.choose_tool("select")
        elif self.point is not None:
            self.select(self.selected)
        elif self.selected is not None:
            self.select(None)
        else:
            return False
        return True

    def delete(self) -> None:
        """Take away the last corner drawn, the chosen corner or the chosen shape."""
        if self.path:
            self.path.pop()
        elif self.selected is not None and self.point is not None and self._is_area:
            self.edit.delete_point(self.selected, self.point)
            if self.keep():
                self.point = None
        elif self.selected is not None:
            self.edit.delete(self.selected)
            self.keep()
            self.select(None)

    def insert(self) -> None:
        """Put a corner in the middle of the edge after the chosen corner."""
        shape, place = self.shape, self.point or 0
        if self.selected is None or shape is None or not self._is_area:
            return
        (x1, y1), (x2, y2) = shape.points[place], shape.points[(place + 1) % len(shape.points)]
        self.edit.insert_point(self.selected, place, ((x1 + x2) / 2, (y1 + y2) / 2))
        if self.keep():
            self.point = place + 1

    def step(self, by: tuple[float, float]) -> None:
        """Move the chosen corner, or the chosen shape."""
        shape = self.shape
        if self.selected is None or shape is None:
            return
        if self.point is None:
            self.edit.move(self.selected, by)
        else:
            x, y = shape.points[self.point]
            self.edit.move_point(self.selected, self.point, (x + by[0], y + by[1]))
        self.keep(f"{self.selected} {self.point}")

    def next(self, by: Literal[1, -1]) -> bool:
        """Choose the next shape or corner, or the one before; returns whether there was one."""
        places: list[tuple[int, int | None]] = []
        for index, shape in enumerate(self.edit.kept):
            places += [(index, None), *((index, point) for point in range(len(shape.points)))]
        chosen = [place for place, choice in enumerate(places) if choice == (self.selected, self.point)]
        at = chosen[0] + by if chosen else (0 if by > 0 else len(places) - 1)
        if not 0 <= at < len(places):
            self.select(None)
            return False
        self.select(*places[at])
        return True

    def undo(self) -> None:
        """Take back the last corner drawn, or else the last change."""
        if self.path:
            self.path.pop()
        else:
            self.edit.undo()
            self._drag = None
            self.select(None)

    def redo(self) -> None:
        """Make the change again that was taken back."""
        self.edit.redo()
        self._drag = None
        self.select(None)

    def add(self, kind: Kind, points: tuple[Point, ...]) -> bool:
        """Add a shape and choose it; returns whether it was kept."""
        self.edit.add(Shape(kind, free_name(kind, self.edit.kept), points))
        if not self.keep():
            return False
        self.path.clear()
        self.tool = "select"
        self.select(len(self.edit.kept) - 1)
        return True

    def keep(self, merge: str = "") -> bool:
        """Keep the change that was tried on ``edit``, see ``SceneEdit.commit``; returns whether it could be."""
        kept = self.edit.commit(merge)
        self.refused = "" if kept else self.edit.problem
        self.edit.cancel()
        self._drag = None  # there may be no such corner any more
        return kept

    # -- inside --------------------------------------------------------------------------------------------------------

    _reach: Reach = (0.01, 0.01)

    @property
    def _is_area(self) -> bool:
        return self.shape is not None and self.shape.kind != "line"

    @property
    def _draws_rectangle(self) -> bool:
        return self._drag is not None and self._drag.moved and len(self.path) == 1 and self.tool != "line"

    def _closes(self, at: Point) -> bool:
        return self.tool != "line" and len(self.path) >= 3 and is_near(self.path[0], at, self._reach)

    def _press_drawing(self, at: Point) -> None:
        place = self._snapped(at)
        if not self.path:
            self.path.append(place)
            self._drag = Drag(at, None)
        elif self.tool == "line":
            self._add((self.path[0], place))
        elif self._closes(place):
            self.finish()
        elif meets_path(self.path, place):
            self.refused = _CROSSES
        elif not is_near(self.path[-1], place, (self._reach[0] / 4, self._reach[1] / 4)):
            self.path.append(place)

    def _move_hit(self, found: Hit, start: Point, at: Point) -> None:
        if found.point is not None:
            self.edit.move_point(found.shape, found.point, self._snapped(at, found))
        else:
            self.edit.move(found.shape, (at[0] - start[0], at[1] - start[1]))

    def _add(self, points: tuple[Point, ...]) -> None:
        if self.tool != "select":
            self.add(self.tool, points)

    def _snapped(self, at: Point, moved: Hit | None = None) -> Point:
        others = [
            point
            for index, shape in enumerate(self.edit.kept)
            for place, point in enumerate(shape.points)
            if moved is None or (index, place) != (moved.shape, moved.point)
        ]
        return snapped(at, [*others, *self.path[:1]], self._reach)
