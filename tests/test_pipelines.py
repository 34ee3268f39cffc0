"""Where pipelines look: the pre-commit hook and the GitHub Action run as they stand."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from tests.command import gx_leakage

ROOT = Path(__file__).parents[1]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a folder with splits that share a patient, and the file that names them."""
    pd.DataFrame({"patient": [1, 2, 3], "age": [40, 50, 61]}).to_csv(tmp_path / "train.csv", index=False)
    pd.DataFrame({"patient": [3, 4], "age": [62, 71]}).to_csv(tmp_path / "test.csv", index=False)
    (tmp_path / "leakage.yml").write_text("splits: {train: train.csv, test: test.csv}\nroles: {group: patient}\n")
    return tmp_path


def test_the_hook(repository: Path) -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    command = [*hook["entry"].split(), *hook["args"]]
    assert command.pop(0) == "gx-leakage"
    done = gx_leakage(*command, cwd=repository)
    assert (done.returncode, "1 of 2 values of patient" in done.stdout) == (1, True)
    concerned = re.compile(hook["files"])
    assert all(concerned.search(name) for name in ("leakage.yml", "data/train.csv", "a.parquet", "x.csv.gz"))
    assert not any(concerned.search(name) for name in ("README.md", "leakage.py", "a.csv.py"))


def steps_of_the_action() -> list[dict[str, Any]]:
    action = yaml.safe_load((ROOT / ".github" / "actions" / "audit" / "action.yml").read_text())
    steps: list[dict[str, Any]] = action["runs"]["steps"]
    return steps


@pytest.mark.parametrize(("arguments", "code"), [("leakage.yml", 1), ("train.csv none.csv", 2), ("$(touch run) a", 2)])
def test_the_action(repository: Path, arguments: str, code: int) -> None:
    (audit,) = [step for step in steps_of_the_action() if step.get("name") == "Audit"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", audit["run"]], cwd=repository, capture_output=True, text=True, check=False,
        env={**os.environ, "PATH": path, "ARGUMENTS": arguments, "SARIF": "leakage.sarif"},
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert (repository / "leakage.sarif").exists() is (code == 1)
    assert not (repository / "run").exists()
    if code == 1:
        (run,) = json.loads((repository / "leakage.sarif").read_text())["runs"]
        assert [one["level"] for one in run["results"]].count("error") == 1


def test_what_a_workflow_gives_is_no_code() -> None:
    """An expression within a script is code of whoever can open a pull request."""
    for step in steps_of_the_action():
        assert "${{" not in step.get("run", "")
