"""Vectors of the test that are nearly the same as one of train."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Union

from great_expectations.compatibility import pydantic

from gx_leakage.gx.blocks import Block
from gx_leakage.gx.expectation import CrossBatchExpectation, Judgement, Parameter, Text, Texts
from gx_leakage.gx.planning import Given
from gx_leakage.leaks.embeddings import closeness
from gx_leakage.leaks.embeddings.closeness import Closeness
from gx_leakage.leaks.embeddings.picture import nearest_vectors
from gx_leakage.leaks.embeddings.words import summary
from gx_leakage.sql.keys import NUMBERS
from gx_leakage.sql.values import rounded

__all__ = ["ExpectNoNearDuplicateEmbeddingsAcrossBatches"]


class ExpectNoNearDuplicateEmbeddingsAcrossBatches(CrossBatchExpectation):
    """Expect no judged vector to be nearly the same as one of train.

    A picture was cropped, a text translated, a product photographed twice: no two rows are equal, but their embeddings
    nearly are, and the model has seen the answer. 3.3 % of the test images of CIFAR-10 and 10 % of those of CIFAR-100
    have duplicates in train (Barz and Denzler 2020, arXiv 1902.00423).

    A judged vector is leaked when it is more than ``max_similarity`` similar to one of train, and closer to it than
    vectors of train are to one another: so much closer than its tenth neighbour in train as chance makes it for one in
    a hundred times as many vectors as train has. Copies within train hardly change what is usual there. Where train has
    fewer than 50 vectors the bound alone decides. Vectors that are NULL or have a gap (``null_keys``), and those of
    zeros, which have no direction, or infinite ones (``undefined``), cannot be judged. All pairs are compared.

    Only these columns leave the database, once, into temporary files; memory does not grow with them.

    Args:
        embedding_columns: One column of arrays (or of texts such as ``[0.1, 0.2]``), or a column for each number.
        metric: ``"cosine"``, or ``"euclidean"``, whose similarity is 1 less the squared distance, in units of the mean
            squared distance between two vectors of train.
        max_similarity: How similar vectors may be, between 0 and 1.

    The observed value is the number of leaked vectors. See the page ``near_duplicate_embeddings`` of the handbook.
    """

    embedding_columns: Texts = pydantic.Field(
        description="One column of arrays of numbers, or a column for each number of the vectors."
    )
    metric: Text = pydantic.Field(default="cosine", description="What is compared: cosine, or euclidean.")
    max_similarity: Union[float, Parameter] = pydantic.Field(
        default=0.95, description="How similar vectors may be, between 0 and 1."
    )

    case: ClassVar[str] = "near_duplicate_embeddings"
    evidence: ClassVar[Any] = closeness
    checks: ClassVar[str] = "nearly equal embeddings"
    roles: ClassVar[Mapping[str, str]] = {"embedding_columns": "embedding"}
    sentence: ClassVar[str] = (
        "No vector of $embedding_columns may be more than $max_similarity similar to one of train."
    )
    sentence_arguments: ClassVar[tuple[str, ...]] = ("embedding_columns", "max_similarity")
    of_split: ClassVar[Mapping[str, str]] = {"null_keys": "Rows without a vector", "undefined": "Not comparable"}

    class Config:
        title = "Expect no near-duplicate embeddings across batches"

    def question(self, samples: int) -> dict[str, Any]:
        """Ask which judged vectors are nearly the same as one of train."""
        return {
            "columns": self.embedding_columns,
            "metric": self.metric,
            "max_similarity": self.max_similarity,
            "train": self.train,
            "samples": samples,
        }

    def judge(self, evidence: Closeness) -> Judgement:
        """Every leaked vector is a leak."""
        columns = [str(column) for column in self.embedding_columns]
        named = f"'{columns[0]}' alone" if len(columns) == 1 else "these alone"
        natural = evidence.natural
        return Judgement(
            observed_value=sum(split.leaked for split in evidence.splits),
            splits=[
                {"name": s.name, "rows": s.rows, "null_keys": s.null_keys, "undefined": s.undefined}
                for s in evidence.splits
            ],
            leaked={split.name: split.leaked for split in evidence.splits},
            summary=summary(evidence, str(self.max_similarity), str(self.train)),
            samples=evidence.samples,
            details={
                "vectors": [
                    {
                        "split": s.name,
                        "checked": s.rows - s.null_keys - s.undefined,
                        **({} if s.name == self.train else {"leaked": s.leaked, "the_same": s.same, "above": s.above}),
                        "nearest": {
                            f"{100 * share:g} %": rounded(one)
                            for share, one in zip(closeness.QUANTILES, s.nearest, strict=False)
                        },
                    }
                    for s in evidence.splits
                ],
                "length": evidence.length,
                "max_similarity": self.max_similarity,
                "natural": None
                if natural is None
                else {"dimension": rounded(natural.dimension), "closer_below": rounded(natural.ratio)},
                "computed_in": f"this process, by numpy: of all columns {named} left the database",
            },
            query=evidence.leaked_rows_query,
        )

    @classmethod
    def planned(cls, given: Given) -> list[dict[str, Any]]:
        """Return a check of each column of arrays, and one of all columns that hold numbers together."""
        given.need("embedding")
        columns = given["embedding"]
        numbers = given.hold_only(columns, NUMBERS) if len(columns) > 1 else []
        if len(numbers) == len(columns):
            return [{"embedding_columns": numbers}]
        listed = [{"embedding_columns": [column]} for column in columns if column not in numbers]
        return [*listed, *([{"embedding_columns": numbers}] if numbers else [])]

    @classmethod
    def picture(cls, details: Mapping[str, Any]) -> list[Block]:
        """Return what the evidence looks like."""
        return [nearest_vectors(details)]
