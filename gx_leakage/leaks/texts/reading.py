"""The texts of the splits, brought out of the engine piece by piece, folded and cut into words by Arrow.

Databases cannot count passages of words, so the column itself, and nothing else, leaves the engine. Pieces are some
megabytes large: how much of a split is in memory does not depend on its size.
"""

from __future__ import annotations

import unicodedata
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
from gx_leakage.sql.dialects import fingerprint
from gx_leakage.sql.keys import AllNull, Family, family, type_name

__all__ = ["MOST_LISTED", "Piece", "TextColumn", "words_of"]

Integers = npt.NDArray[np.int64]

BYTES_A_PIECE = 16 * 2**20

MOST_LISTED = 1_000
"""Texts that a query for users lists; one of more would be too long to read, and for some databases to run."""

_ASCII = bytes(ord(chr(i).lower()) if chr(i).isalnum() and i < 128 else 32 if i < 128 else i for i in range(256))
"""Of each byte what folding makes of it; bytes of characters beyond ASCII stay."""

_NO_WORD = r"[^\p{L}\p{M}\p{N}]+"
_ALONE = r"([\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}])"
"""Characters of scripts that put no blanks between words: each is taken for a word."""


@dataclass(frozen=True)
class Piece:
    """Some rows of splits."""

    split_no: Integers
    texts: pa.StringArray


@dataclass(frozen=True)
class TextColumn:
    """A column of texts of some splits, of which one is train."""

    relations: Relations
    column: str
    base: int
    stack: Stack

    @classmethod
    def of(cls, relations: Relations, column: str, train: str) -> TextColumn:
        """Return the column.

        Raises:
            CouldNotCheckError: there is no train split, or no text in the column.
        """
        relations.require_several()
        if train not in relations.names:
            raise CouldNotCheckError(
                f"no split is called '{train}': name it with train=. {nearest(train, relations.names)}"
            )
        stack = relations.stack([column])
        for i, name in enumerate(relations.names):
            type_ = stack.relation_of(i).c[column].type
            if family(type_) is not Family.TEXT and not isinstance(type_, AllNull):
                raise CouldNotCheckError(
                    f"column '{column}' is {type_name(type_)} in split '{name}', but has to hold texts: cast it, or "
                    f"name another column."
                )
        return cls(relations, column, relations.names.index(train), stack)

    @property
    def judged(self) -> list[int]:
        """The positions of the splits that are not train."""
        return [i for i in range(len(self.relations.names)) if i != self.base]

    def pieces(self, splits: Sequence[int]) -> Iterator[Piece]:
        """Yield all rows of some splits."""
        rows = self.stack.select(lambda relation: [self._text(relation).label("text_")]).subquery("stacked")
        wanted = sa.select(rows.c.split_no, rows.c.text_).where(rows.c.split_no.in_(splits))
        held: list[pa.RecordBatch] = []
        size = 0
        for batch in self.relations.batches(wanted):
            for part in _cut(batch):
                held.append(part)
                size += part.nbytes
                if size >= BYTES_A_PIECE:
                    yield _piece(held)
                    held, size = [], 0
        if held:
            yield _piece(held)

    def require_rows(self, rows: Sequence[int], known: Sequence[int]) -> None:
        """Raise for a split that has no rows, or none with a text."""
        for name, all_, some in zip(self.relations.names, rows, known, strict=True):
            if not all_:
                raise EmptySplitError(name)
            if not some:
                raise NoValuesError([self.column], name)

    def equal_to(self, prints: Sequence[str]) -> LeakedRows:
        """Return how all rows are found whose texts are known by their fingerprints."""

        def keep(stacked: sa.FromClause) -> tuple[sa.FromClause, list[Any]]:
            # Written out, for databases take only some thousands of parameters.
            listed: Any = sa.bindparam("prints", list(prints), sa.String(), expanding=True, literal_execute=True)
            return stacked, [stacked.c.print_.in_(listed)]

        return LeakedRows(lambda relation: [fingerprint(self._text(relation)).label("print_")], keep)

    def _text(self, relation: sa.FromClause) -> sa.ColumnElement[Any]:
        column: sa.ColumnElement[Any] = relation.c[self.column]
        return sa.cast(sa.null(), sa.String(1)) if isinstance(column.type, AllNull) else column


def _cut(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Yield a batch in parts of no more bytes than a piece, if its texts are not longer by themselves."""
    parts = min(batch.num_rows, 1 + batch.nbytes // BYTES_A_PIECE)
    for i in range(parts):
        start, end = (batch.num_rows * no // parts for no in (i, i + 1))
        yield batch.slice(start, end - start)


def _piece(batches: Sequence[pa.RecordBatch]) -> Piece:
    table = pa.Table.from_batches(batches)
    numbers = table.column("split_no").cast(pa.int64()).to_numpy()
    texts = table.column("text_").cast(pa.large_string()).combine_chunks()
    return Piece(numbers, texts)


def words_of(texts: pa.Array) -> tuple[pa.Array, Integers]:
    """Return the words of all texts, one after the other, and where those of each text begin, and the last ends.

    Texts are put in NFC and lower case; what is neither letter nor digit is between words. NULL has no words.
    """
    held = pc.fill_null(texts, "")
    plain = pc.string_is_ascii(held)
    if not pc.all(plain).as_py():
        # By Python: older Arrow leaves letters and their accents apart.
        composed = [unicodedata.normalize("NFC", text) for text in held.filter(pc.invert(plain)).to_pylist()]
        others = pc.utf8_lower(pa.array(composed, pa.large_string()))
        for written, capital in (("\u03c2", "\u03c3"), ("ß", "ss")):  # what capitals do not tell apart
            others = pc.replace_substring(others, written, capital)
        others = pc.replace_substring_regex(others, _ALONE, r" \1 ")
        others = pc.replace_substring_regex(others, _NO_WORD, " ")
        held = pc.replace_with_mask(held, pc.invert(plain), others)
    _, offsets, data = held.buffers()
    bounds = np.frombuffer(offsets, dtype=np.int64)[held.offset : held.offset + len(held) + 1]
    # The bytes of all texts at once: regular expressions, and lists of words, take several times as long.
    folded = b"" if data is None else bytes(data.to_pybytes()[: bounds[-1]]).translate(_ASCII)
    characters = np.frombuffer(folded, dtype=np.uint8)
    inside = characters != ord(" ")
    first = inside.copy()
    first[1:] &= ~inside[:-1]
    edges = bounds[:-1][bounds[:-1] < len(characters)]
    first[edges] = inside[edges]
    first[: bounds[0]] = inside[: bounds[0]] = False
    places = np.flatnonzero(first[inside])
    ends = np.append(places, np.count_nonzero(inside)).astype(np.int64)
    made = pa.LargeStringArray.from_buffers(len(places), pa.py_buffer(ends), pa.py_buffer(characters[inside]))
    return made, np.searchsorted(np.flatnonzero(first), bounds).astype(np.int64)
