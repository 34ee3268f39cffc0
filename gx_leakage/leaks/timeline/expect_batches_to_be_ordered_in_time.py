"""Rows of the test split from before training ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Union

from great_expectations.compatibility import pydantic

from gx_leakage.disclosure import value
from gx_leakage.gx.blocks import Block
from gx_leakage.gx.expectation import CrossBatchExpectation, Judgement, Parameter, Text, Texts
from gx_leakage.gx.planning import Given
from gx_leakage.leaks.timeline import evidence
from gx_leakage.leaks.timeline.evidence import Timeline
from gx_leakage.leaks.timeline.picture import time_lines
from gx_leakage.leaks.timeline.words import timeline_summary
from gx_leakage.splits.relations import USUAL_ORDER

__all__ = ["ExpectBatchesToBeOrderedInTime"]


class ExpectBatchesToBeOrderedInTime(CrossBatchExpectation):
    """Expect every row of a later split to be after the last row of every earlier one.

    A model that is fitted on rows from after the moment it predicts knows the future: trends, prices, outcomes. In
    production it does not.

    A row is leaked when its time is not strictly after the last time of each earlier split plus ``gap``. Rows without
    a time are counted in ``null_keys`` and cannot be judged. Equal instants in different time zones are equal; a
    time-aware column against a naive one is an error.

    Args:
        time_column: A date, a timestamp, or a number that grows with time (a ``date_id``).
        order: The splits, the earliest first. None: train, validation (or val, valid, dev), test, where those are the
            names. Splits that are not named are not looked at: ``details["left_out"]``.
        gap: How much later a row has to be: ``"7 days"``, ``"36h"``, ``"P7D"``; a number on a numeric
            axis, or with a ``unit``.
        unit: Compare calendar units in UTC, so that for example one day cannot be on both sides: ``"second"``,
            ``"minute"``, ``"hour"``, ``"day"``, ``"week"``, ``"month"``, ``"quarter"``, ``"year"``.

    The observed value is the number of leaked rows. See the page ``ts_val_leak`` of the handbook.
    """

    time_column: Text = pydantic.Field(description="A date, a timestamp, or a number that grows with time.")
    order: Union[Texts, None] = pydantic.Field(default=None, description="The splits, the earliest first.")
    gap: Union[int, float, str, Parameter, None] = pydantic.Field(
        default=None, description="How much later than the last row of an earlier split a row has to be."
    )
    unit: Union[Text, None] = pydantic.Field(default=None, description="The calendar unit to compare by.")

    case: ClassVar[str] = "ts_val_leak"
    evidence: ClassVar[Any] = evidence
    checks: ClassVar[str] = "the order in time"
    roles: ClassVar[Mapping[str, str]] = {"time_column": "time"}
    optional_roles: ClassVar[Mapping[str, str]] = {"order": "order", "gap": "gap", "unit": "unit"}
    sentence: ClassVar[str] = "Every $time_column of a later split must be after the last one of every earlier split."
    sentence_arguments: ClassVar[tuple[str, ...]] = ("time_column", "order", "gap", "unit")
    more: ClassVar[Mapping[str, str]] = {
        "order": "In this order: $order.",
        "gap": "Gap: $gap.",
        "unit": "Compared by $unit.",
    }
    of_split: ClassVar[Mapping[str, str]] = {"null_keys": "Rows without a time", "first": "First", "last": "Last"}

    class Config:
        title = "Expect batches to be ordered in time"

    def question(self, samples: int) -> dict[str, Any]:
        """Ask which rows of later splits are not after the earlier ones."""
        return {
            "column": self.time_column,
            "order": None if self.order is None else list(self.order),
            "gap": self.gap,
            "unit": self.unit,
            "train": self.train,
            "samples": samples,
        }

    def judge(self, evidence: Timeline) -> Judgement:
        """Every early row is a leak."""
        return Judgement(
            observed_value=sum(rows for split, rows in evidence.leaked.items() if split in evidence.judged),
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
            leaked=evidence.leaked,
            judged=evidence.judged,
            summary=timeline_summary(evidence, str(self.time_column)),
            samples=[{"split": split, str(self.time_column): time} for split, time in evidence.samples],
            details={
                "order": list(evidence.order),
                "left_out": [s.name for s in evidence.splits if s.name not in evidence.order],
                "early": [{"splits": list(pair.splits), "rows": pair.rows} for pair in evidence.early],
            },
            # The last times stand in it.
            query=None if evidence.leaked_rows_query is None else value(evidence.leaked_rows_query),
        )

    @classmethod
    def planned(cls, given: Given) -> list[dict[str, Any]]:
        """Return the check, in the order in which splits are given where their names do not say it."""
        usual = all(name.casefold() in USUAL_ORDER for name in given.names)
        order = {} if usual or not given.named else {"order": given.names}
        return [order | arguments for arguments in given.arguments(cls.roles, cls.optional_roles)]

    @classmethod
    def picture(cls, details: Mapping[str, Any]) -> list[Block]:
        """Return what the evidence looks like."""
        if not all("first" in split for split in details["splits"]):
            return []  # values are not shown
        return [time_lines(details["splits"], details["order"], {pair["splits"][1] for pair in details["early"]})]
