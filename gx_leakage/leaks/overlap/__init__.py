"""The same thing in more than one split: groups, rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from gx_leakage.roles import Choices, Columns, Groups, Role
from gx_leakage.splits.names import words_of

if TYPE_CHECKING:
    from gx_leakage.splits.profile import Profile

__all__ = ["PLACE", "ROLES"]

PLACE = 10

_ID = {"id", "uid", "uuid", "guid", "key"}
_ROW = {"index", "row", "rownames", "rowid", "record", "unnamed", "obs"}


def _like_group(profile: Profile, taken: Mapping[str, Sequence[str]]) -> Iterable[tuple[Sequence[str], str]]:
    from gx_leakage.leaks.overlap.groups import groups_of

    return groups_of(profile, taken)


def _like_id(profile: Profile, taken: Mapping[str, Sequence[str]]) -> Iterable[tuple[Sequence[str], str]]:
    for column in profile.free(taken):
        if column.unique and column.is_discrete and set(words_of(column.name)) & (_ROW | _ID):
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
