"""What values that are written as text are: numbers, times, or only text.

A kind is decided value by value, by patterns that Python (for the first rows) and DuckDB (for all of them) read alike;
the type of a column by the kinds of all its values, in all splits. Where a type would make different values one (an id
``1E2`` and an id ``100``, numbers that a float cannot hold) the column stays text. Where a value can be read in two
ways it stays text with a remark, which is an error for the check that has to know.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from gx_leakage.sql.keys import UnreadText

__all__ = [
    "TEXT",
    "TIMES",
    "WHOLE",
    "Decision",
    "Written",
    "clocked",
    "decide",
    "formatted",
    "kind_of",
    "names_a_day",
    "unlike",
    "written_sql",
]

_DAY = r"\d{4}-\d{2}-\d{2}"
_CLOCK = r"[ T]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6}0*)?)?"
_FINE = r"[ T]\d{2}:\d{2}:\d{2}\.\d{7,9}"
_ZONE = r"(?: ?(?:Z|UTC|GMT)| ?[+-]\d{2}(?::?\d{2})?)"
_LOOSE_CLOCK = r"(?:[ T]\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?: ?[AaPp][Mm])?)?"

_PATTERNS = {
    "missing": r"NA|N/A|n/a|#N/A|<NA>|-?NaN|-?nan|NULL|null|None|\\N",
    "boolean": r"true|false|True|False|TRUE|FALSE",
    "integer": r"-?(?:0|[1-9]\d{0,17})",
    "long integer": r"-?[1-9]\d{18,37}",
    "endless integer": r"-?[1-9]\d{38,}",
    "padded": r"-?0\d+",
    "decimal": r"-?(?:0|[1-9]\d*)?\.\d+|-?(?:0|[1-9]\d*)\.",
    "scientific": r"-?\d+(?:\.\d*)?[eE][+-]\d+|-?\d+\.\d*[eE]\d+",
    "bare scientific": r"-?\d+[eE]\d+",
    "infinite": r"[+-]?(?:inf|Inf|INF|infinity|Infinity)",
    "thousands or decimals": r"-?[1-9]\d{0,2},\d{3}",
    "decimal comma": r"-?\d+,\d+",
    "date": _DAY,
    "moment": _DAY + _CLOCK,
    "fine moment": _DAY + _FINE,
    "instant": _DAY + _CLOCK + _ZONE,
    "fine instant": _DAY + _FINE + _ZONE,
    "year first": r"\d{4}[/.]\d{1,2}[/.]\d{1,2}" + _LOOSE_CLOCK,
    "year last": r"\d{1,2}[/-]\d{1,2}[/-]\d{4}" + _LOOSE_CLOCK,
    "dotted": r"\d{1,2}\.\d{1,2}\.\d{4}" + _LOOSE_CLOCK,
    "other date": r"\d{1,2}[/.-]\d{1,2}[/.-]\d{2}" + _LOOSE_CLOCK + r"|\d{1,2}[ -][A-Za-z]{3,9}\.?,?[ -]\d{2,4}"
    + _LOOSE_CLOCK + r"|(?:[A-Za-z]{3,9}\.?,? )?[A-Za-z]{3,9}\.? \d{1,2},? \d{4}" + _LOOSE_CLOCK,
    "time of day": r"\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?",
}  # fmt: skip
_COMPILED = {kind: re.compile(pattern, re.ASCII) for kind, pattern in _PATTERNS.items()}

_NUMBERS = {"decimal", "scientific", "infinite", "integer", "long integer", "bare scientific"}
TIMES = {
    "date", "moment", "fine moment", "instant", "fine instant", "year first", "year last", "day first", "month first",
    "day or month first", "either first", "dotted", "other date",
}  # fmt: skip
"""The kinds that are times; by its pattern alone a ``year last`` may have the day or the month first."""

WHOLE = {"integer", "long integer", "padded", "missing"}
"""The kinds of whole numbers."""

TEXT = "VARCHAR"

# A float holds 15 digits, and as many as its own shortest form has.
_EXACT_DIGITS = 15
_DECIMAL_DIGITS = 38


@dataclass(frozen=True)
class Written:
    """How the values of a column are written in one split."""

    kinds: frozenset[str]
    shortest: int = 0
    """Characters of the shortest value."""
    longest: int = 0
    whole_digits: int = 0
    """Digits before the point, at most."""
    decimals: int = 0
    """Digits after it, at most."""
    inexact: bool = False
    """Whether a float does not hold some number."""


@dataclass(frozen=True)
class Decision:
    """The type of a column, how its text becomes it, and what is open."""

    type_: str = TEXT
    conversion: str = "{}"
    """SQL around the trimmed text."""
    missing: bool = False
    """Whether NA and the like are missing values, as they are among numbers and times, and not in texts."""
    reason: str | None = None
    """Why the column is text although it looks like something else."""
    equality: bool = True
    """Whether values may be compared with those of other splits all the same."""
    cut: bool = False
    """Whether what was read is a part of the values only, so that nothing tells which are equal."""

    @property
    def remark(self) -> str | None:
        """What is open, as a comment of the column keeps it."""
        if self.reason is None:
            return None
        return UnreadText.REMARK + json.dumps({"reason": self.reason, "equality": self.equality, "cut": self.cut})

    def sql(self, cell: str) -> str:
        """Return the value of a cell of text in the type of the column."""
        if self.type_ == TEXT and not self.missing:
            return cell
        trimmed = f"trim({cell})"
        if self.missing:
            trimmed = f"CASE WHEN NOT {_matches('missing', trimmed)} THEN {trimmed} END"
        return self.conversion.replace("{}", trimmed)


def kind_of(text: str) -> str:
    """Return the kind of a value by its pattern, as DuckDB would but for what only it can tell."""
    trimmed = text.strip(" ")
    return next((kind for kind, pattern in _COMPILED.items() if pattern.fullmatch(trimmed)), "text")


def _matches(kind: str, sql: str) -> str:
    pattern = _PATTERNS[kind].replace("'", "''")
    return f"regexp_full_match({sql}, '{pattern}')"


def unlike(type_: str, cell: str) -> str:
    """Return, for BIGINT and DOUBLE, the cheap condition that a value may be something else."""
    number = f"try_cast({cell} AS {type_})"
    if type_ == "BIGINT":
        return f"({number} IS NULL OR CAST({number} AS VARCHAR) <> {cell})"
    plain = f"(length({cell}) <= {_EXACT_DIGITS} AND NOT regexp_matches({cell}, '^-?0\\d|[^0-9.-]'))"
    return f"({number} IS NULL OR NOT ({plain} OR CAST({number} AS VARCHAR) = {cell}))"


def kind_sql(cell: str) -> str:
    """Return the kind of a cell of text, in SQL."""
    t = f"trim({cell})"
    first, second = (f"CAST(regexp_extract({t}, '^(\\d+)[/-](\\d+)', {i}) AS INTEGER)" for i in (1, 2))
    day_first = f"try_strptime({t}, {clocked('%d/%m/%Y', '%d-%m-%Y')}) IS NOT NULL"
    month_first = f"try_strptime({t}, {clocked('%m/%d/%Y', '%m-%d-%Y')}) IS NOT NULL"
    checks = {
        "date": f"try_cast({t} AS DATE) IS NOT NULL",
        "moment": f"try_cast({t} AS TIMESTAMP) IS NOT NULL",
        "fine moment": f"try_cast({t} AS TIMESTAMP_NS) IS NOT NULL",
        "instant": f"try_cast({t} AS TIMESTAMPTZ) IS NOT NULL",
        "year first": f"try_strptime({t}, {clocked('%Y/%m/%d', '%Y.%m.%d')}) IS NOT NULL",
        "dotted": f"try_strptime({t}, {clocked('%d.%m.%Y')}) IS NOT NULL",
    }
    branches = []
    for kind in _PATTERNS:
        if kind == "year last":
            branches += [
                f"WHEN {_matches(kind, t)} AND {first} = {second} AND {day_first} THEN 'either first'",
                f"WHEN {_matches(kind, t)} AND {day_first} AND {month_first} THEN 'day or month first'",
                f"WHEN {_matches(kind, t)} AND {day_first} THEN 'day first'",
                f"WHEN {_matches(kind, t)} AND {month_first} THEN 'month first'",
            ]
            continue
        also = f" AND {checks[kind]}" if kind in checks else ""
        branches.append(f"WHEN {_matches(kind, t)}{also} THEN '{kind}'")
    return f"CASE {' '.join(branches)} ELSE 'text' END"


def written_sql(cell: str) -> list[str]:
    """Return the aggregates over the cells of a column that :class:`Written` holds."""
    t = f"trim({cell})"
    number = f"try_cast(replace({t}, ',', '.') AS DOUBLE)"

    def digits(text: str) -> str:
        mantissa = f"regexp_replace({text}, '[eE].*$', '')"
        return f"rtrim(ltrim(regexp_replace({mantissa}, '[^0-9]', '', 'g'), '0'), '0')"

    own, shortest = digits(t), digits(f"CAST({number} AS VARCHAR)")
    inexact = (
        f"({number} IS NOT NULL AND {own} <> {shortest} AND (NOT isfinite({number}) OR {number} = 0 "
        f"OR (length({own}) > {_EXACT_DIGITS} AND NOT regexp_matches({t}, '[eE]'))))"
    )
    return [
        f"list(DISTINCT CASE WHEN {cell} IS NOT NULL THEN {kind_sql(cell)} END)",
        f"coalesce(min(length({t})), 0)", f"coalesce(max(length({t})), 0)",
        f"coalesce(max(length(regexp_extract({t}, '^-?(\\d*)', 1))), 0)",
        f"coalesce(max(length(regexp_extract({t}, '\\.(\\d*)$', 1))), 0)", f"coalesce(bool_or({inexact}), false)",
    ]  # fmt: skip


def decide(splits: Mapping[str, Written]) -> Decision:
    """Return the type of a column by how its values are written in each split."""
    kinds = {kind for of in splits.values() for kind in of.kinds}
    missing = "missing" in kinds
    kinds -= {"missing"}
    if not kinds:
        return Decision(missing=missing)
    if kinds == {"boolean"}:
        return Decision("BOOLEAN", "CAST({} AS BOOLEAN)", missing)
    if kinds <= {"integer", "long integer"}:
        type_ = "BIGINT" if kinds == {"integer"} else "DECIMAL(38, 0)"
        return Decision(type_, f"CAST({{}} AS {type_})", missing)
    if kinds <= _NUMBERS:
        return _number(splits, kinds, missing)
    if kinds <= {"integer", "decimal comma", "thousands or decimals"}:
        if "decimal comma" not in kinds:
            return Decision(reason="is written with commas, which can be thousands as well as decimals")
        if not any(of.inexact for of in splits.values()):
            return Decision("DOUBLE", "CAST(replace({}, ',', '.') AS DOUBLE)", missing)
    if kinds == {"time of day"}:
        return Decision("TIME", "CAST({} AS TIME)", missing)
    if kinds <= TIMES:
        return _time(splits, kinds, missing)
    return Decision() if kinds & {"text", "padded"} else Decision(reason=f"holds {_by_split(splits)}")


_WORDS = {
    "whole numbers": {"integer", "long integer", "endless integer"},
    "numbers with a point or an exponent": {"decimal", "scientific", "bare scientific", "infinite"},
    "numbers with commas": {"thousands or decimals", "decimal comma"},
    "true and false": {"boolean"},
    "dates as in 2024-04-03": {"date"},
    "times without a zone": {"moment", "fine moment"},
    "times with a zone": {"instant", "fine instant"},
    "dates as in 2024/04/03": {"year first"},
    "dates with the day first": {"day first"},
    "dates with the month first": {"month first"},
    "dates such as 03/04/2024, which can be in March as well as in April": {"day or month first"},
    "dates as in 03/03/2024": {"either first"},
    "dates as in 03.04.2024": {"dotted"},
    "dates not in a form that is known": {"other date"},
    "times of day": {"time of day"},
}
"""What to call the kinds in a message."""


def _by_split(splits: Mapping[str, Written]) -> str:
    """Return what each split holds, or all of them where that is the same."""
    held = {
        split: " and ".join(words for words, kinds in _WORDS.items() if kinds & of.kinds)
        for split, of in splits.items()
    }
    held = {split: words for split, words in held.items() if words}
    if len(set(held.values())) == 1:
        return next(iter(held.values()))
    return ", but ".join(f"{words} in split '{split}'" for split, words in held.items())


def _number(splits: Mapping[str, Written], kinds: Collection[str], missing: bool) -> Decision:
    whole = {"integer", "long integer"} & set(kinds)
    if "bare scientific" in kinds and (whole or not {"decimal", "scientific"} & set(kinds)):
        return Decision()  # 1E2 and 100 are two ids; no program writes one column of floats in both ways
    if not any(of.inexact for of in splits.values()):
        return Decision("DOUBLE", "CAST({} AS DOUBLE)", missing)
    digits, decimals = (max(getattr(of, name) for of in splits.values()) for name in ("whole_digits", "decimals"))
    if set(kinds) <= {"integer", "long integer", "decimal"} and digits + decimals <= _DECIMAL_DIGITS:
        type_ = f"DECIMAL({_DECIMAL_DIGITS}, {decimals})"
        return Decision(type_, f"CAST({{}} AS {type_})", missing)
    return Decision()


def _time(splits: Mapping[str, Written], kinds: Collection[str], missing: bool) -> Decision:
    kinds = set(kinds)
    if kinds == {"date"}:
        return Decision("DATE", "CAST({} AS DATE)", missing)
    if kinds <= {"date", "moment", "fine moment"}:
        type_ = "TIMESTAMP_NS" if "fine moment" in kinds else "TIMESTAMP"
        return Decision(type_, f"CAST({{}} AS {type_})", missing)
    if kinds == {"instant"}:
        return Decision("TIMESTAMP WITH TIME ZONE", "CAST({} AS TIMESTAMPTZ)", missing)
    for only, formats in (
        ({"year first"}, clocked("%Y/%m/%d", "%Y.%m.%d")),
        ({"dotted"}, clocked("%d.%m.%Y")),
        ({"day first", "day or month first", "either first"}, clocked("%d/%m/%Y", "%d-%m-%Y")),
        ({"month first", "day or month first", "either first"}, clocked("%m/%d/%Y", "%m-%d-%Y")),
    ):
        if kinds <= only and kinds != {"day or month first"} and kinds != {"day or month first", "either first"}:
            return Decision("TIMESTAMP", f"strptime({{}}, {formats})", missing)
    if kinds <= {"day or month first", "either first"}:
        return Decision(reason="has dates such as 03/04/2024, which can be in March as well as in April")
    if kinds <= {"instant", "fine instant"}:
        return Decision(reason="has times with a zone that are finer than microseconds")
    # The same time with a zone and without one need not be one time, whatever else a check compares.
    zones = {"instant", "fine instant"} & kinds and {"moment", "fine moment"} & kinds
    return Decision(reason=f"holds {_by_split(splits)}", equality=not zones)


def formatted(date_format: str) -> Decision:
    """Return how a column is read whose dates are written in a form that is given, as ``strptime`` has it."""
    text = date_format.replace("'", "''")
    type_ = "TIMESTAMP WITH TIME ZONE" if "%z" in date_format.casefold() else "TIMESTAMP"
    return Decision(type_, f"CAST(try_strptime({{}}, '{text}') AS {type_})", missing=True)


def names_a_day(date_format: str) -> bool:
    """Return whether a form of dates has a year, a month and a day."""
    held = set(re.findall("%-?(.)", date_format))
    return bool(held & set("cxs") or (held & set("Yy") and ("j" in held or ("d" in held and held & set("mbBh")))))


def clocked(*dates: str) -> str:
    """Return the list of forms that begin with a date, with and without a time of day."""
    clocks = ("", "%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p", "%I:%M%p")
    forms = [
        f"{date}{between}{clock}" for date in dates for clock in clocks for between in ((" ", "T") if clock else ("",))
    ]
    return "[" + ", ".join(f"'{form}'" for form in forms) + "]"
