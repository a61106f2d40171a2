"""How many of which class, in plain English: "2 persons, 1 dog". Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

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


def counted(labels: Iterable[str]) -> str:
    """One entry of ``labels`` for each object; the commonest classes are named, the first of equals first.

    "" for none.
    """
    counts = Counter(labels).most_common()
    words = [f"{count} {label if count == 1 else plural(label)}" for label, count in counts[:_KINDS]]
    more = sum(count for _, count in counts[_KINDS:])
    return ", ".join(words) + (f" and {more} more" if more else "")
