"""A column that knows the answer: features, metadata, gaps, the order of rows, target encodings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from gx_leakage.roles import Column, Columns, Look, Pairs, Role
from gx_leakage.splits.names import words_of

if TYPE_CHECKING:
    from gx_leakage.splits.profile import Profile

__all__ = ["PLACE", "ROLES"]

PLACE = 30

_MOST_TARGETS = 3

_TARGETS = (
    "target", "label", "outcome", "y", "class", "died", "dead", "death", "survived", "churn", "churned", "attrition",
    "default", "deny", "fraud", "is fraud", "diagnosis", "response", "status", "clicked", "converted", "released",
    "vote", "spam", "price", "species",
)  # fmt: skip
"""What targets are called, the likeliest first."""
_METADATA = {
    "file", "filename", "filesize", "path", "folder", "bytes", "resolution", "camera", "scanner", "codec", "bitrate",
    "source", "site", "hospital", "center", "centre", "lab", "batch", "plate", "instrument", "uploaded", "machine",
}  # fmt: skip
_OF_IMAGES = {"width", "height"}
_FEW_CLASSES = 20


def _like_target(profile: Profile, taken: Mapping[str, Sequence[str]]) -> Iterable[Look]:
    """Return the one column that only train has, and otherwise those that are worth asking about.

    A name alone is not enough: a class may be that of a passenger, and y a length.
    """
    held = {name for columns in taken.values() for name in columns}
    alone = [name for name, splits in profile.only_in.items() if list(splits) == [profile.train] and name not in held]
    if alone:
        return [
            ([name], f"{name} looks like the target: only {profile.train} has it", len(alone) == 1) for name in alone
        ]
    found: list[Look] = []
    for name in _TARGETS:
        for column in profile.free(taken):
            if " ".join(words_of(column.name)) == name and column.distinct_in_all > 1:
                classes = f", with {column.distinct_in_all} values" if column.distinct_in_all <= _FEW_CLASSES else ""
                found.append(([column.name], f"{column.name} may be the target, by its name{classes}", False))
    return found[:_MOST_TARGETS]


def _like_metadata(profile: Profile, taken: Mapping[str, Sequence[str]]) -> Iterable[Look]:
    if "target" not in taken:
        return []
    free = {column.name: set(words_of(column.name)) for column in profile.free(taken) if column.distinct_in_all > 1}
    images = any(
        found & _METADATA - {"site", "center", "centre", "hospital", "lab", "source"} for found in free.values()
    )
    wanted = _METADATA | (_OF_IMAGES if images else set())
    return [
        ([name], f"{name} looks like metadata of the recording, by its name")
        for name, found in free.items()
        if found & wanted
    ]


_PREDICTED = {"target": "what they must not predict"}

ROLES = (
    Role("target", Column(), "The column that is to be predicted.", insists=True, looks_like=_like_target, place=10),
    Role(
        "feature",
        Columns(),
        "A column that a model is given. Without it all columns that have no other role are features.",
        judges=list,
        insists=True,
    ),
    Role(
        "metadata",
        Columns(),
        "A column about how a row was recorded, which must say nothing about the target.",
        needs=_PREDICTED,
        judges=list,
        looks_like=_like_metadata,
        place=70,
    ),
    Role(
        "encoding",
        Pairs("CATEGORY", "ENCODED"),
        "For a column of categories the column that holds their target encoding.",
        needs={"target": "what the categories are encoded by"},
        keeps=lambda encodings: [*encodings, *encodings.values()],
        judges=lambda encodings: encodings.values(),
    ),
)
