"""Whatever is no leaked row comes out of a fix as it went in, or nothing comes out."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gx_leakage as gxl


def _put(place: Path, content: str | bytes) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content if isinstance(content, bytes) else content.encode())
    return place


def _fixed(splits: Any, folder: Path, strategy: str = "judged", **roles: Any) -> dict[str, Any]:
    return gxl.audit(splits, **{"group": "g", **roles}).clean_splits(strategy, allow=True, directory=folder).splits


# What a test split holds besides a leaked row of group 7, and what has to be left of it.
RAW = {
    "quotes, blanks and gaps": (b'g,x\n"8",""\n7,1\n9,\n10," a ""b"" "\n', b'g,x\n"8",""\n9,\n10," a ""b"" "\n'),
    "zeros and points": (b"g,x\n8,0.70\n7,1\n9,1e3\n", b"g,x\n8,0.70\n9,1e3\n"),
    "semicolons": (b"g;x\n8;0,70\n7;1\n", b"g;x\n8;0,70\n"),
    "Windows' lines": (b"g,x\r\n8,a\r\n7,1\r\n", b"g,x\r\n8,a\r\n"),
    "a byte order mark": (b"\xef\xbb\xbfg,x\n8,a\n7,1\n", b"\xef\xbb\xbfg,x\n8,a\n"),
    "no end of the last line": (b"g,x\n7,1\n8,a", b"g,x\n8,a"),
    "lines within values": (b'g,x\n7,"1\n2"\n8,"a\n\nb"\n', b'g,x\n8,"a\n\nb"\n'),
    "quotes within values": (b'g,x\n8,5" pipe\n7,1\n9,6" pipe\n', b'g,x\n8,5" pipe\n9,6" pipe\n'),
    "blank lines": (b"g,x\n8,a\n\n7,1\n9,b\n\n", b"g,x\n8,a\n9,b\n"),
    "one column": (b"g\n8\n\n7\n9\n", b"g\n8\n\n9\n"),
}


@pytest.mark.parametrize("case", RAW)
@pytest.mark.parametrize("packed", [False, True])
def test_csv_stays_byte_for_byte(case: str, packed: bool, tmp_path: Path) -> None:
    given_, wanted = RAW[case]
    header, end = given_.removeprefix(b"\xef\xbb\xbf").split(b"\n")[0].strip(), b"\n"
    train = header + end + (b"7;3\n" if b";" in header else b"7,3\n" if b"," in header else b"7\n")
    ending = ".csv.gz" if packed else ".csv"
    pack = gzip.compress if packed else bytes
    splits = {"train": _put(tmp_path / "train.csv", train), "test": _put(tmp_path / f"test{ending}", pack(given_))}
    made = _fixed(splits, tmp_path / "clean")
    content = made["test"].read_bytes()
    assert (gzip.decompress(content) if packed else content) == wanted
    assert made["train"].read_bytes() == train
    assert splits["test"].read_bytes() == pack(given_) or packed


def test_json_stays_as_it_is_written(tmp_path: Path) -> None:
    lines = '{"x": 123456789012345678901234567890.10, "g": 8}\n\n{"g":7}\n{"g" : 9, "x":1e400 , "z":{"b":1,"a":[ 1]}}\n'
    splits = {"train": _put(tmp_path / "a.jsonl", '{"g": 7}\n'), "test": _put(tmp_path / "b.jsonl", lines)}
    made = _fixed(splits, tmp_path / "clean")
    assert made["test"].read_text() == lines.replace('\n\n{"g":7}\n', "\n")
    array = '[ {"x": 0.70, "g": 8},\n {"g":7}, {"g" : 9, "x":1e5 }]'
    splits = {"train": _put(tmp_path / "a.json", '[{"g": 7}]'), "test": _put(tmp_path / "b.json", array)}
    made = _fixed(splits, tmp_path / "clean")
    assert made["test"].read_text() == '[\n{"x": 0.70, "g": 8},\n{"g" : 9, "x":1e5 }\n]\n'


def test_parquet_keeps_types_dictionaries_and_metadata(tmp_path: Path) -> None:
    table = pa.table(
        {
            "g": pa.array([8, 7, 9], pa.int16()),
            "c": pa.array(["a", "b", "a"]).dictionary_encode(),
            "t": pa.array([1_000, 2_000, 3_000], pa.timestamp("ns", "Asia/Tokyo")),
            "d": pa.array([None, 1, 2], pa.decimal128(30, 4)),
            "l": pa.array([[1], [], None], pa.list_(pa.int8())),
        }
    ).replace_schema_metadata({"who": "me"})
    for name in ("a", "b/1", "b/sub/2"):
        place = tmp_path / f"{name}.parquet"
        place.parent.mkdir(exist_ok=True, parents=True)
        pq.write_table(table.slice(1, 1) if name == "a" else table, place, compression="zstd", row_group_size=2)
    made = _fixed({"train": tmp_path / "a.parquet", "test": tmp_path / "b"}, tmp_path / "clean")
    for part in ("1.parquet", "sub/2.parquet"):
        found = pq.ParquetFile(made["test"] / part)
        before = pq.ParquetFile(tmp_path / "b" / part)
        assert found.schema_arrow.equals(before.schema_arrow, check_metadata=True)
        assert found.read().equals(before.read().take([0, 2]))
        assert found.metadata.row_group(0).column(0).compression == "ZSTD"


# Files of group 7, most of which is in train: of train's and test's content, and of the moved record in train.
MOVED = {
    "Windows' lines to others": (b"g,x,y\n7,1,a\n7,2,b\n", b"g,x,y\r\n7,0.80,c\r\n8,1,d\r\n", b"7,0.80,c\n"),
    "other lines to Windows'": (b"g,x,y\r\n7,1,a\r\n7,2,b", b"g,x,y\n7,0.80,c\n8,1,d\n", b"\r\n7,0.80,c\r\n"),
    "a last line without an end": (b"g,x,y\n7,1,a\n7,2,b", b"g,x,y\n8,1,d\n7,0.80,c", b"\n7,0.80,c\n"),
    "another order of columns": (b"g,x,y\n7,1,a\n7,2,b\n", b'y,g,x\n"c,""d""",7,0.80\nd,8,1\n', b'7,0.80,"c,""d"""\n'),
    "gaps and empty texts": (b"g,x,y\n7,1,a\n7,2,b\n", b'y,g,x\n"",7,\nd,8,1\n', b'7,,""\n'),
    "dates as they are written": (
        b"g,x,y\n7,01/02/2020,a\n7,13/02/2020,b\n", b"y,x,g\nc,14/03/2020,7\nd,15/03/2020,8\n", b"7,14/03/2020,c\n",
    ),
    "another delimiter": (b"g,x,y\n7,1,a\n7,2,b\n", b'g;x;y\n7;0,80;c "d"\n8;1,5;"d;e"\n', b'7,"0,80",c "d"\n'),
    "to another delimiter": (b"g;x;y\n7;1;a\n7;2;b\n", b'g,x,y\n7,0.80,c;"d"\n8,1,"d,e"\n', b'7;0.80;"c;""d"""\n'),
    "quotes of another kind": (b'"g","x","y"\n"7","1","a"\n"7","2","b"\n', b"g,x,y\n7,0.80,\n8,1,d\n", b"7,0.80,\n"),
}  # fmt: skip


@pytest.mark.parametrize("case", MOVED)
def test_a_cell_is_moved_as_it_is_written(case: str, tmp_path: Path) -> None:
    train, test, wanted = MOVED[case]
    splits = {"train": _put(tmp_path / "train.csv", train), "test": _put(tmp_path / "test.csv", test)}
    cleaned = gxl.audit(splits, group="g").clean_splits("reassign", allow=True, directory=tmp_path / "clean")
    content = cleaned.splits["train"].read_bytes()
    assert content == train + wanted
    assert [one["after"] for one in cleaned.rows] == [3, 1]
    assert cleaned.report is not None
    assert not cleaned.report.errors


JSON_VALUES = [
    '{"k": 2}', "[1, 2]", "123456789012345678901234567890", "0.80", '"{}"', '"2020-01-01T00:00:00Z"', "null", "1e5",
]  # fmt: skip


@pytest.mark.parametrize("written", JSON_VALUES)
@pytest.mark.parametrize("kinds", ["lines", "arrays", "lines to an array", "an array to lines"])
def test_an_object_is_moved_as_its_own_text(written: str, kinds: str, tmp_path: Path) -> None:
    record = f'{{"g": 7, "u": 3, "v": {written}, "k": "only here"}}'
    train = [f'{{"g": 7, "u": {no}, "v": {written}}}' for no in (1, 2)]
    test = [record.replace(", ", " ,\n "), f'{{"g": 8, "u": 4, "v": {written}}}']
    ends = {"lines": ("jsonl", "jsonl"), "arrays": ("json", "json"), "lines to an array": ("json", "jsonl")}
    splits = {}
    for name, records, end in zip(("train", "test"), (train, test), ends.get(kinds, ("jsonl", "json")), strict=True):
        lines = "\n".join(one.replace("\n", "") if end == "jsonl" else one for one in records)
        text = f"{lines}\n" if end == "jsonl" else f"[{','.join(records)}]"
        splits[name] = _put(tmp_path / f"{name}.{end}", text)
    cleaned = gxl.audit(splits, group="g").clean_splits("reassign", allow=True, directory=tmp_path / "clean")
    text = cleaned.splits["train"].read_text()
    found = json.loads(text) if splits["train"].suffix == ".json" else list(map(json.loads, text.splitlines()))
    assert found[-1] == json.loads(record)
    assert f'"v": {written}' in re.sub(r" ?,\s+", ", ", text.splitlines()[-2 if text.startswith("[") else -1] + text)


NS, DAY = pa.timestamp("ns"), dt.datetime(2020, 1, 1)
HELD: dict[str, tuple[Any, Any, Any]] = {
    "a small number": (pa.int32(), pa.int64(), 5),
    "a number that a float holds": (pa.float64(), pa.int64(), 2**53 - 1),
    "a float that a smaller one holds": (pa.float32(), pa.float64(), 0.5),
    "a decimal": (pa.decimal128(10, 1), pa.decimal128(20, 5), Decimal("1.5")),
    "midnight": (pa.date32(), pa.timestamp("us"), DAY),
    "whole milliseconds": (pa.timestamp("ms"), NS, DAY),
    "an instant of another zone": (pa.timestamp("us", "UTC"), pa.timestamp("us", "Asia/Tokyo"), DAY),
    "a text of a dictionary": (pa.string(), pa.dictionary(pa.int8(), pa.string()), "a"),
    "a text to a dictionary": (pa.dictionary(pa.int8(), pa.string()), pa.string(), "new"),
    "nothing": (pa.int32(), pa.string(), None),
    "a list of small numbers": (pa.list_(pa.int8()), pa.list_(pa.int64()), [1, 2]),
    "an object": (pa.struct({"a": pa.int8()}), pa.struct({"a": pa.int64()}), {"a": 1}),
}
NOT_HELD: dict[str, tuple[Any, Any, Any]] = {
    "a large number": (pa.int32(), pa.int64(), 2**40),
    "a negative number": (pa.uint64(), pa.int64(), -1),
    "a number that a float rounds": (pa.float64(), pa.int64(), 2**53 + 1),
    "a float that a smaller one rounds": (pa.float32(), pa.float64(), 0.1),
    "a float beyond smaller ones": (pa.float32(), pa.float64(), 1e300),
    "a decimal of more places": (pa.decimal128(10, 1), pa.decimal128(20, 5), Decimal("1.55")),
    "a decimal that a float rounds": (pa.float64(), pa.decimal128(10, 1), Decimal("0.1")),
    "a time of day": (pa.date32(), pa.timestamp("us"), DAY.replace(hour=5)),
    "microseconds": (pa.timestamp("ms"), NS, DAY.replace(microsecond=7)),
    "an instant": (pa.timestamp("us"), pa.timestamp("us", "UTC"), DAY),
    "a number as text": (pa.string(), pa.int64(), 1),
    "a text": (pa.int64(), pa.string(), "1"),
    "a list of large numbers": (pa.list_(pa.int8()), pa.list_(pa.int64()), [300]),
    "an object with more": (pa.struct({"a": pa.int8()}), pa.struct({"a": pa.int8(), "b": pa.int8()}), {"a": 1, "b": 2}),
}


def _parquet(folder: Path, home: Any, origin: Any, value: Any) -> dict[str, Path]:
    folder.mkdir(exist_ok=True)
    for name, type_, values in (("train", home, [None, None]), ("test", origin, [value, None])):
        g, u = ([7, 7], [1, 2]) if name == "train" else ([7, 8], [3, 4])
        table = pa.table({"g": g, "u": u, "v": pa.array(values, type_)})
        pq.write_table(table, folder / f"{name}.parquet")
    return {name: folder / f"{name}.parquet" for name in ("train", "test")}


@pytest.mark.parametrize("case", HELD)
def test_a_value_of_parquet_is_moved_exactly(case: str, tmp_path: Path) -> None:
    home, _, value = HELD[case]
    splits = _parquet(tmp_path, *HELD[case])
    report = gxl.audit(splits, group="g", exclude="v")
    table = pq.read_table(report.clean_splits("reassign", allow=True, directory=tmp_path / "clean").splits["train"])
    held = table.schema.field("v").type
    # Which integers a dictionary is read back with depends on the version of Arrow.
    assert held == home or (pa.types.is_dictionary(home) and held.value_type == home.value_type)
    (moved,) = table.column("v").to_pylist()[2:]
    assert moved == (value.date() if home == pa.date32() else value) or moved == value.replace(tzinfo=moved.tzinfo)


@pytest.mark.parametrize("case", NOT_HELD)
def test_a_value_of_parquet_that_would_change_is_refused(case: str, tmp_path: Path) -> None:
    splits = _parquet(tmp_path, *NOT_HELD[case])
    report = gxl.audit(splits, group="g", exclude="v")
    with pytest.raises(gxl.CouldNotCheckError, match=r"'test' cannot be moved to split 'train'.* column 'v' is"):
        report.clean_splits("reassign", allow=True, directory=tmp_path / "clean")
    assert not (tmp_path / "clean").exists()


UNLIKE = {
    "a column more": ("csv", "g,u\n7,1\n7,2\n", "csv", "g,u,y\n7,3,4\n8,5,6\n", "'train' has no column 'y'"),
    "a column less": ("csv", "g,u,x\n7,1,1\n7,2,1\n", "csv", "g,u\n7,3\n8,4\n", "'test' has no column 'x'"),
    "another kind": ("csv", "g,u\n7,1\n7,2\n", "jsonl", '{"g": 7, "u": 3}\n{"g": 8, "u": 4}\n', "is jsonl.* is csv"),
    "keys that differ in case": (
        "jsonl", '{"g": 7, "u": 1, "x": 1}\n{"g": 7, "u": 2}\n',
        "jsonl", '{"g": 7, "u": 3, "X": 1}\n{"g": 8, "u": 4}\n', "'X' is called 'x'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", UNLIKE)
def test_records_that_cannot_be_moved_are_refused(case: str, tmp_path: Path) -> None:
    one, train, other, test, said = UNLIKE[case]
    splits = {"train": _put(tmp_path / f"train.{one}", train), "test": _put(tmp_path / f"test.{other}", test)}
    report = gxl.audit(splits, group="g")
    with pytest.raises(gxl.CouldNotCheckError, match=said):
        report.clean_splits("reassign", allow=True, directory=tmp_path / "clean")
    assert not (tmp_path / "clean").exists()
    assert report.clean_splits("judged", allow=True, directory=tmp_path / "clean").rows[1]["after"] == 1


FRAMES: dict[str, tuple[Any, Any, Any]] = {
    "large numbers to floats": ([0.5, 1.5], [2**53 + 1, 1], "column 'x' is float64 and int64"),
    "floats to large numbers": ([2**53 + 1, 1], [0.5, 1.5], "column 'x' is int64 and float64"),
    "small numbers to floats": ([0.5, 1.5], [3, 1], [0.5, 1.5, 3.0]),
    "texts to a category": (pd.Categorical(["a", "b"]), ["c", "d"], ["a", "b", "c"]),
    "another column": (None, [1, 2], "'train' has no column 'x'"),
}


@pytest.mark.parametrize("case", FRAMES)
def test_a_row_of_a_frame_is_moved_exactly(case: str) -> None:
    train, test, wanted = FRAMES[case]
    frames = {
        "train": pd.DataFrame({"g": [7, 7], "u": [1, 2]}), "test": pd.DataFrame({"x": test, "u": [3, 4], "g": [7, 8]}),
    }  # fmt: skip
    if train is not None:
        frames["train"]["x"] = train
    report = gxl.audit(frames, group="g", exclude="x" if train is not None else ())
    if isinstance(wanted, str):
        with pytest.raises(gxl.CouldNotCheckError, match=wanted):
            report.clean_splits("reassign", allow=True)
        return
    made = report.clean_splits("reassign", allow=True).splits["train"]
    assert (list(made.columns), made["x"].tolist()) == (["g", "u", "x"], wanted)


def test_what_cannot_be_checked_again_does_not_look_finished(tmp_path: Path) -> None:
    splits = {
        "train": _put(tmp_path / "train.csv", "g,x\n7,1\n8,2\n"),
        "test": _put(tmp_path / "test.csv", "g,x\n7,3\n,4\n"),
    }
    report = gxl.audit(splits, group="g")
    for ending in ("unchecked", "unchecked.1"):
        with pytest.raises(gxl.CouldNotCheckError, match=rf"wrote .*train.csv.{ending}, .*could not be checked again"):
            report.clean_splits(allow=True, directory=tmp_path / "clean")
    found = sorted(path.name for path in (tmp_path / "clean").iterdir())
    assert found == ["test.csv.unchecked", "test.csv.unchecked.1", "train.csv.unchecked", "train.csv.unchecked.1"]
    assert (tmp_path / "clean/test.csv.unchecked").read_text() == "g,x\n,4\n"


def test_rows_without_a_split_may_be_most_of_what_is_left(tmp_path: Path) -> None:
    rows = [{"g": 1, "split": "train"}, {"g": 1, "split": "test"}, {"g": 2, "split": "test"}, {"g": 3}, {"g": 4}]
    given_ = _put(tmp_path / "all.jsonl", "".join(f"{json.dumps(row)}\n" for row in rows))
    cleaned = gxl.audit(given_, split_column="split", group="g").clean_splits(allow=True, directory=tmp_path / "clean")
    assert cleaned.report is not None
    assert cleaned.report.success
    (made,) = cleaned.splits.values()
    assert [json.loads(line) for line in made.read_text().splitlines()] == [rows[0], *rows[2:]]
    with pytest.raises(gxl.CouldNotCheckError, match="names no split in 2 of 4 rows"):
        gxl.audit(made, split_column="split", group="g")


SPLIT = 'g,x,fold\n8,0.70," train "\n7,1, train \n7,2,test\n9,"",\n10,3,test\n7,4,NA\n'


@pytest.mark.parametrize(
    ("strategy", "wanted"),
    [
        ("judged", SPLIT.replace("7,2,test\n", "")),
        ("train", SPLIT.replace("7,1, train \n", "")),
        ("reassign", SPLIT.replace("7,2,test\n", '7,2," train "\n')),
    ],
)
def test_a_split_column_stays_as_it_is_written(strategy: str, wanted: str, tmp_path: Path) -> None:
    given_ = _put(tmp_path / "all.csv", SPLIT.replace(",NA\n", ",\n"))
    (made,) = _fixed(given_, tmp_path / "clean", strategy, split_column="fold").values()
    assert made.read_text() == wanted.replace(",NA\n", ",\n")


def test_a_split_column_of_a_frame(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "g": pd.Categorical([8, 7, 7, 9, 10]),
            "fold": [1.0, 1.0, 2.0, None, 2.0],
            "t": pd.date_range("2024-01-01", periods=5, tz="Asia/Tokyo"),
        },
        index=pd.Index(list("abcde"), name="i"),
    )
    frame.attrs["who"] = "me"
    report = gxl.audit(frame, split_column="fold", group="g")
    (made,) = report.clean_splits("judged", allow=True).splits.values()
    pd.testing.assert_frame_equal(made, frame.drop(index=["b", "c"]))  # no split is train: both are judged
    assert made.attrs == frame.attrs


@pytest.mark.parametrize(
    "name", ["gxl_from_split", "gxl_from_row", "split_no", "key_0_", "first_split_", "at_", "gxl_0_column", "split"]
)
def test_no_column_of_ours_meets_one_of_theirs(name: str, tmp_path: Path) -> None:
    train = pd.DataFrame({name: [0, 1], "g": [1, 2], "u": [1, 2]})
    test = pd.DataFrame({name: [1, 0, 5], "g": [3, 2, 4], "u": [3, 4, 5]})
    made = gxl.audit({"train": train, "test": test}, group="g").clean_splits(allow=True).splits
    assert made["test"]["g"].tolist() == [3, 4]
    made = gxl.audit({"train": train, "test": test}, group=name).clean_splits(allow=True).splits
    assert made["test"][name].tolist() == [5]
    made = gxl.audit({"train": train, "test": test}, time=name, order=["train", "test"]).clean_splits(allow=True).splits
    assert made["test"][name].tolist() == [5]


def test_files_of_one_name_do_not_overwrite_one_another(tmp_path: Path) -> None:
    splits = {
        "train": _put(tmp_path / "a/data.csv", "g\n7\n8\n"), "test": _put(tmp_path / "b/DATA.csv", "g\n7\n9\n"),
    }  # fmt: skip
    made = _fixed(splits, tmp_path / "clean")
    assert {name: path.read_text() for name, path in made.items()} == {"train": "g\n7\n8\n", "test": "g\n9\n"}
    assert sorted(path.name for path in (tmp_path / "clean").iterdir()) == ["test.csv", "train.csv"]


@pytest.mark.parametrize("place", ["there", "there/below"])
def test_a_file_is_no_folder(place: str, tmp_path: Path) -> None:
    splits = {"train": _put(tmp_path / "train.csv", "g\n7\n8\n"), "test": _put(tmp_path / "test.csv", "g\n7\n9\n")}
    kept = _put(tmp_path / "there", "as it is")
    message = f"{re.escape(str(tmp_path / place))} is to be a folder, but .*there is none"
    options: list[dict[str, Any]] = [{"docs": tmp_path / place}, {"save": tmp_path / place}]
    for option in options:
        with pytest.raises(gxl.CouldNotCheckError, match=message):
            gxl.audit(splits, group="g", **option)
    with pytest.raises(gxl.CouldNotCheckError, match=message):
        _fixed(splits, tmp_path / place)
    assert kept.read_text() == "as it is"


def test_nothing_is_written_over_or_through_a_link(tmp_path: Path) -> None:
    splits = {"train": _put(tmp_path / "train.csv", "g\n7\n8\n"), "test": _put(tmp_path / "test.csv", "g\n7\n9\n")}
    report = gxl.audit(splits, group="g")
    with pytest.raises(gxl.CouldNotCheckError, match="exists already"):
        report.clean_splits(allow=True, directory=tmp_path)
    (tmp_path / "clean").mkdir()
    (tmp_path / "clean/test.csv").symlink_to(tmp_path / "elsewhere.csv")
    with pytest.raises(gxl.CouldNotCheckError, match="exists already"):
        report.clean_splits(allow=True, directory=tmp_path / "clean")
    assert [path.name for path in (tmp_path / "clean").iterdir()] == ["test.csv"]
    assert not (tmp_path / "elsewhere.csv").exists()
    folder = tmp_path / "parts"
    folder.mkdir()
    pq.write_table(pa.table({"g": [7, 9]}), folder / "1.parquet")
    report = gxl.audit({"train": tmp_path / "train.csv", "test": folder}, group="g")
    with pytest.raises(gxl.CouldNotCheckError, match="is inside of"):
        report.clean_splits(allow=True, directory=folder)


_CELLS = st.text(alphabet="ab ,;\"\n\r'é0", max_size=6)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.integers(5, 9), _CELLS), min_size=1, max_size=8), st.sampled_from(["\n", "\r\n"]))
def test_records_are_copied_raw(rows: list[tuple[int, str]], end: str) -> None:
    import tempfile

    quoted = ['"' + text.replace('"', '""') + '"' for _, text in rows]
    records = [f"v{g},{text}{end}" for (g, _), text in zip(rows, quoted, strict=True)]
    kept = [record for record, (g, _) in zip(records, rows, strict=True) if g != 7]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        splits = {
            "train": _put(place / "train.csv", "g,x\nv7,only\nv0,other\n"),
            "test": _put(place / "test.csv", f"g,x{end}{''.join(records)}"),
        }
        report = gxl.audit(splits, group="g")
        if not kept:
            with pytest.raises(gxl.CouldNotCheckError, match="without rows"):
                report.clean_splits(allow=True, directory=place / "clean")
            return
        made = report.clean_splits(allow=True, directory=place / "clean").splits
        assert made["test"].read_bytes() == f"g,x{end}{''.join(kept)}".encode()


SLOW = """
import sys, time
from gx_leakage.audit.remedy import records
keep = records._LineWriter.keep
def slowly(self, source):
    keep(self, source)
    print("writing", flush=True)
    time.sleep(0.5)
records._LineWriter.keep = slowly
from gx_leakage.cli import main
sys.argv = ["gx-leakage", "fix", "train=train.csv", "test=test.csv", "--group", "g", "--allow", "--output", "clean"]
main()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_what_is_stopped_leaves_nothing_that_looks_finished(number: int, tmp_path: Path) -> None:
    rows, others = ("".join(f"{g}\n" for g in range(start, start + 100)) for start in (0, 1000))
    given_ = {"train.csv": f"g\n{rows}", "test.csv": f"g\n1\n{others}"}
    before = {path: path.read_bytes() for path in (_put(tmp_path / name, text) for name, text in given_.items())}
    spill = tmp_path / "spill"
    spill.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW], cwd=tmp_path, stdout=subprocess.PIPE, env={**os.environ, "TMPDIR": str(spill)}
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.1)
    process.send_signal(number)
    assert process.wait(timeout=30) not in (0, 1)
    assert {path: path.read_bytes() for path in before} == before
    left = [path.name for path in (tmp_path / "clean").iterdir()]
    assert all(name.startswith(".") and name.endswith(".unfinished") for name in left)
    if number != signal.SIGKILL:
        assert left == []
        assert list(spill.iterdir()) == []
