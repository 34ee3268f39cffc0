"""Blocks as HTML: one page that needs nothing else, or a part of a notebook.

Elements are built, never glued together of texts, and one place writes them out: what is a text stays one, whatever
stands in it. Of a block only what our own make is heeded: its tags and styles, no links and no attributes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Union
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from gx_leakage.disclosure import printable
from gx_leakage.gx.blocks import Block, Drawing

__all__ = ["Child", "element", "folded", "fragment", "of_block", "of_blocks", "page"]

Child = Union[Element, str]

NOTHING_ELSE = "default-src 'none'; style-src 'unsafe-inline'"
"""No script, no picture and no font of elsewhere: whatever a page holds, a browser loads and runs nothing for it."""

SHORT = 24
"""A cell with so few characters is not broken: a date, a number."""

_NAME = re.compile(r"\$(\w+)")
# Permanently unassigned characters, which HTML does not allow.
_NO_CHARACTERS = re.compile("[\ufdd0-\ufdef\ufffe\uffff]|[^\x00-\U0010fffd]")


def element(tag: str, *children: Child, **attributes: str) -> Element:
    """Return an element. ``class_`` is its class; control characters in its texts are written out."""
    made = Element(tag, {name.rstrip("_"): _text(value) for name, value in attributes.items()})
    for child in children:
        if isinstance(child, Element):
            made.append(child)
        elif len(made):
            made[-1].tail = (made[-1].tail or "") + _text(child)
        else:
            made.text = (made.text or "") + _text(child)
    return made


def folded(summary: Iterable[Child], *children: Child, **attributes: str) -> Element:
    """Return what is shown when its summary is pressed, and in print."""
    return element("details", element("summary", *summary), *children, **attributes)


def of_blocks(blocks: Iterable[Block]) -> list[Element]:
    """Return the elements of blocks."""
    return [of_block(block) for block in blocks]


def of_block(block: Block) -> Element:
    """Return the element of a block: of a text, of a table or of what is folded up."""
    kind = getattr(block, "content_block_type", None)
    if kind == "string_template":
        return _of_template(block.string_template)
    if kind == "table":
        return _of_table(block)
    if kind == "collapse":
        return folded([str(block.collapse_toggle_link)], *of_blocks(block.collapse))
    return element("p", f"Data Docs show more here ({kind or type(block).__name__}).")


def page(title: str, children: Sequence[Element]) -> str:
    """Return a page in ASCII, so that it is the same however it is stored and sent."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", **{"http-equiv": "Content-Security-Policy", "content": NOTHING_ELSE}),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
    )
    body = element("body", *_styled(children), style="margin:0")
    return "<!DOCTYPE html>\n" + _written(element("html", head, body, lang="en")) + "\n"


def fragment(children: Sequence[Element]) -> str:
    """Return a part of another page, such as a notebook; its styles are for itself."""
    return _written(element("div", *_styled(children)))


def _styled(children: Sequence[Element]) -> list[Element]:
    style = Element("style")
    style.text = _styles()
    return [style, element("div", *children, class_="gx-leakage")]


@cache
def _styles() -> str:
    return Path(__file__).with_name("page.css").read_text(encoding="ascii")


def _written(made: Element) -> str:
    return str(ElementTree.tostring(made, encoding="us-ascii", method="html"), "ascii")


def _text(text: str) -> str:
    return _NO_CHARACTERS.sub("\N{REPLACEMENT CHARACTER}", printable(text))


def _of_template(told: Mapping[str, Any]) -> Element:
    styling = told.get("styling") or {}
    of_parameters = styling.get("params") or {}
    params = told.get("params") or {}
    children: list[Child] = []
    for place, part in enumerate(_NAME.split(told["template"])):
        if place % 2 == 0:
            children.append(part)
        elif part in of_parameters:
            how = of_parameters[part]
            children.append(_styled_element(how.get("tag", "span"), [str(params[part])], how.get("styles")))
        else:
            children.append(str(params[part]) if part in params else f"${part}")
    return _styled_element(told.get("tag") or "span", children, styling.get("styles"))


def _of_table(block: Any) -> Element:
    header, body = (block.header_row, block.table) if block.header_row else (block.table[0], block.table[1:])
    rows = [element("tr", *(_of_cell("th", one) for one in header))]
    rows += [element("tr", *(_of_cell("td", one) for one in row)) for row in body]
    return element("div", element("table", *rows), class_="scroll")


def _of_cell(tag: str, held: Any) -> Element:
    if isinstance(held, Drawing):
        return element(tag, ElementTree.fromstring(held), class_="picture")  # noqa: S314 (it is our own)
    styling = getattr(held, "styling", None) or {}
    made = _styled_element(
        tag, [held if isinstance(held, str) else of_block(held)], styling.get("parent", {}).get("styles")
    )
    if len("".join(made.itertext())) <= SHORT:
        made.set("class", "short")
    return made


def _styled_element(tag: str, children: Sequence[Child], styles: Mapping[str, str] | None) -> Element:
    style = ";".join(f"{name}:{value}" for name, value in (styles or {}).items())
    return element(tag, *children, **({"style": style} if style else {}))
