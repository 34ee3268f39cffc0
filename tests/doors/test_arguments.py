"""Arguments mean what they say, or are refused by a sentence."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from great_expectations.compatibility import pydantic

import great_expectations as gx
import gx_leakage as gxl
from tests.doors.test_secrets import run

FRAME = pd.DataFrame({"g": [1, 2], "t": [1, 2], "y": [0, 1]})

REFUSED: dict[str, tuple[Any, dict[str, Any], str]] = {
    "no column": (gxl.ExpectNoSharedGroupIdsAcrossBatches, {"group_columns": []}, "names no column"),
    "a misspelt argument": (gxl.ExpectNoSharedGroupIdsAcrossBatches, {"group_column": ["g"]}, "group_columns"),
    "a condition": (
        gxl.ExpectNoSharedGroupIdsAcrossBatches, {"group_columns": "g", "row_condition": "x"}, "not honoured",
    ),
    "a share beyond 1": (gxl.ExpectNoSharedGroupIdsAcrossBatches, {"group_columns": "g", "mostly": 2}, "between 0 and"),
    "a gap that is none": (gxl.ExpectBatchesToBeOrderedInTime, {"time_column": "t", "gap": float("nan")}, "nan"),
    "a score that is none": (
        gxl.ExpectNoFeatureToRevealTarget, {"target_column": "y", "max_score": float("nan")}, "nan",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    expectation, arguments, message = REFUSED[case]
    with pytest.raises(pydantic.ValidationError, match=message):
        expectation(**arguments)


def _validated(expectation: Any, **run_: Any) -> Any:
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
    frames = context.data_sources.add_pandas("p").add_dataframe_asset("a").add_batch_definition_whole_dataframe("b")
    suite = context.suites.add(gx.ExpectationSuite(name="s", expectations=[expectation]))
    validation = context.validation_definitions.add(gx.ValidationDefinition(name="v", data=frames, suite=suite))
    with gxl.dataframe_splits(train=FRAME, test=FRAME) as parameters:
        (one,) = validation.run(batch_parameters=parameters, **run_).results
    return one


def test_one_column_is_a_list_of_one() -> None:
    assert gxl.ExpectNoSharedGroupIdsAcrossBatches(group_columns="g").group_columns == ["g"]
    parameter = gxl.ExpectNoSharedGroupIdsAcrossBatches(group_columns={"$PARAMETER": "who"})
    one = _validated(parameter, expectation_parameters={"who": "g"})
    assert one.result["unexpected_count"] == len(FRAME)


def test_options_of_a_result_that_change_nothing_are_refused() -> None:
    expectation = gxl.ExpectNoSharedGroupIdsAcrossBatches(group_columns="g")
    asked = {"result_format": "COMPLETE", "unexpected_index_column_names": ["g"]}
    one = _validated(expectation, result_format=asked)
    assert "not honoured" in one.exception_info["exception_message"]


def test_a_failure_ends_at_the_callers_line() -> None:
    with pytest.raises(gxl.LeakFoundError) as caught:
        gxl.assert_expectation(gxl.ExpectNoSharedGroupIdsAcrossBatches(group_columns="g"), train=FRAME, test=FRAME)
    shown = "".join(traceback.format_exception(caught.value))
    assert shown.count("Traceback") == 1
    assert "great_expectations" not in shown
    assert len(traceback.extract_tb(caught.value.__traceback__)) <= 2  # ours, and the caller's


# What is asked for and cannot be checked is no pass.
ASKED: dict[str, tuple[dict[str, Any], str]] = {
    "metadata without a target": ({"metadata": "t"}, "metadata needs target"),
    "availability without a time": ({"available_at": {"g": "t"}}, "available_at needs prediction_time"),
    "an embargo without windows": ({"embargo": 1}, "embargo needs window"),
    "a gap without a time": ({"gap": 1}, "gap needs time"),
    "a unit without a time": ({"unit": "day"}, "unit needs time"),
    "an order without a time": ({"order": ["train", "test"]}, "order needs time"),
    "a frame without its sequence": ({"frame": "t"}, "frame needs sequence"),
    "a target of one value": ({"target": "one"}, "one value only"),
    "a target that nobody knows": ({"target": "none"}, "no row has a value"),
    "a group that nobody knows": ({"group": "none"}, "no row with a value"),
    "a time that nobody knows": ({"time": "none"}, "no row with a value"),
    "an id that nobody knows": ({"id": "none", "target": "y"}, "no row has both"),
    "a split without a name": ({"time": "t", "order": ["train", "tset"]}, "The nearest names: test"),
    "a share that is none": ({"mostly": float("nan")}, "nan"),
}


@pytest.mark.parametrize("case", ASKED)
def test_what_is_asked_for_is_checked_or_refused(case: str) -> None:
    roles, message = ASKED[case]
    frame = pd.concat([FRAME.assign(one=1, none=None)] * 10, ignore_index=True)

    def checked() -> None:
        report = gxl.audit({"train": frame, "test": frame.assign(x=range(20))}, **roles)
        assert not report
        raise gxl.CouldNotCheckError("\n".join(finding.sentence for finding in report.errors))

    with pytest.raises(gxl.CouldNotCheckError, match=message):
        checked()


def test_splits_that_are_not_looked_at_are_said() -> None:
    frames = {name: pd.DataFrame({"t": [i, None]}) for i, name in enumerate(["train", "validation", "test"])}
    report = gxl.audit(frames, time="t", order=["train", "test"])
    (finding,) = [one for one in report.findings if "ordered" in one.expectation]
    assert "Not looked at, for the order does not name them: validation." in finding.sentence
    assert "1 rows in train and 1 rows in test" in finding.sentence


def test_rows_without_a_split_are_said() -> None:
    frame = pd.DataFrame({"g": range(10), "fold": ["train"] * 4 + ["test"] * 3 + [None] * 3})
    report = gxl.audit(frame, split_column="fold", group="g")
    assert all("3 rows are in no split, and were not checked." in finding.sentence for finding in report.findings)
    frame["fold"] = ["train", "test", *[None] * 8]
    with pytest.raises(gxl.CouldNotCheckError, match="names no split in 8 of 10 rows"):
        gxl.audit(frame, split_column="fold", group="g")


def test_a_report_is_true_when_nothing_leaks() -> None:
    leaky = gxl.audit({"train": FRAME, "test": FRAME}, group="g")
    assert not leaky
    assert "LEAK" in str(leaky)
    clean = gxl.audit({"train": FRAME, "test": FRAME + 10}, group="g")
    assert clean
    assert not gxl.audit({"train": FRAME, "test": FRAME + 10}, group="h")


def test_options_beside_a_file_add_to_it_or_override_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, start in (("train", 0), ("test", 2)):
        pd.DataFrame({"g": [f"zq{i}" for i in range(start, start + 4)], "h": range(start * 10, start * 10 + 4)}).to_csv(
            tmp_path / f"{name}.csv", index=False
        )
    config = tmp_path / "leakage.yml"
    config.write_text("splits: {train: train.csv, test: test.csv}\nroles: {group: h}\n")
    assert run(capsys, monkeypatch, "audit", str(config))[0] == 0
    code, out, _ = run(capsys, monkeypatch, "audit", str(config), "--group", "g")
    assert (code, "zq2" in out) == (1, True)
    code, out, _ = run(capsys, monkeypatch, "audit", str(config), "--group", "g", "--hide-values")
    assert (code, "zq2" in out) == (1, False)
    assert run(capsys, monkeypatch, "audit", str(config), "--group", "g", "--mostly", "0.5")[0] == 0
