"""Passages of the test texts that stand in train: benchmark contamination."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Union

from great_expectations.compatibility import pydantic

from gx_leakage.gx.blocks import Block
from gx_leakage.gx.expectation import CrossBatchExpectation, Judgement, Parameter, Text
from gx_leakage.leaks.texts import ngrams
from gx_leakage.leaks.texts.ngrams import SharedPassages
from gx_leakage.leaks.texts.picture import shared_words
from gx_leakage.leaks.texts.words import passages_summary
from gx_leakage.sql.values import rounded

__all__ = ["ExpectNoSharedNgramsAcrossBatches"]


class ExpectNoSharedNgramsAcrossBatches(CrossBatchExpectation):
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

    text_column: Text = pydantic.Field(description="The texts.")
    n: Union[int, Parameter] = pydantic.Field(default=13, description="The words of a passage.")
    min_shared: Union[int, Parameter] = pydantic.Field(
        default=1, description="So many shared passages make a text leaked."
    )

    case: ClassVar[str] = "benchmark_contamination"
    evidence: ClassVar[Any] = ngrams
    checks: ClassVar[str] = "shared passages"
    place: ClassVar[int] = 10
    roles: ClassVar[Mapping[str, str]] = {"text_column": "text"}
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

    def judge(self, evidence: SharedPassages) -> Judgement:
        """Every text with enough shared passages is a leak."""
        judged = [split for split in evidence.splits if split.name != self.train]
        return Judgement(
            observed_value=sum(split.leaked for split in judged),
            splits=[
                {"name": s.name, "rows": s.rows, "null_keys": s.null_keys, "short": s.short} for s in evidence.splits
            ],
            leaked={split.name: split.leaked for split in evidence.splits},
            summary=passages_summary(evidence, str(self.text_column), int(self.n), str(self.train)),  # type: ignore[arg-type]
            samples=evidence.samples,
            details={
                "texts": [
                    {
                        "split": s.name,
                        "checked": s.rows - s.null_keys - s.short,
                        "leaked": s.leaked,
                        "longest_run": s.longest,
                        "shared_words": rounded(s.shared_words / s.words) if s.words else 0.0,
                    }
                    for s in judged
                ],
                "ngrams": {"distinct": evidence.distinct, "shared": evidence.shared, "in_most_texts": evidence.frame},
                "computed_in": f"this process, by Arrow: of all columns '{self.text_column}' alone was read",
                **({"severity": "warning"} if evidence.widely_shared else {}),
            },
            query=evidence.leaked_rows_query,
        )

    @classmethod
    def picture(cls, details: Mapping[str, Any]) -> list[Block]:
        """Return what the evidence looks like."""
        return [shared_words(details)]
