"""The handbook's page of a leak, folded up below its evidence."""

from __future__ import annotations

from gx_leakage import cases
from gx_leakage.gx.blocks import Block, code, collapse, text

__all__ = ["panel"]


def panel(case_id: str) -> Block:
    """Return what the leak does, how to avoid it and a quick fix, from its page."""
    case = cases.get(case_id)
    blocks = [
        _titled("What it does", case.effect),
        _titled("How to avoid it", case.section("How to avoid")),
        _titled("Quick fix", ""),
        code(case.quick_fix["fixed"]),
        text("More: gx-leakage cases $id", {"id": case.id}, tag="p"),
    ]
    return collapse(f"From the handbook: {case.title}", blocks)


def _titled(title: str, body: str) -> Block:
    paragraphs = "\n\n".join(" ".join(paragraph.split()) for paragraph in body.split("\n\n"))
    styles = {"white-space": "pre-line"}
    return text("$title $body", {"title": f"{title}.", "body": paragraphs}, tag="p", styles=styles)
