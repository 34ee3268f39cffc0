"""The types of DuckDB and of Arrow as SQLAlchemy has them, and tables that DuckDB keeps for a while."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pyarrow as pa
import sqlalchemy as sa

from gx_leakage.errors import CouldNotCheckError
from gx_leakage.sql.dialects import literal_dialect
from gx_leakage.sql.keys import AllNull, Family, Incomparable, Nanoseconds, Single, family

__all__ = ["arrow_type", "arrow_type_of", "temporary_table", "type_named"]


@contextlib.contextmanager
def temporary_table(run: Callable[[str], Any], dialect: sa.Dialect, statement: Any) -> Iterator[sa.FromClause]:
    """Keep the rows of a statement for the length of a block, on the connection that ``run`` runs SQL on."""
    name = f"gx_leakage_{uuid4().hex}"
    text = str(statement.compile(dialect=literal_dialect(dialect), compile_kwargs={"literal_binds": True}))
    run(f"CREATE TEMPORARY TABLE {name} AS {text}")
    try:
        yield sa.table(name, *(sa.column(column.name, column.type) for column in statement.selected_columns))
    finally:
        run(f"DROP TABLE IF EXISTS {name}")


def arrow_type(type_: pa.DataType) -> sa.types.TypeEngine[Any]:
    """Return the SQL type that DuckDB gives an Arrow column."""
    is_ = pa.types
    if is_.is_null(type_):
        return AllNull()
    if is_.is_boolean(type_):
        return sa.Boolean()
    if is_.is_integer(type_):
        return sa.BigInteger()
    if is_.is_floating(type_):
        return sa.Double() if is_.is_float64(type_) else Single()
    if is_.is_decimal(type_):
        return sa.Numeric(type_.precision, type_.scale)
    if is_.is_string(type_) or is_.is_large_string(type_) or is_.is_string_view(type_):
        return sa.Text()
    if is_.is_date(type_):
        return sa.Date()
    if is_.is_timestamp(type_):
        kind = Nanoseconds if type_.unit == "ns" else sa.DateTime
        return kind(timezone=type_.tz is not None)
    if is_.is_time(type_):
        return sa.Time()
    if is_.is_binary(type_) or is_.is_large_binary(type_) or is_.is_fixed_size_binary(type_):
        return sa.LargeBinary()
    if is_.is_duration(type_):
        return sa.Interval()
    if str(type_) == "extension<arrow.uuid>":
        return sa.Uuid()
    return Incomparable(str(type_))


def arrow_type_of(type_: sa.types.TypeEngine[Any], column: str) -> pa.DataType:
    """Return the Arrow type for values of a SQL type, as its driver hands them out."""
    kind = family(type_)
    if kind is Family.DECIMAL:
        precision, scale = getattr(type_, "precision", None), getattr(type_, "scale", None)
        return pa.decimal128(min(precision or 38, 38), 9 if scale is None else scale)
    types = {
        Family.BOOLEAN: pa.bool_(),
        Family.INTEGER: pa.int64(),
        Family.FLOAT: pa.float64(),
        Family.TEXT: pa.string(),
        Family.UUID: pa.string(),
        Family.DATE: pa.date32(),
        Family.TIMESTAMP: pa.timestamp("us"),
        Family.TIMESTAMP_TZ: pa.timestamp("us", "UTC"),
        Family.TIME: pa.time64("us"),
        Family.BINARY: pa.binary(),
    }
    if kind not in types:
        raise CouldNotCheckError(
            f"column '{column}' is of type {type_}, which cannot be brought together with data elsewhere. "
            f"Cast it to text, a number or a time."
        )
    return types[kind]


def type_named(name: str) -> sa.types.TypeEngine[Any]:
    """Return the SQLAlchemy type for a type as DuckDB's ``DESCRIBE`` writes it."""
    base = name.split("(")[0].upper()
    if name.endswith("]"):
        return Incomparable(name)
    if base == "DECIMAL":
        precision, scale = name[len("DECIMAL(") : -1].split(",")
        return sa.Numeric(int(precision), int(scale))
    types: dict[str, sa.types.TypeEngine[Any]] = {
        "BOOLEAN": sa.Boolean(),
        "FLOAT": Single(),
        "DOUBLE": sa.Double(),
        "VARCHAR": sa.Text(),
        "ENUM": sa.Text(),
        "UUID": sa.Uuid(),
        "DATE": sa.Date(),
        "TIME": sa.Time(),
        "TIMESTAMP": sa.DateTime(),
        "TIMESTAMP_S": sa.DateTime(),
        "TIMESTAMP_MS": sa.DateTime(),
        "TIMESTAMP_NS": Nanoseconds(),
        "TIMESTAMP WITH TIME ZONE": sa.DateTime(timezone=True),
        "BLOB": sa.LargeBinary(),
        "INTERVAL": sa.Interval(),
        '"NULL"': AllNull(),
    }
    if base.endswith("INT") or base == "INTEGER" or base == "UINTEGER":
        return sa.BigInteger()
    return types.get(base) or Incomparable(name)
