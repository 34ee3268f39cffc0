"""Evidence in plain words, and in the shape that results have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gx_leakage.disclosure import value
from gx_leakage.gx.expectation import Judgement
from gx_leakage.leaks.association.contingency import rounded
from gx_leakage.leaks.association.evidence import Association, ColumnAssociation
from gx_leakage.leaks.association.targets import TargetSplit
from gx_leakage.leaks.overlap.evidence import Overlap, SplitOverlap
from gx_leakage.leaks.timeline.evidence import Timeline

__all__ = [
    "SIGNIFICANT", "association_judgement", "joined", "named_samples", "overlap_details", "overlap_splits",
    "overlap_summary", "relation_words", "target_splits", "timeline_summary",
]  # fmt: skip

SIGNIFICANT = 0.001
"""An association that independent columns show less often than this is no chance."""


def joined(names: Sequence[str], most: int = 5) -> str:
    """Return the names as a list in a sentence."""
    shown = [*names[:most], *([f"{len(names) - most} more"] if len(names) > most else [])]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def overlap_details(evidence: Overlap, train: str) -> dict[str, Any]:
    """Return the pairs of splits that share keys, and the damage that train's can do."""
    damage: dict[str, Any] = {}
    if evidence.damage is not None:
        found = evidence.damage
        right = "" if found.accuracy is None else f", {100 * found.accuracy:.3g} % of them rightly"
        damage["damage"] = {
            "answered_rows": found.answered,
            "answered_share": rounded(found.share),
            "accuracy": None if found.accuracy is None else rounded(found.accuracy),
            "largest_inflation": rounded(found.inflation),
            "summary": f"A look-up table of {train} would answer {100 * found.share:.3g} % of the judged rows{right}: "
            f"an accuracy can be too high by {100 * found.inflation:.3g} percentage points at most.",
        }
    single = {"compared_as_float32": list(evidence.single_columns)} if evidence.single_columns else {}
    return (
        damage
        | single
        | {
            "overlap": [
                {
                    "splits": list(pair.splits),
                    "keys": pair.keys,
                    "rows": dict(zip(pair.splits, pair.rows, strict=True)),
                }
                for pair in evidence.pairs
            ]
        }
    )


def overlap_splits(evidence: Overlap) -> list[dict[str, Any]]:
    """Return the splits with their rows and distinct keys."""
    return [
        {"name": split.name, "rows": split.rows, "null_keys": split.null_keys, "keys": split.keys}
        for split in evidence.splits
    ]


def named_samples(evidence: Overlap) -> list[Any]:
    """Return shared keys: the plain value of a single column, a mapping of several."""
    if len(evidence.columns) == 1:
        return [sample[0] for sample in evidence.samples]
    return [dict(zip(evidence.columns, sample, strict=True)) for sample in evidence.samples]


def overlap_summary(evidence: Overlap, train: str, what: str, unit: str) -> str:
    """Return one sentence on the worst pair of splits; ``unit`` is what is counted, ``"keys"`` or ``"rows"``."""
    splits = {split.name: split for split in evidence.splits}
    unknown = [f"{split.null_keys:,} rows in {split.name}" for split in evidence.splits if split.null_keys]
    not_checked = f" Without a key, and so not checked, are {joined(unknown)}." if unknown else ""

    def counted(split: SplitOverlap) -> int:
        return split.keys if unit == "keys" else split.rows

    if not evidence.pairs:
        total = sum(counted(split) for name, split in splits.items() if name != train)
        return f"None of the {total:,} {what} in {_others(splits, train)} is in another split.{not_checked}"
    sentences = []
    for pair in evidence.pairs:
        # The judged split of the two, seen from the other one.
        position = 1 if pair.splits[0] == train or pair.splits[1] != train else 0
        judged, other = pair.splits[position], pair.splits[1 - position]
        count = pair.keys if unit == "keys" else pair.rows[position]
        sentences.append((count, f"{count:,} of {counted(splits[judged]):,} {what} in {judged} are also in {other}"))
    first, *rest = [sentence for _, sentence in sorted(sentences, key=lambda s: -s[0])]
    return f"{first}{f'; {joined(rest, most=2)}' if rest else ''}.{not_checked}"


def _others(splits: dict[str, SplitOverlap], train: str) -> str:
    return joined([name for name in splits if name != train])


def timeline_summary(evidence: Timeline, column: str) -> str:
    """Return one sentence on the split with the most early rows, and what was not looked at."""
    splits = {split.name: split for split in evidence.splits}
    left_out = [name for name in splits if name not in evidence.order]
    unknown = [f"{splits[n].null_keys:,} rows in {n}" for n in evidence.order if splits[n].null_keys]
    aside = f" Not looked at, for the order does not name them: {joined(left_out)}." if left_out else ""
    aside += f" Without {column}, and so not checked, are {joined(unknown)}." if unknown else ""
    if not evidence.early:
        return f"{joined(evidence.order)} follow one another in {column}.{aside}"
    worst = max(evidence.early, key=lambda pair: pair.rows)
    earlier, later = worst.splits
    gap = f" plus {evidence.gap}" if evidence.gap else ""
    others = len(evidence.early) - 1
    more = f" (and {others} more pair{'s' if others > 1 else ''} of splits are not in order)" if others else ""
    return (
        f"{worst.rows:,} of {splits[later].rows:,} rows in {later} are not after {value(splits[earlier].last)}{gap}, "
        f"the last {column} of {earlier}{more}.{aside}"
    )


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
