"""A few of many rows: what they already rule out is not asked of all.

Which rows these are follows from their values, so that they are the same each time. No verdict rests on them: they
only say which columns a question need not be put to, or near which values an answer has to be looked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from gx_leakage.sql.dialects import sampled
from gx_leakage.sql.keys import NUMBERS, TIMES, Family, Key

if TYPE_CHECKING:
    import numpy as np

    from gx_leakage.splits.relations import Relations

__all__ = ["MANY", "Few", "few_of", "numbers_of_few"]

MANY = 100_000
"""Rows of which it is worth while to look at a few first."""

ROWS = 20_000
"""The few, about."""

_BY = 3
"""Columns that decide which they are."""

_BY_FIRST = (NUMBERS - {Family.INTEGER}, TIMES, {Family.UUID}, {Family.INTEGER, Family.TEXT})
"""The families of columns whose rows differ most, the likeliest first."""


def few_of(rows: sa.FromClause, columns: Mapping[str, Key], count: int) -> sa.Subquery | None:
    """Return a few of the rows; None where these are not many.

    Where the columns that decide have few different values, there may be none, or as many as twice those wanted.

    Args:
        rows: The rows.
        columns: The keys of the columns among them, by what they are called in the rows.
        count: How many rows there are.
    """
    if count < MANY:
        return None

    def rank(name: str) -> int:
        families = columns[name].families
        return next((i for i, of in enumerate(_BY_FIRST) if families and families <= of), len(_BY_FIRST))

    by = [rows.c[name] for name in sorted(columns, key=rank)[:_BY]]
    return sa.select(*rows.c).where(sampled(ROWS / count, *by)).limit(2 * ROWS).subquery("few")


@dataclass(frozen=True)
class Few:
    """The numbers of a few rows, and what is known of all."""

    splits: np.ndarray[Any, Any]
    """The position of each row's split."""
    values: Mapping[str, np.ndarray[Any, Any]]
    """By column its values, NaN where there is none."""
    largest: Mapping[str, float]
    """By column its largest absolute value in all rows."""

    def away(self, column: str, decimals: int) -> float:
        """Return how far the values are from such with so many decimals, at most, in units of the last one."""
        import numpy as np

        values = self.values[column]
        with np.errstate(over="ignore"):
            scaled = values[np.isfinite(values)] * 10.0**decimals
        scaled = scaled[np.isfinite(scaled)]
        return float(np.abs(scaled - np.floor(scaled + 0.5)).max(initial=0.0))


def numbers_of_few(
    relations: Relations, rows: sa.FromClause, columns: Mapping[str, Key], count: int, largest: Mapping[str, float]
) -> Few | None:
    """Return the numbers of a few of the rows; None where these are not many. See :func:`few_of`."""
    import numpy as np

    few = few_of(rows, columns, count)
    if few is None:
        return None
    found = relations.fetch(sa.select(few.c.split_no, *(few.c[name] for name in columns)))
    table = np.array([tuple(row) for row in found], dtype=float).reshape(len(found), 1 + len(columns))
    return Few(table[:, 0].astype(int), {name: table[:, 1 + i] for i, name in enumerate(columns)}, largest)
