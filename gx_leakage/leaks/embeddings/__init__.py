"""Nearly the same vector on both sides: what an embedding says of pictures, texts, sounds or rows."""

from __future__ import annotations

from gx_leakage.roles import Columns, Role

__all__ = ["PLACE", "ROLES"]

PLACE = 45

ROLES = (
    Role(
        "embedding",
        Columns(),
        "A column of vectors, or all columns that are the numbers of one, of which none may be nearly the same on both "
        "sides.",
        # It may be what a model reads: naming it takes nothing from other checks.
        keeps=list,
    ),
)
