"""Clean splits in a warehouse: statements that make tables beside those that are given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from gx_leakage.audit.remedy.mend import Made, Mend
from gx_leakage.audit.remedy.queries import clean_rows
from gx_leakage.disclosure import redacted
from gx_leakage.engines import Source
from gx_leakage.errors import CouldNotCheckError
from gx_leakage.gx.sources import data_context, first_line, prepare, relations_of, resolved, with_driver
from gx_leakage.sql.dialects import literal_dialect

__all__ = ["Warehouse"]


@dataclass(frozen=True)
class Warehouse:
    """Tables of a database."""

    tables: Mapping[str, str]
    connection: str
    run: bool

    @property
    def checked(self) -> bool:
        """Whether the tables are made, and not only how is said."""
        return self.run

    def cleaned(self, mend: Mend) -> Made:
        """Return the names of the clean tables and the statements that make them, after running them if asked to."""
        targets = {name: f"{table}_clean" for name, table in self.tables.items()}
        one = next(iter(targets))
        with prepare(data_context(None), self.tables, mend.split_column, self.connection, None, None) as prepared:
            relations = relations_of(prepared)
            try:
                clean = clean_rows(relations, mend, _derived, one)
                dialect = relations.engine.dialect
                texts = [_made(dialect, targets[name], query) for name, query in clean.queries.items()]
            finally:
                relations.close()
        if self.run:
            self._make(texts)
        return Made(targets, clean.cost, texts)

    def set_aside(self, made: Made) -> str:
        """Say which tables there are now: what is in a warehouse is not touched again."""
        return f"made the tables {', '.join(map(str, made.splits.values()))}"

    def _make(self, texts: list[str]) -> None:
        url = resolved(self.connection)
        engine = sa.create_engine(with_driver(url))
        try:
            with engine.begin() as connected:
                for text in texts:
                    connected.exec_driver_sql(text)
        except sa.exc.SQLAlchemyError as error:
            raise CouldNotCheckError(
                f"the clean tables could not be made: {redacted(first_line(error), [url])}"
            ) from error
        finally:
            engine.dispose()


@dataclass(frozen=True)
class _Query:
    """A statement in the place of a table, as GX's batch data hold one."""

    selectable: Any
    source_table_name: str | None
    source_schema_name: str | None


def _derived(source: Source, query: sa.Select[Any]) -> Source:
    data = source.data
    return Source(_Query(query, data.source_table_name, data.source_schema_name), source.execution_engine)


def _made(dialect: sa.Dialect, target: str, query: Any) -> str:
    quote = dialect.identifier_preparer.quote
    table = ".".join(quote(part) for part in target.split("."))
    text = str(query.compile(dialect=literal_dialect(dialect), compile_kwargs={"literal_binds": True}))
    return f"CREATE TABLE {table} AS\n{text}"
