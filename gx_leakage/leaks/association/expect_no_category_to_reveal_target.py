"""A value that is only there when the outcome is."""

from __future__ import annotations

from typing import Any, ClassVar, Union

from great_expectations.compatibility import pydantic

from gx_leakage.disclosure import value
from gx_leakage.gx.expectation import Judgement, Parameter
from gx_leakage.gx.words import joined
from gx_leakage.leaks.association import pure
from gx_leakage.leaks.association.against_target import FeaturesAgainstTarget
from gx_leakage.leaks.association.pure import Decided, DecidingColumn, Purity
from gx_leakage.leaks.association.words import SIGNIFICANT, aside, described_target, target_splits
from gx_leakage.sql.values import rounded

__all__ = ["ExpectNoCategoryToRevealTarget"]


class ExpectNoCategoryToRevealTarget(FeaturesAgainstTarget):
    """Expect no value, and no interval, to hold rows of one class only.

    A balance is exactly 0 when the loan is paid back; a reason code is written with the outcome: of most rows the
    column says nothing, and a tenth of them it gives away. What scores a whole column sees little of that.

    A column leaks when a value of it, its NULLs, or an interval of it (of up to 64 of equal frequency; a value that
    fills one is by itself) has at least ``min_rows`` rows, all of one class, and more of them than chance allows: if
    the targets were shuffled, any value of any column would be as pure with p < 0.001 (hypergeometric; Bonferroni's
    correction for values, intervals, classes and columns). Beside an interval other classes have to have at least half
    of their usual share: the pure end of a strong feature, to which they go down by and by, is honest. Of a numeric
    target each value is a class.

    Rows of all splits are judged, as far as their target is known; one split is enough.

    Args:
        target_column: The column that is to be predicted.
        columns: The features that are judged. None: all columns that the splits have in common.
        exclude_columns: Columns that are not judged.
        min_rows: The fewest rows of a value, or an interval, that is looked at.

    The observed value is the largest share of rows that a column decides. See the page ``category_reveals_target`` of
    the handbook.
    """

    min_rows: Union[int, Parameter] = pydantic.Field(
        default=20, description="The fewest rows of a value, or an interval, that is looked at."
    )

    case: ClassVar[str] = "category_reveals_target"
    evidence: ClassVar[Any] = pure
    checks: ClassVar[str] = "values that decide the class"
    place: ClassVar[int] = 15
    how_to_tell: ClassVar[str] = (
        "Is the value written because of the outcome, or after it? Then production does not have it when the model "
        "predicts. A kind of row that is of one class by nature is honest."
    )
    sentence: ClassVar[str] = (
        "No value or interval of $columns with at least $min_rows rows may decide $target_column by itself."
    )
    sentence_arguments: ClassVar[tuple[str, ...]] = ("columns", "target_column", "min_rows", "exclude_columns")

    class Config:
        title = "Expect no category to reveal target"

    @pydantic.validator("min_rows")
    def _some_rows(cls, value: Any) -> Any:  # noqa: N805 (a pydantic validator)
        if isinstance(value, int) and value < 2:
            raise ValueError(f"min_rows={value}: a single row is always of one class")
        return value

    def question(self, samples: int) -> dict[str, Any]:
        """Ask which values are of one class only."""
        own = {"min_rows": self.min_rows, "highest_p": SIGNIFICANT, "samples": samples}
        return super().question(samples) | own

    def judge(self, evidence: Purity) -> Judgement:
        """Take a column for suspicious that has such a value."""
        total = evidence.target.known_rows()
        columns = sorted(evidence.columns, key=lambda one: (-one.rows, one.column))
        leaking = [one for one in columns if one.decided]
        name = evidence.target.name
        if leaking:
            summary = f"{joined([_words(one, name, total) for one in leaking], most=3)}."
        else:
            looked_at = sum(one.looked_at for one in columns)
            summary = (
                f"None of {looked_at:,} values and intervals of {len(columns)} columns decides {name} for "
                f"{self.min_rows} rows or more, beyond chance."
            )
        summary += aside(evidence.target, evidence.unlabelled, evidence.left_out)
        splits = target_splits(evidence.target.splits)
        return Judgement(
            observed_value=rounded(columns[0].rows / total),
            splits=splits,
            leaked={s["name"]: s["rows"] - s["null_keys"] if leaking else 0 for s in splits},
            judged=[split["name"] for split in splits],
            summary=summary,
            samples=sorted(one.column for one in leaking),
            details={
                "columns": [_described(one, total) for one in columns],
                "target": described_target(evidence.target),
                "left_out": list(evidence.left_out),
            },
        )


def _words(one: DecidingColumn, target: str, total: int) -> str:
    """Return what of a column decides the class, the largest first."""
    parts = [f"{_what(one.column, decided)} is always {target} {value(decided.label)}" for decided in one.decided[:2]]
    more = len(one.decided) - len(parts)
    rest = f" (and {more} more)" if more else ""
    return f"{' and '.join(parts)}{rest}, which decides {one.rows:,} of {total:,} rows ({one.rows / total:.2g})"


def _what(column: str, decided: Decided) -> str:
    if decided.names == (None,):
        return f"{column} missing"
    if decided.interval:
        low, high = decided.names or ("…", "…")
        return (
            f"{column} = {value(low)}"
            if decided.names and low == high
            else f"{column} from {value(low)} to {value(high)}"
        )
    shown = (
        f"{column} = {value('NULL' if decided.names[0] is None else decided.names[0])}"
        if decided.names
        else f"a value of {column}"
    )
    return shown if decided.values == 1 else f"{shown} or {decided.values - 1} more"


def _described(one: DecidingColumn, total: int) -> dict[str, Any]:
    return {
        "column": one.column,
        "score": rounded(one.rows / total),
        "measure": "share of rows decided",
        "p_value": min((decided.p_value for decided in one.decided), default=None),
        "looked_at": one.looked_at,
        "leaks": bool(one.decided),
        "decided": [
            {
                "class": value(decided.label),
                "rows": decided.rows,
                "values": decided.values,
                "interval": decided.interval,
                "names": [value(named) for named in decided.names],
                "p_value": decided.p_value,
            }
            for decided in one.decided
        ],
    }
