"""Values that decide the class against plain Python, which looks at every value and interval row by row."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from typing import Any

import hypothesis.strategies as st
from scipy import stats

import gx_leakage as gxl
from tests.evidence.test_association_oracle import bins, run, validated
from tests.platforms import Platform

TYPES = {"word": "text", "number": "integer", "y": "integer"}
FEWEST = 4


def decided(values: list[Any], y: list[Any], tests: int) -> Counter[tuple[Any, int]]:
    """Return how often so many rows of a class fill a value, or the longest run of bins, beyond chance."""
    held: dict[Any, list[Any]] = defaultdict(list)
    for place, label in zip(bins(values), y, strict=True):
        held[place].append(label)
    ordered = not any(isinstance(v, str) for v in values)
    line = sorted(place for place in held if place is not None) if ordered else []
    runs = [labels for place, labels in held.items() if place not in line]
    totals = Counter(y)
    start = 0
    while start < len(line):
        end = start + 1
        label = held[line[start]][0]
        while end < len(line) and set(held[line[start]]) == set(held[line[end]]) == {label}:
            end += 1
        before = [held[place] for place in line[:start][::-1]]
        after = [held[place] for place in line[end:]]
        if all(_abrupt(side, label, 1 - totals[label] / len(y)) for side in (before, after)):
            runs.append([one for place in line[start:end] for one in held[place]])
        start = end
    found: Counter[tuple[Any, int]] = Counter()
    for labels in runs:
        n, label = len(labels), labels[0]
        if n >= FEWEST and set(labels) == {label}:
            p = stats.hypergeom.pmf(n, len(y), totals[label], n) * tests
            if p < 0.001:
                found[label, n] += 1
    return found


def _abrupt(side: list[list[Any]], label: Any, usual: float) -> bool:
    rows = others = 0
    for labels in side:
        counts = Counter(labels)
        rows += len(labels)
        (most, of_most) = min(counts.items(), key=lambda one: (-one[1], one[0]))
        others += len(labels) - of_most if most == label else max(of_most, len(labels) - of_most)
        if rows >= 10:
            break
    return not side or others / rows >= 0.5 * usual


def test_values_that_decide(platform: Platform) -> None:
    def check(data: dict[str, list[tuple[Any, ...]]], layout: str) -> None:
        # Three rows of each, so that chance is excluded now and then.
        data = {name: [row for row in part for _ in range(3)] for name, part in data.items()}
        rows = [row for part in data.values() for row in part if row[2] is not None]
        y = [row[2] for row in rows]
        if len(set(y)) < 2 or any(all(row[i] is None for row in part) for part in data.values() for i in range(3)):
            return
        expectation = gxl.ExpectNoCategoryToRevealTarget(target_column="y", min_rows=FEWEST)
        (found,) = validated(platform, [expectation], TYPES, data, layout)
        columns = {"word": [row[0] for row in rows], "number": [row[1] for row in rows]}
        words = Counter(columns["word"])
        places = len(set(bins(columns["number"])))
        tests = len(set(y)) * (sum(n >= FEWEST for n in words.values()) + math.comb(places + 1, 2))
        for described in found["details"]["columns"]:
            expected = decided(columns[described["column"]], y, tests)
            got: Counter[tuple[Any, int]] = Counter()
            for one in described["decided"]:
                got[one["class"], one["rows"] // one["values"]] += one["values"]
            assert got == expected, (described, expected)
            assert described["leaks"] == bool(expected)

    words = st.sampled_from(["a", "b", "c", None])
    numbers = st.sampled_from([0, 0, 0, 1, 2, 5, 9, None])
    labels = st.sampled_from([0, 0, 1, 2, None])
    # Of one word, and one number, the class is what it is for them.
    rows = st.tuples(words, numbers, labels).map(
        lambda row: (row[0], row[1], 1 if row[2] is not None and (row[0] == "a" or row[1] == 0) else row[2])
    )
    run(
        platform,
        check,
        st.fixed_dictionaries({n: st.lists(rows, min_size=8, max_size=30) for n in ("train", "test")}),
    )
