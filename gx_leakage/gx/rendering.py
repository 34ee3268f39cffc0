"""What Data Docs show of an Expectation: its sentence, what was observed, the evidence as a table and a picture, help.

Every value of the data, the name of a split included, goes through a parameter of a string template: GX escapes those,
and nothing else. What is shown of a family of leaks is the family's own: its pictures are blocks as these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gx_leakage.gx.blocks import Block, code, collapse, table, text
from gx_leakage.gx.handbook import panel
from gx_leakage.gx.verdicts import Verdict, severity_of
from gx_leakage.gx.words import line

__all__ = ["arguments", "evidence", "observed", "prescription", "sentence", "statement"]

_MORE = {
    "exclude_columns": "Left out: $exclude_columns.",
    "target_column": "Target: $target_column.",
    "normalize": "Compared after $normalize.",
    "split_column": "Splits: the values of $split_column.",
    "mostly": "At least $mostly of the rows must be free of the leak.",
}
"""Sentences on arguments that many Expectations have; the others' own are their ``more``."""


def arguments(expectation: Any, kwargs: Mapping[str, Any]) -> dict[str, str]:
    """Return the arguments that the sentence shows, as text."""
    found = {}
    for name in dict.fromkeys((*expectation.sentence_arguments, *expectation.more, *_MORE)):
        fields = expectation.__fields__
        value = kwargs.get(name, fields[name].default if name in fields else None)
        if name == "mostly" and isinstance(value, (int, float)):
            value = None if value == 1 else f"{100 * value:.4g} %"
        if value not in (None, [], ()):
            found[name] = _words(value)
    if "$columns" in expectation.sentence:
        found.setdefault("columns", "all columns")
    return found


def sentence(expectation: Any, kwargs: Mapping[str, Any]) -> str:
    """Return the template of the sentence: what is expected, then the arguments that are not at their default."""
    given = arguments(expectation, kwargs)
    further = {**expectation.more, **_MORE}
    more = [words for name, words in further.items() if name in given and f"${name}" not in expectation.sentence]
    return " ".join([expectation.sentence, *more])


def prescription(expectation: Any, kwargs: Mapping[str, Any], styling: Mapping[str, Any] | None) -> list[Block]:
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
    severity = severity_of(found, result.expectation_config.severity if result.expectation_config else "critical")
    verdict = Verdict.of(success=bool(result.success), severity=severity)
    aside = " $how_to_tell" if verdict is Verdict.SUSPICION else ""
    what = "would leak" if verdict is Verdict.SUSPICION else "are leaked"
    mark = "" if verdict is Verdict.PASSED else f"{verdict.mark}: "
    return [
        text(
            f"{mark}$leaked of $rows judged rows {what} ($percent).{aside}",
            {
                "how_to_tell": found.get("details", {}).get("how_to_tell", ""),
                "leaked": f"{found['unexpected_count']:,}",
                "rows": f"{found['element_count']:,}",
                "percent": f"{found['unexpected_percent']:.4g} %",
            },
            tag="strong",
            styles={"color": "#8a5a00" if verdict is Verdict.SUSPICION else "#b02a37"},
        )
    ]


def evidence(expectation: Any, result: Mapping[str, Any] | None, *, told: bool = False) -> list[Block] | None:
    """Return the evidence: the splits, the pairs that leak, samples, the query, and the handbook where it leaks.

    Where it is ``told``, the damage and the samples stand above already.
    """
    if not result or "details" not in result:
        return None
    details = result["details"]
    blocks = [_splits(details, expectation.of_split), *expectation.picture(details)]
    if "damage" in details and not told:
        blocks.append(text("$damage", {"damage": details["damage"]["summary"]}, tag="p"))
    if result.get("partial_unexpected_list") and not told:
        blocks.append(_samples(result["partial_unexpected_list"], details.get("telling_columns", ())))
    if details.get("leaked_rows_query"):
        blocks.append(collapse("Query that finds every leaked row", [code(details["leaked_rows_query"])]))
    if result.get("unexpected_count"):
        blocks.append(panel(expectation.case))
    return blocks


def _splits(details: Mapping[str, Any], titles: Mapping[str, str]) -> Block:
    titles = {"name": "Split", "rows": "Rows", **titles}
    shown = [key for key in titles if key in details["splits"][0]]
    return table([titles[key] for key in shown], [[split[key] for key in shown] for split in details["splits"]])


def _samples(samples: list[Any], first: Sequence[str]) -> Block:
    if isinstance(samples[0], Mapping):
        # A column's name is data too, and headers are not escaped: it stands before its value.
        return table(["Sample of what leaks"], [[line(sample, first, ": ")] for sample in samples])
    return table(["Sample of what leaks"], [[", ".join("NULL" if s is None else str(s) for s in samples)]])


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
