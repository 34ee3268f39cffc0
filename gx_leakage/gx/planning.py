"""What an Expectation is planned from: the roles that are given, and the splits."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import product
from typing import Any

from gx_leakage.errors import CouldNotCheckError
from gx_leakage.roles import Columns, Groups, Role
from gx_leakage.splits.relations import Relations
from gx_leakage.sql.keys import Family, family

__all__ = ["Given", "NotPlannedError"]


class NotPlannedError(Exception):
    """An Expectation is not checked; the message says for want of what."""


class Given:
    """The roles that are given for splits.

    Attributes:
        relations: The splits.
        names: Their names, in the order in which they were given.
        train: The split that models are fitted on.
        named: Whether each split was named by who gives it, and not by the values of a column.
    """

    def __init__(
        self, values: Mapping[str, Any], roles: Mapping[str, Role], relations: Relations, names: Sequence[str], *,
        train: str, named: bool, exclude: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self._values, self._roles = values, roles
        self._exclude = list(exclude)
        self.relations, self.names, self.train, self.named = relations, list(names), train, named

    def __contains__(self, role: str) -> bool:
        return self[role] not in (None, (), [], {})

    def __getitem__(self, role: str) -> Any:
        """Return the value of a role, in the shape of its form; what is empty of it where it is not given."""
        return self._values.get(role, self._roles[role].form.empty)

    def need(self, *roles: str) -> None:
        """Raise where one of the roles is not given."""
        missing = [role for role in roles if role not in self]
        if missing:
            raise NotPlannedError(", ".join(missing))

    def columns(self, *roles: str) -> list[str]:
        """Return the columns that have any of the roles."""
        named = [column for role in roles if role in self for column in self._roles[role].form.columns(self[role])]
        return list(dict.fromkeys(named))

    @property
    def excluded(self) -> list[str]:
        """The columns that no check is to look at, as far as all splits have them."""
        return [column for column in self._exclude if column in self.relations.common_columns()]

    @property
    def aside(self) -> list[str]:
        """The columns that are set aside, for they have a role that is not to be a feature, or are excluded."""
        found, insisted = list(self._exclude), set[str]()
        for name, role in self._roles.items():
            columns = self.columns(name)
            if role.insists:
                insisted.update(columns)
            elif columns:
                keeps = set(role.keeps(self[name]))
                found += [column for column in columns if column not in keeps]
        return [column for column in dict.fromkeys(found) if column not in insisted or column in self._exclude]

    def hold_only(self, columns: Sequence[str], families: Collection[Family]) -> list[str]:
        """Return those of the columns that hold values of these families in all splits."""
        existing = self.relations.columns()
        if not columns or not all(c in names for names in existing.values() for c in columns):
            return list(columns)  # a name that is wrong is an error further on
        try:
            stack = self.relations.stack(columns)
        except CouldNotCheckError:
            return list(columns)  # and so is a column that cannot be read: of the checks that read it
        types = [stack.relation_of(i).c for i in range(len(self.relations.names))]
        return [c for c in columns if all(family(of[c].type) in families for of in types)]

    def everywhere(self, column: str | None) -> str | None:
        """Return a column unless only some of the splits have it, as those still to be predicted lack the target."""
        held = [column in names for names in self.relations.columns().values()]
        return None if any(held) and not all(held) else column

    def arguments(self, needed: Mapping[str, str], optional: Mapping[str, str]) -> list[dict[str, Any]]:
        """Return the arguments of each check that follows from the roles.

        A role of several keys makes a check for each, and so does one of several columns for an argument of one.

        Args:
            needed: For an argument the role that gives it.
            optional: The same for arguments that the check can do without.

        Raises:
            NotPlannedError: a role that is needed is not given.
        """
        self.need(*needed.values())
        choices = []
        for argument, role in needed.items():
            value, form = self[role], self._roles[role].form
            if isinstance(form, Groups):
                choices.append([(argument, list(key)) for key in value])
            elif isinstance(form, Columns) and argument.endswith("_column"):
                choices.append([(argument, column) for column in value])
            else:
                choices.append([(argument, value)])
        rest = {}
        for argument, role in optional.items():
            if role in self:
                value = self[role]
                found = self.everywhere(value) if argument.endswith("_column") else value
                rest.update({argument: found} if found is not None else {})
        return [dict(chosen) | rest for chosen in product(*choices)]
