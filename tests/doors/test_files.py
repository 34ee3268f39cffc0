"""Files are read as they are written, or refused: never as something else."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import string
import tempfile
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gx_leakage as gxl

GROUPS, TIME = "expect_no_shared_group_ids_across_batches", "expect_batches_to_be_ordered_in_time"
IDENTICAL = "expect_no_identical_rows_across_batches"


def _table(**columns: Sequence[Any]) -> pa.Table:
    return pa.table({name: pa.array(values) for name, values in columns.items()})


def _put(place: Path, content: Any) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, pa.Table):
        pq.write_table(content, place)
    else:
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
    return place


def _outcome(folder: Path, files: dict[str, Any], splits: dict[str, str], expectation: str, **roles: Any) -> str:
    """Return ``leak N`` (rows), ``clean``, or what was refused."""
    for name, content in files.items():
        _put(folder / name, content)
    try:
        report = gxl.audit({name: folder / place for name, place in splits.items()}, **roles)
    except gxl.CouldNotCheckError as error:
        return f"refused: {error}"
    (finding,) = [finding for finding in report.findings if finding.expectation == expectation]
    if finding.error is not None:
        return f"refused: {finding.error}"
    return "clean" if finding.success else f"leak {finding.result['unexpected_count']}"


ROWS = "g,x\n7,1\n8,2\n"
CUT = gzip.compress(b"g,x\n" + b"".join(b"%d,%d\n" % (i, i * 7919) for i in range(50_000)))

# What stands in train and test, roles, and what has to come out.
WRITTEN: dict[str, tuple[Any, Any, dict[str, Any], str]] = {
    "an exponent is no number of an id": ("g,x\n1E2,1\n7,2\n", "g,x\n100,5\n3,6\n", {"group": "g"}, "clean"),
    "floats may have exponents": ("g,x\n1.5e+02,1\n0.5,2\n", "g,x\n150.0,5\n3.0,6\n", {"group": "g"}, "leak 1"),
    "polars writes floats so": ("g,x\n1e16,1\n0.5,2\n", "g,x\n1e16,5\n3.0,6\n", {"group": "g"}, "leak 1"),
    "ids of twenty digits": ("g\n12345678901234567890\n", "g\n12345678901234567891\n", {"group": "g"}, "clean"),
    "ids of twenty digits that agree": (
        "g\n12345678901234567890\n", "g\n12345678901234567890\n", {"group": "g"}, "leak 1",
    ),
    "ids of forty digits": ("g\n" + "1" * 40, "g\n" + "1" * 39 + "2", {"group": "g"}, "clean"),
    "decimals that a float cannot hold": ("g\n0.10000000000000000001\n", "g\n0.1\n", {"group": "g"}, "clean"),
    "floats as they are printed": ("g\n0.30000000000000004\n", "g\n0.30000000000000004\n", {"group": "g"}, "leak 1"),
    "zeros before a number": (
        "g,x\n007,1\n012,2\n", "g,x\n7,1\n120,2\n", {"group": "g"}, "refused: column 'g' is written",
    ),
    "zeros in all splits": ("g,x\n007,1\n012,2\n", "g,x\n007,3\n120,2\n", {"group": "g"}, "leak 1"),
    "zeros and as they are written": (
        "g,x\n007,1\n012,2\n", "g,x\n7,1\n120,2\n", {"group": "g", "normalize": ["text"]}, "clean",
    ),
    "a number and the same with a point": ("g\n7\n8\n", "g\n7.0\n9.5\n", {"group": "g"}, "leak 1"),
    "numbers in one split and texts in another": ("g\n7\n8\n", "g\n7\nx\n", {"group": "g"}, "leak 1"),
    "true and True": ("g,x\ntrue,1\n", "g,x\nTrue,2\n", {"group": "g"}, "leak 1"),
    "NA among numbers is missing": ("g,x\nNA,1\n7,2\n", "g,x\nNA,3\n8,2\n", {"group": "g"}, "clean"),
    "blanks around a number": ("g, x\n 7, 1\n", "g, x\n7, 2\n", {"group": "g"}, "leak 1"),
    "a header of numbers": ("0,1\n7,2\n", "0,1\n7,3\n", {"group": "0"}, "leak 1"),
    "an index without a name": (",g\n0,7\n1,8\n", ",g\n0,7\n1,9\n", {"group": "g"}, "leak 1"),
    "a column twice": ("g,g\n7,2\n", "g,g\n7,3\n", {"group": "g"}, "refused: *has two columns called 'g'"),
    "a column in two cases": ("g,G\n7,2\n", "g,G\n7,3\n", {"group": "g"}, "refused: *differ in case only"),
    "a decimal comma": ("g;x\n1,5;1\n2,25;2\n", "g;x\n1,5;3\n7,25;4\n", {"group": "g"}, "leak 1"),
    "decimal commas and points": ("g;x\n1,5;1\n", "g\tx\n1.5\t1\n", {"group": "g"}, "refused: *numbers with commas"),
    "quoted delimiters and lines": ('g,x\n"a,\nb",1\n', 'x,g\n2,"a,\nb"\n', {"group": "g"}, "leak 1"),
    "a byte order mark": ("\ufeffg,x\n7,1\n", "g,x\n7,2\n", {"group": "g"}, "leak 1"),
    "lines that end as on Windows": ("g,x\r\n7,1\r\n", "g,x\n7,2\n", {"group": "g"}, "leak 1"),
    "UTF-16": ("g,x\n7,1\n".encode("utf-16"), ROWS, {"group": "g"}, "refused: *UTF-16"),
    "Latin-1": ("g,x\nä,1\n".encode("latin-1"), ROWS, {"group": "g"}, "refused: *UTF-8"),
    "a quote that does not end": (ROWS, 'g,x\n7,1\n8,"2', {"group": "g"}, "refused: *does not end"),
    "a row too short": (ROWS, "g,x\n7,1\n8\n", {"group": "g"}, "refused: *more or fewer columns"),
    "a row too long": (ROWS, "g,x\n7,1\n8,2,3\n", {"group": "g"}, "refused: *more or fewer columns"),
    "no row": (ROWS, "g,x\n", {"group": "g"}, "refused: *is empty"),
    "nothing": (ROWS, "", {"group": "g"}, "refused: *is empty"),
    "dates with the month first": ("t\n03/13/2024\n", "t\n03/05/2024\n", {"time": "t"}, "leak 1"),
    "dates with the day first": ("t\n03/04/2024\n", "t\n13/03/2024\n", {"time": "t"}, "leak 1"),
    "dates that can be either": ("t\n03/04/2024\n", "t\n05/06/2024\n", {"time": "t"}, "refused: *March as well as"),
    "dates that are both": ("t\n03/13/2024\n", "t\n13/05/2024\n", {"time": "t"}, "refused: *day first"),
    "dates of a form that is given": (
        "t\n03/04/2024\n", "t\n01/05/2024\n", {"time": "t", "date_format": "%d/%m/%Y"}, "clean",
    ),
    "dates of another form that is given": (
        "t\n03/04/2024\n", "t\n01/05/2024\n", {"time": "t", "date_format": "%m/%d/%Y"}, "leak 1",
    ),
    "a form that fits nothing": (
        "t\n2024-01-02\n", "t\n2024-01-03\n", {"time": "t", "date_format": "%d.%m.%Y"}, "refused: no column is written",
    ),
    "a year is no date where it is a whole number": (
        "t,age\n2019,1001\n2020,1002\n", "t,age\n2021,30\n2022,1004\n", {"time": "t", "date_format": "%Y"},
        "refused: *Whole numbers are only dates by a form of year, month and day",
    ),
    "days without dashes": (
        "t,age\n20240102,1001\n", "t,age\n20240103,1002\n", {"time": "t", "date_format": "%Y%m%d", "unit": "month"},
        "leak 1",
    ),
    "months, beside ages": (
        "t,age\n2024-01,1001\n", "t,age\n2024-02,1001\n", {"group": "age", "date_format": "%Y-%m"}, "leak 1",
    ),
    "dates with dots": ("t\n03.04.2024\n", "t\n02.05.2024\n", {"time": "t"}, "clean"),
    "dates with two digits": ("t\n3/4/24\n", "t\n2/5/24\n", {"time": "t"}, "refused: *not in a form that is known"),
    "months by name": ("t\n3 Apr 2024\n", "t\n2 May 2024\n", {"time": "t"}, "refused: *date_format"),
    "days and moments": ("t\n2024-01-01\n", "t\n2024-01-01 10:00\n", {"time": "t"}, "clean"),
    "dates that there are not": ("t\n2024-02-30\n", "t\n2024-03-01\n", {"time": "t"}, "refused: *no order in time"),
    "zones": ("t\n2024-01-01T00:00:00Z\n", "t\n2024-01-01T00:30:00+01:00\n", {"time": "t"}, "leak 1"),
    "zones in one split only": (
        "t\n2024-01-01T00:00:00Z\n", "t\n2024-01-02T00:00:00\n", {"time": "t"}, "refused: *zone",
    ),
}  # fmt: skip


# Values of one column of train and of test, in which it is not settled that these are numbers, and whether they may be
# compared as they are written.
ONE_OR_TWO: list[tuple[str, str, str]] = [
    # zeros, in a part of the column or beside codes
    ("1\n007", "7", "refused"), ("A1\n007", "7", "refused"), ("007\n8", "A1\n7", "refused"),
    ("007\n012", "8\n120", "clean"), ("007\n08", "7\n08", "refused"), ("-07\nx", "-7", "refused"),
    ("A1\nB2\n007", "C3\n008\n9", "clean"), ("A1\n007", "B2\n007", "leak 1"), ("007\n7", "7\n007", "leak 2"),
    # signs, points, exponents, separators
    ("1\n2", "1.0\nunknown", "refused"), ("1.50\nx", "1.5\n2.5", "refused"), (".5\nx", "0.5", "refused"),
    ("+7", "7", "refused"), ("-0\nx", "0", "refused"), ("\u22125\nx", "-5", "refused"), (" 7\nx", "7", "refused"),
    ('"1,000"', "1000", "refused"), ('"1,000"', "1", "refused"), ('"1,000"\nx', '"1,000"', "leak 1"),
    ('"1,234,567"\nx', "1234567", "refused"), ("1.234.567\nx", "1234567", "refused"),
    ('"1,5"', "1.5", "refused"), ('"1.234,5"\nx', "1234.5", "refused"), ("1 000\nx", "1000", "refused"),
    ("1'000\nx", "1000", "refused"), ("1_000\nx", "1000", "refused"), ("10%", "0.1", "refused"),
    ("10%", "10", "refused"), ("10%\n20%", "10%\n30%", "leak 1"), ("1E+02\nx", "100", "refused"),
    ("1E2\nx", "100", "clean"), ("true", "1", "refused"), ("true\nx", "True", "refused"), ("true\n2", "false", "clean"),
    # what a float would round, or has no room for
    ("12345678901234567890\nx", "12345678901234567891", "clean"), ("1.0e400", "2.0e400", "clean"),
    ("1e-400\n0.5", "0.0", "clean"), ("0.1" + "0" * 50 + "\nx", "0.1", "refused"),
    ("1.0e22\nx", "1" + "0" * 22, "refused"), ("1.5e400\n0.5", "15e399\n0.5", "leak 1"),
    # days and times
    ("01/30/2020", "2020-01-30", "refused"), ("03/04/2020\nx", "2020-03-04", "refused"),
    ("03/04/2020\nx", "2020-04-03", "refused"), ("01/30/2020", "2020-01-31", "clean"),
    ("20200130", "2020-01-30", "refused"),
    ("3 Apr 2024", "2024-04-03", "refused"), ('"Apr 3, 2024"\nx', "2024-04-03", "refused"),
    ("30.01.2020\nx", "2020-01-30", "refused"), ("2020/1/30\nx", "2020-01-30", "refused"),
    ("2020-01-30\nx", "2020-01-30 00:00:00", "refused"), ("2020-01-30T10:00\nx", "2020-01-30 10:00:00", "refused"),
    ("2020-01-30T10:00:00Z\nx", "2020-01-30 11:00:00+01:00", "refused"),
    ("2020-01-30T10:00:00Z", "2020-01-31 10:00:00", "refused"), ("12:00\nx", "12:00:00", "refused"),
    ("2020-01-30T10:00:00.000000001Z", "2020-01-30T11:00:00.000000001+01:00", "refused"),
    ("2020-01-30T10:00:00.000000001Z", "2020-01-30T10:00:00.000000002Z", "clean"),
    # what is no number
    ("12 Main St\nx", "12", "clean"), ("555-1234\nx", "5551234", "clean"), ("10.0.0.1\nx", "10001", "clean"),
    ("x" * 100 + "\n7", "7", "leak 1"),
]  # fmt: skip


@pytest.mark.parametrize(("train", "test", "wanted"), ONE_OR_TWO)
def test_what_may_be_one_value_is_not_taken_for_two(train: str, test: str, wanted: str, tmp_path: Path) -> None:
    files = {"train.csv": f"g\n{train}\n", "test.csv": f"g\n{test}\n"}
    splits = {"train": "train.csv", "test": "test.csv"}
    found = _outcome(tmp_path, files, splits, GROUPS, group="g")
    assert found.startswith("refused: column 'g' ") if wanted == "refused" else found == wanted
    if wanted == "refused":
        assert "what is one value there may be two here" in found
        assert not _outcome(tmp_path, files, splits, GROUPS, group="g", normalize=["text"]).startswith("refused")


def test_what_is_written_in_two_ways_is_told(tmp_path: Path) -> None:
    files = {"train.csv": "g\n1\n007\n", "test.csv": "g\n7\n"}
    splits = {"train": "train.csv", "test": "test.csv"}
    found = _outcome(tmp_path, files, splits, GROUPS, group="g")
    assert "as 007 in split 'train' and as 7 in split 'test'" in found


def test_other_checks_leave_it_out(tmp_path: Path) -> None:
    rows = "".join(f"{i},{i % 2},{i / 7},A{i}\n" for i in range(40))
    files = {"train.csv": f"g,y,x,code\n{rows}100,1,5.5,007\n", "test.csv": "g,y,x,code\n200,0,1.25,7\n201,1,3.5,B\n"}
    splits = {"train": "train.csv", "test": "test.csv"}
    revealing = "expect_no_feature_to_reveal_target"
    assert not _outcome(tmp_path, files, splits, revealing, target="y", group="g").startswith("refused")
    assert _outcome(tmp_path, files, splits, GROUPS, target="y", group="g") == "clean"
    assert _outcome(tmp_path, files, splits, IDENTICAL, target="y", group="g").startswith("refused: column 'code'")
    assert _outcome(tmp_path, files, splits, IDENTICAL, target="y", group="g", exclude=["code"]) == "clean"


@pytest.mark.parametrize("length", [57, 58, 63, 64, 300])
def test_names_are_as_long_as_they_are(length: int, tmp_path: Path) -> None:
    name = "h" * length
    files = {"train.csv": f"{name},t\n1,2020-01-01\n2,2020-01-02\n", "test.csv": f"{name},t\n2,2020-01-03\n"}
    splits = {"train": "train.csv", "test": "test.csv"}
    assert _outcome(tmp_path, files, splits, GROUPS, group=name, time="t") == "leak 1"
    assert _outcome(tmp_path, files, splits, TIME, group="t", time=name) == "leak 1"
    assert _outcome(tmp_path, files, splits, IDENTICAL, time="t") == "clean"


def _decimals(precision: int, scale: int, *values: str) -> pa.Table:
    type_ = pa.decimal256(precision, scale) if precision > 38 else pa.decimal128(precision, scale)
    return pa.table({"g": pa.array([Decimal(value) for value in values], type_)})


def _nanoseconds(zone: str | None, *values: int) -> pa.Table:
    return pa.table({"g": pa.array([1_577_836_800_000_000_000 + value for value in values], pa.timestamp("ns", zone))})


def _int96(*values: int) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(_nanoseconds(None, *values), sink, use_deprecated_int96_timestamps=True)
    made: bytes = sink.getvalue().to_pybytes()
    return made


# Columns of Parquet that DuckDB would round or cut.
EXACT: dict[str, tuple[Any, Any, str]] = {
    "scales": (_decimals(38, 0, "1", "2"), _decimals(10, 2, "1.50", "0.60"), "clean"),
    "scales, and one is shared": (_decimals(38, 0, "1", "2"), _decimals(10, 2, "1.00", "0.60"), "leak 1"),
    "long scales": (_decimals(38, 2, "1", "2"), _decimals(38, 10, "1.001", "0.6"), "clean"),
    "scales that fit": (_decimals(10, 0, "1"), _decimals(10, 2, "1.00", "1.5"), "leak 1"),
    "scales that do not fit": (_decimals(38, 0, "1" * 38), _decimals(38, 10, "1.5"), "refused: *one of 38 digits"),
    "whole numbers that do not fit": (_decimals(38, 37, "1"), _table(g=[100]), "refused: *one of 38 digits"),
    "whole numbers that fit": (_decimals(38, 37, "1.5", "1"), _table(g=[1]), "leak 1"),
    "seventy digits": (_decimals(70, 0, "1" * 60), _decimals(70, 0, "1" * 59 + "2"), "refused: *70 digits"),
    "nanoseconds": (_nanoseconds(None, 1), _nanoseconds(None, 2, 1), "leak 1"),
    "nanoseconds with a zone": (_nanoseconds("UTC", 1), _nanoseconds("UTC", 2), "refused: *finer than"),
    "microseconds kept as nanoseconds": (
        _nanoseconds("UTC", 1000), _nanoseconds("Europe/Berlin", 1000, 2000), "leak 1",
    ),
    "INT96": (_int96(1), _int96(2), "refused: *INT96"),
    "microseconds kept as INT96": (_int96(1000), _int96(1000, 2000), "leak 1"),
}  # fmt: skip


@pytest.mark.parametrize("case", EXACT)
def test_parquet_is_neither_rounded_nor_cut(case: str, tmp_path: Path) -> None:
    train, test, wanted = EXACT[case]
    files, splits = {"a.parquet": train, "b.parquet": test}, {"train": "a.parquet", "test": "b.parquet"}
    _assert(_outcome(tmp_path, files, splits, GROUPS, group="g"), wanted)
    ordered = _outcome(tmp_path, files, splits, TIME, time="g")
    assert ordered.startswith("refused") == wanted.startswith("refused")


@pytest.mark.parametrize("case", WRITTEN)
def test_csv_is_read_as_it_is_written(case: str, tmp_path: Path) -> None:
    train, test, roles, wanted = WRITTEN[case]
    files = {"train.csv": train, "test.csv": test}
    expectation = TIME if "time" in roles else GROUPS
    _assert(_outcome(tmp_path, files, {"train": "train.csv", "test": "test.csv"}, expectation, **roles), wanted)


def _assert(found: str, wanted: str) -> None:
    if wanted.startswith("refused: *"):
        assert found.startswith("refused: ")
        assert wanted.removeprefix("refused: *") in found
    elif wanted.startswith("refused: "):
        assert found.startswith(wanted)
    else:
        assert found == wanted


# Files, which of them are the splits, and what has to come out of the check for shared groups.
# By default train is what begins with a, test what begins with b.
A_B: dict[str, str] = {}
KINDS: dict[str, tuple[dict[str, Any], dict[str, str], str]] = {
    "a pattern in a name": (
        {"tr[1].csv": "g,x\n7,1\n", "tr1.csv": "g,x\n9,1\n", "te*.csv": "g,x\n7,2\n", "te1.csv": "g,x\n8,2\n"},
        {"train": "tr[1].csv", "test": "te*.csv"}, "leak 1",
    ),
    "quotes and lines in a name": (
        {"tr'a\n.csv": "g,x\n7,1\n", 'te"$b.csv': "g,x\n7,2\n"}, {"train": "tr'a\n.csv", "test": 'te"$b.csv'}, "leak 1",
    ),
    "a column in a path": (
        {"g=1/p.parquet": _table(g=[7, 8], x=[1, 2]), "g=2/p.parquet": _table(g=[7, 9], x=[3, 4])},
        {"train": "g=1/p.parquet", "test": "g=2/p.parquet"}, "leak 1",
    ),
    "names that are no names in SQL": (
        {"a.csv": "g,x\n7,1\n", "b.csv": "g,x\n7,2\n"}, {"my train": "a.csv", "duckdb_tables()": "b.csv"}, "leak 1",
    ),
    "reserved names": ({"a.csv": "g,x\n7,1\n", "b.csv": "g,x\n7,2\n"}, {"all": "a.csv", "select": "b.csv"}, "leak 2"),
    "Parquet's texts and CSV's numbers": (
        {"a.parquet": _table(g=["007", "8"]), "b.csv": "g,x\n007,1\n9,1\n"}, A_B, "leak 1",
    ),
    "Parquet's numbers and CSV's texts": (
        {"a.parquet": _table(g=[7, 8]), "b.csv": "g,x\n007,1\n9,1\n"}, A_B,
        "refused: *values of these types are never equal",
    ),
    "a CSV that was cut after a line": (
        {"a.csv.gz": CUT[: len(CUT) // 2], "b.csv": ROWS}, A_B, "refused: *cut",
    ),
    "a frame of zstd that was cut": (
        {"a.csv.zst": pa.Codec("zstd").compress(b"g\n" + b"7\n" * 99_999, asbytes=True)[:-9], "b.csv": ROWS},
        A_B, "refused: *cut",
    ),
    "text that is called packed": ({"a.csv.gz": ROWS, "b.csv": ROWS}, A_B, "refused: *gzip"),
    "JSON that was cut after an object": (
        {"a.json": '[{"g":7},{"g":8},', "b.json": '[{"g":7}]'}, A_B, "refused: *ends before",
    ),
    "JSON lines that were cut": (
        {"a.jsonl": '{"g":7}\n{"g":8', "b.jsonl": '{"g":7}'}, A_B, "refused: *malformed",
    ),
    "JSON's numbers and texts": (
        {"a.jsonl": '{"g":7}', "b.jsonl": '{"g":"7"}'}, A_B, "refused: *several types",
    ),
    "JSON's long numbers": (
        {"a.jsonl": '{"g":123456789012345678901}', "b.jsonl": '{"g":123456789012345678902}'},
        A_B, "clean",
    ),
    "JSON's texts of digits": (
        {"a.jsonl": '{"g":"007"}', "b.jsonl": '{"g":"7"}'}, A_B, "clean",
    ),
    "keys of later objects": (
        {"a.jsonl": '{"x":1}\n{"g":7}', "b.jsonl": '{"g":7,"x":2}'}, A_B, "leak 1",
    ),
    "a key twice": (
        {"a.jsonl": '{"g":7,"g":8}', "b.jsonl": '{"g":7}'}, A_B, "refused: *'g'",
    ),
    "keys in two cases": (
        {"a.jsonl": '{"g":7,"G":8}', "b.jsonl": '{"g":7}'}, A_B, "refused: *case only",
    ),
    "JSON of numbers": ({"a.json": "[1, 2]", "b.json": "[1]"}, A_B, "refused: *one JSON object"),
    "a folder": (
        {"a/1.parquet": _table(g=[7]), "a/sub/2.parquet": _table(g=[8]), "b/1.parquet": _table(g=[8])},
        A_B, "leak 1",
    ),
    "a folder of CSV": (
        {"a/1.csv": "g,x\n7,1\n", "a/2.csv": "g,x\n8,1\n", "b.csv": "g,x\n8,2\n"}, A_B, "leak 1",
    ),
    "a folder of two kinds": (
        {"a/1.parquet": _table(g=[7]), "a/2.csv": ROWS, "b.csv": ROWS}, A_B, "refused: *several kinds",
    ),
    "a folder of two tables": (
        {"a/1.csv": "g,x\n7,1\n", "a/2.csv": "x,g\n8,1\n", "b.csv": ROWS}, A_B, "refused: *columns",
    ),
    "a folder of two types": (
        {"a/1.parquet": _table(g=[7]), "a/2.parquet": _table(g=["8"]), "b.csv": ROWS}, A_B,
        "refused: *BIGINT",
    ),
    "what a writer has not finished": (
        {
            "a/1.csv": "g,x\n7,1\n", "a/_temporary/0/2.csv": "g,x\n8,1\n", "a/_SUCCESS": "", "a/.1.csv.crc": "x",
            "b.csv": "g,x\n8,2\n",
        },
        A_B, "clean",
    ),
    "a table of Delta": (
        {"a/1.parquet": _table(g=[7]), "a/_delta_log/0.json": "{}", "b.csv": ROWS}, A_B, "refused: *Delta",
    ),
    "a Parquet file that was cut": (
        {"a.parquet": b"PAR1 and no more", "b.csv": ROWS}, A_B, "refused: *was cut",
    ),
    "a name that writers give": (
        {"a/p.csv": ROWS, "a/_q.csv": ROWS, "b.csv": ROWS}, A_B, "refused: *_q.csv",
    ),
    "a folder with such a name": (
        {"a/p.csv": ROWS, "a/_x/q.csv": ROWS, "b.csv": ROWS}, A_B, "refused: *q.csv",
    ),
    "what Databricks leaves": (
        {"a/p.csv": "g,x\n1,1\n", "a/_started_1": "{}", "a/_committed_1": "{}", "b.csv": ROWS}, A_B, "clean",
    ),
    "a part of which all is missing": (
        {"a/1.parquet": _table(g=[7], x=[None]), "a/2.parquet": _table(g=[8], x=["t"]), "b.csv": "g,x\n8,t\n"},
        A_B, "leak 1",
    ),
    "gzip by another name": ({"a.csv": gzip.compress(ROWS.encode()), "b.csv": ROWS}, A_B, "refused: *.gz"),
    "zstd by another name": (
        {"a.csv": pa.Codec("zstd").compress(ROWS.encode(), asbytes=True), "b.csv": ROWS}, A_B, "refused: *.zst",
    ),
    "Parquet by another name": ({"a.csv": _int96(1), "b.csv": ROWS}, A_B, "refused: *is a Parquet file"),
    "Excel by another name": ({"a.csv": b"PK\x03\x04", "b.csv": ROWS}, A_B, "refused: *Excel"),
    "UTF-32": ({"a.csv": ROWS.encode("utf-32"), "b.csv": ROWS}, A_B, "refused: *UTF-32"),
    "JSON with a byte order mark": (
        {"a.jsonl": '\ufeff{"g":7}', "b.csv": ROWS}, A_B, "refused: *byte order mark",
    ),
    "a malformed object": (
        {"a.jsonl": '{"g":7}\n{"g":8\n', "b.csv": ROWS}, A_B, "refused: *(object 2)",
    ),
    "a place elsewhere": (
        {"b.csv": ROWS, "c.csv": ROWS}, {"train": "https://localhost/a.csv", "test": "b.csv"},
        "refused: *remote files are not read",
    ),
    "an empty folder": ({"a/_x": "", "b.csv": ROWS}, A_B, "refused: *no files"),
    "another kind": ({"a.xlsx": "x", "b.csv": ROWS}, A_B, "refused: *not of a kind"),
    "a name nearly right": (
        {"trian.csv": ROWS, "b.csv": ROWS}, {"train": "train.csv", "test": "b.csv"}, "refused: *trian.csv",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", KINDS)
def test_a_path_is_that_file(case: str, tmp_path: Path) -> None:
    files, splits, wanted = KINDS[case]
    first = {name.partition("/")[0][0]: name.partition("/")[0] for name in files}
    splits = splits or {"train": first["a"], "test": first["b"]}
    _assert(_outcome(tmp_path, files, splits, GROUPS, group="g"), wanted)


@pytest.mark.parametrize(
    ("link", "target", "wanted"),
    [
        ("a/more.csv", "shared.csv", "leak 2"),
        ("a/more", "folder", "refused: *link to another folder"),
        ("a/more.csv", "nothing.csv", "refused: *which is not there"),
    ],
)
def test_links_are_followed_or_refused(link: str, target: str, wanted: str, tmp_path: Path) -> None:
    files = {"a/p.csv": "g,x\n1,1\n", "shared.csv": ROWS, "folder/q.csv": ROWS, "b.csv": ROWS}
    (tmp_path / link).parent.mkdir()
    (tmp_path / link).symlink_to(tmp_path / target)
    _assert(_outcome(tmp_path, files, {"train": "a", "test": "b.csv"}, GROUPS, group="g"), wanted)


# Times that train and test write otherwise, and what has to be said of it.
UNLIKE_TIMES: list[tuple[str, str, str]] = [
    ("20191231", "2020-01-15", "whole numbers in split 'train', but dates as in 2024-04-03 in split 'test'"),
    ("1577836800", "2020-01-15", "whole numbers in split 'train', but dates as in 2024-04-03 in split 'test'"),
    (
        "2019-01-01T00:00:00Z", "2020-01-01 00:00:00",
        "times with a zone in split 'train', but times without a zone in split 'test'",
    ),
    ("03/13/2024", "13/05/2024", "the month first in split 'train', but dates with the day first in split 'test'"),
    ("01/30/2020", "2020-02-01", "dates with the month first in split 'train'"),
]  # fmt: skip


@pytest.mark.parametrize(("train", "test", "said"), UNLIKE_TIMES)
def test_it_is_told_which_split_has_which_times(train: str, test: str, said: str, tmp_path: Path) -> None:
    files = {"train.csv": f"t\n{train}\n", "test.csv": f"t\n{test}\n"}
    found = _outcome(tmp_path, files, {"train": "train.csv", "test": "test.csv"}, TIME, time="t")
    assert found.startswith("refused: column 't' holds ")
    assert said in found


def test_many_columns_are_read_in_seconds(tmp_path: Path) -> None:
    names = ",".join(f"c{i}" for i in range(600))
    rows = "\n".join(",".join(str(i * j % 97) for i in range(600)) for j in range(3))
    files = {"train.csv": f"{names}\n{rows}\n", "test.csv": f"{names}\n{rows}\n"}
    assert _outcome(tmp_path, files, {"train": "train.csv", "test": "test.csv"}, GROUPS, group="c1") == "leak 3"


# One logical table, written in every way that we can think of.

_DAYS = st.dates(dt.date(1950, 1, 1), dt.date(2050, 12, 31))
_WORDS = st.text(string.ascii_letters + "äß漢 ,;|\t\"'\n\\{}$%", max_size=5).map(lambda text: f"v{text}w")
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "integer": st.integers(-5, 5) | st.integers(2**53 - 2, 2**53 + 3),
    "float": st.sampled_from([0.1, 0.2, 0.1 + 0.2, 0.3, -2.5, 1e-7, 3e20, 7.5]),
    "text": _WORDS,
    "date": _DAYS,
    "timestamp": st.datetimes(dt.datetime(2000, 1, 1), dt.datetime(2001, 1, 1)),
    "boolean": st.booleans(),
}
ARROW = {
    "integer": pa.int64(), "float": pa.float64(), "text": pa.string(), "date": pa.date32(),
    "timestamp": pa.timestamp("us"), "boolean": pa.bool_(),
}  # fmt: skip


def _csv(rows: Sequence[tuple[Any, ...]], names: Sequence[str], delimiter: str, quote_all: bool, end: str) -> bytes:
    def cell(value: Any) -> str:
        text = "" if value is None else str(value)
        special = any(character in text for character in (delimiter, '"', "\n", "\r")) or text != text.strip()
        quoted = (quote_all and value is not None) or special
        return '"' + text.replace('"', '""') + '"' if quoted else text

    return "".join(delimiter.join(map(cell, row)) + end for row in [tuple(names), *rows]).encode()


def _json_value(value: Any) -> Any:
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def _json(rows: Sequence[tuple[Any, ...]], names: Sequence[str], lines: bool) -> bytes:
    objects = [{n: _json_value(v) for n, v in zip(names, row, strict=True)} for row in rows]
    if lines:
        return "\n".join(json.dumps(one, ensure_ascii=False) for one in objects).encode()
    return json.dumps(objects).encode()


WRITERS: dict[str, Callable[..., bytes]] = {
    ".csv": lambda rows, names, kinds, draw: _csv(
        rows, names, draw(st.sampled_from(",;|\t")), draw(st.booleans()), draw(st.sampled_from(["\n", "\r\n"]))
    ),
    ".tsv": lambda rows, names, kinds, draw: _csv(rows, names, "\t", False, "\n"),
    ".csv.gz": lambda rows, names, kinds, draw: gzip.compress(_csv(rows, names, ",", False, "\n")),
    ".jsonl": lambda rows, names, kinds, draw: _json(rows, names, True),
    ".json": lambda rows, names, kinds, draw: _json(rows, names, False),
    ".parquet": lambda rows, names, kinds, draw: _parquet(rows, names, kinds),
}


def _parquet(rows: Sequence[tuple[Any, ...]], names: Sequence[str], kinds: Sequence[str]) -> bytes:
    arrays = [pa.array([row[i] for row in rows], ARROW[kind]) for i, kind in enumerate(kinds)]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(arrays, names=list(names)), sink)
    made: bytes = sink.getvalue().to_pybytes()
    return made


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_every_way_of_writing_a_table_ends_in_the_same_verdict(data: st.DataObject) -> None:
    draw = data.draw
    kind = draw(st.sampled_from(sorted(VALUES)), "kind")
    other = draw(st.sampled_from(["text", "integer"]), "other")
    name = draw(st.sampled_from(["g", "G b", "group", "0", "split_no", "gxl_x", 'q"q', "ä", "select"]), "name")
    keys = st.none() | VALUES[kind]
    pool = draw(st.lists(VALUES[kind], min_size=1, max_size=4), "pool")
    rows = {
        split: draw(st.lists(st.tuples(keys | st.sampled_from(pool), VALUES[other]), min_size=1, max_size=6), split)
        for split in ("train", "test")
    }
    with tempfile.TemporaryDirectory() as folder:
        splits = {}
        for split, written in rows.items():
            ending = draw(st.sampled_from(sorted(WRITERS)), f"{split}'s file")
            flipped = draw(st.booleans())
            names, kinds = (["zz", name], [other, kind]) if flipped else ([name, "zz"], [kind, other])
            shown = [(b, a) if flipped else (a, b) for a, b in written]
            splits[split] = _put(Path(folder, f"{split}{ending}"), WRITERS[ending](shown, names, kinds, draw))
        try:
            report = gxl.audit(splits, group=name)
        except gxl.CouldNotCheckError:
            return
    (finding,) = [finding for finding in report.findings if finding.expectation == GROUPS]
    if finding.error is not None:
        return
    known = {key for key, _ in rows["train"] if key is not None}
    leaked = sum(key in known for key, _ in rows["test"] if key is not None)
    assert finding.result["unexpected_count"] == leaked
    assert finding.success is (leaked == 0)
