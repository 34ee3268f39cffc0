"""Makes this project anew: `python great_expectations/make.py`, from the root of the repository.

The paths in it are relative to the working directory, as GX reads them: run its checkpoint from there too.
"""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pandas as pd
from great_expectations.checkpoint import UpdateDataDocsAction

import great_expectations as gx
import gx_leakage as gxl
from gx_leakage.gx.sources import file_context

PROJECT = Path("great_expectations")
DATA = PROJECT / "data"


def make_data() -> None:
    """Split the firms' years at random, which is the leak, into two files and a table."""
    rows = pd.read_csv(DATA / "firms.csv")
    test = rows.sample(frac=0.25, random_state=0).sort_index()
    train = rows.drop(test.index)
    train.to_csv(DATA / "firms_train.csv", index=False)
    test.to_csv(DATA / "firms_test.csv", index=False)
    (DATA / "firms.sqlite").unlink(missing_ok=True)
    with sqlite3.connect(DATA / "firms.sqlite") as connection:
        both = pd.concat([train.assign(split="train"), test.assign(split="test")])
        both.to_sql("firms", connection, index=False)


def make_project() -> None:
    """Write data sources, suites, validation definitions and the checkpoint."""
    for name in ("expectations", "checkpoints", "validation_definitions", "plugins", "uncommitted"):
        shutil.rmtree(PROJECT / name, ignore_errors=True)
    (PROJECT / "great_expectations.yml").unlink(missing_ok=True)
    context = file_context(PROJECT)
    table = (
        context.data_sources.add_sqlite(
            "firms_table", connection_string="sqlite:///great_expectations/data/firms.sqlite"
        )
        .add_table_asset("firms", table_name="firms")
        .add_batch_definition_whole_table("all")
    )
    files = gxl.add_file_splits(
        context.data_sources.add_pandas_filesystem("firms_files", base_directory=str(DATA)).add_csv_asset("firms"),
        "splits",
        r"firms_(?P<split>train|test)\.csv",
    )
    validations = []
    for name, definition, splits_by in (("table", table, {"split_column": "split"}), ("files", files, {})):
        suite = context.suites.add(
            gx.ExpectationSuite(
                name=f"firms_{name}",
                expectations=[
                    gxl.ExpectNoSharedGroupIdsAcrossBatches(group_columns=["firm"], **splits_by),
                    gxl.ExpectNoIdenticalRowsAcrossBatches(**splits_by),
                    gxl.ExpectBatchesToBeOrderedInTime(time_column="year", **splits_by),
                ],
            )
        )
        validations.append(
            context.validation_definitions.add(
                gx.ValidationDefinition(name=f"firms_{name}", data=definition, suite=suite)
            )
        )
    context.checkpoints.add(
        gx.Checkpoint(
            name="leakage",
            validation_definitions=validations,
            actions=[
                gxl.LeakageReportAction(directory="uncommitted/leakage"),
                UpdateDataDocsAction(name="data_docs"),
            ],
        )
    )


if __name__ == "__main__":
    make_data()
    make_project()
