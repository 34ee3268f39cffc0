"""New splits from all rows: what belongs together stays together, what is ordered is cut in order.

Rows that any key ties are one unit, however long the chain of keys: the smallest number of a row is handed on from
key to key until no row gets another one. Units are shuffled by a permutation of these numbers, which the seed chooses,
and dealt out to the splits by how many rows came before, so that each gets its share but for half a unit. With a
target, units of each class are spread evenly over that order first (systematic sampling; Cochran 1977, chapter 8), so
that each split has its share of each class too; where units are few or of several classes, a few shuffles are tried.

Where rows are ordered, splits are cut from the order, between values that differ. A unit that lies on both sides of a
cut has to go to one side, and its rows of the other one are dropped. How many such units each side gets is what keeps
the proportions of the rows that are left: given to where most of their rows are, they would all be in train.

All of it is window functions over whole numbers, so that every engine makes the same splits of the same rows.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import sqlalchemy as sa

from gx_leakage.errors import CouldNotCheckError
from gx_leakage.splits.relations import LeakedRows, Ordered, Relations
from gx_leakage.sql.dialects import by_bytes, digest, remainder
from gx_leakage.sql.keys import Key

__all__ = ["TOLERANCE", "Anew", "Keep", "aimed", "standing"]

TOLERANCE = 0.02
"""How far from its proportion a split may be for the first way to be good enough."""
WHOLE = 0.1
"""How far it may be for what could be cut to stay whole: whole ones are the surer remedy, and lose no rows."""
MOST_ROUNDS, MOST_NESTED_ROUNDS = 4096, 8
"""How often the numbers of units are handed on, where rows can be kept in between, and where statements grow by it."""
MOST_SHUFFLES, MOST_NESTED_SHUFFLES = 8, 4
"""How many shuffles are tried for one that keeps the shares of the classes: where rows can be kept, and elsewhere."""
MOST_AIMS = 4
"""How often it is aimed anew, where rows that are dropped afterwards change the proportions."""
STEPS = 200
"""In how fine steps units that straddle a cut are dealt out."""

_PRIME = 2**31 - 1
"""The fifth power is a permutation of what is left of division by it, as 5 does not divide the prime less one."""
Keep = Callable[[Any], sa.FromClause]
"""Keeps the rows of a statement, for others to name."""
_Attempt = TypeVar("_Attempt")
_UNTIED, _WHOLE, _STRADDLING = 0, 1, 2


@dataclass(frozen=True)
class _Standing:
    """How rows must stand for one Expectation, by marks that no other one's are called by."""

    leaked: LeakedRows
    no: int

    def own(self, mark: str) -> str:
        return f"e{self.no}_{mark}"

    def marks(self, relation: sa.FromClause) -> list[Any]:
        # A label of a label is the inner one.
        return [mark.element.label(self.own(mark.name)) for mark in self.leaked.marks(relation)]

    @property
    def together(self) -> list[str]:
        return [self.own(mark) for mark in self.leaked.together]

    def known(self, rows: sa.FromClause) -> sa.ColumnElement[bool]:
        if self.leaked.null_is_a_value:
            return sa.true()
        return sa.and_(sa.true(), *(rows.c[mark].is_not(None) for mark in self.together))


@dataclass(frozen=True)
class _Way:
    """Which of what is asked for is kept by how units are made, and which by dropping rows afterwards."""

    together: tuple[_Standing, ...]
    cut: _Standing | None


@dataclass(frozen=True)
class Anew:
    """The rows of all splits with ``home_``, the position of their new split, NULL for those that are dropped."""

    rows: sa.FromClause
    remaining: tuple[int, ...]
    """The positions of the Expectations of which rows may still leak, and are dropped."""
    notes: tuple[str, ...] = ()
    """What has to be known of how the splits were made."""


def standing(
    relations: Relations, leaked: Sequence[LeakedRows], target: str | None
) -> tuple[Callable[[sa.FromClause], list[Any]], Callable[..., Anew]]:
    """Return the marks that new splits are made by, and what makes them of the rows of all splits with these marks.

    Args:
        relations: The splits, of which the new ones have the names and the proportions.
        leaked: How rows must stand, by Expectation.
        target: The column of which each split is to have its share of each value.
    """
    standings = [_Standing(one, no) for no, one in enumerate(leaked)]
    others = _comparable(relations)
    label = None
    if target in relations.common_columns():
        (label,) = relations.keys(relations.stack([str(target)]), [str(target)])

    def marks(relation: sa.FromClause) -> list[Any]:
        of_rows = [key.of(relation).element.label(f"row_{i}_") for i, key in enumerate(others)]
        of_target = [label.of(relation).element.label("class_")] if label else []
        return [*(mark for one in standings for mark in one.marks(relation)), *of_rows, *of_target]

    def made(
        stacked: sa.FromClause, sizes: Sequence[int], seed: int, more: Sequence[str] = (), keep: Keep | None = None
    ) -> Anew:
        named = [column.name for column in stacked.c if column.name.startswith("row_") and column.name[-1] == "_"]
        order = [*(mark for one in standings for mark in one.together), *named, *more]
        return _Dealing(relations, standings, stacked, sizes, order, bool(label), seed, keep).best()

    return marks, made


def aimed(
    sizes: Sequence[int], attempt: Callable[[Sequence[int]], tuple[Sequence[int], _Attempt]]
) -> tuple[Sequence[int], _Attempt]:
    """Return the sizes to aim at by which the rows that are left come nearest to the proportions, and what came of it.

    Args:
        sizes: The sizes whose proportions are wanted.
        attempt: Given sizes to aim at, returns the sizes after all that is dropped, and what else there is to return.
    """
    wanted = np.array(sizes) / sum(sizes)
    aims: Sequence[int] = list(sizes)
    found: list[tuple[float, Sequence[int], _Attempt]] = []
    for _ in range(MOST_AIMS):
        try:
            left, made = attempt(aims)
        except CouldNotCheckError:
            if not found:
                raise
            break
        shares = np.array(left) / max(sum(left), 1)
        found.append((float(np.abs(shares - wanted).max()), aims, made))
        if found[-1][0] <= TOLERANCE or not shares.all() or sum(left) == sum(sizes):
            break
        # What is dropped beside a cut hardly depends on where it is.
        dropped = np.array(aims) - np.array(left)
        aims = [max(1, round(aim)) for aim in wanted * sum(left) + dropped]
    _, aims, made = min(found, key=lambda one: one[0])
    return aims, made


def _comparable(relations: Relations) -> list[Key]:
    """Return the columns that tell rows apart, as far as they can be compared."""
    try:
        names = relations.comparable_columns(identical=True)
        return list(relations.keys(relations.stack(names), names, lenient=True, identical=True))
    except CouldNotCheckError:
        return []  # rows that no key tells apart are dealt out as they come


@dataclass(frozen=True)
class _Dealing:
    relations: Relations
    standings: Sequence[_Standing]
    stacked: sa.FromClause
    sizes: Sequence[int]
    order: Sequence[str]
    classes: bool
    seed: int
    keep: Keep | None
    """Keeps the rows of a statement, where there is a place to."""
    count: Iterator[int] = field(default_factory=itertools.count)

    def best(self) -> Anew:
        """Return the first way by which all splits come near their proportions, or else the one that comes nearest.

        Raises:
            CouldNotCheckError: there is none by which each split has rows.
        """
        found: list[tuple[float, Anew]] = []
        problems: list[str] = []
        whole, *others = self._ways()
        for way in (whole, *others):
            try:
                off, made = self._made(way)
            except CouldNotCheckError as error:
                problems.append(error.marked)
                continue
            if way is not whole:
                why = f"the proportions are {100 * found[0][0]:.0f} points off" if found else "a split has no rows"
                made = replace(made, notes=(f"What belongs together is not kept whole: of whole ones, {why}.",))
            found.append((off, made))
            if off <= (WHOLE if others and way.cut is None else TOLERANCE):
                break
        if not found:
            raise CouldNotCheckError("\n".join(dict.fromkeys(problems)))
        return min(found, key=lambda one: one[0])[1]

    def _ways(self) -> list[_Way]:
        """Return the ways to make splits: sequences are kept whole where that can be, and cut otherwise."""
        tied = [one for one in self.standings if one.together]
        always = [one for one in tied if one.leaked.ordered is None]
        overall = [one for one in self.standings if not one.together and one.leaked.ordered]
        # Of several orders the one that all splits have to stand in is cut; of others what is too near is dropped.
        cut = next(iter(overall), None)
        ways = [_Way(tuple(tied), cut)]
        if len(always) < len(tied):
            within = next(one for one in tied if one.leaked.ordered)
            ways.append(_Way(tuple(always), cut or within))
        return ways

    def _made(self, way: _Way) -> tuple[float, Anew]:
        """Return how far a way is from the proportions, and the rows by it: of some shuffles the best one."""
        placed, order = self._periods(way)
        units = self._units(self._numbered(placed), way.together)
        kept_whole = {one.no for one in way.together if not (way.cut and one.no == way.cut.no)}
        remaining = tuple(one.no for one in self.standings if one.no not in kept_whole)
        found: list[tuple[float, float, Anew]] = []
        shuffles = MOST_SHUFFLES if self.keep is not None else MOST_NESTED_SHUFFLES
        if way.cut is not None and not way.together:
            shuffles = 1  # each row lies in one part
        for shuffle in range(shuffles):
            rows = self._dealt(way, units, order, shuffle)
            try:
                off, off_classes = self._off(rows, len(order))
            except CouldNotCheckError:
                if shuffle == shuffles - 1 and not found:
                    raise
                continue
            found.append((max(off, off_classes), off, Anew(rows, remaining)))
            if found[-1][0] <= TOLERANCE:
                break
        _, off, made = min(found, key=lambda one: one[0])
        return off, made

    def _off(self, rows: sa.FromClause, splits: int) -> tuple[float, float]:
        """Return how far the splits are from their proportions, and from their shares of the classes.

        Raises:
            CouldNotCheckError: a split has no rows.
        """
        of = [digest(rows.c.class_).label("class_")] if self.classes else []
        marked = self._step(sa.select(rows.c.home_, *of))
        counted: dict[Any, Any] = {}
        for home, *class_, count in self._fetch(sa.select(*marked.c, sa.func.count()).group_by(*marked.c)):
            if home is not None:
                counted.setdefault(tuple(class_), np.zeros(splits))[int(home)] += int(count)
        sizes = sum(counted.values(), np.zeros(splits))
        if not sizes.all():
            empty = self.relations.names[int(np.flatnonzero(sizes == 0)[0])]
            raise CouldNotCheckError(
                f"no rows are left for split '{empty}': too many belong together for {splits} splits of them."
            )
        off = np.abs(sizes / sizes.sum() - np.array(self.sizes) / sum(self.sizes)).max()
        off_classes = [np.abs(rows / sizes - rows.sum() / sizes.sum()).max() for rows in counted.values()]
        return float(off), float(max(off_classes))

    def _dealt(self, way: _Way, units: sa.FromClause, order: Sequence[int], shuffle: int) -> sa.FromClause:
        """Return the rows with ``home_``."""
        dealt = self._in_order(units, shuffle, with_periods=way.cut is not None)
        places = [order.index(i) for i in range(len(order))]
        total = sum(self.sizes)
        shares = [self.sizes[i] / total for i in order]
        cumulated = list(itertools.accumulate(self.sizes[i] for i in order))
        middle = 2 * dealt.c.at_ - dealt.c.unit_rows_
        home: Any = sa.case(
            *((middle * _whole(total) < 2 * _whole(upto) * dealt.c.of_, _whole(no))
              for no, upto in enumerate(cumulated[:-1])), else_=_whole(len(order) - 1)
        )  # fmt: skip
        kept: Any = sa.true()
        if way.cut is not None:
            steps = self._steps(dealt, shares)
            step = (middle * _whole(STEPS), 2 * dealt.c.of_)
            straddling: Any = sa.case(
                *((step[0] < step[1] * _whole(upto), _whole(no)) for no, upto in enumerate(steps)),
                else_=_whole(len(order) - 1),
            )
            home = sa.case(
                (dealt.c.tied_ == _whole(_STRADDLING), straddling),
                (dealt.c.tied_ == _whole(_WHOLE), dealt.c.first_),
                else_=home,
            )
            kept = dealt.c.period_.is_(None)
        cases = [(home == _whole(place), _whole(no)) for no, place in enumerate(places)]
        stays = sa.or_(kept, dealt.c.period_ == home) if way.cut is not None else sa.true()
        return self._step(sa.select(
            *(dealt.c[column.name] for column in self.stacked.c), sa.case(*((sa.and_(stays, c), n) for c, n in cases))
            .label("home_"),
        ))  # fmt: skip

    def _step(self, statement: Any) -> sa.FromClause:
        """Return one step of many as a relation: one inside of another, they are deeper than SQLite reads."""
        if self.keep is not None:
            return self.keep(statement)
        name = f"step_{next(self.count)}"
        made: sa.FromClause = statement.cte(name)
        return made

    def _with(self, rows: sa.FromClause, found: Mapping[str, Any]) -> sa.FromClause:
        """Return rows with further columns."""
        return self._step(sa.select(rows, *(column.label(called) for called, column in found.items())))

    def _fetch(self, statement: Any) -> Sequence[Any]:
        return self.relations.fetch(statement)

    def _periods(self, way: _Way) -> tuple[sa.FromClause, list[int]]:
        """Return the rows with ``period_``, where they lie in the order, and the splits in that order.

        Rows of which that is not known have to be left out where there is one order of all.
        """
        usual = list(range(len(self.sizes)))
        if way.cut is None:
            return self.stacked, usual
        ordered = way.cut.leaked.ordered
        assert ordered is not None  # noqa: S101 (only such are cut)
        mark = self.stacked.c[way.cut.own(ordered.by)]
        if ordered.within:
            return self._cut_within(way.cut, ordered), usual
        if ordered.splits and set(ordered.splits) != set(self.relations.names):
            missing = ", ".join(name for name in self.relations.names if name not in ordered.splits)
            raise CouldNotCheckError(
                f"splits are made anew in an order that all have a place in: order= lacks {missing}."
            )
        order = [self.relations.names.index(name) for name in ordered.splits] or usual
        bounds = self._bounds(mark, [self.sizes[i] for i in order])
        period = sa.case(
            *((ordered.up_to(bound)(mark), _whole(no)) for no, bound in enumerate(bounds)), else_=_whole(len(bounds))
        )
        return self._step(sa.select(self.stacked, period.label("period_")).where(mark.is_not(None))), order

    def _bounds(self, mark: sa.ColumnElement[Any], sizes: Sequence[int]) -> list[Any]:
        """Return the last value of each split but the last: the ones by which they are nearest to their proportions."""
        values = sa.select(mark.label("at_"), sa.func.count().label("rows_")).where(mark.is_not(None)).group_by(mark)
        by_value = self._step(values)
        running = sa.cast(sa.func.sum(by_value.c.rows_).over(order_by=by_value.c.at_), sa.BigInteger())
        upto = self._step(sa.select(by_value.c.at_, running.label("upto_")))
        at, reached = upto.c.at_, upto.c.upto_
        (rows, distinct) = self._fetch(sa.select(sa.func.max(reached), sa.func.count()).select_from(upto))[0]
        if int(distinct) < len(sizes):
            raise CouldNotCheckError(
                f"there are {int(distinct)} different times, of which no {len(sizes)} splits can be cut."
            )
        bounds: list[Any] = []
        so_far = 0
        for cumulated in list(itertools.accumulate(sizes))[:-1]:
            wanted = round(int(rows) * cumulated / sum(sizes))
            free = [reached > _whole(so_far), reached < _whole(int(rows))]
            below = sa.select(at, reached).where(*free, reached <= _whole(wanted)).order_by(reached.desc()).limit(1)
            above = sa.select(at, reached).where(*free, reached > _whole(wanted)).order_by(reached).limit(1)
            near = [*self._fetch(below), *self._fetch(above)]
            if not near:
                raise CouldNotCheckError(f"too many rows are of one time for {len(sizes)} splits to be cut between.")
            bound, so_far = min(near, key=lambda one: abs(int(one[1]) - wanted))
            so_far = int(so_far)
            bounds.append(bound)
        return bounds

    def _cut_within(self, cut: _Standing, ordered: Ordered) -> sa.FromClause:
        """Return the rows with ``period_``: which part of its own sequence each is in."""
        rows, mark = self.stacked, self.stacked.c[cut.own(ordered.by)]
        by = [digest(rows.c[cut.own(name)]) for name in ordered.within]
        upto = sa.func.count().over(partition_by=by, order_by=mark)
        counted = self._step(sa.select(
            rows, upto.label("upto_"), sa.func.count().over(partition_by=[*by, mark]).label("ties_"),
            sa.func.count().over(partition_by=by).label("long_"),
        ))  # fmt: skip
        total = sum(self.sizes)
        middle = (2 * counted.c.upto_ - counted.c.ties_) * _whole(total)
        parts = [
            (middle < 2 * _whole(upto) * counted.c.long_, _whole(no))
            for no, upto in enumerate(list(itertools.accumulate(self.sizes))[:-1])
        ]
        known = [counted.c[cut.own(name)].is_not(None) for name in (*ordered.within, ordered.by)]
        period = sa.case((sa.not_(sa.and_(*known)), sa.null()), *parts, else_=_whole(len(self.sizes) - 1))
        return self._step(
            sa.select(*(counted.c[column.name] for column in rows.c), sa.cast(period, sa.BigInteger()).label("period_"))
        )

    def _numbered(self, rows: sa.FromClause) -> sa.FromClause:
        order = [
            part
            for name in self.order
            for part in (
                sa.case((rows.c[name].is_(None), 0), else_=1),
                by_bytes(rows.c[name]) if isinstance(rows.c[name].type, sa.String) else rows.c[name],
            )
        ]
        number = sa.func.row_number().over(order_by=order or [rows.c.split_no])
        return self._step(sa.select(rows, sa.cast(number, sa.BigInteger()).label("unit_")))

    def _units(self, rows: sa.FromClause, together: Sequence[_Standing]) -> sa.FromClause:
        """Return the rows with ``unit_``, the smallest number of all rows that keys tie to them."""

        def handed_on(rows: sa.FromClause) -> sa.FromClause:
            for one in together:
                by = [digest(rows.c[name]) for name in one.together]
                least = sa.func.min(rows.c.unit_).over(partition_by=by)
                unit = sa.case((one.known(rows), least), else_=rows.c.unit_)
                others = [column for column in rows.c if column.name != "unit_"]
                rows = self._step(sa.select(*others, unit.label("unit_")))
            return rows

        rounds, done = 1, 0
        while True:
            for _ in range(rounds - done):
                rows = handed_on(rows)
            done = rounds
            if len(together) < 2 or self._settled(rows, together):
                return rows
            rounds *= 2
            if rounds > (MOST_NESTED_ROUNDS if self.keep is None else MOST_ROUNDS):
                raise CouldNotCheckError(
                    "what belongs together by several keys makes chains that are too long to follow: leave out one of "
                    "the keys."
                )

    def _settled(self, rows: sa.FromClause, together: Sequence[_Standing]) -> bool:
        differs = []
        for one in together:
            by = [digest(rows.c[name]) for name in one.together]
            least, most = (of(rows.c.unit_).over(partition_by=by) for of in (sa.func.min, sa.func.max))
            differs.append(sa.case((sa.and_(one.known(rows), least < most), 1), else_=0).label(f"differs_{one.no}_"))
        flags = self._step(sa.select(*differs))
        counted = self._fetch(sa.select(*(sa.func.sum(flag) for flag in flags.c)))[0]
        return not any(int(count or 0) for count in counted)

    def _in_order(self, rows: sa.FromClause, shuffle: int, *, with_periods: bool) -> sa.FromClause:
        """Return the rows with what their unit is, and how many rows are in the shuffled order up to it: ``at_``."""
        found: dict[str, Any] = {"unit_rows_": sa.func.count().over(partition_by=rows.c.unit_)}
        if self.classes:
            by = [rows.c.unit_, digest(rows.c.class_)]
            found["class_rows_"] = sa.func.count().over(partition_by=by)
        tied: Any = _whole(_UNTIED)
        if with_periods:
            found["first_"] = sa.func.min(rows.c.period_).over(partition_by=rows.c.unit_)
            found["last_"] = sa.func.max(rows.c.period_).over(partition_by=rows.c.unit_)
        rows = self._with(rows, found)
        if with_periods:
            tied = sa.case(
                (rows.c.first_.is_(None), _whole(_UNTIED)), (rows.c.first_ == rows.c.last_, _whole(_WHOLE)),
                else_=_whole(_STRADDLING),
            )  # fmt: skip
        seed = f"{self.seed} {shuffle}" if shuffle else str(self.seed)
        drawn = [int.from_bytes(hashlib.md5(f"{seed} {i}".encode()).digest()[:4], "big") for i in range(4)]  # noqa: S324 (no secret)
        a, b, c, d = (1 + number % (_PRIME - 1) for number in drawn)
        start = remainder(remainder(rows.c.unit_, _PRIME) * _whole(a) + _whole(b), _PRIME)
        found = {"tied_": tied, "drawn_": start}
        if self.classes:
            class_ = by_bytes(rows.c.class_) if isinstance(rows.c.class_.type, sa.String) else rows.c.class_
            first = [rows.c.class_rows_.desc(), sa.case((rows.c.class_.is_(None), 0), else_=1), class_]
            found["kind_"] = sa.func.first_value(rows.c.class_).over(partition_by=rows.c.unit_, order_by=first)
            found["most_"] = sa.func.max(rows.c.class_rows_).over(partition_by=rows.c.unit_)
        rows = self._with(rows, found)
        found = {"square_": remainder(rows.c.drawn_ * rows.c.drawn_, _PRIME)}
        if self.classes:
            # Units of one class are another kind than those that have a few rows of it more.
            most, of = rows.c.most_ * _whole(10), rows.c.unit_rows_
            found["pure_"] = sa.case((most >= of * _whole(9), 2), (most >= of * _whole(7), 1), else_=0)
        rows = self._with(rows, found)
        fifth = remainder(remainder(rows.c.square_ * rows.c.square_, _PRIME) * rows.c.drawn_, _PRIME)
        rows = self._with(rows, {"shuffled_": remainder(fifth * _whole(c) + _whole(d), _PRIME)})
        alike = [rows.c.tied_, *([digest(rows.c.kind_), rows.c.pure_] if self.classes else [])]
        rows = self._with(rows, {
            "upto_": sa.func.count().over(partition_by=alike, order_by=[rows.c.shuffled_, rows.c.unit_]),
            "alike_": sa.func.count().over(partition_by=alike),
        })  # fmt: skip
        # Somewhere within the unit, so that kinds of few units do not all come to lie in the middle.
        within = sa.cast(rows.c.unit_rows_, sa.Double()) * rows.c.shuffled_ / sa.literal_column(f"{_PRIME}.0")
        share = (sa.cast(rows.c.upto_ - rows.c.unit_rows_, sa.Double()) + within) / sa.cast(rows.c.alike_, sa.Double())
        rows = self._with(rows, {"share_": share})
        order = [rows.c.share_, rows.c.shuffled_, rows.c.unit_]
        return self._with(rows, {
            "at_": sa.func.count().over(partition_by=rows.c.tied_, order_by=order),
            "of_": sa.func.count().over(partition_by=rows.c.tied_),
        })  # fmt: skip

    def _steps(self, dealt: sa.FromClause, shares: Sequence[float]) -> list[int]:
        """Return up to which step of the order each split but the last gets units that straddle a cut."""
        wide = (2 * dealt.c.at_ - dealt.c.unit_rows_) * _whole(STEPS)
        straddles = dealt.c.tied_ == _whole(_STRADDLING)
        # Exact on every engine, whatever it makes of a division.
        step = (wide - remainder(wide, 2 * dealt.c.of_)) / (2 * dealt.c.of_)
        stepped = self._step(
            sa.select(
                dealt.c.tied_,
                dealt.c.period_,
                sa.case((straddles, sa.cast(step, sa.BigInteger())), else_=0).label("step_"),
            )
        )
        by = [stepped.c.tied_, stepped.c.period_, stepped.c.step_]
        splits = len(shares)
        fixed, moving = np.zeros(splits), np.zeros((STEPS, splits))
        for tied, period, at, rows in self._fetch(sa.select(*by, sa.func.count()).group_by(*by)):
            if int(tied) == _STRADDLING:
                if period is None:
                    fixed += np.array(shares) * int(rows)
                else:
                    moving[min(int(at), STEPS - 1), int(period)] += int(rows)
            elif int(tied) == _WHOLE and period is not None:
                fixed[int(period)] += int(rows)
            else:
                fixed += np.array(shares) * int(rows)
        upto = np.vstack([np.zeros(splits), moving.cumsum(axis=0)])
        return _balanced(fixed, upto, np.array(shares))


def _balanced(fixed: Any, upto: Any, shares: Any) -> list[int]:
    """Return the steps by which what is kept comes nearest to the shares; of equally near ones, where most is kept.

    Each bound is moved to where it is best given the others, until none can be moved.
    """
    splits = len(shares)
    bounds = [round(STEPS * no / splits) for no in range(splits + 1)]

    def rating(bounds: Sequence[int]) -> tuple[float, float]:
        kept = np.array([fixed[i] + upto[bounds[i + 1], i] - upto[bounds[i], i] for i in range(splits)])
        total = kept.sum()
        return (float(np.abs(kept / total - shares).sum()) if total else 2.0, -float(total))

    best = rating(bounds)
    for _ in range(STEPS):
        before = list(bounds)
        for no in range(1, splits):
            for step in range(bounds[no - 1], bounds[no + 1] + 1):
                tried = [*bounds[:no], step, *bounds[no + 1 :]]
                if (rated := rating(tried)) < best:
                    best, bounds = rated, tried
        if bounds == before:
            break
    return bounds[1:-1]


def _whole(number: int) -> sa.ColumnElement[int]:
    return sa.literal_column(str(number), sa.BigInteger())
