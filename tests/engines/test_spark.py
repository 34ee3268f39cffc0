"""What Spark is given."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from gx_leakage.engines import Source
from gx_leakage.leaks.overlap import evidence as overlap
from gx_leakage.splits.relations import Relations, SplitRows

pytestmark = pytest.mark.spark


def test_what_several_parts_of_a_statement_need_is_computed_once(spark: Any) -> None:
    """Each frame has one scan: counted by the rows that a function sees as they are read."""
    from gx_leakage.engines.spark import SparkEngine

    read = spark.sparkContext.accumulator(0)

    def counted(rows: Any) -> Any:
        for row in rows:
            read.add(1)
            yield row

    frames = {}
    for name, values in (("train", ["a", "b", "b"]), ("test", ["b", "c"])):
        rdd = spark.sparkContext.parallelize([(value,) for value in values], 1).mapPartitions(counted)
        frames[name] = spark.createDataFrame(rdd, "patient string")
    engine = SparkEngine(spark)
    splits = Relations(
        engine, [SplitRows(name, Source(SimpleNamespace(dataframe=frame), None)) for name, frame in frames.items()]
    )
    found = overlap.gather(splits, columns=["patient"])
    assert found.shared_keys == 1
    assert read.value == 5
    splits.close()
    left = [table.name for table in spark.catalog.listTables() if table.name.startswith("gx_leakage_")]
    assert left == []
