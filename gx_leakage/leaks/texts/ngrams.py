"""Which passages of n words the judged texts have in common with train.

Passages are compared exactly, and no hash is trusted. The words of the judged texts are numbered; then so are the pairs
of words that follow one another, pairs of pairs, and so on up to n words (as in the sorting of suffixes by doubling,
Karp, Miller and Rosenberg 1972). Words of train, and pairs, that the judged texts do not have get no number, and drop
out early. Only what the judged texts hold is kept; train passes by once, whatever its size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import md5
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gx_leakage.errors import CouldNotCheckError
from gx_leakage.leaks.texts.reading import MOST_LISTED, Integers, TextColumn, words_of
from gx_leakage.splits.relations import LeakedRows, Relations

__all__ = ["SharedPassages", "SplitTexts", "gather", "leaked_rows"]

WIDELY = 10
"""A passage in more texts of train is one that many have: a licence, a quotation. NeMo Curator leaves such passages out
(``max_matches``)."""
FEWEST_ALIKE = 10
"""Texts of a split that must have a passage before it can be the frame that most of its texts are put into."""
LONGEST_SHOWN = 40
"""Words of a passage that are shown."""


@dataclass(frozen=True)
class SplitTexts:
    """The texts of a split: rows, those without a text, with fewer than n words, with passages of train."""

    name: str
    rows: int
    null_keys: int
    short: int
    leaked: int
    longest: int
    """The words of the longest run of which each n words in a row are in train."""
    words: int
    shared_words: int
    """Words that are part of such a run, in leaked texts."""


@dataclass(frozen=True)
class SharedPassages:
    """Evidence of passages that judged texts and train have in common."""

    splits: tuple[SplitTexts, ...]
    distinct: int
    """Passages of n words of the judged texts, each once."""
    shared: int
    frame: int
    """Passages that more than half of the texts have, on both sides; they count for nothing."""
    widely_shared: bool
    """Whether each leaked text has only such in common with train as many of train's texts have."""
    samples: tuple[dict[str, Any], ...]
    leaked_rows_query: str | None


def gather(
    relations: Relations, *, text: str, n: int = 13, min_shared: int = 1, train: str = "train", samples: int = 20
) -> SharedPassages:
    """Return which judged texts have passages in common with train.

    Args:
        relations: The splits, of which one is train.
        text: The column of texts.
        n: The words of a passage.
        min_shared: So many passages, which may overlap, make a text leaked.
        train: The split that models are fitted on.
        samples: How many leaked texts to return, those with the longest runs.
    """
    column, found = _found(relations, text, n, min_shared, train)
    texts = found.texts
    short = texts.lengths < n
    leaked = found.leaked
    splits = []
    for i, name in enumerate(relations.names):
        if i == column.base:
            splits.append(SplitTexts(name, found.train_rows, found.train_unknown, found.train_short, 0, 0, 0, 0))
            continue
        own = texts.split_no == i
        splits.append(
            SplitTexts(
                name,
                rows=int(own.sum()),
                null_keys=int((own & ~texts.known).sum()),
                short=int((own & texts.known & short).sum()),
                leaked=int((own & leaked).sum()),
                longest=int(found.longest[own & leaked].max(initial=0)),
                words=int(texts.lengths[own].sum()),
                shared_words=int(found.covered[own & leaked].sum()),
            )
        )
    return SharedPassages(
        splits=tuple(splits),
        distinct=len(found.counts),
        shared=int(found.counts.sum()),
        frame=int(found.frame.sum()),
        widely_shared=bool(leaked.any()) and not found.rarely.any(),
        samples=tuple(_sample(found, relations.names, samples)) if samples else (),
        leaked_rows_query=_query(relations, column, found) if leaked.any() else None,
    )


def leaked_rows(
    relations: Relations,
    side: str,
    *,
    text: str,
    n: int = 13,
    min_shared: int = 1,
    train: str = "train",
    **_: Any,
) -> LeakedRows:
    """Return how the rows are found whose texts leak: judged texts, or those of train that they share passages with."""
    column, found = _found(relations, text, n, min_shared, train)
    return column.equal_to(_prints(column, found, side))


@dataclass
class _Pairs:
    """Pairs in order; the place of each is its number."""

    sorted: Integers

    def __post_init__(self) -> None:
        # Sixteen places a pair: of what is looked for and not there, few have to be searched for.
        self._bits = len(self.sorted).bit_length() + 4
        self._taken = np.zeros(1 << self._bits, dtype=bool)
        self._taken[self._place(self.sorted)] = True

    @classmethod
    def numbered(cls, pairs: Integers) -> tuple[_Pairs, Integers]:
        """Return the pairs, and the number of each that was given."""
        encoded = pa.array(pairs).dictionary_encode()
        distinct = _numpy(encoded.dictionary)
        order = np.argsort(distinct)
        number = np.empty_like(order)
        number[order] = np.arange(len(order))
        return cls(distinct[order]), number[_numpy(encoded.indices)]

    def numbers_of(self, pairs: Integers) -> Integers:
        """Return the numbers of pairs; -1 where one is not among these."""
        found = np.full(len(pairs), -1, dtype=np.int64)
        likely = np.flatnonzero(self._taken[self._place(pairs)])
        wanted = pairs[likely]
        at = np.minimum(np.searchsorted(self.sorted, wanted), len(self.sorted) - 1)
        same = self.sorted[at] == wanted if len(self.sorted) else np.zeros(0, dtype=bool)
        found[likely[same]] = at[same]
        return found

    def _place(self, pairs: Integers) -> npt.NDArray[np.uint64]:
        # Multiplicative hashing (Knuth), by the golden ratio.
        scattered = pairs.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        place: npt.NDArray[np.uint64] = scattered >> np.uint64(64 - self._bits)
        return place


@dataclass
class _Passages:
    """The numbered words and passages of n words of the judged texts."""

    n: int
    words: pa.Array = None
    made: dict[int, tuple[int, int, _Pairs]] = field(default_factory=dict)
    """By length of what two lengths passages are made, and the pairs of numbers that the judged texts have of these."""

    def learned(self, words: pa.ChunkedArray) -> Integers:
        """Return the number of the passage that begins at each word, numbering all that there are."""
        self.words = words.chunk(0).dictionary
        of = {1: np.concatenate([_numpy(chunk.indices) for chunk in words.chunks])}
        for first, second in _doubled(self.n):
            behind = of[second][first:]
            pairs, of[first + second] = _Pairs.numbered(_paired(of[first][: len(behind)], behind))
            self.made[first + second] = (first, second, pairs)
        return of[self.n]

    def found(self, words: pa.Array) -> tuple[Integers, Integers]:
        """Return the words at which passages begin that are known, and their numbers.

        Where n words in a row are known, so are those of one of the blocks that the text falls into, of half that
        length: few of the places in a text that has nothing in common have to be looked at.
        """
        numbers = _places(words, self.words)
        block = (self.n + 1) // 2
        at = np.arange(0, len(numbers) - block + 1, block)
        for offset in range(0, block - 1, 2):
            at = at[self._numbered(2, numbers, at + offset) >= 0]
        if block % 2:
            at = at[numbers[at + block - 1] >= 0]
        begins = (at[:, None] + np.arange(1 - block, 1)).ravel()
        begins = begins[(begins >= 0) & (begins <= len(numbers) - self.n)]
        passages = self._numbered(self.n, numbers, begins)
        return begins[passages >= 0], passages[passages >= 0]

    def _numbered(self, length: int, numbers: Integers, at: Integers) -> Integers:
        """Return the numbers of what has this length at these words; -1 where it is not known."""
        if length == 1:
            return numbers[at]
        first, second, pairs = self.made[length]
        found = np.full(len(at), -1, dtype=np.int64)
        ahead = self._numbered(first, numbers, at)
        live = np.flatnonzero(ahead >= 0)
        behind = self._numbered(second, numbers, at[live] + first)
        live, behind = live[behind >= 0], behind[behind >= 0]
        found[live] = pairs.numbers_of(_paired(ahead[live], behind))
        return found


def _doubled(n: int) -> Iterator[tuple[int, int]]:
    """Yield from which lengths that are known the next one is made up to n: doubling, and then what is left."""
    length = 1
    while 2 * length <= n:
        yield length, length
        length *= 2
    rest = n - length
    while rest:
        part = 1 << (rest.bit_length() - 1)
        yield length, part
        length, rest = length + part, rest - part


def _paired(first: Integers, second: Integers) -> Integers:
    return (first << 32) | second


@dataclass
class _Texts:
    """The judged texts: where their words begin, and the passages in them."""

    split_no: Integers
    known: npt.NDArray[np.bool_]
    starts: Integers
    """Where the words of each text begin, and the last ends."""
    place: Integers
    """Of each passage the word that it begins with."""
    of: Integers
    """The text that it is in."""
    passage: Integers
    """Its number."""
    passages: _Passages
    numbers: Integers
    """The words, by their numbers."""

    @property
    def lengths(self) -> Integers:
        return np.diff(self.starts)


@dataclass
class _Found:
    """What judged texts have in common with train."""

    texts: _Texts
    train_rows: int
    train_unknown: int
    train_short: int
    counts: npt.NDArray[np.bool_]
    """Of each passage whether it is in train, and no part of a frame."""
    frame: npt.NDArray[np.bool_]
    leaked: npt.NDArray[np.bool_]
    """Of each judged text."""
    rarely: npt.NDArray[np.bool_]
    """Of each judged text whether it leaks by passages that few of train's texts have."""
    longest: Integers
    covered: Integers
    run: Integers
    """Where the longest run of each judged text begins."""
    min_shared: int


def _found(relations: Relations, text: str, n: int, min_shared: int, train: str) -> tuple[TextColumn, _Found]:
    for name, value in (("n", n), ("min_shared", min_shared)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise CouldNotCheckError(f"{name}={value!r} must be a whole number from 1 on.")
    column = TextColumn.of(relations, text, train)
    texts = _read(column, n)
    passages = texts.passages
    held = np.zeros(int(texts.passage.max(initial=-1)) + 1, dtype=np.int64)
    rows = unknown = short = 0
    for piece in column.pieces([column.base]):
        words, starts = words_of(piece.texts)
        rows += len(piece.texts)
        unknown += piece.texts.null_count
        short += int((np.diff(starts) < n).sum()) - piece.texts.null_count
        _, of, passage = _within(*passages.found(words), starts, n)
        held += np.bincount(_distinct(of, passage)[1], minlength=len(held))
    judged = [int((texts.split_no == i).sum()) for i in range(len(relations.names))]
    known = [int((texts.known & (texts.split_no == i)).sum()) for i in range(len(relations.names))]
    long = [int(((texts.lengths >= n) & (texts.split_no == i)).sum()) for i in range(len(relations.names))]
    judged[column.base], known[column.base], long[column.base] = rows, rows - unknown, rows - unknown - short
    column.require_rows(judged, known)
    for name, count in zip(relations.names, long, strict=True):
        if not count:
            raise CouldNotCheckError(
                f"no text of '{text}' in split '{name}' has {n} words, so that none of it could be checked: take a "
                f"smaller n, or compare whole texts."
            )
    return column, _compared(texts, held, n, min_shared, (rows, unknown, short), long[column.base])


def _read(column: TextColumn, n: int) -> _Texts:
    """Read and number the judged texts."""
    numbers, known, starts, words = [], [], [np.zeros(1, dtype=np.int64)], []
    for piece in column.pieces(column.judged):
        of, ends = words_of(piece.texts)
        numbers.append(piece.split_no)
        known.append(piece.texts.is_valid().to_numpy(zero_copy_only=False))
        starts.append(ends[1:] + starts[-1][-1])
        words.append(of.dictionary_encode())
    passages = _Passages(n)
    if not words or not starts[-1][-1]:
        # Which split is empty, or has no words, is said where all have been read.
        words = [pa.array([], pa.large_string()).dictionary_encode()]
    all_starts = np.concatenate(starts)
    encoded = pa.chunked_array(words).unify_dictionaries()
    begins = passages.learned(encoded)
    place, of_text, passage = _within(np.arange(len(begins)), begins, all_starts, n)
    if n > 1:
        # What reaches from one text into the next is no passage: those that are left are numbered anew.
        left, passage = np.unique(passage, return_inverse=True)
        first, second, pairs = passages.made[n]
        passages.made[n] = (first, second, _Pairs(pairs.sorted[left]))
    indices = [_numpy(chunk.indices) for chunk in encoded.chunks]
    empty = np.zeros(0, dtype=np.int64)
    return _Texts(
        split_no=np.concatenate([empty, *numbers]),
        known=np.concatenate([np.zeros(0, dtype=bool), *known]),
        starts=all_starts,
        place=place,
        of=of_text,
        passage=passage.astype(np.int64),
        passages=passages,
        numbers=np.concatenate([empty, *indices]),
    )


def _compared(
    texts: _Texts, held: Integers, n: int, min_shared: int, train: tuple[int, int, int], long_in_train: int
) -> _Found:
    """Return what is shared, given how many texts of train hold each passage."""
    count = len(texts.lengths)
    in_judged = np.bincount(_distinct(texts.of, texts.passage)[1], minlength=len(held))
    long = int((texts.lengths >= n).sum())
    frame = (
        (in_judged > long / 2) & (held > long_in_train / 2)
        & (in_judged >= FEWEST_ALIKE) & (held >= FEWEST_ALIKE)
    )  # fmt: skip
    counts = (held > 0) & ~frame
    hit = counts[texts.passage]
    place, of = texts.place[hit], texts.of[hit]
    leaked = np.bincount(of, minlength=count) >= min_shared
    rare = hit & (held[texts.passage] <= WIDELY)
    rarely = leaked & (np.bincount(texts.of[rare], minlength=count) >= min_shared)

    begins = np.flatnonzero(np.concatenate([[True], (np.diff(place) != 1) | (np.diff(of) != 0)])[: len(place)])
    lengths = np.diff(np.concatenate([begins, [len(place)]])) + n - 1
    owner = of[begins]
    longest = np.zeros(count, dtype=np.int64)
    np.maximum.at(longest, owner, lengths)
    run = np.zeros(count, dtype=np.int64)
    best = np.flatnonzero(lengths == longest[owner])[::-1]  # the first of equal ones is written last
    run[owner[best]] = place[begins[best]]

    marks = np.zeros(int(texts.starts[-1]) + 1, dtype=np.int64)
    np.add.at(marks, place, 1)
    np.add.at(marks, place + n, -1)
    before = np.concatenate([[0], np.cumsum(np.cumsum(marks)[:-1] > 0)])
    covered = np.diff(before[texts.starts])
    return _Found(
        texts, *train, counts=counts, frame=frame, leaked=leaked, rarely=rarely, longest=longest, covered=covered,
        run=run, min_shared=min_shared,
    )  # fmt: skip


def _within(place: Integers, passage: Integers, starts: Integers, n: int) -> tuple[Integers, Integers, Integers]:
    """Return the passages that are within one text: the words that they begin with, their texts, their numbers."""
    of = np.searchsorted(starts, place, side="right") - 1
    inside = place + n <= starts[of + 1]
    return place[inside], of[inside], passage[inside]


def _distinct(of: Integers, passage: Integers) -> tuple[Integers, Integers]:
    """Return texts and their passages, each once."""
    pairs = pc.unique(pa.array(_paired(of, passage))).to_numpy(zero_copy_only=False)
    return pairs >> 32, pairs & (2**32 - 1)


def _places(values: pa.Array, table: pa.Array) -> Integers:
    """Return where each value stands in a table; -1 where it does not."""
    return _numpy(pc.fill_null(pc.index_in(values, value_set=table), -1))


def _numpy(values: pa.Array) -> Integers:
    found: Integers = values.to_numpy(zero_copy_only=False).astype(np.int64)
    return found


def _sample(found: _Found, names: tuple[str, ...], samples: int) -> Iterator[dict[str, Any]]:
    """Yield leaked texts, those with the longest runs first."""
    texts = found.texts
    leaked = np.flatnonzero(found.leaked)
    # A few more than are wanted, for engines hand out equal ones in any order.
    order = np.lexsort((-found.covered[leaked], -found.longest[leaked]))[: samples + MOST_LISTED]
    listed: list[dict[str, Any]] = []
    for i in leaked[order]:
        length = int(found.longest[i])
        run = texts.numbers[found.run[i] : found.run[i] + min(length, LONGEST_SHOWN)]
        passage = " ".join(texts.passages.words.take(pa.array(run)).to_pylist())
        listed.append(
            {
                "split": names[int(texts.split_no[i])],
                "passage": f"{passage} …" if length > LONGEST_SHOWN else passage,
                "longest run": length,
                "words": int(texts.lengths[i]),
                "shared words": int(found.covered[i]),
            }
        )
    listed.sort(key=lambda one: (-one["longest run"], -one["shared words"], one["passage"], one["split"], one["words"]))
    yield from listed[:samples]


def _query(relations: Relations, column: TextColumn, found: _Found) -> str | None:
    if int(found.leaked.sum()) > MOST_LISTED:
        return None
    return relations.query(lambda: column.equal_to(_prints(column, found, "judged")))


def _prints(column: TextColumn, found: _Found, side: str) -> list[str]:
    """Return what the texts are known by that leak, as they are stored."""
    texts, passages = found.texts, found.texts.passages
    counts = found.counts
    if side == "train":
        counts = np.zeros(len(counts), dtype=bool)
        counts[texts.passage[found.leaked[texts.of]]] = True
        counts &= found.counts
    enough = 1 if side == "train" else found.min_shared
    prints: set[str] = set()
    for piece in column.pieces([column.base] if side == "train" else column.judged):
        words, starts = words_of(piece.texts)
        _, of, passage = _within(*passages.found(words), starts, passages.n)
        own = np.flatnonzero(np.bincount(of[counts[passage]], minlength=len(piece.texts)) >= enough)
        found_here = piece.texts.take(pa.array(own)).to_pylist()
        prints.update(md5(one.encode(), usedforsecurity=False).hexdigest() for one in found_here)
    return sorted(prints)
