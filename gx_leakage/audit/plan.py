"""The checks of an audit: those that follow from the roles, and those that are asked for by themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from great_expectations.compatibility import pydantic

from gx_leakage.errors import CouldNotCheckError, nearest
from gx_leakage.families import expectation_types, roles
from gx_leakage.gx.expectation import CrossBatchExpectation
from gx_leakage.gx.planning import Given, NotPlannedError
from gx_leakage.splits.relations import Relations

__all__ = ["Asked", "Plan", "plan", "read_roles"]


@dataclass(frozen=True)
class Asked:
    """What is asked of an audit, besides its splits.

    Attributes:
        roles: The roles that are given, in the shape of their forms.
        exclude: Columns that no check looks at.
        train: The split that models are fitted on.
        common: Arguments that all Expectations are given.
        arguments: By type of Expectation, arguments that are not to be as they are by default.
        expectations: Further Expectations, by type and arguments.
    """

    roles: Mapping[str, Any] = field(default_factory=dict)
    exclude: Sequence[str] = ()
    train: str = "train"
    common: Mapping[str, Any] = field(default_factory=dict)
    arguments: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    expectations: Sequence[tuple[str, Mapping[str, Any]]] = ()

    @property
    def bare(self) -> bool:
        """Whether no column has a role."""
        return not any(roles()[name].of_columns for name in self.roles) and not self.expectations


@dataclass(frozen=True)
class Plan:
    """The Expectations to check, and what is not checked, each with what it wants."""

    expectations: tuple[CrossBatchExpectation, ...]
    not_checked: tuple[str, ...]


def read_roles(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the roles that are given in Python in the shape of their forms, without those that are empty.

    Raises:
        CouldNotCheckError: there is no such role, its value is of another form, or it needs a role that is not given.
    """
    known = roles()
    found = {}
    for name, value in given.items():
        if name not in known:
            raise CouldNotCheckError(f"there is no role '{name}'. {nearest(name, known)}")
        if value is None or (not isinstance(value, (int, float)) and value in ((), [], {})):
            continue
        try:
            found[name] = known[name].form.read(value)
        except ValueError as error:
            raise CouldNotCheckError(f"{name}={value!r} has to be {error}.") from None
    for name in found:
        for other, what in known[name].needs.items():
            if other not in found:
                raise CouldNotCheckError(f"{name} needs {other}, {what}.")
    return found


def plan(asked: Asked, splits_by: Mapping[str, Any], names: Sequence[str], relations: Relations) -> Plan:
    """Return the Expectations to check.

    Args:
        asked: What is asked for.
        splits_by: The arguments by which each Expectation finds the splits.
        names: The splits in the order in which they were given.
        relations: The splits.

    Raises:
        CouldNotCheckError: there is no such Expectation, or an argument of it is wrong.
    """
    common = {**splits_by, "train": asked.train, **asked.common}
    given = Given(
        asked.roles, roles(), relations, names, train=asked.train, named="split_column" not in splits_by,
        exclude=asked.exclude,
    )  # fmt: skip
    types = expectation_types()
    for name in (*asked.arguments, *(name for name, _ in asked.expectations)):
        if name not in types:
            raise CouldNotCheckError(f"there is no Expectation '{name}'. {nearest(name, types)}")
    found: list[CrossBatchExpectation] = []
    left_out: list[str] = []
    for name, cls in types.items():
        own = asked.arguments.get(name, {})
        if len(relations.names) < cls.fewest_splits and "split_column" not in splits_by and not own:
            left_out.append(f"{cls.checks} (a second split)")
            continue
        try:
            planned = cls.planned(given)
        except NotPlannedError as wanting:
            if not own:
                left_out.append(f"{cls.checks} ({wanting})")
                continue
            found.append(_alone(cls, {**common, **own}))
        else:
            for argument in own:
                if argument in cls.roles:
                    raise CouldNotCheckError(
                        f"{name}.{argument} is given, and so is the role {cls.roles[argument]}, which says it: give "
                        f"one of them."
                    )
            found += [cls(**{**common, **arguments, **own}) for arguments in planned]
    found += [types[name](**{**common, **arguments}) for name, arguments in asked.expectations]
    if asked.exclude:
        for role in asked.roles:
            both = [column for column in given.columns(role) if column in asked.exclude]
            if both:
                raise CouldNotCheckError(f"column '{both[0]}' is excluded, and {role} names it: leave out one of them.")
        relations.require([c for c in asked.exclude if not _anywhere(c, relations)])
        left_out.append(f"{', '.join(asked.exclude)} (excluded)")
    return Plan(tuple(found), tuple(left_out))


def _anywhere(column: str, relations: Relations) -> bool:
    return any(column in names for names in relations.columns().values())


def _alone(cls: Any, arguments: Mapping[str, Any]) -> CrossBatchExpectation:
    """Return an Expectation that no role asks for, by its arguments alone."""
    try:
        made: CrossBatchExpectation = cls(**arguments)
    except pydantic.ValidationError as error:
        wanted = ", ".join(str(problem["loc"][0]) for problem in error.errors())
        raise CouldNotCheckError(
            f"{cls.expectation_type} is given arguments, but no role asks for it: give the role, or these arguments "
            f"too: {wanted}."
        ) from error
    return made
