"""Vectors that are nearly the same against all pairs by hand, that Hypothesis makes up, and columns of arrays."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from sklearn.datasets import load_digits

import gx_leakage as gxl
from tests.platforms import LAYOUTS, Platform, Table

EXAMPLES = {"pandas": 40, "duckdb": 10, "sqlite": 15, "postgresql": 8, "mariadb": 6, "snowflake": 3, "spark": 1}
NAMES = ("train", "validation", "test")
NAME = "expect_no_near_duplicate_embeddings_across_batches"

numbers = st.one_of(st.none(), st.integers(-3, 3), st.sampled_from([0.5, 1e-6, 1e6, -1.25, 1e200]))
vectors = st.one_of(st.none(), st.lists(numbers, min_size=3, max_size=3))


def whole(vector: list[Any] | None) -> bool:
    return vector is not None and None not in vector


def similarity(one: Any, other: Any) -> float:
    """Return the cosine, in more precision than is checked."""
    a, b = (np.asarray(v, np.longdouble) / max(map(abs, v)) for v in (one, other))
    return float(a @ b / np.sqrt(a @ a) / np.sqrt(b @ b))


def test_all_pairs(platform: Platform) -> None:
    @settings(max_examples=EXAMPLES[platform.name], deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.fixed_dictionaries({name: st.lists(vectors, min_size=1, max_size=8) for name in NAMES}),
        st.sampled_from([0.3, 0.8, 0.95, 0.999999]), st.sampled_from(LAYOUTS),
    )  # fmt: skip
    def check_one(data: dict[str, list[Any]], bound: float, layout: str) -> None:
        made = {
            name: Table({"e": "text"}, [(None if v is None else str(v).replace("None", "null"),) for v in of])
            for name, of in data.items()
        }
        check: Any = gxl.ExpectNoNearDuplicateEmbeddingsAcrossBatches(embedding_columns="e", max_similarity=bound)
        (result,) = platform.validate([check], made, layout)
        known = {name: [v for v in of if whole(v) and any(v)] for name, of in data.items()}
        if not all(known.values()):
            assert result.exception_info["raised_exception"] is True
            return
        assert result.exception_info["raised_exception"] is False, result.exception_info
        found = result.result["details"]
        for split, shown in zip(found["splits"], found["vectors"], strict=True):
            of = data[split["name"]]
            assert split["null_keys"] == sum(not whole(v) for v in of)
            assert split["undefined"] == sum(whole(v) and not any(v) for v in of)
            if split["name"] != "train":
                best = [max(similarity(v, t) for t in known["train"]) for v in known[split["name"]]]
                assert shown["leaked"] == sum(one > bound + 1e-12 for one in best)
                assert shown["the_same"] == sum(one > 1 - 1e-14 for one in best)
                assert shown["nearest"]["100 %"] == pytest.approx(max(best), abs=1e-5)

    check_one()


def held_by_pandas(kind: pa.DataType) -> bool:
    """Return whether pandas has a type of Arrow: older ones lack arrays of one length."""
    try:
        _ = pd.ArrowDtype(kind).type
    except NotImplementedError:
        return False
    return True


def test_array_columns(platform: Platform) -> None:
    """Arrays as each engine has them say the same as texts and columns of numbers do."""
    random = np.random.default_rng(3)
    train, test = random.normal(size=(60, 5)), random.normal(size=(30, 5))
    test[:4] = train[:4] + 1e-3
    frames = {
        n: pd.DataFrame({"e": list(rows), "row": range(len(rows))})
        for n, rows in zip(("train", "test"), (train, test), strict=True)
    }
    check = [(NAME, {"embedding_columns": "e"})]
    if platform.name == "pandas":
        for kind in (pa.list_(pa.float32()), pa.list_(pa.float64(), 5), pa.large_list(pa.float64())):
            tables = {n: pa.table({"e": pa.array([list(v) for v in f["e"]], kind)}) for n, f in frames.items()}
            if not held_by_pandas(kind):
                with pytest.raises(gxl.CouldNotCheckError, match="which are not read"):
                    gxl.audit(tables, expectations=check)
                continue
            assert gxl.audit(tables, expectations=check).findings[-1].result["observed_value"] == 4
        splits: dict[str, Any] = dict(frames)
        connection = None
    elif platform.name == "spark":
        splits = {
            n: platform.session.createDataFrame([(v.tolist(),) for v in f["e"]], "e array<float>")
            for n, f in frames.items()
        }
        connection = None
    elif platform.name in ("postgresql", "duckdb"):
        connection = platform.url
        splits = {n: f"vectors_{n}" for n in frames}
        engine = sa.create_engine(str(connection))
        with engine.begin() as run:
            for name, table in splits.items():
                made = sa.Table(
                    table, sa.MetaData(), sa.Column("e", sa.ARRAY(sa.Double())), sa.Column("row", sa.Integer)
                )
                made.drop(run, checkfirst=True)
                made.create(run)
                run.execute(made.insert(), [{"e": v.tolist(), "row": i} for i, v in enumerate(frames[name]["e"])])
        engine.dispose()
    else:
        pytest.skip("has no arrays of numbers")
    report = gxl.audit(splits, expectations=check, connection=connection)
    found = next(f for f in report.findings if f.expectation == NAME)
    assert found.error is None, found.error
    assert found.result["observed_value"] == 4, found.result
    assert found.result["details"]["natural"]["dimension"] > 1


def test_clean_splits(tmp_path: Any) -> None:
    """Rows are dropped by what their vector is, on the side that is named, of arrays and of columns of numbers."""
    random = np.random.default_rng(3)
    train, test = random.normal(size=(60, 8)), random.normal(size=(30, 8))
    test[:4] = train[:4] + 1e-3
    columns = [f"e{i}" for i in range(8)]
    listed = {"train": pd.DataFrame({"e": list(train)}), "test": pd.DataFrame({"e": list(test)})}
    numbered = {"train": pd.DataFrame(train, columns=columns), "test": pd.DataFrame(test, columns=columns)}
    for splits, named in ((listed, ["e"]), (numbered, columns)):
        report = gxl.audit(splits, expectations=[(NAME, {"embedding_columns": named})])
        for strategy, sizes in (("judged", (60, 26)), ("train", (56, 30))):
            cleaned = report.clean_splits(strategy, allow=True).splits
            assert (len(cleaned["train"]), len(cleaned["test"])) == sizes
    files = {name: tmp_path / f"{name}.parquet" for name in listed}
    for name, file in files.items():
        pq.write_table(pa.Table.from_pandas(listed[name]), file)
    made = gxl.audit(files, expectations=[(NAME, {"embedding_columns": ["e"]})]).clean_splits(
        "judged", directory=tmp_path / "clean", allow=True
    )
    assert len(pq.read_table(made.splits["test"])) == 26


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_digits(metric: str) -> None:
    """Different digits are close to one another, and noisy copies are closer, with copies in train as well."""
    digits = load_digits().data
    random = np.random.default_rng(0)
    noise = 0.05 * digits.std(axis=0)
    check = gxl.ExpectNoNearDuplicateEmbeddingsAcrossBatches(embedding_columns="e", metric=metric)
    order = random.permutation(len(digits))
    train, test = digits[order[:1300]], digits[order[1300:]]
    copies = train[:300] + noise * random.normal(size=(300, 64))
    for base in (train, np.vstack([train, copies])):
        frames = {"train": pd.DataFrame({"e": list(base)}), "test": pd.DataFrame({"e": list(test)})}
        gxl.assert_expectation(check, **frames)
        leaky = np.vstack([test, train[300:340] + noise * random.normal(size=(40, 64))])
        with pytest.raises(gxl.LeakFoundError, match="40 of 537"):
            gxl.assert_expectation(check, train=frames["train"], test=pd.DataFrame({"e": list(leaky)}))


def test_roles() -> None:
    """Columns of numbers are one vector together, and columns of arrays are checked one by one."""
    random = np.random.default_rng(1)

    def rows_of(rows: int) -> pd.DataFrame:
        beside = {name: list(random.normal(size=(rows, width))) for name, width in (("a", 4), ("b", 2))}
        made: pd.DataFrame = pd.DataFrame({**{name: random.normal(size=rows) for name in "xyz"}, **beside})
        return made

    report = gxl.audit({"train": rows_of(20), "test": rows_of(10)}, embedding=["x", "a", "y", "b", "z"])
    found = [f.kwargs["embedding_columns"] for f in report.findings if f.expectation == NAME]
    assert sorted(found) == [["a"], ["b"], ["x", "y", "z"]]
