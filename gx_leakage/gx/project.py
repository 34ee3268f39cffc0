"""The splits of an audit as relations in DuckDB, also where a saved GX project is opened: elsewhere, or later.

A saved project holds no data but frames that were given, and no path of the machine that it was made on: ``FILE`` names
the files of the splits, as seen from the project. When its data source connects, views over them are made in memory.
"""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import sqlalchemy as sa

from gx_leakage.engines.duckdb import PROJECT_OPTION, arrow_table, on_project
from gx_leakage.errors import CouldNotCheckError
from gx_leakage.splits import files
from gx_leakage.splits.frames import is_frame

__all__ = ["DATA_VARIABLE", "FILE", "make_relations", "mark", "named_tables", "register", "save"]

FILE = "leakage_splits.json"
"""What a project of ours has in its folder."""

DATA_VARIABLE = "GX_LEAKAGE_DATA"
"""The environment variable with the folder that holds the files of the splits, where it is not as it was."""

_opened: dict[str, Path] = {}
"""Where the projects are that were opened in this process, by their id."""


def named_tables(splits: Iterable[str]) -> dict[str, str]:
    """Return the relation of each split in DuckDB: called as the split is, where SQL has no other meaning for that."""
    reserved = _keywords()
    names = list(splits)
    found: dict[str, str] = {}
    for no, name in enumerate(names):
        plain = re.fullmatch(r"[a-z][a-z0-9_]*", name) and name not in reserved
        found[name] = name if plain else f"split_{no}" if f"split_{no}" not in names else f"split_{no}_of_{len(names)}"
    return found


@cache
def _keywords() -> frozenset[str]:
    with duckdb.connect() as connection:
        return frozenset(row[0] for row in connection.execute("SELECT keyword_name FROM duckdb_keywords()").fetchall())


def make_relations(
    connection: duckdb.DuckDBPyConnection, splits: Mapping[str, Any], tables: Mapping[str, str], date_format: str | None
) -> None:
    """Make tables of the frames, and views over the files."""
    typed = {}
    for name, value in splits.items():
        table = files.quoted(tables[name])
        if is_frame(value):
            connection.register("gxl_frame", arrow_table(value))
            connection.execute(f"CREATE TABLE {table} AS SELECT * FROM gxl_frame")  # noqa: S608 (our own names)
            connection.unregister("gxl_frame")
            typed[name] = {row[0]: row[1] for row in connection.execute(f"DESCRIBE {table}").fetchall()}
    found = {name: files.find(Path(value)) for name, value in splits.items() if name not in typed}
    for name, query in files.queries(found, typed=typed, date_format=date_format).items():
        table = files.quoted(tables[name])
        connection.execute(f"CREATE VIEW {table} AS {query.sql()}")
        for column, remark in query.remarks.items():
            literal = remark.replace("'", "''")
            connection.execute(f"COMMENT ON COLUMN {table}.{files.quoted(column)} IS '{literal}'")


def mark(folder: Path) -> None:
    """Say in a project, which has no files of its own, that it is ours."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / FILE).exists():
        (folder / FILE).write_text("{}\n", encoding="utf-8")


def save(
    folder: Path,
    splits: Mapping[str, Any],
    tables: Mapping[str, str],
    date_format: str | None,
    memory_limit: str | None,
) -> sa.URL:
    """Write down where the files of the splits are, keep frames as Parquet, and return the URL that opens them."""
    places = {}
    for name, value in splits.items():
        place = Path(folder, "data", f"{tables[name]}.parquet") if is_frame(value) else Path(value)
        if is_frame(value):
            place.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(arrow_table(value), place)
        # As written on every system; another drive than the project's stays absolute.
        places[name] = {
            "table": tables[name],
            "path": Path(os.path.relpath(place.resolve(), folder.resolve())).as_posix(),
        }
    known: str = _read(folder).get("id") or uuid.uuid4().hex
    held = {"id": known, "splits": places, "date_format": date_format, "memory_limit": memory_limit}
    (folder / FILE).write_text(json.dumps(held, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    register(folder)
    return sa.URL.create("duckdb+gx", query={PROJECT_OPTION: known})


def _read(folder: Path) -> dict[str, Any]:
    file = folder / FILE
    held: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return held


def register(folder: Path) -> None:
    """Remember where a project is that has been opened."""
    known = _read(folder).get("id")
    if known:
        _opened[known] = folder.resolve()


@on_project
def _connected(connection: duckdb.DuckDBPyConnection, known: str) -> None:
    """Make the views of a project in a database in memory."""
    folder = _opened.get(known)
    if folder is None:
        raise CouldNotCheckError(
            "the splits of this project are found from its folder: open it with gx.get_context(context_root_dir=…)."
        )
    held = _read(folder)
    if held["memory_limit"]:
        connection.execute(f"SET memory_limit = '{held['memory_limit']}'")
    splits = {name: _place(folder, Path(one["path"])) for name, one in held["splits"].items()}
    make_relations(
        connection, splits, {name: one["table"] for name, one in held["splits"].items()}, held["date_format"]
    )


def _place(folder: Path, path: Path) -> Path:
    """Return where a file is: in the folder that the environment names, or where it is as seen from the project."""
    elsewhere = os.environ.get(DATA_VARIABLE)
    place = (
        Path(elsewhere, path.name)
        if elsewhere and not (folder / path).is_relative_to(folder / "data")
        else folder / path
    )
    if not place.exists():
        raise CouldNotCheckError(
            f"there is no {place}: put the files of the splits there, or name their folder with {DATA_VARIABLE}."
        )
    return place
