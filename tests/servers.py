"""The servers that tests need, started by the tests: a PostgreSQL server of its own, and a Spark session."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


def missing(reason: str) -> None:
    """Skip for want of a component; in CI that is a failure."""
    if os.environ.get("CI"):
        pytest.fail(f"CI must have every engine: {reason}")
    pytest.skip(reason)


def _programs() -> Path | None:
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda f: int(f.parent.name))
    return folders[-1] if folders else None


@contextmanager
def postgresql() -> Iterator[str]:
    """Start a PostgreSQL server on a free port and yield its URL."""
    programs = _programs()
    if programs is None:
        missing("the PostgreSQL server programs are not installed")
        raise AssertionError
    folder = tempfile.mkdtemp(prefix="gx_leakage_postgresql_")
    # PostgreSQL refuses to run as root.
    run_as: dict[str, Any] = {}
    if os.geteuid() == 0:
        run_as = {"user": "postgres", "group": "postgres", "extra_groups": []}
        shutil.chown(folder, "postgres", "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def call(*command: str) -> None:
        done = subprocess.run(
            [str(programs / command[0]), *command[1:]], capture_output=True, text=True, cwd="/", **run_as
        )
        assert done.returncode == 0, done.stdout + done.stderr

    data = f"{folder}/data"
    call("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"
    call("pg_ctl", "-D", data, "-w", "-l", f"{folder}/log", "-o", options, "start")
    try:
        yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
    finally:
        call("pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def spark() -> Iterator[Any]:
    """Start a small local Spark session and yield it."""
    if shutil.which("java") is None:
        missing("Java is not installed")
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        missing("pyspark is not installed")
    folder = tempfile.mkdtemp(prefix="gx_leakage_spark_")
    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.warehouse.dir", folder)
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.session.timeZone", "Asia/Tokyo")  # not ours: results must not depend on it
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    try:
        yield session
    finally:
        session.stop()
        shutil.rmtree(folder, ignore_errors=True)
