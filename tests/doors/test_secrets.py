"""Nothing is told: neither credentials, nor values of the data where they are not wanted, nor what a terminal obeys."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

import gx_leakage as gxl
from gx_leakage import cli
from gx_leakage.disclosure import disclosed, printable, redacted, value


def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str, str]:
    """Run the command line in this process, and return its exit code, stdout and stderr."""
    monkeypatch.setattr(sys, "argv", ["gx-leakage", *arguments])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    said = capsys.readouterr()
    return int(stopped.value.code or 0), said.out, said.err


PASSWORDS = ["hunter2hunter2", "se$ret$1", "p@ss/w:rd#1", "per%cent", "spa ce", "${NOT_A_VARIABLE", "qu'o\"te"]


@pytest.mark.parametrize("password", PASSWORDS)
def test_a_password_comes_out_nowhere(
    password: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODD", "a://host:port")
    url = sa.URL.create("postgresql", "me", password, "127.0.0.1", 1, "db").render_as_string(hide_password=False)
    quoted = url.split(":", 2)[2].rpartition("@")[0]
    written = [
        run(capsys, monkeypatch, "audit", "train=a", "test=b", "--connection", url),
        run(capsys, monkeypatch, "audit", "a", "b", "--connection", url, "--format", "json"),
        run(capsys, monkeypatch, "fix", "a", "b", "--connection", url),
        run(capsys, monkeypatch, "init", "a", "b", "--connection", url, "--output", str(tmp_path / "l.yml")),
    ]
    with pytest.raises(gxl.CouldNotCheckError) as caught:
        gxl.audit({"train": "a", "test": "b"}, connection=url, save=tmp_path / "project")
    assert "GX_LEAKAGE_CONNECTION" not in os.environ
    assert all(code == 2 and not out for code, out, _ in written)
    told = "".join(err for _, _, err in written) + str(caught.value)
    told += "".join(path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file())
    assert password not in told
    assert quoted not in told


RAW_PASSWORDS = ["SEC@RETPW8", "a@b@SECRET", "x@y", "SEC@RET:PW8"]


@pytest.mark.parametrize("password", RAW_PASSWORDS)
@pytest.mark.parametrize("way", ["url", "variable", "part"])
def test_no_part_of_a_password_that_is_written_raw_comes_out(
    password: str, way: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"postgresql://u:{password}@localhost:1/x"
    monkeypatch.setenv("RAW_URL", url)
    monkeypatch.setenv("RAW_PASSWORD", password)
    given = {"url": url, "variable": "${RAW_URL}", "part": "postgresql://u:${RAW_PASSWORD}@localhost:1/x"}[way]
    said = [run(capsys, monkeypatch, command, "a", "b", "--connection", given) for command in ("audit", "fix")]
    with pytest.raises(gxl.CouldNotCheckError) as caught:
        gxl.audit({"train": "a", "test": "b"}, connection=given)
    assert all(code == 2 and not out for code, out, _ in said)
    told = "".join(err for _, _, err in said) + str(caught.value)
    assert not [part for part in (password, *(f"{one}@" for one in password.split("@"))) if part in told]


@pytest.mark.parametrize("password", RAW_PASSWORDS)
def test_what_stands_for_a_host_is_no_password(password: str) -> None:
    url = f"postgresql://u:{password}@localhost:1/x"
    for behind in (password.partition("@")[2], password.rpartition("@")[2]):
        told = redacted(f"failed to resolve host '{behind}@localhost'", [url])
        assert told == "failed to resolve host '***localhost'"


def test_a_remedy_tells_no_more_than_its_audit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gx_leakage.audit.remedy import frames

    splits = {name: pd.DataFrame({"g": ["zqkey1", name], "x": [71623, 4]}) for name in ("train", "test")}
    report = gxl.audit(splits, group="g", exclude="x", show_values=False)
    assert not TOLD.search(repr(report.remedy))

    def failing(*_: Any) -> None:
        raise ValueError("Type INT64 with value 71623 cannot be cast")

    monkeypatch.setattr(frames, "placed", failing)
    with pytest.raises(gxl.CouldNotCheckError) as caught:
        report.clean_splits("reassign", allow=True)
    assert not TOLD.search(str(caught.value))
    shown = gxl.audit(splits, group="g", exclude="x")
    assert not TOLD.search(repr(shown.remedy))


TEXTS = {
    "postgresql://me:hunter2@host/db failed": "postgresql://me:***@host/db failed",
    "x postgresql+psycopg://me:a@b/c@host/db?sslmode=x y": "x postgresql+psycopg://me:***@host/db?sslmode=x y",
    "snowflake://me@acc/db?token=abc&role=r": "snowflake://me@acc/db?token=***&role=r",
    "mssql+pyodbc:///?odbc_connect=DRIVER%3Dx%3BPWD%3Dhunter2": "mssql+pyodbc:///?odbc_connect=***",
    "host=h user=u password='hunt er2' dbname=d": "host=h user=u password=*** dbname=d",
    "nothing://here, at all: a@b": "nothing://here, at all: a@b",
}


@pytest.mark.parametrize("text", TEXTS)
def test_credentials_are_known_by_their_form(text: str) -> None:
    assert redacted(text) == TEXTS[text]


@given(st.text(), st.text())
def test_redaction_never_fails(text: str, url: str) -> None:
    redacted(text, [url, f"a://{url}", f"postgresql://u:{url}@h"])


def test_a_proposed_command_has_no_password(
    postgresql: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = sa.create_engine(postgresql)
    frame = pd.DataFrame({"patient_id": [1, 2, 3, 4] * 5, "x": range(20)})
    frame.to_sql("told_train", engine, if_exists="replace", index=False)
    frame.assign(x=range(50, 70)).to_sql("told_test", engine, if_exists="replace", index=False)
    engine.dispose()
    url = postgresql.replace("postgres@", "postgres:hunter2hunter2@")
    for kind in ("text", "json", "markdown"):
        code, out, _ = run(
            capsys, monkeypatch, "audit", "told_train", "told_test", "--connection", url, "--format", kind
        )
        assert code in (0, 1)
        assert "--group" in out
        assert "hunter2hunter2" not in out


# Every value of the data, by the role of its column; none may come out.
SECRETS = {
    "key": ["zqkey1", "zqkey2", "zqkey3", "zqkey4"],
    "kind": ["zqone", "zqtwo", "zqone", "zqtwo"],
    "when": ["2031-07-17", "2031-07-18", "2031-07-19", "2031-07-20"],
    "number": [91823.25, 71623.5, 51423.75, 91824.25],
    "twice": [183646.5, 143247.0, 102847.5, 183648.5],
    "frame": [823471, 823472, 823473, 823474],
}
TOLD = re.compile(r"zqkey|zqone|zqtwo|2031|91823|71623|51423|183646|143247|102847|8234\d\d")


def _frame(times: int = 20) -> pd.DataFrame:
    frame: Any = pd.concat([pd.DataFrame(SECRETS)] * times, ignore_index=True)
    frame["number"] += [i * 1.5 for i in range(len(frame))]
    frame["twice"] = 2 * frame["number"]
    frame["label"] = frame["kind"]
    frame["outcome"] = 2 * frame["number"] + 91823
    made: pd.DataFrame = frame.assign(when=pd.to_datetime(frame["when"]))
    return made


AUDITS: list[dict[str, Any]] = [
    {},
    {"group": "key", "time": "when", "target": "label", "id": "key", "metadata": "kind"},
    {"target": "outcome", "feature": ["number", "twice"], "time": "number"},
    {"target": "kind", "feature": ["label"], "sequence": "key", "frame": "frame", "window": ("when", "when")},
    {"time": "when", "available_at": {"number": "when"}, "gap": "2 days"},
    {"group": "when", "normalize": ["casefold"]},
    {"time": "kind"},
]


@pytest.mark.parametrize("roles", AUDITS, ids=lambda roles: "-".join(roles) or "none")
@pytest.mark.parametrize("place", ["frames", "files"])
def test_no_value_comes_out(
    roles: dict[str, Any], place: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train, test = _frame(), _frame(5)
    if roles.get("target") == "kind":
        train = train.assign(kind="zqone")
        test = test.assign(kind="zqone")
    given_: Any = {"train": train, "test": test}
    if place == "files":
        for name, frame in given_.items():
            frame.to_csv(tmp_path / f"{name}.csv", index=False)
        given_ = {name: tmp_path / f"{name}.csv" for name in given_}
    docs = tmp_path / "docs"
    told = []
    with caplog.at_level(logging.INFO, logger="gx_leakage"):
        try:
            report = gxl.audit(given_, show_values=False, docs=docs, **roles)
        except gxl.CouldNotCheckError as error:
            told.append(str(error))
        else:
            told += [str(report), report.to_json(), report.to_markdown(), report.to_junit(), repr(report)]
    told += [path.read_text() for path in docs.rglob("*.html")]
    told += [record.getMessage() for record in caplog.records]
    found = [TOLD.findall(text)[:3] for text in told if TOLD.search(text)]
    assert not found


HOSTILE = "\x1b[31mred\x1b]0;t\x07\u202eevil\r\x9b2J<script>alert(1)</script>|`*[x](javascript:1)$name{y}"


def test_what_a_terminal_obeys_is_written_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = pd.DataFrame({HOSTILE: [HOSTILE, "b"] * 10, "y": [0, 1] * 10})
    report = gxl.audit({"train": frame, HOSTILE: frame}, group=[HOSTILE], target="y")
    junit = report.to_junit()
    ElementTree.fromstring(junit.encode())
    json.loads(report.to_json())
    markdown = report.to_markdown()
    for text in (str(report), junit, report.to_json(), markdown):
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
    assert "<script>" not in markdown
    assert "[x](" not in markdown
    frame.to_csv(tmp_path / "a.csv", index=False)
    code, out, err = run(
        capsys, monkeypatch, "audit", f"tr={tmp_path}/a.csv", f"{HOSTILE[:20]}={tmp_path}/no\x1b[31m.csv"
    )
    assert (code, out) == (2, "")
    assert "\x1b" not in err


def test_texts_are_printed_as_they_are() -> None:
    assert printable("ä 漢\t\n\x1b\ud800") == "ä 漢\t\n\\u001b\\ud800"
    assert printable("a\nb", lines=False) == "a\\nb"


def test_values_are_shown_or_not() -> None:
    text = f"last {value(7):.2f} of {value('x')}"
    assert disclosed(text, show=True) == "last 7.00 of x"
    assert disclosed(text, show=False) == "last … of …"
    assert disclosed({"a": value(1), "b": [value(2), 3], "c": f"{value(4)}"}, show=False) == {"b": [3], "c": "…"}
