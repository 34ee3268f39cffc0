"""A feature that is known only later than its row says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Union

from great_expectations.compatibility import pydantic

from gx_leakage.errors import CouldNotCheckError
from gx_leakage.gx.blocks import Block
from gx_leakage.gx.expectation import CrossBatchExpectation, Judgement, Parameter, Text
from gx_leakage.gx.planning import Given
from gx_leakage.gx.words import joined
from gx_leakage.leaks.timeline import availability
from gx_leakage.leaks.timeline.availability import Availability
from gx_leakage.leaks.timeline.picture import late_features

__all__ = ["ExpectFeaturesToBeAvailableAtPredictionTime"]


class ExpectFeaturesToBeAvailableAtPredictionTime(CrossBatchExpectation):
    """Expect every feature to have been known at the moment at which its row predicts.

    A model that is fitted on what became known later (a diagnosis written after the discharge, a total booked at the
    end of the month) is good as long as it is tested on the past, and finds the column empty in production.

    A row is leaked when a feature that is not NULL has a time after the row's prediction time. Rows of all splits
    are judged, train too, and one split is enough. Rows without a prediction time, and values whose own time is NULL,
    cannot be judged: ``null_keys`` and ``details["features"]`` count them. Time-aware against naive columns is
    an error.

    Args:
        prediction_time_column: The moment at which the row predicts: a date, a timestamp or a number.
        available_at: For each feature the column with the time from which on it was known, on the same axis.

    The observed value is the number of leaked rows. See the page ``time_availability_initial`` of the handbook.
    """

    prediction_time_column: Text = pydantic.Field(description="The moment at which the row predicts.")
    available_at: Union[dict[str, str], Parameter] = pydantic.Field(
        description="For each feature the column with the time from which on it was known."
    )

    case: ClassVar[str] = "time_availability_initial"
    evidence: ClassVar[Any] = availability
    checks: ClassVar[str] = "features from after the prediction"
    fewest_splits: ClassVar[int] = 1
    roles: ClassVar[Mapping[str, str]] = {"available_at": "available_at", "prediction_time_column": "prediction_time"}
    sentence: ClassVar[str] = "$available_at must have been known at $prediction_time_column."
    sentence_arguments: ClassVar[tuple[str, ...]] = ("prediction_time_column", "available_at")
    of_split: ClassVar[Mapping[str, str]] = {"null_keys": "Rows without a time", "leaked": "Leaked rows"}

    class Config:
        title = "Expect features to be available at prediction time"

    def question(self, samples: int) -> dict[str, Any]:
        """Ask which features are later than their row."""
        return {
            "prediction_time": self.prediction_time_column,
            "available_at": dict(self.available_at),
            "samples": samples,
        }

    def judge(self, evidence: Availability) -> Judgement:
        """Every row with a late feature is leaked, in whatever split."""
        late = [feature for feature in evidence.features if feature.late_rows]
        rows = sum(split.rows for split in evidence.splits)
        leaked = sum(split.late_rows for split in evidence.splits)
        unknown = [feature for feature in evidence.features if feature.unknown_rows]
        summary = f"{joined([f.feature for f in evidence.features])} were known in time in all {rows:,} rows."
        if late:
            parts = [
                f"{feature.feature} is later than its row in {feature.late_rows:,} of {rows:,} rows" for feature in late
            ]
            summary = f"{joined(parts, most=3)}."
        if unknown:
            parts = [f"{feature.feature} in {feature.unknown_rows:,} rows" for feature in unknown]
            summary += f" Not known is the time of {joined(parts, most=3)}."
        return Judgement(
            observed_value=leaked,
            splits=[
                {"name": s.name, "rows": s.rows, "null_keys": s.null_keys, "leaked": s.late_rows}
                for s in evidence.splits
            ],
            leaked={split.name: split.late_rows for split in evidence.splits},
            judged=[split.name for split in evidence.splits],
            summary=summary,
            samples=evidence.samples,
            details={
                "features": [
                    {
                        "feature": f.feature,
                        "available_at": f.available_at,
                        "rows": f.late_rows,
                        "unknown": f.unknown_rows,
                    }
                    for f in evidence.features
                ]
            },
            query=evidence.leaked_rows_query,
        )

    def leaking_columns(self, details: Mapping[str, Any]) -> dict[str, str | None]:
        """Return the features that are later than a row."""
        return {one["feature"]: None for one in details["features"] if one["rows"]}

    @classmethod
    def planned(cls, given: Given) -> list[dict[str, Any]]:
        """Return the check, at the time of the row where no other moment is named at which it predicts."""
        if "prediction_time" in given:
            return given.arguments(cls.roles, cls.optional_roles)
        if "available_at" in given and "time" not in given:
            raise CouldNotCheckError(
                "available_at needs prediction_time (or time), the moment at which a row predicts."
            )
        return given.arguments({**cls.roles, "prediction_time_column": "time"}, cls.optional_roles)

    @classmethod
    def picture(cls, details: Mapping[str, Any]) -> list[Block]:
        """Return what the evidence looks like."""
        return [late_features(details)]
