"""A feature that is made of rows after its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Union

from great_expectations.compatibility import pydantic
from great_expectations.expectations.metadata_types import FailureSeverity

from gx_leakage.errors import CouldNotCheckError
from gx_leakage.gx.blocks import Block
from gx_leakage.gx.expectation import CrossBatchExpectation, Judgement, Parameter, Text, Texts
from gx_leakage.gx.planning import Given, NotPlannedError
from gx_leakage.leaks.timeline import rolling
from gx_leakage.leaks.timeline.picture import made_of_later_rows
from gx_leakage.leaks.timeline.rolling import Lookahead
from gx_leakage.leaks.timeline.words import lookahead_summary
from gx_leakage.sql.keys import NUMBERS, Family
from gx_leakage.sql.values import rounded

__all__ = ["ExpectRollingFeaturesToExcludeTheFuture"]


class ExpectRollingFeaturesToExcludeTheFuture(CrossBatchExpectation):
    """Expect no feature to be made of rows after its own.

    ``rolling(7, center=True)``, ``shift(-1)``, a rolling mean over rows that were sorted the wrong way round: the row
    of Monday holds what is known on Thursday, and the score of the test is that of a model that has seen it.

    The rows of all splits are put in order, by entity and time, and each feature is compared with the values of the
    rows around its own: with one of them, and with the mean, sum, minimum, maximum, median and standard deviation of up
    to ``max_window`` rows, and with exponentially weighted means, as precisely as they are stored. It leaks where it is
    one of these that reaches past its row, in ``min_share`` of the rows in which all of the window is known, and where
    nothing of the past explains that as well: no window up to the row, no constant, no period, no part of the calendar,
    no line or wave that goes on. With windows of the base that is a proof. Windows of another column are a suspicion,
    for that column may be from before the row itself; and so is a feature that later rows of the base explain by more
    than 90 % of what earlier rows leave unexplained.

    Rows without a time or an entity, and rows that share their time with another one of the entity, have no place, and
    are counted: ``null_keys``, ``ties``. Relations are looked for in at most 20,000 rows, stretches of consecutive
    ones, and verified in all. One split is enough.

    Args:
        time_column: What the rows are ordered by: a date, a timestamp, or a number that grows with time.
        base_column: The column of which features must not know the future: the target. None: features are compared with
            one another.
        feature_columns: The features that are judged. None: all columns of numbers.
        entity_columns: What is observed again and again. None: all rows are one series.
        max_window: The most rows of a window, and of a shift.
        min_share: The share of the rows in which a feature has to be what it is taken for.

    The observed value is the number of such features. See the page ``rolling_window_sees_future`` of the handbook.
    """

    severity: FailureSeverity = pydantic.Field(default=FailureSeverity.WARNING, description="How bad a leak is.")
    time_column: Text = pydantic.Field(description="What the rows are ordered by.")
    base_column: Union[Text, None] = pydantic.Field(
        default=None, description="The column of which features must not know the future: the target."
    )
    feature_columns: Union[Texts, None] = pydantic.Field(default=None, description="The features that are judged.")
    entity_columns: Texts = pydantic.Field(default=[], description="What is observed again and again.")
    max_window: Union[int, Parameter] = pydantic.Field(
        default=31, description="The most rows of a window, and of a shift."
    )
    min_share: Union[float, Parameter] = pydantic.Field(
        default=0.95, description="The share of the rows in which a feature has to be what it is taken for."
    )

    case: ClassVar[str] = "rolling_window_sees_future"
    evidence: ClassVar[Any] = rolling
    checks: ClassVar[str] = "features made of later rows"
    fewest_splits: ClassVar[int] = 1
    place: ClassVar[int] = 60
    how_to_tell: ClassVar[str] = (
        "Look at how the column is made: is a row's value known when its time has come? What is made of another column "
        "is a leak if that one is of its own row, and none if it is older than what is made of it. A forecast that was "
        "made before the row follows later values too, and is no leak."
    )
    sentence: ClassVar[str] = "No feature among $feature_columns may be made of rows after its own, by $time_column."
    sentence_arguments: ClassVar[tuple[str, ...]] = (
        "time_column", "base_column", "feature_columns", "entity_columns", "max_window", "min_share",
    )  # fmt: skip
    more: ClassVar[Mapping[str, str]] = {
        "base_column": "Compared with $base_column.",
        "entity_columns": "For each $entity_columns.",
    }
    of_split: ClassVar[Mapping[str, str]] = {"null_keys": "Rows without a place in time", "ties": "At one time"}

    class Config:
        title = "Expect rolling features to exclude the future"

    @pydantic.validator("max_window")
    def _some_rows(cls, value: Any) -> Any:  # noqa: N805 (a pydantic validator)
        if isinstance(value, int) and not 1 <= value <= rolling.LONGEST_WINDOW:
            raise ValueError(f"max_window={value} is not between 1 and {rolling.LONGEST_WINDOW} rows")
        return value

    @pydantic.validator("min_share")
    def _most_rows(cls, value: Any) -> Any:  # noqa: N805
        if isinstance(value, (int, float)) and not 0.5 < value <= 1:
            raise ValueError(f"min_share={value} is not above 0.5 and up to 1")
        return value

    def question(self, samples: int) -> dict[str, Any]:
        """Ask which features are made of later rows."""
        return {
            "time": self.time_column,
            "base": self.base_column,
            "features": None if self.feature_columns is None else list(self.feature_columns),
            "entity": list(self.entity_columns),
            "max_window": self.max_window,
            "min_share": self.min_share,
        }

    def judge(self, evidence: Lookahead) -> Judgement:
        """Take windows of the base for a proof, and those of other columns, and what follows it, for suspicious."""
        found = sorted(evidence.found, key=lambda one: (one.relation.base != evidence.base, -one.share, one.feature))
        columns: list[dict[str, Any]] = [
            {
                "column": one.feature, "base": one.relation.base, "relation": one.relation.words(one.feature),
                "share": rounded(one.share), "equal": one.equal, "rows": one.whole, "exact": one.equal == one.whole,
                "without_gaps": one.without_gaps, "p_value": rounded(one.chance), "leaks": True,
                "severity": "critical" if one.relation.base == evidence.base else "warning",
            }
            for one in found
        ]  # fmt: skip
        columns += [
            {
                "column": one.feature, "base": one.base,
                "relation": f"{one.feature} follows later rows of {one.base}", "share": rounded(one.share),
                "exact": False, "leaks": True, "severity": "warning",
            }
            for one in evidence.following
        ]  # fmt: skip
        details: dict[str, Any] = {
            "columns": columns,
            "base": evidence.base,
            "looked_at": {
                "features": list(evidence.features), "made_of": list(evidence.bases), "rows": evidence.looked_at,
                "of_rows": evidence.rows,
            },
            "either_way": [one.relation.words(one.feature) for one in evidence.shifted],
            "of_its_own_row": list(evidence.own_row),
            "left_out": list(evidence.left_out),
            "not_compared_with": list(evidence.not_bases),
            "computed_in": (
                "the database put the rows in order; windows were compared in this process, by numpy, of the columns "
                "that are named here alone"
            ),
        }  # fmt: skip
        if any(column["severity"] == "critical" for column in columns):
            details["severity"] = "critical"
        return Judgement(
            observed_value=len(columns),
            splits=[
                {"name": s.name, "rows": s.rows, "null_keys": s.null_keys, "ties": s.ties} for s in evidence.splits
            ],
            leaked={s.name: s.rows - s.null_keys if columns and not found else s.leaked for s in evidence.splits},
            judged=[split.name for split in evidence.splits],
            summary=lookahead_summary(evidence, columns),
            samples=sorted({column["column"] for column in columns}),
            details=details,
        )

    @classmethod
    def planned(cls, given: Given) -> list[dict[str, Any]]:
        """Return the check of the features that are numbers, by the first group whose rows have an order in time.

        Raises:
            NotPlannedError: there is no time, no target, no such feature, or rows have no order.
        """
        given.need("time", "target")
        time, target = given["time"], given["target"]
        common = given.relations.having(target).common_columns()
        aside = {time, target, *given.aside}
        numbers = NUMBERS | {Family.BOOLEAN}
        features = given.columns("feature") or [c for c in given.relations.common_columns() if c not in aside]
        features = [c for c in given.hold_only([c for c in features if c in common], numbers) if c not in aside]
        if not features:
            raise NotPlannedError("a feature that is a number")
        keys = [tuple(key) for key in given["group"] if time not in key and target not in key]
        features = [c for c in features if not any(c in key for key in keys)]
        try:
            entity = rolling.fewest_ties(given.relations, time, [*keys, ()])
        except CouldNotCheckError:
            entity = keys[0] if keys else ()  # what is wrong is an error of the check
        if entity is None:
            raise NotPlannedError("a group of which rows follow one another in time, each at a time of its own")
        base = given.hold_only([target], numbers) if given.everywhere(target) else []
        return [
            {
                "time_column": time, "base_column": target if base else None, "feature_columns": features,
                "entity_columns": list(entity),
            }
        ]  # fmt: skip

    @classmethod
    def picture(cls, details: Mapping[str, Any]) -> list[Block]:
        """Return what the evidence looks like."""
        return [made_of_later_rows(details)] if details["columns"] else []
