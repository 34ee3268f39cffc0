"""Words that sentences of several families have in common."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["joined"]


def joined(names: Sequence[str], most: int = 5) -> str:
    """Return the names as a list in a sentence."""
    shown = [*names[:most], *([f"{len(names) - most} more"] if len(names) > most else [])]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
