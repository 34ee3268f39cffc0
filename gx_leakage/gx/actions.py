"""The action that our checkpoints carry: it writes the findings, and guards against runs that check nothing."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Literal

from great_expectations.checkpoint.actions import ActionContext, ValidationAction
from great_expectations.checkpoint.checkpoint import CheckpointResult

from gx_leakage.disclosure import printable
from gx_leakage.errors import CouldNotCheckError
from gx_leakage.gx.report import Finding, Report
from gx_leakage.gx.verdicts import Verdict

__all__ = ["LeakageReportAction"]

_logger = logging.getLogger("gx_leakage")


class LeakageReportAction(ValidationAction):
    """Write ``leakage.json`` and ``leakage.md`` for a pipeline to keep.

    It is a guard by being there: GX validates a stored suite without the Expectations that nobody registered, and
    reports success; but a checkpoint with an action of an unknown type does not load. And it fails a run whose results
    are not one for each validation definition, which happens when two of them share a suite and GX gives their batches
    one id: one result then overwrites the other.

    Each finding is logged as one sentence by the logger ``gx_leakage``: an error, or a warning where it is a suspicion.

    Attributes:
        directory: Where the two files go; relative to the project's folder, or to the working directory if the Data
            Context has none. None writes nothing.
    """

    type: Literal["leakage_report (import gx_leakage, or once: gx-leakage guard)"] = (
        "leakage_report (import gx_leakage, or once: gx-leakage guard)"
    )
    name: str = "leakage_report"
    directory: str | None = None

    def run(
        self,
        checkpoint_result: CheckpointResult,
        action_context: ActionContext | None = None,
    ) -> dict[str, Any]:
        """Write the findings.

        Raises:
            CouldNotCheckError: the run has fewer results than validation definitions.
        """
        definitions = checkpoint_result.checkpoint_config.validation_definitions
        if len(checkpoint_result.run_results) < len(definitions):
            raise CouldNotCheckError(
                f"checkpoint '{checkpoint_result.checkpoint_config.name}' has {len(definitions)} validation "
                f"definitions but {len(checkpoint_result.run_results)} results: some share a suite and a batch id, so "
                f"that GX kept one result for both. Give each its own suite, or its own data asset."
            )
        report = Report.of(checkpoint_result)
        for finding in report.findings:
            _log(finding)
        if not report.findings:
            raise CouldNotCheckError(
                f"checkpoint '{checkpoint_result.checkpoint_config.name}' made no leakage check at all."
            )
        if self.directory is None:
            return {"leakage_report": None}
        context = definitions[0].data_source.data_context
        folder = Path(getattr(context, "root_directory", None) or ".", self.directory)
        folder.mkdir(parents=True, exist_ok=True)
        json_file, markdown_file = folder / "leakage.json", folder / "leakage.md"
        json_file.write_text(report.to_json() + "\n", encoding="utf-8")
        markdown_file.write_text(report.to_markdown(), encoding="utf-8")
        return {"leakage_report": {"json": str(json_file), "markdown": str(markdown_file)}}


class StoredReportAction(LeakageReportAction):
    """The action as checkpoints name it that were stored before its type said what to do where it is not known."""

    type: Literal["leakage_report"] = "leakage_report"  # type: ignore[assignment]


def _log(finding: Finding) -> None:
    """Say what was found where a pipeline's log has it: one line for each check."""
    levels = {Verdict.PASSED: logging.INFO, Verdict.SUSPICION: logging.WARNING}
    title, sentence = (printable(text, lines=False) for text in (finding.title, finding.sentence))
    _logger.log(levels.get(finding.verdict, logging.ERROR), "%s: %s: %s", finding.verdict.mark, title, sentence)
