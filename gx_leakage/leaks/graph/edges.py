"""Which edges are in more than one split: as they are, turned round, or under a relation that says the same.

An edge without a direction is the pair of its smaller and its larger end, so that an edge and its reverse are one key,
and keys are found in other splits by windows. Relations that say the same are found first, by joining the distinct
edges with those between the same ends: a relation whose pairs are another one's turned round, as "has part" and "part
of" are, or another one's as they are. Relations that say the same are one relation then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from gx_leakage.errors import NoValuesError
from gx_leakage.splits.relations import LeakedRows, Relations, Stack
from gx_leakage.sql.dialects import digest
from gx_leakage.sql.keys import AllNull, Key, comparable

__all__ = ["Alike", "Edges", "SplitEdges", "gather", "leaked_rows"]

LEAST_SHARE = 0.8
"""The share of its pairs that each of two relations has to have in common with the other (Akrami et al. 2020)."""

FEWEST_PAIRS = 5
"""Pairs that two relations have to have in common: one or two of one that has no more are no rule."""

MOST_ALIKE = 1_000
"""Relations that say the same, at most: each is a case of an expression."""


@dataclass(frozen=True)
class Alike:
    """Two relations that say the same."""

    relation: Any
    other: Any
    reversed: bool
    """Whether the pairs of one are those of the other turned round."""
    pairs: int
    """Distinct pairs of ends that they have in common."""
    share: float
    """Of those of the larger of the two."""


@dataclass(frozen=True)
class SplitEdges:
    """The edges of a split: how many are unknown, and how many are in another split too, and how."""

    name: str
    rows: int
    null_keys: int
    same: int
    reversed: int
    alike: int
    """Those that only relations which say the same bring together."""

    @property
    def leaked(self) -> int:
        """Rows whose edge is in another split."""
        return self.same + self.reversed + self.alike


@dataclass(frozen=True)
class Edges:
    """Evidence of edges that splits share."""

    splits: tuple[SplitEdges, ...]
    alike: tuple[Alike, ...]
    """The relations that say the same, those with most pairs first."""
    samples: tuple[tuple[str, str, str, Any, Any, Any], ...]
    """Split, another split that has the edge, how, source, target and relation."""
    leaked_rows_query: str | None


def gather(
    relations: Relations,
    *,
    source: str,
    target: str,
    relation: str | None = None,
    directed: bool = False,
    train: str = "train",
    samples: int = 20,
) -> Edges:
    """Return which edges splits share.

    Args:
        relations: The splits.
        source: The column with the end that an edge begins at.
        target: The column with the end that it leads to.
        relation: The column with what it says, if there are several kinds of edges.
        directed: Whether an edge and its reverse are two things; then relations are not looked for that say the same.
        train: The split whose edges are not judged.
        samples: How many edges to return.
    """
    relations.require_several()
    relations.judged(train)
    asked, counted = _asked(relations, source, target, relation, directed)
    of = asked.placed(asked.stack.select(asked.marks).subquery("stacked"))
    same, turned, alike = asked.ways(of)
    flags = {
        "same": same,
        "reversed": sa.and_(turned, sa.not_(same)),
        "alike": sa.and_(alike, sa.not_(sa.or_(turned, same))),
    }
    sums = [sa.func.sum(sa.case((flag, 1), else_=0)) for flag in flags.values()]
    found = relations.fetch(sa.select(of.c.split_no, *sums).group_by(of.c.split_no))
    by_split = {int(row[0]): [int(n or 0) for n in row[1:]] for row in found}
    splits = tuple(SplitEdges(name, *counted[i], *by_split.get(i, [0, 0, 0])) for i, name in enumerate(relations.names))
    judged = relations.judged(train)
    if not any(splits[i].leaked for i in judged):
        return Edges(splits, asked.alike, (), None)
    leaked = asked.leaked(judged)
    return Edges(
        splits, asked.alike, _samples(relations, asked, of, flags, judged, samples) if samples else (),
        relations.query(lambda: leaked),
    )  # fmt: skip


def leaked_rows(
    relations: Relations,
    side: str,
    *,
    source: str,
    target: str,
    relation: str | None = None,
    directed: bool = False,
    train: str = "train",
    **_: Any,
) -> LeakedRows:
    """Return how the edges are found that another split has too, of the judged splits or of train."""
    asked, _counted = _asked(relations, source, target, relation, directed)
    return asked.leaked(relations.on_side(side, train))


@dataclass(frozen=True)
class _Asked:
    """How edges are compared."""

    stack: Stack
    ends: tuple[Key, Key]
    relation: Key | None
    directed: bool
    alike: tuple[Alike, ...] = ()

    def marks(self, relation: sa.FromClause) -> list[sa.ColumnElement[Any]]:
        source, target = (key.of(relation).element for key in self.ends)
        first, last = source, target
        if not self.directed:
            turned = source > target
            first, last = sa.case((turned, target), else_=source), sa.case((turned, source), else_=target)
        found = [
            *(end.label(name) for end, name in ((source, "source_"), (target, "target_"))),
            *(end.label(name) for end, name in ((first, "first_end_"), (last, "last_end_"))),
        ]
        if self.relation is not None:
            kind = self.relation.of(relation).element
            found += [kind.label("relation_"), self._one_of_alike(kind).label("says_")]
        return found

    def _one_of_alike(self, kind: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """Return one relation for all that say the same."""
        one: dict[Any, Any] = {}

        def root(of: Any) -> Any:
            while one.get(of, of) != of:
                of = one[of]
            return of

        for pair in self.alike:
            one[root(pair.other)] = root(pair.relation)
        cases = [(kind == sa.literal(of, kind.type), sa.literal(root(of), kind.type)) for of in one if root(of) != of]
        return sa.case(*cases, else_=kind) if cases else kind

    @property
    def together(self) -> tuple[str, ...]:
        return ("first_end_", "last_end_", *(() if self.relation is None else ("says_",)))

    def known(self, rows: sa.FromClause) -> sa.ColumnElement[bool]:
        return sa.and_(*(rows.c[name].is_not(None) for name in self.together))

    def placed(self, stacked: sa.FromClause) -> sa.Subquery:
        """Return the rows with the first and the last split that has the edge, by each way to be the same."""
        kind = [] if self.relation is None else ["relation_"]
        ways = {
            "same": ["source_", "target_", *kind],
            "turned": ["first_end_", "last_end_", *kind],
            "alike": list(self.together),
        }
        if self.directed:
            ways["turned"] = ways["alike"] = ways["same"]
        windows = []
        for way, names in ways.items():
            by = [digest(stacked.c[name]) for name in names]
            windows += [
                sa.func.min(stacked.c.split_no).over(partition_by=by).label(f"{way}_first_"),
                sa.func.max(stacked.c.split_no).over(partition_by=by).label(f"{way}_last_"),
            ]
        return sa.select(stacked, *windows).subquery("placed")

    def ways(self, rows: sa.FromClause) -> list[sa.ColumnElement[bool]]:
        known = self.known(rows)
        return [sa.and_(known, rows.c[f"{way}_first_"] < rows.c[f"{way}_last_"]) for way in ("same", "turned", "alike")]

    def leaked(self, of: Sequence[int]) -> LeakedRows:
        def keep(stacked: sa.FromClause) -> tuple[sa.FromClause, list[Any]]:
            rows = self.placed(stacked)
            return rows, [self.ways(rows)[-1], rows.c.split_no.in_(list(of))]

        return LeakedRows(self.marks, keep, together=self.together)


def _asked(
    relations: Relations, source: str, target: str, relation: str | None, directed: bool
) -> tuple[_Asked, list[tuple[int, int]]]:
    """Return how edges are compared, and of each split its rows and how many of them are no known edge."""
    columns = [source, target, *([relation] if relation is not None else [])]
    stack = relations.stack(columns)
    keys = relations.keys(stack, columns)
    ends = _ends(relations, stack, keys[0], keys[1])
    asked = _Asked(stack, ends, keys[2] if relation is not None else None, directed)

    risky = [*ends, *keys[2:]]

    def read(of: sa.FromClause) -> list[sa.ColumnElement[Any]]:
        inexact = [key.inexact(of) for key in risky]
        zero: sa.ColumnElement[Any] = sa.literal_column("0")
        return [
            *asked.marks(of),
            *((zero if flag is None else flag).label(f"inexact_{i}_") for i, flag in enumerate(inexact)),
        ]

    rows = stack.select(read).subquery("stacked")
    found = relations.fetch(
        sa.select(
            rows.c.split_no,
            sa.func.count(),
            sa.func.sum(sa.case((asked.known(rows), 0), else_=1)),
            *(sa.func.max(rows.c[f"inexact_{i}_"]) for i in range(len(risky))),
        ).group_by(rows.c.split_no)
    )
    counts = [(0, 0)] * len(relations.names)
    for no, count, unknown, *inexact in found:
        counts[int(no)] = (int(count), int(unknown))
        for key, flag in zip(risky, inexact, strict=True):
            if flag:
                raise key.rounded({n: stack.relation_of(i).c[key.name].type for i, n in enumerate(relations.names)})
    for name, (count, unknown) in zip(relations.names, counts, strict=True):
        if count and count == unknown:
            raise NoValuesError(columns, name)
    if asked.relation is not None and not directed:
        asked = replace(asked, alike=_alike(relations, asked))
    return asked, counts


def _ends(relations: Relations, stack: Stack, source: Key, target: Key) -> tuple[Key, Key]:
    """Return how both ends are written so that one end is equal to the other."""
    end = f"{source.name}' and '{target.name}"
    types = {
        f"{name}, {key.name}": {end: stack.relation_of(i).c[key.name].type if key.families else AllNull()}
        for key in (source, target)
        for i, name in enumerate(relations.names)
    }
    (both,) = comparable([end], types)
    return replace(both, name=source.name), replace(both, name=target.name)


def _alike(relations: Relations, asked: _Asked) -> tuple[Alike, ...]:
    """Return the relations of which each has nearly all of its pairs in common with the other."""
    rows = asked.stack.select(asked.marks).subquery("stacked")
    edges = (
        sa.select(rows.c.relation_, rows.c.source_, rows.c.target_)
        .where(asked.known(rows))
        .group_by(rows.c.relation_, rows.c.source_, rows.c.target_)
    )
    with relations.engine.shared(edges) as distinct:
        one, other = distinct.alias("one"), distinct.alias("other")
        kind = one.c.relation_
        counted = relations.fetch(sa.select(kind, sa.func.count()).group_by(kind))
        sizes = {of: int(count) for of, count in counted}
        found = []
        for turned in (True, False):
            ends = (other.c.target_, other.c.source_) if turned else (other.c.source_, other.c.target_)
            joined = one.join(other, sa.and_(one.c.source_ == ends[0], one.c.target_ == ends[1]))
            pairs = (
                sa.select(kind, other.c.relation_.label("other_"), sa.func.count().label("pairs_"))
                .select_from(joined)
                .where(kind < other.c.relation_)
                .group_by(kind, other.c.relation_)
                .having(sa.func.count() >= FEWEST_PAIRS)
            )
            for first, second, count in relations.fetch(pairs):
                share = int(count) / max(sizes[first], sizes[second])
                if share >= LEAST_SHARE:
                    found.append(Alike(first, second, turned, int(count), share))
    ordered = sorted(found, key=lambda one: (-one.pairs, str(one.relation), str(one.other), not one.reversed))
    return tuple(ordered[:MOST_ALIKE])


def _samples(
    relations: Relations, asked: _Asked, rows: sa.FromClause, flags: Any, judged: Sequence[int], samples: int
) -> tuple[tuple[str, str, str, Any, Any, Any], ...]:
    c = rows.c
    how = sa.case(*((flag, sa.literal_column(f"'{name}'", sa.Text())) for name, flag in flags.items()))
    elsewhere = sa.case((c.alike_first_ == c.split_no, c.alike_last_), else_=c.alike_first_)
    edge = [c.source_, c.target_, *([] if asked.relation is None else [c.relation_])]
    leaked = (
        sa.select(*edge, c.split_no, elsewhere.label("elsewhere_"), how.label("how_"))
        .where(asked.ways(rows)[-1], c.split_no.in_(list(judged)))
        .subquery("leaked")
    )
    found = relations.fetch(sa.select(*leaked.c).distinct().order_by(*list(leaked.c)[: len(edge) + 1]).limit(samples))
    shown = []
    for source, target, *kind, no, other, way in found:
        relation = asked.relation.shown(kind[0]) if asked.relation is not None else None
        ends = (asked.ends[0].shown(source), asked.ends[1].shown(target))
        shown.append((relations.names[int(no)], relations.names[int(other)], way, *ends, relation))
    return tuple(shown)
