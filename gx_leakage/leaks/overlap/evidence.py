"""Which keys occur in more than one split: one statement for all pairs of any number of splits.

The rows of all splits are grouped by key once, counting each split's rows beside each other. Keys that occur in
the same splits are then added up, so that what is compared pair by pair is a handful of patterns, and no key is
ever joined: NULL equals NULL where that is asked for, as it does in every GROUP BY.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from gx_leakage.errors import CouldNotCheckError, NoValuesError
from gx_leakage.leaks.overlap import coincidence
from gx_leakage.leaks.overlap.coincidence import MOST_ORDERED, Coincidence, Rule, order_of
from gx_leakage.leaks.overlap.constants import Conflict, conflicts
from gx_leakage.leaks.overlap.damage import Damage, look_up
from gx_leakage.splits.few import few_of
from gx_leakage.splits.relations import LeakedRows, Relations, Stack
from gx_leakage.sql.dialects import digest, numbers
from gx_leakage.sql.keys import NUMBERS, Family, Key

__all__ = ["Overlap", "Pair", "SplitOverlap", "choose", "gather", "leaked_rows", "statement"]


@dataclass(frozen=True)
class SplitOverlap:
    """What one split shares with the others: numbers of rows, and of distinct keys."""

    name: str
    rows: int
    null_keys: int
    keys: int
    shared_keys: int
    shared_rows: int
    conflicting_rows: int
    """Shared rows whose key has different values of ``disagree_on``."""


@dataclass(frozen=True)
class Pair:
    """Two splits that share keys, and how many rows of each have one of those keys."""

    splits: tuple[str, str]
    keys: int
    rows: tuple[int, int]


@dataclass(frozen=True)
class Overlap:
    """Evidence of keys that occur in more than one split."""

    columns: tuple[str, ...]
    splits: tuple[SplitOverlap, ...]
    pairs: tuple[Pair, ...]
    shared_keys: int
    samples: tuple[tuple[Any, ...], ...]
    """The smallest shared keys, NULL first, at most as many as asked for."""
    left_out: dict[str, list[str]]
    """Columns that were not compared, because a split lacks them, by the splits that have them."""
    unique_columns: tuple[str, ...]
    """Columns of which no value occurs twice, looked for where nothing is shared: they rule sharing out.

    Of numbers with fractions, only where no others are so.
    """
    leaked_rows_query: str | None
    incomparable: tuple[str, ...] = ()
    """Columns that all splits have, and of which values cannot be compared, not even as text."""
    single_columns: tuple[str, ...] = ()
    """Columns that some split holds as floats of 32 bits, and so are compared as such."""
    damage: Damage | None = None
    """What a look-up table of train would answer, where a train split shares keys."""
    coincidence: Coincidence | None = None
    """What chance explains of that, where it was asked for and something is shared."""
    conflicts: tuple[Conflict, ...] = ()
    """Columns that differ within a few keys only, where those of groups are shared."""


def gather(
    relations: Relations,
    *,
    columns: Sequence[str] | None,
    exclude: Sequence[str] = (),
    normalize: Sequence[str] = (),
    null_is_a_value: bool = False,
    disagree_on: str | None = None,
    answer: str | None = None,
    significance: float | None = None,
    samples: int = 20,
    train: str = "train",
) -> Overlap:
    """Return which keys several splits share.

    Args:
        relations: The splits.
        columns: The columns of the key; None for all that the splits have in common.
        exclude: Columns that are not part of the key.
        normalize: See :data:`gx_leakage.sql.keys.NORMALIZATIONS`.
        null_is_a_value: Whether NULL equals NULL; otherwise a key with a NULL is unknown and equals nothing.
        disagree_on: A column of which shared keys may have different values, which is counted.
        answer: The target, to measure how right a look-up of a shared key's target in train would be.
        significance: How probable chance may make shared keys that it does not explain; None where every one leaks.
        samples: How many shared keys to return.
        train: The split that the others must not share with; the rows of all others are judged.
    """
    relations.require_several()
    chosen, left_out = choose(relations, columns, [*exclude, *([disagree_on] if disagree_on else [])], null_is_a_value)
    read = list(dict.fromkeys([*chosen, *(name for name in (disagree_on, answer) if name)]))
    stack = relations.stack(read)
    keys = relations.keys(stack, chosen, normalize, lenient=columns is None, identical=null_is_a_value)
    label = relations.keys(stack, [disagree_on])[0] if disagree_on else None
    rows = relations.fetch(statement(stack, keys, null_is_a_value, label, samples))

    splits, pairs, found = _read(relations.names, rows, keys)
    _refuse_rounding(relations, stack, keys, rows)
    for split in splits:
        if split.rows and split.rows == split.null_keys:
            raise NoValuesError(chosen, split.name)
    clean = not pairs
    chance = None
    sizes = [split.rows for split in splits]
    if pairs and significance and coincidence.known(sum(sizes), any(split.rows > split.keys for split in splits)):
        chance = coincidence.judged(relations, stack, keys, sizes, significance, samples)
        found = _sorted(list(chance.samples))
    rule = chance.rule if chance else None
    damage = None
    if train in relations.names and any(train in pair.splits for pair in pairs):
        no = relations.names.index(train)
        answered = sum(pair.rows[1 - pair.splits.index(train)] for pair in pairs if train in pair.splits)
        known = None
        if answer is not None:
            known = look_up(relations, stack, keys, relations.keys(stack, [answer])[0], null_is_a_value, no)
        damage = Damage(answered, sum(s.rows for i, s in enumerate(splits) if i != no), known)
    return Overlap(
        columns=tuple(chosen),
        splits=splits,
        pairs=pairs,
        shared_keys=sum(int(row[3] or 0) for row in rows if row[0] == "shared"),
        samples=found,
        left_out=left_out,
        unique_columns=_unique_columns(relations, stack, keys, splits) if clean and null_is_a_value else (),
        leaked_rows_query=None
        if clean or (chance is not None and not chance.keys)
        else relations.query(lambda: _leaked(keys, null_is_a_value, relations.judged(train), rule)),
        incomparable=tuple(n for n in relations.common_columns() if any(n in of for of in left_out.values())),
        single_columns=tuple(key.name for key in keys if key.single),
        damage=damage,
        coincidence=chance,
        conflicts=conflicts(relations, chosen, normalize) if pairs and not null_is_a_value else (),
    )


def statement(
    stack: Stack, keys: Sequence[Key], null_is_a_value: bool, label: Key | None, samples: int
) -> sa.CompoundSelect[Any]:
    """Return the one statement: rows of kind ``sample``, ``split``, ``pair`` and ``shared``."""
    count = len(stack.names)
    names = [f"k{i}" for i in range(len(keys))]

    def read(relation: sa.FromClause) -> list[sa.ColumnElement[Any]]:
        columns: list[sa.ColumnElement[Any]] = [
            key.of(relation).label(name) for key, name in zip(keys, names, strict=True)
        ]
        if label is not None:
            columns.append(label.of(relation).label("label"))
        inexact = [flag for key in keys if (flag := key.inexact(relation)) is not None]
        if any_mixed:
            columns.append(
                (sa.func.coalesce(_either(inexact), 0) if inexact else sa.literal_column("0")).label("inexact")
            )
        return columns

    any_mixed = any(key.inexact(scan.relation) is not None for key in keys for scan in stack.scans)
    stacked = stack.select(read).subquery("stacked")

    by_key = [stacked.c[name] for name in names]
    in_split = [
        sa.func.count(sa.case((stacked.c.split_no == sa.literal_column(str(i)), 1))).label(f"n{i}")
        for i in range(count)
    ]
    extra = []
    if label is not None:
        differs = sa.func.min(stacked.c.label) < sa.func.max(stacked.c.label)
        extra.append(sa.case((differs, 1), else_=0).label("conflict"))
    if any_mixed:
        extra.append(sa.func.max(stacked.c.inexact).label("inexact"))
    by_key_cte = sa.select(*by_key, *in_split, *extra).group_by(*by_key).cte("by_key")

    n = [by_key_cte.c[f"n{i}"] for i in range(count)]
    present = [sa.case((column > 0, 1), else_=0) for column in n]
    zero = sa.literal_column("0", sa.Integer())
    unknown = (
        zero if null_is_a_value else sa.case((sa.or_(*(by_key_cte.c[name].is_(None) for name in names)), 1), else_=0)
    )
    flagged = sa.select(
        *(flag.label(f"p{i}") for i, flag in enumerate(present)),
        _sum(present).label("splits"),
        unknown.label("unknown"),
        (by_key_cte.c.conflict if label is not None else zero).label("conflict"),
        (by_key_cte.c.inexact if any_mixed else zero).label("inexact"),
        *n,
    ).subquery("flagged")
    by = [
        *(flagged.c[f"p{i}"] for i in range(count)),
        *(flagged.c[c] for c in ("splits", "unknown", "conflict", "inexact")),
    ]
    patterns = (
        sa.select(
            *by,
            sa.func.count().label("keys"),
            *(sa.func.sum(flagged.c[f"n{i}"]).label(f"n{i}") for i in range(count)),
        )
        .group_by(*by)
        .cte("patterns")
    )

    def of_split(prefix: str, no: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
        return sa.case(
            *((no == sa.literal_column(str(i)), patterns.c[f"{prefix}{i}"]) for i in range(count)), else_=zero
        )

    shared = sa.and_(patterns.c.splits > 1, patterns.c.unknown == 0)

    def total(value: sa.ColumnElement[Any], *where: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        return sa.func.sum(sa.case((sa.and_(*where), value), else_=zero) if where else value)

    a = numbers(count, "a")
    rows_a, in_a = of_split("n", a.c.no), of_split("p", a.c.no)
    always = sa.literal_column("1") == sa.literal_column("1")
    null = sa.null()
    empty_key = [null for _ in names]
    per_split = sa.select(
        sa.literal_column("'split'", sa.Text()),
        a.c.no,
        null,
        total(patterns.c["keys"], in_a == 1, patterns.c.unknown == 0),
        total(rows_a),
        total(rows_a, patterns.c.unknown == 1),
        total(patterns.c["keys"], in_a == 1, shared),
        total(rows_a, shared),
        total(rows_a, shared, patterns.c.conflict == 1),
        *empty_key,
    )
    per_split = per_split.select_from(patterns.join(a, always)).group_by(a.c.no)

    b = numbers(count, "b")
    in_b, rows_b = of_split("p", b.c.no), of_split("n", b.c.no)
    per_pair = (
        sa.select(
            sa.literal_column("'pair'", sa.Text()),
            a.c.no,
            b.c.no,
            sa.func.sum(patterns.c["keys"]),
            sa.func.sum(rows_a),
            sa.func.sum(rows_b),
            null,
            null,
            null,
            *empty_key,
        )
        .select_from(patterns.join(a, always).join(b, a.c.no < b.c.no))
        .where(shared, in_a == 1, in_b == 1)
        .group_by(a.c.no, b.c.no)
    )
    overall = sa.select(
        sa.literal_column("'shared'", sa.Text()),
        null,
        null,
        total(patterns.c["keys"], shared),
        sa.func.max(patterns.c.inexact),
        null,
        null,
        null,
        null,
        *empty_key,
    )
    known = [] if null_is_a_value else [by_key_cte.c[name].is_not(None) for name in names]
    sampled = (
        sa.select(*(by_key_cte.c[name] for name in names))
        .where(_sum(present) > 1, *known)
        .order_by(*order_of([by_key_cte.c[name] for name in names[:MOST_ORDERED]], null_is_a_value))
        .limit(samples)
        .subquery("sampled")
    )
    # First, because the first SELECT of a UNION gives the columns their names and the keys their types.
    per_sample = sa.select(
        sa.literal_column("'sample'", sa.Text()).label("kind"),
        *(sa.cast(null, sa.Integer()).label(name) for name in ("a", "b")),
        *(
            sa.cast(null, sa.BigInteger()).label(name)
            for name in ("keys", "rows_a", "rows_b", "shared_keys", "shared_rows", "conflicting_rows")
        ),
        *(sampled.c[name] for name in names),
    )
    return sa.union_all(per_sample, per_split, per_pair, overall)


def leaked_rows(
    relations: Relations,
    side: str,
    *,
    columns: Sequence[str] | None = None,
    exclude: Sequence[str] = (),
    normalize: Sequence[str] = (),
    null_is_a_value: bool = False,
    disagree_on: str | None = None,
    significance: float | None = None,
    train: str = "train",
    **_: Any,
) -> LeakedRows:
    """Return how the rows are found whose key is in another split, of the judged splits or of train."""
    chosen, _left_out = choose(relations, columns, [*exclude, *([disagree_on] if disagree_on else [])], null_is_a_value)
    stack = relations.stack(chosen)
    keys = relations.keys(stack, chosen, normalize, lenient=columns is None, identical=null_is_a_value)
    rule = coincidence.rule(relations, stack, keys, significance) if significance else None
    found = _leaked(keys, null_is_a_value, relations.on_side(side, train), rule)
    if rule is not None and not coincidence.holds_copies(relations, stack, keys, rule):
        # Rows that chance makes equal need not stay together.
        return replace(found, together=())
    return found


def _leaked(keys: Sequence[Key], null_is_a_value: bool, of: Sequence[int], rule: Rule | None) -> LeakedRows:
    names = [f"key_{i}_" for i in range(len(keys))]
    weigh = rule is not None and not rule.more_than_within

    def marks(relation: sa.FromClause) -> list[sa.ColumnElement[Any]]:
        return [key.of(relation).label(name) for key, name in zip(keys, names, strict=True)]

    def keep(stacked: sa.FromClause) -> tuple[sa.FromClause, list[Any]]:
        by = [digest(stacked.c[name]) for name in names]
        first = sa.func.row_number().over(partition_by=by, order_by=stacked.c.split_no)
        marked = sa.select(
            stacked,
            sa.func.min(stacked.c.split_no).over(partition_by=by).label("first_split_"),
            sa.func.max(stacked.c.split_no).over(partition_by=by).label("last_split_"),
            *([first.label("occurrence_")] if weigh else []),
        ).subquery("marked")
        known = [] if null_is_a_value else [marked.c[name].is_not(None) for name in names]
        leaked = [marked.c.first_split_ < marked.c.last_split_, marked.c.split_no.in_(list(of))]
        if rule is None or not weigh:
            return marked, [*leaked, *known]
        # Each distinct row counts once: so often as its first occurrence.
        once = sa.case((marked.c.occurrence_ == 1, 1), else_=0)
        of_value = [
            sa.func.sum(once).over(partition_by=digest(marked.c[names[i]])).label(f"count_{i}_") for i in rule.columns
        ]
        counted = sa.select(marked, *of_value).subquery("counted")
        values = [counted.c[names[i]] for i in rule.columns]
        counts = [counted.c[f"count_{i}_"] for i in rule.columns]
        leaked = [counted.c.first_split_ < counted.c.last_split_, counted.c.split_no.in_(list(of))]
        return counted, [*leaked, rule.product(values, counts) <= rule.largest]

    return LeakedRows(marks, keep, tuple(names), null_is_a_value)


def choose(
    relations: Relations, columns: Sequence[str] | None, exclude: Sequence[str], identical: bool
) -> tuple[list[str], dict[str, list[str]]]:
    """Return the columns to compare, and by split those that are left out because a split lacks them.

    Raises:
        CouldNotCheckError: there is no such column, or none is left.
    """
    existing = relations.columns()
    if columns is not None:
        relations.require([*columns, *exclude])
        return [name for name in columns if name not in exclude], {}
    everywhere = relations.comparable_columns(identical=identical)
    chosen = [name for name in everywhere if name not in exclude]
    for name in exclude:
        if not any(name in names for names in existing.values()):
            relations.require([name])
    if not chosen:
        raise CouldNotCheckError(f"no column is left to compare: {_names(everywhere)} are excluded.")
    left_out = {
        split: [name for name in names if name not in everywhere and name not in exclude]
        for split, names in existing.items()
    }
    return chosen, {split: names for split, names in left_out.items() if names}


def _names(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) or "none"


def _read(
    names: Sequence[str], rows: Sequence[Any], keys: Sequence[Key]
) -> tuple[tuple[SplitOverlap, ...], tuple[Pair, ...], tuple[tuple[Any, ...], ...]]:
    splits = {i: SplitOverlap(name, 0, 0, 0, 0, 0, 0) for i, name in enumerate(names)}
    pairs, samples = [], []
    for row in rows:
        kind, a, b, *numbers_ = row[:9]
        if kind == "sample":
            samples.append(tuple(key.shown(value) for key, value in zip(keys, row[9:], strict=True)))
            continue
        count, rows_a, rows_b, shared_keys, shared_rows, conflicting = (int(number or 0) for number in numbers_)
        if kind == "split":
            splits[a] = SplitOverlap(names[a], rows_a, rows_b, count, shared_keys, shared_rows, conflicting)
        elif kind == "pair":
            pairs.append((a, b, Pair((names[a], names[b]), count, (rows_a, rows_b))))
    ordered = tuple(pair for _, _, pair in sorted(pairs, key=lambda found: found[:2]))
    return tuple(splits[i] for i in range(len(names))), ordered, _sorted(samples)


def _sorted(samples: list[tuple[Any, ...]]) -> tuple[tuple[Any, ...], ...]:
    """Sort again: a UNION need not keep the order of the branch that the samples come from."""

    def order(value: Any) -> tuple[Any, ...]:
        if value is None:
            return (0,)
        # SQLite keeps values of several types in one column.
        return (2, value.encode("utf-8", "surrogatepass")) if isinstance(value, str) else (1, value)

    return tuple(sorted(samples, key=lambda sample: tuple(order(value) for value in sample)))


def _refuse_rounding(relations: Relations, stack: Stack, keys: Sequence[Key], rows: Sequence[Any]) -> None:
    if not any(row[0] == "shared" and row[4] for row in rows):
        return
    # Which of several columns it is takes another look.
    risky = [key for key in keys if any(key.inexact(scan.relation) is not None for scan in stack.scans)]
    found: Sequence[Any] = [1]
    if len(risky) > 1:

        def flags(relation: sa.FromClause) -> list[sa.ColumnElement[Any]]:
            of_keys = [key.inexact(relation) for key in risky]
            return [(sa.literal_column("0") if f is None else f).label(f"f{i}") for i, f in enumerate(of_keys)]

        flagged = stack.select(flags).subquery("flagged")
        found = relations.fetch(sa.select(*(sa.func.max(flagged.c[f"f{i}"]) for i in range(len(risky)))))[0]
    key = next(key for key, flag in zip(risky, found, strict=True) if flag)
    raise key.rounded({name: stack.relation_of(i).c[key.name].type for i, name in enumerate(relations.names)})


def _unique_columns(
    relations: Relations, stack: Stack, keys: Sequence[Key], splits: Sequence[SplitOverlap]
) -> tuple[str, ...]:
    rows = sum(split.rows for split in splits)
    if rows < 2 or sum(split.keys for split in splits) < rows:
        return ()  # some rows are equal on all columns, so no column is unique

    def stacked(of: Sequence[Key]) -> sa.Subquery:
        read = stack.select(lambda relation: [key.of(relation).label(f"k{i}") for i, key in enumerate(of)])
        rows_of_all: sa.Subquery = read.subquery("stacked")
        return rows_of_all

    def unique(of: Sequence[Key], among: sa.FromClause, *within: sa.ColumnElement[bool]) -> list[Key]:
        counts = (sa.func.count(sa.distinct(among.c[f"k{i}"])) for i in range(len(of)))
        size, *found = relations.fetch(sa.select(sa.func.count(), *counts).select_from(among).where(*within))[0]
        return [key for key, count in zip(of, found, strict=True) if int(count) == int(size)]

    # A column with repeated values in a few rows, or in the smallest split, is out: the costly count is for few.
    every = stacked(keys)
    few = few_of(every, {f"k{i}": key for i, key in enumerate(keys)}, rows)
    smallest = min(range(len(splits)), key=lambda i: splits[i].rows)
    candidates = unique(keys, few) if few is not None else unique(keys, every, every.c.split_no == smallest)
    # What names rows comes first: where it does, measurements that are unique besides are not what to look at.
    measured = [key for key in candidates if key.families and key.families <= NUMBERS - {Family.INTEGER}]
    for some in ([key for key in candidates if key not in measured], measured):
        if some and (found := unique(some, stacked(some))):
            return tuple(key.name for key in found)
    return ()


def _sum(columns: Sequence[sa.ColumnElement[int]]) -> sa.ColumnElement[int]:
    total = columns[0]
    for column in columns[1:]:
        total = total + column
    return total


def _either(flags: Sequence[sa.ColumnElement[int]]) -> sa.ColumnElement[int]:
    return flags[0] if len(flags) == 1 else sa.case((sa.or_(*(flag == 1 for flag in flags)), 1), else_=0)
