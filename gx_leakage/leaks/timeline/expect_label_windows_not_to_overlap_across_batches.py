"""Labels of train that were made in the time of the test rows' labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Union

from great_expectations.compatibility import pydantic

from gx_leakage.disclosure import value
from gx_leakage.gx.blocks import Block
from gx_leakage.gx.expectation import CrossBatchExpectation, Judgement, Parameter, Text
from gx_leakage.gx.planning import Given
from gx_leakage.gx.words import joined
from gx_leakage.leaks.timeline import windows
from gx_leakage.leaks.timeline.picture import time_lines
from gx_leakage.leaks.timeline.windows import Windows

__all__ = ["ExpectLabelWindowsNotToOverlapAcrossBatches"]


class ExpectLabelWindowsNotToOverlapAcrossBatches(CrossBatchExpectation):
    """Expect no train row to have a label window that meets the label window of a judged row.

    A label often says what happened from one moment to another: the return over five days, a relapse within a year.
    Where such windows overlap, the train label holds part of the answer to the test row, even when the row itself is
    earlier.

    The leaked rows are those of **train**, for they are the ones to purge: rows whose window [start, end] has a moment
    in common with the window of a judged row, and rows that start within ``embargo`` after one. Purging and embargo are
    those of López de Prado, "Advances in Financial Machine Learning" (2018), chapter 7. Rows without a start or an end
    cannot be judged: ``null_keys``. A window that ends before it starts is an error.

    Args:
        start_column: The start of a row's label window: a date, a timestamp or a number.
        end_column: Its end, on the same axis.
        embargo: ``"5 days"``, ``"36h"``, ``"P5D"``; a number on a numeric axis.

    The observed value is the number of train rows to purge. See the page ``ts_val_leak`` of the handbook.
    """

    start_column: Text = pydantic.Field(description="The start of a row's label window.")
    end_column: Text = pydantic.Field(description="The end of a row's label window.")
    embargo: Union[int, float, str, Parameter, None] = pydantic.Field(
        default=None, description="How long after a judged window no train window may start."
    )

    case: ClassVar[str] = "ts_val_leak"
    evidence: ClassVar[Any] = windows
    checks: ClassVar[str] = "label windows"
    optional_roles: ClassVar[Mapping[str, str]] = {"embargo": "embargo"}
    sentence: ClassVar[str] = "No train window from $start_column to $end_column may meet the window of a judged row."
    sentence_arguments: ClassVar[tuple[str, ...]] = ("start_column", "end_column", "embargo")
    more: ClassVar[Mapping[str, str]] = {"embargo": "Embargo: $embargo."}
    of_split: ClassVar[Mapping[str, str]] = {"null_keys": "Rows without a time", "first": "First", "last": "Last"}

    class Config:
        title = "Expect label windows not to overlap across batches"

    def question(self, samples: int) -> dict[str, Any]:
        """Ask which windows of train meet those of the other splits."""
        return {
            "start": self.start_column,
            "end": self.end_column,
            "embargo": self.embargo,
            "train": self.train,
            "samples": samples,
        }

    def judge(self, evidence: Windows) -> Judgement:
        """Every train row whose window meets a judged one, or starts in the embargo after it, is a leak."""
        leaked = evidence.overlapping + evidence.embargoed
        train = next(split for split in evidence.splits if split.name == self.train)
        others = joined([split.name for split in evidence.splits if split is not train])
        summary = f"No window of the {train.rows:,} rows in {train.name} meets one in {others}."
        if leaked:
            summary = f"{evidence.overlapping:,} of {train.rows:,} windows in {train.name} meet one in {others}."
        if evidence.embargoed:
            summary = f"{summary[:-1]}, and {evidence.embargoed:,} start within {self.embargo} after one."
        return Judgement(
            observed_value=leaked,
            splits=[
                {
                    "name": s.name,
                    "rows": s.rows,
                    "null_keys": s.null_keys,
                    "first": value(s.first),
                    "last": value(s.last),
                }
                for s in evidence.splits
            ],
            leaked={train.name: leaked},
            judged=[train.name],
            summary=summary,
            samples=evidence.samples,
            details={"windows": {"overlapping": evidence.overlapping, "embargoed": evidence.embargoed}},
            query=evidence.leaked_rows_query,
        )

    @classmethod
    def planned(cls, given: Given) -> list[dict[str, Any]]:
        """Return the check of the one window."""
        given.need("window")
        start, end = given["window"]
        found = given.arguments(cls.roles, cls.optional_roles)
        return [{"start_column": start, "end_column": end} | arguments for arguments in found]

    @classmethod
    def picture(cls, details: Mapping[str, Any]) -> list[Block]:
        """Return what the evidence looks like."""
        if not all("first" in split for split in details["splits"]):
            return []  # values are not shown
        return [time_lines(details["splits"], [split["name"] for split in details["splits"]], set())]
