"""How much of the texts is in train, as bars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gx_leakage.gx.blocks import LEAKED, STEPS, Block, bar, table

__all__ = ["shared_words"]


def shared_words(details: Mapping[str, Any]) -> Block:
    """Return for each judged split how many texts leak, and which share of all its words is shared by those."""
    rows = [
        [
            one["split"], one["checked"], one["leaked"], one["longest_run"], f"{100 * one['shared_words']:.3g} %",
            *bar(one["shared_words"], LEAKED),
        ]
        for one in details["texts"]
    ]  # fmt: skip
    titles = ["Split", "Texts checked", "Leaked", "Longest run of words", "Words shared"]
    return table([*titles, *([""] * STEPS)], rows)
