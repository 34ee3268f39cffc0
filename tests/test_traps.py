"""The traps of GX that concern us (numbered as in the notes on GX), each with what closes it."""

from __future__ import annotations

import copy
import gc
import json
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

import great_expectations as gx
import great_expectations.expectations as gxe
import gx_leakage as gxl
from gx_leakage.gx.sources import file_context

TRAIN = pd.DataFrame({"patient": [1, 2, 3], "day": [1, 2, 3]})
TEST = pd.DataFrame({"patient": [3, 4], "day": [3, 4]})


def in_memory(context: Any, expectations: list[Any], **checkpoint: Any) -> Any:
    definition = context.data_sources.add_pandas("p").add_dataframe_asset("a").add_batch_definition_whole_dataframe("d")
    suite = context.suites.add(gx.ExpectationSuite(name="s", expectations=[copy.copy(e) for e in expectations]))
    validation = context.validation_definitions.add(gx.ValidationDefinition(name="v", data=definition, suite=suite))
    return context.checkpoints.add(gx.Checkpoint(name="c", validation_definitions=[validation], **checkpoint))


def results(checkpoint: Any, **run: Any) -> list[Any]:
    with gxl.dataframe_splits(train=TRAIN, test=TEST) as parameters:
        (result,) = checkpoint.run(batch_parameters=parameters, **run).run_results.values()
    return list(result.results)


def counted(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> list[Any]:
    """Return a list that grows by one with each call of a function."""
    calls: list[Any] = []
    function = getattr(owner, name)

    def counting(*arguments: Any, **named: Any) -> Any:
        calls.append(arguments)
        return function(*arguments, **named)

    monkeypatch.setattr(owner, name, counting)
    return calls


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of ours with a stored checkpoint over two files that leak."""
    TRAIN.to_csv(tmp_path / "train.csv", index=False)
    TEST.to_csv(tmp_path / "test.csv", index=False)
    folder = tmp_path / "project"
    made = file_context(folder)
    asset = made.data_sources.add_pandas_filesystem("files", base_directory=tmp_path).add_csv_asset("files")
    definition = gxl.add_file_splits(asset, "splits", r"(?P<split>train|test)\.csv")
    suite = made.suites.add(
        gx.ExpectationSuite(name="s", expectations=[gxl.ExpectNoSharedGroupIdsAcrossBatches(group_columns=["patient"])])
    )
    validation = made.validation_definitions.add(gx.ValidationDefinition(name="v", data=definition, suite=suite))
    made.checkpoints.add(
        gx.Checkpoint(
            name="c",
            validation_definitions=[validation],
            actions=[gxl.LeakageReportAction(directory="uncommitted/out")],
        )
    )
    return folder


RUN = """
import great_expectations as gx
context = gx.get_context(mode="file", context_root_dir={folder!r})
result = context.checkpoints.get("c").run()
print("SUCCESS", result.success, [len(r.results) for r in result.run_results.values()])
"""


def run_elsewhere(folder: Path, script: str = RUN) -> subprocess.CompletedProcess[str]:
    code = script.format(folder=str(folder))
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder.parent, check=False)


class TestT1UnregisteredExpectations:
    """GX drops stored Expectations that nobody registered, and reports success."""

    def test_our_store_registers_them_in_a_process_that_imports_nothing(self, project: Path) -> None:
        done = run_elsewhere(project)
        assert "SUCCESS False [1]" in done.stdout, done.stderr

    def test_the_files_of_the_action_are_written(self, project: Path) -> None:
        run_elsewhere(project)
        report = json.loads((project / "uncommitted/out/leakage.json").read_text(encoding="utf-8"))
        assert report["success"] is False
        assert report["splits"] == [{"name": "train", "rows": 3}, {"name": "test", "rows": 2}]
        assert report["findings"][0]["result"]["observed_value"] == 1
        markdown = (project / "uncommitted/out/leakage.md").read_text(encoding="utf-8")
        assert "1 of 2 values of patient in test are also in train" in markdown

    def test_without_our_store_the_action_does_not_load(self, project: Path) -> None:
        config = project / "great_expectations.yml"
        config.write_text(
            config.read_text(encoding="utf-8").replace("module_name: gx_leakage.store", ""), encoding="utf-8"
        )
        done = run_elsewhere(project)
        assert done.returncode != 0
        assert "SUCCESS" not in done.stdout
        assert "leakage_report" in done.stderr

    def test_an_expectation_that_nobody_knows_is_an_error(self, project: Path) -> None:
        (suite,) = (project / "expectations").glob("*.json")
        stored = suite.read_text(encoding="utf-8")
        suite.write_text(
            stored.replace("expect_no_shared_group_ids_across_batches", "expect_no_leak_of_tomorrow"), encoding="utf-8"
        )
        done = run_elsewhere(project)
        assert done.returncode != 0
        assert "expect_no_leak_of_tomorrow" in done.stderr


class TestT3ResultsThatOverwriteEachOther:
    """Two validation definitions with one suite and colliding batch ids leave one result."""

    def test_the_action_says_so(self, context: Any, tmp_path: Path) -> None:
        TRAIN.to_csv(tmp_path / "a.csv", index=False)
        asset = context.data_sources.add_pandas_filesystem("f", base_directory=tmp_path).add_csv_asset("f")
        suite = context.suites.add(
            gx.ExpectationSuite(name="s", expectations=[gxl.ExpectNoIdenticalRowsAcrossBatches()])
        )
        validations = [
            context.validation_definitions.add(
                gx.ValidationDefinition(name=n, data=asset.add_batch_definition_path(n, path="a.csv"), suite=suite)
            )
            for n in ("one", "two")
        ]
        checkpoint = context.checkpoints.add(
            gx.Checkpoint(name="c", validation_definitions=validations, actions=[gxl.LeakageReportAction()])
        )
        with pytest.raises(gxl.CouldNotCheckError, match="2 validation definitions but 1 results"):
            checkpoint.run()

    def test_a_run_without_any_leakage_check_is_an_error(self, context: Any) -> None:
        checkpoint = in_memory(context, [gxe.ExpectTableRowCountToEqual(value=2)], actions=[gxl.LeakageReportAction()])
        with pytest.raises(gxl.CouldNotCheckError, match="no leakage check"):
            checkpoint.run(batch_parameters={"dataframe": TEST})


def test_t4_file_splits_read_back_from_yaml(project: Path) -> None:
    stored = (project / "great_expectations.yml").read_text(encoding="utf-8")
    assert "param_names: []" in stored
    reread = gx.get_context(mode="file", context_root_dir=project)
    definition = reread.data_sources.get("files").get_asset("files").get_batch_definition("splits")
    assert definition.get_batch().metadata["path"] in ("train.csv", "test.csv")


class TestT6ErrorsOfOneCheck:
    """What raises in a metric is retried, recomputes its neighbours and changes the order of results."""

    def test_order_is_kept_and_the_others_are_computed_once(
        self, context: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from gx_leakage.engines.duckdb import DuckDBEngine

        fetched = counted(monkeypatch, DuckDBEngine, "fetch")
        checkpoint = in_memory(
            context,
            [
                gxl.ExpectNoSharedGroupIdsAcrossBatches(group_columns=["patient"]),
                gxl.ExpectNoSharedGroupIdsAcrossBatches(group_columns=["patience"]),
                gxl.ExpectNoIdenticalRowsAcrossBatches(),
                gxe.ExpectTableRowCountToEqual(value=2),
            ],
        )
        found = results(checkpoint)
        assert [r.success for r in found] == [False, False, False, True]
        assert [r.exception_info["raised_exception"] for r in found] == [False, True, False, False]
        assert "no column 'patience'" in found[1].exception_info["exception_message"]
        assert len(fetched) == 3  # what is shared, and what is said besides of groups; identical rows

    def test_expectations_with_one_question_share_its_answer(
        self, context: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from gx_leakage.engines.duckdb import DuckDBEngine
        from gx_leakage.splits import resolve as splits

        fetched = counted(monkeypatch, DuckDBEngine, "fetch")
        resolved = counted(monkeypatch, splits, "resolve")
        checkpoint = in_memory(
            context,
            [
                gxl.ExpectNoSharedGroupIdsAcrossBatches(group_columns=["patient"]),
                gxl.ExpectNoSharedGroupIdsAcrossBatches(group_columns=["patient"], mostly=0.1),
                gxl.ExpectBatchesToBeOrderedInTime(time_column="day"),
            ],
        )
        found = results(checkpoint)
        assert [r.success for r in found] == [False, True, False]
        assert len(resolved) == 1
        assert len(fetched) == 2 + 3  # two for both of the first; bounds, counts and samples for the third


def test_t7_duckdb_works_with_the_metrics_of_gx(context: Any, tmp_path: Path) -> None:
    url = f"duckdb+gx:///{tmp_path}/t.duckdb"
    engine = sa.create_engine(url)
    TRAIN.to_sql("train", engine, index=False)
    engine.dispose()
    asset = context.data_sources.add_sql("d", connection_string=url).add_table_asset("train", table_name="train")
    batch = asset.add_batch_definition_whole_table("all").get_batch()
    assert batch.validate(gxe.ExpectTableRowCountToEqual(value=3)).success is True
    assert batch.validate(gxe.ExpectColumnValuesToBeUnique(column="patient")).success is True
    assert (
        batch.validate(gxe.ExpectColumnValuesToBeInSet(column="patient", value_set=[1, 2])).result["unexpected_count"]
        == 1
    )


def test_t9_frames_are_let_go_of(context: Any) -> None:
    checkpoint = in_memory(context, [gxl.ExpectNoSharedGroupIdsAcrossBatches(group_columns=["patient"])])
    train, test = TRAIN.copy(), TEST.copy()
    with gxl.dataframe_splits(train=pd.concat([train, train]), test=test) as parameters:
        checkpoint.run(batch_parameters=parameters)
        from gx_leakage.splits.resolve import _frames

        other = weakref.ref(_frames.get()[-1]["train"])
    gc.collect()
    assert other() is None


class TestSuiteParameters:
    """``{"$PARAMETER": name}`` works for every argument."""

    def test_are_replaced_at_run_time(self, context: Any) -> None:
        checkpoint = in_memory(
            context,
            [
                gxl.ExpectNoSharedGroupIdsAcrossBatches(
                    group_columns={"$PARAMETER": "group"},
                    mostly={"$PARAMETER": "mostly"},
                    train={"$PARAMETER": "train"},
                )
            ],
        )
        given = {"group": ["patient"], "mostly": 0.5, "train": "train"}
        (tolerated,) = results(checkpoint, expectation_parameters=given)
        (strict,) = results(checkpoint, expectation_parameters={**given, "mostly": 0.6})
        assert tolerated.result["unexpected_percent"] == 50.0
        assert (tolerated.success, strict.success) == (True, False)


class TestResultFormats:
    """What a result holds follows GX."""

    @pytest.fixture
    def run(self, context: Any) -> Any:
        def run(result_format: Any) -> Any:
            checkpoint = in_memory(
                context,
                [gxl.ExpectNoSharedGroupIdsAcrossBatches(group_columns=["patient"])],
                result_format=result_format,
            )
            return results(checkpoint)[0]

        return run

    def test_boolean_only(self, run: Any) -> None:
        found = run("BOOLEAN_ONLY")
        assert found.success is False
        assert found.result == {}

    def test_basic_and_summary(self, run: Any) -> None:
        assert set(run("BASIC").result) == {
            "observed_value", "element_count", "unexpected_count", "unexpected_percent",
            "partial_unexpected_list", "details",
        }  # fmt: skip

    def test_complete(self, run: Any) -> None:
        found = run({"result_format": "COMPLETE", "partial_unexpected_count": 0})
        assert found.result["partial_unexpected_list"] == []
        assert found.result["unexpected_list"] == [3]
        assert found.result["details"]["unexpected_list_is_capped"] is False

    def test_severity_and_schema(self) -> None:
        given: dict[str, Any] = {"severity": "warning"}
        expectation = gxl.ExpectNoSharedGroupIdsAcrossBatches(group_columns=["patient"], **given)
        assert expectation.configuration.to_json_dict()["severity"] == "warning"
        assert "group_columns" in expectation.schema()["properties"]

    def test_wrong_arguments_are_refused(self) -> None:
        odd: dict[str, Any] = {"row_condition": "x > 1"}
        with pytest.raises(ValueError, match="mostly"):
            gxl.ExpectNoIdenticalRowsAcrossBatches(mostly=1.5)
        with pytest.raises(ValueError, match="row_condition is not honoured"):
            gxl.ExpectNoIdenticalRowsAcrossBatches(**odd)


class TestSharedScans:
    """Expectations of one suite that ask the same share the answer, and the splits."""

    def statements(self, expectations: list[Any], monkeypatch: pytest.MonkeyPatch) -> int:
        from gx_leakage.engines.duckdb import DuckDBEngine

        run: list[Any] = []
        fetch = DuckDBEngine.fetch

        def counting(self: DuckDBEngine, statement: Any) -> Any:
            run.append(statement)
            return fetch(self, statement)

        monkeypatch.setattr(DuckDBEngine, "fetch", counting)
        frame = pd.DataFrame({"y": [0, 1] * 50, "x": range(100), "id": range(100)})
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
        asset = context.data_sources.add_pandas("p").add_dataframe_asset("a")
        definition = asset.add_batch_definition_whole_dataframe("d")
        suite = context.suites.add(gx.ExpectationSuite(name="s", expectations=[copy.copy(e) for e in expectations]))
        validation = context.validation_definitions.add(gx.ValidationDefinition(name="v", data=definition, suite=suite))
        with gxl.dataframe_splits(train=frame[:70], test=frame[70:]) as parameters:
            result = validation.run(batch_parameters=parameters)
        assert len(result.results) == len(expectations)
        assert not any(one.exception_info["raised_exception"] for one in result.results)
        monkeypatch.undo()
        return len(run)

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            (
                gxl.ExpectNoFeatureToRevealTarget(target_column="y", exclude_columns=["id"]),
                gxl.ExpectNoFeatureToRevealTarget(target_column="y", exclude_columns=["id"], max_score=0.5),
            ),
            (
                gxl.ExpectNoSharedGroupIdsAcrossBatches(group_columns=["id"]),
                gxl.ExpectNoSharedGroupIdsAcrossBatches(group_columns=["id"], mostly=0.5),
            ),
            (
                gxl.ExpectMissingnessNotToRevealTarget(target_column="y"),
                gxl.ExpectMissingnessNotToRevealTarget(target_column="y", max_association=0.1),
            ),
        ],
        ids=["association", "overlap", "missingness"],
    )
    def test_one_scan_for_two_thresholds(self, first: Any, second: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        alone = self.statements([first], monkeypatch)
        assert self.statements([first, second], monkeypatch) == alone

    def test_fifty_columns_take_no_more_statements_than_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        one = self.statements([gxl.ExpectNoFeatureToRevealTarget(target_column="y", columns=["x"])], monkeypatch)
        both = self.statements([gxl.ExpectNoFeatureToRevealTarget(target_column="y")], monkeypatch)
        assert one == both == 4  # the splits of the target, its classes, all contingency tables, exact images
