"""The families of leaks, found by their entry points, and in each the Expectations, found by the names of their files.

A family is a package that an entry point of the group ``gx_leakage.expectations`` names, or one within that package.
It declares its ``ROLES`` (and may declare its ``PLACE`` among the families), and holds modules ``expect_….py``, each
with the one Expectation of that name, and pages of the handbook in a folder ``cases``. Ours are found in the same way
as those of other packages. Neither GX nor pandas is imported before an Expectation is asked for.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from gx_leakage.errors import CouldNotCheckError
from gx_leakage.roles import Role

__all__ = ["GROUP", "expectation_types", "families", "page_folders", "roles"]

GROUP = "gx_leakage.expectations"
"""The entry points that name families."""

OURS = "gx_leakage.leaks"

PREFIX = "expect_"


@cache
def families() -> tuple[ModuleType, ...]:
    """Return the packages of all families.

    Raises:
        CouldNotCheckError: one cannot be imported: without it, its checks would be left out in silence.
    """
    points = {point.value: point for point in entry_points(group=GROUP)}
    if OURS not in points:
        raise CouldNotCheckError("gx_leakage is not installed, or was installed before it moved: pip install it again.")
    found: list[ModuleType] = []
    for point in points.values():
        try:
            package = importlib.import_module(point.value)
            within = (
                [] if _expectations(package) else [m.name for m in pkgutil.iter_modules(package.__path__) if m.ispkg]
            )
            found += [importlib.import_module(f"{point.value}.{name}") for name in within] or [package]
        except (Exception, SystemExit) as error:
            raise _broken(point.value, error) from error
    return tuple(sorted(found, key=lambda package: (getattr(package, "PLACE", 100), package.__name__)))


@cache
def roles() -> dict[str, Role]:
    """Return all roles by name.

    Raises:
        CouldNotCheckError: two families declare one role.
    """
    found: dict[str, Role] = {}
    for package in families():
        for role in getattr(package, "ROLES", ()):
            if role.name in found:
                raise CouldNotCheckError(f"the role '{role.name}' is declared twice, again by {package.__name__}.")
            found[role.name] = role
    return found


@cache
def expectation_types() -> dict[str, Any]:
    """Return the classes of all Expectations by their type. Importing them registers them with Great Expectations."""
    found: dict[str, Any] = {}
    for package in families():
        try:
            modules = {name: importlib.import_module(f"{package.__name__}.{name}") for name in _expectations(package)}
            classes = {n: getattr(m, "".join(word.capitalize() for word in n.split("_"))) for n, m in modules.items()}
            found |= dict(sorted(classes.items(), key=lambda one: (one[1].place, one[0])))
        except (Exception, SystemExit) as error:
            raise _broken(package.__name__, error) from error
    return found


def _broken(package: str, error: BaseException) -> CouldNotCheckError:
    return CouldNotCheckError(
        f"the leaks of '{package}' cannot be loaded ({type(error).__name__}: {error}): mend that package, or uninstall "
        f"it."
    )


def page_folders() -> list[Path]:
    """Return the folders of pages that families have."""
    places = (Path(place, "cases") for package in families() for place in package.__path__)
    return [place for place in places if place.is_dir()]


def _expectations(package: ModuleType) -> list[str]:
    return [module.name for module in pkgutil.iter_modules(package.__path__) if module.name.startswith(PREFIX)]
