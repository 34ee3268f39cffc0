"""The same row in more than one split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Union

from great_expectations.compatibility import pydantic

from gx_leakage.gx.blocks import Block
from gx_leakage.gx.expectation import CrossBatchExpectation, Judgement, Parameter, Text, Texts
from gx_leakage.gx.planning import Given
from gx_leakage.gx.words import joined
from gx_leakage.leaks.overlap import evidence
from gx_leakage.leaks.overlap.evidence import Overlap
from gx_leakage.leaks.overlap.picture import shared
from gx_leakage.leaks.overlap.words import (
    coincidence_details,
    coincidence_summary,
    leaked_rows,
    named_samples,
    overlap_details,
    overlap_splits,
    overlap_summary,
)

__all__ = ["ExpectNoIdenticalRowsAcrossBatches"]

FEWEST_COMPARED = 2
"""How many columns an audit compares at least, where there are so many."""


class ExpectNoIdenticalRowsAcrossBatches(CrossBatchExpectation):
    """Expect no row to be in more than one split, but those that chance makes equal.

    A test row that is also a training row is not a test: a model that only remembers answers it. 3.3 % of CIFAR-10's
    and 10 % of CIFAR-100's test images have duplicates in train (Barz and Denzler 2020, arXiv 1902.00423).

    Rows are identical when all compared columns agree; here NULL (and NaN) equals NULL, and -0.0 equals 0.0. Counts
    are exact.

    Where columns are coarse, different things have identical rows: two patients of one sex and age. Shared rows are
    leaked unless chance explains them. It does not explain (1) any of them, where splits share more than they would if
    rows had been dealt out at random, given how often rows repeat at all; (2) rows whose values carry more bits
    (log2(1/frequency), Fellegi and Sunter 1969) than chance agreement reaches: neither the most in which two different
    rows agree, nor log2 of the number of pairs of rows. See :mod:`gx_leakage.leaks.overlap.coincidence`.
    ``details["overlap"]`` and ``details["conflicting_targets"]`` count all shared rows, leaked or not,
    ``details["coincidence"]`` has the figures, and ``leaked_rows_query`` and remedies find those that leaked. With
    fewer than 50 rows (20 where a split repeats some) nothing is known of chance, and every shared row is leaked.

    ``details["left_out"]`` names the columns that were not compared because a split lacks them, and
    ``details["vacuous"]`` the columns of which no value occurs twice in all splits: with such a column, an id for
    example, the check cannot fail, so exclude it.

    Args:
        columns: The columns to compare; None for all that the splits have in common.
        exclude_columns: Columns not to compare, such as ids and load times.
        target_column: A column not to compare either. Identical rows whose targets differ are counted:
            ``details["conflicting_targets"]``.
        normalize: How values are made comparable, any of ``"text"``, ``"nfc"``, ``"trim"``, ``"casefold"``.
        allow_coincidence: Whether shared rows pass that chance explains; otherwise every shared row is a leak.
        significance: How improbable by chance shared rows have to be, for chance not to explain them.

    The observed value is the number of distinct rows that have leaked. See the page ``test_intersect_train``.
    """

    columns: Union[Texts, None] = pydantic.Field(
        default=None, description="The columns to compare; None for all that the splits have in common."
    )
    exclude_columns: Texts = pydantic.Field(default=[], description="Columns not to compare.")
    target_column: Union[Text, None] = pydantic.Field(
        default=None,
        description="The target: not compared, but identical rows whose targets differ are counted.",
    )
    normalize: Union[Texts, None] = pydantic.Field(
        default=None, description="How values are made comparable: 'text', 'nfc', 'trim', 'casefold'."
    )

    allow_coincidence: Union[bool, Parameter] = pydantic.Field(
        default=True, description="Whether shared rows pass that chance explains, where columns are coarse."
    )
    significance: Union[float, Parameter] = pydantic.Field(
        default=0.01, gt=0, lt=1, description="How improbable by chance shared rows have to be to be leaks."
    )

    case: ClassVar[str] = "test_intersect_train"
    evidence: ClassVar[Any] = evidence
    checks: ClassVar[str] = "identical rows"
    optional_roles: ClassVar[Mapping[str, str]] = {"target_column": "target", "normalize": "normalize"}
    sentence: ClassVar[str] = "No row may be in more than one split, comparing $columns."
    sentence_arguments: ClassVar[tuple[str, ...]] = ("columns", "exclude_columns", "target_column")
    of_split: ClassVar[Mapping[str, str]] = {"keys": "Distinct rows"}

    class Config:
        title = "Expect no identical rows across batches"

    def question(self, samples: int) -> dict[str, Any]:
        """Ask which rows, taken as keys, several splits share."""
        return {
            "columns": None if self.columns is None else list(self.columns),
            "exclude": list(self.exclude_columns),
            "disagree_on": self.target_column,
            "answer": self.target_column,
            "normalize": list(self.normalize or ()),
            "null_is_a_value": True,
            "significance": self.significance if self.allow_coincidence else None,
            "train": self.train,
            "samples": samples,
        }

    def judge(self, evidence: Overlap) -> Judgement:
        """Every shared row is a leak that chance does not explain."""
        details = {
            **overlap_details(evidence, str(self.train)),
            "compared": list(evidence.columns),
            "left_out": evidence.left_out,
        }
        aside = f", compared without {joined(list(self.exclude_columns), most=5)}," if self.exclude_columns else ""
        summary = overlap_summary(evidence, str(self.train), f"rows{aside}", "rows")
        chance = evidence.coincidence
        if chance is not None:
            summary += f" {coincidence_summary(chance)}"
            details["coincidence"] = coincidence_details(chance)
            details["telling_columns"] = list(chance.columns)
        if evidence.incomparable:
            summary += f" Not compared, as lists or objects: {joined(evidence.incomparable)}."
        if evidence.unique_columns:
            details["vacuous"] = list(evidence.unique_columns)
            summary += (
                f" But no value of {joined(evidence.unique_columns)} occurs twice, so that no two rows can be equal: "
                f"if it identifies rows, name it in exclude_columns (--exclude, or as its --id)."
            )
        if self.target_column is not None:
            conflicting = {s.name: s.conflicting_rows for s in evidence.splits}
            details["conflicting_targets"] = {"column": self.target_column, "rows": conflicting}
        return Judgement(
            observed_value=evidence.shared_keys if chance is None else chance.keys,
            splits=overlap_splits(evidence),
            leaked=leaked_rows(evidence),
            summary=summary,
            samples=named_samples(evidence),
            details=details,
            query=evidence.leaked_rows_query,
        )

    @classmethod
    def planned(cls, given: Given) -> list[dict[str, Any]]:
        """Return one check, for which no role is needed: of all columns but those that tell rows or groups apart."""
        exclude = [c for c in given.columns("group", "id") if c in given.relations.common_columns()]
        left = [c for c in given.relations.common_columns() if c not in (*exclude, *given.columns("target"))]
        # One column alone has equal values by chance: groups stay beside it, and ids where there is no other.
        exclude = exclude if len(left) >= FEWEST_COMPARED else given.columns("id") if left else []
        (arguments,) = given.arguments(cls.roles, cls.optional_roles)
        return [arguments | {"exclude_columns": list(dict.fromkeys([*exclude, *given.excluded]))}]

    @classmethod
    def picture(cls, details: Mapping[str, Any]) -> list[Block]:
        """Return what the evidence looks like."""
        return shared(details, "rows")
