"""Clean splits: leaked rows dropped from the judged splits or from train, or whole groups brought to one split."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from gx_leakage.engines import Source
from gx_leakage.engines.duckdb import TableEngine
from gx_leakage.errors import CouldNotCheckError, nearest
from gx_leakage.evidence.sql import literal_dialect
from gx_leakage.expectations import (
    CrossBatchExpectation,
    ExpectBatchesToBeOrderedInTime,
    ExpectLabelWindowsNotToOverlapAcrossBatches,
    ExpectNoIdenticalRowsAcrossBatches,
    ExpectNoInterleavedFramesAcrossBatches,
    ExpectNoSharedGroupIdsAcrossBatches,
)
from gx_leakage.metrics import FAMILIES
from gx_leakage.relations import Relations, SplitRows, in_usual_order
from gx_leakage.sources import (
    data_context,
    first_line,
    is_frame,
    name_of,
    prepare,
    reader_of,
    redact,
    relations_of,
    resolved,
    with_driver,
)

if TYPE_CHECKING:
    from gx_leakage.report import Report
    from gx_leakage.roles import Roles

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
        origin = [engine.FROM_SPLIT, engine.FROM_ROW]
        for marks, keep in leaked(expectation, splits, strategy, train):
            stack = splits.stack(splits.common_columns())
            shown = splits.common_columns()

            def read(relation: sa.FromClause, marks: Any = marks, names: list[str] = [*shown, *origin]) -> list[Any]:  # noqa: B006
                return [*(relation.c[name] for name in names), *marks(relation)]

            source, conditions = keep(stack.select(read).subquery("stacked"))
            found = sa.select(source.c.split_no, *(source.c[name] for name in origin)).where(*conditions)
            _delete(engine, list(tables.values()), _literal(engine.dialect, found))


def _delete(engine: TableEngine, tables: Sequence[str], leaked_rows: str) -> None:
    run = engine.connection.execute
    run(f"CREATE OR REPLACE TEMPORARY TABLE leaked AS {leaked_rows}")
    for no, table in enumerate(tables):
        same = f"l.{engine.FROM_SPLIT} = t.{engine.FROM_SPLIT} AND l.{engine.FROM_ROW} = t.{engine.FROM_ROW}"
        run(f"DELETE FROM {table} t USING leaked l WHERE l.split_no = {no} AND {same}")  # noqa: S608 (our own names)


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
    origin = [engine.FROM_SPLIT, engine.FROM_ROW]
    stack = splits.stack(splits.common_columns())
    stacked = stack.select(lambda relation: [*(relation.c[name] for name in origin), *marks(relation)]).subquery(
        "stacked"
    )
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
                f"AND m.{engine.FROM_SPLIT} = t.{engine.FROM_SPLIT} AND m.{engine.FROM_ROW} = t.{engine.FROM_ROW}"
            )
            if no != home:
                run(f"INSERT INTO {table} BY NAME {_only_of(engine, table, other, rows)}")
    run("CREATE OR REPLACE TEMPORARY TABLE leaked AS SELECT * FROM moved")
    for no, table in enumerate(tables):
        same_row = f"l.{engine.FROM_SPLIT} = t.{engine.FROM_SPLIT} AND l.{engine.FROM_ROW} = t.{engine.FROM_ROW}"
        run(f"DELETE FROM {table} t USING leaked l WHERE l.split_no = {no} AND l.home <> {no} AND {same_row}")  # noqa: S608


def _only_of(engine: TableEngine, table: str, other: str, rows: str) -> str:
    """Return the rows with those of their columns that the table has."""
    held = {row[0] for row in engine.connection.execute(f"DESCRIBE {table}").fetchall()}
    names = [row[0] for row in engine.connection.execute(f"DESCRIBE {other}").fetchall() if row[0] in held]
    quoted = ", ".join('"' + name.replace('"', '""') + '"' for name in names)
    return f"SELECT {quoted} FROM ({rows})"  # noqa: S608


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
    stack = splits.stack(splits.common_columns())
    stacked = stack.select(lambda relation: [*(relation.c[name] for name in held), *marks(relation)])
    source, conditions = keep(stacked.subquery("stacked"))
    drop = sa.case((sa.and_(*conditions), 1), else_=0)
    kept = sa.select(source.c.split_no, *(source.c[name] for name in held)).where(drop == 0)
    sources: dict[int, Source] = {}
    cleaned = []
    for i, split in enumerate(splits.splits):
        if splits.split_column is None or id(split.source) not in sources:
            part = kept.subquery("kept")
            only = sa.select(*(part.c[name] for name in held))
            if splits.split_column is None:
                only = only.where(part.c.split_no == i)
            data = split.source.data
            query = _Query(only, data.source_table_name, data.source_schema_name)
            sources[id(split.source)] = Source(query, split.source.execution_engine)
        cleaned.append(SplitRows(split.name, sources[id(split.source)], split.value))
    return Relations(splits.engine, cleaned, splits.split_column, 0, splits.asset)


def written(
    engine: TableEngine,
    tables: Mapping[str, str],
    readers: Sequence[str],
    folder: Path,
    files: Mapping[str, str],
    split_column: str | None = None,
) -> dict[str, Path]:
    """Write tables as files; the rows are read from their own files again, so that CSV stays as it was written.

    Args:
        engine: The engine that holds the tables.
        tables: The tables by split.
        readers: For each split, in order, the query that reads its file as it is.
        folder: Where to write, which must not hold files of these names.
        files: The names of the files by split; with a split column the one file of all.
        split_column: The column of that file that names the splits.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = {name: folder / file for name, file in files.items()}
    for path in paths.values():
        if path.exists():
            raise CouldNotCheckError(f"{path} exists already, and is not overwritten: choose another folder.")
    parts: dict[str, list[str]] = {name: [] for name in paths}
    for name, table in tables.items():
        for no, reader in enumerate(readers):
            numbered = f"SELECT *, row_number() OVER () - 1 AS {engine.FROM_ROW} FROM ({reader})"  # noqa: S608
            rows = f"SELECT {engine.FROM_ROW} FROM {table} WHERE {engine.FROM_SPLIT} = {no}"  # noqa: S608
            if not engine.connection.execute(f"SELECT count(*) FROM ({rows})").fetchall()[0][0]:  # noqa: S608
                continue
            shown = f"* EXCLUDE ({engine.FROM_ROW})"
            if split_column is not None and name:
                column = '"' + split_column.replace('"', '""') + '"'
                literal = name.replace("'", "''")
                shown += f" REPLACE ('{literal}' AS {column})"
            query = f"SELECT {shown} FROM ({numbered}) WHERE {engine.FROM_ROW} IN ({rows})"  # noqa: S608
            parts[name if split_column is None else next(iter(paths))].append(query)
    for name, path in paths.items():
        query = " UNION ALL BY NAME ".join(parts[name]) or f"SELECT * FROM ({readers[0]}) LIMIT 0"  # noqa: S608
        literal = str(path).replace("'", "''")
        engine.connection.execute(f"COPY ({query}) TO '{literal}' ({_format(path)})")
    return paths


def _format(path: Path) -> str:
    suffixes = [suffix for suffix in path.suffixes if suffix not in (".gz", ".zst")]
    suffix = suffixes[-1].lower() if suffixes else ".parquet"
    packed = {".gz": ", COMPRESSION gzip", ".zst": ", COMPRESSION zstd"}.get(path.suffix, "")
    if suffix in (".csv", ".tsv", ".txt"):
        delimiter = ", DELIMITER '\t'" if suffix == ".tsv" else ""
        return f"FORMAT csv, HEADER{delimiter}{packed}"
    return "FORMAT parquet" if suffix in (".parquet", ".pq") else f"FORMAT json{packed}"


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

    def clean(
        self, report: Report, strategy: str, *, directory: str | os.PathLike[str] | None = None, run: bool = False
    ) -> Cleaned:
        """Return the splits without what leaks: see :meth:`gx_leakage.report.Report.clean_splits`."""
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
        from gx_leakage.audit import audit

        return audit(
            given, **{field.name: getattr(self.roles, field.name) for field in fields(self.roles)},
            split_column=self.split_column, connection=self.connection, memory_limit=self.memory_limit,
            arguments=self.arguments,
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
                message = redact(first_line(error), resolved(connection))
                raise CouldNotCheckError(f"the clean tables could not be made: {message}") from error
            finally:
                engine.dispose()
        return targets, after, texts

    def _clean_local(
        self, expectations: Sequence[CrossBatchExpectation], strategy: str, folder: Path | None
    ) -> tuple[dict[str, Any], dict[str, int], list[str]]:
        named = dict(self.splits) if isinstance(self.splits, Mapping) else {name_of(self.splits): self.splits}
        if any(type(value).__module__.startswith("pyspark") for value in named.values()):
            raise CouldNotCheckError("Spark frames are not cleaned: write them as Parquet, and audit the files.")
        frames = all(is_frame(value) for value in named.values())
        if not frames and folder is None:
            raise CouldNotCheckError("name the folder that clean files are written to: directory=.")
        engine = TableEngine()
        try:
            readers = [self._read(engine, no, value) for no, value in enumerate(named.values())]
            for no, (query, _) in enumerate(readers):
                engine.make(f"split_{no}", query, no)
            tables = {name: f"split_{no}" for no, name in enumerate(named)}
            if self.split_column is not None:
                tables = self._parts(engine)
            clean_tables(engine, tables, expectations, strategy, self.roles.train)
            run = engine.connection.execute
            count = {n: run(f"SELECT count(*) FROM {t}").fetchall()[0][0] for n, t in tables.items()}  # noqa: S608
            _refuse_empty(count)
            if frames:
                return self._frames(engine, tables, list(named.values())), count, []
            # Rows of several kinds of files cannot stand beside each other as they are written.
            kinds = {typed.partition("(")[0] for typed, _ in readers}
            as_they_are = [text if len(kinds) == 1 else typed for typed, text in readers]
            files = {name: Path(str(value)).name for name, value in named.items()}
            made = written(
                engine, tables, as_they_are, Path(str(folder)), files, self.split_column
            )  # fmt: skip
            return dict(made), count, []
        finally:
            engine.close()

    def _read(self, engine: TableEngine, no: int, value: Any) -> tuple[str, str]:
        """Return the query that reads a split with its types, and the one that reads it as it is written."""
        if is_frame(value):
            engine.connection.register(f"frame_{no}", value)
            return f"SELECT * FROM frame_{no}", f"SELECT * FROM frame_{no}"  # noqa: S608
        reader, path = reader_of(Path(value))
        literal = path.replace("'", "''")
        text = ", all_varchar = true" if reader == "read_csv" else ""
        return f"SELECT * FROM {reader}('{literal}')", f"SELECT * FROM {reader}('{literal}'{text})"  # noqa: S608

    def _parts(self, engine: TableEngine) -> dict[str, str]:
        column = '"' + str(self.split_column).replace('"', '""') + '"'
        run = engine.connection.execute
        values = run(f"SELECT DISTINCT CAST({column} AS VARCHAR) FROM split_0 WHERE {column} IS NOT NULL").fetchall()  # noqa: S608
        tables = {}
        for no, name in enumerate(in_usual_order(sorted(str(value[0]) for value in values))):
            run(
                f"CREATE TABLE part_{no} AS SELECT * EXCLUDE ({column}) FROM split_0 "  # noqa: S608
                f"WHERE CAST({column} AS VARCHAR) = ?", [name],
            )  # fmt: skip
            tables[name.strip()] = f"part_{no}"
        return tables

    def _frames(self, engine: TableEngine, tables: Mapping[str, str], given: Sequence[Any]) -> dict[str, Any]:
        import pandas as pd

        found = {}
        origin = f"{engine.FROM_SPLIT}, {engine.FROM_ROW}"
        for name, table in tables.items():
            rows = engine.connection.execute(f"SELECT {origin} FROM {table} ORDER BY {origin}").fetchall()  # noqa: S608
            parts = []
            for no, frame in enumerate(given):
                own = [row for split, row in rows if split == no]
                if own:
                    parts.append(frame.iloc[own])
            found[name] = pd.concat(parts) if parts else given[0].iloc[:0]
            if self.split_column is not None:
                found[name] = found[name].assign(**{self.split_column: name})
        return {"splits": pd.concat(found.values())} if self.split_column is not None else found
