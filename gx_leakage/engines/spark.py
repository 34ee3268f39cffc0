"""The Spark cluster: frames become temporary views, statements Spark SQL."""

from __future__ import annotations

import datetime as dt
import unicodedata
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from gx_leakage.engines.engine import Source, require
from gx_leakage.sql.dialects import SPARK
from gx_leakage.sql.keys import Incomparable, Single

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
        shared, text = to_spark_sql(statement)
        self._teach(*shared.values(), text)
        with ExitStack() as stack:
            for name, part in shared.items():
                stack.enter_context(self._computed_once(name, part))
            rows = self._session.sql(text).collect()
        return [tuple(as_utc(value) if zone else value for value, zone in zip(row, aware, strict=True)) for row in rows]

    def batches(self, statement: Any) -> Iterator[Any]:
        """Yield the rows as Arrow, partition by partition."""
        from gx_leakage.engines.streams import of_rows

        yield from of_rows(self.frame(statement).toLocalIterator(prefetchPartitions=True), statement)

    @contextmanager
    def shared(self, statement: Any) -> Iterator[sa.FromClause]:
        """Keep the rows of the statement."""
        view = f"gx_leakage_{uuid.uuid4().hex}"
        _, text = to_spark_sql(statement)
        with self._computed_once(view, text):
            yield sa.table(view, *(sa.column(column.name, column.type) for column in statement.selected_columns))

    def frame(self, statement: sa.Executable) -> Any:
        """Return the rows of a statement without WITH clause as a DataFrame, which Spark computes when it is asked."""
        _, text = to_spark_sql(statement)
        self._teach(text)
        return self._session.sql(text)

    def query(self, build: Callable[[], sa.Executable]) -> str | None:
        """Return None: the views are temporary, so that a user has nothing to run the statement over."""
        return None

    def close(self) -> None:
        """Drop the temporary views."""
        for _, view in self._views.values():
            self._session.catalog.dropTempView(view)
        self._views.clear()

    def _teach(self, *texts: str) -> None:
        if any("GXL_NFC" in text.upper() for text in texts):
            self._session.udf.register("gxl_nfc", _normalizer())

    @contextmanager
    def _computed_once(self, view: str, text: str) -> Iterator[None]:
        """Keep the rows of a query for all places that name ``view``: Spark would compute them anew at each."""
        frame = self._session.sql(text).persist()
        frame.createOrReplaceTempView(view)
        try:
            yield
        finally:
            self._session.catalog.dropTempView(view)
            frame.unpersist()


def to_spark_sql(statement: sa.Executable) -> tuple[dict[str, str], str]:
    """Return the statement as Spark SQL, its values written out, by way of PostgreSQL's dialect.

    What stands in its WITH clause comes first, by the name of the view that it has to become.
    """
    try:
        import sqlglot
    except ImportError as error:
        raise require("spark", error) from error
    text = str(statement.compile(dialect=SPARK, compile_kwargs={"literal_binds": True}))  # type: ignore[attr-defined]
    tree: Any = sqlglot.parse_one(text, read="postgres")
    views = {cte.alias: f"gx_leakage_{uuid.uuid4().hex}" for cte in tree.ctes}
    for table in tree.find_all(sqlglot.exp.Table):
        if table.name in views and not table.db:
            name = table.alias or table.name
            table.replace(sqlglot.exp.alias_(sqlglot.exp.to_table(views[table.name]), name, table=True))
    shared = {views[cte.alias]: cte.this.sql("spark") for cte in tree.ctes}
    for clause in ("with", "with_"):  # sqlglot 28 renamed it
        tree.set(clause, None)
    return shared, tree.sql("spark")


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
        "float": Single(),
        "double": postgresql.DOUBLE_PRECISION(),
        "string": sa.Text(),
        "char": sa.Text(),
        "varchar": sa.Text(),
        "date": sa.Date(),
        "timestamp": sa.DateTime(timezone=True),
        "timestamp_ntz": sa.DateTime(),
        "binary": sa.LargeBinary(),
    }
    return types.get(name) or Incomparable(spark_type.simpleString())
