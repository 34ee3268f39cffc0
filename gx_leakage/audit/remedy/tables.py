"""Clean splits as tables in DuckDB, in which each row knows where it comes from: for frames and files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from gx_leakage.audit.remedy.anew import aimed, standing
from gx_leakage.audit.remedy.mend import Cost, Mend, Tally, tally
from gx_leakage.audit.remedy.queries import with_home
from gx_leakage.engines import Source
from gx_leakage.engines.duckdb import TableEngine
from gx_leakage.engines.duckdb_types import temporary_table
from gx_leakage.gx.expectation import CrossBatchExpectation
from gx_leakage.splits.files import quoted
from gx_leakage.splits.relations import LeakedRows, Relations, SplitRows, in_usual_order
from gx_leakage.sql.dialects import literal_dialect

__all__ = ["Placed", "placed"]


@dataclass(frozen=True)
class Placed:
    """What became of rows: by the position of a split, or of a file, and the number of a row in it."""

    dropped: list[frozenset[int]]
    """By file."""
    moved: dict[tuple[int, int], frozenset[int]]
    """From which split to which one."""
    first: list[int]
    """One row of each split, before anything was moved."""
    names: list[str]
    """The splits, in the order of positions."""
    cost: Cost

    def left(self, split: int) -> frozenset[int]:
        """Return the rows that were moved elsewhere."""
        return frozenset().union(*(rows for (of, _), rows in self.moved.items() if of == split))

    @classmethod
    def of(
        cls, engine: TableEngine, named: Mapping[str, str], sizes: Sequence[int], first: list[int], mend: Mend,
        cost: Cost,
    ) -> Placed:  # fmt: skip
        """Compare what is in the tables with what was."""
        split_column = mend.split_column
        tables = list(named.values())
        of, row = engine.origin
        run = engine.connection.execute
        kept = " UNION ALL ".join(f"SELECT {of} AS o, {row} AS r, {no} AS n FROM {t}" for no, t in enumerate(tables))  # noqa: S608
        before = [f"SELECT range AS r, {no} AS o FROM range({size})" for no, size in enumerate(sizes)]  # noqa: S608
        if split_column is not None:
            before = [f"SELECT {row} AS r, 0 AS o FROM split_0 WHERE {quoted(split_column)} IS NOT NULL"]  # noqa: S608
        same = "k.r = b.r" if split_column is not None else "k.r = b.r AND k.o = b.o"
        gone = run(
            f"SELECT b.o, b.r FROM ({' UNION ALL '.join(before)}) b ANTI JOIN ({kept}) k ON {same}"  # noqa: S608
        ).fetchall()
        moved: dict[tuple[int, int], set[int]] = {}
        for origin, number, now in run(f"SELECT o, r, n FROM ({kept}) WHERE o <> n").fetchall():  # noqa: S608
            moved.setdefault((origin, now), set()).add(number)
        return cls(
            [frozenset(r for o, r in gone if o == no) for no in range(len(sizes))],
            {pair: frozenset(rows) for pair, rows in moved.items()},
            first,
            list(named),
            cost,
        )


def placed(engine: TableEngine, names: Sequence[str], mend: Mend) -> Placed:
    """Drop the leaked rows of the tables ``split_0``, ``split_1``, …, or move them, and return what became of them.

    With a split column there is one of them, that holds all splits.
    """
    sizes = [engine.size(f"split_{no}") for no in range(len(names))]
    tables = {name: f"split_{no}" for no, name in enumerate(names)}
    if mend.split_column is not None:
        tables = _parts(engine, mend.split_column)
    row = engine.origin[1]
    first = [engine.connection.execute(f"SELECT min({row}) FROM {t}").fetchall()[0][0] for t in tables.values()]  # noqa: S608
    splits = Relations(engine, [SplitRows(name, Source(table, None)) for name, table in tables.items()])
    mend.require_features(splits)
    before = tally(splits, mend.target)
    notes: tuple[str, ...] = ()
    if mend.anew:
        notes = _aimed(engine, splits, list(tables.values()), mend, before)
    else:
        for expectation in mend.expectations:
            change = _move if mend.moves else _drop
            change(engine, splits, list(tables.values()), mend.leaked(expectation, splits))
    cost = mend.accept(before, tally(splits, mend.target), notes)
    return Placed.of(engine, tables, sizes, first, mend, cost)


def _parts(engine: TableEngine, split_column: str) -> dict[str, str]:
    """Make a table of each split of the one table, and return them by name."""
    column, (of, _) = quoted(split_column), engine.origin
    run = engine.connection.execute
    values = [row[0] for row in run(f"SELECT DISTINCT {column} FROM split_0 WHERE {column} IS NOT NULL").fetchall()]  # noqa: S608
    named = {str(value).strip(): value for value in values}
    tables = {}
    for no, name in enumerate(in_usual_order(sorted(named))):
        run(
            f"CREATE TABLE part_{no} AS SELECT * EXCLUDE ({column}, {of}), {no} AS {of} FROM split_0 "  # noqa: S608
            f"WHERE {column} = ?", [named[name]],
        )  # fmt: skip
        tables[name] = f"part_{no}"
    return tables


def _drop(engine: TableEngine, splits: Relations, tables: Sequence[str], leaked: LeakedRows) -> None:
    source, conditions = leaked.keep(_with_origin(engine, splits, leaked))
    found = sa.select(source.c.split_no, *(source.c[name] for name in engine.origin)).where(*conditions)
    run = engine.connection.execute
    run(f"CREATE OR REPLACE TEMPORARY TABLE leaked AS {_literal(engine, found)}")
    for no, table in enumerate(tables):
        run(f"DELETE FROM {table} t USING leaked l WHERE l.split_no = {no} AND {_same_row(engine, 'l', 't')}")  # noqa: S608 (our own names)


def _move(engine: TableEngine, splits: Relations, tables: Sequence[str], leaked: LeakedRows) -> None:
    """Bring all rows that belong together to the split that holds most of them."""
    rows = with_home(_with_origin(engine, splits, leaked), leaked)
    _bring(engine, tables, rows)


def _aimed(
    engine: TableEngine, splits: Relations, tables: Sequence[str], mend: Mend, before: Tally
) -> tuple[str, ...]:  # fmt: skip
    """Make new splits of all rows, in the proportions of those that are given after all that is dropped.

    What has to be known of how they were made is returned.
    """
    run = engine.connection.execute
    given: list[str] = []
    done: list[Sequence[int]] = []

    def attempt(aims: Sequence[int]) -> tuple[list[int], tuple[str, ...]]:
        for no, table in enumerate(given):
            run(f"CREATE OR REPLACE TABLE {tables[no]} AS FROM {table}")
        done.append(aims)
        remaining, notes = _resplit(engine, splits, tables, mend, before, aims, given)
        for expectation in remaining:
            _drop(engine, splits, tables, mend.leaked(expectation, splits))
        return [engine.size(table) for table in tables], notes

    try:
        aims, notes = aimed(list(before.rows.values()), attempt)
        if aims != done[-1]:
            attempt(aims)
    finally:
        for table in given:
            run(f"DROP TABLE IF EXISTS {table}")
    return notes


def _resplit(
    engine: TableEngine, splits: Relations, tables: Sequence[str], mend: Mend, before: Tally, aims: Sequence[int],
    given: list[str],
) -> tuple[list[CrossBatchExpectation], tuple[str, ...]]:  # fmt: skip
    """Bring all rows to new splits, and return the Expectations of which rows may still leak, and notes.

    Where there are any, the tables as they are given are kept first, and their names appended.
    """
    leaked = [mend.leaked(one, splits) for one in mend.expectations]
    marks, made = standing(splits, leaked, mend.target if before.classes else None)
    stack = splits.stack(splits.common_columns())

    def read(relation: sa.FromClause) -> list[Any]:
        return [*(relation.c[name] for name in engine.origin), *marks(relation)]

    run = engine.connection.execute
    with ExitStack() as tables_of_ours:

        def keep(statement: Any) -> sa.FromClause:
            return tables_of_ours.enter_context(temporary_table(run, engine.dialect, statement))

        anew = made(keep(stack.select(read)), aims, mend.seed, engine.origin, keep)
        if anew.remaining and not given:
            given += [f"given_{no}" for no in range(len(tables))]
            for table, kept in zip(tables, given, strict=True):
                run(f"CREATE TABLE {kept} AS FROM {table}")
        _bring(engine, tables, anew.rows)
    return [mend.expectations[no] for no in anew.remaining], anew.notes


def _bring(engine: TableEngine, tables: Sequence[str], rows: sa.FromClause) -> None:
    """Bring rows to the split that ``home_`` says; those of which it says none are dropped."""
    away = sa.select(rows.c.split_no, *(rows.c[name] for name in engine.origin), rows.c.home_.label("home"))
    run = engine.connection.execute
    moved = _literal(engine, away.where(sa.or_(rows.c.home_.is_(None), rows.c.home_ != rows.c.split_no)))
    run(f"CREATE OR REPLACE TEMPORARY TABLE moved AS {moved}")
    for home, table in enumerate(tables):
        for no, other in enumerate(tables):
            of_home = (
                f"SELECT t.* FROM {other} t JOIN moved m ON m.split_no = {no} AND m.home = {home} "  # noqa: S608
                f"AND {_same_row(engine, 'm', 't')}"
            )
            if no != home:
                run(f"INSERT INTO {table} BY NAME {_only_of(engine, table, other, of_home)}")
    for no, table in enumerate(tables):
        this = _same_row(engine, "l", "t")
        run(f"DELETE FROM {table} t USING moved l WHERE l.split_no = {no} AND {this}")  # noqa: S608


def _with_origin(engine: TableEngine, splits: Relations, leaked: LeakedRows) -> sa.Subquery:
    """Return the rows of all splits with marks, and where each comes from."""
    stack = splits.stack(splits.common_columns())

    def read(relation: sa.FromClause) -> list[Any]:
        return [*(relation.c[name] for name in engine.origin), *leaked.marks(relation)]

    found: sa.Subquery = stack.select(read).subquery("stacked")
    return found


def _same_row(engine: TableEngine, one: str, other: str) -> str:
    return " AND ".join(f"{one}.{name} = {other}.{name}" for name in engine.origin)


def _only_of(engine: TableEngine, table: str, other: str, rows: str) -> str:
    """Return the rows with those of their columns that the table has.

    What does not fit the table is NULL in it: such rows are refused where they are written, and the tables only say
    which rows leak.
    """
    held, own = (
        {row[0]: row[1] for row in engine.connection.execute(f"DESCRIBE {name}").fetchall()} for name in (table, other)
    )
    nested = ("STRUCT", "MAP", "UNION")
    shown = [
        quoted(name) if type_ == held[name] else f"TRY_CAST({quoted(name)} AS {held[name]}) AS {quoted(name)}"
        for name, type_ in own.items()
        if name in held and (type_ == held[name] or not (type_.startswith(nested) or type_.endswith("]")))
    ]
    return f"SELECT {', '.join(shown)} FROM ({rows})"  # noqa: S608


def _literal(engine: TableEngine, statement: Any) -> str:
    compiled = statement.compile(dialect=literal_dialect(engine.dialect), compile_kwargs={"literal_binds": True})
    return str(compiled)
