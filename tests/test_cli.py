"""The command line as a user runs it: exit codes, stdout and stderr, formats, credentials."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.command import gx_leakage

PROGRAM = Path(sys.executable).parent / "gx-leakage"
TRAIN = pd.DataFrame(
    {"patient_id": [1, 1, 2], "visit_day": ["2024-01-01", "2024-01-02", "2024-02-01"], "died": [0, 0, 1]}
)
TEST = pd.DataFrame({"patient_id": [2, 3], "visit_day": ["2024-01-15", "2024-03-01"], "died": [1, 0]})
for frame in (TRAIN, TEST):
    frame["visit_day"] = pd.to_datetime(frame["visit_day"])
CLEAN = TEST[TEST["patient_id"] == 3]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    TRAIN.to_csv(tmp_path / "visits_train.csv", index=False)
    TEST.to_parquet(tmp_path / "visits_test.parquet")
    CLEAN.to_csv(tmp_path / "visits_clean.csv", index=False)
    pd.concat([TRAIN.assign(split="train"), TEST.assign(split="test")]).to_csv(tmp_path / "visits.csv", index=False)
    with sqlite3.connect(tmp_path / "db.sqlite") as connection:
        TRAIN.to_sql("visits_train", connection, index=False)
        TEST.to_sql("visits_test", connection, index=False)
    return tmp_path


def as_a_process(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(PROGRAM), *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "80"},
    )


FILES = ("train=visits_train.csv", "test=visits_test.parquet")


def could_not_check(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    for part in parts:
        assert part in done.stderr
    assert "Traceback" not in done.stderr


def test_a_leak_is_exit_code_1(folder: Path) -> None:
    done = as_a_process("audit", *FILES, "--group", "patient_id", "--target", "died", cwd=folder)
    assert done.returncode == 1, done.stderr
    assert "1 of 2 values of patient_id in test are also in train." in done.stdout
    assert "Leaked rows: test 1 of 2." in done.stdout
    assert "gx-leakage cases insufficient_stratification" in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines())


def test_no_leak_is_exit_code_0(folder: Path) -> None:
    done = as_a_process(
        "audit", "train=visits_train.csv", "test=visits_clean.csv", "--group", "patient_id",
        "--time", "visit_day", cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "No leak found by 4 checks" in done.stdout


def test_json(folder: Path) -> None:
    done = gx_leakage(
        "audit", "visits.csv", "--split-column", "split", "--group", "patient_id", "--format", "json",
        "--docs", "docs", cwd=folder,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["success"] is False
    assert report["splits"] == [{"name": "train", "rows": 3}, {"name": "test", "rows": 2}]
    first = report["findings"][0]
    assert set(first) == {"expectation", "case", "success", "verdict", "severity", "kwargs", "result", "error"}
    assert first["verdict"] == "leak"
    assert first["expectation"] == "expect_no_shared_group_ids_across_batches"
    assert first["case"] == "insufficient_stratification"
    assert first["severity"] == "critical"
    assert first["kwargs"]["group_columns"] == ["patient_id"]
    assert first["result"]["unexpected_count"] == 1
    assert first["error"] is None
    assert Path(report["data_docs"]).exists()


def test_markdown(folder: Path) -> None:
    done = gx_leakage("audit", *FILES, "--group", "patient_id", "--format", "markdown", cwd=folder)
    assert done.returncode == 1
    assert done.stdout.startswith("# 1 of 3 checks found a leak\n")
    assert "1 of 2 values of patient\\_id in test are also in train." in done.stdout


def test_tables(folder: Path) -> None:
    done = gx_leakage(
        "audit", "train=visits_train", "test=visits_test", "--group", "patient_id",
        "--connection", "sqlite:///${FOLDER}/db.sqlite", "--format", "json", "--save", "project",
        cwd=folder, FOLDER=str(folder),
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["findings"][0]["result"]["observed_value"] == 1
    assert "sqlite:///${FOLDER}/db.sqlite" in (folder / "project/great_expectations.yml").read_text(encoding="utf-8")


@pytest.mark.postgresql
def test_credentials_are_nowhere(folder: Path, postgresql: str) -> None:
    import sqlalchemy as sa

    engine = sa.create_engine(postgresql)
    TRAIN.to_sql("c_train", engine, index=False)
    TEST.to_sql("c_test", engine, index=False)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE ROLE auditor LOGIN PASSWORD 's3cret!' SUPERUSER")
    engine.dispose()
    url = postgresql.replace("postgres@", "auditor:s3cret%21@")
    done = gx_leakage(
        "audit", "train=c_train", "test=c_test", "--group", "patient_id", "--connection", url,
        "--docs", "docs", "--save", "project", "--format", "json", cwd=folder,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    written = [p for f in ("docs", "project") for p in (folder / f).rglob("*") if p.is_file()]
    assert len(written) > 10
    everything = done.stdout + done.stderr + "".join(p.read_text(encoding="utf-8", errors="replace") for p in written)
    assert "s3cret" not in everything
    assert "${GX_LEAKAGE_CONNECTION}" in (folder / "project/great_expectations.yml").read_text(encoding="utf-8")

    wrong = gx_leakage("audit", "train=c_train", "test=nothing", "--connection", url, cwd=folder)
    could_not_check(wrong, "nothing")
    assert "s3cret" not in wrong.stderr
    gone = gx_leakage(
        "audit", "train=a", "test=b", "--connection", "postgresql://auditor:s3cret%21@127.0.0.1:1/none", cwd=folder
    )
    could_not_check(gone, "gx-leakage:")
    assert "s3cret" not in gone.stderr


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("train=visits_train.csv", "test=visit_test.csv"), ("no file visit_test.csv", "visits_test.parquet")),
        (("train=visits_train.csv",), ("only one split ('train')",)),
        (("train=visits_train.csv", "test=empty.csv"), ("empty.csv is empty",)),
        (("train=visits_train.csv", "test=broken.parquet"), ("broken.parquet is no Parquet file, or was cut",)),
        (("train=visits_train.csv", "test=text.docx"), ("text.docx is not of a kind that is read",)),
        (("train=visits_train.csv", "train=visits_clean.csv"), ("two splits are called 'train'",)),
        (("train=visits_train.csv", "test=header.csv", "--group", "patient_id"), ("split 'test' is empty",)),
        ((*FILES, "--group", "patent_id"), ("no column 'patent_id'", "The nearest names: patient_id")),
        ((*FILES, "--group", "patient_id", "--train", "trian"), ("no split is called 'trian'",)),
        ((*FILES, "--time", "died", "--order", "train,tset"), ("'tset'", "The nearest names: test")),
        (("train=visits_train.csv", "test=visits_clean.csv", "--time", "visit_day", "--gap", "soon"), ("gap='soon'",)),
        (
            ("train=visits_train.csv", "test=text.parquet", "--time", "visit_day"),
            ("visit_day", "TEXT", "no order in time"),
        ),
        (("train=a", "test=b", "--connection", "nonsense"), ("not a URL",)),
        (("train=a", "test=b", "--connection", "sqlite:///nowhere/db.sqlite"), ("gx-leakage:",)),
        (("visits.csv", "--split-column", "spilt"), ("no column 'spilt'", "split")),
        ((*FILES, "--format", "yaml"), ("yaml",)),
        (("cases", "no_such_leak"), ()),
    ],
)
def test_bad_input_is_exit_code_2(folder: Path, arguments: tuple[str, ...], parts: tuple[str, ...]) -> None:
    TEST.astype({"visit_day": str}).to_parquet(folder / "text.parquet")
    (folder / "empty.csv").touch()
    (folder / "header.csv").write_text("patient_id,visit_day,died\n", encoding="utf-8")
    (folder / "broken.parquet").write_bytes(b"PAR1 but not really")
    (folder / "text.docx").write_text("x", encoding="utf-8")
    command = arguments if arguments[0] == "cases" else ("audit", *arguments)
    could_not_check(gx_leakage(*command, cwd=folder), *parts)


def test_all_roles(folder: Path) -> None:
    rows = pd.DataFrame({"day": [1, 2, 3, 4], "until": [2, 4, 4, 5], "lab": [1, 1, 1, 1], "lab_day": [1, 1, 9, 1]})
    rows["scan"] = "s"
    rows[:2].to_csv(folder / "a.csv", index=False)
    rows[2:].to_csv(folder / "b.csv", index=False)
    done = gx_leakage(
        "audit", "train=a.csv", "test=b.csv", "--time", "day", "--available-at", "lab=lab_day", "--sequence", "scan",
        "--frame", "day", "--window", "day,until", "--embargo", "1", "--format", "json", cwd=folder,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    found = {f["expectation"]: f["result"]["observed_value"] for f in json.loads(done.stdout)["findings"]}
    assert found == {
        "expect_no_identical_rows_across_batches": 0,
        "expect_batches_to_be_ordered_in_time": 0,
        "expect_features_to_be_available_at_prediction_time": 1,
        "expect_label_windows_not_to_overlap_across_batches": 1,
        "expect_no_interleaved_frames_across_batches": 1,
        "expect_preprocessing_to_be_fitted_on_train_batch_only": 0,
    }
    for wrong in (("--window", "day"), ("--available-at", "lab"), ("--sequence", "scan")):
        could_not_check(gx_leakage("audit", "train=a.csv", "test=b.csv", "--time", "day", *wrong, cwd=folder))


def test_hidden_values(folder: Path) -> None:
    done = gx_leakage("audit", *FILES, "--group", "patient_id", "--hide-values", "--format", "json", cwd=folder)
    for finding in json.loads(done.stdout)["findings"]:
        assert finding["result"]["partial_unexpected_list"] == []


def test_demo(tmp_path: Path) -> None:
    done = as_a_process("demo", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "11 of 11 values of firm in test are also in train." in done.stdout
    assert (tmp_path / "leakage_docs/index.html").exists()


def test_cases(tmp_path: Path) -> None:
    table = gx_leakage("cases", cwd=tmp_path)
    assert table.returncode == 0
    for case in ("insufficient", "test_intersect_tr", "ts_val_leak"):
        assert case in table.stdout
    page = gx_leakage("cases", "ts_val_leak", cwd=tmp_path)
    assert page.returncode == 0
    assert "Information from the future in validation" in page.stdout
    assert "How to avoid" in page.stdout


def test_junit(folder: Path) -> None:
    from xml.etree import ElementTree

    done = gx_leakage("audit", *FILES, "--group", "patient_id", "--format", "junit", cwd=folder)
    assert done.returncode == 1
    suite = ElementTree.fromstring(done.stdout)
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "0")
    assert suite[0].get("name") == "expect_no_shared_group_ids_across_batches(patient_id)"
    failure = suite[0].find("failure")
    assert failure is not None
    assert "are also in train" in str(failure.get("message"))


def test_fix(folder: Path) -> None:
    mixed = gx_leakage(
        "fix", *FILES, "--group", "patient_id", "--strategy", "reassign", "--allow", "--output", "no", cwd=folder
    )
    could_not_check(mixed, "visits_test.parquet is parquet, and visits_train.csv is csv")
    assert not (folder / "no").exists()
    TEST.to_csv(folder / "visits_test.csv", index=False)
    files = ("train=visits_train.csv", "test=visits_test.csv")
    arguments = ("fix", *files, "--group", "patient_id", "--strategy", "reassign", "--allow")
    done = gx_leakage(*arguments, "--output", "clean", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "No leak found" in done.stdout
    assert (folder / "clean" / "visits_test.csv").exists()
    could_not_check(gx_leakage(*arguments, cwd=folder), "--output DIR")


def test_fix_hides_values_too(folder: Path) -> None:
    for name, groups in (("a", ["zqone", "zqtwo"]), ("b", ["zqtwo", "zqten"])):
        pd.DataFrame({"g": groups, "x": [0.5, 1.5]}).to_csv(folder / f"{name}.csv", index=False)
    arguments = ("fix", "train=a.csv", "test=b.csv", "--group", "g", "--hide-values", "--allow")
    done = gx_leakage(*arguments, "--output", "clean", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "zq" not in done.stdout + done.stderr
    assert (folder / "clean/b.csv").read_text() == "g,x\nzqten,1.5\n"


def test_what_fix_does_elsewhere_is_refused(folder: Path) -> None:
    files = gx_leakage("fix", "visits.csv", "--split-column", "split", "--output", "clean", "--run", cwd=folder)
    tables = gx_leakage("fix", "a=b", "c=d", "--connection", "sqlite:///x.sqlite", "--output", "clean", cwd=folder)
    for done, message in ((files, "--run is for tables"), (tables, "--output is for files")):
        assert (done.returncode, done.stdout) == (2, "")
        assert message in done.stderr
