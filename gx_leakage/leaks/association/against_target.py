"""What all Expectations about the target have in common."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from typing import Any, ClassVar

from great_expectations.compatibility import pydantic

from gx_leakage.gx.blocks import Block
from gx_leakage.gx.expectation import CrossBatchExpectation, Text
from gx_leakage.leaks.association.picture import scores

__all__ = ["AgainstTarget"]


class AgainstTarget(CrossBatchExpectation, ABC):
    """An Expectation about what says too much of the target, column by column."""

    target_column: Text = pydantic.Field(description="The column that is to be predicted.")

    fewest_splits: ClassVar[int] = 1
    of_split: ClassVar[Mapping[str, str]] = {"null_keys": "Rows without a target"}

    @classmethod
    def picture(cls, details: Mapping[str, Any]) -> list[Block]:
        """Return how much each column says, as bars."""
        return [scores(details)]
