"""Columns that are a calendar: dates, times, and whole numbers that stand for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gx_leakage.splits.names import words_of

if TYPE_CHECKING:
    from gx_leakage.splits.profile import ColumnProfile, Profile

__all__ = ["calendar_of"]

_BORN = {"birth", "birthday", "birthdate", "birthyear", "yearborn", "born", "dob", "founded", "founding", "built"}
_YEAR = {"year", "yr", "years", "yyyy", "season", "iyear", "fyear"}
_WHEN = _YEAR | {"date", "day", "month", "time", "timestamp", "ts", "datetime", "dt", "period", "moment", "epoch", "at"}

_YEARS = (1700, 2150)
_SHORT_YEARS = (40, 99)
_SECONDS = (10**8, 5 * 10**9)
"""Since 1970, from 1973 on: smaller numbers stand for anything."""


def calendar_of(profile: Profile, column: ColumnProfile) -> str | None:
    """Return by what a column is a calendar, None if it is none; days of birth are a trait and no time of a row."""
    named = set(words_of(column.name))
    if named & _BORN:
        return None
    if column.is_time:
        return "by its type"
    if not (column.is_integer and named & _WHEN and profile.grouped and column.name in profile.grouped.columns):
        return None
    values = profile.grouped.frame[column.name].dropna()
    if not len(values):
        return None
    low, high = int(values.min()), int(values.max())
    if _within(low, high, _YEARS) and (high - low <= 150):
        return "which holds years"
    if named & _YEAR and _within(low, high, _SHORT_YEARS):
        return "which holds years of two digits"
    for name, digits in (("months, as 202401", 100), ("days, as 20240131", 10_000)):
        if _within(low // digits, high // digits, (1800, 2150)) and _are_dates(values, digits):
            return f"which holds {name}"
    if any(_within(low // thousand, high // thousand, _SECONDS) for thousand in (1, 10**3, 10**6, 10**9)):
        return "which holds times since 1970"
    return None


def _within(low: int, high: int, bounds: tuple[int, int]) -> bool:
    return bounds[0] <= low and high <= bounds[1]


def _are_dates(values: Any, digits: int) -> bool:
    months = values // (digits // 100) % 100 if digits > 100 else values % 100
    days = values % 100
    return bool(months.between(1, 12).all() and (digits == 100 or days.between(1, 31).all()))
