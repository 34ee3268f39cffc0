"""The sample data that comes with the package."""

from __future__ import annotations

from pathlib import Path

__all__ = ["file"]

_HERE = Path(__file__).parent
# In a wheel the data is inside of the package, in a checkout it is the sample project's.
_DATA = next(f for f in (_HERE / "sample_data", _HERE.parent / "great_expectations" / "data") if f.is_dir())


def file(name: str) -> Path:
    """Return a file of the sample data."""
    return _DATA / name
