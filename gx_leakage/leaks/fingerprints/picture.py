"""What columns are like over train and over all rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gx_leakage.gx.blocks import EMPTY, LEAKED, STEPS, TRAIN, Block, cell, pixel, table

__all__ = ["moments"]

MOST_COLUMNS = 20


def moments(details: Mapping[str, Any]) -> Block:
    """Return from where to where each column goes over train and over all rows, and where its mean is."""
    rows = []
    for column in details["columns"][:MOST_COLUMNS]:
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
                colour = LEAKED if column["leaks"] else TRAIN
                row.append(pixel("#000" if mean else colour if inside else EMPTY))
            rows.append([*row, cell(f"{facts['max']:.4g}")])
    return table(["Column", "Trace", "Over", "Mean", "Deviation", "Smallest", *([""] * STEPS), "Largest"], rows)
