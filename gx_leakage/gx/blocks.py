"""The few kinds of content blocks that Data Docs are built of, with all values escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from great_expectations.render import (
    CollapseContent,
    RenderedStringTemplateContent,
    RenderedTableContent,
)

__all__ = ["EMPTY", "LEAKED", "STEPS", "TRAIN", "Block", "bar", "cell", "code", "collapse", "pixel", "table", "text"]

Block = Any
"""A content block of GX."""

STEPS = 30
"""Cells in a line or a bar of a picture: pictures are tables, which are seen without scripts and without a network."""

TRAIN, LEAKED, EMPTY = "#2471a3", "#c0392b", "#f4f6f7"
"""The colours of what is as it should be, of what leaks, and of nothing."""

BORDER = {"border": "1px solid #dee2e6", "padding": "2px 8px"}
BARE = {"border": "0", "padding": "0"}
"""The title of a cell of a picture, which has none."""


def text(
    template: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    tag: str = "span",
    styles: Mapping[str, str] | None = None,
    default: Mapping[str, Any] | None = None,
) -> Block:
    """Return text; ``parameters`` are the values for the ``$names`` in ``template``, and are escaped."""
    styling: dict[str, Any] = dict(default or {})
    if styles:
        styling["styles"] = dict(styles)
    return RenderedStringTemplateContent(
        content_block_type="string_template",
        string_template={
            "template": template,
            "params": {name: _shown(value) for name, value in (parameters or {}).items()},
            "tag": tag,
            "styling": styling,
        },
    )


def cell(value: Any, styles: Mapping[str, str] | None = None) -> Block:
    """Return a table's cell; ``styles`` are those of the cell itself."""
    return RenderedStringTemplateContent(
        content_block_type="string_template",
        string_template={"template": "$value", "params": {"value": _shown(value)}},
        styling={"parent": {"styles": {**BORDER, **(styles or {})}}},
    )


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> Block:
    """Return a table. Its header is a row of cells: GX neither escapes header cells nor keeps them apart."""
    titles = [cell(title, {"font-weight": "bold", **({} if title else BARE)}) for title in header]
    body = [[value if hasattr(value, "string_template") else cell(value) for value in row] for row in rows]
    return RenderedTableContent(
        content_block_type="table",
        header_row=[],
        table=[titles, *body],
        styling={
            "body": {
                "classes": ["table-sm", "mt-3"],
                # A block of its own scrolls by itself where it is wider than the screen.
                "styles": {
                    "border-collapse": "collapse",
                    "margin-top": "12px",
                    "display": "block",
                    "overflow-x": "auto",
                    "max-width": "min(46vw, 37rem)",
                    "width": "fit-content",
                },
            }
        },
    )


def pixel(colour: str) -> Block:
    """Return a cell of a picture."""
    return cell("\u00a0", {"background-color": colour, "padding": "0 3px", "border": "0"})


def bar(share: float, colour: str) -> list[Block]:
    """Return the cells of a bar that is as long as a share from 0 to 1; what is there is seen, however little."""
    full = round(STEPS * min(1.0, share)) or (1 if share > 0 else 0)
    return [pixel(colour if step < full else EMPTY) for step in range(STEPS)]


def code(source: str) -> Block:
    """Return source code, its lines and blanks kept."""
    # The styles are the parameter's own: GX puts blanks of its template around it.
    styling = {
        "params": {
            "source": {
                "tag": "code",
                "styles": {"white-space": "pre-wrap", "display": "block", "max-width": "min(46vw, 37rem)"},
            }
        }
    }
    return text("$source", {"source": source}, tag="div", default=styling)


def collapse(link: str, blocks: Sequence[Block]) -> Block:
    """Return blocks behind a link (open where the page has no scripts)."""
    return CollapseContent(collapse_toggle_link=link, collapse=list(blocks))


def _shown(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10_000:
        return f"{value:,}"
    return str(value)
