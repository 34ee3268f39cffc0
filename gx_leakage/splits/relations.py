"""The splits as relations in one engine: what evidence is gathered from."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from gx_leakage.disclosure import value
from gx_leakage.engines import Engine, Source
from gx_leakage.errors import CouldNotCheckError, EmptySplitError, MissingColumnError, TypesDifferError, nearest
from gx_leakage.sql.keys import AllNull, Incomparable, Key, UnreadText, comparable

__all__ = ["USUAL_ORDER", "LeakedRows", "Ordered", "Relations", "SplitRows", "Stack", "in_usual_order", "train_among"]

USUAL_ORDER = ("train", "training", "validation", "valid", "val", "dev", "test", "holdout")

Columns = Callable[[sa.FromClause], Sequence[sa.ColumnElement[Any]]]


def in_usual_order(names: Sequence[str]) -> list[str]:
    """Return the names with train first and test last, where those are the names, others in their own order."""

    def rank(name: str) -> int:
        folded = name.casefold()
        return USUAL_ORDER.index(folded) if folded in USUAL_ORDER else len(USUAL_ORDER)

    return sorted(names, key=rank)


def train_among(names: Sequence[str], train: str = "train") -> str:
    """Return the split that is train: the one of that name, or else the only one with it as a word of its name."""
    alike = [name for name in names if train in re.split(r"[^a-z]+", name.casefold())]
    return alike[0] if train not in names and len(alike) == 1 else train


@dataclass(frozen=True)
class SplitRows:
    """Where the rows of a split are: all of a source, or those with ``value`` in the split column."""

    name: str
    source: Source
    value: Any = None


@dataclass(frozen=True)
class _Scan:
    """One pass over one source, in which ``split_no`` tells the splits apart."""

    relation: sa.FromClause
    split_no: sa.ColumnElement[int]
    only: sa.ColumnElement[bool] | None
    splits: tuple[int, ...]


@dataclass(frozen=True)
class Stack:
    """All splits under one another, in as few scans as there are sources."""

    names: tuple[str, ...]
    scans: tuple[_Scan, ...]

    def select(self, columns: Columns) -> Any:
        """Return ``split_no`` (the position in ``names``) and the columns, of the rows of all splits."""
        parts = []
        for scan in self.scans:
            part = sa.select(scan.split_no.label("split_no"), *columns(scan.relation)).select_from(scan.relation)
            parts.append(part if scan.only is None else part.where(scan.only))
        return parts[0] if len(parts) == 1 else sa.union_all(*parts)

    def relation_of(self, split_no: int) -> sa.FromClause:
        """Return the relation that holds the split's rows."""
        return next(scan.relation for scan in self.scans if split_no in scan.splits)


def _itself(last: Any) -> Callable[[sa.ColumnElement[Any]], sa.ColumnElement[bool]]:
    return lambda mark: mark <= sa.literal(last, mark.type)


@dataclass(frozen=True)
class Ordered:
    """In which order rows stand that new splits are cut from."""

    by: str
    """The mark that they are ordered by."""
    within: tuple[str, ...] = ()
    """Marks of which each value has an order of its own; none where there is one order of all rows."""
    splits: tuple[str, ...] = ()
    """The splits, the earliest first; none where that does not matter."""
    up_to: Callable[[Any], Callable[[sa.ColumnElement[Any]], sa.ColumnElement[bool]]] = _itself
    """Given a value of the mark, which rows are no later than it, or cannot be told from it: those of its day."""


@dataclass(frozen=True)
class LeakedRows:
    """How leaked rows are found: by marks beside the columns of each row, and conditions on the rows of all splits.

    The query that users run and all remedies are made of it.
    """

    marks: Columns
    """Given a relation, the marks of its rows, each called by a name that ends with an underscore."""
    keep: Callable[[sa.FromClause], tuple[sa.FromClause, list[Any]]]
    """Given the rows of all splits with ``split_no`` and the marks, what to select from and which of it has leaked."""
    together: tuple[str, ...] = ()
    """The marks of which equal values have to be in one split; none where moving rows mends nothing."""
    null_is_a_value: bool = False
    """Whether NULL equals NULL there."""
    ordered: Ordered | None = None
    """The order that new splits are cut from, if there is one; with ``together``, where these are too large to keep."""


class Relations:
    """Named splits in one engine."""

    def __init__(
        self,
        engine: Engine,
        splits: Sequence[SplitRows],
        split_column: str | None = None,
        rows_without_split: int = 0,
        asset: str = "",
    ) -> None:
        self.asset = asset
        self.engine = engine
        self.rows_without_split = rows_without_split
        self.splits = tuple(splits)
        self.split_column = split_column
        self.names = tuple(split.name for split in splits)

    def judged(self, train: str) -> list[int]:
        """Return the positions of the splits whose rows are judged: all but train, or all without a train split."""
        if train not in self.names and train != "train":
            raise CouldNotCheckError(f"no split is called '{train}'. {nearest(train, self.names)}")
        return [i for i, name in enumerate(self.names) if name != train]

    def on_side(self, side: str, train: str) -> list[int]:
        """Return the positions of the splits that rows are dropped from: the judged ones, or train."""
        if side != "train":
            return self.judged(train)
        if train not in self.names:
            raise CouldNotCheckError(f"no split is called '{train}'. {nearest(train, self.names)}")
        return [self.names.index(train)]

    def columns(self) -> dict[str, list[str]]:
        """Return the names of the columns of each split; the split column is not one of them."""
        by_source = {id(s.source): self.engine.column_names(s.source) for s in self._one_a_source()}
        return {
            split.name: [name for name in by_source[id(split.source)] if name != self.split_column]
            for split in self.splits
        }

    def require(self, columns: Iterable[str]) -> None:
        """Raise for a column that a split does not have."""
        existing = self.columns()
        for column in columns:
            for split, names in existing.items():
                if column == self.split_column:
                    raise CouldNotCheckError(f"column '{column}' is the split column: it cannot be checked itself.")
                if column not in names:
                    raise MissingColumnError(column, split, names)

    def stack(self, columns: Sequence[str]) -> Stack:
        """Return the splits under one another, reading only ``columns``."""
        self.require(columns)
        needed = list(dict.fromkeys([*([self.split_column] if self.split_column else []), *columns]))
        scans = []
        for first in self._one_a_source():
            relation = self.engine.relation(first.source, needed)
            held = [(i, s) for i, s in enumerate(self.splits) if s.source is first.source]
            if self.split_column is None:
                no: sa.ColumnElement[int] = sa.literal_column(str(held[0][0]), sa.Integer())
                scans.append(_Scan(relation, no, None, (held[0][0],)))
            else:
                of = relation.c[self.split_column]
                no = sa.case(*((of == s.value, sa.literal_column(str(i), sa.Integer())) for i, s in held))
                scans.append(_Scan(relation, no, of.is_not(None), tuple(i for i, _ in held)))
        return Stack(self.names, tuple(scans))

    def keys(
        self,
        stack: Stack,
        columns: Iterable[str],
        normalize: Sequence[str] = (),
        *,
        lenient: bool = False,
        identical: bool = False,
    ) -> tuple[Key, ...]:
        """Return how columns are written so that equal values of all splits are equal.

        With ``lenient``, what is normalised of texts leaves other columns alone; with ``identical``, lists and objects
        are compared by what they are as text.

        Raises:
            TypesDifferError: their types do not allow it.
            CouldNotCheckError: a split is empty, which may be why its types are others.
        """
        columns = list(columns)
        types: dict[str, dict[str, sa.types.TypeEngine[Any]]] = {
            name: {column: stack.relation_of(i).c[column].type for column in columns}
            for i, name in enumerate(self.names)
        }
        try:
            return comparable(columns, types, normalize, lenient, identical)
        except TypesDifferError:
            for split, column in self._without_values(stack, columns):
                types[split][column] = AllNull()
            return comparable(columns, types, normalize, lenient, identical)

    def _without_values(self, stack: Stack, columns: Sequence[str]) -> list[tuple[str, str]]:
        """Return the splits' columns that are NULL in all rows: files give these any type.

        Raises:
            EmptySplitError: a split has no rows at all.
        """

        def known(relation: sa.FromClause) -> list[sa.ColumnElement[Any]]:
            flags = (sa.case((relation.c[column].is_not(None), 1), else_=0) for column in columns)
            return [flag.label(f"known_{i}") for i, flag in enumerate(flags)]

        rows = stack.select(known).subquery("stacked")
        sums = [sa.func.sum(rows.c[f"known_{i}"]) for i in range(len(columns))]
        statement = sa.select(rows.c.split_no, *sums).group_by(rows.c.split_no)
        found = {int(row[0]): row[1:] for row in self.fetch(statement)}
        for i, name in enumerate(self.names):
            if i not in found:
                raise EmptySplitError(name)
        return [
            (self.names[i], column)
            for i, counts in found.items()
            for column, count in zip(columns, counts, strict=True)
            if not count
        ]

    def having(self, column: str) -> Relations:
        """Return those of the splits that have a column; it is an error if there are none."""
        existing = self.columns()
        held = [split for split in self.splits if column in existing[split.name]]
        if not held:
            self.require([column])
        return Relations(self.engine, held, self.split_column, self.rows_without_split, self.asset)

    def common_columns(self) -> list[str]:
        """Return the columns that all splits have, in the order of the first."""
        existing = list(self.columns().values())
        return [name for name in existing[0] if all(name in names for names in existing)]

    def comparable_columns(self, *, identical: bool = False) -> list[str]:
        """Return the common columns whose values can be compared: no lists, objects or shapes.

        Whether those are ``identical`` can be told of nearly all of them, by what they are as text; and columns that
        splits do not write alike are then an error for whoever compares them, and not left out.

        Raises:
            CouldNotCheckError: there are none.
        """
        common = self.common_columns()
        if common:
            stack = self.stack(common)
            types = [stack.relation_of(i).c for i in range(len(self.names))]

            def left_out(type_: Any) -> bool:
                if isinstance(type_, Incomparable):
                    return not (identical and type_.writable)
                return isinstance(type_, UnreadText) and not type_.equality and not identical

            found = [name for name in common if not any(left_out(of[name].type) for of in types)]
            if found:
                return found
        listed = (f"{split} has {', '.join(names[:10]) or 'none'}" for split, names in self.columns().items())
        raise CouldNotCheckError(f"the splits have no column in common that could be compared: {'; '.join(listed)}.")

    def beside(self, columns: Sequence[str], marks: Columns) -> tuple[sa.Subquery, dict[str, str]]:
        """Return the rows of all splits with columns and marks, and what each column is called there.

        Marks, and what else statements call their own, end with an underscore or are ``split_no``: columns that do so
        too are called otherwise.
        """
        own = re.compile(r".*_|split_no|gxl_.*", re.IGNORECASE | re.DOTALL)
        aliases = {name: f"gxl_{i}_column" if own.fullmatch(name) else name for i, name in enumerate(columns)}
        stack = self.stack([name for name in columns if name != self.split_column])

        def read(relation: sa.FromClause) -> list[sa.ColumnElement[Any]]:
            return [*(relation.c[name].label(alias) for name, alias in aliases.items()), *marks(relation)]

        return stack.select(read).subquery("stacked"), aliases

    def rows(self, leaked: LeakedRows) -> sa.Select[Any]:
        """Return the statement for leaked rows, with all columns that the splits have in common and their split."""
        shown = [*([self.split_column] if self.split_column else []), *self.common_columns()]
        stacked, aliases = self.beside(shown, leaked.marks)
        source, conditions = leaked.keep(stacked)
        split = []
        if self.split_column is None and "split" not in map(str.casefold, shown):
            names = [(source.c.split_no == i, sa.literal(name)) for i, name in enumerate(self.names)]
            split = [sa.case(*names).label("split")]
        columns = [source.c[alias].label(name) for name, alias in aliases.items()]
        return sa.select(*split, *columns).where(*conditions)

    def query(self, leaked: Callable[[], LeakedRows]) -> str | None:
        """Return the text of that statement for a user to run; None where there is no place to."""
        return self.engine.query(lambda: self.rows(leaked()))

    def require_several(self) -> None:
        """Raise where there is nothing to compare a split with."""
        if len(self.names) > 1:
            return
        found = f"only one split ('{self.names[0]}') was found" if self.names else "no split was found"
        if self.split_column is not None:
            raise CouldNotCheckError(
                f"split column '{self.split_column}' has one value only ('{value(self.names[0])!s}'): there is "
                f"nothing to compare it with."
            )
        raise CouldNotCheckError(
            f"{found} in data asset '{self.asset}'. Name the column that tells the splits apart with "
            f"split_column=, other batch definitions with batches=, or DataFrames with dataframe_splits()."
        )

    def fetch(self, statement: sa.Executable) -> Sequence[Any]:
        """Run a statement where the splits are."""
        return self.engine.fetch(statement)

    def batches(self, statement: Any) -> Iterator[Any]:
        """Yield the rows of a statement as Arrow record batches: nothing else may be asked until all are read."""
        return self.engine.batches(statement)

    def _one_a_source(self) -> list[SplitRows]:
        return list({id(split.source): split for split in reversed(self.splits)}.values())[::-1]

    def close(self) -> None:
        """Let go of the data: the names stay, the rows do not."""
        self.splits = ()
        self.engine.close()
