"""Frames of one video, or samples of one recording, on both sides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Union

from great_expectations.compatibility import pydantic

from gx_leakage.disclosure import value
from gx_leakage.gx.blocks import Block
from gx_leakage.gx.expectation import CrossBatchExpectation, Judgement, Parameter, Texts
from gx_leakage.gx.words import joined
from gx_leakage.leaks.timeline import frames
from gx_leakage.leaks.timeline.frames import Interleaving
from gx_leakage.leaks.timeline.picture import frame_line

__all__ = ["ExpectNoInterleavedFramesAcrossBatches"]


class ExpectNoInterleavedFramesAcrossBatches(CrossBatchExpectation):
    """Expect no frame of a judged split to be next to a frame of train in the same sequence.

    Neighbouring frames of a video are nearly one picture: a model answers a test frame by the train frame beside it,
    and what lies between two of train's frames it can interpolate. In production it sees none.

    A judged frame is leaked when a train frame of its sequence differs by ``min_gap`` or less in number. Frames between
    two of train's, however far, are counted in ``details["frames"]``. Rows without a sequence or a number cannot be
    judged: ``null_keys``. Counts are exact.

    Args:
        sequence_columns: The columns that together identify a sequence.
        frame_column: The number of a frame within its sequence.
        min_gap: The largest difference at which frames are still near one another; 0 finds equal numbers only. None:
            one step of the sequences, which is the difference that most neighbouring frames have, and 1 at least.

    The observed value is the number of leaked frames. See the page ``prod_frame_train_vid`` of the handbook.
    """

    sequence_columns: Texts = pydantic.Field(description="The columns that together identify a sequence.")
    frame_column: Union[str, Parameter] = pydantic.Field(description="The number of a frame within its sequence.")
    min_gap: Union[int, float, Parameter, None] = pydantic.Field(
        default=None,
        description="The largest difference at which frames are still near one another; by default a step.",
    )

    case: ClassVar[str] = "prod_frame_train_vid"
    evidence: ClassVar[Any] = frames
    checks: ClassVar[str] = "interleaved frames"
    roles: ClassVar[Mapping[str, str]] = {"sequence_columns": "sequence", "frame_column": "frame"}
    sentence: ClassVar[str] = "No $frame_column may be next to a train frame of the same $sequence_columns."
    more: ClassVar[Mapping[str, str]] = {"min_gap": "Frames within $min_gap of one another are."}
    sentence_arguments: ClassVar[tuple[str, ...]] = ("frame_column", "sequence_columns", "min_gap")
    of_split: ClassVar[Mapping[str, str]] = {"null_keys": "Rows without a key"}

    class Config:
        title = "Expect no interleaved frames across batches"

    def question(self, samples: int) -> dict[str, Any]:
        """Ask which frames are near train's."""
        return {
            "sequence": list(self.sequence_columns),
            "frame": self.frame_column,
            "min_gap": self.min_gap,
            "train": self.train,
            "samples": samples,
        }

    def judge(self, evidence: Interleaving) -> Judgement:
        """Every frame near one of train's is a leak."""
        judged = [split for split in evidence.splits if split.name != self.train]
        near = f"within {evidence.min_gap:g} of a {self.train} frame"
        parts = [
            f"{s.near_rows:,} of {s.rows:,} frames in {s.name} are {near}, "
            f"in {s.sequences:,} sequences, and {s.between_rows:,} lie between two {self.train} frames"
            for s in judged
            if s.near_rows
        ]
        clean = f"No frame in {joined([s.name for s in judged])} is {near}."
        between = sum(split.between_rows for split in judged)
        if not parts and between:
            clean += f" But {between:,} lie between two of its frames, from which a model can interpolate them."
        return Judgement(
            observed_value=sum(split.near_rows for split in judged),
            splits=[{"name": s.name, "rows": s.rows, "null_keys": s.null_keys} for s in evidence.splits],
            leaked={split.name: split.near_rows for split in evidence.splits},
            summary=f"{joined(parts, most=2)}." if parts else clean,
            samples=evidence.samples,
            details={
                "frames": [
                    {"split": s.name, "near": s.near_rows, "between": s.between_rows, "sequences": s.sequences}
                    for s in judged
                ],
                "sequence": value([{"split": split, "frame": frame} for split, frame in evidence.sequence]),
            },
            query=evidence.leaked_rows_query,
        )

    @classmethod
    def picture(cls, details: Mapping[str, Any]) -> list[Block]:
        """Return what the evidence looks like."""
        return [frame_line(details)] if details.get("sequence") else []
