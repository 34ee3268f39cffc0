"""Clean frames of pandas: the rows that stay, as they are, with their index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from gx_leakage.audit.remedy.mend import Made, Mend
from gx_leakage.audit.remedy.tables import Placed, placed
from gx_leakage.engines.duckdb import TableEngine, arrow_table

__all__ = ["Frames"]


@dataclass(frozen=True)
class Frames:
    """DataFrames of pandas."""

    frames: Mapping[str, pd.DataFrame]
    checked: bool = True

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
        return Made(made, found.rows)

    def _parted(self, found: Placed) -> dict[str, pd.DataFrame]:
        given = list(self.frames.values())
        made = {}
        for no, name in enumerate(self.frames):
            gone = found.dropped[no] | found.left(no)
            kept = given[no].iloc[[row for row in range(len(given[no])) if row not in gone]]
            parts = [given[i].iloc[sorted(rows)] for (i, home), rows in found.moved.items() if home == no]
            made[name] = pd.concat([kept, *parts]) if parts else kept
        return made

    def _whole(self, found: Placed, split_column: str) -> dict[str, pd.DataFrame]:
        (frame,) = self.frames.values()
        if found.moved:
            frame = frame.copy()
            at = [str(label) for label in frame.columns].index(split_column)
            for (_, home), rows in found.moved.items():
                frame.iloc[sorted(rows), at] = frame.iloc[found.first[home], at]
        return {"splits": frame.iloc[[row for row in range(len(frame)) if row not in found.dropped[0]]]}
