"""Evidence in plain words, and in the shape that results have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gx_leakage.evidence.overlap import Overlap, SplitOverlap
from gx_leakage.evidence.timeline import Timeline

__all__ = ["joined", "named_samples", "overlap_details", "overlap_splits", "overlap_summary", "timeline_summary"]


def joined(names: Sequence[str], most: int = 5) -> str:
    """Return the names as a list in a sentence."""
    shown = [*names[:most], *([f"{len(names) - most} more"] if len(names) > most else [])]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def overlap_details(evidence: Overlap) -> dict[str, Any]:
    """Return the pairs of splits that share keys."""
    return {
        "overlap": [
            {
                "splits": list(pair.splits),
                "keys": pair.keys,
                "rows": dict(zip(pair.splits, pair.rows, strict=True)),
            }
            for pair in evidence.pairs
        ]
    }


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
    """Return one sentence on the split with the most early rows."""
    splits = {split.name: split for split in evidence.splits}
    if not evidence.early:
        return f"{joined(evidence.order)} follow one another in {column}."
    worst = max(evidence.early, key=lambda pair: pair.rows)
    earlier, later = worst.splits
    gap = f" plus {evidence.gap}" if evidence.gap else ""
    others = len(evidence.early) - 1
    more = f" (and {others} more pair{'s' if others > 1 else ''} of splits are not in order)" if others else ""
    return (
        f"{worst.rows:,} of {splits[later].rows:,} rows in {later} are not after {splits[earlier].last}{gap}, "
        f"the last {column} of {earlier}{more}."
    )
