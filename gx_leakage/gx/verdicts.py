"""What a check came to: a leak that the data prove, the suspicion of one, a pass, or no answer."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any

from gx_leakage.errors import CouldNotCheckError, nearest

__all__ = ["FAIL_ON", "Verdict", "counts", "require_severity", "severity_of"]

FAIL_ON = ("critical", "warning", "info")
"""The severities of GX, the gravest first: from which on a failed check makes a report fail."""


class Verdict(str, enum.Enum):
    """What a check came to."""

    LEAK = "leak"
    """The data prove it: its severity is critical."""
    SUSPICION = "suspicion"
    """The data suggest it, and somebody who knows them has to decide: its severity is lower."""
    PASSED = "passed"
    COULD_NOT_CHECK = "could not check"

    @classmethod
    def of(cls, *, success: bool, severity: str, error: Any = None) -> Verdict:
        """Return the verdict of a check that passed or failed, or has an error."""
        if error is not None:
            return cls.COULD_NOT_CHECK
        if success:
            return cls.PASSED
        return cls.LEAK if severity == FAIL_ON[0] else cls.SUSPICION

    @property
    def mark(self) -> str:
        """How a reader sees at once which it is."""
        return {self.LEAK: "LEAK, proved", self.SUSPICION: "suspicious"}.get(self, self.value)


def severity_of(result: Mapping[str, Any] | None, configured: Any) -> str:
    """Return how grave a result is: what the evidence says, or else what the Expectation is given."""
    of_type = getattr(configured, "value", configured)
    return str((result or {}).get("details", {}).get("severity", of_type))


def require_severity(fail_on: str) -> None:
    """Raise where there is no such severity to fail on."""
    if fail_on not in FAIL_ON:
        raise CouldNotCheckError(f"there is no severity '{fail_on}' to fail on. {nearest(str(fail_on), FAIL_ON)}")


def counts(severity: str, fail_on: str) -> bool:
    """Return whether a failed check of a severity makes a report fail."""
    return FAIL_ON.index(severity) <= FAIL_ON.index(fail_on)
