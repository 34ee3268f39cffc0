"""Which columns of an audit are features."""

from __future__ import annotations

from typing import Any

from gx_leakage.gx.planning import Given, NotPlannedError

__all__ = ["features_of"]


def features_of(given: Given) -> dict[str, Any]:
    """Return the arguments for the features, or else for all columns that have no other role.

    Raises:
        NotPlannedError: there are none.
    """
    (target,) = given.columns("target")
    common = given.relations.having(target).common_columns()
    columns = given.columns("feature")
    if not columns and not set(common) - {*given.aside, target}:
        raise NotPlannedError("no column without a role")
    return {"columns": columns or None, "exclude_columns": [] if columns else [c for c in given.aside if c in common]}
