"""The few kinds of content blocks that pages are built of, with all values escaped.

They are blocks of GX, which Data Docs show; :mod:`gx_leakage.gx.markup` makes the pages of our own of the same ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from great_expectations.render import (
    CollapseContent,
    RenderedStringTemplateContent,
    RenderedTableContent,
)

__all__ = ["EMPTY", "LEAKED", "TRAIN", "Block", "Drawing", "Stretch", "cell", "code", "collapse", "filled"]
__all__ += ["strip", "table", "text"]

Block = Any
"""A content block of GX."""

TRAIN, LEAKED, EMPTY = "var(--train, #2471a3)", "var(--leaked, #c0392b)", "var(--empty, #f4f6f7)"
"""The colours of what is as it should be, of what leaks, and of nothing: those of the page, or else these."""

WIDEST = "var(--widest, min(46vw, 37rem))"
"""The column that Data Docs have for us."""

BORDER = {"border": "1px solid var(--line, #dee2e6)", "padding": "2px var(--gap, 8px)"}
BARE = {"border": "0", "padding": "0"}
"""The title of a cell of a picture, which has none."""

LEAST_LENGTH = 0.01
"""What is there is seen, however short it is."""


class Drawing(str):
    """A picture in a cell, as SVG. It holds numbers and colours, never a text: GX shows it as it is written."""


@dataclass(frozen=True)
class Stretch:
    """A part of a line that goes from 0 to 1."""

    start: float
    end: float
    colour: str
    height: float = 1.0
    """Of the height of the line."""


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
    body = [
        [value if isinstance(value, Drawing) or hasattr(value, "string_template") else cell(value) for value in row]
        for row in rows
    ]
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
                    "max-width": WIDEST,
                    "width": "fit-content",
                },
            }
        },
    )


def strip(stretches: Sequence[Stretch]) -> Drawing:
    """Return a line with stretches of colour, for a cell: it is as wide as there is room, and needs no script."""
    style = "display:block;width:100%;min-width:6rem;height:1rem"
    drawn = ElementTree.Element("svg", {"aria-hidden": "true", "style": style})
    for one in (Stretch(0, 1, EMPTY), *stretches):
        length = max(one.end - one.start, LEAST_LENGTH)
        place = {
            "x": min(one.start, 1 - length), "y": (1 - one.height) / 2, "width": length, "height": one.height
        }  # fmt: skip
        shares = {name: f"{100 * share:.2f}%" for name, share in place.items()}
        ElementTree.SubElement(drawn, "rect", {**shares, "style": f"fill:{one.colour}"})
    return Drawing(ElementTree.tostring(drawn, encoding="unicode", short_empty_elements=False))


def filled(share: float, colour: str) -> Drawing:
    """Return a bar that is as long as a share from 0 to 1."""
    return strip([Stretch(0, min(1.0, share), colour)] if share > 0 else [])


def code(source: str) -> Block:
    """Return source code, its lines and blanks kept."""
    # The styles are the parameter's own: GX puts blanks of its template around it.
    styling = {
        "params": {
            "source": {
                "tag": "code",
                "styles": {"white-space": "pre-wrap", "display": "block", "max-width": WIDEST},
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
