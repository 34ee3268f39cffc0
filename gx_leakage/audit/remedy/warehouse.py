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
        one = next(iter(self.tables))
        with prepare(data_context(None), self.tables, mend.split_column, self.connection, None, None) as prepared:
            relations = relations_of(prepared)
            try:
                clean = clean_rows(relations, mend, _derived, one)
                dialect = relations.engine.dialect
                given = {one if mend.split_column else split.name: split.source.data for split in relations.splits}
                places = {name: _Place.beside(data) for name, data in given.items()}
                texts = [_made(dialect, places[name], query) for name, query in clean.queries.items()]
            finally:
                relations.close()
        if self.run:
            self._make(dict(zip(places.values(), texts, strict=True)))
        return Made({name: place.name for name, place in places.items()}, clean.cost, texts)

    def set_aside(self, made: Made) -> str:
        """Say which tables there are now: what is in a warehouse is not touched again."""
        return f"made the tables {', '.join(map(str, made.splits.values()))}"

    def _make(self, texts: Mapping[_Place, str]) -> None:
        """Make all tables, or none: not every database takes back a table with the transaction that made it."""
        url = resolved(self.connection)
        engine = sa.create_engine(with_driver(url))
        made: list[_Place] = []
        try:
            there = [place.name for place in texts if sa.inspect(engine).has_table(place.table, schema=place.schema)]
            if there:
                raise CouldNotCheckError(
                    f"the clean tables could not be made: {', '.join(there)} already exists: drop or rename it."
                )
            try:
                with engine.begin() as connected:
                    for place, text in texts.items():
                        connected.exec_driver_sql(text)
                        made.append(place)
            except BaseException:
                for place in made:
                    sa.Table(place.table, sa.MetaData(), schema=place.schema).drop(engine, checkfirst=True)
                raise
        except sa.exc.SQLAlchemyError as error:
            raise CouldNotCheckError(
                f"the clean tables could not be made: {redacted(first_line(error), [url])}"
            ) from error
        finally:
            engine.dispose()


@dataclass(frozen=True)
class _Place:
    """Where a clean table is made: beside the one that is given."""

    schema: str | None
    table: str

    @classmethod
    def beside(cls, given: Any) -> _Place:
        return cls(given.source_schema_name, f"{given.source_table_name}_clean")

    @property
    def name(self) -> str:
        return self.table if self.schema is None else f"{self.schema}.{self.table}"


@dataclass(frozen=True)
class _Query:
    """A statement in the place of a table, as GX's batch data hold one."""

    selectable: Any
    source_table_name: str | None
    source_schema_name: str | None


def _derived(source: Source, query: sa.Select[Any]) -> Source:
    data = source.data
    return Source(_Query(query, data.source_table_name, data.source_schema_name), source.execution_engine)


def _made(dialect: sa.Dialect, place: _Place, query: Any) -> str:
    table = dialect.identifier_preparer.format_table(sa.table(place.table, schema=place.schema))
    text = str(query.compile(dialect=literal_dialect(dialect), compile_kwargs={"literal_binds": True}))
    return f"CREATE TABLE {table} AS\n{text}"
