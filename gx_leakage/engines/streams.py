"""Rows of a statement as Arrow, some thousands at a time: for what no database can compute."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any
from uuid import UUID

import pyarrow as pa
import sqlalchemy as sa

from gx_leakage.disclosure import value
from gx_leakage.engines.duckdb_types import arrow_type_of
from gx_leakage.errors import CouldNotCheckError
from gx_leakage.sql.dialects import literal_dialect

__all__ = ["ROWS_A_BATCH", "batch", "of_duckdb", "of_rows"]

ROWS_A_BATCH = 8_192


def of_rows(rows: Iterable[Sequence[Any]], statement: Any) -> Iterator[pa.RecordBatch]:
    """Yield rows that a driver hands out, in the types of the statement's columns."""
    schema = pa.schema([(c.name, arrow_type_of(c.type, c.name)) for c in statement.selected_columns])
    left = iter(rows)
    while part := list(islice(left, ROWS_A_BATCH)):
        yield batch(part, schema)


def of_duckdb(connection: Any, dialect: sa.Dialect, statement: Any) -> Iterator[pa.RecordBatch]:
    """Yield rows as DuckDB has them. Nothing else may run on the connection until all are read."""
    import duckdb

    text = str(statement.compile(dialect=literal_dialect(dialect), compile_kwargs={"literal_binds": True}))
    try:
        yield from connection.execute(text).fetch_record_batch(ROWS_A_BATCH)
    except (duckdb.Error, pa.ArrowException) as error:
        raise CouldNotCheckError(f"duckdb could not answer ({type(error).__name__}){value(f': {error}')}") from error


def batch(rows: Sequence[Sequence[Any]], schema: pa.Schema) -> pa.RecordBatch:
    """Return rows as one batch."""
    by_column = list(zip(*rows, strict=True))
    arrays = [
        pa.array((str(x) if isinstance(x, UUID) else x for x in v), type=f.type)
        for v, f in zip(by_column, schema, strict=True)
    ]
    return pa.record_batch(arrays, schema=schema)
