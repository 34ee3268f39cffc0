"""The same patient, customer or firm in more than one split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Union

from great_expectations.compatibility import pydantic

from gx_leakage.gx.blocks import Block
from gx_leakage.gx.expectation import CrossBatchExpectation, Judgement, Text, Texts
from gx_leakage.gx.words import joined
from gx_leakage.leaks.overlap import evidence
from gx_leakage.leaks.overlap.evidence import Overlap
from gx_leakage.leaks.overlap.picture import shared
from gx_leakage.leaks.overlap.words import named_samples, overlap_details, overlap_splits, overlap_summary

__all__ = ["ExpectNoSharedGroupIdsAcrossBatches"]


class ExpectNoSharedGroupIdsAcrossBatches(CrossBatchExpectation):
    """Expect no group (patient, customer, device, …) to have rows in more than one split.

    A model that has seen other rows of a group in training recognises the group instead of what it should learn, and
    its score on the test split promises what it cannot keep for new groups. Brain scans split by slice instead of by
    patient raised test accuracy by 29 to 55 percentage points (Yagis et al. 2021, doi 10.1038/s41598-021-01681-w).

    A key is leaked when it occurs in two splits; a row of a judged split when its key is in any other split. A key with
    a NULL (or NaN) is unknown and never matches; ``null_keys`` counts its rows. Counts are exact.

    Args:
        group_columns: The columns that together identify a group, compared column by column.
        target_column: The target, to measure how right it would be to look a shared group's target up in train:
            ``details["damage"]``.
        normalize: How ids are made comparable, any of ``"text"``, ``"nfc"``, ``"trim"``, ``"casefold"``. Without it,
            ids of different types are an error, for they would silently never be equal.

    The observed value is the number of shared keys. See the page ``insufficient_stratification`` of the handbook.
    """

    group_columns: Texts = pydantic.Field(description="The columns that together identify a group.")
    target_column: Union[Text, None] = pydantic.Field(
        default=None, description="The target, to measure how right a look-up of it in train would be."
    )
    normalize: Union[Texts, None] = pydantic.Field(
        default=None, description="How ids are made comparable: 'text', 'nfc', 'trim', 'casefold'."
    )

    case: ClassVar[str] = "insufficient_stratification"
    evidence: ClassVar[Any] = evidence
    checks: ClassVar[str] = "shared group ids"
    place: ClassVar[int] = 10
    roles: ClassVar[Mapping[str, str]] = {"group_columns": "group"}
    optional_roles: ClassVar[Mapping[str, str]] = {"target_column": "target", "normalize": "normalize"}
    sentence: ClassVar[str] = "Each $group_columns must occur in one split only."
    sentence_arguments: ClassVar[tuple[str, ...]] = ("group_columns",)
    of_split: ClassVar[Mapping[str, str]] = {"null_keys": "Rows without a key", "keys": "Distinct keys"}

    class Config:
        title = "Expect no shared group ids across batches"

    def question(self, samples: int) -> dict[str, Any]:
        """Ask which keys of the group columns several splits share."""
        return {
            "columns": list(self.group_columns),
            "normalize": list(self.normalize or ()),
            "answer": self.target_column,
            "train": self.train,
            "samples": samples,
        }

    def judge(self, evidence: Overlap) -> Judgement:
        """Every shared key is a leak."""
        named = joined(evidence.columns)
        summary = overlap_summary(evidence, str(self.train), f"values of {named}", "keys")
        details = overlap_details(evidence, str(self.train))
        if evidence.conflicts:
            parts = [f"{one.column} differs within {one.groups:,} of {one.of:,}" for one in evidence.conflicts]
            summary += f" Some values of {named} may stand for two things: {joined(parts, most=3)} of several rows."
            details["conflicting_constants"] = [
                {"column": one.column, "keys": one.groups, "of": one.of} for one in evidence.conflicts
            ]
        return Judgement(
            observed_value=evidence.shared_keys,
            splits=overlap_splits(evidence),
            leaked={split.name: split.shared_rows for split in evidence.splits},
            summary=summary,
            samples=named_samples(evidence),
            details=details,
            query=evidence.leaked_rows_query,
        )

    @classmethod
    def picture(cls, details: Mapping[str, Any]) -> list[Block]:
        """Return what the evidence looks like."""
        return shared(details, "keys")
