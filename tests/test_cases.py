"""The handbook: its pages are whole, their quick fixes run, and the README's table is theirs."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from great_expectations.expectations.registry import get_expectation_impl

import gx_leakage as gxl
from gx_leakage import cases, sample
from gx_leakage.families import expectation_types, roles

PAGES = list(cases.all_cases().values())
SECTIONS = ["What happens", "How to notice", "How to avoid", "Quick fix", "How it is checked", "Where it was met"]


@pytest.mark.parametrize("case", PAGES, ids=lambda case: case.id)
class TestPage:
    """One page."""

    def test_is_whole(self, case: cases.Case) -> None:
        for section in SECTIONS:
            assert len(case.section(section)) > 20, section
        assert case.severity in ("critical", "warning")
        assert case.effect.endswith(".")
        for expectation in case.expectations:
            implementation: Any = get_expectation_impl(expectation)
            assert implementation.case == case.id

    def test_quick_fix(self, case: cases.Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The Expectation fails on what the leaky code makes, and passes on what the fixed code makes."""
        shutil.copy(sample.file("firms.csv"), tmp_path)
        monkeypatch.chdir(tmp_path)
        verdicts = {}
        blocks: dict[str, dict[str, Any]] = {}
        for name, code in case.quick_fix.items():
            blocks[name] = {}
            exec(compile(code, f"{case.id}:{name}", "exec"), blocks[name])
        if not case.expectations:
            assert blocks["leaky"]["share"] > blocks["fixed"]["share"] + 0.1
            assert "by hand" in case.section("How it is checked")
            return
        expectation = get_expectation_impl(case.example["expectation"])
        for name, made in blocks.items():
            check: Any = expectation(**case.example["kwargs"])
            try:
                gxl.assert_expectation(check, train=made["train"], test=made["test"])
                verdicts[name] = "clean"
            except gxl.LeakFoundError:
                verdicts[name] = "leaks"
        assert verdicts == {"leaky": "leaks", "fixed": "clean"}


def test_the_first_thirteen_cases_are_there() -> None:
    assert {
        "prod_frame_train_vid", "insufficient_stratification", "id_sort_leak", "fit_transform_on_test",
        "time_availability_initial", "ts_val_leak", "test_match_restore_embed_search", "metadata_predicts_target",
        "test_intersect_train", "recoverable_features_objs", "test_based_evaluation", "ohe_target_as_feature",
        "adversarial_prompt_attacks",
    } <= set(cases.all_cases())  # fmt: skip


def test_every_expectation_has_its_page() -> None:
    for name in gxl.__all__:
        found = getattr(gxl, name)
        if isinstance(found, type) and issubclass(found, gxl.CrossBatchExpectation) and found.expectation_type:
            assert found.expectation_type in cases.get(found.case).expectations
            yaml = Path(__file__).parent / "expectations" / f"{found.expectation_type}.yaml"
            assert yaml.exists()


def test_a_page_that_there_is_not() -> None:
    with pytest.raises(gxl.CouldNotCheckError, match="The nearest names: ts_val_leak"):
        cases.get("ts_val_leek")


GUIDES = sorted((Path(__file__).parents[1] / "cases" / "guides").glob("*.md"))


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_guides_name_what_there_is(guide: Path) -> None:
    text = guide.read_text(encoding="utf-8")
    assert set(re.findall(r"`(expect_\w+)`", text)) <= set(expectation_types())
    options = {f"--{name.replace('_', '-')}" for name in roles()} | {"--fail-on", "--measure", "--strategy"}
    assert set(re.findall(r"--[a-z][a-z-]+", text)) <= options


def test_the_first_guide_names_every_check() -> None:
    text = (GUIDES[0].parent / "which_check.md").read_text(encoding="utf-8")
    assert [name for name in expectation_types() if name not in text and name.startswith("expect_")] == []
