"""The best pairing of two sets: the Hungarian method by shortest augmenting paths. Pure numpy.

Kuhn (1955); in this form, with a price for each row and column and one row added at a time, Jonker and Volgenant
(1987). SciPy has one, but is a hundred megabytes that nothing else here needs.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def best_pairs(gain: Floats) -> list[tuple[int, int]]:
    """Pairs (row, column), each row and column at most once, whose gains add up to the most there can be.

    Args:
        gain: Float64[R, C], finite. A pair that gains nothing (0 or less) is never made.

    Returns:
        The pairs, by row. The same input gives the same pairs, also where several are equally good.
    """
    useful = np.maximum(gain, 0.0)
    rows, columns = np.flatnonzero(useful.any(axis=1)), np.flatnonzero(useful.any(axis=0))
    if not len(rows):
        return []
    small = useful[np.ix_(rows, columns)]
    turned = small.shape[0] > small.shape[1]
    chosen = _assign(-small.T if turned else -small)
    pairs = [(int(column), row) if turned else (row, int(column)) for row, column in enumerate(chosen)]
    return sorted((int(rows[r]), int(columns[c])) for r, c in pairs if small[r, c] > 0)


def _assign(cost: Floats) -> npt.NDArray[np.intp]:
    """Int[R]: a column of its own for each row, the costs adding up to the least; R <= C."""
    count, width = cost.shape
    row_price, column_price = np.zeros(count), np.zeros(width)
    row_of = np.full(width, -1, np.intp)
    for row in range(count):
        _add_row(cost, row, row_price, column_price, row_of)
    chosen = np.empty(count, np.intp)
    taken = np.flatnonzero(row_of >= 0)
    chosen[row_of[taken]] = taken
    return chosen


def _add_row(cost: Floats, start: int, row_price: Floats, column_price: Floats, row_of: npt.NDArray[np.intp]) -> None:
    """Give row ``start`` a column, moving others along the cheapest path to a free one; prices stay valid."""
    width = cost.shape[1]
    distance = np.full(width, np.inf)
    came_from = np.full(width, start, np.intp)
    open_ = np.ones(width, np.bool_)
    reached = [start]
    row, shortest, column = start, 0.0, -1
    while True:
        through = shortest + cost[row] - row_price[row] - column_price
        nearer = open_ & (through < distance)
        distance[nearer], came_from[nearer] = through[nearer], row
        column = int(np.where(open_, distance, np.inf).argmin())
        shortest = float(distance[column])
        open_[column] = False
        if row_of[column] < 0:
            break
        row = int(row_of[column])
        reached.append(row)
    closed = np.flatnonzero(~open_)
    slack = shortest - distance[closed]
    column_price[closed] -= slack
    row_price[start] += shortest
    others = closed[row_of[closed] >= 0]
    row_price[row_of[others]] += shortest - distance[others]
    while True:  # back along the path: each column goes to the row it was reached from
        row = int(came_from[column])
        row_of[column] = row
        if row == start:
            return
        column = _column_of(row_of, row, column)


def _column_of(row_of: npt.NDArray[np.intp], row: int, but: int) -> int:
    """The column ``row`` had before it was given ``but``."""
    return next(int(column) for column in np.flatnonzero(row_of == row) if column != but)
