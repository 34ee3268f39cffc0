"""Clean frames of pandas: the rows that stay, as they are, with their index."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gx_leakage.audit.remedy.mend import Made, Mend
from gx_leakage.audit.remedy.moves import refuse_columns
from gx_leakage.audit.remedy.tables import Placed, placed
from gx_leakage.engines.duckdb import TableEngine, arrow_table
from gx_leakage.errors import CouldNotCheckError

__all__ = ["Frames"]


@dataclass(frozen=True)
class Frames:
    """DataFrames of pandas."""

    frames: Mapping[str, pd.DataFrame]
    checked: bool = True

    @classmethod
    def without(cls, frames: Mapping[str, pd.DataFrame], columns: Collection[str]) -> Frames:
        """Return frames without some of their columns."""
        if not columns:
            return cls(frames)
        return cls({
            name: frame.loc[:, [str(label) not in columns for label in frame.columns]] for name, frame in frames.items()
        })  # fmt: skip

    def cleaned(self, mend: Mend) -> Made:
        """Return the clean frames."""
        engine = TableEngine()
        try:
            for no, frame in enumerate(self.frames.values()):
                engine.connection.register(f"frame_{no}", arrow_table(frame))
                engine.make(f"split_{no}", f"SELECT * FROM frame_{no}", no)  # noqa: S608 (our own names)
            found = placed(engine, list(self.frames), mend)
        finally:
            engine.close()
        made = self._parted(found) if mend.split_column is None else self._whole(found, mend.split_column)
        return Made(made, found.cost)

    def set_aside(self, made: Made) -> str:
        """Say that there were clean frames."""
        return f"made clean frames of {', '.join(made.splits)}"

    def _parted(self, found: Placed) -> dict[str, pd.DataFrame]:
        given = list(self.frames.values())
        made = {}
        for no, name in enumerate(self.frames):
            gone = found.dropped[no] | found.left(no)
            kept = given[no].iloc[[row for row in range(len(given[no])) if row not in gone]]
            parts = {i: given[i].iloc[sorted(rows)] for (i, home), rows in found.moved.items() if home == no}
            made[name] = self._together(no, kept, parts) if parts else kept
        return made

    def _together(self, home: int, kept: pd.DataFrame, parts: Mapping[int, pd.DataFrame]) -> pd.DataFrame:
        """Return the rows of a split with those that are moved to it, unless a value would be another one there."""
        names = list(self.frames)
        for origin, part in parts.items():
            refuse_columns((names[origin], names[home]), list(part.columns), list(kept.columns))
        in_order = [kept, *(part[list(kept.columns)] for part in parts.values())]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of parts without values, whose types do not matter here
            whole: pd.DataFrame = pd.concat(in_order)
        for at, column in enumerate(whole.columns):
            series = [frame.iloc[:, at] for frame in in_order]
            if len({str(one.dtype) for one in series}) == 1:
                continue
            before = [value for one in series for value in one]
            if not all(map(_same, before, whole.iloc[:, at])):
                kinds = " and ".join(dict.fromkeys(str(one.dtype) for one in series))
                raise CouldNotCheckError(
                    f"rows cannot be moved to split '{names[home]}' as they are: column '{column}' is {kinds}, of "
                    f"which pandas makes {whole.dtypes.iloc[at]}, which does not hold all of their values exactly. "
                    f"Give it one type in all splits."
                )
        return whole

    def _whole(self, found: Placed, split_column: str) -> dict[str, pd.DataFrame]:
        (frame,) = self.frames.values()
        if found.moved:
            frame = frame.copy()
            at = [str(label) for label in frame.columns].index(split_column)
            names = [frame.iloc[row, at] for row in found.first]  # of rows that may be moved themselves
            for (_, home), rows in found.moved.items():
                frame.iloc[sorted(rows), at] = names[home]
        return {"splits": frame.iloc[[row for row in range(len(frame)) if row not in found.dropped[0]]]}


def _same(one: Any, other: Any) -> bool:
    """Return whether a value is still what it was; numbers are compared exactly, and what is missing is missing."""
    if one is other:
        return True
    known = [not pd.api.types.is_scalar(value) or not pd.isna(value) for value in (one, other)]
    if not all(known):
        return not any(known)
    one, other = (value.item() if isinstance(value, np.generic) else value for value in (one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
