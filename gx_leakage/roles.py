"""Roles: what columns are for. Each is said once, by the family of leaks that brings it.

A role has one name, and one :class:`Form`: how its value is given in Python, written on a command line, and in a file.
All that takes roles (:func:`gx_leakage.audit`, ``gx-leakage audit --help``, ``leakage.yml``, the proposals) reads these
declarations. Nothing heavy is imported here, so that ``gx-leakage --help`` answers at once.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Union

__all__ = [
    "Choices", "Column", "Columns", "Form", "Groups", "Length", "Look", "Names", "Pair", "Pairs", "Proposal", "Role",
    "Text",
]  # fmt: skip


class Form:
    """How the value of a role is given.

    Every form turns what is given into one shape: that of :meth:`read`. ``ValueError`` says that it is no such value.
    """

    wanted: str
    """What a file has to hold, for messages."""
    of_columns: bool = False
    """Whether the value names columns."""
    repeatable: bool = False
    """Whether the option may be given more than once."""
    metavar: str | None = None
    """What the value of the option is called in the help, where that is no plain text."""
    type_: Any = Any
    """What :func:`gx_leakage.audit` takes."""
    empty: Any = None
    """The value of a role that is not given."""

    def read(self, value: Any) -> Any:
        """Return a value of Python, or of YAML, in the shape that plans work with."""
        if not isinstance(value, str):
            raise ValueError(self.wanted)
        return value

    def read_option(self, given: Any) -> Any:
        """Return what stands on a command line, a text or a list of them, in that shape."""
        return self.read(given)

    def columns(self, value: Any) -> list[str]:
        """Return the columns that a value of that shape names."""
        return []

    def without(self, value: Any, columns: Collection[str]) -> Any:
        """Return a value of that shape that does not name these columns, as far as it can do without."""
        return value

    def written(self, columns: Sequence[str]) -> Any:
        """Return the value for a file that names these columns."""
        return columns[0]

    def option(self, columns: Sequence[str]) -> str:
        """Return the value of the option that names these columns."""
        return columns[0]


class Text(Form):
    """A text that names no column."""

    wanted = "a text"
    type_ = str


class Column(Form):
    """One column."""

    of_columns = True
    wanted = "a column"
    type_ = str

    def columns(self, value: Any) -> list[str]:
        """Return the column."""
        return [value]


class Columns(Form):
    """Any number of columns."""

    of_columns = True
    wanted = "a column or a list of columns"
    repeatable = True
    type_ = Sequence[str] | str
    empty = ()

    def read(self, value: Any) -> Any:
        """Return the columns; a text is one."""
        return _texts([value] if isinstance(value, str) else value, self.wanted)

    def columns(self, value: Any) -> list[str]:
        """Return the columns."""
        return list(value)

    def without(self, value: Any, columns: Collection[str]) -> Any:
        """Return the other columns."""
        return [column for column in value if column not in columns]

    def written(self, columns: Sequence[str]) -> Any:
        """Return a list."""
        return list(columns)


class Choices(Columns):
    """Any number of words, which are no columns."""

    of_columns = False
    wanted = "a list of names"

    def columns(self, value: Any) -> list[str]:
        """Return none."""
        return []


class Groups(Form):
    """Any number of keys, each of one column or of several together: ``["a", ("b", "c")]``, ``--group a --group b,c``.

    A comma within a column's name is written in quotes, as in CSV.
    """

    of_columns = True
    wanted = "a column, or a list of columns, in which a list of columns is a key of these together"
    repeatable = True
    type_ = Sequence[str | Sequence[str]] | str
    empty = ()

    def read(self, value: Any) -> Any:
        """Return the keys, each a tuple of columns."""
        if isinstance(value, str):
            return [(value,)]
        if not isinstance(value, Sequence):
            raise ValueError(self.wanted)
        return [(key,) if isinstance(key, str) else tuple(_texts(key, self.wanted)) for key in value]

    def read_option(self, given: Any) -> Any:
        """Split each at its commas."""
        return [tuple(_split(text)) for text in given]

    def columns(self, value: Any) -> list[str]:
        """Return the columns of all keys."""
        return [column for key in value for column in key]

    def written(self, columns: Sequence[str]) -> Any:
        """Return a list of columns, each a key."""
        return list(columns)

    def option(self, columns: Sequence[str]) -> str:
        """Return the columns with commas."""
        return _joined(columns)


class Pair(Form):
    """Two columns that belong together: ``("start", "end")``, ``--window start,end``."""

    of_columns = True
    type_ = tuple[str, str]

    def __init__(self, first: str, second: str) -> None:
        self.metavar = f"{first},{second}"
        self.wanted = f"a list of two columns, {first.lower()} and {second.lower()}"

    def read(self, value: Any) -> Any:
        """Return both columns."""
        if isinstance(value, str) or not isinstance(value, Sequence) or len(value) != 2:
            raise ValueError(self.wanted)
        return tuple(_texts(value, self.wanted))

    def read_option(self, given: Any) -> Any:
        """Split at the comma."""
        columns = _split(given)
        if len(columns) != 2:
            raise ValueError(f"of the form {self.metavar}")
        return tuple(columns)

    def columns(self, value: Any) -> list[str]:
        """Return both columns."""
        return list(value)

    def written(self, columns: Sequence[str]) -> Any:
        """Return a list of both."""
        return list(columns)

    def option(self, columns: Sequence[str]) -> str:
        """Return both with a comma."""
        return _joined(columns)


class Pairs(Form):
    """For columns another one each: ``{"cost": "booked_at"}``, ``--available-at cost=booked_at``."""

    of_columns = True
    repeatable = True
    type_ = Mapping[str, str]
    empty: Mapping[str, str] = {}

    def __init__(self, first: str, second: str) -> None:
        self.metavar = f"{first}={second}"
        self.wanted = f"a mapping such as {first}: {second}"

    def read(self, value: Any) -> Any:
        """Return a mapping of columns."""
        if not isinstance(value, Mapping):
            raise ValueError(self.wanted)
        return dict(zip(_texts(list(value), self.wanted), _texts(list(value.values()), self.wanted), strict=True))

    def read_option(self, given: Any) -> Any:
        """Split each at its first equals sign."""
        pairs = [text.partition("=") for text in given]
        if not all(first and equals and second for first, equals, second in pairs):
            raise ValueError(f"of the form {self.metavar}")
        if len({first for first, _, _ in pairs}) < len(pairs):
            raise ValueError(f"of the form {self.metavar}, each once")
        return {first: second for first, _, second in pairs}

    def columns(self, value: Any) -> list[str]:
        """Return all of them."""
        return [*value, *value.values()]

    def without(self, value: Any, columns: Collection[str]) -> Any:
        """Return the pairs of other columns."""
        return {one: other for one, other in value.items() if not {one, other} & set(columns)}

    def written(self, columns: Sequence[str]) -> Any:
        """Return a mapping of the first to the second."""
        return {columns[0]: columns[1]}

    def option(self, columns: Sequence[str]) -> str:
        """Return the first and the second with an equals sign."""
        return "=".join(columns)


class Names(Form):
    """Splits in an order."""

    wanted = "a list of names"
    metavar = "NAME,NAME,…"
    type_ = Sequence[str]

    def read(self, value: Any) -> Any:
        """Return the names."""
        if isinstance(value, str):
            raise ValueError(self.wanted)
        return _texts(value, self.wanted)

    def read_option(self, given: Any) -> Any:
        """Split at the commas."""
        return _split(given)


class Length(Form):
    """A length: a number on an axis of numbers, or a time such as ``"7 days"``."""

    wanted = "a text or a number"

    def read(self, value: Any) -> Any:
        """Return it as it is: what it may be depends on the axis."""
        if isinstance(value, (bool, Mapping)) or (isinstance(value, Sequence) and not isinstance(value, str)):
            raise ValueError(self.wanted)
        return value

    def read_option(self, given: Any) -> Any:
        """Return a number where there is one."""
        for kind in (int, float):
            try:
                return kind(given)
            except ValueError:
                continue
        return given


def _texts(value: Any, wanted: str) -> list[str]:
    if isinstance(value, (str, Mapping)) or not isinstance(value, Iterable):
        raise ValueError(wanted)
    found = list(value)
    if not all(isinstance(one, str) for one in found):
        raise ValueError(wanted)
    return found


def _split(text: str) -> list[str]:
    (found,) = csv.reader([text])
    return found


def _joined(columns: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(columns)
    return text.getvalue()


Look = Union[tuple[Sequence[str], str], tuple[Sequence[str], str, bool]]


@dataclass(frozen=True)
class Role:
    """What a column, or a setting that goes with columns, is for."""

    name: str
    """The argument of :func:`gx_leakage.audit`, the option, and the key of ``leakage.yml``."""
    form: Form
    help: str
    """What it is, in one sentence."""
    needs: Mapping[str, str] = field(default_factory=dict)
    """The roles that have to be given with it, each with what it is needed for."""
    keeps: Callable[[Any], Iterable[str]] = lambda _: ()
    """Of a value the columns that are features all the same."""
    judges: Callable[[Any], Iterable[str]] = lambda _: ()
    """Of a value the columns that are judged, and say nothing of others: they can be left out where they leak."""
    insists: bool = False
    """Whether its columns are not set aside, whatever other roles they have: those of features, and the target."""
    looks_like: Callable[[Any, Mapping[str, Sequence[str]]], Iterable[Look]] | None = None
    """Given the profile of the splits, and the columns that have a role already, the columns that look like it, each
    with the reason, and False as a third where it is not sure, and only worth naming. See
    :class:`gx_leakage.splits.profile.Profile`."""
    place: int = 50
    """When it is proposed: a role of a lower place takes its columns first."""

    @property
    def option(self) -> str:
        """The option of the command line."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def of_columns(self) -> bool:
        """Whether it names columns; otherwise it says how they are compared."""
        return self.form.of_columns


@dataclass(frozen=True)
class Proposal:
    """A role that columns look like they have."""

    role: str
    """The argument of :func:`gx_leakage.audit`, and the option of the command line."""
    column: str
    """The value of the option: the column, or two as the form has them."""
    reason: str
    columns: tuple[str, ...]
    sure: bool = True
    """Whether it is checked if what is proposed is to be checked; otherwise it is left open."""

    @property
    def sentence(self) -> str:
        """The reason, and whether that leaves it open."""
        return f"{self.reason}{'' if self.sure else ' (left open: name it if it is)'}."

    @property
    def option(self) -> list[str]:
        """The option and its value."""
        return [f"--{self.role.replace('_', '-')}", self.column]
