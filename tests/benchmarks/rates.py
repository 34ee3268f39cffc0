"""How often checks raise false alarms on independent columns, and find planted leaks.

Targets are balanced, rare (1 %), of six classes, normal and heavy-tailed; columns are numbers, and categories (2 to
10,000, evenly and unevenly spread), with and without gaps.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

import gx_leakage as gxl
from gx_leakage.engines import Source
from gx_leakage.engines.duckdb import DuckDBEngine
from gx_leakage.leaks.association import evidence as association
from gx_leakage.leaks.association import row_order, target_encodings
from gx_leakage.leaks.fingerprints import evidence as fingerprints
from gx_leakage.splits.relations import Relations, SplitRows

SIZES = (200, 2_000, 20_000, 100_000)
TARGETS = ("balanced", "rare", "six classes", "normal", "heavy-tailed")
CATEGORIES = (2, 10, 100, 1_000, 10_000)
DRAWS = 220

Row = tuple[str, str, str, str]


class PandasBatchData:
    """What GX hands over for a frame, under the name that engines know it by."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.dataframe = frame


def relations(frame: pd.DataFrame) -> Relations:
    """Return a frame cut into train and test."""
    cut = int(0.7 * len(frame))
    parts = {"train": frame[:cut], "test": frame[cut:]}
    splits = [SplitRows(name, Source(PandasBatchData(part), None)) for name, part in parts.items()]
    return Relations(DuckDBEngine(copies=False), splits)


def target(random: np.random.Generator, kind: str, rows: int) -> Any:
    """Return a target of one of the kinds."""
    if kind == "balanced":
        return random.integers(0, 2, rows)
    if kind == "rare":
        return (random.permutation(rows) < max(2, rows // 100)).astype(int)
    if kind == "six classes":
        return np.array([f"class {i}" for i in range(6)])[np.minimum(random.geometric(0.4, rows), 6) - 1]
    return random.normal(size=rows) if kind == "normal" else np.exp(2 * random.normal(size=rows))


def independent(random: np.random.Generator, rows: int) -> dict[str, Any]:
    """Return columns that know nothing of any target."""
    columns: dict[str, Any] = {}
    for count in CATEGORIES:
        names = np.array([f"category {i}" for i in range(count)])
        columns[f"even_{count}"] = names[random.integers(0, count, rows)]
        columns[f"uneven_{count}"] = names[random.zipf(1.5, rows) % count]
    for i in range(3):
        columns[f"number_{i}"] = random.normal(size=rows)
        columns[f"whole_{i}"] = random.integers(0, 10 ** (i + 1), rows)
    columns["mostly_zero"] = np.where(random.random(rows) < 0.9, 0.0, random.random(rows))
    for share in (0.01, 0.1, 0.5, 0.99):
        columns[f"gaps_{share}"] = np.where(random.random(rows) < share, np.nan, random.random(rows))
    columns["gaps_text"] = np.where(random.random(rows) < 0.3, None, columns["even_100"])
    return columns


CHECKS: dict[str, Any] = {
    "no_feature_to_reveal_target": gxl.ExpectNoFeatureToRevealTarget(target_column="y"),
    "metadata_not_to_predict_target": None,
    "missingness_not_to_reveal_target": gxl.ExpectMissingnessNotToRevealTarget(target_column="y"),
}


def _judged(check: str, found: Relations, columns: list[str]) -> list[dict[str, Any]]:
    made = CHECKS[check] or gxl.ExpectMetadataNotToPredictTarget(target_column="y", metadata_columns=columns)
    question = {**made.question(0), "by_split": False}
    judged: list[dict[str, Any]] = made.judge(association.gather(found, **question)).details["columns"]
    return judged


def false_alarms() -> Iterator[Row]:
    """Yield how many of the independent columns each check takes for a leak."""
    for rows in SIZES:
        for kind in TARGETS:
            alarms, draws = dict.fromkeys(CHECKS, 0), 0
            random = np.random.default_rng(rows)
            while draws < DRAWS:
                columns = independent(random, rows)
                found = relations(pd.DataFrame({"y": target(random, kind, rows), **columns}))
                for check in CHECKS:
                    alarms[check] += sum(c["leaks"] for c in _judged(check, found, list(columns)))
                draws += len(columns)
                found.close()
            for check, count in alarms.items():
                yield f"false alarms of {check}, {kind} target", f"{rows:,} rows", f"{count} of {draws}", "at most 1 %"
            yield from _order_alarms(random, kind, rows)
            yield from _encoding_alarms(random, kind, rows)
        yield from _fingerprint_alarms(rows)


def _order_alarms(random: np.random.Generator, kind: str, rows: int) -> Iterator[Row]:
    check = gxl.ExpectRowIdsToBeIndependentOfTarget(id_column="id", target_column="y")
    alarms = 0
    for _ in range(DRAWS):
        found = relations(pd.DataFrame({"id": np.arange(rows), "y": target(random, kind, rows)}))
        alarms += any(c["leaks"] for c in check.judge(row_order.gather(found, **check.question(0))).details["columns"])
        found.close()
    what = f"false alarms of row_ids_to_be_independent_of_target, {kind} target"
    yield what, f"{rows:,} rows", f"{alarms} of {DRAWS}", "at most 1 %"


def _encoding_alarms(random: np.random.Generator, kind: str, rows: int) -> Iterator[Row]:
    """Yield how often honest encodings are taken for in-sample ones: out of fold, of other rows, of other columns."""
    alarms = draws = unknown = 0
    check = gxl.ExpectTargetEncodingsToBeOutOfFold(encodings={"c": "e"}, target_column="y")
    if kind == "six classes":
        return
    while draws < DRAWS:
        y = target(random, kind, rows).astype(float)
        c = random.zipf(1.5, rows) % int(random.choice((10, 100, 1_000)))
        frame = pd.DataFrame({"c": c, "y": y})
        train = frame.index < int(0.7 * rows)
        fold = random.integers(0, 5, rows)
        out_of_fold = pd.Series(y.mean(), frame.index)
        for k in range(5):
            means = frame[train & (fold != k)].groupby("c")["y"].mean()
            out_of_fold[fold == k] = frame["c"].map(means)[fold == k]
        others = pd.Series(target(random, kind, rows).astype(float)).groupby(c).mean()
        honest = [
            out_of_fold, out_of_fold.round(3), frame["c"].map(others), frame["c"].map(others).round(2),
            pd.Series(random.random(rows)), frame["c"] / 7, frame["c"].map(frame["c"].value_counts(normalize=True)),
        ]  # fmt: skip
        for encoded in honest:
            found = relations(frame.assign(e=encoded.fillna(y.mean())))
            draws += 1
            try:
                alarms += int(check.judge(target_encodings.gather(found, **check.question(0))).observed_value)
            except gxl.CouldNotCheckError:
                unknown += 1  # no category has rows with different targets
            found.close()
    what = f"false alarms of target_encodings_to_be_out_of_fold, {kind} target"
    yield what, f"{rows:,} rows", f"{alarms} of {draws} ({unknown} could not tell)", "at most 1 %"


def _fingerprint_alarms(rows: int) -> Iterator[Row]:
    """Yield how often columns that nothing was fitted on, or train alone, are taken for fitted on all rows."""
    random = np.random.default_rng(rows)
    check = gxl.ExpectPreprocessingToBeFittedOnTrainBatchOnly()
    alarms = draws = 0
    while draws < DRAWS:
        raw = {
            "normal": random.normal(size=rows), "uniform": random.random(rows), "share": random.beta(0.5, 0.5, rows),
            "skewed": np.exp(random.normal(size=rows)), "zeros": np.maximum(0, random.normal(size=rows)),
            "clipped": np.clip(random.normal(0.5, 0.5, rows), 0, 1), "count": random.poisson(3, rows).astype(float),
            "flag": (random.random(rows) < 0.01).astype(float), "unit": np.tanh(random.normal(size=rows)),
        }  # fmt: skip
        raw |= {f"{name}_{d}": np.round(values, d) for name, values in list(raw.items()) for d in (1, 2, 3)}
        frame = pd.DataFrame(raw)
        train = frame[: int(0.7 * rows)]
        spread = train.std().replace(0, 1)
        bounds = (train.max() - train.min()).replace(0, 1)
        scaled = [frame, (frame - train.mean()) / spread, (frame - train.min()) / bounds, frame / train.abs().max()]
        for made in scaled:
            found = relations(made.fillna(0.0))
            columns = check.judge(fingerprints.gather(found, **check.question(0))).details["columns"]
            alarms += sum(column["leaks"] for column in columns)
            draws += len(columns)
            found.close()
    what = "false alarms of preprocessing_to_be_fitted_on_train_batch_only, raw and scaled by train"
    yield what, f"{rows:,} rows", f"{alarms} of {draws}", "at most 1 %"


STRENGTHS = (1.0, 0.98, 0.95, 0.9, 0.8, 0.6)
PLANTS = 50


def detections() -> Iterator[Row]:
    """Yield how often leaks of falling strength are found: the share of rows in which the column is not noise."""
    for rows in (200, 2_000, 20_000):
        for kind in ("balanced", "rare", "normal"):
            found: dict[str, list[int]] = {}
            for strength in STRENGTHS:
                counts = _planted(rows, kind, strength)
                for check, count in counts.items():
                    found.setdefault(check, []).append(count)
            shares = ", ".join(f"{100 * strength:.0f} %" for strength in STRENGTHS)
            for check, numbers in found.items():
                caught = ", ".join(f"{100 * number // PLANTS} %" for number in numbers)
                yield f"found by {check}, {kind} target", f"{rows:,} rows", f"{caught}", f"of leaks in {shares} of rows"


def _planted(rows: int, kind: str, strength: float) -> dict[str, int]:
    random = np.random.default_rng(rows)
    found = dict.fromkeys([*CHECKS, "row_ids_to_be_independent_of_target"], 0)
    order = gxl.ExpectRowIdsToBeIndependentOfTarget(id_column="id", target_column="y")
    for _ in range(PLANTS):
        y = target(random, kind, rows)
        leak = random.random(rows) < strength
        shown = np.where(leak, y, random.permutation(y))
        known = y > np.median(y) if kind == "normal" else y == 1
        frame = pd.DataFrame(
            {
                "y": y,
                "x": shown + 0.01 * random.normal(size=rows),
                "gap": np.where(np.where(leak, known, random.permutation(known)), 1.0, np.nan),
                "id": np.argsort(np.argsort(shown, kind="stable")),
            }
        )
        made = relations(frame)
        judged = _judged("no_feature_to_reveal_target", made, ["x"])
        found["no_feature_to_reveal_target"] += any(c["leaks"] for c in judged if c["column"] == "x")
        found["metadata_not_to_predict_target"] += _judged("metadata_not_to_predict_target", made, ["x"])[0]["leaks"]
        judged = _judged("missingness_not_to_reveal_target", made, ["gap"])
        found["missingness_not_to_reveal_target"] += any(c["leaks"] for c in judged if c["column"] == "gap")
        columns = order.judge(row_order.gather(made, **order.question(0))).details["columns"]
        found["row_ids_to_be_independent_of_target"] += any(c["leaks"] for c in columns)
        made.close()
    return found
