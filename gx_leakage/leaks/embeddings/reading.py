"""The vectors of the splits, brought out of the engine piece by piece and kept in files of their own.

Databases cannot multiply matrices, so the columns of the vectors, and nothing else, leave the engine, once. What is in
memory at a time does not depend on how many vectors there are.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from gx_leakage.errors import CouldNotCheckError, EmptySplitError, NoValuesError, nearest
from gx_leakage.splits.relations import LeakedRows, Relations, Stack
from gx_leakage.sql.dialects import as_list, fingerprint, real, written
from gx_leakage.sql.keys import NUMBERS, AllNull, Family, family, type_name

__all__ = ["Kept", "Numbers", "VectorColumns", "blocks"]

Numbers = npt.NDArray[Any]
Hashes = npt.NDArray[np.uint64]

BYTES_A_BLOCK = 8 * 2**20
"""How much of a split is read from its file at once."""

_BRACKETS = "[](){} \t\r\n"
_GAPS = pa.array(["null", "NULL", "None", "NA", "<NA>"])
_MIX = np.uint64(0x9E3779B97F4A7C15)


def blocks(count: int, size: int) -> Iterator[slice]:
    """Yield stretches of no more than ``size`` that cover ``count``."""
    return (slice(start, min(start + size, count)) for start in range(0, count, max(1, size)))


class Kept:
    """The vectors of a split that can be compared, in a file without a name."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 (it is gone with the object)
        self._hashes: list[Hashes] = []
        self._dtype: Any = np.float64
        self.width = self.rows = self.unknown = self.undefined = 0

    def __len__(self) -> int:
        return sum(map(len, self._hashes))

    def add(self, vectors: Numbers) -> None:
        """Keep more vectors, in the precision that they have."""
        self._dtype = vectors.dtype
        self._file.write(np.ascontiguousarray(vectors).tobytes())
        self._hashes.append(hashes(vectors))

    @functools.cached_property
    def hashes(self) -> Hashes:
        """What tells vectors apart, in their order."""
        return np.concatenate(self._hashes)

    @functools.cached_property
    def distinct(self) -> npt.NDArray[np.int64]:
        """The places of vectors, each once, in an order that depends on nothing but their values."""
        return np.unique(self.hashes, return_index=True)[1]

    @functools.cached_property
    def _stored(self) -> Numbers:
        self._file.flush()
        return np.memmap(self._file, self._dtype, "r", shape=(len(self), self.width))

    def at(self, places: Any) -> Numbers:
        """Return the vectors at some places."""
        return np.asarray(self._stored[places], dtype=np.float64)

    def once(self) -> Iterator[tuple[npt.NDArray[np.int64], Numbers]]:
        """Yield all vectors, each once, with their places, in the order of the file."""
        order = np.sort(self.distinct)
        for part in blocks(len(order), BYTES_A_BLOCK // (8 * self.width)):
            yield order[part], self.at(order[part])


def hashes(vectors: Numbers) -> Hashes:
    """Return a hash of each vector."""
    found = np.zeros(len(vectors), np.uint64)
    weights: Any = None
    for part in blocks(len(vectors), 512):
        numbers = vectors[part] + vectors.dtype.type(0)  # -0.0 is 0.0
        if numbers.shape[1] * numbers.itemsize % 8:
            numbers = np.column_stack([numbers, np.zeros(len(numbers), numbers.dtype)])
        bits = np.ascontiguousarray(numbers).view(np.uint64)
        if weights is None:
            weights = np.random.default_rng(0).integers(0, 2**64, bits.shape[1], np.uint64) | np.uint64(1)
        bits ^= bits >> np.uint64(32)
        bits *= _MIX
        bits ^= bits >> np.uint64(29)
        found[part] = bits @ weights
    return found


@dataclass(frozen=True)
class VectorColumns:
    """The vectors of some splits, of which one is train: one column of them, or a column for each number."""

    relations: Relations
    columns: tuple[str, ...]
    base: int
    stack: Stack
    listed: bool
    """Whether one column holds whole vectors."""

    @classmethod
    def of(cls, relations: Relations, columns: Sequence[str], train: str) -> VectorColumns:
        """Return the columns.

        Raises:
            CouldNotCheckError: there is no train split, or the columns hold no vectors.
        """
        relations.require_several()
        if train not in relations.names:
            raise CouldNotCheckError(
                f"no split is called '{train}': name it with train=. {nearest(train, relations.names)}"
            )
        if len(set(columns)) < len(columns):
            raise CouldNotCheckError("embedding_columns names a column twice.")
        stack = relations.stack(columns)
        listed = False
        for i, name in enumerate(relations.names):
            for column in columns:
                type_ = stack.relation_of(i).c[column].type
                kind = family(type_)
                number = kind in NUMBERS
                if isinstance(type_, AllNull):
                    continue
                if len(columns) > 1 and not number:
                    raise CouldNotCheckError(
                        f"column '{column}' is {type_name(type_)} in split '{name}', but where embedding_columns are "
                        f"several, each has to hold one number of the vectors. Columns of whole vectors are checked "
                        f"one by one."
                    )
                if len(columns) == 1 and number:
                    raise CouldNotCheckError(
                        f"column '{column}' is {type_name(type_)} in split '{name}', and one number is no vector: name "
                        f"the columns of all its numbers, or a column of arrays."
                    )
                if len(columns) == 1 and kind not in (Family.TEXT, Family.OTHER):
                    raise CouldNotCheckError(
                        f"column '{column}' is {type_name(type_)} in split '{name}', but has to hold vectors: arrays "
                        f"of numbers, or texts such as [0.1, 0.2]."
                    )
                listed = listed or len(columns) == 1
        return cls(relations, tuple(columns), relations.names.index(train), stack, listed)

    @property
    def judged(self) -> list[int]:
        """The positions of the splits that are not train."""
        return [i for i in range(len(self.relations.names)) if i != self.base]

    def kept(self, *, directions: bool) -> list[Kept]:
        """Read all splits, and return their vectors.

        Args:
            directions: Whether only the direction of a vector counts, which the one of zeros has not.

        Raises:
            CouldNotCheckError: vectors are of different lengths, or a split has none that can be compared.
        """
        splits = [Kept() for _ in self.relations.names]
        first: tuple[str, int] | None = None
        for numbers, batch in self._read(self._vectors):
            vectors, known = self._numbers(batch)
            if vectors.shape[1]:
                of = self.relations.names[int(numbers[known][0])]
                first = first or (of, vectors.shape[1])
                if first[1] != vectors.shape[1]:
                    raise self._lengths(first, (of, vectors.shape[1]))
            largest = np.abs(vectors).max(axis=1, initial=0)  # NaN where one of the numbers is
            whole, usable = known.copy(), known.copy()
            whole[known] = ~np.isnan(largest)
            usable[known] = np.isfinite(largest) & (largest > 0 if directions else True)
            for i in np.unique(numbers):
                own, split = numbers == i, splits[i]
                split.rows += int(own.sum())
                split.unknown += int((own & ~whole).sum())
                split.undefined += int((own & whole & ~usable).sum())
                chosen = (own & usable)[known]
                if chosen.any():
                    split.width = vectors.shape[1]
                    split.add(vectors if chosen.all() else vectors[chosen])
        for name, split in zip(self.relations.names, splits, strict=True):
            if not split.rows:
                raise EmptySplitError(name)
            if split.unknown == split.rows:
                raise NoValuesError(self.columns, name)
            if not len(split):
                zero = "zeros only, which have no direction (metric='euclidean' compares them)" if directions else ""
                raise CouldNotCheckError(
                    f"no vector of split '{name}' could be compared: they are infinite{', or of ' if zero else ''}"
                    f"{zero}."
                )
        return splits

    def equal_to(self, wanted: Hashes, splits: Sequence[int]) -> LeakedRows:
        """Return how all rows are found that have vectors of some hashes, which some splits hold."""
        prints: set[str] = set()
        for numbers, batch in self._read(lambda relation: [*self._vectors(relation), self._print(relation)]):
            vectors, known = self._numbers(batch)
            among = known & np.isin(numbers, list(splits))
            among[known] &= np.isin(hashes(vectors), wanted) if vectors.shape[1] else False
            prints.update(batch.column("print_").filter(pa.array(among)).cast(pa.string()).to_pylist())

        def keep(stacked: sa.FromClause) -> tuple[sa.FromClause, list[Any]]:
            # Written out, for databases take only some thousands of parameters.
            listed: Any = sa.bindparam("prints", sorted(prints), sa.String(), expanding=True, literal_execute=True)
            return stacked, [stacked.c.print_.in_(listed)]

        return LeakedRows(lambda relation: [self._print(relation)], keep)

    def _read(self, marks: Any) -> Iterator[tuple[npt.NDArray[np.int64], Any]]:
        for batch in self.relations.batches(self.stack.select(marks)):
            if batch.num_rows:
                yield batch.column("split_no").cast(pa.int64()).to_numpy(), batch

    def _vectors(self, relation: sa.FromClause) -> list[sa.ColumnElement[Any]]:
        read = self._list if self.listed else self._number
        return [read(relation.c[column]).label(f"v{i}_") for i, column in enumerate(self.columns)]

    @staticmethod
    def _list(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        if isinstance(column.type, AllNull):
            return sa.cast(sa.null(), sa.String(1))
        return column if family(column.type) is Family.TEXT else as_list(column, sa.Text())

    @staticmethod
    def _number(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        return sa.cast(sa.null(), sa.Double()) if isinstance(column.type, AllNull) else real(column)

    def _print(self, relation: sa.FromClause) -> sa.ColumnElement[Any]:
        """Return what finds a row again: a fingerprint of what the database writes of its vector."""
        if self.listed:
            (column,) = (relation.c[name] for name in self.columns)
            if isinstance(column.type, AllNull):
                return sa.cast(sa.null(), sa.String(32)).label("print_")
            text = column if family(column.type) is Family.TEXT else written(column)
        else:
            texts = [sa.cast(self._number(relation.c[name]), sa.String(40)) for name in self.columns]
            text = functools.reduce(lambda one, other: one.concat("|").concat(other), texts)
        return fingerprint(text).label("print_")

    def _numbers(self, batch: Any) -> tuple[Numbers, npt.NDArray[np.bool_]]:
        """Return the vectors of rows that have one, NaN where a number is missing, and which rows have one."""
        arrays = [batch.column(f"v{i}_") for i in range(len(self.columns))]
        if not self.listed:
            made = [array.cast(pa.float64()).to_numpy(zero_copy_only=False) for array in arrays]
            return np.column_stack(made), np.ones(batch.num_rows, dtype=bool)
        (array,) = arrays
        known = array.is_valid().to_numpy(zero_copy_only=False)
        if array.null_count:
            array = array.filter(array.is_valid())
        if not len(array):
            return np.zeros((0, 0)), known
        lengths, numbers = self._of_texts(array) if _is_text(array.type) else self._of_lists(array)
        names = batch.column("split_no").filter(pa.array(known)).to_pylist()
        other = np.flatnonzero(lengths != lengths[0])
        if len(other):
            held = [(self.relations.names[int(names[i])], int(lengths[i])) for i in (0, int(other[0]))]
            raise self._lengths(held[0], held[1])
        if not lengths[0]:
            raise CouldNotCheckError(f"column '{self.columns[0]}' has lists without a number in them.")
        return numbers.reshape(len(array), -1), known

    def _of_lists(self, array: pa.Array) -> tuple[npt.NDArray[np.int64], Numbers]:
        is_ = pa.types
        held = getattr(array.type, "value_type", None)
        if held is None or not (
            is_.is_integer(held) or is_.is_floating(held) or is_.is_decimal(held) or is_.is_null(held)
        ):
            raise CouldNotCheckError(
                f"column '{self.columns[0]}' holds values of type {array.type}, which are no vectors: they have to be "
                f"lists of numbers."
            )
        lengths = pc.list_value_length(array).to_numpy(zero_copy_only=False).astype(np.int64)
        numbers = array.flatten()
        if not is_.is_float32(held):
            numbers = numbers.cast(pa.float64(), safe=False)
        return lengths, numbers.to_numpy(zero_copy_only=False)

    def _of_texts(self, array: pa.Array) -> tuple[npt.NDArray[np.int64], Numbers]:
        """Read ``[0.1, 0.2]``, PostgreSQL's ``{0.1,0.2}`` and numpy's ``[0.1 0.2]``."""
        plain = pc.utf8_trim(array, characters=_BRACKETS)
        if not pc.any(pc.match_substring(plain, ",")).as_py():
            plain = pc.replace_substring_regex(plain, r"\s+", ",")
        parts = pc.split_pattern(plain, ",")
        lengths = pc.list_value_length(parts).to_numpy(zero_copy_only=False).astype(np.int64)
        lengths[pc.equal(plain, "").to_numpy(zero_copy_only=False)] = 0
        values = pc.utf8_trim_whitespace(parts.flatten())
        values = pc.if_else(pc.is_in(values, _GAPS), "nan", values)
        try:
            numbers = values.filter(pc.not_equal(values, "")).cast(pa.float64()).to_numpy(zero_copy_only=False)
        except pa.ArrowInvalid as error:
            raise CouldNotCheckError(
                f"column '{self.columns[0]}' holds texts that are no vectors: they have to be numbers in brackets, "
                f"such as [0.1, 0.2]."
            ) from error
        if len(numbers) != lengths.sum():
            raise CouldNotCheckError(f"column '{self.columns[0]}' holds texts in which a number is left out: [1,,2].")
        return lengths, numbers

    def _lengths(self, one: tuple[str, int], other: tuple[str, int]) -> CouldNotCheckError:
        return CouldNotCheckError(
            f"column '{self.columns[0]}' has vectors of {one[1]:,} numbers in split '{one[0]}' and of {other[1]:,} in "
            f"split '{other[0]}': vectors of different lengths come of different models, and cannot be compared."
        )


def _is_text(type_: pa.DataType) -> bool:
    return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_))
