"""The committed GX project runs in a process that knows nothing of gx_leakage, and is what make.py makes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent

RUN = """
import great_expectations as gx
context = gx.get_context(mode="file", context_root_dir="great_expectations")
result = context.checkpoints.get("leakage").run()
for run in result.run_results.values():
    print(run.success, [(one.success, one.result["observed_value"]) for one in run.results])
"""


def copy(folder: Path) -> Path:
    ignored = shutil.ignore_patterns("uncommitted")
    shutil.copytree(ROOT / "great_expectations", folder / "great_expectations", ignore=ignored)
    return folder


def test_its_checkpoint_runs_over_the_table_and_the_files(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", RUN], cwd=copy(tmp_path), capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["False [(False, 11), (True, 0), (False, 55)]"] * 2, done.stderr
    report = json.loads((tmp_path / "great_expectations/uncommitted/leakage/leakage.json").read_text(encoding="utf-8"))
    assert len(report["findings"]) == 6
    assert list((tmp_path / "great_expectations/uncommitted/data_docs").rglob("*.html"))


def test_make_makes_it(tmp_path: Path) -> None:
    made = copy(tmp_path)
    committed = {path.relative_to(made): path.read_bytes() for path in (made / "great_expectations/data").glob("*.csv")}
    done = subprocess.run(
        [sys.executable, "great_expectations/make.py"], cwd=made, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for path, content in committed.items():
        assert (made / path).read_bytes() == content
    for folder in ("checkpoints", "expectations", "validation_definitions"):
        names = {p.name for p in (ROOT / "great_expectations" / folder).glob("*.json")}
        assert names == {p.name for p in (made / "great_expectations" / folder).glob("*.json")} != set()
