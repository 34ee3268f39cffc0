"""A report, a finding and clean splits as pages: what was found first, and what was fine folded up at the end."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

from gx_leakage import cases
from gx_leakage.gx import rendering
from gx_leakage.gx.blocks import LEAKED, TRAIN, Stretch, code, strip, table
from gx_leakage.gx.markup import Child, element, folded, of_block, of_blocks
from gx_leakage.gx.verdicts import Verdict

__all__ = ["of_cleaned", "of_finding", "of_report"]

# Reports and findings are no types here: they show themselves by this module.


def of_report(report: Any, title: str) -> list[Element]:
    """Return what is shown of a report, the findings in the order of their weight."""
    measured = [element("p", report.measured["summary"], class_="sentence")] if report.measured else []
    by_verdict = {verdict: [one for one in report.findings if one.verdict is verdict] for verdict in Verdict}
    passed = by_verdict.pop(Verdict.PASSED)
    shown = [element("h1", title), _splits(report), *measured]
    shown += [of_finding(one) for findings in by_verdict.values() for one in findings]
    if passed:
        summary: list[Child] = [_mark(Verdict.PASSED), f" {len(passed)} of {len(report.findings)} checks"]
        shown.append(folded(summary, *(of_finding(one) for one in passed), class_="passed"))
    if report.not_checked:
        listed = element("ul", *(element("li", one) for one in report.not_checked))
        shown += [element("h2", "Not checked, for want of a role"), listed]
    if report.proposals:
        rows = [[" ".join(one.option), one.sentence] for one in report.proposals]
        shown += [element("h2", "Proposed roles"), of_block(table(["Role", "Because"], rows))]
    if report.command:
        shown += [element("p", "To check them:"), of_block(code(report.command))]
    return shown


def of_finding(finding: Any) -> Element:
    """Return what is shown of a finding: what it is, the sentence, how much, examples, the evidence and what to do."""
    shown = [
        element("h2", _mark(finding.verdict), f" {cases.get(finding.case).title}"),
        element("p", element("code", finding.title), f" \N{MIDDLE DOT} severity {finding.severity}", class_="aside"),
        element("p", finding.sentence, class_="sentence"),
    ]
    if finding.leaked:
        if finding.how_to_tell:
            shown.append(element("p", finding.how_to_tell))
        shown.append(element("p", finding.rows))
        if finding.damage:
            shown.append(element("p", finding.damage))
        if finding.examples:
            shown.append(element("p", "For example:"))
            shown.append(element("ul", *(element("li", one) for one in finding.examples), class_="examples"))
    if finding.error is None:
        shown += of_blocks(rendering.evidence(type(finding.rebuilt()), finding.result, told=True) or [])
    return element("section", *shown, class_=f"finding {finding.verdict.name.lower()}")


def of_cleaned(cleaned: Any) -> list[Element]:
    """Return what is shown of clean splits: what they cost, what is left to mend, and how they were checked again."""
    shown = [element("p", cleaned.sentence, class_="sentence")]
    most = max((max(split["before"], split["after"]) for split in cleaned.rows), default=0) or 1
    rows = []
    for split in cleaned.rows:
        before, after = split["before"] / most, split["after"] / most
        kept = [Stretch(0, before, LEAKED, 0.4), Stretch(0, after, TRAIN)]
        rows.append([split["name"], split["before"], split["after"], strip(kept)])
    shown.append(of_block(table(["Split", "Rows before", "Rows now", ""], rows)))
    if cleaned.not_fixed:
        listed = element("ul", *(element("li", one) for one in cleaned.not_fixed))
        shown += [element("p", "To be mended by hand:"), listed]
    if cleaned.sql:
        statements = code("\n\n".join(f"{statement};" for statement in cleaned.sql))
        shown.append(folded(["The statements that make the tables"], of_block(statements)))
    if cleaned.report is None:
        shown.append(element("p", "Nothing was made yet."))
    else:
        again = cleaned.report
        shown.append(folded([f"Checked again: {again.headline}"], *of_report(again, again.headline)))
    return shown


def _mark(verdict: Verdict) -> Element:
    return element("span", verdict.mark, class_=f"mark {verdict.name.lower()}")


def _splits(report: Any) -> Element:
    named = [
        element("span", element("b", split["name"]), f" {split['rows']:,} rows", class_="split")
        for split in report.splits
    ]
    return element("p", *named, class_="aside")
