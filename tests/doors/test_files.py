"""Files are read as they are written, or refused: never as something else."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import string
import tempfile
from collections.abc import Callable, Sequence
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
    "decimal commas and points": ("g;x\n1,5;1\n", "g\tx\n1.5\t1\n", {"group": "g"}, "clean"),
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


def test_many_columns_are_read_in_seconds(tmp_path: Path) -> None:
    names = ",".join(f"c{i}" for i in range(2_000))
    rows = "\n".join(",".join(str(i * j % 97) for i in range(2_000)) for j in range(3))
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


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
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
