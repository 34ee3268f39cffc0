"""What was known when: the order of splits, windows of labels, availability of features, frames."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from gx_leakage.roles import Column, Columns, Length, Look, Names, Pair, Pairs, Role, Text
from gx_leakage.splits.calendars import calendar_of
from gx_leakage.splits.names import words_of

if TYPE_CHECKING:
    from gx_leakage.splits.profile import Profile

__all__ = ["PLACE", "ROLES"]

PLACE = 20

_SAME_START = 0.5
_FEWEST_SHARED = 5

_TIME = {"time", "timestamp", "ts", "date", "datetime", "day", "week", "month", "quarter", "period"}
_START = re.compile(r"(^|_)(start|begin|from)($|_)")
_SEQUENCE = re.compile(r"video|clip|sequence|recording|scene|session")
_FRAME = re.compile(r"^frame(_?(no|nr|number|id|index))?$")


def _like_time(profile: Profile, taken: Mapping[str, Sequence[str]]) -> Iterable[Look]:
    columns = [column for column in profile.free(taken) if column.distinct_in_all > 1]
    calendars = [(column.name, by) for column in columns if (by := calendar_of(profile, column))]
    # What has a type of its own is finer than a number of the year beside it.
    for name, by in sorted(calendars, key=lambda one: one[1] != "by its type"):
        # Years of cars, or of surveys, are a feature as often: something has to be observed again and again.
        return [([name], f"{name} looks like a time axis, {by}", "years" not in by or bool(taken.get("group")))]
    for column in columns:
        if column.is_integer and _TIME & set(words_of(column.name)) and (group := _passes(profile, column.name, taken)):
            return [
                (
                    [column.name],
                    f"{column.name} looks like a time axis: {group} have it in common, from different starts on",
                )
            ]
    return []


def _passes(profile: Profile, column: str, taken: Mapping[str, Sequence[str]]) -> str | None:
    """Return the group that a number runs through as a calendar does: its values are shared, its starts are not.

    What starts alike in each, at 0 or 1 or the first visit, is the time since then.
    """
    for group in taken.get("group", ()):
        if profile.grouped is None or group not in profile.grouped.candidates or column not in profile.grouped.columns:
            continue
        rows = profile.grouped.of(group)[[group, column]].dropna()
        starts = rows.groupby(group)[column].min()
        shared = rows.groupby(column)[group].nunique()
        if (
            rows[column].min() >= 0
            and starts.value_counts(normalize=True).max() < _SAME_START
            and shared.median() >= _FEWEST_SHARED
        ):
            return group
    return None


def _like_window(profile: Profile, taken: Mapping[str, Sequence[str]]) -> Iterable[tuple[Sequence[str], str]]:
    names = [column.name for column in profile.free(taken) if column.is_time or column.is_number]
    for name in names:
        for word, other in (("start", "end"), ("begin", "end"), ("from", "to")):
            if _START.search(name.casefold()) and word in name and (end := name.replace(word, other)) in names:
                return [([name, end], f"{name} and {end} look like the time that a label is about")]
    return []


def _frames(profile: Profile, taken: Mapping[str, Sequence[str]]) -> tuple[list[str], list[str]]:
    """Return the columns that look like sequences, and those that look like numbers of frames."""
    free = profile.free(taken)
    frames = [c.name for c in free if _FRAME.search(c.name.casefold()) and c.is_number]
    sequences = [c for c in free if _SEQUENCE.search(c.name.casefold()) and c.name not in frames and not c.unique]
    return [c.name for c in sequences], frames


def _like_sequence(profile: Profile, taken: Mapping[str, Sequence[str]]) -> Iterable[tuple[Sequence[str], str]]:
    sequences, frames = _frames(profile, taken)
    return [([name], f"{name} looks like a video or recording, by its name") for name in sequences[:1] if frames]


def _like_frame(profile: Profile, taken: Mapping[str, Sequence[str]]) -> Iterable[tuple[Sequence[str], str]]:
    _, frames = _frames(profile, taken)
    found = frames[:1] if "sequence" in taken else []
    return [([name], f"{name} looks like the number of a frame, by its name") for name in found]


_WHEN = {"time": "the column that says when a row was"}

ROLES = (
    Role("time", Column(), "The column that says when a row was.", looks_like=_like_time, place=50),
    Role("order", Names(), "The splits, the earliest first, where their names do not say it.", needs=_WHEN),
    Role("gap", Length(), "How much later than an earlier split a later one has to be: '7 days', '36h'.", needs=_WHEN),
    Role("unit", Text(), "The calendar unit to compare times by: day, week, month, …", needs=_WHEN),
    Role(
        "available_at",
        Pairs("FEATURE", "COLUMN"),
        "For a feature the column that says since when its value was known.",
        keeps=list,
        judges=list,
    ),
    Role(
        "prediction_time",
        Column(),
        "The moment at which a row predicts, where that is not --time; the splits need not be in the order of it.",
        needs={"available_at": "since when features were known"},
    ),
    Role(
        "sequence",
        Columns(),
        "A column that identifies a video or recording.",
        needs={"frame": "the number of a frame within its sequence"},
        looks_like=_like_sequence,
        place=30,
    ),
    Role(
        "frame",
        Column(),
        "The column with the number of a frame within its sequence.",
        needs={"sequence": "what a frame is a number within"},
        looks_like=_like_frame,
        place=31,
    ),
    Role(
        "window",
        Pair("START", "END"),
        "The columns with the start and the end of the time that a row's label is about.",
        looks_like=_like_window,
        place=20,
    ),
    Role(
        "embargo",
        Length(),
        "How long after such a window of another split no train window may start.",
        needs={"window": "the columns with the time that a label is about"},
    ),
)
