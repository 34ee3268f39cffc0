"""Places of different splits that are next to one another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Union

from great_expectations.compatibility import pydantic

from gx_leakage.gx.blocks import LEAKED, Block, filled, table
from gx_leakage.gx.expectation import CrossBatchExpectation, Judgement, Parameter, Text
from gx_leakage.gx.planning import Given
from gx_leakage.gx.words import joined
from gx_leakage.leaks.neighbours import places
from gx_leakage.leaks.neighbours.places import Nearby

__all__ = ["ExpectNoNearbyLocationsAcrossBatches"]


class ExpectNoNearbyLocationsAcrossBatches(CrossBatchExpectation):
    """Expect places of different splits to be a distance apart.

    What is measured at two places next to one another is nearly the same: soil, weather, prices. A model answers a test
    place by the train place beside it, and elsewhere it knows nothing. Of forest biomass more than half of the
    variation was explained by random cross-validation, and nearly none by cross-validation with places apart (Ploton
    et al. 2020, doi 10.1038/s41467-020-18321-y).

    A row of a judged split is leaked when a row of another split is less than ``min_distance_m`` away, along a great
    circle of a sphere with the Earth's mean radius, 6,371,008.8 m; an ellipsoid's distances differ by 0.6 % at most.
    One place on both sides is at distance 0. Rows without latitude or longitude cannot be judged: ``null_keys``. Counts
    are exact.

    Args:
        latitude_column: Degrees north of the equator, -90 to 90.
        longitude_column: Degrees east of Greenwich, -180 to 360.
        min_distance_m: How many metres places of different splits have to be apart. How far what is measured is alike,
            a variogram of it tells.

    The observed value is the number of distinct leaked places of the judged splits. See the page ``nearby_locations``.
    """

    latitude_column: Text = pydantic.Field(description="Degrees north of the equator, -90 to 90.")
    longitude_column: Text = pydantic.Field(description="Degrees east of Greenwich, -180 to 360.")
    min_distance_m: Union[float, Parameter] = pydantic.Field(
        description="How many metres places of different splits have to be apart."
    )

    case: ClassVar[str] = "nearby_locations"
    evidence: ClassVar[Any] = places
    checks: ClassVar[str] = "nearby locations"
    roles: ClassVar[Mapping[str, str]] = {
        "latitude_column": "location",
        "longitude_column": "location",
        "min_distance_m": "distance",
    }
    sentence: ClassVar[str] = (
        "Places of different splits, by $latitude_column and $longitude_column, must be $min_distance_m m apart."
    )
    sentence_arguments: ClassVar[tuple[str, ...]] = ("latitude_column", "longitude_column", "min_distance_m")
    of_split: ClassVar[Mapping[str, str]] = {"null_keys": "Rows without a place", "places": "Leaked places"}

    class Config:
        title = "Expect no nearby locations across batches"

    def question(self, samples: int) -> dict[str, Any]:
        """Ask which places are near one of another split."""
        return {
            "latitude": self.latitude_column,
            "longitude": self.longitude_column,
            "min_distance": self.min_distance_m,
            "train": self.train,
            "samples": samples,
        }

    def judge(self, evidence: Nearby) -> Judgement:
        """Every row that is near one of another split is a leak."""
        judged = [split for split in evidence.splits if split.name != self.train]
        apart = f"{float(self.min_distance_m):,.12g} m"  # type: ignore[arg-type]
        parts = [
            f"{s.near_rows:,} of {s.rows:,} rows in {s.name}, at {s.near_places:,} places, are less than {apart} "
            f"from a row of another split"
            for s in sorted(judged, key=lambda split: -split.near_rows)
            if s.near_rows
        ]
        rows = sum(split.rows - split.null_keys for split in judged)
        clean = (
            f"None of the {rows:,} rows in {joined([s.name for s in judged])} is less than {apart} from another split"
        )
        unknown = [f"{split.null_keys:,} rows in {split.name}" for split in evidence.splits if split.null_keys]
        aside = f" Without a place, and so not checked, are {joined(unknown)}." if unknown else ""
        return Judgement(
            observed_value=sum(split.near_places for split in judged),
            splits=[
                {"name": s.name, "rows": s.rows, "null_keys": s.null_keys, "places": s.near_places}
                for s in evidence.splits
            ],
            leaked={split.name: split.near_rows for split in evidence.splits},
            summary=f"{joined(parts, most=2) if parts else clean}.{aside}",
            samples=[
                {
                    "split": one.splits[0],
                    str(self.latitude_column): one.place[0],
                    str(self.longitude_column): one.place[1],
                    "nearest in": one.splits[1],
                    "at": list(one.other),
                    "metres": round(one.distance_m, 3),
                }
                for one in evidence.samples
            ],
            query=evidence.leaked_rows_query,
        )

    @classmethod
    def planned(cls, given: Given) -> list[dict[str, Any]]:
        """Return the check of the one kind of places."""
        given.need("location", "distance")
        latitude, longitude = given["location"]
        return [{"latitude_column": latitude, "longitude_column": longitude, "min_distance_m": given["distance"]}]

    @classmethod
    def picture(cls, details: Mapping[str, Any]) -> list[Block]:
        """Return the share of each split's rows that are near another split, as bars."""
        sizes = {split["name"]: split["rows"] for split in details["splits"]}
        shares = {name: rows / sizes[name] if sizes[name] else 0.0 for name, rows in details["leaked_rows"].items()}
        rows = [[name, f"{100 * share:.3g} %", filled(share, LEAKED)] for name, share in shares.items()]
        return [table(["Split", "Rows near another split", ""], rows)]
