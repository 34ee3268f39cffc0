"""What columns say about the target, in plain words and in the shape that results have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gx_leakage.disclosure import value
from gx_leakage.gx.expectation import Judgement
from gx_leakage.gx.words import joined
from gx_leakage.leaks.association.evidence import Association, ColumnAssociation
from gx_leakage.leaks.association.exact import Exact
from gx_leakage.leaks.association.targets import Target, TargetSplit

__all__ = ["SIGNIFICANT", "aside", "association_judgement", "described_target", "not_significant", "target_splits"]

SIGNIFICANT = 0.001
"""An association that independent columns show less often than this is no chance."""


def target_splits(splits: Sequence[TargetSplit]) -> list[dict[str, Any]]:
    """Return the splits with their rows, and those in which the target is not known."""
    return [{"name": split.name, "rows": split.rows, "null_keys": split.unknown} for split in splits]


def described_target(target: Target) -> dict[str, Any]:
    """Return the target and how it was read: in how many classes, or (None) as a number."""
    return {"column": target.name, "classes": len(target.classes) or None}


def aside(
    target: Target,
    unlabelled: Sequence[str],
    left_out: Sequence[str] = (),
    why: str = "Not measured, as neither categories nor in any order",
) -> str:
    """Return what else there is to say of what was judged: how the target was read, which splits and columns not."""
    parts = []
    if target.doubtful:
        read = "classes" if target.classes else "a number"
        parts.append(f" {target.name}, {target.doubtful} whole numbers, was taken for {read}.")
    if unlabelled:
        parts.append(f" Not judged: {joined(unlabelled)}, without {target.name}.")
    if left_out:
        parts.append(f" {why}: {joined(left_out)}.")
    return "".join(parts)


_IMAGES = {
    "copy": "{column} is a copy of {target}",
    "1 - target": "{column} is 1 - {target}",
    "recoding": "{column} is {target} in other words, one to one",
    "codes": "every value of {column} stands for one class of {target}",
    "one-hot": "{column} is one class of {target} ({label}), one-hot",
    "own value": "{column} is {own} exactly where {target} is {label}",
    "one value": "{column} has a value of its own exactly where {target} is {label}",
    "unusual": "{column} has another value than its usual one exactly where {target} is {label}",
    "gaps": "{column} is NULL exactly where {target} is {label}",
    "known": "{column} is known exactly where {target} is {label}",
    "filled": "{column} is known only where {target} is {label}",
    "monotone": "{column} is {target} on another scale, one to one and in one order, in {steps:,} steps",
    "rounded": "{column} is {target} on another scale and rounded, in one order in {steps:,} steps",
    "rounding": "{target} is {column} on another scale and rounded, in one order in {steps:,} steps",
    "one order": "{column} and {target} are in one order in {steps:,} steps, as two roundings of one number are",
}


def image_words(column: str, exact: Exact, target: str) -> str:
    """Return what of the target a column is an image of."""
    if "*" in exact.relation:
        line = f"{target} is a linear function of {column}: {value(exact.relation)}"
        return f"{line}, where {column} is known" if exact.where_known else line
    words = _IMAGES["own value" if exact.own is not None else exact.relation].format(
        column=column, target=target, label=value(exact.label), own=value(exact.own), steps=exact.steps
    )
    return f"{words}, where it is known" if exact.where_known else words


def not_significant(p_value: float) -> str:
    """Return what is said of a figure that is large and may be chance."""
    return f", which is not significant (p = {p_value:.2g})"


def association_judgement(
    evidence: Association,
    *,
    measure: str,
    score: Callable[[ColumnAssociation], float],
    above: Callable[[ColumnAssociation], bool],
    words: Callable[[ColumnAssociation], str],
    clean: str,
    decides: str,
    ranks: bool = False,
) -> Judgement:
    """Return what columns say about the target, those that leak and the strongest first.

    Args:
        evidence: What was measured of each column.
        measure: The name of the score.
        score: The score of a column.
        above: Whether that is more than is tolerated.
        words: What a column is said to do that is above it, which is a suspicion.
        clean: What is said where none leaks.
        decides: What would decide whether a suspicion is true.
        ranks: Whether the score of the target's ranks is shown, too.
    """

    def leaks(one: ColumnAssociation) -> bool:
        return one.exact is not None or (above(one) and one.p_value < SIGNIFICANT)

    columns = sorted(evidence.columns, key=lambda one: (not leaks(one), -score(one), one.column))
    leaking = [one for one in columns if leaks(one)]
    best = columns[0]
    proofs = [image_words(one.column, one.exact, evidence.target.name) for one in leaking if one.exact is not None]
    suspicions = [words(one) for one in leaking if one.exact is None]
    parts = [f"{joined(proofs, most=3)}."] if proofs else []
    if suspicions:
        parts.append(f"{joined(suspicions, most=3)}: a suspicion, no proof. What decides is {decides}.")
    if not leaking:
        chance = f"{' beyond chance' if above(best) else ''}"
        highest = f"the highest is {score(best):.3g}, of {best.column}"
        parts.append(f"{clean}{chance}: {highest}{not_significant(best.p_value) if above(best) else ''}.")
    summary = " ".join(parts)
    summary += aside(evidence.target, evidence.unlabelled, evidence.left_out)
    splits = target_splits(evidence.target.splits)
    described = []
    for one in columns:
        of_column: dict[str, Any] = {
            "column": one.column, "score": score(one), "statistic": one.statistic, "p_value": one.p_value,
            "measure": measure, "bins": one.bins, "leaks": leaks(one),
        }  # fmt: skip
        relation = one.exact.relation if one.exact is not None else None
        # The numbers of a straight line are those of the data.
        of_column["relation"] = value(relation) if "*" in str(relation) else relation
        if one.exact is not None and one.exact.where_known:
            of_column["where_known"] = True
        if ranks and not evidence.target.classes:
            of_column["rank_score"] = one.rank_score
        if one.exact is not None:
            of_column["severity"] = "critical"
        if one.by_split:
            of_column["splits"] = dict(one.by_split)
        described.append(of_column)
    details: dict[str, Any] = {
        "columns": described,
        "target": described_target(evidence.target),
        "left_out": list(evidence.left_out),
    }
    if proofs:
        details["severity"] = "critical"
    return Judgement(
        observed_value=max(score(one) for one in columns),
        splits=splits,
        leaked={s["name"]: s["rows"] - s["null_keys"] if leaking else 0 for s in splits},
        judged=[split["name"] for split in splits],
        summary=summary[0].upper() + summary[1:] if summary.startswith("gaps") else summary,
        samples=sorted(one.column for one in leaking),
        details=details,
    )
