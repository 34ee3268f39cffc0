"""How well single columns predict the target: one statement makes the contingency tables of all of them.

A column becomes bins: its values where they are categories, otherwise intervals of equal frequency of which ties share
one. What is fetched are counts of cells that are alike, so that a column of a million categories costs no more than
one of ten, and no value of a feature leaves the database.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Union

import sqlalchemy as sa

from gx_leakage.errors import CouldNotCheckError
from gx_leakage.leaks.association.contingency import Cell, ClassTable, NumberTable, Spread
from gx_leakage.leaks.association.exact import Column, Exact, of_classes, of_numbers
from gx_leakage.leaks.association.targets import Target, target_of
from gx_leakage.splits.relations import Relations
from gx_leakage.sql.dialects import neighbour, real
from gx_leakage.sql.keys import NUMBERS, TIMES, Family, Key
from gx_leakage.sql.values import plain, rounded

__all__ = [
    "BRANCHES", "Association", "Branch", "ColumnAssociation", "Measurable", "class_tables", "gather", "in_bins",
    "measurable",
]  # fmt: skip

MOST_BINS = 64
ROWS_A_BIN = 4
"""Bins are so wide at least that a row is predicted by a few others."""

BRANCHES = 50
"""Columns that one statement asks for at most."""

_CATEGORIES = {Family.BOOLEAN, Family.TEXT, Family.UUID}
_ORDERED = NUMBERS | TIMES | {Family.TIME}

IN_ORDER = 0.1
"""The least share of the known rows' ranks that is explained where a column is in the target's order all the time."""

Tables = dict[tuple[str, Union[int, None]], Union[ClassTable, NumberTable]]


@dataclass(frozen=True)
class ColumnAssociation:
    """A column, and what it says of the target."""

    column: str
    score: float
    """How well it predicts a row's target from the other rows, 0 to 1."""
    rank_score: float
    """The same of the ranks of a numeric target, which outliers do not rule; of classes the score."""
    association: float
    """Bias-corrected Cramér's V, or correlation ratio of a numeric target, 0 to 1."""
    statistic: float
    """Chi-squared, or F."""
    p_value: float
    bins: int
    exact: Exact | None = None
    """What of the target the column is an image of, without one exception."""
    by_split: tuple[tuple[str, float], ...] = ()
    """The association in each split alone, where it was asked for."""


@dataclass(frozen=True)
class Association:
    """Evidence of columns that say something about the target."""

    target: Target
    columns: tuple[ColumnAssociation, ...]
    left_out: tuple[str, ...]
    """Columns of types that are neither categories nor in any order."""
    unlabelled: tuple[str, ...]
    """Splits that do not have the target's column."""


@dataclass(frozen=True)
class Branch:
    """One column, in all splits or in one."""

    key: Key
    x: str
    split: int | None
    ordered: bool
    rows: int
    """Rows in which the target is known."""
    known: int
    """Those in which the column is known, too."""

    @property
    def number(self) -> bool:
        """Whether the column can be on a straight line with the target."""
        return self.ordered and self.key.families <= NUMBERS


def gather(
    relations: Relations,
    *,
    target: str,
    columns: Sequence[str] | None = None,
    exclude: Sequence[str] = (),
    of: str = "values",
    by_split: bool = False,
) -> Association:
    """Return how strongly each column goes together with the target, over the rows of all splits that know it.

    Args:
        relations: One or more splits; those without the target's column are left out.
        target: The column that is to be predicted.
        columns: The columns that are judged; None for all that the splits have in common.
        exclude: Columns that are not judged.
        of: ``"values"``, or ``"missing"`` for whether a value is NULL.
        by_split: Whether to measure each split by itself, too.
    """
    tables: Tables = {}
    with measurable(relations, target, columns, exclude, of, by_split=by_split, ranks=True) as measured:
        judged, rows, found, branches = measured.relations, measured.rows, measured.target, measured.branches
        straight: list[Branch] = []
        signs: dict[str, int] = {}
        for start in range(0, len(branches), BRANCHES):
            part = branches[start : start + BRANCHES]
            if found.classes:
                tables.update(_class_tables(judged, rows, part))
            else:
                numbers, lines, up = _number_tables(judged, rows, part, found)
                tables.update(numbers)
                straight += lines
                signs.update(up)
        whole = {b.key.name: Column(b.key, b.x, b.known, of == "missing") for b in branches if b.split is None}
        if found.classes:
            related = of_classes(judged, rows, list(whole.values()), measured.label, dict(found.classes))
        else:
            related = of_numbers(
                judged,
                rows,
                _maybe_in_order(whole, tables, signs, found),
                [whole[branch.key.name] for branch in straight],
                [one for one in whole.values() if of == "values" and one.key.families == {Family.TEXT}],
            )
    return Association(
        found,
        tuple(
            _measured(name, judged.names, tables, related.get(name))
            for name in dict.fromkeys(branch.key.name for branch in branches)
        ),
        measured.left_out,
        measured.unlabelled,
    )


@dataclass(frozen=True)
class Measurable:
    """Columns as they are measured against a target, for the length of a block."""

    relations: Relations
    """The splits that have the target's column."""
    rows: sa.FromClause
    """Their rows with ``split_no``, the target ``y``, and the columns of the branches."""
    target: Target
    label: Key
    """The target's column."""
    branches: tuple[Branch, ...]
    left_out: tuple[str, ...]
    """Columns of types that are neither categories nor in any order."""
    unlabelled: tuple[str, ...]
    """Splits that do not have the target's column."""


@contextmanager
def measurable(
    relations: Relations, target: str, columns: Sequence[str] | None, exclude: Sequence[str], of: str = "values", *,
    by_split: bool = False, ranks: bool = False,
) -> Iterator[Measurable]:  # fmt: skip
    """Hold ready the columns that can be measured against a target.

    Args:
        relations: One or more splits; those without the target's column are left out.
        target: The column that is to be predicted.
        columns: The columns that are judged; None for all that the splits have in common.
        exclude: Columns that are not judged.
        of: ``"values"``, or ``"missing"`` for whether a value is NULL.
        by_split: Whether there is a branch for each split by itself, too.
        ranks: Whether rows have the rank ``r`` of a numeric target.
    """
    judged = relations.having(target)
    chosen = _chosen(judged, target, columns, exclude)
    stack = judged.stack([*chosen, target])
    keys = judged.keys(stack, [*chosen, target])
    label = keys[-1]
    measured = [key for key in keys[:-1] if of == "missing" or key.families <= _CATEGORIES | _ORDERED]
    left_out = [key.name for key in keys[:-1] if key not in measured]
    if left_out and (columns is not None or not measured):
        raise CouldNotCheckError(f"{', '.join(left_out)} can be no feature: neither a category nor in any order.")
    if columns is None:
        left_out += [c for c in judged.common_columns() if c not in (*chosen, *exclude, target)]

    def read(relation: sa.FromClause) -> list[sa.ColumnElement[Any]]:
        values = [key.of(relation).element for key in measured]
        if of == "missing":
            values = [sa.case((value.is_(None), 1), else_=0) for value in values]
        return [*(value.label(f"x{i}") for i, value in enumerate(values)), label.of(relation).element.label("y")]

    plain_rows = stack.select(read).subquery("stacked")
    found = target_of(judged, plain_rows, label, [f"x{i}" for i in range(len(measured))])
    ranked = ranks and not found.classes
    with judged.engine.shared(_with_ranks(plain_rows) if ranked else stack.select(read)) as rows:
        branches = tuple(
            Branch(key, f"x{i}", split, of == "values" and bool(key.families) and key.families <= _ORDERED,
                   found.known_rows(split), found.known(i, split))
            for split in (None, *(range(len(judged.names)) if by_split else ()))
            for i, key in enumerate(measured)
            if found.known_rows(split)
        )  # fmt: skip
        unlabelled = tuple(name for name in relations.names if name not in judged.names)
        yield Measurable(judged, rows, found, label, branches, tuple(left_out), unlabelled)


def _chosen(relations: Relations, target: str, columns: Sequence[str] | None, exclude: Sequence[str]) -> list[str]:
    relations.require([target, *(columns or ()), *exclude])
    chosen = [c for c in (columns or relations.comparable_columns()) if c not in exclude and c != target]
    if not chosen:
        raise CouldNotCheckError(f"there is no column besides the target '{target}' that could be measured.")
    return list(dict.fromkeys(chosen))


def _measured(name: str, splits: Sequence[str], tables: Tables, exact: Exact | None) -> ColumnAssociation:
    table = tables[name, None]
    alone = [(split, tables[name, i].association) for i, split in enumerate(splits) if (name, i) in tables]
    return ColumnAssociation(
        column=name,
        score=table.score,
        rank_score=table.rank_score,
        association=table.association,
        statistic=rounded(table.statistic),
        p_value=table.p_value,
        bins=table.bins,
        exact=exact,
        by_split=tuple(alone),
    )


def in_bins(rows: sa.FromClause, branch: Branch) -> sa.Subquery:
    """Return the bin of each row as ``low`` and ``high``, its target ``y``, and its value ``x``.

    Numbers are binned by where the first row with their value stands among intervals of equal frequency. A value that
    fills one has a bin of its own: 1 % of zeros before 99 % of ones are not lost among them.
    """
    x, y = rows.c[branch.x], rows.c.y
    low: sa.ColumnElement[Any] = x
    high: sa.ColumnElement[Any] = sa.literal_column("0", sa.Integer())
    if branch.ordered and branch.known:
        count = min(MOST_BINS, max(2, branch.known // ROWS_A_BIN))
        # NULL comes last, wherever the database puts it of its own accord.
        unknown = [sa.case((x.is_(None), 1), else_=0)] if branch.known < branch.rows else []
        by: dict[str, Any] = {"order_by": [*unknown, x]}
        before = sa.func.rank().over(**by) - 1
        ties = sa.func.round(sa.func.cume_dist().over(**by) * branch.rows) - before
        low = sa.cast(sa.func.floor(real(before) * count / branch.known), sa.Integer())
        high = sa.case((ties * count >= branch.known, 1), else_=0)
        if unknown:
            low, high = (sa.case((x.is_(None), -1), else_=part) for part in (low, high))
    own = [] if branch.split is None else [rows.c.split_no == branch.split]
    ranks = [rows.c.r] if "r" in rows.c else []
    shown = [low.label("low"), high.label("high"), y.label("y"), x.label("x"), *ranks]
    return sa.select(*shown).where(y.is_not(None), *own).subquery("binned")


def _with_ranks(rows: sa.Subquery) -> sa.Select[Any]:
    """Return the rows with twice the rank ``r`` of their target, ties sharing the mean of theirs."""
    by: dict[str, Any] = {"order_by": [sa.case((rows.c.y.is_(None), 1), else_=0), rows.c.y]}
    last = sa.func.round(sa.func.cume_dist().over(**by) * sa.func.count().over())
    return sa.select(*rows.c, (sa.func.rank().over(**by) + last).label("r"))


def _class_tables(relations: Relations, rows: sa.FromClause, branches: Sequence[Branch]) -> Tables:
    """Return the tables of columns against classes."""
    tables = class_tables(relations, [in_bins(rows, branch) for branch in branches])
    return {(b.key.name, b.split): table for b, table in zip(branches, tables, strict=True)}


def class_tables(relations: Relations, binned: Sequence[sa.Subquery]) -> list[ClassTable]:
    """Return the tables against classes ``y`` of bins, each known by ``low`` and ``high``."""
    statements = [_cells(one, no) for no, one in enumerate(binned)]
    found = relations.fetch(statements[0] if len(statements) == 1 else sa.union_all(*statements))
    cells: list[list[Cell]] = [[] for _ in binned]
    for no, label, *counts in found:
        cells[int(no)].append(Cell(plain(label), *map(int, counts)))
    return [ClassTable(tuple(of_table)) for of_table in cells]


def _cells(binned: sa.Subquery, no: int) -> sa.Select[Any]:
    by = [binned.c.low, binned.c.high]
    counted = sa.select(*by, binned.c.y, sa.func.count().label("n")).group_by(*by, binned.c.y).subquery("counted")
    of_class = sa.func.sum(counted.c.n).over(partition_by=counted.c.y)
    classed = sa.select(counted, of_class.label("class_rows")).subquery("classed")
    n, class_rows = classed.c.n, classed.c.class_rows
    shares = (
        sa.select(
            classed,
            sa.func.sum(n).over(partition_by=[classed.c.low, classed.c.high]).label("bin_rows"),
            (real(n) / real(class_rows)).label("share"),
            (real(n - 1) / real(class_rows - 1)).label("own"),
        )
        .where(class_rows > 1)
        .subquery("shares")
    )
    best: dict[str, Any] = {"partition_by": [shares.c.low, shares.c.high], "order_by": shares.c.share.desc()}
    ranked = sa.select(
        shares,
        sa.func.row_number().over(**best).label("place"),
        neighbour("lead", shares.c.share).over(**best).label("next"),
    ).subquery("ranked")
    # Only the class with the largest share can still have it when one of its rows is left out.
    right = sa.case(
        (ranked.c.place > 1, 0),
        (ranked.c.next.is_(None), 2),
        (ranked.c.own > ranked.c.next, 2),
        (ranked.c.own == ranked.c.next, 1),
        else_=0,
    )
    outcome = sa.select(ranked.c.y, ranked.c.n, ranked.c.bin_rows, right.label("right_")).subquery("outcome")
    return sa.select(
        sa.literal_column(str(no), sa.Integer()).label("column_no"), *outcome.c, sa.func.count().label("cells")
    ).group_by(*outcome.c)


def _number_tables(
    relations: Relations, rows: sa.FromClause, branches: Sequence[Branch], target: Target
) -> tuple[Tables, list[Branch], dict[str, int]]:
    """Return the tables of columns against a number, those that may be on a line with it, and if they go up or down."""
    statements = [_sums(rows, branch, no, target) for no, branch in enumerate(branches)]
    found = relations.fetch(statements[0] if len(statements) == 1 else sa.union_all(*statements))
    tables: Tables = {}
    lines: list[Branch] = []
    signs: dict[str, int] = {}
    for no, bins, *sums in found:
        branch = branches[int(no)]
        values = [float(value or 0) for value in sums]
        if not all(map(math.isfinite, values[:8])):
            raise CouldNotCheckError(f"target '{target.name}' is too large for squares of it to be added up: scale it.")
        by_rank = Spread.of(branch.rows, *values[4:8])
        tables[branch.key.name, branch.split] = NumberTable(
            branch.rows, int(bins), Spread.of(branch.rows, *values[:4]), by_rank
        )
        if branch.split is None and branch.number and branch.known:
            x, xx, xy, y, yy = values[8:]
            n = branch.known
            spread_x, spread_y = xx - x * x / n, yy - y * y / n
            together = xy - x * y / n
            unreliable = spread_x < 1e-8 * xx  # the numbers are far from 0, and their sums of squares rounded
            straight = together * together >= (1 - 1e-4) * spread_x * spread_y > 0
            if math.isfinite(xx) and (unreliable or straight):
                lines.append(branch)
            reliable = math.isfinite(xx) and not unreliable
            signs[branch.key.name] = (together > 0) - (together < 0) if reliable else 0
    return tables, lines, signs


def _maybe_in_order(
    columns: Mapping[str, Column], tables: Tables, signs: Mapping[str, int], target: Target
) -> list[tuple[Column, bool]]:
    """Return the numbers that may be in a number's order, each with whether they may go up with it, or down."""
    found = []
    for name, column in columns.items():
        least = IN_ORDER * column.known / max(target.known_rows(), 1)
        if column.number and tables[name, None].rank_score >= least:
            found += [(column, up) for up in (True, False) if signs.get(name, 0) in (0, 1 if up else -1)]
    return found


def _sums(rows: sa.FromClause, branch: Branch, no: int, target: Target) -> Any:
    binned = in_bins(rows, branch)
    y = real(binned.c.y) - target.mean
    r = real(binned.c.r) - float(target.known_rows() + 1)
    products = {"n": sa.func.count(), "y": sa.func.sum(y), "yy": sa.func.sum(y * y)}
    products |= {"r": sa.func.sum(r), "rr": sa.func.sum(r * r)}
    line = branch.number and branch.split is None
    if line:
        x = real(binned.c.x)
        known = sa.case((binned.c.x.is_not(None), y))
        products |= {name: sa.func.sum(of) for name, of in (("x", x), ("xx", x * x), ("xy", x * y))}
        products |= {name: sa.func.sum(of) for name, of in (("known_y", known), ("known_yy", known * known))}
    shown = [value.label(name) for name, value in products.items()]
    bins = sa.select(*shown).group_by(binned.c.low, binned.c.high).subquery("bins")
    n = real(bins.c.n)
    others = (branch.rows / max(branch.rows - 1, 1)) ** 2

    def spread(total: str, squares: str) -> list[sa.ColumnElement[Any]]:
        left = bins.c[squares] - bins.c[total] * bins.c[total] / n
        within = sa.case((left < 0, 0.0), else_=left)
        # A row that is alone is predicted by the mean of all the others.
        without = sa.case(
            (bins.c.n == 1, bins.c[squares] * others),
            else_=within * n * n / sa.case((bins.c.n > 1, (n - 1) * (n - 1)), else_=1.0),
        )
        return [bins.c[total], bins.c[squares], within, without]

    zero = sa.literal_column("0", sa.Integer())
    sums = [*spread("y", "yy"), *spread("r", "rr")]
    sums += [bins.c[name] if line else zero for name in ("x", "xx", "xy", "known_y", "known_yy")]
    return sa.select(
        sa.literal_column(str(no), sa.Integer()).label("column_no"),
        sa.func.count().label("bins"),
        *(sa.func.sum(value).label(f"sum_{i}") for i, value in enumerate(sums)),
    )
