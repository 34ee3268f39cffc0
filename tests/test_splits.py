"""The three ways in which a validated batch finds the other splits, and what is said when it cannot."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from great_expectations.core.partitioners import PartitionerColumnValue

import great_expectations as gx
import gx_leakage as gxl

TRAIN = pd.DataFrame({"patient": [1, 2, 3], "split": "train"})
TEST = pd.DataFrame({"patient": [3, 4], "split": "test"})
CLEAN = pd.DataFrame({"patient": [8, 9], "split": "validation"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, frame in (("train", TRAIN), ("test", TEST), ("validation", CLEAN)):
        frame.to_csv(tmp_path / f"visits_{name}.csv", index=False)
    with sqlite3.connect(tmp_path / "visits.sqlite") as connection:
        pd.concat([TRAIN, TEST, CLEAN]).to_sql("visits", connection, index=False)
        TRAIN.to_sql("train", connection, index=False)
    return tmp_path


def run(context: Any, definition: Any, batch_parameters: dict[str, Any] | None = None, **arguments: Any) -> Any:
    suite = context.suites.add(
        gx.ExpectationSuite(
            name=f"s{len(list(context.suites.all()))}",
            expectations=[gxl.ExpectNoSharedGroupIdsAcrossBatches(group_columns=["patient"], **arguments)],
        )
    )
    validation = context.validation_definitions.add(
        gx.ValidationDefinition(name=suite.name, data=definition, suite=suite)
    )
    checkpoint = context.checkpoints.add(gx.Checkpoint(name=suite.name, validation_definitions=[validation]))
    (result,) = checkpoint.run(batch_parameters=batch_parameters).run_results.values()
    return result.results[0]


def names(result: Any) -> list[str]:
    assert result.exception_info["raised_exception"] is False, result.exception_info["exception_message"]
    return [split["name"] for split in result.result["details"]["splits"]]


def error(result: Any) -> str:
    assert result.success is False
    assert result.exception_info["raised_exception"] is True
    return str(result.exception_info["exception_message"])


def files(context: Any, folder: Path, name: str = "files") -> Any:
    return context.data_sources.add_pandas_filesystem(name, base_directory=folder).add_csv_asset("visits")


def sqlite_table(context: Any, folder: Path, table: str = "visits") -> Any:
    source = context.data_sources.add_sqlite("db", connection_string=f"sqlite:///{folder}/visits.sqlite")
    return source.add_table_asset(table, table_name=table)


class TestSiblings:
    """All batches of the validated batch's own definition."""

    def test_files_named_by_the_group_split(self, context: Any, folder: Path) -> None:
        definition = gxl.add_file_splits(files(context, folder), "splits", r"visits_(?P<split>\w+)\.csv")
        result = run(context, definition)
        assert names(result) == ["train", "validation", "test"]
        assert result.result["observed_value"] == 1

    def test_files_named_by_their_stem(self, context: Any, folder: Path) -> None:
        definition = gxl.add_file_splits(files(context, folder), "splits", r"visits_.*\.csv")
        assert sorted(names(run(context, definition))) == ["visits_test", "visits_train", "visits_validation"]

    def test_values_of_a_partition(self, context: Any, folder: Path) -> None:
        definition = sqlite_table(context, folder).add_batch_definition(
            "splits", partitioner=PartitionerColumnValue(column_name="split")
        )
        result = run(context, definition)
        assert names(result) == ["train", "validation", "test"]
        assert result.result["unexpected_count"] == 1

    def test_days_of_a_partition(self, context: Any, tmp_path: Path) -> None:
        days = pd.DataFrame({"patient": [1, 2, 1], "day": pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-02"])})
        with sqlite3.connect(tmp_path / "visits.sqlite") as connection:
            days.to_sql("visits", connection, index=False)
        definition = sqlite_table(context, tmp_path).add_batch_definition_daily("daily", column="day")
        result = run(context, definition)
        assert len(names(result)) == 2
        assert result.result["unexpected_count"] == 2  # without a train split both days are judged

    def test_one_batch_alone(self, context: Any, folder: Path) -> None:
        definition = sqlite_table(context, folder).add_batch_definition_whole_table("all")
        assert "only one split ('visits') was found" in error(run(context, definition))

    def test_frames_that_are_alike_are_told_apart(self, context: Any) -> None:
        definition = (
            context.data_sources.add_pandas("p").add_dataframe_asset("a").add_batch_definition_whole_dataframe("d")
        )
        with gxl.dataframe_splits(train=TRAIN, test=TEST, again=TEST.copy()) as parameters:
            result = run(context, definition, parameters)
        assert names(result) == ["train", "test", "again"]
        assert [p["splits"] for p in result.result["details"]["overlap"]] == [
            ["train", "test"],
            ["train", "again"],
            ["test", "again"],
        ]

    def test_a_frame_without_its_siblings(self, context: Any) -> None:
        definition = (
            context.data_sources.add_pandas("p").add_dataframe_asset("a").add_batch_definition_whole_dataframe("d")
        )
        assert "dataframe_splits()" in error(run(context, definition, {"dataframe": TEST}))


class TestBatches:
    """Other batch definitions, by name."""

    def test_of_the_same_asset_whose_batch_ids_collide(self, context: Any, folder: Path) -> None:
        asset = files(context, folder)
        for name in ("train", "validation", "test"):
            asset.add_batch_definition_path(name, path=f"visits_{name}.csv")
        definition = asset.get_batch_definition("test")
        batches = {name: {"batch_definition": name} for name in ("train", "validation")}
        result = run(context, definition, batches=batches, batch_name="test")
        assert names(result) == ["train", "validation", "test"]
        assert [(p["splits"], p["keys"]) for p in result.result["details"]["overlap"]] == [(["train", "test"], 1)]

    def test_given_as_batch_definitions(self, context: Any, folder: Path) -> None:
        asset = files(context, folder)
        train = asset.add_batch_definition_path("train", path="visits_train.csv")
        test = asset.add_batch_definition_path("test", path="visits_test.csv")
        result = run(context, test, batches={"train": train})
        assert names(result) == ["train", "visits_test"]
        assert result.result["observed_value"] == 1

    @pytest.mark.parametrize("kind", ["sqlite", "postgresql", "spark"])
    def test_in_another_engine(self, context: Any, folder: Path, kind: str, request: pytest.FixtureRequest) -> None:
        """Train where ``kind`` is, test in a pandas file: they are brought together in DuckDB."""
        if kind == "sqlite":
            train = sqlite_table(context, folder, "train").add_batch_definition_whole_table("all")
        elif kind == "spark":
            request.getfixturevalue("spark")
            asset = context.data_sources.add_spark_filesystem("db", base_directory=folder).add_csv_asset(
                "train", header=True, infer_schema=True
            )
            train = asset.add_batch_definition_path("all", path="visits_train.csv")
        else:
            import sqlalchemy as sa

            url = request.getfixturevalue("postgresql")
            engine = sa.create_engine(url)
            TRAIN.to_sql("train", engine, index=False, if_exists="replace")
            engine.dispose()
            source = context.data_sources.add_postgres("db", connection_string=url)
            train = source.add_table_asset("train", table_name="train").add_batch_definition_whole_table("all")
        test = files(context, folder).add_batch_definition_path("test", path="visits_test.csv")
        batches = {"train": {"data_source": "db", "asset": "train", "batch_definition": train.name}}
        result = run(context, test, batches=batches, batch_name="test")
        assert names(result) == ["train", "test"]
        assert result.result["details"]["overlap"] == [
            {"splits": ["train", "test"], "keys": 1, "rows": {"train": 1, "test": 1}}
        ]
        assert "leaked_rows_query" not in result.result["details"]

    @pytest.mark.skipif(gx.__version__ < "1.24", reason="before 1.24 GX itself looks in the ambient Data Context")
    def test_of_the_context_that_owns_the_batch(self, folder: Path, context: Any) -> None:
        asset = files(context, folder)
        asset.add_batch_definition_path("train", path="visits_train.csv")
        test = asset.add_batch_definition_path("test", path="visits_test.csv")
        gx.get_context(mode="ephemeral")  # is the ambient one from now on, and has no such data source
        result = run(context, test, batches={"train": {"batch_definition": "train"}}, batch_name="test")
        assert names(result) == ["train", "test"]

    @pytest.mark.parametrize(
        ("reference", "message"),
        [
            ({"batch_definition": "trian"}, "no batch definition 'trian'. The nearest names: train"),
            ({"asset": "visit", "batch_definition": "train"}, "no data asset 'visit'. The nearest names: visits"),
            ({"data_source": "flies", "batch_definition": "x"}, "no data source 'flies'. The nearest names: files"),
            ({"batchdefinition": "train"}, "a key 'batchdefinition'. The nearest names: batch_definition"),
            ({}, "needs a batch_definition"),
        ],
    )
    def test_that_do_not_exist(self, context: Any, folder: Path, reference: dict[str, str], message: str) -> None:
        asset = files(context, folder)
        asset.add_batch_definition_path("train", path="visits_train.csv")
        test = asset.add_batch_definition_path("test", path="visits_test.csv")
        assert message in error(run(context, test, batches={"train": reference}, batch_name="test"))

    def test_named_twice(self, context: Any, folder: Path) -> None:
        asset = files(context, folder)
        test = asset.add_batch_definition_path("test", path="visits_test.csv")
        assert "named twice" in error(
            run(context, test, batches={"test": {"batch_definition": "test"}}, batch_name="test")
        )


class TestSplitColumn:
    """The values of a column."""

    def test_one_statement_for_the_names_and_one_for_all_pairs(self, context: Any, folder: Path) -> None:
        import sqlalchemy as sa

        definition = sqlite_table(context, folder).add_batch_definition_whole_table("all")
        statements: list[str] = []

        def listen(*given: Any) -> None:
            statements.append(given[2])

        sa.event.listen(sa.Engine, "before_cursor_execute", listen)
        result = run(context, definition, split_column="split")
        sa.event.remove(sa.Engine, "before_cursor_execute", listen)
        assert names(result) == ["train", "validation", "test"]
        of_data = [text for text in statements if re.search(r"GROUP BY", text)]
        assert len(of_data) == 2

    def test_missing(self, context: Any, folder: Path) -> None:
        definition = sqlite_table(context, folder).add_batch_definition_whole_table("all")
        assert "no column 'spilt'. The nearest names: split" in error(run(context, definition, split_column="spilt"))

    def test_with_one_value(self, context: Any, folder: Path) -> None:
        definition = sqlite_table(context, folder, "train").add_batch_definition_whole_table("all")
        assert "has one value only ('train')" in error(run(context, definition, split_column="split"))

    def test_with_too_many_values(self, context: Any, tmp_path: Path) -> None:
        with sqlite3.connect(tmp_path / "visits.sqlite") as connection:
            pd.DataFrame({"patient": range(200)}).to_sql("visits", connection, index=False)
        definition = sqlite_table(context, tmp_path).add_batch_definition_whole_table("all")
        assert "more than 100 values" in error(run(context, definition, split_column="patient"))

    def test_of_numbers(self, context: Any, tmp_path: Path) -> None:
        folds = pd.DataFrame({"patient": [1, 2, 1, 3], "fold": [0, 0, 1, 2]})
        with sqlite3.connect(tmp_path / "visits.sqlite") as connection:
            folds.to_sql("visits", connection, index=False)
        definition = sqlite_table(context, tmp_path).add_batch_definition_whole_table("all")
        result = run(context, definition, split_column="fold")
        assert names(result) == ["0", "1", "2"]
        assert result.result["observed_value"] == 1

    def test_rows_without_a_split_are_reported(self, context: Any, tmp_path: Path) -> None:
        rows = pd.DataFrame({"patient": [1, 2, 1], "split": ["train", "test", None]})
        with sqlite3.connect(tmp_path / "visits.sqlite") as connection:
            rows.to_sql("visits", connection, index=False)
        definition = sqlite_table(context, tmp_path).add_batch_definition_whole_table("all")
        result = run(context, definition, split_column="split")
        assert result.success is True
        assert result.result["details"]["rows_without_split"] == 1


def test_a_query_asset(context: Any, folder: Path) -> None:
    source = context.data_sources.add_sqlite("db", connection_string=f"sqlite:///{folder}/visits.sqlite")
    query = "SELECT patient, upper(split) AS part FROM visits WHERE patient < 9"
    definition = source.add_query_asset("q", query=query).add_batch_definition_whole_table("all")
    result = run(context, definition, split_column="part")
    assert names(result) == ["TRAIN", "TEST", "VALIDATION"] or sorted(names(result)) == ["TEST", "TRAIN", "VALIDATION"]
    assert result.result["observed_value"] == 1


@pytest.mark.postgresql
def test_no_permission_on_one_table(context: Any, postgresql: str) -> None:
    import sqlalchemy as sa

    engine = sa.create_engine(postgresql)
    with engine.begin() as connection:
        for statement in (
            "CREATE TABLE p_train (patient int)",
            "CREATE TABLE p_test (patient int)",
            "INSERT INTO p_train VALUES (1)",
            "INSERT INTO p_test VALUES (1)",
            "CREATE ROLE reader LOGIN",
            "GRANT SELECT ON p_test TO reader",
        ):
            connection.exec_driver_sql(statement)
    engine.dispose()
    source = context.data_sources.add_postgres("db", connection_string=postgresql.replace("postgres@", "reader@"))
    assets = {name: source.add_table_asset(name, table_name=f"p_{name}") for name in ("test",)}
    test = assets["test"].add_batch_definition_whole_table("all")
    with pytest.raises(Exception, match="permission denied"):
        source.add_table_asset("train", table_name="p_train")
    result = run(context, test, split_column="patient")
    assert "one value only" in error(result)


def test_dataframe_splits_needs_two() -> None:
    with pytest.raises(gxl.CouldNotCheckError, match="two or more"), gxl.dataframe_splits(train=TRAIN):
        pass
