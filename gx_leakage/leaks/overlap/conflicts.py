"""Which rows are equal on the features and carry different targets, and what no model can get right because of them.

Rows are counted by features and target, and these counts by features: whatever says one target for one set of features
is right in the rows of its most frequent target at most. No row is joined with another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from gx_leakage.errors import NoValuesError
from gx_leakage.leaks.overlap.coincidence import MOST_ORDERED, order_of
from gx_leakage.leaks.overlap.evidence import choose
from gx_leakage.splits.relations import LeakedRows, Relations
from gx_leakage.sql.dialects import digest

__all__ = ["Conflicts", "SplitConflicts", "gather"]


@dataclass(frozen=True)
class SplitConflicts:
    """The rows of a split."""

    name: str
    rows: int
    unknown: int
    """Rows without a target."""
    conflicting: int
    """Rows whose features have another target too, in this split or in another one."""
    minority: int
    """Rows that do not have the most frequent target that their features have in this split."""

    @property
    def most_accurate(self) -> float:
        """The share of the rows with a target that anything that sees the features alone can get right."""
        return 1 - self.minority / (self.rows - self.unknown)


@dataclass(frozen=True)
class Conflicts:
    """Evidence of equal features with different targets."""

    columns: tuple[str, ...]
    splits: tuple[SplitConflicts, ...]
    keys: int
    """Distinct rows of features with more than one target."""
    keys_across: int
    """Those of them that are in several splits."""
    minority: int
    """Rows of all splits that do not have the most frequent target of their features."""
    repeated: int
    """Rows whose features other rows have too, with whatever target."""
    samples: tuple[tuple[tuple[Any, ...], int, Any, Any], ...]
    """The smallest of these rows, each with how many targets it has, the smallest and the largest."""
    left_out: dict[str, list[str]]
    leaked_rows_query: str | None

    @property
    def most_accurate(self) -> float:
        """The share of all rows with a target that can be got right."""
        return 1 - self.minority / self.known

    @property
    def known(self) -> int:
        """Rows with a target."""
        return sum(split.rows - split.unknown for split in self.splits)

    @property
    def repeated_share(self) -> float:
        """The share of them whose features other rows have too."""
        return self.repeated / self.known


def gather(
    relations: Relations,
    *,
    target: str,
    columns: Sequence[str] | None = None,
    exclude: Sequence[str] = (),
    normalize: Sequence[str] = (),
    samples: int = 20,
) -> Conflicts:
    """Return which features have several targets, in the splits that have the target.

    Args:
        relations: The splits.
        target: The column that is to be predicted. Rows in which it is NULL say nothing.
        columns: The features; None for all columns that the splits have in common. NULL equals NULL.
        exclude: Columns that are no features.
        normalize: See :data:`gx_leakage.sql.keys.NORMALIZATIONS`.
        samples: How many conflicts to return.
    """
    relations = relations.having(target)
    chosen, left_out = choose(relations, columns, [*exclude, target], True)
    stack = relations.stack([*chosen, target])
    keys = relations.keys(stack, chosen, normalize, lenient=columns is None, identical=True)
    (label,) = relations.keys(stack, [target])

    def marks(relation: sa.FromClause) -> list[sa.ColumnElement[Any]]:
        return [
            *(key.of(relation).label(f"k{i}_") for i, key in enumerate(keys)),
            label.of(relation).label("label_"),
        ]

    rows = stack.select(marks).subquery("stacked")
    sizes = sa.select(rows.c.split_no, sa.func.count(), sa.func.count(rows.c.label_)).group_by(rows.c.split_no)
    known = {int(no): (int(count), int(of)) for no, count, of in relations.fetch(sizes)}
    for i, name in enumerate(relations.names):
        if i in known and not known[i][1]:
            raise NoValuesError([target], name)

    by_key = _by_key(rows, len(keys), len(relations.names))
    found = relations.fetch(_counted(by_key, len(relations.names)))[0]
    minority, repeated, conflicts, across, *of_splits = (int(number or 0) for number in found)
    splits = tuple(
        SplitConflicts(name, *_sizes(known.get(i)), *of_splits[2 * i : 2 * i + 2])
        for i, name in enumerate(relations.names)
    )
    shown: Sequence[Any] = []
    if conflicts and samples:
        features = [by_key.c[f"k{i}_"] for i in range(len(keys))]
        listed = sa.select(*features, by_key.c.labels_, by_key.c.smallest_, by_key.c.largest_)
        listed = listed.where(by_key.c.labels_ > 1).order_by(*order_of(features[:MOST_ORDERED], True)).limit(samples)
        shown = relations.fetch(listed)
    return Conflicts(
        columns=tuple(chosen),
        splits=splits,
        keys=conflicts,
        keys_across=across,
        minority=minority,
        repeated=repeated,
        samples=tuple(
            (
                tuple(key.shown(value) for key, value in zip(keys, row, strict=False)),
                int(row[-3]),
                label.shown(row[-2]),
                label.shown(row[-1]),
            )
            for row in shown
        ),
        left_out=left_out,
        leaked_rows_query=relations.query(lambda: _conflicting(marks, len(keys))) if conflicts else None,
    )


def _by_key(rows: sa.FromClause, keys: int, splits: int) -> sa.Subquery:
    """Return each row of features with how many targets it has, and how many rows in all and in each split."""
    by = [rows.c[f"k{i}_"] for i in range(keys)]
    in_split = [
        sa.func.sum(sa.case((rows.c.split_no == sa.literal_column(str(i)), 1), else_=0)).label(f"n{i}_")
        for i in range(splits)
    ]
    per_label = (
        sa.select(*by, rows.c.label_, sa.func.count().label("n_"), *in_split)
        .where(rows.c.label_.is_not(None))
        .group_by(*by, rows.c.label_)
        .subquery("per_label")
    )
    c = per_label.c
    of_split = [
        kind(c[f"n{i}_"]).label(f"{word}{i}_")
        for i in range(splits)
        for word, kind in (("all", sa.func.sum), ("most", sa.func.max))
    ]
    of_key = [c[f"k{i}_"] for i in range(keys)]
    return (
        sa.select(
            *of_key,
            sa.func.count().label("labels_"),
            sa.func.min(c.label_).label("smallest_"),
            sa.func.max(c.label_).label("largest_"),
            sa.func.sum(c.n_).label("all_"),
            sa.func.max(c.n_).label("most_"),
            *of_split,
        )
        .group_by(*of_key)
        .subquery("by_key")
    )


def _counted(by_key: sa.Subquery, splits: int) -> sa.Select[Any]:
    c = by_key.c
    conflict = c.labels_ > 1
    present = [sa.case((c[f"all{i}_"] > 0, 1), else_=0) for i in range(splits)]
    several = sum(present[1:], present[0]) > 1

    def total(value: Any, *where: Any) -> sa.ColumnElement[Any]:
        return sa.func.sum(sa.case((sa.and_(*where), value), else_=0) if where else value)

    of_splits = []
    for i in range(splits):
        of_splits += [total(c[f"all{i}_"], conflict), total(c[f"all{i}_"] - c[f"most{i}_"])]
    return sa.select(
        total(c.all_ - c.most_), total(c.all_, c.all_ > 1), total(1, conflict), total(1, conflict, several), *of_splits
    )


def _conflicting(marks: Any, keys: int) -> LeakedRows:
    """Return how the rows are found; which of them are wrong, only who knows them can say, and no remedy drops them."""

    def keep(stacked: sa.FromClause) -> tuple[sa.FromClause, list[Any]]:
        by = [digest(stacked.c[f"k{i}_"]) for i in range(keys)]
        marked = sa.select(
            stacked,
            sa.func.min(stacked.c.label_).over(partition_by=by).label("smallest_"),
            sa.func.max(stacked.c.label_).over(partition_by=by).label("largest_"),
        ).subquery("marked")
        return marked, [marked.c.smallest_ < marked.c.largest_, marked.c.label_.is_not(None)]

    return LeakedRows(marks, keep, null_is_a_value=True)


def _sizes(found: tuple[int, int] | None) -> tuple[int, int]:
    rows, known = found or (0, 0)
    return rows, rows - known
