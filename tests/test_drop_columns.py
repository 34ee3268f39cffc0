"""Columns that leak are left out of clean splits, and what is left of files stays byte for byte."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import gx_leakage as gxl
from gx_leakage.audit.remedy.records import Changes, rewritten
from gx_leakage.splits import files

N = 120
_RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {"copy": 0, "g": [no // 2 for no in range(N)], "x": _RNG.permutation(N) / 8, "y": _RNG.integers(0, 2, N)}
)
FRAME = FRAME.assign(copy=1 - FRAME["y"], strong=FRAME["y"] + _RNG.normal(size=N) * 0.05)
SPLITS = {"train": FRAME[:81], "test": FRAME[81:]}  # group 40 is in both


def columns(place: Any) -> list[str]:
    read: dict[str, Any] = {".csv": pd.read_csv, ".parquet": pd.read_parquet}
    frame = place if isinstance(place, pd.DataFrame) else read[Path(place).suffix](place)
    return list(frame.columns)


@pytest.mark.parametrize(("fail_on", "left"), [("critical", ["g", "x", "y", "strong"]), ("warning", ["g", "x", "y"])])
def test_frames_lose_what_is_proved_or_all_that_counts(fail_on: str, left: list[str]) -> None:
    report = gxl.audit(SPLITS, group="g", target="y", fail_on=fail_on)
    cleaned = report.clean_splits("judged", drop_columns=True)
    assert columns(cleaned.splits["train"]) == columns(cleaned.splits["test"]) == left
    assert cleaned.columns == [name for name in ("copy", "strong") if name not in left]
    assert cleaned.sentence.startswith(f"Left out of all splits: {', '.join(cleaned.columns)}. train 81 of 81")
    assert len(cleaned.splits["test"]) == 38
    assert any("strong" in sentence for sentence in cleaned.not_fixed) is ("strong" in left)
    assert cleaned.report is not None
    assert cleaned.report.success
    assert columns(SPLITS["test"])[0] == "copy"


def test_files_and_tables_lose_them_too(tmp_path: Path) -> None:
    for kind in ("csv", "parquet"):
        paths = {name: tmp_path / f"{name}.{kind}" for name in SPLITS}
        for name, split in SPLITS.items():
            split.to_csv(paths[name], index=False) if kind == "csv" else split.to_parquet(paths[name])
        report = gxl.audit(paths, group="g", target="y")
        cleaned = report.clean_splits("resplit", drop_columns=True, directory=tmp_path / "clean")
        assert [columns(path) for path in cleaned.splits.values()] == [["g", "x", "y", "strong"]] * 2
        assert cleaned.report is not None
        assert cleaned.report.success
    with sqlite3.connect(tmp_path / "db.sqlite") as connection:
        for name, split in SPLITS.items():
            split.to_sql(name, connection, index=False)
        url = f"sqlite:///{tmp_path}/db.sqlite"
        report = gxl.audit({name: name for name in SPLITS}, connection=url, group="g", target="y")
        cleaned = report.clean_splits("reassign", drop_columns=True, run=True)
        assert columns(pd.read_sql("SELECT * FROM test_clean", connection)) == ["g", "x", "y", "strong"]
    assert cleaned.report is not None
    assert cleaned.report.success


@pytest.mark.spark
def test_spark_frames_lose_them_too(spark: Any) -> None:
    frames = {name: spark.createDataFrame(split) for name, split in SPLITS.items()}
    cleaned = gxl.audit(frames, target="y").clean_splits("judged", drop_columns=True)
    assert [split.columns for split in cleaned.splits.values()] == [["g", "x", "y", "strong"]] * 2


RAW = {
    "a.csv": (b'\xef\xbb\xbf"a","b",c\r\n1,"x,""1",0.70\r\n,"2\n3", "\r\n', b'\xef\xbb\xbf"a",c\r\n1,0.70\r\n, "\r\n'),
    "b.csv": (b"b;a\n1;2\n3;", b"a\n2\n"),
    "a.jsonl": (
        b'{"b":[1,{"b":2}], "a" : 1.50 }\n{"a":1}\n{ "a":2 , "b":"}" }\n',
        b'{"a" : 1.50 }\n{"a":1}\n{ "a":2 }\n',
    ),
    "a.json": (b'[{"b":1,"a":1e5},\n {"a": 0.70, "b":2,"c":3}]', b'[\n{"a":1e5},\n{"a": 0.70,"c":3}\n]\n'),
}


@pytest.mark.parametrize("name", RAW)
def test_what_stays_of_a_file_stays_as_it_is_written(name: str, tmp_path: Path) -> None:
    content, wanted = RAW[name]
    (tmp_path / name).write_bytes(content)
    found = files.find(tmp_path / name)
    count = {"a.csv": 2, "b.csv": 2, "a.jsonl": 3, "a.json": 2}[name]
    rewritten({"s": found}, {"s": Changes(count, frozenset())}, {}, {"s": tmp_path / "new" / name}, None, ["b"])
    assert (tmp_path / "new" / name).read_bytes() == wanted


def test_parquet_keeps_types_and_metadata_of_the_others(tmp_path: Path) -> None:
    FRAME.astype({"g": "int16"}).to_parquet(tmp_path / "a.parquet")
    before = pq.read_table(tmp_path / "a.parquet")
    found = files.find(tmp_path / "a.parquet")
    rewritten({"s": found}, {"s": Changes(N, frozenset({3}))}, {}, {"s": tmp_path / "b.parquet"}, None, ["copy"])
    after = pq.read_table(tmp_path / "b.parquet")
    kept = before.drop_columns(["copy"])
    assert after.equals(kept.take([row for row in range(N) if row != 3]))
    assert after.schema.metadata == before.schema.metadata


def test_what_is_needed_is_never_left_out() -> None:
    ids = FRAME.drop(columns=["copy", "strong"]).sort_values("y", ignore_index=True).assign(no=range(N))
    splits = {"train": ids[::2], "test": ids[1::2]}
    report = gxl.audit(splits, id="no", target="y", fail_on="warning")
    with pytest.raises(gxl.CouldNotCheckError, match=r"column 'no' leaks, and is not left out, .*\(--id\)"):
        report.clean_splits("judged", drop_columns=True)
    assert columns(gxl.audit(splits, id="no", target="y").clean_splits("judged", drop_columns=True).splits["test"])
    for features, message in ((["copy"], "all columns of --feature leak"), ([], "there is no feature left")):
        few = {name: split[["copy", "y"]] for name, split in SPLITS.items()}
        with pytest.raises(gxl.CouldNotCheckError, match=message):
            gxl.audit(few, target="y", feature=features).clean_splits("judged", drop_columns=True, allow=True)
    named = gxl.audit(SPLITS, target="y", arguments={"expect_no_feature_to_reveal_target": {"columns": ["copy"]}})
    with pytest.raises(gxl.CouldNotCheckError, match="names it: leave out the check"):
        named.clean_splits("judged", drop_columns=True)
    some = gxl.audit(SPLITS, target="y", feature=["copy", "x"], exclude="strong")
    assert some.clean_splits("judged", drop_columns=True, allow=True).columns == ["copy"]


def test_late_features_and_scalers_that_saw_test_are_left_out() -> None:
    whole = FRAME.drop(columns=["copy", "strong"]).assign(t=range(N), known=range(1, N + 1), cost=_RNG.random(N))
    whole["scaled"] = (whole["x"] - whole["x"].mean()) / whole["x"].std(ddof=0)
    splits = {"train": whole[:80], "test": whole[80:]}
    report = gxl.audit(splits, time="t", available_at={"cost": "known"})
    cleaned = report.clean_splits("judged", drop_columns=True)
    assert sorted(cleaned.columns) == ["cost", "scaled"]
    assert cleaned.not_fixed == []
    assert cleaned.report is not None
    assert cleaned.report.success
