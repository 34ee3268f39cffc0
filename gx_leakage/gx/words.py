"""Words that sentences of several families have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["joined", "line"]

WIDTH = 100
"""How many characters of values of the data stand in a line, about."""


def joined(names: Sequence[str], most: int = 5) -> str:
    """Return the names as a list in a sentence."""
    shown = [*names[:most], *([f"{len(names) - most} more"] if len(names) > most else [])]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def line(sample: Any, first: Sequence[str] = (), equals: str = "=") -> str:
    """Return a value of the data, or several by name, as one line: where not all fit, those of ``first`` stand there.

    Args:
        sample: The value, or the values by the names of their columns.
        first: The columns that say most.
        equals: What stands between a name and its value.
    """
    if not isinstance(sample, Mapping):
        return _cut(str(sample))
    parts = {name: _cut(f"{name}{equals}{value}") for name, value in sample.items()}
    if sum(len(part) + 2 for part in parts.values()) > WIDTH:
        parts = {
            name: parts[name] for name in sorted(parts, key=lambda n: first.index(n) if n in first else len(first))
        }
    shown: list[str] = []
    for part in parts.values():
        if shown and sum(len(one) + 2 for one in shown) + len(part) > WIDTH:
            return f"{', '.join(shown)}, … and {len(parts) - len(shown)} more"
        shown.append(part)
    return ", ".join(shown)


def _cut(text: str) -> str:
    flat = " ".join(text.splitlines())
    return flat if len(flat) <= WIDTH else f"{flat[: WIDTH - 1]}…"
