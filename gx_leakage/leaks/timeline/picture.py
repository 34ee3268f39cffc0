"""When splits are, which features are late, and which frames lie side by side."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Any

from gx_leakage.gx.blocks import EMPTY, LEAKED, STEPS, TRAIN, Block, bar, cell, pixel, table

__all__ = ["frame_line", "late_features", "time_lines"]


def time_lines(splits: Sequence[Mapping[str, Any]], order: Sequence[str], late: set[str]) -> Block:
    """Return when each split is; the ``late`` ones are red where they begin before an earlier one has ended."""
    in_order = [split for name in order for split in splits if split["name"] == name]
    bounds = [(_position(split["first"]), _position(split["last"])) for split in in_order]
    known = [bound for bound in bounds if None not in bound]
    if not known:
        return table(["Time"], [])
    low = min(first for first, _ in known)  # type: ignore[type-var]
    high = max(last for _, last in known)  # type: ignore[type-var]
    width = (high - low) / STEPS or 1  # type: ignore[operator]
    rows = []
    ended = None
    for split, (first, last) in zip(in_order, bounds, strict=True):
        row = [cell(split["name"], {"font-weight": "bold"}), cell(split["first"])]
        for step in range(STEPS):
            start = low + step * width  # type: ignore[operator]
            inside = first is not None and first <= start + width and last >= start  # type: ignore[operator]
            too_early = inside and split["name"] in late and ended is not None and start <= ended
            colour = LEAKED if too_early else TRAIN if inside else EMPTY
            row.append(pixel(colour))
        row.append(cell(split["last"]))
        rows.append(row)
        ended = last if ended is None else max(ended, last or ended)
    return table(["Split", "First", *([""] * STEPS), "Last"], rows)


def late_features(details: Mapping[str, Any]) -> Block:
    """Return in which share of the rows each feature is late, as bars."""
    total = sum(split["rows"] for split in details["splits"])
    rows = []
    for feature in details["features"]:
        share = feature["rows"] / total if total else 0.0
        rows.append(
            [feature["feature"], feature["available_at"], feature["rows"], f"{100 * share:.3g} %", *bar(share, LEAKED)]
        )
    return table(["Feature", "Known from", "Late rows", "Share", *([""] * STEPS)], rows)


def frame_line(details: Mapping[str, Any]) -> Block:
    """Return the frames around the first leaked one, a row a split, so that neighbours stand side by side."""
    numbers = sorted({one["frame"] for one in details["sequence"]})[:STEPS]
    held = {(one["split"], one["frame"]) for one in details["sequence"]}
    judged = {one["split"] for one in details["frames"]}
    rows = []
    for split in details["splits"]:
        name = split["name"]
        colour = LEAKED if name in judged else TRAIN
        cells = [pixel(colour if (name, number) in held else EMPTY) for number in numbers]
        rows.append([cell(name, {"font-weight": "bold"}), *cells])
    return table([f"Frames {numbers[0]} to {numbers[-1]} of the first leaking sequence", *([""] * len(numbers))], rows)


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
