"""Features that are made of later rows against what pandas makes of the same rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gx_leakage as gxl
from gx_leakage.leaks.timeline import rolling
from gx_leakage.leaks.timeline.lookahead import Rows, Window, agreeing, explained

STATISTICS: dict[str, Any] = {
    "mean": np.mean, "sum": np.sum, "smallest": np.min, "largest": np.max, "median": np.median,
    "standard deviation": lambda window: np.std(window, ddof=1),
}  # fmt: skip


def _made(y: pd.Series, entity: pd.Series, statistic: str, first: int, last: int) -> pd.Series:
    """Return the statistic of whole windows, row by row."""
    made: pd.Series[Any] = pd.Series(np.nan, index=y.index)
    for i in range(len(y)):
        at = range(i + first, i + last + 1)
        if at[0] >= 0 and at[-1] < len(y) and entity[at[0]] == entity[i] == entity[at[-1]]:
            window = y[list(at)].to_numpy()
            made[i] = STATISTICS[statistic](window) if len(at) > 1 else window[0]
    return made


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000), statistic=st.sampled_from(list(STATISTICS)), first=st.integers(-6, 6),
    width=st.integers(1, 6), entities=st.integers(1, 3), walk=st.booleans(), digits=st.sampled_from([5, 12]),
    gaps=st.booleans(),
)  # fmt: skip
def test_windows_as_pandas_makes_them(
    seed: int, statistic: str, first: int, width: int, entities: int, walk: bool, digits: int, gaps: bool
) -> None:
    """What reaches past the row is found, by name where no other is the same; what does not, is not."""
    rng = np.random.default_rng(seed)
    last = first + width - 1
    entity = pd.Series(np.repeat(np.arange(entities), 60))
    y = pd.Series(rng.normal(size=len(entity)))
    y = (y.cumsum() if walk else y).round(digits)
    if gaps:
        y[rng.random(len(y)) < 0.05] = np.nan
    x = _made(y, entity, statistic, first, last).round(digits)
    rows = Rows(entity.to_numpy(), {"y": y.to_numpy(), "x": x.to_numpy()}, np.arange(len(y), dtype=float))

    found, _ = explained(rows, ["x"], ["y"], 12, 0.95)

    if last <= 0:
        assert not found
        return
    (one,) = found["x"]
    relation = one.relation
    assert isinstance(relation, Window)
    assert (relation.first, relation.last) == (first, last)
    assert width <= 2 or relation.statistic == statistic
    assert (one.whole, one.equal) == (int(x.notna().sum()), int(x.notna().sum()))


def test_all_rows_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more rows than are tried, all are counted, a piece at a time."""
    monkeypatch.setattr(rolling, "SAMPLE", 800)
    monkeypatch.setattr(rolling, "PIECE", 500)
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"t": np.arange(9_000), "y": rng.normal(size=9_000).cumsum()})
    frame["x"] = frame["y"].rolling(5, center=True).max()
    frame.loc[4_000:4_009, "x"] = -1.0
    told = int((frame["x"].notna()).sum())
    frame = frame.sample(frac=1, random_state=0)

    report = gxl.audit({"train": frame[frame["t"] < 6_000], "test": frame[frame["t"] >= 6_000]}, time="t", target="y")

    (finding,) = [one for one in report.findings if one.expectation == "expect_rolling_features_to_exclude_the_future"]
    (column,) = finding.result["details"]["columns"]
    assert (column["rows"], column["equal"]) == (told, told - 10)
    assert finding.result["details"]["leaked_rows"] == {"train": 5_998 - 10, "test": 2_998}
    assert finding.result["details"]["looked_at"]["rows"] == 800


@pytest.mark.parametrize("seed", range(6))
def test_nothing_of_what_is_by_itself(seed: int) -> None:
    """Walks, seasons, calendars, flags and what seldom changes are no leads of one another."""
    rng = np.random.default_rng(seed)
    n = 400
    day = pd.date_range("2021-01-01", periods=n)
    season = np.sin(np.arange(n) * 2 * np.pi / 12)
    columns: dict[str, Any] = {
        "walk": rng.normal(size=n).cumsum(), "steps": rng.integers(-1, 2, n).cumsum(), "season": season,
        "later in the season": np.roll(season, -1), "weekday": day.weekday, "month": day.month,
        "next month": (day + pd.Timedelta("1D")).month, "flag": rng.random(n) < 0.02,
        "price": np.repeat(rng.integers(1, 9, n // 40), 40), "line": np.arange(n) + 1.0, "growth": 1.01 ** np.arange(n),
    }  # fmt: skip
    values = {name: np.asarray(value, dtype=float) for name, value in columns.items()}
    calendar = {"month": np.asarray(day.month), "days left": np.asarray(day.days_in_month - day.day)}
    rows = Rows(np.zeros(n, dtype=int), values, np.arange(n, dtype=float), calendar)
    for base in ("walk", "steps", "season", "flag", "price", "line", "growth"):
        found, _ = explained(rows, [name for name in values if name != base], [base], 31, 0.95)
        assert not found, (base, found)


def test_a_rare_flag_one_row_later() -> None:
    """Of rows that are nearly all 0 the few ones count."""
    rng = np.random.default_rng(0)
    y = (rng.random(600) < 0.03).astype(float)
    x = np.append(y[1:], np.nan)
    rows = Rows(np.zeros(600, dtype=int), {"y": y, "x": x, "z": np.roll(y, 7)}, np.arange(600.0))
    found, _ = explained(rows, ["x", "z"], ["y"], 5, 0.95)
    assert list(found) == ["x"]
    assert found["x"][0].relation == Window("y", "mean", 1, 1)
    assert agreeing(rows, "x", found["x"][0].relation, 0.0)[0].sum() == 599


@pytest.mark.parametrize("seed", range(4))
def test_what_follows_later_rows_is_suspicious(seed: int) -> None:
    """A later value with noise, on another scale, is nothing that a window is; an earlier one with noise is honest."""
    rng = np.random.default_rng(seed)
    y = rng.normal(size=1_200)
    noise = 0.1 * rng.normal(size=(2, 1_200))
    frame = pd.DataFrame({"t": np.arange(1_200), "y": y, "later": 3 * np.roll(y, -1) + noise[0]})
    frame["before"] = 3 * np.roll(y, 1) + noise[1]
    report = gxl.audit({"train": frame[:900], "test": frame[900:]}, time="t", target="y")
    (finding,) = [one for one in report.findings if one.expectation == "expect_rolling_features_to_exclude_the_future"]
    (column,) = finding.result["details"]["columns"]
    assert (column["column"], finding.verdict.value) == ("later", "suspicion")
    assert 0.9 < column["share"] < 1


def test_leaks_do_not_hide_one_another() -> None:
    """A lead is an earlier value of a further lead; honest columns are none of what agrees in a few rows only."""
    rng = np.random.default_rng(0)
    panel = pd.DataFrame({"who": np.repeat(np.arange(40), 17), "t": np.tile(np.arange(17), 40)})
    panel["y"] = 100 + rng.normal(1, 0.6, len(panel)).cumsum()
    of = panel.groupby("who")["y"]
    for rows in (1, 2, 3):
        panel[f"lead {rows}"] = of.shift(-rows)
    panel["centred"] = of.transform(lambda y: y.rolling(3, center=True).mean())
    panel["grown"] = of.transform(lambda y: y.shift(1).expanding().mean())
    panel["faded"] = of.transform(lambda y: y.shift(1).ewm(span=4).mean())
    panel["lag"] = of.shift(1)
    report = gxl.audit(
        {"train": panel[panel["t"] < 12], "test": panel[panel["t"] >= 12]}, group="who", time="t", target="y"
    )
    (finding,) = [one for one in report.findings if one.expectation == "expect_rolling_features_to_exclude_the_future"]
    proved = [one["column"] for one in finding.result["details"]["columns"] if one["severity"] == "critical"]
    assert sorted(proved) == ["centred", "lead 1", "lead 2", "lead 3"]
    assert not {"grown", "faded", "lag"} & {one["column"] for one in finding.result["details"]["columns"]}
