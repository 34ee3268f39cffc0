"""What makes keys of several relations comparable, and when they are not."""

from __future__ import annotations

import datetime as dt
import enum
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import sqlalchemy as sa

from gx_leakage.errors import CouldNotCheckError, TypesDifferError
from gx_leakage.sql import dialects as sql
from gx_leakage.sql.values import plain

__all__ = [
    "NORMALIZATIONS", "NUMBERS", "TIMES", "AllNull", "Axis", "Family", "Incomparable", "Key", "Nanoseconds", "Single",
    "UnreadText", "comparable", "family", "on_one_axis", "type_name",
]  # fmt: skip

NORMALIZATIONS = ("text", "nfc", "trim", "casefold")
"""What ``normalize`` may hold, in the order in which it is applied.

``"casefold"`` is lower case, by Unicode's rules, for that is what databases have: ``Anna`` is ``ANNA``, but ``straße``
is not ``STRASSE``. ``"trim"`` takes away blanks, tabs and line ends; a blank that does not break (U+00A0) stays.
"""

_INTEGER_DIGITS = 20
LARGEST_EXACT_FLOAT, LARGEST_EXACT_SINGLE = 2**53, 2**24


class Family(enum.Enum):
    """Types whose values can be compared with one another."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    DECIMAL = "decimal"
    FLOAT = "float"
    TEXT = "text"
    UUID = "uuid"
    DATE = "date"
    TIMESTAMP = "timestamp without time zone"
    TIMESTAMP_TZ = "timestamp with time zone"
    TIME = "time"
    BINARY = "binary"
    OTHER = "other"


_FAMILIES: tuple[tuple[type[Any], Family], ...] = (
    (sa.Boolean, Family.BOOLEAN),
    (sa.Integer, Family.INTEGER),
    (sa.Float, Family.FLOAT),
    (sa.Numeric, Family.DECIMAL),
    (sa.String, Family.TEXT),
    (sa.Uuid, Family.UUID),
    (sa.Date, Family.DATE),
    (sa.Time, Family.TIME),
    (sa.LargeBinary, Family.BINARY),
    (sa.BINARY, Family.BINARY),
    (sa.VARBINARY, Family.BINARY),
)

_EXACT = {Family.INTEGER, Family.DECIMAL}
NUMBERS = _EXACT | {Family.FLOAT}
TIMES = {Family.DATE, Family.TIMESTAMP, Family.TIMESTAMP_TZ}
_WRITTEN_ALIKE = NUMBERS | {Family.TEXT, Family.UUID}
"""What has one form as text, so that values of two such types can be compared by it."""
_PROMOTED = ({Family.DATE, Family.TIMESTAMP}, _EXACT, NUMBERS)


class AllNull(sa.types.NullType):
    """The type of a column that is known to hold nothing but NULL: it compares with any."""

    cache_ok = True


class Nanoseconds(sa.DateTime):
    """The type of a time that is stored finer than microseconds, which drivers and Python would cut off.

    Such times are compared, and fetched, as whole nanoseconds since 1970. Instants (``timezone``) are stored in UTC.
    """

    cache_ok = True


class Incomparable(sa.types.NullType):
    """The type of values that databases find equal in no way that is the same everywhere: lists, objects, shapes.

    Whether two of them are identical can be told by what they are as text, where an engine can write them.
    """

    cache_ok = True

    def __init__(self, name: str, writable: bool = True) -> None:
        super().__init__()
        self.name, self.writable = name, writable


class Single(sa.REAL[float]):
    """The type of a float of 32 bits; what databases call REAL often has 64."""

    cache_ok = True


class UnreadText(sa.Text):
    """The type of a text that looks like something else, which it could not be read as."""

    cache_ok = True
    REMARK: ClassVar[str] = "gx_leakage: "
    """Begins the comment of a column of a view in DuckDB that says so."""

    def __init__(self, reason: str, equality: bool, cut: bool = False) -> None:
        super().__init__()
        self.reason, self.equality, self.cut = reason, equality, cut


def family(type_: sa.types.TypeEngine[Any]) -> Family:
    """Return the family of a SQL type."""
    if isinstance(type_, sa.DateTime) or type_.__class__.__name__ in ("TIMESTAMP", "DATETIME", "DATETIME2"):
        return Family.TIMESTAMP_TZ if getattr(type_, "timezone", False) else Family.TIMESTAMP
    if type_.__class__.__name__ in ("DATETIMEOFFSET", "TIMESTAMP_TZ", "TIMESTAMP_LTZ"):
        return Family.TIMESTAMP_TZ
    for cls, found in _FAMILIES:
        if isinstance(type_, cls):
            return found
    return Family.OTHER


def type_name(type_: sa.types.TypeEngine[Any]) -> str:
    """Return what to call a type in a message."""
    if isinstance(type_, Incomparable):
        return type_.name
    if isinstance(type_, sa.Interval):
        return "INTERVAL"
    if isinstance(type_, sa.types.NullType):
        return "an unknown type"
    if isinstance(type_, sa.DateTime):
        return f"TIMESTAMP {'WITH' if type_.timezone else 'WITHOUT'} TIME ZONE"
    try:
        return str(type_.compile())
    except Exception:  # noqa: BLE001 (types of third-party dialects compile for those alone)
        return type_.__class__.__name__


def _scale(type_: sa.types.TypeEngine[Any]) -> int | None:
    scale: int | None = getattr(type_, "scale", None)
    return scale


@dataclass(frozen=True)
class Key:
    """One column of a key: how each relation has to write it so that equal means equal."""

    name: str
    families: frozenset[Family]
    normalize: tuple[str, ...] = ()
    type_: sa.types.TypeEngine[Any] = field(default_factory=sa.types.NullType)
    fine: bool = False
    """Whether these are times that some split stores finer than microseconds."""
    single: bool = False
    """Whether these are numbers that some split stores as floats of 32 bits, and so all are compared as such."""
    scale: int | None = None
    """Digits after the point of decimals that their types together have no room for, where decimals have 38 digits."""

    def shown(self, value: Any) -> Any:
        """Return a value that was fetched as JSON has it."""
        if self.fine and isinstance(value, int):
            return moment_of(value, Family.TIMESTAMP_TZ in self.families)
        return plain(value)

    def of(self, relation: sa.FromClause) -> sa.ColumnElement[Any]:
        """Return the comparable expression over a relation that has the column."""
        expression: sa.ColumnElement[Any] = relation.c[self.name]
        own = family(expression.type)
        lists = isinstance(self.type_, Incomparable)
        empty = isinstance(expression.type, AllNull) if lists else isinstance(self.type_, sa.types.NullType)
        if (own not in self.families and (lists or not empty)) or (lists and empty):
            # The column holds nothing here, so that its own type says nothing.
            return sql.null_of(self._type()).label(self.name)
        if isinstance(expression.type, Incomparable):
            expression = sql.written(expression)
        if own in (Family.FLOAT, Family.DECIMAL):
            expression = sql.nan_to_null(expression)
        if own is Family.BOOLEAN:
            # 0 and 1 have an order, a smallest and a largest on every database; booleans do not.
            expression = sa.case((expression == sa.true(), 1), (expression == sa.false(), 0))
        if own is Family.DATE and Family.TIMESTAMP in self.families:
            expression = sql.midnight(expression)
        if self.normalize:
            expression = self._normalized(relation.c[self.name] if own is Family.BOOLEAN else expression)
        elif self.fine:
            expression = sql.nanoseconds(expression)
        elif self.single and not isinstance(expression.type, Single):
            expression = sql.single(expression)
        elif self.scale is not None:
            expression = sql.decimal(expression, self.scale)
        return expression.label(self.name)

    def _type(self) -> sa.types.TypeEngine[Any]:
        if self.normalize or isinstance(self.type_, Incomparable):
            return sa.Text()
        if self.fine:
            return sa.BigInteger()
        if Family.TIMESTAMP in self.families:
            return sa.DateTime()
        return sa.Integer() if Family.BOOLEAN in self.families else self.type_

    def inexact(self, relation: sa.FromClause) -> sa.ColumnElement[int] | None:
        """Return a flag for numbers that a comparison with floats would round, None where there is no such risk."""
        column = relation.c[self.name]
        own = family(column.type)
        coarse = isinstance(column.type, Single)
        if own is Family.DECIMAL and self._decimals_as_text:
            return sa.case((column != sa.func.floor(column), 1), else_=0) if _scale(column.type) != 0 else None
        if "text" in self.normalize:
            # As text a float is the whole number that it is only as long as its neighbours are others.
            risky = own is Family.FLOAT and len(self.families) > 1
            largest = LARGEST_EXACT_SINGLE if coarse else LARGEST_EXACT_FLOAT
        else:
            mixed = Family.FLOAT in self.families and bool(self.families & _EXACT)
            risky = not self.normalize and (
                (mixed and own in _EXACT) or (self.single and own in NUMBERS and not coarse)
            )
            largest = LARGEST_EXACT_SINGLE if self.single else LARGEST_EXACT_FLOAT
        if not risky:
            return None
        # The largest itself may be what a float made of its neighbour. Nothing is beside what is infinite.
        beyond = sa.func.abs(column) >= largest
        finite = [sa.func.abs(column) <= sys.float_info.max] if own is Family.FLOAT else []
        return sa.case((sa.and_(beyond, *finite), 1), else_=0)

    @property
    def _decimals_as_text(self) -> bool:
        return "text" in self.normalize and {Family.DECIMAL, Family.TEXT} <= self.families

    def rounded(self, types: Mapping[str, sa.types.TypeEngine[Any]]) -> TypesDifferError:
        """Return the error for numbers that :meth:`inexact` flags, given the type of the column by split."""
        named = list(dict.fromkeys(f"{type_name(type_)} in split '{split}'" for split, type_ in types.items()))
        first = next(iter(types.values()))
        other = next((s for s, t in types.items() if (family(t), type(t)) != (family(first), type(first))), None)
        shown = named if other is None else [named[0], f"{type_name(types[other])} in split '{other}'"]
        largest = 24 if any(isinstance(type_, Single) for type_ in types.values()) else 53
        if self._decimals_as_text:
            return TypesDifferError(
                f"column '{self.name}' is {' but '.join(shown)}, and has numbers with decimals, which are written in "
                f"more than one way, as 1.5 and 1.50: equal ones would look different. Write them alike, in one type "
                f"in all splits."
            )
        return TypesDifferError(
            f"column '{self.name}' is {' but '.join(shown)}, and has numbers beyond 2^{largest}, which floats round: "
            f"different ones would look equal, or equal ones different. Write it as whole numbers, or as text, in all "
            f"splits."
        )

    def _normalized(self, expression: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        steps = {"text": sql.as_text, "nfc": sql.nfc, "trim": sql.trimmed, "casefold": sql.lowered}
        for step in NORMALIZATIONS:
            if step in self.normalize:
                if step != "text" and family(expression.type) is not Family.TEXT:
                    raise CouldNotCheckError(
                        f"normalize={[step]!r} needs text, but column '{self.name}' is "
                        f"{type_name(expression.type)}: put 'text' before it."
                    )
                expression = steps[step](expression)
                expression.type = sa.Text()
        return expression


def comparable(
    columns: Iterable[str],
    types: Mapping[str, Mapping[str, sa.types.TypeEngine[Any]]],
    normalize: Sequence[str] = (),
    lenient: bool = False,
    identical: bool = False,
) -> tuple[Key, ...]:
    """Return the keys for ``columns`` over splits with the given types (split name → column → type).

    Args:
        columns: The columns of the key.
        types: The type of each column, by split.
        normalize: How values are made comparable.
        lenient: Whether steps that need text leave columns as they are that hold none.
        identical: Whether lists, objects and the like may be compared by what they are as text.

    Raises:
        TypesDifferError: two splits hold a column in types whose values are never, or not reliably, equal.
    """
    unknown = set(normalize) - set(NORMALIZATIONS)
    if unknown:
        raise CouldNotCheckError(
            f"normalize knows {', '.join(map(repr, NORMALIZATIONS))}, not {', '.join(map(repr, sorted(unknown)))}."
        )
    keys = []
    for column in columns:
        for split, of in types.items():
            unread = of[column]
            if isinstance(unread, Incomparable) and not (identical and unread.writable):
                raise CouldNotCheckError(
                    f"column '{column}' is {type_name(unread)} in split '{split}', of which values cannot be compared: "
                    f"give a column of numbers, texts or times, for example one that is made of it."
                )
            if isinstance(unread, UnreadText) and unread.cut:
                raise CouldNotCheckError(_cut(column, unread))
            if isinstance(unread, UnreadText) and not unread.equality and "text" not in normalize:
                raise TypesDifferError(
                    f"column '{column}' {unread.reason}: what is one value there may be two here. Write it alike, "
                    f"{_DATES}, or compare it as it is written with normalize=['text']."
                )
        found = {split: family(of[column]) for split, of in types.items() if not isinstance(of[column], AllNull)}
        families = frozenset(found.values())
        agree = len(families) <= 1 or any(families <= together for together in _PROMOTED)
        by_text = "text" in normalize and families <= _WRITTEN_ALIKE
        if not agree and not by_text:
            splits = list(found)
            other = next(split for split in splits if found[split] is not found[splits[0]])
            both = (
                f"column '{column}' is {type_name(types[splits[0]][column])} in split '{splits[0]}' but "
                f"{type_name(types[other][column])} in split '{other}'"
            )
            if "text" in normalize:
                raise TypesDifferError(
                    f"{both}: as text, such values are written in more than one way, so that equal ones would look "
                    f"different. Write them alike, in one type in all splits."
                )
            raise TypesDifferError(
                f"{both}: values of these types are never equal, so that a leak between them would go unseen. Cast one "
                f"of them{_hint(families)}."
            )
        _refuse_other_contents(column, {split: types[split][column] for split in found})
        type_ = types[next(iter(found))][column] if found else sa.types.NullType()
        all_types = [of[column] for of in types.values() if not isinstance(of[column], AllNull)]
        left_alone = lenient and "text" not in normalize and not families <= {Family.TEXT}
        steps = () if left_alone else tuple(normalize)
        some_single = len({isinstance(of, Single) for of in all_types}) > 1 and families <= NUMBERS
        keys.append(Key(column, families, steps, type_, is_fine(all_types), some_single, _scale_of(all_types)))
    return tuple(keys)


def _refuse_other_contents(column: str, types: Mapping[str, sa.types.TypeEngine[Any]]) -> None:
    """Raise where lists or objects hold other types in one split than in another: equal ones are written otherwise."""
    named = {split: _contents(type_) for split, type_ in types.items() if isinstance(type_, Incomparable)}
    first = next(iter(named), None)
    for split, contents in named.items():
        one, other = named[str(first)], contents
        if not (re.fullmatch(_like(one), other) or re.fullmatch(_like(other), one)):
            raise TypesDifferError(
                f"column '{column}' is {type_name(types[str(first)])} in split '{first}' but {type_name(types[split])} "
                f"in split '{split}': what is equal is written otherwise there. Cast one of them, or leave the column "
                f"out."
            )


_WHOLE = re.compile(r"\b(?:u?int(?:8|16|32|64)|(?:u?(?:tiny|small|big|huge)|u)?int(?:eger)?|byte|short|long)\b")


def _contents(type_: Incomparable) -> str:
    """Return the name of a type in which all whole numbers are one type."""
    return _WHOLE.sub("integer", type_.name.lower())


def _like(contents: str) -> str:
    """Return the pattern of types that fit one, in which what is never known fits any."""
    return ".+".join(map(re.escape, re.split(r'"?\bnull\b"?', contents)))


@dataclass(frozen=True)
class Axis:
    """What columns have in common that are times, or numbers that stand for them."""

    families: frozenset[Family]
    fine: bool
    scale: int | None = None

    @property
    def numeric(self) -> bool:
        """Whether these are numbers."""
        return self.families <= NUMBERS

    def key(self, column: str) -> Key:
        """Return how a column is written on this axis."""
        return Key(column, self.families, fine=self.fine, scale=self.scale)


def on_one_axis(columns: Sequence[str], splits: Mapping[str, Any]) -> Axis:
    """Return what columns have in common that are times on one axis, or numbers that stand for them.

    Args:
        columns: The columns that are compared with one another.
        splits: By split, its columns by name.

    Raises:
        CouldNotCheckError: a column has no order in time.
        TypesDifferError: two columns cannot be compared.
    """
    types = {f"'{c}'{_OF}'{split}'": found[c].type for c in columns for split, found in splits.items()}
    known = {where: type_ for where, type_ in types.items() if not isinstance(type_, AllNull)}
    for where, type_ in known.items():
        if isinstance(type_, UnreadText) and type_.cut:
            raise CouldNotCheckError(_cut(where.split(_OF)[0].strip("'"), type_))
        if isinstance(type_, UnreadText):
            raise CouldNotCheckError(
                f"column {where.split(_OF)[0]} {type_.reason}: write it alike, dates as in 2024-04-03, or {_DATES}."
            )
        if family(type_) not in TIMES | NUMBERS:
            raise CouldNotCheckError(
                f"column {where} is {type_name(type_)}, which has no order in time: it must be a date, a timestamp or "
                f"a number. Cast it, or parse it when it is read."
            )
    families = frozenset(family(type_) for type_ in known.values())
    if len(families) > 1 and not any(families <= together for together in _PROMOTED):
        (first, one), *rest = known.items()
        other, another = next((w, t) for w, t in rest if family(t) is not family(one))
        raise TypesDifferError(
            f"column {first} is {type_name(one)} but column {other} is {type_name(another)}, which cannot be compared. "
            f"Cast one of them{_hint(families)}."
        )
    return Axis(families, is_fine(known.values()), _scale_of(known.values()))


def is_fine(types: Iterable[sa.types.TypeEngine[Any]]) -> bool:
    """Return whether some of the types are times finer than microseconds."""
    return any(isinstance(type_, Nanoseconds) for type_ in types)


def _scale_of(types: Iterable[sa.types.TypeEngine[Any]]) -> int | None:
    """Return the digits after the point of exact numbers that need more digits together than a decimal has.

    Left to itself, a database of decimals of 38 digits rounds some of them then, and finds equal what is not.
    """
    types = list(types)
    if not all(family(type_) in _EXACT for type_ in types):
        return None
    # Snowflake's and other whole numbers of unknown length are integers; a decimal without a precision is no such type.
    sizes = [
        (_INTEGER_DIGITS, 0) if family(type_) is Family.INTEGER
        else (getattr(type_, "precision", None) or 0, getattr(type_, "scale", None) or 0)
        for type_ in types
    ]  # fmt: skip
    scale = max((scale for _, scale in sizes), default=0)
    whole = max((precision - scale for precision, scale in sizes), default=0)
    return scale if len(set(sizes)) > 1 and whole + scale > sql.DECIMAL_DIGITS else None


def moment_of(nanoseconds_: int, aware: bool) -> str:
    """Return a time as text by the nanoseconds since 1970, with as many decimals as it needs."""
    seconds, rest = divmod(nanoseconds_, 10**9)
    moment = dt.datetime(1970, 1, 1) + dt.timedelta(seconds=seconds)
    decimals = f"{rest:09d}" if rest % 1000 else f"{rest // 1000:06d}" if rest else ""
    return f"{moment.isoformat(sep=' ')}{'.' if decimals else ''}{decimals}{'+00:00' if aware else ''}"


_OF = " in split "
_DATES = "say how dates are written with date_format= (--date-format), such as '%d/%m/%Y'"


def _cut(column: str, type_: UnreadText) -> str:
    return (
        f"column '{column}' {type_.reason}, of which not all is read, so that values which differ would be equal: "
        f"write it as text, round it, or leave it out with exclude= (--exclude)."
    )


def _hint(families: frozenset[Family]) -> str:
    if families == {Family.TIMESTAMP, Family.TIMESTAMP_TZ}:
        return " (say in which time zone the naive one is)"
    if not families <= _WRITTEN_ALIKE:
        return ""
    return ", or compare them as text with normalize=['text']"
