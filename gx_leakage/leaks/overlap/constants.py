"""What is constant within nearly all groups, and differs within a few: one id that stands for two things."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from gx_leakage.splits.relations import Relations, Stack

__all__ = ["Conflict", "conflicts"]

MOST_COLUMNS = 50
FEWEST_GROUPS = 20
"""Groups of several rows that have to be there for a column to be called constant within them."""
MOST_CONFLICTING = 0.05
"""The share of them within which such a column may differ."""


@dataclass(frozen=True)
class Conflict:
    """A column that differs within a few groups only."""

    column: str
    groups: int
    """Groups within which it differs."""
    of: int
    """Groups of several rows in which it is known."""


def conflicts(relations: Relations, columns: Sequence[str], normalize: Sequence[str]) -> tuple[Conflict, ...]:
    """Return the columns that are constant within at least 95 % of the groups of several rows, but not within all."""
    candidates = [name for name in relations.common_columns() if name not in columns]
    if not candidates:
        return ()
    stack = relations.stack([*columns, *candidates])
    keys = relations.keys(stack, columns, normalize)
    others = [name for name in candidates if _is_ordered_alike(stack, name)][:MOST_COLUMNS]
    if not others:
        return ()

    def read(relation: sa.FromClause) -> list[sa.ColumnElement[Any]]:
        return [
            *(key.of(relation).element.label(f"k{i}") for i, key in enumerate(keys)),
            *(relation.c[name].label(f"x{i}") for i, name in enumerate(others)),
        ]

    stacked = stack.select(read).subquery("stacked")
    by = [stacked.c[f"k{i}"] for i in range(len(keys))]
    found = []
    for i in range(len(others)):
        x = stacked.c[f"x{i}"]
        found += [
            sa.case((sa.func.count(x) > 1, 1), else_=0).label(f"several{i}"),
            sa.case((sa.func.min(x) < sa.func.max(x), 1), else_=0).label(f"differs{i}"),
        ]
    groups = sa.select(*found).where(*(key.is_not(None) for key in by)).group_by(*by).subquery("groups")
    (counts,) = relations.fetch(sa.select(*(sa.func.sum(column) for column in groups.c)))
    pairs = zip(others, counts[::2], counts[1::2], strict=True)
    told = [Conflict(name, int(differs or 0), int(several or 0)) for name, several, differs in pairs]
    return tuple(one for one in told if one.of >= FEWEST_GROUPS and 0 < one.groups <= MOST_CONFLICTING * one.of)


def _is_ordered_alike(stack: Stack, column: str) -> bool:
    """Return whether all splits hold a column as one type whose values every database puts in order.

    It is said besides: what splits write in different ways is for those checks to tell that compare it.
    """
    types = {type(stack.relation_of(i).c[column].type) for i in range(len(stack.names))}
    ordered = (sa.String, sa.Integer, sa.Numeric, sa.Float, sa.Date, sa.DateTime)
    return len(types) == 1 and all(issubclass(one, ordered) for one in types)
