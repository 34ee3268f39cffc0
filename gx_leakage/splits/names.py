"""The words that the name of a column is made of."""

from __future__ import annotations

import re

__all__ = ["words_of"]

_WORD = re.compile(r"[^\W\d_]+|\d+")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def words_of(name: str) -> tuple[str, ...]:
    """Return the words of a name in lower case, split at what is no letter, before capitals, and at digits.

    ``patientId``, ``PATIENT_ID`` and ``patient.id2`` have the words patient and id; ``allstudents`` is one word.
    """
    return tuple(word.casefold() for part in _WORD.findall(name) for word in _HUMP.split(part))
