"""Train rows that were extracted after rows of a judged split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from great_expectations.compatibility import pydantic

from gx_leakage.gx.blocks import LEAKED, Block, filled, table
from gx_leakage.gx.expectation import CrossBatchExpectation, Judgement, Text
from gxl_extractions import evidence

__all__ = ["ExpectNoLateExtractionsAcrossBatches"]


class ExpectNoLateExtractionsAcrossBatches(CrossBatchExpectation):
    """Expect every row of a judged split to come with a later extraction than all rows of train.

    Args:
        extraction_column: The number of the extraction that a row came with.
    """

    extraction_column: Text = pydantic.Field(description="The number of the extraction that a row came with.")

    case: ClassVar[str] = "late_extraction"
    evidence: ClassVar[Any] = evidence
    checks: ClassVar[str] = "late extractions"
    roles: ClassVar[Mapping[str, str]] = {"extraction_column": "extraction"}
    sentence: ClassVar[str] = "Every $extraction_column of a judged split must be later than those of train."
    sentence_arguments: ClassVar[tuple[str, ...]] = ("extraction_column",)
    of_split: ClassVar[Mapping[str, str]] = {"last": "Last extraction"}

    class Config:
        title = "Expect no late extractions across batches"

    def question(self, samples: int) -> dict[str, Any]:
        """Ask how the extractions follow one another."""
        return {"column": self.extraction_column, "train": self.train}

    def judge(self, evidence: evidence.Extractions) -> Judgement:
        """Every row from before train's last extraction is a leak."""
        leaked = {name: early for name, _, _, early in evidence.splits}
        total = sum(leaked.values())
        return Judgement(
            observed_value=total,
            splits=[{"name": name, "rows": rows, "last": last} for name, rows, last, _ in evidence.splits],
            leaked=leaked,
            summary=f"{total:,} judged rows are of an extraction that train has rows of, or of an earlier one.",
            query=evidence.leaked_rows_query,
        )

    @classmethod
    def picture(cls, details: Mapping[str, Any]) -> list[Block]:
        """Return the share of each split's rows that leak, as bars."""
        sizes = {split["name"]: split["rows"] for split in details["splits"]}
        rows = [[name, filled(rows / sizes[name], LEAKED)] for name, rows in details["leaked_rows"].items()]
        return [table(["Extracted too early", ""], rows)]
