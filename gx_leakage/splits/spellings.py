"""What one number, or one time, may be written as where a column of files stays text.

Texts are equal when they are written alike. That is right for codes, and wrong where one file has lost the zeros, or
the form, that another has kept: ``007`` and ``7``, ``1,000`` and ``1000``, ``01/30/2020`` and ``2020-01-30``. So each
value that can be a number or a time is read in all ways that it can be meant, exactly, and as text: no float rounds it.
"""

from __future__ import annotations

from collections.abc import Sequence

from gx_leakage.splits.kinds import clocked

__all__ = ["disagreeing", "odd"]

_LONGEST = 64
"""Bytes of a value; what is longer is no number that somebody wrote in two ways, and costly to look at."""

_BLANKS, _QUOTE, _MINUS = r" \x{a0}\x{202f}", r"\x{2019}", r"\x{2212}"
_MONTHS = r"[A-Za-z]{3,9}\.?"
_IN_NUMBERS = rf"[-+{_MINUS}0-9.,'{_QUOTE}_/:eETZ%{_BLANKS}]*"
_LIKELY = (
    rf"{_IN_NUMBERS}[0-9]{_IN_NUMBERS}(?:[AaPp][Mm]|UTC|GMT)? *"
    rf"| *\d{{1,2}}[ -]{_MONTHS},?[ -]\d{{2,4}}.*| *(?:{_MONTHS},? )?{_MONTHS} \d{{1,2}},? \d{{4}}.*"
    r"| *(?:true|false|True|False|TRUE|FALSE) *"
)
"""What can be a number or a time at all."""

_PLAIN = r"0|-?[1-9][0-9]*"
"""A whole number as most programs write it, which no other is, but for a day without its hyphens."""

# How a number without its sign is written, and what makes of it digits with a point; each may be meant, where several
# fit. Only one comma before three digits is read in two ways: a point there is a decimal one.
_NUMBERS = (
    (r"[0-9]+\.?[0-9]*|\.[0-9]+|[0-9]*\.?[0-9]+[eE][+-][0-9]+|[0-9]+\.[0-9]*[eE][+-]?[0-9]+", "{}"),
    (r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?", "replace({}, ',', '')"),
    (r"[0-9]*,[0-9]+", "replace({}, ',', '.')"),
    (
        r"[0-9]{1,3}(?:\.[0-9]{3}){2,}(?:,[0-9]*)?|[0-9]{1,3}\.[0-9]{3},[0-9]*",
        "replace(replace({}, '.', ''), ',', '.')",
    ),
    (
        rf"[0-9]{{1,3}}(?:['{_QUOTE}_{_BLANKS}][0-9]{{3}})+(?:[.,][0-9]*)?",
        rf"replace(regexp_replace({{}}, '[''{_QUOTE}_{_BLANKS}]', '', 'g'), ',', '.')",
    ),
)

_ISO = r"\d{4}-\d{2}-\d{2}(?:[ T]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?"
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?"
_ZONE = r" ?(?:Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)"


def odd(cell: str) -> str:
    """Return the condition that a cell of text can be a number or a time, and not only a plain whole number."""
    return (
        f"(CASE WHEN strlen({cell}) <= {_LONGEST} THEN {_matches(cell, _LIKELY)} AND NOT {_matches(cell, _PLAIN)} END)"
    )


def disagreeing(cells: Sequence[str], strict: bool) -> str:
    """Return the query for a number, or a time, that splits do not write alike.

    It returns no row, or one with a list of such spellings: structs of ``split`` (its position) and ``spelling``. What
    each of the splits that hold it writes in the same ways, be they several, is no such number: these are codes.

    Args:
        cells: For each split the query that returns its texts, in one column called ``spelling``.
        strict: Whether several ways in one split are enough.
    """
    held = " UNION ALL ".join(
        f"SELECT DISTINCT {split} AS split, spelling FROM ({query}) "  # noqa: S608 (our own names)
        f"WHERE CASE WHEN strlen(spelling) <= {_LONGEST} THEN {_matches('spelling', _LIKELY)} END"
        for split, query in enumerate(cells)
    )
    negative = f"{_matches('t[1]', f'[-{_MINUS}]')} AS negative"
    several = "min(spelling) < max(spelling)" + ("" if strict else " AND min(split) < max(split)")
    codes = "count(DISTINCT spelling) * count(DISTINCT split) = count(DISTINCT (split, spelling))"
    return (
        f"WITH bare AS (SELECT *, trim(spelling) AS t, {_unsigned('trim(spelling)')} AS n FROM ({held})), "  # noqa: S608
        f"numbers AS (SELECT split, spelling, {negative}, unnest({_numbers('n', 't')}) AS digits FROM bare), "
        f"readings AS MATERIALIZED (SELECT split, spelling, {_canonical('digits', 'negative')} AS reading FROM numbers "
        f"UNION ALL SELECT split, spelling, unnest({_times('t')}) FROM bare), "
        f"doubtful AS (SELECT reading FROM readings GROUP BY reading HAVING {several}) "
        "SELECT list_sort(list(DISTINCT {'split': split, 'spelling': spelling})) "
        "FROM readings SEMI JOIN doubtful USING (reading) WHERE reading IS NOT NULL GROUP BY reading "
        f"{'' if strict else f'HAVING NOT {codes}'} ORDER BY reading LIMIT 1"
    )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _matches(sql: str, pattern: str) -> str:
    return f"regexp_full_match({sql}, {_literal(pattern)})"


def _unsigned(text: str) -> str:
    """Return a number without its sign and its sign of per cent."""
    return f"regexp_replace(regexp_replace({text}, '^[-+{_MINUS}] ?', ''), '[{_BLANKS}]?%$', '')"


def _numbers(number: str, text: str) -> str:
    """Return the list of numbers, as digits with a point and an exponent, that an unsigned text may mean."""
    found = ", ".join(
        f"CASE WHEN {_matches(number, pattern)} THEN {made.replace('{}', number)} END" for pattern, made in _NUMBERS
    )
    percent = f"CASE WHEN {text}[-1] = '%' THEN [x, x || 'e-2'] ELSE [x] END"
    truth = f"CASE lower({text}) WHEN 'true' THEN ['1'] WHEN 'false' THEN ['0'] END"
    known = f"list_filter([{found}], lambda x: x IS NOT NULL)"
    return f"coalesce({truth}, flatten(list_transform({known}, lambda x: {percent})))"


def _canonical(digits: str, negative: str) -> str:
    """Return a number as its sign, its size and its digits, which all ways of writing it have in common."""
    mantissa = f"regexp_extract({digits}, '^[^eE]*')"
    exponents = f"regexp_extract_all({digits}, '[eE]([+-]?[0-9]+)', 1)"
    exponent = f"list_sum(list_transform({exponents}, lambda e: try_cast(e AS BIGINT)))"
    whole = f"strlen(regexp_extract({mantissa}, '^[0-9]*'))"
    all_ = f"replace({mantissa}, '.', '')"
    size = f"{whole} + coalesce({exponent}, 0) - (strlen({all_}) - strlen(ltrim({all_}, '0')))"
    return (
        f"CASE WHEN trim({all_}, '0') = '' THEN 'number 0' "
        f"ELSE concat('number ', CASE WHEN {negative} THEN '-' END, {size}, ':', trim({all_}, '0')) END"
    )


def _times(text: str) -> str:
    """Return the list of times, as microseconds since 1970 and what is finer, that a text may mean."""
    fine = f"rtrim(regexp_extract({text}, '\\.\\d{{6}}(\\d+)', 1), '0')"
    coarse = f"regexp_replace({text}, '(\\.\\d{{6}})\\d+', '\\1')"
    zoned = f"regexp_replace({coarse}, '^(.{{10}}.\\d\\d:\\d\\d)( ?[A-Z+-].*)$', '\\1:00\\2')"
    zoned = f"regexp_replace(regexp_replace({zoned}, ' ?(?:Z|UTC|GMT)$', 'Z'), ' ([+-])', '\\1')"
    read = [
        f"CASE WHEN {_matches(text, _ISO)} THEN epoch_us(try_cast({coarse} AS TIMESTAMP)) END",
        f"CASE WHEN {_matches(text, _ISO + _ZONE)} THEN epoch_us(try_cast({zoned} AS TIMESTAMPTZ)) END",
        *(
            f"CASE WHEN {_matches(text, pattern)} THEN epoch_us(try_strptime({text}, {forms})) END"
            for pattern, forms in (
                (r"(?:19|20)\d{6}(?:[T ]?\d{6})?", "['%Y%m%d', '%Y%m%dT%H%M%S', '%Y%m%d %H%M%S', '%Y%m%d%H%M%S']"),
                (r"\d{4}[/.]\d.*", clocked("%Y/%m/%d", "%Y.%m.%d")),
                (r"\d{1,2}[-/.]\d{1,2}[-/.]\d{4}.*", clocked("%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y")),
                (r"\d{1,2}[-/]\d{1,2}[-/]\d{4}.*", clocked("%m/%d/%Y", "%m-%d-%Y")),
                (r"\d{1,2}[-/.]\d{1,2}[-/.]\d{2}(?: .*)?", clocked("%d/%m/%y", "%d-%m-%y", "%d.%m.%y")),
                (r"\d{1,2}[-/]\d{1,2}[-/]\d{2}(?: .*)?", clocked("%m/%d/%y", "%m-%d-%y")),
                (
                    r".*[A-Za-z]{3}.*",
                    clocked("%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y", "%b %d %Y"),
                ),
            )
        ),
    ]
    clock = f"CASE WHEN {_matches(text, _CLOCK)} THEN ['clock ' || {_clock(text)}] END"
    moments = f"list_filter([{', '.join(read)}], lambda us: us IS NOT NULL)"
    return f"coalesce({clock}, list_transform(list_distinct({moments}), lambda us: concat('time ', us, '.', {fine})))"


def _clock(text: str) -> str:
    """Return a time of day as microseconds."""
    padded = f"concat(CASE WHEN {text}[2] = ':' THEN '0' END, {text}, CASE WHEN {text} NOT LIKE '%:%:%' THEN ':00' END)"
    return f"CAST(epoch_us(try_cast({padded} AS TIME)) AS VARCHAR)"
