"""Rules for what a live source shows, or does not show, and the events that come of them. Immutable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from detector.class_names import find_name

MOST_OBJECTS = 1000
"""An event knows the numbers of so many objects at most: it may go on for weeks."""

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels of the upright frame."""
What = Literal["seen", "absent", "gone"]


@dataclass(frozen=True, slots=True)
class Sighting:
    """An object in one frame.

    Attributes:
        tracker_id: Its number.
        label: Its class.
        score: Of this detection.
        box: Where it is.
        zones: Names of the zones it stands in and that concern its class.
    """

    tracker_id: int
    label: str
    score: float
    box: Box
    zones: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Rule:
    """The definition of an event.

    Attributes:
        what: "seen": an object is there for ``for_s``. "absent": none is, for ``for_s``. "gone": the source itself is
            lost for ``for_s``.
        classes: Which objects count; empty for all.
        zone: Only where they stand in this zone; "" for anywhere.
        for_s: Seconds.
        every_s: An event begins this long after the one before at the earliest.
        clip: Whether its events get a clip, where clips are kept; only what is seen does.
        snapshot: Whether they get a picture, likewise.
        ways: By which ways its events are told, by ``Action.key``; None for all there are.
    """

    what: What = "seen"
    classes: tuple[str, ...] = ()
    zone: str = ""
    for_s: float = 0.0
    every_s: float = 0.0
    clip: bool = True
    snapshot: bool = True
    ways: frozenset[str] | None = None

    @property
    def keeps_clips(self) -> bool:
        """Returns whether its events get a clip."""
        return self.clip and self.what == "seen"

    @property
    def name(self) -> str:
        """Names the rule among others, in plain words."""
        objects = " or ".join(self.classes) or "anything"
        where = f" in {self.zone}" if self.zone else ""
        return {"seen": f"{objects}{where}", "absent": f"no {objects}{where}", "gone": "source gone"}[self.what]

    def concerns(self, sighting: Sighting) -> bool:
        """Returns whether the object is of a class, and in the zone, that the rule is about."""
        if self.zone and self.zone not in sighting.zones:
            return False
        return not self.classes or find_name(sighting.label, self.classes) >= 0


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """An event as far as it is known.

    Attributes:
        id: Its number, from 1.
        rule: Which rule it is of.
        label: Class of the object that began it; "" where no object did.
        start_s: When it began: with the first sighting of the stay that made it one, or when ``every_s`` had passed.
        end_s: When it ended, or was seen last.
        objects: Numbers of the objects that counted, in order; the first ``MOST_OBJECTS``.
        best: The sighting with the highest score; None where there is none.
        best_s: When that was.
    """

    id: int
    rule: Rule
    label: str
    start_s: float
    end_s: float
    objects: tuple[int, ...] = ()
    best: Sighting | None = None
    best_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Began:
    """An event has begun, and goes on."""

    event: WatchEvent


@dataclass(frozen=True, slots=True)
class Ended:
    """An event is over."""

    event: WatchEvent


Signal = Began | Ended
