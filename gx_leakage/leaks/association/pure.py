"""Which values of a column, or intervals of it, hold rows of one class only: one statement for all columns.

Bins are those of :mod:`~gx_leakage.leaks.association.evidence`. Of a column in order one row a bin is fetched, at most
some 130; of categories, of which there may be a million, how many hold how many rows of one class. A second statement
for each column in which something was found names the values.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from gx_leakage.leaks.association.evidence import BRANCHES, Branch, Measurable, in_bins, measurable
from gx_leakage.leaks.association.targets import Target
from gx_leakage.splits.relations import Relations
from gx_leakage.sql.values import plain, rounded

__all__ = ["Decided", "DecidingColumn", "Purity", "gather"]

ABRUPT = 0.5
"""Other classes have at least this share of their usual share right beside an interval that has none of them."""

BESIDE = 10
"""The fewest rows that are looked at there."""


@dataclass(frozen=True)
class Decided:
    """An interval, or values that are alike, with rows of one class only."""

    label: Any
    """The class; of a numeric target the number."""
    rows: int
    values: int
    """How many values, with so many rows together; 1 for an interval."""
    p_value: float
    """How likely any value or interval of any column is as pure by chance."""
    interval: bool
    names: tuple[Any, ...] = ()
    """The first and the last value of an interval, or some of the values, None for NULL; as far as asked for."""


@dataclass(frozen=True)
class DecidingColumn:
    """A column, and what of it decides the class."""

    column: str
    looked_at: int
    """Its values or bins of enough rows."""
    decided: tuple[Decided, ...]
    """The largest first."""

    @property
    def rows(self) -> int:
        """The rows that it decides."""
        return sum(one.rows for one in self.decided)


@dataclass(frozen=True)
class Purity:
    """Evidence of values that decide the class."""

    target: Target
    columns: tuple[DecidingColumn, ...]
    left_out: tuple[str, ...]
    unlabelled: tuple[str, ...]


@dataclass(frozen=True)
class _Bin:
    """So many bins alike: the rows of each, and of its most frequent class; places are those of ordered bins only."""

    low: int
    high: int
    label: Any
    of_label: int
    rows: int
    class_rows: int
    bins: int

    @property
    def pure(self) -> bool:
        return self.of_label == self.rows

    @property
    def missing(self) -> bool:
        """Of an ordered column whether it holds the NULLs, which have no neighbours."""
        return self.low == -1


@dataclass(frozen=True)
class _Run:
    """Neighbouring bins of one class, with their first and last place."""

    label: Any
    rows: int
    class_rows: int
    places: tuple[tuple[int, int], tuple[int, int]]
    missing: bool
    times: int = 1
    """How many such there are."""


def gather(
    relations: Relations,
    *,
    target: str,
    columns: Sequence[str] | None = None,
    exclude: Sequence[str] = (),
    min_rows: int = 20,
    highest_p: float = 0.001,
    samples: int = 20,
) -> Purity:
    """Return the values and intervals whose rows are all of one class, more of them than chance allows.

    Args:
        relations: One or more splits; those without the target's column are left out.
        target: The column that is to be predicted. Of a number each value is a class.
        columns: The columns that are judged; None for all that the splits have in common.
        exclude: Columns that are not judged.
        min_rows: The fewest rows of a value or interval that is looked at.
        highest_p: The highest p-value, for all that was looked at together, that is no chance.
        samples: How many values of a column to name.
    """
    with measurable(relations, target, columns, exclude) as measured:
        branches, total = measured.branches, measured.target.known_rows()
        bins: list[list[_Bin]] = [[] for _ in branches]
        for start in range(0, len(branches), BRANCHES):
            statements = [
                _bins(measured.rows, branch, no, min_rows)
                for no, branch in enumerate(branches[start : start + BRANCHES], start)
            ]
            for no, low, high, label, *counts in measured.relations.fetch(
                statements[0] if len(statements) == 1 else sa.union_all(*statements)
            ):
                bins[int(no)].append(_Bin(int(low), int(high), plain(label), *map(int, counts)))
        # A number has no more values that can fill a bin than that.
        classes = len(measured.target.classes) or max(1, total // min_rows)
        tests = classes * sum(_intervals(branch, of) for branch, of in zip(branches, bins, strict=True))
        found = []
        for branch, of_column in zip(branches, bins, strict=True):
            runs = [
                (run, p)
                for run in _runs(of_column, min_rows, total, ordered=branch.ordered)
                if (p := chance(run.rows, run.class_rows, total, tests)) < highest_p
            ]
            decided = _named(measured, branch, runs, min_rows, samples)
            looked_at = len(of_column) if branch.ordered else sum(one.bins for one in of_column)
            found.append(DecidingColumn(branch.key.name, looked_at, decided))
    return Purity(measured.target, tuple(found), measured.left_out, measured.unlabelled)


def chance(rows: int, class_rows: int, total: int, tests: int) -> float:
    """Return how likely so many rows are all of one class where targets are shuffled, for so many looks (Bonferroni).

    Drawn without replacement; the binomial tail, share ** rows, is never below it.
    """

    def ways(n: int) -> float:
        return math.lgamma(n + 1) - math.lgamma(n - rows + 1)

    return rounded(min(1.0, math.exp(min(0.0, ways(class_rows) - ways(total) + math.log(max(tests, 1))))))


def _bins(rows: sa.FromClause, branch: Branch, no: int, min_rows: int) -> sa.Select[Any]:
    """Return for each bin of an ordered column, or all alike of categories, its rows and its most frequent class."""
    binned = in_bins(rows, branch)
    by = [binned.c.low, binned.c.high]
    counted = sa.select(*by, binned.c.y, sa.func.count().label("n")).group_by(*by, binned.c.y).subquery("counted")
    place = [counted.c.low, counted.c.high]
    best: dict[str, Any] = {"partition_by": place, "order_by": [counted.c.n.desc(), counted.c.y]}
    classed = sa.select(
        counted,
        sa.func.sum(counted.c.n).over(partition_by=counted.c.y).label("class_rows"),
        sa.func.sum(counted.c.n).over(partition_by=place).label("bin_rows"),
        sa.func.row_number().over(**best).label("place"),
    ).subquery("classed")
    c = classed.c
    zero = sa.literal_column("0", sa.Integer())
    shown = [c.y.label("y"), c.n.label("n"), c.bin_rows.label("bin_rows"), c.class_rows.label("class_rows")]
    ordered = branch.ordered and branch.known
    places = [(c.low if ordered else zero).label("low"), (c.high if ordered else zero).label("high")]
    kept = [c.place == 1] if branch.ordered else [c.place == 1, c.bin_rows >= min_rows]
    outcome = sa.select(*places, *shown).where(*kept).subquery("outcome")
    number = sa.literal_column(str(no), sa.Integer()).label("column_no")
    return sa.select(number, *outcome.c, sa.func.count().label("bins")).group_by(*outcome.c)


def _intervals(branch: Branch, bins: Sequence[_Bin]) -> int:
    """Return how many values or intervals of a column may be pure."""
    return len(bins) * (len(bins) + 1) // 2 if branch.ordered else sum(one.bins for one in bins)


def _runs(bins: Sequence[_Bin], min_rows: int, total: int, *, ordered: bool) -> Iterable[_Run]:
    """Yield the values, or the longest intervals, of one class.

    The class has to change abruptly at the ends of an interval. Where it goes over by and by, the end of a strong and
    honest feature is pure as well.
    """
    if not ordered:
        for one in bins:
            if one.pure:
                yield _Run(one.label, one.rows, one.class_rows, ((0, 0), (0, 0)), False, one.bins)
        return
    line = sorted((one for one in bins if not one.missing), key=lambda one: (one.low, one.high))
    for one in bins:
        if one.missing and one.pure and one.rows >= min_rows:
            yield _Run(one.label, one.rows, one.class_rows, ((-1, -1), (-1, -1)), True)
    start = 0
    while start < len(line):
        first, end = line[start], start + 1
        while first.pure and end < len(line) and line[end].pure and line[end].label == first.label:
            end += 1
        rows = sum(one.rows for one in line[start:end])
        if first.pure and rows >= min_rows:
            usual = 1 - first.class_rows / total
            beside = (line[:start][::-1], line[end:])
            if all(not side or _others(side, first.label) >= ABRUPT * usual for side in beside):
                places = ((first.low, first.high), (line[end - 1].low, line[end - 1].high))
                yield _Run(first.label, rows, first.class_rows, places, False)
        start = end


def _others(side: Sequence[_Bin], label: Any) -> float:
    """Return the share of other classes, or a lower bound of it, in the nearest bins that have enough rows."""
    rows = others = 0
    for one in side:
        rows += one.rows
        others += one.rows - one.of_label if one.label == label else max(one.of_label, one.rows - one.of_label)
        if rows >= BESIDE:
            break
    return others / rows


def _named(
    measured: Measurable, branch: Branch, runs: Sequence[tuple[_Run, float]], min_rows: int, samples: int
) -> tuple[Decided, ...]:
    """Return what decides, the largest first, with its values as far as they may be named."""
    names: dict[_Run, tuple[Any, ...]] = {}
    if runs and samples:
        binned = in_bins(measured.rows, branch)
        b = binned.c
        held = (
            sa.select(
                b.low, b.high, sa.func.min(b.x).label("first_x"), sa.func.max(b.x).label("last_x"),
                sa.func.min(b.y).label("y"), sa.func.max(b.y).label("last_y"), sa.func.count().label("n"),
            )
            .group_by(b.low, b.high)
            .subquery("held")
        )  # fmt: skip
        c = held.c
        # Ordered from outside, for Spark does not order groups by what it counts of them.
        statement = sa.select(c.low, c.high, c.first_x, c.last_x, c.y, c.n).where(c.y == c.last_y)
        if not branch.ordered:
            statement = statement.where(c.n >= min_rows).order_by(c.n.desc(), c.low).limit(samples)
        # The place of a category is the category.
        rows = [
            (row[:2], plain(row[2]), plain(row[3]), plain(row[4]), int(row[5]))
            for row in measured.relations.fetch(statement)
        ]
        for run, _ in runs:
            if branch.ordered:
                within = [row for row in rows if run.places[0] <= tuple(map(int, row[0])) <= run.places[1]]
                known = sorted(within, key=lambda row: tuple(map(int, row[0])))
                names[run] = (known[0][1], known[-1][2])
            else:
                names[run] = tuple(low for _, low, _, label, n in rows if (label, n) == (run.label, run.rows))
    decided = [
        Decided(
            run.label, run.rows * run.times, run.times, p, branch.ordered and not run.missing,
            (None,) if run.missing else names.get(run, ()),
        )
        for run, p in runs
    ]  # fmt: skip
    return tuple(sorted(decided, key=lambda one: (-one.rows, one.p_value, str(one.label))))
