"""The order of splits in time, and features that are made of later rows, in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gx_leakage.disclosure import value
from gx_leakage.gx.words import joined
from gx_leakage.leaks.timeline.evidence import Timeline
from gx_leakage.leaks.timeline.rolling import Lookahead

__all__ = ["lookahead_summary", "timeline_summary"]


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


def lookahead_summary(evidence: Lookahead, columns: Sequence[Mapping[str, Any]]) -> str:
    """Return one sentence on the features that are made of later rows, and what was not looked at."""
    past = "window or weighted mean that reaches past its own"
    clean = f"None of {len(evidence.features):,} features is a value of a later row, or a {past}."
    if len(evidence.features) == 1:
        clean = f"{evidence.features[0]} is no value of a later row, and no {past}."
    said = [clean]
    if columns:
        parts = [f"{c['relation']}, {_how_often(c)}" for c in columns]
        said = [f"{joined(parts, most=3)}."]
    if evidence.own_row:
        said.append(f"Known only when {evidence.base} of the row is: {evidence.own_row[0]}.")
        if len(evidence.own_row) > 1:
            said.append(f"And so are {len(evidence.own_row) - 1:,} more.")
    if evidence.shifted:
        which = [one.relation.words(one.feature) for one in evidence.shifted]
        said.append(f"Not told is which of two is of its own row: {joined(which, most=2)}.")
    unplaced = [f"{s.null_keys:,} in {s.name}" for s in evidence.splits if s.null_keys]
    tied = [f"{s.ties:,} in {s.name}" for s in evidence.splits if s.ties]
    for what, rows in (("Without a place in time", unplaced), ("At one time with another row", tied)):
        if rows:
            said.append(f"{what}, and so not checked, are {joined(rows)}.")
    for what, names in (
        ("Not looked at, as no numbers or without values", evidence.left_out),
        ("Too many to be compared with", evidence.not_bases),
        (f"Not judged, without {evidence.base}", evidence.unlabelled),
    ):
        if names:
            said.append(f"{what}: {joined(names)}.")
    return " ".join(said)


def _how_often(column: Mapping[str, Any]) -> str:
    if "rows" not in column:
        return f"which explain {100 * column['share']:.3g} % of what earlier rows do not"
    gaps = " without gaps" if column["without_gaps"] else ""
    return f"in {column['equal']:,} of {column['rows']:,} rows with a whole window{gaps}"
