"""What all Expectations about texts have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from great_expectations.compatibility import pydantic

from gx_leakage.gx.expectation import CrossBatchExpectation, Judgement, Text
from gx_leakage.leaks.texts.ngrams import SharedPassages
from gx_leakage.leaks.texts.similar import SimilarTexts

__all__ = ["OfTexts"]


class OfTexts(CrossBatchExpectation, ABC):
    """An Expectation about texts of judged splits that are in train, in part or changed a little."""

    text_column: Text = pydantic.Field(description="The texts.")

    roles: ClassVar[Mapping[str, str]] = {"text_column": "text"}

    def judge(self, evidence: Any) -> Judgement:
        """Every leaked text is a leak."""
        found: SharedPassages | SimilarTexts = evidence
        return Judgement(
            observed_value=sum(split.leaked for split in found.splits),
            splits=[{"name": s.name, "rows": s.rows, "null_keys": s.null_keys, "short": s.short} for s in found.splits],
            leaked={split.name: split.leaked for split in found.splits},
            summary=self._summary(evidence),
            samples=found.samples,
            details={
                "texts": [
                    {
                        "split": s.name,
                        "checked": s.rows - s.null_keys - s.short,
                        "leaked": s.leaked,
                        **self._of_split(s),
                    }
                    for s in found.splits
                    if s.name != self.train
                ],
                **self._details(evidence),
            },
            query=found.leaked_rows_query,
        )

    @abstractmethod
    def _summary(self, evidence: Any) -> str:
        """Return what was found, in plain words."""

    @abstractmethod
    def _of_split(self, split: Any) -> dict[str, Any]:
        """Return what else is to be known of a judged split."""

    @abstractmethod
    def _details(self, evidence: Any) -> dict[str, Any]:
        """Return what else is to be known."""
