"""Splits as GX holds them: data sources and assets over frames, files and tables, and how a run finds them."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import duckdb
import sqlalchemy as sa

import great_expectations as gx
from gx_leakage.disclosure import redacted
from gx_leakage.errors import CouldNotCheckError, nearest
from gx_leakage.gx import project
from gx_leakage.gx.guarded import CONFIG, guard_file
from gx_leakage.splits.frames import is_frame, is_spark, opened_frame
from gx_leakage.splits.relations import Relations
from gx_leakage.splits.resolve import named_frames, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from great_expectations.core.batch_definition import BatchDefinition
    from great_expectations.data_context.data_context.abstract_data_context import AbstractDataContext

__all__ = [
    "CONNECTION_VARIABLE", "Prepared", "data_context", "file_context", "first_line", "name_of", "prepare", "prepared",
    "relations_of", "require_folder", "resolved", "with_driver",
]  # fmt: skip

CONNECTION_VARIABLE = "GX_LEAKAGE_CONNECTION"
"""The environment variable that stands for a connection URL in everything that is stored."""


_GX_TYPES = {"postgresql": "postgres", "postgres": "postgres", "sqlite": "sqlite"}
"""GX's own kinds of data source; the one for Snowflake takes no table without a schema and a warehouse in the URL."""


@dataclass(frozen=True)
class Prepared:
    """One batch definition to validate, how its Expectations find the other splits, and what its run is given."""

    definition: BatchDefinition[Any]
    splits_by: dict[str, Any]
    batch_parameters: dict[str, Any]
    names: list[str]


def resolved(connection: str) -> str:
    """Return a connection URL with what stands in the environment for ``${NAME}``."""

    def held(found: re.Match[str]) -> str:
        name = found.group(1)
        if name not in os.environ:
            raise CouldNotCheckError(f"the environment has no variable '{name}', which the connection names.")
        return os.environ[name]

    return _VARIABLE.sub(held, connection)


_VARIABLE = re.compile(r"\$\{(\w+)\}")


def relations_of(prepared: Prepared) -> Relations:
    """Return the splits as GX will find them when it validates."""
    batch = prepared.definition.get_batch(batch_parameters=prepared.batch_parameters)
    found = {key: prepared.splits_by.get(key) for key in ("split_column", "batches", "batch_name")}
    return resolve(batch, **found)


@contextmanager
def prepared(
    splits: Mapping[str, Any], *, connection: str | None = None, memory_limit: str | None = None
) -> Iterator[tuple[AbstractDataContext, Prepared]]:
    """Yield an ephemeral Data Context with the splits as data assets, and how to validate them."""
    context = data_context(None)
    with prepare(context, splits, None, connection, memory_limit, None) as ready:
        yield context, ready


def data_context(saved: Path | None) -> AbstractDataContext:
    """Return the Data Context in a folder, or an ephemeral one."""
    if saved is not None:
        return file_context(saved)
    context: AbstractDataContext = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
    return context


def file_context(folder: Path) -> AbstractDataContext:
    """Return the GX project in ``folder``, made if there is none, whose store registers our Expectations.

    Raises:
        CouldNotCheckError: there is a project that we did not make, of which nothing is to be changed.
    """
    if (folder / CONFIG).exists() and not (folder / project.FILE).exists():
        raise CouldNotCheckError(
            f"{folder} is a GX project already, and nothing of it is changed: save into another folder. To "
            f"guard it, and add Expectations of ours to its suites: gx-leakage guard {folder}"
        )
    if not (folder / CONFIG).exists():
        gx.get_context(mode="file", context_root_dir=folder)
        project.mark(folder)
        guard_file(folder / CONFIG)
        context = gx.get_context(mode="file", context_root_dir=folder)
        context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
        context.variables.save()
    return gx.get_context(mode="file", context_root_dir=folder)


@contextmanager
def prepare(
    context: AbstractDataContext,
    splits: Mapping[str, Any] | Any,
    split_column: str | None,
    connection: str | None,
    memory_limit: str | None,
    saved: Path | None,
    date_format: str | None = None,
    *,
    alone: bool = False,
) -> Iterator[Prepared]:
    """Yield the splits as data assets of a context, and how to validate them; one may stand ``alone`` on demand."""
    named = {str(n): split for n, split in splits.items()} if isinstance(splits, Mapping) else {name_of(splits): splits}
    if isinstance(splits, Mapping) and len(named) < len(splits):
        raise CouldNotCheckError(f"two of the splits {', '.join(map(repr, splits))} have one name.")
    if not named:
        raise CouldNotCheckError("no splits are given.")
    if split_column is None and len(named) < 2 and not alone:
        raise only_one(next(iter(named)))
    if split_column is not None and len(named) > 1:
        raise CouldNotCheckError(
            "a split column is for one table or file that holds all splits, but several are given."
        )
    if connection is None:
        named = {name: opened_frame(name, value) for name, value in named.items()}
    _require_together(named, saved)
    names = list(named)
    if all(is_frame(value) for value in named.values()) and saved is None and connection is None:
        with _prepare_frames(context, named, split_column) as prepared:
            yield prepared
        return
    with ExitStack() as stack:
        if connection is not None:
            source = stack.enter_context(_sql_source(context, connection, saved))
            assets = {
                name: _table_asset(source, name, str(table), stored=saved is not None) for name, table in named.items()
            }
        else:
            source, tables = stack.enter_context(_file_source(context, named, memory_limit, saved, date_format))
            assets = {name: _asset(source, name, {"table_name": tables[name]}) for name in named}
        definitions = {name: _definition(asset) for name, asset in assets.items()}
        validated = names[-1]
        others = {
            name: {"asset": assets[name].name, "batch_definition": definition.name}
            for name, definition in definitions.items()
            if name != validated
        }
        splits_by: dict[str, Any] = (
            {"split_column": split_column} if split_column else {"batches": others, "batch_name": validated}
        )
        yield Prepared(definitions[validated], splits_by, {}, names)


def only_one(name: str) -> CouldNotCheckError:
    """Return the error for a split that there is nothing to compare with."""
    return CouldNotCheckError(
        f"only one split ('{name}') is given, so that there is nothing to compare it with. Give another one, or name "
        f"the column that tells the splits apart as split column; with a target (--target), what its columns say of it "
        f"is checked in one split, too."
    )


def _require_together(splits: Mapping[str, Any], saved: Path | None) -> None:
    """Raise where frames of Spark are to go where they cannot: beside files, or into a folder."""
    if not any(map(is_spark, splits.values())):
        return
    if saved is not None:
        raise CouldNotCheckError("frames of Spark are not saved: write them to files or tables, and give those.")
    if not all(map(is_frame, splits.values())):
        raise CouldNotCheckError("frames of Spark and files are not read together: read the files with Spark too.")


@contextmanager
def _prepare_frames(
    context: AbstractDataContext, frames: Mapping[str, Any], split_column: str | None
) -> Iterator[Prepared]:
    spark = any(map(is_spark, frames.values()))
    source = context.data_sources.add_spark("splits") if spark else context.data_sources.add_pandas("splits")
    definition = source.add_dataframe_asset("splits").add_batch_definition_whole_dataframe("splits")
    if split_column is not None:
        frame = next(iter(frames.values()))
        yield Prepared(definition, {"split_column": split_column}, {"dataframe": frame}, list(frames))
        return
    with named_frames(frames) as parameters:
        yield Prepared(definition, {}, parameters, list(frames))


@contextmanager
def _file_source(
    context: AbstractDataContext,
    splits: Mapping[str, Any],
    memory_limit: str | None,
    saved: Path | None,
    date_format: str | None,
) -> Iterator[tuple[Any, dict[str, str]]]:
    """Yield a DuckDB data source of views over the files and tables of the frames, and what each split is called in it.

    Files may be larger than memory.
    """
    folder = Path(tempfile.mkdtemp(prefix="gx_leakage_"))
    options = {"temp_directory": str(folder / "spill")}
    if memory_limit is not None:
        options["memory_limit"] = memory_limit
    tables = project.named_tables(splits)
    try:
        if saved is not None:
            url = project.save(saved, splits, tables, date_format, memory_limit)
        else:
            file = folder / "splits.duckdb"
            with duckdb.connect(str(file), config={"temp_directory": str(folder)}) as connection:
                project.make_relations(connection, splits, tables, date_format)
            # Views alone need no writing, and a database that is only read can be open in several processes.
            options["access_mode"] = "read_only"
            url = sa.URL.create("duckdb+gx", database=str(file.resolve()), query=options)
        source = context.data_sources.add_or_update_sql("splits", connection_string=url.render_as_string())
        yield source, tables
        source.get_engine().dispose()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _sql_source(context: AbstractDataContext, connection: str, saved: Path | None) -> Iterator[Any]:
    """Yield a data source, whose configuration holds no credentials where it is saved."""
    # GX takes a dollar sign for a variable of its own.
    url = with_driver(resolved(connection)).replace("$", "%24")
    try:
        made = sa.make_url(url)
        backend = made.get_backend_name()
    except (sa.exc.ArgumentError, ValueError) as error:
        raise CouldNotCheckError("the connection is not a URL such as postgresql://user@host/database.") from error
    of_server = made.database if backend not in ("sqlite", "duckdb") else ""
    if "@" in (made.host or "") or "@" in (of_server or ""):
        raise CouldNotCheckError(
            "the connection has several @: write those of its user and its password as %40, so that its host is known."
        )
    _require_file(made)
    add = getattr(context.data_sources, f"add_or_update_{_GX_TYPES.get(backend, 'sql')}")
    stored, before = url, os.environ.get(CONNECTION_VARIABLE)
    if saved is not None:
        # What is written as variables, and holds nothing else that is secret, is kept so.
        plain = _VARIABLE.sub("", connection)
        own = plain != connection and redacted(plain) == plain
        stored = connection if own else "${" + CONNECTION_VARIABLE + "}"
        os.environ[CONNECTION_VARIABLE] = url
    try:
        try:
            source = add("splits", connection_string=stored)
        except Exception as error:  # noqa: BLE001 (GX raises what the driver raises, and its own)
            raise CouldNotCheckError(f"no connection: {redacted(first_line(error), [url])}") from None
        yield source
    finally:
        if saved is not None:
            os.environ.pop(CONNECTION_VARIABLE)
            if before is not None:
                os.environ[CONNECTION_VARIABLE] = before


def _require_file(url: sa.URL) -> None:
    """Raise where a database is a file that there is not, which SQLite and DuckDB would make."""
    database = url.database or ""
    elsewhere = database in ("", ":memory:") or database.startswith((":", "md:", "motherduck:"))
    if url.get_backend_name() not in ("sqlite", "duckdb") or elsewhere:
        return
    path = Path(unquote(urlsplit(database).path) if database.startswith("file:") else database)
    if not path.exists():
        here = (
            [file.name for file in path.parent.iterdir() if file.suffix == path.suffix] if path.parent.is_dir() else []
        )
        raise CouldNotCheckError(f"there is no database file {path}. {nearest(path.name, here)}")


def require_folder(path: str | os.PathLike[str]) -> Path:
    """Return the path of a folder that is there, or can be made.

    Raises:
        CouldNotCheckError: a file is in its way, or it may not be written to.
    """
    folder = Path(path)
    there = next((part for part in (folder, *folder.absolute().parents) if os.path.lexists(part)), folder)
    if not there.is_dir():
        raise CouldNotCheckError(f"{folder} is to be a folder, but {there} is none: name another one.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise CouldNotCheckError(f"nothing may be written to {there}: name another folder than {folder}.")
    return folder


def with_driver(url: str) -> str:
    """Return a PostgreSQL URL with the driver that is installed, where it names none."""
    from importlib.util import find_spec

    scheme, rest = url.split("://", 1) if "://" in url else (url, "")
    if scheme in ("postgresql", "postgres") and find_spec("psycopg") and not find_spec("psycopg2"):
        return f"postgresql+psycopg://{rest}"
    return url


def _table_asset(source: Any, name: str, table: str, stored: bool) -> Any:
    """Return the data asset of a table of a database, which is looked up: what is no name of a table is never run."""
    engine = source.get_engine()
    try:
        inspector = sa.inspect(engine)
        schema, found = _located(inspector, table)
    except (sa.exc.SQLAlchemyError, ValueError) as error:  # names that a dialect cannot read are a ValueError
        raise _unreachable(source, error) from None
    if stored and schema is not None and schema != schema.lower():
        raise CouldNotCheckError(
            f"GX stores names of schemas in lower case, and would not find '{schema}' again: leave out save=."
        )
    quoted = engine.dialect.identifier_preparer.quote(found) != found
    # GX takes off the quotes of tables, and writes what has none as it is; schemas it writes in lower case.
    place = {"table_name": f'"{found}"' if quoted else found}
    if schema is not None:
        place["schema_name"] = sa.sql.quoted_name(schema, quote=True) if schema != schema.lower() else schema
    asset = _asset(source, name, place)
    if asset.table_name != found:
        raise CouldNotCheckError(f"GX cannot name the table {found!r}: make a view of it under a plainer name.")
    return asset


def _located(inspector: sa.Inspector, table: str) -> tuple[str | None, str]:
    """Return schema and name of a table or view, by its name as it is, or after its schema and a dot."""
    parts = [(None, table), *((table[:i], table[i + 1 :]) for i, c in enumerate(table) if c == "." and i > 0)]
    for schema, name in parts:
        for one_schema, one in ((schema, name), (_unquoted(schema), _unquoted(name))):
            if one and one_schema != "" and inspector.has_table(one, schema=one_schema):
                return one_schema, one
    schemas = inspector.get_schema_names()
    within = next((schema for schema, _ in parts if schema in schemas), None)
    names = [*inspector.get_table_names(schema=within), *inspector.get_view_names(schema=within)]
    listed = [f"{within}.{name}" for name in names] if within else names
    raise CouldNotCheckError(f"there is no table or view '{table}'. {nearest(table, listed)}")


def _unquoted(name: str | None) -> str | None:
    """Return a name without the quotes that SQL writes around it."""
    if name is not None and len(name) > 2 and name[0] in '"`[' and name[-1] in '"`]':
        return name[1:-1].replace(name[-1] * 2, name[-1])
    return name


def _asset(source: Any, name: str, table: dict[str, Any]) -> Any:
    if name in source.get_asset_names():
        source.delete_asset(name)
    try:
        return source.add_table_asset(name, **table)
    except Exception as error:
        place = ".".join(filter(None, (table.get("schema_name"), table["table_name"])))
        raise CouldNotCheckError(f"the table {place} cannot be read: {_said(source, error)}") from error


def _unreachable(source: Any, error: Exception) -> CouldNotCheckError:
    return CouldNotCheckError(f"the database could not be asked for its tables: {_said(source, error)}")


def _said(source: Any, error: Exception) -> str:
    """Return what a database says, without its credentials."""
    return redacted(first_line(error), [str(getattr(source, "connection_string", ""))])


def _definition(asset: Any) -> BatchDefinition[Any]:
    definition: BatchDefinition[Any] = asset.add_batch_definition_whole_table("all")
    return definition


def first_line(error: BaseException) -> str:
    """Return what an error says first."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def name_of(split: Any) -> str:
    """Return the name of a split that was given without one."""
    if not isinstance(split, (str, os.PathLike)):
        return "splits"
    return Path(split).name.split(".")[0] or "splits"
