"""What a record becomes in another file: the same values, as they are written, or it is not moved at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from gx_leakage.errors import CouldNotCheckError
from gx_leakage.splits.files import SplitFiles

__all__ = ["exactly_as", "refuse_columns", "refuse_unlike", "refuse_values", "rewritten_cells"]

_JSON = {"json", "jsonl"}
_OTHERWISE = "or choose the strategy 'judged' or 'train', by which rows are dropped"


def refuse_unlike(names: tuple[str, str], origin: Any, home: Any) -> None:
    """Raise where records of one split can never stand in the files of another.

    Args:
        names: Where they come from, and where they go to.
        origin: The files that they come from.
        home: The files that they go to.
    """
    one, other = names
    if {origin.kind, home.kind} <= _JSON:
        _refuse_case(names, origin, home)
        return
    if origin.kind != home.kind:
        raise CouldNotCheckError(
            f"rows of split '{one}' cannot be moved to split '{other}' as they are: {origin.given} is {origin.kind}, "
            f"and {home.given} is {home.kind}. Write both as one kind of file, {_OTHERWISE}."
        )
    refuse_columns(names, origin.columns, home.columns)


def refuse_columns(names: tuple[str, str], origin: Sequence[str], home: Sequence[str]) -> None:
    """Raise where splits do not have the same columns, of which some would be lost, or have no value."""
    one, other = names
    for here, there, lacks in ((origin, home, other), (home, origin, one)):
        odd = [f"'{name}'" for name in here if name not in there]
        if odd:
            raise CouldNotCheckError(
                f"rows of split '{one}' cannot be moved to split '{other}' as they are: split '{lacks}' has no column "
                f"{', '.join(odd[:5])}. Give both the same columns, {_OTHERWISE}."
            )


def _refuse_case(names: tuple[str, str], origin: SplitFiles, home: SplitFiles) -> None:
    """Raise for keys that differ in case only, which could not stand in one file."""
    folded = {name.casefold(): name for name in home.columns}
    for name in origin.columns:
        if folded.get(name.casefold(), name) != name:
            raise CouldNotCheckError(
                f"rows of split '{names[0]}' cannot be moved to split '{names[1]}' as they are: '{name}' is called "
                f"'{folded[name.casefold()]}' there. Write it alike, {_OTHERWISE}."
            )


def rewritten_cells(cells: Sequence[bytes], origin: SplitFiles, home: SplitFiles) -> bytes:
    """Return the cells of a CSV record, as they are written, in the order and with the delimiter of another file."""
    by_name = dict(zip(origin.columns, cells, strict=True))
    delimiter = home.delimiter.encode()
    placed = [by_name[name] for name in home.columns]
    if home.delimiter != origin.delimiter:
        placed = [_quoted(cell) if delimiter in cell and not cell.startswith(b'"') else cell for cell in placed]
    return delimiter.join(placed)


def _quoted(cell: bytes) -> bytes:
    return b'"' + cell.replace(b'"', b'""') + b'"'


def refuse_values(names: tuple[str, str], rows: pa.Table, schema: pa.Schema) -> None:
    """Raise where a column of another Parquet file does not hold all values of rows exactly."""
    for field in schema:
        values = rows.column(field.name)
        if exactly_as(values, field) is None:
            missing = "" if field.nullable or not values.null_count else ", which has to have a value"
            raise CouldNotCheckError(
                f"rows of split '{names[0]}' cannot be moved to split '{names[1]}' as they are: column '{field.name}' "
                f"is {values.type} in the one and {field.type}{missing} in the other, which does not hold all of their "
                f"values exactly. Write it in one type, {_OTHERWISE}."
            )


def exactly_as(values: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray | None:
    """Return values in the type of a field; None where some of them would be others there."""
    if values.null_count and not field.nullable:
        return None
    if values.type == field.type:
        return values
    if values.null_count == len(values):
        return pa.chunked_array([pa.nulls(len(values), field.type)])
    try:
        plain = values.cast(values.type.value_type) if pa.types.is_dictionary(values.type) else values
        wanted = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if not _of_one_sort(plain.type, wanted):
            return None
        made = plain.cast(wanted)
        if pa.types.is_temporal(wanted):
            same = made.cast(plain.type).equals(plain)
        else:
            same = _same(plain.to_pylist(), made.to_pylist())
        return made.cast(field.type) if same else None
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        return None  # Arrow knows no way from one to the other, or one that cuts something off


def _of_one_sort(one: pa.DataType, other: pa.DataType) -> bool:
    """Return whether values of two types can be the same."""
    is_ = pa.types
    if one == other or is_.is_null(one):
        return True
    if is_.is_timestamp(one) and is_.is_timestamp(other):
        return (one.tz is None) == (other.tz is None)
    if is_.is_struct(one) and is_.is_struct(other):
        fields = [(one.field(i), other.field(i)) for i in range(min(one.num_fields, other.num_fields))]
        return one.num_fields == other.num_fields and all(
            a.name == b.name and _of_one_sort(a.type, b.type) for a, b in fields
        )
    if is_.is_map(one) and is_.is_map(other):
        return _of_one_sort(one.key_type, other.key_type) and _of_one_sort(one.item_type, other.item_type)
    if _is_list(one) and _is_list(other):
        return _of_one_sort(one.value_type, other.value_type)
    return any(sort(one) and sort(other) for sort in _SORTS)


def _is_list(type_: pa.DataType) -> bool:
    return bool(pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_fixed_size_list(type_))


def _is_number(type_: pa.DataType) -> bool:
    return bool(pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_))


def _is_text(type_: pa.DataType) -> bool:
    return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_))


def _is_binary(type_: pa.DataType) -> bool:
    return bool(pa.types.is_binary(type_) or pa.types.is_large_binary(type_) or pa.types.is_fixed_size_binary(type_))


def _is_naive_time(type_: pa.DataType) -> bool:
    return bool(pa.types.is_date(type_) or (pa.types.is_timestamp(type_) and type_.tz is None))


_SORTS = (_is_number, _is_text, _is_binary, _is_naive_time, pa.types.is_time, pa.types.is_duration)


def _same(one: Any, other: Any) -> bool:
    """Return whether values are the same; numbers of Python are compared exactly, whatever their types."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return list(one) == list(other) and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other) or (one is not None and one != one and other is not None and other != other)
