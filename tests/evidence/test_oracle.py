"""Evidence against an independent answer in plain pandas, on data that Hypothesis makes up, on every engine."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings

import gx_leakage as gxl
from tests.platforms import LAYOUTS, Platform, Table

EXAMPLES = {"pandas": 30, "duckdb": 15, "sqlite": 25, "postgresql": 20, "mariadb": 15, "snowflake": 6, "spark": 4}
PHASES = [Phase.explicit, Phase.generate, Phase.shrink]

texts = st.one_of(st.none(), st.sampled_from(["", "a", "A", "a ", "ä", "a'b", "%", "\\", "0", "<b>"]))
numbers = st.one_of(st.none(), st.integers(-2, 2), st.sampled_from([2**53 + 1, 2**53, -(2**63) + 1]))
floats = st.one_of(st.none(), st.sampled_from([0.0, -0.0, 0.1, 0.30000000000000004, 1e300, float("nan")]))
TYPES = {"id": "integer", "name": "text", "x": "float"}
rows = st.lists(st.tuples(numbers, texts, floats), min_size=1, max_size=12)
splits_of = st.lists(st.sampled_from(["train", "validation", "test", "other"]), min_size=2, max_size=4, unique=True)


@st.composite
def datasets(draw: st.DrawFn) -> dict[str, list[tuple[Any, ...]]]:
    return {name: draw(rows) for name in draw(splits_of)}


def ordered(names: Any) -> list[str]:
    return sorted(names, key=["train", "validation", "test", "other"].index)


def key_of(row: tuple[Any, ...], positions: list[int]) -> tuple[Any, ...]:
    """Return a row's key, not a number being None and negative zero zero, as a value that pandas cannot reinterpret."""
    found = []
    for position in positions:
        value = row[position]
        if isinstance(value, float):
            value = None if pd.isna(value) else value + 0.0
        found.append(value)
    return tuple(found)


def overlap(data: dict[str, list[tuple[Any, ...]]], positions: list[int], null_is_a_value: bool) -> dict[str, Any]:
    """Return what splits share, one key at a time."""
    names = ordered(data)
    frame = pd.DataFrame(
        [(name, repr(key), None in key) for name in names for key in (key_of(r, positions) for r in data[name])],
        columns=["split", "key", "unknown"],
    )
    known = frame if null_is_a_value else frame[~frame["unknown"]]
    holders = known.groupby("key")["split"].agg(set)
    shared = set(holders[holders.map(len) > 1].index)
    judged = [name for name in names if name != "train"]
    pairs = []
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            both = {key for key, held in holders.items() if {first, second} <= held}
            if both:
                count = Counter(known[known["key"].isin(both)]["split"])
                pairs.append(
                    {"splits": [first, second], "keys": len(both), "rows": {s: count[s] for s in (first, second)}}
                )
    leaked = known[known["key"].isin(shared) & known["split"].isin(judged)]
    return {
        "observed_value": len(shared),
        "element_count": int(frame["split"].isin(judged).sum()),
        "unexpected_count": len(leaked),
        "overlap": pairs,
        "splits": [
            {
                "name": name,
                "rows": int((frame["split"] == name).sum()),
                "null_keys": 0 if null_is_a_value else int(frame[frame["split"] == name]["unknown"].sum()),
                "keys": int(known[known["split"] == name]["key"].nunique()),
            }
            for name in names
        ],
    }


def check(platform: Platform, data: dict[str, list[tuple[Any, ...]]], layout: str) -> None:
    tables = {name: Table(TYPES, data[name]) for name in (ordered(data) if layout == "split_column" else data)}
    expectations = [
        gxl.ExpectNoSharedGroupIdsAcrossBatches(group_columns=["id"]),
        gxl.ExpectNoSharedGroupIdsAcrossBatches(group_columns=["id", "name"]),
        gxl.ExpectNoIdenticalRowsAcrossBatches(allow_coincidence=False),
    ]
    results = platform.validate(expectations, tables, layout)
    for result, positions, null_is_a_value in zip(results, ([0], [0, 1], [0, 1, 2]), (False, False, True), strict=True):
        expected = overlap(data, positions, null_is_a_value)
        if any(split["null_keys"] == split["rows"] for split in expected["splits"]):
            assert "nothing of it could be checked" in result.exception_info["exception_message"]
            continue
        assert result.exception_info["raised_exception"] is False, result.exception_info
        found = {
            **{name: result.result[name] for name in ("observed_value", "element_count", "unexpected_count")},
            "splits": sorted(result.result["details"]["splits"], key=lambda s: ordered(data).index(s["name"])),
            "overlap": _in_order(result.result["details"]["overlap"], ordered(data)),
        }
        assert found == expected
        assert result.success is (expected["unexpected_count"] == 0)
        assert len(result.result["partial_unexpected_list"]) == min(20, expected["observed_value"])
        _check_query(platform, result)


def _in_order(pairs: list[dict[str, Any]], names: list[str]) -> list[dict[str, Any]]:
    """Return pairs as the oracle has them: the splits come in the order in which batches were given."""
    found = [{**pair, "splits": sorted(pair["splits"], key=names.index)} for pair in pairs]
    return sorted(found, key=lambda pair: [names.index(name) for name in pair["splits"]])


def _check_query(platform: Platform, result: Any) -> None:
    query = result.result["details"].get("leaked_rows_query")
    if platform.url is None:
        assert query is None  # nothing that a user could run it in
        return
    assert (query is None) is (result.result["observed_value"] == 0)
    if query is not None:
        engine = sa.create_engine(platform.url)
        with engine.connect() as connection:
            found = connection.exec_driver_sql(query.replace("%", "%%") if "psycopg" in platform.url else query).all()
        engine.dispose()
        assert len(found) == result.result["unexpected_count"]


def test_overlap(platform: Platform) -> None:
    @settings(
        max_examples=EXAMPLES[platform.name],
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        phases=PHASES,
    )
    @given(datasets(), st.sampled_from(LAYOUTS))
    def check_all(data: dict[str, list[tuple[Any, ...]]], layout: str) -> None:
        check(platform, data, layout)

    check_all()


@st.composite
def tables(draw: st.DrawFn) -> dict[str, list[tuple[Any, ...]]]:
    """Draw splits of coarse and of telling columns, some of whose rows are copies, or hold nothing."""
    random = np.random.default_rng(draw(st.integers(0, 10_000)))
    sizes = {"train": draw(st.integers(40, 70)), "test": draw(st.integers(12, 30))}
    values = [draw(st.sampled_from([2, 8, 1_000])) for _ in TYPES]
    made: dict[str, list[tuple[Any, ...]]] = {}
    for name, size in sizes.items():
        columns = [random.integers(0, n, size).tolist() for n in values]
        made[name] = [(i, f"value {t}", float(x)) for i, t, x in zip(*columns, strict=True)]
    copied = draw(st.integers(0, 10))
    made["test"][:copied] = [made["train"][i] for i in random.integers(0, sizes["train"], copied)]
    for name, unknown in (("train", draw(st.integers(0, 3))), ("test", draw(st.integers(0, 2)))):
        made[name][sizes[name] - unknown :] = [(None, None, None)] * unknown
    return made


def coincidence(data: dict[str, list[tuple[Any, ...]]], columns: list[int], significance: float) -> dict[str, Any]:
    """Return which shared rows chance does not explain, given the columns that count, a pair of rows at a time."""
    counts = {name: Counter(rows) for name, rows in data.items()}
    distinct = list(dict.fromkeys(row for rows in data.values() for row in rows))
    total = sum(map(len, data.values()))
    often = {row: sum(count[row] for count in counts.values()) for row in distinct}
    shared = [row for row in distinct if all(count[row] for count in counts.values())]
    repeated = [row for row in distinct if often[row] == 2]
    p = 1 - sum((len(rows) / total) ** 2 for rows in data.values())
    split = sum(row in shared for row in repeated)
    n = len(repeated)
    tail = sum(math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(split, n + 1))

    def bits(row: tuple[Any, ...], agreeing: list[int]) -> float:
        known = [i for i in agreeing if row[i] is not None]
        return sum(math.log2(len(distinct) / sum(other[i] == row[i] for other in distinct)) for i in known)

    pairs = list(itertools.combinations(distinct, 2))
    best = max((bits(a, [i for i in columns if a[i] == b[i]]) for a, b in pairs), default=0.0)
    across = math.log2(math.prod(map(len, data.values())))
    reached = max(across, best + max(0.0, across - math.log2(max(1, len(pairs)))))
    needed = reached + max(0.0, math.log2(tail / significance))
    leaked = [row for row in shared if tail <= significance or bits(row, columns) >= needed - 1e-9]
    return {
        "observed_value": len(leaked),
        "unexpected_count": sum(counts["test"][row] for row in leaked),
        "bits": max((bits(row, columns) for row in shared), default=0.0),
        "bits_by_chance": reached,
        "bits_needed": needed,
        "rows_that_occur_twice": n,
        "in_two_splits": split,
        "expected_in_two_splits": n * p,
        "p_value": tail,
    }


def test_coincidence(platform: Platform) -> None:
    @settings(
        max_examples=max(2, EXAMPLES[platform.name] // 3),
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        phases=PHASES,
    )
    @given(tables(), st.sampled_from(LAYOUTS))
    def check_one(data: dict[str, list[tuple[Any, ...]]], layout: str) -> None:
        made = {name: Table(TYPES, rows) for name, rows in data.items()}
        (result,) = platform.validate([gxl.ExpectNoIdenticalRowsAcrossBatches()], made, layout)
        assert result.exception_info["raised_exception"] is False, result.exception_info
        found, shared = result.result, set(data["train"]) & set(data["test"])
        assert result.success is (found["unexpected_count"] == 0)
        assert sum(pair["keys"] for pair in found["details"]["overlap"]) == len(shared)
        assert len(found["partial_unexpected_list"]) == min(20, found["observed_value"])
        _check_query(platform, result)
        if not shared:
            assert "coincidence" not in found["details"]
            return
        columns = [list(TYPES).index(name) for name in found["details"]["telling_columns"]]
        expected = coincidence(data, columns, 0.01)
        for name, value in expected.items():
            given = found.get(name, found["details"]["coincidence"].get(name))
            assert given == pytest.approx(value, rel=1e-5, abs=1e-5), name

    check_one()


def test_many_long_texts_are_no_smaller_than_a_float(platform: Platform) -> None:
    columns = [f"t{i}" for i in range(16)]
    random = np.random.default_rng(0)
    rows = [tuple("".join(random.choice(list("abcdefgh"), 100)) for _ in columns) for _ in range(60)]
    made = {"train": rows[:40], "test": [*rows[40:], rows[0]]}
    tables = {name: Table(dict.fromkeys(columns, "text"), of) for name, of in made.items()}
    (result,) = platform.validate([gxl.ExpectNoIdenticalRowsAcrossBatches()], tables, "batches")
    assert result.exception_info["raised_exception"] is False, result.exception_info
    assert result.result["unexpected_count"] == 1
    assert result.result["details"]["coincidence"]["bits"] > 800


times = st.one_of(st.none(), st.integers(-3, 12))


def test_timeline(platform: Platform) -> None:
    @settings(
        max_examples=EXAMPLES[platform.name],
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        phases=PHASES,
    )
    @given(
        st.fixed_dictionaries(
            {name: st.lists(times, min_size=1, max_size=8) for name in ("train", "validation", "test")}
        ),
        st.integers(0, 3),
        st.sampled_from(LAYOUTS),
    )
    def check_all(data: dict[str, list[int | None]], gap: int, layout: str) -> None:
        tables = {name: Table({"t": "integer"}, [(value,) for value in values]) for name, values in data.items()}
        (result,) = platform.validate([gxl.ExpectBatchesToBeOrderedInTime(time_column="t", gap=gap)], tables, layout)
        series = {name: pd.Series(values, dtype="Int64").dropna() for name, values in data.items()}
        if any(one.empty for one in series.values()):
            assert result.success is False
            assert result.exception_info["raised_exception"] is True
            return
        validation = int((series["validation"] <= series["train"].max() + gap).sum())
        latest = max(series["train"].max(), series["validation"].max())
        test = int((series["test"] <= latest + gap).sum())
        assert result.exception_info["raised_exception"] is False, result.exception_info
        assert result.result["unexpected_count"] == result.result["observed_value"] == validation + test
        assert result.result["element_count"] == len(data["validation"]) + len(data["test"])
        assert result.success is (validation + test == 0)
        if validation + test:
            _check_query(platform, result)

    check_all()


frame_rows = st.lists(
    st.tuples(st.sampled_from(["a", "b", None]), st.one_of(st.none(), st.integers(0, 9))), min_size=1, max_size=8
)
window_rows = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 6)), min_size=1, max_size=8)
moments = st.one_of(st.none(), st.integers(0, 4))
feature_rows = st.lists(st.tuples(moments, moments, moments), min_size=1, max_size=8)


def checked(strategy: Any, platform: Platform, check_one: Any) -> None:
    """Run a check on made-up train, validation and test splits, in both layouts."""

    @settings(
        max_examples=EXAMPLES[platform.name], deadline=None, suppress_health_check=list(HealthCheck), derandomize=True,
        phases=PHASES,
    )  # fmt: skip
    @given(st.fixed_dictionaries(dict.fromkeys(("train", "validation", "test"), strategy)), st.sampled_from(LAYOUTS))
    def run(data: dict[str, list[Any]], layout: str) -> None:
        check_one(data, layout)

    run()


def validated(platform: Platform, expectation: Any, types: dict[str, str], data: dict[str, Any], layout: str) -> Any:
    (result,) = platform.validate([expectation], {n: Table(types, rows) for n, rows in data.items()}, layout)
    assert result.exception_info["raised_exception"] is False, result.exception_info
    assert result.success is (result.result["unexpected_count"] == 0)
    if not result.success:
        _check_query(platform, result)
    return result.result


def test_frames(platform: Platform) -> None:
    def check_one(data: dict[str, list[Any]], layout: str) -> None:
        if any(all(None in row for row in rows) for rows in data.values()):
            return  # nothing of that split is known, which is an error of its own
        expectation = gxl.ExpectNoInterleavedFramesAcrossBatches(
            sequence_columns=["video"], frame_column="frame", min_gap=1
        )
        found = validated(platform, expectation, {"video": "text", "frame": "integer"}, data, layout)
        train = [row for row in data["train"] if None not in row]
        assert len(found["details"]["frames"]) == 2
        for counts in found["details"]["frames"]:
            name = counts["split"]
            known = [row for row in data[name] if None not in row]
            near = [r for r in known if any(t[0] == r[0] and abs(t[1] - r[1]) <= 1 for t in train)]
            between = [
                r
                for r in known
                if any(t[0] == r[0] and t[1] <= r[1] for t in train)
                and any(t[0] == r[0] and t[1] >= r[1] for t in train)
            ]
            sequences = {r[0] for r in near}
            assert counts == {"split": name, "near": len(near), "between": len(between), "sequences": len(sequences)}

    checked(frame_rows, platform, check_one)


def test_windows(platform: Platform) -> None:
    def check_one(data: dict[str, list[Any]], layout: str) -> None:
        spans = {name: [(start, start + length) for start, length in rows] for name, rows in data.items()}
        expectation = gxl.ExpectLabelWindowsNotToOverlapAcrossBatches(start_column="a", end_column="b", embargo=2)
        found = validated(platform, expectation, {"a": "integer", "b": "integer"}, spans, layout)
        judged = [*spans["validation"], *spans["test"]]
        meet = [t for t in spans["train"] if any(t[0] <= j[1] and j[0] <= t[1] for j in judged)]
        after = [t for t in spans["train"] if t not in meet and any(j[1] < t[0] <= j[1] + 2 for j in judged)]
        assert found["details"]["windows"] == {"overlapping": len(meet), "embargoed": len(after)}

    checked(window_rows, platform, check_one)


def test_availability(platform: Platform) -> None:
    def check_one(data: dict[str, list[Any]], layout: str) -> None:
        types = {"t": "integer", "x": "integer", "x_at": "integer"}
        if any(all(row[i] is None for row in rows) for rows in data.values() for i in (0, 1, 2)):
            return  # pandas has no type for a column of nothing
        expectation = gxl.ExpectFeaturesToBeAvailableAtPredictionTime(
            prediction_time_column="t", available_at={"x": "x_at"}
        )
        if any(
            held and all(r[2] is None for r in held)
            for held in ([r for r in d if r[1] is not None] for d in data.values())
        ):
            (result,) = platform.validate([expectation], {n: Table(types, rows) for n, rows in data.items()}, layout)
            assert "not one time in 'x_at'" in result.exception_info["exception_message"]
            return
        found = validated(platform, expectation, types, data, layout)
        for split in found["details"]["splits"]:
            rows = data[split["name"]]
            late = [r for r in rows if None not in r and r[2] > r[0]]
            assert split == {
                "name": split["name"], "rows": len(rows), "leaked": len(late),
                "null_keys": sum(r[0] is None for r in rows),
            }  # fmt: skip
        unknown = sum(r[1] is not None and r[2] is None for rows in data.values() for r in rows)
        assert found["details"]["features"][0]["unknown"] == unknown

    checked(feature_rows, platform, check_one)


amounts = st.one_of(st.none(), st.sampled_from([-1.5, 0.25, 1.0, 3.5, 1e6 + 0.5, 1e-7]))
target_rows = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c", None]), amounts, st.sampled_from(["x", "y", "z", None])),
    min_size=3, max_size=14,
)  # fmt: skip


def test_damage(platform: Platform) -> None:
    def check_one(data: dict[str, list[Any]], layout: str) -> None:
        if any(all(row[0] is None for row in rows) for rows in data.values()):
            return
        tables = {n: Table({"g": "text", "y": "float", "c": "text"}, rows) for n, rows in data.items()}
        expectations = [gxl.ExpectNoSharedGroupIdsAcrossBatches(group_columns=["g"], target_column=t) for t in "yc"]
        of_number, of_class = platform.validate(expectations, tables, layout)
        frame = pd.DataFrame([(n, *row) for n, rows in data.items() for row in rows], columns=["split", *"gyc"])
        train, judged = frame[frame["split"] == "train"], frame[frame["split"] != "train"]
        judged = judged[judged["g"].notna()]
        if not judged["g"].isin(train["g"].dropna()).any():
            assert "damage" not in of_number.result["details"]
            return
        number, classes = (one.result["details"]["damage"] for one in (of_number, of_class))
        assert number["answered_rows"] == int(judged["g"].isin(train["g"].dropna()).sum())
        assert number["largest_inflation"] is None or number["base_accuracy"] is not None
        means = train[train["g"].notna()].dropna(subset="y").groupby("g")["y"].mean()
        rows = judged[judged["g"].isin(means.index)].dropna(subset="y")
        values = frame["y"].dropna()
        if values.nunique() > 2 and rows["y"].nunique() > 1:
            missed = ((rows["y"] - rows["g"].map(means)) ** 2).sum()
            expected = 1 - missed / ((rows["y"] - rows["y"].mean()) ** 2).sum()
            assert math.isclose(number["r2"], expected, rel_tol=1e-5, abs_tol=1e-6)
        else:
            assert number["r2"] is None
        known = train.dropna(subset=["g", "c"])
        counts = frame["c"].value_counts()
        rows = judged[judged["g"].isin(known["g"])].dropna(subset="c")
        if len(counts) < 2 or (counts > 1).sum() < 2 or rows.empty:
            assert classes["accuracy"] is None
            return
        # The most frequent class, the first of the alphabet where several are.
        top = known.groupby("g")["c"].agg(lambda of: min(of.mode()))
        base = min(train["c"].dropna().mode())
        right, anyway = float((rows["c"] == rows["g"].map(top)).mean()), float((rows["c"] == base).mean())
        assert math.isclose(classes["accuracy"], right, abs_tol=1e-6)
        assert math.isclose(classes["base_accuracy"], anyway, abs_tol=1e-6)
        bound = classes["answered_rows"] / sum(len(data[n]) for n in data if n != "train") * (1 - anyway)
        assert math.isclose(classes["largest_inflation"], bound, abs_tol=1e-6)

    checked(target_rows, platform, check_one)
