"""The fixture for tests of splits, in a test run of its own."""

from __future__ import annotations

import pandas as pd
import pytest

import gx_leakage as gxl
from gx_leakage.pytest_plugin import Leakage

pytest_plugins = ["pytester"]

TESTS = """
import pandas as pd
import pytest

TRAIN = pd.DataFrame({"patient": [1, 2, 3], "visit": [1, 2, 3], "age": [40, 50, 61]})
TEST = pd.DataFrame({"patient": [4, 3], "visit": [5, 4], "age": [62, 71]})


def test_splits(leakage):
    report = leakage.audit({"train": TRAIN, "test": TEST}, group=["patient", "ward"], time="visit")
    assert len(report.findings) > 3


def test_suspicion(leakage):
    severity = {"expect_no_shared_group_ids_across_batches": {"severity": "warning"}}
    leakage.audit({"train": TRAIN, "test": TEST}, group="patient", arguments=severity)
"""


@pytest.mark.skipif(pytest.version_tuple < (9,), reason="subtests came with pytest 9")
def test_each_check_is_a_test(pytester: pytest.Pytester) -> None:
    pytester.makeconftest('pytest_plugins = ["gx_leakage.pytest_plugin"]')
    pytester.makepyfile(TESTS)
    # In this process it would throw Great Expectations out of sys.modules.
    done = pytester.runpytest_subprocess("-v", "-p", "no:cacheprovider", "-p", "no:xdist", "-rs")
    done.stdout.fnmatch_lines_random(
        [
            "*test_splits SUBFAILED[[]expect_no_shared_group_ids_across_batches(patient)[]]*",
            "LEAK, proved: 1 of 2 values of patient in test are also in train.",
            "could not check: *no column 'ward'*",
            "SUBSKIPPED*suspicious: 1 of 2 values of patient in test are also in train.",
        ]
    )
    done.stdout.fnmatch_lines(["*3 failed, 1 passed, 1 skipped, 5 subtests passed*"])  # two checks, and their test


def test_without_subtests_a_test_fails_as_a_whole() -> None:
    splits = {"train": pd.DataFrame({"patient": [1, 2]}), "test": pd.DataFrame({"patient": [2, 3]})}
    with pytest.raises(gxl.LeakFoundError, match="1 of 2 values of patient"):
        Leakage(None).audit(splits, group="patient")
    assert Leakage(None).audit({"train": splits["train"], "test": splits["test"] + 5}, group="patient").success
