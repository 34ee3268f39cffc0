"""Rows of a judged split that were extracted before train was complete: a family of leaks in a package of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gx_leakage.roles import Column, Role

__all__ = ["ROLES"]


def _like_extraction(profile: Any, taken: Mapping[str, Sequence[str]]) -> Iterable[tuple[Sequence[str], str]]:
    for column in profile.free(taken):
        if column.is_integer and "extraction" in column.name.casefold():
            return [([column.name], f"{column.name} looks like the number of an extraction, by its name")]
    return []


ROLES = (
    Role(
        "extraction",
        Column(),
        "The column with the number of the extraction that a row came with.",
        looks_like=_like_extraction,
        place=45,
    ),
)
