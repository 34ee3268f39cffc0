"""Who shares with whom, as a heat map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gx_leakage.gx.blocks import EMPTY, Block, cell, table

__all__ = ["shared"]


def shared(details: Mapping[str, Any], unit: str) -> list[Block]:
    """Return the pairs of splits that share keys or rows, and the heat map of all pairs."""
    blocks = [_pairs(details["overlap"], unit)] if details["overlap"] else []
    return [*blocks, _heat_map(details)]


def _pairs(overlap: list[dict[str, Any]], unit: str) -> Block:
    rows = []
    for pair in overlap:
        first, second = pair["splits"]
        rows.append(
            [
                f"{first} and {second}",
                pair["keys"],
                f"{pair['rows'][first]:,} in {first}, {pair['rows'][second]:,} in {second}",
            ]
        )
    return table([f"Splits that share {unit}", f"Distinct shared {unit}", "Rows that are shared"], rows)


def _heat_map(details: Mapping[str, Any]) -> Block:
    """Return who shares how many keys with whom: the darker, the larger the share of the row's own keys."""
    names = [split["name"] for split in details["splits"]]
    keys = {split["name"]: split.get("keys") or 0 for split in details["splits"]}
    shared: dict[frozenset[str], int] = {frozenset(pair["splits"]): pair["keys"] for pair in details["overlap"]}
    rows = []
    for name in names:
        row = [cell(name, {"font-weight": "bold"})]
        for other in names:
            if other == name:
                row.append(cell(f"{keys[name]:,}", {"background-color": EMPTY, "text-align": "right"}))
                continue
            count = shared.get(frozenset((name, other)), 0)
            share = count / keys[name] if keys[name] else 0.0
            row.append(cell(f"{count:,} ({100 * share:.3g} %)", _heat(share)))
        rows.append(row)
    return table(["Of the split of each row, also in …", *names], rows)


def _heat(share: float) -> dict[str, str]:
    # The page's own colour shines through, light or dark, so that its text is read on it.
    colour = f"rgba(214, 40, 40, {0.12 + 0.43 * min(share, 1.0):.2f})" if share else "rgba(39, 174, 96, 0.12)"
    return {"background-color": colour, "text-align": "right", "white-space": "nowrap"}
