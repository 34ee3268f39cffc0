"""What is raised when a check could not be made. None of these is ever taken for a pass."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from gx_leakage.disclosure import disclosed

_REMOTE = re.compile(r"(?:^|/)([A-Za-z][A-Za-z0-9+.-]+):/")
"""The scheme of a URL that was taken for a path."""


class CouldNotCheckError(Exception):
    """The data, or the arguments, do not allow the question to be answered. The message says what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(disclosed(message, show=True))
        self._message = message

    @property
    def marked(self) -> str:
        """The message as it was given, in which what is a value of the data is marked."""
        return self._message

    def without_values(self) -> CouldNotCheckError:
        """Return the error with a message that holds no value of the data."""
        return CouldNotCheckError(disclosed(self._message, show=False))


class MissingFileError(CouldNotCheckError):
    """A file, or a folder, is not there."""

    def __init__(self, path: Path) -> None:
        remote = _REMOTE.search(path.as_posix())
        if remote:
            message = f"remote files are not read: copy what {remote.group(1)}:// names here, and give its path."
        elif path.is_symlink():
            message = f"{path} is a link to {path.readlink()}, which is not there."
        else:
            near = nearest(path.name, (p.name for p in path.parent.iterdir())) if path.parent.is_dir() else ""
            message = f"there is no file {path}. {near}".rstrip()
        super().__init__(message)


class MissingColumnError(CouldNotCheckError):
    """A column that a check needs is not in a split."""

    def __init__(self, column: str, split: str, existing: Iterable[str]) -> None:
        super().__init__(f"split '{split}' has no column '{column}'. {nearest(column, existing)}")


class EmptySplitError(CouldNotCheckError):
    """A split has no rows."""

    def __init__(self, split: str) -> None:
        super().__init__(f"split '{split}' is empty: there is nothing to check.")


class NoValuesError(CouldNotCheckError):
    """No row of a split has a value in the columns that a check needs, so that none of it could be checked."""

    def __init__(self, columns: Iterable[str], split: str) -> None:
        named = " and ".join(f"'{column}'" for column in columns)
        super().__init__(f"split '{split}' has no row with a value of {named}: nothing of it could be checked.")


class TypesDifferError(CouldNotCheckError):
    """Columns that are to be compared have types whose values would silently never be equal."""


def nearest(name: str, existing: Iterable[str]) -> str:
    """Return a sentence that names what exists, those most like ``name`` first."""
    names = sorted(map(str, existing))
    close = get_close_matches(name.casefold(), [n.casefold() for n in names], n=3, cutoff=0.5)
    likely = [n for c in close for n in names if n.casefold() == c]
    if likely:
        return f"The nearest names: {', '.join(dict.fromkeys(likely))}."
    if not names:
        return "There are none."
    return f"There are: {', '.join(names[:20])}{', …' if len(names) > 20 else ''}."
