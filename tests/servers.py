"""What tests need to run, started by them: servers of PostgreSQL and MariaDB, Snowflake's emulator, Spark."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa


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


def _unprivileged(folder: str, user: str) -> dict[str, Any]:
    """Return how to run a server that refuses to run as root, after giving it its folder."""
    if os.geteuid() != 0:
        return {}
    shutil.chown(folder, user, user)
    return {"user": user, "group": user, "extra_groups": []}


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@contextmanager
def postgresql() -> Iterator[str]:
    """Start a PostgreSQL server on a free port and yield its URL."""
    programs = _programs()
    if programs is None:
        missing("the PostgreSQL server programs are not installed")
        raise AssertionError
    folder = tempfile.mkdtemp(prefix="gx_leakage_postgresql_")
    run_as, port = _unprivileged(folder, "postgres"), _free_port()

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
def mariadb() -> Iterator[str]:
    """Start a MariaDB server on a free port, as Debian configures it, and yield its URL."""
    # Debian keeps the server where only root's PATH looks.
    places = f"{os.environ['PATH']}:/usr/sbin"
    install, server = (shutil.which(program, path=places) for program in ("mariadb-install-db", "mariadbd"))
    if install is None or server is None:
        missing("the MariaDB server programs are not installed")
        raise AssertionError
    folder = tempfile.mkdtemp(prefix="gx_leakage_mariadb_")
    run_as, port = _unprivileged(folder, "mysql"), _free_port()
    own = ["--no-defaults", f"--datadir={folder}/data"]
    asked = ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
    done = subprocess.run([install, *own, *asked], capture_output=True, text=True, cwd="/", **run_as)
    assert done.returncode == 0, done.stdout + done.stderr
    networked = [f"--port={port}", "--bind-address=127.0.0.1", f"--socket={folder}/socket", f"--log-error={folder}/log"]
    quick = ["--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=64M", "--skip-name-resolve"]
    # Debian's defaults: the collation of texts folds case and blanks at the end.
    texts = ["--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci"]
    zone = "--default-time-zone=+09:00"  # results must not depend on it
    process = subprocess.Popen([server, *own, *networked, *quick, *texts, zone], cwd="/", **run_as)
    try:
        url = f"mariadb+pymysql://root@127.0.0.1:{port}"
        admin = sa.create_engine(url)
        for attempt in range(100):
            try:
                with admin.begin() as connection:
                    connection.execute(sa.text("CREATE DATABASE tests"))
                break
            except sa.exc.OperationalError:
                assert attempt < 99, Path(folder, "log").read_text()
                time.sleep(0.2)
        admin.dispose()
        yield f"{url}/tests"
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def snowflake() -> Iterator[str]:
    """Put the emulator in the place of Snowflake's connector, and yield a URL."""
    try:
        import fakesnow
    except ImportError:
        missing("fakesnow is not installed")
    with fakesnow.patch():
        yield "snowflake://user:password@account/tests/public"


@contextmanager
def spark() -> Iterator[Any]:
    """Start a small local Spark session and yield it.

    Its tables have a few rows, so that what costs is to plan and to compile: one thread, no code made for whole stages
    (that of single expressions is), no second thoughts while a query runs, and only the quick compiler of Java.
    """
    if shutil.which("java") is None:
        missing("Java is not installed")
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        missing("pyspark is not installed")
    folder = tempfile.mkdtemp(prefix="gx_leakage_spark_")
    session = (
        SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.shuffle.partitions", "1")
        .config("spark.driver.extraJavaOptions", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
        .config("spark.sql.codegen.wholeStage", "false")
        .config("spark.sql.adaptive.enabled", "false")
        .config("spark.sql.catalogImplementation", "in-memory")
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
