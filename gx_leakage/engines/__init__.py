"""Where statements run: in the warehouse, in DuckDB or on Spark.

Every check is one SQLAlchemy statement. An :class:`Engine` says which columns a source of rows has, hands it
out as a SQLAlchemy relation with typed columns, and runs statements over such relations. It knows no leak.
"""

from __future__ import annotations

from collections.abc import Sequence

from gx_leakage.engines.duckdb import DuckDBEngine
from gx_leakage.engines.engine import Engine, Source, require
from gx_leakage.engines.spark import SparkEngine
from gx_leakage.engines.warehouse import WarehouseEngine, live_together
from gx_leakage.errors import CouldNotCheckError

__all__ = ["Engine", "Source", "open_engine", "require"]


def open_engine(sources: Sequence[Source]) -> Engine:
    """Return the engine for ``sources``: where they all are if that is one place, otherwise DuckDB."""
    kinds = {type(source.data).__name__ for source in sources}
    if kinds == {"SqlAlchemyBatchData"} and live_together(sources):
        return WarehouseEngine(sources[0].execution_engine)
    if kinds == {"SparkDFBatchData"}:
        return SparkEngine(sources[0].execution_engine.spark)
    known = {"SqlAlchemyBatchData", "SparkDFBatchData", "PandasBatchData"}
    if kinds - known:
        raise CouldNotCheckError(
            f"gx_leakage reads SQL, pandas and Spark batches, not {', '.join(sorted(kinds - known))}."
        )

    return DuckDBEngine(copies=kinds != {"PandasBatchData"})
