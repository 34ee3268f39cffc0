"""Clean splits as queries over those that are given, for the places that run SQL: a warehouse, Spark."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from gx_leakage.audit.remedy.anew import Keep, aimed, standing
from gx_leakage.audit.remedy.mend import Cost, Mend, Tally, tally
from gx_leakage.engines import Source
from gx_leakage.errors import CouldNotCheckError
from gx_leakage.gx.expectation import CrossBatchExpectation
from gx_leakage.splits.relations import LeakedRows, Relations
from gx_leakage.sql.dialects import digest, kept_type

__all__ = ["CleanRows", "clean_rows", "with_home"]


@dataclass(frozen=True)
class CleanRows:
    """The splits without what leaks, and the query of each; with a split column one of all splits."""

    queries: dict[str, sa.Select[Any] | sa.CompoundSelect[Any]]
    cost: Cost


def clean_rows(
    relations: Relations, mend: Mend, derived: Callable[[Source, sa.Select[Any]], Source], name: str,
    keep: Keep | None = None,
) -> CleanRows:  # fmt: skip
    """Return the queries for splits without what leaks.

    Leaks are mended one after the other; what is left of one is what the next looks at.

    Args:
        relations: The splits as they are given.
        mend: What is to be mended.
        derived: Returns the rows of a query as a source, given the source that they come from.
        name: What the one table is called that holds all splits, where there is one.
        keep: Keeps the rows of a statement, where there is a place to.

    Raises:
        CouldNotCheckError: splits have other columns than others, or the strategy does not mend a leak.
    """
    if mend.left.columns:
        relations = _without(relations, mend.left.columns, derived)
    mend.require_features(relations)
    common = relations.common_columns()
    for of, names in relations.columns().items():
        odd = [column for column in names if column not in common]
        if odd:
            raise CouldNotCheckError(
                f"split '{of}' has columns that others lack ({', '.join(odd)}): make views of the columns that all "
                f"have, and clean these."
            )
    own = {*common, relations.split_column}
    held = [name for name in relations.engine.column_names(relations.splits[0].source) if name in own]
    cleaned = relations
    before = tally(relations, mend.target)
    notes: tuple[str, ...] = ()
    if mend.anew:
        cleaned, notes = _aimed(relations, mend, before, held, derived, keep)
    else:
        for expectation in mend.expectations:
            change = _moved if mend.moves else _dropped
            cleaned = change(cleaned, mend.leaked(expectation, cleaned), held, derived)
    cost = mend.accept(before, tally(cleaned, mend.target), notes)
    queries: dict[str, Any] = {}
    for split in cleaned.splits:
        rows = cleaned.engine.relation(split.source, held)
        query = sa.select(*(rows.c[column] for column in held))
        if relations.split_column is None:
            queries[split.name] = query
            continue
        # Rows that are in no split are none that leak.
        given = relations.engine.relation(relations.splits[0].source, held)
        column = given.c[relations.split_column]
        unsplit = sa.select(*(given.c[column] for column in held)).where(column.is_(None))
        queries[name] = sa.union_all(query, unsplit) if relations.rows_without_split and mend.expectations else query
        break
    return CleanRows(queries, cost)


def _without(relations: Relations, columns: Collection[str], derived: Callable[..., Source]) -> Relations:
    """Return the splits without some of their columns."""
    sources: dict[int, Source] = {}
    splits = []
    for split in relations.splits:
        held = [name for name in relations.engine.column_names(split.source) if name not in columns]
        if id(split.source) not in sources:
            rows = relations.engine.relation(split.source, held)
            sources[id(split.source)] = derived(split.source, sa.select(*(rows.c[name] for name in held)))
        splits.append(replace(split, source=sources[id(split.source)]))
    return Relations(relations.engine, splits, relations.split_column, relations.rows_without_split, relations.asset)


def _dropped(
    relations: Relations, leaked: LeakedRows, held: Sequence[str], derived: Callable[..., Source]
) -> Relations:
    """Return the splits without the rows that are to be dropped."""
    stacked, aliases = relations.beside(held, leaked.marks)
    source, conditions = leaked.keep(stacked)
    drop = sa.case((sa.and_(*conditions), 1), else_=0)
    shown = [source.c[alias].label(name) for name, alias in aliases.items()]
    kept = sa.select(source.c.split_no.label("gxl_split_no"), *shown).where(drop == 0)
    return _derived(relations, kept, held, derived)


def _moved(relations: Relations, leaked: LeakedRows, held: Sequence[str], derived: Callable[..., Source]) -> Relations:
    """Return the splits, each with the rows that belong to it."""
    stacked, aliases = relations.beside(held, leaked.marks)
    return _placed(relations, with_home(stacked, leaked), aliases, held, derived)


def _aimed(
    relations: Relations, mend: Mend, before: Tally, held: Sequence[str], derived: Callable[..., Source],
    keep: Keep | None,
) -> tuple[Relations, tuple[str, ...]]:  # fmt: skip
    """Return new splits of all rows, in the proportions of those given after all that is dropped, and notes."""

    def attempt(aims: Sequence[int]) -> tuple[list[int], tuple[Relations, tuple[str, ...]]]:
        splits, remaining, notes = _anew(relations, mend, before, aims, held, derived, keep)
        for expectation in remaining:
            splits = _dropped(splits, mend.leaked(expectation, splits), held, derived)
        return list(tally(splits, None).rows.values()), (splits, notes)

    return aimed(list(before.rows.values()), attempt)[1]


def _anew(
    relations: Relations, mend: Mend, before: Tally, aims: Sequence[int], held: Sequence[str],
    derived: Callable[..., Source], keep: Keep | None,
) -> tuple[Relations, list[CrossBatchExpectation], tuple[str, ...]]:  # fmt: skip
    """Return new splits, the Expectations of which rows still leak, and notes."""
    leaked = [mend.leaked(one, relations) for one in mend.expectations]
    marks, made = standing(relations, leaked, mend.target if before.classes else None)
    stacked, aliases = relations.beside(held, marks)
    anew = made(keep(sa.select(stacked)) if keep else stacked, aims, mend.seed, keep=keep)
    splits = _placed(relations, anew.rows, aliases, held, derived)
    remaining = [mend.expectations[no] for no in anew.remaining]
    # Each that has to be mended makes the statements longer.
    return splits, [one for one in remaining if _leaks(splits, mend.leaked(one, splits), held)], anew.notes


def _leaks(relations: Relations, leaked: LeakedRows, held: Sequence[str]) -> bool:
    stacked = relations.beside(held, leaked.marks)[0]
    source, conditions = leaked.keep(stacked)
    found = sa.select(sa.func.count()).select_from(source).where(*conditions)
    return bool(relations.fetch(found)[0][0])


def _placed(
    relations: Relations, rows: sa.FromClause, aliases: Mapping[str, str], held: Sequence[str],
    derived: Callable[..., Source],
) -> Relations:  # fmt: skip
    """Return the splits, each with the rows whose ``home_`` it is; those without one are dropped."""
    shown: dict[str, sa.ColumnElement[Any]] = {name: rows.c[alias] for name, alias in aliases.items()}
    if relations.split_column is not None:
        values = [(rows.c.home_ == i, sa.literal(split.value)) for i, split in enumerate(relations.splits)]
        own = shown[relations.split_column]
        shown[relations.split_column] = kept_type(sa.case((rows.c.home_ == rows.c.split_no, own), *values), own.type)
    columns = [column.label(name) for name, column in shown.items()]
    placed = sa.select(rows.c.home_.label("gxl_split_no"), *columns).where(rows.c.home_.is_not(None))
    return _derived(relations, placed, held, derived)


def with_home(stacked: sa.FromClause, leaked: LeakedRows) -> sa.Subquery:
    """Return the rows of all splits with ``home_``, the split that holds most of those they belong with.

    Of two that hold alike many it is the first. Rows of which that is not known stay where they are.
    """
    by = [digest(stacked.c[name]) for name in leaked.together]
    together = sa.func.count().over(partition_by=[*by, stacked.c.split_no])
    sized = sa.select(stacked, together.label("together_")).subquery("sized")
    by = [digest(sized.c[name]) for name in leaked.together]
    most = sa.func.first_value(sized.c.split_no).over(
        partition_by=by, order_by=[sized.c.together_.desc(), sized.c.split_no]
    )
    known = [] if leaked.null_is_a_value else [sized.c[name].is_not(None) for name in leaked.together]
    home = sa.case((sa.and_(sa.true(), *known), most), else_=sized.c.split_no) if known else most
    return sa.select(sized, home.label("home_")).subquery("homes")


def _derived(
    relations: Relations, kept: sa.Select[Any], held: Sequence[str], derived: Callable[..., Source]
) -> Relations:
    """Return the splits, whose rows are those of a query that says of each in ``gxl_split_no`` which split it is in."""
    part = kept.subquery("kept")
    rows = sa.select(*(part.c[name] for name in held))
    sources: dict[int, Source] = {}
    cleaned = []
    for i, split in enumerate(relations.splits):
        if relations.split_column is None:
            source = derived(split.source, rows.where(part.c.gxl_split_no == i))
        else:
            source = sources.setdefault(id(split.source), derived(split.source, rows))
        cleaned.append(replace(split, source=source))
    return Relations(relations.engine, cleaned, relations.split_column, 0, relations.asset)
