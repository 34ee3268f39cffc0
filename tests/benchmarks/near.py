"""How often vectors of clean splits are called copies, and how often copies with noise are found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.preprocessing import scale

import gx_leakage as gxl
from gx_leakage.engines import Source
from gx_leakage.engines.duckdb import DuckDBEngine
from gx_leakage.leaks.embeddings import closeness
from gx_leakage.splits.relations import Relations, SplitRows
from tests.benchmarks.rates import PandasBatchData

Row = tuple[str, str, str, str]

DRAWS = 10
NOISE = (0.01, 0.05, 0.1)
COPIES = 100


def near_embeddings() -> Iterator[Row]:
    """Yield false alarms and detections of each data set, by both metrics."""
    random = np.random.default_rng(0)
    rows: dict[str, Any] = {
        "digits": datasets.load_digits().data,
        "breast cancer, scaled": scale(datasets.load_breast_cancer().data),
        "wine, scaled": scale(datasets.load_wine().data),
        "diabetes": datasets.load_diabetes().data,
        "iris, scaled": np.unique(scale(datasets.load_iris().data), axis=0),
        **{f"normal, {width} numbers": random.normal(size=(1_500, width)) for width in (4, 16, 64, 384)},
    }
    for name, vectors in rows.items():
        for metric in closeness.METRICS:
            alarms, judged, found = 0, 0, dict.fromkeys(NOISE, 0)
            for draw in range(DRAWS):
                order = random.permutation(len(vectors))
                train, test = np.split(vectors[order], [3 * len(order) // 4])
                spread = vectors.std(axis=0)
                if draw % 2:  # copies within train
                    own = train[: len(train) // 4]
                    train = np.vstack([train, own + 0.03 * spread * random.normal(size=own.shape)])
                alarms += _leaked(train, test, metric)
                judged += len(test)
                for noise in NOISE:
                    copied = train[random.integers(0, len(train), COPIES)]
                    leaky = copied + noise * spread * random.normal(size=copied.shape)
                    found[noise] += _leaked(train, leaky, metric)
            shares = ", ".join(f"{100 * one / DRAWS / COPIES:.0f} %" for one in found.values())
            what = f"near duplicates of {name}, {metric}"
            yield what, f"{alarms} of {judged:,} called leaked", f"found: {shares}", "with noise of 1, 5, 10 %"


def _leaked(train: Any, test: Any, metric: str) -> int:
    columns = [f"x{i}" for i in range(train.shape[1])]
    parts = {"train": pd.DataFrame(train, columns=columns), "test": pd.DataFrame(test, columns=columns)}
    splits = [SplitRows(name, Source(PandasBatchData(part), None)) for name, part in parts.items()]
    check = gxl.ExpectNoNearDuplicateEmbeddingsAcrossBatches(embedding_columns=columns, metric=metric)
    made = Relations(DuckDBEngine(copies=False), splits)
    leaked = check.judge(closeness.gather(made, **check.question(0))).observed_value
    made.close()
    return int(leaked)
