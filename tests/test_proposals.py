"""What columns look like, by rule: small tables of which it is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import gx_leakage as gxl
from gx_leakage.leaks.overlap.likeness import likeness
from gx_leakage.splits.names import words_of

RANDOM = np.random.default_rng(3)
ROWS = 240


def visits(**columns: Any) -> pd.DataFrame:
    """Four visits of each of 60 patients, whose sex, age and site stay."""
    who = np.arange(ROWS) // 4
    traits = {"sex": RANDOM.integers(0, 2, 60), "age": RANDOM.integers(20, 90, 60), "site": RANDOM.integers(0, 6, 60)}
    order = RANDOM.permutation(60)
    rows = {"code": order[who], **{name: values[who] for name, values in traits.items()}, "x": RANDOM.normal(size=ROWS)}
    made: pd.DataFrame = pd.DataFrame({**rows, **columns})
    return made


def proposed(rows: pd.DataFrame) -> dict[str, list[Any]]:
    in_train = np.random.default_rng(0).random(len(rows)) < 0.7
    found: dict[str, list[Any]] = {}
    for one in gxl.audit({"train": rows[in_train], "test": rows[~in_train]}).proposals:
        found.setdefault(one.role, []).append(one)
    return found


def test_a_group_is_what_rows_are_alike_in_whatever_it_is_called() -> None:
    (group,) = proposed(visits())["group"]
    assert (group.column, group.sure) == ("code", True)
    assert "rows of one code agree in age, site and sex 100 % of the time, others 24 %" in group.reason


def test_an_age_with_its_bands_is_no_group() -> None:
    age = RANDOM.integers(20, 90, ROWS)
    rows = pd.DataFrame({"n": age, "band": age // 10, "square": age**2, "x": age + RANDOM.normal(size=ROWS)})
    found = likeness(rows, "n", ["band", "square", "x"])
    assert found.constant == ()
    assert found.mean < 0.05
    assert "group" not in proposed(rows)


@pytest.mark.parametrize("name", ["account_length", "YearsAtCompany", "allstudents", "company"])
def test_a_name_alone_makes_no_group(name: str) -> None:
    rows = pd.DataFrame({name: RANDOM.integers(0, 40, ROWS), "x": RANDOM.normal(size=ROWS)})
    assert "group" not in proposed(rows)


def test_the_number_of_a_visit_is_no_group_and_no_time() -> None:
    found = proposed(visits(day=np.arange(ROWS) % 4))
    assert [one.column for one in found["group"]] == ["code"]
    assert "each day is once in one code" in found["group"][0].reason
    assert "time" not in found


@pytest.mark.parametrize(
    ("name", "values", "time"),
    [
        ("year", np.arange(ROWS) % 4 + 1990, True),
        ("month", np.arange(ROWS) % 4 + 202401, True),
        ("ts", np.arange(ROWS) * 86_400 + 1_700_000_000, True),
        ("birth_year", np.arange(ROWS) % 4 + 1990, False),
        ("time", np.arange(ROWS) % 4, False),
        ("hour", np.arange(ROWS) % 24, False),
    ],
)
def test_a_time_is_a_calendar(name: str, values: Any, time: bool) -> None:
    found = proposed(visits(**{name: values}))
    assert [one.column for one in found.get("time", [])] == [name] * time


def test_a_target_is_sure_only_where_train_alone_has_it() -> None:
    rows = visits(y=RANDOM.integers(0, 2, ROWS))
    assert [(one.column, one.sure) for one in proposed(rows)["target"]] == [("y", False)]
    report = gxl.audit({"train": rows[:160], "test": rows[160:].drop(columns="y")}, accept=True)
    assert [(one.column, one.sure) for one in report.proposals if one.role == "target"] == [("y", True)]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("patientId", ("patient", "id")),
        ("PATIENT_ID", ("patient", "id")),
        ("county.name2", ("county", "name", "2")),
        ("allstudents", ("allstudents",)),
        ("XMLFile", ("xml", "file")),
    ],
)
def test_names_are_read_by_words(name: str, words: tuple[str, ...]) -> None:
    assert words_of(name) == words
