"""The findings of a run, and the forms in which they are given."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from great_expectations.checkpoint.checkpoint import CheckpointResult
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from gx_leakage.disclosure import printable
from gx_leakage.errors import CouldNotCheckError
from gx_leakage.gx import markup, pages, tracking
from gx_leakage.gx.expectation import CrossBatchExpectation
from gx_leakage.gx.sarif import sarif
from gx_leakage.gx.verdicts import Verdict, counts, severity_of
from gx_leakage.gx.words import line
from gx_leakage.roles import Proposal

__all__ = ["Cleaned", "Finding", "LeakFoundError", "Report", "costs"]

MOST_EXAMPLES = 5
_OPTIONAL = ("not_checked", "proposals", "command", "remedy", "places", "measured")


class LeakFoundError(AssertionError):
    """A leak was found. ``report`` holds all findings."""

    def __init__(self, report: Report) -> None:
        super().__init__("\n".join(finding.sentence for finding in report.failures))
        self.report = report


@dataclass(frozen=True)
class Finding:
    """What one Expectation found."""

    expectation: str
    case: str
    success: bool
    severity: str
    kwargs: dict[str, Any]
    result: dict[str, Any]
    error: str | None

    @property
    def leaked(self) -> bool:
        """Whether the check was made, and failed: a leak that is proved, or the suspicion of one."""
        return self.verdict in (Verdict.LEAK, Verdict.SUSPICION)

    @property
    def verdict(self) -> Verdict:
        """What the check came to."""
        return Verdict.of(success=self.success, severity=self.severity, error=self.error)

    @property
    def how_to_tell(self) -> str | None:
        """What would decide whether a suspicion is a leak."""
        told: str | None = self.result.get("details", {}).get("how_to_tell")
        return told

    def rebuilt(self) -> CrossBatchExpectation:
        """Return the Expectation that found this."""
        made = ExpectationConfiguration(type=self.expectation, kwargs=self.kwargs).to_domain_obj()
        assert isinstance(made, CrossBatchExpectation)  # noqa: S101 (findings are of these)
        return made

    @property
    def title(self) -> str:
        """The type of the Expectation with the columns that it is about, which tells two of one type apart."""
        aside = ("split_column", "exclude_columns", "target_column")
        given = {name: value for name, value in self.kwargs.items() if name not in aside}
        about = [value for name, value in given.items() if name.endswith(("_column", "_columns")) and value]
        columns = [name for value in about for name in (value if isinstance(value, list) else [value])]
        return f"{self.expectation}({', '.join(map(str, columns))})" if columns else self.expectation

    @property
    def sentence(self) -> str:
        """What was found, in one sentence."""
        if self.error is not None:
            return self.error
        summary: str = self.result.get("details", {}).get("summary", "")
        return summary or f"{self.expectation} {'passed' if self.success else 'failed'}."

    @property
    def rows(self) -> str:
        """How many rows of which split leak, in one sentence."""
        details = self.result.get("details", {})
        sizes = {split["name"]: split["rows"] for split in details.get("splits", [])}
        leaked = {name: rows for name, rows in details.get("leaked_rows", {}).items() if rows}
        what = "Rows that it is about" if self.verdict is Verdict.SUSPICION else "Leaked rows"
        return f"{what}: {', '.join(f'{n} {rows:,} of {sizes[n]:,}' for n, rows in leaked.items())}."

    @property
    def damage(self) -> str | None:
        """What the leak can do to a score, in one sentence, where that is known."""
        found: dict[str, Any] = self.result.get("details", {}).get("damage", {})
        return found.get("summary")

    @property
    def examples(self) -> list[str]:
        """A few of the leaked values, as text."""
        samples = self.result.get("partial_unexpected_list", [])[:MOST_EXAMPLES]
        first = self.result.get("details", {}).get("telling_columns", ())
        return [line(sample, first) for sample in samples]

    def __str__(self) -> str:
        """Return the finding as a terminal shows it."""
        return printable("\n".join([f"{self.verdict.mark}: {self.title}", self.sentence, *self.lines]))

    def _repr_html_(self) -> str:
        """Return the finding as a notebook shows it."""
        return markup.fragment([pages.of_finding(self)])

    @property
    def lines(self) -> list[str]:
        """What there is to say besides of what failed: what would decide, how much, examples, the damage, help."""
        if self.success:
            return []
        examples = f"for example {'; '.join(self.examples)}" if self.examples else None
        found = (self.how_to_tell, self.rows, examples, self.damage) if self.leaked else ()
        return [*filter(None, found), f"what to do: gx-leakage cases {self.case}"]


@dataclass(frozen=True)
class Report:
    """All findings of a run, the splits they are about, and where their Data Docs are."""

    success: bool
    """Whether all checks were made, and none failed that counts: see :func:`gx_leakage.audit`, ``fail_on``."""
    splits: list[dict[str, Any]]
    findings: list[Finding]
    data_docs: str | None = None
    not_checked: list[str] = field(default_factory=list)
    """What was left out for lack of a role, each with the roles that it needs."""
    proposals: list[Proposal] = field(default_factory=list)
    """Roles that columns look like they have. They are suggestions, and no part of success."""
    command: str | None = None
    """The command line that checks the proposals."""
    measured: dict[str, Any] | None = None
    """What the score of a model is worth, where that was asked for: see :mod:`gx_leakage.audit.measure`."""
    remedy: Callable[..., Cleaned] | None = field(default=None, repr=False, compare=False)
    """What makes clean splits of those that were given, where they can be had again."""
    fail_on: str = "info"
    """The lowest severity that counts."""
    places: dict[str, Path | str] = field(default_factory=dict, repr=False)
    """By name of a split its file, or the name of its table, where it has one."""

    @classmethod
    def of(
        cls,
        result: CheckpointResult,
        data_docs: str | None = None,
        not_checked: Sequence[str] = (),
        fail_on: str = "info",
    ) -> Report:
        """Return the report of a checkpoint's run: its leakage Expectations, not what else its suites hold.

        As GX has it, every failed Expectation makes it fail, unless ``fail_on`` says from which severity on.
        """
        findings = list(_findings(result))
        rows: dict[str, int] = {}
        for finding in findings:
            for split in finding.result.get("details", {}).get("splits", []):
                rows.setdefault(split["name"], split["rows"])
        return cls(
            success=not any(_fails(finding, fail_on) for finding in findings),
            splits=[{"name": name, "rows": count} for name, count in rows.items()],
            findings=findings,
            data_docs=data_docs,
            not_checked=list(not_checked),
            fail_on=fail_on,
        )

    def __bool__(self) -> bool:
        """Return whether nothing leaks and everything could be checked, so that ``assert audit(...)`` means that."""
        return self.success

    def __str__(self) -> str:
        """Return the report as a terminal shows it."""
        console = Console(file=io.StringIO(), width=120, color_system=None)
        console.print(self)
        return str(console.file.getvalue())  # type: ignore[attr-defined]

    def to_html(self) -> str:
        """Return the report as a page of HTML that needs no other file, no network and no script."""
        return markup.page(self.headline, pages.of_report(self, self.headline))

    def _repr_html_(self) -> str:
        """Return the report as a notebook shows it."""
        return markup.fragment(pages.of_report(self, self.headline))

    @property
    def headline(self) -> str:
        """What came of it, in a few words."""
        leaks = sum(finding.verdict is Verdict.LEAK for finding in self.findings)
        suspicions, checks = len(self.suspicions), len(self.findings)
        aside = f", {suspicions} something suspicious" if suspicions else ""
        if self.errors:
            return f"{len(self.errors)} of {checks} checks could not be made, {leaks} found a leak{aside}"
        if leaks:
            return f"{leaks} of {checks} checks found a leak{aside}"
        if suspicions:
            return f"No leak proved by {checks} checks, {suspicions} found something suspicious"
        return f"No leak found by {checks} checks"

    @property
    def errors(self) -> list[Finding]:
        """The findings whose check could not be made."""
        return [finding for finding in self.findings if finding.error is not None]

    @property
    def suspicions(self) -> list[Finding]:
        """The findings that suggest a leak and do not prove it."""
        return [finding for finding in self.findings if finding.verdict is Verdict.SUSPICION]

    @property
    def failures(self) -> list[Finding]:
        """The findings that make the report fail, but for those that could not be checked."""
        return [finding for finding in self.findings if finding.leaked and _fails(finding, self.fail_on)]

    def raise_for_leaks(self) -> None:
        """Raise where something leaks or could not be checked.

        Raises:
            LeakFoundError: a leak was found; a suspicion is none, unless ``fail_on`` makes it count.
            CouldNotCheckError: a check could not be made.
        """
        __tracebackhide__ = True
        if self.failures:
            raise LeakFoundError(self)
        if self.errors:
            raise CouldNotCheckError("\n".join(finding.sentence for finding in self.errors))

    def clean_splits(self, strategy: str = "judged", **options: Any) -> Cleaned:
        """Return the splits without the leaked rows.

        Args:
            strategy: ``"judged"`` drops leaked rows from the judged splits, ``"train"`` from train, ``"reassign"``
                brings whole groups to the split that holds most of their rows, ``"resplit"`` makes new splits of all
                rows, in the proportions of these, with groups whole and in the order of time.
            **options: ``directory``, the folder where files are written to (those that were given are not touched); in
                a warehouse ``run``, whether to make the tables and not only say how; ``seed``, which of many splits
                ``"resplit"`` makes; ``allow``, whether half of a split, or its proportion, may be lost;
                ``drop_columns``, whether columns that leak are left out of all splits: those that are proved to, and
                with ``fail_on="warning"`` those that are suspected to.

        Raises:
            CouldNotCheckError: a check could not be made, the strategy does not fit what leaks, or costs too much.
        """
        if self.remedy is None:
            raise CouldNotCheckError("this report is of a checkpoint's run: audit its splits with gx_leakage.audit.")
        return self.remedy(self, strategy, **options)

    def to_json(self) -> str:
        """Return the report as JSON."""
        facts = asdict(replace(self, remedy=None, places={}))
        for finding, stored in zip(self.findings, facts["findings"], strict=True):
            stored["verdict"] = finding.verdict.value
        found = {name: value for name, value in facts.items() if name not in _OPTIONAL or value}
        # Escapes of JSON have the form in which control characters are written out.
        return printable(json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False))

    def to_junit(self) -> str:
        """Return the report as JUnit XML, a test case for each check: a suspicion that does not count is skipped."""
        failures = len(self.failures)
        aside = sum(finding.leaked for finding in self.findings) - failures
        suite = ElementTree.Element(
            "testsuite", name="gx-leakage", tests=str(len(self.findings)), failures=str(failures),
            errors=str(len(self.errors)), skipped=str(aside),
        )  # fmt: skip
        for finding in self.findings:
            case = ElementTree.SubElement(
                suite, "testcase", classname=f"gx_leakage.{finding.case}", name=_in_xml(finding.title)
            )
            if finding.success:
                continue
            kind = "error" if finding.error is not None else "failure" if _fails(finding, self.fail_on) else "skipped"
            message = _in_xml(f"{finding.verdict.mark}: {finding.sentence}")
            found = ElementTree.SubElement(case, kind, message=message, type=finding.severity)
            found.text = _in_xml("\n".join([finding.sentence, *finding.lines]))
        ElementTree.indent(suite)
        return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"

    def log_to_mlflow(self, run_id: str | None = None) -> str:
        """Log metrics, tags, the page and the JSON to a run of MLflow, and return the id of the run.

        Args:
            run_id: The run; None for the one that is active, or else a new one.

        Raises:
            CouldNotCheckError: MLflow is not installed.
        """
        return tracking.log(self, run_id)

    def to_sarif(self) -> str:
        """Return the report as SARIF 2.1.0, which code hosts show."""
        return json.dumps(sarif(self.findings, self.places), indent=2, ensure_ascii=False)

    def to_markdown(self) -> str:
        """Return the report as Markdown."""
        rows = ", ".join(f"{_escaped(split['name'])} ({split['rows']:,} rows)" for split in self.splits)
        lines = [f"# {self.headline}", "", f"Splits: {rows or 'unknown'}.", ""]
        for finding in self.findings:
            lines += [f"## {finding.verdict.mark}: {finding.expectation}", "", _escaped(finding.sentence), ""]
            if finding.leaked:
                if finding.how_to_tell:
                    lines += [_escaped(finding.how_to_tell), ""]
                lines += [_escaped(finding.rows), ""]
                if finding.examples:
                    lines += [
                        f"Examples: {'; '.join(_escaped(example) for example in finding.examples)}.",
                        "",
                    ]
                if finding.damage:
                    lines += [_escaped(finding.damage), ""]
                lines += [
                    f"Severity: {finding.severity}. How to avoid it: `gx-leakage cases {finding.case}`.",
                    "",
                ]
        if self.measured:
            lines += [_escaped(self.measured["summary"]), ""]
        if self.not_checked:
            lines += [_escaped(self._not_checked()), ""]
        if self.proposals:
            lines += ["Proposed roles:", ""]
            lines += [f"- {_escaped(' '.join(one.option))}: {_escaped(one.sentence)}." for one in self.proposals]
        if self.command:
            lines += ["", "To check them:", "", "    " + printable(self.command, lines=False)]
        return "\n".join(lines).rstrip() + "\n"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the report for a terminal."""
        colour = "red" if not self.success else "yellow" if self.suspicions else "green"
        yield _text(self.headline, style=f"bold {colour}")
        yield _text(", ".join(f"{split['name']} {split['rows']:,} rows" for split in self.splits), style="dim")
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        for finding in self.findings:
            style = _STYLES[finding.verdict]
            table.add_row(_text(finding.verdict.mark, style=style), _text(finding.expectation, style="bold"))
            table.add_row("", _text(finding.sentence))
            for said in finding.lines:
                table.add_row("", _text(said))
        yield table
        if self.measured:
            yield _text(self.measured["summary"], style="bold")
        if self.not_checked:
            yield _text(self._not_checked(), style="dim")
        if self.proposals:
            yield _text("Proposed roles", style="bold")
            proposed = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
            for one in self.proposals:
                proposed.add_row(_text(" ".join(one.option)), _text(f"{one.sentence}"))
            yield proposed
        if self.command:
            yield _text(f"To check them: {self.command}", style="bold")
        if self.data_docs:
            yield _text(f"Data Docs: {self.data_docs}")

    def _not_checked(self) -> str:
        return f"Not checked, for want of what is in brackets: {', '.join(self.not_checked)}."


@dataclass(frozen=True)
class Cleaned:
    """Splits without the leaked rows, and what that cost."""

    splits: dict[str, Any]
    """By name what was given without the rows that leak (of readers, relations and lazy frames but those of polars a
    table of Arrow), the path of a file that was written, or the name of a table."""
    rows: list[dict[str, Any]]
    """For each split ``name``, ``before`` and ``after``."""
    not_fixed: list[str] = field(default_factory=list)
    """Leaks of columns that are still there, which no dropping of rows mends."""
    sql: list[str] = field(default_factory=list)
    """In a warehouse, the statements that make the tables."""
    report: Report | None = None
    """The audit of the clean splits; None where a warehouse has not made them."""
    shares: list[dict[str, Any]] = field(default_factory=list)
    """For each split and each class of the target ``name``, ``class``, and its share ``before`` and ``after``."""
    columns: list[str] = field(default_factory=list)
    """The columns that leaked, and are left out of all splits."""
    notes: list[str] = field(default_factory=list)
    """What has to be known of how they were made."""

    @property
    def sentence(self) -> str:
        """What it cost, in a sentence or two."""
        return costs(self.rows, self.shares, self.columns, self.notes)

    def __str__(self) -> str:
        """Return what it cost, what is left to mend, and the audit of the clean splits."""
        by_hand = [f"to be mended by hand: {sentence}" for sentence in self.not_fixed]
        told = "\n".join([self.sentence, *by_hand, *(f"{statement};" for statement in self.sql)])
        return f"{printable(told)}\n{'Nothing was made yet.' if self.report is None else self.report}"

    def _repr_html_(self) -> str:
        """Return the same as a notebook shows it."""
        return markup.fragment(pages.of_cleaned(self))


def costs(
    rows: Sequence[dict[str, Any]], shares: Sequence[dict[str, Any]], columns: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> str:  # fmt: skip
    """Return what clean splits cost: columns, rows, proportions, the share of a class that changed most, and notes."""
    parts = []
    totals = {when: sum(split[when] for split in rows) for when in ("before", "after")}
    for split in rows:
        change = split["after"] - split["before"]
        share = 100 * abs(change) / split["before"] if split["before"] else 0.0
        kept = f"{split['after']:,} of {split['before']:,} rows" if change <= 0 else f"{split['after']:,} rows"
        parts.append(f"{split['name']} {kept} ({'+' if change > 0 else '-' if change else ''}{share:.3g} %)")
    proportions = {
        when: "/".join(f"{100 * split[when] / total:.1f}" if total else "0" for split in rows)
        for when, total in totals.items()
    }
    aside = f"Left out of all splits: {', '.join(columns)}. " if columns else ""
    found = f"{aside}{'; '.join(parts)}. Proportions: {proportions['after']}, before {proportions['before']}."
    if shares:
        most = max(shares, key=lambda one: abs(one["after"] - one["before"]))
        found += (
            f" The share of a class changes most in {most['name']}: {most['class']} is {most['after']:.1%} of it, "
            f"before {most['before']:.1%}."
        )
    return " ".join([found, *notes])


def _findings(result: CheckpointResult) -> Iterator[Finding]:
    for validation in result.run_results.values():
        for one in validation.results:
            config = one.expectation_config
            expectation = config.to_domain_obj() if config else None
            if config is None or not isinstance(expectation, CrossBatchExpectation):
                continue
            found: Any = one.to_json_dict()
            kwargs = dict(found["expectation_config"]["kwargs"])
            kwargs.pop("batch_id", None)
            yield Finding(
                expectation=config.type,
                case=expectation.case,
                success=bool(one.success),
                severity=severity_of(found["result"], expectation.severity),
                kwargs=kwargs,
                result=found["result"],
                error=_error(one.exception_info or {}),
            )


def _error(info: dict[str, Any]) -> str | None:
    for entry in [info] if "raised_exception" in info else info.values():
        if entry.get("raised_exception"):
            return str(entry.get("exception_message"))
    return None


def _fails(finding: Finding, fail_on: str) -> bool:
    return not finding.success and (finding.error is not None or counts(finding.severity, fail_on))


_STYLES = {
    Verdict.LEAK: "bold red", Verdict.SUSPICION: "yellow", Verdict.PASSED: "green", Verdict.COULD_NOT_CHECK: "magenta"
}  # fmt: skip


def _text(text: str, style: str = "") -> Text:
    return Text(printable(text), style=style)


# What XML 1.0 cannot hold, however it is written.
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _in_xml(text: str) -> str:
    return _NOT_IN_XML.sub("", printable(text))


def _escaped(text: str) -> str:
    """Return text that Markdown, and the HTML in it, shows as it is."""
    special = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\n": " "}
    shown = "".join(special.get(character, character) for character in printable(text))
    return "".join(f"\\{c}" if c in "\\`*_[]|#~!" else c for c in shown)
