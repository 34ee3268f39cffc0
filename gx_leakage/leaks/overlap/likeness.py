"""Whether rows of one value are more alike than others: what makes a column the id of a group.

Two rows of one patient agree in sex, age and site; two rows of one age do not, but in what goes with age. So rows of a
value are compared with those of the value beside it: whatever changes smoothly along a number (an income with age, the
bands that an age is in) is as alike there, and is no evidence. Nothing is assumed about how values are called.

Between two rows the distance is that of squared ranks for numbers, and 0 or 1 for categories, each by what it is
between any two rows; the likeness of a column is then how much nearer rows of one value are, at most 1. It is an
intraclass correlation with the neighbours in the place of all rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Agreement", "Likeness", "likeness"]

MOST_CATEGORIES = 40
"""The largest categories of a column that are told apart; the others are one."""

CERTAIN = 3.0
"""How many standard errors a likeness is beyond 0 that counts."""

CONSTANT = 0.8
"""The likeness from which a column counts as one that goes with the group."""

EXPECTED_TWINS = 10
MOST_TWINS = 0.05
"""How many equal pairs of rows have to be expected for it to mean something that there are next to none, and of these
how many that is."""


@dataclass(frozen=True)
class Agreement:
    """How alike another column is in rows of one value."""

    column: str
    score: float
    """How much nearer than rows of neighbouring values, of what rows are apart: 0 and less is not at all."""
    equal: float
    """How often two rows of one value are equal, 0 to 1."""
    equal_anyhow: float
    """How often any two rows are."""
    certain: bool
    """Whether the score is beyond what chance makes."""


@dataclass(frozen=True)
class Likeness:
    """What is said of a column by rows of one of its values."""

    column: str
    groups: int
    """Values of which there are several rows."""
    agreements: tuple[Agreement, ...]
    """Of each other column that varies, the most alike first."""
    crossed: tuple[str, ...]
    """Columns of repeated values of which each is at most once beside one value, though chance makes it more often."""

    @property
    def constant(self) -> tuple[str, ...]:
        """The columns that nearly always agree in rows of one value."""
        return tuple(one.column for one in self.agreements if one.certain and one.score >= CONSTANT)

    @property
    def mean(self) -> float:
        """The mean score, where what is not certain is none."""
        scores = [one.score if one.certain else 0.0 for one in self.agreements]
        return sum(scores) / len(scores) if scores else 0.0


def likeness(rows: pd.DataFrame, column: str, others: Sequence[str]) -> Likeness:
    """Return how alike the rows of one value of a column are in the other columns."""
    import numpy as np
    import pandas as pd

    rows = rows[rows[column].notna()]
    codes, _ = pd.factorize(rows[column], sort=True)
    sizes = np.bincount(codes)
    several = np.flatnonzero(sizes >= 2)
    if len(several) < 2:
        return Likeness(column, len(several), (), ())
    pairs = _pairs(sizes)
    found, crossed = [], []
    beside = np.append(several[1:], several[-2])
    n, m = sizes[several].astype(float), sizes[beside].astype(float)
    for other in others:
        values = rows[other]
        labels, known = pd.factorize(values)
        if len(known) < 2 or _one_to_one(codes, labels, several):
            continue
        points = _points(values, labels)
        spread = 2 * float(points.var(axis=0, ddof=1).sum())
        if not spread:
            continue
        sums = np.zeros((len(sizes), points.shape[1]))
        np.add.at(sums, codes, points)
        squares = np.bincount(codes, (points**2).sum(axis=1))
        means = sums / sizes[:, None]
        own = (means**2).sum(axis=1)
        within = 2 * (squares[several] / n - own[several]).clip(0) * n / (n - 1)
        between = squares[several] / n + squares[beside] / m - 2 * (means[several] * means[beside]).sum(axis=1)
        gains = (between - within) / spread
        score, error = float(gains.mean()), float(gains.std(ddof=1)) / len(several) ** 0.5
        certain = len(several) >= 5 and score > max(CERTAIN * error, 0.02)
        twins, anyhow = _equal(codes, labels)
        found.append(Agreement(other, score, twins / pairs, anyhow, certain))
        # Each visit of a patient has another number, though numbers repeat.
        if anyhow * pairs >= EXPECTED_TWINS and twins <= anyhow * pairs * MOST_TWINS:
            crossed.append(other)
    found.sort(key=lambda one: -one.score)
    return Likeness(column, len(several), tuple(found), tuple(crossed))


def _points(values: pd.Series[Any], labels: Any) -> Any:
    """Return rows as points of which the squared distance says how different they are."""
    import numpy as np
    import pandas as pd

    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        ranks = values.rank()
        return ranks.fillna(ranks.mean()).to_numpy(dtype=float)[:, None]
    counts = np.bincount(labels + 1)  # what is not known is a category, too
    largest = np.argsort(-counts, kind="stable")[:MOST_CATEGORIES]
    return (labels[:, None] + 1 == largest[None, :]) / 2**0.5


def _one_to_one(codes: Any, labels: Any, several: Any) -> bool:
    """Return whether a column is another name of the value."""
    import numpy as np

    both = np.unique(np.stack([codes, labels]), axis=1)
    return bool(both.shape[1] == len(np.unique(codes)) == len(np.unique(both[1])))


def _pairs(sizes: Any) -> float:
    """Return how many pairs of rows are within groups of some sizes."""
    return float((sizes.astype(float) * (sizes - 1)).sum()) / 2


def _equal(codes: Any, labels: Any) -> tuple[float, float]:
    """Return how many pairs of rows of one value are equal in another column, and what share of any pairs is."""
    import numpy as np

    known = labels >= 0
    if known.sum() < 2:
        return 0.0, 0.0
    _, both = np.unique(np.stack([codes[known], labels[known]]), axis=1, return_counts=True)
    return _pairs(both), _pairs(np.bincount(labels[known])) / _pairs(known.sum())
