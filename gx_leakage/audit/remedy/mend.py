"""What is to be mended, how, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gx_leakage.errors import CouldNotCheckError
from gx_leakage.gx.expectation import CrossBatchExpectation
from gx_leakage.splits.relations import LeakedRows, Relations

__all__ = ["STRATEGIES", "Made", "Mend", "refuse_empty"]

STRATEGIES = ("judged", "train", "reassign")


@dataclass(frozen=True)
class Mend:
    """The Expectations whose leaks are to be mended, one after the other, and the strategy."""

    expectations: Sequence[CrossBatchExpectation]
    strategy: str
    train: str
    split_column: str | None

    @property
    def moves(self) -> bool:
        """Whether rows are moved, and not dropped."""
        return self.strategy == "reassign"

    def leaked(self, expectation: CrossBatchExpectation, relations: Relations) -> LeakedRows:
        """Return how the rows are found that are to be dropped, or of which those that belong together are moved.

        Raises:
            CouldNotCheckError: the strategy does not mend this leak.
        """
        found = expectation.leaked_rows(relations, "train" if self.strategy == "train" else "judged")
        if self.moves and not found.together:
            raise CouldNotCheckError(
                f"{expectation.expectation_type} is not mended by bringing groups to one split: choose 'judged' or "
                f"'train'."
            )
        return found


@dataclass(frozen=True)
class Made:
    """Clean splits."""

    splits: dict[str, Any]
    """By name a frame, the path of a file, or the name of a table."""
    rows: Mapping[str, int]
    """By split."""
    sql: list[str] = field(default_factory=list)
    """In a warehouse, the statements that make the tables."""
    files: bool = False
    """Whether these are files, which somebody could take for clean ones."""


def refuse_empty(rows: Mapping[str, int]) -> None:
    """Raise where a split has no rows left."""
    for name, count in rows.items():
        if not count:
            raise CouldNotCheckError(
                f"this would leave split '{name}' without rows, for all of them leak: choose another strategy, or "
                f"split anew."
            )
