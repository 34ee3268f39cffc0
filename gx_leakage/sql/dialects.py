"""The few expressions that databases write differently, each at one place.

Everything else in the evidence modules is SQLAlchemy Core that all dialects compile.
"""

from __future__ import annotations

import datetime as dt
import functools
import math
import sys
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import Function, GenericFunction

from gx_leakage.errors import CouldNotCheckError

__all__ = [
    "DECIMAL_DIGITS",
    "SPARK",
    "Instant",
    "as_list",
    "as_text",
    "by_bytes",
    "decimal",
    "digest",
    "fingerprint",
    "kept_type",
    "later",
    "literal_dialect",
    "lowered",
    "nan_to_null",
    "nanoseconds",
    "neighbour",
    "nfc",
    "null_of",
    "numbers",
    "real",
    "remainder",
    "sampled",
    "shuffled",
    "single",
    "stored",
    "trimmed",
    "written",
]


class SparkDialect(PGDialect):
    """PostgreSQL's SQL, which sqlglot turns into Spark's, under a name of its own to hang differences on."""

    name = "spark"
    supports_statement_cache = True


SPARK = SparkDialect(paramstyle="named")  # type: ignore[no-untyped-call]

WHITESPACE = " \t\n\r\f\v"


class _Expression(GenericFunction[Any]):
    """A function of one expression that ``@compiles`` writes."""

    _register = False

    def __init_subclass__(cls) -> None:
        cls.inherit_cache = True  # SQLAlchemy looks for it on each class itself
        super().__init_subclass__()

    def __init__(self, expression: sa.ColumnElement[Any], type_: sa.types.TypeEngine[Any] | None = None) -> None:
        super().__init__(expression)
        self.type = type_ or expression.type


def _inner(element: _Expression, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(next(iter(element.clauses)), **kw)


class nan_to_null(_Expression):  # noqa: N801
    """A number, or NULL where it is none.

    Databases without NaN keep the expression as it is; only PostgreSQL has a decimal one.
    """


@compiles(nan_to_null)
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return _inner(element, compiler, **kw)


@compiles(nan_to_null, "postgresql", "duckdb", "spark", "redshift", "databricks")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    inner = _inner(element, compiler, **kw)
    if isinstance(element.type, sa.Float):
        return f"NULLIF({inner}, CAST('NaN' AS DOUBLE PRECISION))"
    return f"NULLIF({inner}, CAST('NaN' AS NUMERIC))" if compiler.dialect.name == "postgresql" else inner


@compiles(nan_to_null, "snowflake")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f"NULLIF({_inner(element, compiler, **kw)}, 'NaN'::FLOAT)"


@compiles(nan_to_null, "trino", "bigquery")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    inner = _inner(element, compiler, **kw)
    return f"CASE WHEN is_nan({inner}) THEN NULL ELSE {inner} END"


@compiles(nan_to_null, "oracle")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f"NANVL({_inner(element, compiler, **kw)}, NULL)"


class _real(_Expression):  # noqa: N801
    """A number as a float of 64 bits."""


@compiles(_real)
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f"CAST({_inner(element, compiler, **kw)} AS DOUBLE PRECISION)"


@compiles(_real, "mysql", "mariadb", "trino")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f"CAST({_inner(element, compiler, **kw)} AS DOUBLE)"


@compiles(_real, "bigquery")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f"CAST({_inner(element, compiler, **kw)} AS FLOAT64)"


def real(expression: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Return a number as a float of 64 bits, so that every engine divides and adds up alike."""
    return _real(expression, sa.Double())


def null_of(type_: sa.types.TypeEngine[Any]) -> sa.ColumnElement[Any]:
    """Return NULL as a value of a type."""
    return real(sa.null()) if isinstance(type_, sa.Float) else sa.cast(sa.null(), type_)


class _single(_Expression):  # noqa: N801
    """A number as a float of 32 bits."""


@compiles(_single)
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f"CAST({_inner(element, compiler, **kw)} AS REAL)"


@compiles(_single, "mysql", "mariadb")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f"CAST({_inner(element, compiler, **kw)} AS FLOAT)"


@compiles(_single, "oracle")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f"CAST({_inner(element, compiler, **kw)} AS BINARY_FLOAT)"


@compiles(_single, "sqlite", "snowflake", "bigquery")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return _inner(element, compiler, **kw)  # they have floats of 64 bits only


def single(expression: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Return a number as a float of 32 bits, as precise as the coarser of two columns that are compared.

    What is larger than any such float becomes NULL: databases would not go on for it.
    """
    cast = _single(expression, sa.REAL())
    if not isinstance(expression.type, sa.Float):
        return cast
    beyond = sa.func.abs(expression).between(LARGEST_SINGLE, sys.float_info.max)
    return sa.case((beyond, sa.null()), else_=cast)


LARGEST_SINGLE = 3.4028235e38


DECIMAL_DIGITS = 38
"""How many a decimal has at most, on most databases."""


class _decimal(_Expression):  # noqa: N801
    """A decimal of all the digits that there are, and of some after the point.

    What does not fit is an error. Databases that have longer decimals, or none, do not need it.
    """


@compiles(_decimal)
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f"CAST({_inner(element, compiler, **kw)} AS DECIMAL({DECIMAL_DIGITS}, {element.type.scale}))"


@compiles(_decimal, "postgresql", "mysql", "mariadb", "oracle", "sqlite", "bigquery")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return _inner(element, compiler, **kw)


def decimal(expression: sa.ColumnElement[Any], scale: int) -> sa.ColumnElement[Any]:
    """Return an exact number with so many digits after the point, as all that it is compared with have."""
    return _decimal(expression, sa.Numeric(DECIMAL_DIGITS, scale))


class _nanoseconds(_Expression):  # noqa: N801
    """A time as nanoseconds since 1970, on the databases that keep them."""


@compiles(_nanoseconds)
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f"epoch_ns({_inner(element, compiler, **kw)})"


def nanoseconds(expression: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Return a time as nanoseconds since 1970."""
    return _nanoseconds(expression, sa.BigInteger())


def neighbour(which: str, column: sa.ColumnElement[Any]) -> Function[Any]:
    """Return ``lead`` or ``lag`` of a column.

    Not by way of ``sa.func``, where Trino's dialect, if it is installed, puts functions that are not cached.
    """
    return Function(which, column, type_=column.type)


class by_bytes(_Expression):  # noqa: N801
    """A text that is equal, and sorted, by its bytes: whatever a collation folds, every engine gives the same answers.

    Where that cannot be had, on Oracle, Redshift, and for blanks at the end on SQL Server, the database decides.
    """


@compiles(by_bytes)
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return _inner(element, compiler, **kw)


@compiles(by_bytes, "postgresql")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f'CAST({_inner(element, compiler, **kw)} AS TEXT) COLLATE "C"'  # the cast is for citext


@compiles(by_bytes, "sqlite")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f'{_inner(element, compiler, **kw)} COLLATE "binary"'


@compiles(by_bytes, "duckdb")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f'CAST({_inner(element, compiler, **kw)} AS VARCHAR) COLLATE "binary"'  # the cast is for enums


@compiles(by_bytes, "mysql", "mariadb")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    # The other binary collations take blanks at the end for none.
    collation = "utf8mb4_nopad_bin" if getattr(compiler.dialect, "is_mariadb", False) else "utf8mb4_0900_bin"
    return f"CONVERT({_inner(element, compiler, **kw)} USING utf8mb4) COLLATE {collation}"


@compiles(by_bytes, "mssql")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f"{_inner(element, compiler, **kw)} COLLATE Latin1_General_100_BIN2"


@compiles(by_bytes, "bigquery", "snowflake")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f"COLLATE({_inner(element, compiler, **kw)}, '')"


class digest(_Expression):  # noqa: N801
    """What is equal where texts are, and short enough for windows to partition by.

    MySQL and MariaDB sort by the first 1,024 bytes (``max_sort_length``), and take what is equal up to there for equal.
    """


@compiles(digest)
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return _inner(element, compiler, **kw)


@compiles(digest, "mysql", "mariadb")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    inner = _inner(element, compiler, **kw)
    return f"SHA2({inner}, 256)" if isinstance(element.type, sa.String) else inner


class fingerprint(_Expression):  # noqa: N801
    """The MD5 of a text in UTF-8, in lower-case hex: by it a text that was found elsewhere is found again."""


@compiles(fingerprint)
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return _md5(compiler, _inner(element, compiler, **kw))


@compiles(fingerprint, "mssql")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    # What is not converted is hashed in UTF-16.
    inner = f"{_inner(element, compiler, **kw)} COLLATE Latin1_General_100_BIN2_UTF8"
    return _md5(compiler, f"CAST({inner} AS VARCHAR(MAX))")


class remainder(_Expression):  # noqa: N801
    """What is left of a whole number, not a negative one, that is divided by another: drivers read ``%`` as theirs."""

    def __init__(self, number: sa.ColumnElement[Any], by: sa.ColumnElement[Any] | int) -> None:
        by = sa.literal_column(str(by), sa.BigInteger()) if isinstance(by, int) else by
        super().__init__(number, sa.BigInteger())
        self.clauses.clauses.append(by)


@compiles(remainder)
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    number, by = (compiler.process(one, **kw) for one in element.clauses)
    return f"mod({number}, {by})"


@compiles(remainder, "sqlite", "mssql")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    number, by = (compiler.process(one, **kw) for one in element.clauses)
    return f"(({number}) % ({by}))"


class kept_type(_Expression):  # noqa: N801
    """An expression that a table made of it has a type by: SQLite knows that of columns and of casts only."""


@compiles(kept_type)
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return _inner(element, compiler, **kw)


@compiles(kept_type, "sqlite")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    inner = _inner(element, compiler, **kw)
    if isinstance(element.type, sa.types.NullType):
        return inner
    return f"CAST({inner} AS {compiler.dialect.type_compiler_instance.process(element.type)})"


class _sqlite_timestamp(_Expression):  # noqa: N801
    """A timestamp in the one text form that SQLAlchemy writes and SQLite can compare."""


@compiles(_sqlite_timestamp)
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return _inner(element, compiler, **kw)


@compiles(_sqlite_timestamp, "sqlite")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    # SQLite stores timestamps as text: 2024-01-31, 2024-01-31T10:00:00 and 2024-01-31 10:00:00.000000 are one type.
    text = f"replace({_inner(element, compiler, **kw)}, 'T', ' ')"
    return f"substr({text} || substr('0000-00-00 00:00:00.000000', length({text}) + 1), 1, 26)"


class Instant(sa.DateTime):
    """The type of an instant that the driver fetches as a naive time in UTC, and that is bound as one."""

    cache_ok = True

    def __init__(self) -> None:
        super().__init__(timezone=True)

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Any:
        """Say that what is fetched is in UTC."""
        return lambda value: value.replace(tzinfo=dt.timezone.utc) if isinstance(value, dt.datetime) else value

    def bind_processor(self, dialect: sa.Dialect) -> Any:
        """Write an instant in UTC."""
        return _in_utc

    def literal_processor(self, dialect: sa.Dialect) -> Any:
        """Write an instant in UTC."""
        return lambda value: f"'{_in_utc(value).isoformat(sep=' ')}'"


def _in_utc(value: Any) -> Any:
    aware = isinstance(value, dt.datetime) and value.tzinfo is not None
    return value.astimezone(dt.timezone.utc).replace(tzinfo=None) if aware else value


class _utc(_Expression):  # noqa: N801
    """An instant as MySQL and MariaDB store it, which they would show in the time zone of the session."""


@compiles(_utc)
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    seconds = f"UNIX_TIMESTAMP({_inner(element, compiler, **kw)})"
    return f"DATE_ADD(TIMESTAMP'1970-01-01 00:00:00', INTERVAL {seconds} SECOND)"


def stored(column: sa.ColumnClause[Any]) -> sa.ColumnElement[Any]:
    """Return ``column`` under its own name, in a form in which equal values are equal and sorted alike everywhere.

    The name is always said: SQLAlchemy shortens names that it passes on by itself to what a label may have, outside of
    the subquery and not inside.
    """
    if isinstance(column.type, Instant):
        return _utc(column).label(column.name)
    if isinstance(column.type, sa.DateTime):
        return _sqlite_timestamp(column).label(column.name)
    if isinstance(column.type, sa.String):
        return by_bytes(column).label(column.name)
    return column.label(column.name)


class _timestamp_of_date(_Expression):  # noqa: N801
    """Midnight of a date."""


@compiles(_timestamp_of_date)
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(sa.cast(next(iter(element.clauses)), sa.DateTime()), **kw)


@compiles(_timestamp_of_date, "sqlite")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f"({_inner(element, compiler, **kw)} || ' 00:00:00.000000')"


@compiles(_timestamp_of_date, "spark")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    # Spark's plain timestamp is an instant: midnight in the time zone of the session.
    return f"to_timestamp_ntz(CAST({_inner(element, compiler, **kw)} AS TEXT))"


def midnight(expression: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Return the timestamp at which a date begins."""
    return _timestamp_of_date(expression, sa.DateTime())


class trimmed(_Expression):  # noqa: N801
    """A text without white space at its ends."""


@compiles(trimmed)
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f"TRIM({_inner(element, compiler, **kw)})"


@compiles(trimmed, "mysql", "mariadb", "oracle")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    pattern = compiler.process(sa.literal_column(f"'^[{WHITESPACE}]+|[{WHITESPACE}]+$'"), **kw)
    return f"REGEXP_REPLACE({_inner(element, compiler, **kw)}, {pattern}, '')"


@compiles(trimmed, "postgresql", "spark", "redshift", "mssql", "trino")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    characters = compiler.process(sa.literal_column(f"'{WHITESPACE}'"), **kw)
    both = "" if compiler.dialect.name == "mssql" else "BOTH "
    return f"TRIM({both}{characters} FROM {_inner(element, compiler, **kw)})"


@compiles(trimmed, "snowflake")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    characters = " || ".join(f"CHR({ord(character)})" for character in WHITESPACE)
    return f"TRIM({_inner(element, compiler, **kw)}, {characters})"


@compiles(trimmed, "duckdb", "sqlite", "bigquery", "databricks")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    characters = compiler.process(sa.literal_column(f"'{WHITESPACE}'"), **kw)
    return f"TRIM({_inner(element, compiler, **kw)}, {characters})"


class lowered(_Expression):  # noqa: N801
    """A text in lower case, by Unicode's rules where the database knows them."""


@compiles(lowered)
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f"LOWER({_inner(element, compiler, **kw)})"


@compiles(lowered, "postgresql")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    # By bytes, and in many a database by default, only the letters of English have a lower case.
    return f'LOWER({_inner(element, compiler, **kw)} COLLATE "und-x-icu") COLLATE "C"'


@compiles(lowered, "sqlite")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f"gxl_lower({_inner(element, compiler, **kw)})"


class nfc(_Expression):  # noqa: N801
    """A text in Unicode normalisation form C."""


@compiles(nfc)
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    raise CouldNotCheckError(
        f"normalize=['nfc'] is not available on {compiler.dialect.name}: it has no function for it. "
        f"Normalise the column before, or compare without 'nfc'."
    )


@compiles(nfc, "postgresql", "trino", "bigquery")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f"NORMALIZE({_inner(element, compiler, **kw)}, NFC)"


@compiles(nfc, "duckdb")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f"nfc_normalize({_inner(element, compiler, **kw)})"


@compiles(nfc, "sqlite", "spark")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f"gxl_nfc({_inner(element, compiler, **kw)})"  # the engines teach it to them


def as_text(expression: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Return the value as text that is the same on every engine: 7.0 is '7', true is 'true'."""
    type_ = expression.type
    if isinstance(type_, sa.String):
        return expression  # a cast would cut what is longer
    if isinstance(type_, sa.Boolean):
        return by_bytes(sa.case((expression == sa.true(), "true"), (expression == sa.false(), "false")))
    plain = sa.cast(expression, sa.String(4000))
    floor = sa.func.floor(expression)
    if isinstance(type_, sa.Float):
        # Beyond it a float is not known to be the whole number that it looks like.
        whole = sa.and_(expression == floor, sa.func.abs(expression) < 2**53)
        return by_bytes(sa.case((whole, sa.cast(sa.cast(expression, sa.BigInteger()), sa.String(4000))), else_=plain))
    if isinstance(type_, sa.Numeric) and type_.scale != 0:
        whole = expression == floor
        return by_bytes(sa.case((whole, sa.cast(floor, sa.String(4000))), else_=_without_zeros(plain)))
    return by_bytes(plain)


class _without_zeros(_Expression):  # noqa: N801
    """A text without zeros at its end."""


@compiles(_without_zeros)
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    zero = compiler.process(sa.literal_column("'0'"), **kw)
    return f"TRIM(TRAILING {zero} FROM {_inner(element, compiler, **kw)})"


@compiles(_without_zeros, "sqlite", "snowflake", "bigquery", "duckdb")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f"RTRIM({_inner(element, compiler, **kw)}, '0')"


class _shuffled(GenericFunction[Any]):  # noqa: N801
    """What sorts values as if at random, equal ones alike: of them as one text, and (DuckDB) of themselves."""

    _register = False
    inherit_cache = True
    type: sa.types.TypeEngine[Any] = sa.Text()

    def clause(self, no: int, compiler: SQLCompiler, **kw: Any) -> str:
        """Return a clause as SQL. One that is not written must not be compiled: its values would be left over."""
        return compiler.process(list(self.clauses)[no], **kw)

    def raw(self, first: int, compiler: SQLCompiler, **kw: Any) -> str:
        """Return the clauses from one on as SQL."""
        return ", ".join(self.clause(no, compiler, **kw) for no in range(first, len(self.clauses)))


class _sampled(_shuffled):  # noqa: N801
    """Whether a value is in a share of all: by two bytes of what it sorts by. The first clause is their bound."""

    inherit_cache = True
    type: sa.types.TypeEngine[Any] = sa.Boolean()


_MD5 = {
    "trino": "TO_HEX(MD5(TO_UTF8({})))", "bigquery": "TO_HEX(MD5({}))", "oracle": "RAWTOHEX(STANDARD_HASH({}, 'MD5'))",
    "mssql": "CONVERT(VARCHAR(32), HASHBYTES('MD5', {}), 2)", "sqlite": "gxl_md5({})",
}  # fmt: skip
_CHANCES = 2**16


def _md5(compiler: SQLCompiler, text: str) -> str:
    return f"LOWER({_MD5.get(compiler.dialect.name, 'MD5({})').format(text)})"


@compiles(_shuffled)
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return _md5(compiler, element.clause(0, compiler, **kw))


@compiles(_shuffled, "duckdb")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f"hash({element.raw(1, compiler, **kw)})"


def _first_bytes(function: str, element: _sampled, compiler: SQLCompiler, **kw: Any) -> str:
    bound = int(element.clause(0, compiler, **kw))
    return f"{function}({_md5(compiler, element.clause(1, compiler, **kw))}, 1, 4) < '{bound:04x}'"


@compiles(_sampled)
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return _first_bytes("SUBSTRING", element, compiler, **kw)


@compiles(_sampled, "sqlite", "oracle", "bigquery", "trino", "snowflake")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return _first_bytes("SUBSTR", element, compiler, **kw)


@compiles(_sampled, "duckdb")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f"hash({element.raw(2, compiler, **kw)}) % {_CHANCES} < {element.clause(0, compiler, **kw)}"


def _one_text(expressions: Sequence[sa.ColumnElement[Any]]) -> sa.ColumnElement[Any]:
    if len(expressions) == 1:
        return as_text(expressions[0])
    first, *others = (sa.func.coalesce(as_text(one), "") for one in expressions)
    return functools.reduce(lambda text, other: text.concat(other), others, first)


def shuffled(*expressions: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Return what sorts rows by values as if at random, the same each time."""
    return _shuffled(_one_text(expressions), *expressions)


def sampled(share: float, *expressions: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Return whether values are among a share of all, with all rows that have them."""
    bound = max(1, math.ceil(share * _CHANCES))
    if bound >= _CHANCES:
        return expressions[0].is_not(None)
    return _sampled(sa.literal_column(str(bound)), _one_text(expressions), *expressions)


class _written(_Expression):  # noqa: N801
    """A list, an object or the like as text, which is equal where the values are identical."""


@compiles(_written)
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(sa.cast(next(iter(element.clauses)), sa.Text()), **kw)


@compiles(_written, "duckdb")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f"CAST({_inner(element, compiler, **kw)} AS VARCHAR)"


@compiles(_written, "sqlite")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    inner = _inner(element, compiler, **kw)  # 1 and '1' can be in one column there
    return f"CASE WHEN {inner} IS NOT NULL THEN quote({inner}) END"


@compiles(_written, "snowflake")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f"TO_JSON(TO_VARIANT({_inner(element, compiler, **kw)}))"


@compiles(_written, "spark")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    inner = _inner(element, compiler, **kw)
    text = f"CAST({inner} AS TEXT)"
    # As text alone, [a, b] is one value as well as two; as JSON alone, times are cut to milliseconds.
    nested = str(getattr(next(iter(element.clauses)).type, "name", "")).startswith(("array", "struct", "map"))
    return f"TO_JSON({inner}) || {text}" if nested else text


def written(expression: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Return a list, an object or the like as text, by which it can be told whether two are identical."""
    return by_bytes(_written(expression, sa.Text()))


class as_list(_Expression):  # noqa: N801
    """A list as it leaves an engine: in DuckDB itself, elsewhere as a text that has its values between brackets."""


@compiles(as_list)
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(sa.cast(next(iter(element.clauses)), sa.Text()), **kw)


@compiles(as_list, "duckdb")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return _inner(element, compiler, **kw)


@compiles(as_list, "snowflake")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    return f"TO_JSON(TO_VARIANT({_inner(element, compiler, **kw)}))"


def numbers(count: int, name: str) -> sa.Subquery:
    """Return a relation of one column ``no`` that holds 0 … count - 1."""
    rows = [sa.select(sa.literal_column(str(i), sa.Integer()).label("no")) for i in range(count)]
    return sa.union_all(*rows).subquery(name)


def literal_dialect(dialect: sa.Dialect) -> sa.Dialect:
    """Return ``dialect`` for writing statements out with their values: per cent signs are not doubled."""
    made: sa.Dialect = type(dialect)(paramstyle="named")  # type: ignore[call-arg]
    for learned in ("is_mariadb", "server_version_info"):  # when it was connected
        if hasattr(dialect, learned):
            setattr(made, learned, getattr(dialect, learned))
    return made


class _later(_Expression):  # noqa: N801
    """A timestamp plus a whole number of seconds."""

    def __init__(self, expression: sa.ColumnElement[Any], seconds: int) -> None:
        super().__init__(expression)
        self.clauses.clauses.append(sa.literal_column(str(seconds), sa.Integer()))  # part of what caches tell apart


def later(expression: sa.ColumnElement[Any], span: dt.timedelta) -> sa.ColumnElement[Any]:
    """Return a timestamp plus a length of time, which has to be of whole seconds."""
    seconds = span.total_seconds()
    if seconds != int(seconds):
        raise CouldNotCheckError(f"a length of time of {seconds} s has to be of whole seconds.")
    return _later(expression, int(seconds))


def _timestamp_and_seconds(element: _Expression, compiler: SQLCompiler, **kw: Any) -> tuple[str, str]:
    timestamp, seconds = (compiler.process(clause, **kw) for clause in element.clauses)
    return timestamp, seconds


@compiles(_later)
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    timestamp, seconds = _timestamp_and_seconds(element, compiler, **kw)
    return f"({timestamp} + INTERVAL '{seconds}' SECOND)"


@compiles(_later, "postgresql", "duckdb", "spark", "redshift")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    timestamp, seconds = _timestamp_and_seconds(element, compiler, **kw)
    return f"({timestamp} + INTERVAL '{seconds} seconds')"


@compiles(_later, "sqlite")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    timestamp, seconds = _timestamp_and_seconds(element, compiler, **kw)
    whole = f"strftime('%Y-%m-%d %H:%M:%S', substr({timestamp}, 1, 19), '+{seconds} seconds')"
    return f"({whole} || substr({timestamp}, 20))"


@compiles(_later, "mysql", "mariadb")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    timestamp, seconds = _timestamp_and_seconds(element, compiler, **kw)
    return f"DATE_ADD({timestamp}, INTERVAL {seconds} SECOND)"


@compiles(_later, "mssql", "snowflake")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    timestamp, seconds = _timestamp_and_seconds(element, compiler, **kw)
    return f"DATEADD(second, {seconds}, {timestamp})"


@compiles(_later, "bigquery")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    timestamp, seconds = _timestamp_and_seconds(element, compiler, **kw)
    function = "TIMESTAMP_ADD" if getattr(element.type, "timezone", False) else "DATETIME_ADD"
    return f"{function}({timestamp}, INTERVAL {seconds} SECOND)"


@compiles(_later, "oracle")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    timestamp, seconds = _timestamp_and_seconds(element, compiler, **kw)
    return f"({timestamp} + NUMTODSINTERVAL({seconds}, 'SECOND'))"


@compiles(_later, "trino")
def _(element: Any, compiler: SQLCompiler, **kw: Any) -> str:
    timestamp, seconds = _timestamp_and_seconds(element, compiler, **kw)
    return f"date_add('second', {seconds}, {timestamp})"
