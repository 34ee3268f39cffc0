"""Which places of different splits are near one another on the globe, by a grid in space.

A place is a point on a sphere of radius 1, by its three coordinates. Two are near when the chord between them is
shorter than that of the distance: the great-circle distance d and the chord c say the same, c = 2 sin(d / 2R), which is
what the haversine formula measures. So neither the poles nor the date line are anything special, and a pair costs no
trigonometry.

Places in one cell of a grid with a diagonal shorter than the chord are near one another without a look at pairs. What
is left is compared with the places of the cells, of twice the chord, that the cube around it reaches into: at most
eight.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from gx_leakage.disclosure import value
from gx_leakage.errors import CouldNotCheckError, NoValuesError
from gx_leakage.splits.relations import LeakedRows, Relations, Stack
from gx_leakage.sql.dialects import real
from gx_leakage.sql.keys import NUMBERS, Key, type_name

__all__ = ["RADIUS_M", "Nearby", "Neighbour", "SplitPlaces", "gather", "leaked_rows"]

RADIUS_M = 6_371_008.8
"""The mean radius of the Earth (Moritz 2000, Journal of Geodesy 74, doi 10.1007/s001900050278)."""

SHORTEST_M, LONGEST_M = 0.001, math.pi * RADIUS_M
_SLACK = 1e-14
"""What coordinates are wrong by at most, ten times over: a tenth of a micrometre."""

_COORDINATES = ("x", "y", "z")


@dataclass(frozen=True)
class SplitPlaces:
    """The rows of a split, how many have no place, and how many are near a place of another split."""

    name: str
    rows: int
    null_keys: int
    near_rows: int
    near_places: int
    """Distinct places of them."""


@dataclass(frozen=True)
class Neighbour:
    """A place, and the nearest of the places of other splits."""

    splits: tuple[str, str]
    place: tuple[float, float]
    other: tuple[float, float]
    distance_m: float


@dataclass(frozen=True)
class Nearby:
    """Evidence of places that are near one another."""

    splits: tuple[SplitPlaces, ...]
    samples: tuple[Neighbour, ...]
    """The first near places of the judged splits, the most southern first."""
    leaked_rows_query: str | None


def gather(
    relations: Relations,
    *,
    latitude: str,
    longitude: str,
    min_distance: float,
    train: str = "train",
    samples: int = 20,
) -> Nearby:
    """Return which places are near a place of another split.

    Args:
        relations: The splits.
        latitude: The column with degrees north of the equator, -90 to 90.
        longitude: The column with degrees east of Greenwich, -180 to 360.
        min_distance: The distance in metres below which two places are near.
        train: The split whose places are not judged.
        samples: How many places to return.
    """
    relations.require_several()
    judged = relations.judged(train)
    asked, counted = _asked(relations, latitude, longitude, min_distance)
    with relations.engine.shared(asked.placed(asked.stack.select(asked.marks).subquery("stacked"))) as places:
        near = asked.near(places)
        sums = sa.select(near.c.split_no, sa.func.sum(near.c.n_), sa.func.count()).group_by(near.c.split_no)
        found = {int(no): (int(rows), int(distinct)) for no, rows, distinct in relations.fetch(sums)}
        splits = tuple(SplitPlaces(name, *counted[i], *found.get(i, (0, 0))) for i, name in enumerate(relations.names))
        if not any(splits[i].near_rows for i in judged):
            return Nearby(splits, (), None)
        shown = asked.nearest(relations, places, near, judged, samples) if samples else ()
    return Nearby(splits, shown, relations.query(lambda: asked.leaked(judged)))


def leaked_rows(
    relations: Relations,
    side: str,
    *,
    latitude: str,
    longitude: str,
    min_distance: float,
    train: str = "train",
    **_: Any,
) -> LeakedRows:
    """Return how the rows are found whose place is near one of another split, of the judged splits or of train."""
    asked, _counted = _asked(relations, latitude, longitude, min_distance)
    return asked.leaked(relations.on_side(side, train))


@dataclass(frozen=True)
class _Asked:
    """How places are compared."""

    stack: Stack
    latitude: Key
    longitude: Key
    chord: float

    def marks(self, relation: sa.FromClause) -> list[sa.ColumnElement[Any]]:
        """Return latitude and longitude, both NULL where one of them is."""
        both = [real(key.of(relation).element) for key in (self.latitude, self.longitude)]
        known = sa.and_(*(degrees.is_not(None) for degrees in both))
        return [sa.case((known, degrees)).label(name) for degrees, name in zip(both, ("lat_", "lon_"), strict=True)]

    def placed(self, stacked: sa.FromClause) -> sa.Select[Any]:
        """Return the distinct places of each split, how many rows are there, and the splits of its small cell."""
        known = (
            sa.select(stacked.c.split_no, stacked.c.lat_, stacked.c.lon_, sa.func.count().label("n_"))
            .where(stacked.c.lat_.is_not(None))
            .group_by(stacked.c.split_no, stacked.c.lat_, stacked.c.lon_)
            .subquery("known")
        )
        phi, lam = known.c.lat_ * _number(math.pi / 180), known.c.lon_ * _number(math.pi / 180)
        of = (sa.func.cos(phi) * sa.func.cos(lam), sa.func.cos(phi) * sa.func.sin(lam), sa.func.sin(phi))
        points = sa.select(
            known, *(_double(value).label(f"{axis}_") for value, axis in zip(of, _COORDINATES, strict=True))
        ).subquery("points")
        # A little smaller than would do, so that no rounding takes what is as far as the chord for near.
        side = self.chord * (1 - 1e-5) / math.sqrt(3)
        cell = [sa.func.floor(points.c[f"{axis}_"] / _number(side)) for axis in _COORDINATES]
        return sa.select(
            points,
            *(
                sa.func.floor(points.c[f"{axis}_"] / _number(self._width)).label(f"{axis}_cell_")
                for axis in _COORDINATES
            ),
            sa.func.min(points.c.split_no).over(partition_by=cell).label("first_"),
            sa.func.max(points.c.split_no).over(partition_by=cell).label("last_"),
        )

    @property
    def _width(self) -> float:
        """The side of a cell that a cube around a point reaches out of on one side only."""
        return 2 * (self.chord + _SLACK)

    def near(self, places: sa.FromClause) -> sa.Subquery:
        """Return the places that are near one of another split."""
        at_once = places.alias("at_once")
        one, other, join = self._pairs(places, sa.and_(places.c.first_ == places.c.last_))
        columns = ("split_no", "lat_", "lon_", "n_")
        return sa.union(
            sa.select(*(at_once.c[name] for name in columns)).where(at_once.c.first_ < at_once.c.last_),
            sa.select(*(one.c[name] for name in columns)).select_from(join).where(self._chord(one, other)),
        ).subquery("near")

    def _pairs(self, places: sa.FromClause, where: Any) -> tuple[sa.Subquery, sa.FromClause, sa.Join]:
        """Return places that meet a condition, those of other splits that may be near, and both of them joined."""
        reach = self.chord + _SLACK
        corners = sa.union_all(
            *(
                sa.select(*(_number(reach if no >> bit & 1 else -reach).label(f"{axis}_by_") for bit, axis in _BITS))
                for no in range(8)
            )
        ).subquery("corners")
        one = (
            sa.select(
                *(places.c[name] for name in ("split_no", "lat_", "lon_", "n_", "x_", "y_", "z_")),
                *(
                    sa.func.floor((places.c[f"{axis}_"] + corners.c[f"{axis}_by_"]) / _number(self._width)).label(
                        f"{axis}_cell_"
                    )
                    for axis in _COORDINATES
                ),
            )
            .select_from(places.join(corners, sa.literal_column("1") == sa.literal_column("1")))
            .where(where)
            .subquery("one")
        )
        other = places.alias("other")
        on = [one.c[f"{axis}_cell_"] == other.c[f"{axis}_cell_"] for axis in _COORDINATES]
        return one, other, one.join(other, sa.and_(*on, one.c.split_no != other.c.split_no))

    def _squared(self, one: sa.FromClause, other: sa.FromClause) -> sa.ColumnElement[Any]:
        x, y, z = (one.c[f"{axis}_"] - other.c[f"{axis}_"] for axis in _COORDINATES)
        squared: sa.ColumnElement[Any] = x * x + y * y + z * z
        return squared

    def _chord(self, one: sa.FromClause, other: sa.FromClause) -> sa.ColumnElement[bool]:
        return self._squared(one, other) < _number(self.chord**2)

    def nearest(
        self, relations: Relations, places: sa.FromClause, near: sa.FromClause, judged: Sequence[int], samples: int
    ) -> tuple[Neighbour, ...]:
        """Return the first of the near places, each with the nearest of another split."""
        order = [near.c.lat_, near.c.lon_, near.c.split_no]
        listed = sa.select(*order).where(near.c.split_no.in_(list(judged))).order_by(*order).limit(samples)
        first = relations.fetch(listed)
        of = places.alias("of")
        these = sa.or_(
            *(
                sa.and_(of.c.lat_ == _number(lat), of.c.lon_ == _number(lon), of.c.split_no == int(no))
                for lat, lon, no in first
            )
        )
        one, other, join = self._pairs(of, these)
        by = [one.c.split_no, one.c.lat_, one.c.lon_]
        squared = self._squared(one, other)
        ranked = (
            sa.select(
                *by,
                other.c.split_no.label("other_no_"),
                other.c.lat_.label("other_lat_"),
                other.c.lon_.label("other_lon_"),
                squared.label("squared_"),
                sa.func.row_number()
                .over(partition_by=by, order_by=[squared, other.c.split_no, other.c.lat_, other.c.lon_])
                .label("rank_"),
            )
            .select_from(join)
            .subquery("ranked")
        )
        c = ranked.c
        found = relations.fetch(
            sa.select(c.split_no, c.other_no_, c.lat_, c.lon_, c.other_lat_, c.other_lon_, c.squared_)
            .where(c.rank_ == 1)
            .order_by(c.lat_, c.lon_, c.split_no)
        )
        return tuple(
            Neighbour(
                (relations.names[int(no)], relations.names[int(other_no)]),
                (float(lat), float(lon)),
                (float(other_lat), float(other_lon)),
                2 * RADIUS_M * math.asin(min(1.0, math.sqrt(float(chord)) / 2)),
            )
            for no, other_no, lat, lon, other_lat, other_lon, chord in found
        )

    def leaked(self, of: Sequence[int]) -> LeakedRows:
        def keep(stacked: sa.FromClause) -> tuple[sa.FromClause, list[Any]]:
            near = self.near(self.placed(stacked.alias("all_rows")).subquery("places"))
            names = ("split_no", "lat_", "lon_")
            same = [near.c[name] == stacked.c[name] for name in names]
            found = sa.exists(sa.select(sa.literal_column("1")).select_from(near).where(*same).correlate(stacked))
            return stacked, [stacked.c.split_no.in_(list(of)), found]

        return LeakedRows(self.marks, keep)


_BITS = tuple(enumerate(_COORDINATES))


def _asked(
    relations: Relations, latitude: str, longitude: str, min_distance: float
) -> tuple[_Asked, list[tuple[int, int]]]:
    """Return how places are compared, and of each split its rows and how many of them have no place."""
    metres = isinstance(min_distance, (int, float)) and not isinstance(min_distance, bool)
    if not metres or not SHORTEST_M <= min_distance <= LONGEST_M:
        raise CouldNotCheckError(
            f"min_distance_m={min_distance!r} must be a number of metres, from 0.001 to half way round the Earth."
        )
    stack = relations.stack([latitude, longitude])
    keys = relations.keys(stack, [latitude, longitude])
    for key, what in zip(keys, ("latitude", "longitude"), strict=True):
        if not key.families <= NUMBERS:
            kind = type_name(stack.relation_of(0).c[key.name].type)
            raise CouldNotCheckError(f"column '{key.name}' is {kind}, but a {what} must be a number of degrees.")
    asked = _Asked(stack, keys[0], keys[1], 2 * math.sin(min_distance / (2 * RADIUS_M)))
    rows = stack.select(
        lambda of: [*asked.marks(of), *(real(key.of(of).element).label(f"degrees_{i}_") for i, key in enumerate(keys))]
    ).subquery("stacked")
    limits = [bound(rows.c[f"degrees_{i}_"]) for i in range(len(keys)) for bound in (sa.func.min, sa.func.max)]
    found = relations.fetch(
        sa.select(rows.c.split_no, sa.func.count(), sa.func.count(rows.c.lat_), *limits).group_by(rows.c.split_no)
    )
    counts = [(0, 0)] * len(relations.names)
    for no, count, known, *bounds in found:
        counts[int(no)] = (int(count), int(count) - int(known))
        for key, what, (least, most), held in zip(
            keys, ("latitude", "longitude"), ((-90, 90), (-180, 360)), (bounds[:2], bounds[2:]), strict=True
        ):
            outside = [float(one) for one in held if one is not None and not least <= float(one) <= most]
            if outside:
                raise CouldNotCheckError(
                    f"column '{key.name}' has {value(outside[0])} in split '{relations.names[int(no)]}', but a {what} "
                    f"is {least} to {most} degrees: are latitude and longitude the other way round, or in other units?"
                )
    for name, (count, unknown) in zip(relations.names, counts, strict=True):
        if count and count == unknown:
            raise NoValuesError([latitude, longitude], name)
    return asked, counts


def _number(number: float) -> sa.ColumnElement[Any]:
    """Return a constant as a float: databases take what is written with a point for a decimal of few digits."""
    return real(sa.literal_column(repr(float(number))))


def _double(value: Any) -> sa.ColumnElement[Any]:
    return sa.type_coerce(value, sa.Double())
