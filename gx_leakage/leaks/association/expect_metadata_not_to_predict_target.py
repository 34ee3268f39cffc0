"""Metadata of the recording that says which class the record is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Union

from great_expectations.compatibility import pydantic

from gx_leakage.gx.expectation import Judgement, Parameter, Texts
from gx_leakage.leaks.association import evidence
from gx_leakage.leaks.association.against_target import AgainstTarget
from gx_leakage.leaks.association.evidence import Association
from gx_leakage.leaks.association.words import association_judgement

__all__ = ["ExpectMetadataNotToPredictTarget"]


class ExpectMetadataNotToPredictTarget(AgainstTarget):
    """Expect how a record was made to say nothing about its target.

    The file's size, the camera, the hospital, the time at which a record was saved: where classes were gathered in
    different ways, a model learns the way instead of the class.

    The association of a column with the target is Cramér's V without its bias (Bergsma 2013), or the correlation ratio
    without its bias of a numeric target (Kelley 1935). Metadata leaks when that is above ``max_association`` and no
    chance (p < 0.001). Each split is measured by itself too: an association that the splits do not share is how the
    gathering changed. Rows of all splits are judged, as far as their target is known; one split is enough.

    Args:
        target_column: The column that is to be predicted: classes, or a number.
        metadata_columns: The columns that ought to say nothing.
        max_association: The strongest association that is tolerated, 0 to 1.

    The observed value is the strongest association. See the page ``metadata_predicts_target`` of the handbook.
    """

    metadata_columns: Texts = pydantic.Field(description="The columns that ought to say nothing about the target.")
    max_association: Union[float, Parameter] = pydantic.Field(
        default=0.1, description="The strongest association that is tolerated, 0 to 1."
    )

    case: ClassVar[str] = "metadata_predicts_target"
    evidence: ClassVar[Any] = evidence
    checks: ClassVar[str] = "metadata"
    roles: ClassVar[Mapping[str, str]] = {"metadata_columns": "metadata", "target_column": "target"}
    how_to_tell: ClassVar[str] = (
        "Will rows of a new source have the same values for the same reason? If they only say where these rows were "
        "recorded, keep them from the model, and judge it on a source that train does not have."
    )
    sentence: ClassVar[str] = (
        "$metadata_columns must not be associated with $target_column more strongly than $max_association."
    )
    sentence_arguments: ClassVar[tuple[str, ...]] = ("metadata_columns", "target_column", "max_association")

    class Config:
        title = "Expect metadata not to predict target"

    def question(self, samples: int) -> dict[str, Any]:
        """Ask how the metadata goes together with the target, in all and in each split."""
        return {"target": self.target_column, "columns": list(self.metadata_columns), "by_split": True}

    def judge(self, evidence: Association) -> Judgement:
        """Take metadata that goes together with the target for a leak."""
        most = float(self.max_association)  # type: ignore[arg-type]
        target = evidence.target.name
        return association_judgement(
            evidence,
            measure="cramers_v" if evidence.target.classes else "correlation ratio",
            score=lambda one: one.association,
            above=lambda one: one.association > most,
            words=lambda one: f"{one.column} goes together with {target} (association {one.association:.3g})",
            clean=f"No metadata is associated with {target} more strongly than {most:.3g}",
            decides="whether records of these classes are made in different ways in production, too",
        )
