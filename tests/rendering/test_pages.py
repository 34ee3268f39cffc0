"""Reports as HTML: valid, self-contained, read on a phone, in print and in the dark, with nothing of the data run."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import html5lib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gx_leakage as gxl
from gx_leakage import sample
from gx_leakage.disclosure import printable
from gx_leakage.gx import blocks, markup
from gx_leakage.gx.words import line
from gx_leakage.roles import Proposal
from tests.command import gx_leakage
from tests.rendering.browser import chromium

ELEMENTS = {
    "html", "head", "meta", "title", "style", "body", "div", "section", "h1", "h2", "p", "b", "span", "ul", "li",
    "code", "details", "summary", "table", "tbody", "tr", "th", "td", "svg", "rect",
}  # fmt: skip
ATTRIBUTES = {
    "lang", "charset", "http-equiv", "content", "name", "class", "style", "aria-hidden", "x", "y", "width", "height"
}  # fmt: skip
ODD = [
    "<script>document.title = 'RUN'</script>", "<img src=x onerror=alert(1)>", "'\"><b>", "</style></details>", "&lt;",
    "\x1b[31mred", "right \u202e to left", "$summary $$ $0", "]]>", "\ufffe", "line\nline", "\u05d0\u05d1", "x" * 5_000,
]  # fmt: skip
IN_A_PAGE = "<!DOCTYPE html><title>-</title>"


def rows(seed: int, count: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    ill = random.random(count) < 0.5
    day = pd.Timestamp("2020-01-01") + pd.to_timedelta(random.integers(0, 900, count), "D")
    made = {
        "age": random.normal(50, 9, count), "marker": np.where(random.random(count) < 0.99, ill, ~ill), "day": day,
        "known": day + pd.to_timedelta(random.integers(-5, 2, count), "D"), "film": random.integers(0, 4, count),
        "frame": random.integers(0, 60, count), "ill": ill.astype(int),
        "note": [ODD[i % len(ODD)] for i in range(count)],
    }  # fmt: skip
    frame: pd.DataFrame = pd.DataFrame(made)
    return frame


@pytest.fixture(scope="module")
def report() -> gxl.Report:
    """A report with all that there can be in one, each verdict included."""
    train, test = rows(1, 200), rows(2, 90)
    mean, std = pd.concat([train, test])["age"].mean(), pd.concat([train, test])["age"].std()
    for part in (train, test):
        part["z"] = (part["age"] - mean) / std
    found = gxl.audit(
        {"train": train, f"test {ODD[0]}": test}, group=["film", "note", "nowhere"], time="day",
        order=["train", f"test {ODD[0]}"], target="ill", available_at={"age": "known"}, sequence="film", frame="frame",
    )  # fmt: skip
    assert {one.verdict.value for one in found.findings} == {"leak", "suspicion", "passed", "could not check"}
    proposal = Proposal("group", f"film{ODD[1]}", f"film looks like one {ODD[0]}", ("film",))
    return gxl.Report(
        found.success, found.splits, found.findings, not_checked=[f"windows {ODD[2]}"], proposals=[proposal],
        command=f"gx-leakage audit '{ODD[0]}'",
    )  # fmt: skip


def parsed(page: str) -> Any:
    """Return the tree of a page in which nothing is an error."""
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page)


def names(tree: Any) -> tuple[set[str], set[str]]:
    """Return the names of all elements and of all attributes."""
    found = [one for one in tree.iter() if isinstance(one.tag, str)]
    return {one.tag.rpartition("}")[2] for one in found}, {name for one in found for name in one.attrib}


def test_a_page_is_valid_and_needs_nothing_else(report: gxl.Report) -> None:
    page = report.to_html()
    tree = parsed(page)
    elements, attributes = names(tree)
    assert elements <= ELEMENTS
    assert attributes <= ATTRIBUTES
    assert page.isascii()
    assert not re.search(r"url\(|@import|expression\(", "".join(tree.find(".//style").itertext()))
    policy = tree.find(".//meta[@http-equiv='Content-Security-Policy']")
    assert policy.get("content") == "default-src 'none'; style-src 'unsafe-inline'"


def test_what_is_odd_is_shown_as_it_is(report: gxl.Report) -> None:
    assert "RUN" in "".join(parsed(report.to_html()).find("body").itertext())
    (found,) = [one for one in report.findings if one.title == "expect_no_shared_group_ids_across_batches(note)"]
    for one in ODD:
        samples = [one, {one: one}]
        shown = replace(found, result={**found.result, "partial_unexpected_list": samples})._repr_html_()
        listed = ["".join(li.itertext()) for li in parsed(IN_A_PAGE + shown).findall(".//ul[@class='examples']/li")]
        assert listed == [printable(line(sample)).replace("\ufffe", "\ufffd") for sample in samples]


def test_what_is_proved_comes_first_and_what_passed_is_folded_up(report: gxl.Report) -> None:
    body = parsed(report.to_html()).find("body/div")
    of_findings = [one.get("class").split()[1] for one in body.findall("section")]
    ranks = ["leak", "suspicion", "could_not_check"]
    assert sorted(of_findings, key=ranks.index) == of_findings
    assert set(of_findings) == set(ranks)
    passed = [one for one in report.findings if one.success]
    assert len(body.findall("details[@class='passed']/section")) == len(passed) > 0
    first = "".join(body.find("section").itertext())
    for words in (
        "LEAK, proved",
        "severity critical",
        "Leaked rows: ",
        "From the handbook",
        "Quick fix",
        "For example:",
    ):
        assert words in first
    text = "".join(body.itertext())
    for words in (report.headline, "when the column is written", "has no column 'nowhere'", "Proposed roles"):
        assert words in text


def test_pictures_are_those_of_data_docs(report: gxl.Report) -> None:
    drawn = [one.tag for one in parsed(report.to_html()).iter() if str(one.tag).endswith("}svg")]
    assert len(drawn) == sum(str(block).count("<svg") for block in _blocks(report)) > 10


def _blocks(report: gxl.Report) -> list[Any]:
    pictures = [f.rebuilt().picture(f.result["details"]) for f in report.findings if f.error is None]
    return [block.to_json_dict() for picture in pictures for block in picture]


def test_values_are_left_out_where_they_are_not_to_be_shown() -> None:
    frame = pd.DataFrame({"who": ["Zoe Secretive", "Al"], "day": [1901, 1902]})
    found = gxl.audit({"train": frame, "test": frame}, group="who", time="day", show_values=False)
    page = found.to_html() + found._repr_html_() + "".join(map(str, found.findings))
    assert "2 of 2" in page
    for value in ("Secretive", "1901", "1902"):
        assert value not in page


def test_lines_are_drawn_where_they_are() -> None:
    def drawn(made: str) -> list[tuple[float, ...]]:
        return [
            tuple(float(str(one.get(name)).rstrip("%")) for name in ("x", "width", "y", "height"))
            for one in ElementTree.fromstring(made)
        ]

    ground = (0.0, 100.0, 0.0, 100.0)
    assert drawn(blocks.strip([blocks.Stretch(0.25, 0.75, "red", 0.5)])) == [ground, (25.0, 50.0, 25.0, 50.0)]
    assert drawn(blocks.filled(0.4, "red")) == [ground, (0.0, 40.0, 0.0, 100.0)]
    assert drawn(blocks.filled(0.0, "red")) == [ground]
    for point in (0.0, 1e-9, 0.5, 1.0):  # seen, and within the picture
        ((_, _, _, _), (x, width, _, _)) = drawn(blocks.strip([blocks.Stretch(point, point, "red")]))
        assert (width, x >= 0, x + width <= 100) == (1.0, True, True)


@given(st.text(max_size=50))
def test_any_text_stays_a_text(text: str) -> None:
    shown = "".join(markup._text(text).split("\r"))
    made = [
        *markup.of_blocks([blocks.table([text], [[text]]), blocks.code(text)]),
        markup.of_block(blocks.text("a $value", {"value": text})), markup.element("p", "a ", text, class_=text),
    ]  # fmt: skip
    tree = parsed(markup.page(text or "-", made))
    assert names(tree)[0] <= ELEMENTS
    held = ["".join(one.itertext()) for one in tree.find("body/div")]
    assert held == [shown * 2, shown, f"a {shown}", f"a {shown}"]
    assert tree.find("body/div/p").get("class") == shown


def test_results_of_few_words_are_shown(report: gxl.Report) -> None:
    for result in ({}, {"observed_value": 1}):
        for one in report.findings:
            shown = replace(one, result=result)._repr_html_()
            assert str(markup.element("p", one.sentence if one.error else one.expectation).text) in shown


def test_a_notebook_shows_them(report: gxl.Report) -> None:
    for part in (report._repr_html_(), report.findings[0]._repr_html_()):
        assert names(parsed(IN_A_PAGE + part))[0] <= ELEMENTS
        assert "gx-leakage" in part
        assert "LEAK, proved" in part
    assert str(report.findings[0]).startswith("LEAK, proved: expect_no_shared_group_ids_across_batches(film)\n")


def test_clean_splits_are_shown() -> None:
    firms = pd.DataFrame({"firm": [f"Odd & Sons {number}" for number in range(20)]})
    cleaned = gxl.audit({"train": firms[:11], "test": firms[10:]}, group="firm").clean_splits()
    assert cleaned.report is not None
    page = parsed(IN_A_PAGE + cleaned._repr_html_())
    for text in (str(cleaned), "".join(page.itertext())):
        assert cleaned.sentence in text
        assert cleaned.report.headline in text
    undone = gxl.Cleaned({}, cleaned.rows, ["x predicts y."], ["CREATE TABLE <b>"])
    for text in (str(undone), "".join(parsed(IN_A_PAGE + undone._repr_html_()).itertext())):
        for words in ("x predicts y.", "CREATE TABLE <b>;", "Nothing was made yet."):
            assert words in text


def test_the_command_line_prints_it(tmp_path: Path) -> None:
    train, test = sample.file("firms_train.csv"), sample.file("firms_test.csv")
    done = gx_leakage("audit", f"train={train}", f"test={test}", "--group", "firm", "--format", "html", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert parsed(done.stdout).find("head/title").text == "1 of 3 checks found a leak"
    assert str(tmp_path) not in done.stdout


MEASURED = """
<iframe src="page.html" style="width:390px;height:800px;border:0;color-scheme:light dark"></iframe><script>
const numbers = text => text.match(/[\\d.]+/g).map(Number);
const over = (top, below) => { const a = top[3] ?? 1; return [0, 1, 2].map(i => a * top[i] + (1 - a) * below[i]); };
const ground = one =>
  one ? over(numbers(getComputedStyle(one).backgroundColor), ground(one.parentElement)) : [255, 0, 255];
const light = rgb => [0.2126, 0.7152, 0.0722].reduce((sum, part, i) => {
  const c = rgb[i] / 255; return sum + part * (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4); }, 0);
document.querySelector('iframe').onload = event => {
  const page = event.target.contentDocument;
  page.querySelectorAll('details').forEach(one => one.open = true);
  const contrasts = [...page.querySelectorAll('.gx-leakage *')]
    .filter(one => [...one.childNodes].some(child => child.nodeType == 3 && child.data.trim()))
    .map(one => {
      const [a, b] = [numbers(getComputedStyle(one).color), ground(one)].map(light).sort((x, y) => y - x);
      return [(a + 0.05) / (b + 0.05), one.textContent.slice(0, 40)]; }).sort((x, y) => x[0] - y[0]);
  const found = {
    wide: page.documentElement.scrollWidth, window: page.defaultView.innerWidth,
    worst: contrasts[0], texts: contrasts.length,
    ground: ground(page.querySelector('.finding')), title: page.title,
    lines: [...page.querySelectorAll('.examples li')].map(one => one.getBoundingClientRect().height)};
  document.body.textContent = 'MEASURED' + JSON.stringify(found) + 'END';
};
</script>"""


NOTEBOOK = """<style>
.nb table { color: #111; table-layout: fixed; margin: auto; }
.nb td, .nb th, .nb tr { padding: .5em; white-space: normal; }
.nb:not(.md) td, .nb:not(.md) th, .nb:not(.md) tr { text-align: right; } .nb code { background: #fff; color: #111; }
.nb tbody tr:nth-child(odd) { background: #fff; } .nb tbody tr:nth-child(even) { background: #f5f5f5; }
</style>"""
"""Rules that a notebook in a light theme has for what is shown in it, whatever the reader's screen is."""


@pytest.mark.chromium
@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("place", ["page", "notebook"])
def test_it_is_read_on_a_phone(scheme: str, place: str, report: gxl.Report, tmp_path: Path) -> None:
    page = report.to_html()
    if place == "notebook":
        head = f"{IN_A_PAGE.replace('-<', f'{report.headline}<')}{NOTEBOOK}<body style='margin:0;background:#fff'>"
        page = f'{head}<div class="nb">{report._repr_html_()}</div>'
    (tmp_path / "page.html").write_text(page, encoding="ascii")
    (tmp_path / "frame.html").write_text(MEASURED, encoding="ascii")
    log = tmp_path / "log.txt"
    shown = chromium(
        tmp_path / "frame.html", tmp_path / "profile", "--dump-dom", "--hide-scrollbars",
        "--enable-logging", f"--log-file={log}",
        f"--blink-settings=preferredColorScheme={0 if scheme == 'dark' else 1}",
    )  # fmt: skip
    found = json.loads(shown.split("MEASURED")[1].split("END")[0].replace("&lt;", "<").replace("&gt;", ">"))
    assert found["wide"] == found["window"] == 390
    assert found["title"] == report.headline
    assert (sum(found["ground"]) < 200) is (scheme == "dark")
    assert found["texts"] > 100
    assert found["worst"][0] >= 4.5, found["worst"]
    assert max(found["lines"]) < 30  # each example is one line
    assert "CONSOLE" not in log.read_text(errors="replace")


@pytest.mark.chromium
def test_in_print_nothing_is_folded_up(report: gxl.Report, tmp_path: Path) -> None:
    sizes = []
    for name, page in (("page", report.to_html()), ("open", report.to_html().replace("<details", "<details open"))):
        file, printed = tmp_path / f"{name}.html", tmp_path / f"{name}.pdf"
        file.write_text(page, encoding="ascii")
        chromium(file, tmp_path / "profile", f"--print-to-pdf={printed}")
        sizes.append(len(re.findall(rb"/Type\s*/Page\b", printed.read_bytes())))
    assert sizes[0] == sizes[1] > 1
