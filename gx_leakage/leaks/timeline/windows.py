"""Which rows of train have a label window that meets one of the judged rows': by one running maximum.

All windows are put on one axis, the judged ones at their start and train's at their end. The latest end of the judged
windows that have begun by then tells whether one of them reaches into the train window: no two windows are joined, and
however scattered the judged windows are, they need not be merged first.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from gx_leakage.errors import CouldNotCheckError, NoValuesError, nearest
from gx_leakage.leaks.timeline.evidence import parse_gap
from gx_leakage.splits.relations import LeakedRows, Ordered, Relations, in_usual_order
from gx_leakage.sql.dialects import later
from gx_leakage.sql.keys import Family, Key, on_one_axis

__all__ = ["SplitWindows", "Windows", "gather"]


@dataclass(frozen=True)
class SplitWindows:
    """The windows of a split, as JSON-able values."""

    name: str
    rows: int
    null_keys: int
    first: Any
    last: Any


@dataclass(frozen=True)
class Windows:
    """Evidence of train rows whose labels were made in the time of judged rows' labels."""

    splits: tuple[SplitWindows, ...]
    overlapping: int
    """Train rows whose window meets a judged window."""
    embargoed: int
    """Further train rows that start within the embargo after one."""
    samples: tuple[dict[str, Any], ...]
    leaked_rows_query: str | None


def gather(
    relations: Relations, *, start: str, end: str, embargo: Any = None, train: str = "train", samples: int = 20
) -> Windows:
    """Return which windows of train meet those of the other splits.

    Args:
        relations: The splits, of which one is train.
        start: The column with the start of a row's label window, which belongs to it.
        end: The column with its end, which belongs to it too.
        embargo: How long after a judged window no train window may start: see ``parse_gap``.
        train: The split that models are fitted on.
        samples: How many train windows to return.
    """
    relations.require_several()
    asked = _asked(relations, start, end, embargo, train)
    begin, finish, overlaps, leaks = asked.begin, asked.finish, asked.overlaps, asked.leaks
    stacked = relations.stack([start, end]).select(asked.marks).subquery("stacked")
    turned = sa.func.sum(sa.case((stacked.c.end_ < stacked.c.start_, 1), else_=0))
    unknown = sa.func.sum(sa.case((sa.or_(stacked.c.start_.is_(None), stacked.c.end_.is_(None)), 1), else_=0))
    low, high = sa.func.min(stacked.c.start_), sa.func.max(stacked.c.end_)
    by = stacked.c.split_no
    bounds = relations.fetch(sa.select(by, sa.func.count(), unknown, turned, low, high).group_by(by))
    by_split = {int(row[0]): row[1:] for row in bounds}
    for i, row in by_split.items():
        if row[2]:
            raise CouldNotCheckError(
                f"in {int(row[2]):,} rows of split '{relations.names[i]}' the window ends before it starts: '{end}' is "
                f"before '{start}'."
            )
    splits = tuple(
        SplitWindows(name, int(n), int(nulls or 0), begin.shown(first), finish.shown(last))
        for name, (n, nulls, _, first, last) in (
            (name, by_split.get(i, (0, 0, 0, None, None))) for i, name in enumerate(relations.names)
        )
    )
    for split in splits:
        if split.rows and split.null_keys == split.rows:
            raise NoValuesError([start, end], split.name)
    rows = asked.reached(stacked)
    counted = relations.fetch(
        sa.select(sa.func.sum(sa.case((overlaps(rows), 1), else_=0)), sa.func.sum(sa.case((leaks(rows), 1), else_=0)))
    )[0]
    overlapping, leaked = int(counted[0] or 0), int(counted[1] or 0)
    if not leaked:
        return Windows(splits, 0, 0, (), None)
    shown = [rows.c.start_, rows.c.end_]
    earliest = sa.select(*shown).where(leaks(rows)).group_by(*shown).order_by(*shown).limit(samples)
    return Windows(
        splits=splits,
        overlapping=overlapping,
        embargoed=leaked - overlapping,
        samples=tuple({start: begin.shown(a), end: finish.shown(b)} for a, b in relations.fetch(earliest))
        if samples
        else (),
        leaked_rows_query=relations.query(asked.leaked),
    )


def leaked_rows(
    relations: Relations, side: str, *, start: str, end: str, embargo: Any = None, train: str = "train", **_: Any
) -> LeakedRows:
    """Return how the rows of train are found that have to be purged, whichever side is asked for."""
    later = in_usual_order([name for name in relations.names if name != train])
    ordered = Ordered("start_", splits=(train, *later))
    return replace(_asked(relations, start, end, embargo, train).leaked(), ordered=ordered)


@dataclass(frozen=True)
class _Asked:
    """How windows are compared: those of the split at ``base`` with those of all others."""

    begin: Key
    finish: Key
    span: Any
    base: int

    def marks(self, relation: sa.FromClause) -> list[sa.ColumnElement[Any]]:
        return [self.begin.of(relation).label("start_"), self.finish.of(relation).label("end_")]

    def reached(self, stacked: sa.FromClause) -> sa.Subquery:
        """Return all rows with the latest end of the judged windows that begin no later than the row's window ends."""
        known = sa.and_(stacked.c.start_.is_not(None), stacked.c.end_.is_not(None))
        judged_end = sa.case((sa.and_(stacked.c.split_no != self.base, known), stacked.c.end_))
        point = sa.case((stacked.c.split_no == self.base, stacked.c.end_), else_=stacked.c.start_)
        pointed = sa.select(stacked, point.label("point_"), judged_end.label("judged_end_")).subquery("pointed")
        running = sa.func.max(pointed.c.judged_end_).over(order_by=pointed.c.point_)
        return sa.select(pointed, running.label("reach_")).subquery("reached")

    def overlaps(self, rows: sa.FromClause) -> sa.ColumnElement[bool]:
        return sa.and_(rows.c.split_no == self.base, rows.c.point_.is_not(None), rows.c.reach_ >= rows.c.start_)

    def leaks(self, rows: sa.FromClause) -> sa.ColumnElement[bool]:
        if not self.span:
            return self.overlaps(rows)
        timely = isinstance(self.span, dt.timedelta)
        reach = later(rows.c.reach_, self.span) if timely else rows.c.reach_ + self.span
        return sa.and_(rows.c.split_no == self.base, rows.c.point_.is_not(None), reach >= rows.c.start_)

    def leaked(self) -> LeakedRows:
        def keep(stacked: sa.FromClause) -> tuple[sa.FromClause, list[Any]]:
            rows = self.reached(stacked)
            return rows, [self.leaks(rows)]

        return LeakedRows(self.marks, keep)


def _asked(relations: Relations, start: str, end: str, embargo: Any, train: str) -> _Asked:
    if train not in relations.names:
        raise CouldNotCheckError(
            f"no split is called '{train}': name it with train=. {nearest(train, relations.names)}"
        )
    stack = relations.stack([start, end])
    axis = on_one_axis([start, end], {name: stack.relation_of(i).c for i, name in enumerate(relations.names)})
    span = parse_gap(embargo, None, axis, name="embargo")
    if isinstance(span, dt.timedelta) and span and axis.families == {Family.DATE}:
        axis = replace(axis, families=axis.families | {Family.TIMESTAMP})  # so that an embargo of hours is not lost
    return _Asked(axis.key(start), axis.key(end), span, relations.names.index(train))
