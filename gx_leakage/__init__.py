"""Great Expectations that find data leaks between the splits of machine-learning data.

Where a row of data goes in, and where a sentence comes out::

    splits, roles                       cli, audit()                what is given
      -> plan                           audit/                      which checks follow from the roles
      -> checkpoint, Expectation        gx/, leaks/*/expect_*.py    run by Great Expectations
      -> resolve, relations             splits/                     the other splits, as SQL relations
      -> evidence.gather                leaks/*/, sql/              one question, one statement
      -> engine.fetch                   engines/                    where the rows are: only counts come back
      -> Expectation.judge              leaks/*/expect_*.py         thresholds, and the sentence
      -> report, Data Docs, remedy      gx/, audit/remedy/          text, pictures, clean splits

A leak stands in one folder of ``leaks/``; whoever adds one, here or in a package of their own, edits nothing else.
Importing this package registers all Expectations with Great Expectations.
"""

from __future__ import annotations

import importlib
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gx_leakage.audit.arrays import audit_arrays, audit_folds
    from gx_leakage.audit.run import assert_expectation, audit
    from gx_leakage.errors import CouldNotCheckError
    from gx_leakage.gx.actions import LeakageReportAction
    from gx_leakage.gx.expectation import CrossBatchExpectation
    from gx_leakage.gx.guarded import guard
    from gx_leakage.gx.report import Cleaned, Finding, LeakFoundError, Report
    from gx_leakage.splits.resolve import add_file_splits, dataframe_splits

__all__ = [
    "Cleaned", "CouldNotCheckError", "CrossBatchExpectation", "Finding", "LeakFoundError", "LeakageReportAction",
    "Report", "add_file_splits", "assert_expectation", "audit", "audit_arrays", "audit_folds", "dataframe_splits",
    "guard",
]  # fmt: skip

_HOMES = {
    "gx_leakage.audit.arrays": ("audit_arrays", "audit_folds"),
    "gx_leakage.audit.run": ("assert_expectation", "audit"),
    "gx_leakage.errors": ("CouldNotCheckError",),
    "gx_leakage.gx.actions": ("LeakageReportAction",),
    "gx_leakage.gx.expectation": ("CrossBatchExpectation",),
    "gx_leakage.gx.guarded": ("guard",),
    "gx_leakage.gx.report": ("Cleaned", "Finding", "LeakFoundError", "Report"),
    "gx_leakage.splits.resolve": ("add_file_splits", "dataframe_splits"),
}
"""Where what this package hands out stands; the Expectations are found by their own names."""

# Who wants to see what is logged sets logging up; without that nothing is printed.
logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    """Load all that this package hands out, when something of it is asked for."""
    # A submodule is asked for in this way too, before it is imported.
    if not (name in __all__ or name.startswith("Expect")) or name not in _load():
        raise AttributeError(f"module 'gx_leakage' has no attribute '{name}'")
    return globals()[name]


def _load() -> set[str]:
    from gx_leakage.families import expectation_types

    found = {name: getattr(importlib.import_module(home), name) for home, names in _HOMES.items() for name in names}
    found |= {cls.__name__: cls for cls in expectation_types().values()}
    globals().update(found)
    __all__.extend(name for name in found if name not in __all__)
    return set(found)


# Great Expectations leaves out Expectations that nobody has registered: whoever imports us has them. Our own command
# line imports what a command needs, for Great Expectations alone takes seconds to load.
if Path(sys.argv[0] if sys.argv else "").stem != "gx-leakage":
    _load()
