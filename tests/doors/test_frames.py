"""What is in a frame is compared as exactly as it is stored, or the check says of which column it cannot be."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse

import gx_leakage as gxl

SHARED = "expect_no_shared_group_ids_across_batches"
ROWS = "expect_no_identical_rows_across_batches"
D = Decimal


def _found(splits: Any, check: str, **roles: Any) -> Any:
    return next(one for one in gxl.audit(splits, **roles).findings if one.expectation == check)


def _shared(train: Any, test: Any, **roles: Any) -> Any:
    """Return how many values are shared, or why that cannot be said."""
    frames = {
        name: pd.DataFrame({"g": values, "u": [f"{name}{i}" for i in range(len(values))]})
        for name, values in (("train", train), ("test", test))
    }
    try:
        found = _found(frames, SHARED, group="g", **roles)
    except gxl.CouldNotCheckError as error:
        return str(error)
    return found.error or found.result["observed_value"]


HALF = pd.Series(["\ud800", "a"], dtype=object)  # which pandas's own type for texts does not hold

EXACT: dict[str, tuple[Any, Any, Any]] = {
    "float32 and float64": (np.array([0.5, 7], "f4"), [0.5, 8.0], 1),
    "float32 and float64 beyond 2^24": (np.array([123456792, 5], "f4"), [123456789.0, 6.0], r"beyond 2\^24"),
    "float64 and float32 beyond 2^24": ([123456789.0, 6.0], np.array([123456792, 5], "f4"), r"beyond 2\^24"),
    "float64 beyond float32": (np.array([0.5], "f4"), [1e300, 0.5], r"beyond 2\^24"),
    "what is infinite is exact": (np.array([0.5, np.inf], "f4"), [1.5, np.inf], 1),
    "float32 alone": (np.array([123456792, 5], "f4"), np.array([123456792, 6], "f4"), 1),
    "lengths of time": (pd.to_timedelta(["1D", "2D"]), pd.to_timedelta(["24h", "3D"]), 1),
    "lengths of nanoseconds": (pd.to_timedelta([1, 5]), pd.to_timedelta([2, 6]), "'g'.*finer than microseconds"),
    "float16": (np.array([0.5, 2], "f2"), np.array([0.5, 3], "f2"), 1),
    "float16 and float64": (np.array([0.5, 2], "f2"), [0.5, 3.0], 1),
    "decimals of 51 digits": ([D("1E+50"), D(1)], [D("1E+50"), D(2)], "'g'.*more than 38 digits"),
    "long doubles": (np.array([1, 2], np.longdouble), np.array([1, 3], np.longdouble), "'g'.*float128|'g'.*longdouble"),
    "sparse": (pd.arrays.SparseArray([1, 2]), pd.arrays.SparseArray([1, 3]), 1),
    "half of a character": (HALF, pd.Series(["b"], dtype=object), "'g'.*half of a character"),
    "a category with half of a character": (pd.Categorical(HALF), pd.Categorical(["a"]), "'g'.*half of a character"),
    "periods": (pd.period_range("2020", periods=2, freq="M"), pd.period_range("2020", periods=2, freq="M"), "'g'"),
    "lists": ([[1], [2]], [[1], [3]], "'g'.*cannot be compared"),
}


@pytest.mark.parametrize("case", EXACT)
def test_keys_are_compared_exactly_or_not_at_all(case: str) -> None:
    train, test, wanted = EXACT[case]
    found = _shared(train, test)
    if isinstance(wanted, int):
        assert found == wanted
    else:
        assert re.search(wanted, str(found))


@pytest.mark.parametrize("name", ["", "\ud800"], ids=["empty", "half of a character"])
def test_a_column_without_a_name_is_refused(name: str) -> None:
    frame = pd.DataFrame(np.array([[1, 1], [2, 2]]), columns=pd.Index([name, "g"], dtype=object))
    with pytest.raises(gxl.CouldNotCheckError, match="column 0 of the DataFrame"):
        gxl.audit({"train": frame, "test": frame}, group="g")


ALIKE = "Write them alike"
BY_TEXT: dict[str, tuple[Any, Any, Any]] = {
    "whole numbers and texts": ([1, 10**16, 2**63 - 1], ["1", "10000000000000000", "9223372036854775807"], 3),
    "whole floats and texts": ([1.0, 2.0**53 - 1, 1e15], ["1", "9007199254740991", "1000000000000000"], 3),
    "whole floats and whole numbers": ([1.0, 1e15, 0.5], [1, 10**15, 2], 2),
    "floats beyond 2^53 and texts": ([1e16], ["10000000000000000"], "beyond 2^53"),
    "floats beyond 2^53 and whole numbers": ([10**16], [1e16], "beyond 2^53"),
    "float32 beyond 2^24": (np.array([123456792], "f4"), ["123456792"], "beyond 2^24"),
    "booleans and texts": ([True, False], ["True", "no"], ALIKE),
    "booleans and whole numbers": ([True, False], [1, 0], ALIKE),
    "booleans": ([True, False], [True, True], 1),
    "dates and texts": ([dt.date(2020, 1, 1)], ["2020-01-01"], ALIKE),
    "times and texts": (pd.to_datetime(["2020-01-01 10:00"]), ["2020-01-01T10:00:00"], ALIKE),
    "dates and times": ([dt.date(2020, 1, 1)], pd.to_datetime(["2020-01-01"]), 1),
    "bytes and texts": ([b"a"], ["a"], ALIKE),
    "decimals of two scales": ([D("1.50"), D("2.00")], [D("1.500"), D("2")], 2),
    "decimals and floats": ([D("1.50"), D("2.00")], [1.5, 2.0], 2),
    "whole decimals and texts": ([D("1.00"), D(10**30)], ["1", str(10**30)], 2),
    "decimals and texts": ([D("1.50")], ["1.5"], "more than one way"),
    "texts": (["01", "1"], ["1", "2"], 1),
}


@pytest.mark.parametrize("case", BY_TEXT)
def test_what_is_advised_makes_no_wrong_pass(case: str) -> None:
    train, test, wanted = BY_TEXT[case]
    found = _shared(train, test, normalize=["text"])
    assert found == wanted if isinstance(wanted, int) else wanted in found


def test_text_is_advised_only_where_it_helps() -> None:
    assert "normalize=['text']" in _shared([1], ["1"])
    assert "normalize=['text']" not in _shared([True], ["True"])
    assert "normalize=['text']" not in _shared([dt.date(2020, 1, 1)], ["2020-01-01"])


def test_an_order_in_time_of_floats_of_two_sizes() -> None:
    late, early = pd.DataFrame({"t": [123456785.0]}), pd.DataFrame({"t": np.array([123456784], "f4")})
    found = _found({"train": early, "test": late}, "expect_batches_to_be_ordered_in_time", time="t")
    assert "beyond 2^24" in str(found.error)


MONTHS, DAYS = (pd.period_range("2020-01", periods=2, freq=freq) for freq in "MD")
LISTS: dict[str, tuple[Any, Any, Any]] = {
    "lists that differ": ([[1], [2]], [[1], [3]], 1),
    "lists of texts": ([["a, b"], ["c"]], [["a", "b"], ["c"]], 1),
    "lists of gaps": ([[None, 1], ["x" and 2]], [[1, None], [2]], 1),
    "objects": ([{"a": 1}, {"a": 2}], [{"a": 1}, {"a": 3}], 1),
    "embeddings": ([[0.1, 0.2], [0.3, 0.4]], [[0.1, 0.2], [0.3, 0.5]], 1),
    "periods": (MONTHS, pd.PeriodIndex(["2020-01", "2020-03"], freq="M"), 1),
    "periods of two lengths": (MONTHS, DAYS, 0),
    "intervals": (pd.interval_range(0, 2), pd.interval_range(0, 2, closed="left"), 0),
    "nothing": ([[1], None], [None, [2]], 0),
    "nothing at all": ([[1], [2]], [None, None], 0),
    "lists of whole numbers and of fractions": ([[1], [2]], [[1.0], [2.5]], "'a' is .*written otherwise"),
}


@pytest.mark.parametrize("case", LISTS)
@pytest.mark.parametrize("place", ["frames", "files"])
def test_identical_rows_have_identical_lists(case: str, place: str, tmp_path: Path) -> None:
    train, test, wanted = LISTS[case]
    splits: Any = {name: pd.DataFrame({"a": a, "b": [1, 2]}) for name, a in (("train", train), ("test", test))}
    if place == "files":
        if any(isinstance(frame["a"].dtype, (pd.PeriodDtype, pd.IntervalDtype)) for frame in splits.values()):
            pytest.skip("a file has no such type")
        for name, frame in splits.items():
            frame.to_parquet(tmp_path / f"{name}.parquet")
        splits = {name: tmp_path / f"{name}.parquet" for name in splits}
    found = _found(splits, ROWS)
    if isinstance(wanted, str):
        assert re.search(wanted, str(found.error))
        return
    assert found.error is None, found.error
    assert found.result["observed_value"] == wanted
    assert found.result["details"]["compared"] == ["a", "b"]
    assert "Not compared" not in found.sentence
    if wanted == 1:
        options: dict[str, Any] = {"directory": tmp_path / "clean"} if place == "files" else {}
        cleaned = gxl.audit(splits).clean_splits(allow=True, **options)
        assert [one["after"] for one in cleaned.rows] == [2, 1]


def test_identical_rows_of_json(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"b": 1, "l": [1, 2]}\n{"b": 2, "l": {"k": 1}}\n')
    (tmp_path / "b.jsonl").write_text('{"b": 1, "l": [9, 9]}\n{"b": 2, "l": {"k": 1}}\n')
    splits = {"train": tmp_path / "a.jsonl", "test": tmp_path / "b.jsonl"}
    report = gxl.audit(splits)
    assert next(one for one in report.findings if one.expectation == ROWS).result["observed_value"] == 1
    made = report.clean_splits(allow=True, directory=tmp_path / "clean").splits
    assert made["test"].read_text() == '{"b": 1, "l": [9, 9]}\n'


@pytest.mark.postgresql
def test_identical_rows_of_postgresql(postgresql: str) -> None:
    import sqlalchemy as sa

    engine = sa.create_engine(postgresql)
    with engine.begin() as run:
        for name, other in (("told_a", "(3,4)"), ("told_b", "(3,5)")):
            run.exec_driver_sql(f"DROP TABLE IF EXISTS {name}")
            run.exec_driver_sql(f"CREATE TABLE {name} (b int, j json, x xml, p point)")
            run.exec_driver_sql(
                f"INSERT INTO {name} VALUES (1, '{{\"a\": [1]}}', '<a/>', '(1,2)'), (2, '{{}}', '<b/>', '{other}')"
            )
    engine.dispose()
    found = _found({"train": "told_a", "test": "told_b"}, ROWS, connection=postgresql)
    assert found.error is None
    assert found.result["observed_value"] == 1
    assert found.result["details"]["compared"] == ["b", "j", "x", "p"]


@pytest.mark.spark
def test_identical_rows_of_spark(spark: Any) -> None:
    type_ = "b int, l array<string>, s struct<t: string, u: array<double>>, m map<string, int>"
    train = spark.createDataFrame([(1, ["a, b"], ("x", [0.1]), {"k": 1}), (2, ["c"], ("y", None), {"k": 1})], type_)
    test = spark.createDataFrame([(1, ["a", "b"], ("x", [0.1]), {"k": 1}), (2, ["c"], ("y", None), {"k": 1})], type_)
    found = _found({"train": train, "test": test}, ROWS)
    assert found.error is None, found.error
    assert found.result["observed_value"] == 1


GIVEN: dict[str, tuple[Any, str]] = {
    "a mapping": ({"g": [1]}, "is given as dict, .*DataFrame"),
    "a list": ([[1]], "is given as list, "),
    "a generator": ((row for row in [[1]]), "is given as generator, "),
    "nothing": (None, "is given as NoneType, "),
    "a number": (7, "is given as int, "),
    "a sparse matrix": (scipy.sparse.csr_matrix(np.eye(2)), r"scipy.csr_matrix, .*toarray"),
    "an array of one dimension": (np.arange(2), "of 1 dimensions.*reshape"),
    "an array of three dimensions": (np.zeros((2, 2, 2)), "of 3 dimensions.*reshape"),
    "an array without columns": (np.zeros((2, 0)), "without columns"),
    "complex numbers": (np.array([[1j]]), "complex numbers.*array.real"),
    "a masked array": (np.ma.masked_invalid([[1.0]]), "masked array.*filled"),
    "a structured array": (np.zeros(2, [("a", int)]), "structured array.*from_records"),
    "long doubles": (np.ones((2, 2), np.longdouble), "float128|longdouble"),
    "three of a pair": ((np.eye(2), [1, 2], [1, 2]), "a tuple of 3.*audit_arrays"),
    "y of another length": ((np.eye(2), [1]), "has 1 values, but there are 2 rows"),
    "y of two columns": ((np.eye(2), np.eye(2)), "it has to be one column"),
    "y called as a column is": ((np.eye(2), pd.Series([3, 4], name="0")), "'0', and so is a column"),
    "objects of polars": (
        pl.DataFrame({"a": pl.Series([{1}, {2}], dtype=pl.Object)}),
        "'a' holds values of type Object",
    ),
    "a lazy frame that fails": (pl.LazyFrame({"a": [1]}).select("b"), "could not be read"),
    "names that are one": (pa.table([[1], [2]], names=["a", "a"]), "could not be read|one name"),
}


@pytest.mark.parametrize("case", GIVEN)
def test_what_is_no_split_is_refused(case: str) -> None:
    given, said = GIVEN[case]
    for splits in ({"train": given, "test": given}, {"train": pd.DataFrame({"g": [1]}), "test": given}):
        with pytest.raises(gxl.CouldNotCheckError, match=said):
            gxl.audit(splits)
