"""The handbook: one page a leak, with its facts as front matter."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from gx_leakage.errors import CouldNotCheckError, nearest
from gx_leakage.families import page_folders

__all__ = ["Case", "all_cases", "get", "markdown_table"]

_HERE = Path(__file__).parent
# In a wheel the pages are inside of the package, in a checkout beside it.
_PAGES = next(folder for folder in (_HERE / "handbook", _HERE.parent / "cases") if folder.is_dir())

_CODE = re.compile(r"```python (leaky|fixed)\n(.*?)```", re.DOTALL)


@dataclass(frozen=True)
class Case:
    """A page of the handbook."""

    id: str
    title: str
    effect: str
    symptom: str
    stage: tuple[str, ...]
    where_in_code: str
    severity: str
    expectations: tuple[str, ...]
    met_in: tuple[dict[str, str], ...] = ()
    sources: tuple[str, ...] = ()
    example: dict[str, Any] = field(default_factory=dict)
    body: str = field(default="", repr=False)

    def section(self, title: str) -> str:
        """Return the text of one section of the page."""
        found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", self.body, re.DOTALL | re.MULTILINE)
        return found.group(1).strip() if found else ""

    @property
    def places(self) -> str:
        """Where the leak was met, by name."""
        return ", ".join(place["name"] for place in self.met_in) or "-"

    @property
    def quick_fix(self) -> dict[str, str]:
        """The page's code: ``leaky`` as it is met, ``fixed`` as it should be. Each defines ``train`` and ``test``."""
        return {name: source.rstrip() for name, source in _CODE.findall(self.body)}


@cache
def all_cases() -> dict[str, Case]:
    """Return all pages by id."""
    pages = [path for folder in (_PAGES, *page_folders()) for path in folder.glob("*.md")]
    return {path.stem: _read(path) for path in sorted(pages, key=lambda path: path.stem)}


def get(case_id: str) -> Case:
    """Return a page."""
    found = all_cases().get(case_id)
    if found is None:
        raise CouldNotCheckError(f"the handbook has no case '{case_id}'. {nearest(case_id, all_cases())}")
    return found


def markdown_table() -> str:
    """Return the table of all cases that README.md holds."""
    lines = [
        "| id | leak | effect | symptom | stage | where in code | met in | tested by |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for case in all_cases().values():
        met = ", ".join(f"[{place['name']}]({place['url']})" for place in case.met_in) or "-"
        tested = ", ".join(f"`{name}`" for name in case.expectations) or "review by hand"
        lines.append(
            f"| `{case.id}` | [{case.title}](cases/{case.id}.md) | {case.effect} | {case.symptom} "
            f"| {', '.join(case.stage)} | {case.where_in_code} | {met} | {tested} |"
        )
    return "\n".join(lines)


def _read(path: Path) -> Case:
    _, front, body = path.read_text(encoding="utf-8").split("---\n", 2)
    facts: dict[str, Any] = yaml.safe_load(front)
    if facts.get("id") != path.stem:
        raise ValueError(f"{path.name}: the front matter has the id {facts.get('id')!r}")
    for name in ("stage", "expectations", "met_in", "sources"):
        facts[name] = tuple(facts.get(name) or ())
    try:
        return Case(**facts, body=body.strip())
    except TypeError as error:
        raise CouldNotCheckError(f"the page {path} is not whole: {error}.") from error
