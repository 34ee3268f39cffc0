"""The Spark cluster: frames become temporary views, statements Spark SQL."""

from __future__ import annotations

import datetime as dt
import unicodedata
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from gx_leakage.engines import Source, require
from gx_leakage.evidence.sql import SPARK

__all__ = ["SparkEngine", "as_utc", "spark_types", "to_spark_sql"]


class SparkEngine:
    """Runs statements as Spark SQL over temporary views of the frames."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._views: dict[int, tuple[Source, str]] = {}
        self.dialect: sa.Dialect = SPARK

    def column_names(self, source: Source) -> list[str]:
        """Return the names of the columns of ``source``, in order."""
        return list(source.data.dataframe.columns)

    def relation(self, source: Source, columns: Sequence[str]) -> sa.FromClause:
        """Return the frame as a temporary view."""
        if id(source) not in self._views:
            view = f"gx_leakage_{uuid.uuid4().hex}"
            source.data.dataframe.createOrReplaceTempView(view)
            self._views[id(source)] = (source, view)
        types = spark_types(source.data.dataframe)
        return sa.table(self._views[id(source)][1], *(sa.column(name, types[name]) for name in columns))

    def fetch(self, statement: sa.Executable) -> Sequence[Any]:
        """Run the statement as Spark SQL."""
        described = statement.selected_columns  # type: ignore[attr-defined]
        aware = [getattr(column.type, "timezone", False) for column in described]
        text = to_spark_sql(statement)
        if "GXL_NFC" in text.upper():
            self._session.udf.register("gxl_nfc", _normalizer())
        frame = self._session.sql(text)
        return [
            tuple(as_utc(value) if zone else value for value, zone in zip(row, aware, strict=True))
            for row in frame.collect()
        ]

    def query(self, build: Callable[[], sa.Executable]) -> str | None:
        """Return None: the views are temporary, so that a user has nothing to run the statement over."""
        return None

    def close(self) -> None:
        """Drop the temporary views."""
        for _, view in self._views.values():
            self._session.catalog.dropTempView(view)
        self._views.clear()


def to_spark_sql(statement: sa.Executable) -> str:
    """Return the statement as Spark SQL, its values written out, by way of PostgreSQL's dialect."""
    try:
        import sqlglot
    except ImportError as error:
        raise require("spark", error) from error
    text = str(statement.compile(dialect=SPARK, compile_kwargs={"literal_binds": True}))  # type: ignore[attr-defined]
    return sqlglot.transpile(text, read="postgres", write="spark")[0]


def as_utc(value: Any) -> Any:
    """Return an instant that Spark handed out as naive local time with its zone, in UTC."""
    return value.astimezone(dt.timezone.utc) if isinstance(value, dt.datetime) else value


def _normalizer() -> Callable[[str | None], str | None]:
    # A local function goes to the workers by value, so that they need not have this package.
    def normalized(value: str | None) -> str | None:
        return None if value is None else unicodedata.normalize("NFC", value)

    return normalized


def spark_types(frame: Any) -> dict[str, sa.types.TypeEngine[Any]]:
    """Return the SQL types of a frame's columns."""
    return {field.name: _type(field.dataType) for field in frame.schema.fields}


def _type(spark_type: Any) -> sa.types.TypeEngine[Any]:
    name = spark_type.typeName()
    if name.startswith("decimal"):
        return sa.Numeric(spark_type.precision, spark_type.scale)
    types: dict[str, sa.types.TypeEngine[Any]] = {
        "boolean": sa.Boolean(),
        "byte": sa.BigInteger(),
        "short": sa.BigInteger(),
        "integer": sa.BigInteger(),
        "long": sa.BigInteger(),
        "float": postgresql.DOUBLE_PRECISION(),
        "double": postgresql.DOUBLE_PRECISION(),
        "string": sa.Text(),
        "char": sa.Text(),
        "varchar": sa.Text(),
        "date": sa.Date(),
        "timestamp": sa.DateTime(timezone=True),
        "timestamp_ntz": sa.DateTime(),
        "binary": sa.LargeBinary(),
    }
    return types.get(name, sa.types.NullType())
