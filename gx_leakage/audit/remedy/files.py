"""Clean files: the records that stay, as they are written."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gx_leakage.audit.remedy.mend import Made, Mend
from gx_leakage.audit.remedy.records import Changes, rewritten, unchecked
from gx_leakage.audit.remedy.tables import Placed, placed
from gx_leakage.engines.duckdb import TableEngine
from gx_leakage.splits import files
from gx_leakage.splits.files import SplitFiles, quoted

__all__ = ["Files"]


@dataclass(frozen=True)
class Files:
    """Files, or folders of files."""

    paths: Mapping[str, Path]
    folder: Path
    date_format: str | None
    checked: bool = True

    def cleaned(self, mend: Mend) -> Made:
        """Write the clean files, and return where they are."""
        found = {name: files.find(path) for name, path in self.paths.items()}
        queries = files.queries(found, date_format=self.date_format)
        engine = TableEngine()
        try:
            for no, name in enumerate(found):
                engine.make(f"split_{no}", _without(queries[name].sql(), found[name], mend.left.columns), no)
            sizes = [engine.size(f"split_{no}") for no in range(len(found))]
            rows = placed(engine, list(found), mend)
            return Made(dict(self._written(found, rows, sizes, mend)), rows.cost, files=True)
        finally:
            engine.close()

    def set_aside(self, made: Made) -> str:
        """Give the files names that do not look finished, and return them."""
        return f"wrote {', '.join(str(unchecked(path)) for path in made.splits.values())}"

    def _written(
        self, found: Mapping[str, SplitFiles], rows: Placed, sizes: Sequence[int], mend: Mend
    ) -> dict[str, Path]:
        own = {name: files_.given.name for name, files_ in found.items()}
        if len({name.casefold() for name in own.values()}) < len(own):
            own = {name: _called(name, files_) for name, files_ in found.items()}
        targets = {name: self.folder / file for name, file in own.items()}
        moved: dict[str, dict[str, frozenset[int]]] = {}
        if mend.split_column is None:
            changes = {name: Changes(sizes[no], rows.dropped[no] | rows.left(no)) for no, name in enumerate(found)}
            named = list(found)
            for (i, no), numbers in rows.moved.items():
                moved.setdefault(named[no], {})[named[i]] = numbers
        else:
            (name,) = found
            renamed = {row: rows.names[home] for (_, home), numbers in rows.moved.items() for row in numbers}
            first = {row: rows.names[no] for no, row in enumerate(rows.first)}
            changes = {name: Changes(sizes[0], rows.dropped[0], renamed, first)}
        rewritten(found, changes, moved, targets, mend.split_column, mend.left.columns)
        return targets


def _without(query: str, found: SplitFiles, columns: Collection[str]) -> str:
    """Return the query of a split without some of its columns."""
    held = ", ".join(quoted(column) for column in found.columns if column in columns)
    return f"SELECT * EXCLUDE ({held}) FROM ({query})" if held else query  # noqa: S608 (quoted)


def _called(name: str, found: SplitFiles) -> str:
    """Return a file's name that begins with the name of its split."""
    ends = "" if found.given.is_dir() else "".join(found.given.suffixes[-2 if found.packing else -1 :])
    return re.sub(r"[^\w.-]", "_", name) + ends
