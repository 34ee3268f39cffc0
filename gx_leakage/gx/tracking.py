"""A report in MLflow: figures as metrics, verdicts as tags, and the page as an artifact of the run."""

from __future__ import annotations

import itertools
import re
from collections.abc import Container
from typing import Any

from gx_leakage.engines.engine import require
from gx_leakage.gx.verdicts import Verdict

__all__ = ["log"]

LONGEST = 200
"""Characters of a name of ours; MLflow takes 250 with what is said of it."""

# What MLflow takes in the name of a metric on every system that it stores them on.
_NOT_IN_NAMES = re.compile(r"[^\w. /-]")


def log(report: Any, run_id: str | None = None) -> str:
    """Log a report to a run of MLflow, and return the id of the run.

    Args:
        report: The :class:`gx_leakage.gx.report.Report`.
        run_id: The run; None for the one that is active, or else a new one.

    Raises:
        CouldNotCheckError: MLflow is not installed.
    """
    try:
        import mlflow
    except ImportError as error:
        raise require("mlflow", error) from error
    active = mlflow.active_run()
    if active is None or (run_id is not None and active.info.run_id != run_id):
        with mlflow.start_run(run_id=run_id, run_name=None if run_id else "gx-leakage", nested=active is not None):
            return log(report)
    verdicts = [finding.verdict for finding in report.findings]
    figures = {f"leakage/{verdict.name.lower()}": float(verdicts.count(verdict)) for verdict in Verdict}
    # Stores in files make a folder of what stands before a slash, so that no tag may be called so.
    tags = {"leakage/verdict": "passed" if report.success else "failed"}
    for finding in report.findings:
        name = _name(finding.title, tags)
        tags[name] = finding.verdict.value
        for figure in ("observed_value", "unexpected_percent"):
            value = finding.result.get(figure)
            if isinstance(value, (int, float)):
                figures[f"{name}/{figure}"] = float(value)
    mlflow.log_metrics(figures)
    mlflow.set_tags(tags)
    mlflow.log_text(report.to_html(), "leakage.html")
    mlflow.log_text(report.to_json(), "leakage.json")
    return str(active.info.run_id)


def _name(title: str, taken: Container[str]) -> str:
    """Return a name that MLflow takes, and that no other finding has: none is to hide behind another."""
    name = _NOT_IN_NAMES.sub("_", f"leakage/{title}")[:LONGEST]
    return next(
        one for one in itertools.chain([name], (f"{name} {no}" for no in itertools.count(2))) if one not in taken
    )
