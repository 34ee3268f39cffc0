"""Nearly the same thing on both sides: places."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gx_leakage.roles import Form, Pair, Role

if TYPE_CHECKING:
    from gx_leakage.splits.profile import Profile

__all__ = ["PLACE", "ROLES"]

PLACE = 50

_LATITUDE = re.compile(r"^(?:.*_)?lat(?:itude)?(?:_.*)?$")
_LONGITUDES = (("latitude", "longitude"), ("lat", "lon"), ("lat", "lng"), ("lat", "long"))


class Metres(Form):
    """A distance."""

    wanted = "a number of metres that is larger than 0"
    metavar = "METRES"
    type_ = float

    def read(self, value: Any) -> Any:
        """Return the number."""
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
            raise ValueError(self.wanted)
        return float(value)

    def read_option(self, given: Any) -> Any:
        """Return the number that is written there."""
        try:
            number = float(given)
        except ValueError:
            raise ValueError(self.wanted) from None
        return self.read(number)


def _like_location(profile: Profile, taken: Mapping[str, Sequence[str]]) -> Iterable[tuple[Sequence[str], str]]:
    numbers = {column.name.casefold(): column.name for column in profile.free(taken) if column.is_number}
    for name in numbers:
        if not _LATITUDE.match(name):
            continue
        for latitude, longitude in _LONGITUDES:
            if latitude in name and (other := name.replace(latitude, longitude)) in numbers:
                reason = f"{numbers[name]} and {numbers[other]} look like a place on Earth, by their names"
                return [([numbers[name], numbers[other]], reason)]
    return []


ROLES = (
    Role(
        "location",
        Pair("LATITUDE", "LONGITUDE"),
        "The columns with the latitude and the longitude of a place, in degrees.",
        keeps=list,
        looks_like=_like_location,
        place=25,
    ),
    Role(
        "distance",
        Metres(),
        "How many metres places of different splits have to be apart.",
        needs={"location": "the columns with the places"},
    ),
)
