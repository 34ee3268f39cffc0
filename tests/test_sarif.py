"""Reports as SARIF: whole, valid, and each finding where a code host shows it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
from sarif_pydantic import Sarif

import gx_leakage as gxl
from tests.command import gx_leakage

TRAIN = pd.DataFrame({"patient": [1, 2, 3], "age": [40, 50, 61], "ill": [0, 1, 0]})
TEST = pd.DataFrame({"patient": [3, 4], "age": [62, 71], "ill": [1, 0]})


def run_of(text: str) -> dict[str, Any]:
    Sarif.model_validate_json(text)
    (run,) = json.loads(text)["runs"]
    found: dict[str, Any] = run
    return found


def test_of_files(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    TRAIN.to_csv(tmp_path / "data" / "train it.csv", index=False)
    TEST.to_csv(tmp_path / "data" / "test.csv", index=False)
    done = gx_leakage(
        "audit", "train=data/train it.csv", "test=data/test.csv", "--group", "patient", "--format", "sarif",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    run = run_of(done.stdout)
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    by_rule = {one["ruleId"]: one for one in run["results"]}
    assert [rules[one["ruleIndex"]] for one in run["results"]] == list(by_rule)
    shared = by_rule["expect_no_shared_group_ids_across_batches"]
    assert (shared["level"], shared["kind"], shared["properties"]["verdict"]) == ("error", "fail", "leak")
    assert shared["message"]["text"].startswith("LEAK, proved: 1 of 2 values of patient in test are also in train")
    places = [*shared["locations"], *shared["relatedLocations"]]
    uris = [place["physicalLocation"]["artifactLocation"]["uri"] for place in places]
    assert uris == ["data/train%20it.csv", "data/test.csv"]
    rows = by_rule["expect_no_identical_rows_across_batches"]
    assert (rows["level"], rows["kind"]) == ("none", "pass")


def test_of_frames_and_of_what_could_not_be_checked() -> None:
    report = gxl.audit({"train": TRAIN, "test": TEST}, group=["patient", "ward"])
    run = run_of(report.to_sarif())
    (of_run,) = run["invocations"]
    assert of_run["executionSuccessful"] is False
    (told,) = of_run["toolExecutionNotifications"]
    assert "ward" in told["message"]["text"]
    kinds = [one["kind"] for one in run["results"]]
    assert kinds.count("open") == 1
    assert all(one["locations"] == [] for one in run["results"])


def test_two_checks_of_one_type_are_told_apart() -> None:
    of_target = [
        ("expect_no_feature_to_reveal_target", {"target_column": t, "columns": ["age"]}) for t in ("ill", "age2")
    ]
    splits = {name: part.assign(age2=part["age"] % 2) for name, part in (("train", TRAIN), ("test", TEST))}
    report = gxl.audit(splits, group=["patient", "age"], expectations=of_target)
    assert len({finding.title for finding in report.findings}) < len(report.findings)
    prints = [one["partialFingerprints"]["check/v1"] for one in run_of(report.to_sarif())["results"]]
    assert len(set(prints)) == len(prints)
