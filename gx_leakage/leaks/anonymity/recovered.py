"""Which anonymised columns are a hash of a reference value, or the reference column in another form.

Images are told by counts over all rows, in the database. Hashes are computed in this process, of distinct values alone,
for few databases have all of them: what more values there are than :data:`MOST_VALUES` is said.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from gx_leakage.errors import CouldNotCheckError, EmptySplitError
from gx_leakage.leaks.association.exact import UNLIKELY, Column, in_order, lines
from gx_leakage.splits.relations import Relations
from gx_leakage.sql.dialects import as_text
from gx_leakage.sql.keys import NUMBERS, TIMES, Family, Key
from gx_leakage.sql.values import plain, rounded

__all__ = ["Pair", "Recovery", "gather"]

MOST_VALUES = 100_000
"""Distinct values of a column that are compared by their hashes."""

ONE_TO_ONE = "one-to-one"

_ORDERED = NUMBERS | TIMES | {Family.TEXT, Family.TIME}
_COMPARED = _ORDERED | {Family.BOOLEAN, Family.UUID, Family.BINARY}
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class Pair:
    """An anonymised column, and what it says of a reference column."""

    column: str
    reference: str
    relation: str | None
    """``"md5"`` and the like, ``"line"``, ``"order"``, ``"one-to-one"``; None where nothing is recovered."""
    share: float
    """The share of the anonymised column's values that are recovered: 1 for an image."""
    detail: str = ""
    """The line, the steps of an order, or how long a hash is."""
    capped: bool = False
    """Whether there are more distinct values than were hashed."""
    together: bool = True
    """Whether some row has both: without one only hashes can be compared."""


@dataclass(frozen=True)
class Recovery:
    """Evidence of what can be recovered."""

    splits: tuple[tuple[str, int, int], ...]
    """The name of each split, its rows, and those in which no anonymised column is known."""
    pairs: tuple[Pair, ...]


def gather(
    relations: Relations, *, anonymised: Sequence[str], references: Sequence[str], hashes: Sequence[str]
) -> Recovery:
    """Return what of the anonymised columns gives reference columns away, over the rows of all splits.

    Args:
        relations: One or more splits.
        anonymised: The columns that hide something.
        references: The columns that must not be recovered by them.
        hashes: Names of hash functions, as :mod:`hashlib` has them.
    """
    unknown = [name for name in hashes if name not in hashlib.algorithms_available or name.startswith("shake")]
    if unknown:
        raise CouldNotCheckError(f"hashes knows no '{unknown[0]}': give names of hashlib, such as 'md5' or 'sha256'.")
    both = [name for name in anonymised if name in references]
    if both:
        raise CouldNotCheckError(f"column '{both[0]}' is anonymised and a reference at once: leave it out of one.")
    columns = [*dict.fromkeys(anonymised), *dict.fromkeys(references)]
    stack = relations.stack(columns)
    keys = dict(zip(columns, relations.keys(stack, columns), strict=True))
    for key in keys.values():
        if not key.families <= _COMPARED:
            raise CouldNotCheckError(f"column '{key.name}' holds values that can be neither hashed nor ordered.")
    names = {column: f"c{i}" for i, column in enumerate(columns)}
    statement = stack.select(lambda of: [key.of(of).element.label(names[c]) for c, key in keys.items()])
    with relations.engine.shared(statement) as rows:
        splits = _splits(relations, rows, [names[c] for c in dict.fromkeys(anonymised)])
        for column in columns:
            if not _rows(relations, rows, [names[column]]):
                raise CouldNotCheckError(f"no row of any split has a value of '{column}': nothing could be checked.")
        pairs = tuple(
            _pair(relations, rows, (keys[c], names[c]), (keys[r], names[r]), hashes)
            for c in dict.fromkeys(anonymised)
            for r in dict.fromkeys(references)
        )
    return Recovery(splits, pairs)


def _splits(relations: Relations, rows: sa.FromClause, names: Sequence[str]) -> tuple[tuple[str, int, int], ...]:
    none = sa.and_(*(rows.c[name].is_(None) for name in names))
    found = relations.fetch(
        sa.select(rows.c.split_no, sa.func.count(), sa.func.sum(sa.case((none, 1), else_=0))).group_by(rows.c.split_no)
    )
    counts = {int(no): (int(count), int(unknown)) for no, count, unknown in found}
    for i, name in enumerate(relations.names):
        if i not in counts:
            raise EmptySplitError(name)
    return tuple((name, *counts[i]) for i, name in enumerate(relations.names))


def _rows(relations: Relations, rows: sa.FromClause, names: Sequence[str]) -> int:
    known = [rows.c[name].is_not(None) for name in names]
    return int(relations.fetch(sa.select(sa.func.count()).select_from(rows).where(*known))[0][0])


def _pair(
    relations: Relations, rows: sa.FromClause, hidden: tuple[Key, str], known: tuple[Key, str], hashes: Sequence[str]
) -> Pair:
    (key, x), (of, y) = hidden, known
    names = key.name, of.name
    count = _rows(relations, rows, [x, y])
    hashed = None
    capped = False
    if key.families <= {Family.TEXT, Family.BINARY, Family.UUID} and of.families.isdisjoint({Family.BINARY}):
        hashed, capped = _hashed(relations, rows, x, y, names, hashes)
    if hashed is not None:
        return hashed
    if count and key.families <= NUMBERS and of.families <= NUMBERS:
        on_line = lines(relations, _known(rows, x, y).subquery("known"), [Column(key, "x", count)], [])
        if key.name in on_line:
            return Pair(*names, "line", 1.0, on_line[key.name], capped)
    if count and key.families <= _ORDERED and of.families <= _ORDERED:
        column = Column(key, "x", count)
        base = _known(rows, x, y).subquery("known")
        # By its places, so that times and texts are compared as numbers are.
        ranked = sa.select(
            sa.func.dense_rank().over(order_by=base.c.x).label("x"),
            sa.func.dense_rank().over(order_by=base.c.y).label("y"),
        ).subquery("ranked")
        ordered = in_order(relations, ranked, [(column, True), (column, False)])
        if key.name in ordered:
            return Pair(*names, "order", 1.0, f"{ordered[key.name].steps:,} steps", capped)
    if _one_to_one(relations, rows, x, y):
        return Pair(*names, ONE_TO_ONE, 1.0, capped=capped)
    return Pair(*names, None, 0.0, capped=capped, together=count > 0)


def _known(rows: sa.FromClause, x: str, y: str) -> sa.Select[Any]:
    both = rows.c[x].label("x"), rows.c[y].label("y")
    return sa.select(*both).where(rows.c[x].is_not(None), rows.c[y].is_not(None))


def _one_to_one(relations: Relations, rows: sa.FromClause, x: str, y: str) -> bool:
    """Return whether each value stands for one of the other column, in more rows than chance puts together.

    Where no value is repeated any two columns are one to one. So the ways to give these sizes of groups to the rows
    are counted, and the ways to name the groups.
    """
    known = _known(rows, x, y).subquery("known")
    cells = sa.select(known.c.x, known.c.y, sa.func.count().label("n")).group_by(known.c.x, known.c.y).subquery("cells")
    distinct = sa.func.count(sa.distinct(cells.c.x)), sa.func.count(sa.distinct(cells.c.y)), sa.func.count()
    of_x, of_y, pairs = (int(value) for value in relations.fetch(sa.select(*distinct))[0])
    if not of_x == of_y == pairs > 1:
        return False
    sizes = relations.fetch(sa.select(cells.c.n, sa.func.count()).group_by(cells.c.n))
    total = sum(int(size) * int(count) for size, count in sizes)
    ways = math.lgamma(total + 1) - math.fsum(int(count) * math.lgamma(int(size) + 1) for size, count in sizes)
    return math.lgamma(pairs + 1) - ways <= math.log(UNLIKELY)


def _distinct(relations: Relations, rows: sa.FromClause, name: str) -> tuple[set[str], bool]:
    value = rows.c[name]
    written = value if isinstance(value.type, (sa.LargeBinary, sa.BINARY, sa.VARBINARY)) else as_text(value)
    text = sa.select(written.label("v")).where(value.is_not(None)).distinct().subquery("texts")
    found = relations.fetch(sa.select(text.c.v).order_by(text.c.v).limit(MOST_VALUES + 1))
    return {str(plain(one)) for (one,) in found[:MOST_VALUES]}, len(found) > MOST_VALUES


def _hashed(
    relations: Relations, rows: sa.FromClause, x: str, y: str, names: tuple[str, str], hashes: Sequence[str]
) -> tuple[Pair | None, bool]:
    """Return which hash, or beginning of one, the hidden values are of a reference value; and whether some were left.

    A match is no chance where as many random values of that length as there are would hardly match once.
    """
    written, some_left = _distinct(relations, rows, x)
    hidden = {one.lower().replace("-", "") for one in written}
    by_length: dict[int, set[str]] = {}
    for one in hidden:
        if _HEX.issuperset(one):
            by_length.setdefault(len(one), set()).add(one)
    if not by_length:
        return None, False
    values, more_left = _distinct(relations, rows, y)
    capped = some_left or more_left
    best: tuple[int, str, str] | None = None
    for name in hashes:
        digests = [hashlib.new(name, value.encode(), usedforsecurity=False).hexdigest() for value in values]
        for length, of_length in by_length.items():
            chance = len(of_length) * len(values) * len(hashes) / 16.0**length
            if chance > UNLIKELY or not digests or length > len(digests[0]):
                continue
            matched = len(of_length & {digest[:length] for digest in digests})
            if matched and (best is None or matched > best[0]):
                whole = "" if length == len(digests[0]) else f"the first {length} characters"
                best = matched, name, whole
    if best is None:
        return None, capped
    matched, name, whole = best
    return Pair(*names, name, rounded(matched / len(hidden)), whole, capped), capped
