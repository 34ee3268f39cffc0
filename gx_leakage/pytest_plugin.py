"""A fixture for tests of splits, a test for each check.

``pytest_plugins = ["gx_leakage.pytest_plugin"]`` in the ``conftest.py`` of the root brings it. It is no plugin that
pytest loads by itself, for Great Expectations takes seconds to import, which only tests of splits should pay for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from gx_leakage.audit.run import assert_expectation, audit
from gx_leakage.gx.expectation import CrossBatchExpectation
from gx_leakage.gx.report import Finding, Report

__all__ = ["Leakage", "leakage"]

SUBTESTS = "subtests"
"""The fixture that pytest 9 has."""


class Leakage:
    """Audits that report each check as a test."""

    def __init__(self, subtests: Any) -> None:
        self._subtests = subtests

    def audit(self, splits: Mapping[str, Any] | Any, **how: Any) -> Report:
        """Check splits as :func:`gx_leakage.audit` does, with its arguments.

        With pytest 9 or later each check is a subtest: one that leaks or could not be made fails, a suspicion that does
        not count is skipped with its reason. Earlier ones fail as a whole.
        """
        __tracebackhide__ = True
        report = audit(splits, **how)
        if self._subtests is None:
            report.raise_for_leaks()
            return report
        for finding in report.findings:
            with self._subtests.test(msg=finding.title):
                _told(finding, counts=finding in report.failures)
        return report

    def assert_expectation(self, expectation: CrossBatchExpectation, /, **splits: Any) -> Report:
        """Validate one Expectation as :func:`gx_leakage.assert_expectation` does."""
        __tracebackhide__ = True
        return assert_expectation(expectation, **splits)


@pytest.fixture
def leakage(request: pytest.FixtureRequest) -> Leakage:
    """Audits of splits, of which each check is a test."""
    try:
        return Leakage(request.getfixturevalue(SUBTESTS))
    except pytest.FixtureLookupError:
        return Leakage(None)


def _told(finding: Finding, *, counts: bool) -> None:
    """Pass, fail or skip as a finding has it."""
    if finding.success:
        return
    told = "\n".join([f"{finding.verdict.mark}: {finding.sentence}", *finding.lines])
    if counts or finding.error is not None:
        pytest.fail(told, pytrace=False)
    pytest.skip(told)
