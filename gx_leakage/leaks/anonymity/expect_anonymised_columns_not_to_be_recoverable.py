"""What was hidden can be recovered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from great_expectations.compatibility import pydantic

from gx_leakage.disclosure import value
from gx_leakage.gx.blocks import Block
from gx_leakage.gx.expectation import CrossBatchExpectation, Judgement, Texts
from gx_leakage.gx.words import joined
from gx_leakage.leaks.anonymity import recovered
from gx_leakage.leaks.anonymity.recovered import MOST_VALUES, ONE_TO_ONE, Pair, Recovery
from gx_leakage.leaks.association.picture import scores

__all__ = ["ExpectAnonymisedColumnsNotToBeRecoverable"]


class ExpectAnonymisedColumnsNotToBeRecoverable(CrossBatchExpectation):
    """Expect anonymised columns not to give away what they hide.

    Whoever undoes the hiding knows the object, its place or its future, and needs no model. A column is recoverable
    when a value of it is an unsalted hash, in hex of either case, or the beginning of one, of a reference value; or
    when in all rows that know both columns it is a straight line of a reference column, in its order, or one to one
    with it. The last is a suspicion, for a pseudonym that stays is so by design: it hides what it stands for only from
    who has no table of both. A match counts where chance would hardly make one: by the length of the hash, by the
    number of steps, or by the ways to group the rows (the multinomial coefficient), with p < 0.001.

    Rows of all splits are judged; one split is enough. Hashes are computed of at most 100,000 distinct values of a
    column; the rest is said.

    Args:
        anonymised_columns: The columns that hide something.
        reference_columns: The columns with what they hide, or what follows it.
        hashes: Names of hash functions, as Python's hashlib has them.

    The observed value is the number of anonymised columns that are recoverable. See the page
    ``recoverable_features_objs`` of the handbook.
    """

    anonymised_columns: Texts = pydantic.Field(description="The columns that hide something.")
    reference_columns: Texts = pydantic.Field(description="The columns with what they hide, or what follows it.")
    hashes: Texts = pydantic.Field(
        default=["md5", "sha1", "sha256"], description="Names of hash functions, as Python's hashlib has them."
    )

    case: ClassVar[str] = "recoverable_features_objs"
    evidence: ClassVar[Any] = recovered
    checks: ClassVar[str] = "anonymised columns that can be recovered"
    fewest_splits: ClassVar[int] = 1
    how_to_tell: ClassVar[str] = (
        "A pseudonym that stays the same is one to one with what it stands for: who sees both columns, or knows one "
        "row of an object, knows all of its rows. Is the reference given away too, or is a row tied to its object?"
    )
    roles: ClassVar[Mapping[str, str]] = {"anonymised_columns": "anonymised", "reference_columns": "reference"}
    sentence: ClassVar[str] = "$reference_columns must not be recoverable from $anonymised_columns."
    sentence_arguments: ClassVar[tuple[str, ...]] = ("anonymised_columns", "reference_columns", "hashes")
    of_split: ClassVar[Mapping[str, str]] = {"null_keys": "Rows without an anonymised value"}

    class Config:
        title = "Expect anonymised columns not to be recoverable"

    def question(self, samples: int) -> dict[str, Any]:
        """Ask what of the reference columns is given away."""
        return {
            "anonymised": list(self.anonymised_columns),
            "references": list(self.reference_columns),
            "hashes": list(self.hashes),
        }

    def judge(self, evidence: Recovery) -> Judgement:
        """Every image, and every hash, is a leak."""
        pairs = sorted(
            evidence.pairs, key=lambda one: (one.relation == ONE_TO_ONE, -one.share, one.column, one.reference)
        )
        found = [one for one in pairs if one.relation is not None]
        leaking = sorted({one.column for one in found})
        hidden = list(dict.fromkeys(one.column for one in evidence.pairs))
        references = list(dict.fromkeys(one.reference for one in evidence.pairs))
        clean = f"None of {joined(hidden)} is a hash or an image of {joined(references)}"
        capped = list(dict.fromkeys(f"{one.column} and {one.reference}" for one in pairs if one.capped))
        aside = f" Of {joined(capped)}, the first {MOST_VALUES:,} values were hashed." if capped else ""
        apart = [f"{one.column} and {one.reference}" for one in pairs if not one.together]
        if apart:
            aside += f" No row has both of {joined(apart)}, so that only hashes could be compared."
        splits = [{"name": name, "rows": rows, "null_keys": unknown} for name, rows, unknown in evidence.splits]
        return Judgement(
            observed_value=len(leaking),
            splits=splits,
            leaked={name: rows - unknown if leaking else 0 for name, rows, unknown in evidence.splits},
            judged=[name for name, _, _ in evidence.splits],
            summary=f"{joined([_words(one) for one in found], most=3) if found else clean}.{aside}",
            samples=leaking,
            details={
                "columns": [
                    {
                        "column": one.column,
                        "reference": one.reference,
                        "score": one.share,
                        "measure": f"share recovered of {one.reference}",
                        "relation": one.relation,
                        "line": value(one.detail) if one.relation == "line" else None,
                        "leaks": one.relation is not None,
                        **({"severity": "warning"} if one.relation == ONE_TO_ONE else {}),
                    }
                    for one in pairs
                ],
                **({"severity": "warning"} if all(one.relation == ONE_TO_ONE for one in found) else {}),
            },
        )

    @classmethod
    def picture(cls, details: Mapping[str, Any]) -> list[Block]:
        """Return how much of each column is recovered, as bars."""
        return [scores(details)]


def _words(one: Pair) -> str:
    if one.relation == "line":
        return f"{one.reference} is a linear function of {one.column}: {value(one.detail)}"
    if one.relation == "order":
        return f"{one.column} keeps the order of {one.reference}, in {one.detail}"
    if one.relation == ONE_TO_ONE:
        return f"{one.column} stands for {one.reference}, one to one"
    what = f"{one.detail} of the {one.relation}" if one.detail else f"the {one.relation}"
    return f"{one.share:.3g} of the values of {one.column} are {what} of a {one.reference}"
