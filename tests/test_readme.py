"""Every command and example of README.md runs, and its table of leaks is the handbook's."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import great_expectations as gx
from gx_leakage import cases, sample
from gx_leakage.families import roles

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
PYTHON = [code for language, code in BLOCKS if language == "python"]
COMMANDS = [
    line
    for language, code in BLOCKS
    if language == "console"
    for line in code.replace("\\\n", " ").splitlines()
    if line.strip()
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files that the examples name."""
    for name in ("firms.csv", "firms_train.csv", "firms_test.csv", "firms.sqlite"):
        shutil.copy(sample.file(name), tmp_path)
    return tmp_path


def table_of_roles() -> str:
    """Return the roles as the families declare them."""
    rows = [f"| `{role.option}` | {role.help} |" for role in roles().values()]
    return "\n".join(["| option | what it is |", "| --- | --- |", *rows])


TABLES = {"cases": cases.markdown_table, "roles": table_of_roles}


@pytest.mark.parametrize("name", TABLES)
def test_the_tables_are_what_is_declared(name: str) -> None:
    begin, end = f"<!-- {name}: made by python -m tests.test_readme -->\n", f"\n<!-- end of {name} -->"
    assert README.split(begin)[1].split(end)[0] == TABLES[name](), "run: python -m tests.test_readme"


@pytest.mark.parametrize("command", COMMANDS)
def test_command(command: str, folder: Path, request: pytest.FixtureRequest) -> None:
    if "pytest" in command or "pip install" in command or command.startswith("git "):
        pytest.skip("installs, or is this run: .ci/run does it")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    if "WAREHOUSE" in command:
        environment["WAREHOUSE"] = _warehouse(request)
    if "audit leakage.yml" in command:
        subprocess.run(
            "gx-leakage init firms_train.csv firms_test.csv", shell=True, cwd=folder, env=environment, check=True
        )
    if command.startswith("gx-leakage guard"):
        gx.get_context(mode="file", project_root_dir=folder)
    # Without roles they are proposed, and what is only a warning does not fail.
    leaks = " audit " in command and ("--" in command or "leakage.yml" in command) and "severity=warning" not in command
    done = subprocess.run(command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == (1 if leaks else 0), done.stderr
    assert done.stdout or ">" in command


def _warehouse(request: pytest.FixtureRequest) -> str:
    import pandas as pd
    import sqlalchemy as sa

    url: str = request.getfixturevalue("postgresql")
    engine = sa.create_engine(url)
    for name in ("train", "test"):
        pd.read_csv(sample.file(f"firms_{name}.csv")).to_sql(f"firms_{name}", engine, index=False, if_exists="replace")
    engine.dispose()
    return url


@pytest.mark.parametrize("number", range(len(PYTHON)))
def test_python(number: int, folder: Path, request: pytest.FixtureRequest) -> None:
    """Each block runs by itself, in a process of its own."""
    code = PYTHON[number]
    environment = dict(os.environ)
    if "WAREHOUSE" in code:
        environment["WAREHOUSE"] = _warehouse(request)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


if __name__ == "__main__":
    text = README
    for name, table in TABLES.items():
        before, rest = text.split(f"<!-- {name}: made by python -m tests.test_readme -->\n")
        _, after = rest.split(f"\n<!-- end of {name} -->")
        begin = f"<!-- {name}: made by python -m tests.test_readme -->\n"
        text = f"{before}{begin}{table()}\n<!-- end of {name} -->{after}"
    (ROOT / "README.md").write_text(text, encoding="utf-8")
