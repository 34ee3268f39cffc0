"""A report as SARIF 2.1.0 (OASIS 2020), the form in which code hosts show what a tool found."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gx_leakage import cases
from gx_leakage.disclosure import printable
from gx_leakage.gx.verdicts import Verdict

__all__ = ["sarif"]

# Reports and findings are no types here: they show themselves by this module.

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

_LEVELS = {Verdict.LEAK: "error", Verdict.SUSPICION: "warning", Verdict.PASSED: "none", Verdict.COULD_NOT_CHECK: "none"}
_KINDS = {Verdict.LEAK: "fail", Verdict.SUSPICION: "fail", Verdict.PASSED: "pass", Verdict.COULD_NOT_CHECK: "open"}


def sarif(findings: Sequence[Any], places: Mapping[str, Path | str]) -> dict[str, Any]:
    """Return a log of one run: a rule for each type of Expectation, a result for each finding.

    Args:
        findings: What was found.
        places: By name of a split its file, or the name of its table.
    """
    types = list(dict.fromkeys(finding.expectation for finding in findings))
    case_of = {finding.expectation: cases.get(finding.case) for finding in findings}
    located = [_location(name, place) for name, place in places.items()]
    errors = [finding for finding in findings if finding.error is not None]
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "gx-leakage",
                        "version": version("gx_leakage"),
                        "rules": [_rule(name, case_of[name]) for name in types],
                    }
                },
                "invocations": [
                    {
                        "executionSuccessful": not errors,
                        "toolExecutionNotifications": [
                            {
                                "level": "error",
                                "message": {"text": printable(finding.sentence)},
                                "associatedRule": {"id": finding.expectation},
                            }
                            for finding in errors
                        ],
                    }
                ],
                "results": [_result(finding, types.index(finding.expectation), located) for finding in findings],
            }
        ],
    }


def _rule(name: str, case: cases.Case) -> dict[str, Any]:
    avoid = case.section("How to avoid")
    return {
        "id": name,
        "shortDescription": {"text": case.title},
        "fullDescription": {"text": case.effect},
        "help": {"text": avoid, "markdown": f"{case.symptom}\n\n**How to avoid it.** {avoid}"},
        "properties": {"tags": ["data-leakage", case.id]},
    }


def _result(finding: Any, rule: int, located: list[dict[str, Any]]) -> dict[str, Any]:
    verdict = finding.verdict
    told = [finding.sentence, *([finding.how_to_tell] if finding.how_to_tell else [])]
    # Whether it is the same finding in the next run is told by what was asked, not by the figures of the answer.
    asked = json.dumps([finding.expectation, finding.kwargs], sort_keys=True, default=str)
    return {
        "ruleId": finding.expectation,
        "ruleIndex": rule,
        "kind": _KINDS[verdict],
        "level": _LEVELS[verdict],
        "message": {"text": printable(f"{verdict.mark}: {' '.join(told)}", lines=False)},
        "locations": located[:1],
        "relatedLocations": located[1:],
        "partialFingerprints": {"check/v1": hashlib.sha256(asked.encode()).hexdigest()},
        "properties": {"verdict": verdict.value, "severity": finding.severity, "case": finding.case},
    }


def _location(name: str, place: Path | str) -> dict[str, Any]:
    """Return where a split is: its file as seen from the working directory, where code hosts begin; or its table."""
    told = {"message": {"text": printable(f"split {name}", lines=False)}}
    if isinstance(place, str):
        named = printable(place, lines=False)
        return {"logicalLocations": [{"name": named, "fullyQualifiedName": named, "kind": "object"}], **told}
    absolute, here = place.resolve(), Path.cwd()
    inside = absolute.is_relative_to(here)
    uri = quote(absolute.relative_to(here).as_posix()) if inside else absolute.as_uri()
    return {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": 1}}, **told}
