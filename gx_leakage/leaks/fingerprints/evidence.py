"""What a transform was fitted on, by the exact traces that it leaves in what it made.

Standardised columns have mean 0 and variance 1 over the rows that the scaler saw, scaled ones their bounds, imputed
ones a spike at the mean or the median, principal components no correlation. Sums of single splits add up to those of
any several, so that one scan tells which splits were seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import sqlalchemy as sa

from gx_leakage.errors import CouldNotCheckError, EmptySplitError, nearest
from gx_leakage.splits.few import Few, numbers_of_few
from gx_leakage.splits.precision import Precision, precisions
from gx_leakage.splits.relations import Relations, Stack
from gx_leakage.sql.blocks import in_blocks
from gx_leakage.sql.dialects import real
from gx_leakage.sql.keys import NUMBERS, Key
from gx_leakage.sql.values import plain, rounded

__all__ = ["METHODS", "ColumnTrace", "Fingerprints", "SplitSize", "gather"]

METHODS = ("standard", "minmax", "maxabs", "robust", "impute", "pca")

TRAIN, ALL, EACH, UNKNOWN = "train", "all", "each", "unknown"

RANGES = ((0.0, 1.0), (-1.0, 1.0))
FEWEST_IMPUTED = 5
SPIKE = 3
"""How many times as often as the second a value has to occur, to be no ordinary value."""
MOST_COMPONENTS = 100
MOST_PRODUCTS = 500
UNLIKELY = 0.01
"""Numbers rounded to few decimals meet the bounds of a range by themselves: how likely that may be."""
UNCORRELATED = 1e-5


@dataclass(frozen=True)
class SplitSize:
    """A split and its rows."""

    name: str
    rows: int


@dataclass(frozen=True)
class ColumnTrace:
    """A column, and what was done to it over which rows."""

    column: str
    method: str | None
    fitted_on: str
    """``"train"``; ``"all"`` with other splits together; ``"each"`` with every split by itself; ``"unknown"`` where
    there is no trace, or, with a method, where the trace of a fit on train is that of one on more splits, too."""
    splits: tuple[str, ...]
    """The splits that were seen."""
    train: dict[str, Any]
    """Mean, standard deviation, smallest and largest value over train."""
    all: dict[str, Any]
    """The same over all splits."""


@dataclass(frozen=True)
class Fingerprints:
    """Evidence of preprocessing that saw more than train."""

    splits: tuple[SplitSize, ...]
    columns: tuple[ColumnTrace, ...]


@dataclass(frozen=True)
class _Moments:
    """Sums of a column over the rows of a split, or of several."""

    rows: int
    known: int
    total: float
    squares: float
    low: float
    high: float
    below: int
    """Rows below 0."""
    above: int
    at_0: int
    at_1: int
    at_minus_1: int

    def __add__(self, other: _Moments) -> _Moments:
        return _Moments(
            self.rows + other.rows, self.known + other.known, self.total + other.total, self.squares + other.squares,
            min(self.low, other.low), max(self.high, other.high), self.below + other.below, self.above + other.above,
            self.at_0 + other.at_0, self.at_1 + other.at_1, self.at_minus_1 + other.at_minus_1,
        )  # fmt: skip

    @property
    def mean(self) -> float:
        return self.total / self.known if self.known else math.nan

    def variance(self, lost: int = 0) -> float:
        """Return the variance with n - ``lost`` as divisor."""
        if self.known <= lost:
            return math.nan
        return max(0.0, self.squares - self.total**2 / self.known) / (self.known - lost)

    def described(self) -> dict[str, Any]:
        """Return the facts as JSON has them: infinity as text."""
        if not self.known:
            return {}
        facts = {"mean": self.mean, "std": math.sqrt(self.variance()), "min": self.low, "max": self.high}
        return {name: plain(rounded(value) if abs(value) > 1e-9 else 0.0) for name, value in facts.items()}


@dataclass(frozen=True)
class _Column:
    """A column of numbers, ``x`` in the rows, with its moments by split."""

    name: str
    x: str
    precision: Precision
    moments: tuple[_Moments, ...]

    def over(self, splits: Sequence[int]) -> _Moments:
        found = self.moments[splits[0]]
        for i in splits[1:]:
            found = found + self.moments[i]
        return found


Fits = Callable[[Sequence[int]], bool]


def gather(
    relations: Relations,
    *,
    columns: Sequence[str] | None = None,
    methods: Sequence[str] = METHODS,
    train: str = "train",
) -> Fingerprints:
    """Return what each column's preprocessing was fitted on.

    Args:
        relations: The splits, one of them train.
        columns: The columns that are looked at; None for all numbers that the splits have in common.
        methods: The kinds of preprocessing that are looked for.
        train: The split that preprocessing ought to be fitted on.
    """
    unknown = [method for method in methods if method not in METHODS]
    if unknown or not methods:
        raise CouldNotCheckError(f"methods knows {', '.join(METHODS)}, not {', '.join(unknown) or 'none'}.")
    relations.require_several()
    if train not in relations.names:
        raise CouldNotCheckError(f"no split is called '{train}'. {nearest(train, relations.names)}")
    looked_at = list(columns or relations.comparable_columns())
    stack = relations.stack(looked_at)
    keys = relations.keys(stack, looked_at)
    numbers = [key for key in keys if key.families and key.families <= NUMBERS]
    if columns is not None and len(numbers) < len(keys):
        other = next(key.name for key in keys if key not in numbers)
        raise CouldNotCheckError(f"column '{other}' holds no numbers, so that no scaler was fitted on it.")
    if not numbers:
        raise CouldNotCheckError("the splits have no column of numbers in common: there is nothing to look at.")

    no = relations.names.index(train)
    found: list[_Column] = []
    traces: dict[str, ColumnTrace] = {}
    for block in in_blocks(numbers):
        with relations.engine.shared(_numbers_of(stack, block)) as rows:
            of_block, few = _columns(relations, rows, block)
            # A column of whole numbers is the output of no scaler: it is a count, a code, or a flag.
            traces.update((column.name, _scaled(column, methods, no, relations.names)) for column in of_block)
            left = [column for column in of_block if traces[column.name].fitted_on == UNKNOWN]
            if "robust" in methods:
                traces.update(_robust(relations, rows, left, no))
            if "impute" in methods:
                traces.update(_imputed(relations, rows, of_block, traces, no, few))
        found += of_block
    if "pca" in methods:
        traces.update(_components(relations, stack, numbers, found, traces, no))
    sizes = tuple(SplitSize(n, m.rows) for n, m in zip(relations.names, found[0].moments, strict=True))
    return Fingerprints(sizes, tuple(traces[key.name] for key in numbers))


def _numbers_of(stack: Stack, keys: Sequence[Key]) -> Any:
    """Return the statement for the rows of all splits with the columns as ``x0``, ``x1``, …, all as floats."""
    return stack.select(lambda relation: [real(key.of(relation).element).label(f"x{i}") for i, key in enumerate(keys)])


def _columns(relations: Relations, rows: sa.FromClause, keys: Sequence[Key]) -> tuple[list[_Column], Few | None]:
    """Return the columns, and the numbers of a few rows where there are many."""
    every = range(len(relations.names))
    asked = []
    for i in range(len(keys)):
        x = rows.c[f"x{i}"]
        asked += [sa.func.count(x), sa.func.sum(x), sa.func.sum(x * x), sa.func.min(x), sa.func.max(x)]
    found = _by_split(relations, rows, [sa.func.count(), *asked])
    for i, name in enumerate(relations.names):
        if i not in found:
            raise EmptySplitError(name)

    def moments(split: int, column: int) -> _Moments:
        known, total, squares, low, high = found[split][1 + 5 * column : 6 + 5 * column]
        return _Moments(
            int(found[split][0]), int(known), float(total or 0), float(squares or 0),
            math.inf if low is None else float(low), -math.inf if high is None else float(high), 0, 0, 0, 0, 0,
        )  # fmt: skip

    by_column = {f"x{i}": tuple(moments(split, i) for split in every) for i in range(len(keys))}
    largest = {x: max((max(-m.low, m.high) for m in of if m.known), default=0.0) for x, of in by_column.items()}
    named = {f"x{i}": key for i, key in enumerate(keys)}
    few = numbers_of_few(relations, rows, named, sum(of.rows for of in by_column["x0"]), largest)
    exact = dict(zip(named, precisions(relations, rows, list(named), few), strict=True))
    sides = _sides(relations, rows, {x: of for x, of in by_column.items() if not exact[x].whole})
    return [_Column(key.name, x, exact[x], sides.get(x, by_column[x])) for x, key in named.items()], few


def _sides(
    relations: Relations, rows: sa.FromClause, columns: Mapping[str, tuple[_Moments, ...]]
) -> dict[str, tuple[_Moments, ...]]:
    """Return the moments with the rows below, above and at 0, and at the bounds 1 and -1 where these are met."""
    asked: list[tuple[str, str, sa.ColumnElement[bool]]] = []
    for name, of in columns.items():
        x = rows.c[name]
        if min(m.low for m in of) <= 0 <= max(m.high for m in of):
            asked += [(name, "below", x < 0), (name, "above", x > 0)]
            if any(_at(m.low, bound) for m in of for bound in (0.0, -1.0)) or any(_at(m.high, 1.0) for m in of):
                asked += [(name, "at_0", x == 0), (name, "at_1", x == 1), (name, "at_minus_1", x == -1)]
    found = _by_split(relations, rows, [_count(met) for _, _, met in asked]) if asked else {}
    counts: dict[tuple[str, int], dict[str, int]] = {}
    for split, row in found.items():
        for (name, side, _), count in zip(asked, row, strict=True):
            counts.setdefault((name, split), {})[side] = int(count or 0)

    def beside(name: str, split: int, m: _Moments) -> _Moments:
        if (name, split) in counts:
            return replace(m, **counts[name, split])
        return replace(m, below=m.known if m.high < 0 else 0, above=m.known if m.low > 0 else 0)

    return {name: tuple(beside(name, split, m) for split, m in enumerate(of)) for name, of in columns.items()}


def _count(met: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.sum(sa.case((met, 1), else_=0))


def _by_split(
    relations: Relations, rows: sa.FromClause, asked: Sequence[sa.ColumnElement[Any]]
) -> dict[int, Sequence[Any]]:
    """Return what is asked of the rows of each split."""
    statement = sa.select(rows.c.split_no, *asked).select_from(rows).group_by(rows.c.split_no)
    return {int(row[0]): row[1:] for row in relations.fetch(statement)}


def _seen(train: int, splits: int) -> Iterator[tuple[int, ...]]:
    """Yield sets of splits that a transform may have seen besides train alone, the largest first."""
    others = [i for i in range(splits) if i != train]
    for count in range(len(others), 0, -1):
        for some in combinations(others, count):
            yield (train, *some)
        if len(others) > 6:
            return


def _trace(
    column: _Column,
    names: Sequence[str],
    train: int,
    method: str,
    fits: Fits,
    by_itself: Fits | None = None,
    natural: Fits | None = None,
) -> ColumnTrace:
    """Return what a method was fitted on, by whether its trace fits a set of splits.

    Args:
        column: The column.
        names: The splits.
        train: The position of train.
        method: The name of the method.
        fits: Whether the trace is that of a fit on these splits.
        by_itself: Given where a fit on train and one on more splits can be the same (by the same bounds): whether the
            trace is such that ordinary numbers do not have it.
        natural: Whether the numbers of splits may have such a trace of their own accord.
    """
    splits = len(names)
    everything = tuple(range(splits))
    blank = ColumnTrace(
        column.name, None, UNKNOWN, (), column.over([train]).described(), column.over(everything).described()
    )
    seen = next((some for some in _seen(train, splits) if fits(some)), None)
    if fits([train]):
        alike = by_itself or fits
        alone = [i for i in everything if i != train and alike([i])]
        if alone and alike([train]):
            each = tuple(names[i] for i in sorted([train, *alone]))
            return replace(blank, method=method, fitted_on=EACH, splits=each)
        if natural is not None and natural([train]):
            return blank
        if seen is not None:
            return replace(blank, method=method)  # the same, whatever it was fitted on
        return replace(blank, method=method, fitted_on=TRAIN, splits=(names[train],))
    if seen is not None:
        return replace(blank, method=method, fitted_on=ALL, splits=tuple(names[i] for i in sorted(seen)))
    return blank


def _scaled(column: _Column, methods: Sequence[str], train: int, names: Sequence[str]) -> ColumnTrace:
    found = _trace(column, names, train, "", lambda _: False)
    if column.precision.whole:
        return found
    for method, bounds in (("standard", None), *(("minmax", r) for r in RANGES), ("maxabs", None)):
        if method not in methods:
            continue
        if method == "standard":
            found = _trace(column, names, train, method, _standard(column))
        else:
            found = _trace(
                column, names, train, method, _bounded(column, bounds), _once_at(column, bounds), _often_at(column)
            )
        if found.fitted_on == ALL and method == "minmax" and _bounded(column, None)([train]):
            # Train has the largest value 1 without the others: it may be scaled by that, and 0 be an ordinary value.
            everything = column.over(range(len(names)))
            if everything.at_0 > 1 or (bounds is not None and bounds[0] < 0):
                continue
        if found.method is not None:
            break
    return found


def _standard(column: _Column) -> Fits:
    # The mean of what was rounded off is the smaller, the more rows there are, just as the mean of ordinary numbers
    # around 0 is: so coarse that these would do as well is no trace.
    rounded_off = 4 * column.precision.noise
    if 2 * rounded_off**2 > UNLIKELY:
        return lambda _: False

    def fits(splits: Sequence[int]) -> bool:
        found = column.over(splits)
        if found.known < 3:
            return False
        off = rounded_off / math.sqrt(found.known) + 4e-6
        variances = (found.variance(), found.variance(1))
        return abs(found.mean) <= off and any(abs(v - 1 - column.precision.noise**2) <= 3 * off for v in variances)

    return fits


def _bounded(column: _Column, bounds: tuple[float, float] | None) -> Fits:
    step = 0.0 if column.precision.decimals is None else 10.0**-column.precision.decimals

    def fits(splits: Sequence[int]) -> bool:
        found = column.over(splits)
        likely = min(1.0, found.known * step / 2)
        if bounds is None:
            return likely < UNLIKELY and _at(max(abs(found.low), abs(found.high)), 1.0)
        return likely**2 < UNLIKELY and _at(found.low, bounds[0]) and _at(found.high, bounds[1])

    return fits


def _at(value: float, bound: float) -> bool:
    """Return whether a value is the bound, as float64 or as float32 with its last digits rounded."""
    return any(abs(value - bound * (1 + ulps * 2.0**-24)) <= 1e-9 for ulps in (-2, -1, 0, 1, 2))


def _once_at(column: _Column, bounds: tuple[float, float] | None) -> Fits:
    """Return whether the bounds are met, and once each: a share or a score that ends at 0 and 1 meets them often."""
    fits = _bounded(column, bounds)

    def once(splits: Sequence[int]) -> bool:
        found = column.over(splits)
        hits = {0.0: found.at_0, 1.0: found.at_1, -1.0: found.at_minus_1}
        return bounds is not None and fits(splits) and all(hits[bound] == 1 for bound in bounds)

    return once


def _often_at(column: _Column) -> Fits:
    """Return whether 1 is met, and each bound of a share more than once: a natural share is not known to be scaled."""

    def often(splits: Sequence[int]) -> bool:
        found = column.over(splits)
        return found.at_1 > 1 and found.at_0 != 1 and found.at_minus_1 != 1

    return often


def _robust(
    relations: Relations, rows: sa.FromClause, columns: Sequence[_Column], train: int
) -> dict[str, ColumnTrace]:
    """Return the columns whose median is 0 and whose quartiles are 1 apart, among those whose counts allow it."""
    everything = tuple(range(len(relations.names)))
    sets = [(train,), *_seen(train, len(everything)), *((i,) for i in everything if i != train)]

    def centred(column: _Column, splits: Sequence[int]) -> bool:
        found = column.over(splits)
        half = found.known // 2 + 1
        return found.known > 3 and found.below <= half and found.above <= half

    asked = [
        (column, some) for column in columns if not column.precision.whole for some in sets if centred(column, some)
    ]
    if not asked:
        return {}
    branches = []
    for no, (column, some) in enumerate(asked):
        known = column.over(some).known
        places = sorted({place + 1 for q in (0.25, 0.5, 0.75) for place in _places(known, q)[:2]})
        x = rows.c[column.x]
        ranked = (
            sa.select(x.label("x"), sa.func.row_number().over(order_by=x).label("place"))
            .where(x.is_not(None), rows.c.split_no.in_(list(some)))
            .subquery("ranked")
        )
        branches.append(
            sa.select(sa.literal_column(str(no), sa.Integer()).label("no"), ranked.c.place, ranked.c.x).where(
                ranked.c.place.in_(places)
            )
        )
    values: dict[int, dict[int, float]] = {}
    for no, place, x in relations.fetch(branches[0] if len(branches) == 1 else sa.union_all(*branches)):
        values.setdefault(int(no), {})[int(place)] = float(x)
    fitting = set()
    for no, (column, some) in enumerate(asked):
        known = column.over(some).known

        def quantile(q: float, of: dict[int, float] = values[no], n: int = known) -> float:
            low, high, weight = _places(n, q)
            return of[low + 1] * (1 - weight) + of[high + 1] * weight

        off = 2 * column.precision.tolerance
        # Median and quartiles of ordinary numbers around 0 are as near as that, where they are rounded coarsely.
        if 2 * off**2 * known > UNLIKELY:
            continue
        if abs(quantile(0.5)) <= off and abs(quantile(0.75) - quantile(0.25) - 1) <= 2 * off:
            fitting.add((column.name, tuple(sorted(some))))
    return {
        column.name: _trace(
            column, relations.names, train, "robust",
            lambda some, name=column.name: (name, tuple(sorted(some))) in fitting,  # type: ignore[misc]
        )
        for column in columns
        if any(name == column.name for name, _ in fitting)
    }  # fmt: skip


def _places(count: int, q: float) -> tuple[int, int, float]:
    """Return the two places, from 0, that a quantile lies between, and the weight of the second."""
    position = (count - 1) * q
    low = math.floor(position)
    return low, min(low + 1, count - 1), position - low


def _imputed(
    relations: Relations,
    rows: sa.FromClause,
    columns: Sequence[_Column],
    traces: dict[str, ColumnTrace],
    train: int,
    few: Few | None,
) -> dict[str, ColumnTrace]:
    """Return the columns with a spike at the mean, or the median, of splits."""
    everything = tuple(range(len(relations.names)))
    full = [c for c in columns if c.over(everything).rows == c.over(everything).known >= FEWEST_IMPUTED + 2]
    spikes = _spikes(relations, rows, full if few is None else _with_spike(relations, rows, full, few))
    if not spikes:
        return {}
    sides = _by_split(
        relations,
        rows,
        [
            _count(met)
            for column, value in spikes.items()
            for met in (rows.c[column.x] < value, rows.c[column.x] > value)
        ],
    )
    found = {}
    for i, (column, value) in enumerate(spikes.items()):
        off = _off(column, value)

        def others(some: Sequence[int], i: int = i) -> tuple[int, int]:
            return sum(int(sides[s][2 * i]) for s in some), sum(int(sides[s][2 * i + 1]) for s in some)

        def at_mean(
            some: Sequence[int], column: _Column = column, value: float = value, off: float = off, others: Any = others
        ) -> bool:
            return bool(sum(others(some)) > 1 and abs(column.over(some).mean - value) <= off)

        def at_median(some: Sequence[int], column: _Column = column, others: Any = others) -> bool:
            below, above = others(some)
            # A value that most rows have is their median whoever filled what, as 0 is of counts.
            return bool(abs(below - above) <= 1 and 2 * (below + above) > column.over(some).known)

        for fits in (at_mean, at_median):
            trace = _trace(column, relations.names, train, "impute", fits)
            if trace.fitted_on == ALL or (trace.fitted_on == TRAIN and traces[column.name].fitted_on == UNKNOWN):
                found[column.name] = trace
                break
    return found


def _off(column: _Column, value: float) -> float:
    """Return how far from the mean a value may be that was imputed as such."""
    scale = math.sqrt(max(column.over(range(len(column.moments))).variance(), 0.0))
    rounded_off = 0.0 if column.precision.decimals is None else column.precision.tolerance
    return 1e-7 * (abs(value) + scale) + rounded_off


def _spikes(relations: Relations, rows: sa.FromClause, columns: Sequence[_Column]) -> dict[_Column, float]:
    """Return the columns in which one value is far more frequent than any other, with that value."""
    tops = _tops(relations, rows, {column: sa.true() for column in columns})
    return {column: top[0][0] for column, top in tops.items() if len(top) > 1 and _stands_out(top)}


def _stands_out(top: Sequence[tuple[float, int]]) -> bool:
    """Return whether the most frequent of some values is far more so than the second."""
    return top[0][1] >= max(FEWEST_IMPUTED, SPIKE * (top[1][1] if len(top) > 1 else 0))


def _tops(
    relations: Relations, rows: sa.FromClause, within: Mapping[_Column, sa.ColumnElement[bool]], fewest: int = 1
) -> dict[_Column, list[tuple[float, int]]]:
    """Return of each column, within some of its values, the two most frequent ones and how often they occur.

    Values that occur less often than ``fewest`` are not among them.
    """
    columns = list(within)
    branches = []
    for no, column in enumerate(columns):
        x = rows.c[column.x]
        counted = (
            sa.select(x.label("x"), sa.func.count().label("n"))
            .where(x.is_not(None), within[column])
            .group_by(x)
            .having(sa.func.count() >= fewest)
            .subquery("counted")
        )
        place = sa.func.row_number().over(order_by=[counted.c.n.desc(), counted.c.x]).label("place")
        ranked = sa.select(counted.c.x, counted.c.n, place).subquery("ranked")
        branches.append(
            sa.select(
                sa.literal_column(str(no), sa.Integer()).label("no"), ranked.c.place, ranked.c.x, ranked.c.n
            ).where(ranked.c.place <= 2)
        )
    if not branches:
        return {}
    found = relations.fetch(branches[0] if len(branches) == 1 else sa.union_all(*branches))
    tops: dict[_Column, list[tuple[float, int]]] = {}
    for no, _, x, n in sorted(found, key=lambda row: (int(row[0]), int(row[1]))):
        tops.setdefault(columns[int(no)], []).append((float(x), int(n)))
    return tops


def _with_spike(relations: Relations, rows: sa.FromClause, columns: Sequence[_Column], few: Few) -> list[_Column]:
    """Return the columns of which a value near the means or the medians of splits stands out from those beside it.

    A spike that was imputed is one of all values near these, too. The mean of several splits lies between theirs, and
    so does the median; that of a split is where a few of its rows say, or else they are not relied on.
    """
    means, medians = {}, {}
    for column in columns:
        of_splits = [moments.mean for moments in column.moments]
        off = 2 * max(_off(column, mean) for mean in of_splits)
        means[column] = (min(of_splits) - off, max(of_splits) + off)
        near = [_median_near(few.values[column.x][few.splits == split]) for split in range(len(column.moments))]
        if all(near):
            medians[column] = (min(low for low, _ in filter(None, near)), max(high for _, high in filter(None, near)))
    beyond = _by_split(
        relations,
        rows,
        [_count(met) for c, (low, high) in medians.items() for met in (rows.c[c.x] < low, rows.c[c.x] > high)],
    )
    surely = {
        column
        for i, column in enumerate(medians)
        if all(
            2 * max(int(beyond[split][2 * i]), int(beyond[split][2 * i + 1])) < moments.known - 1
            for split, moments in enumerate(column.moments)
        )
    }
    within = {
        column: sa.or_(
            *(
                rows.c[column.x].between(sa.literal(low), sa.literal(high))
                for low, high in (means[column], medians[column])
            )
        )
        for column in columns
        if column in surely
    }
    tops = _tops(relations, rows, within, FEWEST_IMPUTED)
    return [c for c in columns if c not in surely or (c in tops and _stands_out(tops[c]))]


def _median_near(values: Any) -> tuple[float, float] | None:
    """Return between which values the median of many is, by a few of them; None where these are too few."""
    count = len(values)
    away = math.ceil(2 * math.sqrt(count)) + 1  # four standard deviations of how many are below it
    if count <= 4 * away:
        return None
    ordered = sorted(map(float, values))
    return ordered[count // 2 - away], ordered[count // 2 + away]


def _components(
    relations: Relations,
    stack: Stack,
    keys: Sequence[Key],
    columns: Sequence[_Column],
    traces: dict[str, ColumnTrace],
    train: int,
) -> dict[str, ColumnTrace]:
    """Return the columns that have a partner with no correlation at all over splits, which components have."""
    sets = [(train,), *_seen(train, len(relations.names))]

    def centred(column: _Column, some: Sequence[int]) -> bool:
        found = column.over(some)
        scale = math.sqrt(max(found.variance(), 0.0)) if found.known > 2 else 0.0
        off = 4 * column.precision.noise / math.sqrt(max(found.known, 1)) + UNCORRELATED * scale
        return found.known == found.rows > 2 and scale > 0 and abs(found.mean) <= off

    chosen = [c for c in columns if not c.precision.whole and any(centred(c, some) for some in sets)][:MOST_COMPONENTS]
    pairs = list(combinations(chosen, 2))
    if not pairs:
        return {}
    of = {key.name: key for key in keys}
    products: dict[int, list[Any]] = {i: [] for i in range(len(relations.names))}
    with relations.engine.shared(_numbers_of(stack, [of[column.name] for column in chosen])) as rows:
        x = {column: rows.c[f"x{i}"] for i, column in enumerate(chosen)}
        for some in in_blocks(pairs, MOST_PRODUCTS):
            asked = [sa.func.sum(x[a] * x[b]) for a, b in some]
            for split, *sums in relations.fetch(sa.select(rows.c.split_no, *asked).group_by(rows.c.split_no)):
                products[int(split)] += sums

    def uncorrelated(i: int, some: Sequence[int]) -> bool:
        a, b = (column.over(some) for column in pairs[i])
        spread = math.sqrt(a.variance() * b.variance())
        if not spread or a.known < 3:
            return False
        covariance = math.fsum(float(products[s][i] or 0) for s in some) / a.known - a.mean * b.mean
        noise = max(
            c.precision.noise / math.sqrt(max(m.variance(), 1e-300)) for c, m in zip(pairs[i], (a, b), strict=True)
        )
        return abs(covariance) / spread <= UNCORRELATED + 6 * noise / math.sqrt(a.known)

    found = {}
    for column in chosen:
        own = [i for i, pair in enumerate(pairs) if column in pair]

        def fits(some: Sequence[int], column: _Column = column, own: list[int] = own) -> bool:
            return centred(column, some) and any(
                uncorrelated(i, some) and all(centred(c, some) for c in pairs[i]) for i in own
            )

        trace = _trace(column, relations.names, train, "pca", fits)
        if trace.fitted_on in (ALL, EACH) or (trace.fitted_on == TRAIN and traces[column.name].fitted_on == UNKNOWN):
            found[column.name] = trace
    return found
