"""Who shares with whom, as a heat map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gx_leakage.gx.blocks import Block, cell, table, text

__all__ = ["shared"]


def shared(details: Mapping[str, Any], unit: str) -> list[Block]:
    """Return the pairs of splits that share keys or rows, the heat map of all pairs, and the damage."""
    blocks = [_pairs(details["overlap"], unit)] if details["overlap"] else []
    blocks.append(_heat_map(details))
    if "damage" in details:
        blocks.append(text("$damage", {"damage": details["damage"]["summary"]}, tag="p"))
    return blocks


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
