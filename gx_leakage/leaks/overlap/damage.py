"""What a look-up table of train would know of the judged rows whose keys it holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from gx_leakage.leaks.association.targets import NoTargetError, target_of
from gx_leakage.splits.relations import Relations, Stack
from gx_leakage.sql.dialects import digest, real
from gx_leakage.sql.keys import Key

__all__ = ["Damage", "LookUp", "look_up"]

NEXT_TO_NOTHING = 1e-100
"""Of the largest distance; PostgreSQL refuses squares that are too small for a float."""


@dataclass(frozen=True)
class LookUp:
    """How right a look-up in train is, over the judged rows whose key is in train and whose target is known.

    Of classes the two accuracies are given, of a number R²; none where there is nothing to compare it with.
    """

    accuracy: float | None = None
    """The share of the rows that have the most frequent target of their key in train."""
    base_accuracy: float | None = None
    """The share of the same rows that have the most frequent target of all of train."""
    r2: float | None = None
    """R² of the means of train's keys: 1 - Σ(y - mean of its key in train)² / Σ(y - mean of these rows)².

    It is below 0 where the mean of these rows says more than their keys do.
    """
    unknown: str | None = None
    """Why the target can be looked up in no way."""


@dataclass(frozen=True)
class Damage:
    """Judged rows whose key is in train, and what a look-up table of train knows of them."""

    answered: int
    rows: int
    """Judged rows."""
    found: LookUp | None
    """None where no target is given."""

    @property
    def share(self) -> float:
        """The share of the judged rows that are answered."""
        return self.answered / self.rows if self.rows else 0.0

    @property
    def lift(self) -> float | None:
        """What looking up adds to the accuracy of the most frequent class.

        It is no bound: where a key's rows differ, as of pairs of which one is a case, a model makes more of the key.
        """
        if self.found is None or self.found.accuracy is None or self.found.base_accuracy is None:
            return None
        return self.share * (self.found.accuracy - self.found.base_accuracy)

    @property
    def largest_inflation(self) -> float | None:
        """By how much shared keys can raise an accuracy, at most; None for a number, whose R² knows no such bound.

        All answered rows would be right, of which the most frequent class, where it is known, is right in some anyway.
        """
        if self.found is None:
            return self.share
        return None if self.found.base_accuracy is None else self.share * (1 - self.found.base_accuracy)


def look_up(
    relations: Relations, stack: Stack, keys: Sequence[Key], label: Key, null_is_a_value: bool, train: int
) -> LookUp:
    """Return how right it is to look the target of a judged row up in train by its key, in one statement.

    Whether the target is classes or a number is decided as everywhere (:func:`target_of`), over the rows of all splits.
    """
    names = [f"k{i}" for i in range(len(keys))]

    def read(relation: sa.FromClause) -> list[sa.ColumnElement[Any]]:
        columns = [key.of(relation).element.label(name) for key, name in zip(keys, names, strict=True)]
        return [*columns, label.of(relation).element.label("y")]

    rows = stack.select(read).subquery("stacked")
    try:
        target = target_of(relations, rows, label)
    except NoTargetError as error:
        return LookUp(unknown=error.marked)
    by = [rows.c[name] for name in names]
    inside = rows.c.split_no == train
    counted = (
        sa.select(
            *by,
            rows.c.y,
            sa.func.sum(sa.case((inside, 1), else_=0)).label("of_train"),
            sa.func.sum(sa.case((inside, 0), else_=1)).label("judged"),
        )
        .where(rows.c.y.is_not(None))
        .group_by(*by, rows.c.y)
        .subquery("counted")
    )
    key = [digest(counted.c[name]) for name in names]
    of_key = sa.func.sum(counted.c.of_train).over(partition_by=key)
    known: list[sa.ColumnElement[bool]] = [] if null_is_a_value else [counted.c[name].is_not(None) for name in names]
    if target.classes:
        return _of_classes(relations, counted, key, of_key, known)
    return _of_a_number(relations, counted, key, of_key, known, target.mean)


def _of_classes(
    relations: Relations, counted: sa.FromClause, key: list[Any], of_key: Any, known: list[sa.ColumnElement[bool]]
) -> LookUp:
    in_order = [counted.c.of_train.desc(), counted.c.y]
    ranked = sa.select(
        counted.c.y,
        counted.c.of_train,
        sa.case((sa.and_(sa.true(), *known), counted.c.judged), else_=0).label("judged"),
        of_key.label("of_key"),
        sa.func.row_number().over(partition_by=key, order_by=in_order).label("place"),
    ).subquery("ranked")
    answered = ranked.c.of_key > 0
    by_class = sa.select(
        sa.func.sum(sa.case((answered, ranked.c.judged), else_=0)),
        sa.func.sum(sa.case((sa.and_(answered, ranked.c.place == 1), ranked.c.judged), else_=0)),
    ).group_by(ranked.c.y)
    found = relations.fetch(by_class.order_by(sa.func.sum(ranked.c.of_train).desc(), ranked.c.y))
    total = sum(int(row[0]) for row in found)
    if not total:
        return LookUp()
    return LookUp(sum(int(row[1]) for row in found) / total, int(found[0][0]) / total)


def _of_a_number(
    relations: Relations,
    counted: sa.FromClause,
    key: list[Any],
    of_key: Any,
    known: list[sa.ColumnElement[bool]],
    middle: float,
) -> LookUp:
    # Distances from the middle, divided by the largest of them: squares of these are neither rounded nor too large.
    z = real(counted.c.y) - sa.literal_column(repr(middle), sa.Double())
    of_train = real(counted.c.of_train)
    looked_up = sa.select(
        z.label("z"),
        real(counted.c.judged).label("judged"),
        (sa.func.sum(of_train * z).over(partition_by=key) / sa.func.nullif(real(of_key), 0.0)).label("mean"),
        *(flag.label(f"known{i}") for i, flag in enumerate(_flags(known))),
    ).subquery("looked_up")
    flags = [looked_up.c[f"known{i}"] == 1 for i in range(len(known))]
    answered = (
        sa.select(
            looked_up.c.z,
            looked_up.c.judged,
            (looked_up.c.z - looked_up.c.mean).label("missed_by"),
            (sa.func.sum(looked_up.c.judged * looked_up.c.z).over() / sa.func.sum(looked_up.c.judged).over()).label(
                "middle"
            ),
        )
        .where(looked_up.c.mean.is_not(None), looked_up.c.judged > 0, *flags)
        .subquery("answered")
    )
    off = answered.c.z - answered.c.middle
    largest = sa.func.max(sa.case((sa.func.abs(off) > 0, sa.func.abs(off)), else_=0.0)).over()
    scaled = sa.select(
        answered.c.z,
        answered.c.judged,
        (off / sa.func.nullif(largest, 0.0)).label("off"),
        (answered.c.missed_by / sa.func.nullif(largest, 0.0)).label("missed_by"),
    ).subquery("scaled")

    def square(x: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        kept = sa.case((sa.func.abs(x) > NEXT_TO_NOTHING, x), else_=0.0)
        return sa.func.sum(scaled.c.judged * kept * kept)

    ((least, most, missed, spread),) = relations.fetch(
        sa.select(sa.func.min(scaled.c.z), sa.func.max(scaled.c.z), square(scaled.c.missed_by), square(scaled.c.off))
    )
    # Of equal values the mean, and so a distance, is rounded in the last digit: that is no spread.
    return LookUp() if least is None or least == most else LookUp(r2=1 - float(missed) / float(spread))


def _flags(conditions: Sequence[sa.ColumnElement[bool]]) -> list[sa.ColumnElement[int]]:
    return [sa.case((condition, 1), else_=0) for condition in conditions]
