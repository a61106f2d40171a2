"""From what the detector finds in a live source to numbered objects in zones. Owned by the thread that watches."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from app.core.alarms.rules import Sighting
from app.core.detection_filter import detection_filter
from app.core.events.geometry import anchors_of, inside
from app.core.events.masks import unmasked
from app.core.events.scene import Scene
from app.core.frames import FrameResult
from app.core.motion.cuts import CutFinder
from app.core.records.frame_record import label_of
from app.core.settings import DetectionSettings
from app.core.tracking.tracker import Tracker, with_unsure
from detector.class_names import find_name
from detector.detections import Detections


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """The content of one frame.

    Attributes:
        shown: All that is found, best first.
        numbers: The number of each one's object; None while it has none.
        sightings: Those that have one.
        cut: Another scene begins with it.
    """

    shown: Detections
    numbers: tuple[int | None, ...] = ()
    sightings: tuple[Sighting, ...] = ()
    cut: bool = False


class ObjectWatch:
    """Follows the objects of one source.

    Args:
        detection: Which detections count.
        scene: Zones, and masks in which nothing is found.
    """

    def __init__(self, detection: DetectionSettings, scene: Scene) -> None:
        self._tracker = Tracker()
        self._cuts = CutFinder()
        self.adjust(detection, scene)

    def adjust(self, detection: DetectionSettings, scene: Scene) -> None:
        """Goes by these from now on; the objects keep their numbers."""
        self._detection, self._zones = detection, scene.zones
        self._masks = [mask.polygon for mask in scene.masks]

    def restart(self) -> None:
        """Forgets the objects: the source was lost."""
        self._tracker.end_all()
        self._cuts = CutFinder()

    def look(self, result: FrameResult) -> Look:
        """Takes the next frame."""
        if result.candidates is None:
            return Look(Detections.empty())
        frame, wanted = result.frame, detection_filter(self._detection, result.labels)
        cut = self._cuts.update(frame.image_bgr)
        if cut:
            self._tracker.end_all()
        found = unmasked(result.candidates.detections(with_unsure(wanted)), (frame.width, frame.height), self._masks)
        shown = found.above(self._detection.threshold)
        numbers = self._tracker.update(Fraction(frame.captured_ns, 1_000_000_000), found, len(shown))
        self._tracker.forget_ended()
        zones = self._zones_of(shown, result.labels, frame.width, frame.height)
        sightings = tuple(
            Sighting(number, label_of(result.labels, int(class_id)), float(score), _box(box), where)
            for number, class_id, score, box, where in zip(
                numbers, shown.class_ids, shown.scores, shown.boxes_xyxy, zones, strict=True
            )
            if number is not None
        )
        return Look(shown, numbers, sightings, cut)

    def _zones_of(self, shown: Detections, labels: tuple[str, ...], width: int, height: int) -> list[frozenset[str]]:
        where: list[set[str]] = [set() for _ in range(len(shown))]
        anchors = anchors_of(shown.boxes_xyxy, width, height)
        for zone in self._zones if len(shown) else ():
            for place in np.flatnonzero(inside(anchors, zone.polygon)):
                label = label_of(labels, int(shown.class_ids[place]))
                if zone.classes is None or find_name(label, zone.classes) >= 0:
                    where[place].add(zone.name)
        return [frozenset(names) for names in where]


def _box(box: np.ndarray) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = (float(edge) for edge in box)
    return x1, y1, x2, y2
