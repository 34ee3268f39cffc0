"""What columns say about the target, in plain words and in the shape that results have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gx_leakage.disclosure import value
from gx_leakage.gx.expectation import Judgement
from gx_leakage.gx.words import joined
from gx_leakage.leaks.association.evidence import Association, ColumnAssociation
from gx_leakage.leaks.association.targets import TargetSplit

__all__ = ["SIGNIFICANT", "association_judgement", "relation_words", "target_splits"]

SIGNIFICANT = 0.001
"""An association that independent columns show less often than this is no chance."""


def target_splits(splits: Sequence[TargetSplit]) -> list[dict[str, Any]]:
    """Return the splits with their rows, and those in which the target is not known."""
    return [{"name": split.name, "rows": split.rows, "null_keys": split.unknown} for split in splits]


def relation_words(one: ColumnAssociation, target: str) -> str:
    """Return what the target is of a column."""
    if one.relation == "one-hot":
        return f"{one.column} is one class of {target} ({value(one.label)}), one-hot"
    if one.relation == "recoding":
        return f"{one.column} is {target} in other words, one to one"
    if one.relation == "copy":
        return f"{one.column} is a copy of {target}"
    if "*" in str(one.relation):
        return f"{target} is a linear function of {one.column}: {value(one.relation)}"
    return f"{one.column} is 1 - {target}"


def association_judgement(
    evidence: Association,
    *,
    measure: str,
    score: Callable[[ColumnAssociation], float],
    leaks: Callable[[ColumnAssociation], bool],
    words: Callable[[ColumnAssociation], str],
    clean: str,
    relations: bool = False,
) -> Judgement:
    """Return what columns say about the target, those that leak and the strongest first.

    Args:
        evidence: What was measured of each column.
        measure: The name of the score.
        score: The score of a column.
        leaks: Whether a column leaks.
        words: What a leaking column is said to do.
        clean: What is said where none leaks.
        relations: Whether being an exact image of the target makes a leak critical.
    """
    columns = sorted(evidence.columns, key=lambda one: (not leaks(one), -score(one), one.column))
    leaking = [one for one in columns if leaks(one)]
    best = columns[0]
    summary = (
        f"{joined([words(one) for one in leaking], most=3)}."
        if leaking
        else (f"{clean}: the highest is {score(best):.3g}, of {best.column}.")
    )
    if evidence.unlabelled:
        summary += f" Not judged: {joined(evidence.unlabelled)}, without {evidence.target.name}."
    if evidence.left_out:
        summary += f" Not measured, as neither categories nor in any order: {joined(evidence.left_out)}."
    splits = target_splits(evidence.target.splits)
    described = []
    for one in columns:
        of_column: dict[str, Any] = {
            "column": one.column, "score": score(one), "statistic": one.statistic, "p_value": one.p_value,
            "measure": measure, "bins": one.bins, "leaks": leaks(one),
        }  # fmt: skip
        if relations:
            # The numbers of a straight line are those of the data.
            of_column["relation"] = value(one.relation) if "*" in str(one.relation) else one.relation
        if relations and not evidence.target.classes:
            of_column["rank_score"] = one.rank_score
        if one.by_split:
            of_column["splits"] = dict(one.by_split)
        described.append(of_column)
    details: dict[str, Any] = {
        "columns": described,
        "target": {"column": evidence.target.name, "classes": len(evidence.target.classes) or None},
        "left_out": list(evidence.left_out),
    }
    if relations and any(one.relation for one in leaking):
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
