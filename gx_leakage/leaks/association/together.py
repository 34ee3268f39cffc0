"""Which few columns together are the target: a sum, a difference, a product, a ratio, or a pair of flags.

Linear relations come from sums of squares and products around the means, in floats of 64 bits: one scan of the rows, of
which only those sums leave the database. All pairs and triples of columns are solved from them. What comes out is a
candidate, for the sums are known to some 12 digits, less where columns are nearly collinear; a further statement
measures how far the rows are from it. Products and ratios are the same of logarithms. Pairs of columns of few values
are one column of pairs, with the contingency table and the score that single columns have.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import sqlalchemy as sa
from scipy import stats

from gx_leakage.leaks.association.contingency import ClassTable
from gx_leakage.leaks.association.evidence import Branch, Measurable, class_tables, measurable
from gx_leakage.leaks.association.targets import Target
from gx_leakage.splits.relations import Relations
from gx_leakage.sql.blocks import in_blocks
from gx_leakage.sql.dialects import real
from gx_leakage.sql.keys import NUMBERS, Family
from gx_leakage.sql.values import rounded

__all__ = ["MOST_COLUMNS", "Joint", "Together", "gather"]

MOST_COLUMNS = 100
"""Numbers that relations are looked for among: those that most rows have, in their order."""

MOST_CLASSES = 10
"""Classes that are looked at one against the rest, the largest first."""

MOST_PAIRS = 45
"""Pairs of columns of few values."""

FEW_VALUES = 12

LEAST_KNOWN = 0.5
"""The share of rows in which all columns that are looked at are known: columns with gaps beyond that are left out."""

NEARLY = 1e-4
"""What a relation leaves unexplained at most to be looked at row by row."""

EXACT = 1e-6
"""How far from a relation, in standard deviations of the target, is still on it: stored numbers are rounded."""

COLLINEAR = 1e-9
"""With less than this of a column not explained by others, nothing can be solved for."""

EXPRESSIONS = 900
"""What one statement adds up; SQLite returns 2,000 columns at most, PostgreSQL 1,664."""

MOST_CANDIDATES = 8

FEWEST = 8
"""In so few rows many things agree."""


@dataclass(frozen=True)
class Joint:
    """Columns that together predict the target."""

    columns: tuple[str, ...]
    formula: str
    """The target as a function of them, with numbers of the data."""
    kind: str
    """``sum``, ``product`` or ``pair``."""
    score: float
    """How well they predict it together, 0 to 1: R², or of a pair the leave-one-out score."""
    best: float
    """The best score of one of them alone."""
    exact: bool
    """Whether all rows are on it, as precisely as they are stored."""
    chance: float
    """How likely any such relation is as exact by chance."""
    rows: int
    label: Any = None
    """The class that is told from the rest, where that is what is predicted."""


@dataclass(frozen=True)
class Together:
    """Evidence of columns that together know the target."""

    target: Target
    found: tuple[Joint, ...]
    looked_at: int
    """Combinations of columns."""
    left_out: tuple[str, ...]
    """Columns that were not looked at: of other types, or with too many gaps."""
    unlabelled: tuple[str, ...]


@dataclass(frozen=True)
class _Term:
    """A column, or what is predicted, as a number."""

    name: str
    value: sa.ColumnElement[Any]
    single: bool = False
    label: Any = None
    """The class that it is 1 for, if it is that of a target."""


@dataclass(frozen=True)
class _Facts:
    """What is known of a term from one scan, over the rows in which all are known."""

    mean: float
    low: float
    high: float
    distinct: int

    @property
    def amplitude(self) -> float:
        return max(abs(self.low), abs(self.high))


@dataclass(frozen=True)
class _System:
    """Terms with their sums of squares and products around their means; what is predicted comes last."""

    kind: str
    terms: tuple[_Term, ...]
    target: _Term
    gram: Any
    means: Any
    rows: int

    def candidates(self, max_columns: int) -> list[_Candidate]:
        """Return the pairs, or else the triples, that leave next to nothing unexplained."""
        spread = np.sqrt(np.diag(self.gram))
        if not np.isfinite(self.gram).all() or not spread[-1] > 0:
            return []
        held = np.flatnonzero(spread[:-1] > 0)
        of = self.gram / np.where(spread > 0, spread, 1)[:, None] / np.where(spread > 0, spread, 1)[None, :]
        alone = of[held, -1] ** 2
        # What alone is the target is not a matter of several columns.
        kept = held[1 - alone > COLLINEAR]
        r, t = of[np.ix_(kept, kept)], of[kept, -1]
        left = _unexplained(r, t)
        enough = 0.01 * (1 - np.maximum.outer(t**2, t**2))
        found: list[tuple[float, tuple[int, ...]]] = [
            (float(left[i, j]), (int(i), int(j))) for i, j in np.argwhere((left <= NEARLY) & (left <= enough)) if i < j
        ]
        if not found and max_columns > 2:
            for k in range(len(kept)):
                own, rest = 1 - r[k] ** 2, 1 - t[k] ** 2
                usable = own > COLLINEAR
                scale = np.sqrt(np.where(usable, own, 1))
                partial = (r - np.outer(r[k], r[k])) / np.outer(scale, scale)
                left = rest * _unexplained(partial, (t - r[k] * t[k]) / scale / math.sqrt(rest))
                left[~usable, :] = left[:, ~usable] = 1
                best = np.maximum(np.maximum.outer(t**2, t**2), t[k] ** 2)
                hits = np.argwhere((left <= NEARLY) & (left <= 0.01 * (1 - best)))
                found += [(float(left[i, j]), (k, int(i), int(j))) for i, j in hits if k < i < j]
        return [self._solved([int(kept[i]) for i in chosen]) for _, chosen in sorted(found)[:MOST_CANDIDATES]]

    def _solved(self, chosen: list[int]) -> _Candidate:
        scale = np.sqrt(np.diag(self.gram))
        of = self.gram / np.outer(np.where(scale > 0, scale, 1), np.where(scale > 0, scale, 1))
        weights = np.linalg.lstsq(of[np.ix_(chosen, chosen)], of[chosen, -1], rcond=None)[0]
        slopes = [float(w * scale[-1] / scale[i]) for w, i in zip(weights, chosen, strict=True)]
        slopes = [float(round(b)) if round(b) and abs(b - round(b)) < 1e-6 * abs(b) else b for b in slopes]
        score = float(weights @ of[chosen, -1])
        return _Candidate(
            self.kind, self.target, tuple(self.terms[i] for i in chosen), tuple(slopes),
            tuple(float(self.means[i]) for i in (*chosen, -1)), float(scale[-1] / math.sqrt(self.rows)),
            min(1.0, score), float(max(of[i, -1] ** 2 for i in chosen)),
        )  # fmt: skip


@dataclass(frozen=True)
class _Candidate:
    kind: str
    target: _Term
    terms: tuple[_Term, ...]
    slopes: tuple[float, ...]
    means: tuple[float, ...]
    """Of the terms, and of what is predicted."""
    spread: float
    """The standard deviation of what is predicted."""
    score: float
    best: float

    @property
    def residual(self) -> sa.ColumnElement[Any]:
        """How far a row is from the relation."""
        off = self.target.value - self.means[-1]
        for term, slope, mean in zip(self.terms, self.slopes, self.means, strict=False):
            off = off - (term.value - mean) * slope
        return off

    @property
    def formula(self) -> str:
        """The target as a function of the columns."""
        named = [term.name for term in self.terms]
        if self.kind == "product":
            offset = math.exp(self.means[-1] - sum(b * m for b, m in zip(self.slopes, self.means, strict=False)))
            parts = [name if b == 1 else f"{name}^{b:.6g}" for name, b in zip(named, self.slopes, strict=True)]
            return " * ".join([*([] if abs(offset - 1) < EXACT else [f"{offset:.6g}"]), *parts])
        offset = self.means[-1] - sum(b * m for b, m in zip(self.slopes, self.means, strict=False))
        text = ""
        for name, b in sorted(zip(named, self.slopes, strict=True), key=lambda one: one[1] < 0):
            size = "" if abs(b) == 1 else f"{abs(b):.6g} * "
            sign = (" - " if b < 0 else " + ") if text else ("-" if b < 0 else "")
            text += f"{sign}{size}{name}"
        return text if abs(offset) <= EXACT * self.spread else f"{text} {'-' if offset < 0 else '+'} {abs(offset):.6g}"


def _unexplained(r: Any, t: Any) -> Any:
    """Return what each pair of columns leaves unexplained of the target, from correlations; 1 where collinear."""
    apart = 1 - r**2
    usable = apart > COLLINEAR
    explained = (t[:, None] ** 2 + t[None, :] ** 2 - 2 * r * np.outer(t, t)) / np.where(usable, apart, 1)
    left = np.where(usable, 1 - explained, 1.0)
    np.fill_diagonal(left, 1.0)
    return left


def gather(
    relations: Relations,
    *,
    target: str,
    columns: Sequence[str] | None = None,
    exclude: Sequence[str] = (),
    max_columns: int = 3,
) -> Together:
    """Return the relations between a target and a few columns.

    Args:
        relations: One or more splits; those without the target's column are left out.
        target: The column that is to be predicted.
        columns: The columns that are judged; None for all that the splits have in common.
        exclude: Columns that are not judged.
        max_columns: How many columns a relation has at most, 2 or 3.
    """
    with measurable(relations, target, columns, exclude) as measured:
        numbers, left_out = _numbers(measured)
        targets = _targets(measured)
        known = [measured.rows.c.y.is_not(None), *(term.value.is_not(None) for term in numbers)]
        rows, facts, distinct = _facts(measured, [*numbers, *targets], known)
        systems = _systems(measured, numbers, targets, rows, facts, known) if rows > FEWEST and len(numbers) > 1 else []
        looked_at = sum(math.comb(len(one.terms), k) for one in systems for k in range(2, max_columns + 1))
        candidates = [one for system in systems for one in system.candidates(max_columns)]
        found = _verified(measured, candidates, known, rows, looked_at, facts)
        small = [b for b, n in zip(measured.branches, distinct, strict=True) if n <= FEW_VALUES]
        pairs = list(combinations(small, 2))[:MOST_PAIRS] if measured.target.classes else []
        found += _tables(measured, pairs)
    return Together(
        measured.target, tuple(found), looked_at + len(pairs), (*measured.left_out, *left_out), measured.unlabelled
    )


def _numbers(measured: Measurable) -> tuple[list[_Term], list[str]]:
    """Return the columns of numbers, as many as leave enough rows in which all are known; and the others."""
    numeric = [b for b in measured.branches if b.key.families and b.key.families <= NUMBERS | {Family.BOOLEAN}]
    missing, chosen, left_out = 0, list[Branch](), list[str]()
    for branch in sorted(numeric, key=lambda one: -one.known):
        missing += branch.rows - branch.known
        if missing > (1 - LEAST_KNOWN) * branch.rows or len(chosen) == MOST_COLUMNS:
            left_out.append(branch.key.name)
        else:
            chosen.append(branch)
    kept = (b for b in measured.branches if b in chosen)
    return [_Term(b.key.name, real(measured.rows.c[b.x]), b.key.single) for b in kept], left_out


def _targets(measured: Measurable) -> list[_Term]:
    """Return what is predicted, as numbers: the target, and of classes each against the rest."""
    y, label, classes = measured.rows.c.y, measured.label, measured.target.classes
    found = []
    if label.families <= NUMBERS and len(classes) != 2:
        found.append(_Term(label.name, real(y), label.single))
    if classes and label.families <= NUMBERS | {Family.BOOLEAN, Family.TEXT}:
        each = classes[:1] if len(classes) == 2 else classes[:MOST_CLASSES]
        found += [_Term(label.name, sa.case((y == name, 1.0), else_=0.0), label=name) for name, _ in each]
    return found


def _added_up(measured: Measurable, known: Sequence[Any], expressions: Sequence[Any]) -> list[Any]:
    """Return aggregates over the rows in which all numbers are known."""
    return [
        value
        for block in in_blocks(expressions, EXPRESSIONS)
        for value in measured.relations.fetch(
            sa.select(*(e.label(f"a{i}") for i, e in enumerate(block))).where(*known)
        )[0]
    ]


def _facts(
    measured: Measurable, terms: Sequence[_Term], known: Sequence[Any]
) -> tuple[int, dict[_Term, _Facts], list[int]]:
    """Return the number of rows, the facts of each term, and how many values each column has."""
    ways = (sa.func.avg, sa.func.min, sa.func.max, lambda value: sa.func.count(sa.distinct(value)))
    values = [measured.rows.c[branch.x] for branch in measured.branches]
    asked = [way(term.value) for term in terms for way in ways]
    found = _added_up(measured, known, [sa.func.count(), *(ways[3](value) for value in values), *asked])
    rows, distinct, rest = int(found[0]), [int(n) for n in found[1 : len(values) + 1]], found[len(values) + 1 :]
    facts = {
        term: _Facts(float(of[0] or 0), float(of[1] or 0), float(of[2] or 0), int(of[3]))
        for i, term in enumerate(terms)
        for of in [rest[4 * i : 4 * i + 4]]
    }
    return rows, facts, distinct


def _systems(
    measured: Measurable, numbers: Sequence[_Term], targets: Sequence[_Term], rows: int, facts: dict[_Term, _Facts],
    known: Sequence[Any],
) -> list[_System]:  # fmt: skip
    """Return what is to be solved: sums of the columns, and products as sums of their logarithms."""
    usable = [term for term in numbers if math.isfinite(facts[term].amplitude)]
    wanted = [(usable, [term for term in targets if math.isfinite(facts[term].amplitude)], "sum")]
    positive = [term for term in usable if facts[term].low > 0]
    of_numbers = [term for term in targets if term.label is None and facts[term].low > 0]
    if of_numbers:
        wanted.append((positive, of_numbers, "product"))
    asked: list[Any] = []
    for terms, predicted, kind in wanted:
        values = [_centred(term, facts[term], kind) for term in (*terms, *predicted)]
        asked += [sa.func.sum(value) for value in values]
        asked += [sa.func.sum(a * b) for a, b in _products(values, len(terms))]
    sums = iter([float(value or 0) for value in _added_up(measured, known, asked)] if asked else [])
    systems = []
    for terms, predicted, kind in wanted:
        size = len(terms) + len(predicted)
        total = np.array([next(sums) for _ in range(size)])
        gram = np.zeros((size, size))
        for i, j in _products(range(size), len(terms)):
            gram[i, j] = gram[j, i] = next(sums) - total[i] * total[j] / rows
        logs = [
            _Term(t.name, sa.func.ln(t.value), t.single, t.label) if kind == "product" else t
            for t in (*terms, *predicted)
        ]
        centres = np.array([_centre(facts[term], kind) for term in (*terms, *predicted)]) + total / rows
        for k in range(len(terms), size):
            chosen = [*range(len(terms)), k]
            if len(terms) > 1:
                systems.append(
                    _System(
                        kind, tuple(logs[: len(terms)]), logs[k], gram[np.ix_(chosen, chosen)], centres[chosen], rows
                    )
                )
    return systems


def _centre(facts: _Facts, kind: str) -> float:
    return math.log(facts.mean) if kind == "product" else facts.mean


def _centred(term: _Term, facts: _Facts, kind: str) -> sa.ColumnElement[Any]:
    return (sa.func.ln(term.value) if kind == "product" else term.value) - _centre(facts, kind)


def _products(values: Sequence[Any], columns: int) -> list[tuple[Any, Any]]:
    """Return the pairs of which products are needed: not those of two things that are predicted."""
    return [(values[i], values[j]) for j in range(len(values)) for i in range(j + 1) if i < columns or i == j]


def _verified(
    measured: Measurable, candidates: Sequence[_Candidate], known: Sequence[Any], rows: int, looked_at: int,
    facts: dict[_Term, _Facts],
) -> list[Joint]:  # fmt: skip
    """Return the relations that no chance explains, with whether all rows are on them."""
    if not candidates:
        return []
    furthest = _added_up(measured, known, [sa.func.max(sa.func.abs(one.residual)) for one in candidates])
    amplitude = {term.name: known_of.amplitude for term, known_of in facts.items()}
    found = []
    for one, distance in zip(candidates, furthest, strict=True):
        stored = 2.0**-22 if any(term.single for term in (*one.terms, one.target)) else 2.0**-46
        size = (
            1.0
            if one.kind == "product"
            else sum(
                abs(b) * amplitude[term.name]
                for b, term in zip((*one.slopes, 1.0), (*one.terms, one.target), strict=True)
            )
        )
        exact = float(distance) <= EXACT * one.spread + stored * size
        k = len(one.terms)
        if exact:
            of_target = next(f for t, f in facts.items() if t.name == one.target.name and t.label == one.target.label)
            ways = _ways(measured.target, one.target, rows, of_target.distinct)
            chance = math.exp(min(0.0, math.log(looked_at) + (k + 1) * math.log(of_target.distinct) - ways))
        else:
            f = one.score / k / max(1 - one.score, 1e-15) * (rows - k - 1)
            chance = min(1.0, looked_at * float(stats.f.sf(f, k, rows - k - 1)))
        names = tuple(term.name for term in one.terms)
        score = 1.0 if exact else rounded(one.score)
        found.append(
            Joint(
                names, one.formula, one.kind, score, rounded(one.best), exact, rounded(chance), rows, one.target.label
            )
        )
    return found


def _ways(target: Target, predicted: _Term, rows: int, distinct: int) -> float:
    """Return the logarithm of how many orders of the target's values there are, or less."""
    if not target.classes:
        return math.lgamma(distinct + 1)
    share = rows / target.known_rows()
    sizes = [n * share for _, n in target.classes]
    if predicted.label is not None:
        own = next(n * share for name, n in target.classes if name == predicted.label)
        sizes = [own, rows - own]
    return math.lgamma(rows + 1) - math.fsum(math.lgamma(size + 1) for size in sizes)


def _tables(measured: Measurable, pairs: Sequence[tuple[Branch, Branch]]) -> list[Joint]:
    """Return the pairs of columns of few values of which the classes are known better than of each alone."""
    if not pairs:
        return []
    rows = measured.rows

    def bins(x: sa.ColumnElement[Any], other: sa.ColumnElement[Any]) -> sa.Subquery:
        return (
            sa.select(x.label("low"), other.label("high"), rows.c.y.label("y"))
            .where(rows.c.y.is_not(None))
            .subquery("binned")
        )

    single = list(dict.fromkeys(branch for pair in pairs for branch in pair))
    zero = sa.literal_column("0", sa.Integer())
    alone = [bins(rows.c[branch.x], zero) for branch in single]
    tables = class_tables(measured.relations, [*alone, *(bins(rows.c[a.x], rows.c[b.x]) for a, b in pairs)])
    scores = {branch: table.score for branch, table in zip(single, tables, strict=False)}
    whole = {branch for branch, table in zip(single, tables, strict=False) if _fixed(table)}
    found = []
    for (a, b), table in zip(pairs, tables[len(single) :], strict=True):
        if a in whole or b in whole:
            continue
        exact = _fixed(table)
        best = max(scores[a], scores[b])
        if not exact and 1 - table.score > 0.5 * (1 - best):
            continue
        chance = table.p_value * len(pairs)
        if exact:
            ways = math.lgamma(table.rows + 1) - math.fsum(math.lgamma(n + 1) for n in table.classes.values())
            mappings = table.bins * math.log(len(table.classes)) + math.log(len(pairs))
            chance = math.exp(min(0.0, mappings - ways))
        names = (a.key.name, b.key.name)
        score = 1.0 if exact else table.score
        found.append(
            Joint(names, " and ".join(names), "pair", score, best, exact, rounded(min(1.0, chance)), table.rows)
        )
    return found


def _fixed(table: ClassTable) -> bool:
    """Return whether every bin holds one class only."""
    return bool(table.cells) and len(table.classes) > 1 and all(cell.rows == cell.bin_rows for cell in table.cells)
