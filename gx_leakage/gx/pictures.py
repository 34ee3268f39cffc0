"""Pictures as HTML tables."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Any

from gx_leakage.gx.blocks import Block, cell, table

__all__ = ["frame_line", "heat_map", "late_features", "moments", "scores", "time_lines"]

STEPS = 30
"""Cells in a line or a bar."""

MOST_BARS = 20


def heat_map(details: Mapping[str, Any]) -> Block:
    """Return who shares how many keys with whom: the darker, the larger the share of the row's own keys."""
    names = [split["name"] for split in details["splits"]]
    keys = {split["name"]: split.get("keys") or 0 for split in details["splits"]}
    shared: dict[frozenset[str], int] = {frozenset(pair["splits"]): pair["keys"] for pair in details["overlap"]}
    rows: list[list[Any]] = [[cell(""), *(cell(name, {"font-weight": "bold"}) for name in names)]]
    for name in names:
        row = [cell(name, {"font-weight": "bold"})]
        for other in names:
            if other == name:
                row.append(cell(f"{keys[name]:,}", {"background-color": "#e9ecef", "text-align": "right"}))
                continue
            count = shared.get(frozenset((name, other)), 0)
            share = count / keys[name] if keys[name] else 0.0
            row.append(cell(f"{count:,} ({100 * share:.3g} %)", _heat(share)))
        rows.append(row)
    return table(["Of the split of each row, also in …"] + [""] * len(names), rows)


def _heat(share: float) -> dict[str, str]:
    if not share:
        return {"background-color": "#e6f4ea", "text-align": "right"}
    lightness = 90 - 50 * min(share, 1.0)
    return {
        "background-color": f"hsl(0, 75%, {lightness:.0f}%)",
        "color": "#fff" if lightness < 60 else "#000",
        "text-align": "right",
    }


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
            colour = "#c0392b" if too_early else "#2471a3" if inside else "#f4f6f7"
            row.append(cell("\u00a0", _bar(colour)))
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
        full = round(STEPS * share) or (1 if share else 0)
        bar = [cell("\u00a0", _bar("#c0392b" if step < full else "#f4f6f7")) for step in range(STEPS)]
        rows.append([feature["feature"], feature["available_at"], feature["rows"], f"{100 * share:.3g} %", *bar])
    return table(["Feature", "Known from", "Late rows", "Share", *([""] * STEPS)], rows)


def frame_line(details: Mapping[str, Any]) -> Block:
    """Return the frames around the first leaked one, a row a split, so that neighbours stand side by side."""
    numbers = sorted({one["frame"] for one in details["sequence"]})[:STEPS]
    held = {(one["split"], one["frame"]) for one in details["sequence"]}
    judged = {one["split"] for one in details["frames"]}
    rows = []
    for split in details["splits"]:
        name = split["name"]
        colour = "#c0392b" if name in judged else "#2471a3"
        cells = [cell("\u00a0", _bar(colour if (name, number) in held else "#f4f6f7")) for number in numbers]
        rows.append([cell(name, {"font-weight": "bold"}), *cells])
    return table([f"Frames {numbers[0]} to {numbers[-1]} of the first leaking sequence", *([""] * len(numbers))], rows)


def scores(details: Mapping[str, Any]) -> Block:
    """Return how much each column says of the target, as bars: red where it leaks."""
    shown = details["columns"][:MOST_BARS]
    rows = []
    for column in shown:
        full = round(STEPS * min(1.0, column["score"]))
        colour = "#c0392b" if column["leaks"] else "#2471a3"
        bar = [cell("\u00a0", _bar(colour if step < full else "#f4f6f7")) for step in range(STEPS)]
        name = f"{column['column']} in {column['split']}" if "split" in column else column["column"]
        p_value = column.get("p_value")
        rows.append(
            [name, column["measure"], f"{column['score']:.3g}", "-" if p_value is None else f"{p_value:.2g}", *bar]
        )
    left = len(details["columns"]) - len(shown)
    title = f"Column ({left} more below these)" if left else "Column"
    return table([title, "Measure", "Score", "p", *([""] * STEPS)], rows)


def moments(details: Mapping[str, Any]) -> Block:
    """Return from where to where each column goes over train and over all rows, and where its mean is."""
    rows = []
    for column in details["columns"][:MOST_BARS]:
        over = {name: column.get(name) for name in ("train", "all")}
        if not all(facts and all(isinstance(fact, (int, float)) for fact in facts.values()) for facts in over.values()):
            continue  # nothing is known of it, or it is infinite
        low, high = (pick(facts[bound] for facts in over.values()) for pick, bound in ((min, "min"), (max, "max")))
        width = (high - low) / STEPS or 1
        for name, facts in over.items():
            first = name == "train"
            row = [
                cell(column["column"] if first else "", {"font-weight": "bold"}),
                cell(f"{column['method']}, fitted on {column['fitted_on']}" if first else ""),
                cell("train" if first else "all rows"),
                cell(f"{facts['mean']:.4g}"),
                cell(f"{facts['std']:.4g}"),
                cell(f"{facts['min']:.4g}"),
            ]
            for step in range(STEPS):
                start = low + step * width
                inside = facts["min"] <= start + width and facts["max"] >= start
                mean = start <= facts["mean"] < start + width
                colour = "#c0392b" if column["leaks"] else "#2471a3"
                row.append(cell("\u00a0", _bar("#000" if mean else colour if inside else "#f4f6f7")))
            rows.append([*row, cell(f"{facts['max']:.4g}")])
    return table(["Column", "Trace", "Over", "Mean", "Deviation", "Smallest", *([""] * STEPS), "Largest"], rows)


def _bar(colour: str) -> dict[str, str]:
    return {"background-color": colour, "padding": "0 3px", "border": "0"}


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
