"""What Data Docs show of an Expectation: its sentence, what was observed, the evidence as a table and a picture, help.

Every value of the data, the name of a split included, goes through a parameter of a string template: GX escapes those,
and nothing else. Pictures are HTML tables, for they are seen without scripts and without a network.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gx_leakage.gx.blocks import Block, code, collapse, table, text
from gx_leakage.gx.handbook import panel
from gx_leakage.gx.pictures import frame_line, heat_map, late_features, moments, scores, time_lines

if TYPE_CHECKING:
    from gx_leakage.gx.expectation import CrossBatchExpectation

__all__ = ["arguments", "evidence", "observed", "prescription", "sentence", "statement"]

_MORE = {
    "exclude_columns": "Left out: $exclude_columns.",
    "target_column": "Target: $target_column.",
    "order": "In this order: $order.",
    "gap": "Gap: $gap.",
    "embargo": "Embargo: $embargo.",
    "unit": "Compared by $unit.",
    "normalize": "Compared after $normalize.",
    "split_column": "Splits: the values of $split_column.",
    "mostly": "At least $mostly of the rows must be free of the leak.",
}


def arguments(expectation: type[CrossBatchExpectation], kwargs: Mapping[str, Any]) -> dict[str, str]:
    """Return the arguments that the sentence shows, as text."""
    found = {}
    for name in dict.fromkeys((*expectation.sentence_arguments, *_MORE)):
        fields = expectation.__fields__
        value = kwargs.get(name, fields[name].default if name in fields else None)
        if name == "mostly" and isinstance(value, (int, float)):
            value = None if value == 1 else f"{100 * value:.4g} %"
        if value not in (None, [], ()):
            found[name] = _words(value)
    if "$columns" in expectation.sentence:
        found.setdefault("columns", "all columns")
    return found


def sentence(expectation: type[CrossBatchExpectation], kwargs: Mapping[str, Any]) -> str:
    """Return the template of the sentence: what is expected, then the arguments that are not at their default."""
    given = arguments(expectation, kwargs)
    more = [words for name, words in _MORE.items() if name in given and f"${name}" not in expectation.sentence]
    return " ".join([expectation.sentence, *more])


def prescription(
    expectation: type[CrossBatchExpectation], kwargs: Mapping[str, Any], styling: Mapping[str, Any] | None
) -> list[Block]:
    """Return the sentence for a suite's or a validation's page."""
    return [text(sentence(expectation, kwargs), arguments(expectation, kwargs), default=styling)]


def observed(result: Mapping[str, Any] | None) -> Block:
    """Return what was found, in words."""
    if not result or "details" not in result:
        return text("--")
    return text("$summary", {"summary": result["details"]["summary"]})


def statement(result: Any) -> list[Block]:
    """Return how much leaked, or why the check could not be made."""
    failure = _exception(result.exception_info or {})
    if failure is not None:
        message, trace = failure
        return [
            text(
                "$what could not be checked: $message",
                {
                    "what": result.expectation_config.type if result.expectation_config else "This",
                    "message": message,
                },
                tag="strong",
                styles={"color": "#b02a37"},
            ),
            collapse("Show exception traceback...", [code(trace)]),
        ]
    found = result.result or {}
    if not found.get("unexpected_count"):
        return []
    tolerated = " This is tolerated by mostly." if result.success else ""
    return [
        text(
            f"$leaked of $rows judged rows are leaked ($percent).{tolerated}",
            {
                "leaked": f"{found['unexpected_count']:,}",
                "rows": f"{found['element_count']:,}",
                "percent": f"{found['unexpected_percent']:.4g} %",
            },
            tag="strong",
            styles={"color": "#b02a37"},
        )
    ]


def evidence(expectation: type[CrossBatchExpectation], result: Mapping[str, Any] | None) -> list[Block] | None:
    """Return the evidence: the splits, the pairs that leak, samples, the query, and the handbook where it leaks."""
    if not result or "details" not in result:
        return None
    details = result["details"]
    blocks = [_splits(details)]
    if details.get("overlap"):
        blocks.append(_pairs(details["overlap"], _unit(details)))
    if "overlap" in details:
        blocks.append(heat_map(details))
    if "damage" in details:
        blocks.append(text("$damage", {"damage": details["damage"]["summary"]}, tag="p"))
    timely = all("first" in split for split in details["splits"])
    if "order" in details and timely:
        late = {pair["splits"][1] for pair in details["early"]}
        blocks.append(time_lines(details["splits"], details["order"], late))
    if "windows" in details and timely:
        blocks.append(time_lines(details["splits"], [split["name"] for split in details["splits"]], set()))
    if "features" in details:
        blocks.append(late_features(details))
    if "columns" in details:
        blocks.append(moments(details) if "fitted_splits" in details["columns"][0] else scores(details))
    if details.get("sequence"):
        blocks.append(frame_line(details))
    samples = result.get("partial_unexpected_list")
    if samples:
        blocks.append(_samples(samples))
    if details.get("leaked_rows_query"):
        blocks.append(collapse("Query that finds every leaked row", [code(details["leaked_rows_query"])]))
    if result.get("unexpected_count"):
        blocks.append(panel(expectation.case))
    return blocks


def _unit(details: Mapping[str, Any]) -> str:
    """Return what is shared: whole rows, or keys."""
    return "rows" if "compared" in details else "keys"


def _splits(details: Mapping[str, Any]) -> Block:
    titles = {
        "name": "Split",
        "rows": "Rows",
        "keys": f"Distinct {_unit(details)}",
        "null_keys": _unknown(details),
        "leaked": "Leaked rows",
        "first": "First",
        "last": "Last",
    }
    if "compared" in details:
        del titles["null_keys"]  # NULL is a value there
    shown = [key for key in titles if key in details["splits"][0]]
    return table([titles[key] for key in shown], [[split[key] for key in shown] for split in details["splits"]])


def _unknown(details: Mapping[str, Any]) -> str:
    if "columns" in details:
        return "Rows without a target"
    return "Rows without a key" if "overlap" in details or "frames" in details else "Rows without a time"


def _pairs(overlap: list[dict[str, Any]], unit: str) -> Block:
    rows = []
    for pair in overlap:
        first, second = pair["splits"]
        rows.append(
            [
                f"{first} and {second}",
                pair["keys"],
                f"{pair['rows'][first]:,} in {first}, {pair['rows'][second]:,} in {second}",
            ]
        )
    return table([f"Splits that share {unit}", f"Distinct shared {unit}", "Rows that are shared"], rows)


def _samples(samples: list[Any]) -> Block:
    if isinstance(samples[0], Mapping):
        # A column's name is data too, and headers are not escaped: it stands before its value.
        return table(["Sample of what leaks"], [[_row(s)] for s in samples])
    return table(["Sample of what leaks"], [[", ".join("NULL" if s is None else str(s) for s in samples)]])


def _row(sample: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in sample.items())


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        if "$PARAMETER" in value:
            return f"the parameter {value['$PARAMETER']}"
        return ", ".join(f"{key} ({one})" for key, one in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return str(value)


def _exception(info: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return message and traceback; GX puts them under a metric's id when a metric raised them."""
    entries = [info] if "raised_exception" in info else list(info.values())
    for entry in entries:
        if entry.get("raised_exception"):
            return str(entry.get("exception_message")), str(entry.get("exception_traceback"))
    return None
