"""The same words on both sides: passages that a model has read, texts that were changed a little."""

from __future__ import annotations

from gx_leakage.roles import Columns, Role

__all__ = ["PLACE", "ROLES"]

PLACE = 35

ROLES = (
    Role(
        "text",
        Columns(),
        "A column of texts, of which no passage may be on both sides.",
        # It may be what a model reads: naming it takes nothing from other checks.
        keeps=list,
    ),
)
