"""Rows that splits share by coincidence, because columns are coarse, and rows that chance does not make equal.

Two questions are asked of all distinct rows, the same row in two splits being one of them.

*Do splits share more than they would if rows had been dealt out at random?* A row that occurs twice is then in two
splits with probability 1 - sum(q^2), q being the splits' shares of all rows. One that was copied from split to split
always is, so that more of them are than the binomial distribution has it. Rows that occur more often say less: they are
in several splits anyway.

*Do the values that agree carry more bits than chance agreement does?* A value that a share f of the distinct rows has
carries log2(1/f) bits: the weight of an agreement in record linkage (Fellegi and Sunter 1969, with the frequency of the
value as u), where a missing value carries none. Among so many pairs of rows the best agreement by chance has
log2(pairs) bits (the birthday problem). But columns depend on one another, and their sum overstates what they say
together. So (1) a column that another one tells already counts for nothing, and (2) what chance reaches is measured
where it is known to be chance: at those two *different* rows of a sample that agree most, though not in all. A coarse
table is full of rows that differ in one value; a copy stands alone. Agreement that is d bits beyond theirs, and beyond
log2(pairs), has a probability of 2^-d.

Both are one p-value: their product. Where a split is made at random of a table that holds a row twice, the first
question says nothing, and the second decides.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from scipy import stats

from gx_leakage.splits.relations import Relations, Stack
from gx_leakage.sql.dialects import by_bytes, digest, real
from gx_leakage.sql.keys import Key
from gx_leakage.sql.values import plain

__all__ = ["Coincidence", "Rule", "judged", "known", "order_of", "rule"]

FEWEST_ROWS = 50
"""With fewer rows in all splits nothing is known of what chance does, and no shared row is explained by it."""
FEWEST_REPEATING = 20
"""The same, where a split holds some row twice, which shows what chance does."""

USUAL_COLUMNS = 24
"""The columns that say most are looked at; more where these say less than :data:`ENOUGH`, as of flags."""
ENOUGH = 3
"""So many times the bits by which pairs of rows are told apart."""
LARGEST = 300
"""Digits of the product of the columns' frequencies, which has to be a float."""

MOST_ORDERED = 50
"""How many columns of a key rows are ordered by: those of wide tables would be more than PostgreSQL sorts by."""

MOST_LOOKED_AT = 60
"""Of so many columns at most it is asked whether others tell them."""

SAMPLE = 1_000
"""How many distinct rows are compared with one another."""

RUN = 10
"""They are taken as runs of so many neighbours, so that rows that agree in much are not sampled apart."""

REDUNDANT = 0.5
"""Where two rows agree on a column, one that then has less than this share of its bits left is told by it."""
FEWEST_AGREEING = 20
"""Pairs of rows that have to agree on a column for that to be known."""
SAME_ORDER = 0.999
"""Numbers whose ranks correlate so are one, as a wage and its logarithm."""

LONG_TEXTS = (100, 40)
"""A text of so many characters carries as many bits at least, where nearly every row has its own: written English has
one to 1.3 bits a character (Shannon 1951, Bell System Technical Journal 30)."""
MOST_TEXTS = 8
"""Of so many columns of such texts at most it is counted: the product of more is too small for a float."""
FREE_TEXT = 0.9
"""The share of different values that a column of such texts has."""


@dataclass(frozen=True)
class Rule:
    """Which of the shared rows chance does not explain."""

    columns: tuple[int, ...]
    """Positions of the columns that count, those first that say most."""
    texts: frozenset[int]
    """Those of them that hold free texts."""
    distinct: int
    """Distinct rows of all splits."""
    compared: int
    """Those of them that were compared with one another, to know what chance reaches."""
    reached: float
    """The bits that chance agreement reaches."""
    needed: float
    """The bits that no chance agreement has."""
    twice: int
    """Distinct rows that occur twice."""
    split: int
    """Those of them that are in two splits."""
    expected: float
    """As many would be if rows were dealt out at random."""
    p_value: float
    significance: float

    @property
    def more_than_within(self) -> bool:
        """Whether splits share more than rows dealt out at random do: then coincidence explains none of them."""
        return self.p_value <= self.significance

    def product(self, values: Sequence[sa.ColumnElement[Any]], counts: Sequence[Any]) -> sa.ColumnElement[Any]:
        """Return the product over the columns of how many distinct rows have a row's value."""
        everything = real(sa.literal_column(str(self.distinct)))
        product: sa.ColumnElement[Any] | None = None
        for position, column, count in zip(self.columns, values, counts, strict=True):
            cases: list[Any] = [(column.is_(None), everything)]
            if position in self.texts:
                cases += [
                    (sa.func.char_length(column) >= long, real(sa.literal_column(repr(self.distinct * 0.5**long))))
                    for long in LONG_TEXTS
                ]
            factor = sa.case(*cases, else_=real(count))
            product = factor if product is None else product * factor
        return everything if product is None else product

    @property
    def largest(self) -> sa.ColumnElement[Any]:
        """The largest such product that chance does not explain."""
        return real(sa.literal_column(repr(self._scale * 0.5**self.needed)))

    @property
    def _scale(self) -> float:
        return float(self.distinct) ** max(len(self.columns), 1)

    def bits(self, product: float) -> float:
        """Return the bits that a product stands for."""
        return math.log2(self._scale) - math.log2(product)


@dataclass(frozen=True)
class Coincidence:
    """What chance explains of the rows that splits share."""

    rule: Rule
    columns: tuple[str, ...]
    """The columns that count, those first that say most."""
    leaked: tuple[int, ...]
    """Rows of each split that it does not explain."""
    keys: int
    """Distinct rows that it does not explain."""
    bits: float
    """The most that a shared row carries."""
    samples: tuple[tuple[Any, ...], ...]
    """The smallest of those distinct rows."""


def distinct_rows(stack: Stack, keys: Sequence[Key]) -> sa.Select[Any]:
    """Return each distinct row (``k0``, ``k1``, …) with how many rows each split has of it (``n0``, ``n1``, …)."""

    def read(relation: sa.FromClause) -> list[sa.ColumnElement[Any]]:
        return [key.of(relation).element.label(f"k{i}") for i, key in enumerate(keys)]

    stacked = stack.select(read).subquery("stacked")
    by = [stacked.c[f"k{i}"] for i in range(len(keys))]
    in_split = [
        sa.func.count(sa.case((stacked.c.split_no == sa.literal_column(str(i)), 1))).label(f"n{i}")
        for i in range(len(stack.names))
    ]
    return sa.select(*by, *in_split).group_by(*by)


def repeats(rows: sa.FromClause, splits: int) -> sa.Select[Any]:
    """Return how many distinct rows occur once, twice and more often, and how many of them in several splits."""
    of = [rows.c[f"n{i}"] for i in range(splits)]
    several = sa.case((_several(of), 1), else_=0).label("several")
    total = sa.case((_total(of) <= 2, _total(of)), else_=3).label("total")
    counted = sa.select(total, several).select_from(rows).subquery("counted")
    return sa.select(counted.c.total, sa.func.count(), sa.func.sum(counted.c.several)).group_by(counted.c.total)


def sample(rows: sa.FromClause, keys: int, distinct: int, counted: Sequence[int] | None = None) -> sa.Select[Any]:
    """Return distinct rows: runs of neighbours, as far apart from one another as leaves :data:`SAMPLE` of them.

    With ``counted``, positions of columns, it is their values alone, followed by how many distinct rows have each. Of
    rows that are equal in all columns that they are ordered by, these may be others than those of before.
    """
    values = [rows.c[f"k{i}"] for i in range(keys)]
    step = RUN * math.ceil(distinct / SAMPLE)
    place = sa.func.row_number().over(order_by=order_of(values[:MOST_ORDERED], True)).label("place")
    shown: list[sa.ColumnElement[Any]] = list(values)
    if counted is not None:
        counts = [sa.func.count().over(partition_by=digest(values[i])).label(f"c{i}") for i in counted]
        shown = [*(values[i] for i in counted), *counts]
    placed = sa.select(*shown, place).select_from(rows).subquery("placed")
    every = placed.c.place % sa.literal_column(str(step), sa.Integer())
    return sa.select(*(placed.c[value.name] for value in shown)).where(every < RUN).order_by(placed.c.place)


def weighed(rows: sa.FromClause, rule: Rule, splits: int) -> tuple[sa.Subquery, sa.ColumnElement[int]]:
    """Return the distinct rows with their ``product``, and a flag for those of them that have leaked."""
    values = [rows.c[f"k{i}"] for i in rule.columns]
    counts = [sa.func.count().over(partition_by=digest(value)).label(f"c{i}") for i, value in enumerate(values)]
    counted = sa.select(rows, *counts).subquery("counted")
    product = rule.product([counted.c[f"k{i}"] for i in rule.columns], [counted.c[f"c{i}"] for i in range(len(counts))])
    made = sa.select(counted, product.label("product")).subquery("weighed")
    several = _several([made.c[f"n{i}"] for i in range(splits)])
    unexplained = several if rule.more_than_within else sa.and_(several, made.c["product"] <= rule.largest)
    return made, sa.case((unexplained, 1), else_=0)


def leaked(rows: sa.FromClause, rule: Rule, splits: int) -> sa.Select[Any]:
    """Return the smallest product of a shared row, how many distinct rows have leaked, and rows of each split."""
    found, flag = weighed(rows, rule, splits)
    of = [found.c[f"n{i}"] for i in range(splits)]
    smallest = sa.func.min(sa.case((_several(of), found.c["product"])))
    sums: list[sa.ColumnElement[Any]] = [smallest, sa.func.sum(flag), *(sa.func.sum(flag * n) for n in of)]
    return sa.select(*sums)


def samples_of(rows: sa.FromClause, rule: Rule, splits: int, keys: int, most: int) -> sa.Select[Any]:
    """Return the smallest of the distinct rows that have leaked."""
    found, flag = weighed(rows, rule, splits)
    values = [found.c[f"k{i}"] for i in range(keys)]
    return sa.select(*values).where(flag == 1).order_by(*order_of(values[:MOST_ORDERED], True)).limit(most)


def judged(
    relations: Relations, stack: Stack, keys: Sequence[Key], sizes: Sequence[int], significance: float, samples: int
) -> Coincidence:
    """Return what chance explains of the rows that the splits, of the given sizes, share."""
    splits = len(stack.names)
    with relations.engine.shared(distinct_rows(stack, keys)) as rows:
        found = _rule(relations, rows, keys, sizes, significance)
        smallest, count, *of = relations.fetch(leaked(rows, found, splits))[0]
        shown: Sequence[Any] = []
        if samples and count:
            shown = relations.fetch(samples_of(rows, found, splits, len(keys), samples))
        return Coincidence(
            rule=found,
            columns=tuple(keys[i].name for i in found.columns),
            leaked=tuple(int(n or 0) for n in of),
            keys=int(count or 0),
            bits=found.bits(float(smallest)) if smallest else 0.0,
            samples=tuple(tuple(key.shown(v) for key, v in zip(keys, row, strict=True)) for row in shown),
        )


def known(rows: int, repeating: bool) -> bool:
    """Return whether so many rows, of which splits hold some twice or none, show what chance does."""
    return rows >= (FEWEST_REPEATING if repeating else FEWEST_ROWS)


def rule(relations: Relations, stack: Stack, keys: Sequence[Key], significance: float) -> Rule | None:
    """Return which of the shared rows chance does not explain; None with too few rows to tell."""
    with relations.engine.shared(distinct_rows(stack, keys)) as rows:
        of = [rows.c[f"n{i}"] for i in range(len(stack.names))]
        asked = [*(sa.func.sum(n) for n in of), *(sa.func.max(n) for n in of)]
        found = [int(count or 0) for count in relations.fetch(sa.select(*asked))[0]]
        sizes, most = found[: len(of)], found[len(of) :]
        return _rule(relations, rows, keys, sizes, significance) if known(sum(sizes), max(most) > 1) else None


def holds_copies(relations: Relations, stack: Stack, keys: Sequence[Key], rule: Rule) -> bool:
    """Return whether some row occurs twice, in one split or in several, that chance does not make equal."""
    splits = len(stack.names)
    with relations.engine.shared(distinct_rows(stack, keys)) as rows:
        found, _ = weighed(rows, rule, splits)
        repeated = _total([found.c[f"n{i}"] for i in range(splits)]) > 1
        telling = sa.and_(repeated, found.c["product"] <= rule.largest)
        count = relations.fetch(sa.select(sa.func.sum(sa.case((telling, 1), else_=0))))[0][0]
        return rule.more_than_within or bool(count)


def _rule(
    relations: Relations, rows: sa.FromClause, keys: Sequence[Key], sizes: Sequence[int], significance: float
) -> Rule:
    by_total = {int(t): (int(n), int(s)) for t, n, s in relations.fetch(repeats(rows, len(sizes)))}
    distinct = sum(count for count, _ in by_total.values())
    twice, split = by_total.get(2, (0, 0))
    apart = 1 - sum((size / sum(sizes)) ** 2 for size in sizes)
    p_value = float(stats.binom.sf(split - 1, twice, apart))

    taken = relations.fetch(sample(rows, len(keys), distinct))
    types = [rows.c[f"k{i}"].type for i in range(len(keys))]
    # What is only shown as a text, such as a time or a UUID, has no length in a database.
    of_text = {i for i, of in enumerate(types) if isinstance(of, sa.String) and not isinstance(of, sa.Enum)}
    pairs = math.log2(sum(sizes) ** 2 - sum(size**2 for size in sizes)) - 1
    values = _columns(taken)
    columns, texts = _telling(values, of_text, int(LARGEST / math.log10(max(10, distinct))), ENOUGH * pairs)
    values, counts = [values[i] for i in columns], None
    if len(taken) < distinct and columns:
        taken = relations.fetch(sample(rows, len(keys), distinct, columns))
        values = _columns([row[: len(columns)] for row in taken])
        counts = np.array([row[len(columns) :] for row in taken], dtype=float).T
    best = _best(values, counts, distinct)
    compared = math.log2(max(1.0, len(taken) * (len(taken) - 1) / 2))
    reached = max(best + max(0.0, pairs - compared), pairs)
    beyond = max(0.0, math.log2(max(p_value, 1e-300)) - math.log2(significance))
    return Rule(
        columns=columns,
        texts=texts,
        distinct=distinct,
        compared=len(taken),
        reached=reached,
        needed=reached + beyond,
        twice=twice,
        split=split,
        expected=twice * apart,
        p_value=p_value,
        significance=significance,
    )


def _columns(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    return [[plain(row[i]) for row in rows] for i in range(len(rows[0]) if rows else 0)]


def _telling(
    values: Sequence[Sequence[Any]], of_text: Collection[int], most: int, enough: float
) -> tuple[tuple[int, ...], frozenset[int]]:
    """Return the columns that count, those first that say most, and those of them that hold free texts.

    Those are left out that say nothing, or that another one tells.

    Args:
        values: By column, the values of some rows.
        of_text: The columns of texts.
        most: How many columns can be counted.
        enough: The bits beyond which no more than usual are.
    """
    codes = [_codes(of) for of in values]
    collision = [float(np.sum((np.bincount(code) / len(code)) ** 2)) for code in codes]
    telling = sorted((i for i in range(len(codes)) if codes[i].max() > 0), key=lambda i: (collision[i], i))
    agreeing: dict[int, Any] = {}
    ranks: dict[int, Any] = {}
    for i in telling[:MOST_LOOKED_AT]:
        said = -sum(math.log2(collision[k]) for k in agreeing)
        if len(agreeing) == most or (len(agreeing) >= USUAL_COLUMNS and said >= enough):
            break
        equal, rank = codes[i][:, None] == codes[i][None, :], _ranks(values[i])
        if not any(_tells(agreeing[k], equal, collision[i]) or _same_order(ranks[k], rank) for k in agreeing):
            agreeing[i], ranks[i] = equal, rank
    texts = [i for i in agreeing if codes[i].max() + 1 >= FREE_TEXT * len(codes[i]) and i in of_text]
    return tuple(agreeing), frozenset(texts[:MOST_TEXTS])


def _best(values: Sequence[Sequence[Any]], counts: Any, distinct: int) -> float:
    """Return the bits in which two different rows agree at most.

    Args:
        values: The columns that count.
        counts: By column, of how many distinct rows each row has the value; None where these are all of them.
        distinct: How many distinct rows there are.
    """
    bits: Any = np.zeros((1, 1))
    for i, column in enumerate(values):
        codes, known = _codes(column), np.array([value is not None for value in column])
        equal = codes[:, None] == codes[None, :]
        frequency = (equal.sum(axis=1) if counts is None else counts[i]) / distinct
        bits = bits + np.where(equal & known[:, None], -np.log2(frequency)[:, None], 0.0)
    np.fill_diagonal(bits, 0.0)
    return float(bits.max())


def _codes(values: Sequence[Any]) -> Any:
    seen: dict[Any, int] = {}
    return np.array([seen.setdefault(value, len(seen)) for value in values], dtype=np.int64)


def _ranks(values: Sequence[Any]) -> Any:
    """Return the ranks of numbers, missing ones lowest; None where there are other values."""
    if not all(value is None or isinstance(value, (int, float)) for value in values):
        return None
    found = stats.rankdata([-math.inf if value is None else value for value in values])
    return found - found.mean()


def _tells(one: Any, other: Any, collision: float) -> bool:
    """Return whether rows that agree on one column agree on the other as well, far more than others do."""
    pairs = (int(one.sum()) - len(one)) / 2
    both = (int((one & other).sum()) - len(one)) / 2
    return pairs >= FEWEST_AGREEING and both > 0 and math.log(both / pairs) > REDUNDANT * math.log(collision)


def _same_order(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return False
    scale = math.sqrt(float(one @ one) * float(other @ other))
    return scale > 0 and abs(float(one @ other)) > SAME_ORDER * scale


def _several(counts: Sequence[sa.ColumnElement[int]]) -> sa.ColumnElement[bool]:
    present = [sa.case((count > 0, 1), else_=0) for count in counts]
    several: sa.ColumnElement[bool] = _total(present) > 1
    return several


def _total(counts: Sequence[Any]) -> Any:
    total = counts[0]
    for count in counts[1:]:
        total = total + count
    return total


def order_of(columns: Sequence[sa.ColumnElement[Any]], with_nulls: bool) -> list[sa.ColumnElement[Any]]:
    """Return what rows are ordered by so that every engine has one order, NULL first."""
    order: list[sa.ColumnElement[Any]] = []
    for column in columns:
        if with_nulls:
            order.append(sa.case((column.is_(None), 0), else_=1))
        order.append(by_bytes(column) if isinstance(column.type, sa.String) else column)
    return order
