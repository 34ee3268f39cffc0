"""New splits from all rows: whole groups, in order, in the proportions and the classes of those that were given."""

from __future__ import annotations

import sqlite3
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gx_leakage as gxl
from gx_leakage.audit.plan import Asked, plan, read_roles
from gx_leakage.audit.remedy.frames import Frames
from gx_leakage.audit.remedy.mend import Mend
from gx_leakage.gx.sources import data_context, prepare, relations_of


def rows(count: int = 1200, seed: int = 0) -> Any:
    """Return rows of 150 groups, of which the largest has less than 2 % of them."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"no": range(count), "g": rng.integers(0, 150, count), "t": rng.integers(0, 200, count)})
    frame["h"] = [f"{'Ä' if no % 3 else 'b'}{no}" for no in rng.integers(0, 5 * count, count)]
    frame["y"] = np.where((frame["g"] % 7 < 2) ^ (rng.random(count) < 0.1), "yes", "no")
    return frame.sample(frac=1, random_state=seed).reset_index(drop=True)


def parted(frame: pd.DataFrame, *shares: float) -> dict[str, Any]:
    names = ["train", "validation", "test"] if len(shares) == 2 else ["train", "test"]
    ends = [0, *(round(len(frame) * share) for share in shares), len(frame)]
    return {name: frame.iloc[ends[i] : ends[i + 1]] for i, name in enumerate(names)}


def made(splits: Any, *, seed: int = 0, allow: bool = False, **roles: Any) -> dict[str, Any]:
    """Return new splits, without the two audits around them: what is asked of them is said by each test."""
    with prepare(data_context(None), splits, None, None, None, None) as prepared:
        relations = relations_of(prepared)
        asked = Asked(roles=read_roles(roles))
        planned = plan(asked, prepared.splits_by, prepared.names, relations).expectations
        relations.close()
    standing = [one for one in planned if one.rows_leak]
    mend = Mend(standing, "resplit", "train", None, target=roles.get("target"), seed=seed, allow=allow)
    return Frames(splits).cleaned(mend).splits


def audited(splits: Any, *, seed: int = 0, allow: bool = False, **roles: Any) -> dict[str, Any]:
    cleaned = gxl.audit(splits, **roles).clean_splits("resplit", seed=seed, allow=allow)
    assert cleaned.report is not None
    assert cleaned.report.success
    return cleaned.splits


def shares(splits: dict[str, Any]) -> list[float]:
    return [len(split) / sum(map(len, splits.values())) for split in splits.values()]


def near(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(abs(a - b) <= 0.02 for a, b in zip(shares(one), shares(other), strict=True))


@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10_000), ends=st.sampled_from([(0.75,), (0.5,), (0.6, 0.8), (0.8, 0.9)]))
def test_properties(seed: int, ends: tuple[float, ...]) -> None:
    before = parted(rows(seed=seed % 5), *ends)
    of_groups = made(before, group="g", target="y", seed=seed)
    assert near(before, of_groups)
    groups = [set(split["g"]) for split in of_groups.values()]
    assert sum(map(len, groups)) == len(set.union(*groups))
    found = sorted(int(no) for split in of_groups.values() for no in split["no"])
    assert found == list(range(1200))  # nothing is lost, and nothing twice
    for name, split in of_groups.items():
        whole = pd.concat(before.values())
        assert abs((split["y"] == "yes").mean() - (whole["y"] == "yes").mean()) <= 0.02, name
    in_time = made(before, time="t")
    assert near(before, in_time)
    parts = list(in_time.values())
    assert all(one["t"].max() < other["t"].min() for one, other in pairwise(parts))
    assert sum(map(len, parts)) == 1200

    both = made(before, group="g", time="t", seed=seed, allow=True)
    assert near(before, both)
    parts = list(both.values())
    assert all(one["t"].max() < other["t"].min() for one, other in pairwise(parts))
    assert sum(part["g"].nunique() for part in parts) == pd.concat(parts)["g"].nunique()


def test_another_seed_is_another_split_and_the_same_one_is_the_same() -> None:
    before = parted(rows(600), 0.75)
    found = [tuple(sorted(made(before, group="g", seed=seed)["test"]["no"])) for seed in (0, 1, 0)]
    assert found[0] == found[2] != found[1]


def test_groups_of_several_keys_are_tied_by_chains() -> None:
    chain = pd.DataFrame({"a": [i // 2 for i in range(40)], "b": [(i + 1) // 2 for i in range(40)], "x": range(40)})
    alone = pd.DataFrame({"a": range(100, 180), "b": range(100, 180), "x": range(100, 180)})
    whole = pd.concat([chain, alone], ignore_index=True).sample(frac=1, random_state=1)
    found = made(parted(whole, 0.5), group=[["a"], ["b"]])
    assert near(parted(whole, 0.5), found)
    assert [len(set(split["x"]) & set(range(40))) for split in found.values()] in ([40, 0], [0, 40])


def test_all_places_make_the_same_splits(tmp_path: Path) -> None:
    before = parted(rows(300).drop(columns="no").assign(x=lambda frame: frame.index), 0.75)
    wanted = {name: sorted(map(int, split["x"])) for name, split in made(before, group=["h"], target="y").items()}
    assert wanted != {name: sorted(map(int, split["x"])) for name, split in before.items()}
    paths = {}
    with sqlite3.connect(tmp_path / "db.sqlite") as connection:
        for name, split in before.items():
            split.to_sql(name, connection, index=False)
            paths[name] = tmp_path / f"{name}.csv"
            split.to_csv(paths[name], index=False)
        pd.concat([split.assign(fold=name) for name, split in before.items()]).to_csv(tmp_path / "one.csv", index=False)
    files = gxl.audit(paths, group=["h"], target="y").clean_splits("resplit", directory=tmp_path / "new")
    assert {name: sorted(pd.read_csv(path)["x"]) for name, path in files.splits.items()} == wanted
    one = gxl.audit(tmp_path / "one.csv", split_column="fold", group=["h"], target="y")
    (path,) = one.clean_splits("resplit", directory=tmp_path / "new").splits.values()
    assert {name: sorted(part["x"]) for name, part in pd.read_csv(path).groupby("fold")} == wanted
    lines = sorted((tmp_path / "one.csv").read_text().replace(",train", ",").replace(",test", ",").splitlines())
    assert sorted(Path(path).read_text().replace(",train", ",").replace(",test", ",").splitlines()) == lines
    url = f"sqlite:///{tmp_path}/db.sqlite"
    tables = gxl.audit({"train": "train", "test": "test"}, connection=url, group=["h"], target="y")
    tables.clean_splits("resplit", run=True)
    with sqlite3.connect(tmp_path / "db.sqlite") as connection:
        read = {name: pd.read_sql(f"SELECT x FROM {name}_clean", connection) for name in before}
    assert {name: sorted(map(int, split["x"])) for name, split in read.items()} == wanted


@pytest.mark.postgresql
def test_postgresql_makes_them_too(postgresql: str) -> None:
    import sqlalchemy as sa

    before = parted(rows(400), 0.75)
    engine = sa.create_engine(postgresql)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA IF EXISTS anew CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA anew")
    for name, split in before.items():
        split.to_sql(name, engine, schema="anew", index=False)
    given_ = {name: f"anew.{name}" for name in before}
    for roles in ({"group": "g", "target": "y"}, {"group": "g", "time": "t", "gap": 2}):
        wanted = made(before, allow=True, **roles)
        cleaned = gxl.audit(given_, connection=postgresql, **roles).clean_splits("resplit", run=True, allow=True)
        assert cleaned.report is not None
        assert cleaned.report.success
        with engine.begin() as connection:
            for name, split in wanted.items():
                found = connection.exec_driver_sql(f"SELECT no FROM anew.{name}_clean ORDER BY no").scalars().all()
                assert list(found) == sorted(split["no"]), name
                connection.exec_driver_sql(f"DROP TABLE anew.{name}_clean")
    engine.dispose()


def test_sequences_stay_whole_where_they_can_and_are_cut_with_a_gap_otherwise() -> None:
    many = pd.DataFrame({"video": [no // 10 for no in range(1000)], "frame": list(range(10)) * 100, "x": range(1000)})
    found = made(parted(many, 0.7), sequence="video", frame="frame")
    assert shares(found) == [0.7, 0.3]
    assert not set(found["train"]["video"]) & set(found["test"]["video"])
    eight = many.assign(video=lambda frame: frame["x"] // 25, frame=lambda frame: frame["x"] % 25).head(200)
    found = audited(parted(eight.sample(frac=1, random_state=0), 0.8), sequence="video", frame="frame")
    assert sorted(map(len, found.values())) == [50, 150]  # 5 points off
    assert not set(found["train"]["video"]) & set(found["test"]["video"])
    two = many.assign(video=lambda frame: frame["x"] // 500, frame=lambda frame: frame["x"] % 500)
    found = audited(parted(two.sample(frac=1, random_state=0), 0.7), sequence="video", frame="frame")
    assert near(parted(two, 0.7), found)
    assert sum(map(len, found.values())) == 998  # the first frame of each second part is too near
    for video in (0, 1):
        last, first = (part[part["video"] == video]["frame"] for part in found.values())
        assert last.max() + 1 < first.min()


def test_that_sequences_are_cut_is_said(tmp_path: Path) -> None:
    frame = pd.DataFrame({"video": [no // 100 for no in range(200)], "frame": list(range(100)) * 2, "x": range(200)})
    splits = parted(frame.sample(frac=1, random_state=0), 0.7)
    url = f"sqlite:///{tmp_path}/db.sqlite"
    with sqlite3.connect(tmp_path / "db.sqlite") as connection:
        for name, split in splits.items():
            split.to_sql(name, connection, index=False)
    tables = {name: name for name in splits}
    for given_, connection_ in ((splits, None), (tables, url)):
        report = gxl.audit(given_, sequence="video", frame="frame", connection=connection_)
        cleaned = report.clean_splits("resplit", allow=True)
        assert cleaned.notes == [
            "What belongs together is not kept whole: of whole ones, the proportions are 20 points off."
        ]
        assert cleaned.sentence.endswith(cleaned.notes[0])
    halves = gxl.audit(parted(frame.sample(frac=1, random_state=0), 0.5), sequence="video", frame="frame")
    assert halves.clean_splits("resplit").notes == []


@pytest.mark.parametrize("seed", ["x", 1.5, True, None])
def test_a_seed_is_a_whole_number(seed: Any) -> None:
    report = gxl.audit(parted(rows(60), 0.5), group="g")
    with pytest.raises(gxl.CouldNotCheckError, match="seed has to be a whole number"):
        report.clean_splits("resplit", seed=seed)


def test_windows_are_purged() -> None:
    frame = pd.DataFrame({"a": range(200), "b": [no + 4 for no in range(200)], "x": range(200)})
    found = audited(parted(frame.sample(frac=1, random_state=0), 0.75), window=("a", "b"), embargo=3)
    assert (found["train"]["b"].max(), found["test"]["a"].min()) == (149, 150)
    assert sum(map(len, found.values())) == 196


def test_calendar_units_are_not_cut() -> None:
    times = pd.date_range("2024-01-01", periods=800, freq="6h").to_series().reset_index(drop=True)
    frame = pd.DataFrame({"t": times, "x": range(800)}).sample(frac=1, random_state=0)
    found = audited(parted(frame, 0.757), time="t", unit="week")
    assert near(parted(frame, 0.757), found)
    assert not set(found["train"]["t"].dt.isocalendar().week) & set(found["test"]["t"].dt.isocalendar().week)
    assert sum(map(len, found.values())) == 800


def test_copies_stay_together() -> None:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({name: rng.random(100).repeat(2) for name in "xyz"})
    found = made(parted(frame.sample(frac=1, random_state=0), 0.75))
    assert shares(found) == [0.75, 0.25]
    assert not set(found["train"]["x"]) & set(found["test"]["x"])


def test_classes_of_mixed_groups_keep_their_shares() -> None:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"g": [no // 8 for no in range(960)], "x": range(960)})
    frame["y"] = rng.random(960) < rng.beta(0.4, 1.2, 120)[frame["g"]]
    for seed in range(3):
        found = made(parted(frame, 0.8), group="g", target="y", seed=seed)
        assert near(parted(frame, 0.8), found)
        assert abs(found["test"]["y"].mean() - frame["y"].mean()) <= 0.02, seed


def test_a_gap_does_not_shift_the_proportions() -> None:
    frame = pd.DataFrame({"t": [no // 10 for no in range(1000)], "x": range(1000)}).sample(frac=1, random_state=0)
    found = made(parted(frame, 0.8), time="t", gap=12, allow=True)
    assert near(parted(frame, 0.8), found)
    assert found["test"]["t"].min() - found["train"]["t"].max() > 12
    assert sum(map(len, found.values())) == 880


@pytest.mark.spark
def test_spark_makes_them_too(spark: Any) -> None:
    before = parted(rows(300), 0.75)
    frames = {name: spark.createDataFrame(split) for name, split in before.items()}
    roles: Any = {"group": "g", "time": "t", "gap": 2}
    cleaned = gxl.audit(frames, **roles).clean_splits("resplit", allow=True)
    assert cleaned.report is not None
    assert cleaned.report.success
    wanted = made(before, allow=True, **roles)
    for name, split in cleaned.splits.items():
        assert sorted(row.no for row in split.select("no").collect()) == sorted(wanted[name]["no"])


def test_what_cannot_be_had_is_refused() -> None:
    one = pd.DataFrame({"g": [1] * 10, "x": range(10)})
    with pytest.raises(gxl.CouldNotCheckError, match="no rows are left for split"):
        made(parted(one, 0.5), group="g")
    with pytest.raises(gxl.CouldNotCheckError, match="of which no 2 splits can be cut"):
        made(parted(one.assign(t=1), 0.5), time="t")
    panel = pd.DataFrame({"g": [no % 30 for no in range(600)], "t": [no // 30 for no in range(600)], "x": range(600)})
    splits = parted(panel, 0.6, 0.8)
    with pytest.raises(gxl.CouldNotCheckError, match=r"would lose .* Leave out a role, or allow it"):
        made(splits, group="g", time="t")
    assert near(splits, made(splits, group="g", time="t", allow=True))


def test_the_cost_is_said_with_classes() -> None:
    train = pd.DataFrame({"g": [1] * 60 + list(range(2, 22)), "y": ["a"] * 60 + ["b"] * 20})
    test = pd.DataFrame({"g": [1] * 15 + list(range(30, 35)), "y": ["a"] * 15 + ["b"] * 5}).assign(x=range(20))
    splits = {"train": train.assign(x=range(20, 100)), "test": test}
    report = gxl.audit(splits, group="g", target="y")
    with pytest.raises(gxl.CouldNotCheckError, match="split 'test' would lose 15 of its 20 rows"):
        report.clean_splits("judged")
    said: list[str] = []
    cleaned = report.clean_splits("judged", allow=True, shown=said.append)
    assert said == [cleaned.sentence]
    assert {"name": "test", "class": "a", "before": 0.75, "after": 0.0} in cleaned.shares
    assert "Proportions: 94.1/5.9, before 80.0/20.0" in cleaned.sentence
    assert "in test: a is 0.0% of it, before 75.0%" in cleaned.sentence or "b is 100.0%" in cleaned.sentence
    hidden = gxl.audit(splits, group="g", target="y", show_values=False).clean_splits("judged", allow=True)
    assert hidden.shares == []


def test_what_chance_makes_equal_need_not_stay_together() -> None:
    random = np.random.default_rng(5)
    rows = pd.DataFrame({"age": random.integers(0, 3, 400), "smokes": random.integers(0, 2, 400)})
    report = gxl.audit({"train": rows[:300], "test": rows[300:]})
    assert report.success
    cleaned = report.clean_splits("resplit", seed=1)
    sizes = {one["name"]: one["after"] for one in cleaned.rows}
    assert abs(sizes["train"] - 300) <= 8
    assert sum(sizes.values()) == 400


def test_no_class_is_named_where_no_value_is_shown() -> None:
    rows = pd.DataFrame({"g": [no // 4 for no in range(80)], "x": range(80), "y": ["hush<b>", "open"] * 40})
    said: list[str] = []
    report = gxl.audit({"train": rows[:62], "test": rows[62:]}, group="g", target="y", show_values=False)
    cleaned = report.clean_splits("resplit", shown=said.append)
    assert said
    assert "hush" not in " ".join([*said, str(cleaned.sentence), cleaned._repr_html_(), str(cleaned)])
