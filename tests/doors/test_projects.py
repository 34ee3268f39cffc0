"""Leak checks stay in GX projects, projects that we save can move, and nothing of a user's project is changed."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import great_expectations as gx
import gx_leakage as gxl
from gx_leakage.gx.guarded import guard_file, project_file

STORE = """\
# mine
stores:
  # where suites are
  expectations_store:
    class_name: ExpectationsStore  # of GX
    store_backend:
      class_name: TupleFilesystemStoreBackend
      base_directory: expectations/
"""
FORMS = {
    "as GX writes it": STORE,
    "with a module of GX's": STORE.replace(
        "    class_name: E", "    module_name: great_expectations.data_context.store\n    class_name: E"
    ),
    "deeper": STORE.replace("\n  ", "\n      "),
    "on one line": "stores: {expectations_store: {class_name: ExpectationsStore}}\n",
    "quoted": '"stores":\n  \'expectations_store\':\n    "class_name": "ExpectationsStore"\n',
    "called otherwise": "expectations_store_name: mine\n" + STORE.replace("expectations_store:", "mine:"),
    "with Windows' lines": STORE.replace("\n", "\r\n"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_project_is_guarded_and_otherwise_left_alone(form: str, tmp_path: Path) -> None:
    import yaml

    config = tmp_path / "gx/great_expectations.yml"
    config.parent.mkdir()
    config.write_bytes(FORMS[form].encode())
    assert guard_file(project_file(tmp_path)) == config
    once = config.read_bytes().decode()
    guard_file(config)
    assert config.read_bytes().decode() == once
    before, after = yaml.safe_load(FORMS[form]), yaml.safe_load(once)
    (name,) = after["stores"]
    assert after["stores"][name].pop("module_name") == "gx_leakage.store"
    before["stores"][name].pop("module_name", None)
    assert after == before
    kept = [line.strip() for line in FORMS[form].splitlines() if "module_name" not in line]
    assert form == "on one line" or [line for line in once.splitlines() if line.strip() in kept]
    assert once.count("#") == FORMS[form].count("#")
    assert ("\r\n" in once) is ("\r\n" in FORMS[form])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (STORE.replace("ExpectationsStore", "TheirStore"), "of its own, TheirStore"),
        (STORE.replace("    class_name: E", "    module_name: theirs\n    class_name: E"), "of theirs"),
        ("stores: {}\n", "module_name: gx_leakage.store"),
        ("a: [", "is no YAML"),
    ],
)
def test_what_is_unusual_is_said(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "great_expectations.yml").write_text(text)
    with pytest.raises(gxl.CouldNotCheckError, match=message):
        guard_file(project_file(tmp_path))
    assert (tmp_path / "great_expectations.yml").read_text() == text


def test_a_context_without_a_folder_is_not_guarded() -> None:
    with pytest.raises(gxl.CouldNotCheckError, match="kept in no folder"):
        gxl.guard(gx.get_context(mode="ephemeral"))


def _in_a_new_process(code: str, folder: Path, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


FORGETFUL = """
import great_expectations as gx
context = gx.get_context(mode="file", context_root_dir={root!r})
suite = context.suites.get("mine")
suite.add_expectation(gx.expectations.ExpectTableRowCountToBeBetween(min_value=1))
print(len(suite.expectations))
"""


def test_a_process_that_does_not_import_us_deletes_nothing(tmp_path: Path) -> None:
    root = tmp_path / "gx"
    context = gx.get_context(mode="file", context_root_dir=root)
    context.suites.add(
        gx.ExpectationSuite(name="mine", expectations=[gxl.ExpectNoSharedGroupIdsAcrossBatches(group_columns=["g"])])
    )
    gxl.guard(context)
    assert _in_a_new_process(FORGETFUL.format(root=str(root)), tmp_path).split()[-1] == "2"
    stored = json.loads((root / "expectations/mine.json").read_text())
    assert len(stored["expectations"]) == 2


RUNNER = """
import great_expectations as gx
context = gx.get_context(mode="file", context_root_dir={root!r})
result = context.checkpoints.get("leakage").run()
one = next(iter(result.run_results.values())).results
print([r.exception_info.get("exception_message") for r in one if r.exception_info.get("raised_exception")])
print(result.success, one[0].result["details"]["summary"])
"""


@pytest.mark.parametrize("kind", ["csv", "frames", "folder"])
def test_a_saved_project_moves_with_its_data(kind: str, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    (here / "data").mkdir(parents=True)
    frames = {"train": pd.DataFrame({"g": [1, 2], "x": [1, 2]}), "my test": pd.DataFrame({"g": [2, 3], "x": [5, 6]})}
    given: Any = frames
    if kind != "frames":
        for name, frame in frames.items():
            if kind == "csv":
                frame.to_csv(here / "data" / f"{name}.csv", index=False)
            else:
                (here / "data" / name).mkdir()
                frame.to_parquet(here / "data" / name / "p.parquet")
        given = {name: here / "data" / (f"{name}.csv" if kind == "csv" else name) for name in frames}
    gxl.audit(given, group="g", save=here / "project")
    gxl.audit(given, group="g", save=here / "project")  # what we made ourselves is made anew
    stored = "".join(p.read_text() for p in (here / "project").rglob("*") if p.suffix in (".yml", ".json"))
    assert str(tmp_path) not in stored.replace(str(here / "project" / "uncommitted"), "")
    shutil.copytree(here, there, ignore=shutil.ignore_patterns("uncommitted"))
    shutil.rmtree(here)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    said = _in_a_new_process(RUNNER.format(root=str(there / "project")), elsewhere)
    assert said.splitlines()[-2:] == ["[]", "False 1 of 2 values of g in my test are also in train."]
    assert list(elsewhere.iterdir()) == []
    if kind != "frames":
        shutil.move(there / "data", tmp_path / "moved")
        said = _in_a_new_process(
            RUNNER.format(root=str(there / "project")), elsewhere, GX_LEAKAGE_DATA=str(tmp_path / "moved")
        )
        assert said.splitlines()[-1] == "False 1 of 2 values of g in my test are also in train."


def test_a_project_of_the_users_is_left_alone(tmp_path: Path) -> None:
    root = tmp_path / "gx"
    gx.get_context(mode="file", context_root_dir=root).suites.add(gx.ExpectationSuite(name="leakage"))
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    frame = pd.DataFrame({"g": [1, 2]})
    with pytest.raises(gxl.CouldNotCheckError, match="is a GX project already"):
        gxl.audit({"train": frame, "test": frame}, group="g", save=root)
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


def test_rows_that_are_not_to_be_shown_are_not_saved(tmp_path: Path) -> None:
    frame = pd.DataFrame({"g": [1, 2]})
    with pytest.raises(gxl.CouldNotCheckError, match="keeps the rows of frames"):
        gxl.audit({"train": frame, "test": frame}, group="g", save=tmp_path / "p", show_values=False)
    assert not (tmp_path / "p").exists()


def test_the_action_says_what_to_do_and_what_it_found(caplog: pytest.LogCaptureFixture) -> None:
    frame = pd.DataFrame({"g\x1b": [1, 2]})
    with caplog.at_level(logging.INFO, logger="gx_leakage"):
        gxl.audit({"train": frame, "test": frame}, group="g\x1b", time="nothing")
    records = [record for record in caplog.records if record.name == "gx_leakage"]
    said = {(record.levelname, record.getMessage().split(":")[0]) for record in records}
    assert said == {("ERROR", "LEAK, proved"), ("ERROR", "could not check"), ("INFO", "passed")}
    assert not any("\x1b" in record.getMessage() for record in records)
    action = gxl.LeakageReportAction()
    assert "gx-leakage guard" in action.type


def test_each_connection_of_a_saved_project_has_its_views(tmp_path: Path) -> None:
    for name in ("train", "test"):
        pd.DataFrame({"g": [1.5, 2.5]}).to_csv(tmp_path / f"{name}.csv", index=False)
    gxl.audit({name: tmp_path / f"{name}.csv" for name in ("train", "test")}, save=tmp_path / "project")
    context = gx.get_context(mode="file", context_root_dir=tmp_path / "project")
    source: Any = context.data_sources.get("splits")
    engine = source.get_engine()
    for _ in range(2):
        engine.dispose()
        with engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM train").scalar() == 2
