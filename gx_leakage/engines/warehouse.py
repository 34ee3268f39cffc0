"""The warehouse itself, on GX's own connection."""

from __future__ import annotations

import hashlib
import json
import math
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import NoSuchTableError

from gx_leakage.engines.duckdb_types import temporary_table, type_named
from gx_leakage.engines.engine import Source, answered
from gx_leakage.sql.dialects import Instant, literal_dialect, stored
from gx_leakage.sql.keys import Incomparable, Single, UnreadText, type_name

__all__ = ["WarehouseEngine", "live_together"]


def live_together(sources: Sequence[Source]) -> bool:
    """Return whether one connection reaches all sources: one engine, or one address and no temporary tables."""
    engines = {id(source.execution_engine.engine) for source in sources}
    if len(engines) == 1:
        return True
    urls = {source.execution_engine.engine.url for source in sources}
    in_memory = any(
        url.database in (None, "", ":memory:") for url in urls if url.drivername.startswith(("sqlite", "duckdb"))
    )
    temporary = any(isinstance(source.data.selectable, sa.Table) for source in sources)
    return len(urls) == 1 and not in_memory and not temporary


class WarehouseEngine:
    """Runs statements on the connection of a GX ``SqlAlchemyExecutionEngine``."""

    def __init__(self, execution_engine: Any) -> None:
        self._execution_engine = execution_engine
        self._described: dict[int, tuple[Source, dict[str, sa.types.TypeEngine[Any]]]] = {}
        self._seen: dict[int, set[str]] = {}
        self._held: sa.Connection | None = None
        self.dialect: sa.Dialect = execution_engine.engine.dialect

    def column_names(self, source: Source) -> list[str]:
        """Return the names of the columns of ``source``, in order."""
        return list(self._describe(source))

    def relation(self, source: Source, columns: Sequence[str]) -> sa.FromClause:
        """Return the batch's selectable, with the types that the database gives its columns."""
        types = self._describe(source)
        if self.dialect.name == "sqlite":
            self._look_into(source, types, columns)
        own = {name: name for name in types}  # which know whether they are quoted
        typed = [sa.column(own[name], types[name]) for name in columns]
        return sa.select(*map(stored, typed)).select_from(_from(source)).subquery()

    def fetch(self, statement: sa.Executable) -> Sequence[Any]:
        """Run the statement; all rows are read before the connection goes back (DuckDB forgets them then)."""
        with self._connection() as connection:
            if self.dialect.name == "sqlite":
                _teach_sqlite(connection)
            if self.dialect.driver == "psycopg":
                _read_far_times(connection)
            rows: Sequence[Any] = connection.execute(statement).all()
            return rows

    def batches(self, statement: Any) -> Iterator[Any]:
        """Yield the rows as Arrow, read by a cursor of the server where its driver has one."""
        from gx_leakage.engines.streams import ROWS_A_BATCH, of_duckdb, of_rows

        with self._connection() as connection:
            if self.dialect.name == "duckdb":
                yield from of_duckdb(connection.connection.driver_connection, self.dialect, statement)
                return
            if self.dialect.name == "sqlite":
                _teach_sqlite(connection)
            # An option of the statement, for GX keeps some connections and uses them again.
            yield from of_rows(connection.execute(statement.execution_options(yield_per=ROWS_A_BATCH)), statement)

    @contextmanager
    def shared(self, statement: Any) -> Iterator[sa.FromClause]:
        """Return the statement as it is, but that DuckDB keeps its rows: its tables may be views of CSV files."""
        if self.dialect.name != "duckdb":
            yield statement.subquery("stacked")
            return

        with self._connection() as connection:
            self._held = connection
            try:
                with temporary_table(connection.exec_driver_sql, self.dialect, statement) as table:
                    yield table
            finally:
                self._held = None

    @contextmanager
    def _connection(self) -> Iterator[sa.Connection]:
        with answered(self.dialect):
            if self._held is not None:  # what is temporary belongs to one connection
                yield self._held
                return
            with self._execution_engine.get_connection() as connection:
                yield connection

    def query(self, build: Callable[[], sa.Executable]) -> str | None:
        """Return the statement in the database's own dialect, with its values written out."""
        dialect = literal_dialect(self.dialect)
        return str(build().compile(dialect=dialect, compile_kwargs={"literal_binds": True}))  # type: ignore[attr-defined]

    def close(self) -> None:
        """Forget what the tables look like."""
        self._described.clear()
        self._seen.clear()

    def _describe(self, source: Source) -> dict[str, sa.types.TypeEngine[Any]]:
        known = self._described.get(id(source))
        if known is None:
            with self._connection() as connection:
                known = (source, _column_types(connection, source))
            self._described[id(source)] = known
        return known[1]

    def _look_into(self, source: Source, types: dict[str, sa.types.TypeEngine[Any]], columns: Sequence[str]) -> None:
        """Set the types of columns of SQLite by what they hold: what is declared binds nobody there."""
        seen = self._seen.setdefault(id(source), set())
        unseen = [column for column in columns if column not in seen]
        seen.update(unseen)
        with self._connection() as connection:
            for some in (unseen[i : i + MOST_COLUMNS] for i in range(0, len(unseen), MOST_COLUMNS)):
                types.update(_stored_types(connection, source, {column: types[column] for column in some}))


MOST_COLUMNS = 200
"""How many columns a statement looks into: SQLite returns no more than 2,000, and several are asked of each."""


def _from(source: Source) -> sa.FromClause:
    selectable = source.data.selectable
    if isinstance(selectable, sa.TextClause):
        return selectable.columns().subquery()
    if isinstance(selectable, sa.FromClause):
        return selectable
    subquery: sa.FromClause = selectable.subquery()
    return subquery


def _column_types(connection: sa.Connection, source: Source) -> dict[str, sa.types.TypeEngine[Any]]:
    """Return the columns' names as the query itself has them, with types from the catalogue or the driver."""
    # TextClause cannot be wrapped without its columns being named, which is what is asked here.
    selectable = source.data.selectable
    inner = f"({selectable.text}) AS q" if isinstance(selectable, sa.TextClause) else _from(source)
    probe = sa.select(sa.text("*")).select_from(sa.text(inner) if isinstance(inner, str) else inner)
    result = connection.execute(probe.where(sa.literal_column("1") == sa.literal_column("0")))
    names = list(result.keys())
    codes = [column[1] for column in result.cursor.description] if result.cursor is not None else []
    result.close()

    types: dict[str, sa.types.TypeEngine[Any]] = {name: sa.types.NullType() for name in names}
    if connection.dialect.name == "postgresql":
        types.update(_postgresql_types(connection, names, codes))
    elif connection.dialect.name == "duckdb":
        types.update(_duckdb_types(connection, probe))
        types.update(_remarked_types(connection, source))
    else:
        types.update(_reflected_types(connection, source))
    if connection.dialect.name in _STORED_AS:
        types = {name: _STORED_AS[connection.dialect.name](type_) for name, type_ in types.items()}
    return {name: types[name] for name in names}


def _reflected_types(connection: sa.Connection, source: Source) -> dict[str, sa.types.TypeEngine[Any]]:
    selectable = source.data.selectable
    if isinstance(selectable, sa.Table):
        name, schema = selectable.name, selectable.schema
    else:
        name, schema = source.data.source_table_name, source.data.source_schema_name
    if name is None:
        return {}
    try:
        columns = sa.inspect(connection).get_columns(name, schema=schema)
    except NoSuchTableError:
        return {}  # the types stay unknown, and comparing unknown with known types is an error further on
    return {column["name"]: column["type"] for column in columns}


_WITHOUT_EQUALITY = {
    "json", "jsonpath", "xml", "point", "line", "lseg", "box", "path", "polygon", "circle",
}  # fmt: skip
"""Types of PostgreSQL that have no equality, or one that is not equality of values; nor have arrays of them."""


def _postgresql_types(
    connection: sa.Connection, names: Sequence[str], codes: Sequence[Any]
) -> dict[str, sa.types.TypeEngine[Any]]:
    """Types of any query, from the type codes that the server sends with it."""
    known = connection.dialect.ischema_names  # type: ignore[attr-defined]
    oids = sorted(set(codes))
    formatted = sa.select(*[sa.func.format_type(oid, sa.null()) for oid in oids])
    type_names = dict(zip(oids, connection.execute(formatted).one(), strict=True)) if oids else {}
    types: dict[str, sa.types.TypeEngine[Any]] = {}
    for name, oid in zip(names, codes, strict=True):
        type_name = type_names[oid]
        zone = {"timezone": True} if type_name.endswith("with time zone") else {}
        cls = known.get(type_name)
        if type_name == "real":
            types[name] = Single()
        elif type_name.removesuffix("[]") in _WITHOUT_EQUALITY:
            types[name] = Incomparable(type_name)
        elif cls is not None:
            types[name] = cls(**zone)
    return types


def _duckdb_types(connection: sa.Connection, probe: sa.Select[Any]) -> dict[str, sa.types.TypeEngine[Any]]:

    text = str(probe.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))
    described = connection.exec_driver_sql(f"DESCRIBE {text}").all()
    return {row[0]: type_named(row[1]) for row in described}


def _remarked_types(connection: sa.Connection, source: Source) -> dict[str, sa.types.TypeEngine[Any]]:
    """Types of the columns of files whose text could not be read as what it seems to be (see gx_leakage.splits)."""
    relation = source.data.source_table_name
    commented = sa.table(
        sa.sql.quoted_name("duckdb_columns()", quote=False),
        *map(sa.column, ("table_name", "column_name", "comment")),
    ).alias("commented")
    remarks = sa.select(commented.c.column_name, commented.c.comment).where(
        commented.c.table_name == relation, commented.c.comment.like(f"{UnreadText.REMARK}%")
    )
    found = ((name, json.loads(text.removeprefix(UnreadText.REMARK))) for name, text in connection.execute(remarks))
    return {name: UnreadText(**remark) for name, remark in found}


def _mysql_type(type_: sa.types.TypeEngine[Any]) -> sa.types.TypeEngine[Any]:
    """Return what a type of MySQL or MariaDB, as it was reflected, holds."""
    if isinstance(type_, mysql.TIMESTAMP):
        return Instant()
    if isinstance(type_, mysql.FLOAT):
        return Single()
    if isinstance(type_, sa.Float):
        return sa.Double()  # reflected as one that is fetched as a decimal, of ten places
    if isinstance(type_, mysql.YEAR):
        return sa.Integer()
    if isinstance(type_, sa.JSON):
        return Incomparable("json")
    return type_


def _snowflake_type(type_: sa.types.TypeEngine[Any]) -> sa.types.TypeEngine[Any]:
    """Return what a type of Snowflake, as it was reflected, holds."""
    name = type(type_).__name__
    if name == "TIMESTAMP_NTZ":
        return sa.DateTime()
    if name in ("TIMESTAMP_LTZ", "TIMESTAMP_TZ"):
        return sa.DateTime(timezone=True)
    if name in ("VARIANT", "OBJECT", "ARRAY", "MAP", "VECTOR", "GEOGRAPHY", "GEOMETRY"):
        return Incomparable(name.lower())
    if isinstance(type_, sa.Numeric) and not isinstance(type_, sa.Float) and not type_.scale:
        return sa.BigInteger()  # all whole numbers are NUMBER(38, 0)
    return sa.Text() if isinstance(type_, sa.String) else type_  # reflected as VARCHAR(16777216)


_STORED_AS = {"mysql": _mysql_type, "mariadb": _mysql_type, "snowflake": _snowflake_type}


def _stored_types(
    connection: sa.Connection, source: Source, declared: dict[str, sa.types.TypeEngine[Any]]
) -> dict[str, sa.types.TypeEngine[Any]]:
    """Return the types of columns of SQLite by the storage classes, and the forms of texts, that they hold."""
    asked = []
    for name, type_ in declared.items():
        column: sa.ColumnElement[Any] = sa.column(name)
        times = isinstance(type_, (sa.Date, sa.DateTime))
        asked += [
            *(sa.func.max(sa.func.typeof(column) == class_) for class_ in _CLASSES),
            sa.func.max(sa.case((column.not_in([0, 1]), 1), else_=0)) if isinstance(type_, sa.Boolean) else sa.null(),
            *(sa.func.max(sa.not_(form(column))) if times else sa.null() for form in (_is_date, _is_timestamp)),
        ]
    found = iter(connection.execute(sa.select(*asked).select_from(_from(source))).one())
    types = {}
    for name, type_ in declared.items():
        classes = {class_ for class_ in _CLASSES if next(found)}
        beyond_booleans, no_dates, no_timestamps = (bool(next(found)) for _ in range(3))
        types[name] = _stored_type(type_, classes, beyond_booleans, no_dates, no_timestamps)
    return types


_CLASSES: dict[str, sa.types.TypeEngine[Any]] = {
    "integer": sa.BigInteger(),
    "real": sa.Double(),
    "text": sa.Text(),
    "blob": sa.LargeBinary(),
}


def _stored_type(
    declared: sa.types.TypeEngine[Any], classes: set[str], beyond_booleans: bool, no_dates: bool, no_timestamps: bool
) -> sa.types.TypeEngine[Any]:
    if not classes:
        return declared
    if len(classes) > 1 and classes != {"integer", "real"}:
        return Incomparable(f"{' and '.join(sorted(classes))} in one column")
    (held,) = classes if len(classes) == 1 else ("real",)
    if held == "text" and isinstance(declared, (sa.Date, sa.DateTime)):
        if not no_timestamps:
            return sa.DateTime() if no_dates else declared
        return UnreadText(
            f"is declared {type_name(declared)}, but holds texts that are not as 2024-04-03 10:00:00", True
        )
    as_declared = {
        "integer": (sa.Integer,) if beyond_booleans else (sa.Integer, sa.Boolean),
        "real": (sa.Float,),
        "text": (sa.String, sa.Uuid),
        "blob": (sa.LargeBinary,),
    }
    return declared if isinstance(declared, as_declared[held]) else _CLASSES[held]


_DATE = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"
_MINUTE = f"{_DATE}[ T][0-9][0-9]:[0-9][0-9]"


def _is_date(column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    return column.bool_op("GLOB")(_DATE)


def _is_timestamp(column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Whether a text is a time that sorts as it should: with no zone, and no finer than microseconds."""
    like = column.bool_op("GLOB")
    fraction = sa.and_(
        like(f"{_MINUTE}:[0-9][0-9].*"),
        sa.not_(sa.func.substr(column, 21).bool_op("GLOB")("*[^0-9]*")),
        sa.func.length(column) <= 26,
    )
    return sa.or_(like(_DATE), like(_MINUTE), like(f"{_MINUTE}:[0-9][0-9]"), fraction)


def _teach_sqlite(connection: sa.Connection) -> None:
    """Give SQLite the functions it lacks, of Unicode most of all: its own ``lower`` leaves all but ASCII as it is."""
    driver = connection.connection.driver_connection
    if driver is None:
        return

    def of_text(function: Any) -> Any:
        return lambda value: function(value) if isinstance(value, str) else value

    # SQLAlchemy's own fails on NULL, and on numbers that are infinite.
    driver.create_function("floor", 1, _floor, deterministic=True)
    driver.create_function("gxl_md5", 1, of_text(_md5), deterministic=True)
    driver.create_function("gxl_lower", 1, of_text(str.lower), deterministic=True)
    driver.create_function("gxl_nfc", 1, of_text(lambda v: unicodedata.normalize("NFC", v)), deterministic=True)


def _md5(value: str) -> str:
    return hashlib.md5(value.encode(errors="surrogatepass"), usedforsecurity=False).hexdigest()


def _floor(value: Any) -> Any:
    return float(math.floor(value)) if isinstance(value, (int, float)) and math.isfinite(value) else value


def _read_far_times(connection: sa.Connection) -> None:
    """Let psycopg read as text the times that Python has not: infinite ones, years before 1 or after 9999, 24:00."""
    from psycopg import DataError
    from psycopg.types import datetime as loaders

    driver: Any = connection.connection.driver_connection

    def far(loader: Any) -> Any:
        def load(self: Any, data: Any) -> Any:
            try:
                return loader.load(self, data)
            except DataError:
                return bytes(data).decode()

        return type(f"Far{loader.__name__}", (loader,), {"load": load})

    for name in ("Date", "Time", "Timetz", "Timestamp", "Timestamptz"):
        driver.adapters.register_loader(name.lower(), far(getattr(loaders, f"{name}Loader")))
