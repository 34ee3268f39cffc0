"""How close vectors are, in plain words."""

from __future__ import annotations

from gx_leakage.gx.words import joined
from gx_leakage.leaks.embeddings.closeness import FEWEST, Closeness

__all__ = ["summary"]


def summary(evidence: Closeness, bound: str, train: str) -> str:
    """Return what was found, what was found and is no leak, and what was not looked at."""
    judged = [split for split in evidence.splits if split.name != train]
    closer = f", and closer to it than vectors of {train} are to one another" if evidence.natural else ""
    parts = [
        f"{s.leaked:,} of {s.rows:,} vectors in {s.name} are more than {bound} similar to one in {train}{closer}; "
        f"{s.same:,} of them are the same, or (cosine) point the same way"
        for s in judged
        if s.leaked
    ]
    none = f"No vector in {joined([s.name for s in judged])} is more than {bound} similar to one in {train}{closer}"
    said = [f"{joined(parts, most=2) if parts else none}."]
    beyond = [f"{s.above - s.leaked:,} in {s.name}" for s in judged if s.above > s.leaked]
    own = next(s.nearest for s in evidence.splits if s.name == train)
    if beyond:
        said.append(
            f"Beside those, {joined(beyond)} are more than {bound} similar to one in {train}, but not so much closer "
            f"to it than to the others around it as copies are (half of those of {train} have another one that is "
            f"{own[0]:.4g} similar or more): either that is how near different things are here, or most have copies "
            f"within {train} too."
        )
    if evidence.natural is None:
        said.append(f"{train} has fewer than {FEWEST} different vectors: how close is usual could not be told.")
    for which, counts in {
        "Without a vector, or with a gap in it": [(s.name, s.null_keys) for s in evidence.splits],
        "Of zeros, which have no direction, or infinite": [(s.name, s.undefined) for s in evidence.splits],
    }.items():
        some = [f"{count:,} in {name}" for name, count in counts if count]
        if some:
            said.append(f"{which}, and so not checked, are {joined(some)}.")
    return " ".join(said)
