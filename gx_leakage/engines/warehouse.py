"""The warehouse itself, on GX's own connection."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import NoSuchTableError, SQLAlchemyError

from gx_leakage.engines import Source
from gx_leakage.evidence.keys import Incomparable, Single, UnreadText
from gx_leakage.evidence.sql import literal_dialect, stored_timestamp
from gx_leakage.kinds import REMARK

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
        self._held: sa.Connection | None = None
        self.dialect: sa.Dialect = execution_engine.engine.dialect

    def column_names(self, source: Source) -> list[str]:
        """Return the names of the columns of ``source``, in order."""
        return list(self._describe(source))

    def relation(self, source: Source, columns: Sequence[str]) -> sa.FromClause:
        """Return the batch's selectable, with the types that the database gives its columns."""
        types = self._describe(source)
        typed = [sa.column(name, types[name]) for name in columns]
        return sa.select(*map(stored_timestamp, typed)).select_from(_from(source)).subquery()

    def fetch(self, statement: sa.Executable) -> Sequence[Any]:
        """Run the statement; all rows are read before the connection goes back (DuckDB forgets them then)."""
        with self._connection() as connection:
            if self.dialect.name == "sqlite":
                _teach_sqlite(connection)
            rows: Sequence[Any] = connection.execute(statement).all()
            return rows

    @contextmanager
    def shared(self, statement: Any) -> Iterator[sa.FromClause]:
        """Return the statement as it is, but that DuckDB keeps its rows: its tables may be views of CSV files."""
        if self.dialect.name != "duckdb":
            yield statement.subquery("stacked")
            return
        from gx_leakage.engines.duckdb import temporary_table

        with self._execution_engine.get_connection() as connection:
            self._held = connection
            try:
                with temporary_table(connection.exec_driver_sql, self.dialect, statement) as table:
                    yield table
            finally:
                self._held = None

    def _connection(self) -> AbstractContextManager[sa.Connection]:
        # What is temporary belongs to one connection.
        return nullcontext(self._held) if self._held is not None else self._execution_engine.get_connection()

    def query(self, build: Callable[[], sa.Executable]) -> str | None:
        """Return the statement in the database's own dialect, with its values written out."""
        dialect = literal_dialect(self.dialect)
        return str(build().compile(dialect=dialect, compile_kwargs={"literal_binds": True}))  # type: ignore[attr-defined]

    def close(self) -> None:
        """Forget what the tables look like."""
        self._described.clear()

    def _describe(self, source: Source) -> dict[str, sa.types.TypeEngine[Any]]:
        known = self._described.get(id(source))
        if known is None:
            with self._execution_engine.get_connection() as connection:
                known = (source, _column_types(connection, source))
            self._described[id(source)] = known
        return known[1]


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
    if connection.dialect.name == "sqlite":
        types.update(_sqlite_types(connection, probe, types))
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
    except (NoSuchTableError, SQLAlchemyError):
        return {}  # the types stay unknown, and comparing unknown with known types is an error further on
    return {column["name"]: column["type"] for column in columns}


_WITHOUT_EQUALITY = {"json", "xml", "point", "line", "lseg", "box", "path", "polygon", "circle"}
"""Types of PostgreSQL that have no equality, or one that is not equality of values."""


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
        elif type_name in _WITHOUT_EQUALITY:
            types[name] = Incomparable(type_name)
        elif cls is not None:
            types[name] = cls(**zone)
    return types


def _duckdb_types(connection: sa.Connection, probe: sa.Select[Any]) -> dict[str, sa.types.TypeEngine[Any]]:
    from gx_leakage.engines.duckdb import type_named

    text = str(probe.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))
    described = connection.exec_driver_sql(f"DESCRIBE {text}").all()
    return {row[0]: type_named(row[1]) for row in described}


def _remarked_types(connection: sa.Connection, source: Source) -> dict[str, sa.types.TypeEngine[Any]]:
    """Types of the columns of files whose text could not be read as what it seems to be (see gx_leakage.files)."""
    relation = source.data.source_table_name
    commented = sa.table(
        sa.sql.quoted_name("duckdb_columns()", quote=False),
        *map(sa.column, ("table_name", "column_name", "comment")),
    ).alias("commented")
    remarks = sa.select(commented.c.column_name, commented.c.comment).where(
        commented.c.table_name == relation, commented.c.comment.like(f"{REMARK}%")
    )
    found = ((name, json.loads(text.removeprefix(REMARK))) for name, text in connection.execute(remarks))
    return {name: UnreadText(remark["reason"], remark["equality"]) for name, remark in found}


def _sqlite_types(
    connection: sa.Connection, probe: sa.Select[Any], declared: dict[str, sa.types.TypeEngine[Any]]
) -> dict[str, sa.types.TypeEngine[Any]]:
    """Types of columns that SQLite has no declared type for, when all their values are of one storage class."""
    unknown = [n for n, t in declared.items() if isinstance(t, (sa.types.NullType, sa.types.NUMERIC))]
    if not unknown:
        return {}
    classes = []
    for name in unknown:
        stored = sa.func.nullif(sa.func.typeof(sa.column(name)), "null")
        classes += [sa.func.min(stored), sa.func.max(stored)]
    found = connection.execute(probe.with_only_columns(*classes, maintain_column_froms=True)).one()
    by_class: dict[str, sa.types.TypeEngine[Any]] = {
        "integer": sa.BigInteger(),
        "real": sa.Double(),
        "text": sa.Text(),
        "blob": sa.LargeBinary(),
    }
    types = {}
    for position, name in enumerate(unknown):
        low, high = found[2 * position], found[2 * position + 1]
        if low == high and low in by_class:
            types[name] = by_class[low]
        elif {low, high} == {"integer", "real"}:
            types[name] = by_class["real"]
    return types


def _teach_sqlite(connection: sa.Connection) -> None:
    """Give SQLite the Unicode functions it lacks: its own ``lower`` leaves all but ASCII as it is."""
    driver = connection.connection.driver_connection
    if driver is None:
        return

    def of_text(function: Any) -> Any:
        return lambda value: function(value) if isinstance(value, str) else value

    driver.create_function("gxl_lower", 1, of_text(str.lower), deterministic=True)
    driver.create_function("gxl_nfc", 1, of_text(lambda v: unicodedata.normalize("NFC", v)), deterministic=True)
