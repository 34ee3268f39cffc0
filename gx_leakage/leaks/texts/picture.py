"""How much of the texts is in train, as bars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gx_leakage.gx.blocks import LEAKED, Block, filled, table

__all__ = ["shared_words", "similar_texts"]


def shared_words(details: Mapping[str, Any]) -> Block:
    """Return for each judged split how many texts leak, and which share of all its words is shared by those."""
    rows = [
        [
            one["split"], one["checked"], one["leaked"], one["longest_run"], f"{100 * one['shared_words']:.3g} %",
            filled(one["shared_words"], LEAKED),
        ]
        for one in details["texts"]
    ]  # fmt: skip
    titles = ["Split", "Texts checked", "Leaked", "Longest run of words", "Words shared"]
    return table([*titles, ""], rows)


def similar_texts(details: Mapping[str, Any]) -> Block:
    """Return for each judged split which share of its texts leaks."""
    rows = []
    for one in details["texts"]:
        share = one["leaked"] / one["checked"] if one["checked"] else 0.0
        counts = [one["split"], one["checked"], one["leaked"], one["the_same"], f"{100 * share:.3g} %"]
        rows.append([*counts, filled(share, LEAKED)])
    titles = ["Split", "Texts checked", "Nearly in train", "The same", "Share"]
    return table([*titles, ""], rows)
