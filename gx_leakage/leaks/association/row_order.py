"""Whether the target follows the order of an id: by rank, or by neighbours that are alike more often than by chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from scipy import stats

from gx_leakage.errors import CouldNotCheckError
from gx_leakage.leaks.association.targets import Target, target_of
from gx_leakage.splits.relations import Relations
from gx_leakage.sql.dialects import by_bytes, digest, neighbour, null_of, real
from gx_leakage.sql.keys import NUMBERS, TIMES, Family
from gx_leakage.sql.values import rounded

__all__ = ["OrderEffect", "RowOrder", "gather"]


@dataclass(frozen=True)
class OrderEffect:
    """How the target follows the id among the rows of a split, or of all (split None)."""

    split: str | None
    rank: float
    """abs(2 AUC - 1) of the class that it is largest for, or abs(Spearman) of a numeric target."""
    rank_p_value: float
    neighbours: float
    """The excess of equal neighbours over chance: 0 as by chance, 1 all that there can be."""
    neighbours_p_value: float
    rows: int
    repeated: int
    """Rows whose id others have too: they have no place among neighbours."""


@dataclass(frozen=True)
class RowOrder:
    """Evidence of a target that follows the order of ids."""

    id: str
    target: Target
    effects: tuple[OrderEffect, ...]
    one_class: tuple[str, ...]
    """Splits that have one class only."""
    unlabelled: tuple[str, ...]


def gather(relations: Relations, *, id: str, target: str) -> RowOrder:  # noqa: A002 (the role is called that)
    """Return how the target follows the id, in each split by itself.

    Where every split has one class only, which sorted data that was cut looks like, all rows are looked at together.

    Args:
        relations: One or more splits; those without the target's column are left out.
        id: The column that rows are ordered by: a number, a time or a text (by its bytes, so that '10' is before '9').
        target: The column that is to be predicted.
    """
    judged = relations.having(target)
    stack = judged.stack([id, target])
    id_key, label = judged.keys(stack, [id, target])
    if not id_key.families <= NUMBERS | TIMES | {Family.TEXT, Family.UUID, Family.TIME}:
        raise CouldNotCheckError(f"column '{id}' has no order that rows could be in.")
    statement = stack.select(lambda r: [id_key.of(r).element.label("x0"), label.of(r).element.label("y")])
    with judged.engine.shared(statement) as rows:
        found = target_of(judged, rows, label, ["x0"])
        if not found.known(0, None):
            raise CouldNotCheckError(f"no row has both '{id}' and '{target}': nothing could be checked.")
        effects, one_class = _effects(judged, rows, not found.classes, pooled=False)
        if not effects:
            effects, _ = _effects(judged, rows, not found.classes, pooled=True)
    unlabelled = tuple(name for name in relations.names if name not in judged.names)
    return RowOrder(id, found, effects, one_class, unlabelled)


def _effects(
    relations: Relations, rows: sa.FromClause, numeric: bool, *, pooled: bool
) -> tuple[tuple[OrderEffect, ...], tuple[str, ...]]:
    found = relations.fetch(_statement(rows, numeric, pooled))
    effects, one_class = [], []
    for no in range(1 if pooled else len(relations.names)):
        of_split = [row[1:] for row in found if int(row[0]) == no]
        ranks = {row[1]: (int(row[2]), int(row[3])) for row in of_split if row[0] == "rank"}
        runs = {row[1]: (int(row[2]), int(row[3])) for row in of_split if row[0] == "runs"}
        name = None if pooled else relations.names[no]
        if len(ranks) < 2:
            if name is not None:
                one_class.append(name)
            continue
        size, unique = (sum(rows for rows, _ in counts.values()) for counts in (ranks, runs))
        rank = (
            _spearman(size, next(row[4:] for row in of_split if row[0] == "both"))
            if numeric
            else _rank(list(ranks.values()))
        )
        effects.append(OrderEffect(name, *rank, *_runs(list(runs.values())), size, size - unique))
    return tuple(effects), tuple(one_class)


def _statement(rows: sa.FromClause, numeric: bool, pooled: bool) -> Any:
    """Return rows of kind ``rank`` (of a class: rows, sum of doubled mid-ranks), ``runs`` (rows, runs), ``both``."""
    zero = sa.literal_column("0", sa.Integer())
    split = zero if pooled else rows.c.split_no
    ordered = by_bytes(rows.c.x0) if isinstance(rows.c.x0.type, sa.String) else rows.c.x0
    known = sa.select(split.label("split_no"), ordered.label("id"), rows.c.y.label("y")).where(
        rows.c.x0.is_not(None), rows.c.y.is_not(None)
    )
    base = known.subquery("known")

    def doubled_rank(of: sa.FromClause, column: str) -> sa.ColumnElement[int]:
        # Ties share the mean of their ranks; twice that is whole.
        first = sa.func.rank().over(partition_by=of.c.split_no, order_by=of.c[column])
        return 2 * first + sa.func.count().over(partition_by=[of.c.split_no, digest(of.c[column])]) - 1

    value: sa.ColumnElement[Any] = base.c.y
    columns = [base.c.split_no, base.c.id]
    if numeric:
        size = sa.func.count().over(partition_by=base.c.split_no)
        value = sa.case((doubled_rank(base, "y") > size + 1, 1), else_=0)  # above the median
        columns += [doubled_rank(base, "y").label("of_y"), size.label("size_")]
    ranked = sa.select(
        *columns,
        value.label("y"),
        doubled_rank(base, "id").label("of_id"),
        sa.func.count().over(partition_by=[base.c.split_no, digest(base.c.id)]).label("ties"),
    ).subquery("ranked")
    single = sa.select(
        ranked.c.split_no,
        ranked.c.y,
        neighbour("lag", ranked.c.y).over(partition_by=ranked.c.split_no, order_by=ranked.c.id).label("before"),
    ).where(ranked.c.ties == 1)
    singles = single.subquery("singles")
    starts = sa.case((sa.and_(singles.c.before.is_not(None), singles.c.before == singles.c.y), 0), else_=1)
    null = sa.null()
    no_sums: list[sa.ColumnElement[Any]] = [null_of(sa.Double()).label(f"sum_{i}") for i in range(3)]
    by_class = sa.select(
        ranked.c.split_no, sa.literal_column("'rank'", sa.Text()).label("kind"), ranked.c.y,
        sa.func.count().label("row_count"), sa.func.sum(ranked.c.of_id).label("counted"), *no_sums,
    ).group_by(ranked.c.split_no, ranked.c.y)  # fmt: skip
    by_run = sa.select(
        singles.c.split_no, sa.literal_column("'runs'", sa.Text()), singles.c.y, sa.func.count(), sa.func.sum(starts),
        *(sa.null() for _ in no_sums),
    ).group_by(singles.c.split_no, singles.c.y)  # fmt: skip
    parts = [by_class, by_run]
    if numeric:
        x = real(ranked.c.of_id - ranked.c.size_ - 1)
        y = real(ranked.c.of_y - ranked.c.size_ - 1)
        parts.append(
            sa.select(
                ranked.c.split_no,
                sa.literal_column("'both'", sa.Text()),
                null,
                null,
                null,
                *(sa.func.sum(product) for product in (x * x, x * y, y * y)),
            ).group_by(ranked.c.split_no)
        )
    return sa.union_all(*parts)


def _rank(classes: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """Return the largest abs(2 AUC - 1) of a class against the others, and its p-value (Mann and Whitney 1947)."""
    n = sum(rows for rows, _ in classes)
    found = []
    for rows, doubled in classes:
        others = n - rows
        centred = doubled / 2 - rows * (n + 1) / 2
        effect = abs(2 * centred / (rows * others))
        p = 2 * stats.norm.sf(abs(centred) / math.sqrt(rows * others * (n + 1) / 12))
        found.append((effect, min(1.0, float(p) * max(1, len(classes) - 1))))
    # A rare class can have a large effect by chance: the one that is least likely to be by chance counts.
    effect, p = min(found, key=lambda one: (one[1], -one[0]))
    return rounded(effect), rounded(p)


def _spearman(n: int, sums: Sequence[Any]) -> tuple[float, float]:
    xx, xy, yy = (float(value or 0) for value in sums)
    if n < 3 or not xx or not yy:
        return 0.0, 1.0
    r = max(-1.0, min(1.0, xy / math.sqrt(xx * yy)))
    t = r * math.sqrt((n - 2) / max(1e-12, 1 - r * r))
    return rounded(abs(r)), rounded(float(2 * stats.t.sf(abs(t), n - 2)))


def _runs(classes: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """Return the excess of equal neighbours, and how likely so few runs of a class are (Wald and Wolfowitz 1940).

    The runs of one class among all rows are hypergeometric, so that the p-value is exact.
    """
    n, runs = sum(rows for rows, _ in classes), sum(runs for _, runs in classes)
    if len(classes) < 2:
        return 0.0, 1.0
    expected = n + 1 - sum(rows**2 for rows, _ in classes) / n
    excess = (expected - runs) / (expected - len(classes)) if expected > len(classes) else 0.0
    p = min(float(stats.hypergeom.cdf(found, n, n - rows + 1, rows)) for rows, found in classes)
    return rounded(max(0.0, excess)), rounded(min(1.0, p * (len(classes) - 1)))
