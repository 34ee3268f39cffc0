"""Columns that leak: which of them are left out of clean splits, and what is asked of the splits without them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from gx_leakage.errors import CouldNotCheckError
from gx_leakage.families import roles
from gx_leakage.gx.report import Finding, Report
from gx_leakage.gx.verdicts import counts

__all__ = ["LeftOut", "left_out", "mended"]


@dataclass(frozen=True)
class LeftOut:
    """Columns that are left out of clean splits."""

    columns: tuple[str, ...] = ()
    kept: frozenset[str] = frozenset()
    """The columns that say where rows belong, or are predicted: what is no feature of a model."""
    settings: Mapping[str, Any] | None = None
    """What is asked of an audit of the clean splits otherwise than of the one before."""


def left_out(report: Report, asked: Mapping[str, Any]) -> LeftOut:
    """Return the columns that leak as gravely as counts for the report.

    Args:
        report: What was found.
        asked: What the audit was asked.

    Raises:
        CouldNotCheckError: one of them is needed: for its role, or because it is named by itself.
    """
    found: dict[str, None] = {}
    for finding in report.findings:
        found.update(dict.fromkeys(_grave(finding, report.fail_on)))
    kept: dict[str, str] = {}
    named = {}
    for name, role in roles().items():
        if name not in asked:
            continue
        columns = role.form.columns(asked[name])
        judged = set(role.judges(asked[name]))
        kept.update({column: role.option for column in columns if column not in judged and not role.insists})
        named[name] = role.form.without(asked[name], found)
        if columns and role.insists and not role.form.columns(named[name]):
            raise CouldNotCheckError(f"all columns of {role.option} leak: without them there is nothing to learn from.")
    if asked.get("target") is not None:
        kept[asked["target"]] = "--target"
    for finding in report.findings:
        if (target := finding.kwargs.get("target_column")) is not None:
            kept.setdefault(target, "target_column")
    for column in found:
        if column in kept:
            raise CouldNotCheckError(
                f"column '{column}' leaks, and is not left out, for it has a role ({kept[column]}): keep it from the "
                f"model by hand, and make clean splits without leaving out columns, or without this role."
            )
    settings = named | {
        "exclude": [column for column in _listed(asked["exclude"]) if column not in found],
        "arguments": {name: _arguments(name, own, found) for name, own in (asked["arguments"] or {}).items()},
        "expectations": [_expectation(one, found) for one in asked["expectations"]],
    }
    return LeftOut(tuple(found), frozenset(kept), settings if found else None)


def mended(finding: Finding, columns: Collection[str]) -> bool:
    """Return whether a finding is one of columns, all of which are left out."""
    leaking = finding.rebuilt().leaking_columns(finding.result["details"]) if finding.leaked else {}
    return bool(leaking) and set(leaking) <= set(columns)


def _grave(finding: Finding, fail_on: str) -> list[str]:
    """Return the columns of a finding whose leak counts."""
    expectation = finding.rebuilt()
    if not finding.leaked or expectation.rows_leak:
        return []
    leaking = expectation.leaking_columns(finding.result["details"])
    return [column for column, own in leaking.items() if counts(own or finding.severity, fail_on)]


def _expectation(given: Any, columns: Collection[str]) -> Any:
    if isinstance(given, (tuple, list)):
        type_, arguments = given
    else:
        type_, arguments = given.expectation_type, {**given.configuration.kwargs, "severity": given.severity}
    return type_, _arguments(type_, arguments, columns)


def _arguments(type_: str, given: Mapping[str, Any], columns: Collection[str]) -> dict[str, Any]:
    """Return arguments without these columns.

    Raises:
        CouldNotCheckError: one of them names nothing else, so that the check would be another one.
    """
    found = dict(given)
    for name, value in given.items():
        if not name.endswith(("_column", "columns")) or not isinstance(value, (str, list, tuple)):
            continue
        named = _listed(value)
        rest = [column for column in named if column not in columns]
        if named and not rest and name != "exclude_columns":
            raise CouldNotCheckError(
                f"column '{named[0]}' leaks, and is not left out, for {name} of {type_} names it: leave out the check."
            )
        if len(rest) < len(named):
            found[name] = rest
    return found


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
