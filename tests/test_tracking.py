"""A report in MLflow, in a store of its own that is read back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pandas as pd
import pytest

import gx_leakage as gxl


@pytest.fixture(autouse=True)
def store(tmp_path: Path) -> Iterator[None]:
    """Let MLflow keep its runs in a folder of the test."""
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'mlflow.db'}")
    mlflow.set_experiment(experiment_id=mlflow.create_experiment("splits", artifact_location=str(tmp_path / "kept")))
    yield
    mlflow.set_tracking_uri(before)


@pytest.fixture(scope="module")
def report() -> gxl.Report:
    """Return a report of splits that share a patient whose column has a name that MLflow does not take."""
    train = pd.DataFrame({"patient №": [1, 2, 3], "age": [40, 50, 61]})
    test = pd.DataFrame({"patient №": [3, 4], "age": [62, 71]})
    return gxl.audit({"train": train, "test": test}, group="patient №")


def test_a_run_of_its_own(report: gxl.Report) -> None:
    run = mlflow.get_run(report.log_to_mlflow())
    assert (run.info.status, run.data.tags["leakage/verdict"]) == ("FINISHED", "failed")
    assert (run.data.metrics["leakage/leak"], run.data.metrics["leakage/passed"]) == (1, 2)
    name = "leakage/expect_no_shared_group_ids_across_batches_patient __"
    assert run.data.tags[name] == "leak"
    assert run.data.metrics[f"{name}/unexpected_percent"] == 50
    folder = Path(str(mlflow.artifacts.download_artifacts(run_id=run.info.run_id)))
    assert "LEAK, proved" in (folder / "leakage.html").read_text(encoding="utf-8")
    assert json.loads((folder / "leakage.json").read_text(encoding="utf-8"))["success"] is False


def test_the_active_run_and_a_finished_one(report: gxl.Report) -> None:
    with mlflow.start_run() as training:
        assert report.log_to_mlflow() == training.info.run_id
        assert mlflow.active_run() is not None
    with mlflow.start_run() as other:
        assert report.log_to_mlflow(training.info.run_id) == training.info.run_id
        active = mlflow.active_run()
        assert active is not None
        assert active.info.run_id == other.info.run_id
    assert "leakage/verdict" not in mlflow.get_run(other.info.run_id).data.tags


def test_no_finding_hides_behind_another() -> None:
    """Two targets are two checks of one title: the clean one, which comes last, does not stand for the leaking one."""
    rows = pd.DataFrame({"y": [0, 1] * 40, "x": [0, 1] * 40, "z": [1, 0, 0, 1] * 20})
    checks = [("expect_no_feature_to_reveal_target", {"target_column": t, "columns": ["x"]}) for t in ("y", "z")]
    report = gxl.audit({"train": rows[:50], "test": rows[50:]}, expectations=checks)
    run = mlflow.get_run(report.log_to_mlflow())
    name = "leakage/expect_no_feature_to_reveal_target"
    assert (run.data.tags[name], run.data.tags[f"{name} 2"]) == ("leak", "passed")
