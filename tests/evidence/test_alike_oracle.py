"""What is nearly the same, or the same with another label, against brute force over all pairs of rows."""

from __future__ import annotations

from collections import Counter
from typing import Any

import hypothesis.strategies as st

import gx_leakage as gxl
from tests.evidence.test_oracle import checked, validated
from tests.platforms import Platform

labelled = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(0, 2)),
        st.one_of(st.none(), st.sampled_from(["a", "A"])),
        st.one_of(st.none(), st.integers(0, 2)),
    ),
    min_size=1,
    max_size=8,
)


def test_conflicting_labels(platform: Platform) -> None:
    def check_one(data: dict[str, list[Any]], layout: str) -> None:
        if any(all(row[i] is None for row in rows) for rows in data.values() for i in (0, 1, 2)):
            return  # nothing is known, which is an error of its own; and pandas has no type for such a column
        types = {"a": "integer", "b": "text", "y": "integer"}
        expectation = gxl.ExpectNoConflictingLabelsForIdenticalRows(target_column="y")
        found = validated(platform, expectation, types, data, layout)
        known = [(split, row[:2], row[2]) for split, rows in data.items() for row in rows if row[2] is not None]
        conflicting = [one for one in known if any(o[1] == one[1] and o[2] != one[2] for o in known)]
        assert found["unexpected_count"] == len(conflicting)
        assert found["observed_value"] == len({features for _, features, _ in conflicting})

        def most(rows: list[Any]) -> float:
            of = Counter((features, label) for _, features, label in rows)
            best = sum(max(n for (f, _), n in of.items() if f == features) for features in {f for f, _ in of})
            return best / len(rows)

        right = found["details"]["most_accurate"]
        assert abs(right["all"] - most(known)) < 1e-5
        for name in data:
            assert abs(right[name] - most([one for one in known if one[0] == name])) < 1e-5

    checked(labelled, platform, check_one)
