"""A dbt project as the source of an audit: ``tests/dbt`` is one, with a manifest of dbt 1.12, cut down."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlalchemy as sa

import gx_leakage as gxl
from gx_leakage.audit.dbt import VARIABLE, load
from tests.command import gx_leakage

PROJECT = Path(__file__).parent / "dbt"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """Return the project, and the database that dbt has built of it."""
    folder = tmp_path / "project"
    shutil.copytree(PROJECT, folder)
    with duckdb.connect(str(folder / "hospital.duckdb")) as connection:
        connection.execute(
            "CREATE SCHEMA ml; CREATE TABLE ml.visits_train AS FROM (VALUES (1, DATE '2020-01-01', 40, 0), "
            "(2, DATE '2020-01-02', 51, 1), (3, DATE '2020-01-05', 62, 0)) t(patient_id, visit, age, died); "
            "CREATE TABLE ml.test AS FROM (VALUES (3, DATE '2021-01-05', 63, 1), (4, DATE '2021-02-01', 71, 0)) "
            "t(patient_id, visit, age, died)"
        )
    yield folder
    os.environ.pop(VARIABLE, None)


def say(project: Path, model: str, **said: Any) -> None:
    """Let a model of the manifest say something else."""
    path = project / "target" / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["nodes"][f"model.hospital.{model}"] |= {"config": {"meta": {"leakage": said}}, "meta": {}, "columns": {}}
    path.write_text(json.dumps(manifest))


def output(project: Path, **profile: Any) -> sa.URL:
    """Return the URL of a profile."""
    (project / "profiles.yml").write_text(json.dumps({"hospital": {"target": "dev", "outputs": {"dev": profile}}}))
    load(project)
    return sa.make_url(os.environ[VARIABLE])


def test_models_are_splits_and_their_columns_have_roles(project: Path) -> None:
    found = load(project)
    assert found == {
        "splits": {"train": "ml.visits_train", "test": "ml.test"},
        "connection": "${GX_LEAKAGE_DBT}",
        "group": [("patient_id",)],
        "time": "visit",
        "target": "died",
    }
    report = gxl.audit(**found)
    assert [f.title for f in report.findings if f.leaked] == ["expect_no_shared_group_ids_across_batches(patient_id)"]


def test_the_command_line(project: Path, tmp_path: Path) -> None:
    done = gx_leakage("audit", "--dbt", "project", "--exclude", "age", cwd=tmp_path)
    assert (done.returncode, "1 of 2 values of patient_id" in done.stdout) == (1, True), done.stderr
    wrong = {"": "no splits are given", "a.csv --dbt project": "leave out one of them", "--dbt no": "run dbt parse"}
    for text, message in wrong.items():
        words = text.split()
        done = gx_leakage("audit", *words, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert message in done.stderr


@pytest.mark.parametrize(
    "alias",
    [
        "test; DROP TABLE ml.visits_train; --", 'test" ; DROP TABLE ml.visits_train; --', "(SELECT 1 AS patient_id) t",
        "test UNION ALL FROM ml.visits_train", "test') ; DROP TABLE ml.visits_train; --", "read_csv('/etc/passwd')",
    ],
)  # fmt: skip
@pytest.mark.parametrize("there", [True, False])
def test_an_alias_is_a_name_and_no_statement(project: Path, alias: str, there: bool) -> None:
    path = project / "target" / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["nodes"]["model.hospital.test"]["alias"] = alias
    path.write_text(json.dumps(manifest))
    found = load(project)
    assert found["splits"]["test"] == f"ml.{alias}"
    with duckdb.connect(str(project / "hospital.duckdb")) as connection:
        if there:
            quoted = alias.replace('"', '""')
            connection.execute(f'ALTER TABLE ml.test RENAME TO "{quoted}"')
    if there:
        report = gxl.audit(**found)
        assert [f.title for f in report.findings if f.leaked] == [
            "expect_no_shared_group_ids_across_batches(patient_id)"
        ]
    else:
        with pytest.raises(gxl.CouldNotCheckError, match="there is no table or"):
            gxl.audit(**found)
    with sa.create_engine(os.environ[VARIABLE]).connect() as again:
        assert again.exec_driver_sql("SELECT count(*) FROM ml.visits_train").scalar() == 3


def test_one_model_holds_all_splits(project: Path) -> None:
    say(project, "train", split_column="fold", group="patient_id")
    say(project, "test")
    found = load(project)
    assert (found["splits"], found["split_column"]) == ({"train": "ml.visits_train"}, "fold")


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"split": "train"}, "ml.test and the model 'train' are both the split 'train'"),
        ({"split": "test", "time": "died"}, "'test' and 'train' say two things of time: died and visit"),
        ({"split": "test", "grup": "a"}, "knows no 'grup'.*group"),
        ({"split": "test", "mostly": 3}, "mostly has to be between 0 and 1"),
        ({"split": "test", "time": ["a", "b"]}, "time has to be"),
    ],
)
def test_what_models_cannot_say(project: Path, said: dict[str, Any], message: str) -> None:
    say(project, "test", **said)
    with pytest.raises(gxl.CouldNotCheckError, match=message):
        load(project)


@pytest.mark.parametrize("text", ['{"nodes": [1]}', '{"nodes": {"a": 3}}', '{"nodes": {"a": {}}}', "[]", "{"])
def test_a_manifest_that_is_none(project: Path, text: str) -> None:
    (project / "target" / "manifest.json").write_text(text)
    with pytest.raises(gxl.CouldNotCheckError, match="no manifest of dbt"):
        load(project)


def test_profiles(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSPITAL_PASSWORD", "p@ss/word")
    given = {"user": "ann", "password": "{{ env_var('HOSPITAL_PASSWORD') }}", "host": "db", "dbname": "ward"}
    url = output(project, type="postgres", port=5433, **given)
    assert (url.drivername, url.password, url.host, url.port) == ("postgresql", "p@ss/word", "db", 5433)
    url = output(project, type="snowflake", account="xy1", user="ann", password="s", database="D", warehouse="W")
    assert (url.drivername, url.host, url.query["warehouse"]) == ("snowflake", "xy1", "W")
    for profile, message in (
        ({"type": "spark"}, "of 'spark', of which no URL is known"),
        ({"type": "postgres", "user": "ann"}, "lacks 'host'"),
        ({"type": "postgres", "host": "{{ env_var('NO_SUCH') }}"}, "no variable 'NO_SUCH'"),
        ({"type": "postgres", "host": "{{ ''.__class__.__mro__ }}", "dbname": "{{ nothing }}"}, "cannot be read"),
    ):
        with pytest.raises(gxl.CouldNotCheckError, match=message):
            output(project, **profile)
    assert load(project, connection="sqlite:///a.sqlite")["connection"] == "sqlite:///a.sqlite"


def test_no_password_comes_out(project: Path, tmp_path: Path) -> None:
    profile = {"type": "postgres", "host": "127.0.0.1", "port": 1, "user": "a", "password": "hush-4711", "dbname": "d"}
    (project / "profiles.yml").write_text(json.dumps({"hospital": {"target": "dev", "outputs": {"dev": profile}}}))
    done = gx_leakage("audit", "--dbt", project, cwd=tmp_path)
    assert done.returncode == 2
    assert "hush" not in done.stdout + done.stderr
