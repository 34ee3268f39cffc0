"""What a table of bins against a target says: how well the bins predict it, how strongly the two go together.

A table is known by its counts alone, so that every engine gives the same digits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import stats

from gx_leakage.sql.values import rounded

__all__ = ["Cell", "ClassTable", "NumberTable", "Spread"]

DRAWS = 9_999
"""Random tables that a p-value is counted from where a table is too small for its distribution to be known."""

MOST_ROWS_DRAWN = 2_000
LEAST_EXPECTED = 5
"""Cochran's rule: with fewer rows expected in a cell than this, the chi-squared distribution is not to be relied on."""


@dataclass(frozen=True)
class Cell:
    """So many cells of a table alike: ``rows`` of one class in a bin of ``bin_rows`` rows.

    ``right`` is what the bin without a row predicts of that row: 2 its class, 1 a tie with another, 0 another class.
    """

    label: Any
    rows: int
    bin_rows: int
    right: int
    cells: int


@dataclass(frozen=True)
class ClassTable:
    """Bins against the classes of a target. Classes of a single row, which nothing can be learnt of, are left out."""

    cells: tuple[Cell, ...]

    @cached_property
    def classes(self) -> dict[Any, int]:
        """Rows by class."""
        found: dict[Any, int] = {}
        for cell in self.cells:
            found[cell.label] = found.get(cell.label, 0) + cell.rows * cell.cells
        return found

    @cached_property
    def rows(self) -> int:
        """All rows."""
        return sum(self.classes.values())

    @cached_property
    def bin_sizes(self) -> dict[int, int]:
        """Number of bins by their rows."""
        rows: dict[int, int] = {}
        for cell in self.cells:
            rows[cell.bin_rows] = rows.get(cell.bin_rows, 0) + cell.rows * cell.cells
        return {size: total // size for size, total in sorted(rows.items())}

    @cached_property
    def bins(self) -> int:
        """All bins."""
        return sum(self.bin_sizes.values())

    @property
    def score(self) -> float:
        """How well the other rows of its bin predict a row's class, 1 for always and 0 for no better than chance.

        Each row is predicted by the class that its bin, without the row, holds the largest share of; a row that is
        alone counts as a guess. The score is (balanced accuracy - 1/K) / (1 - 1/K), which does not depend on how
        common the classes are. (A plain majority would never predict a class that is rarer than a bin is wide, however
        well a feature reveals it.) Balanced accuracy: Brodersen et al. 2010, doi 10.1109/ICPR.2010.764.
        """
        k = len(self.classes)
        if k < 2:
            return 0.0
        right = dict.fromkeys(self.classes, 0.0)
        for cell in self.cells:
            share = 1 / k if cell.bin_rows == 1 else cell.right / 2
            right[cell.label] += share * cell.rows * cell.cells
        accuracy = math.fsum(right[label] / rows for label, rows in self.classes.items()) / k
        return rounded(max(0.0, (accuracy - 1 / k) / (1 - 1 / k)))

    @property
    def rank_score(self) -> float:
        """The score: classes have no ranks."""
        return self.score

    @cached_property
    def statistic(self) -> float:
        """Pearson's chi-squared."""
        shares = (c.cells * c.rows**2 / (c.bin_rows * self.classes[c.label]) for c in self.cells)
        return max(0.0, self.rows * (math.fsum(shares) - 1))

    @property
    def association(self) -> float:
        """Cramér's V without its bias, from 0 to 1: Bergsma 2013, doi 10.1016/j.jkss.2012.10.002."""
        n, r, c = self.rows, self.bins, len(self.classes)
        if min(r, c) < 2 or n <= r:
            return 0.0
        phi2 = max(0.0, self.statistic / n - (r - 1) * (c - 1) / (n - 1))
        least = min(r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)) - 1
        return rounded(min(1.0, math.sqrt(phi2 / least))) if least > 0 else 0.0

    @cached_property
    def p_value(self) -> float:
        """How likely a chi-squared as large is where bins and classes are independent.

        From the gamma distribution with the mean and the variance that Pearson's statistic has with these bins and
        classes, which for large counts is the chi-squared distribution. Of small and sparse tables, where that does
        not hold, from random tables of the same margins.
        """
        n, r, c = self.rows, self.bins, len(self.classes)
        if min(r, c) < 2 or n <= r:
            return 1.0
        mean = n * (r - 1) * (c - 1) / (n - 1)
        rarity = math.fsum(n / rows for rows in self.classes.values()) - c * c - 2 * c + 2
        tiny = math.fsum(bins / size for size, bins in self.bin_sizes.items())
        variance = max(2 * (r - 1) * (c - 1) + rarity * tiny, 1e-9)
        p = float(stats.gamma.sf(self.statistic, mean**2 / variance, scale=variance / mean))
        least = min(self.classes.values()) * min(self.bin_sizes) / n
        if p < 0.05 and least < LEAST_EXPECTED and n <= MOST_ROWS_DRAWN:
            p = self._drawn()
        return rounded(p)

    def _drawn(self) -> float:
        """Return the share of random tables, with the same bins and classes, that are as far from independence."""
        draw = np.random.default_rng(0)
        sizes = np.array([size for size, bins in self.bin_sizes.items() for _ in range(bins)])
        totals = np.array([self.classes[label] for label in sorted(self.classes, key=repr)])
        n, r, k = self.rows, len(sizes), len(totals)
        bins, labels = np.repeat(np.arange(r), sizes), np.repeat(np.arange(k), totals)
        weight = 1 / (sizes[:, None] * totals[None, :])
        observed = self.statistic / n + 1
        extreme = 0
        step = max(1, 1_000_000 // n)
        for start in range(0, DRAWS, step):
            count = min(step, DRAWS - start)
            shuffled = draw.permuted(np.broadcast_to(labels, (count, n)), axis=1)
            cell = (np.arange(count)[:, None] * r + bins) * k + shuffled
            tables = np.bincount(cell.ravel(), minlength=count * r * k).reshape(count, r, k)
            extreme += int(((tables**2 * weight).sum(axis=(1, 2)) >= observed - 1e-9).sum())
        return (1 + extreme) / (1 + DRAWS)


@dataclass(frozen=True)
class Spread:
    """Sums of squares of a number around means."""

    total: float
    """Around the mean of all rows."""
    within: float
    """Around the mean of the row's bin."""
    left_out: float
    """Around the mean of the other rows of the bin; of a row that is alone, of all."""

    @classmethod
    def of(cls, rows: int, total: float, squares: float, within: float, left_out: float) -> Spread:
        """Return the spread of a number with this sum and sum of squares."""
        return cls(max(0.0, squares - total * total / max(rows, 1)), within, left_out)

    def predicted(self, rows: int) -> float:
        """Return R² of the means of bins that leave the row itself out, at least 0 (PRESS, Allen 1974)."""
        if self.total <= 0 or rows < 2:
            return 0.0
        return rounded(max(0.0, 1 - self.left_out / (self.total * (rows / (rows - 1)) ** 2)))

    def ratio(self, rows: int, bins: int) -> float:
        """Return F of an analysis of variance; bounded where nothing varies within bins."""
        if bins < 2 or rows <= bins or self.total <= 0:
            return 0.0
        error = max(self.within, 1e-12 * self.total) / (rows - bins)
        return max(0.0, self.total - self.within) / (bins - 1) / error


@dataclass(frozen=True)
class NumberTable:
    """Bins against a numeric target."""

    rows: int
    bins: int
    values: Spread
    ranks: Spread

    @property
    def score(self) -> float:
        """How well the other rows of its bin predict a row's target: R² of means that leave the row out."""
        return self.values.predicted(self.rows)

    @property
    def rank_score(self) -> float:
        """The same of the target's ranks, which the logarithm of a target with outliers predicts as well."""
        return self.ranks.predicted(self.rows)

    @property
    def association(self) -> float:
        """The correlation ratio without its bias, from 0 to 1: Kelley 1935, doi 10.1073/pnas.21.9.554."""
        if self.bins < 2 or self.rows <= self.bins or self.values.total <= 0:
            return 0.0
        unexplained = self.values.within / self.values.total * (self.rows - 1) / (self.rows - self.bins)
        return rounded(math.sqrt(max(0.0, 1 - unexplained)))

    @property
    def statistic(self) -> float:
        """F of the target's ranks, which no outlier can decide: Conover and Iman 1981, The American Statistician 35."""
        return self.ranks.ratio(self.rows, self.bins)

    @property
    def p_value(self) -> float:
        """How likely an F as large is where bins and target are independent."""
        if self.statistic == 0:
            return 1.0
        return rounded(float(stats.f.sf(self.statistic, self.bins - 1, self.rows - self.bins)))
