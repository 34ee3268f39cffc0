"""Databases as strangers know them: their types, their names, wide tables, against what is plainly in them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import gx_leakage as gxl
from tests.conftest import make_platform
from tests.platforms import Platform

# Type, values of train, values of test, and how many rows of test are in train, or what the error says.
CASES: dict[str, list[tuple[str, str, str, int | str]]] = {
    "postgresql": [
        ("jsonb", """'{"a":1}'|'3'""", """'{"a": 1}'|'4'""", 1),
        ("int[]", "'{1,2}'|'{2}'", "'{1,2}'|'{3}'", 1),
        ("json[]", "array['1'::json]", "array['1'::json]", "'x' is json"),
        ("point[]", "array['(1,2)'::point]", "array['(1,2)'::point]", "'x' is point"),
        ("jsonpath", "'$.a'", "'$.a'", "'x' is jsonpath"),
        ("bytea", r"'\x00ff'|'\x01'", r"'\x00ff'|'\x02'", 1),
        ("interval", "'1 day'|'2 days'", "'24 hours'|'3 days'", 1),
        ("numeric", "'NaN'|1.5|'Infinity'", "'NaN'|1.50|2", 1),
        ("date", "'infinity'|'0044-03-15 BC'|'2024-01-01'", "'infinity'|'0044-03-15 BC'|'2024-01-02'", 2),
        ("time", "'24:00'|'10:00'", "'24:00'|'11:00'", 1),
        ("timetz", "'10:00+00'|'12:00+02'", "'10:00+00'|'11:00+02'", 1),
        ("bit(3)", "B'101'|B'111'", "B'101'|B'000'", 1),
        ("money", "'1.50'|'2'", "'$1.50'|'3'", 1),
        ("int4range", "'[1,5)'|'[2,3)'", "'[1,4]'|'[7,8)'", 1),
        ("inet", "'10.0.0.1'|'10.0.0.2'", "'10.0.0.1/32'|'10.0.0.3'", 1),
        ("char(5)", "'a'|'b'", "'a  '|'c'", 1),
    ],
    "mariadb": [
        ("double", "0.1|2.5", "0.1|3", 1),
        ("decimal(30,20)", "0.1|2.5", "0.10|3", 1),
        ("datetime(6)", "'2024-01-01 00:00:00.000001'", "'2024-01-01 00:00:00.000001'|'2024-01-01 00:00:00'", 1),
        ("bigint unsigned", "18446744073709551615|1", "18446744073709551615|18446744073709551614", 1),
        ("varchar(20)", "'Anna'|'bob'|'x '", "'anna'|'bob'|'x'", 1),
        ("tinyint(1)", "0|1|2", "0|5|2", 2),
        ("year", "2024|1901", "2024|2000", 1),
        ("set('a','b','c')", "'a,b'|'c'", "'b,a'|'a'", 1),
        ("blob", "x'00ff'|'A'", "x'00ff'|'a'", 1),
        ("bit(8)", "b'101'|b'1'", "b'101'|b'0'", 1),
        ("time", "'10:00:00'|'-838:59:59'", "'11:00:00'|'-838:59:59'", 1),
        ("uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", 1),
    ],
    "sqlite": [
        ("integer", "1|'a'", "1|'b'", "'x' is integer and text in one column"),
        ("boolean", "0|1|2", "2|1|5", 2),
        ("date", "'01/02/2024'|'03/02/2024'", "'01/02/2024'|'04/02/2024'", 1),
        ("datetime", "'2024-01-01 00:00:00'|'2024-01-02'", "'2024-01-01T00:00:00'|'2024-01-02 00:00'", 2),
        ("text collate nocase", "'A'|'b'", "'a'|'b'", 1),
        ("int", "9223372036854775807|1", "9223372036854775806|1", 1),
        ("", "1|2", "1|3", 1),
    ],
    "duckdb": [
        ("enum('a','b','c')", "'a'|'c'", "'a'|'b'", 1),
        ("varchar collate nocase", "'A'|'b'", "'a'|'b'", 1),
        ("integer[]", "[1]", "[1]", "'x' is INTEGER"),
        ("hugeint", "170141183460469231731687303715884105727", "170141183460469231731687303715884105726", 0),
        ("time", "'10:00'|'24:00:00'", "'11:00'|'24:00:00'", 1),
        ("timestamp_ns", "'2024-01-01 00:00:00.123456789'", "'2024-01-01 00:00:00.123456780'", 0),
    ],
}


NAMES = ["Upper", "with blank", 'quo"te', "apo'stro", "select", "dot.ted", "per%cent", "dol${X}", "col:on", "naïve"]

SERVERS = ("postgresql", "mariadb")


@pytest.fixture(params=[pytest.param(p, marks=[getattr(pytest.mark, p)] if p in SERVERS else []) for p in CASES])
def platform(request: pytest.FixtureRequest, tmp_path: Path) -> Platform:
    """Each database in turn."""
    return make_platform(request, request.param, tmp_path)


@pytest.fixture
def engine(platform: Platform) -> Iterator[sa.Engine]:
    """A database, with none of our tables afterwards."""
    made = sa.create_engine(platform.url or "")
    yield made
    with made.begin() as connection:
        for name in ("databases_train", "databases_test"):
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS {name}")
    made.dispose()


def _fill(engine: sa.Engine, columns: str, train: str, test: str) -> None:
    with engine.begin() as connection:
        for name, values in (("databases_train", train), ("databases_test", test)):
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS {name}")
            connection.exec_driver_sql(f"CREATE TABLE {name} ({columns})")
            for value in values.split("|"):
                connection.exec_driver_sql(f"INSERT INTO {name} VALUES ({value})")
    engine.dispose()


def _audited(platform: Platform, **roles: Any) -> gxl.Report:
    return gxl.audit({"train": "databases_train", "test": "databases_test"}, connection=platform.url, **roles)


def test_types(platform: Platform, engine: sa.Engine) -> None:
    for type_, train, test, expected in CASES[platform.name]:
        _fill(engine, f"x {type_}", train, test)
        found = _audited(platform, group="x").findings[0]
        if isinstance(expected, str):
            assert expected in (found.error or ""), type_
        else:
            assert (found.error, found.result["unexpected_count"]) == (None, expected), type_


def test_names(platform: Platform, engine: sa.Engine) -> None:
    for name in NAMES:
        tables = [sa.Table(f"{name}{i}", sa.MetaData(), sa.Column(name, sa.String(9))) for i in range(2)]
        with engine.begin() as connection:
            for table, values in zip(tables, ("ab", "bc"), strict=True):
                table.create(connection)
                connection.execute(table.insert(), [{name: value} for value in values])
        engine.dispose()
        report = gxl.audit({"train": f"{name}0", "test": f"{name}1"}, connection=platform.url, group=name)
        with engine.begin() as connection:
            for table in tables:
                table.drop(connection)
        assert [(one.error, one.result["unexpected_count"]) for one in report.findings] == [(None, 1)] * 2, name


@pytest.mark.parametrize("platform", [pytest.param("postgresql", marks=pytest.mark.postgresql)], indirect=True)
def test_wide_tables(platform: Platform, engine: sa.Engine) -> None:
    columns = ", ".join(f"c{i} varchar(1)" for i in range(840))
    train, test = ("|".join(", ".join([f"'{letter}'"] * 840) for letter in letters) for letters in ("ab", "bc"))
    _fill(engine, columns, train, test)
    for roles in ({}, {"group": "c1"}):
        found = _audited(platform, **roles).findings
        identical = next(one for one in found if "identical_rows" in one.expectation)
        assert (identical.error, identical.result["unexpected_count"]) == (None, 1)
