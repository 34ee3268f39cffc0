"""Clean splits on Spark: frames over those that are given, computed where and when Spark does."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from gx_leakage.audit.remedy.mend import Made, Mend
from gx_leakage.audit.remedy.queries import clean_rows
from gx_leakage.engines import Source
from gx_leakage.engines.spark import SparkEngine
from gx_leakage.gx.sources import data_context, prepare, relations_of

__all__ = ["Spark"]


@dataclass(frozen=True)
class Spark:
    """Spark DataFrames."""

    frames: Mapping[str, Any]
    checked: bool = True

    def cleaned(self, mend: Mend) -> Made:
        """Return the clean frames."""
        with prepare(data_context(None), self.frames, mend.split_column, None, None, None) as prepared:
            relations = relations_of(prepared)
            engine = relations.engine
            assert isinstance(engine, SparkEngine)  # noqa: S101 (Spark frames live nowhere else)

            def derived(source: Source, query: sa.Select[Any]) -> Source:
                frame = engine.frame(query)
                # What new splits are made by is let go of: Spark would compute all of it again whenever it is asked.
                return Source(_Rows(frame.localCheckpoint() if mend.anew else frame), source.execution_engine)

            try:
                with ExitStack() as kept:

                    def keep(statement: sa.Select[Any]) -> sa.FromClause:
                        return kept.enter_context(engine.shared(statement))

                    clean = clean_rows(relations, mend, derived, "splits", keep)
                return Made({name: engine.frame(query) for name, query in clean.queries.items()}, clean.cost)
            finally:
                relations.close()

    def set_aside(self, made: Made) -> str:
        """Say that there were clean frames."""
        return f"made clean frames of {', '.join(made.splits)}"


@dataclass(frozen=True)
class _Rows:
    """A frame in the place of GX's batch data."""

    dataframe: Any
