"""What all Expectations about the target have in common."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from typing import Any, ClassVar, Union

from great_expectations.compatibility import pydantic
from great_expectations.expectations.metadata_types import FailureSeverity

from gx_leakage.gx.blocks import Block
from gx_leakage.gx.expectation import CrossBatchExpectation, Text, Texts
from gx_leakage.gx.planning import Given, NotPlannedError
from gx_leakage.leaks.association.picture import scores

__all__ = ["AgainstTarget", "FeaturesAgainstTarget"]


class AgainstTarget(CrossBatchExpectation, ABC):
    """An Expectation about what says too much of the target, column by column."""

    severity: FailureSeverity = pydantic.Field(default=FailureSeverity.WARNING, description="How bad a leak is.")
    target_column: Text = pydantic.Field(description="The column that is to be predicted.")

    fewest_splits: ClassVar[int] = 1
    of_split: ClassVar[Mapping[str, str]] = {"null_keys": "Rows without a target"}

    @classmethod
    def picture(cls, details: Mapping[str, Any]) -> list[Block]:
        """Return how much each column says, as bars."""
        return [scores(details)]


class FeaturesAgainstTarget(AgainstTarget, ABC):
    """An Expectation about features, or else about all columns that have no other role."""

    columns: Union[Texts, None] = pydantic.Field(default=None, description="The features that are judged.")
    exclude_columns: Texts = pydantic.Field(default=[], description="Columns that are not judged.")

    roles: ClassVar[Mapping[str, str]] = {"target_column": "target"}

    def question(self, samples: int) -> dict[str, Any]:
        """Ask what the features say about the target."""
        return {"target": self.target_column, "columns": self.columns, "exclude": list(self.exclude_columns)}

    @classmethod
    def planned(cls, given: Given) -> list[dict[str, Any]]:
        """Return the check of the features, or of all columns that have no other role.

        Raises:
            NotPlannedError: there are none, or no target.
        """
        (arguments,) = given.arguments(cls.roles, cls.optional_roles)
        (target,) = given.columns("target")
        common = given.relations.having(target).common_columns()
        columns = given.columns("feature")
        if not columns and not set(common) - {*given.aside, target}:
            raise NotPlannedError("no column without a role")
        aside = [] if columns else [c for c in given.aside if c in common]
        return [arguments | {"columns": columns or None, "exclude_columns": aside}]
