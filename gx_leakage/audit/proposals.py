"""Roles that columns look like they have: suggestions with reasons, for somebody who knows the data to decide on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gx_leakage.families import roles
from gx_leakage.roles import Proposal
from gx_leakage.splits.profile import Profile

__all__ = ["accepted", "proposals"]


def proposals(profile: Profile, given: Mapping[str, Any] | None = None, aside: Sequence[str] = ()) -> list[Proposal]:
    """Return the roles that columns look like they have; a column has one at most.

    What needs a role that is left open is left open, too.

    Args:
        profile: What the columns look like.
        given: Roles that are given, in the shape of their forms: none is proposed again, nor another for their columns.
        aside: Columns that no check looks at.
    """
    given = given or {}
    taken = {name: list(roles()[name].form.columns(value)) for name, value in given.items()}
    taken = {name: columns for name, columns in taken.items() if columns} | ({"": list(aside)} if aside else {})
    unsure: set[str] = set()
    found: dict[str, list[Proposal]] = {}
    for role in sorted(roles().values(), key=lambda one: one.place):
        if role.looks_like is None or role.name in given:
            continue
        for columns, reason, *says in list(role.looks_like(profile, taken)):
            is_sure = all(says) and not unsure.intersection(role.needs)
            found.setdefault(role.name, []).append(
                Proposal(role.name, role.form.option(columns), reason, tuple(columns), is_sure)
            )
            if not is_sure:
                unsure.add(role.name)
            taken.setdefault(role.name, []).extend(columns)
    return [one for name in roles() for one in found.get(name, [])]


def accepted(given: Mapping[str, Any], found: Sequence[Proposal]) -> dict[str, Any]:
    """Return the roles that are given, and those that are proposed and sure."""
    columns: dict[str, list[str]] = {}
    for one in found:
        if not one.sure:
            continue
        columns.setdefault(one.role, []).extend(one.columns)
    forms = {name: roles()[name].form for name in columns}
    return {**given, **{name: forms[name].read(forms[name].written(of)) for name, of in columns.items()}}
