"""Columns that are the target in another form, without one exception: proofs, told from chance and from good features.

Against classes, a column is an image of the target by what its values, and its gaps, are to the classes. Against
numbers it is one by order: no two rows may be in one order by the target and in the other by the column. That finds
logarithms, powers, ranks and other units, and their roundings, which merge neighbours and never swap them. All rows
are looked at, and only counts come back; of numbers the least and the largest that a class has.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from gx_leakage.splits.precision import precisions
from gx_leakage.splits.relations import Relations
from gx_leakage.sql.blocks import in_blocks
from gx_leakage.sql.dialects import as_text, digest, neighbour, null_of, real
from gx_leakage.sql.keys import NUMBERS, Family, Key
from gx_leakage.sql.values import plain, rounded

__all__ = ["UNLIKELY", "Column", "Exact", "in_order", "lines", "of_classes", "of_numbers"]

UNLIKELY = 0.001
"""What rows in random order show with this probability is no proof: in six rows many things agree."""

MOST_CODES = 3
"""A column may have so many values more than two for each class; more may name groups, of which each has one class."""

SPIKE = 3
"""How many times as often as its other values a value occurs that stands out from a column of many values."""

FEWEST_IN_ORDER = 20
"""Rows, and steps that column and target take together: fewer may be in one order where both are merely close."""

FEWEST_CLASSES_IN_ORDER = 7
ROWS_A_STEP = 5

_MADE_OF = {
    (False, False): "monotone", (False, True): "rounded", (True, False): "rounding", (True, True): "one order",
}  # fmt: skip
"""What is in one order with the target, by whether it has steps of its own, and the target has."""

SAME = 1e-12
"""In relation to the numbers, a difference that is one of the last digit: logarithms differ by it between libraries."""

EXACT = 1e-6
"""How far from a straight line, in standard deviations of the target, is still on it: stored numbers are rounded."""

FEWEST_ON_A_LINE = 6
LARGEST = 1e300
ONE_VALUE = "one value"

_ASKED_FOR = NUMBERS | {Family.BOOLEAN, Family.TEXT}
"""Families of classes of which rows can be asked for by what was fetched."""


@dataclass(frozen=True)
class Column:
    """A column ``x`` of the rows that may be an image of the target."""

    key: Key
    x: str
    known: int
    """Rows in which it and the target are known."""
    flag: bool = False
    """Whether it is no value, but whether there is one."""

    @property
    def number(self) -> bool:
        """Whether it has an order that can be compared with that of numbers."""
        return not self.flag and bool(self.key.families) and self.key.families <= NUMBERS


@dataclass(frozen=True)
class Exact:
    """What of the target a column is an image of."""

    relation: str
    label: Any = None
    """The class that it stands for, where that is one."""
    where_known: bool = False
    """Whether that is so in the rows in which the column is known, and its gaps say nothing."""
    steps: int = 0
    """In how many steps column and target go up together."""
    own: Any = None
    """The value that it has where the target is the class, where that is one and a class can be asked for."""


@dataclass(frozen=True)
class _Class:
    """The rows of a class, and the values that a column has in these and in no others."""

    rows: int
    """Rows of the class in which the column is known."""
    own: int
    """Those whose value no other class has."""
    values: int
    """Such values."""
    most: int
    """Rows of the most frequent one."""
    single: int
    """Such values that occur in one row."""
    equal: int
    """Rows in which the value equals the class."""
    shared: float
    """Values that others have too, each in parts that add up to 1."""
    low: float | None
    high: float | None
    """Of numbers, the least and the largest of such values."""

    @property
    def one(self) -> bool:
        """Whether the column has one value in all its rows, and in no others; numbers but for the last digit."""
        if self.own < self.rows or not self.rows:
            return False
        if self.low is None or self.high is None:
            return self.values == 1
        return self.high - self.low <= SAME * (abs(self.low) + abs(self.high))


_NONE = _Class(0, 0, 0, 0, 0, 0, 0.0, None, None)


def of_classes(
    relations: Relations, rows: sa.FromClause, columns: Sequence[Column], label: Key, totals: Mapping[Any, int]
) -> dict[str, Exact]:
    """Return the columns that are images of classes.

    Args:
        relations: The splits.
        rows: Their rows, with the target as ``y``.
        columns: The columns that are looked at.
        label: The target's column.
        totals: The rows of each class.
    """
    found: dict[str, Exact] = {}
    for block in in_blocks(columns):
        by_class: list[dict[Any, _Class]] = [{} for _ in block]
        statements = [_values(rows, column, no, label) for no, column in enumerate(block)]
        for no, y, *counts, shared, low, high in _fetched(relations, statements):
            of_class, own, distinct, most, single, equal = (int(count or 0) for count in counts)
            ends = [None if end is None else float(end) for end in (low, high)]
            by_class[int(no)][plain(y)] = _Class(
                of_class, own, distinct, most, single, equal, float(shared or 0), ends[0], ends[1]
            )
        for column, of in zip(block, by_class, strict=True):
            classes = {c: of.get(c, _NONE) for c in totals}
            image = _image(classes, totals)
            if image is not None and column.flag:
                image = _flagged(classes)
            if image is not None and image.relation == ONE_VALUE and label.families <= _ASKED_FOR:
                image = replace(image, own=_own(relations, rows, column, image.label))
            if image is not None:
                found[column.key.name] = image
    if label.families and label.families <= NUMBERS and len(totals) >= FEWEST_CLASSES_IN_ORDER:
        left = [(c, up) for c in columns if c.number and c.key.name not in found for up in (True, False)]
        found.update(in_order(relations, rows, left))
    return found


def _own(relations: Relations, rows: sa.FromClause, column: Column, label: Any) -> Any:
    """Return the value that a column has in all rows of a class."""
    x = rows.c[column.x]
    ((found,),) = relations.fetch(sa.select(x).where(rows.c.y == label).order_by(x).limit(1))
    return plain(found)


def _fetched(relations: Relations, statements: Sequence[Any]) -> Sequence[Any]:
    if not statements:
        return []
    return relations.fetch(statements[0] if len(statements) == 1 else sa.union_all(*statements))


def _values(rows: sa.FromClause, column: Column, no: int, label: Key) -> sa.Select[Any]:
    """Return for each class what values the column has in it."""
    x, y = rows.c[column.x], rows.c.y
    cells = (
        sa.select(x.label("x"), y.label("y"), sa.func.count().label("n"))
        .where(x.is_not(None), y.is_not(None))
        .group_by(x, y)
        .subquery("cells")
    )
    classes = sa.func.count().over(partition_by=digest(cells.c.x)).label("classes")
    valued = sa.select(*cells.c, classes).subquery("valued")
    v = valued.c

    def own(of: Any, otherwise: Any = 0) -> Any:
        return sa.case((v.classes == 1, of), else_=otherwise)

    numbers = NUMBERS | {Family.BOOLEAN}
    both = column.key.families | label.families
    alike = not column.flag and (column.key.families == label.families or both <= numbers)
    number = column.flag or column.key.families <= numbers
    ends = [own(real(v.x), null_of(sa.Double()))] if number else []
    return sa.select(
        sa.literal_column(str(no), sa.Integer()).label("column_no"),
        v.y,
        sa.func.sum(v.n).label("rows_"),
        sa.func.sum(own(v.n)).label("own_"),
        sa.func.sum(own(1)).label("values_"),
        sa.func.max(own(v.n)).label("most_"),
        sa.func.sum(sa.case((sa.and_(v.classes == 1, v.n == 1), 1), else_=0)).label("single_"),
        (sa.func.sum(sa.case((v.x == v.y, v.n), else_=0)) if alike else sa.literal_column("0", sa.Integer())).label(
            "equal_"
        ),
        sa.func.sum(sa.case((v.classes > 1, 1 / real(v.classes)), else_=0.0)).label("shared_"),
        (sa.func.min(ends[0]) if ends else null_of(sa.Double())).label("low_"),
        (sa.func.max(ends[0]) if ends else null_of(sa.Double())).label("high_"),
    ).group_by(v.y)


def _image(classes: Mapping[Any, _Class], totals: Mapping[Any, int]) -> Exact | None:
    """Return what a column is of the classes, if that is exact and no chance."""
    k, n = len(totals), sum(totals.values())
    known = {c: of for c, of in classes.items() if of.rows}
    if k < 2 or not known:
        return None
    gaps = {c: totals[c] - of.rows for c, of in classes.items() if totals[c] > of.rows}
    values = sum(1 if of.one else of.values for of in known.values())
    values += round(math.fsum(of.shared for of in known.values()))
    filled = sum(of.rows for of in known.values())
    pure = all(of.own == of.rows for of in known.values())
    # The class whose rows, and no others, have a gap.
    gap = next(iter(gaps)) if len(gaps) == 1 and next(iter(gaps)) not in known else None
    images: list[tuple[Exact, float]] = []
    if pure and all(of.one for of in known.values()) and len(known) + (gap is not None) > 1:
        aside = bool(gaps) and gap is None
        sizes = [of.rows for of in known.values()] + ([totals[gap]] if gap is not None else [])
        name = _same(known) if gap is None else "recoding"
        mappings = math.lgamma(len(sizes) + 1) if name == "recoding" else math.log(2)
        images.append((Exact(name, where_known=aside), mappings - _ways(sizes)))
    if gap is not None:
        images.append((Exact("gaps", gap), math.log(k) - _ways([totals[gap], filled])))
    for c, of in known.items():
        if not of.one or of.rows < totals[c] or k == 1 or n == of.rows:
            continue
        others = values - 1 + bool(gaps)
        # Of many classes one has a value of its own in honest categories, too: helicopters alone have rotors.
        few = others == 1 or (k == 2 and values <= 2 * k + MOST_CODES)
        if few or of.rows * (values - 1) >= SPIKE * (filled - of.rows):
            name = "one-hot" if others == 1 else ONE_VALUE
            images.append((Exact(name, c), math.log(k * (values + 1)) - _ways([of.rows, n - of.rows])))
    unlike = [c for c, of in known.items() if of.own]
    usual = round(math.fsum(of.shared for of in known.values())) == 1 and not gaps
    if usual and len(unlike) == 1 and known[unlike[0]].own == totals[unlike[0]]:
        (c,) = unlike
        images.append((Exact("unusual", c), math.log(k * (values + 1)) - _ways([totals[c], n - totals[c]])))
    if len(known) == 1 and gaps:
        ((c, of),) = known.items()
        among = _ways([of.rows, totals[c] - of.rows]) - _ways([of.rows, n - of.rows])
        images.append((Exact("filled", c), math.log(k) + among))
    if pure and len(known) > 1 and values <= 2 * k + MOST_CODES:
        repeated = [of.rows - of.single for of in known.values()]
        many = values - sum(of.single for of in known.values())
        images.append((Exact("codes", where_known=bool(gaps)), many * math.log(len(known)) - _ways(repeated)))
    return next((image for image, chance in images if chance <= math.log(UNLIKELY)), None)


def _flagged(classes: Mapping[Any, _Class]) -> Exact | None:
    """Return which class has all gaps, or else no gap."""
    for low, relation in ((1.0, "gaps"), (0.0, "known")):
        for c, of in classes.items():
            if of.one and of.low == low:
                return Exact(relation, c)
    return None


def _same(classes: Mapping[Any, _Class]) -> str:
    """Return whether a one-to-one image is the class itself, or 1 minus it."""
    if all(of.equal == of.rows for of in classes.values()):
        return "copy"
    numbers = {c: of.low for c, of in classes.items() if isinstance(c, (int, float))}
    if len(numbers) == len(classes) and all(low is not None for low in numbers.values()):
        for name, of in (("copy", float), ("1 - target", lambda c: 1.0 - c)):
            if all(abs(float(low or 0) - of(c)) <= SAME * (1 + abs(c)) for c, low in numbers.items()):
                return name
    return "recoding"


def _ways(sizes: Iterable[int]) -> float:
    """Return the logarithm of the ways in which rows can be parted into groups of these sizes."""
    sizes = list(sizes)
    return math.lgamma(sum(sizes) + 1) - math.fsum(math.lgamma(size + 1) for size in sizes)


def of_numbers(
    relations: Relations, rows: sa.FromClause, columns: Sequence[tuple[Column, bool]], straight: Sequence[Column],
    texts: Sequence[Column],
) -> dict[str, Exact]:  # fmt: skip
    """Return the columns that are images of a number.

    Args:
        relations: The splits.
        rows: Their rows, with the target as ``y``.
        columns: Numbers, each with whether it may go up with the target, or down.
        straight: Numbers that may be on a straight line with it.
        texts: Texts that may be the number, written out.
    """
    found = _copies(relations, rows, texts)
    found.update(in_order(relations, rows, columns))
    ordered = [column for column in dict.fromkeys(c for c, _ in columns) if column.key.name in found]
    straight_lines = lines(relations, rows, list(dict.fromkeys([*straight, *ordered])), ordered)
    for name, line in straight_lines.items():
        found[name] = Exact(line, steps=found[name].steps if name in found else 0)
    nulls = {c.key.name: c for c in (*straight, *texts, *(c for c, _ in columns))}
    known = _known(relations, rows) if found else 0
    return {name: Exact(one.relation, one.label, nulls[name].known < known, one.steps) for name, one in found.items()}


def _known(relations: Relations, rows: sa.FromClause) -> int:
    return int(relations.fetch(sa.select(sa.func.count(rows.c.y)).select_from(rows))[0][0])


def _copies(relations: Relations, rows: sa.FromClause, texts: Sequence[Column]) -> dict[str, Exact]:
    """Return the texts that are a number, written out."""
    found: dict[str, Exact] = {}
    y = as_text(rows.c.y)
    for block in in_blocks(texts):
        asked = [sa.func.sum(sa.case((rows.c[column.x] == y, 1), else_=0)) for column in block]
        (equal,) = relations.fetch(sa.select(*asked).where(rows.c.y.is_not(None)))
        found.update(
            (column.key.name, Exact("copy"))
            for column, count in zip(block, equal, strict=True)
            if column.known >= FEWEST_ON_A_LINE and int(count or 0) == column.known
        )
    return found


def in_order(relations: Relations, rows: sa.FromClause, columns: Sequence[tuple[Column, bool]]) -> dict[str, Exact]:
    """Return the columns that never go back while the target goes up, in enough steps."""
    candidates: list[tuple[Column, int, int, int, int]] = []
    for block in in_blocks(columns):
        statements = [_steps(rows, column, up, no) for no, (column, up) in enumerate(block)]
        for no, *counts, start, shortest, longest in _fetched(relations, statements):
            count, back, both, alone, target_alone = (int(value or 0) for value in counts)
            column = block[int(no)][0]
            if not alone and not target_alone and both + 1 == count and _counts_time(start, shortest, longest):
                continue
            if count == column.known >= FEWEST_IN_ORDER and not back:
                candidates.append((column, count, both + 1, alone, target_alone))
    alike = _most_alike(relations, rows, [column for column, *_ in candidates])
    found = {}
    for (column, count, steps, alone, target_alone), most in zip(candidates, alike, strict=True):
        one_to_one = not alone and not target_alone
        # What is merely close to the target is not alike in the same rows as it.
        fewest, rows_a_step = (3, 2) if one_to_one else (FEWEST_CLASSES_IN_ORDER, ROWS_A_STEP)
        if steps < FEWEST_IN_ORDER and (steps < fewest or count < rows_a_step * steps):
            continue
        # Where nearly all rows are alike (nothing happened), few others have to be in order.
        if count - most < FEWEST_IN_ORDER:
            continue
        # What goes up while the other stays is not made of the other: the other is made of it.
        name = _MADE_OF[bool(alone), bool(target_alone)]
        found[column.key.name] = Exact(name, steps=steps)
    return found


def _steps(rows: sa.FromClause, column: Column, up: bool, no: int) -> sa.Select[Any]:
    """Return how often column and target go up together, one of them alone, and the column back."""
    x, y = real(rows.c[column.x]), real(rows.c.y)
    value = x if up else -x
    base = (
        sa.select(value.label("x"), y.label("y"))
        .where(rows.c.y.is_not(None), rows.c[column.x].is_not(None), sa.func.abs(x) <= LARGEST)
        .subquery("base")
    )
    by: dict[str, Any] = {"order_by": [base.c.y, base.c.x]}
    placed = sa.select(
        base.c.x,
        base.c.y,
        neighbour("lag", base.c.x).over(**by).label("before_x"),
        neighbour("lag", base.c.y).over(**by).label("before_y"),
    ).subquery("placed")
    p = placed.c
    step_x, step_y = p.x - p.before_x, p.y - p.before_y
    same_x = SAME * (sa.func.abs(p.x) + sa.func.abs(p.before_x))
    same_y = SAME * (sa.func.abs(p.y) + sa.func.abs(p.before_y))

    def counted(*met: Any) -> Any:
        return sa.func.sum(sa.case((sa.and_(*met), 1), else_=0))

    return sa.select(
        sa.literal_column(str(no), sa.Integer()).label("column_no"),
        sa.func.count().label("rows_"),
        counted(-step_x > same_x).label("back_"),
        counted(step_x > same_x, step_y > same_y).label("both_"),
        counted(step_x > same_x, step_y <= same_y).label("alone_"),
        counted(sa.func.abs(step_x) <= same_x, step_y > same_y).label("target_alone_"),
        (sa.func.min(p.x) if up else -sa.func.max(p.x)).label("start_"),
        sa.func.min(step_x).label("shortest_"),
        sa.func.max(step_x).label("longest_"),
    )


def _counts_time(start: Any, shortest: Any, longest: Any) -> bool:
    """Return whether a column counts years, or the like, in which the target may just grow.

    What counts from 0 or 1 by 1 is the place of a row in the target's order.
    """
    if None in (start, shortest, longest):
        return False
    first, step = float(start), float(shortest)
    return step == float(longest) and step.is_integer() and first.is_integer() and not (step == 1 and first in (0, 1))


def _most_alike(relations: Relations, rows: sa.FromClause, columns: Sequence[Column]) -> list[int]:
    """Return for each column how many rows have its most frequent value, or the most frequent one of the target."""
    statements = []
    for no, column in enumerate(columns):
        for of in (rows.c[column.x], rows.c.y):
            known = [rows.c[column.x].is_not(None), rows.c.y.is_not(None)]
            counted = sa.select(sa.func.count().label("n")).where(*known).group_by(of).subquery("counted")
            position = sa.literal_column(str(no), sa.Integer()).label("column_no")
            statements.append(sa.select(position, sa.func.max(counted.c.n).label("most_")))
    most = [0] * len(columns)
    for no, rows_ in _fetched(relations, statements):
        most[int(no)] = max(most[int(no)], int(rows_))
    return most


def lines(
    relations: Relations, rows: sa.FromClause, columns: Sequence[Column], ordered: Sequence[Column]
) -> dict[str, str]:
    """Return the columns of which a number is a linear function, with that function.

    Of those that are in its order anyway it may be one but for what was rounded off both.
    """
    if not columns:
        return {}
    y = real(rows.c.y)

    def asked(*of: Any) -> Any:
        return relations.fetch(sa.select(*of).where(rows.c.y.is_not(None)))[0]

    def both(column: Column) -> tuple[Any, Any]:
        x = real(rows.c[column.x])
        return x, sa.case((rows.c[column.x].is_not(None), y))

    means = asked(*(sa.func.avg(value) for column in columns for value in both(column)))
    centres = {c: (float(means[2 * i]), float(means[2 * i + 1])) for i, c in enumerate(columns)}

    def centred(column: Column) -> tuple[Any, Any]:
        x, value = both(column)
        return x - centres[column][0], value - centres[column][1]

    products = asked(
        *(sa.func.sum(one) for c in columns for x, value in [centred(c)] for one in (x * x, x * value, value * value)),
        *(sa.func.count(sa.distinct(rows.c[c.x])) for c in columns),
    )
    slopes = {}
    for i, column in enumerate(columns):
        xx, xy, yy = (float(value) for value in products[3 * i : 3 * i + 3])
        distinct = int(products[3 * len(columns) + i])
        enough = distinct >= FEWEST_ON_A_LINE or (distinct > 2 and column.known >= 2 * FEWEST_ON_A_LINE)
        if xx > 0 and yy > 0 and enough:
            slopes[column] = (xy / xx, (yy / column.known) ** 0.5)
    if not slopes:
        return {}
    furthest = asked(
        *(sa.func.max(sa.func.abs(v - x * slope)) for c, (slope, _) in slopes.items() for x, v in [centred(c)])
    )
    away = dict(zip(slopes, map(float, furthest), strict=True))
    inexact = [c for c in slopes if c in ordered and away[c] > EXACT * slopes[c][1]]
    off = _rounded_off(relations, rows, inexact, {c: slopes[c][0] for c in inexact}) if inexact else {}
    found: dict[str, str] = {}
    for column, (slope, spread) in slopes.items():
        exact = away[column] <= EXACT * spread
        if not exact and away[column] > off.get(column, 0.0):
            continue
        digits = 6 if exact else 3
        a, b = rounded(slope, digits), rounded(centres[column][1] - slope * centres[column][0], digits)
        small = abs(b) <= EXACT * spread
        if exact and a == 1 and small:
            found[column.key.name] = "copy"
        else:
            offset = "" if small else f" {'-' if b < 0 else '+'} {abs(b):g}"
            found[column.key.name] = f"{a:g} * {column.key.name}{offset}{'' if exact else ', rounded'}"
    return found


def _rounded_off(
    relations: Relations, rows: sa.FromClause, columns: Sequence[Column], slopes: Mapping[Column, float]
) -> dict[Column, float]:
    """Return how far from a line the target may be, by what was rounded off it and the column."""
    exact = precisions(relations, rows, ["y", *(column.x for column in columns)])
    half = [0.5 if one.whole else 0.0 if one.decimals is None else 0.5 * 10.0**-one.decimals for one in exact]
    # The line is fitted to rounded numbers, and so is off itself.
    return {c: 1.2 * (half[0] + abs(slopes[c]) * half[i + 1]) for i, c in enumerate(columns)}
