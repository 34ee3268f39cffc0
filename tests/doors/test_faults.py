"""A database that fails in the middle of an audit is never taken for one without a leak.

Each message to the database in turn is the one at which the line is cut; each statement in turn is the one whose
connection is killed, that is refused, or that runs out of time.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

import gx_leakage as gxl
from tests.doors.test_secrets import run

TABLES = {"train": "faults_train", "test": "faults_test"}
DATABASES = [pytest.param(name, marks=getattr(pytest.mark, name)) for name in ("postgresql", "mariadb")]


def _visits(first: int) -> pd.DataFrame:
    """Return 40 patients, of which half are also in the other split."""
    numbers = range(first, first + 40)
    made: pd.DataFrame = pd.DataFrame(
        {
            "patient": [f"p{i}" for i in numbers],
            "day": pd.date_range("2024-01-01", periods=40) + pd.Timedelta(days=first),
            "age": [float(i % 7) for i in numbers],
            "died": [i % 2 for i in numbers],
        }
    )
    return made


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    """A database with two tables that leak into each other."""
    url: str = request.getfixturevalue(request.param)
    engine = sa.create_engine(url)
    for name, first in (("faults_train", 0), ("faults_test", 20)):
        _visits(first).to_sql(name, engine, index=False)
    yield url
    with engine.begin() as connection:
        for name in TABLES.values():
            connection.execute(sa.text(f"DROP TABLE {name}"))
    engine.dispose()


def _audited(url: str, **roles: Any) -> gxl.Report | gxl.CouldNotCheckError:
    try:
        return gxl.audit(TABLES, connection=url, **roles)
    except gxl.CouldNotCheckError as error:
        return error


def _refused(whole: gxl.Report, found: gxl.Report | gxl.CouldNotCheckError, where: str) -> bool:
    """Return whether something could not be checked; if not, all has to be found that there is to find."""
    if isinstance(found, gxl.CouldNotCheckError):
        return True
    assert [one.title for one in found.findings] == [one.title for one in whole.findings], where
    assert (found.not_checked, found.proposals) == (whole.not_checked, whole.proposals), where
    if found.errors:
        assert not found, where
        return True
    assert [one.result for one in found.findings] == [one.result for one in whole.findings], where
    return False


class Line:
    """What lies between a client and its database, and can be cut at any message to the database.

    A message is what a client sends at once: a statement, the begin of a transaction, a part of the greeting.
    """

    def __init__(self, url: str) -> None:
        self._server = sa.make_url(url)
        self._listening = socket.create_server(("127.0.0.1", 0))
        port = self._listening.getsockname()[1]
        self.url = self._server.set(port=port).render_as_string(hide_password=False)
        self.cut(None)
        threading.Thread(target=self._serve, daemon=True).start()

    def cut(self, at: int | None, *, for_good: bool = False) -> None:
        """Cut the line at a message from now, and each line that is opened after it too."""
        self.messages, self._at, self._for_good = 0, at, for_good

    def close(self) -> None:
        """Take no more calls."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _passes(self) -> bool:
        self.messages += 1
        if self._at is None:
            return True
        return self.messages < self._at if self._for_good else self.messages != self._at

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        place = (str(self._server.host), int(self._server.port or 0))
        with client, socket.create_connection(place) as server, suppress(OSError):
            threading.Thread(target=self._answer, args=(server, client), daemon=True).start()
            while (sent := client.recv(1 << 20)) and self._passes():
                server.sendall(sent)
            for end in (client, server):
                end.shutdown(socket.SHUT_RDWR)

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while received := server.recv(1 << 20):
                client.sendall(received)


def test_a_line_that_is_cut(database: str) -> None:
    line = Line(database)
    whole = _audited(line.url)
    assert isinstance(whole, gxl.Report)
    assert not whole
    count, refused = line.messages, 0
    for n in range(1, count + 1):
        for_good = n % 5 == 0
        line.cut(n, for_good=for_good)
        refused += _refused(whole, _audited(line.url), f"{n} of {count}, for good: {for_good}")
    assert refused > 0.8 * count  # a line that is hung up is cut without harm
    line.close()


FAULTS = {
    "killed": {"psycopg": "SELECT pg_terminate_backend(pg_backend_pid())", "pymysql": "KILL CONNECTION_ID()"},
    "refused": {
        "psycopg": "DO $$ BEGIN RAISE insufficient_privilege USING MESSAGE = 'permission denied for table t'; END $$",
        "pymysql": "SIGNAL SQLSTATE '42000' SET MYSQL_ERRNO = 1142, MESSAGE_TEXT = 'SELECT command denied'",
    },
    "out of time": {
        "psycopg": "DO $$ BEGIN RAISE query_canceled USING MESSAGE = 'canceling statement due to timeout'; END $$",
        "pymysql": "SIGNAL SQLSTATE '70100' SET MYSQL_ERRNO = 1969, MESSAGE_TEXT = 'max_statement_time exceeded'",
    },
}


@contextmanager
def _failing(fault: dict[str, str], at: int, *, for_good: bool = False) -> Iterator[list[str]]:
    """Send another statement in the place of one, and of each after it too, and yield those that were to be sent."""
    sent: list[str] = []

    def instead(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> tuple[str, Any]:
        sent.append(statement)
        fails = len(sent) >= at if for_good else len(sent) == at
        return (fault[connection.dialect.driver], ()) if fails else (statement, parameters)

    sa.event.listen(sa.Engine, "before_cursor_execute", instead, retval=True)
    try:
        yield sent
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", instead)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_statement_that_fails(
    database: str, fault: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["audit", *(f"{name}={table}" for name, table in TABLES.items()), "--connection", database]
    roles: dict[str, Any] = {"accept": True} if fault == "killed" else {"group": "patient", "time": "day"}
    with _failing(FAULTS[fault], 0) as sent:
        whole = _audited(database, **roles)
    assert isinstance(whole, gxl.Report)
    assert not whole
    for n in range(1, len(sent) + 1):
        with _failing(FAULTS[fault], n, for_good=n % 5 == 0):
            if fault == "refused":
                code, out, err = run(capsys, monkeypatch, *command, "--group", "patient", "--time", "day")
                assert (code, out) == (2, ""), (n, sent[n - 1])
                assert "denied" in err
            else:
                assert _refused(whole, _audited(database, **roles), f"{n}: {sent[n - 1]}"), (n, sent[n - 1])
