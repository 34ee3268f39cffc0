"""How much columns say of the target, as bars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gx_leakage.gx.blocks import LEAKED, TRAIN, Block, filled, table

__all__ = ["scores"]

MOST_BARS = 20


def scores(details: Mapping[str, Any]) -> Block:
    """Return how much each column says of the target, as bars: red where it leaks."""
    shown = details["columns"][:MOST_BARS]
    rows = []
    for column in shown:
        length = filled(column["score"], LEAKED if column["leaks"] else TRAIN)
        name = f"{column['column']} in {column['split']}" if "split" in column else column["column"]
        p_value = column.get("p_value")
        rows.append(
            [name, length, f"{column['score']:.3g}", "-" if p_value is None else f"{p_value:.2g}", column["measure"]]
        )
    left = len(details["columns"]) - len(shown)
    title = f"Column ({left} more below these)" if left else "Column"
    return table([title, "", "Score", "p", "Measure"], rows)
