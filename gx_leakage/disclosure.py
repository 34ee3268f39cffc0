"""What may be told: no value of the data where that is not wanted, no credentials, nothing that a terminal obeys.

Messages and results mark what is a value of the data with :func:`value`; whether it is shown is decided once, where
they leave (:func:`disclosed`). Credentials are taken out of every text by their form and by what is known of them
(:func:`redacted`). What is printed shows characters that control a terminal instead of sending them
(:func:`printable`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

__all__ = ["Value", "disclosed", "known_urls", "printable", "redacted", "value"]

HIDDEN = "…"
_OPEN, _CLOSE = "\ue000", "\ue001"  # of Unicode's private use, which no message has of its own
_MARKED = re.compile(f"{_OPEN}.*?{_CLOSE}", re.DOTALL)
_SECRET = (
    r"password|passwd|pass|pwd|secret|token|api_?key|access_?key|private_?key(?:_passphrase)?|sslpassword|credentials"  # noqa: S105
)
_IN_URL = re.compile(r"(\b[A-Za-z][\w+.-]*://[^:/?#\s@'\"]*):[^\s'\"]+@")
_NAMED = re.compile(rf"(\b[\w-]*(?:{_SECRET})[\w-]*\s*(?:=|%3D)\s*)(?:'[^']*'|[^&;\s'\"]+)", re.IGNORECASE)
_ODBC = re.compile(r"(odbc_connect=)[^&\s'\"]*", re.IGNORECASE)
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
FEWEST_CHARACTERS = 3
"""A password shorter than this is not looked for by itself: it would be found in every word."""


class Value:
    """A value of the data, to be shown or not."""

    def __init__(self, held: Any) -> None:
        self.held = held

    def __str__(self) -> str:
        return f"{_OPEN}{self.held}{_CLOSE}"

    def __format__(self, spec: str) -> str:
        return f"{_OPEN}{format(self.held, spec)}{_CLOSE}"


def value(held: Any) -> Value:
    """Mark a value of the data, for a text or for a part of a result."""
    return Value(held)


def disclosed(thing: Any, show: bool) -> Any:
    """Return a text, or a part of a result, with what is marked in it, or without."""
    if isinstance(thing, Value):
        return thing.held if show else None
    if isinstance(thing, str):
        if not show:
            return _MARKED.sub(HIDDEN, thing)
        return thing.replace(_OPEN, "").replace(_CLOSE, "")
    if isinstance(thing, Mapping):
        kept = ((name, one) for name, one in thing.items() if show or not isinstance(one, Value))
        return {name: disclosed(one, show) for name, one in kept}
    if isinstance(thing, (list, tuple)):
        return [disclosed(one, show) for one in thing if show or not isinstance(one, Value)]
    return thing


def redacted(text: str, urls: Iterable[str] = ()) -> str:
    """Return a text without credentials: those that stand in a URL or beside their name, and those of known URLs."""
    for secret in sorted({secret for url in urls for secret in _secrets(url)}, key=len, reverse=True):
        text = text.replace(secret, "***")
    text = _IN_URL.sub(r"\1:***@", text)
    text = _ODBC.sub(r"\1***", text)
    return _NAMED.sub(r"\1***", text)


def known_urls(arguments: Iterable[str] = ()) -> list[str]:
    """Return what looks like a URL among arguments and in the environment."""
    parts = [part for one in (*arguments, *os.environ.values()) for part in (one, one.partition("=")[2])]
    return [part for part in parts if "://" in part]


def _secrets(url: str) -> set[str]:
    import sqlalchemy as sa

    try:
        parsed = sa.make_url(url)
        found = [str(parsed.password)] if parsed.password else []
        query = dict(parsed.query)
    except Exception:  # noqa: BLE001 (anything may stand in an environment, and what is no URL has few secrets)
        found, query = [], {}
    for name, held in query.items():
        if re.search(_SECRET, name, re.IGNORECASE) or name.casefold() == "odbc_connect":
            found += [held] if isinstance(held, str) else list(held)
    written = re.search(r"://[^:/?#@]*:(.*)@", url)
    found += [written.group(1)] if written else []
    forms = {form for one in found for form in (one, unquote(one)) if len(form) >= FEWEST_CHARACTERS}
    # With an @ as it is in a password, what is behind it is taken for a part of the host, and told as one.
    parts = written.group(1).split("@") if written else []
    behind = {"@".join(parts[i:]) for i in range(1, len(parts))}
    before = {"@".join(parts[:i]) for i in range(1, len(parts))}
    forms |= {f"{part}@" for part in behind if part} | {p for p in behind | before if len(p) >= FEWEST_CHARACTERS}
    return forms


def printable(text: str, lines: bool = True) -> str:
    """Return a text whose control characters are written out, so that no terminal obeys them."""
    shown = _CONTROLS.sub(lambda found: f"\\u{ord(found.group()):04x}", text)
    return shown if lines else shown.replace("\n", "\\n").replace("\t", "\\t")
