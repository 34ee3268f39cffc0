"""Fixtures: one server of each kind for the whole run."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import great_expectations as gx
from tests import servers
from tests.platforms import PLATFORMS, Platform

SERVERS = ("postgresql", "mariadb", "snowflake", "spark")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give all tests that need Spark, or the pages for Chromium, to one worker: both are costly to start."""
    for item in items:
        for costly in ("spark", "data_docs"):
            if costly in item.nodeid:
                item.add_marker(pytest.mark.xdist_group(costly))


def pytest_collection_finish() -> None:
    """Leave what has been loaded out of the search for garbage, as the command line does."""
    gc.freeze()
    gc.set_threshold(100_000)


@pytest.fixture
def context() -> Any:
    """An ephemeral Data Context, without progress bars."""
    made = gx.get_context(mode="ephemeral")
    made.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
    return made


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    with servers.postgresql() as url:
        yield url


@pytest.fixture(scope="session")
def mariadb() -> Iterator[str]:
    with servers.mariadb() as url:
        yield url


@pytest.fixture(scope="session")
def snowflake() -> Iterator[str]:
    with servers.snowflake() as url:
        yield url


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    with servers.spark() as session:
        yield session


@pytest.fixture(params=[pytest.param(p, marks=[getattr(pytest.mark, p)] if p in SERVERS else []) for p in PLATFORMS])
def platform(request: pytest.FixtureRequest, tmp_path: Path) -> Platform:
    """Every engine in turn."""
    return make_platform(request, request.param, tmp_path)


def make_platform(request: pytest.FixtureRequest, name: str, folder: Path) -> Platform:
    if name in ("postgresql", "mariadb", "snowflake"):
        return Platform(name, url=request.getfixturevalue(name))
    if name == "spark":
        return Platform(name, session=request.getfixturevalue("spark"))
    urls = {"sqlite": f"sqlite:///{folder}/t.sqlite", "duckdb": f"duckdb+gx:///{folder}/t.duckdb"}
    return Platform(name, url=urls.get(name))
