"""Roles that columns look like they have: suggestions with reasons, for somebody who knows the data to decide on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gx_leakage.audit.plan import Roles
from gx_leakage.splits.profile import ColumnProfile, Profile
from gx_leakage.sql.keys import NUMBERS, TIMES, Family

__all__ = ["Proposal", "accepted", "proposals"]

TARGETS = (
    "target", "label", "y", "class", "outcome", "died", "dead", "survived", "churn", "churned", "default", "fraud",
    "is_fraud", "diagnosis", "response", "clicked", "converted",
)  # fmt: skip
TIME = re.compile(r"(^|_)(time|timestamp|ts|date|datetime|day|week|month|year)($|_)")
BORN = re.compile(r"birth|born|dob")
GROUP = re.compile(
    r"patient|subject|participant|customer|client|user|person|member|account|household|firm|company|supplier|store|device|"
    r"speaker|author|driver|vehicle|student|employee|borrower|hotel|product|seller|player|animal|donor|tenant|family"
)
ID = re.compile(r"(^|_)(id|uid|uuid|guid|key)$")
ROW = re.compile(r"^(id|_id|row|row_?id|row_?no|row_?number|index|unnamed: 0|record_?id|uid|uuid|guid)$")
SEQUENCE = re.compile(r"video|clip|sequence|recording|scene|session")
FRAME = re.compile(r"^frame(_?(no|nr|number|id|index))?$")
METADATA = re.compile(
    r"(^|_)(file|filename|file_size|path|folder|size_bytes|bytes|width|height|resolution|camera|scanner|codec|bitrate|"
    r"source|site|hospital|center|centre|lab|batch|plate|instrument|uploaded|created_by|machine)($|_)"
)
START = re.compile(r"(^|_)(start|begin|from)($|_)")

FEWEST_GROUPS = 3
FEW_CLASSES = 20


@dataclass(frozen=True)
class Proposal:
    """A role that a column looks like it has."""

    role: str
    """The argument of :func:`gx_leakage.audit`, and the option of the command line."""
    column: str
    """The column; of a window both, with a comma."""
    reason: str

    @property
    def option(self) -> list[str]:
        """The option and its value."""
        return [f"--{self.role}", self.column]


def proposals(profile: Profile, train: str = "train") -> list[Proposal]:
    """Return the roles that columns look like they have, at most one of each kind but groups and metadata."""
    found: list[Proposal] = []

    def free(columns: Iterable[ColumnProfile]) -> list[ColumnProfile]:
        taken = {name for one in found for name in one.column.split(",")}
        return [column for column in columns if column.name not in taken]

    found += _target(profile, train)
    found += _window(profile)
    found += _frames(profile)
    found += _groups(profile, free(profile.columns))
    found += _time(free(profile.columns))
    found += _ids(free(profile.columns))
    if any(one.role == "target" for one in found):
        found += [
            Proposal("metadata", c.name, f"{c.name} looks like metadata of the recording, by its name")
            for c in free(profile.columns)
            if METADATA.search(c.name.casefold()) and c.distinct_in_all > 1
        ]
    order = ["group", "sequence", "frame", "time", "window", "target", "id", "metadata"]
    return sorted(found, key=lambda one: order.index(one.role))


def accepted(roles: Roles, found: Sequence[Proposal]) -> Roles:
    """Return the roles with the proposed ones."""
    given: dict[str, Any] = {}
    for one in found:
        if one.role in ("group", "id", "metadata", "sequence"):
            given.setdefault(one.role, []).append(one.column)
        else:
            given[one.role] = tuple(one.column.split(",")) if one.role == "window" else one.column
    return replace(roles, **given)


def _target(profile: Profile, train: str) -> list[Proposal]:
    for name, splits in profile.only_in.items():
        if list(splits) == [train]:
            return [Proposal("target", name, f"{name} looks like the target: only {train} has it")]
    for name in TARGETS:
        for column in profile.columns:
            if column.name.casefold() == name and column.distinct_in_all > 1:
                classes = f", with {column.distinct_in_all} values" if column.distinct_in_all <= FEW_CLASSES else ""
                return [Proposal("target", column.name, f"{column.name} looks like the target, by its name{classes}")]
    return []


def _window(profile: Profile) -> list[Proposal]:
    names = {column.name: column for column in profile.columns if column.families <= TIMES | NUMBERS}
    for name in names:
        for word, other in (("start", "end"), ("begin", "end"), ("from", "to")):
            if START.search(name.casefold()) and word in name and (end := name.replace(word, other)) in names:
                return [
                    Proposal("window", f"{name},{end}", f"{name} and {end} look like the time that a label is about")
                ]
    return []


def _frames(profile: Profile) -> list[Proposal]:
    frames = [c for c in profile.columns if FRAME.search(c.name.casefold()) and c.families <= NUMBERS]
    sequences = [c for c in profile.columns if SEQUENCE.search(c.name.casefold()) and c not in frames and not c.unique]
    if not frames or not sequences:
        return []
    return [
        Proposal("sequence", sequences[0].name, f"{sequences[0].name} looks like a video or recording, by its name"),
        Proposal("frame", frames[0].name, f"{frames[0].name} looks like the number of a frame, by its name"),
    ]


def _time(columns: Sequence[ColumnProfile]) -> list[Proposal]:
    for column in columns:
        if column.families <= TIMES and not BORN.search(column.name.casefold()) and column.distinct_in_all > 1:
            return [Proposal("time", column.name, f"{column.name} looks like a time axis, by its type")]
    for column in columns:
        if column.families <= {Family.INTEGER} and TIME.search(column.name.casefold()) and column.distinct_in_all > 1:
            return [Proposal("time", column.name, f"{column.name} looks like a time axis, by its name")]
    return []


def _groups(profile: Profile, columns: Sequence[ColumnProfile]) -> list[Proposal]:
    """Return one group: several together would be one composite key, which finds less than each alone."""
    found = []
    for column in columns:
        name = column.name.casefold()
        if not column.families <= {Family.INTEGER, Family.TEXT, Family.UUID} or column.distinct_in_all < FEWEST_GROUPS:
            continue
        named = bool(GROUP.search(name)) or (bool(ID.search(name)) and not ROW.search(name))
        if not named or (column.unique and not column.shared):
            continue
        both = "both" if len(profile.splits) == 2 else "several"
        reason = (
            f"{column.name} looks like a group id: {column.shared:,} of its {column.distinct_in_all:,} values are in "
            f"{both} splits"
        )
        found.append((bool(GROUP.search(name)), column.shared, Proposal("group", column.name, reason)))
    return [max(found, key=lambda one: one[:2])[2]] if found else []


def _ids(columns: Sequence[ColumnProfile]) -> list[Proposal]:
    for column in columns:
        name = column.name.casefold()
        discrete = column.families <= {Family.INTEGER, Family.TEXT, Family.UUID}
        if column.unique and discrete and (ROW.search(name) or ID.search(name)):
            return [Proposal("id", column.name, f"{column.name} looks like the id of a row: it is unique")]
    return []
