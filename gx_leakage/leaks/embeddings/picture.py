"""How near the vectors of each split are to train, as bars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gx_leakage.gx.blocks import LEAKED, TRAIN, Block, Stretch, strip, table

__all__ = ["nearest_vectors"]


def nearest_vectors(details: Mapping[str, Any]) -> Block:
    """Return for train and each judged split how similar the nearest vector of train is, and how many leak.

    The bar goes from the median to the most similar 1 %, the bound is a line.
    """
    bound = float(details["max_similarity"])
    rows = []
    for one in details["vectors"]:
        near = one["nearest"]
        if not near:
            continue
        low, high = (min(max(near[key], 0.0), 1.0) for key in ("50 %", "99 %"))
        leaked = one.get("leaked", 0)
        bar = strip(
            [
                Stretch(low, high, LEAKED if leaked else TRAIN, 0.6),
                Stretch(bound, bound, "var(--ink, #212529)"),
            ]
        )
        shown = [f"{near[key]:.4g}" for key in ("50 %", "99 %")]
        rows.append([one["split"], one["checked"], leaked, *shown, bar])
    titles = ["Split", "Vectors checked", "Leaked", "Nearest in train: median", "99 %", "Similarity, from 0 to 1"]
    return table(titles, rows)
