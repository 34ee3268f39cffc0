"""Features that are made of rows after their own: leads, and windows that reach into the future.

The database puts the rows of all splits in order, by entity and time, with window functions. Which of some 10,000
windows a feature is no database can compute, so the columns that are compared leave it: of many rows some stretches of
consecutive ones, until a relation is found, and then of all rows the columns that it is about, piece by piece.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import sqlalchemy as sa

from gx_leakage.errors import CouldNotCheckError, EmptySplitError, NoValuesError
from gx_leakage.leaks.timeline.lookahead import (
    EXPLAINED_BY_LATER,
    FEWEST,
    Explained,
    Rows,
    Window,
    agreeing,
    explained,
    follows_later,
)
from gx_leakage.splits.relations import Relations
from gx_leakage.sql.blocks import in_blocks
from gx_leakage.sql.dialects import digest, real
from gx_leakage.sql.keys import NUMBERS, Family, Key, family, on_one_axis, type_name

__all__ = ["LONGEST_WINDOW", "Following", "Lookahead", "SplitSeries", "fewest_ties", "gather"]

SAMPLE = 20_000
"""Rows of which relations are looked for; more are looked at where one is found."""
STRETCHES = 8
LONGEST_WINDOW = 366
PIECE = 100_000
MOST_BASES = 40
"""Columns of which the others may be made; beside the base, those that come first."""
COLUMNS = 200
MOST_TIES = 0.5


@dataclass(frozen=True)
class SplitSeries:
    """The rows of a split, how many have no time or entity, and how many share their time with another row."""

    name: str
    rows: int
    null_keys: int
    ties: int
    leaked: int
    """Rows in which a feature has a value of the future."""


@dataclass(frozen=True)
class Following:
    """A feature that follows later rows of the base, without being made of them in a way that is known."""

    feature: str
    base: str
    share: float
    """How much of what the past leaves unexplained later rows explain."""


@dataclass(frozen=True)
class Lookahead:
    """Evidence of features that are made of rows after their own."""

    splits: tuple[SplitSeries, ...]
    base: str | None
    bases: tuple[str, ...]
    """The columns of which features may be made."""
    features: tuple[str, ...]
    """The columns that were looked at."""
    found: tuple[Explained, ...]
    """One a feature."""
    shifted: tuple[Explained, ...]
    """Columns of which it cannot be told which is of its row: one is another, some rows later."""
    own_row: tuple[str, ...]
    """Features in whose window is the base's value of the same row: sentences."""
    following: tuple[Following, ...]
    rows: int
    """Rows with a place in an order."""
    looked_at: int
    """Those of which relations were looked for."""
    left_out: tuple[str, ...]
    """Columns that were not looked at: of other types, or without values."""
    not_bases: tuple[str, ...]
    unlabelled: tuple[str, ...]
    """Splits without the base."""


def gather(
    relations: Relations,
    *,
    time: str,
    base: str | None = None,
    features: Sequence[str] | None = None,
    entity: Sequence[str] = (),
    max_window: int = 31,
    min_share: float = 0.95,
) -> Lookahead:
    """Return which features are made of rows after their own.

    Args:
        relations: One or more splits; those without the base are left out. Their rows are put together by time.
        time: The column that rows are ordered by.
        base: The column that features must not know the future of. None: of no column it is known.
        features: The columns that are judged. None: all numbers.
        entity: The columns that identify what is observed again and again.
        max_window: The most rows of a window.
        min_share: The share of the rows with a whole window in which a feature has to be it.

    Raises:
        CouldNotCheckError: rows have no order, or hardly any has one before or after it.
    """
    series = _Series.of(relations, time, base, features, entity)
    judged = series.relations
    with judged.engine.shared(series.placed()) as placed:
        splits, ordered, beside = series.counts(placed)
        if beside < FEWEST:
            what = f"of '{', '.join(entity)}' " if entity else ""
            raise CouldNotCheckError(
                f"only {beside:,} rows {what}have another one before them in time, each at a time of its own: which "
                f"features are made of later rows cannot be told. Name what is observed again and again with "
                f"entity_columns (--group)."
            )
        rows = series.sample(placed, ordered)
        empty = [c for c in (*series.features, *series.bases) if not np.isfinite(rows.values[c]).any()]
        if base in empty:
            raise CouldNotCheckError(f"no row that was looked at has a value of '{base}': nothing could be checked.")
        looked = [c for c in series.features if c not in empty]
        if not looked:
            raise CouldNotCheckError(f"no row that was looked at has a value of {', '.join(series.features)}.")
        bases = [c for c in series.bases if c not in empty]
        known, over = _common_bases(base, bases)
        relations_of, present = explained(rows, looked, known, max_window, min_share)
        found, shifted = _sorted_out(relations_of, base)
        if len(rows.run) < ordered:
            found = series.verified(placed, found, min_share)
        leaked = series.leaked(placed, found) if found else {}
    following: tuple[Following, ...] = ()
    if base is not None and base in known:
        rest = [c for c in looked if c != base and c not in {one.feature for one in found}]
        following = tuple(
            Following(c, base, share)
            for c in rest
            if (share := follows_later(rows, c, base, max_window)) is not None and share > EXPLAINED_BY_LATER
        )
    return Lookahead(
        splits=tuple(replace(s, leaked=leaked.get(i, 0)) for i, s in enumerate(splits)),
        base=base,
        bases=tuple(known),
        features=tuple(looked),
        found=tuple(found),
        shifted=tuple(shifted),
        own_row=tuple(one.words(c) for c, one in present.items() if one.base == base),
        following=following,
        rows=ordered,
        looked_at=len(rows.run),
        left_out=(*series.left_out, *(c for c in series.features if c in empty)),
        not_bases=tuple(over),
        unlabelled=tuple(name for name in relations.names if name not in judged.names),
    )


def fewest_ties(relations: Relations, time: str, keys: Sequence[Sequence[str]]) -> Sequence[str] | None:
    """Return the first of some keys by which rows have an order in time, None where no key gives them one.

    That is where most rows of a key's value are at times of their own, and enough have another one before them.
    """
    for key in keys:
        series = _Series.of(relations, time, None, [], key)
        with series.relations.engine.shared(series.placed()) as placed:
            splits, ordered, beside = series.counts(placed, strict=False)
        if beside >= max(FEWEST, ordered / 4) and sum(s.ties for s in splits) <= 0.05 * ordered:
            return key
    return None


def _common_bases(base: str | None, bases: Sequence[str]) -> tuple[list[str], list[str]]:
    first = sorted(bases, key=lambda column: column != base)
    return first[:MOST_BASES], first[MOST_BASES:]


def _sorted_out(
    relations_of: Mapping[str, Sequence[Explained]], base: str | None
) -> tuple[list[Explained], list[Explained]]:
    """Return one relation a feature, and those that could be the other way round.

    That one column is another some rows later says not which of the two is of its row. Where one of them is the base
    that is known, and else by their names: what is made of a column is often called after it.
    """
    found, shifted = [], []
    for feature, of_feature in relations_of.items():
        ranked = sorted(of_feature, key=lambda one: (one.relation.base != base, -one.share))
        one = ranked[0]
        other = one.relation.base
        alone = isinstance(one.relation, Window) and one.relation.width == 1
        if not alone or other == base or (other.casefold() in feature.casefold() and other != feature):
            found.append(one)
        else:
            shifted.append(one)
    return found, shifted


@dataclass(frozen=True)
class _Series:
    """The rows of the splits in order of entity and time."""

    relations: Relations
    stacked: sa.Subquery
    entities: int
    time: Key
    base: str | None
    features: tuple[str, ...]
    bases: tuple[str, ...]
    left_out: tuple[str, ...]
    needed: tuple[str, ...]
    """The columns without which a row has no place."""

    @classmethod
    def of(
        cls, relations: Relations, time: str, base: str | None, features: Sequence[str] | None, entity: Sequence[str]
    ) -> _Series:
        """Return the rows with time, entity and the columns that are numbers."""
        judged = relations if base is None else relations.having(base)
        keys = [time, *entity]
        judged.require(keys)
        for column in keys:
            if column == base or column in (features or ()):
                raise CouldNotCheckError(f"'{column}' orders the rows, and cannot be compared with others of them.")
        wanted = judged.comparable_columns() if features is None else list(features)
        columns = list(dict.fromkeys([*keys, *([base] if base is not None else []), *wanted]))
        stack = judged.stack(columns)
        types = {name: stack.relation_of(i).c for i, name in enumerate(judged.names)}
        axis = on_one_axis([time], types)

        def kind(column: str) -> str | None:
            """Return what a column is that is not numbers in all splits."""
            for of in types.values():
                if family(of[column].type) not in NUMBERS | {Family.BOOLEAN}:
                    return type_name(of[column].type)
            return None

        for column in [*([base] if base is not None else []), *(features or ())]:
            if (other := kind(column)) is not None:
                raise CouldNotCheckError(
                    f"column '{column}' is {other}, but has to be a number to be compared with rows around it."
                )
        numbers = [c for c in wanted if c not in (*keys, base) and kind(c) is None]
        if not numbers and features is None:
            raise CouldNotCheckError("the splits have no column of numbers beside that of the time.")
        bases = tuple(dict.fromkeys([*([base] if base is not None else []), *numbers]))
        values = judged.keys(stack, bases)
        by = judged.keys(stack, entity)
        time_key = axis.key(time)

        def marks(relation: sa.FromClause) -> list[sa.ColumnElement[Any]]:
            return [
                time_key.of(relation).label("time_"),
                *(key.of(relation).label(f"entity_{i}_") for i, key in enumerate(by)),
                *(real(key.of(relation).element).label(f"x{i}_") for i, key in enumerate(values)),
            ]

        left_out = tuple(c for c in wanted if c not in (*keys, base, *numbers))
        return cls(
            judged, stack.select(marks).subquery("stacked"), len(by), time_key, base, tuple(numbers), bases, left_out,
            tuple(keys),
        )  # fmt: skip

    @property
    def _by(self) -> list[Any]:
        return [digest(self.stacked.c[f"entity_{i}_"]) for i in range(self.entities)]

    def placed(self) -> sa.Select[Any]:
        """Return all rows: those that have a place with its number, in their entity and in all."""
        c = self.stacked.c
        known = sa.and_(c.time_.is_not(None), *(c[f"entity_{i}_"].is_not(None) for i in range(self.entities)))
        flag = sa.case((known, 1), else_=0)
        by = [flag, *self._by]
        count = sa.func.count().over(partition_by=[*by, c.time_])
        return sa.select(
            c.split_no,
            c.time_,
            *(c[f"x{i}_"] for i in range(len(self.bases))),
            flag.label("known_"),
            count.label("ties_"),
            sa.func.row_number(type_=sa.BigInteger()).over(partition_by=by, order_by=c.time_).label("pos_"),
            sa.func.row_number(type_=sa.BigInteger()).over(order_by=[flag.desc(), *self._by, c.time_]).label("no_"),
        )

    def counts(self, placed: sa.FromClause, *, strict: bool = True) -> tuple[list[SplitSeries], int, int]:
        """Return the splits, the rows with a place, and those of them that have a row before them."""
        c = placed.c
        tied = sa.case((sa.and_(c.known_ == 1, c.ties_ > 1), 1), else_=0)
        beside = sa.case((sa.and_(c.known_ == 1, c.ties_ == 1, c.pos_ > 1), 1), else_=0)
        found = self.relations.fetch(
            sa.select(
                c.split_no, sa.func.count(), sa.func.sum(c.known_), sa.func.sum(tied), sa.func.sum(beside)
            ).group_by(c.split_no)
        )
        by_split = {int(row[0]): [int(value or 0) for value in row[1:]] for row in found}
        splits, ordered, beside_ = [], 0, 0
        for i, name in enumerate(self.relations.names):
            if i not in by_split:
                raise EmptySplitError(name)
            rows, known, ties, after = by_split[i]
            if not known and strict:
                raise NoValuesError(self.needed, name)
            splits.append(SplitSeries(name, rows, rows - known, ties, 0))
            ordered, beside_ = ordered + known, beside_ + after
        ties = sum(split.ties for split in splits)
        if strict and ties > MOST_TIES * ordered:
            raise CouldNotCheckError(
                f"{ties:,} of {ordered:,} rows share their time with another row"
                f"{' of their entity' if self.entities else ''}, so that they have no order: name what is observed "
                f"again and again with entity_columns (--group), or a finer time."
            )
        return splits, ordered, beside_

    def sample(self, placed: sa.FromClause, ordered: int) -> Rows:
        """Return some stretches of rows, or all where these are not many."""
        where = placed.c.no_ <= ordered
        if ordered > SAMPLE:
            size = SAMPLE // STRETCHES
            starts = [1 + i * (ordered - size) // (STRETCHES - 1) for i in range(STRETCHES)]
            where = sa.or_(*(placed.c.no_.between(start, start + size - 1) for start in starts))
        blocks = [self._read(placed, where, block) for block in in_blocks(self.bases, COLUMNS)]
        tables = [pa.Table.from_batches(batches) for block in blocks if (batches := list(block))]
        values: dict[str, Any] = {}
        for table, block in zip(tables, in_blocks(self.bases, COLUMNS), strict=True):
            values |= {c: table.column(f"x{self.bases.index(c)}_") for c in block}
        return _rows(tables[0], values, self.time.fine)

    def _read(self, placed: sa.FromClause, where: Any, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        c = placed.c
        names = [f"x{self.bases.index(column)}_" for column in columns]
        # Ties have no order of their own, and are not compared.
        statement = sa.select(c.split_no, c.no_, c.pos_, c.ties_, c.time_, *(c[name] for name in names))
        return self.relations.batches(statement.where(where).order_by(c.no_))

    def _pieces(self, placed: sa.FromClause, found: Sequence[Explained]) -> Iterator[tuple[Rows, Any, slice]]:
        """Yield all rows of the columns that relations are about: with their splits, and which of them are new."""
        columns = list(dict.fromkeys(c for one in found for c in (one.feature, one.relation.base)))
        reach = max(max(abs(one.relation.first), abs(one.relation.last)) for one in found)
        held: list[pa.RecordBatch] = []
        done = 0

        def made(last: bool) -> tuple[Rows, Any, slice]:
            table = pa.Table.from_batches(held)
            values = {c: table.column(f"x{self.bases.index(c)}_") for c in columns}
            split_no = table.column("split_no").cast(pa.int64()).to_numpy()
            return _rows(table, values, self.time.fine), split_no, slice(done, table.num_rows - (0 if last else reach))

        for batch in self._read(placed, placed.c.known_ == 1, columns):
            held.append(batch)
            if sum(one.num_rows for one in held) >= PIECE + 2 * reach:
                piece = made(last=False)
                yield piece
                table = pa.Table.from_batches(held)
                start = max(0, piece[2].stop - reach)
                held = table.slice(start).combine_chunks().to_batches()
                done = piece[2].stop - start
        if held:
            yield made(last=True)

    def verified(self, placed: sa.FromClause, found: Sequence[Explained], min_share: float) -> list[Explained]:
        """Return the relations that hold in all rows, with how often they do."""
        if not found:
            return []
        counts = np.zeros((len(found), 2), dtype=np.int64)
        for rows, _, new in self._pieces(placed, found):
            for i, one in enumerate(found):
                whole, equal = agreeing(rows, one.feature, one.relation, one.tolerance, without_gaps=one.without_gaps)
                counts[i] += (int(whole[new].sum()), int(equal[new].sum()))
        return [
            replace(one, whole=int(whole), equal=int(equal))
            for one, (whole, equal) in zip(found, counts, strict=True)
            if whole >= FEWEST and equal >= min_share * whole
        ]

    def leaked(self, placed: sa.FromClause, found: Sequence[Explained]) -> dict[int, int]:
        """Return by split the rows in which one of the relations holds."""
        counts = np.zeros(len(self.relations.names), dtype=np.int64)
        for rows, split_no, new in self._pieces(placed, found):
            held = np.zeros(len(split_no), dtype=bool)
            for one in found:
                held |= agreeing(rows, one.feature, one.relation, one.tolerance)[1]
            counts += np.bincount(split_no[new][held[new]], minlength=len(counts))
        return {i: int(count) for i, count in enumerate(counts)}


def _rows(table: pa.Table, values: Mapping[str, Any], fine: bool) -> Rows:
    no, pos, ties = (table.column(name).cast(pa.int64()).to_numpy() for name in ("no_", "pos_", "ties_"))
    new = np.ones(len(no), dtype=np.int64)
    new[1:] = (pos[1:] == 1) | (no[1:] != no[:-1] + 1)
    time, calendar = _times(table.column("time_"), fine)
    numbers = {}
    for column, held in values.items():
        number = held.cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64)
        numbers[column] = np.where((ties == 1) & np.isfinite(number), number, np.nan)
    return Rows(np.cumsum(new), numbers, time, calendar)


def _times(column: pa.ChunkedArray, fine: bool) -> tuple[npt.NDArray[np.float64], dict[str, npt.NDArray[np.int64]]]:
    """Return times as numbers, and of dates the parts that calendars have."""
    if fine:
        column = column.cast(pa.int64()).cast(pa.timestamp("ns"))
    if not pa.types.is_temporal(column.type):
        return column.cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64), {}
    import pandas as pd

    moments = pd.DatetimeIndex(pd.to_datetime(column.to_pandas()))
    parts = {
        "month": moments.month, "day": moments.day, "weekday": moments.weekday, "hour": moments.hour,
        "day of the year": moments.dayofyear, "minute": moments.minute,
        "hour of the week": moments.weekday * 24 + moments.hour, "week": moments.isocalendar().week.to_numpy(),
        "end of a month": moments.days_in_month - moments.day, "days of a month": moments.days_in_month,
        "year": moments.year,
    }  # fmt: skip
    seconds = moments.tz_localize(None) if moments.tz is None else moments.tz_convert(None)
    return (
        seconds.to_numpy().astype("datetime64[us]").astype(np.int64).astype(np.float64) / 1e6,
        {name: np.asarray(part, dtype=np.int64) for name, part in parts.items()},
    )
