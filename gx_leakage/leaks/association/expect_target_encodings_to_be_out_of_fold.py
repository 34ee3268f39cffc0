"""A category encoded by the mean of the very targets that are to be predicted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Union

from great_expectations.compatibility import pydantic

from gx_leakage.gx.expectation import Judgement, Parameter
from gx_leakage.gx.words import joined
from gx_leakage.leaks.association import target_encodings
from gx_leakage.leaks.association.against_target import AgainstTarget
from gx_leakage.leaks.association.target_encodings import ALL, Encoding, Encodings
from gx_leakage.leaks.association.words import target_splits

__all__ = ["ExpectTargetEncodingsToBeOutOfFold"]


class ExpectTargetEncodingsToBeOutOfFold(AgainstTarget):
    """Expect no category to be encoded by the mean of the targets of the rows that it stands in.

    The mean of a category over train holds the target of each of its train rows: the rarer the category, the more. A
    model fitted on it trusts the column more than it deserves; with targets of the test split inside, the test is void.

    An encoding leaks when it equals the in-sample mean of the target per category: plain; smoothed as
    (sum + m*prior)/(n + m) with one m for all categories and the mean as prior; or by empirical Bayes (Micci-Barreca
    2001, what scikit-learn calls smooth="auto"). It is compared with the mean over train, and over all rows: the second
    holds test targets. Judged by the categories of several rows with different targets, for the means of others are
    equal in and out of fold; if there are none, that is an error. Tolerances follow the decimals that are stored.

    Args:
        encodings: For each column of categories the column that holds its encoding.
        target_column: The column that is to be predicted, a number or a boolean.

    The observed value is the number of leaking encodings. See the page ``target_encoding_in_sample`` of the handbook.
    """

    encodings: Union[dict[str, str], Parameter] = pydantic.Field(
        description="For each column of categories the column that holds its encoding."
    )

    case: ClassVar[str] = "target_encoding_in_sample"
    evidence: ClassVar[Any] = target_encodings
    checks: ClassVar[str] = "target encodings"
    roles: ClassVar[Mapping[str, str]] = {"encodings": "encoding", "target_column": "target"}
    sentence: ClassVar[str] = "The encodings of $encodings must not hold the $target_column of their own rows."
    sentence_arguments: ClassVar[tuple[str, ...]] = ("encodings", "target_column")

    class Config:
        title = "Expect target encodings to be out of fold"

    def question(self, samples: int) -> dict[str, Any]:
        """Ask what the encodings were fitted on."""
        return {"encodings": dict(self.encodings), "target": self.target_column, "train": self.train}

    def judge(self, evidence: Encodings) -> Judgement:
        """Take an encoding that is the in-sample mean for a leak."""
        leaking = [one for one in evidence.encodings if one.leaked]
        leaked = {
            split.name: max((dict(one.leaked).get(split.name, 0) for one in leaking), default=0)
            for split in evidence.splits
        }
        clean = f"{joined([one.encoded for one in evidence.encodings])}: no mean of the rows that it stands in."
        return Judgement(
            observed_value=len(leaking),
            splits=target_splits(evidence.splits),
            leaked=leaked,
            judged=[split.name for split in evidence.splits],
            summary=f"{joined([self._words(one) for one in leaking], most=2)}." if leaking else clean,
            samples=sorted(one.encoded for one in leaking),
            details={
                "columns": [
                    {
                        "column": one.encoded,
                        "category": one.category,
                        "score": one.matched,
                        "statistic": one.smoothing,
                        "p_value": None,
                        "measure": "share of rows that are the in-sample mean",
                        "formula": one.formula,
                        "fitted_on": one.fitted_on,
                        "categories": one.categories,
                        "leaks": bool(one.leaked),
                    }
                    for one in sorted(evidence.encodings, key=lambda e: (not e.leaked, -e.matched, e.encoded))
                ]
            },
        )

    def _words(self, one: Encoding) -> str:
        how = one.formula + (f" (m = {one.smoothing:g})" if one.smoothing is not None else "")
        rows = "all rows, test targets inside" if one.fitted_on == ALL else f"{one.fitted_on}, in-sample"
        return f"{one.encoded} is the {how} of {self.target_column} by {one.category} over {rows}"
