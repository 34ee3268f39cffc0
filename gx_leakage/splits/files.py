"""Files as DuckDB reads them: each as it is written, all splits alike, or not at all.

Left to itself, DuckDB takes a path for a pattern, guesses types file by file, names doubled columns anew and stops
where a file was cut. So nothing is left to it: the files of a split, the delimiter and the names come from here, every
value is read as text, and the type of a column is decided by the values of all splits together, in
:mod:`gx_leakage.splits.kinds`.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gx_leakage.disclosure import value
from gx_leakage.errors import CouldNotCheckError, MissingFileError
from gx_leakage.splits.kinds import (
    TEXT,
    TIMES,
    WHOLE,
    Decision,
    Written,
    decide,
    formatted,
    kind_of,
    names_a_day,
    unlike,
    written_sql,
)  # fmt: skip
from gx_leakage.splits.spellings import disagreeing, odd

__all__ = ["KINDS", "SplitFiles", "SplitQuery", "find", "queries", "quoted"]

KINDS = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".parquet": "parquet", ".pq": "parquet", ".json": "json",
    ".jsonl": "jsonl", ".ndjson": "jsonl",
}  # fmt: skip
"""What is read, by the end of a file's name."""

_PACKED = {".gz": "gzip", ".zst": "zstd"}
_LAKES = {"_delta_log": "Delta", ".hoodie": "Hudi", "metadata": "Iceberg"}
_DELIMITERS = (",", ";", "\t", "|")
_MARKS = {
    b"\x1f\x8b": "is packed with gzip: let its name end with .gz",
    b"\x28\xb5\x2f\xfd": "is packed with zstd: let its name end with .zst",
    b"PAR1\x15": "is a Parquet file: let its name end with .parquet",
    b"PK\x03\x04": "is a zip archive, or of Excel: unpack it, or write it as CSV or Parquet",
    b"BZh91AY&SY": "is packed with bzip2: unpack it, or pack it with gzip or zstd",
    b"\xfd7zXZ\x00": "is packed with xz: unpack it, or pack it with gzip or zstd",
    b"\xff\xfe\x00\x00": "is written in UTF-32: write it in UTF-8, for example with iconv",
    b"\x00\x00\xfe\xff": "is written in UTF-32: write it in UTF-8, for example with iconv",
    b"\xff\xfe": "is written in UTF-16: write it in UTF-8, for example with iconv",
    b"\xfe\xff": "is written in UTF-16: write it in UTF-8, for example with iconv",
}
"""How files begin that are not what their name says."""
_OF_WRITERS = {"_temporary", "_spark_metadata", "_delta_log", "_change_data", "__pycache__", "__MACOSX"}
"""Folders of which the files are no data, or none yet."""
_SNIFFED = 1 << 18
_FARTHEST = 2**63 // 1000
_DECIMAL_DIGITS = 38

SAMPLED_ROWS = 1_000
"""Rows at the beginning of each file whose values say what a column is likely to be."""

COLUMNS_A_SCAN = 50


@dataclass(frozen=True)
class SplitFiles:
    """The files of a split, which are of one kind and have the same columns."""

    given: Path
    """The file, or the folder."""
    parts: tuple[Path, ...]
    kind: str
    """``"csv"``, ``"json"`` (one array), ``"jsonl"`` or ``"parquet"``."""
    packing: str | None
    """``"gzip"``, ``"zstd"`` or None."""
    columns: tuple[str, ...]
    delimiter: str = ","


@dataclass(frozen=True)
class SplitQuery:
    """The SELECT that reads a split, around the list of its files, which may be elsewhere tomorrow."""

    before: str
    after: str
    files: tuple[Path, ...]
    remarks: dict[str, str] = field(default_factory=dict)
    """For columns that could not be read as what they seem to be, why, as it is kept in a comment of the column."""

    def sql(self, files: Iterable[Path] | None = None) -> str:
        """Return the query over its files, or over others in their place."""
        paths = ", ".join(_literal(_exactly(path)) for path in (self.files if files is None else files))
        return f"{self.before}[{paths}]{self.after}"


def find(path: Path) -> SplitFiles:
    """Return the files of a split by the path of a file or a folder.

    Raises:
        CouldNotCheckError: there is nothing there, or it cannot be read as it is written.
    """
    if not path.exists():
        raise MissingFileError(path)
    parts = _parts(path) if path.is_dir() else [path]
    found = [_described(part) for part in parts]
    first = found[0]
    for part, other in zip(parts, found, strict=True):
        if (other.kind, other.packing, other.delimiter) != (first.kind, first.packing, first.delimiter):
            raise CouldNotCheckError(
                f"the folder {path} has files of several kinds, such as {_within(parts[0], path)} and "
                f"{_within(part, path)}: give a folder of one kind, or name the file."
            )
        if other.columns != first.columns:
            odd = sorted(set(first.columns) ^ set(other.columns)) or list(other.columns)
            raise CouldNotCheckError(
                f"the files of {path} do not have the same columns in the same order: {_within(parts[0], path)} and "
                f"{_within(part, path)} differ in {', '.join(odd[:5])}."
            )
    return SplitFiles(path, tuple(parts), first.kind, first.packing, first.columns, first.delimiter)


def _parts(folder: Path) -> list[Path]:
    """Return the files of a folder in order.

    What is hidden, and what writers and tools are known to leave there, is none of its data. All else is, or it is
    refused: nothing is left out in silence.
    """
    for name, what in _LAKES.items():
        inside = folder / name
        if inside.is_dir() and (name != "metadata" or any(inside.glob("*.metadata.json"))):
            raise CouldNotCheckError(
                f"{folder} is a table of {what}, in which files can be out of date: read it with its own library or "
                f"with Spark, and give the frame."
            )
    parts: list[Path] = []
    for place, folders, names in os.walk(folder, onerror=_unread):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in _OF_WRITERS]
        for name in folders:
            if Path(place, name).is_symlink():
                raise CouldNotCheckError(
                    f"{_within(Path(place, name), folder)} in {folder} is a link to another folder, which is not "
                    f"followed: put the files there, or leave the link out."
                )
        for name in names:
            part = Path(place, name)
            inside_ = part.relative_to(folder).parts
            if name.startswith("."):
                continue
            if not any(one.startswith("_") for one in inside_):
                parts.append(part)
            elif _kind(part)[0] is not None:
                raise CouldNotCheckError(
                    f"{_within(part, folder)} in {folder} has a name as writers give it to what is not data yet, and "
                    f"may be data all the same: give it another name, or move it out of the folder."
                )
    if not parts:
        raise CouldNotCheckError(f"the folder {folder} has no files.")
    return sorted(parts)


def _unread(error: OSError) -> None:
    raise CouldNotCheckError(f"the folder {error.filename} cannot be read: {error.strerror}.") from error


def _within(part: Path, folder: Path) -> str:
    return str(part.relative_to(folder)) if part != folder else part.name


def _kind(path: Path) -> tuple[str | None, str | None]:
    """Return of what kind a file is by its name, if of one that is read, and how it is packed."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packing = _PACKED.get(suffixes.pop()) if suffixes and suffixes[-1] in _PACKED else None
    return KINDS.get(suffixes[-1]) if suffixes else None, packing


def _described(path: Path) -> SplitFiles:
    """Return how one file is written."""
    if not path.exists():
        raise MissingFileError(path)
    if not path.is_file():
        raise CouldNotCheckError(f"{path} is no file.")
    kind, packing = _kind(path)
    if kind is None or (kind == "parquet" and packing):
        raise CouldNotCheckError(f"{path} is not of a kind that is read: {', '.join(KINDS)}, also with .gz or .zst.")
    if path.stat().st_size == 0:
        raise CouldNotCheckError(f"the file {path} is empty.")
    if kind == "parquet":
        return SplitFiles(path, (path,), kind, None, _checked(path, _parquet_columns(path)))
    if packing:
        _refuse_cut(path, packing)
    start = _text(path, packing)
    if kind == "csv":
        if start.startswith(("\n", "\r")):
            raise CouldNotCheckError(f"the first line of {path} is blank, and should be its header.")
        delimiter = "\t" if ".tsv" in map(str.lower, path.suffixes) else _delimiter(path, start)
        header = next(iter(_records(start, delimiter)), [])
        names = [name or f"column{i}" for i, name in enumerate(header)]
        return SplitFiles(path, (path,), kind, packing, _checked(path, names), delimiter)
    if kind == "json" and not start.lstrip().startswith("["):
        kind = "jsonl"
    if kind == "jsonl" and _marked(path, packing):
        raise CouldNotCheckError(
            f"{path} begins with a byte order mark, which JSON has none of: write it in UTF-8 without one."
        )
    if kind == "json" and not _end(path, packing).rstrip().endswith("]"):
        raise CouldNotCheckError(f"{path} ends before its list does: it was cut, or is still being written.")
    return SplitFiles(path, (path,), kind, packing, _checked(path, _json_columns(path, kind)))


def _checked(path: Path, names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of columns, which have to differ, also for databases that fold case."""
    if not names:
        raise CouldNotCheckError(f"{path} has no columns.")
    seen: dict[str, str] = {}
    for name in names:
        folded = name.casefold()
        if seen.get(folded) == name:
            raise CouldNotCheckError(f"{path} has two columns called '{name}': rename one of them.")
        if folded in seen:
            raise CouldNotCheckError(
                f"{path} has columns '{seen[folded]}' and '{name}', which differ in case only: rename one of them."
            )
        seen[folded] = name
    return tuple(names)


def _parquet_columns(path: Path) -> list[str]:
    try:
        return list(pq.read_schema(path).names)
    except (pa.ArrowException, OSError) as error:
        raise CouldNotCheckError(f"{path} is no Parquet file, or was cut.") from error


def _stream(path: Path, packing: str | None) -> Any:
    return pa.input_stream(str(path), compression=packing)


def _refuse_cut(path: Path, packing: str) -> None:
    """Read a packed file to its end: DuckDB takes the end of what is there for the end of the file."""
    try:
        with _stream(path, packing) as stream:
            while stream.read(1 << 22):
                pass
    except OSError as error:
        raise CouldNotCheckError(
            f"{path} cannot be unpacked to its end: it was cut, or is no {packing} file."
        ) from error


def _text(path: Path, packing: str | None) -> str:
    """Return how a file begins: whole lines, where it has any."""
    with _stream(path, packing) as stream:
        start: bytes = stream.read(_SNIFFED)
    for mark, content in _MARKS.items():
        if start.startswith(mark):
            raise CouldNotCheckError(f"{path} {content}.")
    try:
        text = start.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "strict" if len(start) < _SNIFFED else "ignore")
    except UnicodeDecodeError as error:
        raise CouldNotCheckError(f"{path} is not written in UTF-8: convert it, for example with iconv.") from error
    return text


def _marked(path: Path, packing: str | None) -> bool:
    with _stream(path, packing) as stream:
        return bool(stream.read(3) == b"\xef\xbb\xbf")


def _end(path: Path, packing: str | None) -> str:
    last = b""
    with _stream(path, packing) as stream:
        while piece := stream.read(1 << 20):
            last = (last + piece)[-1024:]
    return last.decode("utf-8", "replace")


def _records(start: str, delimiter: str) -> list[list[str]]:
    """Return the records of a beginning; the last may have been cut, unless it is the only one."""
    whole = len(start.encode()) < _SNIFFED - 4
    found: list[list[str]] = []
    try:
        found.extend(csv.reader(io.StringIO(start, newline=""), delimiter=delimiter, strict=True))
    except csv.Error:
        whole = True  # what follows is for DuckDB to judge; what was read is whole
    records = [record for record in found if record]
    return records if whole or len(records) < 2 else records[:-1]


def _delimiter(path: Path, start: str) -> str:
    """Return the delimiter with which all records have as many fields as the header, several if that can be."""
    fields = {}
    for delimiter in _DELIMITERS:
        widths = {len(record) for record in _records(start, delimiter)}
        if len(widths) == 1:
            fields[delimiter] = widths.pop()
    most = max(fields.values(), default=1)
    if most == 1:
        # One column, or rows that are not alike, which is for DuckDB to say by the delimiter that the header has.
        return max(_DELIMITERS, key=lambda d: len(next(iter(_records(start, d)), [])))
    best = [delimiter for delimiter, width in fields.items() if width == most]
    if len(best) > 1:
        raise CouldNotCheckError(
            f"{path} can be read with {' or '.join(map(repr, best))} between its columns: write it with tabs, "
            f"as .tsv, or as Parquet."
        )
    return best[0]


def _json_columns(path: Path, kind: str) -> list[str]:
    """Return the keys of all objects, those of the first in their order."""
    source = f"read_json_objects([{_literal(_exactly(path))}], {_json_format(kind)})"
    with duckdb.connect() as connection:
        try:
            odd = connection.execute(
                f"SELECT count(*) FILTER (json_type(json) <> 'OBJECT'), count(*) FROM {source}"  # noqa: S608
            ).fetchall()[0]
            if odd[0] or not odd[1]:
                raise CouldNotCheckError(f"{path} does not hold one JSON object a row.")
            first = connection.execute(f"SELECT json_keys(json) FROM {source} LIMIT 1").fetchall()[0][0]  # noqa: S608
            found = connection.execute(f"SELECT DISTINCT unnest(json_keys(json)) FROM {source} ORDER BY 1").fetchall()  # noqa: S608
        except duckdb.Error as error:
            raise CouldNotCheckError(f"{path} cannot be read as JSON: {_reason(error)}") from error
    return list(dict.fromkeys([*first, *(row[0] for row in found)])) if len(set(first)) == len(first) else list(first)


def _json_format(kind: str) -> str:
    return f"format = '{'array' if kind == 'json' else 'newline_delimited'}'"


def _exactly(path: Path) -> str:
    """Return the pattern that only this path matches: DuckDB takes every path for a pattern."""
    return re.sub(r"([*?\[])", r"[\1]", str(path.resolve()))


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """Return a name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def _reason(error: duckdb.Error) -> str:
    """Return what DuckDB says is wrong, without the values that it shows."""
    known = {
        "Expected Number of Columns": "a row has more or fewer columns than the header",
        "unterminated quote": "a quoted value does not end",
        "not utf-8": "it is not written in UTF-8",
        "state machine": "line ends, or quotes, are not the same everywhere",
        "Malformed JSON": "it is malformed",
        "duplicate key": "an object has a key twice",
        "Maximum line size": "a line is longer than can be read",
        "has no": "the files differ",
    }
    text = str(error)
    reason = next((words for part, words in known.items() if part in text), type(error).__name__)
    if line := re.search(r"on Line:? (\d+)", text):
        return f"{reason} (line {line.group(1)})."
    # What is said to be a line of JSON is a value, blank lines not counted, and the one behind that which is meant.
    if record := re.search(r"in (?:line|record/value):? (\d+)", text):
        return f"{reason} (object {int(record.group(1)) - 1})."
    return f"{reason}."


def _source(found: SplitFiles) -> tuple[str, str]:
    """Return the table function that reads all values as they are written, around the list of files."""
    if found.kind == "parquet":
        return "read_parquet(", ", hive_partitioning = false, union_by_name = true)"
    packed = f", compression = '{found.packing or 'uncompressed'}'"
    if found.kind == "csv":
        columns = ", ".join(f"{_literal(name)}: 'VARCHAR'" for name in found.columns)
        return "read_csv(", (
            f", auto_detect = false, header = true, delim = {_literal(found.delimiter)}, quote = '\"', escape = '\"', "
            f"strict_mode = true, hive_partitioning = false, max_line_size = 67108864, columns = {{{columns}}}{packed})"
        )
    columns = ", ".join(f"{_literal(name)}: 'JSON'" for name in found.columns)
    return "read_json(", (
        f", {_json_format(found.kind)}, records = true, hive_partitioning = false, maximum_object_size = 67108864, "
        f"columns = {{{columns}}}{packed})"
    )


def queries(
    splits: Mapping[str, SplitFiles],
    *,
    typed: Mapping[str, Mapping[str, str]] | None = None,
    date_format: str | None = None,
) -> dict[str, SplitQuery]:
    """Return how each split is read, its columns in the types that suit the values of all splits.

    Args:
        splits: The files by split.
        typed: The columns, with their DuckDB types, of splits that are given otherwise.
        date_format: How dates are written, as ``strptime`` has it; columns that fit it are read so, whole numbers only
            where it names year, month and day.

    Raises:
        CouldNotCheckError: a file cannot be read.
    """
    declared = dict(typed or {})
    with duckdb.connect() as connection:
        try:
            parquet = {name: found for name, found in splits.items() if found.kind == "parquet"}
            declared |= {name: _declared(connection, found) for name, found in parquet.items()}
            written = {name: found for name, found in splits.items() if name not in parquet}
            chosen = _chosen(connection, written, declared, date_format)
            chosen |= _disagreeing(connection, splits, declared, chosen)
        except duckdb.Error as error:
            raise CouldNotCheckError(f"{_culprit(error, splits)} cannot be read: {_reason(error)}") from error
    return {name: _query(found, chosen, declared.get(name, {})) for name, found in splits.items()}


def _culprit(error: duckdb.Error, splits: Mapping[str, SplitFiles]) -> str:
    named = [str(part) for found in splits.values() for part in found.parts if str(part.resolve()) in str(error)]
    return named[0] if named else " or ".join(str(found.given) for found in splits.values())


def _declared(connection: duckdb.DuckDBPyConnection, found: SplitFiles) -> dict[str, str]:
    """Return the types of Parquet columns, which all files of a split have to share that have values of them."""
    types: dict[str, str] = {}
    first: dict[str, Path] = {}
    for part in found.parts:
        own = SplitFiles(part, (part,), found.kind, None, found.columns)
        schema = pq.read_schema(part)
        for name, type_, *_ in connection.execute(f"DESCRIBE {_select(own, ['*']).sql()}").fetchall():
            if pa.types.is_null(schema.field(name).type):
                types.setdefault(name, type_)
            elif name not in first:
                first[name], types[name] = part, type_
            elif types[name] != type_:
                raise CouldNotCheckError(
                    f"column '{name}' of {found.given} is {types[name]} in {_within(first[name], found.given)} but "
                    f"{type_} in {_within(part, found.given)}: write it in one type."
                )
    return types


def _cut(found: SplitFiles) -> dict[str, str]:
    """Return the columns of Parquet files of whose values DuckDB reads a part only, and what that part is."""
    cut: dict[str, str] = {}
    for part in found.parts:
        file = pq.ParquetFile(part)
        stored = {column.path: column for column in map(file.schema.column, range(len(file.schema)))}
        for of in file.schema_arrow:
            if pa.types.is_decimal(of.type) and of.type.precision > _DECIMAL_DIGITS:
                cut[of.name] = f"has decimals of {of.type.precision} digits"
            elif pa.types.is_timestamp(of.type) and of.type.unit == "ns" and of.name not in cut:
                old = stored[of.name].physical_type == "INT96"
                if (old or of.type.tz is not None) and _finer(part, of.name):
                    what = "times of the old form INT96" if old else "times with a zone"
                    cut[of.name] = f"has {what} that are finer than microseconds"
    return cut


def _finer(path: Path, name: str) -> bool:
    """Return whether times of Parquet are finer than microseconds; many are said to be, as pandas writes them so."""
    coarse, fine = (
        pq.ParquetFile(path, coerce_int96_timestamp_unit=unit).iter_batches(columns=[name]) for unit in ("us", "ns")
    )
    for microseconds, nanoseconds in zip(coarse, fine, strict=True):
        us, ns = (
            batch.column(0).cast(pa.timestamp(unit), safe=False).cast(pa.int64())
            for batch, unit in ((microseconds, "us"), (nanoseconds, "ns"))
        )
        # Times of INT96 can be so far away that nanoseconds do not hold them.
        near = pc.less(pc.abs(us), _FARTHEST)
        if pc.any(pc.and_(near, pc.not_equal(pc.multiply(us, 1000), ns))).as_py():
            return True
    return False


def _select(found: SplitFiles, columns: Sequence[str]) -> SplitQuery:
    before, after = _source(found)
    return SplitQuery(f"SELECT {', '.join(columns)} FROM {before}", after, found.parts)  # noqa: S608


def _cell(found: SplitFiles, name: str) -> str:
    """Return the text of a value."""
    if found.kind == "parquet":
        return f"CAST({quoted(name)} AS VARCHAR)"
    return quoted(name) if found.kind == "csv" else f"({quoted(name)} ->> '$')"


def _chosen(
    connection: duckdb.DuckDBPyConnection,
    splits: Mapping[str, SplitFiles],
    declared: Mapping[str, Mapping[str, str]],
    date_format: str | None,
) -> dict[str, Decision]:
    """Return the type of each column that is written as text in some split."""
    texts = {name for of in declared.values() for name, type_ in of.items() if type_.startswith(("VARCHAR", "ENUM"))}
    chosen, strings = _of_json(connection, splits)
    begun = {split: _begun(connection, found) for split, found in splits.items()}
    likely: dict[str, str] = {}
    for name in dict.fromkeys(name for found in splits.values() for name in found.columns):
        if name in chosen:
            continue
        kinds = {kind for of in begun.values() for kind in of.get(name, ())}
        if name in texts or (date_format is None and ("text" in kinds or (name in strings and kinds - TIMES))):
            chosen[name] = Decision()
        else:
            likely[name] = decide({"all": Written(frozenset(kinds))}).type_ if date_format is None else ""
    # Most columns are numbers from end to end, which is cheap to see; the others are looked at value by value.
    numbers = {name: type_ for name, type_ in likely.items() if type_ in ("BIGINT", "DOUBLE") and name not in strings}
    for found in splits.values():
        numbers = _all_like(connection, found, numbers)
    chosen |= {name: Decision(type_, f"CAST({{}} AS {type_})") for name, type_ in numbers.items()}
    doubtful = [name for name in likely if name not in numbers]
    written = {split: _written(connection, found, doubtful) for split, found in splits.items()}
    held = {name: {split: of[name] for split, of in written.items() if name in of} for name in doubtful}
    kinds_of = {name: {kind for of in by_split.values() for kind in of.kinds} for name, by_split in held.items()}
    for name, by_split in held.items():
        chosen[name] = Decision() if name in strings and not kinds_of[name] <= TIMES else decide(by_split)
    if date_format is not None:
        # A year, or a day, alone is as good as any whole number: ages and amounts are no times.
        tried = [name for name in doubtful if names_a_day(date_format) or not kinds_of[name] <= WHOLE]
        fitting = [name for name in tried if _fits(connection, splits, name, date_format)]
        if not fitting:
            aside = " Whole numbers are only dates by a form of year, month and day." if tried != doubtful else ""
            raise CouldNotCheckError(f"no column is written as the date format '{date_format}' says.{aside}")
        chosen |= dict.fromkeys(fitting, formatted(date_format))
    return chosen


def _of_json(
    connection: duckdb.DuckDBPyConnection, splits: Mapping[str, SplitFiles]
) -> tuple[dict[str, Decision], set[str]]:
    """Return the columns whose type JSON itself decides, and those that are texts, and may be times."""
    found: dict[str, dict[str, set[str]]] = {}
    for split, files in splits.items():
        if files.kind == "csv":
            continue
        types = [f"list(DISTINCT json_type({quoted(name)}))" for name in files.columns]
        row = connection.execute(_select(files, types).sql()).fetchall()[0]
        for name, of in zip(files.columns, row, strict=True):
            kinds = {_JSON_KINDS.get(type_, "numbers") for type_ in of or () if type_ not in (None, "NULL")}
            found.setdefault(name, {})[split] = kinds
    chosen = {}
    for name, by_split in found.items():
        kinds = set().union(*by_split.values())
        if kinds == {"lists or objects"}:
            chosen[name] = Decision("JSON")
        elif len(kinds) > 1:
            held = "; ".join(f"{' and '.join(sorted(of))} in split '{split}'" for split, of in by_split.items() if of)
            chosen[name] = Decision(reason=f"holds values of several types ({held})", equality=False)
        elif kinds == {"booleans"}:
            chosen[name] = Decision("BOOLEAN", "CAST({} AS BOOLEAN)")
    strings = {name for name, by_split in found.items() if {"texts"} in by_split.values()}
    return chosen, strings


_JSON_KINDS = {"VARCHAR": "texts", "BOOLEAN": "booleans", "ARRAY": "lists or objects", "OBJECT": "lists or objects"}


def _begun(connection: duckdb.DuckDBPyConnection, found: SplitFiles) -> dict[str, set[str]]:
    """Return the kinds of the first values of each column."""
    cells = [_cell(found, name) for name in found.columns]
    rows = connection.execute(f"{_select(found, cells).sql()} LIMIT {SAMPLED_ROWS}").fetchall()
    columns: list[tuple[Any, ...]] = list(zip(*rows, strict=True)) or [() for _ in cells]
    return {
        name: {kind_of(value) for value in set(values) if value is not None}
        for name, values in zip(found.columns, columns, strict=True)
    }


def _all_like(connection: duckdb.DuckDBPyConnection, found: SplitFiles, types: Mapping[str, str]) -> dict[str, str]:
    """Return those of the columns whose values are all of their type."""
    held = [name for name in found.columns if name in types]
    if not held:
        return dict(types)
    counts = [f"count(*) FILTER ({unlike(types[name], _cell(found, name))})" for name in held]
    others = dict(zip(held, connection.execute(_select(found, counts).sql()).fetchall()[0], strict=True))
    return {name: type_ for name, type_ in types.items() if not others.get(name)}


def _written(connection: duckdb.DuckDBPyConnection, found: SplitFiles, names: Sequence[str]) -> dict[str, Written]:
    """Return how the values of columns are written."""
    held = [name for name in found.columns if name in set(names)]
    described = {}
    for start in range(0, len(held), COLUMNS_A_SCAN):
        part = held[start : start + COLUMNS_A_SCAN]
        facts = [written_sql(_cell(found, name)) for name in part]
        row = connection.execute(_select(found, [one for of in facts for one in of]).sql()).fetchall()[0]
        for i, name in enumerate(part):
            kinds, *measures = row[i * len(facts[0]) : (i + 1) * len(facts[0])]
            described[name] = Written(frozenset(kind for kind in kinds or () if kind is not None), *measures)
    return described


def _disagreeing(
    connection: duckdb.DuckDBPyConnection,
    splits: Mapping[str, SplitFiles],
    declared: Mapping[str, Mapping[str, str]],
    chosen: Mapping[str, Decision],
) -> dict[str, Decision]:
    """Return those of the columns of text in which splits write one number, or one time, in several ways.

    Nobody has said that the columns of a CSV are text. Where all splits say so of a column it holds texts, and equal is
    what is written alike, unless these are times.
    """
    texts = {
        name: [split for split, found in splits.items() if _holds_text(found, name, declared.get(split, {}))]
        for name, decision in chosen.items()
        if decision.type_ == TEXT and not decision.missing
    }
    doubtful = {
        name: of
        for name, of in texts.items()
        if chosen[name].reason is not None or any(splits[split].kind == "csv" for split in of)
    }
    seen: set[str] = set()
    for split, found in splits.items():
        held = [name for name, of in doubtful.items() if split in of and name not in seen]
        for start in range(0, len(held), COLUMNS_A_SCAN):
            part = held[start : start + COLUMNS_A_SCAN]
            flags = [f"coalesce(bool_or({odd(_cell(found, name))}), false)" for name in part]
            row = connection.execute(_select(found, flags).sql()).fetchall()[0]
            seen.update(name for name, flag in zip(part, row, strict=True) if flag)
    lone = len(splits) + len(set(declared) - set(splits)) == 1
    decisions = {}
    for name in seen:
        of = doubtful[name]
        cells = [_select(splits[split], [f"{_cell(splits[split], name)} AS spelling"]).sql() for split in of]
        rows = connection.execute(disagreeing(cells, strict=lone)).fetchall()
        if rows:
            decisions[name] = replace(
                chosen[name], reason=chosen[name].reason or _two_ways(rows[0][0], of), equality=False
            )
    return decisions


def _two_ways(found: Sequence[Mapping[str, Any]], splits: Sequence[str]) -> str:
    """Return what is written in two ways, by the splits and spellings of one number."""
    pairs = [pair for pair in combinations(found, 2) if pair[0]["spelling"] != pair[1]["spelling"]]
    # Of two splits, if there are such.
    one, other = max(pairs, key=lambda pair: bool(pair[0]["split"] != pair[1]["split"]))
    several = one["split"] != other["split"]
    ways = [f"as {value(of['spelling'])}{_in(splits[of['split']]) if several else ''}" for of in (one, other)]
    return f"is written in several ways, {' and '.join(ways)}"


def _in(split: str) -> str:
    return f" in split '{split}'"


def _holds_text(found: SplitFiles, name: str, types: Mapping[str, str]) -> bool:
    """Return whether a split holds a column as text, by the types of its columns where it is Parquet."""
    return name in found.columns and (found.kind != "parquet" or types[name].startswith(("VARCHAR", "ENUM")))


def _fits(connection: duckdb.DuckDBPyConnection, splits: Mapping[str, SplitFiles], name: str, date_format: str) -> bool:
    """Return whether all values of a column are dates of the form."""
    known = 0
    for found in splits.values():
        if name in found.columns:
            value = formatted(date_format).sql(_cell(found, name))
            plain = Decision(missing=True).sql(_cell(found, name))
            others, values = f"count(*) FILTER ({value} IS NULL AND {plain} IS NOT NULL)", f"count({value})"
            row = connection.execute(_select(found, [others, values]).sql()).fetchall()[0]
            if row[0]:
                return False
            known += row[1]
    return known > 0


def _query(found: SplitFiles, chosen: Mapping[str, Decision], types: Mapping[str, str]) -> SplitQuery:
    """Return the query for all columns in their types."""
    if found.kind == "parquet":
        cut = {name: Decision(reason=reason, equality=False, cut=True) for name, reason in _cut(found).items()}
        decided = {name: one for name, one in chosen.items() if _holds_text(found, name, types)} | cut
        remarks = {name: decision.remark for name, decision in decided.items() if decision.remark is not None}
        texts = ", ".join(f"{_cell(found, name)} AS {quoted(name)}" for name in cut)
        return replace(_select(found, [f"* REPLACE ({texts})" if cut else "*"]), remarks=remarks)
    shown, remarks = [], {}
    for name in found.columns:
        decision = chosen[name]
        value = quoted(name) if decision.type_ == "JSON" else decision.sql(_cell(found, name))
        shown.append(f"{value} AS {quoted(name)}")
        if decision.remark is not None:
            remarks[name] = decision.remark
    return replace(_select(found, shown), remarks=remarks)
