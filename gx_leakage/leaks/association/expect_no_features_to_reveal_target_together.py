"""Features that are the target together, though none is alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Union

from great_expectations.compatibility import pydantic

from gx_leakage.disclosure import value
from gx_leakage.gx.blocks import Block
from gx_leakage.gx.expectation import Judgement, Parameter
from gx_leakage.gx.words import joined
from gx_leakage.leaks.association import together
from gx_leakage.leaks.association.against_target import FeaturesAgainstTarget
from gx_leakage.leaks.association.picture import scores
from gx_leakage.leaks.association.together import Joint, Together
from gx_leakage.leaks.association.words import SIGNIFICANT, aside, described_target, target_splits

__all__ = ["ExpectNoFeaturesToRevealTargetTogether"]


class ExpectNoFeaturesToRevealTargetTogether(FeaturesAgainstTarget):
    """Expect no few features together to be the target.

    The riders with and without a subscription add up to the riders; arrival less departure is the duration; price times
    quantity is the revenue. No column says much, and a model of two of them is never wrong.

    Looked for are linear relations of two or three columns of numbers (for classes, of each class against the rest, so
    that one-hot parts are found), products, ratios and powers of positive columns, and pairs of columns of up to 12
    values that fix the class. A relation on which all rows are, as precisely as they are stored, and that no chance
    explains, is a leak. One that is nearly exact, far more than each of its columns, with a score above ``max_score``
    is a suspicion. Rows are those in which the target and the numbers are known; columns of which more than half of
    the rows would be lost are left out and named, and so are those beyond 100.

    Rows of all splits are judged; one split is enough.

    Args:
        target_column: The column that is to be predicted: classes, or a number.
        columns: The features that are judged. None: all columns that the splits have in common.
        exclude_columns: Columns that are not judged.
        max_columns: The most columns of a relation, 2 or 3.
        max_score: The highest joint score that is not suspicious: R², or of classes that of
            ``expect_no_feature_to_reveal_target``.

    The observed value is the number of relations. See the page ``features_reveal_target_together`` of the handbook.
    """

    max_columns: Union[int, Parameter] = pydantic.Field(
        default=3, description="The most columns of a relation, 2 or 3."
    )
    max_score: Union[float, Parameter] = pydantic.Field(
        default=0.95, description="The highest joint score of features that is not suspicious, 0 to 1."
    )

    case: ClassVar[str] = "features_reveal_target_together"
    evidence: ClassVar[Any] = together
    checks: ClassVar[str] = "features that reveal the target together"
    place: ClassVar[int] = 16
    how_to_tell: ClassVar[str] = (
        "Is the target computed from these columns, or they from it? Then they leak, however they are rounded. Ask "
        "whether each of them is known when the model predicts."
    )
    sentence: ClassVar[str] = (
        "No $max_columns features among $columns may together be $target_column, or predict it with a score above "
        "$max_score."
    )
    sentence_arguments: ClassVar[tuple[str, ...]] = (
        "columns", "target_column", "max_columns", "max_score", "exclude_columns",
    )  # fmt: skip

    class Config:
        title = "Expect no features to reveal target together"

    @pydantic.validator("max_columns")
    def _two_or_three(cls, value: Any) -> Any:  # noqa: N805 (a pydantic validator)
        if isinstance(value, int) and value not in (2, 3):
            raise ValueError(f"max_columns={value}: relations of 2 or of 3 columns are looked for")
        return value

    def question(self, samples: int) -> dict[str, Any]:
        """Ask which few features are the target."""
        return super().question(samples) | {"max_columns": self.max_columns}

    def judge(self, evidence: Together) -> Judgement:
        """Take an exact relation for a leak, and one that is nearly so for suspicious."""
        name = evidence.target.name
        most = float(self.max_score)  # type: ignore[arg-type]
        found = [one for one in evidence.found if one.chance < SIGNIFICANT and (one.exact or one.score > most)]
        found.sort(key=lambda one: (not one.exact, len(one.columns), -one.score, one.columns))
        summary = f"None of {evidence.looked_at:,} combinations of columns is {name}, or nearly so."
        if found:
            summary = f"{joined([_words(one, name) for one in found], most=3)}."
        why = "Not looked at, for their types, gaps or number"
        summary += aside(evidence.target, evidence.unlabelled, evidence.left_out, why)
        splits = target_splits(evidence.target.splits)
        details: dict[str, Any] = {
            "columns": [
                {
                    "column": ", ".join(one.columns), "score": one.score, "measure": _MEASURES[one.kind],
                    "p_value": one.chance, "best": one.best, "formula": value(one.formula), "exact": one.exact,
                    "class": value(one.label), "rows": one.rows, "leaks": True,
                }
                for one in found
            ],
            "combinations": evidence.looked_at,
            "target": described_target(evidence.target),
            "left_out": list(evidence.left_out),
        }  # fmt: skip
        if any(one.exact for one in found):
            details["severity"] = "critical"
        return Judgement(
            observed_value=len(found),
            splits=splits,
            leaked={s["name"]: s["rows"] - s["null_keys"] if found else 0 for s in splits},
            judged=[split["name"] for split in splits],
            summary=summary,
            samples=sorted({column for one in found for column in one.columns}),
            details=details,
        )

    @classmethod
    def picture(cls, details: Mapping[str, Any]) -> list[Block]:
        """Return the relations, as bars."""
        return [scores(details)] if details["columns"] else []


_MEASURES = {"sum": "linear, R2", "product": "of logarithms, R2", "pair": "leave-one-out balanced accuracy"}


def _words(one: Joint, target: str) -> str:
    what = target if one.label is None else f"whether {target} is {value(one.label)}"
    if one.kind == "pair":
        if one.exact:
            return f"{one.formula} together fix {target}"
        return f"{one.formula} together predict {target} with a score of {one.score:.3g}, one of them {one.best:.3g}"
    return (
        f"{what} is {value(one.formula)}"
        if one.exact
        else f"{what} is nearly {value(one.formula)} (R2 {one.score:.6g})"
    )
