"""leakage.yml, and what init writes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import gx_leakage as gxl
from gx_leakage.audit.config import load, written
from gx_leakage.audit.proposals import proposals
from gx_leakage.roles import Proposal
from tests.command import gx_leakage

VISITS = pd.DataFrame(
    {
        "row_id": range(60),
        "patient_id": np.random.default_rng(0).integers(0, 20, 60),
        "visited_on": pd.date_range("2024-01-01", periods=60),
        "site": ["a", "b", "c"] * 20,
        "weight": np.random.default_rng(1).normal(size=60),
        "died": [0, 1] * 30,
    }
)
YES = "# a comment\nsplits:\n  train: train.csv\n  test: test.csv\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    VISITS[:40].to_csv(tmp_path / "train.csv", index=False)
    VISITS[40:].to_csv(tmp_path / "test.csv", index=False)
    return tmp_path


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return gx_leakage(*arguments, cwd=folder)


def report_command(stdout: str) -> str:
    return " ".join(stdout.split()).partition("To check them:")[2]


def test_proposals_have_reasons_and_never_change_the_exit_code(folder: Path) -> None:
    report = gxl.audit({"train": folder / "train.csv", "test": folder / "test.csv"})
    found = {one.role: (one.column, one.reason) for one in report.proposals}
    assert found["group"][0] == "patient_id"
    assert "values are in both splits" in found["group"][1]
    assert found["time"] == ("visited_on", "visited_on looks like a time axis, by its type")
    assert found["target"] == ("died", "died may be the target, by its name, with 2 values")
    assert found["id"][0] == "row_id"
    assert found["metadata"][0] == "site"
    assert report.success
    done = command(folder, "audit", "train.csv", "test.csv")
    assert done.returncode == 0, done.stderr
    proposed = "gx-leakage audit train.csv test.csv --group patient_id --id row_id --time visited_on"
    assert proposed in " ".join(done.stdout.split())
    assert "--target" not in report_command(done.stdout)
    assert {one.role for one in report.proposals if not one.sure} == {"target", "metadata"}
    assert command(folder, "audit", "train.csv", "test.csv", "--accept").returncode == 1


@pytest.mark.parametrize(
    ("given", "group"),
    [
        ({"target": "died"}, ["patient_id"]),
        ({"time": "visited_on", "id": "row_id"}, ["patient_id"]),
        ({"expectations": [("expect_batches_to_be_ordered_in_time", {"time_column": "visited_on"})]}, ["patient_id"]),
        ({"group": "site"}, ["site"]),
        ({"target": "patient_id"}, None),
        ({"exclude": "patient_id"}, None),
    ],
)
def test_what_is_proposed_is_added_to_what_is_given(given: dict[str, Any], group: list[str] | None) -> None:
    """None of the roles that are given is proposed again, nor a column that has one, or that no check looks at."""
    report = gxl.audit({"train": VISITS[:40], "test": VISITS[40:]}, accept=True, **given)
    name = "expect_no_shared_group_ids_across_batches"
    checked = [finding.kwargs["group_columns"] for finding in report.findings if finding.expectation == name]
    assert checked == ([group] if group else [])
    assert not {one.role for one in report.proposals} & set(given)
    assert not report.errors


def test_that_nothing_was_sure_is_said() -> None:
    rows = VISITS[["weight", "died"]]
    said = "proposed roles (one that is sure)"
    assert said in gxl.audit({"train": rows[:40], "test": rows[40:]}, accept=True).not_checked
    assert said not in gxl.audit({"train": VISITS[:40], "test": VISITS[40:]}, accept=True).not_checked


def test_without_a_sure_role_no_command_is_named(folder: Path) -> None:
    for name in ("train", "test"):
        pd.read_csv(folder / f"{name}.csv")[["weight", "died"]].to_csv(folder / f"{name}.csv", index=False)
    done = command(folder, "audit", "train.csv", "test.csv")
    assert "died may be the target" in done.stdout
    assert "To check them:" not in done.stdout


def test_a_target_that_only_train_has() -> None:
    train, test = VISITS[:40].rename(columns={"died": "z"}), VISITS[40:].drop(columns="died")
    report = gxl.audit({"train": train, "test": test})
    (target,) = [one for one in report.proposals if one.role == "target"]
    assert (target.column, target.reason) == ("z", "z looks like the target: only train has it")


def test_frames_and_windows_are_proposed() -> None:
    rows = pd.DataFrame({"video": ["a", "a", "b", "b"], "frame_no": [1, 2, 1, 2], "label_start": 1, "label_end": 2})
    report = gxl.audit({"train": rows, "test": rows.assign(frame_no=[8, 9, 8, 9])})
    assert [one.option for one in report.proposals] == [
        ["--sequence", "video"], ["--frame", "frame_no"], ["--window", "label_start,label_end"],
    ]  # fmt: skip


def test_nothing_to_propose() -> None:
    rows = pd.DataFrame({"a": [0.5, 1.5], "b": [True, False]})
    assert gxl.audit({"train": rows, "test": rows + 1}).proposals == []
    assert callable(proposals)


def test_init_and_audit_of_what_it_wrote(folder: Path) -> None:
    done = command(folder, "init", "train.csv", "test.csv")
    assert done.returncode == 0, done.stderr
    text = (folder / "leakage.yml").read_text(encoding="utf-8")
    assert "  # died may be the target, by its name, with 2 values\n  # target: died\n" in text
    assert load(folder / "leakage.yml")["group"] == [("patient_id",)]
    audited = command(folder, "audit", "leakage.yml", "--format", "json")
    assert audited.returncode == 1
    assert '"expect_no_shared_group_ids_across_batches"' in audited.stdout
    again = command(folder, "init", "train.csv", "test.csv")
    assert (again.returncode, again.stdout) == (2, "")
    assert "exists already" in again.stderr


def test_the_project_that_init_makes_runs_as_an_orchestrator_runs_it(folder: Path) -> None:
    done = command(folder, "init", "train.csv", "test.csv", "--project", "project")
    assert done.returncode == 0, done.stderr
    script = (
        "import great_expectations as gx\n"
        "context = gx.get_context(mode='file', context_root_dir='project')\n"
        "checkpoint = context.checkpoints.get('leakage')\n"
        "result = checkpoint.run()\n"
        "print(result.success, sum(len(r.results) for r in result.run_results.values()))\n"
        "print(sorted(type(action).__name__ for action in checkpoint.actions))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    # Group, identical rows, time and preprocessing: init leaves the target open, which only looks like one by its name.
    assert run[-2:] == ["False 4", "['LeakageReportAction', 'UpdateDataDocsAction']"]
    assert (folder / "project/uncommitted/leakage/leakage.json").exists()
    assert list((folder / "project/uncommitted/data_docs").rglob("index.html"))
    refused = command(folder, "init", "train.csv", "test.csv", "--project", "project", "--output", "other.yml")
    assert refused.returncode == 2
    assert "is not empty" in refused.stderr


def test_credentials_are_not_written(folder: Path) -> None:
    done = command(folder, "init", "train=a", "test=b", "--connection", "postgresql://u:secret@h/d")
    assert done.returncode == 2
    assert "secret" not in done.stderr
    assert not (folder / "leakage.yml").exists()


def test_thresholds_and_severities(folder: Path) -> None:
    (folder / "l.yml").write_text(
        f"{YES}roles:\n  group: patient_id\nexpectations:\n"
        "  expect_no_shared_group_ids_across_batches: {mostly: 0.0, severity: info}\n"
    )
    report = gxl.audit(**load(folder / "l.yml"))
    (groups,) = [f for f in report.findings if f.expectation == "expect_no_shared_group_ids_across_batches"]
    assert (groups.success, groups.severity, groups.kwargs["mostly"]) == (True, "info", 0.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("roles: {time: t}\n", "line 1: there are no 'splits'"),
        (f"{YES}role: {{}}\n", "line 5: the file knows no 'role'. The nearest names: roles"),
        (f"{YES}roles:\n  group: [a]\n  taget: y\n", "line 7: roles knows no 'taget'. The nearest names: target"),
        (f"{YES}roles:\n  time: [a, b]\n", "line 6: role 'time' has to be a column"),
        (f"{YES}roles:\n  window: [a]\n", "line 6: role 'window' has to be a list of two columns"),
        (f"{YES}roles:\n  time: a\n  time: b\n", "line 7: 'time' stands there twice"),
        (f"{YES}expectations:\n  expect_no_leaks: {{}}\n", "line 6: expectations knows no 'expect_no_leaks'"),
        (
            f"{YES}expectations:\n  expect_no_feature_to_reveal_target:\n    max_scor: 1\n",
            "line 7: expect_no_feature_to_reveal_target knows no 'max_scor'. The nearest names: max_score",
        ),
        (
            f"{YES}expectations:\n  expect_no_identical_rows_across_batches:\n    mostly: 2\n",
            "line 7: mostly of expect_no_identical_rows_across_batches: mostly=2.0 is not between 0 and 1",
        ),
        (
            f"{YES}expectations:\n  expect_no_identical_rows_across_batches:\n    severity: grave\n",
            "line 7: severity of expect_no_identical_rows_across_batches",
        ),
        ("splits: [a\n", "line 2"),
        ("splits:\n  train: 3\n", "line 2: split 'train' has to be the path of a file"),
        ("- a\n", "line 1: the file has to be a mapping"),
    ],
)
def test_errors_name_the_line(folder: Path, text: str, message: str) -> None:
    (folder / "l.yml").write_text(text)
    with pytest.raises(gxl.CouldNotCheckError) as error:
        load(folder / "l.yml")
    assert message in str(error.value)


def test_odd_names_are_quoted(tmp_path: Path) -> None:
    names = ["on", "a: b", "#x", "12", "ü", "it's", '"']
    found = [Proposal("group", name, f"{name} looks like one", (name,)) for name in names if "\n" not in name]
    (tmp_path / "l.yml").write_text(
        written({"train": "a b.csv", "no": "1.csv"}, found, connection=None, split_column=None, train="train"),
        encoding="utf-8",
    )
    read: dict[str, Any] = load(tmp_path / "l.yml")
    assert read["group"] == [(name,) for name in names]
    assert read["splits"] == {"train": tmp_path / "a b.csv", "no": tmp_path / "1.csv"}


@pytest.mark.postgresql
def test_proposals_in_a_database(postgresql: str) -> None:
    import sqlalchemy as sa

    engine = sa.create_engine(postgresql)
    VISITS[:40].to_sql("proposed_train", engine, index=False, if_exists="replace")
    VISITS[40:].to_sql("proposed_test", engine, index=False, if_exists="replace")
    engine.dispose()
    report = gxl.audit({"train": "proposed_train", "test": "proposed_test"}, connection=postgresql)
    assert [one.role for one in report.proposals] == ["group", "id", "time", "target", "metadata"]


@pytest.mark.spark
def test_proposals_of_spark_frames(spark: Any) -> None:
    rows = VISITS.drop(columns="visited_on")
    frames = {"train": spark.createDataFrame(rows[:40]), "test": spark.createDataFrame(rows[40:])}
    report = gxl.audit(frames)
    assert [one.role for one in report.proposals] == ["group", "id", "target", "metadata"]
    cleaned = gxl.audit(frames, group="patient_id").clean_splits("reassign", allow=True)
    assert cleaned.report is not None
    assert cleaned.report.success
    assert sum(frame.count() for frame in cleaned.splits.values()) == len(rows)
