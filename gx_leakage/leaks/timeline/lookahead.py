"""Which relation of a feature to the rows around it holds: a shift, a window, a weighted mean; of the past, or not.

A feature that reaches past its row is found by its values alone: they are those of a window of another column, row by
row, as precisely as they are stored. Some 10,000 windows are tried on some rows; what agrees there is compared in all.

What agrees with a window of the future may agree with the past as well: a constant, a price that seldom moves, a
function of the calendar, a wave. So a relation is taken for one to the future only where it explains rows that nothing
of the past explains, and more of them than chance does.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view
from scipy import stats

__all__ = ["FEWEST", "Decayed", "Explained", "Relation", "Rows", "Window", "explained", "follows_later"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

FEWEST = 8
"""In so few rows many things agree."""

CHANCE = 0.05
PROBES = 64
FEWEST_PROBES = 5
LONGEST_KEPT = 62
"""All windows of so many rows at most are in memory at once: of 62 these are 25 MB a column, of 366 are 1 GB."""
LIKELY = 0.8
"""The share of the rows that are tried in which a relation has to hold to be looked at in all."""
MOST_CANDIDATES = 12
ROUNDED = 0.01
"""Digits are taken for rounding where the last one is less than this share of the standard deviation."""
FINEST, SINGLE = 1e-9, 2.0**-21
"""What sums of floats, and floats of 32 bits, are wrong by, of the largest value."""
COVERED = 0.25
"""Of the rows in which a feature is known a relation has to be told in so many: not in the first one of each entity."""
OVERLAP = 0.4
"""An explanation has to be about so many of the rows that a relation is about."""
LONGEST_PERIOD = 2_000
GAP = 1.5
"""Between two rows is a gap, where it is so many times the usual distance."""
EXPLAINED_BY_LATER = 0.9
"""The share of what the past leaves unexplained of a feature that later rows explain of one that follows them."""
LEAST_UNEXPLAINED = 1e-8


def _median(windows: Floats) -> Floats:
    ordered = np.sort(windows, axis=-1)  # NaN comes last
    width = windows.shape[-1]
    middle: Floats = (ordered[..., (width - 1) // 2] + ordered[..., width // 2]) / 2
    middle[np.isnan(ordered[..., -1])] = np.nan
    return middle


_STATISTICS: Mapping[str, Callable[[Floats], Any]] = {
    "mean": lambda windows: windows.mean(axis=-1),
    "sum": lambda windows: windows.sum(axis=-1),
    "smallest": lambda windows: windows.min(axis=-1),
    "largest": lambda windows: windows.max(axis=-1),
    "median": _median,
    "standard deviation": lambda windows: windows.std(axis=-1, ddof=1),
    "standard deviation (of n)": lambda windows: windows.std(axis=-1),
}
"""What is made of the rows of a window, the likeliest first."""


@dataclass(frozen=True)
class Rows:
    """Rows in order of entity and time."""

    run: npt.NDArray[np.int64]
    """A number that consecutive rows of one entity have in common."""
    values: Mapping[str, Floats]
    """By column; NaN where there is none, and in rows whose place is not known."""
    time: Floats
    calendar: Mapping[str, npt.NDArray[np.int64]] = field(default_factory=dict)
    """Parts of the date that the rows have, by name."""

    def around(self, column: str, at: npt.NDArray[np.int64], first: int, last: int) -> Floats:
        """Return for rows the values of the rows from ``first`` to ``last`` beside them, NaN where there are none."""
        place = at[:, None] + np.arange(first, last + 1)
        inside = np.clip(place, 0, len(self.run) - 1)
        there = (place == inside) & (self.run[inside] == self.run[at][:, None])
        return np.where(there, self.values[column][inside], np.nan)

    def shifted(self, column: str, by: int) -> Floats:
        """Return in each row the value of another one of its entity."""
        return self.around(column, self.all, by, by)[:, 0]

    @cached_property
    def all(self) -> npt.NDArray[np.int64]:
        """The places of all rows."""
        return np.arange(len(self.run))

    @cached_property
    def gaps(self) -> npt.NDArray[np.int64]:
        """How many gaps in time there are up to a row."""
        steps = np.diff(self.time, prepend=np.nan)
        inner = np.concatenate([[False], self.run[1:] == self.run[:-1]])[: len(steps)]
        usual = np.median(steps[inner]) if inner.any() else 0.0
        return np.cumsum(inner & (steps > GAP * usual)).astype(np.int64)

    def gapless(self, first: int, last: int) -> Flags:
        """Return in which rows there is no gap between them and the ends of a window."""
        low, high = (np.clip(self.all + by, 0, len(self.run) - 1) for by in (min(first, 0), max(last, 0)))
        found: Flags = self.gaps[low] == self.gaps[high]
        return found


@dataclass(frozen=True)
class Relation(ABC):
    """What a feature may be of another column."""

    base: str

    @property
    @abstractmethod
    def first(self) -> int:
        """The first row that it needs, relative to its own."""

    @property
    @abstractmethod
    def last(self) -> int:
        """The last row that it needs."""

    @property
    def future(self) -> bool:
        """Whether rows after its own are needed."""
        return self.last > 0

    @abstractmethod
    def of(self, rows: Rows, feature: str) -> Floats:
        """Return what the feature were, NaN where it cannot be told."""

    @abstractmethod
    def words(self, feature: str) -> str:
        """Return the relation as a sentence without a full stop."""


@dataclass(frozen=True)
class Window(Relation):
    """A statistic of the rows from ``start`` to ``end``; of one row it is that row's value."""

    statistic: str
    start: int
    end: int

    @property
    def first(self) -> int:
        """The first row."""
        return self.start

    @property
    def last(self) -> int:
        """The last row."""
        return self.end

    @property
    def width(self) -> int:
        """The rows."""
        return self.end - self.start + 1

    def of(self, rows: Rows, feature: str) -> Floats:
        """Return the statistic of whole windows."""
        found: Floats = _STATISTICS[self.statistic](rows.around(self.base, rows.all, self.start, self.end))
        return found

    def words(self, feature: str) -> str:
        """Return which window it is."""
        if self.width == 1:
            rows = "row" if abs(self.end) == 1 else "rows"
            when = f"{abs(self.end)} {rows} {'later' if self.end > 0 else 'before'}" if self.end else "in the same row"
            return f"{feature} is {self.base} {when}"
        what = f"{feature} is the {self.statistic} of"
        if self.start == 1:
            return f"{what} the next {self.end} rows of {self.base}"
        if self.start == 0:
            return f"{what} {self.base} in its row and the {_rows(self.end)} after it"
        if self.start > 0:
            return f"{what} {self.width} rows of {self.base}, from {self.start} to {self.end} rows later"
        if self.end > 0:
            return f"{what} the {self.width} rows of {self.base} around it: {-self.start} before, {self.end} after"
        if self.end == 0:
            return f"{what} the last {self.width} rows of {self.base}, its own among them"
        return f"{what} {self.width} rows of {self.base}, from {-self.start} to {-self.end} rows before"


@dataclass(frozen=True)
class Decayed(Relation):
    """An exponentially weighted mean, of all rows from one on or up to one, by its own value in the row beside."""

    weight: float
    side: int
    """1 where it is made of later rows, -1 where of earlier ones."""
    by: int
    """The nearest row that it is made of."""

    @property
    def first(self) -> int:
        """The first row that is needed."""
        return min(self.side, self.by)

    @property
    def last(self) -> int:
        """The last one."""
        return max(self.side, self.by)

    def of(self, rows: Rows, feature: str) -> Floats:
        """Return what follows from the neighbour's value."""
        following: Floats = rows.shifted(feature, self.side)
        own: Floats = rows.shifted(self.base, self.by)
        return following + self.weight * (own - following)

    def words(self, feature: str) -> str:
        """Return which rows it is made of."""
        which = f"its row and {'all after' if self.side > 0 else 'all before'} it"
        if self.by:
            which = f"all rows {'after' if self.by > 0 else 'before'} it"
        return f"{feature} is the exponentially weighted mean of {self.base} in {which} (weight {self.weight:.3g})"


def _rows(count: int) -> str:
    return "row" if count == 1 else f"{count} rows"


@dataclass(frozen=True)
class Explained:
    """A relation that a feature has to rows of the future."""

    feature: str
    relation: Relation
    whole: int
    """Rows in which the feature and all that the relation needs are known."""
    equal: int
    """Those of them in which it holds."""
    chance: float
    """How likely it is that any relation that was tried holds as often by chance, beyond what the past explains."""
    without_gaps: bool
    """Whether only rows are counted that have no gap in time before the end of the window."""
    tolerance: Floats | float
    """How far stored values may be from it."""

    @property
    def share(self) -> float:
        """The share of the rows in which it holds."""
        return self.equal / self.whole


def agreeing(
    rows: Rows, feature: str, relation: Relation, tolerance: Any, *, without_gaps: bool = False
) -> tuple[Flags, Flags]:
    """Return in which rows a relation can be told, and in which it holds."""
    expected, own = relation.of(rows, feature), rows.values[feature]
    whole = np.isfinite(expected) & np.isfinite(own)
    if without_gaps:
        whole &= rows.gapless(relation.first, relation.last)
    with np.errstate(invalid="ignore"):
        return whole, whole & (np.abs(expected - own) <= tolerance)


def _rounding(values: Floats) -> float:
    """Return how far stored values may be from what they were before they were rounded: half of the last digit."""
    known = values[np.isfinite(values)]
    if not len(known):
        return 0.0
    spread, largest = float(known.std()), float(np.abs(known).max())
    for decimals in range(10):
        if np.abs(known - np.round(known, decimals)).max() <= 1e-12 * largest:
            return 0.5 * 10.0**-decimals if 0 < 10.0**-decimals <= ROUNDED * spread and decimals else 0.0
    for digits in range(4, 10):
        exponent = np.floor(np.log10(np.abs(known), out=np.zeros_like(known), where=known != 0))
        scale = 10.0 ** (digits - 1 - exponent)
        if np.abs(known * scale - np.round(known * scale)).max() <= 1e-5:
            half = 0.5 * 10.0 ** (math.floor(math.log10(largest)) - digits + 1)
            return half if 2 * half <= ROUNDED * spread else 0.0
    if (known.astype(np.float32).astype(np.float64) == known).all():
        return SINGLE * largest
    return 0.0


class _Search:
    """The windows of all columns around the rows that are tried."""

    def __init__(self, rows: Rows, max_window: int) -> None:
        self.rows, self.reach = rows, max_window
        self.rounding = {column: _rounding(values) for column, values in rows.values.items()}
        self.largest = {c: float(np.nanmax(np.abs(v), initial=0.0)) for c, v in rows.values.items()}

    def tolerance(self, feature: str, relation: Relation) -> float:
        """Return how far a feature may be from a relation that holds: both are rounded as they are stored."""
        terms = relation.width if isinstance(relation, Window) and relation.statistic == "sum" else 1
        size = max(self.largest[feature], terms * self.largest[relation.base])
        rounding = self.rounding[feature] + terms * self.rounding[relation.base]
        if isinstance(relation, Decayed):
            rounding = 2 * self.rounding[feature] + self.rounding[relation.base]
        return 1.001 * rounding + FINEST * size

    def windows(self, base: str, at: npt.NDArray[np.int64]) -> Iterator[tuple[str, int, Floats]]:
        """Yield for each statistic and width what it is of all windows around some rows, by their first row."""
        around = self.rows.around(base, at, -self.reach, self.reach)
        for width in range(1, self.reach + 1):
            windows = sliding_window_view(around, width, axis=1)
            for name, statistic in _STATISTICS.items():
                # Of one row all are the same, and of two the median is the mean.
                if name == "mean" or (width > 1 and (name != "median" or width > 2)):
                    with np.errstate(invalid="ignore", over="ignore"):
                        made = statistic(windows)
                    yield name, width, made

    def candidates(
        self, feature: str, base: str, at: npt.NDArray[np.int64], of: Iterable[tuple[str, int, Floats]]
    ) -> Iterator[Window]:
        """Yield the windows that agree with a feature in the rows that are tried, the best of past and future."""
        own = self.rows.values[feature][at][:, None]
        found: dict[bool, list[tuple[Any, Window]]] = {True: [], False: []}
        for order, (name, width, values) in enumerate(of):
            known = np.isfinite(values).sum(axis=0)
            some = np.flatnonzero(known >= FEWEST_PROBES)
            if not len(some):
                continue
            tolerance = self.tolerance(feature, Window(base, name, 0, width - 1))
            with np.errstate(invalid="ignore"):
                equal = (np.abs(values[:, some] - own) <= tolerance).sum(axis=0)
            for i in np.flatnonzero(equal >= LIKELY * known[some]):
                start = int(some[i]) - self.reach
                window = Window(base, name, start, start + width - 1)
                rank = (-equal[i] / known[some[i]], width, order, max(abs(window.first), abs(window.last)))
                found[window.future].append((rank, window))
        for windows in found.values():
            yield from (w for _, w in sorted(windows, key=lambda one: one[0])[:MOST_CANDIDATES])

    def decayed(self, feature: str, base: str) -> Iterator[Decayed]:
        """Yield exponentially weighted means that a feature may be."""
        own = self.rows.values[feature]
        for side in (1, -1):
            following = self.rows.shifted(feature, side)
            for by in (0, side):
                step = self.rows.shifted(base, by) - following
                with np.errstate(invalid="ignore", divide="ignore"):
                    weights = (own - following) / step
                known = weights[np.isfinite(weights) & (np.abs(step) > 100 * self.rounding[feature])]
                if len(known) < FEWEST:
                    continue
                weight = float(np.median(known))
                close = np.abs(known - weight) < 0.01 * abs(weight)
                if 0.005 < weight < 0.995 and close.mean() > 0.5:
                    large = np.abs(step) * np.isfinite(weights)
                    best = np.nan_to_num(large) >= np.nanquantile(large, 0.75)
                    near = weights[best & np.isfinite(weights)]
                    yield Decayed(base, float(np.median(near)) if len(near) else weight, side, by)


def _probes(values: Floats, rng: np.random.Generator, usual: float | None) -> npt.NDArray[np.int64]:
    """Return rows to try, half of them without the usual value, where most have it."""
    known = np.flatnonzero(np.isfinite(values))
    if usual is None:
        return np.sort(rng.choice(known, min(PROBES, len(known)), replace=False))
    other = known[values[known] != usual]
    some = rng.choice(other, min(PROBES // 2, len(other)), replace=False)
    return np.sort(np.concatenate([some, rng.choice(known, min(PROBES // 2, len(known)), replace=False)]))


def explained(
    rows: Rows, features: Sequence[str], bases: Sequence[str], max_window: int, min_share: float
) -> tuple[dict[str, list[Explained]], dict[str, Relation]]:
    """Return by feature the relations to the future that hold, the best of each base; and windows up to the row itself.

    Args:
        rows: The rows.
        features: The columns that are judged.
        bases: The columns of which they may be made; of the first one windows are told that end with the row itself.
        max_window: The most rows of a window, and of a shift.
        min_share: The share of the rows in which it has to hold.
    """
    search, rng = _Search(rows, max_window), np.random.default_rng(0)
    common = _probes(np.where(np.any([np.isfinite(v) for v in rows.values.values()], axis=0), 0.0, np.nan), rng, None)
    looked_at = sum(1 for base in bases[:1] for _, _, v in search.windows(base, common[:1]) for _ in range(v.shape[1]))
    looked_at *= max(1, len(bases) * len(features))
    tried = dict[str, npt.NDArray[np.int64]]()
    for feature in features:
        values = rows.values[feature]
        known, counts = np.unique(values[np.isfinite(values)], return_counts=True)
        if len(known) < 2:
            continue
        usual = float(known[counts.argmax()]) if counts.max() > counts.sum() / 2 else None
        often = usual is None and np.isfinite(values[common]).mean() > 0.5
        tried[feature] = common if often else _probes(values, rng, usual)
    candidates_of: dict[str, list[Relation]] = {feature: [] for feature in tried}
    for base in bases:
        # Those of one column are kept for all features, where they are not too large for it.
        kept = list(search.windows(base, common)) if max_window <= LONGEST_KEPT else None
        for feature, at in tried.items():
            if base != feature:
                of = kept if kept is not None and at is common else search.windows(base, at)
                candidates_of[feature] += [
                    *search.candidates(feature, base, at, of),
                    *search.decayed(feature, base),
                ]
    found, present = dict[str, list[Explained]](), dict[str, Relation]()
    for feature, candidates in candidates_of.items():
        if any(one.future for one in candidates):
            of_feature = _decided(search, feature, candidates, bases[0], looked_at, min_share)
            if of_feature:
                found[feature] = of_feature
                continue
        held = [one for one in candidates if not one.future and _holds(search, feature, one, min_share)]
        if held and all(one.last == 0 and one.base == bases[0] for one in held):
            present[feature] = held[0]
    return found, present


def _holds(search: _Search, feature: str, one: Relation, min_share: float) -> bool:
    whole, equal = agreeing(search.rows, feature, one, search.tolerance(feature, one))
    return bool(whole.sum() >= FEWEST and equal.sum() >= min_share * whole.sum())


def _decided(
    search: _Search, feature: str, candidates: Sequence[Relation], first: str, looked_at: int, min_share: float
) -> list[Explained]:
    """Return the best relation to each base, of those to the future that nothing of the past explains as well.

    What is an earlier value of a column that knows the future of the first base knows it too, so that for this one its
    own past alone counts.
    """
    rows = search.rows
    known = int(np.isfinite(rows.values[feature]).sum())
    of_base = {
        one: agreeing(rows, feature, one, search.tolerance(feature, one)) for one in candidates if not one.future
    }
    best: dict[str, Explained] = {}
    others: dict[str, list[tuple[Flags, Flags]]] = {}
    for one in candidates:
        if not one.future:
            continue
        tolerance = search.tolerance(feature, one)
        for without_gaps in (False, True):
            whole, equal = agreeing(rows, feature, one, tolerance, without_gaps=without_gaps)
            rows_, hits = int(whole.sum()), int(equal.sum())
            if rows_ < max(FEWEST, COVERED * known) or hits < min_share * rows_:
                continue
            if one.base not in others:
                past = [held for by, held in of_base.items() if one.base != first or by.base == first]
                others[one.base] = [*_without_windows(rows, feature, one.base, tolerance), *past]
            chance = _by_chance(rows, feature, one, whole, equal, others[one.base], looked_at, tolerance)
            if chance >= CHANCE:
                continue
            made = Explained(feature, one, rows_, hits, chance, without_gaps, tolerance)
            held = best.get(one.base)
            if held is None or made.share > held.share + 1e-12:
                best[one.base] = made
            break
    return list(best.values())


def _without_windows(rows: Rows, feature: str, base: str, tolerance: float) -> Iterator[tuple[Flags, Flags]]:
    """Yield what else of the past explains a feature, its usual value first: where it can be told, and is so."""
    own = rows.values[feature]
    known = np.isfinite(own)
    values, counts = np.unique(own[known], return_counts=True)
    yield known, known & (np.abs(own - values[counts.argmax()]) <= tolerance)
    # What comes again and again.
    best: tuple[float, tuple[Flags, Flags]] | None = None
    for period in range(1, min(len(own) // 2, LONGEST_PERIOD) + 1):
        there = np.zeros(len(own), dtype=bool)
        there[period:] = (rows.run[period:] == rows.run[:-period]) & known[period:] & known[:-period]
        if there.sum() < OVERLAP * known.sum():
            break
        equal = np.zeros(len(own), dtype=bool)
        equal[period:] = np.abs(own[period:] - own[:-period]) <= 2 * tolerance
        share = float((equal & there).sum() / there.sum())
        if best is None or share > best[0]:
            best = share, (there, equal & there)
    if best is not None:
        yield best[1]
    for part in rows.calendar.values():
        _, of = np.unique(part, return_inverse=True)
        places, sizes = np.unique(of[known], return_counts=True)
        if len(places) * 3 > known.sum():
            continue
        middle = np.full(of.max() + 1, np.nan)
        order = np.lexsort((own[known], of[known]))
        starts = np.cumsum(sizes) - sizes
        middle[places] = own[known][order][starts + sizes // 2]
        yield known, known & (np.abs(own - middle[of]) <= 2 * tolerance)
    # What goes on as it was: a line, a wave, growth, all of which are linear in the rows before.
    length = int(min(30, known.sum() // 4 - 3))
    for column in (base, feature) if length >= 1 else ():
        lags = [rows.shifted(column, -by) for by in range(int(column == feature), length + 1)]
        left, there = _unexplained(own, np.column_stack([*lags, rows.time]))
        if there.sum() >= 4 * (length + 3):
            with np.errstate(invalid="ignore"):
                yield there, there & (np.abs(left) <= 10 * tolerance)


def _unexplained(own: Floats, by: Floats) -> tuple[Floats, Flags]:
    """Return what a linear function of other numbers leaves of a feature, and where all are known."""
    there = np.isfinite(own) & np.isfinite(by).all(axis=1)
    left = np.full(len(own), np.nan)
    if there.any():
        centred = by[there] - by[there].mean(axis=0)
        spread = centred.std(axis=0)
        scaled = centred[:, spread > 0] / spread[spread > 0]
        middle = own[there].mean()
        if scaled.shape[1]:
            weights = np.linalg.lstsq(scaled, own[there] - middle, rcond=1e-11)[0]
            left[there] = own[there] - middle - scaled @ weights
        else:
            left[there] = own[there] - middle
    return left, there


def _by_chance(
    rows: Rows, feature: str, one: Relation, whole: Flags, equal: Flags, past: Sequence[tuple[Flags, Flags]],
    looked_at: int, tolerance: float,
) -> float:  # fmt: skip
    """Return how likely as many rows agree with the future by chance, of those that the past does not explain.

    Of a column that seldom changes the rows are not independent: equal ones one after the other count once. A row
    agrees by chance as often as its value is found among those of the relation.
    """
    expected = np.sort(one.of(rows, feature)[whole])
    own = rows.values[feature]
    worst = 0.0
    for no, (there, held) in enumerate(past):
        both = whole & there
        if both.sum() < OVERLAP * whole.sum() or (no and held[both].sum() < LIKELY * both.sum()):
            continue
        more, less = both & equal & ~held, both & held & ~equal
        ours, theirs = _changes(rows, own, more), _changes(rows, own, less)
        if not ours:
            return 1.0
        low, high = (np.searchsorted(expected, own[more] + by, side) for by, side in _around(tolerance))
        shares = np.clip((high - low) / len(expected), 1 / len(expected), 1)
        alike = float(np.exp(np.log(shares).mean()))  # of a product of chances
        log = float(stats.binom.logsf(ours - 1, ours + theirs, min(alike, 1 - 1e-12)))
        worst = max(worst, math.exp(min(0.0, log + math.log(looked_at))))
    return worst


def _around(tolerance: float) -> tuple[tuple[float, Any], tuple[float, Any]]:
    return (-tolerance, "left"), (tolerance, "right")


def _changes(rows: Rows, own: Floats, chosen: Flags) -> int:
    """Return how many runs of equal values of one entity there are among some rows."""
    at = np.flatnonzero(chosen)
    if not len(at):
        return 0
    same = (np.diff(at) == 1) & (own[at][1:] == own[at][:-1]) & (rows.run[at][1:] == rows.run[at][:-1])
    return int(len(at) - same.sum())


def follows_later(rows: Rows, feature: str, base: str, max_window: int) -> float | None:
    """Return how much of what the past leaves unexplained of a feature later rows of a column explain, 0 to 1.

    By linear regressions on as many earlier as later rows, adjusted for their number. None where there are too few
    rows, or where the past leaves next to nothing.
    """
    own = rows.values[feature]
    usual = float(np.median(np.unique(rows.run, return_counts=True)[1]))
    reach = int(min(max_window, np.isfinite(own).sum() // 40, max(1, (usual - 1) // 4)))
    if reach < 1:
        return None
    past = np.column_stack([rows.shifted(base, -by) for by in range(reach + 1)])
    later = np.column_stack([rows.shifted(base, by) for by in range(1, reach + 1)])
    both = np.column_stack([past, later])
    complete = np.isfinite(both).all(axis=1)
    left, there = _unexplained(np.where(complete, own, np.nan), both)
    before, _ = _unexplained(np.where(complete, own, np.nan), past)
    count = int(there.sum())
    free = count - 2 * reach - 2
    # What all entities have in common, such as a price index, is one series, however often it is there.
    if len(np.unique(both[there], axis=0)) < 10 * (2 * reach + 2):
        return None
    total = float(np.var(own[there]))
    unexplained = float(np.sum(before[there] ** 2)) / (count - reach - 2)
    if not total > 0 or unexplained < LEAST_UNEXPLAINED * total:
        return None
    return max(0.0, 1 - float(np.sum(left[there] ** 2)) / free / unexplained)
