"""Rows by which it can be told what a column is the id of: some values of each column, each with its rows.

A sample of rows would hold no two of one patient where a patient has few of many. So it is values that are chosen, by
what their text hashes to, and of each as many rows as are needed. One statement does it for all columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from gx_leakage.splits.relations import Relations, Stack
from gx_leakage.sql.dialects import digest, sampled, shuffled
from gx_leakage.sql.keys import NUMBERS, TIMES, Family, Key

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MOST_CANDIDATES", "MOST_COLUMNS", "Counts", "GroupedRows", "gather"]

MOST_CANDIDATES = 20
"""Columns that rows are had of."""

MOST_COLUMNS = 40
"""Columns whose values are had."""

VALUES = 100
"""Values that are looked at, about."""

ROWS = 2_000
"""Rows of them all together, about, where each has more than a few."""

FEWEST_ROWS = 8
"""Rows of a value that are never left out."""


@dataclass(frozen=True)
class Counts:
    """What is known of a column before."""

    known: int
    distinct: int


@dataclass(frozen=True)
class GroupedRows:
    """Rows with the columns' values; times are their ranks."""

    frame: pd.DataFrame
    candidates: Mapping[str, Any]
    """For each column that rows were had of, which they are."""

    def of(self, column: str) -> pd.DataFrame:
        """Return the rows of the values of a column that were chosen."""
        rows: pd.DataFrame = self.frame[self.candidates[column]]
        return rows

    @property
    def columns(self) -> list[str]:
        """The columns whose values there are."""
        return list(self.frame.columns)


def gather(
    relations: Relations, stack: Stack, keys: Sequence[Key], counts: Mapping[str, Counts], candidates: Sequence[str]
) -> GroupedRows | None:
    """Return the rows of some values of each candidate, None where there is no candidate.

    Args:
        relations: The splits; their rows are taken together.
        stack: Their rows.
        keys: How the columns are written.
        counts: By column, how many values it has.
        candidates: The columns that may be ids of groups.
    """
    chosen = set(candidates[:MOST_CANDIDATES])
    if not chosen:
        return None
    others = [key for key in keys if key.name not in chosen][: max(0, MOST_COLUMNS - len(chosen))]
    read = [*(key for key in keys if key.name in chosen), *others]
    values = stack.select(
        lambda relation: [key.of(relation).element.label(f"x{i}") for i, key in enumerate(read)]
    ).subquery("stacked")
    found = relations.fetch(_statement(values, read, counts, len(chosen)))
    import pandas as pd

    data = {key.name: _column([row[i] for row in found], key.families) for i, key in enumerate(read)}
    flags = {
        key.name: pd.Series([bool(row[len(read) + i]) for row in found], dtype=bool)
        for i, key in enumerate(read[: len(chosen)])
    }
    return GroupedRows(pd.DataFrame(data), flags)


def _statement(values: sa.Subquery, keys: Sequence[Key], counts: Mapping[str, Counts], candidates: int) -> Any:
    by_values = sorted(range(len(keys)), key=lambda i: -counts[keys[i].name].distinct)[:3]
    any_row = [values.c[f"x{i}"] for i in by_values]
    within, most = [], []
    for i, key in enumerate(keys[:candidates]):
        of = counts[key.name]
        share = min(1.0, VALUES / of.distinct)
        rows_of_one = max(FEWEST_ROWS, ROWS // min(VALUES, of.distinct))
        # Of values with thousands of rows, a part comes in question only: twice what is needed, for some are short.
        rows = min(1.0, 2 * rows_of_one * of.distinct / of.known)
        x = values.c[f"x{i}"]
        within.append(sa.and_(x.is_not(None), sampled(share, x), *([sampled(rows, *any_row)] if rows < 1 else [])))
        most.append(rows_of_one)
    flags = [sa.case((chosen, 1), else_=0).label(f"in_{i}_") for i, chosen in enumerate(within)]
    some = sa.select(*values.c, *flags).where(sa.or_(*within)).subquery("some")
    shuffle = shuffled(*(some.c[f"x{i}"] for i in by_values))
    places = [
        sa.func.row_number()
        .over(partition_by=[some.c[f"in_{i}_"], digest(some.c[f"x{i}"])], order_by=[shuffle, some.c.split_no])
        .label(f"place_{i}_")
        for i in range(candidates)
    ]
    placed = sa.select(*some.c, *places).subquery("placed")
    keep = [
        sa.case((sa.and_(placed.c[f"in_{i}_"] == 1, placed.c[f"place_{i}_"] <= count), 1), else_=0)
        for i, count in enumerate(most)
    ]
    kept = sa.or_(
        *(sa.and_(placed.c[f"in_{i}_"] == 1, placed.c[f"place_{i}_"] <= count) for i, count in enumerate(most))
    )
    shown = [placed.c[f"x{i}"] for i in range(len(keys))]
    return sa.select(*shown, *(flag.label(f"keep_{i}_") for i, flag in enumerate(keep))).where(kept)


def _column(values: list[Any], families: frozenset[Family]) -> Any:
    import pandas as pd

    if families <= NUMBERS | {Family.BOOLEAN}:
        return pd.Series([None if value is None else float(value) for value in values], dtype="float64")
    if families <= TIMES | {Family.TIME}:
        codes, _ = pd.factorize(pd.Series(values, dtype=object), sort=True)
        return pd.Series(codes, dtype="float64").where(codes >= 0)
    return pd.Series([None if value is None else str(value) for value in values], dtype=object)
