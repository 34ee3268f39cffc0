"""What a few rows rule out of many: the evidence is the same as of rows that are too few to look at a few of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import gx_leakage as gxl
from gx_leakage.splits import few
from tests.conftest import make_platform
from tests.platforms import Platform, Table

ROWS = {"train": 700, "validation": 200, "test": 300}


@pytest.fixture(params=["pandas", "sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Platform:
    return make_platform(request, request.param, tmp_path)


def splits(seed: int) -> dict[str, Table]:
    """Return splits with one column for each trace that preprocessing leaves, and some that leave none."""
    draw = np.random.default_rng(seed)
    n = sum(ROWS.values())
    train = slice(0, ROWS["train"])
    missing = draw.random(n) < 0.1

    def imputed(values: Any, by: Any) -> Any:
        return np.where(missing, by(values[~missing]), values)

    skewed = draw.lognormal(size=n)
    frame = pd.DataFrame(
        {
            "plain": draw.normal(3, 2, n),
            "by_mean": imputed(skewed, np.mean),
            "by_median": imputed(draw.normal(size=n), np.median),
            "train_median": np.where(missing, np.median(skewed[train][~missing[train]]), skewed),
            "few_spikes": np.where(np.arange(n) % 200 == 0, np.nan, draw.normal(size=n)),
            "scaled": draw.normal(size=n),
            "bounded": draw.random(n),
            "cents": draw.integers(0, 10_000, n) / 100,
            "whole": draw.integers(0, 5, n).astype(float),
            "zeros": np.where(draw.random(n) < 0.6, 0.0, draw.random(n)),
            "drifts": np.arange(n) + draw.random(n),
            "almost_cents": draw.integers(0, 10_000, n) / 100,
        }
    )
    known = frame["few_spikes"].notna()
    frame.loc[~known, "few_spikes"] = frame.loc[known, "few_spikes"].mean()
    frame["scaled"] = (frame["scaled"] - frame["scaled"].mean()) / frame["scaled"].std(ddof=0)
    frame.loc[n - 1, "bounded"] = 1.5  # in test
    low, high = frame["bounded"].min(), frame["bounded"].max()
    frame["bounded"] = (frame["bounded"] - low) / (high - low)
    frame.loc[draw.integers(0, n), "almost_cents"] = 1 / 3  # which a few rows are likely not to have
    frame["gaps"] = np.where(draw.random(n) < 0.3, np.nan, draw.integers(0, 9, n))
    frame.insert(0, "id", draw.permutation(n))
    frame.insert(1, "group", draw.integers(0, 400, n))
    frame.insert(2, "y", (frame["plain"] + draw.normal(size=n) > 3).astype(int) + frame["gaps"].isna())
    frame.insert(3, "big", np.where(draw.random(n) < 0.5, 0.0, frame["y"]))
    types = {name: "integer" if name in ("id", "group", "y") else "float" for name in frame}
    frame = frame.astype(object).where(frame.notna(), None)
    ends = np.cumsum(list(ROWS.values()))
    return {
        name: Table(types, [tuple(row) for row in frame[end - size : end].to_numpy().tolist()])
        for (name, size), end in zip(ROWS.items(), ends, strict=True)
    }


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_a_few_rows_change_no_evidence(engine: Platform, share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    data = splits(int(10 * share))
    asked = [
        gxl.ExpectPreprocessingToBeFittedOnTrainBatchOnly(),
        gxl.ExpectNoIdenticalRowsAcrossBatches(),
        gxl.ExpectNoFeatureToRevealTarget(target_column="y"),
        gxl.ExpectMissingnessNotToRevealTarget(target_column="y"),
    ]
    whole = [one.result for one in engine.validate(asked, data, "batches")]
    looked_at: list[Any] = []
    few_of = few.few_of

    def noted(*arguments: Any) -> Any:
        looked_at.append(few_of(*arguments))
        return looked_at[-1]

    monkeypatch.setattr(few, "few_of", noted)
    monkeypatch.setattr(few, "MANY", 100)
    monkeypatch.setattr(few, "ROWS", int(share * sum(ROWS.values())))
    some = [one.result for one in engine.validate(asked, data, "batches")]
    assert looked_at
    assert all(rows is not None for rows in looked_at)
    assert some == whole
    found = {one["column"]: one["fitted_on"] for one in whole[0]["details"]["columns"]}
    assert {name for name, fitted_on in found.items() if fitted_on == "all"} >= {
        "by_mean", "by_median", "few_spikes", "scaled", "bounded",
    }  # fmt: skip
    assert whole[1]["details"]["vacuous"] == ["id"]
