"""What a split is, and how the batch that GX validates finds its siblings.

GX loads exactly one batch a validation. The other splits are found from it, in this order: the values of a
``split_column``; the ``batches`` that are named; the frames of :func:`dataframe_splits`; all batches of the
validated batch's own batch definition.
"""

from __future__ import annotations

import contextvars
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import PurePath
from typing import Any

import sqlalchemy as sa
from great_expectations.core.partitioners import FileNamePartitionerPath
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.execution_engine.pandas_batch_data import PandasBatchData

from gx_leakage.engines import Source, open_engine
from gx_leakage.errors import CouldNotCheckError, MissingColumnError, nearest
from gx_leakage.splits.frames import is_frame, is_spark, opened
from gx_leakage.splits.relations import Relations, SplitRows, in_usual_order

__all__ = ["add_file_splits", "dataframe_splits", "named_frames", "resolve", "rows_without_split"]

MOST_SPLITS = 100
"""More splits than this make so many pairs that a mistaken split column is the likelier reason."""

_few_with_split: contextvars.ContextVar[bool] = contextvars.ContextVar("few_with_split", default=False)

_frames: contextvars.ContextVar[tuple[Mapping[str, Any], ...]] = contextvars.ContextVar("frames", default=())


@contextmanager
def rows_without_split() -> Iterator[None]:
    """Take it, inside of the block, that rows without a split may be more than the others.

    A table was fit to be checked; where leaked rows are dropped from its splits, those in no split are all left.
    """
    token = _few_with_split.set(True)
    try:
        yield
    finally:
        _few_with_split.reset(token)


@contextmanager
def dataframe_splits(**frames: Any) -> Iterator[dict[str, Any]]:
    """Name the frames that are the splits of one data set, and yield batch parameters.

    They may be whatever :func:`gx_leakage.audit` takes in memory: frames of pandas, polars or Spark, tables of Arrow,
    arrays, ... What GX validates of them is a DataFrame of Spark, or one of pandas, over the same memory where that is
    possible. They are known inside of the ``with`` block only, and nothing of them is stored::

        with gxl.dataframe_splits(train=train, test=test) as parameters:
            checkpoint.run(batch_parameters=parameters)
    """
    if len(frames) < 2:
        raise CouldNotCheckError(f"dataframe_splits needs two or more DataFrames, not {len(frames)}.")
    found = dict(opened(frames).splits)
    for name, frame in found.items():
        if not is_frame(frame):
            raise CouldNotCheckError(f"split '{name}' is a path: dataframe_splits takes what is in memory.")
    with named_frames(found) as parameters:
        yield parameters


@contextmanager
def named_frames(frames: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Name frames of pandas or Spark as :func:`dataframe_splits` does; one may stand alone."""
    token = _frames.set((*_frames.get(), frames))
    try:
        yield {"dataframe": min(frames.values(), key=_size)}  # GX hashes the frame that it validates
    finally:
        _frames.reset(token)


def _size(frame: Any) -> int:
    return -1 if is_spark(frame) else len(frame)


def resolve(
    batch: Any,
    *,
    split_column: str | None = None,
    batches: Mapping[str, Mapping[str, Any]] | None = None,
    batch_name: str | None = None,
) -> Relations:
    """Return the splits that belong with the validated ``batch`` (a GX fluent batch): one, if it has no siblings.

    Raises:
        CouldNotCheckError: a split that was named does not exist.
    """
    if not hasattr(batch, "data_asset"):
        raise CouldNotCheckError(
            "the other splits can only be found from a batch that a batch definition made: run a checkpoint or a "
            "validation definition."
        )
    if split_column is not None:
        return _by_column(batch, split_column)
    splits = _named(batch, batches, batch_name) if batches is not None else _frames_with(batch) or _siblings(batch)
    if not splits:
        raise CouldNotCheckError(f"no batch was found in data asset '{batch.data_asset.name}'.")
    return Relations(open_engine([split.source for split in splits]), splits, asset=batch.data_asset.name)


def _source(batch: Any) -> Source:
    return Source(batch.data, batch.data.execution_engine)


def _by_column(batch: Any, column: str) -> Relations:
    source = _source(batch)
    engine = open_engine([source])
    existing = engine.column_names(source)
    if column not in existing:
        raise MissingColumnError(column, batch.data_asset.name, existing)
    values = sa.select(engine.relation(source, [column]).c[column].label("value")).subquery("splits")
    found = engine.fetch(
        sa.select(values.c.value, sa.func.count().label("row_count"))
        .group_by(values.c.value)
        .order_by(values.c.value)
        .limit(MOST_SPLITS + 2)  # one of them may be NULL
    )
    rows = sum(int(count) for _, count in found)
    rows_without_split = sum(int(count) for value, count in found if value is None)
    if rows and 2 * rows_without_split >= rows and not _few_with_split.get():
        raise CouldNotCheckError(
            f"column '{column}' names no split in {rows_without_split:,} of {rows:,} rows: they would not be checked. "
            f"Give them one, or leave them out of the table."
        )
    found = [value for value, _ in found if value is not None]
    if len(found) > MOST_SPLITS:
        raise CouldNotCheckError(
            f"column '{column}' has more than {MOST_SPLITS} values: it does not look like the name of a split."
        )
    by_name: dict[str, Any] = {}
    for value in found:
        name = str(value).strip()
        if not name or value != value:
            raise CouldNotCheckError(
                f"column '{column}' has a value {value!r}, which is no name of a split: make it NULL."
            )
        if name in by_name:
            raise CouldNotCheckError(f"column '{column}' has two values that both read '{name}'.")
        by_name[name] = value
    if not by_name:
        raise CouldNotCheckError(f"split column '{column}' has no values: there is nothing to check.")
    splits = [SplitRows(name, source, by_name[name]) for name in in_usual_order(list(by_name))]
    return Relations(engine, splits, split_column=column, rows_without_split=rows_without_split)


def _named(batch: Any, batches: Mapping[str, Mapping[str, Any]], batch_name: str | None) -> list[SplitRows]:
    own_name = batch_name or _name_of(batch, _identifiers_of(batch))
    if own_name in batches:
        raise CouldNotCheckError(
            f"split '{own_name}' is named twice: by batches= and as the validated batch. Give the validated batch "
            f"another name with batch_name=, or leave it out of batches=."
        )
    splits = [SplitRows(name, _source(_load(batch, name, reference))) for name, reference in batches.items()]
    return [*splits, SplitRows(own_name, _source(batch))]


def _load(batch: Any, split: str, reference: Mapping[str, Any]) -> Any:
    """Return the batch of another batch definition, in the Data Context that owns the validated batch."""
    known = {"data_source", "asset", "batch_definition", "batch_parameters"}
    if set(reference) - known:
        odd = sorted(set(reference) - known)[0]
        raise CouldNotCheckError(f"batches['{split}'] has a key '{odd}'. {nearest(odd, known)}")
    context = batch.datasource.data_context
    source_name = reference.get("data_source") or batch.datasource.name
    source = _existing("data source", source_name, context.data_sources.all(), context.data_sources.get)
    asset_name = reference.get("asset") or batch.data_asset.name
    asset = _existing("data asset", asset_name, source.get_asset_names(), source.get_asset)
    definitions = {definition.name: definition for definition in asset.batch_definitions}
    name = reference.get("batch_definition")
    if name is None and len(definitions) == 1:
        name = next(iter(definitions))
    if name is None:
        raise CouldNotCheckError(f"batches['{split}'] needs a batch_definition. {nearest('', definitions)}")
    definition = _existing("batch definition", name, definitions, definitions.__getitem__)
    return definition.get_batch(dict(reference.get("batch_parameters") or {}) or None)


def _existing(what: str, name: str, names: Any, get: Callable[[str], Any]) -> Any:
    if name not in names:
        raise CouldNotCheckError(f"there is no {what} '{name}'. {nearest(name, names)}")
    return get(name)


def _frames_with(batch: Any) -> list[SplitRows]:
    """Return the splits of the ``dataframe_splits`` block that the validated frame is in."""
    frame = getattr(batch.data, "dataframe", None)
    for frames in reversed(_frames.get()):
        if frame is not None and any(other is frame for other in frames.values()):
            return [SplitRows(name, _in_memory(other, batch.data)) for name, other in frames.items()]
    return []


def _in_memory(frame: Any, beside: Any) -> Source:
    """Return a frame as the batch data of GX that it would be, beside the one of another frame."""
    of_spark = type(beside).__name__ == "SparkDFBatchData"
    if of_spark == is_spark(frame):
        return Source(type(beside)(execution_engine=beside.execution_engine, dataframe=frame), beside.execution_engine)
    if of_spark:
        engine = PandasExecutionEngine()
        return Source(PandasBatchData(execution_engine=engine, dataframe=frame), engine)
    raise CouldNotCheckError("beside frames of Spark the one that is validated has to be of Spark.")


def _siblings(batch: Any) -> list[SplitRows]:
    """Return all batches of the validated batch's own batch definition."""
    asset, partitioner = batch.data_asset, getattr(batch.batch_request, "partitioner", None)
    if "dataframe" in (batch.batch_request.options or {}):
        return [SplitRows(asset.name, _source(batch))]
    keys = asset.get_batch_parameters_keys(partitioner=partitioner)
    splits: list[SplitRows] = []
    own = batch.batch_request.options or {}
    for identifiers in asset.get_batch_identifiers_list(asset.build_batch_request(partitioner=partitioner)):
        options = {key: identifiers[key] for key in keys if key in identifiers}
        if len(splits) == MOST_SPLITS:
            raise CouldNotCheckError(
                f"data asset '{asset.name}' has more than {MOST_SPLITS} batches: name those to compare with batches=."
            )
        request = asset.build_batch_request(options=options, partitioner=partitioner)
        sibling = batch if options == own else asset.get_batch(request)
        splits.append(SplitRows(_name_of(batch, identifiers), _source(sibling)))
    by_name = {split.name: split for split in splits}
    if len(by_name) < len(splits):
        names = [split.name for split in splits]
        twice = next(name for name in names if names.count(name) > 1)
        raise CouldNotCheckError(
            f"two batches of data asset '{asset.name}' are both called '{twice}': give the regex a group (?P<split>…) "
            f"that tells them apart, or name them with batches=."
        )
    return [by_name[name] for name in in_usual_order(list(by_name))]


def _identifiers_of(batch: Any) -> Mapping[str, Any]:
    return {**(batch.metadata or {}), **(batch.batch_request.options or {})}


def _name_of(batch: Any, identifiers: Mapping[str, Any]) -> str:
    if "split" in identifiers:
        return str(identifiers["split"])
    if "path" in identifiers:
        return PurePath(str(identifiers["path"])).stem
    values = [str(value) for key, value in identifiers.items() if key not in ("dataframe", "batch_id")]
    return "-".join(values) or str(batch.data_asset.name)


def add_file_splits(asset: Any, name: str, regex: str) -> Any:
    r"""Add a batch definition whose batches are the files of ``asset`` that match, one a split, and return it.

    The group ``split`` of the regex names the splits: ``r"visits_(?P<split>train|test)\.csv"``. GX's own
    ``add_batch_definition_path`` names a single file, and its partitioner by file name is stored in a way that
    reads back as one by year unless it is told that it has no parameters, which this does.

    Our Expectations look at all of the files. Those of GX run on one: the last by name, or the one that is asked for
    with ``batch_parameters={"path": "visits_test.csv"}``; GX knows files by their path, not by the regex's groups.
    """
    partitioner = FileNamePartitionerPath(regex=re.compile(regex), param_names=())
    return asset.add_batch_definition(name, partitioner=partitioner)
