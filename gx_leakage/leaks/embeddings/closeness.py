"""Which judged vectors are nearly the same as one of train, and closer to it than vectors of train are to one another.

All pairs are compared, by products of matrices: in 32 bits what is nearly as similar as the bound, or more, is told
from all others, with a margin for what 32 bits round, and then decided in 64 bits.

How close is too close depends on the embedding. Beside the bound a distance is compared with that to the tenth nearest
vector of train: in a small neighbourhood of k dimensions the k-th power of the ratio of both is the least of nine
random numbers, whatever the density is there (Facco et al. 2017 use the second neighbour). How many dimensions that are
is told by vectors of train and their own neighbours, by the 90 % quantile of the ratio, which copies within train
hardly move. A judged vector is closer than train's are where the ratio is so small that chance would make it so for one
vector in a hundred times as many as train has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gx_leakage.errors import CouldNotCheckError
from gx_leakage.leaks.embeddings.reading import Kept, Numbers, VectorColumns, blocks, hashes
from gx_leakage.splits.relations import LeakedRows, Relations

__all__ = ["METRICS", "Closeness", "Natural", "SplitVectors", "gather", "leaked_rows"]

Places = npt.NDArray[np.int64]

METRICS = ("cosine", "euclidean")

NEIGHBOUR = 10
"""The neighbour by which the distance to the nearest is measured."""
QUANTILE = 0.9
"""By what quantile of the ratio the dimension is told: copies in train make ratios small, and the largest stay."""
CHANCE = 0.01
"""How many vectors are called closer by chance, of as many as train has."""
WIDEST = 0.5
"""The largest ratio of squared distances that is called closer."""
SAMPLE = 400
"""How many vectors of train are compared with train, those of the smallest hashes."""
FEWEST = 50
"""Vectors that train has to have before anything is told from those."""
TILE = 2_048
"""Rows of a product of matrices."""
QUERIES = 16_384
"""Judged vectors that are in memory at once."""
MOST_LISTED = 1_000
"""Rows that a query for users lists; one of more would be too long to read, and for some databases to run."""
QUANTILES = (0.5, 0.9, 0.99, 1.0)
SHOWN = 4
"""Numbers of a vector that are shown."""


@dataclass(frozen=True)
class SplitVectors:
    """The vectors of a split: rows, without a vector, that cannot be compared, and how near they are to train."""

    name: str
    rows: int
    null_keys: int
    """Rows without a vector, or with one in which a number is missing."""
    undefined: int
    """Rows with a vector that is infinite, or (cosine) has no direction."""
    above: int
    """Vectors more similar to one of train than the bound."""
    leaked: int
    same: int
    """Of the leaked ones those that are the same vector, or direction."""
    nearest: tuple[float, ...]
    """Quantiles of the similarity to the nearest vector of train: a sample's, for train itself, of other vectors."""


@dataclass(frozen=True)
class Natural:
    """How close vectors of train are to one another."""

    dimension: float
    """Of the neighbourhoods of train."""
    ratio: float
    """The share of the distance to the tenth neighbour below which the nearest is closer than by chance."""


@dataclass(frozen=True)
class Closeness:
    """Evidence of vectors that are nearly the same."""

    splits: tuple[SplitVectors, ...]
    length: int
    """The numbers of a vector."""
    natural: Natural | None
    """None where train has too few vectors to tell."""
    samples: tuple[dict[str, Any], ...]
    leaked_rows_query: str | None


def gather(
    relations: Relations,
    *,
    columns: Sequence[str],
    metric: str = "cosine",
    max_similarity: float = 0.95,
    train: str = "train",
    samples: int = 20,
) -> Closeness:
    """Return which judged vectors are nearly the same as one of train.

    Args:
        relations: The splits, of which one is train.
        columns: One column of vectors, or a column for each of their numbers.
        metric: ``cosine`` or ``euclidean``. The similarity of the second is 1 less the squared distance, in units of
            the mean squared distance between two vectors of train: 1 for the same vector, 0 for two that are as far
            apart as any.
        max_similarity: The similarity above which two vectors are nearly the same.
        train: The split that models are fitted on.
        samples: How many pairs to return, the most similar first.
    """
    found = _found(relations, columns, metric, max_similarity, train)
    splits = []
    for i, name in enumerate(relations.names):
        kept, near = found.kept[i], found.near.get(i)
        counts = (near.above, len(near.leaked), near.same) if near else (0, 0, 0)
        quantiles = near.quantiles if near else found.own
        splits.append(SplitVectors(name, kept.rows, kept.unknown, kept.undefined, *counts, quantiles))
    listed = sum(split.leaked for split in splits)
    query = None
    if 0 < listed <= MOST_LISTED:
        query = relations.query(lambda: found.rows("judged"))
    return Closeness(
        splits=tuple(splits),
        length=found.train.width,
        natural=found.natural,
        samples=tuple(_sample(found, relations.names, samples)) if samples else (),
        leaked_rows_query=query,
    )


def leaked_rows(
    relations: Relations,
    side: str,
    *,
    columns: Sequence[str],
    metric: str = "cosine",
    max_similarity: float = 0.95,
    train: str = "train",
    **_: Any,
) -> LeakedRows:
    """Return how the rows are found whose vectors leak: judged ones, or those of train that they are close to."""
    return _found(relations, columns, metric, max_similarity, train).rows(side)


@dataclass(frozen=True)
class _Space:
    """How vectors are written so that the product of two is their similarity."""

    centre: Numbers | None = None
    scale: float = 1.0

    @classmethod
    def of(cls, metric: str, train: Kept) -> _Space:
        """Return the space of a metric.

        Raises:
            CouldNotCheckError: there is no such metric, or no unit of distance.
        """
        if metric not in METRICS:
            raise CouldNotCheckError(f"metric={metric!r} is not known: there are 'cosine' and 'euclidean'.")
        if metric == "cosine":
            return cls()
        count = len(train.distinct)
        with np.errstate(over="ignore", invalid="ignore"):
            centre = sum(part.sum(axis=0) for _, part in train.once()) / count
            spread = sum(float(((part - centre) ** 2).sum()) for _, part in train.once()) / max(1, count - 1)
        if not 0 < spread < np.inf:
            raise CouldNotCheckError(
                "the vectors of train are all the same, or too large to compute with, so that there is no unit for "
                "distances between them."
            )
        return cls(centre, float(np.sqrt(2 * spread)))

    @property
    def coarse(self) -> Any:
        """The precision that does for a sample: lengths may be too large for 32 bits."""
        return np.float32 if self.centre is None else np.float64

    def judged(self, vectors: Numbers) -> Numbers:
        """Return vectors as the left side of a product."""
        if self.centre is None:
            return _directions(vectors)
        placed = (vectors - self.centre) / self.scale
        return np.column_stack([2 * placed, 1 - (placed**2).sum(axis=1), np.full(len(placed), -1.0)])

    def base(self, vectors: Numbers) -> Numbers:
        """Return vectors as the right side of a product."""
        if self.centre is None:
            return _directions(vectors)
        placed = (vectors - self.centre) / self.scale
        return np.column_stack([placed, np.ones(len(placed)), (placed**2).sum(axis=1)])

    def margin(self, judged: Numbers, dtype: Any) -> Numbers:
        """Return by how much similarities near 1 may be wrong that were computed in a precision.

        The error of a sum of products is at most that of one times their number, of the sum of their absolutes.
        """
        size = np.ones(len(judged))
        if self.centre is not None:
            size += (np.linalg.norm(judged[:, :-2], axis=1) + 2) ** 2
        margin: Numbers = size * (judged.shape[1] + 8) * np.finfo(dtype).eps
        return margin


def _directions(vectors: Numbers) -> Numbers:
    # By the largest number first, for squares may be too large or too small for a float.
    scaled = vectors / np.abs(vectors).max(axis=1, keepdims=True)
    directions: Numbers = scaled / np.linalg.norm(scaled, axis=1, keepdims=True)
    return directions


@dataclass(frozen=True)
class _Near:
    """How near the vectors of a judged split are to train."""

    quantiles: tuple[float, ...]
    above: int
    same: int
    leaked: Places
    similarity: Numbers
    """Of each leaked vector, to the nearest of train."""
    nearest: Places
    bound: Numbers
    """How similar a vector of train has to be, for it to be too close."""


@dataclass
class _Found:
    columns: VectorColumns
    kept: list[Kept]
    space: _Space
    own: tuple[float, ...]
    natural: Natural | None
    near: dict[int, _Near]

    @property
    def train(self) -> Kept:
        return self.kept[self.columns.base]

    def rows(self, side: str) -> LeakedRows:
        """Return how the rows of a side are found that leak."""
        if side != "train":
            found = [self.kept[i].hashes[near.leaked] for i, near in self.near.items()]
            return self.columns.equal_to(np.concatenate(found), self.columns.judged)
        leaked = [(self.space.judged(self.kept[i].at(near.leaked)), near.bound) for i, near in self.near.items()]
        close = []
        for _, part in self.train.once():
            base = self.space.base(part)
            hit = np.zeros(len(part), dtype=bool)
            for judged, bound in leaked:
                for tile in blocks(len(judged), TILE):
                    hit |= (judged[tile] @ base.T > bound[tile, None]).any(axis=0)
            close.append(hashes(part[hit]))
        return self.columns.equal_to(np.concatenate(close), [self.columns.base])


def _found(relations: Relations, columns: Sequence[str], metric: str, max_similarity: float, train: str) -> _Found:
    if isinstance(max_similarity, bool) or not isinstance(max_similarity, (int, float)) or not 0 < max_similarity < 1:
        raise CouldNotCheckError(f"max_similarity={max_similarity!r} must be a number between 0 and 1.")
    vectors = VectorColumns.of(relations, columns, train)
    kept = vectors.kept(directions=metric == "cosine")
    base = kept[vectors.base]
    space = _Space.of(metric, base)
    own, natural = _natural(space, base)
    near = {i: _near(space, kept[i], base, float(max_similarity), natural) for i in vectors.judged}
    return _Found(vectors, kept, space, own, natural, near)


def _natural(space: _Space, train: Kept) -> tuple[tuple[float, ...], Natural | None]:
    """Return how similar vectors of train are to the nearest others of train, and how close that is."""
    if len(train.distinct) < 2:
        return (), None
    judged = space.judged(train.at(train.distinct[:SAMPLE]))
    similar, _ = _closest(space, judged, train, others=True, dtype=space.coarse)
    several = np.isfinite(similar[:, 0])
    if np.quantile(1 - similar[:, 0], CHANCE) < 100 * space.margin(judged, space.coarse).max():
        similar, _ = _closest(space, judged, train, others=True)
        several = np.isfinite(similar[:, 0])
    own = _quantiles(similar[several, 0])
    full = similar[np.isfinite(similar).all(axis=1)]
    if len(train.distinct) < FEWEST or len(full) < FEWEST // 2:
        return own, None
    ratio = np.quantile((1 - full[:, 0]) / (1 - full[:, -1]), QUANTILE)
    # Of the least of nine random numbers the quantile, and what it is below by chance.
    usual, least = (-np.expm1(np.log1p(-share) / (NEIGHBOUR - 1)) for share in (QUANTILE, CHANCE / len(train.distinct)))
    half = np.log(usual) / np.log(min(max(float(ratio), 1e-300), 1 - 1e-9))
    return own, Natural(dimension=float(2 * half), ratio=float(min(np.exp(np.log(least) / half), WIDEST) ** 0.5))


def _near(space: _Space, split: Kept, train: Kept, bound: float, natural: Natural | None) -> _Near:
    """Return which vectors of a split are too close to one of train."""
    nearest = np.empty(len(split))
    parts = []
    for part in blocks(len(split), QUERIES):
        judged = space.judged(split.at(part))
        similar = _highest(space, judged, train)
        # What 32 bits cannot hold is NaN, which is no less than anything.
        likely = np.flatnonzero(~(similar < bound - space.margin(judged, np.float32)))
        judged = judged[likely]
        closest, places = _closest(space, judged, train)
        margin = space.margin(judged, np.float64)
        best = np.minimum(closest[:, 0], 1.0)
        same = best >= 1 - margin
        best[same] = 1.0
        similar[likely] = best
        nearest[part] = similar
        above = same | (best > bound + margin)
        limit = np.full(len(likely), bound)
        if natural is not None:
            limit = np.maximum(limit, 1 - natural.ratio**2 * (1 - np.minimum(closest[:, -1], 1.0)))
        limit = np.minimum(limit, 1 - margin)
        leaks = same | (above & (best > limit))
        parts.append((likely + part.start, best, places, limit, above, same, leaks))
    rows, best, places, limit, above, same, leaks = map(np.concatenate, zip(*parts, strict=True))
    return _Near(
        quantiles=_quantiles(nearest),
        above=int(above.sum()),
        same=int(same.sum()),
        leaked=rows[leaks],
        similarity=best[leaks],
        nearest=places[leaks],
        bound=limit[leaks],
    )


def _highest(space: _Space, judged: Numbers, train: Kept) -> Numbers:
    """Return how similar the nearest vector of train is, as 32 bits have it."""
    single = judged.astype(np.float32)
    highest = np.full(len(single), -np.inf, np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        for _, vectors in train.once():
            base = space.base(vectors).astype(np.float32).T
            for tile in blocks(len(single), TILE):
                np.maximum(highest[tile], (single[tile] @ base).max(axis=1), out=highest[tile])
    return highest.astype(np.float64)


def _closest(
    space: _Space, judged: Numbers, train: Kept, *, others: bool = False, dtype: Any = np.float64
) -> tuple[Numbers, Places]:
    """Return the similarities of the nearest vectors of train, the nearest first, and where that stands.

    With ``others`` those that are the same vector do not count.
    """
    closest = np.full((len(judged), NEIGHBOUR), -np.inf)
    places = np.zeros(len(judged), np.int64)
    margin = space.margin(judged, dtype)[:, None]
    judged = judged.astype(dtype)
    for at, vectors in train.once() if len(judged) else ():
        base = space.base(vectors).astype(dtype).T
        for tile in blocks(len(judged), TILE):
            similar = judged[tile] @ base
            if others:
                similar[similar >= 1 - margin[tile]] = -np.inf
            highest = similar.max(axis=1)
            nearer = np.flatnonzero(highest > closest[tile, 0])
            places[tile][nearer] = at[similar[nearer].argmax(axis=1)]
            new = np.flatnonzero(highest > closest[tile, -1])
            both = np.hstack([closest[tile][new], similar[new]])
            closest[tile.start + new] = -np.sort(-np.partition(both, -NEIGHBOUR, axis=1)[:, -NEIGHBOUR:], axis=1)
    return closest, places


def _quantiles(similarities: Numbers) -> tuple[float, ...]:
    if not len(similarities):
        return ()
    return tuple(float(one) for one in np.quantile(similarities, QUANTILES))


def _sample(found: _Found, names: tuple[str, ...], samples: int) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = []
    for i, near in found.near.items():
        similarity: Numbers = near.similarity
        for no in np.argsort(-similarity, kind="stable")[: samples + MOST_LISTED]:
            pair = found.kept[i].at(int(near.leaked[no])), found.train.at(int(near.nearest[no]))
            listed.append(
                {
                    "split": names[i],
                    "vector": _cut(pair[0]),
                    "in train": _cut(pair[1]),
                    "similarity": round(float(near.similarity[no]), 6),
                }
            )
    listed.sort(key=lambda one: (-one["similarity"], one["split"], one["vector"]))
    return listed[:samples]


def _cut(vector: Numbers) -> list[Any]:
    shown = [float(f"{number:.6g}") for number in vector[:SHOWN]]
    return [*shown, "…"] if len(vector) > SHOWN else shown
