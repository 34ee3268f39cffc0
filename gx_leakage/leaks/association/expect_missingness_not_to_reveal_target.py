"""A gap that says which class the row is."""

from __future__ import annotations

from typing import Any, ClassVar, Union

from great_expectations.compatibility import pydantic

from gx_leakage.gx.expectation import Judgement, Parameter
from gx_leakage.leaks.association import evidence
from gx_leakage.leaks.association.against_target import FeaturesAgainstTarget
from gx_leakage.leaks.association.evidence import Association
from gx_leakage.leaks.association.words import association_judgement

__all__ = ["ExpectMissingnessNotToRevealTarget"]


class ExpectMissingnessNotToRevealTarget(FeaturesAgainstTarget):
    """Expect whether a value is missing to say little about the target.

    A column that is filled in after the outcome is filled where the outcome was: the cause of death, the date of the
    cancellation. Imputed or not, its gaps tell the model the answer.

    A column leaks when "is NULL" (NaN is NULL) is associated with the target by more than ``max_association`` and that
    is no chance (p < 0.001): Cramér's V without its bias (Bergsma 2013), or the correlation ratio without its bias of a
    numeric target (Kelley 1935). Rows of all splits are judged, as far as their target is known; one split is enough.

    Args:
        target_column: The column that is to be predicted: classes, or a number.
        columns: The columns that are judged. None: all that the splits have in common.
        exclude_columns: Columns that are not judged.
        max_association: The strongest association that is tolerated, 0 to 1.

    The observed value is the strongest association. See the page ``missingness_reveals_target`` of the handbook.
    """

    max_association: Union[float, Parameter] = pydantic.Field(
        default=0.3, description="The strongest association that is tolerated, 0 to 1."
    )

    case: ClassVar[str] = "missingness_reveals_target"
    evidence: ClassVar[Any] = evidence
    checks: ClassVar[str] = "gaps that reveal the target"
    place: ClassVar[int] = 20
    how_to_tell: ClassVar[str] = (
        "Is the column filled in because of the outcome? Then it is empty in production when the model predicts, and "
        "leaks; gaps that are there before the outcome are honest."
    )
    sentence: ClassVar[str] = (
        "Gaps in $columns must not be associated with $target_column more strongly than $max_association."
    )
    sentence_arguments: ClassVar[tuple[str, ...]] = ("columns", "target_column", "max_association", "exclude_columns")

    class Config:
        title = "Expect missingness not to reveal target"

    def question(self, samples: int) -> dict[str, Any]:
        """Ask how the gaps of each column go together with the target."""
        return super().question(samples) | {"of": "missing"}

    def judge(self, evidence: Association) -> Judgement:
        """Take gaps that go together with the target for a leak."""
        most = float(self.max_association)  # type: ignore[arg-type]
        target = evidence.target.name
        return association_judgement(
            evidence,
            measure="cramers_v" if evidence.target.classes else "correlation ratio",
            score=lambda one: one.association,
            above=lambda one: one.association > most,
            words=lambda one: f"gaps in {one.column} go together with {target} (association {one.association:.3g})",
            clean=f"No column's gaps are associated with {target} more strongly than {most:.3g}",
            decides="when it is filled in: before the outcome, or after",
        )
