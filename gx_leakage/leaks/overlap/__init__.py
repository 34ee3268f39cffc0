"""The same thing in more than one split: groups, rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from gx_leakage.roles import Choices, Columns, Groups, Role

if TYPE_CHECKING:
    from gx_leakage.splits.profile import Profile

__all__ = ["PLACE", "ROLES"]

PLACE = 10

_GROUP = re.compile(
    r"patient|subject|participant|customer|client|user|person|member|account|household|firm|company|supplier|store|device|"
    r"speaker|author|driver|vehicle|student|employee|borrower|hotel|product|seller|player|animal|donor|tenant|family"
)
_ID = re.compile(r"(^|_)(id|uid|uuid|guid|key)$")
_ROW = re.compile(r"^(id|_id|row|row_?id|row_?no|row_?number|index|unnamed: 0|record_?id|uid|uuid|guid)$")

_FEWEST_GROUPS = 3


def _like_group(profile: Profile, taken: Mapping[str, Sequence[str]]) -> Iterable[tuple[Sequence[str], str]]:
    """Return one group: the one whose name says so and that the splits share most of."""
    found = []
    for column in profile.free(taken):
        name = column.name.casefold()
        if not column.is_discrete or column.distinct_in_all < _FEWEST_GROUPS:
            continue
        named = bool(_GROUP.search(name)) or (bool(_ID.search(name)) and not _ROW.search(name))
        if not named or (column.unique and not column.shared):
            continue
        both = "both" if len(profile.splits) == 2 else "several"
        reason = (
            f"{column.name} looks like a group id: {column.shared:,} of its {column.distinct_in_all:,} values are in "
            f"{both} splits"
        )
        found.append((bool(_GROUP.search(name)), column.shared, ([column.name], reason)))
    return [max(found, key=lambda one: one[:2])[2]] if found else []


def _like_id(profile: Profile, taken: Mapping[str, Sequence[str]]) -> Iterable[tuple[Sequence[str], str]]:
    for column in profile.free(taken):
        name = column.name.casefold()
        if column.unique and column.is_discrete and (_ROW.search(name) or _ID.search(name)):
            return [([column.name], f"{column.name} looks like the id of a row: it is unique")]
    return []


ROLES = (
    Role(
        "group",
        Groups(),
        'A column that identifies what must not be on both sides, a patient or a customer; a,b (in Python ("a", "b")) '
        "are columns that do so together.",
        looks_like=_like_group,
        place=40,
    ),
    Role(
        "id",
        Columns(),
        "A column that identifies a row: left out when looking for identical rows; with a target its order must say "
        "nothing about it.",
        looks_like=_like_id,
        place=60,
    ),
    Role("normalize", Choices(), "How ids are made comparable: text, nfc, trim, casefold (lower case)."),
)
