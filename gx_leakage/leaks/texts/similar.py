"""Which judged texts are nearly the same as one of train: by the runs of five characters that they have in common.

The similarity is Jaccard's: of all runs of five characters that either text has, the share that both have. Candidates
are found by MinHash, in one pass: each run falls into one of 128 bins by its hash, of each bin the smallest counts (one
permutation hashing; Li, Owen and Zhang 2012), and a bin without any borrows from the next (Shrivastava and Li 2014).
Texts that agree in a band of bins (Indyk and Motwani 1998), and then in about as many of all bins as texts that similar
do, are compared in full.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import md5
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gx_leakage.errors import CouldNotCheckError
from gx_leakage.leaks.texts.reading import MOST_LISTED, Integers, Piece, TextColumn, words_of
from gx_leakage.splits.relations import LeakedRows, Relations

__all__ = ["FEWEST_RUNS", "SimilarTexts", "SplitSimilarity", "gather", "leaked_rows"]

Hashes = npt.NDArray[np.uint64]

RUN = 5
"""Characters that are compared together."""
FEWEST_RUNS = 20
"""Texts of fewer different runs are answers and names, which are equal by chance."""
BINS = 128
MISSED = 0.00025
"""How probable it may be that a text as similar as the bound is in no band of another, or agrees in too few bins."""
FEWEST_ALIKE = 10
"""Texts of a split that must have a run before it can be part of what most of its texts have."""
OF_THE_REST = 0.5
"""How similar texts have to be beside what most texts have, as a share of the bound for all of them."""
SHOWN = 200
"""Characters of a text that are shown."""

_MULTIPLIERS = np.array(
    [0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0xD6E8FEB86659FD93, 0xA0761D6478BD642F], np.uint64
)
_BORROWED = np.uint64(0xE7037ED1A0B428DB)
_NONE = np.uint64(2**64 - 1)


@dataclass(frozen=True)
class SplitSimilarity:
    """The texts of a split: rows, those without a text, with too few characters, nearly the same as train's."""

    name: str
    rows: int
    null_keys: int
    short: int
    leaked: int
    same: int
    """Of the leaked ones those that have all runs in common with one of train."""


@dataclass(frozen=True)
class SimilarTexts:
    """Evidence of texts that are nearly the same."""

    splits: tuple[SplitSimilarity, ...]
    candidates: int
    frame: int
    """Runs that more than half of the texts of both sides have: what is like another only by those is not leaked."""
    samples: tuple[dict[str, Any], ...]
    leaked_rows_query: str | None


def gather(
    relations: Relations, *, text: str, max_similarity: float = 0.8, train: str = "train", samples: int = 20
) -> SimilarTexts:
    """Return which judged texts are nearly the same as one of train.

    Args:
        relations: The splits, of which one is train.
        text: The column of texts.
        max_similarity: The Jaccard similarity above which two texts are nearly the same.
        train: The split that models are fitted on.
        samples: How many pairs to return, the most similar first.
    """
    found = _found(relations, text, max_similarity, train)
    leaked = found.best > max_similarity
    splits = [
        SplitSimilarity(
            name,
            found.rows[i],
            found.unknown[i],
            found.short[i],
            leaked=int((leaked & (found.judged.split_no == i)).sum()),
            same=int((leaked & (found.best == 1) & (found.judged.split_no == i)).sum()),
        )
        for i, name in enumerate(relations.names)
    ]
    listed = int(leaked.sum())
    query = None
    if 0 < listed <= MOST_LISTED:
        query = relations.query(lambda: found.column.equal_to(_prints(found.judged.texts, np.flatnonzero(leaked))))
    return SimilarTexts(
        splits=tuple(splits),
        candidates=found.candidates,
        frame=len(found.frame),
        samples=tuple(_sample(found, np.flatnonzero(leaked), relations.names, samples)) if samples else (),
        leaked_rows_query=query,
    )


def leaked_rows(
    relations: Relations, side: str, *, text: str, max_similarity: float = 0.8, train: str = "train", **_: Any
) -> LeakedRows:
    """Return how the rows are found whose texts leak: judged texts, or those of train that they are like."""
    found = _found(relations, text, max_similarity, train)
    if side == "train":
        return found.column.equal_to(sorted(found.in_train))
    return found.column.equal_to(_prints(found.judged.texts, np.flatnonzero(found.best > max_similarity)))


@dataclass
class _Texts:
    """Some texts, each as the set of its runs."""

    split_no: Integers
    texts: pa.Array
    of: Integers
    """Of each run the text that has it; the texts one after the other."""
    runs: Hashes
    """Different runs of each text, by their hashes, in order."""

    @cached_property
    def sizes(self) -> Integers:
        return np.bincount(self.of, minlength=len(self.texts))

    def signatures(self) -> Hashes:
        """Return the smallest hash in each bin of each text that has any run."""
        found = np.full(len(self.texts) * BINS, _NONE)
        bins = (self.runs >> np.uint64(64 - BINS.bit_length() + 1)).astype(np.int64)
        # The runs of a text are in order: the first of each bin is its smallest.
        places = self.of * BINS + bins
        first = np.concatenate([[True], np.diff(places) != 0])[: len(places)]
        found[places[first]] = self.runs[first]
        signatures = found.reshape(-1, BINS)
        twice = np.hstack([signatures, signatures])
        filled = np.where(twice != _NONE, np.arange(2 * BINS), 2 * BINS)
        following = np.minimum.accumulate(filled[:, ::-1], axis=1)[:, ::-1][:, :BINS]
        source = np.minimum(following, 2 * BINS - 1)
        away = (source - np.arange(BINS)).astype(np.uint64)
        borrowed: Hashes = np.take_along_axis(twice, source, axis=1) + away * _BORROWED
        return borrowed


@dataclass
class _Found:
    column: TextColumn
    judged: _Texts
    rows: list[int]
    unknown: list[int]
    short: list[int]
    frame: Hashes
    best: npt.NDArray[np.float64]
    """Of each judged text its similarity to the most similar text of train among the candidates."""
    nearest: npt.NDArray[np.object_]
    """That text of train, the first by the alphabet of those equally similar."""
    in_train: set[str] = field(default_factory=set)
    candidates: int = 0

    def take(self, close: Integers, similarities: npt.NDArray[np.float64], written: str) -> None:
        """Note the judged texts that a text of train is nearly the same as."""
        self.in_train.add(_print(written))
        nearer = similarities > self.best[close]
        nearer |= (similarities == self.best[close]) & (self.nearest[close] > written).astype(bool)
        self.best[close[nearer]] = similarities[nearer]
        self.nearest[close[nearer]] = written


def _found(relations: Relations, text: str, max_similarity: float, train: str) -> _Found:
    if isinstance(max_similarity, bool) or not isinstance(max_similarity, (int, float)) or not 0 < max_similarity < 1:
        raise CouldNotCheckError(f"max_similarity={max_similarity!r} must be a number between 0 and 1.")
    column = TextColumn.of(relations, text, train)
    count = len(relations.names)
    rows, unknown, short = [0] * count, [0] * count, [0] * count

    def read(splits: list[int]) -> Iterator[_Texts]:
        for piece in column.pieces(splits):
            texts = _read(piece)
            for i in splits:
                own = piece.split_no == i
                empty = own & ~piece.texts.is_valid().to_numpy(zero_copy_only=False)
                rows[i] += int(own.sum())
                unknown[i] += int(empty.sum())
                short[i] += int((own & ~empty & (texts.sizes < FEWEST_RUNS)).sum())
            yield texts

    judged = _joined(list(read(column.judged)))
    found = _Found(
        column, judged, rows, unknown, short, np.zeros(0, np.uint64), np.zeros(len(judged.texts)),
        np.full(len(judged.texts), "", dtype=object),
    )  # fmt: skip
    index: _Index | None = None
    for texts in read([column.base]):
        if index is None:
            # What most texts of train have is told from its first piece.
            found.frame = _frame(judged, texts)
            index = _Index(judged, found.frame, float(max_similarity))
        index.compare(texts, found)
    column.require_rows(rows, [all_ - empty for all_, empty in zip(rows, unknown, strict=True)])
    for i, name in enumerate(relations.names):
        if rows[i] - unknown[i] == short[i]:
            raise CouldNotCheckError(
                f"no text of '{text}' in split '{name}' has {FEWEST_RUNS + RUN - 1} characters, so that none of it "
                f"could be checked: texts that short are equal by chance."
            )
    return found


class _Index:
    """The judged texts, and the bands by which texts of train find those that may be similar."""

    def __init__(self, judged: _Texts, frame: Hashes, similarity: float) -> None:
        self.frame, self.similarity = frame, similarity
        self.sizes = judged.sizes
        self.starts = np.cumsum(self.sizes) - self.sizes
        self.distinct, self.numbers = np.unique(judged.runs, return_inverse=True)
        self.in_frame = _among(self.distinct, frame)[self.numbers]
        self.framed = np.bincount(judged.of[self.in_frame], minlength=len(judged.texts))
        self.rows = max(r for r in range(1, 17) if r == 1 or (1 - similarity**r) ** (BINS // r) <= MISSED)
        self.least = _least_agreeing(similarity)
        signatures = judged.signatures()
        self.bytes = signatures.astype(np.uint8)
        long = np.flatnonzero(self.sizes >= FEWEST_RUNS)
        orders = [(keys, np.argsort(keys, kind="stable")) for keys in self._keys(signatures[long])]
        self.bands = [(keys[order], long[order]) for keys, order in orders]
        # Both are marked for one text of train, and cleared for the next.
        self.candidate = np.zeros(len(self.sizes), dtype=bool)
        self.held = np.zeros(len(self.distinct), dtype=bool)

    def compare(self, texts: _Texts, found: _Found) -> None:
        """Find the judged texts that are nearly the same as one of these."""
        ends = np.cumsum(texts.sizes)
        written = texts.texts.dictionary_encode().indices.fill_null(-1).to_numpy()
        _, own = np.unique(written, return_index=True)  # equal texts are like the same ones
        own = own[texts.sizes[own] >= FEWEST_RUNS]
        signatures = texts.signatures()[own]
        bounds = [
            (np.searchsorted(keys, wanted, "left"), np.searchsorted(keys, wanted, "right"))
            for (keys, _), wanted in zip(self.bands, self._keys(signatures), strict=True)
        ]
        starts, stops = (np.array(side).reshape(len(self.bands), len(own)) for side in zip(*bounds, strict=True))
        hit = stops > starts
        for i in np.flatnonzero(hit.any(axis=0)):
            for band in np.flatnonzero(hit[:, i]):
                self.candidate[self.bands[band][1][starts[band, i] : stops[band, i]]] = True
            near = np.flatnonzero(self.candidate)
            self.candidate[near] = False
            runs = texts.runs[ends[own[i]] - texts.sizes[own[i]] : ends[own[i]]]
            near = near[self._may_be_similar(near, signatures[i], len(runs))]
            found.candidates += len(near)
            if len(near):
                alike = self._similarities(near, runs)
                close = alike > self.similarity
                if close.any():
                    found.take(near[close], alike[close], str(texts.texts[int(own[i])].as_py()))

    def _may_be_similar(self, near: Integers, signature: Hashes, size: int) -> npt.NDArray[np.bool_]:
        """Return which judged texts agree with a text of so many runs in enough bins."""
        agreeing = np.count_nonzero(self.bytes[near] == signature.astype(np.uint8), axis=1)
        smaller = np.minimum(self.sizes[near], size)
        likely: npt.NDArray[np.bool_] = agreeing >= self.least[BINS * smaller // (BINS + smaller)]
        return likely

    def _similarities(self, near: Integers, runs: Hashes) -> npt.NDArray[np.float64]:
        """Return how similar judged texts are to one that has these runs; 0 if only by what most texts have."""
        places = np.minimum(np.searchsorted(self.distinct, runs), len(self.distinct) - 1)
        places = places[self.distinct[places] == runs]
        sizes = self.sizes[near]
        first = np.cumsum(sizes) - sizes
        theirs = np.arange(sizes.sum()) + np.repeat(self.starts[near] - first, sizes)
        self.held[places] = True
        both = self.held[self.numbers[theirs]]
        self.held[places] = False
        common, common_framed = (
            np.add.reduceat(flags.astype(np.int64), first) for flags in (both, both & self.in_frame[theirs])
        )
        union = len(runs) + sizes - common
        beside = union - (np.count_nonzero(_among(runs, self.frame)) + self.framed[near] - common_framed)
        alike = common - common_framed > OF_THE_REST * self.similarity * beside
        similarity: npt.NDArray[np.float64] = np.where(alike, common / union, 0.0)
        return similarity

    def _keys(self, signatures: Hashes) -> Iterator[Hashes]:
        for band in range(BINS // self.rows):
            key = np.zeros(len(signatures), np.uint64)
            for place in range(band * self.rows, (band + 1) * self.rows):
                key = _mixed(key * _MULTIPLIERS[0] + signatures[:, place])
            yield key


def _least_agreeing(similarity: float) -> npt.NDArray[np.float64]:
    """Return how many bins agree at least, of two texts as similar as the bound, by how many bins tell something new.

    A text of few runs fills few bins: a share of bins is then as uncertain as one of fewer draws.
    """
    least = [0.0]
    for draws in range(1, BINS + 1):
        below, some = 0.0, -1
        while below <= MISSED:
            some += 1
            below += math.comb(draws, some) * similarity**some * (1 - similarity) ** (draws - some)
        least.append(some * BINS / draws)
    return np.array(least)


def _read(piece: Piece) -> _Texts:
    """Return the texts of a piece with their runs, a blank before each word."""
    words, starts = words_of(piece.texts)
    written = b"" if words.buffers()[2] is None else words.buffers()[2].to_pybytes()
    letters = np.frombuffer(written.decode().encode("utf-32-le"), np.uint32)
    lengths = pc.utf8_length(words).to_numpy(zero_copy_only=False).astype(np.int64)
    before = np.concatenate([[0], np.cumsum(lengths + 1)])
    characters = np.full(int(before[-1]), ord(" "), np.uint64)
    inside = np.ones(len(characters), dtype=bool)
    inside[before[:-1]] = False
    characters[inside] = letters
    bounds = before[starts]
    of = np.repeat(np.arange(len(piece.texts)), np.diff(bounds))
    count = max(0, len(characters) - RUN + 1)
    hashes = np.zeros(count, np.uint64)
    for i in range(RUN):
        hashes += characters[i : i + count] * _MULTIPLIERS[i]
    kept = of[:count] == of[RUN - 1 :]
    of, hashes = of[:count][kept], _mixed(hashes[kept])
    order = np.lexsort((hashes, of))
    of, hashes = of[order], hashes[order]
    new = np.concatenate([[True], (np.diff(of) != 0) | (np.diff(hashes) != 0)])[: len(of)]
    return _Texts(piece.split_no, piece.texts, of[new], hashes[new])


def _joined(parts: list[_Texts]) -> _Texts:
    before = np.cumsum([0, *(len(part.texts) for part in parts)])
    return _Texts(
        np.concatenate([np.zeros(0, np.int64), *(part.split_no for part in parts)]),
        pa.chunked_array([part.texts for part in parts], pa.large_string()),
        np.concatenate([np.zeros(0, np.int64), *(p.of + first for p, first in zip(parts, before, strict=False))]),
        np.concatenate([np.zeros(0, np.uint64), *(part.runs for part in parts)]),
    )


def _frame(judged: _Texts, train: _Texts) -> Hashes:
    """Return the runs that more than half of the texts of both sides have."""
    common = []
    for texts in (judged, train):
        runs, counts = np.unique(texts.runs, return_counts=True)
        known = int((texts.sizes > 0).sum())
        common.append(runs[(counts > known / 2) & (counts >= FEWEST_ALIKE)])
    return np.intersect1d(common[0], common[1])


def _mixed(hashes: Hashes) -> Hashes:
    """Scatter the bits (the end of SplitMix64)."""
    mixed = (hashes ^ (hashes >> np.uint64(30))) * _MULTIPLIERS[1]
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _MULTIPLIERS[2]
    scattered: Hashes = mixed ^ (mixed >> np.uint64(31))
    return scattered


def _among(values: Hashes, ordered: Hashes) -> npt.NDArray[np.bool_]:
    """Return which of the values stand in an ordered array."""
    if not len(ordered):
        return np.zeros(len(values), dtype=bool)
    found: npt.NDArray[np.bool_] = ordered[np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)] == values
    return found


def _prints(texts: Any, own: Integers) -> list[str]:
    held = texts.take(pa.array(own)).to_pylist()
    return sorted(set(map(_print, held)))


def _print(text: str) -> str:
    return md5(text.encode(), usedforsecurity=False).hexdigest()


def _sample(found: _Found, leaked: Integers, names: tuple[str, ...], samples: int) -> list[dict[str, Any]]:
    order = np.argsort(-found.best[leaked], kind="stable")[: samples + MOST_LISTED]
    listed: list[dict[str, Any]] = []
    for i in leaked[order]:
        text, near = str(found.judged.texts[int(i)].as_py()), str(found.nearest[int(i)])
        listed.append(
            {
                "split": names[int(found.judged.split_no[i])],
                "text": _cut(text),
                "in train": _cut(near),
                "similarity": round(float(found.best[i]), 4),
            }
        )
    listed.sort(key=lambda one: (-one["similarity"], one["split"], one["text"]))
    return listed[:samples]


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
