"""What a place where statements run owes the rest, and what it is given."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import sqlalchemy as sa

from gx_leakage.disclosure import value
from gx_leakage.errors import CouldNotCheckError

__all__ = ["Engine", "Source", "answered", "require"]


_TOO_LONG = re.compile(r"(?:to|to type) DECIMAL\(38,")
"""What DuckDB says of a number that its decimals do not hold."""


@dataclass(frozen=True, eq=False)
class Source:
    """Rows as GX holds them: its batch data, and its execution engine.

    A source is the same as another only if it is the same object: GX's batch ids collide.
    """

    data: Any
    execution_engine: Any


class Engine(Protocol):
    """What a place where statements run owes the rest.

    What a database refuses, or fails to answer, is a ``CouldNotCheckError``.
    """

    dialect: sa.Dialect

    def column_names(self, source: Source) -> list[str]:
        """Return the names of the columns of ``source``, in order."""

    def relation(self, source: Source, columns: Sequence[str]) -> sa.FromClause:
        """Return ``source`` as a selectable that has (at least) ``columns``, each with its SQL type."""

    def fetch(self, statement: sa.Executable) -> Sequence[Any]:
        """Run a statement over relations of this engine, and return all its rows."""

    def batches(self, statement: Any) -> Iterator[Any]:
        """Yield the rows of a statement as Arrow record batches of some thousand rows, as they are read.

        For what no database can compute, of columns that a check is about. Nothing else may be asked of the engine
        until all are read.
        """

    def shared(self, statement: Any) -> AbstractContextManager[sa.FromClause]:
        """Return the rows of a statement as a relation for other statements to name often.

        An engine that would read slow files, or compute, anew at each place keeps the rows for the length of a block.
        """

    def query(self, build: Callable[[], sa.Executable]) -> str | None:
        """Return the text of the statement that ``build`` makes, for a user to run; None if there is no place to."""

    def close(self) -> None:
        """Let go of what was registered, copied or cached."""


@contextmanager
def answered(dialect: sa.Dialect) -> Iterator[None]:
    """Raise what a database says when it does not answer as an error of ours, without statement and values."""
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        said = getattr(error, "orig", None) or error
        if _TOO_LONG.search(str(said)):
            raise CouldNotCheckError(
                "decimals of the splits do not fit into one of 38 digits, some being long and others having many "
                "digits after the point: store them with one precision and scale."
            ) from error
        # What databases say of a value that they cannot read shows it.
        raise CouldNotCheckError(
            f"{dialect.name} could not answer ({type(said).__name__}){value(f': {said}')}"
        ) from error


def require(extra: str, error: ImportError) -> CouldNotCheckError:
    """Return the error that says which extra brings the missing library."""
    return CouldNotCheckError(f"{error.name or error} is not installed: pip install 'gx_leakage[{extra}]'")
