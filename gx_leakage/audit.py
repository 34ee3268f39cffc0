"""Splits and the roles of their columns, turned into a suite and a checkpoint, run, and reported."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from great_expectations.checkpoint.actions import UpdateDataDocsAction

import great_expectations as gx
from gx_leakage.actions import LeakageReportAction
from gx_leakage.errors import CouldNotCheckError, nearest
from gx_leakage.evidence import profile
from gx_leakage.expectations import CrossBatchExpectation
from gx_leakage.proposals import Proposal, accepted, proposals
from gx_leakage.relations import Relations, train_among
from gx_leakage.report import Report
from gx_leakage.roles import Roles, plan
from gx_leakage.splits import dataframe_splits, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from great_expectations.core.batch_definition import BatchDefinition
    from great_expectations.data_context.data_context.abstract_data_context import AbstractDataContext

__all__ = ["CONNECTION_VARIABLE", "assert_expectation", "audit", "file_context", "redact"]

CONNECTION_VARIABLE = "GX_LEAKAGE_CONNECTION"
"""The environment variable that stands for a connection URL in everything that is stored."""

_READERS = {
    ".csv": "read_csv",
    ".tsv": "read_csv",
    ".txt": "read_csv",
    ".parquet": "read_parquet",
    ".pq": "read_parquet",
    ".json": "read_json",
    ".jsonl": "read_json",
    ".ndjson": "read_json",
}

_GX_TYPES = {"postgresql": "postgres", "postgres": "postgres", "sqlite": "sqlite", "snowflake": "snowflake"}


@dataclass(frozen=True)
class _Prepared:
    """One batch definition to validate, how its Expectations find the other splits, and what its run is given."""

    definition: BatchDefinition[Any]
    splits_by: dict[str, Any]
    batch_parameters: dict[str, Any]
    names: list[str]


def audit(
    splits: Mapping[str, Any] | Any,
    *,
    group: Sequence[str] | str = (),
    time: str | None = None,
    target: str | None = None,
    id: Sequence[str] | str = (),  # noqa: A002 (the role is called that everywhere)
    metadata: Sequence[str] | str = (),
    feature: Sequence[str] | str = (),
    available_at: Mapping[str, str] | None = None,
    sequence: Sequence[str] | str = (),
    frame: str | None = None,
    window: tuple[str, str] | None = None,
    embargo: Any = None,
    split_column: str | None = None,
    order: Sequence[str] | None = None,
    gap: Any = None,
    unit: str | None = None,
    normalize: Sequence[str] | None = None,
    train: str = "train",
    mostly: float = 1.0,
    show_values: bool = True,
    connection: str | None = None,
    docs: str | os.PathLike[str] | None = None,
    save: str | os.PathLike[str] | None = None,
    memory_limit: str | None = None,
    accept: bool = False,
    arguments: Mapping[str, Mapping[str, Any]] | None = None,
) -> Report:
    """Check splits for leaks, as a GX Checkpoint does in a pipeline.

    Without any role the checks that need none are made, and roles are proposed in the report.

    Args:
        splits: By name, DataFrames (pandas or Spark), paths of CSV, Parquet or JSON files (Parquet folders too), or,
            with ``connection``, names of tables. With ``split_column``, one of these that holds all splits.
        group: Columns that together identify what must not be on both sides: a patient, a customer.
        time: The column that says when a row was.
        target: The column that is to be predicted.
        id: Columns that identify a row, which are left out when looking for identical rows; with ``target`` their order
            must say nothing about it.
        metadata: Columns about how a row was recorded, which must say nothing about ``target``.
        feature: The columns that a model is given. They must not reveal ``target``, and their preprocessing must have
            been fitted on train. Without it, all columns that have no other role must not reveal ``target``.
        available_at: For features the column that says since when their value was known; needs ``time``, which is then
            the moment at which a row predicts.
        sequence: Columns that together identify a video or recording; needs ``frame``.
        frame: The column with the number of a frame within its sequence.
        window: The columns with the start and the end of the time that a row's label is about.
        embargo: How long after such a window of another split no train window may start.
        split_column: The column whose values name the split of each row.
        order: The splits, the earliest first; by default as their names say, or else as they are given.
        gap: How much later than an earlier split a later one has to be, such as ``"7 days"``.
        unit: The calendar unit to compare times by, such as ``"day"``.
        normalize: How ids are made comparable: ``"text"``, ``"nfc"``, ``"trim"``, ``"casefold"``.
        train: The split that models are fitted on; also the only one that has it as a word of its name.
        mostly: The share of judged rows that have to be free of each leak.
        show_values: Whether values of the data may be in the report and in Data Docs.
        connection: A SQLAlchemy URL; ``${VAR}`` in it is replaced from the environment, and kept as written in what
            is saved.
        docs: A folder to build Data Docs in.
        save: A folder that becomes a GX project with this data source, suite and checkpoint.
        memory_limit: How much memory DuckDB may use for files, such as ``"2GB"``; beyond it spills to disk.
        accept: Whether to check the roles that are proposed, too.
        arguments: By type of Expectation, arguments other than their defaults: thresholds, a severity, ``mostly``.

    Raises:
        CouldNotCheckError: an input is missing or cannot be read. Checks that could not be made are in the report.
    """
    roles = Roles(
        group=_list(group), time=time, target=target, id=_list(id), metadata=_list(metadata), feature=_list(feature),
        available_at=dict(available_at or {}), sequence=_list(sequence), frame=frame, window=window, embargo=embargo,
        order=order, gap=gap, unit=unit, normalize=list(normalize or ()), train=train, mostly=mostly,
        show_values=show_values,
    )  # fmt: skip
    with ExitStack() as stack:
        folder = Path(save) if save is not None else None
        context = _context(folder)
        prepared = stack.enter_context(_prepare(context, splits, split_column, connection, memory_limit, folder))
        relations = _relations(prepared)
        try:
            roles = replace(roles, train=train_among(relations.names, train))
            found = [] if roles.given else proposals(profile.gather(relations), roles.train)
            if accept:
                roles = accepted(roles, found)
            planned = plan(roles, prepared.splits_by, prepared.names, relations, arguments)
        finally:
            relations.close()
        report = _run(context, prepared, planned.expectations, docs=docs, saved=folder, not_checked=planned.not_checked)
        return replace(report, proposals=found)


def proposed(
    splits: Mapping[str, Any] | Any, *, split_column: str | None = None, connection: str | None = None
) -> tuple[list[Proposal], str]:
    """Return the roles that columns look like they have, and the split that looks like train."""
    with _prepare(_context(None), splits, split_column, connection, None, None) as prepared:
        relations = _relations(prepared)
        try:
            train = train_among(relations.names)
            return proposals(profile.gather(relations), train), train
        finally:
            relations.close()


def assert_expectation(expectation: CrossBatchExpectation, /, **splits: Any) -> Report:
    """Validate one Expectation over splits given as DataFrames, or as paths of files, and raise if it fails.

    Raises:
        LeakFoundError: the Expectation failed. It is an ``AssertionError``, so that a test fails by it.
        CouldNotCheckError: the check could not be made.
    """
    context = _context(None)
    column: Any = expectation.split_column
    with _prepare(context, splits, column, None, None, None) as prepared:
        given: Any = expectation.configuration.to_domain_obj()
        for name, value in prepared.splits_by.items():
            if getattr(given, name) is None:
                setattr(given, name, value)
        report = _run(context, prepared, [given], docs=None, saved=None, not_checked=[])
    report.raise_for_leaks()
    return report


def _relations(prepared: _Prepared) -> Relations:
    """Return the splits as GX will find them when it validates."""
    batch = prepared.definition.get_batch(batch_parameters=prepared.batch_parameters)
    found = {key: prepared.splits_by.get(key) for key in ("split_column", "batches", "batch_name")}
    return resolve(batch, **found)


@contextmanager
def prepared(
    splits: Mapping[str, Any], *, connection: str | None = None, memory_limit: str | None = None
) -> Iterator[tuple[AbstractDataContext, _Prepared]]:
    """Yield an ephemeral Data Context with the splits as data assets, and how to validate them."""
    context = _context(None)
    with _prepare(context, splits, None, connection, memory_limit, None) as ready:
        yield context, ready


def _run(
    context: AbstractDataContext,
    prepared: _Prepared,
    expectations: Sequence[CrossBatchExpectation],
    *,
    docs: str | os.PathLike[str] | None,
    saved: Path | None,
    not_checked: Sequence[str],
) -> Report:
    suite = context.suites.add_or_update(gx.ExpectationSuite(name="leakage", expectations=list(expectations)))
    validation = context.validation_definitions.add_or_update(
        gx.ValidationDefinition(name="leakage", data=prepared.definition, suite=suite)
    )
    sites = [_docs_site(context, docs)] if docs is not None else []
    actions: list[Any] = [LeakageReportAction(directory="uncommitted/leakage" if saved else None)]
    if sites or saved:
        actions.append(UpdateDataDocsAction(name="data_docs", site_names=sites))
    checkpoint = context.checkpoints.add_or_update(
        gx.Checkpoint(name="leakage", validation_definitions=[validation], actions=actions)
    )
    result = checkpoint.run(batch_parameters=prepared.batch_parameters)
    page = None
    if sites:
        page = str(Path(docs or ".", "index.html").resolve())
    return Report.of(result, data_docs=page, not_checked=not_checked)


def _docs_site(context: AbstractDataContext, docs: str | os.PathLike[str]) -> str:
    name = "leakage"
    site: Any = {
        "class_name": "SiteBuilder",
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        "store_backend": {
            "class_name": "TupleFilesystemStoreBackend",
            "base_directory": str(Path(docs).resolve()),
        },
    }
    if name in context.get_site_names():
        context.update_data_docs_site(name, site)
    else:
        context.add_data_docs_site(name, site)
    return name


def _context(saved: Path | None) -> AbstractDataContext:
    if saved is not None:
        return file_context(saved)
    context: AbstractDataContext = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
    return context


def file_context(folder: Path) -> AbstractDataContext:
    """Return the GX project in ``folder``, made if there is none, whose store registers our Expectations."""
    gx.get_context(mode="file", context_root_dir=folder)
    _use_our_store(folder / "great_expectations.yml")
    context = gx.get_context(mode="file", context_root_dir=folder)
    context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
    context.variables.save()
    return context


def _use_our_store(config: Path) -> None:
    """Name our store in the project, so that whoever opens it has the Expectations registered."""
    text = config.read_text(encoding="utf-8")
    if "gx_leakage.store" not in text:
        ours = r"\1class_name: ExpectationsStore\n\1module_name: gx_leakage.store"
        text = re.sub(r"^(\s+)class_name: ExpectationsStore$", ours, text, count=1, flags=re.MULTILINE)
        config.write_text(text, encoding="utf-8")


@contextmanager
def _prepare(
    context: AbstractDataContext,
    splits: Mapping[str, Any] | Any,
    split_column: str | None,
    connection: str | None,
    memory_limit: str | None,
    saved: Path | None,
) -> Iterator[_Prepared]:
    named = dict(splits) if isinstance(splits, Mapping) else {_name(splits): splits}
    if not named:
        raise CouldNotCheckError("no splits are given.")
    if split_column is None and len(named) < 2:
        raise CouldNotCheckError(
            f"only one split ('{next(iter(named))}') is given, so that there is nothing to compare it with. "
            f"Give another one, or name the column that tells the splits apart as split column."
        )
    if split_column is not None and len(named) > 1:
        raise CouldNotCheckError(
            "a split column is for one table or file that holds all splits, but several are given."
        )
    names = list(named)
    if all(_is_frame(value) for value in named.values()) and saved is None and connection is None:
        with _prepare_frames(context, named, split_column) as prepared:
            yield prepared
        return
    with ExitStack() as stack:
        if connection is not None:
            source = _sql_source(context, connection)
            assets = {name: _table_asset(source, name, str(table)) for name, table in named.items()}
        else:
            source = stack.enter_context(_file_source(context, named, memory_limit, saved))
            assets = {name: _asset(source, name, {"table_name": name}) for name in named}
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
        yield _Prepared(definitions[validated], splits_by, {}, names)


@contextmanager
def _prepare_frames(
    context: AbstractDataContext, frames: Mapping[str, Any], split_column: str | None
) -> Iterator[_Prepared]:
    spark = any(type(frame).__module__.startswith("pyspark") for frame in frames.values())
    source = context.data_sources.add_spark("splits") if spark else context.data_sources.add_pandas("splits")
    definition = source.add_dataframe_asset("splits").add_batch_definition_whole_dataframe("splits")
    if split_column is not None:
        frame = next(iter(frames.values()))
        yield _Prepared(definition, {"split_column": split_column}, {"dataframe": frame}, list(frames))
        return
    with dataframe_splits(**frames) as parameters:
        yield _Prepared(definition, {}, parameters, list(frames))


@contextmanager
def _file_source(
    context: AbstractDataContext, splits: Mapping[str, Any], memory_limit: str | None, saved: Path | None
) -> Iterator[Any]:
    """Yield a DuckDB data source: views over the files, which may be larger than memory, and tables of the frames."""
    import duckdb

    folder = saved / "uncommitted" if saved else Path(tempfile.mkdtemp(prefix="gx_leakage_"))
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "splits.duckdb"
    try:
        file.unlink(missing_ok=True)
        with duckdb.connect(str(file)) as connection:
            for name, value in splits.items():
                quoted = '"' + name.replace('"', '""') + '"'
                if _is_frame(value):
                    connection.register("frame", value)
                    connection.execute(f"CREATE TABLE {quoted} AS SELECT * FROM frame")  # noqa: S608
                    connection.unregister("frame")
                    continue
                reader, path = _reader(Path(value))
                literal = path.replace("'", "''")
                try:
                    connection.execute(f"CREATE VIEW {quoted} AS SELECT * FROM {reader}('{literal}')")  # noqa: S608
                except duckdb.Error as error:
                    raise CouldNotCheckError(f"{value} cannot be read: {_first_line(error)}") from error
        options = {"temp_directory": str(folder / "spill")}
        if memory_limit is not None:
            options["memory_limit"] = memory_limit
        # Views alone need no writing, and a database that is only read can be open in several processes.
        options["access_mode"] = "read_only"
        url = sa.URL.create("duckdb+gx", database=str(file.resolve()), query=options)
        source = context.data_sources.add_or_update_sql("splits", connection_string=url.render_as_string())
        yield source
        source.get_engine().dispose()
    finally:
        if saved is None:
            shutil.rmtree(folder, ignore_errors=True)


def _reader(path: Path) -> tuple[str, str]:
    """Return DuckDB's reader for a file, and the path or pattern that it is given."""
    if not path.exists():
        near = nearest(path.name, (p.name for p in path.parent.iterdir())) if path.parent.is_dir() else ""
        raise CouldNotCheckError(f"there is no file {path}. {near}".rstrip())
    if path.is_dir():
        if not any(path.rglob("*.parquet")):
            raise CouldNotCheckError(f"the folder {path} has no Parquet files.")
        return "read_parquet", f"{path.resolve()}/**/*.parquet"
    if path.stat().st_size == 0:
        raise CouldNotCheckError(f"the file {path} is empty.")
    suffixes = [suffix for suffix in path.suffixes if suffix not in (".gz", ".zst")]
    reader = _READERS.get(suffixes[-1].lower() if suffixes else "")
    if reader is None:
        raise CouldNotCheckError(f"{path} is not of a kind that is read: {', '.join(_READERS)}, also with .gz or .zst.")
    return reader, str(path.resolve())


def _sql_source(context: AbstractDataContext, connection: str) -> Any:
    """Return a data source whose stored configuration holds no credentials."""
    stored = connection
    resolved = re.sub(r"\$\{(\w+)\}", lambda found: os.environ.get(found.group(1), ""), connection)
    if "$" not in connection:
        os.environ[CONNECTION_VARIABLE] = _with_driver(connection)
        stored = "${" + CONNECTION_VARIABLE + "}"
    try:
        backend = sa.make_url(resolved).get_backend_name()
    except sa.exc.ArgumentError as error:
        raise CouldNotCheckError("the connection is not a URL such as postgresql://user@host/database.") from error
    add = getattr(context.data_sources, f"add_or_update_{_GX_TYPES.get(backend, 'sql')}")
    try:
        return add("splits", connection_string=stored)
    except Exception as error:  # GX raises what the driver raises, and its own
        raise CouldNotCheckError(f"no connection: {redact(_first_line(error), resolved)}") from error


def _with_driver(url: str) -> str:
    """Return a PostgreSQL URL with the driver that is installed, where it names none."""
    from importlib.util import find_spec

    scheme, rest = url.split("://", 1) if "://" in url else (url, "")
    if scheme in ("postgresql", "postgres") and find_spec("psycopg") and not find_spec("psycopg2"):
        return f"postgresql+psycopg://{rest}"
    return url


def _table_asset(source: Any, name: str, table: str) -> Any:
    schema, _, table_name = table.rpartition(".")
    return _asset(source, name, {"table_name": table_name, "schema_name": schema or None})


def _asset(source: Any, name: str, table: dict[str, Any]) -> Any:
    if name in source.get_asset_names():
        source.delete_asset(name)
    try:
        return source.add_table_asset(name, **table)
    except Exception as error:
        url = str(getattr(source, "connection_string", ""))
        raise CouldNotCheckError(
            f"there is no table {'.'.join(filter(None, (table.get('schema_name'), table['table_name'])))} that can be "
            f"read: {redact(_first_line(error), url)}"
        ) from error


def _definition(asset: Any) -> BatchDefinition[Any]:
    definition: BatchDefinition[Any] = asset.add_batch_definition_whole_table("all")
    return definition


def redact(text: str, url: str) -> str:
    """Return ``text`` without the credentials of ``url``."""
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        return text
    safe = text.replace(url, parsed.render_as_string(hide_password=True))
    if parsed.password:
        safe = safe.replace(str(parsed.password), "***")
    return safe


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def _name(split: Any) -> str:
    return "splits" if _is_frame(split) else Path(str(split)).name.split(".")[0] or "splits"


def _is_frame(value: Any) -> bool:
    return hasattr(value, "columns") and not isinstance(value, (str, os.PathLike))


def _list(value: Sequence[str] | str) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
