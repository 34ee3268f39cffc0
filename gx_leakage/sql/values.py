"""Values of the data as JSON has them, the same from every engine."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from typing import Any

__all__ = ["plain", "rounded"]


def plain(value: Any) -> Any:
    """Return a JSON-able value: times in ISO 8601 (instants in UTC), whole decimals as integers, bytes in hex."""
    if isinstance(value, (float, Decimal)) and not math.isfinite(value):
        return None if math.isnan(value) else str(float(value))
    if isinstance(value, float):
        return 0.0 if value == 0 else value  # -0.0 equals 0.0
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        return value.astimezone(dt.timezone.utc).isoformat(sep=" ")
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).hex()
    return str(value)


def rounded(value: float, digits: int = 6) -> float:
    """Return a value with significant digits that do not depend on the order in which an engine added up."""
    return float(f"{value:.{digits}g}") + 0.0
