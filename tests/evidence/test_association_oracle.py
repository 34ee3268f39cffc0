"""The association and order families against answers that are computed row by row, in plain pandas, on every engine."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from scipy import stats

import gx_leakage as gxl
from tests.evidence.test_oracle import EXAMPLES, PHASES
from tests.platforms import LAYOUTS, Platform, Table

TYPES = {"word": "text", "number": "integer", "real": "float", "y": "integer"}
words = st.sampled_from(["a", "b", "c", None])
numbers = st.one_of(st.none(), st.integers(0, 6), st.sampled_from([-5, 40, 900]))
reals = st.one_of(st.none(), st.floats(-2, 2).map(lambda v: round(v, 2)))


def bins(values: list[Any]) -> list[Any]:
    """Return the bin of each value: categories as they are, numbers by their rank among equal frequencies."""
    known = sorted(v for v in values if v is not None)
    if not known or isinstance(known[0], str):
        return list(values)
    count, n = min(64, max(2, len(known) // 4)), len(known)
    found: list[Any] = []
    for value in values:
        before, ties = sum(k < value for k in known) if value is not None else 0, known.count(value)
        found.append(None if value is None else (before * count // n, ties * count >= n))
    return found


def class_score(binned: list[Any], y: list[Any]) -> float:
    totals = Counter(y)
    rows = [(b, label) for b, label in zip(binned, y, strict=True) if totals[label] > 1]
    totals = Counter(label for _, label in rows)
    k = len(totals)
    right = dict.fromkeys(totals, 0.0)
    for i, (b, label) in enumerate(rows):
        others = Counter(other for j, (c, other) in enumerate(rows) if c == b and j != i)
        if not others:
            right[label] += 1 / k
            continue
        share = {c: others[c] / (totals[c] - (c == label)) for c in totals}
        best = max(share.values())
        if share[label] == best:
            right[label] += 1.0 if sum(s == best for s in share.values()) == 1 else 0.5
    accuracy = sum(right[c] / totals[c] for c in totals) / k
    return max(0.0, (accuracy - 1 / k) / (1 - 1 / k))


def number_score(binned: list[Any], y: list[float]) -> float:
    left = whole = 0.0
    for i, (b, value) in enumerate(zip(binned, y, strict=True)):
        rest = [v for j, v in enumerate(y) if j != i]
        others = [v for j, (c, v) in enumerate(zip(binned, y, strict=True)) if c == b and j != i]
        left += (value - (sum(others) / len(others) if others else sum(rest) / len(rest))) ** 2
        whole += (value - sum(rest) / len(rest)) ** 2
    return max(0.0, 1 - left / whole) if whole else 0.0


def cramers_v(binned: list[Any], y: list[Any]) -> float:
    totals = Counter(y)
    keep = [totals[label] > 1 for label in y]
    frame = pd.DataFrame({"b": list(map(repr, binned)), "y": y})[keep]
    table = pd.crosstab(frame["b"], frame["y"]).to_numpy()
    (r, c), n = table.shape, table.sum()
    if min(r, c) < 2 or n <= r:
        return 0.0
    phi2 = max(0.0, stats.chi2_contingency(table, correction=False).statistic / n - (r - 1) * (c - 1) / (n - 1))
    least = min(r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)) - 1
    return min(1.0, math.sqrt(phi2 / least)) if least > 0 else 0.0


def correlation_ratio(binned: list[Any], y: list[float]) -> float:
    values, n = np.array(y), len(y)
    groups = pd.Series(values).groupby(pd.Series(list(map(repr, binned))))
    total = float(((values - values.mean()) ** 2).sum())
    if groups.ngroups < 2 or n <= groups.ngroups or not total:
        return 0.0
    within = float(groups.apply(lambda g: ((g - g.mean()) ** 2).sum()).sum())
    return math.sqrt(max(0.0, 1 - within / total * (n - 1) / (n - groups.ngroups)))


def run(platform: Platform, check: Any, *strategies: Any) -> None:
    @settings(
        max_examples=max(3, EXAMPLES[platform.name] // 2), deadline=None, suppress_health_check=list(HealthCheck),
        derandomize=True, phases=PHASES,
    )  # fmt: skip
    @given(st.tuples(*strategies, st.sampled_from(LAYOUTS)))
    def all_of(drawn: tuple[Any, ...]) -> None:
        check(*drawn)

    all_of()


def validated(platform: Platform, expectations: list[Any], types: dict[str, str], data: Any, layout: str) -> list[Any]:
    results = platform.validate(expectations, {n: Table(types, rows) for n, rows in data.items()}, layout)
    for result in results:
        assert result.exception_info["raised_exception"] is False, result.exception_info
    return [result.result for result in results]


def close(found: float, expected: float) -> bool:
    return found == pytest.approx(expected, abs=2e-6, rel=2e-5)


def typed_rows(values: Any) -> Any:
    return st.fixed_dictionaries(
        {n: st.lists(st.tuples(words, numbers, reals, values), min_size=4, max_size=20) for n in ("train", "test")}
    )


def test_classes(platform: Platform) -> None:
    def check(data: dict[str, list[tuple[Any, ...]]], layout: str) -> None:
        rows = [row for part in data.values() for row in part if row[3] is not None]
        y = [row[3] for row in rows]
        if len([c for c in Counter(y).values() if c > 1]) < 2 or (len(set(y)) > 2 and len(y) < 15):
            return
        if any(all(row[i] is None for row in part) for part in data.values() for i in range(4)):
            return  # pandas has no type for a column of nothing
        chosen = ["word", "number", "real"]
        found = validated(
            platform,
            [
                gxl.ExpectNoFeatureToRevealTarget(target_column="y"),
                gxl.ExpectMetadataNotToPredictTarget(target_column="y", metadata_columns=chosen),
                gxl.ExpectMissingnessNotToRevealTarget(target_column="y"),
            ],
            TYPES, data, layout,
        )  # fmt: skip
        for i, name in enumerate(chosen):
            binned = bins([row[i] for row in rows])
            by_column = [next(c for c in r["details"]["columns"] if c["column"] == name) for r in found]
            assert close(by_column[0]["score"], class_score(binned, y))
            assert close(by_column[1]["score"], cramers_v(binned, y))
            assert close(by_column[2]["score"], cramers_v([row[i] is None for row in rows], y))
            assert 0 <= by_column[0]["p_value"] <= 1
        assert found[0]["element_count"] == sum(map(len, data.values()))

    run(platform, check, typed_rows(st.one_of(st.none(), st.integers(0, 2))))


def test_numbers(platform: Platform) -> None:
    def check(data: dict[str, list[tuple[Any, ...]]], layout: str) -> None:
        rows = [row for part in data.values() for row in part if row[3] is not None]
        y = [row[3] for row in rows]
        if len(set(y)) < 3 or all(value.is_integer() for value in y):
            return
        if any(all(row[i] is None for row in part) for part in data.values() for i in range(4)):
            return
        types = {**TYPES, "y": "float"}
        found = validated(
            platform,
            [
                gxl.ExpectNoFeatureToRevealTarget(target_column="y"),
                gxl.ExpectMetadataNotToPredictTarget(target_column="y", metadata_columns=["word", "number", "real"]),
            ],
            types, data, layout,
        )  # fmt: skip
        ranks = list(stats.rankdata(y))
        for i, name in enumerate(["word", "number", "real"]):
            binned = bins([row[i] for row in rows])
            feature, metadata = (next(c for c in r["details"]["columns"] if c["column"] == name) for r in found)
            assert close(feature["score"], number_score(binned, y))
            assert close(feature["rank_score"], number_score(binned, ranks))
            assert close(metadata["score"], correlation_ratio(binned, y))

    run(platform, check, typed_rows(st.one_of(st.none(), st.floats(-3, 3).map(lambda v: round(v, 2)))))


def test_row_order(platform: Platform) -> None:
    def check(data: dict[str, list[tuple[Any, ...]]], layout: str) -> None:
        if any(all(row[i] is None for row in part) for part in data.values() for i in range(2)):
            return
        known = {n: [row for row in part if None not in row] for n, part in data.items()}
        if any(len({row[1] for row in part}) < 2 for part in known.values()):
            return
        everything = Counter(row[1] for part in data.values() for row in part if row[1] is not None)
        if sum(count > 1 for count in everything.values()) < 2:
            return
        expectation = gxl.ExpectRowIdsToBeIndependentOfTarget(id_column="id", target_column="y")
        (found,) = validated(platform, [expectation], {"id": "integer", "y": "integer"}, data, layout)
        for column in found["details"]["columns"]:
            rows = known[column["split"]]
            ids = [row[0] for row in rows]
            first, second = ([row[0] for row in rows if row[1] == label] for label in (1, 0))
            u = stats.mannwhitneyu(first, second).statistic
            assert close(column["rank_effect"], abs(2 * u / (len(first) * len(second)) - 1))
            once = sorted((i, v) for i, v in rows if ids.count(i) == 1)
            labels = [v for _, v in once]
            runs = sum(a != b for a, b in pairwise(labels)) + 1
            n, counts = len(labels), Counter(labels)
            effect = 0.0
            if len(counts) == 2:
                expected = n + 1 - sum(c * c for c in counts.values()) / n
                effect = max(0.0, (expected - runs) / (expected - 2)) if expected > 2 else 0.0
            assert close(column["neighbour_effect"], effect)
            assert column["repeated_ids"] == len(rows) - n

    pairs = st.tuples(st.one_of(st.none(), st.integers(0, 25)), st.one_of(st.none(), st.integers(0, 1)))
    run(
        platform, check, st.fixed_dictionaries({n: st.lists(pairs, min_size=4, max_size=20) for n in ("train", "test")})
    )


def test_encodings(platform: Platform) -> None:
    """An encoding made in-sample is found, one made of the other rows is not."""

    def check(data: dict[str, list[tuple[Any, ...]]], smoothing: int, layout: str) -> None:
        frame = pd.DataFrame([(n, *row) for n, part in data.items() for row in part], columns=["split", "c", "y"])
        frame["y"] = frame["y"].astype(float)
        train = frame[frame["split"] == "train"]
        grouped = train.groupby("c")["y"]
        varies = grouped.nunique()
        if (varies > 1).sum() < 3:
            return  # one or two small categories meet their means by chance
        prior = train["y"].mean()
        code = (grouped.sum() + smoothing * prior) / (grouped.count() + smoothing)
        if code.nunique() < 2 or abs(code - prior).max() < 0.01:
            return
        expectation = gxl.ExpectTargetEncodingsToBeOutOfFold(encodings={"c": "e"}, target_column="y")
        types = {"c": "text", "e": "float", "y": "integer"}

        def found(encoded: pd.Series[Any]) -> Any:
            rows = frame.assign(e=encoded.fillna(prior))
            tables = {
                n: [(c, e, int(y)) for c, e, y in part[["c", "e", "y"]].itertuples(index=False)]
                for n, part in rows.groupby("split", sort=False)
            }
            return validated(platform, [expectation], types, tables, layout)[0]

        leaky = found(frame["c"].map(code))
        inside = train["c"].isin(varies[varies > 1].index)
        assert leaky["details"]["columns"][0]["fitted_on"] in ("train", "all")
        assert leaky["unexpected_count"] >= inside.sum()
        others = (frame["c"].map(grouped.sum()) - frame["y"] + 0.5) / frame["c"].map(grouped.count())
        assert found(others)["observed_value"] == 0

    rows = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 1)), min_size=12, max_size=30)
    run(platform, check, st.fixed_dictionaries({"train": rows, "test": rows}), st.sampled_from([0, 1, 5]))


def test_fingerprints(platform: Platform) -> None:
    """A scaler that saw all rows is told from one that saw train."""

    def check(data: dict[str, list[float]], method: str, layout: str) -> None:
        parts = {name: np.array(values) for name, values in data.items()}
        everything = np.concatenate(list(parts.values()))
        if len(set(everything)) < 5:
            return  # so few values may be round ones by chance
        fits = {"all": everything, "train": parts["train"]}
        facts = {name: _fit(values, method) for name, values in fits.items()}
        if any(scale < 0.05 for _, scale in facts.values()) or np.allclose(facts["all"], facts["train"], atol=0.05):
            return
        for fitted_on, (shift, scale) in facts.items():
            tables = {name: [(float(v),) for v in (values - shift) / scale] for name, values in parts.items()}
            expectation = gxl.ExpectPreprocessingToBeFittedOnTrainBatchOnly(methods=[method])
            (found,) = validated(platform, [expectation], {"x": "float"}, tables, layout)
            (column,) = found["details"]["columns"]
            assert column["fitted_on"] == fitted_on, (column, tables)
            assert found["observed_value"] == (fitted_on == "all")

    values = st.lists(st.floats(-3, 9).map(lambda v: math.pi * round(v, 1)), min_size=5, max_size=20)
    methods = st.sampled_from(["standard", "minmax", "robust"])
    run(platform, check, st.fixed_dictionaries({"train": values, "test": values}), methods)


def _fit(values: Any, method: str) -> tuple[float, float]:
    if method == "standard":
        return float(values.mean()), float(values.std())
    if method == "minmax":
        return float(values.min()), float(values.max() - values.min())
    low, middle, high = np.percentile(values, [25, 50, 75])
    return float(middle), float(high - low)
