"""Our expectations store in an existing GX project, so that no process can drop its leak checks, or delete them.

GX loads a stored suite without the Expectations that nobody has imported, and writes it back without them. A project
that names our store imports them when it is opened. Only the lines that name the store are written; all else of the
file stays as it is, comments included.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

from gx_leakage.errors import CouldNotCheckError

__all__ = ["guard", "guard_file", "project_file"]

MODULE, CLASS = "gx_leakage.store", "ExpectationsStore"
CONFIG = "great_expectations.yml"


def guard(context: Any) -> Path:
    """Put our expectations store into the project of a Data Context, and return the file that says so.

    It holds for Data Contexts that are opened afterwards; twice does no harm.

    Raises:
        CouldNotCheckError: the context is kept in no folder, or has an expectations store of somebody else's.
    """
    root = getattr(context, "root_directory", None)
    if root is None:
        raise CouldNotCheckError(
            "this Data Context is kept in no folder, so that nobody else opens it: import gx_leakage where it runs."
        )
    return guard_file(Path(root) / CONFIG)


def project_file(folder: Path) -> Path:
    """Return the configuration of the GX project in a folder, or in the one below it where GX puts it."""
    places = [folder, folder / "gx", folder / "great_expectations"]
    found = [place / CONFIG for place in places if (place / CONFIG).is_file()]
    if not found:
        raise CouldNotCheckError(f"there is no {CONFIG} in {folder}, nor in gx or great_expectations below it.")
    return found[0]


def guard_file(config: Path) -> Path:
    """Name our store in a project's configuration."""
    text = config.read_bytes().decode("utf-8")
    written = _with_our_store(text, config)
    if written != text:
        unfinished = config.with_name(f".{config.name}.{os.getpid()}.unfinished")
        try:
            unfinished.write_bytes(written.encode("utf-8"))
            unfinished.chmod(config.stat().st_mode)
            unfinished.replace(config.resolve())
        finally:
            unfinished.unlink(missing_ok=True)
    return config


def _with_our_store(text: str, config: Path) -> str:
    by_hand = f"Write under stores, in its expectations store: module_name: {MODULE} and class_name: {CLASS}."
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise CouldNotCheckError(f"{config} is no YAML: {error}") from error
    top = _entries(root)
    name = top["expectations_store_name"][1].value if "expectations_store_name" in top else "expectations_store"
    stores = _entries(top["stores"][1]) if "stores" in top else {}
    if name not in stores:
        raise CouldNotCheckError(f"{config} has no store '{name}'. {by_hand}")
    store = stores[name][1]
    entries = _entries(store)
    if "class_name" not in entries:
        raise CouldNotCheckError(f"store '{name}' of {config} has no class_name. {by_hand}")
    key, class_ = entries["class_name"]
    module = entries["module_name"][1] if "module_name" in entries else None
    if module is not None and module.value == MODULE and class_.value == CLASS:
        return text
    if class_.value != CLASS or (module is not None and not module.value.startswith("great_expectations.")):
        raise CouldNotCheckError(
            f"{config} has an expectations store of its own, {class_.value}{f' of {module.value}' if module else ''}: "
            f"make that a subclass of {MODULE}.{CLASS}, which has to keep the name {CLASS}."
        )
    if module is not None:
        return text[: module.start_mark.index] + MODULE + text[module.end_mark.index :]
    between = ", " if store.flow_style else _line_end(text) + " " * key.start_mark.column
    return f"{text[: key.start_mark.index]}module_name: {MODULE}{between}{text[key.start_mark.index :]}"


def _entries(node: Any) -> dict[str, tuple[Any, Any]]:
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return {str(key.value): (key, held) for key, held in pairs}


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
