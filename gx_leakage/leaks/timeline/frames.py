"""How near the frames of the judged splits are to frames of train, within each sequence, by two window functions.

Over all frames of a sequence in order, the running maximum of train's frames is the last one before, and the running
minimum from behind the next one after: no frame is ever joined with another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from gx_leakage.errors import CouldNotCheckError, NoValuesError, nearest
from gx_leakage.splits.relations import LeakedRows, Ordered, Relations
from gx_leakage.sql.dialects import digest, neighbour
from gx_leakage.sql.keys import NUMBERS, Key, type_name
from gx_leakage.sql.values import plain

__all__ = ["Interleaving", "SplitFrames", "gather"]

USUAL = 2
"""A step is that of the sequences where it is one of so many, or more, of the differences between neighbours."""

MOST_SHOWN = 120
"""Frames of the sequence that is shown."""


@dataclass(frozen=True)
class SplitFrames:
    """The frames of a split: how many have no place in a sequence, are near train's, or lie between two of train's."""

    name: str
    rows: int
    null_keys: int
    near_rows: int
    between_rows: int
    sequences: int
    """Distinct sequences with a frame that is near one of train's."""


@dataclass(frozen=True)
class Interleaving:
    """Evidence of frames that are next to frames of train."""

    splits: tuple[SplitFrames, ...]
    min_gap: float
    """The difference in number at which frames are near."""
    samples: tuple[dict[str, Any], ...]
    """The first of the near frames, by sequence, with train's frames before and after."""
    sequence: tuple[tuple[str, Any], ...]
    """Split and number of the frames around the first near one, in order."""
    leaked_rows_query: str | None


def gather(
    relations: Relations,
    *,
    sequence: Sequence[str],
    frame: str,
    min_gap: float | None = None,
    train: str = "train",
    samples: int = 20,
) -> Interleaving:
    """Return which frames are near frames of train.

    Args:
        relations: The splits, of which one is train.
        sequence: The columns that together identify a sequence: a video, a recording.
        frame: The number of a frame within its sequence.
        min_gap: A frame is near when its number differs from one of train's by this or less. None: by one step.
        train: The split that models are fitted on.
        samples: How many near frames to return.
    """
    relations.require_several()
    asked = _asked(relations, sequence, frame, min_gap, train)
    base = relations.names.index(train)
    names = asked.names
    rows = asked.placed(relations.stack([*sequence, frame]).select(asked.marks).subquery("stacked"), [base])

    def near(rows: sa.FromClause) -> sa.ColumnElement[bool]:
        return asked.near(rows, [base])

    between = sa.and_(
        rows.c.split_no != base, asked.known(rows), rows.c.before_.is_not(None), rows.c.after_.is_not(None)
    )
    per_sequence = (
        sa.select(
            rows.c.split_no,
            sa.func.count().label("rows_"),
            sa.func.sum(sa.case((asked.known(rows), 0), else_=1)).label("nulls_"),
            sa.func.sum(sa.case((near(rows), 1), else_=0)).label("near_"),
            sa.func.sum(sa.case((between, 1), else_=0)).label("between_"),
        )
        .group_by(rows.c.split_no, *(rows.c[name] for name in names))
        .subquery("per_sequence")
    )
    c = per_sequence.c
    counted = relations.fetch(
        sa.select(
            c.split_no,
            sa.func.sum(c.rows_),
            sa.func.sum(c.nulls_),
            sa.func.sum(c.near_),
            sa.func.sum(c.between_),
            sa.func.sum(sa.case((c.near_ > 0, 1), else_=0)),
        ).group_by(c.split_no)
    )
    by_split = {int(row[0]): [int(value or 0) for value in row[1:]] for row in counted}
    splits = tuple(SplitFrames(name, *by_split.get(i, [0] * 5)) for i, name in enumerate(relations.names))
    for split in splits:
        if split.rows and split.null_keys == split.rows:
            raise NoValuesError([*sequence, frame], split.name)
    if not any(split.near_rows for split in splits):
        return Interleaving(splits, asked.min_gap, (), (), None)
    found, around = _samples(relations, rows, near, asked.keys, names, frame, samples) if samples else ((), ())
    return Interleaving(
        splits=splits,
        min_gap=asked.min_gap,
        samples=found,
        sequence=around,
        leaked_rows_query=relations.query(lambda: asked.leaked([base])),
    )


def leaked_rows(
    relations: Relations,
    side: str,
    *,
    sequence: Sequence[str],
    frame: str,
    min_gap: float | None = None,
    train: str = "train",
    **_: Any,
) -> LeakedRows:
    """Return how the frames are found that are near one of the other side: judged frames near train's, or train's."""
    asked = _asked(relations, sequence, frame, min_gap, train)
    base = relations.names.index(train)
    return asked.leaked([i for i in range(len(relations.names)) if i != base] if side == "train" else [base])


@dataclass(frozen=True)
class _Asked:
    """How frames are compared: within sequences, with frames of other splits before and after them."""

    keys: Sequence[Key]
    number: Key
    min_gap: float

    @property
    def names(self) -> list[str]:
        return [f"sequence_{i}_" for i in range(len(self.keys))]

    def marks(self, relation: sa.FromClause) -> list[sa.ColumnElement[Any]]:
        return [
            *(k.of(relation).label(n) for k, n in zip(self.keys, self.names, strict=True)),
            self.number.of(relation).label("frame_"),
        ]

    def placed(self, stacked: sa.FromClause, others: Sequence[int]) -> sa.Subquery:
        """Return all rows with the frames of the ``others`` before and after, ties included."""
        by = [digest(stacked.c[name]) for name in self.names]
        of_others = sa.case((stacked.c.split_no.in_(others), stacked.c.frame_))
        return sa.select(
            stacked,
            sa.func.max(of_others).over(partition_by=by, order_by=stacked.c.frame_).label("before_"),
            sa.func.min(of_others).over(partition_by=by, order_by=stacked.c.frame_.desc()).label("after_"),
        ).subquery("placed")

    def known(self, rows: sa.FromClause) -> sa.ColumnElement[bool]:
        return sa.and_(*(rows.c[name].is_not(None) for name in (*self.names, "frame_")))

    def near(self, rows: sa.FromClause, others: Sequence[int]) -> sa.ColumnElement[bool]:
        gap: sa.ColumnElement[Any] = sa.literal_column(repr(self.min_gap))
        close = sa.or_(rows.c.frame_ - rows.c.before_ <= gap, rows.c.after_ - rows.c.frame_ <= gap)
        return sa.and_(rows.c.split_no.not_in(others), self.known(rows), close)

    def leaked(self, others: Sequence[int]) -> LeakedRows:
        def keep(stacked: sa.FromClause) -> tuple[sa.FromClause, list[Any]]:
            rows = self.placed(stacked, others)
            return rows, [self.near(rows, others)]

        names = tuple(self.names)
        return LeakedRows(self.marks, keep, together=names, ordered=Ordered("frame_", within=names))


def _asked(relations: Relations, sequence: Sequence[str], frame: str, min_gap: float | None, train: str) -> _Asked:
    if train not in relations.names:
        raise CouldNotCheckError(
            f"no split is called '{train}': name it with train=. {nearest(train, relations.names)}"
        )
    if isinstance(min_gap, bool) or not isinstance(min_gap, (int, float, type(None))) or (min_gap or 0) < 0:
        raise CouldNotCheckError(f"min_gap={min_gap!r} must be a number that is not negative.")
    stack = relations.stack([*sequence, frame])
    (number,) = relations.keys(stack, [frame])
    if not number.families <= NUMBERS:
        kind = type_name(stack.relation_of(relations.names.index(train)).c[frame].type)
        raise CouldNotCheckError(f"column '{frame}' is {kind}, but a frame within its sequence must be a number.")
    keys = relations.keys(stack, sequence)
    return _Asked(keys, number, _step(relations, _Asked(keys, number, 0)) if min_gap is None else min_gap)


def _step(relations: Relations, asked: _Asked) -> float:
    """Return the usual difference of neighbouring frames over all splits, 1 where there is no larger usual one."""
    stack = relations.stack([key.name for key in (*asked.keys, asked.number)])
    rows = stack.select(asked.marks).subquery("stacked")
    by = [digest(rows.c[name]) for name in asked.names]
    before = neighbour("lag", rows.c.frame_).over(partition_by=by, order_by=rows.c.frame_).label("before_")
    known = [rows.c[name].is_not(None) for name in (*asked.names, "frame_")]
    placed = sa.select(rows.c.frame_, before).where(*known).subquery("placed")
    step = (placed.c.frame_ - placed.c.before_).label("step_")
    steps = sa.select(step).where(placed.c.frame_ > placed.c.before_).subquery("steps")
    counted = sa.select(steps.c.step_, sa.func.count().label("n_")).group_by(steps.c.step_).subquery("counted")
    c = counted.c
    shared = sa.select(c.step_, c.n_, sa.func.sum(c.n_).over().label("all_")).order_by(c.n_.desc(), c.step_).limit(1)
    found = relations.fetch(shared)
    usual = bool(found) and USUAL * int(found[0][1]) >= int(found[0][2])
    return max(1, plain(found[0][0])) if usual else 1


def _samples(
    relations: Relations,
    rows: sa.Subquery,
    near: Any,
    keys: Sequence[Key],
    names: Sequence[str],
    frame: str,
    samples: int,
) -> tuple[tuple[dict[str, Any], ...], tuple[tuple[str, Any], ...]]:
    """Return the first near frames, and the frames of all splits around the very first."""
    order = [*(rows.c[name] for name in names), rows.c.frame_, rows.c.split_no]
    shown = [*order, rows.c.before_, rows.c.after_]
    found = relations.fetch(sa.select(*shown).where(near(rows)).group_by(*shown).order_by(*order).limit(samples))
    width = len(names)
    listed = tuple(
        {
            "split": relations.names[int(row[width + 1])],
            **{key.name: plain(value) for key, value in zip(keys, row, strict=False)},
            frame: plain(row[width]),
            "train before": plain(row[width + 2]),
            "train after": plain(row[width + 3]),
        }
        for row in found
    )
    first = found[0]
    same = [rows.c[name] == sa.literal(value, rows.c[name].type) for name, value in zip(names, first, strict=False)]
    start = sa.literal(first[width], rows.c.frame_.type)
    around = relations.fetch(
        sa.select(rows.c.split_no, rows.c.frame_)
        .where(*same, rows.c.frame_ >= start - MOST_SHOWN // 3)
        .group_by(rows.c.frame_, rows.c.split_no)
        .order_by(rows.c.frame_, rows.c.split_no)
        .limit(MOST_SHOWN)
    )
    return listed, tuple((relations.names[int(no)], plain(number)) for no, number in around)
