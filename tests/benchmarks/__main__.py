"""Measures speed as ratios within one run, and prints a table: ``python -m tests.benchmarks [NAME …]``.

Needs ``pip install 'gx_leakage[benchmark]'``, for PostgreSQL its server programs, and to compare with deepchecks
an interpreter that has it (it needs older libraries than ours): ``GX_LEAKAGE_DEEPCHECKS=/path/to/python``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

import great_expectations as gx
import gx_leakage as gxl
from gx_leakage.gx.sources import prepared
from tests import servers
from tests.benchmarks.near import near_embeddings
from tests.benchmarks.proposed import proposals
from tests.benchmarks.rates import detections, false_alarms
from tests.benchmarks.scale import scale

SPLITS = {"train": 0.7, "validation": 0.15, "test": 0.15}
TIMES = 5

Row = tuple[str, str, str, str]


def best(run: Callable[[], Any], times: int = TIMES) -> float:
    """Return the shortest of several runs, in seconds."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        found.append(time.perf_counter() - start)
    return min(found)


def in_duckdb(sql: str) -> Any:
    """Run SQL in a DuckDB of its own."""
    return duckdb.connect().execute(sql).fetchall()


def against(
    what: str, ours: Callable[[], Any], other: str, theirs: Callable[[], Any], bound: str, times: int = TIMES
) -> Row:
    """Return a row of the table. The two take turns, so that a noisy machine is noisy for both."""
    mine, other_s = [], []
    for _ in range(times):
        mine.append(best(ours, 1))
        other_s.append(best(theirs, 1))
    a, b = min(mine), min(other_s)
    return what, f"{a:.3f} s", f"{b:.3f} s ({other})", f"{a / b:.2f} ({bound})"


def make_groups(folder: Path, rows: int, groups: int) -> dict[str, Path]:
    """Write three Parquet files with string keys of 37 characters, 1 % of whose rows have a key of another split."""
    connection, start, paths = duckdb.connect(), 0.0, {}
    connection.execute("SELECT setseed(0.5)")
    for name, share in SPLITS.items():
        paths[name] = folder / f"{name}.parquet"
        own = f"{start} + {share} * random()"
        key = f"CAST(floor(CASE WHEN random() < 0.01 THEN random() ELSE {own} END * {groups}) AS BIGINT)"
        connection.execute(
            f"COPY (SELECT 'group' || md5(CAST({key} AS VARCHAR)) AS k, random() AS x, i AS t "
            f"FROM range({int(rows * share)}) r(i)) TO '{paths[name]}' (FORMAT parquet)"
        )
        start += share
    return paths


def by_hand(relations: dict[str, str]) -> str:
    """Return the best SQL that was found by hand for what all pairs of splits share."""
    stack = " UNION ALL ".join(f"SELECT {i} AS s, k FROM {relation}" for i, relation in enumerate(relations.values()))
    counts = ", ".join(f"COUNT(CASE WHEN s = {i} THEN 1 END) AS n{i}" for i in range(len(relations)))
    held = ", ".join(f"CASE WHEN n{i} > 0 THEN 1 ELSE 0 END" for i in range(len(relations)))
    sums = ", ".join(f"SUM(n{i})" for i in range(len(relations)))
    by = ", ".join(str(i + 1) for i in range(len(relations)))
    grouped = f"SELECT k, {counts} FROM ({stack}) q GROUP BY k"
    return f"WITH p AS ({grouped}) SELECT {held}, COUNT(*), {sums} FROM p GROUP BY {by}"


@contextmanager
def checkpoint(
    splits: Any, expectation: type[gxl.CrossBatchExpectation], **arguments: Any
) -> Iterator[Callable[[], Any]]:
    """Yield a function that runs a checkpoint with one Expectation, as a pipeline does."""
    memory_limit, connection = arguments.pop("memory_limit", None), arguments.pop("connection", None)
    with prepared(splits, connection=connection, memory_limit=memory_limit) as (context, ready):
        suite = context.suites.add(
            gx.ExpectationSuite(name="b", expectations=[expectation(**arguments, **ready.splits_by)])
        )
        validation = context.validation_definitions.add(
            gx.ValidationDefinition(name="b", data=ready.definition, suite=suite)
        )
        made = context.checkpoints.add(gx.Checkpoint(name="b", validation_definitions=[validation]))

        def run() -> Any:
            (result,) = made.run(batch_parameters=ready.batch_parameters).run_results.values()
            assert not result.results[0].exception_info["raised_exception"], result.results[0].exception_info
            return result.results[0]

        yield run


def groups_in_parquet() -> Iterator[Row]:
    for groups in (500_000, 4_000_000):
        with tempfile.TemporaryDirectory() as folder:
            paths = make_groups(Path(folder), 5_000_000, groups)
            sql = by_hand({name: f"'{path}'" for name, path in paths.items()})
            with checkpoint(paths, gxl.ExpectNoSharedGroupIdsAcrossBatches, group_columns=["k"]) as run:
                yield against(
                    f"group ids, Parquet, 5 M rows, {groups:,} groups", run,
                    "DuckDB by hand", partial(in_duckdb, sql), "at most 1.5",
                )  # fmt: skip


def embeddings_in_parquet() -> Iterator[Row]:
    """Yield all pairs of 100,000 and 10,000 vectors of 384 numbers, against products of blocks in numpy."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    random = np.random.default_rng(0)
    made = {
        name: random.normal(size=(rows, 384)).astype(np.float32)
        for name, rows in {"train": 100_000, "test": 10_000}.items()
    }
    made["test"][:100] = made["train"][:100] * 1.01

    with tempfile.TemporaryDirectory() as folder:
        paths = {name: Path(folder, f"{name}.parquet") for name in made}
        for name, vectors in made.items():
            lists = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), 384)
            pq.write_table(pa.table({"e": lists}), paths[name])

        def in_blocks() -> int:
            read = [pq.read_table(path)["e"].combine_chunks().flatten().to_numpy() for path in paths.values()]
            train, test = (v.reshape(-1, 384) / np.linalg.norm(v.reshape(-1, 384), axis=1)[:, None] for v in read)
            best = np.full(len(test), -1, np.float32)
            for i in range(0, len(train), 4_096):
                for j in range(0, len(test), 2_048):
                    product = test[j : j + 2_048] @ train[i : i + 4_096].T
                    np.maximum(best[j : j + 2_048], product.max(axis=1), out=best[j : j + 2_048])
            return int((best > 0.95).sum())

        with checkpoint(paths, gxl.ExpectNoNearDuplicateEmbeddingsAcrossBatches, embedding_columns=["e"]) as run:
            assert run().result["observed_value"] == in_blocks() == 100
            what = "embeddings, Parquet, 100,000 x 384 against 10,000"
            yield against(what, run, "numpy, blocks by hand", in_blocks, "at most 1.2", 3)


def groups_in_frames() -> Iterator[Row]:
    import polars as pl
    import pyarrow.parquet as pq

    with tempfile.TemporaryDirectory() as folder:
        paths = make_groups(Path(folder), 5_000_000, 500_000)
        arrow = {name: pq.read_table(path) for name, path in paths.items()}
        frames = {name: table.to_pandas() for name, table in arrow.items()}

        def semi_joins() -> None:
            framed: Any = {name: pl.from_arrow(table) for name, table in arrow.items()}
            lazy = {name: frame.lazy() for name, frame in framed.items()}
            names = list(lazy)
            wanted = []
            for i, first in enumerate(names):
                for second in names[i + 1 :]:
                    for a, b in ((first, second), (second, first)):
                        both = lazy[a].join(lazy[b], on="k", how="semi")
                        wanted.append(both.select(pl.len(), pl.col("k").n_unique()))
            pl.collect_all(wanted)

        with checkpoint(frames, gxl.ExpectNoSharedGroupIdsAcrossBatches, group_columns=["k"]) as run:
            yield against(
                "group ids, pandas frames, 5 M rows", run, "Polars semi-joins from Arrow", semi_joins, "stated"
            )


DEEPCHECKS = """
import json, sys, time, warnings
warnings.filterwarnings("ignore")
import pandas as pd
from deepchecks.tabular import Dataset
from deepchecks.tabular.checks import TrainTestSamplesMix
train, test = (pd.read_parquet(path) for path in sys.argv[1:3])
start = time.perf_counter()
result = TrainTestSamplesMix(n_samples=None).run(Dataset(train, cat_features=[]), Dataset(test, cat_features=[]))
print(json.dumps({"seconds": time.perf_counter() - start, "ratio": result.value["ratio"]}))
"""


def identical_rows() -> Iterator[Row]:
    import numpy as np
    import pandas as pd

    random = np.random.default_rng(0)
    rows = {f"c{i}": random.integers(0, 1000, 500_000) if i % 3 else random.normal(size=500_000) for i in range(15)}
    frame = pd.DataFrame(rows)
    train = frame[:400_000]
    test = pd.concat([frame[400_000:495_000], train.sample(5_000, random_state=0)], ignore_index=True)
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: Path(folder, f"{name}.csv") for name in ("train", "test")}
        parquet = {name: Path(folder, f"{name}.parquet") for name in ("train", "test")}
        for name, part in (("train", train), ("test", test)):
            part.to_csv(paths[name], index=False)
            part.to_parquet(parquet[name])
        columns = ", ".join(rows)
        sql = (
            "SELECT COUNT(*), SUM(b) FROM "
            "(SELECT COUNT(CASE WHEN s = 0 THEN 1 END) a, COUNT(CASE WHEN s = 1 THEN 1 END) b FROM "
            f"(SELECT 0 s, {columns} FROM '{paths['train']}' UNION ALL SELECT 1 s, {columns} FROM '{paths['test']}') "
            f"GROUP BY {columns}) WHERE a > 0 AND b > 0"
        )
        with checkpoint(paths, gxl.ExpectNoIdenticalRowsAcrossBatches) as run:
            assert run().result["unexpected_count"] == 5_000
            yield against(
                "identical rows, CSV, 500,000 x 15", run,
                "DuckDB by hand", partial(in_duckdb, sql), "stated",
            )  # fmt: skip
        with checkpoint({"train": train, "test": test}, gxl.ExpectNoIdenticalRowsAcrossBatches) as run:
            ours = best(run)
        python = os.environ.get("GX_LEAKAGE_DEEPCHECKS")
        if python is None:
            yield (
                "identical rows, frames, 500,000 x 15",
                f"{ours:.3f} s",
                "deepchecks: GX_LEAKAGE_DEEPCHECKS unset",
                "-",
            )
            return
        command = [python, "-c", DEEPCHECKS, *(str(path) for path in parquet.values())]
        done = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
        theirs = done["seconds"]
        yield (
            "identical rows, frames, 500,000 x 15",
            f"{ours:.3f} s",
            f"{theirs:.3f} s (deepchecks)",
            f"1/{theirs / ours:.0f} (at most 1/30)",
        )


def groups_in_postgresql() -> Iterator[Row]:
    with servers.postgresql() as url:
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            start = 0.0
            connection.exec_driver_sql("SELECT setseed(0.5)")
            for name, share in SPLITS.items():
                own = f"{start} + {share} * random()"
                key = f"CAST(floor((CASE WHEN random() < 0.01 THEN random() ELSE {own} END) * 500000) AS bigint)"
                connection.exec_driver_sql(
                    f"CREATE TABLE {name} AS SELECT 'group' || md5(CAST({key} AS text)) AS k, i AS t "
                    f"FROM generate_series(1, {int(5_000_000 * share)}) AS i"
                )
                start += share
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
        sql = by_hand({name: name for name in SPLITS})

        def hand() -> None:
            with engine.connect() as connection:
                connection.exec_driver_sql(sql).all()

        fetched = [0]

        tables = {name: name for name in SPLITS}
        with checkpoint(tables, gxl.ExpectNoSharedGroupIdsAcrossBatches, group_columns=["k"], connection=url) as run:
            row = against("group ids, PostgreSQL, 5 M rows", run, "SQL by hand", hand, "at most 1.2", times=3)
            from gx_leakage.engines.warehouse import WarehouseEngine

            fetch = WarehouseEngine.fetch

            def counting(self: WarehouseEngine, statement: Any) -> Any:
                rows = fetch(self, statement)
                fetched[0] += len(rows)
                return rows

            WarehouseEngine.fetch = counting  # type: ignore[method-assign]
            run()
            WarehouseEngine.fetch = fetch  # type: ignore[method-assign]
            yield row
            yield "rows that leave PostgreSQL", str(fetched[0]), "5,000,000 in the tables", "-"
        engine.dispose()


LARGE = """
import resource, sys, time
import gx_leakage as gxl
paths = dict(zip(("train", "validation", "test"), sys.argv[1:4]))
start = time.perf_counter()
report = gxl.audit(paths, group="k", memory_limit="2GB")
assert not report.errors, report.errors
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
"""


def larger_than_memory() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        paths = make_groups(Path(folder), 50_000_000, 40_000_000)
        command = [sys.executable, "-c", LARGE, *(str(path) for path in paths.values())]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr)
        seconds, peak = map(float, done.stdout.split()[-2:])
        yield (
            "group ids and identical rows, 50 M rows, 2 GB for DuckDB",
            f"{seconds:.0f} s",
            f"peak {peak:.1f} GiB",
            "finishes",
        )


def overhead() -> Iterator[Row]:
    import pandas as pd

    frame = pd.DataFrame({"k": range(100), "t": range(100)})
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
    definition = context.data_sources.add_pandas("p").add_dataframe_asset("a").add_batch_definition_whole_dataframe("d")

    def make(name: str, expectations: list[Any]) -> Callable[[], Any]:
        suite = context.suites.add(gx.ExpectationSuite(name=name, expectations=expectations))
        validation = context.validation_definitions.add(
            gx.ValidationDefinition(name=name, data=definition, suite=suite)
        )
        made = context.checkpoints.add(gx.Checkpoint(name=name, validation_definitions=[validation]))

        def run() -> None:
            with gxl.dataframe_splits(train=frame, test=frame) as parameters:
                made.run(batch_parameters=parameters)

        return run

    empty = best(make("empty", []), 20)
    for expectation in (
        gxl.ExpectNoSharedGroupIdsAcrossBatches(group_columns=["k"]),
        gxl.ExpectNoIdenticalRowsAcrossBatches(),
        gxl.ExpectBatchesToBeOrderedInTime(time_column="t"),
    ):
        name = type(expectation).__name__
        ours = best(make(name, [expectation]), 20)
        yield (
            f"{name} added",
            f"{1000 * (ours - empty):.0f} ms",
            f"{1000 * empty:.0f} ms (empty checkpoint)",
            "at most 50 ms",
        )


def features_by_hand(names: Iterable[str], relation: str, rows: int) -> str:
    """Return the best SQL that was found by hand for the contingency tables of features against a target."""

    def table(name: str) -> str:
        low = f"64 * (rank() OVER (ORDER BY {name}) - 1) // {rows}"
        binned = f"SELECT {low if name[0] != 's' else name} AS bin, y FROM {relation} WHERE y IS NOT NULL"
        return f"SELECT '{name}', CAST(bin AS VARCHAR), y, count(*) FROM ({binned}) GROUP BY ALL"

    return " UNION ALL ".join(map(table, names))


FEATURES = """
import json, sys, time, warnings
warnings.filterwarnings("ignore")
import pandas as pd
from deepchecks.tabular import Dataset
from deepchecks.tabular.checks import FeatureLabelCorrelation
frame = pd.read_parquet(sys.argv[1])
texts = [name for name in frame if name.startswith("s")]
start = time.perf_counter()
FeatureLabelCorrelation(n_samples=None).run(Dataset(frame, label="y", cat_features=texts))
print(json.dumps({"seconds": time.perf_counter() - start}))
"""


def fifty_features() -> Iterator[Row]:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    rows = 1_000_000
    random = np.random.default_rng(0)
    columns: dict[str, Any] = {"y": (random.random(rows) < 0.3).astype("int64")}
    columns |= {f"f{i}": random.normal(size=rows) for i in range(30)}
    columns |= {f"i{i}": random.integers(0, 1_000, rows) for i in range(10)}
    names = np.array([f"category {i}" for i in range(50)], dtype=object)
    columns |= {f"s{i}": names[random.integers(0, 50, rows)] for i in range(10)}
    frame = pd.DataFrame(columns)
    arrow = pa.Table.from_pandas(frame)
    features = [name for name in columns if name != "y"]
    sql = features_by_hand(features, "arrow", rows)

    def by_hand_() -> None:
        connection = duckdb.connect()
        connection.register("arrow", arrow)
        connection.execute(sql).fetchall()

    splits = {"train": frame[:700_000], "test": frame[700_000:]}
    with checkpoint(splits, gxl.ExpectNoFeatureToRevealTarget, target_column="y") as run:
        assert run().success
        yield against("50 features, frames, 1 M rows", run, "DuckDB by hand", by_hand_, "at most 3", times=3)
        ours = best(run, 3)
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder, "all.parquet")
        frame.assign(split=["train"] * 700_000 + ["test"] * 300_000).to_parquet(whole)
        paths = {name: Path(folder, f"{name}.parquet") for name in splits}
        for name, part in splits.items():
            part.to_parquet(paths[name])
        sql = features_by_hand(features, f"'{whole}'", rows)
        with checkpoint(paths, gxl.ExpectNoFeatureToRevealTarget, target_column="y") as run:
            yield against(
                "50 features, Parquet, 1 M rows", run, "DuckDB by hand", partial(in_duckdb, sql), "at most 3", times=3
            )
        python = os.environ.get("GX_LEAKAGE_DEEPCHECKS")
        if python is None:
            yield "50 features, frames, 1 M rows", f"{ours:.2f} s", "deepchecks: GX_LEAKAGE_DEEPCHECKS unset", "-"
            return
        done = subprocess.run([python, "-c", FEATURES, str(whole)], capture_output=True, text=True, check=True)
        theirs = json.loads(done.stdout.splitlines()[-1])["seconds"]
        yield (
            "50 features, frames, 1 M rows",
            f"{ours:.2f} s",
            f"{theirs:.2f} s (deepchecks)",
            f"{ours / theirs:.2f} (below 1)",
        )


BENCHMARKS = (
    overhead, groups_in_parquet, groups_in_frames, embeddings_in_parquet,
    near_embeddings, identical_rows, groups_in_postgresql, larger_than_memory,
    fifty_features, false_alarms, detections, proposals,
    scale,
)  # fmt: skip


def main(chosen: list[str]) -> None:
    table = Table("What", "Ours", "Against", "Ratio (wanted)")
    for benchmark in BENCHMARKS:
        if not chosen or benchmark.__name__ in chosen:
            for row in benchmark():
                table.add_row(*row)
                print(" | ".join(row), file=sys.stderr)
    Console(width=150).print(table)


if __name__ == "__main__":
    main(sys.argv[1:])
