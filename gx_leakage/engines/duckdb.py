"""DuckDB in process: for pandas frames, and for splits that live in different engines."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from duckdb_sqlalchemy import ConnectionWrapper, Dialect, DuckDBExecutionContext
from sqlalchemy.engine.cursor import FullyBufferedCursorFetchStrategy
from sqlalchemy.pool import StaticPool
from sqlalchemy.sql import visitors

from gx_leakage.engines.duckdb_types import arrow_type, arrow_type_of, temporary_table, type_named
from gx_leakage.engines.engine import Source, answered
from gx_leakage.engines.spark import as_utc, spark_types
from gx_leakage.engines.streams import batch, of_duckdb
from gx_leakage.engines.warehouse import WarehouseEngine
from gx_leakage.errors import CouldNotCheckError

__all__ = [
    "PROJECT_OPTION",
    "BufferedDialect",
    "DuckDBEngine",
    "TableEngine",
    "arrow_table",
    "on_project",
    "require_readable",
]

ROWS_A_BATCH = 65_536


class _BufferedContext(DuckDBExecutionContext):
    def post_exec(self) -> None:
        """Read the rows at once: DuckDB drops them when GX gives the connection back to its pool."""
        super().post_exec()  # type: ignore[no-untyped-call]
        if (
            self.cursor is not None
            and self.cursor.description
            and not (self.isinsert or self.isupdate or self.isdelete)
        ):
            self.cursor_fetch_strategy = FullyBufferedCursorFetchStrategy(
                self.cursor, initial_buffer=self.cursor.fetchall()
            )


PROJECT_OPTION = "leakage_project"
"""The part of a URL's query that names a saved project, whose views are made when it connects."""

_makers: list[Callable[[duckdb.DuckDBPyConnection, str], None]] = []


def on_project(make: Callable[[duckdb.DuckDBPyConnection, str], None]) -> Callable[..., None]:
    """Have a function called with each new connection of a saved project."""
    _makers.append(make)
    return make


class BufferedDialect(Dialect):
    """``duckdb+gx://``: DuckDB as GX needs it, for GX's own metrics read a result after its connection is gone."""

    driver = "gx"
    execution_ctx_cls = _BufferedContext
    supports_statement_cache = True

    def get_schema_names(self, connection: Any, **kw: Any) -> list[str]:
        """Return the schemas, those of the database itself by their names alone too, as older GX looks for them."""
        own = f"{connection.scalar(sa.select(sa.func.current_database()))}."
        names: list[str] = super().get_schema_names(connection, **kw)
        return [*(name.removeprefix(own) for name in names if name.startswith(own)), *names]

    def connect(self, *cargs: Any, **cparams: Any) -> Any:
        """Connect; to a saved project with views over its files."""
        options = dict(cparams.get("url_config", {}))  # the pool hands the same one to each connection
        known = options.pop(PROJECT_OPTION, None)
        if known is None:
            return super().connect(*cargs, **cparams)
        options.setdefault("temp_directory", str(Path(tempfile.gettempdir(), f"gx_leakage_{os.getpid()}")))
        connection = super().connect(*cargs, **{**cparams, "url_config": options})
        for make in _makers:
            make(connection.cursor() if hasattr(connection, "cursor") else connection, known)
        return connection


def computes(statement: Any) -> bool:
    """Return whether a statement has window functions, which are costly to have again at each place."""
    return any(isinstance(part, sa.Over) for column in statement.selected_columns for part in visitors.iterate(column))


class DuckDBEngine:
    """Runs statements in a DuckDB of its own, which pandas frames are registered with and other data copied to.

    With ``copies`` the database is a temporary file, so that what is copied from elsewhere need not fit into memory.
    """

    def __init__(self, *, copies: bool) -> None:
        self._folder = tempfile.mkdtemp(prefix="gx_leakage_")
        database = str(Path(self._folder, "splits.duckdb")) if copies else ":memory:"
        self._connection = duckdb.connect(database, config={"temp_directory": self._folder})
        self._engine = sa.create_engine(
            "duckdb+gx://", creator=lambda: ConnectionWrapper(self._connection), poolclass=StaticPool
        )
        self._readers: dict[int, tuple[Source, _Reader]] = {}
        self._tables: dict[tuple[int, tuple[str, ...]], sa.FromClause] = {}
        self.dialect: sa.Dialect = self._engine.dialect

    def column_names(self, source: Source) -> list[str]:
        """Return the names of the columns of ``source``, in order."""
        return self._reader(source).column_names()

    def relation(self, source: Source, columns: Sequence[str]) -> sa.FromClause:
        """Bring ``columns`` of the source here, once, and return the table they became."""
        key = (id(source), tuple(columns))
        if key not in self._tables:
            name = f"source_{len(self._tables)}"
            schema = self._reader(source).bring(self._connection, name, columns)
            self._tables[key] = sa.table(name, *(sa.column(f.name, arrow_type(f.type)) for f in schema))
        return self._tables[key]

    def fetch(self, statement: sa.Executable) -> Sequence[Any]:
        """Run the statement."""
        with answered(self.dialect), self._engine.connect() as connection:
            return connection.execute(statement).all()

    def batches(self, statement: Any) -> Iterator[Any]:
        """Yield the rows as Arrow; nothing else may run until all are read."""
        yield from of_duckdb(self._connection, self.dialect, statement)

    @contextlib.contextmanager
    def shared(self, statement: Any) -> Iterator[sa.FromClause]:
        """Keep the rows of a statement that computes something; of others only the columns that are named are read."""
        if not computes(statement):
            yield statement.subquery("stacked")
            return
        with temporary_table(self._connection.execute, self.dialect, statement) as table:
            yield table

    def query(self, build: Callable[[], sa.Executable]) -> str | None:
        """Return None: the database is gone with the check."""
        return None

    def close(self) -> None:
        """Close the database and delete its file."""
        self._tables.clear()
        self._readers.clear()
        self._engine.dispose()
        self._connection.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __del__(self) -> None:
        # A run that fails between its metrics and its judgement never gets to close().
        if hasattr(self, "_connection"):
            self.close()

    def _reader(self, source: Source) -> _Reader:
        known = self._readers.get(id(source))
        if known is None:
            known = (source, _reader(source))
            self._readers[id(source)] = known
        return known[1]


class TableEngine(DuckDBEngine):
    """Runs statements over tables of its own, which can be changed: a source is the name of one.

    Each table has, besides its columns, two that say where its rows come from, called so that no other column is.
    """

    def __init__(self) -> None:
        super().__init__(copies=True)
        self.connection = self._connection
        own = uuid4().hex
        self.origin = (f"gxl_{own}_split", f"gxl_{own}_row")

    def make(self, name: str, query: str, split: int) -> None:
        """Make a table of the rows of a query, in its order, which come from a split."""
        of, row = self.origin
        numbered = f"SELECT *, {split} AS {of}, row_number() OVER () - 1 AS {row} FROM ({query})"  # noqa: S608
        self.connection.execute(f"CREATE TABLE {name} AS {numbered}")

    def size(self, name: str) -> int:
        """Return how many rows a table has."""
        return int(self.connection.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0])  # noqa: S608

    def column_names(self, source: Source) -> list[str]:
        """Return the names of the columns, without those that say where rows come from."""
        return [name for name in self._types(source) if name not in self.origin]

    def relation(self, source: Source, columns: Sequence[str]) -> sa.FromClause:
        """Return the table with all of its columns."""
        return sa.table(source.data, *(sa.column(name, type_) for name, type_ in self._types(source).items()))

    def _types(self, source: Source) -> dict[str, sa.types.TypeEngine[Any]]:
        described = self.connection.execute(f"DESCRIBE {source.data}").fetchall()
        return {row[0]: type_named(row[1]) for row in described}


def _reader(source: Source) -> _Reader:
    kind = type(source.data).__name__
    if kind == "PandasBatchData":
        return _FrameReader(source.data.dataframe)
    if kind == "SparkDFBatchData":
        return _SparkReader(source)
    return _WarehouseReader(source)


class _Reader(ABC):
    """What brings a source of rows here."""

    @abstractmethod
    def column_names(self) -> list[str]:
        """Return the names of the columns, in order."""

    @abstractmethod
    def bring(self, connection: duckdb.DuckDBPyConnection, name: str, columns: Sequence[str]) -> pa.Schema:
        """Make the columns a table called ``name``, and return its schema."""


class _StreamReader(_Reader):
    """Copies rows batch by batch, so that one batch of them is in memory at a time."""

    def bring(self, connection: duckdb.DuckDBPyConnection, name: str, columns: Sequence[str]) -> pa.Schema:
        """Make the columns a table called ``name``, and return its schema."""
        batches = self.batches(columns)
        schema = next(batches)
        reader = pa.RecordBatchReader.from_batches(schema, batches)
        connection.register(f"{name}_stream", reader)
        connection.execute(f"CREATE TABLE {name} AS SELECT * FROM {name}_stream")  # noqa: S608 (our own names)
        connection.unregister(f"{name}_stream")
        return schema

    @abstractmethod
    def batches(self, columns: Sequence[str]) -> Iterator[Any]:
        """Yield the schema, then record batches of it."""


class _FrameReader(_Reader):
    """A pandas frame, column by column as Arrow: nothing is copied that is already a plain array."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame
        self._arrays: dict[str, pa.ChunkedArray] = {}
        self._names = _distinct_names(frame)

    def column_names(self) -> list[str]:
        return self._names

    def bring(self, connection: duckdb.DuckDBPyConnection, name: str, columns: Sequence[str]) -> pa.Schema:
        arrays = {column: self.array(column) for column in columns}
        connection.register(name, pa.table({column: self._stored(column) for column in columns}))
        return pa.schema([(column, array.type) for column, array in arrays.items()])

    def array(self, column: str) -> pa.ChunkedArray:
        if column not in self._arrays:
            self._arrays[column] = _arrow(self._series(column), column)
        return self._arrays[column]

    def _series(self, column: str) -> pd.Series[Any]:
        return self._frame.iloc[:, self._names.index(column)]

    def _stored(self, column: str) -> pa.ChunkedArray:
        """Return what DuckDB is given of a column."""
        array = self.array(column)
        if isinstance(array.type, pa.BaseExtensionType) and _of_pandas(array.type):
            return _as_written(self._series(column))
        return _stored(array)

    def table(self) -> pa.Table:
        """Return all columns in the types that DuckDB has for them."""
        arrays = {}
        for name in self._names:
            arrays[name] = self._stored(name)
            own = self.array(name).type
            if pa.types.is_timestamp(own) and own != arrays[name].type:
                raise CouldNotCheckError(
                    f"column '{name}' of the DataFrame has instants finer than microseconds, which cannot be compared "
                    f"with files: round them."
                )
        return pa.table(arrays)


def _distinct_names(frame: pd.DataFrame) -> list[str]:
    """Return the names of a frame's columns as text, which have to differ, also for DuckDB, which folds case."""
    seen: dict[str, Any] = {}
    for no, label in enumerate(frame.columns):
        folded = str(label).casefold()
        if not folded or not _encodes(folded):
            raise CouldNotCheckError(
                f"column {no} of the DataFrame, counted from 0, is called {label!r}, which is no name: rename it."
            )
        if folded in seen:
            raise CouldNotCheckError(
                f"the DataFrame has columns {seen[folded]!r} and {label!r}, which are one name: rename one of them."
            )
        seen[folded] = label
    return [str(label) for label in frame.columns]


def _stored(array: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return what DuckDB is given: it keeps nanoseconds of times without a zone only, so that instants are in UTC."""
    fine = pa.types.is_timestamp(array.type) and array.type.unit == "ns" and array.type.tz is not None
    return array.cast(pa.timestamp("ns")) if fine else array


def arrow_table(frame: pd.DataFrame) -> pa.Table:
    """Return a pandas frame as an Arrow table, its columns in the types that a check sees."""
    return _FrameReader(frame).table()


def require_readable(frame: pd.DataFrame) -> None:
    """Raise for a pandas frame that Great Expectations would fail at before we see it.

    Raises:
        CouldNotCheckError: it names the column.
    """
    for name, dtype in zip(_distinct_names(frame), frame.dtypes, strict=True):
        if getattr(dtype, "kind", "") in "fc" and getattr(dtype, "itemsize", 0) > 8:
            raise _unreadable(name, dtype)


def _encodes(text: str) -> bool:
    """Return whether a text has no half of a character, which nothing but Python can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _of_pandas(type_: pa.DataType) -> bool:
    return str(getattr(type_, "extension_name", "")) in ("pandas.period", "pandas.interval")


def _as_written(series: pd.Series[Any]) -> pa.ChunkedArray:
    """Return periods or intervals as text: what DuckDB would see of them has neither frequency nor closed sides."""
    kind = getattr(series.dtype, "freq", None)
    known = series.notna()
    texts = [
        f"{one} {getattr(kind, 'freqstr', '')}".strip() if k else None for one, k in zip(series, known, strict=True)
    ]
    return pa.chunked_array([pa.array(texts, pa.string())])


def _arrow(series: pd.Series[Any], column: str) -> pa.ChunkedArray:
    several = CouldNotCheckError(
        f"column '{column}' of the DataFrame holds values of several types, or of none that is known: give it one, for "
        f"example with astype(str)."
    )
    if series.dtype == object and _mixed(series):
        raise several
    if type(series.dtype).__name__ == "SparseDtype":
        series = series.astype(getattr(series.dtype, "subtype"))  # noqa: B009 (stubs do not know it)
    try:
        array = pa.chunked_array(
            pa.Table.from_pandas(series.to_frame("x"), preserve_index=False).column("x").chunks or []
        )
    except UnicodeEncodeError as error:
        raise CouldNotCheckError(
            f"column '{column}' of the DataFrame has a text with half of a character (a lone surrogate), which no "
            f"database can hold: replace it, for example with .str.encode('utf-8', 'replace').str.decode('utf-8')."
        ) from error
    except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
        if "cannot construct" not in str(error):
            raise several if series.dtype == object else _unreadable(column, series.dtype) from error
        array = pa.chunked_array([pa.array(series, from_pandas=True)])
    if pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if pa.types.is_timestamp(array.type) and array.type.unit == "ns":
        with contextlib.suppress(pa.ArrowInvalid):  # what is finer than microseconds stays as it is
            array = array.cast(pa.timestamp("us", array.type.tz))
    if pa.types.is_floating(array.type) and array.null_count == len(array):
        return pa.chunked_array([pa.nulls(len(array))])  # pandas makes a column of floats of it when nothing is known
    if pa.types.is_floating(array.type) and array.null_count and not isinstance(series.dtype, pd.ArrowDtype):
        array = _integers_again(array)
    if pa.types.is_float16(array.type):
        array = pa.chunked_array([pa.array(series.astype("float32"), from_pandas=True)])  # which holds all of them
    if pa.types.is_time(array.type) and array.type.unit == "ns":
        return _in_microseconds(array, pa.time64("us"), column, "times of day that are finer than microseconds")
    if pa.types.is_duration(array.type):
        what = "lengths of time that are finer than microseconds, or beyond 292,000 years"
        return _in_microseconds(array, pa.duration("us"), column, what)
    if not _readable(array.type):
        raise _unreadable(column, array.type)
    return array


def _in_microseconds(array: pa.ChunkedArray, type_: pa.DataType, column: str, held: str) -> pa.ChunkedArray:
    try:
        return array.cast(type_)
    except pa.ArrowInvalid as error:
        raise CouldNotCheckError(
            f"column '{column}' of the DataFrame has {held}, which cannot be compared exactly: round them, or give "
            f"their number of nanoseconds."
        ) from error


def _unreadable(column: str, type_: Any) -> CouldNotCheckError:
    wide = "decimals of more than 38 digits" if str(type_).startswith("decimal256") else f"values of type {type_}"
    return CouldNotCheckError(
        f"column '{column}' of the DataFrame holds {wide}, which cannot be read exactly: give it another type, for "
        f"example with astype('float64') or astype(str)."
    )


def _readable(type_: pa.DataType) -> bool:
    """Return whether DuckDB reads a type of Arrow."""
    if isinstance(type_, pa.BaseExtensionType):
        return _of_pandas(type_) or _readable(type_.storage_type)
    if pa.types.is_dictionary(type_):
        return _readable(type_.value_type)
    if pa.types.is_nested(type_):
        return all(_readable(type_.field(i).type) for i in range(type_.num_fields))
    return not (pa.types.is_float16(type_) or pa.types.is_decimal256(type_))


def _mixed(series: pd.Series[Any]) -> bool:
    """Return whether a column of objects holds what Arrow would silently make one, such as bytes and texts."""
    values = series[series.notna()]
    types = set(map(type, values))
    moments = [type_ for type_ in types if issubclass(type_, dt.datetime)]
    if moments and len({value.tzinfo is None for value in values if isinstance(value, dt.datetime)}) > 1:
        return True
    sorts = (
        (dt.datetime, dt.date), ((bytes, bytearray), str), (bool, (int, float)), (Decimal, float),
        )  # fmt: skip
    return any(
        any(issubclass(type_, one) for type_ in types)
        and any(issubclass(type_, other) and not issubclass(type_, one) for type_ in types)
        for one, other in sorts
    )


def _integers_again(array: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return as integers what pandas turned into floats because one is missing; other engines and files keep them.

    A float that is so large that integers beside it have become the same one cannot be turned back.
    """
    bounds = pc.min_max(array).as_py()
    largest = {16: 2**11, 32: 2**24}.get(array.type.bit_width, 2**53)
    if max(abs(bounds["min"]), abs(bounds["max"])) < largest:
        with contextlib.suppress(pa.ArrowInvalid):
            return array.cast(pa.int64())
    return array


class _WarehouseReader(_StreamReader):
    """A SQL batch."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._warehouse = WarehouseEngine(source.execution_engine)

    def column_names(self) -> list[str]:
        return self._warehouse.column_names(self._source)

    def batches(self, columns: Sequence[str]) -> Iterator[Any]:
        relation = self._warehouse.relation(self._source, columns)
        schema = pa.schema([(name, arrow_type_of(relation.c[name].type, name)) for name in columns])
        yield schema
        with self._source.execution_engine.get_connection() as connection:
            # An option of the statement, for GX keeps some connections and uses them again.
            rows = connection.execute(sa.select(*relation.c).execution_options(yield_per=ROWS_A_BATCH))
            for part in rows.partitions():
                yield batch(part, schema)


class _SparkReader(_StreamReader):
    """A Spark frame, partition by partition."""

    def __init__(self, source: Source) -> None:
        self._frame = source.data.dataframe

    def column_names(self) -> list[str]:
        return list(self._frame.columns)

    def batches(self, columns: Sequence[str]) -> Iterator[Any]:
        types = spark_types(self._frame)
        schema = pa.schema([(name, arrow_type_of(types[name], name)) for name in columns])
        yield schema
        quoted = [self._frame[f"`{name.replace('`', '``')}`"] for name in columns]
        aware = [getattr(types[name], "timezone", False) for name in columns]
        part: list[Any] = []
        for row in self._frame.select(*quoted).toLocalIterator(prefetchPartitions=True):
            part.append([as_utc(v) if zone else v for v, zone in zip(row, aware, strict=True)])
            if len(part) == ROWS_A_BATCH:
                yield batch(part, schema)
                part = []
        if part:
            yield batch(part, schema)
