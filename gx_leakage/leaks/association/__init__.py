"""A column that knows the answer: features, metadata, gaps, the order of rows, target encodings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from gx_leakage.roles import Column, Columns, Pairs, Role

if TYPE_CHECKING:
    from gx_leakage.splits.profile import Profile

__all__ = ["PLACE", "ROLES"]

PLACE = 30

_TARGETS = (
    "target", "label", "y", "class", "outcome", "died", "dead", "survived", "churn", "churned", "default", "fraud",
    "is_fraud", "diagnosis", "response", "clicked", "converted",
)  # fmt: skip
_METADATA = re.compile(
    r"(^|_)(file|filename|file_size|path|folder|size_bytes|bytes|width|height|resolution|camera|scanner|codec|bitrate|"
    r"source|site|hospital|center|centre|lab|batch|plate|instrument|uploaded|created_by|machine)($|_)"
)
_FEW_CLASSES = 20


def _like_target(profile: Profile, taken: Mapping[str, Sequence[str]]) -> Iterable[tuple[Sequence[str], str]]:
    for name, splits in profile.only_in.items():
        if list(splits) == [profile.train]:
            return [([name], f"{name} looks like the target: only {profile.train} has it")]
    for name in _TARGETS:
        for column in profile.free(taken):
            if column.name.casefold() == name and column.distinct_in_all > 1:
                classes = f", with {column.distinct_in_all} values" if column.distinct_in_all <= _FEW_CLASSES else ""
                return [([column.name], f"{column.name} looks like the target, by its name{classes}")]
    return []


def _like_metadata(profile: Profile, taken: Mapping[str, Sequence[str]]) -> Iterable[tuple[Sequence[str], str]]:
    if "target" not in taken:
        return []
    return [
        ([column.name], f"{column.name} looks like metadata of the recording, by its name")
        for column in profile.free(taken)
        if _METADATA.search(column.name.casefold()) and column.distinct_in_all > 1
    ]


_PREDICTED = {"target": "what they must not predict"}

ROLES = (
    Role("target", Column(), "The column that is to be predicted.", insists=True, looks_like=_like_target, place=10),
    Role(
        "feature",
        Columns(),
        "A column that a model is given. Without it all columns that have no other role are features.",
        insists=True,
    ),
    Role(
        "metadata",
        Columns(),
        "A column about how a row was recorded, which must say nothing about the target.",
        needs=_PREDICTED,
        looks_like=_like_metadata,
        place=70,
    ),
    Role(
        "encoding",
        Pairs("CATEGORY", "ENCODED"),
        "For a column of categories the column that holds their target encoding.",
        needs={"target": "what the categories are encoded by"},
        keeps=lambda encodings: [*encodings, *encodings.values()],
    ),
)
