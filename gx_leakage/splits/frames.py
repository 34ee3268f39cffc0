"""What a split may be given as in Python, turned into what the rest takes: a frame of pandas, one of Spark, or a path.

Columns of Arrow (polars, DuckDB, Hugging Face, pyarrow) stay as they are within a frame of pandas: ``ArrowDtype`` is a
cover, no copy, and DuckDB is given the very arrays. What a thing is, narwhals tells, which imports no library that the
caller has not imported.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from gx_leakage.disclosure import value as disclosed
from gx_leakage.engines.duckdb import require_readable
from gx_leakage.errors import CouldNotCheckError

__all__ = ["TARGET", "Opened", "column_beside", "is_frame", "is_spark", "mentioned", "opened", "opened_frame"]

TARGET = "target"
"""What ``y`` is called where it has no name of its own."""

_READ = (
    "a DataFrame (pandas, polars, Spark), an Arrow table, a DuckDB relation, a Hugging Face Dataset, an array of two "
    "dimensions, a pair (X, y) of these, or the path of a file"
)
_WAYS = {
    "dict": "pandas.DataFrame(columns)",
    "list": "pandas.DataFrame(rows); a pair (X, y) is a tuple",
    "scipy": "matrix.toarray(), or pandas.DataFrame.sparse.from_spmatrix(matrix), of the columns to check",
    "torch": "tensor.numpy()",
    "tensorflow": "tensor.numpy()",
    "jax": "numpy.asarray(array)",
    "jaxlib": "numpy.asarray(array)",
    "generator": "pandas.DataFrame(rows)",
    "pyspark": "its .to_spark()",
    "datasets": "load the data set without streaming",
    "set": "pandas.DataFrame(rows)",
}
"""What to do with things that are not read, by library or type."""

Back = Callable[[pd.DataFrame], Any]


@dataclass(frozen=True)
class _Held:
    """A frame of what was given, and how a frame like it is given back in the kind that was given."""

    frame: Any
    back: Back = lambda frame: frame
    target: str | None = None
    by_position: int | None = None
    """How many columns are only known by where they stand."""


@dataclass(frozen=True)
class Opened:
    """Splits as the rest takes them."""

    splits: Any
    """By name, or the only one, as it was given."""
    target: str | None = None
    """The column that ``y`` became."""
    backs: Mapping[str, Back] = field(default_factory=dict, repr=False)

    def given_back(self, made: Mapping[str, Any]) -> dict[str, Any]:
        """Return frames made of these in the kinds that were given."""
        only = next(iter(self.backs.values())) if len(self.backs) == 1 else None
        backs = {name: only or self.backs.get(name) for name in made}
        return {name: backs[name](frame) if isinstance(frame, pd.DataFrame) else frame for name, frame in made.items()}  # type: ignore[misc]


def is_frame(value: Any) -> bool:
    """Return whether an opened split is a DataFrame, and not a path or a table's name."""
    return hasattr(value, "columns") and not isinstance(value, (str, os.PathLike))


def is_spark(value: Any) -> bool:
    """Return whether a split is a DataFrame of Spark."""
    return type(value).__module__.startswith("pyspark.sql") and hasattr(value, "schema")


def opened(splits: Any, columns: Iterable[str] = ()) -> Opened:
    """Return splits as the rest takes them.

    Args:
        splits: By name, or one that holds all.
        columns: What is named as a column: levels of a pandas index that are called so become columns.

    Raises:
        CouldNotCheckError: a split is of a kind that is not read, or cannot be read.
    """
    named = {str(n): one for n, one in splits.items()} if isinstance(splits, Mapping) else {"splits": splits}
    wanted = set(columns)
    held = {name: _held(name, given, wanted) for name, given in named.items()}
    widths = {name: one.by_position for name, one in held.items() if one.by_position is not None}
    if len(set(widths.values())) > 1:
        told = ", ".join(f"'{name}' has {width}" for name, width in widths.items())
        raise CouldNotCheckError(
            f"the arrays have not the same columns, and are only told apart by where they stand: {told}. Give the same "
            f"ones, or DataFrames with names."
        )
    targets = {name: one.target for name, one in held.items()}
    found = {target for target in targets.values() if target is not None}
    if len(found) > 1 or (found and None in targets.values() and any(is_frame(one.frame) for one in held.values())):
        told = ", ".join(f"'{name}' has {'none' if t is None else repr(t)}" for name, t in targets.items())
        raise CouldNotCheckError(f"y is not the same in all splits: {told}. Give each split one, of the same name.")
    frames = {name: one.frame for name, one in held.items()}
    return Opened(
        {key: frames[str(key)] for key in splits} if isinstance(splits, Mapping) else frames["splits"],
        next(iter(found), None),
        {name: one.back for name, one in held.items()},
    )


def opened_frame(name: str, given: Any) -> Any:
    """Return one split as a frame of pandas or of Spark, or a path as it is."""
    return _held(name, given, set()).frame


def mentioned(*values: Any) -> set[str]:
    """Return all texts that stand in values, at any depth: what may be the name of a column."""
    found: set[str] = set()
    for value in values:
        if isinstance(value, str):
            found.add(value)
        elif isinstance(value, Mapping):
            found |= mentioned(*value, *value.values())
        elif isinstance(value, (list, tuple, set, frozenset)):
            found |= mentioned(*value)
    return found


def _held(name: str, given: Any, columns: set[str]) -> _Held:
    if isinstance(given, (str, os.PathLike)) or is_spark(given):
        return _Held(given)
    try:
        held = _pair(name, given, columns) if isinstance(given, tuple) else _table(name, given, columns)
    except CouldNotCheckError:
        raise
    except Exception as error:
        said = str(error).strip().splitlines()[:1]
        raise CouldNotCheckError(
            f"split '{name}', given as {_kind(given)}, could not be read ({type(error).__name__})"
            f"{disclosed(f': {said[0]}') if said else ''}"
        ) from error
    require_readable(held.frame)
    return held


def _table(name: str, given: Any, columns: set[str]) -> _Held:
    if isinstance(given, np.ndarray):
        return _array(name, given)
    if isinstance(given, pd.DataFrame):
        return _pandas(given, columns)
    if _is_dataset(given):
        table = given.with_format("arrow")[:]
        return _Held(_covered(table), lambda frame: _as_dataset(given, _uncovered(frame, table.schema)))
    if isinstance(given, pa.RecordBatch):
        given = pa.Table.from_batches([given])
    told: Any = nw.from_native(given, pass_through=True, allow_series=True)
    if isinstance(told, nw.Series):
        series, called = _series(given), told.name
        frame = pd.DataFrame({"0" if called in (None, "") else called: series})
        return _Held(frame, _series_back(told))
    if isinstance(told, nw.LazyFrame):
        return _arrow_like(told.collect("polars" if told.implementation.is_polars() else "pyarrow"), lazy=True)
    if isinstance(told, nw.DataFrame):
        return _Held(told.to_pandas()) if told.implementation.is_pandas_like() else _arrow_like(told)
    if hasattr(given, "__arrow_c_stream__"):
        table = pa.RecordBatchReader.from_stream(given).read_all()
        return _Held(_covered(table), lambda frame: _uncovered(frame, table.schema))
    raise _not_read(name, given)


def _is_dataset(given: Any) -> bool:
    """Return whether this is a data set of Hugging Face that knows its rows."""
    return type(given).__module__.startswith("datasets.") and hasattr(given, "with_format") and hasattr(given, "select")


def _as_dataset(given: Any, table: pa.Table) -> Any:
    held = importlib.import_module("datasets.table").InMemoryTable(table)
    return type(given)(held, info=given.info.copy(), split=given.split)


def _arrow_like(told: nw.DataFrame[Any], *, lazy: bool = False) -> _Held:
    for column, type_ in told.schema.items():
        if type_ in (nw.Object, nw.Int128, nw.UInt128):  # of which Arrow has none, and polars would give bytes
            raise _unreadable(column, type_)
    table = told.to_arrow()
    if not told.implementation.is_polars():
        return _Held(_covered(table), lambda frame: _uncovered(frame, table.schema))

    def back(frame: pd.DataFrame) -> Any:
        polars = importlib.import_module("polars")
        schema = told.to_native().schema
        made = polars.from_arrow(_uncovered(frame, table.schema)).cast(dict(schema))
        return made.lazy() if lazy else made

    return _Held(_covered(table), back)


def _pandas(given: pd.DataFrame, columns: set[str]) -> _Held:
    """Return a frame of pandas as it is, with the levels of its index as columns that are named as such."""
    labels = set(map(str, given.columns))
    levels = [no for no, level in enumerate(given.index.names) if level is not None and str(level) in columns - labels]
    if not levels:
        return _Held(given)
    frame = given.copy(deep=False)
    for no in levels:
        frame[str(given.index.names[no])] = given.index.get_level_values(no).array
    return _Held(frame, lambda made: made.iloc[:, : given.shape[1]])


def _array(name: str, given: Any) -> _Held:
    array = _plain_array(f"split '{name}'", given)
    if array.ndim != 2:
        way = "array.reshape(-1, 1)" if array.ndim == 1 else "array.reshape(len(array), -1), of the columns to check"
        raise CouldNotCheckError(
            f"split '{name}' is given as an array of {array.ndim} dimensions, which has to have two, rows and columns: "
            f"{way}."
        )
    if array.shape[1] == 0:
        raise CouldNotCheckError(f"split '{name}' is given as an array without columns.")
    frame = pd.DataFrame(array, columns=[str(no) for no in range(array.shape[1])], copy=False)
    if frame.dtypes.eq(object).all():
        frame = frame.infer_objects()

    def back(made: pd.DataFrame) -> Any:
        rows = made.to_numpy(dtype=object if array.dtype.kind in "OSUT" else array.dtype)
        return rows.astype(given.dtype) if rows.dtype != given.dtype else rows

    return _Held(frame, back, by_position=array.shape[1])


def _plain_array(what: str, given: Any) -> Any:
    """Return an array that pandas holds as it is.

    Raises:
        CouldNotCheckError: its values are none that can be compared, or are hidden.
    """
    if isinstance(given, np.ma.MaskedArray):
        raise CouldNotCheckError(
            f"{what} is given as a masked array, of which some values are hidden: fill them, for example with "
            f"array.astype(float).filled(numpy.nan)."
        )
    array = np.asarray(given)
    if array.dtype.names is not None:
        raise CouldNotCheckError(f"{what} is given as a structured array: give pandas.DataFrame.from_records(array).")
    if array.dtype.kind == "c":
        raise CouldNotCheckError(
            f"{what} is given as an array of complex numbers, which have no order: give array.real and "
            f"array.imag as columns."
        )
    if array.dtype.kind not in "biufMmOSUT":
        raise CouldNotCheckError(f"{what} is given as an array of type {array.dtype}, which is not read.")
    if array.dtype.kind in "Mm" and np.datetime_data(array.dtype)[0] == "generic":
        raise CouldNotCheckError(f"{what} is given as an array of times without a unit: give it one.")
    if array.dtype.kind in "SUT":
        return array.astype(object)
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _pair(name: str, given: tuple[Any, ...], columns: set[str]) -> _Held:
    """Return X with y as its last column."""
    if len(given) != 2:
        raise CouldNotCheckError(
            f"split '{name}' is given as a tuple of {len(given)}: give a pair (X, y), or the arrays of "
            f"train_test_split to gx_leakage.audit_arrays()."
        )
    x, y = given
    if isinstance(x, (str, os.PathLike, tuple)) or is_spark(x):
        raise CouldNotCheckError(
            f"split '{name}' is given as a pair of {_kind(x)} and {_kind(y)}: y has to be a column of it already."
        )
    held = _held(name, x, columns)
    beside, series = column_beside(held.frame, y, TARGET, f"y of split '{name}'")
    width = held.frame.shape[1]

    def back(made: pd.DataFrame) -> Any:
        own = made if beside is held.frame else made.iloc[:, :width]
        return held.back(own), _column_back(y, made[series.name])

    return _Held(beside, back, str(series.name), held.by_position)


def column_beside(frame: pd.DataFrame, given: Any, default: str, what: str) -> tuple[pd.DataFrame, Any]:
    """Return a frame with one more column, which is called as it is or by default, and that column.

    A column of the same name that has the same values is the same column.

    Raises:
        CouldNotCheckError: it is not one column, has another length, or a name that other values have already.
    """
    series = _series(given, what)
    if len(series) != len(frame):
        raise CouldNotCheckError(f"{what} has {len(series):,} values, but there are {len(frame):,} rows.")
    name = default if series.name in (None, "") else str(series.name)
    made = pd.Series(series.array, index=frame.index, name=name)
    held = [no for no, label in enumerate(frame.columns) if str(label) == name]
    if held:
        own = frame.iloc[:, held[0]]
        if not _alike(own, made):
            raise CouldNotCheckError(
                f"{what} is called '{name}', and so is a column, which has other values: rename one of them."
            )
        return frame, own
    beside = frame.copy(deep=False)
    beside[name] = made
    return beside, made


def _alike(one: Any, other: Any) -> bool:
    try:
        return bool(((one.array == other.array) | (one.isna().to_numpy() & other.isna().to_numpy())).all())
    except (TypeError, ValueError, pa.ArrowException):
        return False


def _series(given: Any, what: str = "the column") -> Any:
    """Return one column, with its name where it has one."""
    if isinstance(given, (pd.Series, pd.Index)):
        return pd.Series(given)
    if isinstance(given, np.ndarray):
        array = _plain_array(what, given)
        if array.ndim == 2 and array.shape[1] == 1:
            array = array[:, 0]
        if array.ndim != 1:
            raise CouldNotCheckError(f"{what} is an array of shape {array.shape}: it has to be one column.")
        series = pd.Series(array, copy=False)
        return series.infer_objects() if series.dtype == object else series
    if isinstance(given, (list, range, pd.api.extensions.ExtensionArray)):
        return pd.Series(given)
    if isinstance(given, pa.Array):
        given = pa.chunked_array([given])
    told: Any = (
        given if isinstance(given, pd.DataFrame) else nw.from_native(given, pass_through=True, allow_series=True)
    )
    if isinstance(told, nw.Series):
        made = told.to_pandas() if told.implementation.is_pandas_like() else pd.Series(_cover(told.to_arrow()))
        return made.rename(told.name or None)
    if isinstance(given, (str, os.PathLike, Mapping, tuple)) or given is None or is_spark(given):
        raise CouldNotCheckError(f"{what} is given as {_kind(given)}: give an array or a Series.")
    frame = _held(what, given, set()).frame
    if frame.shape[1] != 1:
        raise CouldNotCheckError(
            f"{what} has {frame.shape[1]} columns, and has to have one: give the others as columns of X."
        )
    return frame.iloc[:, 0]


def _series_back(told: nw.Series[Any]) -> Back:
    return lambda frame: _column_back(told.to_native(), frame.iloc[:, 0])


def _column_back(given: Any, made: Any) -> Any:
    """Return a column in the kind that was given: the same of pandas, polars or numpy, otherwise one of Arrow."""
    if isinstance(given, pd.Series):
        return made.rename(given.name)
    if isinstance(given, np.ndarray):
        rows = made.to_numpy().astype(given.dtype)
        return rows.reshape(-1, 1) if given.ndim == 2 else rows
    if isinstance(given, (list, range)):
        return made.tolist()
    told: Any = nw.from_native(given, pass_through=True, allow_series=True)
    if isinstance(told, nw.Series) and told.implementation.is_polars():
        polars = importlib.import_module("polars")
        return polars.Series(given.name, pa.chunked_array(made.array.__arrow_array__())).cast(given.dtype)
    return made


def _covered(table: pa.Table) -> Any:
    """Return a table of Arrow as a frame over the same memory."""
    arrays = {}
    for no, name in enumerate(table.column_names):
        try:
            arrays[no] = _cover(table.column(no))
        except (pa.ArrowException, NotImplementedError, TypeError, ValueError) as error:
            raise _unreadable(name, table.schema.field(no).type) from error
    frame = pd.DataFrame(arrays, index=pd.RangeIndex(table.num_rows))
    frame.columns = pd.Index(table.column_names, dtype=object)
    return frame


def _unreadable(column: str, type_: Any) -> CouldNotCheckError:
    return CouldNotCheckError(
        f"column '{column}' holds values of type {type_}, which are not read: leave it out, or cast it to text, a "
        f"number or a time."
    )


def _uncovered(frame: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    """Return such a frame as a table in the types that were given."""
    arrays = [pa.chunked_array(frame.iloc[:, no].array.__arrow_array__()) for no in range(len(schema))]
    return pa.table([_typed(array, field.type) for array, field in zip(arrays, schema, strict=True)], schema=schema)


def _typed(array: pa.ChunkedArray, type_: pa.DataType) -> pa.ChunkedArray:
    if array.type == type_:
        return array
    if pa.types.is_run_end_encoded(type_):
        plain = array.cast(type_.value_type).combine_chunks()
        return pa.chunked_array([pc.run_end_encode(plain, run_end_type=type_.run_end_type)])
    if pa.types.is_dictionary(type_):
        return array.cast(type_.value_type).dictionary_encode().cast(type_)
    if isinstance(type_, pa.BaseExtensionType):
        return pa.chunked_array([type_.wrap_array(c) for c in array.cast(type_.storage_type).chunks], type_)
    return array.cast(type_)


def _cover(array: pa.ChunkedArray) -> Any:
    """Return a column of Arrow as one of pandas over the same memory, in a type that pandas and DuckDB have."""
    if pa.types.is_run_end_encoded(array.type):
        array = pa.chunked_array([pc.run_end_decode(chunk) for chunk in array.chunks], array.type.value_type)
    plain = _plain(array.type)
    if isinstance(array.type, pa.BaseExtensionType) and plain != array.type:
        array = pa.chunked_array([chunk.storage for chunk in array.chunks], array.type.storage_type)
    if plain != array.type:
        array = array.cast(plain)
    if "list_view" in str(plain):
        raise NotImplementedError  # Arrow makes lists of them whose offsets are wrong
    cover = pd.arrays.ArrowExtensionArray(array)
    _ = cover.dtype.type  # which not all types of Arrow have
    return cover


def _plain(type_: pa.DataType) -> pa.DataType:
    """Return the type that stands for one of Arrow which pandas or DuckDB does not hold, at any depth."""
    is_ = pa.types
    if isinstance(type_, pa.BaseExtensionType):
        return type_ if type_.extension_name == "arrow.uuid" else _plain(type_.storage_type)
    if is_.is_string_view(type_):
        return pa.large_string()
    if is_.is_binary_view(type_):
        return pa.large_binary()
    if is_.is_float16(type_):
        return pa.float32()
    if is_.is_date64(type_):
        return pa.date32()
    if is_.is_dictionary(type_):
        plain = _plain(type_.value_type)
        return type_ if plain == type_.value_type else plain
    if is_.is_decimal(type_) and type_.bit_width != 128 and type_.precision <= 38:
        return pa.decimal128(type_.precision, type_.scale)
    if is_.is_fixed_size_list(type_):
        return pa.list_(_plain(type_.value_type), type_.list_size)
    if is_.is_large_list(type_):
        return pa.large_list(_plain(type_.value_type))
    if is_.is_list(type_):
        return pa.list_(_plain(type_.value_type))
    if is_.is_struct(type_):
        fields = [type_.field(no) for no in range(type_.num_fields)]
        return pa.struct([pa.field(one.name, _plain(one.type), one.nullable) for one in fields])
    return type_


def _kind(given: Any) -> str:
    kind, library = type(given).__name__, type(given).__module__.split(".")[0]
    return kind if library == "builtins" else f"{library}.{kind}"


def _not_read(name: str, given: Any) -> CouldNotCheckError:
    kind, library = type(given).__name__, type(given).__module__.split(".")[0]
    way = _WAYS.get(kind) or _WAYS.get(library)
    return CouldNotCheckError(
        f"split '{name}' is given as {_kind(given)}, which is not read: give {_READ}{f' ({way})' if way else ''}."
    )
