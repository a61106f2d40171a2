"""How many of which class, in plain English: "2 persons, 1 dog". Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

_IRREGULAR = {
    "child": "children",
    "foot": "feet",
    "goose": "geese",
    "man": "men",
    "mouse": "mice",
    "ox": "oxen",
    "tooth": "teeth",
    "woman": "women",
    "knife": "knives",
    "leaf": "leaves",
    "loaf": "loaves",
    "wolf": "wolves",
    "calf": "calves",
    "potato": "potatoes",
    "tomato": "tomatoes",
    "hero": "heroes",
}
_SAME = frozenset(
    ("aircraft", "bison", "broccoli", "clothing", "deer", "fish", "food", "fruit", "furniture", "glasses", "jeans",
     "pants", "scissors", "sheep", "shorts", "skis", "species", "sunglasses", "swine", "trousers", "watercraft")
)  # fmt: skip
"""Words that are their own plural, and those that have no singular."""

_KINDS = 3  # named before the rest is counted


def plural(label: str) -> str:
    """A class name as it is called when there are several: its last word changes.

    Names that do not end in a letter, such as "type 2", stay as they are.
    """
    first, space, word = label.rpartition(" ")
    return f"{first}{space}{_plural(word)}"


def _plural(word: str) -> str:
    low = word.lower()
    if not low[-1:].isascii() or not low[-1:].isalpha() or low in _SAME:
        return word
    if low in _IRREGULAR:
        return word[0] + _IRREGULAR[low][1:]
    if low.endswith(("s", "x", "z", "ch", "sh")):
        return f"{word}es"
    if low.endswith("y") and low[-2:-1] not in ("", *"aeiou"):
        return f"{word[:-1]}ies"
    return f"{word}s"


def counted(labels: Iterable[str] | Mapping[str, int]) -> str:
    """Returns how many there are of each class; the commonest are named, the first of equals first; "" for none.

    Args:
        labels: One entry for each object, or how many there are by class.
    """
    counts = Counter(labels).most_common()
    words = [f"{count} {label if count == 1 else plural(label)}" for label, count in counts[:_KINDS]]
    more = sum(count for _, count in counts[_KINDS:])
    return ", ".join(words) + (f" and {more} more" if more else "")


def found_text(detections: int, frames: int, objects: Mapping[str, int] | None = None) -> str:
    """Says what an export found: "8 vehicles" where objects were followed, else "232 detections in 180 frames".

    An object that is seen in a hundred frames is a hundred detections.

    Args:
        detections: Over all frames.
        frames: All of them.
        objects: Distinct objects by class, each counted once; None when they were not followed.
    """
    if objects is not None:
        return counted(objects) or "no objects"
    return f"{number_of(detections, 'detection')} in {number_of(frames, 'frame')}"


def found_in_all(exports: Iterable[tuple[int, int, Mapping[str, int] | None]]) -> str:
    """Says what several exports found, given what ``found_text`` wants of each.

    Objects are counted only if all exports followed them.
    """
    detections = frames = 0
    objects: Counter[str] | None = Counter()
    for some_detections, some_frames, by_class in exports:
        detections, frames = detections + some_detections, frames + some_frames
        objects = None if objects is None or by_class is None else objects + Counter(by_class)
    return found_text(detections, frames, objects)


def number_of(count: int, thing: str) -> str:
    """Returns text such as "1 frame", "3 frames"."""
    return f"{count} {thing if count == 1 else plural(thing)}"
