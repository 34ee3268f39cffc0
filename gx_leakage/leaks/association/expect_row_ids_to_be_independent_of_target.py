"""Rows, or their ids, in the order of the target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Union

from great_expectations.compatibility import pydantic

from gx_leakage.gx.expectation import Judgement, Parameter, Text
from gx_leakage.gx.words import joined
from gx_leakage.leaks.association import row_order
from gx_leakage.leaks.association.against_target import AgainstTarget
from gx_leakage.leaks.association.row_order import OrderEffect, RowOrder
from gx_leakage.leaks.association.words import SIGNIFICANT, aside, described_target, not_significant, target_splits

__all__ = ["ExpectRowIdsToBeIndependentOfTarget"]


class ExpectRowIdsToBeIndependentOfTarget(AgainstTarget):
    """Expect the order of ids to say nothing about the target.

    Classes that were saved one after the other leave their order in the id: a model that is given the id, or a split or
    a fold that is cut without shuffling, knows the class by it.

    Two effects are measured in each split: by rank, abs(2 AUC - 1) of a class (Mann and Whitney 1947) or abs(Spearman)
    of a numeric target; and the excess of equal neighbours over chance (Wald and Wolfowitz 1940), 0 as by chance and 1
    for as many as there can be, which also finds classes in blocks. A numeric target's neighbours are equal on one side
    of its median. Rows leak when an effect is above ``max_effect`` and no chance (p < 0.001). Where every split has one
    class only, all rows are looked at together. Rows without an id or a target are not judged, nor among neighbours
    those whose id is repeated. One split is enough.

    Args:
        id_column: The id: a number, a time, or a text, which is ordered by its bytes ('10' before '9').
        target_column: The column that is to be predicted: classes, or a number.
        max_effect: The largest effect that is tolerated, 0 to 1.

    The observed value is the largest effect. See the page ``id_sort_leak`` of the handbook.
    """

    id_column: Text = pydantic.Field(description="The id that rows are ordered by.")
    max_effect: Union[float, Parameter] = pydantic.Field(
        default=0.1, description="The largest effect that is tolerated, 0 to 1."
    )

    case: ClassVar[str] = "id_sort_leak"
    evidence: ClassVar[Any] = row_order
    checks: ClassVar[str] = "ids in the order of the target"
    roles: ClassVar[Mapping[str, str]] = {"id_column": "id", "target_column": "target"}
    how_to_tell: ClassVar[str] = (
        "Were the rows sorted by the target before they were numbered? Then the id leaks. Where the target itself "
        "changes over time, so does it along ids: keep the id from the model, and split in time."
    )
    sentence: ClassVar[str] = (
        "The order of $id_column must say nothing about $target_column (effect at most $max_effect)."
    )
    sentence_arguments: ClassVar[tuple[str, ...]] = ("id_column", "target_column", "max_effect")

    class Config:
        title = "Expect row ids to be independent of target"

    def question(self, samples: int) -> dict[str, Any]:
        """Ask how the target follows the id."""
        return {"id": self.id_column, "target": self.target_column}

    def judge(self, evidence: RowOrder) -> Judgement:
        """Take a split whose target follows its ids for a leak."""
        most = float(self.max_effect)  # type: ignore[arg-type]
        target = evidence.target
        rank = "abs(2 AUC - 1)" if target.classes else "abs(Spearman)"

        def described(one: OrderEffect) -> dict[str, Any]:
            by_rank = one.rank > most and one.rank_p_value < SIGNIFICANT
            by_neighbours = one.neighbours > most and one.neighbours_p_value < SIGNIFICANT
            first = by_rank if by_rank != by_neighbours else one.rank >= one.neighbours
            return {
                "column": evidence.id,
                "split": one.split or "all splits together",
                "score": max(one.rank, one.neighbours),
                "statistic": one.rank if first else one.neighbours,
                "p_value": one.rank_p_value if first else one.neighbours_p_value,
                "measure": rank if first else "excess of equal neighbours",
                "rank_effect": one.rank,
                "neighbour_effect": one.neighbours,
                "repeated_ids": one.repeated,
                "leaks": by_rank or by_neighbours,
            }

        columns = sorted(map(described, evidence.effects), key=lambda c: (not c["leaks"], -c["score"], c["split"]))
        leaking = [column for column in columns if column["leaks"]]
        parts = [f"{c['split']} ({c['measure']} {c['statistic']:.3g})" for c in leaking]
        everywhere = any(one.split is None for one in evidence.effects)
        leaky = {c["split"] for c in leaking}
        first = columns[0]
        chance = not_significant(first["p_value"]) if first["score"] > most else ""
        largest = f"{target.name} does not follow {evidence.id}: the largest effect is {first['score']:.3g}{chance}."
        summary = f"{target.name} follows {evidence.id} in {joined(parts, most=3)}." if parts else largest
        if evidence.one_class and not everywhere:
            summary += f" Not judged, for want of a second class: {joined(evidence.one_class)}."
        summary += aside(target, evidence.unlabelled)
        splits = target_splits(target.splits)
        for i, split in enumerate(splits):
            split["null_keys"] = split["rows"] - target.known(0, i)
        return Judgement(
            observed_value=max(column["score"] for column in columns),
            splits=splits,
            leaked={
                s["name"]: s["rows"] - s["null_keys"] if s["name"] in leaky or (everywhere and leaky) else 0
                for s in splits
            },
            judged=[split["name"] for split in splits],
            summary=summary,
            samples=sorted(leaky),
            details={"columns": columns, "target": described_target(target)},
        )
