"""How exactly numbers are stored: a scale or a mean can be recognised no more exactly than that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from gx_leakage.splits.relations import Relations
from gx_leakage.sql.dialects import real

__all__ = ["Precision", "precisions"]

DECIMALS = (1, 2, 3, 4, 5, 6)
RELATIVE = 2e-6
"""What float32 loses of a sum, in relation to the numbers: float64 that was float32 before cannot be told from it."""


@dataclass(frozen=True)
class Precision:
    """How the numbers of a column are stored."""

    largest: float
    """The largest absolute value."""
    whole: bool
    decimals: int | None
    """To how many decimals all of them are rounded; None if they are not, or are whole."""

    @property
    def tolerance(self) -> float:
        """By how much a number may be off: half of the last decimal, or what float32 rounds."""
        lost = RELATIVE * max(1.0, self.largest)
        return lost if self.decimals is None else max(lost, 0.5 * 10.0**-self.decimals * (1 + 1e-6))

    @property
    def noise(self) -> float:
        """The standard deviation of what was rounded off."""
        return 0.0 if self.decimals is None else 10.0**-self.decimals / 12**0.5


def precisions(relations: Relations, rows: sa.FromClause, columns: Sequence[str]) -> list[Precision]:
    """Return how exactly the numbers of each column are stored."""

    def off(column: str, decimals: int) -> sa.ColumnElement[Any]:
        scaled = real(rows.c[column]) * 10.0**decimals
        return sa.func.max(sa.func.abs(scaled - sa.func.floor(scaled + 0.5)))

    def fits(away: float, decimals: int, largest: float) -> bool:
        return away <= 1e-9 * max(1.0, largest * 10.0**decimals)

    def asked(parts: Sequence[sa.ColumnElement[Any]], width: int) -> list[list[float]]:
        (found,) = relations.fetch(sa.select(*parts).select_from(rows))
        return [[float(value or 0) for value in found[i : i + width]] for i in range(0, len(parts), width)]

    # What has not the most decimals has not fewer: the others are asked of few columns.
    most = DECIMALS[-1]
    ends = [(sa.func.max(sa.func.abs(real(rows.c[c]))), off(c, 0), off(c, most)) for c in columns]
    found = asked([part for parts in ends for part in parts], 3)
    rounded = [
        column
        for column, (largest, whole, finest) in zip(columns, found, strict=True)
        if not fits(whole, 0, largest) and fits(finest, most, largest)
    ]
    fewer = [off(column, decimals) for column in rounded for decimals in DECIMALS[:-1]]
    offs = dict(zip(rounded, asked(fewer, len(DECIMALS) - 1), strict=True)) if rounded else {}
    result = []
    for column, (largest, whole, _) in zip(columns, found, strict=True):
        away = [*offs[column], 0.0] if column in offs else []
        decimals = next((d for d, one in zip(DECIMALS, away, strict=False) if fits(one, d, largest)), None)
        result.append(Precision(largest, fits(whole, 0, largest), decimals))
    return result
