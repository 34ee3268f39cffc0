"""Clean splits: what is dropped or moved, by every strategy, in frames, files and databases."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import gx_leakage as gxl

TRAIN = pd.DataFrame({"g": [1, 1, 1, 2, 3, None], "day": [1, 2, 3, 4, 5, 6], "y": [0, 1, 0, 1, 0, 1]})
TEST = pd.DataFrame({"g": [1, 2, 2, 2, 4, None], "day": [7, 8, 9, 10, 11, 12], "y": [0, 1, 0, 1, 0, 1]})


def days(frame: Any) -> list[int]:
    return [int(value) for value in frame["day"]]


@pytest.mark.parametrize(
    ("strategy", "train", "test"),
    [
        ("judged", [1, 2, 3, 4, 5, 6], [11, 12]),
        ("train", [5, 6], [7, 8, 9, 10, 11, 12]),
        ("reassign", [1, 2, 3, 5, 6, 7], [4, 8, 9, 10, 11, 12]),
    ],
)
class TestStrategies:
    """Group 1 has most of its rows in train, group 2 in test; rows without a group stay where they are."""

    def test_frames(self, strategy: str, train: list[int], test: list[int]) -> None:
        given = {"train": TRAIN.set_index("day", drop=False), "test": TEST.set_index("day", drop=False)}
        report = gxl.audit(given, group="g")
        cleaned = report.clean_splits(strategy, allow=True)
        assert (sorted(days(cleaned.splits["train"])), sorted(days(cleaned.splits["test"]))) == (train, test)
        assert list(cleaned.splits["test"].index) == days(cleaned.splits["test"])
        assert cleaned.rows == [
            {"name": "train", "before": 6, "after": len(train)},
            {"name": "test", "before": 6, "after": len(test)},
        ]
        assert cleaned.report is not None
        assert cleaned.report.success
        assert days(given["test"]) == [7, 8, 9, 10, 11, 12]

    def test_files_stay_as_they_are_written(
        self, strategy: str, train: list[int], test: list[int], tmp_path: Path
    ) -> None:
        paths = {"train": tmp_path / "train.csv", "test": tmp_path / "test.csv"}
        for path, frame in zip(paths.values(), (TRAIN, TEST), strict=True):
            frame.assign(code=[f"00{value}" for value in frame["day"]], real="1.500").to_csv(path, index=False)
        before = {name: path.read_bytes() for name, path in paths.items()}
        report = gxl.audit(paths, group="g")
        cleaned = report.clean_splits(strategy, allow=True, directory=tmp_path / "clean")
        read = {name: pd.read_csv(path, dtype=str) for name, path in cleaned.splits.items()}
        assert (sorted(days(read["train"])), sorted(days(read["test"]))) == (train, test)
        assert set(read["train"]["real"]) == {"1.500"}
        assert all(code == f"00{day}" for code, day in zip(read["test"]["code"], read["test"]["day"], strict=True))
        assert {name: path.read_bytes() for name, path in paths.items()} == before
        with pytest.raises(gxl.CouldNotCheckError, match="exists already"):
            report.clean_splits(strategy, allow=True, directory=tmp_path / "clean")

    @pytest.mark.parametrize("kind", ["frame", "csv", "parquet"])
    def test_a_split_column(self, strategy: str, train: list[int], test: list[int], kind: str, tmp_path: Path) -> None:
        both: Any = pd.concat([TRAIN.assign(fold="train"), TEST.assign(fold="test")], ignore_index=True)
        given = both
        if kind != "frame":
            given = tmp_path / f"visits.{kind}"
            (both.to_csv if kind == "csv" else both.to_parquet)(given, index=False)
        report = gxl.audit(given, split_column="fold", group="g")
        options = {} if kind == "frame" else {"directory": tmp_path / "clean"}
        (made,) = report.clean_splits(strategy, allow=True, **options).splits.values()
        read: Any = made if kind == "frame" else pd.read_csv(made) if kind == "csv" else pd.read_parquet(made)
        found = {name: sorted(days(part)) for name, part in read.groupby("fold")}
        assert (found["train"], found["test"]) == (train, test)


@pytest.mark.parametrize("layout", ["tables", "split column"])
@pytest.mark.parametrize("strategy", ["judged", "train", "reassign"])
def test_sqlite(tmp_path: Path, strategy: str, layout: str) -> None:
    url = f"sqlite:///{tmp_path}/db.sqlite"
    with sqlite3.connect(tmp_path / "db.sqlite") as connection:
        TRAIN.to_sql("train", connection, index=False)
        TEST.to_sql("test", connection, index=False)
        pd.concat([TRAIN.assign(fold="train"), TEST.assign(fold="test")]).to_sql("visits", connection, index=False)
    given: Any = {"train": "train", "test": "test"} if layout == "tables" else {"all": "visits"}
    column = None if layout == "tables" else "fold"
    roles: dict[str, Any] = {"group": "g"} if strategy == "reassign" else {"group": "g", "time": "day"}
    report = gxl.audit(given, connection=url, split_column=column, **roles)
    said = report.clean_splits(strategy, allow=True)
    assert said.report is None
    assert all(text.startswith("CREATE TABLE") for text in said.sql)
    with sqlite3.connect(tmp_path / "db.sqlite") as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    assert tables == {"train", "test", "visits"}  # nothing is made until that is asked for
    done = report.clean_splits(strategy, allow=True, run=True)
    assert done.report is not None
    assert done.report.success
    expected = {"judged": (6, 2), "train": (2, 6), "reassign": (6, 6)}[strategy]
    assert tuple(split["after"] for split in done.rows) == expected == tuple(s["after"] for s in said.rows)
    assert [split["rows"] for split in done.report.splits] == list(expected)
    with pytest.raises(gxl.CouldNotCheckError, match="already exists"):
        report.clean_splits(strategy, allow=True, run=True)
    with sqlite3.connect(tmp_path / "db.sqlite") as connection:
        names = ["train", "test"] if column is None else ["visits"]
        made = [pd.read_sql(f"SELECT * FROM {name}_clean", connection) for name in names]
    if strategy == "reassign":
        kept = dict(tuple(made[0].groupby("fold"))) if column else dict(zip(names, made, strict=True))
        assert {name: sorted(days(rows)) for name, rows in kept.items()} == {
            "train": [1, 2, 3, 5, 6, 7],
            "test": [4, 8, 9, 10, 11, 12],
        }


def test_all_tables_are_made_or_none(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/db.sqlite"
    with sqlite3.connect(tmp_path / "db.sqlite") as connection:
        TRAIN.to_sql("the.train", connection, index=False)
        TEST.to_sql("test", connection, index=False)
        TEST.to_sql("test_clean", connection, index=False)
    report = gxl.audit({"train": "the.train", "test": "test"}, connection=url, group="g")

    def tables() -> set[str]:
        with sqlite3.connect(tmp_path / "db.sqlite") as connection:
            return {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}

    with pytest.raises(gxl.CouldNotCheckError, match="test_clean already exists"):
        report.clean_splits(allow=True, run=True)
    assert tables() == {"the.train", "test", "test_clean"}
    with sqlite3.connect(tmp_path / "db.sqlite") as connection:
        connection.execute("DROP TABLE test_clean")
        connection.execute("CREATE INDEX test_clean ON test (g)")  # no table of this name, and none can be made
    with pytest.raises(gxl.CouldNotCheckError, match="could not be made"):
        report.clean_splits(allow=True, run=True)
    assert tables() == {"the.train", "test"}
    with sqlite3.connect(tmp_path / "db.sqlite") as connection:
        connection.execute("DROP INDEX test_clean")
    assert report.clean_splits(allow=True, run=True).splits == {"train": "the.train_clean", "test": "test_clean"}
    assert tables() == {"the.train", "test", "the.train_clean", "test_clean"}


@pytest.mark.parametrize("strategy", ["judged", "reassign"])
def test_a_clean_table_has_the_columns_of_the_one_that_is_given(strategy: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/db.sqlite"
    with sqlite3.connect(tmp_path / "db.sqlite") as connection:
        both = pd.concat([TRAIN.assign(fold="train"), TEST.assign(fold="test")])
        both[["g", "fold", "day", "y"]].to_sql("visits", connection, index=False)
    report = gxl.audit({"all": "visits"}, connection=url, split_column="fold", group="g")
    report.clean_splits(strategy, allow=True, run=True)
    with sqlite3.connect(tmp_path / "db.sqlite") as connection:
        given, made = (
            [row[1:3] for row in connection.execute(f"PRAGMA table_info({t})")] for t in ("visits", "visits_clean")
        )
    assert [name for name, _ in made] == [name for name, _ in given] == ["g", "fold", "day", "y"]
    assert dict(made)["fold"] == dict(given)["fold"] == "TEXT"


@pytest.mark.postgresql
def test_postgresql_mends_one_leak_after_the_other(postgresql: str) -> None:
    import sqlalchemy as sa

    engine = sa.create_engine(postgresql)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA IF EXISTS mend CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA mend")
    early = pd.concat([TEST, TRAIN.tail(1).assign(g=9, day=2, y=0)], ignore_index=True)
    TRAIN.to_sql("train", engine, schema="mend", index=False)
    early.to_sql("test", engine, schema="mend", index=False)
    engine.dispose()
    report = gxl.audit({"train": "mend.train", "test": "mend.test"}, connection=postgresql, group="g", time="day")
    assert sum(finding.leaked for finding in report.findings) == 2
    cleaned = report.clean_splits("judged", allow=True, run=True)
    assert cleaned.splits == {"train": "mend.train_clean", "test": "mend.test_clean"}
    assert cleaned.report is not None
    assert cleaned.report.success
    assert [split["after"] for split in cleaned.rows] == [6, 2]


@pytest.mark.parametrize(("strategy", "kept"), [("judged", (4, 2)), ("train", (2, 4))])
def test_an_order_in_time(strategy: str, kept: tuple[int, int]) -> None:
    train, test = pd.DataFrame({"t": [1, 2, 5, 6], "x": range(4)}), pd.DataFrame({"t": [3, 5, 7, 8], "x": range(4, 8)})
    cleaned = gxl.audit({"train": train, "test": test}, time="t").clean_splits(strategy, allow=True)
    assert (len(cleaned.splits["train"]), len(cleaned.splits["test"])) == kept
    with pytest.raises(gxl.CouldNotCheckError, match="not mended by bringing groups"):
        gxl.audit({"train": train, "test": test}, time="t").clean_splits("reassign", allow=True)


@pytest.mark.parametrize("strategy", ["judged", "train", "reassign"])
def test_frames_of_videos_windows_and_identical_rows(strategy: str) -> None:
    train = pd.DataFrame({"video": list("aaab"), "frame": [1, 2, 9, 1], "x": [1, 2, 3, 4]})
    test = pd.DataFrame({"video": list("abbc"), "frame": [3, 2, 3, 1], "x": [5, 6, 7, 8]})
    cleaned = gxl.audit({"train": train, "test": test}, sequence="video", frame="frame").clean_splits(
        strategy, allow=True
    )
    assert cleaned.report is not None
    assert cleaned.report.success
    if strategy == "reassign":
        assert sorted(cleaned.splits["train"]["video"]) == list("aaaa")
    same = pd.DataFrame({"x": [1, None, 2, 3], "y": ["a", None, "b", "c"]})
    report = gxl.audit({"train": same, "test": pd.concat([same.head(2), same.head(1) + same.head(1)])})
    cleaned = report.clean_splits(strategy, allow=True)
    assert cleaned.report is not None
    assert cleaned.report.success
    assert len(cleaned.splits["test"]) == (3 if strategy == "train" else 1)


def test_no_split_is_left_empty(tmp_path: Path) -> None:
    for name in ("train", "test"):
        TEST.to_csv(tmp_path / f"{name}.csv", index=False)
    report = gxl.audit({name: tmp_path / f"{name}.csv" for name in ("train", "test")})
    with pytest.raises(gxl.CouldNotCheckError, match="would leave split 'test' without rows"):
        report.clean_splits(allow=True, directory=tmp_path / "clean")
    assert not (tmp_path / "clean").exists()


def test_windows_are_purged_from_train() -> None:
    train, test = pd.DataFrame({"a": [1, 5, 9], "b": [2, 7, 10]}), pd.DataFrame({"a": [6], "b": [8]})
    cleaned = gxl.audit({"train": train, "test": test}, window=("a", "b")).clean_splits(allow=True)
    assert list(cleaned.splits["train"]["a"]) == [1, 9]


def test_what_has_to_be_mended_by_hand() -> None:
    train = pd.DataFrame({"g": range(40), "n": range(40), "x": [0, 1] * 20, "y": [0, 1] * 20})
    test = train.assign(g=range(39, 79), n=range(40, 80))
    cleaned = gxl.audit({"train": train, "test": test}, group="g", target="y").clean_splits(allow=True)
    assert cleaned.not_fixed[0] == "x is a copy of y."
    assert all(sentence.startswith("x ") for sentence in cleaned.not_fixed)
    with pytest.raises(gxl.CouldNotCheckError, match="no strategy 'judge'"):
        gxl.audit({"train": train, "test": test}, group="g").clean_splits("judge")
    with pytest.raises(gxl.CouldNotCheckError, match="no column 'h'"):
        gxl.audit({"train": train, "test": test}, group="h").clean_splits(allow=True)


def shared_groups(report: gxl.Report) -> gxl.Finding:
    (found,) = (f for f in report.findings if f.expectation == "expect_no_shared_group_ids_across_batches")
    return found


def test_damage() -> None:
    train = pd.DataFrame({"g": [1, 1, 1, 2, 3], "y": [0, 0, 1, 1, 0]})
    test = pd.DataFrame({"g": [1, 1, 2, 4, 5], "y": [0, 1, 1, 1, 0]})
    groups = shared_groups(gxl.audit({"train": train, "test": test}, group="g", target="y"))
    damage = groups.result["details"]["damage"]
    assert (damage["answered_rows"], damage["answered_share"]) == (3, 0.6)
    assert (damage["accuracy"], damage["base_accuracy"]) == (0.666667, 0.333333)
    assert (damage["lift"], damage["largest_inflation"], damage["r2"]) == (0.2, 0.4, None)
    assert groups.damage == damage["summary"]
    without = shared_groups(gxl.audit({"train": train, "test": test}, group="g")).result["details"]["damage"]
    assert (without["accuracy"], without["largest_inflation"]) == (None, 0.6)
