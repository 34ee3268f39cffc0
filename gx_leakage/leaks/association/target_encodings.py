"""Whether a target encoding is the mean of the very rows that it stands in, plain or smoothed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from gx_leakage.errors import CouldNotCheckError, NoValuesError
from gx_leakage.leaks.association.targets import TargetSplit
from gx_leakage.splits.precision import precisions
from gx_leakage.splits.relations import Relations
from gx_leakage.sql.dialects import real
from gx_leakage.sql.keys import NUMBERS, Family
from gx_leakage.sql.values import rounded

__all__ = ["Encoding", "Encodings", "gather"]

ALL = "all"
UNLIKELY = 0.01
MOST_SIZES = 100
ENOUGH = 0.9
"""The share of rows, of those that can tell, in which the encoding has to be the in-sample mean."""


@dataclass(frozen=True)
class Encoding:
    """An encoded column, and the formula that fits it best."""

    category: str
    encoded: str
    fitted_on: str
    """``"train"``, ``"all"`` where the targets of other splits are inside, or ``"unknown"``."""
    formula: str
    """``"mean"``, ``"smoothed mean"``, ``"empirical Bayes"``, or ``""`` where none fits."""
    smoothing: float | None
    """The weight m of the prior in (sum + m*prior)/(n + m)."""
    categories: int
    """Categories that can tell: of several rows with different targets."""
    matched: float
    """The share of the rows of those categories in which the formula gives the encoded value."""
    leaked: tuple[tuple[str, int], ...]
    """Rows by split whose encoding holds their own target, or that of other splits."""


@dataclass(frozen=True)
class Encodings:
    """Evidence of encodings that were fitted on the rows that they stand in."""

    splits: tuple[TargetSplit, ...]
    encodings: tuple[Encoding, ...]


@dataclass(frozen=True)
class _Fit:
    """The rows that an encoding may have been fitted on: their positions among the splits, mean and variance."""

    name: str
    splits: tuple[int, ...]
    mean: float
    variance: float
    values: int
    """Different targets: the fewer, the more often a mean is met by chance."""


def gather(relations: Relations, *, encodings: Mapping[str, str], target: str, train: str = "train") -> Encodings:
    """Return what each encoding was fitted on.

    Args:
        relations: One or more splits, those to be predicted may lack the target.
        encodings: For each column of categories the column that holds its encoding.
        target: The column that is to be predicted, a number or a boolean.
        train: The split that encodings ought to be fitted on, out of fold.
    """
    if not encodings:
        raise CouldNotCheckError("encodings= names no column.")
    relations.judged(train)
    relations = relations.having(target)
    columns = [*dict.fromkeys([*encodings, *encodings.values()])]
    stack = relations.stack([*columns, target])
    keys = {key.name: key for key in relations.keys(stack, [*columns, target])}
    for name in [target, *encodings.values()]:
        if not keys[name].families <= NUMBERS | {Family.BOOLEAN}:
            raise CouldNotCheckError(
                f"column '{name}' holds no numbers: means of it cannot be compared with encodings."
            )

    def read(relation: sa.FromClause) -> list[sa.ColumnElement[Any]]:
        values = [keys[name].of(relation).element.label(f"x{i}") for i, name in enumerate(columns)]
        return [*values, real(keys[target].of(relation).element).label("y")]

    with relations.engine.shared(stack.select(read)) as rows:
        splits, fits = _fits(relations, rows, target, train)
        encoded = [f"x{columns.index(name)}" for name in encodings.values()]
        rounding = [one.tolerance for one in precisions(relations, rows, encoded)]
        found = tuple(
            _best(
                [
                    _fitted(relations, rows, category, name, f"x{columns.index(category)}", x, fit, tolerance)
                    for fit in fits
                ]
            )
            for (category, name), x, tolerance in zip(encodings.items(), encoded, rounding, strict=True)
        )
    return Encodings(splits, found)


def _fits(
    relations: Relations, rows: sa.FromClause, target: str, train: str
) -> tuple[tuple[TargetSplit, ...], list[_Fit]]:
    y = rows.c.y
    found = {
        int(row[0]): (int(row[1]), int(row[2]), float(row[3] or 0))
        for row in relations.fetch(
            sa.select(rows.c.split_no, sa.func.count(), sa.func.count(y), sa.func.sum(y)).group_by(rows.c.split_no)
        )
    }
    ordered = [found.get(i, (0, 0, 0.0)) for i in range(len(relations.names))]
    splits = tuple(TargetSplit(n, r[0], r[0] - r[1]) for n, r in zip(relations.names, ordered, strict=True))
    labelled = [i for i, row in enumerate(ordered) if row[1]]
    if not labelled:
        raise NoValuesError([target], " and ".join(relations.names))
    if not all(math.isfinite(row[2]) for row in ordered):
        raise CouldNotCheckError(f"target '{target}' is infinite in some row: no mean of it can be compared.")
    fits: list[_Fit] = []
    for name, chosen in ((train, [i for i in labelled if relations.names[i] == train]), (ALL, labelled)):
        if not chosen or (fits and list(fits[0].splits) == chosen):
            continue
        known = sum(ordered[i][1] for i in chosen)
        mean = sum(ordered[i][2] for i in chosen) / known
        off = rows.c.y - mean
        asked = sa.select(sa.func.sum(off * off), sa.func.count(sa.distinct(rows.c.y)))
        (found_of_fit,) = relations.fetch(asked.where(rows.c.split_no.in_(chosen)))
        spread, values = float(found_of_fit[0] or 0), int(found_of_fit[1])
        fits.append(_Fit(name, tuple(chosen), mean, spread / known, values))
    return splits, fits


def _fitted(
    relations: Relations, rows: sa.FromClause, category: str, encoded: str, x: str, e: str, fit: _Fit, tolerance: float
) -> Encoding:
    inside = rows.c.split_no.in_(fit.splits)
    y = rows.c.y - fit.mean
    value = real(rows.c[e]) - fit.mean
    # Centred at the prior: sums of squares are then exact enough, and the formulas short.
    by_category = (
        sa.select(
            sa.func.count(y).label("n"),
            sa.func.sum(y).label("s"),
            sa.func.sum(y * y).label("q"),
            sa.func.min(value).label("low"),
            sa.func.max(value).label("high"),
            *(sa.func.sum(sa.case((rows.c.split_no == i, 1), else_=0)).label(f"r{i}") for i in fit.splits),
        )
        .where(inside)
        .group_by(rows.c[x])
        .subquery("by_category")
    )
    c = by_category.c
    n = real(c.n)
    spread = c.q - c.s * c.s / n
    varies = spread > 1e-9 * fit.variance
    constant = c.high - c.low <= 2 * tolerance
    off = c.s - c.low * n

    def matches(expected: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        return sa.and_(constant, sa.func.abs(c.low - expected) <= tolerance)

    def asked(expected: Mapping[str, sa.ColumnElement[Any]]) -> dict[str, tuple[int, ...]]:
        ones = [
            sa.func.sum(sa.case((matches(value), weight), else_=0))
            for value in expected.values()
            for weight in (c.n, *(c[f"r{i}"] for i in fit.splits))
        ]
        about = [
            sa.func.count(), sa.func.sum(c.n),
            sa.func.sum(sa.case((constant, off * c.low), else_=0.0)),
            sa.func.sum(sa.case((constant, c.low * c.low), else_=0.0)),
        ]  # fmt: skip
        row = relations.fetch(sa.select(*about, *ones).where(c.n > 1, varies, c.low.is_not(None)))[0]
        counts["categories"], counts["rows"] = int(row[0]), int(row[1] or 0)
        sums[:] = [float(value or 0) for value in row[2:4]]
        width = 1 + len(fit.splits)
        found = [int(value or 0) if tells else 0 for value in row[4:]]
        return {name: tuple(found[k * width : (k + 1) * width]) for k, name in enumerate(expected)}

    (span,) = relations.fetch(sa.select(sa.func.max(value) - sa.func.min(value)).where(inside))
    # What is constant, or rounded so coarsely that anything is near it, is the mean of nothing.
    tells = float(span[0] or 0) > 10 * tolerance
    counts: dict[str, int] = {}
    sums: list[float] = []
    # sklearn's TargetEncoder(smooth="auto"): Micci-Barreca 2001, doi 10.1145/507533.507538.
    own = fit.variance * n
    bayes = c.s / n * own / sa.case((own + spread / n > 0, own + spread / n), else_=1.0)
    formulas = {"mean": c.s / n, "empirical Bayes": bayes}
    found = asked(formulas)
    smoothing = sums[0] / sums[1] if sums[1] > 0 else 0.0
    if smoothing > 0:
        found.update(asked({"smoothed mean": c.s / (n + smoothing)}))
    formulas["smoothed mean"] = c.s / (n + max(smoothing, 0.0))
    formula, best = max(found.items(), key=lambda one: one[1][0])
    matched = best[0] / counts["rows"] if counts["rows"] else 0.0
    fits = matched >= ENOUGH
    if fits:
        informative = [c.n > 1, varies, c.low.is_not(None), matches(formulas[formula])]
        sizes = sa.select(c.n, sa.func.count().label("categories")).where(*informative).group_by(c.n).order_by(c.n)
        met = [(int(size), int(count)) for size, count in relations.fetch(sizes.limit(MOST_SIZES))]
        chance = _chance(met, 2 * tolerance / float(span[0]), fit.values, solved=formula == "smoothed mean")
        fits = chance <= (UNLIKELY if sum(count for _, count in met) > 1 else UNLIKELY / 10)
    return Encoding(
        category=category,
        encoded=encoded,
        fitted_on=fit.name if fits else "unknown",
        formula=formula if fits else "",
        smoothing=rounded(smoothing) if fits and formula == "smoothed mean" else None,
        categories=counts["categories"],
        matched=rounded(matched),
        leaked=tuple(zip((relations.names[i] for i in fit.splits), best[1:], strict=True)) if fits else (),
    )


def _chance(met: list[tuple[int, int]], rounding: float, values: int, *, solved: bool) -> float:
    """Return how likely honest encodings are to equal the means of categories (numbers of them by their rows).

    A category's value is met by what is rounded off, and for few different targets because means of few rows are few.
    One category is no evidence where the weight of the prior was solved for: it always fits.
    """
    each = sorted(
        min(1.0, rounding + 1 / (size * (values - 1) + 1) ** 2) for size, count in met for _ in range(min(count, 20))
    )
    return math.prod(each[1:] if solved else each) if each[int(solved) :] else 1.0


def _best(fitted: list[Encoding]) -> Encoding:
    """Return the fit that explains the most rows; of two alike the first, which is train's."""
    best = max(fitted, key=lambda one: one.matched)
    if not any(one.categories for one in fitted):
        raise CouldNotCheckError(
            f"no category of '{best.category}' has several rows with different targets and an encoding: its means "
            f"in-sample and out of fold cannot be told apart."
        )
    return best
