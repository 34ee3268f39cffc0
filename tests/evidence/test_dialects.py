"""Every statement compiles for every dialect that DESIGN.md lists, and is what a parser of that dialect accepts.

Some dialects of third parties need SQLAlchemy 2.1, others 2.0: the latter run where tests/oldest.txt is installed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import pytest
import sqlalchemy as sa
import sqlglot

from gx_leakage.engines import Source
from gx_leakage.errors import CouldNotCheckError
from gx_leakage.leaks.anonymity import recovered
from gx_leakage.leaks.association import evidence as association
from gx_leakage.leaks.association import row_order, target_encodings
from gx_leakage.leaks.fingerprints import evidence as fingerprints
from gx_leakage.leaks.graph import edges
from gx_leakage.leaks.neighbours import places
from gx_leakage.leaks.overlap import coincidence, conflicts, constants
from gx_leakage.leaks.overlap import evidence as overlap
from gx_leakage.leaks.texts.reading import TextColumn
from gx_leakage.leaks.timeline import availability, frames, windows
from gx_leakage.leaks.timeline import evidence as timeline
from gx_leakage.splits import profile
from gx_leakage.splits.relations import Relations, SplitRows
from gx_leakage.sql.dialects import SPARK, literal_dialect

BUILT_IN = {
    "postgresql": ("sqlalchemy.dialects.postgresql", "postgres"),
    "mysql": ("sqlalchemy.dialects.mysql", "mysql"),
    "sqlite": ("sqlalchemy.dialects.sqlite", "sqlite"),
    "mssql": ("sqlalchemy.dialects.mssql", "tsql"),
    "oracle": ("sqlalchemy.dialects.oracle", "oracle"),
}
THIRD_PARTY = {
    "snowflake": ("snowflake.sqlalchemy.snowdialect", "snowflake"),
    "bigquery": ("sqlalchemy_bigquery", "bigquery"),
    "redshift": ("sqlalchemy_redshift.dialect", "redshift"),
    "databricks": ("databricks.sqlalchemy", "databricks"),
    "trino": ("trino.sqlalchemy.dialect", "trino"),
}
CLASSES = {
    "snowflake": "SnowflakeDialect",
    "bigquery": "BigQueryDialect",
    "redshift": "RedshiftDialect_psycopg2",
    "databricks": "DatabricksDialect",
    "trino": "TrinoDialect",
}
OURS = {"duckdb": "duckdb", "spark": "spark"}

NEWEST = sa.__version__ >= "2.1"
NAMES = [*BUILT_IN, *OURS, *(("redshift", "bigquery", "trino") if NEWEST else ("snowflake", "databricks"))]

TYPES = {
    "i": sa.BigInteger(),
    "f": sa.Double(),
    "s": sa.String(100),
    "b": sa.Boolean(),
    "d": sa.Date(),
    "t": sa.DateTime(),
    "n": sa.Numeric(10, 2),
    "order": sa.Integer(),  # a reserved word, which has to be quoted
}


def dialect(name: str) -> sa.Dialect:
    if name == "spark":
        return SPARK
    if name == "duckdb":
        from gx_leakage.engines.duckdb import BufferedDialect

        return BufferedDialect()
    module = import_module({**BUILT_IN, **THIRD_PARTY}[name][0])
    made: sa.Dialect = getattr(module, CLASSES[name])() if name in CLASSES else module.dialect()
    return made


class RecordingEngine:
    """Compiles what it is asked to run, and answers with rows that make evidence ask on."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.dialect = dialect(name)
        self.statements: list[str] = []
        self.rows: list[list[Any]] = []

    def column_names(self, source: Source) -> list[str]:
        return [*TYPES, *(["split"] if source.data == "visits" else [])]

    def relation(self, source: Source, columns: Sequence[str]) -> sa.FromClause:
        types: dict[str, Any] = {**TYPES, "split": sa.String(10)}
        return sa.table(source.data, *(sa.column(name, types[name]) for name in columns))

    def fetch(self, statement: Any) -> Sequence[Any]:
        self._compile(statement)
        columns = len(statement.selected_columns)
        if self.rows:
            return self.rows.pop(0)
        if columns == 5:
            return [(0, 3, 3, 10, 20), (1, 3, 3, 5, 25)]
        return [("pair", 0, 1, 1, 1, 1, 0, 0, 0, *[None] * (columns - 9))] if columns > 8 else [(1,) * columns]

    @contextmanager
    def shared(self, statement: Any) -> Iterator[sa.FromClause]:
        yield statement.subquery("stacked")

    def batches(self, statement: Any) -> Iterator[Any]:
        self._compile(statement)
        return iter(())

    def query(self, build: Any) -> str | None:
        return self._compile(build())

    def close(self) -> None:
        pass

    def _compile(self, statement: Any) -> str:
        text = str(statement.compile(dialect=self.dialect))
        assert text
        literal = str(statement.compile(dialect=literal_dialect(self.dialect), compile_kwargs={"literal_binds": True}))
        reader = {**{k: v[1] for k, v in {**BUILT_IN, **THIRD_PARTY}.items()}, **OURS}[self.name]
        # What Spark is given is still PostgreSQL here; sqlglot makes Spark's of it.
        sqlglot.parse_one(literal, read="postgres" if reader == "spark" else reader)
        upper = literal.upper()
        for unportable in (" FILTER (", "QUALIFY", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"):
            assert unportable not in upper
        self.statements.append(literal)
        return literal


def relations(name: str, layout: str) -> tuple[RecordingEngine, Relations]:
    engine = RecordingEngine(name)
    if layout == "split_column":
        source = Source("visits", None)
        rows = [SplitRows("train", source, "train"), SplitRows("test", source, "test")]
        return engine, Relations(engine, rows, split_column="split")
    return engine, Relations(engine, [SplitRows(n, Source(n, None)) for n in ("train", "test")])


@pytest.fixture
def _no_constants(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask for nothing besides what keys share."""
    monkeypatch.setattr(overlap, "conflicts", lambda *_: ())


@pytest.mark.parametrize("layout", ["batches", "split_column"])
@pytest.mark.parametrize("name", NAMES)
def test_constants(name: str, layout: str) -> None:
    engine, splits = relations(name, layout)
    engine.rows = [[(40, 1, *(40, 0) * 5)]]  # of all columns but booleans
    assert constants.conflicts(splits, ["i"], []) == (constants.Conflict("f", 1, 40),)
    assert len(engine.statements) == 1


@pytest.mark.usefixtures("_no_constants")
@pytest.mark.parametrize("layout", ["batches", "split_column"])
@pytest.mark.parametrize("name", NAMES)
def test_overlap(name: str, layout: str) -> None:
    engine, splits = relations(name, layout)
    overlap.gather(splits, columns=["i", "s"], normalize=["text", "trim", "casefold"])
    overlap.gather(splits, columns=None, exclude=["b"], null_is_a_value=True, disagree_on="d")
    assert len(engine.statements) == 4  # each the counts, and the query for the leaked rows


@pytest.mark.parametrize("layout", ["batches", "split_column"])
@pytest.mark.parametrize("name", NAMES)
def test_coincidence(name: str, layout: str) -> None:
    engine, splits = relations(name, layout)
    columns = ["i", "s", "order", "d"]
    stack = splits.stack(columns)
    keys = splits.keys(stack, columns)
    texts = ["".join(random.Random(i).choices("abc", k=9)) for i in range(60)]
    rows = [[random.Random(i).random(), texts[i], i % 2, i % 7] for i in range(60)]
    engine.rows = [[(1, 58, 0), (2, 2, 1)], rows, [(1.0, 1, 1, 1)], [rows[0]]]
    found = coincidence.judged(splits, stack, keys, [40, 22], 0.01, 5)
    assert (found.keys, found.leaked, found.rule.texts) == (1, (1, 1), frozenset({1}))
    assert len(engine.statements) == 4  # repeats, a sample, the counts, and samples
    counted = [
        [
            *(row[i] for i in found.rule.columns),
            *(sum(row[i] == other[i] for other in rows) for i in found.rule.columns),
        ]
        for row in rows
    ]
    reached = []
    for again in (counted, counted[::-1]):  # a database may give rows that are equal in what orders them in another one
        engine.rows = [[(40, 22, 1, 1)], [(1, 2_000, 0)], rows, again]
        larger = coincidence.rule(splits, stack, keys, 0.01)
        assert larger is not None
        assert (larger.distinct, larger.compared) == (2_000, 60)
        reached.append(larger.reached)
    assert reached[0] == pytest.approx(reached[1])
    assert len(engine.statements) == 12  # sizes, and of how many rows each has the values of the sample
    engine.rows = [[(40, 22, 1, 1)], [(1, 58, 0), (2, 2, 1)], rows]
    leaked = overlap.leaked_rows(splits, "judged", columns=columns, significance=0.01, null_is_a_value=True)
    engine.query(lambda: splits.rows(leaked))


@pytest.mark.parametrize("layout", ["batches", "split_column"])
@pytest.mark.parametrize("name", NAMES)
def test_rows_by_their_texts(name: str, layout: str) -> None:
    engine, splits = relations(name, layout)
    column = TextColumn.of(splits, "s", "train")
    assert list(column.pieces(column.judged)) == []
    engine.query(lambda: splits.rows(column.equal_to(["d41d8cd98f00b204e9800998ecf8427e", "0" * 32])))
    assert "0" * 32 in engine.statements[1]


@pytest.mark.parametrize("layout", ["batches", "split_column"])
@pytest.mark.parametrize("name", NAMES)
def test_timeline(name: str, layout: str) -> None:
    engine, splits = relations(name, layout)
    timeline.gather(splits, column="i", gap=2)
    assert len(engine.statements) == 4  # bounds, counts, samples, and the query for the leaked rows


@pytest.mark.parametrize("layout", ["batches", "split_column"])
@pytest.mark.parametrize("name", NAMES)
def test_availability(name: str, layout: str) -> None:
    engine, splits = relations(name, layout)
    engine.rows = [[(0, 3, 3, 1, 1, 0, 3), (1, 3, 3, 1, 1, 0, 3)], []]
    availability.gather(splits, prediction_time="d", available_at={"f": "t"})
    assert len(engine.statements) == 3  # counts, samples, and the query for the leaked rows


@pytest.mark.parametrize("layout", ["batches", "split_column"])
@pytest.mark.parametrize("name", NAMES)
def test_frames(name: str, layout: str) -> None:
    engine, splits = relations(name, layout)
    engine.rows = [[(0, 3, 0, 0, 0, 0), (1, 3, 0, 1, 1, 1)], [("a", 2, 1, 1, 3)], []]
    frames.gather(splits, sequence=["s"], frame="i", min_gap=0.5)
    assert len(engine.statements) == 4  # counts, samples, the frames around the first, and the query


@pytest.mark.parametrize("layout", ["batches", "split_column"])
@pytest.mark.parametrize("name", NAMES)
def test_windows(name: str, layout: str) -> None:
    engine, splits = relations(name, layout)
    engine.rows = [[(0, 3, 0, 0, None, None), (1, 3, 0, 0, None, None)], [(1, 2)], []]
    windows.gather(splits, start="d", end="t", embargo="36h")
    assert len(engine.statements) == 4  # bounds, counts, samples, and the query for the leaked rows


@pytest.mark.usefixtures("_no_constants")
@pytest.mark.parametrize("layout", ["batches", "split_column"])
@pytest.mark.parametrize("name", NAMES)
def test_damage(name: str, layout: str) -> None:
    engine, splits = relations(name, layout)
    pair = [("pair", 0, 1, 1, 1, 1, 0, 0, 0, None, None)]
    targets: dict[str, list[Any]] = {"f": [0.5, 1.5, 2.5], "s": ["a", "b"]}
    for answer, values in targets.items():
        engine.rows = [pair, [(0, 6, 6, 9.0), (1, 6, 6, 9.0)], [(value, 4) for value in values]]
        engine.rows += [[(0.0, 1.0, 0.25, 1.0)] if answer == "f" else [(3, 2), (1, 1)]]
        found = overlap.gather(splits, columns=["i", "s"], answer=answer)
        assert found.damage is not None
        assert found.damage.found is not None
        measured = (found.damage.found.r2, found.damage.found.accuracy, found.damage.found.base_accuracy)
        assert measured == ((0.75, None, None) if answer == "f" else (None, 0.75, 0.75))
    assert len(engine.statements) == 10  # of each the counts, two on the target, the look-up, and the query


@pytest.mark.parametrize("layout", ["batches", "split_column"])
@pytest.mark.parametrize("name", NAMES)
def test_conflicts(name: str, layout: str) -> None:
    engine, splits = relations(name, layout)
    engine.rows = [[(0, 3, 3), (1, 3, 2)], [(1, 2, 1, 1, 1, 0, 1, 0)], []]
    conflicts.gather(splits, target="s", exclude=["b"])
    assert len(engine.statements) == 4  # rows, counts, samples, and the query for the rows


@pytest.mark.parametrize("layout", ["batches", "split_column"])
@pytest.mark.parametrize("name", NAMES)
def test_recovered(name: str, layout: str) -> None:
    engine, splits = relations(name, layout)
    known = [(0, 9, 0), (1, 9, 0)]
    number: list[Any] = [[(9,)], [(1.0, 1.0)], [(9.0, 9.0, 9.0, 9)], [(5.0,)], [], [(3, 3, 3)], [(6, 3)]]
    text: list[Any] = [[(9,)], [("ab" * 16,)], [("1",)], [], [(1, 1, 1)]]
    engine.rows = [known, [(9,)], [(9,)], [(9,)], *number, *text]
    found = recovered.gather(splits, anonymised=["f", "s"], references=["n"], hashes=["md5"])
    assert [pair.relation for pair in found.pairs] == ["one-to-one", None]


@pytest.mark.parametrize("layout", ["batches", "split_column"])
@pytest.mark.parametrize("name", NAMES)
def test_edges(name: str, layout: str) -> None:
    engine, splits = relations(name, layout)
    known = [(0, 9, 0, 0, 0, 0), (1, 9, 0, 0, 0, 0)]
    engine.rows = [known, [("p", 6), ("q", 6)], [("p", "q", 6)], [], [(0, 1, 1, 1), (1, 1, 1, 1)], []]
    edges.gather(splits, source="i", target="order", relation="s")
    assert len(engine.statements) == 7  # rows, relations, pairs of them twice, counts, samples, and the query


@pytest.mark.parametrize("layout", ["batches", "split_column"])
@pytest.mark.parametrize("name", NAMES)
def test_places(name: str, layout: str) -> None:
    engine, splits = relations(name, layout)
    bounds = [(0, 9, 9, 1.0, 2.0, 1.0, 2.0), (1, 9, 8, 1.0, 2.0, 1.0, 2.0)]
    engine.rows = [bounds, [(0, 1, 1), (1, 1, 1)], [(1.5, 1.5, 1)], []]
    places.gather(splits, latitude="f", longitude="n", min_distance=100)
    assert len(engine.statements) == 5  # bounds, counts, the first places, their neighbours, and the query


@pytest.mark.parametrize("layout", ["batches", "split_column"])
@pytest.mark.parametrize("name", NAMES)
def test_profile(name: str, layout: str) -> None:
    engine, splits = relations(name, layout)
    few = [(2_000, 2_000 if measured else 20) for measured in (True, False, False, False)]
    engine.rows = [[(0, 400), (1, 400_000)], [tuple(n for counts in few for n in counts)]]
    engine.rows += [[(i, 400, *[400, 20] * len(TYPES)) for i in (0, 1, -1)], []]
    found = profile.gather(splits)
    assert len(engine.statements) == 4  # sizes, a few rows, counts, and rows of some values
    assert [column.shared for column in found.columns] == [20] * len(TYPES)


@pytest.mark.parametrize("layout", ["batches", "split_column"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("of", ["values", "missing"])
def test_association_with_classes(name: str, layout: str, of: str) -> None:
    engine, splits = relations(name, layout)
    counts = [(0, 50, 50, None, *[49] * 7), (1, 50, 50, None, *[50] * 7)]
    cells = [(no, label, 50, 50, 2, 1) for no in range(7) for label in ("a", "b")]
    images = [(no, label, 50, 50, 1, 50, 0, 0, 0.0, v, v) for no in range(7) for v, label in ((0.0, "a"), (1.0, "b"))]
    engine.rows = [counts, [("a", 50), ("b", 50)], cells, images]
    found = association.gather(splits, target="s", of=of)
    assert len(engine.statements) == 4  # counts, classes, tables, and exact images
    expected = "recoding" if of == "values" else "gaps"
    assert {one.exact.relation for one in found.columns if one.exact} == {expected}


@pytest.mark.parametrize("layout", ["batches", "split_column"])
@pytest.mark.parametrize("name", NAMES)
def test_association_with_a_number(name: str, layout: str) -> None:
    engine, splits = relations(name, layout)
    counts = [(0, 50, 50, 100.0, *[49] * 7), (1, 50, 50, 100.0, *[50] * 7)]
    spread = (0.0, 99.0, 1.0, 1.0)
    sums = [(no, 10, *spread, *spread, 0.0, 99.0, 99.0, 0.0, 99.0) for no in range(7)]
    order = [(no, 99, 0, 98, 0, 0, 0.5, 1.0, 2.0) for no in range(3)]
    alike = [(no, 1) for no in range(3) for _ in range(2)]
    means = [(1.0,) * 6]
    products = [(99.0,) * 9 + (50,) * 3]
    lines: list[Any] = [means, products, [(0.0,) * 3]]
    engine.rows = [counts, [(0.1 * i, 1) for i in range(100)], sums, [(0,)], order, alike, *lines, [(100,)]]
    found = association.gather(splits, target="f")
    # Counts, classes, tables; texts, orders and rows alike; means, products and distances of lines; rows.
    assert len(engine.statements) == 10
    assert [one.column for one in found.columns if one.exact] == ["i", "n", "order"]


@pytest.mark.parametrize("layout", ["batches", "split_column"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("target", ["s", "f"])
def test_row_order(name: str, layout: str, target: str) -> None:
    engine, splits = relations(name, layout)
    counts = [(0, 4, 4, 10.0, 4), (1, 4, 4, 10.0, 4)]
    classes = [("a", 4), ("b", 4)] if target == "s" else [(0.1 * i, 1) for i in range(8)]
    rows = [(i, kind, label, 2, 8, None, None, None) for i in (0, 1) for kind in ("rank", "runs") for label in (0, 1)]
    both = [(i, "both", None, None, None, 9.0, 3.0, 9.0) for i in (0, 1)]
    engine.rows = [counts, classes, [*rows, *both]]
    row_order.gather(splits, id="s" if target == "f" else "i", target=target)
    assert len(engine.statements) == 3


@pytest.mark.parametrize("layout", ["batches", "split_column"])
@pytest.mark.parametrize("name", NAMES)
def test_encodings(name: str, layout: str) -> None:
    engine, splits = relations(name, layout)
    precision: Any = [(0.9, 0.4, 0.4)]
    fit: Any = [[(1.0,)], [(4, 40, 8.0, 2.0, *[40] * 4)], [(4, 40, 8.0, 2.0, *[0] * 2)], [(10, 4)]]
    fit_all: Any = [[(1.0,)], [(4, 40, 8.0, 2.0, *[0] * 6)], [(4, 40, 8.0, 2.0, *[0] * 3)]]
    engine.rows = [[(0, 40, 40, 20.0), (1, 40, 40, 20.0)], [(10.0, 2)], [(20.0, 2)], precision, *fit, *fit_all]
    target_encodings.gather(splits, encodings={"s": "f"}, target="i")
    assert len(engine.statements) == 11


@pytest.mark.parametrize("layout", ["batches", "split_column"])
@pytest.mark.parametrize("name", NAMES)
def test_fingerprints(name: str, layout: str) -> None:
    engine, splits = relations(name, layout)
    column = (40, 0.0, 40.0, -2.0, 2.0)
    moments = [(i, 40, *column, *column, *column) for i in (0, 1)]
    precision = [(*[2.0] * 3, *[0.4] * 6)]
    sides = [(i, *[20] * 6) for i in (0, 1)]
    spikes = [(0, 1, 0.0, 20), (0, 2, 1.0, 1)]
    engine.rows = [moments, precision, sides, spikes]
    engine.rows += [[(0, 10, 10), (1, 10, 10)], [(0, 0.0, 0.0, 0.0), (1, 0.0, 0.0, 0.0)]]
    fingerprints.gather(splits, columns=["f", "n", "i"])
    assert len(engine.statements) == 6  # moments, precision, sides of 0, spikes, their sides, products

    engine.rows = [moments, precision, sides, []]
    engine.rows[3] = [(no, place, 0.1 * place) for no in range(9) for place in range(1, 81)]
    fingerprints.gather(splits, columns=["f", "n", "i"], methods=["robust"])
    assert len(engine.statements) == 10


@pytest.mark.usefixtures("_no_constants")
@pytest.mark.parametrize("name", NAMES)
def test_nfc_or_an_error_that_names_the_dialect(name: str) -> None:
    _, splits = relations(name, "batches")
    if name in ("postgresql", "sqlite", "duckdb", "spark", "trino", "bigquery"):
        overlap.gather(splits, columns=["s"], normalize=["nfc"])
    else:
        with pytest.raises(CouldNotCheckError, match=name):
            overlap.gather(splits, columns=["s"], normalize=["nfc"])
