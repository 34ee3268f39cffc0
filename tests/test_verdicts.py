"""A proof and a suspicion: told apart in every form of a report, in its success and in the exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from great_expectations.expectations.metadata_types import FailureSeverity

import gx_leakage as gxl
from gx_leakage.gx.verdicts import FAIL_ON
from tests.command import gx_leakage

ASIDE = {"expect_no_category_to_reveal_target": {"mostly": 0}}


def rows(seed: int, count: int = 200) -> pd.DataFrame:
    """Return rows of which one column, strong and not exact, predicts the target."""
    random = np.random.default_rng(seed)
    ill = random.random(count) < 0.5
    marker = np.where(random.random(count) < 0.99, ill, ~ill).astype(int) + random.normal(0, 0.01, count)
    made: pd.DataFrame = pd.DataFrame({"age": random.normal(50, 9, count), "marker": marker, "ill": ill.astype(int)})
    return made


def suspicious(**arguments: Any) -> gxl.Report:
    """Audit the feature that is no proof; what its values decide is a check of its own."""
    return gxl.audit({"train": rows(1), "test": rows(2, 90)}, target="ill", **{"arguments": ASIDE, **arguments})


def proved(**arguments: Any) -> gxl.Report:
    made = {name: part.assign(sick=part["ill"]) for name, part in {"train": rows(1), "test": rows(2, 90)}.items()}
    return gxl.audit(made, target="ill", **{"arguments": ASIDE, **arguments})


def of_features(report: gxl.Report) -> gxl.Finding:
    (found,) = [one for one in report.findings if one.expectation == "expect_no_feature_to_reveal_target"]
    return found


def test_a_suspicion_is_told_and_does_not_fail() -> None:
    report = suspicious()
    assert (report.success, bool(report)) == (True, True)
    assert [one.verdict.value for one in report.suspicions] == ["suspicion"]
    report.raise_for_leaks()
    found = of_features(report)
    assert (found.success, found.leaked, found.severity) == (False, True, "warning")
    assert "A strong feature, or a leak?" in str(found.how_to_tell)
    (stored,) = [one for one in json.loads(report.to_json())["findings"] if not one["success"]]
    assert (stored["verdict"], stored["severity"]) == ("suspicion", "warning")


def test_fail_on_warning_makes_it_count() -> None:
    report = suspicious(fail_on="warning")
    assert not report.success
    assert not report
    assert not suspicious(arguments={"expect_no_feature_to_reveal_target": {"severity": "critical"}}).success
    with pytest.raises(gxl.LeakFoundError, match="marker predicts ill"):
        report.raise_for_leaks()


def test_a_proof_fails_whatever_counts() -> None:
    for report in (proved(), proved(fail_on="warning")):
        assert (report.success, of_features(report).verdict.value) == (False, "leak")
        assert of_features(report).how_to_tell is None


def test_the_severities_are_those_of_gx() -> None:
    assert set(FAIL_ON) == {one.value for one in FailureSeverity}


def test_what_a_tolerance_lets_pass_is_said() -> None:
    splits = {"train": pd.DataFrame({"g": range(10)}), "test": pd.DataFrame({"g": range(9, 19)})}
    (finding,) = [f for f in gxl.audit(splits, group="g", mostly=0.9).findings if "shared_group" in f.expectation]
    assert (finding.success, "within mostly=0.9, and so it passes" in finding.sentence) == (True, True)
    (finding,) = [f for f in gxl.audit(splits, group="g", mostly=0.95).findings if "shared_group" in f.expectation]
    assert (finding.success, "mostly" in finding.sentence) == (False, False)


def test_an_unknown_severity_is_an_error() -> None:
    with pytest.raises(gxl.CouldNotCheckError, match="no severity 'warn' to fail on"):
        suspicious(fail_on="warn")


def test_they_look_different() -> None:
    weak, strong = suspicious(), proved()
    assert weak.headline == f"No leak proved by {len(weak.findings)} checks, 1 found something suspicious"
    assert strong.headline.startswith(f"1 of {len(strong.findings)} checks found a leak")
    for report, mark, other in ((weak, "suspicious", "LEAK, proved"), (strong, "LEAK, proved", "suspicious")):
        for text in (str(report), report.to_markdown(), report.to_junit()):
            assert mark in text
            assert f"{other}:" not in text
            assert ("when the column is written" in " ".join(text.split())) is (report is weak)


def test_junit_skips_what_does_not_count() -> None:
    for report, counts in ((suspicious(), ("0", "1")), (suspicious(fail_on="warning"), ("1", "0"))):
        suite = ElementTree.fromstring(report.to_junit())
        assert (suite.get("failures"), suite.get("skipped")) == counts
    (skipped,) = ElementTree.fromstring(suspicious().to_junit()).iter("skipped")
    assert str(skipped.get("message")).startswith("suspicious: marker predicts ill")


def test_the_exit_code(tmp_path: Path) -> None:
    rows(1).to_csv(tmp_path / "train.csv", index=False)
    rows(2, 90).to_csv(tmp_path / "test.csv", index=False)
    (tmp_path / "leakage.yml").write_text(
        "splits: {train: train.csv, test: test.csv}\nroles: {target: ill}\nfail_on: warning\n"
    )
    files = ("train.csv", "test.csv", "--target", "ill")
    for words, code in (
        (files, 0),
        ((*files, "--fail-on", "warning"), 1),
        (("leakage.yml",), 1),
        (("leakage.yml", "--fail-on", "critical"), 0),
    ):
        done = gx_leakage("audit", *words, cwd=tmp_path)
        assert done.returncode == code, (words, done.stdout, done.stderr)
        assert "suspicious" in done.stdout


def test_data_docs_tell_them_apart(tmp_path: Path) -> None:
    def page(report: gxl.Report) -> str:
        assert report.data_docs is not None
        folder = Path(report.data_docs).parent
        (one,) = (folder / "validations").rglob("*.html")
        return one.read_text(encoding="utf-8")

    weak, strong = page(suspicious(docs=tmp_path / "weak")), page(proved(docs=tmp_path / "strong"))
    assert "suspicious: " in weak
    assert "when the column is written" in weak
    assert "LEAK, proved: " not in weak
    assert "LEAK, proved: " in strong
