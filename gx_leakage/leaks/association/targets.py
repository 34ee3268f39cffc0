"""What is to be predicted: classes or a number, and in which rows of which split it is known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa

from gx_leakage.disclosure import value
from gx_leakage.errors import CouldNotCheckError
from gx_leakage.splits.relations import Relations
from gx_leakage.sql.dialects import real
from gx_leakage.sql.keys import NUMBERS, Key
from gx_leakage.sql.values import plain

__all__ = ["NoTargetError", "Target", "TargetSplit", "target_of"]

MOST_CLASSES = 1_000
MOST_NUMERIC_CLASSES = 32
ROWS_A_NUMERIC_CLASS = 5

SURELY_CLASSES = 10
"""So few whole numbers are classes; of more, how often each occurs decides."""

DRAWS = 999
UNLIKELY = 0.01
"""Codes of classes are as far from a random order with this probability: what is further is a number."""


class NoTargetError(CouldNotCheckError):
    """A column can be no target: of its values, nothing can be learnt."""


@dataclass(frozen=True)
class TargetSplit:
    """The rows of a split, and in how many of them the target is not known."""

    name: str
    rows: int
    unknown: int


@dataclass(frozen=True)
class Target:
    """What is to be predicted."""

    name: str
    splits: tuple[TargetSplit, ...]
    classes: tuple[tuple[Any, int], ...]
    """Classes with their rows, the largest first; none where the target is a number."""
    mean: float
    """Of a target that is a number, otherwise 0."""
    counts: tuple[tuple[int, ...], ...] = ()
    """For each split and each column that was counted, the rows in which it and the target are known."""
    doubtful: int = 0
    """Of a target whose whole numbers could be codes as well as a number, how many they are."""

    def known_rows(self, split: int | None = None) -> int:
        """Return the rows of a split, or of all, in which the target is known."""
        return sum(s.rows - s.unknown for i, s in enumerate(self.splits) if split in (None, i))

    def known(self, column: int, split: int | None) -> int:
        """Return the rows of a split, or of all, in which a counted column and the target are known."""
        return sum(counts[column] for i, counts in enumerate(self.counts) if split in (None, i))


def target_of(relations: Relations, rows: sa.FromClause, key: Key, counted: Sequence[str] = ()) -> Target:
    """Return what the target is.

    Numbers are classes if there are two of them, or up to 32 whole ones with five rows each on average. More than 10 of
    these are a number all the same where the frequent ones stand together, as those of measurements and counts do.

    Args:
        relations: The splits.
        rows: The rows of all of them, with ``split_no``, the target as ``y``, and the counted columns.
        key: The target's column.
        counted: Columns whose known values are counted.

    Raises:
        NoTargetError: the target is not known in any row, has one value only, or more classes than can be learnt;
            or it is a number, and infinite in some row.
    """
    y = rows.c.y
    numeric = bool(key.families) and key.families <= NUMBERS
    both = [sa.func.sum(sa.case((sa.and_(y.is_not(None), rows.c[c].is_not(None)), 1), else_=0)) for c in counted]
    total = sa.func.sum(real(y)) if numeric else sa.null()
    found = relations.fetch(
        sa.select(rows.c.split_no, sa.func.count(), sa.func.count(y), total, *both).group_by(rows.c.split_no)
    )
    by_split = {int(row[0]): row[1:] for row in found}
    empty = (0, 0, 0.0, *(0 for _ in counted))
    ordered = [by_split.get(i, empty) for i in range(len(relations.names))]
    known = sum(int(row[1]) for row in ordered)
    if not known:
        raise NoTargetError(f"no row has a value of target '{key.name}': there is nothing to predict.")

    classes = [
        (plain(row[0]), int(row[1]))
        for row in relations.fetch(
            sa.select(y, sa.func.count().label("row_count"))
            .where(y.is_not(None))
            .group_by(y)
            .order_by(sa.func.count().desc(), y)
            .limit(MOST_CLASSES + 1)
        )
    ]
    if len(classes) == 1:
        raise NoTargetError(
            f"target '{key.name}' has one value only ({value(classes[0][0])!s}): there is nothing to predict."
        )
    few = len(classes) == 2 or (len(classes) <= MOST_NUMERIC_CLASSES and known >= ROWS_A_NUMERIC_CLASS * len(classes))
    if numeric and len(classes) > 2:
        few = few and all(float(label).is_integer() for label, _ in classes)
    doubtful = len(classes) if numeric and few and len(classes) > SURELY_CLASSES else 0
    if numeric and (not few or (doubtful and _stand_together(classes))):
        classes = []
    elif len(classes) > MOST_CLASSES:
        raise NoTargetError(
            f"target '{key.name}' has more than {MOST_CLASSES:,} classes in {known:,} rows: is it an id, or a text?"
        )
    elif sum(rows > 1 for _, rows in classes) < 2:
        raise NoTargetError(
            f"target '{key.name}' has less than two classes that occur in more than one row: how rows of a class "
            f"are alike cannot be seen."
        )
    sums = [float(row[2] or 0) for row in ordered]
    if not classes and not all(map(math.isfinite, sums)):
        raise NoTargetError(
            f"target '{key.name}' is infinite in some row, or too large to be added up: means of it say nothing. "
            f"Clip such values, or make them NULL."
        )
    return Target(
        key.name,
        tuple(TargetSplit(n, int(r[0]), int(r[0]) - int(r[1])) for n, r in zip(relations.names, ordered, strict=True)),
        tuple(classes),
        math.fsum(sums) / known if not classes else 0.0,
        tuple(tuple(int(count or 0) for count in row[3:]) for row in ordered),
        doubtful,
    )


def _stand_together(counts: Sequence[tuple[Any, int]]) -> bool:
    """Return whether the frequent ones among whole numbers stand together, or each beside others about as frequent.

    Codes are in no order, so that any order of their frequencies is as likely (a permutation test: Pitman 1937, doi
    10.2307/2984124). Those that were numbered by how frequent they are have an order, and are codes.
    """
    ordered = sorted((float(number), rows) for number, rows in counts)
    numbers, rows = np.array(ordered).T
    if (np.diff(numbers) == 1).all() and (np.diff(rows) <= 0).all():
        return False
    place = np.arange(len(rows))
    shuffled = np.random.default_rng(0).permuted(np.broadcast_to(rows, (DRAWS, len(rows))), axis=1)
    orders = np.vstack([rows, shuffled])
    mean = orders @ place / rows.sum()
    for scattered in (orders @ place**2 / rows.sum() - mean**2, np.abs(np.diff(orders)).sum(axis=1)):
        if (scattered <= scattered[0] * (1 + 1e-9)).mean() < UNLIKELY:
            return True
    return False
