"""The records of files, copied as they are written: what stays in a clean split stays byte for byte.

An engine says which rows, counted from 0 in the order of a split's files, are dropped, moved to another file or given
another name of a split. What is left is copied without being read, so that nothing is rounded, quoted or typed anew.
What becomes of a record in a file that is written otherwise is said in :mod:`gx_leakage.audit.remedy.moves`.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gx_leakage.audit.remedy.moves import exactly_as, refuse_unlike, refuse_values, rewritten_cells
from gx_leakage.errors import CouldNotCheckError
from gx_leakage.splits.files import SplitFiles

__all__ = ["Changes", "rewritten", "unchecked"]

UNFINISHED, UNCHECKED = ".unfinished", ".unchecked"
"""How the name of a file ends that is still being written, and of one that could not be checked again."""

_JSON = json.JSONDecoder()
_MARK = b"\xef\xbb\xbf"
_BLANK = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True)
class Changes:
    """What happens to the rows of one split's files; all other rows stay as they are, where they are."""

    rows: int
    """How many there are, for it to be sure that both count alike."""
    gone: frozenset[int]
    """Rows that are dropped, or moved to another file."""
    renamed: Mapping[int, str] = field(default_factory=dict)
    """Rows that come to another split of the same file, by its name."""
    names: Mapping[int, str] = field(default_factory=dict)
    """One row of each split, whose cell says how the name of that split is written."""


def rewritten(
    found: Mapping[str, SplitFiles], changes: Mapping[str, Changes], moved: Mapping[str, Mapping[str, frozenset[int]]],
    targets: Mapping[str, Path], split_column: str | None, without: Collection[str] = (),
) -> None:  # fmt: skip
    """Write the files of splits anew, beside their own.

    All are written under another name first, so that what has its name is whole; where something fails, nothing stays.

    Args:
        found: The files by split.
        changes: What happens to their rows.
        moved: For each split, by the split that they come from, the rows that are moved to its files.
        targets: Where each split goes: a file, or a folder as it is one.
        split_column: The column that names the splits, in a file of several.
        without: The columns that are left out of all of them.

    Raises:
        CouldNotCheckError: something is in the way, or a file cannot be rewritten.
    """
    _refuse_existing(found, targets)
    left = {name: _without(files, without) for name, files in found.items()}
    for home, origins in moved.items():
        for origin, rows in origins.items():
            refuse_unlike((origin, home), left[origin], left[home])
            if found[home].kind == "parquet":
                _refuse_values((origin, home), left[origin], left[home], rows)
    made: list[tuple[Path, Path]] = []
    done: list[Path] = []
    try:
        for name, target in targets.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            unfinished = target.with_name(f".{target.name}.{os.getpid()}{UNFINISHED}")
            made.append((unfinished, target))
            incoming = [(found[other], rows) for other, rows in moved.get(name, {}).items()]
            _write(found[name], changes[name], incoming, unfinished, split_column, without)
        for unfinished, target in made:
            _publish(unfinished, target)
            done.append(target)
    except BaseException:
        for path in done:
            _remove(path)
        raise
    finally:
        for unfinished, _ in made:
            _remove(unfinished)


def _without(files: SplitFiles, columns: Collection[str]) -> SplitFiles:
    return replace(files, columns=tuple(column for column in files.columns if column not in columns))


def _refuse_existing(found: Mapping[str, SplitFiles], targets: Mapping[str, Path]) -> None:
    folded: dict[str, str] = {}
    for name, target in targets.items():
        other = folded.setdefault(str(target.resolve()).casefold(), name)
        if other != name:
            raise CouldNotCheckError(f"splits '{other}' and '{name}' would both be written to {target}: name one anew.")
        if os.path.lexists(target):
            raise CouldNotCheckError(f"{target} exists already, and is not overwritten: choose another folder.")
        for files in found.values():
            if files.given.is_dir() and target.resolve().is_relative_to(files.given.resolve()):
                raise CouldNotCheckError(f"{target} is inside of {files.given}, which is read: choose another folder.")


def _publish(unfinished: Path, target: Path) -> None:
    if unfinished.is_dir():
        unfinished.rename(target)
        return
    with unfinished.open("rb+") as written:
        os.fsync(written.fileno())
    try:
        os.link(unfinished, target)  # unlike a renaming, it never overwrites
    except FileExistsError as error:
        raise CouldNotCheckError(f"{target} exists already, and is not overwritten: choose another folder.") from error
    except OSError:
        unfinished.rename(target)  # a file system without links


def unchecked(path: Path) -> Path:
    """Rename what was written, so that nobody takes it for clean, and return where it is."""
    names = (f"{path.name}{UNCHECKED}{f'.{no}' if no else ''}" for no in itertools.count())
    aside = next(place for name in names if not os.path.lexists(place := path.with_name(name)))
    path.rename(aside)
    return aside


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _write(
    found: SplitFiles, changes: Changes, incoming: list[tuple[SplitFiles, frozenset[int]]], target: Path,
    split_column: str | None, without: Collection[str],
) -> None:  # fmt: skip
    kind = _KINDS[found.kind]
    folder = found.given.is_dir()
    names = _written_names(found, kind, changes, split_column, without)
    start = 0
    for no, part in enumerate(found.parts):
        place = target / part.relative_to(found.given) if folder else target
        place.parent.mkdir(parents=True, exist_ok=True)
        with kind(part, found, without) as source, source.writer(place) as writer:
            for row in source.records():
                at = start + row
                if at in changes.renamed:
                    source.rename(str(split_column), names[changes.renamed[at]])
                if at not in changes.gone:
                    writer.keep(source)
            start += source.count
            if no == len(found.parts) - 1:
                for other, rows in incoming:
                    _bring(other, rows, writer, without)
    _same_count(found, start, changes.rows)


def _same_count(found: SplitFiles, counted: int, expected: int) -> None:
    if counted != expected:
        raise CouldNotCheckError(
            f"{found.given} cannot be rewritten: {expected:,} rows were checked, but {counted:,} records are in it. "
            f"Write it as Parquet."
        )


def _bring(other: SplitFiles, rows: frozenset[int], writer: Any, without: Collection[str]) -> None:
    start = 0
    for part in other.parts:
        with _KINDS[other.kind](part, other, without) as source:
            for row in source.records():
                if start + row in rows:
                    writer.bring(source)
            writer.brought()
            start += source.count


def _refuse_values(names: tuple[str, str], origin: SplitFiles, home: SplitFiles, rows: frozenset[int]) -> None:
    """Raise where rows of Parquet files have values that the file which they go to does not hold."""
    schema = _projected(pq.read_schema(home.parts[-1]), home.columns)
    start = 0
    for part in origin.parts:
        with pq.ParquetFile(part) as file:
            for group in range(file.num_row_groups):
                size = file.metadata.row_group(group).num_rows
                chosen = [row for row in range(size) if start + row in rows]
                if chosen:
                    refuse_values(names, file.read_row_group(group).take(pa.array(chosen)), schema)
                start += size


def _written_names(
    found: SplitFiles,
    kind: type[_Records],
    changes: Changes,
    split_column: str | None,
    without: Collection[str],
) -> dict[str, Any]:
    """Return how the names of the splits are written in the file."""
    if not changes.renamed:
        return {}
    names: dict[str, Any] = {}
    start = 0
    for part in found.parts:
        with kind(part, found, without) as source:
            for row in source.records():
                if start + row in changes.names:
                    names[changes.names[start + row]] = source.cell(str(split_column))
            start += source.count
    return names


class _Records(ABC):
    """The records of one file, one at a time, without the columns that are left out of it."""

    def __init__(self, path: Path, given: SplitFiles, without: Collection[str] = ()) -> None:
        self.path, self.found = path, _without(given, without)
        self.without = frozenset(without)
        self._stays = [column not in without for column in given.columns]
        self.count = 0
        self._stack = ExitStack()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: Any) -> None:
        self._stack.close()

    def _open(self) -> BinaryIO:
        stream: BinaryIO = self._stack.enter_context(pa.input_stream(str(self.path), compression=self.found.packing))
        return stream

    @abstractmethod
    def records(self) -> Iterator[int]:
        """Yield the number of each record, which is then the one at hand."""

    @abstractmethod
    def cell(self, column: str) -> Any:
        """Return a value of the record at hand as it is written."""

    @abstractmethod
    def rename(self, column: str, written: Any) -> None:
        """Put another value, as it is written, into the record at hand."""

    @abstractmethod
    def writer(self, target: Path) -> Any:
        """Return what copies records to a file of the same form."""


class _Lines(_Records):
    """CSV, and JSON lines: a record is one line, or several where a quoted value has some."""

    before = b""
    """What stands before the first record: a header, blank lines."""
    record = b""
    end = b""
    """How the first line ends."""

    def records(self) -> Iterator[int]:
        stream = self._open()
        header, pending, inside = self.found.kind == "csv", b"", False
        for line in _lines(stream):
            if not self.end:
                self.end = _end_of(line)
            pending += line
            if self.found.kind == "csv":
                inside = _inside(line, self.found.delimiter.encode(), inside)
                if inside:
                    continue
            text, pending = pending, b""
            one_column = self.found.kind == "csv" and len(self._stays) == 1
            if header:
                header = False
                mark = text[: len(_MARK)] if text.startswith(_MARK) else b""
                self.before += mark + self._left(text[len(mark) :])
            elif not one_column and not text.strip(b"\r\n" if self.found.kind == "csv" else b" \t\r\n"):
                self.blank = text
            else:
                self.record = self._left(text)
                yield self.count
                self.count += 1
        if pending:
            raise CouldNotCheckError(f"{self.path} ends within a quoted value.")

    def _left(self, text: bytes) -> bytes:
        """Return a record, or the header, without the columns that are left out; the others as they are written."""
        if all(self._stays):
            return text
        if self.found.kind != "csv":
            return _without_members(text.decode(), self.without).encode()
        end, delimiter = _end_of(text), self.found.delimiter.encode()
        fields = _fields(text[: len(text) - len(end)], delimiter)
        return delimiter.join(itertools.compress(fields, self._stays)) + end

    def cell(self, column: str) -> Any:
        start, end = self._place(column)
        return self.record[start:end]

    def rename(self, column: str, written: Any) -> None:
        start, end = self._place(column)
        self.record = self.record[:start] + written + self.record[end:]

    def _place(self, column: str) -> tuple[int, int]:
        if self.found.kind == "csv":
            return _field(self.record, self.found.delimiter.encode(), self.found.columns.index(column))
        text = self.record.decode()
        start, end = _member(text, column)
        return len(text[:start].encode()), len(text[:end].encode())

    def in_form_of(self, home: SplitFiles) -> bytes:
        """Return the record at hand as it stands in another file, without the end of the line."""
        if home.kind != "csv":
            return self.record.strip()
        record = self.record[: len(self.record) - len(_end_of(self.record))]
        if (home.columns, home.delimiter) == (self.found.columns, self.found.delimiter):
            return record
        return rewritten_cells(_fields(record, self.found.delimiter.encode()), self.found, home)

    def writer(self, target: Path) -> Any:
        return _LineWriter(target, self)


class _LineWriter:
    def __init__(self, target: Path, source: _Lines) -> None:
        self._stream = pa.output_stream(str(target), compression=source.found.packing)
        self._source = source
        self._begun = False
        self._ended = True

    def __enter__(self) -> _LineWriter:
        return self

    def keep(self, source: _Lines) -> None:
        self._begin()
        self._end()
        self._stream.write(source.record)
        self._ended = source.record.endswith((b"\n", b"\r"))

    def bring(self, source: _Lines | _Array) -> None:
        """Write a record of another file."""
        self._begin()
        self._end()
        # The end of a line is the file's own: one that has several kinds of them cannot be read.
        self._stream.write(source.in_form_of(self._source.found) + (self._source.end or b"\n"))
        self._ended = True

    def brought(self) -> None:
        """Say that a file was read to its end."""

    def _end(self) -> None:
        if not self._ended:
            self._stream.write(self._source.end or b"\n")

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            self._stream.write(self._source.before)
            self._ended = self._source.before.endswith((b"\n", b"\r")) or not self._source.before

    def __exit__(self, *_: Any) -> None:
        self._begin()
        self._stream.close()


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a stream with their ends: line feeds, or carriage returns where there is no line feed."""
    rest, end = b"", b""
    while piece := stream.read(1 << 20):
        rest += piece
        if not end:
            end = b"\n" if b"\n" in rest else b"\r" if b"\r" in rest[:-1] else b""
            if not end:
                continue
        *whole, rest = rest.split(end)
        for line in whole:
            yield line + end
    if rest and not end and rest.endswith(b"\r"):
        rest, end = rest[:-1], b"\r"
        yield rest + end
        return
    if rest:
        yield rest


def _end_of(line: bytes) -> bytes:
    """Return what ends a line."""
    return next((end for end in (b"\r\n", b"\n", b"\r") if line.endswith(end)), b"")


def _inside(line: bytes, delimiter: bytes, inside: bool) -> bool:
    """Return whether a quoted value goes on after a line. A quote opens a value only where the value begins."""
    if not inside and b'"' not in line:
        return False
    at = 0
    while True:
        if not inside and line[at : at + 1] == b'"':
            inside, at = True, at + 1
        if inside:
            at = line.find(b'"', at)
            if at < 0:
                return True
            if line[at + 1 : at + 2] == b'"':
                at += 2
                continue
            inside = False
        at = line.find(delimiter, at)
        if at < 0:
            return False
        at += len(delimiter)


def _field(record: bytes, delimiter: bytes, no: int) -> tuple[int, int]:
    """Return where a field of a CSV record begins and ends."""
    body = record[: len(record) - len(_end_of(record))]
    start = 0
    for i in range(no + 1):
        end = start
        if body[start : start + 1] == b'"':
            end = start + 1
            while True:
                end = body.index(b'"', end)
                if body[end + 1 : end + 2] != b'"':
                    break
                end += 2
        found = body.find(delimiter, end)
        end = len(body) if found < 0 else found
        if i < no:
            start = end + len(delimiter)
    return start, end


def _fields(record: bytes, delimiter: bytes) -> list[bytes]:
    """Return the fields of a CSV record without its end, as they are written."""
    fields, start = [], 0
    while True:
        _, end = _field(record[start:], delimiter, 0)
        fields.append(record[start : start + end])
        start += end + len(delimiter)
        if start > len(record):
            return fields


def _members(text: str) -> Iterator[tuple[str, int, int, int]]:
    """Yield the keys in the text of a JSON object, where each and its value begin, and where that ends."""
    at = _skip(text, text.index("{") + 1)
    while text[at] != "}":
        name, end = _JSON.raw_decode(text, at)
        start = _skip(text, text.index(":", end) + 1)
        _, end = _JSON.raw_decode(text, start)
        yield name, at, start, end
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)


def _member(text: str, key: str) -> tuple[int, int]:
    """Return where the value of a key begins and ends in the text of a JSON object."""
    for name, _, start, end in _members(text):
        if name == key:
            return start, end
    raise CouldNotCheckError(f"a row has no '{key}': rows of it cannot be moved.")


def _without_members(text: str, keys: Collection[str]) -> str:
    """Return the text of a JSON object without some of its keys; what stands between the others stays."""
    found = list(_members(text)) if keys else []
    if not any(name in keys for name, *_ in found):
        return text
    made = text[: found[0][1]]
    some = False
    for no, (name, at, _, end) in enumerate(found):
        if name not in keys:
            made += (text[found[no - 1][3] : at] if some else "") + text[at:end]
            some = True
    return made + text[found[-1][3] :]


def _skip(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


class _Array(_Records):
    """A JSON array: a record is the text of an element."""

    record = ""

    def records(self) -> Iterator[int]:
        self._text = self._open().read().decode("utf-8-sig")
        at = _skip(self._text, self._text.index("[") + 1)
        while self._text[at] != "]":
            _, end = _JSON.raw_decode(self._text, at)
            self.record = _without_members(self._text[at:end], self.without)
            yield self.count
            self.count += 1
            at = _skip(self._text, end)
            if self._text[at] == ",":
                at = _skip(self._text, at + 1)

    def cell(self, column: str) -> Any:
        start, end = _member(self.record, column)
        return self.record[start:end]

    def rename(self, column: str, written: Any) -> None:
        start, end = _member(self.record, column)
        self.record = self.record[:start] + written + self.record[end:]

    def in_form_of(self, home: SplitFiles) -> bytes:
        """Return the record at hand as it stands in another file: in JSON lines, on one line."""
        # Within its texts JSON has no line ends.
        text = self.record if home.kind == "json" else re.sub(r"[\r\n]+", " ", self.record)
        return text.encode()

    def writer(self, target: Path) -> Any:
        return _ArrayWriter(target, self)


class _ArrayWriter:
    def __init__(self, target: Path, source: _Array) -> None:
        self._stream = pa.output_stream(str(target), compression=source.found.packing)
        self._source = source
        self._before = "["

    def __enter__(self) -> _ArrayWriter:
        return self

    def keep(self, source: _Array) -> None:
        self._write(source.record.encode())

    def bring(self, source: _Lines | _Array) -> None:
        """Write a record of another file."""
        self._write(source.in_form_of(self._source.found))

    def brought(self) -> None:
        """Say that a file was read to its end."""

    def _write(self, record: bytes) -> None:
        self._stream.write(self._before.encode() + b"\n" + record)
        self._before = ","

    def __exit__(self, *_: Any) -> None:
        self._stream.write(b"\n]\n" if self._before == "," else b"[]\n")
        self._stream.close()


class _Parquet(_Records):
    """A Parquet file: what is at hand is a row of a row group."""

    def records(self) -> Iterator[int]:
        self.file = self._stack.enter_context(pq.ParquetFile(self.path))
        for group in range(self.file.num_row_groups):
            held = list(self.found.columns)
            table = self.file.read_row_group(group, columns=held if self.without else None)
            # A name with a point is read with the one before its point.
            self.table = table.select(held) if self.without else table
            self.changed: dict[int, Any] = {}
            for row in range(self.table.num_rows):
                self.row = row
                yield self.count
                self.count += 1

    def cell(self, column: str) -> Any:
        return self.table.column(column)[self.row]

    def rename(self, column: str, written: Any) -> None:
        self.changed[self.row] = (column, written)

    def writer(self, target: Path) -> Any:
        return _ParquetWriter(target, self)


class _ParquetWriter:
    """Collects the rows of a row group that stay, and writes them in the form of the file."""

    def __init__(self, target: Path, source: _Parquet) -> None:
        self._target, self._source = target, source
        self._writer: Any = None
        self._of: tuple[_Parquet, Any] | None = None
        self._rows: list[int] = []

    def __enter__(self) -> _ParquetWriter:
        return self

    def keep(self, source: _Parquet) -> None:
        if self._of is None or self._of[1] is not source.table:
            self._flush()
            self._of = (source, source.table)
            self._changed = source.changed
        self._rows.append(source.row)

    def bring(self, source: _Parquet) -> None:
        """Write a row of another file."""
        self.keep(source)

    def brought(self) -> None:
        """Say that a file was read to its end, so that its rows have to be written as long as it is open."""
        self._flush()

    def _flush(self) -> None:
        if self._of is not None:
            writer = self._open()
            table = _renamed(self._of[1], self._changed).take(pa.array(self._rows))
            columns = [exactly_as(table.column(field.name), field) for field in self._schema]
            writer.write_table(pa.table(columns, schema=self._schema))
        self._of, self._rows = None, []

    def _open(self) -> Any:
        if self._writer is None:
            file = self._source.file if self._source.count else pq.ParquetFile(self._source.path)
            self._schema = _projected(file.schema_arrow, self._source.found.columns)
            columns = [file.metadata.row_group(0).column(i) for i in range(file.metadata.num_columns)][:1] if (
                file.metadata.num_row_groups
            ) else []  # fmt: skip
            packing = columns[0].compression if columns else "SNAPPY"
            int96 = any(file.schema.column(i).physical_type == "INT96" for i in range(file.metadata.num_columns))
            self._writer = pq.ParquetWriter(
                self._target, self._schema, compression="NONE" if packing == "UNCOMPRESSED" else packing,
                version=file.metadata.format_version, use_deprecated_int96_timestamps=int96,
            )  # fmt: skip
        return self._writer

    def __exit__(self, *_: Any) -> None:
        self._flush()
        self._open().close()


def _projected(schema: pa.Schema, columns: Collection[str]) -> pa.Schema:
    return pa.schema([field for field in schema if field.name in columns], schema.metadata)


def _renamed(table: pa.Table, changed: Mapping[int, tuple[str, Any]]) -> pa.Table:
    """Return a table with the names of splits of some rows changed."""
    if not changed:
        return table
    column = next(iter(changed.values()))[0]
    values = table.column(column).combine_chunks()
    plain = values.cast(values.type.value_type) if pa.types.is_dictionary(values.type) else values
    mask = pa.array([row in changed for row in range(table.num_rows)])
    others = pa.array(
        [changed[row][1].as_py() if row in changed else None for row in range(table.num_rows)], plain.type
    )
    found = pc.if_else(mask, others, plain).cast(values.type)
    return table.set_column(table.column_names.index(column), table.schema.field(column), found)


_KINDS: dict[str, type[_Records]] = {"csv": _Lines, "jsonl": _Lines, "json": _Array, "parquet": _Parquet}
