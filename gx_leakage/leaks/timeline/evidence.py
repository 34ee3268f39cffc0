"""When the rows of each split are, and which of them are not after the splits that come before.

Two statements: the first gets the bounds of every split, which is all that ordered splits need; the second, where
they are not ordered, counts the early rows of all pairs of splits in one scan. Gaps are added to bounds in Python,
so that no database's interval arithmetic, and no difference between two of them, is involved.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from gx_leakage.disclosure import value
from gx_leakage.errors import CouldNotCheckError, NoValuesError, nearest
from gx_leakage.splits.relations import USUAL_ORDER, LeakedRows, Ordered, Relations, in_usual_order
from gx_leakage.sql.keys import Axis, Key, on_one_axis

__all__ = ["UNITS", "EarlyRows", "SplitTimes", "Timeline", "gather", "parse_gap"]

UNITS = ("second", "minute", "hour", "day", "week", "month", "quarter", "year")
"""Calendar units, in UTC, that times can be compared by."""


@dataclass(frozen=True)
class SplitTimes:
    """The times of one split, as JSON-able values."""

    name: str
    rows: int
    null_keys: int
    first: Any
    last: Any


@dataclass(frozen=True)
class EarlyRows:
    """How many rows of the later of two splits are not after the last row of the earlier one, plus the gap."""

    splits: tuple[str, str]
    rows: int


@dataclass(frozen=True)
class Timeline:
    """Evidence of the order of splits in time."""

    splits: tuple[SplitTimes, ...]
    order: tuple[str, ...]
    judged: tuple[str, ...]
    gap: str
    """The gap as it was asked for, with its unit; empty where there is none."""
    early: tuple[EarlyRows, ...]
    leaked: dict[str, int]
    """For each split, its rows that are not after every earlier one."""
    samples: tuple[tuple[str, Any], ...]
    """The first of their times, with their split."""
    leaked_rows_query: str | None


@dataclass(frozen=True)
class _Cutoff:
    """The last time that is still too early; ``inclusive`` tells whether that very time is."""

    value: Any
    inclusive: bool

    def covers(self, time: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        bound = sa.literal(self.value, time.type)
        return time <= bound if self.inclusive else time < bound

    def __contains__(self, time: Any) -> bool:
        return bool(time <= self.value if self.inclusive else time < self.value)


def gather(
    relations: Relations,
    *,
    column: str,
    order: Sequence[str] | None = None,
    gap: Any = None,
    unit: str | None = None,
    samples: int = 20,
    train: str = "train",
) -> Timeline:
    """Return when the rows of the splits are.

    Args:
        relations: The splits.
        column: The column with the time, or with a number that grows with time.
        order: Names of the splits, the earliest first; None for the usual names. Others are not looked at.
        gap: How much later than the last row of an earlier split a row has to be: see :func:`parse_gap`.
        unit: Compare calendar units in UTC (see :data:`UNITS`) instead of instants.
        samples: How many times of early rows to return.
        train: The split that the others must not share with; the rows of all others are judged.
    """
    relations.require_several()
    judged = relations.judged(train)
    bounds = _bounds(relations, column, order, gap, unit)
    key, times, positions, pairs = bounds.key, bounds.times, bounds.positions, bounds.pairs
    order = [relations.names[i] for i in positions]
    if train in order[1:]:
        judged = positions[1:]  # who says that train is later than others asks about its rows too
    shown = tuple(
        SplitTimes(t.name, t.rows, t.null_keys, key.shown(t.first), key.shown(t.last)) for _, t in sorted(times.items())
    )
    found = Timeline(
        splits=shown,
        order=tuple(order),
        judged=tuple(relations.names[i] for i in judged if i in positions),
        gap="" if gap is None else f"{gap}{f' {unit}s' if unit and isinstance(gap, int) else ''}",
        early=(),
        leaked=dict.fromkeys(order, 0),
        samples=(),
        leaked_rows_query=None,
    )
    if not pairs:
        return found

    latest = bounds.latest
    early, leaked, first = _count(relations, bounds, samples, judged)
    return replace(
        found,
        early=early,
        leaked={name: leaked.get(relations.names.index(name), 0) for name in order},
        samples=first,
        leaked_rows_query=relations.query(lambda: _leaked(key, latest, judged)),
    )


@dataclass(frozen=True)
class _Bounds:
    """The first and the last times of the splits, and up to when rows of later ones are too early."""

    stacked: sa.Subquery
    key: Key
    times: dict[int, SplitTimes]
    positions: list[int]
    """The splits that are looked at, the earliest first."""
    cutoffs: dict[int, _Cutoff]
    without_gap: Callable[[Any], _Cutoff]
    """Given the last time of a split, what is too early after it if there were no gap."""

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """The earlier and the later of two splits that are not in order."""
        return [
            (i, j)
            for n, j in enumerate(self.positions)
            for i in self.positions[:n]
            if i in self.cutoffs and self.times[j].first is not None and self.times[j].first in self.cutoffs[i]
        ]

    @property
    def latest(self) -> dict[int, _Cutoff]:
        """For each split that has early rows, the last time that is too early."""
        found: dict[int, _Cutoff] = {}
        for i, j in self.pairs:
            if j not in found or found[j].value < self.cutoffs[i].value:
                found[j] = self.cutoffs[i]
        return found


def _bounds(relations: Relations, column: str, order: Sequence[str] | None, gap: Any, unit: str | None) -> _Bounds:
    order = _order(relations.names, order)
    stack = relations.stack([column])
    key = relations.keys(stack, [column])[0]
    axis = on_one_axis([column], {name: stack.relation_of(i).c for i, name in enumerate(relations.names)})
    span = parse_gap(gap, unit, axis)

    risky = any(key.inexact(scan.relation) is not None for scan in stack.scans)

    def read(relation: sa.FromClause) -> list[sa.ColumnElement[Any]]:
        flag = key.inexact(relation)
        rounded = [(sa.literal_column("0") if flag is None else flag).label("inexact")] if risky else []
        return [key.of(relation).label("at"), *rounded]

    stacked = stack.select(read).subquery("stacked")
    bounds = relations.fetch(
        sa.select(
            stacked.c.split_no,
            sa.func.count(),
            sa.func.count(stacked.c.at),
            sa.func.min(stacked.c.at),
            sa.func.max(stacked.c.at),
            *([sa.func.max(stacked.c.inexact)] if risky else []),
        ).group_by(stacked.c.split_no)
    )
    if risky and any(row[5] for row in bounds):
        raise key.rounded({name: stack.relation_of(i).c[column].type for i, name in enumerate(relations.names)})
    bounds = [row[:5] for row in bounds]
    times = {int(no): SplitTimes(relations.names[no], int(n), int(n) - int(k), a, z) for no, n, k, a, z in bounds}
    for i, name in enumerate(relations.names):
        times.setdefault(i, SplitTimes(name, 0, 0, None, None))

    positions = [relations.names.index(name) for name in order]
    for i in positions:
        if times[i].rows and times[i].last is None:
            raise NoValuesError([column], times[i].name)
        for which, bound in (("first", times[i].first), ("last", times[i].last)):
            if isinstance(bound, str):
                raise CouldNotCheckError(
                    f"the {which} time of '{column}' in split '{times[i].name}' is not of the years 1 to 9999"
                    f"{value(f': {bound}')}. Make it NULL, or leave such rows out."
                )
    cutoffs = {i: _cutoff(times[i].last, span, unit, axis) for i in positions if times[i].last is not None}
    nothing = parse_gap(None, unit, axis)
    return _Bounds(stacked, key, times, positions, cutoffs, lambda last: _cutoff(last, nothing, unit, axis))


def _count(
    relations: Relations, bounds: _Bounds, samples: int, judged: Sequence[int]
) -> tuple[tuple[EarlyRows, ...], dict[int, int], tuple[tuple[str, Any], ...]]:
    """Count, in one statement, the early rows of every pair and of every split, and get the first of their times."""
    stacked, key, pairs, cutoffs, latest = bounds.stacked, bounds.key, bounds.pairs, bounds.cutoffs, bounds.latest

    def rows_of(split: int, cutoff: _Cutoff) -> sa.ColumnElement[int]:
        is_early = sa.and_(stacked.c.split_no == split, cutoff.covers(stacked.c.at))
        return sa.func.sum(sa.case((is_early, 1), else_=0))

    counts = [rows_of(j, cutoffs[i]) for i, j in pairs] + [rows_of(j, latest[j]) for j in latest]
    counted = relations.fetch(sa.select(*counts))[0]
    early = tuple(
        EarlyRows((relations.names[i], relations.names[j]), int(rows))
        for (i, j), rows in zip(pairs, counted, strict=False)
    )
    leaked = {j: int(rows) for j, rows in zip(latest, counted[len(pairs) :], strict=True)}
    of_judged = [(j, cutoff) for j, cutoff in latest.items() if j in judged]
    if not samples or not of_judged:
        return early, leaked, ()
    is_leaked = sa.or_(*(sa.and_(stacked.c.split_no == j, c.covers(stacked.c.at)) for j, c in of_judged))
    first = (
        sa.select(stacked.c.split_no, stacked.c.at)
        .where(is_leaked)
        .group_by(stacked.c.split_no, stacked.c.at)
        .order_by(stacked.c.at, stacked.c.split_no)
        .limit(samples)
    )
    found = tuple((relations.names[no], key.shown(at)) for no, at in relations.fetch(first))
    return early, leaked, found


def leaked_rows(
    relations: Relations,
    side: str,
    *,
    column: str,
    order: Sequence[str] | None = None,
    gap: Any = None,
    unit: str | None = None,
    train: str = "train",
    **_: Any,
) -> LeakedRows:
    """Return how the early rows of the judged splits are found, or those of train that are not before all of them."""
    if side != "train":
        bounds = _bounds(relations, column, order, gap, unit)
        names = tuple(relations.names[i] for i in bounds.positions)
        judged = bounds.positions[1:] if train in names[1:] else relations.judged(train)
        return replace(
            _leaked(bounds.key, bounds.latest, judged),
            ordered=Ordered("at_", splits=names, up_to=lambda last: bounds.without_gap(last).covers),
        )
    if gap is not None or unit is not None:
        raise CouldNotCheckError("with a gap or a unit, rows are dropped from the judged splits: strategy 'judged'.")
    (no,) = relations.on_side(side, train)
    key = relations.keys(relations.stack([column]), [column])[0]

    def keep(stacked: sa.FromClause) -> tuple[sa.FromClause, list[Any]]:
        other = stacked.alias("other")
        first = sa.select(sa.func.min(other.c.at_)).where(other.c.split_no != no).scalar_subquery()
        return stacked, [stacked.c.split_no == no, stacked.c.at_ >= first]

    return LeakedRows(lambda relation: [key.of(relation).label("at_")], keep)


def _leaked(key: Key, latest: dict[int, _Cutoff], judged: Sequence[int]) -> LeakedRows:
    def keep(rows: sa.FromClause) -> tuple[sa.FromClause, list[Any]]:
        early = [
            sa.and_(rows.c.split_no == j, cutoff.covers(rows.c.at_)) for j, cutoff in latest.items() if j in judged
        ]
        return rows, [sa.or_(sa.false(), *early)]

    return LeakedRows(lambda relation: [key.of(relation).label("at_")], keep)


def _order(names: Sequence[str], order: Sequence[str] | None) -> list[str]:
    if order is not None:
        for name in order:
            if name not in names:
                raise CouldNotCheckError(f"order= names a split '{name}' that there is not. {nearest(name, names)}")
        if len(set(order)) < max(2, len(order)):
            raise CouldNotCheckError(f"order={list(order)} must name two or more splits, each once.")
        return list(order)
    unusual = [name for name in names if name.casefold() not in USUAL_ORDER]
    if unusual:
        raise CouldNotCheckError(
            f"the order in time of the splits {', '.join(names)} is not clear from their names: give it with order=."
        )
    return in_usual_order(names)


def parse_gap(gap: Any, unit: str | None, axis: Axis, *, name: str = "gap") -> Any:
    """Return a gap as a number on an axis of numbers, as nanoseconds on one that is so fine, or as a timedelta.

    On an axis of times a gap is text such as ``"7 days"``, ``"36h"`` or ISO 8601's ``"P7D"``, a timedelta, or, with a
    ``unit`` of fixed length, a number of units.
    """
    if unit is not None and unit not in UNITS:
        raise CouldNotCheckError(f"unit={unit!r} is not one of {', '.join(map(repr, UNITS))}.")
    if axis.numeric:
        if unit is not None:
            raise CouldNotCheckError(f"unit={unit!r} is for dates and timestamps, but the time column is a number.")
        if gap is None:
            return 0
        if isinstance(gap, bool) or not isinstance(gap, (int, float)) or not 0 <= gap < math.inf:
            raise CouldNotCheckError(
                f"{name}={gap!r} must be a number that is not negative, as the time column is one."
            )
        return gap
    malformed = CouldNotCheckError(
        f"{name}={gap!r} is not a length of time: write for example '7 days', '36 hours' or 'P7D'"
        f"{'' if unit else ', or give a number together with unit='}."
    )
    span: Any = dt.timedelta(0) if gap is None else gap
    if isinstance(gap, int) and not isinstance(gap, bool):
        if unit not in ("second", "minute", "hour", "day", "week"):
            raise malformed
        span = dt.timedelta(**{f"{unit}s": gap})
    elif isinstance(gap, str) and re.fullmatch(r"\s*[-+]?\d+(\.\d+)?\s*", gap):
        raise malformed  # pandas would take it for nanoseconds
    if not isinstance(span, (str, dt.timedelta)):
        raise malformed
    import pandas as pd

    try:
        length = pd.Timedelta(span)
        if not length >= pd.Timedelta(0):  # NaT is neither
            raise malformed
        exact: int = length.as_unit("ns").value
    except (ValueError, OverflowError) as error:
        raise malformed from error
    return exact if axis.fine else length.to_pytimedelta()


def _cutoff(last: Any, gap: Any, unit: str | None, axis: Axis) -> _Cutoff:
    if axis.numeric:
        return _Cutoff(last + (gap if isinstance(gap, float) else type(last)(gap)), inclusive=True)
    if axis.fine and unit is None:
        return _Cutoff(last + gap, inclusive=True)
    try:
        if axis.fine:
            moment, gap = _EPOCH + dt.timedelta(microseconds=last // 1000), dt.timedelta(microseconds=gap // 1000)
        else:
            moment = _moment(last)
        if unit is None:
            cutoff = _Cutoff(moment + gap, inclusive=True)
        else:
            cutoff = _Cutoff(_next(_start(_start(moment, unit) + gap, unit), unit), inclusive=False)
    except OverflowError as error:
        raise CouldNotCheckError(f"the last time plus the gap of {gap} is later than there are dates.") from error
    if axis.fine:
        return _Cutoff((cutoff.value - _EPOCH) // dt.timedelta(microseconds=1) * 1000, inclusive=False)
    if isinstance(last, dt.datetime):
        return cutoff
    latest = cutoff.value if cutoff.inclusive else cutoff.value - dt.timedelta(microseconds=1)
    return _Cutoff(latest.date(), inclusive=True)


_EPOCH = dt.datetime(1970, 1, 1)


def _moment(value: Any) -> dt.datetime:
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.timezone.utc) if value.tzinfo else value
    return dt.datetime.combine(value, dt.time())


def _start(moment: dt.datetime, unit: str) -> dt.datetime:
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "second":
        return moment.replace(microsecond=0)
    if unit == "minute":
        return moment.replace(second=0, microsecond=0)
    if unit == "hour":
        return moment.replace(minute=0, second=0, microsecond=0)
    if unit == "week":
        return day - dt.timedelta(days=day.weekday())
    if unit == "month":
        return day.replace(day=1)
    if unit == "quarter":
        return day.replace(month=3 * ((day.month - 1) // 3) + 1, day=1)
    return day.replace(month=1, day=1) if unit == "year" else day


def _next(start: dt.datetime, unit: str) -> dt.datetime:
    months = {"month": 1, "quarter": 3, "year": 12}.get(unit)
    if months is None:
        return start + dt.timedelta(**{f"{unit}s": 1})
    later = start.month - 1 + months
    return start.replace(year=start.year + later // 12, month=later % 12 + 1)
