"""The same small tables on every platform, ready to be validated through a checkpoint."""

from __future__ import annotations

import datetime as dt
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from importlib.util import find_spec
from typing import Any

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

import great_expectations as gx
import gx_leakage as gxl

PLATFORMS: tuple[str, ...] = ("pandas", "sqlite", "duckdb", "postgresql", "mariadb", "spark")
if find_spec("fakesnow"):
    PLATFORMS += ("snowflake",)  # in an environment of its own: see tests/snowflake.txt
LAYOUTS = ("batches", "split_column")


class _SnowflakeInstant(sa.types.UserDefinedType[Any]):
    """What Snowflake calls an instant; its dialect writes all times as DATETIME."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "TIMESTAMP_TZ"


SQL_TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "integer": sa.BigInteger(),
    "decimal": sa.Numeric(10, 2),
    "float": sa.Double(),
    "text": sa.Text(),
    "boolean": sa.Boolean(),
    "date": sa.Date(),
    "timestamp": sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb"),
    "timestamptz": (
        sa.DateTime(timezone=True)
        .with_variant(mysql.TIMESTAMP(fsp=6), "mysql", "mariadb")
        .with_variant(_SnowflakeInstant(), "snowflake")
    ),
}

_numbers = itertools.count()


def typed(value: Any, type_: str) -> Any:
    """Return a value of a YAML file as the Python type of its column."""
    if value is None:
        return None
    if type_ == "decimal":
        return Decimal(str(value))
    if type_ == "float":
        return float(value)
    if type_ == "date":
        return dt.date.fromisoformat(str(value)[:10])
    if type_ in ("timestamp", "timestamptz"):
        moment = value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(str(value))
        if type_ == "timestamptz" and moment.tzinfo is None:
            moment = moment.replace(tzinfo=dt.timezone.utc)
        return moment
    return value


@dataclass
class Table:
    """The rows of a split, with the type of each column."""

    types: dict[str, str]
    rows: list[tuple[Any, ...]] = field(default_factory=list)

    def plus(self, column: str, type_: str, value: Any) -> Table:
        """Return the table with one more column, of one value."""
        return Table({**self.types, column: type_}, [(*row, value) for row in self.rows])

    def pandas(self) -> pd.DataFrame:
        """Return the table as pandas users have it: integers with a gap are floats, texts are str."""
        frame: Any = pd.DataFrame({name: [row[i] for row in self.rows] for i, name in enumerate(self.types)})
        kinds = {"integer": "int64", "float": "float64", "boolean": "bool", "text": "object"}
        for i, (name, type_) in enumerate(self.types.items()):
            column = frame[name]
            if type_ in ("timestamp", "timestamptz"):
                frame[name] = pd.to_datetime(column, utc=type_ == "timestamptz")
            elif type_ == "integer" and column.isna().any() and any(abs(row[i]) > 2**53 for row in self.rows if row[i]):
                frame[name] = pd.array([row[i] for row in self.rows], dtype="Int64")
            elif type_ in ("integer", "float") and column.isna().any():
                frame[name] = column.astype("float64")
            elif type_ in kinds and not (type_ == "boolean" and column.isna().any()):
                frame[name] = column.astype(kinds[type_])
        made: pd.DataFrame = frame
        return made


@dataclass
class Platform:
    """One engine with its tables, in one of the layouts."""

    name: str
    url: str | None = None
    session: Any = None

    def validate(
        self,
        expectations: Sequence[gxl.CrossBatchExpectation],
        splits: Mapping[str, Table],
        layout: str,
        **run: Any,
    ) -> list[Any]:
        """Validate the Expectations in one checkpoint run, and return their results."""
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
        if layout == "split_column":
            (types,) = {tuple(table.types.items()) for table in splits.values()}
            rows = [row for name, table in splits.items() for row in table.plus("split", "text", name).rows]
            stacked = {"all": Table({**dict(types), "split": "text"}, rows)}
            definitions, parameters = self._load(context, stacked)
            splits_by: dict[str, Any] = {"split_column": "split"}
            validated = "all"
        else:
            definitions, parameters = self._load(context, dict(splits))
            validated = list(splits)[-1]
            splits_by = {
                "batches": {name: d for name, d in definitions.items() if name != validated},
                "batch_name": validated,
            }
            if self.name in ("pandas", "spark"):
                splits_by = {}
        suite = gx.ExpectationSuite(name="suite")
        for expectation in expectations:
            suite.add_expectation(type(expectation)(**{**_arguments(expectation), **splits_by}))
        validation = context.validation_definitions.add(
            gx.ValidationDefinition(name="v", data=definitions[validated], suite=context.suites.add(suite))
        )
        checkpoint = context.checkpoints.add(
            gx.Checkpoint(
                name="c",
                validation_definitions=[validation],
                result_format=run.pop("result_format", "SUMMARY"),
            )
        )
        if layout == "batches" and self.name in ("pandas", "spark"):
            with gxl.dataframe_splits(**parameters) as batch_parameters:
                result = checkpoint.run(batch_parameters=batch_parameters, **run)
        else:
            result = checkpoint.run(batch_parameters={"dataframe": parameters["all"]} if parameters else None, **run)
        (one,) = result.run_results.values()
        return list(one.results)

    def _load(self, context: Any, splits: dict[str, Table]) -> tuple[dict[str, Any], dict[str, Any]]:
        if self.name in ("pandas", "spark"):
            spark = self.name == "spark"
            source = context.data_sources.add_spark("s") if spark else context.data_sources.add_pandas("s")
            definition = source.add_dataframe_asset("a").add_batch_definition_whole_dataframe("all")
            frames = {n: self._spark(t) if spark else t.pandas() for n, t in splits.items()}
            return dict.fromkeys(splits, definition), frames
        url = self.url or ""
        add = {"sqlite": "add_sqlite", "postgresql": "add_postgres"}.get(self.name, "add_sql")
        names = {name: f"t{next(_numbers)}" for name in splits}
        engine = sa.create_engine(url)
        for name, table in splits.items():
            create(engine, names[name], table)
        engine.dispose()
        source = getattr(context.data_sources, add)("s", connection_string=url)
        assets = {name: source.add_table_asset(name, table_name=names[name]) for name in splits}
        return {name: asset.add_batch_definition_whole_table("all") for name, asset in assets.items()}, {}

    def _spark(self, table: Table) -> Any:
        from pyspark.sql import types as t

        kinds = {
            "integer": t.LongType(),
            "decimal": t.DecimalType(10, 2),
            "float": t.DoubleType(),
            "text": t.StringType(),
            "boolean": t.BooleanType(),
            "date": t.DateType(),
            "timestamp": t.TimestampNTZType(),
            "timestamptz": t.TimestampType(),
        }
        schema = t.StructType([t.StructField(name, kinds[type_]) for name, type_ in table.types.items()])
        return self.session.createDataFrame(table.rows, schema)


def create(engine: sa.Engine, name: str, table: Table) -> None:
    """Make a table in a database."""
    # Snowflake's emulator has reserved words that Snowflake has not.
    quote = True if engine.dialect.name == "snowflake" else None
    columns = [sa.Column(column, SQL_TYPES[type_], quote=quote) for column, type_ in table.types.items()]
    made = sa.Table(name, sa.MetaData(), *columns)
    made.create(engine)
    rows = [dict(zip(table.types, row, strict=True)) for row in table.rows]
    if engine.dialect.name in ("mysql", "mariadb", "snowflake"):
        rows = [{column: _bound(value) for column, value in row.items()} for row in rows]
    if rows:
        with engine.begin() as connection:
            if engine.dialect.name in ("mysql", "mariadb"):
                connection.execute(sa.text("SET time_zone = '+00:00'"))
            connection.execute(made.insert(), rows)


def _bound(value: Any) -> Any:
    """Return a value as clients write it to databases that have no NaN, and take instants in the session's zone."""
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        return value.astimezone(dt.timezone.utc).replace(tzinfo=None)
    return value


def _arguments(expectation: gxl.CrossBatchExpectation) -> dict[str, Any]:
    return {key: value for key, value in expectation.configuration.kwargs.items() if key != "batch_id"}
