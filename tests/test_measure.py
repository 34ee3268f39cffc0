"""What a score is worth, on made-up data of which the truth is known."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

import gx_leakage as gxl
from tests.command import gx_leakage


def patients(seed: int, first: int, count: int, visits: int = 8) -> pd.DataFrame:
    """Return visits whose target is mostly the patient's own, told by two features that are the patient's too."""
    random = np.random.default_rng(seed)
    patient = np.repeat(np.arange(first, first + count), visits)
    own, marks = random.normal(size=count), random.normal(size=(count, 2))
    x = random.normal(size=len(patient))
    near = marks[patient - first] + random.normal(scale=0.02, size=(len(patient), 2))
    y = 2 * own[patient - first] + x + random.normal(scale=0.3, size=len(patient))
    made: pd.DataFrame = pd.DataFrame({"patient": patient, "x": x, "a": near[:, 0], "b": near[:, 1], "y": y})
    return made


def by_row(frame: pd.DataFrame, seed: int = 0) -> dict[str, Any]:
    inside = np.random.default_rng(seed).random(len(frame)) < 0.75
    return {"train": frame[inside], "test": frame[~inside]}


def one(report: gxl.Report, metric: str) -> dict[str, Any]:
    assert report.measured is not None
    found: dict[str, Any] = next(one for one in report.measured["metrics"] if one["metric"] == metric)
    return found


def test_the_worth_is_the_score_of_new_patients() -> None:
    from sklearn.ensemble import HistGradientBoostingRegressor

    splits = by_row(patients(1, 0, 60))
    found = one(gxl.audit(splits, group="patient", target="y", measure=True), "R²")
    new, features = patients(2, 1000, 400), ["x", "a", "b"]
    model = HistGradientBoostingRegressor(early_stopping=False).fit(splits["train"][features], splits["train"]["y"])
    truth = model.score(new[features], new["y"])
    given = model.score(splits["test"][features], splits["test"]["y"])
    assert found["as_it_is"]["score"] == pytest.approx(given, abs=1e-5)
    assert found["as_it_is"]["score"] > found["worth"]["high"]
    assert found["worth"]["low"] - 0.1 < truth < found["worth"]["high"] + 0.1
    assert found["without_leaked_rows"] == {"rows": 0}  # each patient is in train too


def test_without_a_leak_a_score_is_worth_itself() -> None:
    frame = patients(3, 0, 40)
    splits = {"train": frame[frame["patient"] < 30], "test": frame[frame["patient"] >= 30]}
    report = gxl.audit(splits, group="patient", target="y", measure=True)
    found = one(report, "R²")
    assert report.success
    assert found["worth"] == found["as_it_is"]
    assert found["worth"]["low"] <= found["worth"]["score"] <= found["worth"]["high"]


def test_a_leaking_column_in_few_of_one_class(tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    y = (random.random(500) < 0.1).astype(int)
    frame = pd.DataFrame({"x": random.normal(size=500), "c": random.choice(list("abc"), 500), "copy": 1 - y, "y": y})
    for name, rows in by_row(frame).items():
        rows.to_csv(tmp_path / f"{name}.csv", index=False)
    files = [f"{name}={tmp_path / name}.csv" for name in ("train", "test")]
    done = gx_leakage("audit", *files, "--target", "y", "--measure", "--format", "json", cwd=tmp_path)
    assert done.returncode == 1
    found = json.loads(done.stdout)["measured"]
    assert found["without_columns"] == ["copy"]
    auc = next(one for one in found["metrics"] if one["metric"] == "ROC AUC")
    assert auc["as_it_is"]["score"] == 1
    assert auc["worth"]["low"] < 0.5 < auc["worth"]["high"] + 0.05
    assert "Your score of 1 (accuracy) is worth" in found["summary"]


def test_a_database_and_a_split_column(tmp_path: Path) -> None:
    parts = by_row(patients(1, 0, 25))
    whole = pd.concat([part.assign(split=name) for name, part in parts.items()])
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'db.sqlite'}")
    whole.to_sql("visits", engine, index=False)
    engine.dispose()
    arguments: dict[str, Any] = {"group": "patient", "target": "y", "measure": True}
    there = gxl.audit(
        {"all": "visits"}, split_column="split", connection=f"sqlite:///{tmp_path / 'db.sqlite'}", **arguments
    )
    here = gxl.audit(parts, **arguments)
    assert one(there, "R²")["as_it_is"]["score"] == pytest.approx(one(here, "R²")["as_it_is"]["score"], abs=1e-6)
    assert there.measured is not None
    assert there.measured["summary"] in there.to_markdown().replace("\\", "")
    assert "is worth" in str(there)


def test_some_rows_are_whole_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.import_module("gx_leakage.audit.measure"), "MOST_ROWS", 200)
    report = gxl.audit(by_row(patients(5, 0, 100)), group="patient", target="y", measure=True)
    assert report.measured is not None
    assert (report.measured["rows"], report.measured["of_rows"]) == (200, 800)
    assert report.measured["metrics"][0]["as_it_is"]["score"] > report.measured["metrics"][0]["worth"]["score"]


@pytest.mark.parametrize("judged", [3, 4, 5])
def test_few_keys_have_no_interval(judged: int) -> None:
    frame = patients(7, 0, 40)
    report = gxl.audit(
        {"train": frame[frame["patient"] < 40 - judged], "test": frame[frame["patient"] >= 40 - judged]},
        group="patient", target="y", measure=True,
    )  # fmt: skip
    found = one(report, "R²")
    assert report.measured is not None
    said = report.measured["summary"]
    few = judged < 5
    assert (found["worth"]["low"] is None, report.measured["too_few_keys"]) == (few, judged if few else None)
    assert ("±" in said, f"of {judged} keys in the judged rows" in said) == (not few, few)


def test_when_nothing_is_right_there_is_no_interval() -> None:
    from sklearn.dummy import DummyClassifier

    random = np.random.default_rng(2)
    train = pd.DataFrame({"x": random.random(40), "y": ["a"] * 30 + ["b"] * 10})
    splits = {"train": train, "test": pd.DataFrame({"x": random.random(10), "y": ["b"] * 9 + ["c"]})}
    report = gxl.audit(splits, target="y", measure=DummyClassifier())
    assert one(report, "accuracy")["worth"] == {"score": 0, "low": None, "high": None}
    assert report.measured is not None
    assert "±" not in report.measured["summary"]
    assert "no interval where all draws give one score" in report.measured["summary"]


def test_what_one_check_proves_no_other_makes_a_suspicion() -> None:
    frame = patients(9, 0, 40).assign(y=lambda rows: rows["y"] > 1)
    report = gxl.audit(by_row(frame.assign(copy=~frame["y"])), target="y", measure=True)
    assert sum(f.leaked and "copy" in str(f.result["details"].get("columns")) for f in report.findings) > 1
    assert report.measured is not None
    assert (report.measured["without_columns"], report.measured["suspected"]) == (["copy"], [])


def test_a_time_is_said_to_be_taken_for_classes() -> None:
    frame = patients(8, 0, 30).assign(y=lambda rows: pd.Timestamp("2024-01-01") + pd.to_timedelta(rows["y"] // 2, "D"))
    measured = gxl.audit(by_row(frame), target="y", measure=True).measured
    assert measured is not None
    assert f"taken for {frame['y'].nunique()} classes" in measured["summary"]
    plain = gxl.audit(by_row(patients(8, 0, 30)), target="y", measure=True).measured
    assert plain is not None
    assert "classes" not in plain["summary"]


def test_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    splits = by_row(patients(6, 0, 10))
    with pytest.raises(gxl.CouldNotCheckError, match="without a target"):
        gxl.audit(splits, group="patient", measure=True)
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    with pytest.raises(gxl.CouldNotCheckError, match=r"pip install 'gx_leakage\[measure\]'"):
        gxl.audit(splits, group="patient", target="y", measure=True)
