"""What columns are like over train and over all rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gx_leakage.gx.blocks import LEAKED, TRAIN, Block, Drawing, Stretch, cell, strip, table

__all__ = ["moments"]

MOST_COLUMNS = 20
MEAN = "var(--ink, #000)"


def moments(details: Mapping[str, Any]) -> Block:
    """Return where each column lies over train and over all rows: its range, its mean, a deviation to both sides."""
    rows = []
    for column in details["columns"][:MOST_COLUMNS]:
        over = {name: column.get(name) for name in ("train", "all")}
        if not all(facts and all(isinstance(fact, (int, float)) for fact in facts.values()) for facts in over.values()):
            continue  # nothing is known of it, or it is infinite
        low, high = (pick(facts[bound] for facts in over.values()) for pick, bound in ((min, "min"), (max, "max")))
        colour = LEAKED if column["leaks"] else TRAIN
        for name, facts in over.items():
            first = name == "train"
            rows.append(
                [
                    cell(column["column"] if first else "", {"font-weight": "bold"}),
                    f"{column['method']}, fitted on {column['fitted_on']}" if first else "",
                    "train" if first else "all rows",
                    *(f"{facts[fact]:.4g}" for fact in ("mean", "std", "min")),
                    _spread(facts, low, high, colour),
                    f"{facts['max']:.4g}",
                ]
            )
    return table(
        ["Column", "Trace", "Over", "Mean", "Deviation", "Smallest", "Range, a deviation about the mean", "Largest"],
        rows,
    )


def _spread(facts: Mapping[str, float], low: float, high: float, colour: str) -> Drawing:
    def place(number: float) -> float:
        # Halves, as the difference of two large numbers may be infinite.
        return min(1.0, max(0.0, (number / 2 - low / 2) / (high / 2 - low / 2))) if high > low else 0.5

    mean, deviation = facts["mean"], facts["std"]
    return strip(
        [
            Stretch(place(facts["min"]), place(facts["max"]), colour, 0.2),
            Stretch(
                place(max(mean - deviation, facts["min"])), place(min(mean + deviation, facts["max"])), colour, 0.6
            ),
            Stretch(place(mean), place(mean), MEAN),
        ]
    )
