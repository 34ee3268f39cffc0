"""Whatever kind a split is of, the counts are those of the same frame of pandas."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    LeaveOneGroupOut,
    RepeatedKFold,
    ShuffleSplit,
    TimeSeriesSplit,
)

import gx_leakage as gxl

SHARED = "expect_no_shared_group_ids_across_batches"
ROWS = "expect_no_identical_rows_across_batches"
TRAIN = pd.DataFrame({"g": ["a", "b", "c", "c"], "x": [1.0, 2.0, 3.0, 4.0], "y": [0, 1, 0, 1]})
TEST = pd.DataFrame({"g": ["c", "d", "e"], "x": [5.0, 6.0, 7.0], "y": [1, 0, 1]})


class Dataset:
    """What a data set of Hugging Face has of what is asked for; see below for a real one."""

    __module__ = "datasets.arrow_dataset"

    def __init__(self, table: Any, info: Any = None, split: Any = None) -> None:
        self.table, self.split = table, split
        self.info = info or SimpleNamespace(copy=lambda: None)

    def with_format(self, kind: str) -> Any:
        assert kind == "arrow"
        return self

    def __getitem__(self, key: slice) -> pa.Table:
        return self.table[key]

    def select(self, rows: Any) -> Any:
        return Dataset(self.table.take(rows))


KINDS: dict[str, tuple[Callable[[pd.DataFrame], Any], type]] = {
    "pandas": (lambda frame: frame, pd.DataFrame),
    "an index": (lambda frame: frame.set_index("g"), pd.DataFrame),
    "polars": (pl.from_pandas, pl.DataFrame),
    "polars, lazy": (lambda frame: pl.from_pandas(frame).lazy(), pl.LazyFrame),
    "Arrow": (pa.Table.from_pandas, pa.Table),
    "a reader": (lambda frame: pa.Table.from_pandas(frame).to_reader(), pa.Table),
    "a batch": (pa.RecordBatch.from_pandas, pa.Table),
    "DuckDB": (lambda frame: duckdb.from_arrow(pa.Table.from_pandas(frame)), pa.Table),
    "(X, y)": (lambda frame: (frame[["g", "x"]], frame["y"]), tuple),
    "(X, y) of polars": (lambda frame: (pl.from_pandas(frame[["g", "x"]]), pl.from_pandas(frame)["y"]), tuple),
    "(X, y), an array": (lambda frame: (frame[["g", "x"]], frame["y"].to_numpy()), tuple),
}


def _found(report: Any, check: str) -> Any:
    return next(one for one in report.findings if one.expectation == check)


@pytest.mark.parametrize("kind", KINDS)
def test_all_kinds_have_the_same_counts_and_come_back(kind: str) -> None:
    made, back = KINDS[kind]
    report = gxl.audit({"train": made(TRAIN), "test": made(TEST)}, group="g")
    assert _found(report, SHARED).result["observed_value"] == 1
    assert isinstance(report.clean_splits().splits["test"], back)
    with pytest.raises(gxl.LeakFoundError, match="1 of 3 values of g"):
        gxl.assert_expectation(
            gxl.ExpectNoSharedGroupIdsAcrossBatches(group_columns=["g"]), train=made(TRAIN), test=made(TEST)
        )


def test_clean_splits_have_the_types_that_were_given() -> None:
    schema = {"g": pl.Enum(["a", "b", "c"]), "d": pl.Decimal(10, 2), "t": pl.Datetime("ns", "Europe/Berlin")}
    rows = {"g": ["a", "b"], "d": [Decimal("1.25"), None], "t": [dt.datetime(2020, 1, 1), dt.datetime(2021, 1, 1)]}
    train = pl.DataFrame(rows, schema=schema)
    later = {"g": ["b", "c"], "d": [Decimal("2.5"), None], "t": [dt.datetime(2022, 1, 1), dt.datetime(2023, 1, 1)]}
    test = pl.DataFrame(later, schema=schema)
    clean = gxl.audit({"train": train, "test": test}, group="g").clean_splits().splits["test"]
    assert clean.equals(test[1:])
    assert clean.schema == test.schema


def test_an_array_comes_back_as_an_array() -> None:
    train, test = np.array([[1, 2], [3, 4]], "i2"), np.array([[3, 4], [5, 6]], "i2")
    clean = gxl.audit({"train": train, "test": test}).clean_splits().splits["test"]
    assert clean.dtype == test.dtype
    assert clean.tolist() == [[5, 6]]


def test_a_data_set_of_hugging_face_by_its_protocol() -> None:
    made = {name: Dataset(pa.Table.from_pandas(frame)) for name, frame in (("train", TRAIN), ("test", TEST))}
    assert _found(gxl.audit(made, group="g"), SHARED).result["observed_value"] == 1


def test_a_real_data_set_of_hugging_face() -> None:
    datasets = pytest.importorskip("datasets", reason="datasets is heavy; its protocol is tested above")
    made = datasets.DatasetDict(
        # What is selected is an index over a table, which holds other rows too.
        train=datasets.Dataset.from_pandas(pd.concat([TRAIN, TEST])).select(range(4)),
        test=datasets.Dataset.from_pandas(TEST),
    )
    report = gxl.audit(made, group="g")
    assert _found(report, SHARED).result["observed_value"] == 1
    clean = report.clean_splits().splits["test"]
    assert isinstance(clean, datasets.Dataset)
    assert clean["g"][:] == ["d", "e"]
    assert clean.features == made["test"].features


def test_columns_of_arrow_are_not_copied() -> None:
    from gx_leakage.engines.duckdb import arrow_table
    from gx_leakage.splits.frames import opened_frame

    table = pa.table({"a": pa.array([1, 2, 3]), "b": pa.array(["x", "y", None]), "c": [0.5, 1.5, 2.5]})
    seen = arrow_table(opened_frame("train", table))
    for name in table.column_names:
        before, after = (one.column(name).chunk(0).buffers()[-1] for one in (table, seen))
        assert before.address == after.address


def test_an_index_is_a_column_only_where_it_is_named() -> None:
    train, test = TRAIN.set_index("g"), TEST.assign(x=[1.0, 8.0, 9.0], y=[0, 1, 1]).set_index("g")
    bare = gxl.audit({"train": train, "test": test})
    assert _found(bare, ROWS).result["observed_value"] == 1
    named = gxl.audit({"train": train, "test": test}, group="g")
    assert _found(named, SHARED).result["observed_value"] == 1
    clean = named.clean_splits().splits["test"]
    assert list(clean.columns) == ["x", "y"]
    assert clean.index.name == "g"


def test_frames_of_two_kinds_in_a_checkpoint() -> None:
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    source = context.data_sources.add_pandas("memory").add_dataframe_asset("rows")
    suite = context.suites.add(
        gx.ExpectationSuite(name="leakage", expectations=[gxl.ExpectNoSharedGroupIdsAcrossBatches(group_columns=["g"])])
    )
    validation = context.validation_definitions.add(
        gx.ValidationDefinition(name="rows", data=source.add_batch_definition_whole_dataframe("all"), suite=suite)
    )
    with gxl.dataframe_splits(train=pl.from_pandas(TRAIN), test=pa.Table.from_pandas(TEST)) as parameters:
        assert len(parameters["dataframe"]) == len(TEST)
        found = validation.run(batch_parameters=parameters).results[0]
    assert found.result["observed_value"] == 1
    with pytest.raises(gxl.CouldNotCheckError, match="is a path"), gxl.dataframe_splits(a="a.csv", b=TEST):
        pass


def test_arrays_in_the_order_of_train_test_split() -> None:
    x_train, x_test = TRAIN[["x"]].to_numpy(), TEST[["x"]].to_numpy()
    report = gxl.audit_arrays(
        x_train,
        x_test,
        TRAIN["y"],
        TEST["y"].rename("y"),
        groups=(TRAIN["g"], TEST["g"]),
        times=([1, 2, 3, 4], [4, 5, 6]),
    )
    assert _found(report, SHARED).result["observed_value"] == 1
    assert "expect_batches_to_be_ordered_in_time" in {one.expectation for one in report.findings}
    assert {one.kwargs["target_column"] for one in report.findings if one.kwargs.get("target_column")} == {"y"}


THREE: Any = [1, 2, 3]
WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "widths": (lambda: gxl.audit_arrays(np.eye(3), np.eye(2)), "'train' has 3, 'test' has 2"),
    "y of one": (lambda: gxl.audit_arrays(np.eye(2), np.eye(2), [1, 2]), "of one of train and test"),
    "no pair": (lambda: gxl.audit_arrays(np.eye(2), np.eye(2), groups=THREE), "has to be a pair"),
    "lengths": (lambda: gxl.audit_arrays(np.eye(2), np.eye(2), groups=([1], [1])), "groups of train has 1 values"),
    "a path": (lambda: gxl.audit_folds("x.csv", cv=KFold(2)), "rows in memory"),
    "a number": (lambda: gxl.audit_folds(np.eye(4), cv=5), "makes no folds"),
    "no folds": (lambda: gxl.audit_folds(np.eye(4), cv=[]), "makes no folds"),
    "no pairs": (lambda: gxl.audit_folds(np.eye(4), cv=[([0], [1], [2])]), "fold 1 of cv is no pair"),
    "nobody": (lambda: gxl.audit_folds(np.eye(4), cv=[([0], [])]), "test of fold 1 has no rows"),
    "labels": (lambda: gxl.audit_folds(np.eye(4), cv=[([0], [99])]), "positions, not labels"),
    "before": (lambda: gxl.audit_folds(np.eye(4), cv=[([0], [-1])]), "positions, not labels"),
    "fractions": (lambda: gxl.audit_folds(np.eye(4), cv=[([0.5], [1])]), "positions, whole numbers"),
    "a short mask": (lambda: gxl.audit_folds(np.eye(4), cv=[([True], [False])]), "mask of 1 rows"),
    "no groups": (lambda: gxl.audit_folds(np.eye(4), cv=GroupKFold(2)), "could not split the rows"),
    "no seed": (lambda: gxl.audit_folds(np.eye(4), cv=ShuffleSplit(2)), "shuffles anew"),
    "train": (lambda: gxl.audit_folds(np.eye(4), cv=KFold(2), train="a"), "leave it out"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_together_is_refused(case: str) -> None:
    call, said = WRONG[case]
    with pytest.raises(gxl.CouldNotCheckError, match=said):
        call()


@st.composite
def _cross_validations(draw: st.DrawFn) -> tuple[pd.DataFrame, list[tuple[Any, Any]]]:
    """Draw rows, and folds of them: those of splitters, or any that overlap."""
    size = draw(st.integers(8, 24))
    rows = pd.DataFrame(
        {
            "g": draw(st.lists(st.integers(0, 9), min_size=size, max_size=size)),
            "x": draw(st.lists(st.integers(0, 6), min_size=size, max_size=size)),
            "z": draw(st.lists(st.integers(0, 2), min_size=size, max_size=size)),
        }
    )
    seed = draw(st.integers(0, 9))
    some = st.lists(st.integers(0, size - 1), min_size=1, max_size=size)
    splitters: list[Any] = [
        KFold(3), KFold(2, shuffle=True, random_state=seed), TimeSeriesSplit(2),
        GroupShuffleSplit(2, random_state=seed),
        RepeatedKFold(n_splits=2, n_repeats=2, random_state=seed),
    ]  # fmt: skip
    if rows["g"].nunique() > 2:
        splitters += [GroupKFold(3), LeaveOneGroupOut()]
    splitters = splitters if rows["g"].nunique() > 1 else splitters[:3]
    chosen = draw(st.one_of(st.sampled_from(splitters), st.lists(st.tuples(some, some), min_size=1, max_size=3)))
    folds = chosen if isinstance(chosen, list) else list(chosen.split(rows, None, rows["g"]))
    return rows, [(np.asarray(train), np.asarray(test)) for train, test in folds]


def _by_hand(rows: pd.DataFrame, folds: list[tuple[Any, Any]]) -> Iterator[tuple[int, int]]:
    """Yield how many rows of each fold have a group of its train rows, and how many are rows of it."""
    for train, test in folds:
        own, fitted = rows.iloc[test], rows.iloc[train]
        alike = own[["x", "z"]].apply(tuple, axis=1).isin(set(fitted[["x", "z"]].apply(tuple, axis=1)))
        yield int(own["g"].isin(fitted["g"]).sum()), int(alike.sum())


@settings(max_examples=8, deadline=None)
@given(_cross_validations())
def test_folds_are_those_of_plain_pandas(drawn: tuple[pd.DataFrame, list[tuple[Any, Any]]]) -> None:
    rows, folds = drawn
    every_row = {"expect_no_identical_rows_across_batches": {"allow_coincidence": False}}
    report = gxl.audit_folds(pl.from_pandas(rows[["x", "z"]]), cv=folds, groups=rows["g"], arguments=every_row)
    wanted = list(_by_hand(rows, folds))
    for at, check in enumerate((SHARED, ROWS)):
        found = _found(report, check)
        leaked = [one[at] for one in wanted]
        told = found.result["details"]["leaked_rows"]
        assert [told.get(f"fold {no}", 0) for no in range(1, len(folds) + 1)] == leaked
        assert found.result["unexpected_count"] == sum(leaked)
        assert found.success == (not any(leaked))
        verdicts = [one["verdict"] for one in found.result["details"]["folds"]]
        assert [verdict == "leak" for verdict in verdicts] == [rows > 0 for rows in leaked]
    assert bool(report) == (not any(map(any, wanted)))


def test_a_report_says_which_folds_leak() -> None:
    groups = [1, 1, 2, 3, 4, 4]
    rows = np.arange(12).reshape(6, 2)
    folds = [([0, 2, 3], [1]), ([0, 1], [2, 3]), ([0, 1, 2, 3, 4], [5])]
    report = gxl.audit_folds(rows, cv=folds, groups=groups)
    found = _found(report, SHARED)
    assert found.sentence.startswith(
        "2 of 3 folds leak. 1 of 1 values of group in fold 1 are also in fold 1 train. 1 of"
    )
    assert "fold 3 1 of 1" in found.rows
    for text in (str(report), report.to_json(), report.to_markdown(), report.to_junit()):
        assert "fold 3 train" in text
    with pytest.raises(gxl.CouldNotCheckError, match="folds are not cleaned"):
        report.clean_splits()


def test_a_fold_that_could_not_be_checked_is_no_pass() -> None:
    groups = [None, 1, 2, 1]
    found = gxl.audit_folds(np.arange(8).reshape(4, 2), cv=[([1, 2], [0]), ([1, 2], [3])], groups=groups)
    assert not found
    leaked, wrong = (one for one in found.findings if one.expectation == SHARED)
    assert leaked.verdict.value == "leak"
    assert "1 of 2 folds could not be checked" in str(wrong.error)


def test_folds_are_in_the_order_of_time() -> None:
    rows = np.arange(20).reshape(10, 2)
    times = pd.date_range("2020-01-01", periods=10)
    assert gxl.audit_folds(rows, cv=TimeSeriesSplit(3), times=times)
    order = "expect_batches_to_be_ordered_in_time"
    shuffled = gxl.audit_folds(rows, cv=KFold(3), times=times)
    (found,) = (one for one in shuffled.findings if one.expectation == order)
    assert [one["verdict"] == "leak" for one in found.result["details"]["folds"]] == [True, True, False]


@pytest.mark.spark
def test_a_frame_of_spark_beside_others(spark: Any) -> None:
    test = spark.createDataFrame([tuple(row) for row in TEST.itertuples(index=False)], "g string, x double, y int")
    report = gxl.audit({"train": pl.from_pandas(TRAIN), "test": test}, group="g")
    assert _found(report, SHARED).result["observed_value"] == 1
    with pytest.raises(gxl.CouldNotCheckError, match="not cleaned together"):
        report.clean_splits()
