"""A feature that is the target in disguise."""

from __future__ import annotations

from typing import Any, ClassVar, Union

from great_expectations.compatibility import pydantic

from gx_leakage.gx.expectation import Judgement, Parameter
from gx_leakage.leaks.association import evidence
from gx_leakage.leaks.association.against_target import FeaturesAgainstTarget
from gx_leakage.leaks.association.evidence import Association, ColumnAssociation
from gx_leakage.leaks.association.words import association_judgement

__all__ = ["ExpectNoFeatureToRevealTarget"]


class ExpectNoFeatureToRevealTarget(FeaturesAgainstTarget):
    """Expect no single feature to predict the target nearly perfectly.

    One-hot leftovers of the target, a copy under another name, a code that is written when the outcome is known: a
    model finds such a column at once, and production does not have it.

    The score of a feature is how well it alone predicts a row's target from the other rows, 0 to 1: of classes
    (balanced accuracy - 1/K) / (1 - 1/K), of numbers R², both leaving the row itself out, so that an id scores 0. Bins
    are categories, or up to 64 intervals of equal frequency. A feature leaks when its score is above ``max_score`` and
    that is no chance (p < 0.001), or when it is an image of the target without one exception in all rows: a copy,
    ``1 - target``, ``a*x + b``, a one-to-one recoding, one class one-hot, a value or a gap of its own for one class, a
    number in the target's order all the time (a logarithm, a power, a rank, a rounding), or one of these in the rows
    where it is known. An image is critical whatever the threshold; a score is a suspicion, for a feature may be that
    good and honest. What names groups of one class each, tells classes apart by a threshold, or counts years in which
    the target grows, is no proof. Of a numeric target the score of its ranks counts as well:
    the logarithm of a target with outliers is as good as the target.

    Rows of all splits are judged, as far as their target is known; one split is enough.

    Args:
        target_column: The column that is to be predicted: classes, or a number.
        columns: The features that are judged. None: all columns that the splits have in common.
        exclude_columns: Columns that are not judged.
        max_score: The highest score that is not suspicious.

    The observed value is the highest score. See the page ``ohe_target_as_feature`` of the handbook.
    """

    max_score: Union[float, Parameter] = pydantic.Field(
        default=0.9, description="The highest score of a feature that is not suspicious, 0 to 1."
    )

    case: ClassVar[str] = "ohe_target_as_feature"
    evidence: ClassVar[Any] = evidence
    checks: ClassVar[str] = "features that reveal the target"
    place: ClassVar[int] = 10
    how_to_tell: ClassVar[str] = (
        "A strong feature, or a leak? Ask when the column is written: after the outcome is known, it leaks. And look "
        "whether it is empty, or a default, in production."
    )
    sentence: ClassVar[str] = (
        "No feature among $columns may predict $target_column by itself with a score above $max_score."
    )
    sentence_arguments: ClassVar[tuple[str, ...]] = ("columns", "target_column", "max_score", "exclude_columns")

    class Config:
        title = "Expect no feature to reveal target"

    def judge(self, evidence: Association) -> Judgement:
        """Take a feature that is exactly, or nearly, the target for a leak."""
        most = float(self.max_score)  # type: ignore[arg-type]

        def words(one: ColumnAssociation) -> str:
            by_rank = " of its ranks" if one.score <= most else ""
            score = max(one.score, one.rank_score) if by_rank else one.score
            return f"{one.column} predicts {evidence.target.name} with a score{by_rank} of {score:.3g}"

        return association_judgement(
            evidence,
            measure="leave-one-out R2" if not evidence.target.classes else "leave-one-out balanced accuracy",
            score=lambda one: one.score,
            above=lambda one: max(one.score, one.rank_score) > most,
            words=words,
            clean=f"No feature predicts {evidence.target.name} with a score above {most:.3g}",
            decides="when such a column is written, and whether production has it when it predicts",
            ranks=True,
        )
