"""Columns a few at a time.

Databases limit how many columns a statement returns (PostgreSQL 1,664, SQLite 2,000), and one that names all columns
at a place for each of them grows with the square of their number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

__all__ = ["in_blocks"]

WIDTH = 50

T = TypeVar("T")


def in_blocks(columns: Sequence[T], width: int = WIDTH) -> Iterator[Sequence[T]]:
    """Yield the columns in blocks of at most ``width``."""
    for start in range(0, len(columns), width):
        yield columns[start : start + width]
