"""Clean splits: leaked rows dropped from the judged splits or from train, or whole groups brought to one split."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from gx_leakage.audit.records import Changes, of_one_form, rewritten
from gx_leakage.disclosure import redacted
from gx_leakage.engines import Source
from gx_leakage.engines.duckdb import TableEngine, arrow_table
from gx_leakage.errors import CouldNotCheckError, nearest
from gx_leakage.gx.metrics import FAMILIES
from gx_leakage.gx.sources import (
    data_context,
    first_line,
    is_frame,
    name_of,
    prepare,
    relations_of,
    resolved,
    with_driver,
)
from gx_leakage.leaks import (
    CrossBatchExpectation,
    ExpectBatchesToBeOrderedInTime,
    ExpectLabelWindowsNotToOverlapAcrossBatches,
    ExpectNoIdenticalRowsAcrossBatches,
    ExpectNoInterleavedFramesAcrossBatches,
    ExpectNoSharedGroupIdsAcrossBatches,
)
from gx_leakage.splits import files
from gx_leakage.splits.files import quoted
from gx_leakage.splits.relations import Relations, SplitRows, in_usual_order
from gx_leakage.sql.dialects import literal_dialect

if TYPE_CHECKING:
    from gx_leakage.audit.plan import Roles
    from gx_leakage.gx.report import Report

__all__ = ["STRATEGIES", "Cleaned", "Inputs"]

STRATEGIES = ("judged", "train", "reassign")

_OVERLAP = (ExpectNoSharedGroupIdsAcrossBatches, ExpectNoIdenticalRowsAcrossBatches)
FIXABLE = (
    *_OVERLAP,
    ExpectBatchesToBeOrderedInTime,
    ExpectLabelWindowsNotToOverlapAcrossBatches,
    ExpectNoInterleavedFramesAcrossBatches,
)
"""The Expectations whose leaks are rows that can be dropped; a column that leaks has to be dropped by hand."""


@dataclass(frozen=True)
class Cleaned:
    """Splits without the leaked rows, and what that cost."""

    splits: dict[str, Any]
    """By name a DataFrame, the path of a file that was written, or the name of a table."""
    rows: list[dict[str, Any]]
    """For each split ``name``, ``before`` and ``after``."""
    not_fixed: list[str] = field(default_factory=list)
    """Leaks of columns, which no dropping of rows mends."""
    sql: list[str] = field(default_factory=list)
    """In a warehouse, the statements that make the tables."""
    report: Report | None = None
    """The audit of the clean splits; None where a warehouse has not made them."""

    @property
    def sentence(self) -> str:
        """What it cost, in one sentence."""
        parts = []
        for split in self.rows:
            change = split["after"] - split["before"]
            share = 100 * abs(change) / split["before"] if split["before"] else 0.0
            kept = f"{split['after']:,} of {split['before']:,} rows" if change <= 0 else f"{split['after']:,} rows"
            parts.append(f"{split['name']} {kept} ({'+' if change > 0 else '-' if change else ''}{share:.3g} %)")
        return f"{'; '.join(parts)}."


class _Recorder(Relations):
    """The splits, which keep how leaked rows are found while evidence is gathered of them."""

    def __init__(self, splits: Relations) -> None:
        super().__init__(_Building(splits.engine), splits.splits, splits.split_column, 0, splits.asset)
        self.found: tuple[Any, Any] | None = None

    def rows(self, marks: Any, keep: Any) -> Any:
        self.found = (marks, keep)
        return super().rows(marks, keep)


class _Building:
    """An engine that builds the query for the leaked rows, although nobody can run it there."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def query(self, build: Any) -> None:
        build()


def leaked(expectation: CrossBatchExpectation, splits: Relations, strategy: str, train: str) -> list[tuple[Any, Any]]:
    """Return how to find the rows to drop: marks, and conditions on the rows of all splits with these marks.

    Raises:
        CouldNotCheckError: the strategy does not mend this leak.
    """
    if strategy == "train" and isinstance(expectation, ExpectBatchesToBeOrderedInTime):
        found = _gathered(expectation, splits)
        return [(found[0], _not_before(splits, train, expectation))] if found else []
    if strategy == "train" and not isinstance(expectation, ExpectLabelWindowsNotToOverlapAcrossBatches):
        no = splits.names.index(train)
        marked = [_gathered(_changed(expectation, train=other), splits) for other in splits.names if other != train]
        return [(marks, _of_split(keep, no)) for marks, keep in filter(None, marked)]
    found = _gathered(expectation, splits)
    return [found] if found else []


def _gathered(expectation: CrossBatchExpectation, splits: Relations) -> tuple[Any, Any] | None:
    recorder = _Recorder(splits)
    FAMILIES[expectation.family](recorder, **expectation.question(0))
    return recorder.found


def _changed(expectation: CrossBatchExpectation, **arguments: Any) -> CrossBatchExpectation:
    return type(expectation)(**{**expectation.configuration.kwargs, **arguments})


def _of_split(keep: Any, no: int) -> Any:
    def restricted(stacked: sa.Subquery) -> tuple[sa.FromClause, list[Any]]:
        source, conditions = keep(stacked)
        return source, [*conditions, source.c.split_no == no]

    return restricted


def _not_before(splits: Relations, train: str, expectation: ExpectBatchesToBeOrderedInTime) -> Any:
    if expectation.gap is not None or expectation.unit is not None:
        raise CouldNotCheckError("with a gap or a unit, rows are dropped from the judged splits: strategy 'judged'.")
    no = splits.names.index(train)

    def keep(stacked: sa.Subquery) -> tuple[sa.FromClause, list[Any]]:
        other = stacked.alias("other")
        first = sa.select(sa.func.min(other.c.at_)).where(other.c.split_no != no).scalar_subquery()
        return stacked, [stacked.c.split_no == no, stacked.c.at_ >= first]

    return keep


def fixable(report: Report, strategy: str) -> tuple[list[CrossBatchExpectation], list[str]]:
    """Return the Expectations that failed and can be mended by rows, and what of the rest has to be mended by hand.

    Raises:
        CouldNotCheckError: there is no such strategy, a check could not be made, or the strategy does not fit a leak.
    """
    if strategy not in STRATEGIES:
        raise CouldNotCheckError(f"there is no strategy '{strategy}'. {nearest(strategy, STRATEGIES)}")
    if report.errors:
        raise CouldNotCheckError("\n".join(finding.sentence for finding in report.errors))
    chosen: list[CrossBatchExpectation] = []
    by_hand: list[str] = []
    for finding in report.findings:
        if not finding.leaked:
            continue
        expectation = finding.rebuilt()
        if not isinstance(expectation, FIXABLE):
            by_hand.append(finding.sentence)
            continue
        reassigned = isinstance(expectation, (*_OVERLAP, ExpectNoInterleavedFramesAcrossBatches))
        if strategy == "reassign" and not reassigned:
            raise CouldNotCheckError(
                f"{finding.expectation} is not mended by bringing groups to one split: choose 'judged' or 'train'."
            )
        chosen.append(expectation)
    return chosen, by_hand


def clean_tables(
    engine: TableEngine,
    tables: Mapping[str, str],
    expectations: Sequence[CrossBatchExpectation],
    strategy: str,
    train: str,
) -> None:
    """Drop the leaked rows from tables, or move them."""
    for expectation in expectations:
        splits = Relations(engine, [SplitRows(name, Source(table, None)) for name, table in tables.items()])
        if strategy == "train" and train not in splits.names:
            raise CouldNotCheckError(f"no split is called '{train}'. {nearest(train, splits.names)}")
        if strategy == "reassign":
            _reassign(engine, splits, list(tables.values()), expectation)
            continue
        for marks, keep in leaked(expectation, splits, strategy, train):
            source, conditions = keep(_with_origin(engine, splits, marks))
            found = sa.select(source.c.split_no, *(source.c[name] for name in engine.origin)).where(*conditions)
            _delete(engine, list(tables.values()), _literal(engine.dialect, found))


def _with_origin(engine: TableEngine, splits: Relations, marks: Any) -> sa.Subquery:
    """Return the rows of all splits with marks, and where each comes from."""
    stack = splits.stack(splits.common_columns())

    def read(relation: sa.FromClause) -> list[Any]:
        return [*(relation.c[name] for name in engine.origin), *marks(relation)]

    found: sa.Subquery = stack.select(read).subquery("stacked")
    return found


def _same_row(engine: TableEngine, one: str, other: str) -> str:
    return " AND ".join(f"{one}.{name} = {other}.{name}" for name in engine.origin)


def _delete(engine: TableEngine, tables: Sequence[str], leaked_rows: str) -> None:
    run = engine.connection.execute
    run(f"CREATE OR REPLACE TEMPORARY TABLE leaked AS {leaked_rows}")
    for no, table in enumerate(tables):
        run(f"DELETE FROM {table} t USING leaked l WHERE l.split_no = {no} AND {_same_row(engine, 'l', 't')}")  # noqa: S608 (our own names)


def _reassign(
    engine: TableEngine, splits: Relations, tables: Sequence[str], expectation: CrossBatchExpectation
) -> None:
    """Bring all rows of a key to the split that holds most of them, of two alike the first."""
    if isinstance(expectation, ExpectNoInterleavedFramesAcrossBatches):
        columns: Any = list(expectation.sequence_columns)
        expectation = ExpectNoSharedGroupIdsAcrossBatches(group_columns=columns, train=expectation.train)
    found = _gathered(_changed(expectation, train=splits.names[0]), splits)
    if found is None:
        return
    marks, _ = found
    null_is_a_value = isinstance(expectation, ExpectNoIdenticalRowsAcrossBatches)
    origin = engine.origin
    stacked = _with_origin(engine, splits, marks)
    keys = [column for column in stacked.c if column.name.startswith("key_")]
    known = [] if null_is_a_value else [key.is_not(None) for key in keys]
    sizes = (
        sa.select(*keys, stacked.c.split_no, sa.func.count().label("n"))
        .where(*known)
        .group_by(*keys, stacked.c.split_no)
        .subquery("sizes")
    )
    most = sa.func.first_value(sizes.c.split_no).over(
        partition_by=[sizes.c[key.name] for key in keys], order_by=[sizes.c.n.desc(), sizes.c.split_no]
    )
    homes = sa.select(sizes, most.label("home")).subquery("homes")
    same = sa.and_(
        homes.c.split_no == stacked.c.split_no,
        *(key.is_not_distinct_from(homes.c[key.name]) for key in keys),
    )
    moved = (
        sa.select(stacked.c.split_no, *(stacked.c[name] for name in origin), homes.c.home)
        .select_from(stacked.join(homes, same))
        .where(homes.c.home != stacked.c.split_no)
    )
    run = engine.connection.execute
    run(f"CREATE OR REPLACE TEMPORARY TABLE moved AS {_literal(engine.dialect, moved)}")
    for home, table in enumerate(tables):
        for no, other in enumerate(tables):
            rows = (
                f"SELECT t.* FROM {other} t JOIN moved m ON m.split_no = {no} AND m.home = {home} "  # noqa: S608
                f"AND {_same_row(engine, 'm', 't')}"
            )
            if no != home:
                run(f"INSERT INTO {table} BY NAME {_only_of(engine, table, other, rows)}")
    for no, table in enumerate(tables):
        this = _same_row(engine, "l", "t")
        run(f"DELETE FROM {table} t USING moved l WHERE l.split_no = {no} AND l.home <> {no} AND {this}")  # noqa: S608


def _only_of(engine: TableEngine, table: str, other: str, rows: str) -> str:
    """Return the rows with those of their columns that the table has."""
    held = {row[0] for row in engine.connection.execute(f"DESCRIBE {table}").fetchall()}
    names = [row[0] for row in engine.connection.execute(f"DESCRIBE {other}").fetchall() if row[0] in held]
    return f"SELECT {', '.join(map(quoted, names))} FROM ({rows})"  # noqa: S608


def _literal(dialect: sa.Dialect, statement: Any) -> str:
    return str(statement.compile(dialect=literal_dialect(dialect), compile_kwargs={"literal_binds": True}))


def statements(
    splits: Relations,
    expectations: Sequence[CrossBatchExpectation],
    strategy: str,
    train: str,
    targets: Mapping[str, str],
) -> tuple[list[str], list[Any]]:
    """Return, for a warehouse, the statements that make clean tables, called ``targets``, and the queries in them.

    Leaks are mended one after the other; what is left of one is what the next looks at, within one statement.
    """
    if strategy == "reassign":
        raise CouldNotCheckError("in a warehouse rows are dropped, and not moved: choose 'judged' or 'train'.")
    columns = splits.columns()
    common = splits.common_columns()
    odd = {name: [c for c in names if c not in common] for name, names in columns.items()}
    if any(odd.values()):
        split, names = next((s, c) for s, c in odd.items() if c)
        raise CouldNotCheckError(
            f"split '{split}' has columns that others lack ({', '.join(names)}): make views of the columns that all "
            f"have, and clean these."
        )
    held = [*([splits.split_column] if splits.split_column else []), *common]
    for expectation in expectations:
        for marks, keep in leaked(expectation, splits, strategy, train):
            splits = _without(splits, marks, keep, held)
    names = [next(iter(targets))] if splits.split_column is not None else list(splits.names)
    queries: list[tuple[str, Any]] = []
    for name, rows in zip(names, splits.splits, strict=False):
        source = splits.engine.relation(rows.source, held)
        queries.append((targets[name], sa.select(*(source.c[column] for column in held))))
    dialect = splits.engine.dialect
    quote = dialect.identifier_preparer.quote
    texts = []
    for target, query in queries:
        table = ".".join(quote(part) for part in target.split("."))
        texts.append(f"CREATE TABLE {table} AS\n{_literal(dialect, query)}")
    return texts, [query for _, query in queries]


@dataclass(frozen=True)
class _Query:
    """A statement in the place of a table, as GX's batch data hold one."""

    selectable: Any
    source_table_name: str | None
    source_schema_name: str | None


def _without(splits: Relations, marks: Any, keep: Any, held: Sequence[str]) -> Relations:
    """Return the splits without the rows that are to be dropped."""
    stacked, aliases = splits.beside(held, marks)
    source, conditions = keep(stacked)
    drop = sa.case((sa.and_(*conditions), 1), else_=0)
    shown = [source.c[alias].label(name) for name, alias in aliases.items()]
    kept = sa.select(source.c.split_no.label("gxl_split_no"), *shown).where(drop == 0)
    sources: dict[int, Source] = {}
    cleaned = []
    for i, split in enumerate(splits.splits):
        if splits.split_column is None or id(split.source) not in sources:
            part = kept.subquery("kept")
            only = sa.select(*(part.c[name] for name in held))
            if splits.split_column is None:
                only = only.where(part.c.gxl_split_no == i)
            data = split.source.data
            query = _Query(only, data.source_table_name, data.source_schema_name)
            sources[id(split.source)] = Source(query, split.source.execution_engine)
        cleaned.append(SplitRows(split.name, sources[id(split.source)], split.value))
    return Relations(splits.engine, cleaned, splits.split_column, 0, splits.asset)


def _refuse_empty(rows: Mapping[str, int]) -> None:
    for name, count in rows.items():
        if not count:
            raise CouldNotCheckError(
                f"this would leave split '{name}' without rows, for all of them leak: choose another strategy, or "
                f"split anew."
            )


@dataclass(frozen=True)
class Inputs:
    """What was audited, so that it can be cleaned and audited again."""

    splits: Any
    split_column: str | None
    connection: str | None
    memory_limit: str | None
    roles: Roles
    arguments: Mapping[str, Mapping[str, Any]] | None
    date_format: str | None = None

    def clean(
        self, report: Report, strategy: str, *, directory: str | os.PathLike[str] | None = None, run: bool = False
    ) -> Cleaned:
        """Return the splits without what leaks: see :meth:`gx_leakage.gx.report.Report.clean_splits`."""
        expectations, by_hand = fixable(report, strategy)
        before = {split["name"]: split["rows"] for split in report.splits}
        made = (
            self._clean_warehouse(expectations, strategy, run)
            if self.connection is not None
            else self._clean_local(expectations, strategy, Path(directory) if directory is not None else None)
        )
        splits, after, sql = made
        again = None
        if self.connection is None or run:
            again = self._again(next(iter(splits.values())) if self.split_column is not None else splits)
        rows = [{"name": name, "before": count, "after": after[name]} for name, count in before.items()]
        return Cleaned(splits, rows, by_hand, sql, again)

    def _again(self, splits: Any) -> Report:
        given: Any = {"all": splits} if self.connection is not None and self.split_column is not None else splits
        from gx_leakage.audit.run import audit

        return audit(
            given, **{field.name: getattr(self.roles, field.name) for field in fields(self.roles)},
            split_column=self.split_column, connection=self.connection, memory_limit=self.memory_limit,
            arguments=self.arguments, date_format=self.date_format,
        )  # fmt: skip

    def _clean_warehouse(
        self, expectations: Sequence[CrossBatchExpectation], strategy: str, run: bool
    ) -> tuple[dict[str, Any], dict[str, int], list[str]]:
        connection = str(self.connection)
        with prepare(data_context(None), self.splits, self.split_column, connection, None, None) as prepared:
            named = dict(self.splits) if isinstance(self.splits, Mapping) else {name_of(self.splits): self.splits}
            targets = {name: f"{table}_clean" for name, table in named.items()}
            relations = relations_of(prepared)
            try:
                texts, queries = statements(relations, expectations, strategy, self.roles.train, targets)
                after = {}
                for name, query in zip(relations.names, queries, strict=False):
                    counted = query.subquery("counted")
                    after[name] = int(relations.fetch(sa.select(sa.func.count()).select_from(counted))[0][0])
                if self.split_column is not None:
                    counted = queries[0].subquery("counted")
                    column = counted.c[self.split_column]
                    found = relations.fetch(sa.select(column, sa.func.count()).group_by(column))
                    after = dict.fromkeys(relations.names, 0) | {str(v).strip(): int(n) for v, n in found}
            finally:
                relations.close()
        _refuse_empty(after)
        if run:
            engine = sa.create_engine(with_driver(resolved(connection)))
            try:
                with engine.begin() as connected:
                    for text in texts:
                        connected.exec_driver_sql(text)
            except sa.exc.SQLAlchemyError as error:
                message = redacted(first_line(error), [resolved(connection)])
                raise CouldNotCheckError(f"the clean tables could not be made: {message}") from error
            finally:
                engine.dispose()
        return targets, after, texts

    def _clean_local(
        self, expectations: Sequence[CrossBatchExpectation], strategy: str, folder: Path | None
    ) -> tuple[dict[str, Any], dict[str, int], list[str]]:
        named = dict(self.splits) if isinstance(self.splits, Mapping) else {name_of(self.splits): self.splits}
        named = {str(name): value for name, value in named.items()}
        if any(type(value).__module__.startswith("pyspark") for value in named.values()):
            raise CouldNotCheckError("Spark frames are not cleaned: write them as Parquet, and audit the files.")
        frames = all(is_frame(value) for value in named.values())
        if not frames and any(is_frame(value) for value in named.values()):
            raise CouldNotCheckError("frames and files are not cleaned together: give only one of them.")
        if not frames and folder is None:
            raise CouldNotCheckError("name the folder that clean files are written to: directory=.")
        engine = TableEngine()
        try:
            found = {} if frames else {name: files.find(Path(value)) for name, value in named.items()}
            queries = files.queries(found, date_format=self.date_format)
            for no, (name, value) in enumerate(named.items()):
                if frames:
                    engine.connection.register(f"frame_{no}", arrow_table(value))
                engine.make(f"split_{no}", f"SELECT * FROM frame_{no}" if frames else queries[name].sql(), no)  # noqa: S608
            tables = {name: f"split_{no}" for no, name in enumerate(named)}
            values: dict[str, Any] = {}
            if self.split_column is not None:
                tables, values = self._parts(engine)
            sizes = [engine.size(f"split_{no}") for no in range(len(named))]
            clean_tables(engine, tables, expectations, strategy, self.roles.train)
            count = {name: engine.size(table) for name, table in tables.items()}
            _refuse_empty(count)
            placed = _Placed.of(engine, list(tables.values()), sizes, self.split_column)
            if frames:
                return self._frames(placed, list(tables), list(named.values()), values), count, []
            return dict(self._files(engine, found, placed, sizes, list(tables), Path(str(folder)))), count, []
        finally:
            engine.close()

    def _parts(self, engine: TableEngine) -> tuple[dict[str, str], dict[str, Any]]:
        """Make a table of each split of the one table, and return them with the values that name them."""
        column = quoted(str(self.split_column))
        run = engine.connection.execute
        values = [row[0] for row in run(f"SELECT DISTINCT {column} FROM split_0 WHERE {column} IS NOT NULL").fetchall()]  # noqa: S608
        named = {str(value).strip(): value for value in values}
        tables = {}
        for no, name in enumerate(in_usual_order(sorted(named))):
            of, _ = engine.origin
            run(
                f"CREATE TABLE part_{no} AS SELECT * EXCLUDE ({column}, {of}), {no} AS {of} FROM split_0 "  # noqa: S608
                f"WHERE {column} = ?", [named[name]],
            )  # fmt: skip
            tables[name] = f"part_{no}"
        return tables, named

    def _files(
        self, engine: TableEngine, found: Mapping[str, files.SplitFiles], placed: _Placed, sizes: Sequence[int],
        names: Sequence[str], folder: Path,
    ) -> dict[str, Path]:  # fmt: skip
        own = {name: files_.given.name for name, files_ in found.items()}
        if len({name.casefold() for name in own.values()}) < len(own):
            own = {name: _called(name, files_) for name, files_ in found.items()}
        targets = {name: folder / file for name, file in own.items()}
        moved: dict[str, dict[str, frozenset[int]]] = {}
        brought: dict[str, Any] = {}
        if self.split_column is None:
            changes = {name: Changes(sizes[no], placed.dropped[no] | placed.left(no)) for no, name in enumerate(found)}
            named = list(found)
            for (i, no), rows in placed.moved.items():
                if of_one_form(found[named[no]], found[named[i]]):
                    moved.setdefault(named[no], {})[named[i]] = rows
            others = {
                no: [i for i, home in placed.moved if home == no and named[i] not in moved.get(name, {})]
                for no, name in enumerate(named)
            }
            brought = {named[no]: _typed(engine, found[named[no]], no, of) for no, of in others.items() if of}
        else:
            (name,) = found
            renamed = {row: names[home] for (_, home), rows in placed.moved.items() for row in rows}
            first = {row: names[no] for no, row in enumerate(placed.first)}
            changes = {name: Changes(sizes[0], placed.dropped[0], renamed, first)}
        rewritten(found, changes, moved, brought, targets, self.split_column)
        return targets

    def _frames(
        self, placed: _Placed, names: Sequence[str], given: Sequence[Any], values: Mapping[str, Any]
    ) -> dict[str, Any]:
        import pandas as pd

        if self.split_column is not None:
            (frame,) = given
            if placed.moved:
                frame = frame.copy()
                at = frame.columns.get_loc(self.split_column)
                for (_, home), rows in placed.moved.items():
                    frame.iloc[sorted(rows), at] = frame.iloc[placed.first[home], at]
            return {"splits": frame.iloc[[row for row in range(len(frame)) if row not in placed.dropped[0]]]}
        found = {}
        for no, name in enumerate(names):
            gone = placed.dropped[no] | placed.left(no)
            kept = given[no].iloc[[row for row in range(len(given[no])) if row not in gone]]
            parts = [given[i].iloc[sorted(rows)] for (i, home), rows in placed.moved.items() if home == no]
            found[name] = pd.concat([kept, *parts]) if parts else kept
        return found


def _typed(engine: TableEngine, found: files.SplitFiles, home: int, origins: Sequence[int]) -> Any:
    """Return the rows of a split that come from files of another form, in its own columns."""
    of, _ = engine.origin
    shown = [
        f"CAST({quoted(c)} AS VARCHAR) AS {quoted(c)}" if found.kind == "csv" else quoted(c) for c in found.columns
    ]
    only = ", ".join(map(str, origins))
    query = f"SELECT {', '.join(shown)} FROM split_{home} WHERE {of} IN ({only})"  # noqa: S608 (our own names)
    return engine.connection.execute(query).fetch_arrow_table()


def _called(name: str, found: files.SplitFiles) -> str:
    """Return a file's name that begins with the name of its split."""
    ends = "" if found.given.is_dir() else "".join(found.given.suffixes[-2 if found.packing else -1 :])
    return re.sub(r"[^\w.-]", "_", name) + ends


@dataclass(frozen=True)
class _Placed:
    """What became of rows: by the position of a split, or of a file, and the number of a row in it."""

    dropped: list[frozenset[int]]
    """By file."""
    moved: dict[tuple[int, int], frozenset[int]]
    """From which split to which one."""
    first: list[int]
    """One row of each split, before anything was moved."""

    def left(self, split: int) -> frozenset[int]:
        """Return the rows that were moved elsewhere."""
        return frozenset().union(*(rows for (of, _), rows in self.moved.items() if of == split))

    @classmethod
    def of(cls, engine: TableEngine, tables: Sequence[str], sizes: Sequence[int], split_column: str | None) -> _Placed:
        """Compare what is in the tables with what was."""
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
        first = [run(f"SELECT min({row}) FROM {t} WHERE {of} = {no}").fetchall()[0][0] for no, t in enumerate(tables)]  # noqa: S608
        return cls(
            [frozenset(r for o, r in gone if o == no) for no in range(len(sizes))],
            {pair: frozenset(rows) for pair, rows in moved.items()},
            first,
        )
