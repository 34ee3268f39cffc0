"""Equal features, different targets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Union

from great_expectations.compatibility import pydantic
from great_expectations.expectations.metadata_types import FailureSeverity

from gx_leakage.gx.blocks import LEAKED, Block, filled, table
from gx_leakage.gx.expectation import CrossBatchExpectation, Judgement, Parameter, Text, Texts
from gx_leakage.gx.planning import Given, NotPlannedError
from gx_leakage.gx.words import joined
from gx_leakage.leaks.overlap import conflicts
from gx_leakage.leaks.overlap.conflicts import Conflicts
from gx_leakage.sql.keys import Family
from gx_leakage.sql.values import rounded

__all__ = ["ExpectNoConflictingLabelsForIdenticalRows"]

FEWEST_COMPARED = 2
"""How many features an audit compares at least: rows that agree on one column alone are no one thing."""

AUDITED_SHARE = 0.1
"""The ``max_repeated_share`` of an audit. Of 842 tables of R's packages, each with a column of 2 to 6 values as the
target, 24 % have conflicts; 7 % have them where at most this share of the rows repeats."""


class ExpectNoConflictingLabelsForIdenticalRows(CrossBatchExpectation):
    """Expect rows that are equal on the features to carry one target.

    A model gives one answer for one row of features: where these have several targets, it is wrong in some of the rows
    whatever it does. Either labels are wrong (3.3 % of those of ten common test sets on average: Northcutt et al. 2021,
    arXiv 2103.14749), one thing was labelled twice, or the features do not tell the rows apart. A score above the most
    that can be had knows more than the features.

    Rows of all splits are judged, within a split and across. NULL equals NULL in the features; a row without a target
    says nothing: ``null_keys``. ``details["most_accurate"]`` is the accuracy that no model exceeds that sees the
    features alone: 1 less the share of rows that do not have the most frequent target of their features. Counts are
    exact.

    Args:
        target_column: The column that is to be predicted.
        columns: The features; None for all that the splits have in common.
        exclude_columns: Columns that are no features, such as ids and load times.
        max_repeated_share: Where a larger share of the rows has features that other rows have too, the features tell
            kinds of things and not things: conflicts are noted, and not suspected. By default all are suspected; an
            audit asks with 0.1.
        normalize: How features are made comparable, any of ``"text"``, ``"nfc"``, ``"trim"``, ``"casefold"``.

    The observed value is the number of distinct rows of features with several targets. See the page
    ``conflicting_labels`` of the handbook.
    """

    severity: FailureSeverity = pydantic.Field(default=FailureSeverity.WARNING, description="How bad a leak is.")
    target_column: Text = pydantic.Field(description="The column that is to be predicted.")
    columns: Union[Texts, None] = pydantic.Field(
        default=None, description="The features; None for all columns that the splits have in common."
    )
    exclude_columns: Texts = pydantic.Field(default=[], description="Columns that are no features.")
    max_repeated_share: Union[float, Parameter] = pydantic.Field(
        default=1.0,
        description="Where a larger share of the rows has features that others have too, conflicts are only noted.",
    )
    normalize: Union[Texts, None] = pydantic.Field(
        default=None, description="How features are made comparable: 'text', 'nfc', 'trim', 'casefold'."
    )

    case: ClassVar[str] = "conflicting_labels"
    evidence: ClassVar[Any] = conflicts
    checks: ClassVar[str] = "conflicting labels"
    place: ClassVar[int] = 60
    fewest_splits: ClassVar[int] = 1
    roles: ClassVar[Mapping[str, str]] = {"target_column": "target"}
    optional_roles: ClassVar[Mapping[str, str]] = {"normalize": "normalize"}
    how_to_tell: ClassVar[str] = (
        "Do such rows show one thing that was labelled twice? Then a label is wrong, or the thing is in several "
        "splits. Things that the features do not tell apart are honest, and bound what any model can score."
    )
    sentence: ClassVar[str] = "Rows that are equal on $columns must have one $target_column."
    sentence_arguments: ClassVar[tuple[str, ...]] = ("columns", "target_column", "exclude_columns")
    of_split: ClassVar[Mapping[str, str]] = {
        "null_keys": "Rows without a target",
        "minority": "Rows that cannot be got right",
    }

    class Config:
        title = "Expect no conflicting labels for identical rows"

    def question(self, samples: int) -> dict[str, Any]:
        """Ask which features have several targets."""
        return {
            "target": self.target_column,
            "columns": None if self.columns is None else list(self.columns),
            "exclude": list(self.exclude_columns),
            "normalize": list(self.normalize or ()),
            "samples": samples,
        }

    def judge(self, evidence: Conflicts) -> Judgement:
        """Suspect every row whose features have another target too."""
        coarse = evidence.repeated_share > float(self.max_repeated_share)  # type: ignore[arg-type]
        return Judgement(
            observed_value=evidence.keys,
            splits=[
                {"name": s.name, "rows": s.rows, "null_keys": s.unknown, "minority": s.minority}
                for s in evidence.splits
            ],
            leaked={split.name: 0 if coarse else split.conflicting for split in evidence.splits},
            summary=_summary(evidence, str(self.target_column), coarse),
            samples=[
                {**dict(zip(evidence.columns, features, strict=True)), "targets": count, "of": [first, last]}
                for features, count, first, last in evidence.samples
            ],
            details={
                "target": self.target_column,
                "compared": list(evidence.columns),
                "left_out": evidence.left_out,
                "conflicts": {
                    "rows_of_features": evidence.keys,
                    "in_several_splits": evidence.keys_across,
                    "rows": {split.name: split.conflicting for split in evidence.splits},
                },
                "repeated_share": rounded(evidence.repeated_share),
                "most_accurate": {
                    "all": rounded(evidence.most_accurate),
                    **{split.name: rounded(split.most_accurate) for split in evidence.splits if split.rows},
                },
            },
            query=evidence.leaked_rows_query,
            judged=[split.name for split in evidence.splits],
        )

    @classmethod
    def planned(cls, given: Given) -> list[dict[str, Any]]:
        """Return the check of the features, or of all columns that have no other role, against a target of classes."""
        (arguments,) = given.arguments(cls.roles, cls.optional_roles)
        target = given["target"]
        if not given.hold_only([target], set(Family) - {Family.FLOAT, Family.DECIMAL}):
            raise NotPlannedError("a target of classes")
        columns = given.columns("feature")
        common = given.relations.having(target).common_columns()
        aside = [column for column in given.aside if column in common]
        if not columns and len(set(common) - {*aside, target}) < FEWEST_COMPARED:
            raise NotPlannedError("several columns without a role")
        of = {"columns": columns or None, "exclude_columns": [] if columns else aside}
        return [arguments | of | {"max_repeated_share": AUDITED_SHARE}]

    @classmethod
    def picture(cls, details: Mapping[str, Any]) -> list[Block]:
        """Return the share of each split's rows that conflict, and that cannot be got right."""
        rows = []
        for split in details["splits"]:
            known = split["rows"] - split["null_keys"]
            for word, count in (
                ("conflict", details["conflicts"]["rows"][split["name"]]),
                ("cannot be got right", split["minority"]),
            ):
                share = count / known if known else 0.0
                rows.append([split["name"], word, f"{100 * share:.3g} %", filled(share, LEAKED)])
        return [table(["Split", "Rows that", "Share", ""], rows)]


def _summary(evidence: Conflicts, target: str, coarse: bool) -> str:
    """Return one sentence on the rows, and one on what no model can get right."""
    rows = sum(split.conflicting for split in evidence.splits)
    unknown = [f"{split.unknown:,} rows in {split.name}" for split in evidence.splits if split.unknown]
    aside = f" Without {target}, and so not checked, are {joined(unknown)}." if unknown else ""
    if not rows:
        return f"No row of {evidence.known:,} has features that have another {target} elsewhere.{aside}"
    worst = min(evidence.splits, key=lambda split: split.most_accurate)
    in_split = f", and in more than {_percent(worst.most_accurate)} of those in {worst.name}" if worst.minority else ""
    note = (
        f" These features are shared by {_percent(evidence.repeated_share)} of the rows: they tell kinds of things, "
        f"and not things, so that this is no sign of wrong labels."
        if coarse
        else ""
    )
    return (
        f"{rows:,} of {evidence.known:,} rows have features that have another {target} elsewhere ({evidence.keys:,} "
        f"distinct rows of features, {evidence.keys_across:,} of them in several splits). No model that sees these "
        f"features alone is right in more than {_percent(evidence.most_accurate)} of all rows{in_split}.{note}{aside}"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.4g} %"
