"""``leakage.yml``: the splits, the roles and the thresholds of an audit, in a file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from gx_leakage.audit.proposals import Proposal
from gx_leakage.errors import CouldNotCheckError, nearest
from gx_leakage.leaks import expectation_types

__all__ = ["load", "written"]

_TEXT, _TEXTS, _LENGTH = (str,), (list,), (str, int, float)
_SETTINGS: dict[str, tuple[type[Any], ...]] = {
    "split_column": _TEXT,
    "connection": _TEXT,
    "train": _TEXT,
    "mostly": (int, float),
    "show_values": (bool,),
    "order": _TEXTS,
    "gap": _LENGTH,
    "unit": _TEXT,
    "normalize": _TEXTS,
    "embargo": _LENGTH,
    "memory_limit": _TEXT,
    "date_format": _TEXT,
}
_MANY = ("group", "id", "metadata", "feature", "sequence")
_ROLES = (*_MANY, "time", "target", "available_at", "frame", "window")
_SECTIONS = ("splits", "roles", "expectations", *_SETTINGS)


class _Place:
    """A part of the file, which knows its line for messages."""

    def __init__(self, path: Path, node: yaml.Node) -> None:
        self.path, self.node = path, node

    def error(self, message: str) -> CouldNotCheckError:
        return CouldNotCheckError(f"{self.path}, line {self.node.start_mark.line + 1}: {message}")

    def mapping(self, what: str, allowed: Sequence[str] | None = None) -> dict[str, _Place]:
        """Return the entries of a mapping, whose keys have to be known ones."""
        if not isinstance(self.node, yaml.MappingNode):
            raise self.error(f"{what} has to be a mapping, such as 'name: value'.")
        found: dict[str, _Place] = {}
        for key, value in self.node.value:
            name = str(key.value)
            place = _Place(self.path, key)
            if allowed is not None and name not in allowed:
                raise place.error(f"{what} knows no '{name}'. {nearest(name, allowed)}")
            if name in found:
                raise place.error(f"'{name}' stands there twice.")
            found[name] = _Place(self.path, value)
        return found

    @property
    def value(self) -> Any:
        """The value as YAML reads it."""
        return _Values.of(self.node)


class _Values(yaml.SafeLoader):
    @classmethod
    def of(cls, node: yaml.Node) -> Any:
        return cls("").construct_document(node)


def load(path: Path) -> dict[str, Any]:
    """Return the arguments of :func:`gx_leakage.audit` that a file holds; its paths are relative to it.

    Raises:
        CouldNotCheckError: the file is missing, or something in it is wrong: the message names the line.
    """
    if not path.exists():
        raise CouldNotCheckError(f"there is no file {path}.")
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise CouldNotCheckError(f"{path}{line}: {error.problem}.") from error
    if node is None:
        raise CouldNotCheckError(f"the file {path} is empty.")
    whole = _Place(path, node)
    sections = whole.mapping("the file", _SECTIONS)
    if "splits" not in sections:
        raise whole.error("there are no 'splits': name each with its file or its table.")
    arguments: dict[str, Any] = {name: _setting(name, place) for name, place in sections.items() if name in _SETTINGS}
    splits = sections["splits"].mapping("splits")
    for name, place in splits.items():
        if not isinstance(place.value, str):
            raise place.error(f"split '{name}' has to be the path of a file, or the name of a table.")
    arguments["splits"] = {
        name: place.value if "connection" in arguments else path.parent / place.value for name, place in splits.items()
    }
    arguments.update(_roles(sections["roles"]) if "roles" in sections else {})
    if "expectations" in sections:
        arguments["arguments"] = _expectations(sections["expectations"])
    return arguments


def _setting(name: str, place: _Place) -> Any:
    value, kinds = place.value, _SETTINGS[name]
    fits = isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))
    if not fits or (kinds is _TEXTS and not all(isinstance(one, str) for one in value)):
        words = {list: "a list of names", bool: "true or false", str: "a text", int: "a number", float: "a number"}
        wanted = " or ".join(dict.fromkeys(words[kind] for kind in kinds))
        raise place.error(f"{name} has to be {wanted}.")
    if name == "mostly" and not 0 <= value <= 1:
        raise place.error(f"mostly={value} is not between 0 and 1.")
    return value


def _roles(section: _Place) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, place in section.mapping("roles", _ROLES).items():
        value = place.value
        if name in _MANY:
            value = [value] if isinstance(value, str) else value
            fits = isinstance(value, list) and all(isinstance(one, str) for one in value)
            wanted = "a column or a list of columns"
        elif name == "available_at":
            fits, wanted = isinstance(value, dict), "a mapping of features to columns"
        elif name == "window":
            fits, wanted = isinstance(value, list) and len(value) == 2, "a list of two columns, start and end"
            value = tuple(value) if fits else value
        else:
            fits, wanted = isinstance(value, str), "a column"
        if not fits:
            raise place.error(f"role '{name}' has to be {wanted}.")
        found[name] = value
    return found


def _expectations(section: _Place) -> dict[str, dict[str, Any]]:
    classes: dict[str, Any] = {cls.expectation_type: cls for cls in expectation_types()}
    found = {}
    for name, place in section.mapping("expectations", list(classes)).items():
        fields = classes[name].__fields__
        arguments = place.mapping(name, [*fields])
        for argument, given in arguments.items():
            _, problems = fields[argument].validate(given.value, {}, loc=argument)
            if problems:
                raise given.error(f"{argument} of {name}: {_first(problems)}.")
        found[name] = {argument: given.value for argument, given in arguments.items()}
    return found


def _first(problems: Any) -> str:
    while isinstance(problems, (list, tuple)):
        problems = problems[0]
    return str(problems.exc)


def written(
    splits: Mapping[str, Any],
    proposed: Sequence[Proposal],
    *,
    connection: str | None,
    split_column: str | None,
    train: str,
) -> str:
    """Return the text of a file for splits, with the roles that are proposed and their reasons as comments."""
    lines = ["# Checked by: gx-leakage audit leakage.yml", "splits:"]
    lines += [f"  {_scalar(name)}: {_scalar(str(where))}" for name, where in splits.items()]
    if connection is not None:
        lines.append(f"connection: {_scalar(connection)}  # ${{NAME}} is taken from the environment")
    if split_column is not None:
        lines.append(f"split_column: {_scalar(split_column)}")
    if train != "train":
        lines.append(f"train: {_scalar(train)}")
    lines += ["", "roles:" if proposed else "# roles:"]
    for role in dict.fromkeys(one.role for one in proposed):
        lines += [f"  # {one.reason}" for one in proposed if one.role == role]
        columns = [name for p in proposed if p.role == role for name in p.column.split(",")]
        many = role in (*_MANY, "window")
        value = f"[{', '.join(map(_scalar, columns))}]" if many else _scalar(columns[0])
        lines.append(f"  {role}: {value}")
    lines += [
        "",
        "# Thresholds and severities, where they are not to be as they are by default:",
        "# expectations:",
        "#   expect_no_feature_to_reveal_target: {max_score: 0.95, severity: critical}",
    ]
    return "\n".join(lines) + "\n"


def _scalar(text: str) -> str:
    """Return a text as a YAML scalar of one line."""
    if re.fullmatch(r"[A-Za-z_./][\w./-]*", text) and yaml.safe_load(text) == text:
        return text
    return yaml.safe_dump(text, default_style='"', width=10_000, allow_unicode=True).strip()
