"""Relations of a few columns against least squares over all pairs and triples, row by row, on every engine."""

from __future__ import annotations

from itertools import combinations, product
from typing import Any

import hypothesis.strategies as st
import numpy as np

import gx_leakage as gxl
from tests.evidence.test_association_oracle import run, validated
from tests.platforms import Platform

NAMES = ("a", "b", "c", "d")


def exact(x: Any, y: Any) -> list[tuple[str, ...]]:
    """Return the pairs, or else the triples, that y is a linear function of, and of no fewer columns."""
    fits: list[tuple[str, ...]] = []
    for size in (1, 2, 3):
        for chosen in combinations(range(len(NAMES)), size):
            with_one = np.column_stack([x[:, chosen], np.ones(len(y))])
            if np.linalg.matrix_rank(with_one) < size + 1:
                continue
            left = y - with_one @ np.linalg.lstsq(with_one, y, rcond=None)[0]
            names = tuple(NAMES[i] for i in chosen)
            if np.abs(left).max() < 1e-7 * y.std() and not any(set(fit) < set(names) for fit in fits):
                fits.append(names)
        if fits and size > 1:
            break
    return sorted(fit for fit in fits if len(fit) > 1)


def test_linear_relations(platform: Platform) -> None:
    def check(seed: int, slopes: tuple[int, ...], layout: str) -> None:
        draw = np.random.default_rng(seed)
        x = draw.integers(-50, 50, size=(40, 4)).astype(float)
        y = x @ np.array(slopes) + 3.5
        if np.ptp(y) == 0:
            return
        rows = [(*map(float, of), float(value)) for of, value in zip(x, y, strict=True)]
        types = {**dict.fromkeys(NAMES, "float"), "y": "float"}
        expectation = gxl.ExpectNoFeaturesToRevealTargetTogether(target_column="y")
        (found,) = validated(platform, [expectation], types, {"train": rows[:30], "test": rows[30:]}, layout)
        told = sorted(
            tuple(one["column"].split(", "))
            for one in found["details"]["columns"]
            if one["exact"] and one["measure"] == "linear, R2"
        )
        assert told == exact(x, y), (slopes, found["details"]["summary"])

    some = [one for one in product([0, 1, -2], repeat=4) if any(one)]
    run(platform, check, st.integers(0, 10_000), st.sampled_from(some))
