"""The order of splits in time, in plain words."""

from __future__ import annotations

from gx_leakage.disclosure import value
from gx_leakage.gx.words import joined
from gx_leakage.leaks.timeline.evidence import Timeline

__all__ = ["timeline_summary"]


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
