"""How much of a test a look-up table of train would answer: the most that shared keys can lift a score by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from gx_leakage.splits.relations import Relations, Stack
from gx_leakage.sql.dialects import digest
from gx_leakage.sql.keys import Key

__all__ = ["Damage", "accuracy"]


@dataclass(frozen=True)
class Damage:
    """Judged rows whose key is in train, and how many of them the table answers rightly."""

    answered: int
    rows: int
    """Judged rows."""
    accuracy: float | None
    """The share of them, where their target is known, that have the most frequent target of their key in train."""

    @property
    def share(self) -> float:
        """The share of the judged rows that are answered."""
        return self.answered / self.rows if self.rows else 0.0

    @property
    def inflation(self) -> float:
        """By how much an accuracy can be too high at most: every right answer would have been wrong."""
        return self.share * (1.0 if self.accuracy is None else self.accuracy)


def accuracy(
    relations: Relations, stack: Stack, keys: Sequence[Key], label: Key, null_is_a_value: bool, train: int
) -> float | None:
    """Return the share of rows outside of train, with a key of train, that have its most frequent target there."""
    names = [f"k{i}" for i in range(len(keys))]

    def read(relation: sa.FromClause) -> list[sa.ColumnElement[Any]]:
        columns = [key.of(relation).element.label(name) for key, name in zip(keys, names, strict=True)]
        return [*columns, label.of(relation).element.label("label")]

    stacked = stack.select(read).subquery("stacked")
    by = [stacked.c[name] for name in names]
    known = [] if null_is_a_value else [column.is_not(None) for column in by]
    inside = stacked.c.split_no == train
    counted = (
        sa.select(
            *by,
            stacked.c.label,
            sa.func.sum(sa.case((inside, 1), else_=0)).label("of_train"),
            sa.func.sum(sa.case((inside, 0), else_=1)).label("judged"),
        )
        .where(stacked.c.label.is_not(None), *known)
        .group_by(*by, stacked.c.label)
        .subquery("counted")
    )
    key = [digest(counted.c[name]) for name in names]
    most_frequent = sa.func.row_number().over(partition_by=key, order_by=[counted.c.of_train.desc(), counted.c.label])
    ranked = sa.select(
        counted.c.judged,
        sa.func.sum(counted.c.of_train).over(partition_by=key).label("of_key"),
        most_frequent.label("place"),
    ).subquery("ranked")
    right = sa.func.sum(sa.case((ranked.c.place == 1, ranked.c.judged), else_=0))
    (found,) = relations.fetch(sa.select(sa.func.sum(ranked.c.judged), right).where(ranked.c.of_key > 0))
    return int(found[1] or 0) / int(found[0]) if found[0] else None
