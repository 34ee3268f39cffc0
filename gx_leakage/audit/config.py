"""``leakage.yml``: the splits, the roles and the thresholds of an audit, in a file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from gx_leakage.errors import CouldNotCheckError, nearest
from gx_leakage.families import expectation_types, roles
from gx_leakage.gx.verdicts import FAIL_ON
from gx_leakage.roles import Columns, Form, Proposal

__all__ = ["SETTINGS", "load", "read_setting", "written"]

SETTINGS: dict[str, tuple[type[Any], ...]] = {
    "split_column": (str,),
    "connection": (str,),
    "train": (str,),
    "mostly": (int, float),
    "show_values": (bool,),
    "exclude": (str, list),
    "memory_limit": (str,),
    "date_format": (str,),
    "fail_on": (str,),
}
"""What an audit is told besides roles, by its types."""


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
    of_columns = [role.name for role in roles().values() if role.of_columns]
    others = [name for name in roles() if name not in of_columns]
    sections = whole.mapping("the file", ("splits", "roles", "expectations", *SETTINGS, *others))
    if "splits" not in sections:
        raise whole.error("there are no 'splits': name each with its file or its table.")
    arguments: dict[str, Any] = {name: _setting(name, place) for name, place in sections.items() if name in SETTINGS}
    arguments |= {name: _role(name, place) for name, place in sections.items() if name in others}
    splits = sections["splits"].mapping("splits")
    for name, place in splits.items():
        if not isinstance(place.value, str):
            raise place.error(f"split '{name}' has to be the path of a file, or the name of a table.")
    arguments["splits"] = {
        name: place.value if "connection" in arguments else path.parent / place.value for name, place in splits.items()
    }
    if "roles" in sections:
        places = sections["roles"].mapping("roles", of_columns)
        arguments |= {name: _role(name, place) for name, place in places.items()}
    if "expectations" in sections:
        section = sections["expectations"]
        listed = isinstance(section.node, yaml.SequenceNode)
        arguments["expectations" if listed else "arguments"] = (_listed if listed else _by_type)(section)
    return arguments


def _setting(name: str, place: _Place) -> Any:
    try:
        return read_setting(name, place.value)
    except ValueError as error:
        raise place.error(f"{name} has to be {error}.") from None


def read_setting(name: str, value: Any) -> Any:
    """Return the value of a setting.

    Raises:
        ValueError: it is of another kind; the message says what it has to be.
    """
    kinds = SETTINGS[name]
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        words = {list: "a list of names", bool: "true or false", str: "a text", int: "a number", float: "a number"}
        raise ValueError(" or ".join(dict.fromkeys(words[kind] for kind in kinds)))
    if name == "fail_on" and value not in FAIL_ON:
        raise ValueError(f"one of {', '.join(FAIL_ON)}")
    if name == "mostly" and not 0 <= value <= 1:
        raise ValueError(f"between 0 and 1, and is {value}")
    return Columns().read(value) if name == "exclude" else value


def _role(name: str, place: _Place) -> Any:
    role = roles()[name]
    return _read(role.form, f"role '{name}'" if role.of_columns else name, place)


def _read(form: Form, what: str, place: _Place) -> Any:
    try:
        return form.read(place.value)
    except ValueError as error:
        raise place.error(f"{what} has to be {error}.") from None


def _by_type(section: _Place) -> dict[str, dict[str, Any]]:
    types = expectation_types()
    places = section.mapping("expectations", list(types))
    return {name: _arguments(types[name], name, place) for name, place in places.items()}


def _listed(section: _Place) -> list[tuple[str, dict[str, Any]]]:
    types = expectation_types()
    found = []
    for node in section.node.value:
        one = _Place(section.path, node)
        places = one.mapping("an Expectation of the list", list(types))
        if len(places) != 1:
            raise one.error("each Expectation of the list is a mapping of its type to its arguments.")
        found += [(name, _arguments(types[name], name, place)) for name, place in places.items()]
    return found


def _arguments(cls: Any, name: str, place: _Place) -> dict[str, Any]:
    fields = cls.__fields__
    arguments = place.mapping(name, [*fields])
    for argument, given in arguments.items():
        _, problems = fields[argument].validate(given.value, {}, loc=argument)
        if problems:
            raise given.error(f"{argument} of {name}: {_first(problems)}.")
    return {argument: given.value for argument, given in arguments.items()}


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
    lines = ["# Checked by gx-leakage audit and the name of this file", "splits:"]
    lines += [f"  {_scalar(name)}: {_scalar(str(where))}" for name, where in splits.items()]
    if connection is not None:
        lines.append(f"connection: {_scalar(connection)}  # ${{NAME}} is taken from the environment")
    if split_column is not None:
        lines.append(f"split_column: {_scalar(split_column)}")
    if train != "train":
        lines.append(f"train: {_scalar(train)}")
    sure = [one for one in proposed if one.sure]
    lines += ["", "roles:" if sure else "# roles:"]
    for name in dict.fromkeys(one.role for one in proposed):
        of_role = [one for one in proposed if one.role == name]
        lines += [f"  # {one.reason}" for one in of_role]
        for chosen in ([one for one in of_role if one.sure], [one for one in of_role if not one.sure]):
            if chosen:
                value = roles()[name].form.written([column for one in chosen for column in one.columns])
                lines.append(f"  {'' if chosen[0].sure else '# '}{name}: {_flow(value)}")
    lines += [
        "",
        "# Thresholds and severities, where they are not to be as they are by default:",
        "# expectations:",
        f"#   {next(iter(expectation_types()))}: {{mostly: 0.95, severity: warning}}",
    ]
    return "\n".join(lines) + "\n"


def _flow(value: Any) -> str:
    """Return the value of a role as YAML of one line."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_scalar(key)}: {_flow(one)}' for key, one in value.items())}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_flow, value))}]"
    return _scalar(str(value))


def _scalar(text: str) -> str:
    """Return a text as a YAML scalar of one line."""
    if re.fullmatch(r"[A-Za-z_./][\w./-]*", text) and yaml.safe_load(text) == text:
        return text
    return yaml.safe_dump(text, default_style='"', width=10_000, allow_unicode=True).strip()
