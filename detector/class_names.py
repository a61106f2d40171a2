"""When two class names mean the same class. Pure.

"Dining Table", "diningtable" and "dining_table" are one class; so are the few that VOC and COCO call differently.
Beyond that nothing is guessed. Filters, searches, evaluation and training all ask here.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

_SAME = (
    ("aeroplane", "airplane"),
    ("diningtable", "dining table"),
    ("motorbike", "motorcycle"),
    ("pottedplant", "potted plant"),
    ("sofa", "couch"),
    ("tvmonitor", "tv"),
)
"""Pairs of names for one class: VOC's, COCO's."""


@lru_cache(maxsize=8192)
def key(name: str) -> str:
    """Equal for names that differ in case, white space, hyphens and underscores only."""
    return "".join(c for c in name.casefold() if not c.isspace() and c not in "-_")


_OTHER = {key(a): b for pair in _SAME for a, b in (pair, pair[::-1])}


@lru_cache(maxsize=8192)
def meaning(name: str) -> str:
    """Equal for names of one class, also where VOC and COCO have different words for it."""
    own = key(name)
    return min(own, key(_OTHER.get(own, own)))


def is_found_by(typed: str, name: str) -> bool:
    """Returns whether a search for ``typed``, or for a part of a word, finds the class by one of its words."""
    wanted = typed.casefold()
    return wanted in name.casefold() or wanted in _OTHER.get(key(name), "").casefold()


def find_name(name: str, names: Sequence[str]) -> int:
    """Returns the index of ``name`` among ``names``, -1 for none.

    It is looked for as it is spelled, then spelled a little differently, then by another word for the same class.
    """
    if name in names:
        return list(names).index(name)
    for same in (key, meaning):
        wanted = same(name)
        for index, other in enumerate(names):
            if same(other) == wanted:
                return index
    return -1


@lru_cache(maxsize=64)
def chosen_ids(chosen: tuple[str, ...], labels: tuple[str, ...]) -> frozenset[int]:
    """Indices of the ``labels`` that a filter by ``chosen`` names; what is no label by any word adds none."""
    return frozenset(place for name in chosen if (place := find_name(name, labels)) >= 0)
