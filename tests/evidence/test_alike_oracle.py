"""What is nearly the same, or the same with another label, against brute force over all pairs of rows."""

from __future__ import annotations

import math
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


ends = st.one_of(st.none(), st.integers(0, 3))
triples = st.lists(st.tuples(ends, st.sampled_from(["p", "q", "r"]), ends), min_size=1, max_size=9)


def alike(rows: list[Any]) -> dict[str, set[str]]:
    """Return for each relation those that say the same, itself included, by following pairs of them."""
    pairs: dict[str, set[Any]] = {}
    for source, relation, target in rows:
        pairs.setdefault(relation, set()).add((source, target))
    same = {relation: {relation} for relation in pairs}
    for one, of_one in pairs.items():
        for other, of_other in pairs.items():
            for turned in ({(t, s) for s, t in of_other}, of_other):
                if len(of_one & turned) >= max(5, 0.8 * len(of_one), 0.8 * len(of_other)):
                    same[one].add(other)
    for _ in pairs:
        for relation in pairs:
            same[relation] = set().union(*(same[other] for other in same[relation]))
    return same


def test_edges(platform: Platform) -> None:
    def check_one(data: dict[str, list[Any]], layout: str) -> None:
        if any(all(None in row for row in rows) for rows in data.values()):
            return  # nothing of that split is known, which is an error of its own
        types = {"h": "integer", "r": "text", "t": "integer"}
        expectation = gxl.ExpectNoReversedEdgesAcrossBatches(source_column="h", relation_column="r", target_column="t")
        found = validated(platform, expectation, types, data, layout)
        known = [(split, row) for split, rows in data.items() for row in rows if None not in row]
        same = alike([row for _, row in known])

        def ways(split: str, row: Any) -> tuple[bool, bool, bool]:
            s, r, t = row
            others = [other for name, other in known if name != split]
            either = [o for o in others if (o[0], o[2]) in ((s, t), (t, s))]
            return row in others, any(o[1] == r for o in either), any(o[1] in same[r] for o in either)

        for split in found["details"]["splits"]:
            of = [ways(split["name"], row) for name, row in known if name == split["name"]]
            assert split["same"] == sum(one[0] for one in of)
            assert split["reversed"] == sum(one[1] and not one[0] for one in of)
            assert split["alike"] == sum(one[2] and not one[1] for one in of)

    checked(triples, platform, check_one)


latitudes = st.one_of(
    st.sampled_from([-90.0, 90.0, 89.9999, -89.9995, 0.0]), st.floats(-0.02, 0.02), st.floats(89.98, 90),
    st.floats(-90, 90), st.none(),
)  # fmt: skip
longitudes = st.one_of(
    st.sampled_from([-180.0, 180.0, 0.0, 360.0, 179.999]), st.floats(179.98, 180.02), st.floats(-180, -179.98),
    st.floats(-180, 360), st.none(),
)  # fmt: skip


def _written(degrees: float | None) -> float | None:
    """Return degrees as places have them: PostgreSQL refuses to multiply what is nearly no number any more."""
    return None if degrees is None else round(degrees, 9)


spots = st.lists(st.tuples(latitudes.map(_written), longitudes.map(_written)), min_size=1, max_size=8)


def haversine(one: Any, other: Any) -> float:
    (phi, lam), (psi, mu) = ([math.radians(degrees) for degrees in place] for place in (one, other))
    h = math.sin((psi - phi) / 2) ** 2 + math.cos(phi) * math.cos(psi) * math.sin((mu - lam) / 2) ** 2
    return 2 * 6_371_008.8 * math.asin(min(1.0, math.sqrt(h)))


def test_places(platform: Platform) -> None:
    def check_one(data: dict[str, list[Any]], layout: str) -> None:
        if any(all(None in row for row in rows) for rows in data.values()):
            return  # nothing of that split is known, which is an error of its own
        known = [(split, row) for split, rows in data.items() for row in rows if None not in row]
        pairs = [(a, b, haversine(a[1], b[1])) for a in known for b in known if a[0] != b[0]]
        for metres in (50.0, 2_000.0, 3_000_000.0):
            if any(abs(distance - metres) < 1e-3 for _, _, distance in pairs):
                continue  # where a millimetre decides, two formulas may differ
            expectation = gxl.ExpectNoNearbyLocationsAcrossBatches(
                latitude_column="lat", longitude_column="lon", min_distance_m=metres
            )
            found = validated(platform, expectation, {"lat": "float", "lon": "float"}, data, layout)
            near = [one for one, _, distance in pairs if distance < metres]
            leaked = [one for one in known if one[0] != "train" and one in near]
            assert found["unexpected_count"] == len(leaked)
            assert found["observed_value"] == len(set(leaked))
            for sample in found["partial_unexpected_list"]:
                of = (sample["split"], (sample["lat"], sample["lon"]))
                assert abs(sample["metres"] - min(distance for one, _, distance in pairs if one == of)) < 0.01

    checked(spots, platform, check_one)
