"""When splits are, which features are late, and which frames lie side by side."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Any

from gx_leakage.gx.blocks import LEAKED, TRAIN, Block, Stretch, cell, filled, strip, table

__all__ = ["frame_line", "late_features", "made_of_later_rows", "time_lines"]


MOST_FRAMES = 30
MIDNIGHT = " 00:00:00"


def time_lines(splits: Sequence[Mapping[str, Any]], order: Sequence[str], late: set[str]) -> Block:
    """Return when each split is; the ``late`` ones are red where they begin before an earlier one has ended."""
    in_order = [split for name in order for split in splits if split["name"] == name]
    bounds = {split["name"]: (_position(split["first"]), _position(split["last"])) for split in in_order}
    known = {name: (first, last) for name, (first, last) in bounds.items() if first is not None and last is not None}
    low, high = (
        (min(first for first, _ in known.values()), max(last for _, last in known.values())) if known else (0, 0)
    )
    width = (high - low) or 1
    rows = []
    days = all(str(split[bound]).endswith(MIDNIGHT) for split in in_order for bound in ("first", "last"))
    ended = -1.0
    for split in in_order:
        stretches = []
        if split["name"] in known:
            first, last = ((moment - low) / width for moment in known[split["name"]])
            stretches.append(Stretch(first, last, TRAIN))
            if split["name"] in late and first <= ended:
                stretches.append(Stretch(first, min(last, ended), LEAKED))
            ended = max(ended, last)
        first_shown, last_shown = (split[b].removesuffix(MIDNIGHT) if days else split[b] for b in ("first", "last"))
        rows.append([cell(split["name"], {"font-weight": "bold"}), first_shown, strip(stretches), last_shown])
    title = "Red: before an earlier one has ended" if late else ""
    return table(["Split", "First", title, "Last"], rows)


def late_features(details: Mapping[str, Any]) -> Block:
    """Return in which share of the rows each feature is late, as bars."""
    total = sum(split["rows"] for split in details["splits"])
    rows = []
    for feature in details["features"]:
        share = feature["rows"] / total if total else 0.0
        late = (filled(share, LEAKED), f"{100 * share:.3g} %", feature["rows"])
        rows.append([feature["feature"], *late, feature["available_at"]])
    return table(["Feature", "", "Share", "Late rows", "Known from"], rows)


def made_of_later_rows(details: Mapping[str, Any]) -> Block:
    """Return what each feature is made of, and in which share of the rows."""
    rows = []
    for column in details["columns"]:
        share = (filled(column["share"], LEAKED), f"{100 * column['share']:.4g} %")
        rows.append([column["column"], *share, column["relation"]])
    return table(["Feature", "", "Share", "What it is"], rows)


def frame_line(details: Mapping[str, Any]) -> Block:
    """Return the frames around the first leaked one, a row a split, so that neighbours stand side by side."""
    numbers = sorted({one["frame"] for one in details["sequence"]})[:MOST_FRAMES]
    held = {(one["split"], one["frame"]) for one in details["sequence"]}
    judged = {one["split"] for one in details["frames"]}
    width = 1 / len(numbers)
    rows = []
    for split in details["splits"]:
        name = split["name"]
        colour = LEAKED if name in judged else TRAIN
        places = [place for place, number in enumerate(numbers) if (name, number) in held]
        stretches = [Stretch(place * width, (place + 0.85) * width, colour) for place in places]
        rows.append([cell(name, {"font-weight": "bold"}), strip(stretches)])
    return table(["Split", f"Frames {numbers[0]} to {numbers[-1]} of the first leaking sequence"], rows)


def _position(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, (int, float)):
        return float(value)
    try:
        moment = dt.datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", value))
    except ValueError:
        return None  # infinity, or a year that Python has not
    return moment.replace(tzinfo=moment.tzinfo or dt.timezone.utc).timestamp()
