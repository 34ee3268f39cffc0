"""Roles: each is said once, and follows into Python, the command line and leakage.yml; naming one never checks less."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import gx_leakage as gxl
from gx_leakage.audit.config import load
from gx_leakage.audit.plan import read_roles
from gx_leakage.families import expectation_types, roles
from tests.command import gx_leakage

RANDOM = np.random.default_rng(0)


def visits(rows: int, first: int) -> pd.DataFrame:
    """Rows of which no two are alike, with a column for every role."""
    n = np.arange(first, first + rows)
    made: pd.DataFrame = pd.DataFrame(
        {
            "patient": [f"p{i // 2}" for i in n],
            "site": [f"s{i % 3}-{i // 4}" for i in n],
            "visit": n,
            "day": n,
            "until": n,
            "known": n,
            "video": [f"v{i // 5}" for i in n],
            "frame": n % 5,
            "note": [" ".join(f"w{word}" for word in RANDOM.integers(0, 9_999, 20)) for _ in n],
            "camera": RANDOM.permutation(np.resize(["a", "b"], rows)),
            "encoded": RANDOM.normal(size=rows),
            "a": RANDOM.normal(size=rows),
            "b": RANDOM.normal(size=rows),
            "died": RANDOM.permutation(np.resize([0, 1], rows)),
        }
    )
    return made


# Every role with a value of its form, and what else has to be given with it.
GIVEN: dict[str, dict[str, Any]] = {
    "group": {"group": ["patient", ("site", "camera")]},
    "id": {"id": "visit"},
    "normalize": {"normalize": ["text"]},
    "time": {"time": "day"},
    "order": {"time": "day", "order": ["train", "test"]},
    "gap": {"time": "day", "gap": 0},
    "unit": {},
    "available_at": {"time": "day", "available_at": {"a": "known"}},
    "prediction_time": {"prediction_time": "day", "available_at": {"a": "known"}},
    "sequence": {"sequence": "video", "frame": "frame"},
    "frame": {"sequence": "video", "frame": "frame"},
    "window": {"window": ("day", "until")},
    "embargo": {"window": ("day", "until"), "embargo": 0},
    "target": {"target": "died"},
    "feature": {"feature": ["a", "b"], "target": "died"},
    "metadata": {"metadata": "camera", "target": "died"},
    "encoding": {"encoding": {"camera": "encoded"}, "target": "died"},
    "text": {"text": "note"},
    "embedding": {"embedding": ["a", "b"]},
    "edge": {"edge": ("patient", "site", "camera")},
    "location": {"location": ("a", "b")},
    "distance": {"location": ("a", "b"), "distance": 0.5},
    "anonymised": {"anonymised": "a", "reference": "b"},
    "reference": {"anonymised": "a", "reference": "b"},
}


def test_this_file_knows_every_role() -> None:
    assert set(GIVEN) == set(roles())


@pytest.mark.parametrize("role", GIVEN)
def test_naming_a_role_never_checks_less(role: str) -> None:
    """A scaler fitted on all rows, and identical rows, are found whatever else is named."""
    train, test = visits(60, 0), visits(30, 60)
    apart = {"group": ["patient", "site"], "id": ["visit"]}.get(role, [])
    shared = [column for column in train.columns if column not in apart]
    test.loc[3, shared] = train.loc[3, shared]
    both = pd.concat([train["a"], test["a"]])
    for part in (train, test):
        part["a"] = (part["a"] - both.mean()) / both.std()
    report = gxl.audit({"train": train, "test": test}, **GIVEN[role])
    assert not report.errors, report.errors
    found = {finding.expectation for finding in report.findings if finding.leaked}
    assert "expect_preprocessing_to_be_fitted_on_train_batch_only" in found
    assert "expect_no_identical_rows_across_batches" in found


def test_every_expectation_follows_from_roles() -> None:
    everything = {name: value for given in GIVEN.values() for name, value in given.items() if name != "normalize"}
    report = gxl.audit({"train": visits(60, 0), "test": visits(30, 60)}, **everything)
    assert {finding.expectation for finding in report.findings} == set(expectation_types())
    assert report.not_checked == []


def test_only_the_folders_of_leaks_name_an_expectation() -> None:
    package = Path(gxl.__file__).parent
    names = [name for type_, cls in expectation_types().items() for name in (type_, cls.__name__)]
    elsewhere = [file for file in package.rglob("*.py") if "leaks" not in file.relative_to(package).parts]
    assert len(elsewhere) > 30
    assert [(f.name, n) for f in elsewhere for n in names if n in f.read_text(encoding="utf-8")] == []


def test_groups_are_checked_one_by_one_and_several_columns_together() -> None:
    train = pd.DataFrame({"a": [1, 2], "b": [1, 2], "x": [0.1, 0.2]})
    test = pd.DataFrame({"a": [1, 3], "b": [2, 3], "x": [0.3, 0.4]})
    report = gxl.audit({"train": train, "test": test}, group=["a", ("a", "b")])
    of_type = [f for f in report.findings if f.expectation == "expect_no_shared_group_ids_across_batches"]
    assert {f.title: f.success for f in of_type} == {
        "expect_no_shared_group_ids_across_batches(a)": False,
        "expect_no_shared_group_ids_across_batches(a, b)": True,
    }


def test_identical_rows_are_compared_without_groups_and_ids() -> None:
    train = pd.DataFrame({"id": [1, 2], "g": ["a", "b"], "x": [0.5, 1.5], "y": [3.25, 4.5]})
    test = train.assign(id=[3, 4], g=["c", "d"], x=[0.5, 9.5])
    (found,) = (
        f
        for f in gxl.audit({"train": train, "test": test}, group="g", id="id").findings
        if f.expectation == "expect_no_identical_rows_across_batches"
    )
    assert found.result["observed_value"] == 1
    assert found.result["details"]["compared"] == ["x", "y"]


def test_excluded_columns_are_looked_at_by_no_check_and_reported() -> None:
    train = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0], "y": [0, 1, 0, 1], "twin": [0, 1, 0, 1]})
    test = train + {"x": 10.5, "y": 0, "twin": 0}
    leaky = gxl.audit({"train": train, "test": test}, target="y")
    report = gxl.audit({"train": train, "test": test}, target="y", exclude="twin")
    assert not any("twin" in str(f.result["details"].get("columns")) for f in report.findings)
    assert "twin (excluded)" in report.not_checked
    assert len(report.findings) == len(leaky.findings)
    with pytest.raises(gxl.CouldNotCheckError, match="no column 'tiwn'"):
        gxl.audit({"train": train, "test": test}, target="y", exclude=["tiwn"])


def test_the_help_of_audit_names_every_role() -> None:
    signature = inspect.signature(gxl.audit)
    for role in roles().values():
        assert signature.parameters[role.name].kind is inspect.Parameter.KEYWORD_ONLY
        assert f"    {role.name}: " in str(gxl.audit.__doc__)
    assert "named" not in signature.parameters


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"gropu": "a"}, "audit() has no argument 'gropu'. The nearest names: group"),
        ({"conection": "a"}, "The nearest names: connection"),
        ({"time": ["a", "b"]}, "time=['a', 'b'] has to be a column"),
        ({"window": "a"}, "window='a' has to be a list of two columns, start and end"),
        ({"available_at": "a", "time": "t"}, "has to be a mapping such as FEATURE: COLUMN"),
        ({"gap": 1}, "gap needs time, the column that says when a row was"),
        ({"encoding": {"a": "b"}}, "encoding needs target, what the categories are encoded by"),
    ],
)
def test_what_is_wrong_is_said(given: dict[str, Any], message: str) -> None:
    frame = pd.DataFrame({"a": [1]})
    with pytest.raises(gxl.CouldNotCheckError) as error:
        gxl.audit({"train": frame, "test": frame}, **given)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [
        ("group", ["a", "b,c", '"d,e",f'], [("a",), ("b", "c"), ("d,e", "f")]),
        ("window", "a,b", ("a", "b")),
        ("available_at", ["a=b=c"], {"a": "b=c"}),
        ("order", "x,y", ["x", "y"]),
        ("gap", "7 days", "7 days"),
        ("gap", "7", 7),
        ("gap", "0.5", 0.5),
        ("metadata", ["a,b"], ["a,b"]),
    ],
)
def test_options_are_read(option: str, text: Any, value: Any) -> None:
    assert roles()[option].form.read_option(text) == value


@pytest.mark.parametrize(("option", "text"), [("window", "a"), ("window", "a,b,c"), ("encoding", ["a"])])
def test_options_of_another_form_are_refused(option: str, text: Any) -> None:
    with pytest.raises(ValueError, match="of the form"):
        roles()[option].form.read_option(text)


def test_what_is_read_can_be_read_again() -> None:
    read = read_roles({"group": "a", "window": ["s", "e"], "time": "t", "gap": 1, "available_at": {"f": "t"}})
    assert read_roles(read) == read


def test_a_file_may_list_expectations_with_their_arguments(tmp_path: Path) -> None:
    for name, start in (("train", 0), ("test", 3)):
        pd.DataFrame({"g": range(start, start + 5), "h": range(start, start + 5)}).to_csv(
            tmp_path / f"{name}.csv", index=False
        )
    (tmp_path / "l.yml").write_text(
        "splits: {train: train.csv, test: test.csv}\n"
        "expectations:\n"
        "  - expect_no_shared_group_ids_across_batches: {group_columns: [g]}\n"
        "  - expect_no_shared_group_ids_across_batches: {group_columns: h, mostly: 0.5}\n"
    )
    report = gxl.audit(**load(tmp_path / "l.yml"))
    of_type = [f for f in report.findings if f.expectation == "expect_no_shared_group_ids_across_batches"]
    assert {f.title: f.success for f in of_type} == {
        "expect_no_shared_group_ids_across_batches(g)": False,
        "expect_no_shared_group_ids_across_batches(h)": True,
    }
    (tmp_path / "l.yml").write_text("splits: {a: a, b: b}\nexpectations:\n  - expect_no_shard: {}\n")
    with pytest.raises(gxl.CouldNotCheckError, match=r"line 3: an Expectation of the list knows no 'expect_no_shard'"):
        load(tmp_path / "l.yml")


def test_expectations_are_checked_besides() -> None:
    train, test = pd.DataFrame({"g": [1, 2], "x": [0.5, 0.25]}), pd.DataFrame({"g": [2, 3], "x": [1.5, 1.25]})
    asked = gxl.ExpectNoSharedGroupIdsAcrossBatches(group_columns=["g"], severity="warning")
    report = gxl.audit({"train": train, "test": test}, expectations=[asked])
    (found,) = (f for f in report.findings if f.expectation == asked.expectation_type)
    assert (found.leaked, found.severity) == (True, "warning")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("--help",), 0), (("audit", "--help"), 0), (("cases",), 0), (("cases", "ts_val_leak"), 0),
     (("audit", "nothing.csv", "no.csv"), 2), (("audit", "--gropu", "x"), 2), (("audit", "nothing.yml"), 2)],
)  # fmt: skip
def test_what_needs_no_gx_does_not_import_it(arguments: tuple[str, ...], code: int, tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "sys.argv[0] = 'gx-leakage'\n"
        "from gx_leakage.cli import main\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        "    heavy = {'great_expectations', 'pandas', 'duckdb', 'sqlalchemy', 'pyarrow'} & set(sys.modules)\n"
        "    print(f'HEAVY {sorted(heavy)}', file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    assert "HEAVY []" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_given_twice_and_can_be_one_only_is_refused(tmp_path: Path) -> None:
    pd.DataFrame({"a": [1, 2], "b": [1, 2]}).to_csv(tmp_path / "train.csv", index=False)
    pd.DataFrame({"a": [3, 4], "b": [1, 2]}).to_csv(tmp_path / "test.csv", index=False)
    twice = gx_leakage("audit", "train.csv", "test.csv", "--time", "b", "--time", "a", cwd=tmp_path)
    assert (twice.returncode, "--time is given 2 times" in twice.stderr) == (2, True)
    pairs = ("--available-at", "a=b", "--available-at", "a=a", "--time", "a")
    assert gx_leakage("audit", "train.csv", "test.csv", *pairs, cwd=tmp_path).returncode == 2
    both = gx_leakage("audit", "train.csv", "test.csv", "--group", "b", "--exclude", "b", cwd=tmp_path)
    assert (both.returncode, "column 'b' is excluded, and group names it" in both.stderr) == (2, True)


def test_train_is_judged_where_it_is_said_to_be_later() -> None:
    train, test = pd.DataFrame({"t": [1, 2, 3]}), pd.DataFrame({"t": [4, 5, 6]})
    report = gxl.audit({"train": train, "test": test}, time="t", order=["test", "train"])
    (found,) = (f for f in report.findings if f.expectation == "expect_batches_to_be_ordered_in_time")
    assert (found.leaked, found.result["observed_value"], found.result["element_count"]) == (True, 3, 3)


def test_what_a_role_says_is_not_changed_besides() -> None:
    train, test = pd.DataFrame({"g": [1, 2], "h": [1, 2]}), pd.DataFrame({"g": [1, 3], "h": [3, 4]})
    type_ = "expect_no_shared_group_ids_across_batches"
    with pytest.raises(gxl.CouldNotCheckError, match="and so is the role group"):
        gxl.audit({"train": train, "test": test}, group="g", arguments={type_: {"group_columns": ["h"]}})
    with pytest.raises(gxl.CouldNotCheckError, match="expectations= holds"):
        gxl.audit({"train": train, "test": test}, expectations={type_: {"mostly": 0.5}})  # type: ignore[arg-type]


def test_features_and_the_target_are_not_set_aside_by_other_roles() -> None:
    train, test = visits(60, 0), visits(30, 60)
    for part in (train, test):
        part["known"] = part["died"]
    report = gxl.audit({"train": train, "test": test}, id="known", metadata="died", feature=["known"], target="died")
    (found,) = (f for f in report.findings if f.expectation == "expect_no_feature_to_reveal_target")
    assert found.result["partial_unexpected_list"] == ["known"]
