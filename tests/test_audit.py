"""The Python API: DataFrames, files, tables."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

import great_expectations as gx
import gx_leakage as gxl

TRAIN = pd.DataFrame(
    {"patient_id": [1, 1, 2], "visit_day": ["2024-01-01", "2024-01-02", "2024-02-01"], "died": [0, 0, 1]}
)
TEST = pd.DataFrame({"patient_id": [2, 3], "visit_day": ["2024-01-15", "2024-03-01"], "died": [1, 0]})
for frame in (TRAIN, TEST):
    frame["visit_day"] = pd.to_datetime(frame["visit_day"])
CLEAN = TEST[TEST["patient_id"] == 3]
ROLES: dict[str, Any] = {"group": ["patient_id"], "time": "visit_day", "target": "died"}


def found(report: gxl.Report) -> dict[str, tuple[bool, Any]]:
    assert not report.errors, report.errors
    return {f.expectation: (f.success, f.result["observed_value"]) for f in report.findings}


LEAKY = {
    "expect_no_shared_group_ids_across_batches": (False, 1),
    "expect_no_identical_rows_across_batches": (True, 0),
    "expect_batches_to_be_ordered_in_time": (False, 1),
    "expect_preprocessing_to_be_fitted_on_train_batch_only": (True, 0),
}


def test_frames() -> None:
    report = gxl.audit({"train": TRAIN, "test": TEST}, **ROLES)
    assert found(report) == LEAKY
    assert report.success is False
    assert report.splits == [{"name": "train", "rows": 3}, {"name": "test", "rows": 2}]
    with pytest.raises(gxl.LeakFoundError, match="1 of 2 values of patient_id in test are also in train"):
        report.raise_for_leaks()


def test_clean_frames() -> None:
    report = gxl.audit({"train": TRAIN, "test": CLEAN}, **ROLES)
    assert report.success is True
    report.raise_for_leaks()


def patients(rows: int, seed: int) -> Any:
    random = np.random.default_rng(seed)
    died = random.permutation(rows) < rows // 2
    value = random.normal(size=rows)
    return pd.DataFrame(
        {
            "patient_id": np.arange(rows) + 1000 * seed,
            "row": np.argsort(np.argsort(died, kind="stable")),
            "ward": np.where(died, "a", "b"),
            "cause": ["heart" if one else None for one in died],
            "value": value,
            "died": died,
        }
    )


def test_roles_of_the_target() -> None:
    train, test = patients(200, 1), patients(100, 2)
    pooled = pd.concat([train["value"], test["value"]])
    for part in (train, test):
        part["value"] = (part["value"] - pooled.mean()) / pooled.std()
    report = gxl.audit(
        {"train": train, "test": test},
        group="patient_id", id="row", metadata="ward", feature=["cause", "value"], target="died",
    )  # fmt: skip
    assert not report.errors
    leaking = {f.expectation: f.result["partial_unexpected_list"] for f in report.findings if f.leaked}
    assert leaking == {
        "expect_no_feature_to_reveal_target": ["cause"],
        "expect_no_category_to_reveal_target": ["cause"],
        "expect_missingness_not_to_reveal_target": ["cause"],
        "expect_metadata_not_to_predict_target": ["ward"],
        "expect_row_ids_to_be_independent_of_target": ["test", "train"],
        "expect_preprocessing_to_be_fitted_on_train_batch_only": ["value"],
    }
    severities = {f.expectation: f.severity for f in report.findings}
    assert severities["expect_metadata_not_to_predict_target"] == "critical"  # the ward is the target, too
    assert severities["expect_preprocessing_to_be_fitted_on_train_batch_only"] == "critical"
    assert severities["expect_no_feature_to_reveal_target"] == "critical"  # the cause is the target in other words


def test_columns_with_a_role_are_no_features() -> None:
    report = gxl.audit({"train": patients(200, 1), "test": patients(100, 2)}, target="died", metadata="ward", id="row")
    (features,) = [f for f in report.findings if f.expectation == "expect_no_feature_to_reveal_target"]
    assert {c["column"] for c in features.result["details"]["columns"]} == {"patient_id", "cause", "value"}


def test_a_target_that_cannot_be_learnt_is_an_error_and_no_pass() -> None:
    train, test = patients(20, 1).assign(died=True), patients(10, 2).assign(died=True)
    report = gxl.audit({"train": train, "test": test}, target="died", group="patient_id")
    assert not report
    assert any("has one value only" in finding.sentence for finding in report.errors)


def test_an_unlabelled_test_split() -> None:
    train, test = patients(200, 1), patients(100, 2).drop(columns="died")
    report = gxl.audit({"train": train, "test": test}, target="died", group="patient_id")
    assert not report.errors
    assert "Not judged: test, without died." in report.to_json()
    with pytest.raises(gxl.CouldNotCheckError, match="no column 'dies'"):
        gxl.audit({"train": train, "test": test}, target="dies").raise_for_leaks()


def test_what_is_left_out_is_said() -> None:
    report = gxl.audit({"train": TRAIN, "test": TEST})
    assert [f.expectation for f in report.findings] == [
        "expect_no_identical_rows_across_batches",
        "expect_preprocessing_to_be_fitted_on_train_batch_only",
    ]
    assert "shared group ids (group)" in report.not_checked
    not_checked = report.to_markdown().split("Not checked, for want of what is in brackets: ")[1]
    assert not_checked.startswith("shared group ids (group), conflicting labels (target), reversed edges (edge), ")


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "parquet", "jsonl", "folder"])
def test_files(tmp_path: Path, kind: str) -> None:
    paths = {}
    for name, rows in (("train", TRAIN), ("test", TEST)):
        path = tmp_path / (name if kind == "folder" else f"{name} it's.{kind}")
        if kind.startswith("csv"):
            rows.to_csv(path, index=False)
        elif kind == "jsonl":
            written = rows.assign(visit_day=rows["visit_day"].dt.strftime("%Y-%m-%d %H:%M:%S"))
            written.to_json(path, orient="records", lines=True)
        else:
            if kind == "folder":
                path.mkdir()
            rows.to_parquet(path / "part-0.parquet" if kind == "folder" else path)
        paths[name] = path
    assert found(gxl.audit(paths, **ROLES)) == LEAKY


def test_a_frame_and_a_file(tmp_path: Path) -> None:
    TRAIN.to_parquet(tmp_path / "train.parquet")
    assert found(gxl.audit({"train": tmp_path / "train.parquet", "test": TEST}, **ROLES)) == LEAKY


def test_one_file_with_a_split_column(tmp_path: Path) -> None:
    both = pd.concat([TRAIN.assign(split="train"), TEST.assign(split="test")])
    both.to_csv(tmp_path / "visits.csv", index=False)
    assert found(gxl.audit(tmp_path / "visits.csv", split_column="split", **ROLES)) == LEAKY
    assert found(gxl.audit(both, split_column="split", **ROLES)) == LEAKY


def test_sqlite_tables(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "db.sqlite") as connection:
        TRAIN.to_sql("train_visits", connection, index=False)
        TEST.to_sql("test_visits", connection, index=False)
    report = gxl.audit(
        {"train": "train_visits", "test": "test_visits"}, connection=f"sqlite:///{tmp_path}/db.sqlite", **ROLES
    )
    assert found(report) == LEAKY
    query = report.findings[0].result["details"]["leaked_rows_query"]
    with sqlite3.connect(tmp_path / "db.sqlite") as connection:
        rows = connection.execute(query).fetchall()
    assert [(row[0], row[1]) for row in rows] == [("test", 2)]


@pytest.mark.postgresql
def test_postgresql_tables_in_a_schema(postgresql: str) -> None:
    import sqlalchemy as sa

    engine = sa.create_engine(postgresql)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA ml")
    TRAIN.to_sql("train", engine, schema="ml", index=False)
    TEST.to_sql("test", engine, schema="ml", index=False)
    report = gxl.audit({"train": "ml.train", "test": "ml.test"}, connection=postgresql, **ROLES)
    assert found(report) == LEAKY
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(report.findings[2].result["details"]["leaked_rows_query"]).all()
    engine.dispose()
    assert len(rows) == 1


@pytest.mark.spark
def test_spark_frames(spark: Any) -> None:
    rows = [tuple(row) for row in TRAIN.astype(object).itertuples(index=False)]
    schema = "patient_id long, visit_day timestamp, died long"
    train = spark.createDataFrame([(a, b.to_pydatetime(), c) for a, b, c in rows], schema)
    test = spark.createDataFrame([(a, b.to_pydatetime(), c) for a, b, c in TEST.itertuples(index=False)], schema)
    assert found(gxl.audit({"train": train, "test": test}, **ROLES)) == LEAKY


def test_save_is_a_project_that_runs_again(tmp_path: Path) -> None:
    for name, rows in (("train", TRAIN), ("test", TEST)):
        rows.to_csv(tmp_path / f"{name}.csv", index=False)
    gxl.audit({n: tmp_path / f"{n}.csv" for n in ("train", "test")}, save=tmp_path / "project", **ROLES)
    context = gx.get_context(mode="file", context_root_dir=tmp_path / "project")
    result = context.checkpoints.get("leakage").run()
    assert result.success is False
    assert [len(r.results) for r in result.run_results.values()] == [4]
    assert (tmp_path / "project/uncommitted/leakage/leakage.md").exists()


def test_docs(tmp_path: Path) -> None:
    report = gxl.audit({"train": TRAIN, "test": TEST}, docs=tmp_path / "docs", **ROLES)
    assert report.data_docs == str(tmp_path / "docs/index.html")
    assert (tmp_path / "docs/index.html").exists()
    pages = list((tmp_path / "docs/validations").rglob("*.html"))
    assert len(pages) == 1


def test_assert_expectation() -> None:
    check = gxl.ExpectNoSharedGroupIdsAcrossBatches(group_columns=["patient_id"])
    with pytest.raises(AssertionError, match="are also in train"):
        gxl.assert_expectation(check, train=TRAIN, test=TEST)
    assert gxl.assert_expectation(check, train=TRAIN, test=CLEAN).success is True
    with pytest.raises(gxl.CouldNotCheckError, match="no column 'patient'"):
        gxl.assert_expectation(
            gxl.ExpectNoSharedGroupIdsAcrossBatches(group_columns=["patient"]), train=TRAIN, test=TEST
        )


def test_an_object_column_of_several_types_is_an_error() -> None:
    odd = pd.DataFrame({"patient_id": [1, "a"]})
    report = gxl.audit({"train": odd, "test": odd}, group="patient_id")
    assert all("holds values of several types" in (finding.error or "") for finding in report.findings)


def test_categories_and_nullable_types() -> None:
    train = pd.DataFrame({"g": pd.Categorical(["a", "b"]), "n": pd.array([1, None], dtype="Int64")})
    test = pd.DataFrame({"g": pd.Categorical(["b", "c"]), "n": pd.array([None, 2], dtype="Int64")})
    report = gxl.audit({"train": train, "test": test}, group=["g"])
    assert {name: value for name, (_, value) in found(report).items()} == {
        "expect_no_shared_group_ids_across_batches": 1,
        "expect_no_identical_rows_across_batches": 1,
        "expect_preprocessing_to_be_fitted_on_train_batch_only": 0,
    }


def test_one_split_is_checked_for_what_needs_one(tmp_path: Path) -> None:
    """What columns say of the target is in one split as well; what compares splits is said to be wanting another."""
    rows = patients(60, 1)
    rows = rows.assign(copy=rows["died"].astype(int), row=range(len(rows)))
    rows.to_csv(tmp_path / "rows.csv", index=False)
    for given in ({"rows": rows}, str(tmp_path / "rows.csv")):
        report = gxl.audit(given, target="died", id="row", group="patient_id")
        found = {finding.expectation: finding for finding in report.findings}
        assert set(found) == {
            "expect_no_category_to_reveal_target",
            "expect_no_conflicting_labels_for_identical_rows",
            "expect_no_feature_to_reveal_target",
            "expect_no_features_to_reveal_target_together",
            "expect_missingness_not_to_reveal_target",
            "expect_row_ids_to_be_independent_of_target",
        }
        revealing = found["expect_no_feature_to_reveal_target"]
        assert (revealing.severity, revealing.result["partial_unexpected_list"]) == (
            "critical",
            ["cause", "copy", "ward"],
        )
        assert "shared group ids (a second split)" in report.not_checked
        with pytest.raises(gxl.CouldNotCheckError, match="only one split"):
            gxl.audit(given, group="patient_id")


def test_the_moment_of_a_prediction_needs_no_order_in_time() -> None:
    rows = pd.DataFrame({"lab": range(20), "lab_day": [1] * 19 + [9], "day": [2] * 20})
    splits = {"train": rows[::2], "test": rows[1::2]}
    report = gxl.audit(splits, available_at={"lab": "lab_day"}, prediction_time="day")
    names = [finding.expectation for finding in report.findings]
    assert "expect_features_to_be_available_at_prediction_time" in names
    assert "expect_batches_to_be_ordered_in_time" not in names
    report = gxl.audit(splits, available_at={"lab": "lab_day"}, time="day")
    assert "expect_batches_to_be_ordered_in_time" in [finding.expectation for finding in report.findings]


@pytest.mark.parametrize(
    ("splits", "roles", "message"),
    [
        ({}, {}, "no splits"),
        ({"train": TRAIN}, {}, "only one split"),
        ({"train": "nothing.csv", "test": "nothing.csv"}, {}, "no file nothing.csv"),
        ({"train": TRAIN, "test": TEST}, {"split_column": "x"}, "several are given"),
    ],
)
def test_bad_input(splits: Any, roles: Any, message: str) -> None:
    with pytest.raises(gxl.CouldNotCheckError, match=message):
        gxl.audit(splits, **roles)


def test_times_among_repeated_rows_have_no_length() -> None:
    random = np.random.default_rng(1)
    rows = pd.DataFrame({"at": pd.date_range("2024-01-01", periods=200, freq="h"), "x": random.normal(size=200)})
    report = gxl.audit({"train": rows[:150], "test": pd.concat([rows[150:], rows[:5]])})
    assert not report.errors
    assert [(f.expectation, f.result["unexpected_count"]) for f in report.findings if f.leaked] == [
        ("expect_no_identical_rows_across_batches", 5)
    ]


@pytest.mark.parametrize("where", ["frames", "sqlite", "postgresql"])
def test_an_id_whose_constants_conflict_is_said(tmp_path: Path, where: str, request: pytest.FixtureRequest) -> None:
    """Two cats that are called alike are of two species, where all others are of one."""
    rows = pd.DataFrame({"name": np.repeat([f"cat {i}" for i in range(40)], 3), "species": np.repeat(["lynx"] * 40, 3)})
    rows["weight"], rows["tame"], rows["born"] = np.arange(120) % 7, False, pd.Timestamp("2020-01-01")
    rows.loc[5, "species"] = "ocelot"
    parts = {"train": rows[:62], "test": rows[62:]}
    if where == "frames":
        report = gxl.audit(parts, group="name")
    else:
        url = f"sqlite:///{tmp_path / 'cats.sqlite'}" if where == "sqlite" else request.getfixturevalue(where)
        engine = sa.create_engine(url)
        for name, part in parts.items():
            part.to_sql(f"cats_{name}", engine, index=False, if_exists="replace")
        engine.dispose()
        report = gxl.audit({name: f"cats_{name}" for name in parts}, group="name", connection=url)
    found = next(f for f in report.findings if f.expectation == "expect_no_shared_group_ids_across_batches")
    assert found.result["details"]["conflicting_constants"] == [{"column": "species", "keys": 1, "of": 40}]
    assert "may stand for two things: species differs within 1 of 40 of several rows." in found.sentence
