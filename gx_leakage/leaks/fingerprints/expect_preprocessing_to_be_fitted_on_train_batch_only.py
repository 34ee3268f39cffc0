"""A scaler, imputer or PCA that saw the test set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Union

from great_expectations.compatibility import pydantic

from gx_leakage.disclosure import value
from gx_leakage.gx.blocks import Block
from gx_leakage.gx.expectation import CrossBatchExpectation, Judgement, Texts
from gx_leakage.gx.planning import Given, NotPlannedError
from gx_leakage.gx.words import joined
from gx_leakage.leaks.fingerprints import evidence
from gx_leakage.leaks.fingerprints.evidence import ALL, EACH, METHODS, TRAIN, UNKNOWN, ColumnTrace, Fingerprints
from gx_leakage.leaks.fingerprints.picture import moments
from gx_leakage.sql.keys import NUMBERS

__all__ = ["ExpectPreprocessingToBeFittedOnTrainBatchOnly"]


class ExpectPreprocessingToBeFittedOnTrainBatchOnly(CrossBatchExpectation):
    """Expect scalers, imputers and components to have been fitted on train alone.

    A transform that is fitted on all rows carries the test split's mean, bounds or covariance into train. How much that
    flatters the score depends on the data; a score of a pipeline that production cannot have is none.

    A fit leaves exact traces over the rows that it saw: mean 0 and variance 1 (divided by n or n - 1); smallest and
    largest value 0 and 1, or -1 and 1; largest absolute value 1; median 0 and quartiles 1 apart; a spike at the mean or
    the median; components without correlation. A column leaks when it has such a trace over train and other splits
    together (``fitted_on`` is ``"all"``), or in each split by itself (``"each"``), and not over train alone
    (``"train"``). Tolerances follow the precision that numbers are stored with: float64, float32, rounded to decimals.
    A column without a trace is ``"unknown"`` and said to be; so is one of which train holds the bounds of all rows, for
    a fit on train and one on all rows are the same then. Columns of whole numbers come from no scaler.

    Args:
        columns: The columns that are looked at. None: all numbers that the splits have in common.
        methods: What is looked for: ``"standard"``, ``"minmax"``, ``"maxabs"``, ``"robust"``, ``"impute"``, ``"pca"``.

    The observed value is the number of columns that leak. See the page ``fit_transform_on_test`` of the handbook.
    """

    columns: Union[Texts, None] = pydantic.Field(default=None, description="The columns that are looked at.")
    methods: Texts = pydantic.Field(
        default=list(METHODS), description="The kinds of preprocessing that are looked for."
    )

    case: ClassVar[str] = "fit_transform_on_test"
    evidence: ClassVar[Any] = evidence
    checks: ClassVar[str] = "what preprocessing was fitted on"
    sentence: ClassVar[str] = "What was done to $columns ($methods) must have been fitted on $train alone."
    sentence_arguments: ClassVar[tuple[str, ...]] = ("columns", "methods", "train")

    class Config:
        title = "Expect preprocessing to be fitted on train batch only"

    def question(self, samples: int) -> dict[str, Any]:
        """Ask what each column's preprocessing was fitted on."""
        return {"columns": self.columns, "methods": list(self.methods), "train": self.train}

    def judge(self, evidence: Fingerprints) -> Judgement:
        """Take a column that was fitted on more than train for a leak."""
        order = {ALL: 0, EACH: 1, TRAIN: 2}
        columns = sorted(evidence.columns, key=lambda one: (order.get(one.fitted_on, 3), one.column))
        leaking = [one for one in columns if one.fitted_on in (ALL, EACH)]
        clean = [one.column for one in columns if one.fitted_on == TRAIN]
        unknown = [one.column for one in columns if one.fitted_on == UNKNOWN and one.method is None]
        either = [one.column for one in columns if one.fitted_on == UNKNOWN and one.method is not None]
        parts = []
        if leaking:
            parts.append(self._words(leaking))
        if clean:
            parts.append(f"{joined(clean)} {'was' if len(clean) == 1 else 'were'} fitted on {self.train} alone")
        if either:
            parts.append(
                f"{joined(either)} may have been fitted on {self.train} alone or with others, which comes to the same"
            )
        if unknown:
            parts.append(
                f"no trace of a fit in {joined(unknown)}, which {'is' if len(unknown) == 1 else 'are'} unknown"
            )
        summary = "; ".join(parts)
        return Judgement(
            observed_value=len(leaking),
            splits=[{"name": split.name, "rows": split.rows} for split in evidence.splits],
            leaked={s.name: s.rows if any(s.name in one.splits for one in leaking) else 0 for s in evidence.splits},
            summary=f"{summary[0].upper() if parts[0].startswith('no trace') else summary[0]}{summary[1:]}.",
            samples=sorted(one.column for one in leaking),
            details={
                "columns": [
                    {
                        "column": one.column,
                        "method": one.method or "not scaled",
                        "fitted_on": one.fitted_on,
                        "fitted_splits": list(one.splits),
                        "train": value(one.train),
                        "all": value(one.all),
                        "leaks": one in leaking,
                    }
                    for one in columns
                ]
            },
        )

    def _words(self, leaking: list[ColumnTrace]) -> str:
        found: dict[tuple[str | None, tuple[str, ...], str], list[str]] = {}
        for one in leaking:
            found.setdefault((one.method, one.splits, one.fitted_on), []).append(one.column)
        parts = [
            f"{joined(names)} {'was' if len(names) == 1 else 'were'} fitted ({method}) on "
            f"{joined(splits)}{' together' if how == ALL else ', each by itself'}"
            for (method, splits, how), names in found.items()
        ]
        return joined(parts, most=3)

    @classmethod
    def planned(cls, given: Given) -> list[dict[str, Any]]:
        """Return the check of the features that are numbers, or of all numbers."""
        common = [c for c in given.relations.common_columns() if c not in given.excluded]
        numbers = given.hold_only(given.columns("feature") or common, NUMBERS)
        if not numbers:
            raise NotPlannedError("a feature of numbers")
        if given.train not in given.relations.names:
            raise NotPlannedError(f"a split called {given.train}")
        return [{"columns": numbers}]

    @classmethod
    def picture(cls, details: Mapping[str, Any]) -> list[Block]:
        """Return what the evidence looks like."""
        return [moments(details)] if details["columns"] else []
