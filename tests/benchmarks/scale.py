"""What an audit of many rows costs, next to what DuckDB needs to summarise the same files."""

from __future__ import annotations

import resource
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb

import gx_leakage as gxl

ROWS = 2_000_000
TIMES = 3
ROLES = {"target": "y", "group": "customer", "id": "id", "time": "at"}

Row = tuple[str, str, str, str]


def make(folder: Path, rows: int) -> dict[str, Path]:
    """Write Parquet files of 21 columns of every common kind, ordered in time."""
    normal = "sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random())"
    columns = {
        "id": "i",
        "customer": f"CAST(floor(random() * {rows // 20}) AS BIGINT)",
        "at": "TIMESTAMP '2024-01-01' + INTERVAL 7 SECOND * i",
        "y": "CAST(random() < 0.3 AS INTEGER)",
        "flag": "random() < 0.5",
        **{f"f{k}": normal for k in range(6)},
        **{f"d{k}": "round(100 * random(), 2)" for k in range(3)},
        **{f"n{k}": f"CAST(floor(random() * {10 ** (k + 1)}) AS INTEGER)" for k in range(4)},
        **{f"s{k}": f"'category ' || CAST(floor(random() * {20 * (k + 1)}) AS INTEGER)" for k in range(3)},
    }
    connection = duckdb.connect()
    connection.execute("SELECT setseed(0.5)")
    read = ", ".join(f"{sql} AS {name}" for name, sql in columns.items())
    connection.execute(f"CREATE TABLE made AS SELECT {read} FROM range({rows}) r(i)")
    paths, start = {}, 0
    for name, share in (("train", 0.7), ("validation", 0.15), ("test", 0.15)):
        end = start + int(share * rows)
        paths[name] = folder / f"{name}.parquet"
        connection.execute(f"COPY (FROM made WHERE id >= {start} AND id < {end}) TO '{paths[name]}' (FORMAT parquet)")
        start = end
    connection.close()
    return paths


def processor_time(run: Callable[[], Any]) -> float:
    """Return the seconds of processor time that something takes: other programs do not count, as they do by a clock."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    run()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def scale() -> Iterator[Row]:
    """Yield an audit without roles, and one with a target, a group, an id and times."""
    with tempfile.TemporaryDirectory() as folder:
        paths = make(Path(folder), ROWS)
        files = ", ".join(f"'{path}'" for path in paths.values())

        def summarize() -> None:
            with duckdb.connect() as connection:
                connection.execute(f"SUMMARIZE FROM read_parquet([{files}])").fetchall()

        def audit(**roles: Any) -> None:
            report = gxl.audit(paths, **roles)
            assert not report.errors, report.errors

        for what, roles, bound in (("no roles", {}, "at most 1.0"), ("target and roles", ROLES, "at most 1.5")):
            ours, theirs = [], []
            for _ in range(TIMES):
                ours.append(processor_time(lambda roles=roles: audit(**roles)))  # type: ignore[misc]
                theirs.append(processor_time(summarize))
            a, b = min(ours), min(theirs)
            yield (
                f"audit, {what}, Parquet, {ROWS // 1_000_000} M rows x 21, processor time",
                f"{a:.1f} s",
                f"{b:.1f} s (DuckDB's SUMMARIZE)",
                f"{a / b:.2f} ({bound})",
            )
