"""What was hidden and can be recovered: hashes that anybody can compute, orders and scales that were kept."""

from __future__ import annotations

from gx_leakage.roles import Columns, Role

__all__ = ["PLACE", "ROLES"]

PLACE = 70

ROLES = (
    Role(
        "anonymised",
        Columns(),
        "A column that hides something: a hash, a number in place of a name, a shuffled period, a rescaled price.",
        needs={"reference": "what must not be recovered"},
        keeps=list,
        judges=list,
    ),
    Role(
        "reference",
        Columns(),
        "A column with what is hidden, or follows it: names, times, prices.",
        needs={"anonymised": "the columns that hide it"},
        keeps=list,
    ),
)
