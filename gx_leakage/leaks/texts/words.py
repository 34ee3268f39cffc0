"""What texts have in common, in plain words."""

from __future__ import annotations

from gx_leakage.gx.words import joined
from gx_leakage.leaks.texts.ngrams import WIDELY, SharedPassages
from gx_leakage.leaks.texts.similar import FEWEST_RUNS, SimilarTexts

__all__ = ["passages_summary", "similarity_summary"]


def passages_summary(evidence: SharedPassages, column: str, n: int, train: str) -> str:
    """Return one sentence on the leaked texts, and what was not looked at."""
    judged = [split for split in evidence.splits if split.name != train]
    parts = [
        f"{s.leaked:,} of {s.rows:,} texts in {s.name} share {n} or more words in a row with one in {train}, "
        f"{s.longest:,} at most"
        for s in judged
        if s.leaked
    ]
    clean = f"No {column} in {joined([s.name for s in judged])} shares {n} words in a row with one in {train}."
    said = [f"{joined(parts, most=2)}." if parts else clean]
    if evidence.widely_shared:
        said.append(
            f"But each such passage stands in more than {WIDELY} texts of {train}, as what many texts quote does."
        )
    if evidence.frame:
        said.append(
            f"{evidence.frame:,} passages that more than half of all texts have, on both sides, were not counted."
        )
    unknown = [f"{s.null_keys:,} in {s.name}" for s in evidence.splits if s.null_keys]
    short = [f"{s.short:,} in {s.name}" for s in evidence.splits if s.short]
    if unknown:
        said.append(f"Without a text, and so not checked, are {joined(unknown)}.")
    if short:
        said.append(f"Of fewer than {n} words, and so not checked, are {joined(short)}.")
    return " ".join(said)


def similarity_summary(evidence: SimilarTexts, column: str, bound: str, train: str) -> str:
    """Return one sentence on the leaked texts, and what was not looked at."""
    judged = [split for split in evidence.splits if split.name != train]
    parts = [
        f"{s.leaked:,} of {s.rows:,} texts in {s.name} are more than {bound} similar to one in {train}, and {s.same:,} "
        f"of them the same but for capitals and punctuation"
        for s in judged
        if s.leaked
    ]
    clean = f"No {column} in {joined([s.name for s in judged])} is more than {bound} similar to one in {train}."
    said = [f"{joined(parts, most=2)}." if parts else clean]
    unknown = [f"{s.null_keys:,} in {s.name}" for s in evidence.splits if s.null_keys]
    short = [f"{s.short:,} in {s.name}" for s in evidence.splits if s.short]
    if unknown:
        said.append(f"Without a text, and so not checked, are {joined(unknown)}.")
    if short:
        said.append(f"Of fewer than {FEWEST_RUNS} runs of five characters, and so not checked, are {joined(short)}.")
    return " ".join(said)
