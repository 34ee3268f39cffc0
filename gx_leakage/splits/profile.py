"""What columns look like: how many values are known and how many differ, in each split and over all."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from gx_leakage.errors import TypesDifferError
from gx_leakage.splits import groups
from gx_leakage.splits.few import few_of
from gx_leakage.splits.groups import Counts, GroupedRows
from gx_leakage.splits.relations import Relations, Stack
from gx_leakage.sql.blocks import in_blocks
from gx_leakage.sql.keys import NUMBERS, TIMES, Family, Key

__all__ = ["ColumnProfile", "Profile", "gather"]

MOST_COLUMNS = 500
"""How many columns a scan looks at: each has two counts, and databases limit what a statement returns."""

FEWEST_GROUPS = 5
"""Values of the id of a group: fewer are categories."""

MOST_VALUES_A_ROW = 0.97
"""Values that a row has to have to be no id of rows, with a few twice."""

FEWEST_DIFFERENT = 1_000
"""Values among a few rows, all of them different, by which a column is one of measurements."""

_COUNTED = set(Family) - {Family.OTHER, Family.BINARY}


@dataclass(frozen=True)
class ColumnProfile:
    """A column that all splits have."""

    name: str
    families: frozenset[Family]
    known: tuple[int, ...]
    """Rows with a value, by split."""
    distinct: tuple[int, ...]
    """Different values, by split; as many as are known of measurements and times of which a few rows have none twice,
    where rows are many."""
    distinct_in_all: int

    @property
    def shared(self) -> int:
        """Values that are in more than one split, at least; of two splits exactly."""
        repeated = sum(self.distinct) - self.distinct_in_all
        return -(-repeated // max(1, len(self.distinct) - 1))

    @property
    def unique(self) -> bool:
        """Whether no value is twice in one split."""
        return self.known == self.distinct and sum(self.known) > 0

    @property
    def may_be_a_group(self) -> bool:
        """Whether some values repeat, of several."""
        several = self.distinct_in_all >= FEWEST_GROUPS
        return self.is_discrete and several and self.distinct_in_all <= MOST_VALUES_A_ROW * sum(self.known)

    @property
    def is_number(self) -> bool:
        """Whether these are numbers."""
        return self.families <= NUMBERS

    @property
    def is_integer(self) -> bool:
        """Whether these are whole numbers, by their type."""
        return self.families <= {Family.INTEGER}

    @property
    def is_time(self) -> bool:
        """Whether these are dates or times, by their type."""
        return self.families <= TIMES

    @property
    def is_discrete(self) -> bool:
        """Whether these can be names of something: whole numbers, texts, UUIDs."""
        return self.families <= {Family.INTEGER, Family.TEXT, Family.UUID}


@dataclass(frozen=True)
class Profile:
    """What the splits look like."""

    splits: tuple[str, ...]
    rows: tuple[int, ...]
    columns: tuple[ColumnProfile, ...]
    only_in: dict[str, tuple[str, ...]]
    """Columns that some splits lack, with the splits that have them."""
    train: str = "train"
    """The split that models are fitted on."""
    grouped: GroupedRows | None = None
    """Rows of some values of each column that may be the id of a group."""

    @property
    def candidates(self) -> list[ColumnProfile]:
        """The columns that may be ids of groups: whole numbers, texts and UUIDs that repeat, with several values."""
        return [column for column in self.columns if column.may_be_a_group]

    def free(self, taken: Mapping[str, Sequence[str]]) -> list[ColumnProfile]:
        """Return the columns that have no role yet."""
        held = {name for columns in taken.values() for name in columns}
        return [column for column in self.columns if column.name not in held]


def gather(relations: Relations, train: str = "train") -> Profile:
    """Return what the columns of the splits look like."""
    common = relations.comparable_columns()
    stack = relations.stack(common)
    keys: list[Key] = []
    for column in common:
        try:
            (key,) = relations.keys(stack, [column])
        except TypesDifferError:
            continue  # the check that needs it will say so
        if key.families and key.families <= _COUNTED:
            keys.append(key)
    measured = _measured(relations, stack, keys)
    found: dict[int, tuple[int, ...]] = {}
    for some in in_blocks(keys, MOST_COLUMNS) if keys else [keys]:
        for no, rows, *counts in relations.fetch(_counts(stack, some, measured)):
            found[int(no)] = (*found.get(int(no), (int(rows),)), *map(int, counts))
    empty = (0,) * (1 + 2 * len(keys))
    splits = [found.get(i, empty) for i in range(len(relations.names))]
    existing = relations.columns()
    partly = {column for names in existing.values() for column in names if column not in common}
    profile = Profile(
        relations.names,
        tuple(row[0] for row in splits),
        tuple(
            ColumnProfile(
                key.name,
                key.families,
                tuple(row[1 + 2 * i] for row in splits),
                tuple(row[2 + 2 * i] for row in splits),
                found.get(-1, empty)[2 + 2 * i],
            )
            for i, key in enumerate(keys)
        ),
        {c: tuple(split for split, names in existing.items() if c in names) for c in sorted(partly)},
        train,
    )
    counts = {column.name: Counts(sum(column.known), column.distinct_in_all) for column in profile.columns}
    likely = sorted(profile.candidates, key=lambda column: -column.distinct_in_all)
    likely = likely or [column for column in profile.columns if column.is_discrete and column.distinct_in_all][:1]
    rows = groups.gather(relations, stack, keys, counts, [column.name for column in likely])
    return replace(profile, grouped=rows)


def _measured(relations: Relations, stack: Stack, keys: Sequence[Key]) -> set[str]:
    """Return the columns of measurements and times, of many rows, of which a few rows have no value twice.

    How many values these have says nothing of what they are for, and takes longest to count.
    """
    likely = [key for key in keys if key.families <= TIMES | NUMBERS - {Family.INTEGER}][:MOST_COLUMNS]
    if not likely:
        return set()
    rows = sum(int(count) for _, count in relations.fetch(_sizes(stack)))
    stacked = _stacked(stack, likely)
    few = few_of(stacked, {f"x{i}": key for i, key in enumerate(likely)}, rows)
    if few is None:
        return set()
    columns = [few.c[f"x{i}"] for i in range(len(likely))]
    asked = [count for x in columns for count in (sa.func.count(x), sa.func.count(sa.distinct(x)))]
    found = [int(count) for count in relations.fetch(sa.select(*asked).select_from(few))[0]]
    known, distinct = found[::2], found[1::2]
    return {key.name for key, n, d in zip(likely, known, distinct, strict=True) if n == d > FEWEST_DIFFERENT}


def _sizes(stack: Stack) -> sa.Select[Any]:
    stacked = stack.select(lambda _: []).subquery("stacked")
    return sa.select(stacked.c.split_no, sa.func.count()).group_by(stacked.c.split_no)


def _stacked(stack: Stack, keys: Sequence[Key]) -> sa.Subquery:
    read = stack.select(lambda relation: [key.of(relation).element.label(f"x{i}") for i, key in enumerate(keys)])
    stacked: sa.Subquery = read.subquery("stacked")
    return stacked


def _counts(stack: Stack, keys: Sequence[Key], measured: Collection[str]) -> sa.CompoundSelect[Any]:
    """Return the rows, and of each column the known and the different values: of each split, and (-1) over all."""
    stacked = _stacked(stack, keys)
    counts: list[sa.ColumnElement[Any]] = [sa.func.count().label("row_count")]
    for i, key in enumerate(keys):
        x = stacked.c[f"x{i}"]
        different = sa.func.count(x if key.name in measured else sa.distinct(x))
        counts += [sa.func.count(x).label(f"known_{i}"), different.label(f"distinct_{i}")]
    by_split = sa.select(stacked.c.split_no, *counts).group_by(stacked.c.split_no)
    return sa.union_all(by_split, sa.select(sa.literal_column("-1", sa.Integer()), *counts))
