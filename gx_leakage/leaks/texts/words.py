"""What texts have in common, in plain words."""

from __future__ import annotations

from collections.abc import Sequence

from gx_leakage.gx.words import joined
from gx_leakage.leaks.texts.ngrams import WIDELY, SharedPassages, SplitTexts
from gx_leakage.leaks.texts.similar import FEWEST_RUNS, SimilarTexts, SplitSimilarity

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
    said = [_found(parts, [s.name for s in judged], f"No {column}", f"shares {n} words in a row with one in {train}")]
    if evidence.widely_shared:
        said.append(
            f"But each such passage stands in more than {WIDELY} texts of {train}, as what many texts quote does."
        )
    if evidence.frame:
        said.append(
            f"{evidence.frame:,} passages that more than half of all texts have, on both sides, were not counted."
        )
    return " ".join([*said, *_unchecked(evidence.splits, f"{n} words")])


def similarity_summary(evidence: SimilarTexts, column: str, bound: str, train: str) -> str:
    """Return one sentence on the leaked texts, and what was not looked at."""
    judged = [split for split in evidence.splits if split.name != train]
    parts = [
        f"{s.leaked:,} of {s.rows:,} texts in {s.name} are more than {bound} similar to one in {train}, and {s.same:,} "
        f"of them the same but for capitals and punctuation"
        for s in judged
        if s.leaked
    ]
    found = _found(parts, [s.name for s in judged], f"No {column}", f"is more than {bound} similar to one in {train}")
    return " ".join([found, *_unchecked(evidence.splits, f"{FEWEST_RUNS} runs of five characters")])


def _found(parts: list[str], judged: list[str], none: str, does: str) -> str:
    return f"{joined(parts, most=2)}." if parts else f"{none} in {joined(judged)} {does}."


def _unchecked(splits: Sequence[SplitTexts | SplitSimilarity], fewest: str) -> list[str]:
    """Return what was not looked at, for want of a text or of so much of one."""
    unknown = [f"{s.null_keys:,} in {s.name}" for s in splits if s.null_keys]
    short = [f"{s.short:,} in {s.name}" for s in splits if s.short]
    said = {"Without a text": unknown, f"Of fewer than {fewest}": short}
    return [f"{which}, and so not checked, are {joined(counts)}." for which, counts in said.items() if counts]
