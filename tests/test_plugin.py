"""A leak is new files in one folder: ``tests/plugin`` is a package of somebody else's, installed by its entry point.

It brings a family, an Expectation with a role of its own, a page and a table of cases, and nothing of ours knows it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

PLUGIN = Path(__file__).parent / "plugin"
TYPE = "expect_no_late_extractions_across_batches"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two splits, of which test has a row that was extracted with train."""
    pd.DataFrame({"n": [1.5, 2.25, 3.125], "extraction_no": [1, 2, 2]}).to_csv(tmp_path / "train.csv", index=False)
    pd.DataFrame({"n": [4.5, 5.75], "extraction_no": [2, 3]}).to_csv(tmp_path / "test.csv", index=False)
    return tmp_path


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line where the package is installed."""
    program = Path(sys.executable).parent / "gx-leakage"
    environment = {**os.environ, "PYTHONPATH": str(PLUGIN), "COLUMNS": "200"}
    return subprocess.run(
        [str(program), *arguments], cwd=folder, capture_output=True, text=True, check=False, env=environment
    )


def test_its_role_is_an_option_with_help(folder: Path) -> None:
    for name in ("audit", "fix"):
        shown = command(folder, name, "--help").stdout
        assert "--extraction " in shown
        assert "The column with the number of the extraction that a row came with." in shown
    wrong = command(folder, "audit", "train.csv", "test.csv", "--extractoin", "extraction_no")
    assert (wrong.returncode, "--extraction" in wrong.stderr) == (2, True)


def test_it_is_planned_and_drawn(folder: Path) -> None:
    files = ("train.csv", "test.csv")
    done = command(folder, "audit", *files, "--extraction", "extraction_no", "--format", "json", "--docs", "docs")
    assert done.returncode == 1, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    (found,) = (f for f in report["findings"] if f["expectation"] == TYPE)
    assert (found["success"], found["case"], found["result"]["observed_value"]) == (False, "late_extraction", 1)
    (page,) = (folder / "docs/validations").rglob("*.html")
    html = page.read_text(encoding="utf-8")
    assert "Extracted too early" in html
    assert "Freeze the training table" in html  # its own page of the handbook
    unasked = command(folder, "audit", *files, "--group", "n")
    assert "late extractions (extraction)" in " ".join(unasked.stdout.split())


def test_it_is_proposed_and_kept_in_a_file(folder: Path) -> None:
    assert command(folder, "init", "train.csv", "test.csv").returncode == 0
    written = (folder / "leakage.yml").read_text(encoding="utf-8")
    assert "extraction_no looks like the number of an extraction, by its name" in written
    assert "  extraction: extraction_no\n" in written
    done = command(folder, "audit", "leakage.yml")
    assert (done.returncode, TYPE in done.stdout) == (1, True)
    set_ = command(folder, "audit", "leakage.yml", "--set", f"{TYPE}.mostly=0.5")
    assert set_.returncode == 0, set_.stdout


@pytest.mark.parametrize(("strategy", "rows"), [("judged", (3, 1)), ("train", (1, 2))])
def test_it_is_fixed(folder: Path, strategy: str, rows: tuple[int, int]) -> None:
    given = ("train.csv", "test.csv", "--extraction", "extraction_no", "--strategy", strategy)
    done = command(folder, "fix", *given, "--allow", "--output", "clean")
    assert done.returncode == 0, done.stderr
    assert tuple(len(pd.read_csv(folder / "clean" / f"{name}.csv")) for name in ("train", "test")) == rows
    moved = command(folder, "fix", *given[:-1], "reassign", "--allow", "--output", "moved")
    assert (moved.returncode, "is not mended by bringing groups to one split" in moved.stderr) == (2, True)


def test_it_is_in_the_handbook(folder: Path) -> None:
    assert "late_extraction" in command(folder, "cases").stdout
    assert "Freeze the training table" in command(folder, "cases", "late_extraction").stdout


def test_its_table_of_cases_runs_on_our_engines(tmp_path: Path) -> None:
    tables = str(Path(__file__).parent / "expectations/test_tables.py")
    chosen = f"{TYPE} and (pandas or sqlite or duckdb)"
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tables, "-k", chosen],
        cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(PLUGIN)},
    )  # fmt: skip
    assert run.returncode == 0, run.stdout
    assert "12 passed" in run.stdout


def test_without_it_nothing_of_ours_knows_it(folder: Path) -> None:
    root = Path(__file__).parents[1]
    assert not [f for f in (root / "gx_leakage").rglob("*.py") if "extraction" in f.read_text(encoding="utf-8")]


def test_a_package_that_cannot_be_loaded_is_an_error(folder: Path) -> None:
    broken = folder / "broken"
    (broken / "other-1.0.dist-info").mkdir(parents=True)
    (broken / "other-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (broken / "other-1.0.dist-info/entry_points.txt").write_text("[gx_leakage.expectations]\nother = not_there\n")
    program = str(Path(sys.executable).parent / "gx-leakage")
    done = subprocess.run(
        [program, "audit", "train.csv", "test.csv"], cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(broken)},
    )  # fmt: skip
    assert done.returncode == 2
    assert "the leaks of 'not_there' cannot be loaded" in done.stderr
