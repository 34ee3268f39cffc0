"""Which features are known only after the moment at which their row predicts, row by row, in one scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from gx_leakage.errors import CouldNotCheckError, NoValuesError
from gx_leakage.splits.relations import LeakedRows, Relations
from gx_leakage.sql.keys import Key, on_one_axis

__all__ = ["Availability", "FeatureTimes", "SplitRowsInTime", "gather"]


@dataclass(frozen=True)
class SplitRowsInTime:
    """The rows of a split: how many have no prediction time, and how many a feature from after it."""

    name: str
    rows: int
    null_keys: int
    late_rows: int


@dataclass(frozen=True)
class FeatureTimes:
    """A feature over all splits: rows in which it is late, and in which it has a value whose time is not known."""

    feature: str
    available_at: str
    late_rows: int
    unknown_rows: int


@dataclass(frozen=True)
class Availability:
    """Evidence of features that are known later than their row says."""

    splits: tuple[SplitRowsInTime, ...]
    features: tuple[FeatureTimes, ...]
    """Those that are late most often first."""
    samples: tuple[dict[str, Any], ...]
    """The earliest late rows: split, prediction time, and the times of the features that are late in them."""
    leaked_rows_query: str | None


def gather(
    relations: Relations, *, prediction_time: str, available_at: Mapping[str, str], samples: int = 20
) -> Availability:
    """Return which features are late.

    Args:
        relations: One or more splits.
        prediction_time: The column with the moment at which a row predicts.
        available_at: For each feature the column with the time from which on it was known.
        samples: How many late rows to return.
    """
    if not available_at:
        raise CouldNotCheckError("available_at= names no feature.")
    features, times = list(available_at), list(dict.fromkeys(available_at.values()))
    stack = relations.stack(list(dict.fromkeys([prediction_time, *features, *times])))
    axis = on_one_axis(
        [prediction_time, *times],
        {name: stack.relation_of(i).c for i, name in enumerate(relations.names)},
    )
    moment = axis.key(prediction_time)
    known_at = {time: axis.key(time) for time in times}

    def late(relation: sa.FromClause, feature: str) -> sa.ColumnElement[bool]:
        at = known_at[available_at[feature]].of(relation).element
        return sa.and_(relation.c[feature].is_not(None), at > moment.of(relation).element)

    def marks(relation: sa.FromClause) -> list[sa.ColumnElement[Any]]:
        flags = [sa.case((late(relation, feature), 1), else_=0) for feature in features]
        unknown = [
            sa.case(
                (sa.and_(relation.c[f].is_not(None), known_at[available_at[f]].of(relation).element.is_(None)), 1),
                else_=0,
            )
            for f in features
        ]
        return [
            moment.of(relation).label("moment_"),
            *(known_at[time].of(relation).label(f"time_{i}_") for i, time in enumerate(times)),
            *(flag.label(f"late_{i}_") for i, flag in enumerate(flags)),
            *(flag.label(f"unknown_{i}_") for i, flag in enumerate(unknown)),
            *(sa.case((relation.c[f].is_not(None), 1), else_=0).label(f"held_{i}_") for i, f in enumerate(features)),
        ]

    stacked = stack.select(marks).subquery("stacked")
    late_flags = [stacked.c[f"late_{i}_"] for i in range(len(features))]
    any_late = sa.or_(*(flag == 1 for flag in late_flags))
    rows = relations.fetch(
        sa.select(
            stacked.c.split_no,
            sa.func.count(),
            sa.func.count(stacked.c.moment_),
            sa.func.sum(sa.case((any_late, 1), else_=0)),
            *(sa.func.sum(flag) for flag in late_flags),
            *(sa.func.sum(stacked.c[f"unknown_{i}_"]) for i in range(len(features))),
            *(sa.func.sum(stacked.c[f"held_{i}_"]) for i in range(len(features))),
        ).group_by(stacked.c.split_no)
    )
    by_split = {int(row[0]): [int(value or 0) for value in row[1:]] for row in rows}
    empty = [0] * (3 + 3 * len(features))
    found = [by_split.get(i, empty) for i in range(len(relations.names))]
    for name, counts in zip(relations.names, found, strict=True):
        if counts[0] and not counts[1]:
            raise NoValuesError([prediction_time], name)
        for i, (feature, time) in enumerate(available_at.items()):
            # A feature that has values, and not one time of them, has not been looked at in this split.
            if counts[3 + 2 * len(features) + i] and counts[3 + 2 * len(features) + i] == counts[3 + len(features) + i]:
                raise CouldNotCheckError(
                    f"split '{name}' has values of '{feature}', but not one time in '{time}': whether they were "
                    f"available could not be checked."
                )
    totals = [sum(column) for column in zip(*(counts[3:] for counts in found), strict=True)]
    measured = [
        FeatureTimes(feature, available_at[feature], totals[i], totals[len(features) + i])
        for i, feature in enumerate(features)
    ]
    leaks = any(counts[2] for counts in found)
    return Availability(
        splits=tuple(
            SplitRowsInTime(name, counts[0], counts[0] - counts[1], counts[2])
            for name, counts in zip(relations.names, found, strict=True)
        ),
        features=tuple(sorted(measured, key=lambda feature: (-feature.late_rows, feature.feature))),
        samples=_samples(relations, stacked, moment, available_at, times, samples) if leaks and samples else (),
        leaked_rows_query=relations.query(
            lambda: LeakedRows(
                lambda relation: [
                    sa.case((sa.or_(*(late(relation, feature) for feature in features)), 1), else_=0).label("late_")
                ],
                lambda rows: (rows, [rows.c.late_ == 1]),
            )
        )
        if leaks
        else None,
    )


def _samples(
    relations: Relations,
    stacked: sa.Subquery,
    moment: Key,
    available_at: Mapping[str, str],
    times: Sequence[str],
    samples: int,
) -> tuple[dict[str, Any], ...]:
    flags = [stacked.c[f"late_{i}_"] for i in range(len(available_at))]
    at = [stacked.c[f"time_{i}_"] for i in range(len(times))]
    shown = [stacked.c.moment_, stacked.c.split_no, *at, *flags]
    statement = sa.select(*shown).where(sa.or_(*(flag == 1 for flag in flags))).group_by(*shown)
    order = [part for c in shown for part in (sa.case((c.is_(None), 0), else_=1), c)]
    found = []
    for row in relations.fetch(statement.order_by(*order).limit(samples)):
        sample = {"split": relations.names[int(row[1])], moment.name: moment.shown(row[0])}
        for i, (_, time) in enumerate(available_at.items()):
            if row[2 + len(times) + i]:
                sample[time] = moment.shown(row[2 + times.index(time)])
        found.append(sample)
    return tuple(found)
