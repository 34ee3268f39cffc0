"""Passages of the test texts that stand in train: benchmark contamination."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Union

from great_expectations.compatibility import pydantic

from gx_leakage.gx.blocks import Block
from gx_leakage.gx.expectation import Parameter
from gx_leakage.leaks.texts import ngrams
from gx_leakage.leaks.texts.ngrams import SharedPassages, SplitTexts
from gx_leakage.leaks.texts.of_texts import OfTexts
from gx_leakage.leaks.texts.picture import shared_words
from gx_leakage.leaks.texts.words import passages_summary
from gx_leakage.sql.values import rounded

__all__ = ["ExpectNoSharedNgramsAcrossBatches"]


class ExpectNoSharedNgramsAcrossBatches(OfTexts):
    """Expect no judged text to have a passage of ``n`` words in common with a text of train.

    A language model that has read the questions of a benchmark, or the texts that they were taken from, answers from
    memory. Thirteen words in a row hardly ever agree by chance; that is how GPT-3's authors looked for what of their
    benchmarks was in train (Brown et al. 2020, arXiv 2005.14165, appendix C).

    Texts are compared in NFC and lower case, without punctuation, word by word; in scripts that put no blanks between
    words each character is one. A judged text is leaked when ``min_shared`` of its passages, which may overlap, are in
    train. Passages that more than half of the texts of both sides have (the frame of a prompt) count for nothing; where
    all that is shared stands in more than ten texts of train each, the finding is a suspicion. Texts that are NULL, or
    have fewer than ``n`` words, cannot be judged: ``null_keys`` and ``short``. Counts are exact.

    Only the column itself leaves the database, and passes by in pieces; what is kept are the passages of judged texts.

    Args:
        text_column: The texts.
        n: The words of a passage.
        min_shared: So many shared passages make a text leaked: ``n + min_shared - 1`` words in a row, or more than one
            place.

    The observed value is the number of leaked texts. See the page ``benchmark_contamination`` of the handbook.
    """

    n: Union[int, Parameter] = pydantic.Field(default=13, description="The words of a passage.")
    min_shared: Union[int, Parameter] = pydantic.Field(
        default=1, description="So many shared passages make a text leaked."
    )

    case: ClassVar[str] = "benchmark_contamination"
    evidence: ClassVar[Any] = ngrams
    checks: ClassVar[str] = "shared passages"
    place: ClassVar[int] = 10
    sentence: ClassVar[str] = "No $text_column may have $n words in a row in common with one of train."
    sentence_arguments: ClassVar[tuple[str, ...]] = ("text_column", "n")
    of_split: ClassVar[Mapping[str, str]] = {"null_keys": "Rows without a text", "short": "Texts of too few words"}
    how_to_tell: ClassVar[str] = (
        "Read the passages: what is a licence, a greeting or a quotation says nothing of what was asked. A larger n "
        "or min_shared leaves them out."
    )

    class Config:
        title = "Expect no shared n-grams across batches"

    def question(self, samples: int) -> dict[str, Any]:
        """Ask which judged texts share passages with train."""
        return {
            "text": self.text_column,
            "n": self.n,
            "min_shared": self.min_shared,
            "train": self.train,
            "samples": samples,
        }

    def _summary(self, evidence: SharedPassages) -> str:
        return passages_summary(evidence, str(self.text_column), int(self.n), str(self.train))  # type: ignore[arg-type]

    def _of_split(self, split: SplitTexts) -> dict[str, Any]:
        share = rounded(split.shared_words / split.words) if split.words else 0.0
        return {"longest_run": split.longest, "shared_words": share}

    def _details(self, evidence: SharedPassages) -> dict[str, Any]:
        return {
            "ngrams": {"distinct": evidence.distinct, "shared": evidence.shared, "in_most_texts": evidence.frame},
            "computed_in": f"this process, by Arrow: of all columns '{self.text_column}' alone was read",
            **({"severity": "warning"} if evidence.widely_shared else {}),
        }

    @classmethod
    def picture(cls, details: Mapping[str, Any]) -> list[Block]:
        """Return what the evidence looks like."""
        return [shared_words(details)]
