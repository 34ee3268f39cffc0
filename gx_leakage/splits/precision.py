"""How exactly numbers are stored: a scale or a mean can be recognised no more exactly than that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from gx_leakage.splits.few import Few
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


def precisions(
    relations: Relations, rows: sa.FromClause, columns: Sequence[str], few: Few | None = None
) -> list[Precision]:
    """Return how exactly the numbers of each column are stored.

    Args:
        relations: The splits.
        rows: Their rows.
        columns: The columns of numbers.
        few: Some of the rows: as these are not stored, all are not, and that is not asked.
    """
    largest = {} if few is None else dict(few.largest)
    away: dict[tuple[str, int], float] = {}

    def ask(parts: Sequence[tuple[str, int]]) -> None:
        """Ask how far columns are from numbers with so many decimals, and what is not known of their largest."""
        unknown = [column for column in dict.fromkeys(column for column, _ in parts) if column not in largest]
        wanted = [sa.func.max(sa.func.abs(real(rows.c[column]))) for column in unknown]
        for column, decimals in parts:
            scaled = real(rows.c[column]) * 10.0**decimals
            wanted.append(sa.func.max(sa.func.abs(scaled - sa.func.floor(scaled + 0.5))))
        if wanted:
            (row,) = relations.fetch(sa.select(*wanted).select_from(rows))
            found = [float(value or 0) for value in row]
            largest.update(zip(unknown, found, strict=False))
            away.update(zip(parts, found[len(unknown) :], strict=True))

    def close(column: str, decimals: int, off: float) -> bool:
        return off <= 1e-9 * max(1.0, largest[column] * 10.0**decimals)

    def fits(column: str, decimals: int) -> bool:
        return (column, decimals) in away and close(column, decimals, away[column, decimals])

    every: tuple[int, ...] = (0, *DECIMALS)
    if few is None:
        # What has not the most decimals has not fewer: the others are asked of few columns.
        left = dict.fromkeys(columns, every)
        first = [(column, decimals) for column in columns for decimals in (0, DECIMALS[-1])]
    else:
        left = {c: tuple(d for d in every if close(c, d, few.away(c, d))) for c in columns}
        left = {c: all_ if DECIMALS[-1] in all_ else tuple(d for d in all_ if not d) for c, all_ in left.items()}
        first = [(column, decimals[0]) for column, decimals in left.items() if decimals]
    ask(first)

    def open_(column: str) -> bool:
        return not fits(column, 0) and (
            fits(column, DECIMALS[-1]) if few is None else not fits(column, left[column][0])
        )

    ask([(c, d) for c in columns if left[c] and open_(c) for d in left[c] if (c, d) not in away])
    result = []
    for column in columns:
        decimals = next((d for d in left[column] if fits(column, d)), None)
        result.append(Precision(largest[column], decimals == 0, decimals or None))
    return result
