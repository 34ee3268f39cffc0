"""Texts of the test that were changed a little and stand in train."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Union

from great_expectations.compatibility import pydantic

from gx_leakage.gx.blocks import Block
from gx_leakage.gx.expectation import Parameter
from gx_leakage.leaks.texts import similar
from gx_leakage.leaks.texts.of_texts import OfTexts
from gx_leakage.leaks.texts.picture import similar_texts
from gx_leakage.leaks.texts.similar import SimilarTexts, SplitSimilarity
from gx_leakage.leaks.texts.words import similarity_summary

__all__ = ["ExpectNoNearDuplicateTextsAcrossBatches"]


class ExpectNoNearDuplicateTextsAcrossBatches(OfTexts):
    """Expect no judged text to be nearly the same as a text of train.

    A word was changed, a full stop added, capitals were: for a model, and for whoever asks whether it has learned
    anything, that is the text that it was trained on.

    Texts are compared in NFC and lower case, without punctuation, by the runs of five characters in them: a judged text
    is leaked when the Jaccard similarity to a text of train is above ``max_similarity``, and half of that beside the
    runs that more than half of all texts have. Candidates are found by MinHash, with a chance of at most 1 in 2,000 to
    miss one at the bound, and compared in full. Texts that are NULL, or have fewer than 20 different runs, cannot be
    judged: ``null_keys`` and ``short``.

    Only the column itself leaves the database, and train passes by in pieces; judged texts are held.

    Args:
        text_column: The texts.
        max_similarity: How similar texts may be, between 0 and 1.

    The observed value is the number of leaked texts. See the page ``near_duplicate_texts`` of the handbook.
    """

    max_similarity: Union[float, Parameter] = pydantic.Field(
        default=0.8, description="How similar texts may be, between 0 and 1."
    )

    case: ClassVar[str] = "near_duplicate_texts"
    evidence: ClassVar[Any] = similar
    checks: ClassVar[str] = "nearly equal texts"
    place: ClassVar[int] = 20
    sentence: ClassVar[str] = "No $text_column may be more than $max_similarity similar to one of train."
    sentence_arguments: ClassVar[tuple[str, ...]] = ("text_column", "max_similarity")
    of_split: ClassVar[Mapping[str, str]] = {"null_keys": "Rows without a text", "short": "Texts that are too short"}

    class Config:
        title = "Expect no near-duplicate texts across batches"

    def question(self, samples: int) -> dict[str, Any]:
        """Ask which judged texts are nearly the same as one of train."""
        return {
            "text": self.text_column,
            "max_similarity": self.max_similarity,
            "train": self.train,
            "samples": samples,
        }

    def _summary(self, evidence: SimilarTexts) -> str:
        return similarity_summary(evidence, str(self.text_column), str(self.max_similarity), str(self.train))

    def _of_split(self, split: SplitSimilarity) -> dict[str, Any]:
        return {"the_same": split.same}

    def _details(self, evidence: SimilarTexts) -> dict[str, Any]:
        return {
            "candidates": evidence.candidates,
            "computed_in": f"this process, by numpy: of all columns '{self.text_column}' alone was read",
        }

    @classmethod
    def picture(cls, details: Mapping[str, Any]) -> list[Block]:
        """Return what the evidence looks like."""
        return [similar_texts(details)]
