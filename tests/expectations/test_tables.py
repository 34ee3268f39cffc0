"""The small tables of the YAML files in this folder, one file an Expectation, on every engine and in every layout.

A case has its rows under ``pass``, ``fail`` or ``error``; ``expect`` holds parts of the result, ``fixed`` rows that
pass, ``types`` the columns, ``types_of`` those of single splits, ``not_on`` the platforms that lack a type. With
``repeat`` a split's rows stand there so many times; the column that ``counted`` names holds the row's number.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from great_expectations.expectations.registry import get_expectation_impl

from gx_leakage.families import families
from tests.platforms import LAYOUTS, Platform, Table, typed

# Ours stand here, those of other packages beside their Expectations.
FOLDERS = [Path(__file__).parent, *(Path(place) for family in families() for place in family.__path__)]


def _cases() -> list[Any]:
    found = []
    for file in (file for folder in FOLDERS for file in sorted(folder.glob("expect_*.yaml"))):
        for case in yaml.safe_load(file.read_text(encoding="utf-8")):
            for layout in LAYOUTS:
                if layout == "split_column" and ("types_of" in case or case.get("only") == "batches"):
                    continue
                found.append(pytest.param(file.stem, case, layout, id=f"{file.stem}-{case['name']}-{layout}"))
    return found


@pytest.mark.parametrize(("type_", "case", "layout"), _cases())
def test_case(platform: Platform, type_: str, case: dict[str, Any], layout: str) -> None:
    if platform.name in case.get("not_on", []):
        pytest.skip(f"{platform.name} lacks a type of this case")
    (verdict,) = {"pass", "fail", "error"} & set(case)
    expectation: Any = get_expectation_impl(type_)(**case["arguments"])

    (found,) = platform.validate([expectation], _tables(case, case[verdict]), layout)
    if verdict == "error":
        message = str(found.exception_info.get("exception_message"))
        assert found.success is False
        assert found.exception_info.get("raised_exception") is True, found
        for part in case["message"]:
            assert part in message
        return
    assert found.exception_info.get("raised_exception") is False, found.exception_info
    assert found.success is (verdict == "pass"), found.result
    _assert_holds(found.result, case.get("expect", {}))
    if "fixed" in case:
        (fixed,) = platform.validate([expectation], _tables(case, case["fixed"]), layout)
        assert fixed.success is True, fixed.result


def _tables(case: dict[str, Any], splits: dict[str, list[list[Any]]]) -> dict[str, Table]:
    tables = {}
    for split, rows in splits.items():
        types = case.get("types_of", {}).get(split, case["types"])
        repeated = [row for _ in range(case.get("repeat", 1)) for row in rows]
        if "counted" in case:
            position = list(types).index(case["counted"])
            repeated = [[*row[:position], i, *row[position + 1 :]] for i, row in enumerate(repeated)]
        values = [
            tuple(typed(value, type_) for value, type_ in zip(row, types.values(), strict=True)) for row in repeated
        ]
        tables[split] = Table(types, values)
    return tables


def _assert_holds(found: Any, expected: Any, path: str = "result") -> None:
    """Assert that the expected parts of a nested result are as expected."""
    if isinstance(expected, dict):
        for key, value in expected.items():
            assert key in found, f"{path} has no {key}: {found}"
            _assert_holds(found[key], value, f"{path}.{key}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), f"{path}: {found} != {expected}"
        for i, value in enumerate(expected):
            _assert_holds(found[i], value, f"{path}[{i}]")
    else:
        assert found == expected, f"{path}: {found!r} != {expected!r}"
        assert type(found) is type(expected), f"{path}: {found!r} is a {type(found).__name__}"
