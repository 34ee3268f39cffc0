"""Whatever is no leaked row comes out of a fix as it went in, or nothing comes out."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import time
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
    return gxl.audit(splits, **{"group": "g", **roles}).clean_splits(strategy, directory=folder).splits


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
    (made,) = report.clean_splits("judged").splits.values()
    pd.testing.assert_frame_equal(made, frame.drop(index=["b", "c"]))  # no split is train: both are judged
    assert made.attrs == frame.attrs


@pytest.mark.parametrize(
    "name", ["gxl_from_split", "gxl_from_row", "split_no", "key_0_", "first_split_", "at_", "gxl_0_column", "split"]
)
def test_no_column_of_ours_meets_one_of_theirs(name: str, tmp_path: Path) -> None:
    train, test = pd.DataFrame({name: [0, 1], "g": [1, 2]}), pd.DataFrame({name: [1, 0, 5], "g": [3, 2, 4]})
    made = gxl.audit({"train": train, "test": test}, group="g").clean_splits().splits
    assert made["test"]["g"].tolist() == [3, 4]
    made = gxl.audit({"train": train, "test": test}, group=name).clean_splits().splits
    assert made["test"][name].tolist() == [5]
    made = gxl.audit({"train": train, "test": test}, time=name, order=["train", "test"]).clean_splits().splits
    assert made["test"][name].tolist() == [5]


def test_files_of_one_name_do_not_overwrite_one_another(tmp_path: Path) -> None:
    splits = {
        "train": _put(tmp_path / "a/data.csv", "g\n7\n8\n"), "test": _put(tmp_path / "b/DATA.csv", "g\n7\n9\n"),
    }  # fmt: skip
    made = _fixed(splits, tmp_path / "clean")
    assert {name: path.read_text() for name, path in made.items()} == {"train": "g\n7\n8\n", "test": "g\n9\n"}
    assert sorted(path.name for path in (tmp_path / "clean").iterdir()) == ["test.csv", "train.csv"]


def test_nothing_is_written_over_or_through_a_link(tmp_path: Path) -> None:
    splits = {"train": _put(tmp_path / "train.csv", "g\n7\n8\n"), "test": _put(tmp_path / "test.csv", "g\n7\n9\n")}
    report = gxl.audit(splits, group="g")
    with pytest.raises(gxl.CouldNotCheckError, match="exists already"):
        report.clean_splits(directory=tmp_path)
    (tmp_path / "clean").mkdir()
    (tmp_path / "clean/test.csv").symlink_to(tmp_path / "elsewhere.csv")
    with pytest.raises(gxl.CouldNotCheckError, match="exists already"):
        report.clean_splits(directory=tmp_path / "clean")
    assert [path.name for path in (tmp_path / "clean").iterdir()] == ["test.csv"]
    assert not (tmp_path / "elsewhere.csv").exists()
    folder = tmp_path / "parts"
    folder.mkdir()
    pq.write_table(pa.table({"g": [7, 9]}), folder / "1.parquet")
    report = gxl.audit({"train": tmp_path / "train.csv", "test": folder}, group="g")
    with pytest.raises(gxl.CouldNotCheckError, match="is inside of"):
        report.clean_splits(directory=folder)


_CELLS = st.text(alphabet="ab ,;\"\n\r'é0", max_size=6)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
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
                report.clean_splits(directory=place / "clean")
            return
        made = report.clean_splits(directory=place / "clean").splits
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
sys.argv = ["gx-leakage", "fix", "train=train.csv", "test=test.csv", "--group", "g", "--output", "clean"]
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
