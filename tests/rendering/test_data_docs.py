"""Data Docs in headless Chromium: with the files that GX takes from CDNs, and without them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gx_leakage as gxl
from tests.rendering.browser import chromium, text_of
from tests.servers import missing

pytestmark = pytest.mark.chromium

PACKAGES = [
    "bootstrap@4.3.1", "bootstrap-table@1.19.1", "jquery@3.7.1", "popper.js@1.12.9", "bootstrap-datepicker@1.9.0",
    "@fortawesome/fontawesome-free@6.6.0",
]  # fmt: skip
LOCAL = {
    r"https://maxcdn\.bootstrapcdn\.com/bootstrap/4\.3\.1/": "bootstrap/dist/",
    r"https://stackpath\.bootstrapcdn\.com/bootstrap/4\.3\.1/": "bootstrap/dist/",
    r"https://unpkg\.com/bootstrap-table@1\.19\.\d/": "bootstrap-table/",
    r"https://code\.jquery\.com/jquery-3\.7\.1": "jquery/dist/jquery",
    r"https://cdnjs\.cloudflare\.com/ajax/libs/popper\.js/1\.12\.9/": "popper.js/dist/",
    r"https://cdnjs\.cloudflare\.com/ajax/libs/bootstrap-datepicker/1\.9\.0/": "bootstrap-datepicker/dist/",
    r"https://cdnjs\.cloudflare\.com/ajax/libs/font-awesome/6\.6\.0/": "@fortawesome/fontawesome-free/",
}
SCRIPT = "<script>document.title = 'RUN'; document.body.innerHTML = 'RUN'</script>"
IMAGE = "<img src=x onerror=\"document.title = 'RUN'\">"


@pytest.fixture(scope="module")
def npm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("npm")
    if shutil.which("npm") is None:
        missing("npm is not installed")
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--legacy-peer-deps", *PACKAGES]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        missing(f"npm could not install what the pages need: {done.stderr[-300:]}")
    return folder / "node_modules"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run that leaks, with names and values of the data that look like code."""
    name = f"patient {SCRIPT}"
    train = pd.DataFrame({name: [SCRIPT, IMAGE, "c"], "day": [1, 2, 3], "fold": f"train{SCRIPT}"})
    test = pd.DataFrame({name: [SCRIPT, IMAGE, "d"], "day": [2, 3, 4], "fold": f"test{SCRIPT}"})
    docs = tmp_path_factory.mktemp("docs")
    gxl.audit(
        pd.concat([train, test]),
        split_column="fold",
        train=f"train{SCRIPT}",
        order=[f"train{SCRIPT}", f"test{SCRIPT}"],
        group=[name],
        time="day",
        docs=docs,
    )
    (found,) = (docs / "validations").rglob("*.html")
    return found


@pytest.fixture(params=["without the CDNs", "with them"])
def rendered(request: pytest.FixtureRequest, page: Path, tmp_path: Path) -> Iterator[tuple[str, str]]:
    html = page.read_text(encoding="utf-8")
    if request.param == "with them":
        modules = request.getfixturevalue("npm")
        for url, local in LOCAL.items():
            html = re.sub(url, f"file://{modules}/{local}", html)
    html = re.sub(r'(src|href)="https://[^"]*"', "", html)  # nothing else is reachable, and waiting for it is slow
    copy = tmp_path / "page.html"
    copy.write_text(html, encoding="utf-8")
    yield request.param, chromium(copy, tmp_path / "profile", "--dump-dom")
    if os.environ.get("GX_LEAKAGE_SCREENSHOTS"):
        shot = Path(os.environ["GX_LEAKAGE_SCREENSHOTS"], f"{request.param.replace(' ', '_')}.png")
        chromium(copy, tmp_path / "profile", f"--screenshot={shot}", "--window-size=1280,3200")


def test_the_page_tells_everything(rendered: tuple[str, str]) -> None:
    how, html = rendered
    text = text_of(html)
    for sentence in (
        f"Each patient {SCRIPT} must occur in one split only.",
        f"2 of 3 values of patient {SCRIPT} in test{SCRIPT} are also in train{SCRIPT}.",
        "2 of 3 judged rows are leaked ( 66.67 % ).",
        "Every day of a later split must be after the last one of every earlier split.",
        f"2 of 3 rows in test{SCRIPT} are not after 3, the last day of train{SCRIPT}.",
        "Split by the object, before anything else is done with the data",
        "Quick fix",
        'test_firms = rows["firm"].drop_duplicates()',
    ):
        assert re.sub(r"\s+", "", sentence) in re.sub(r"\s+", "", text), sentence
    if how == "with them":
        assert "bootstrap-table" in html  # its script has worked on the page


def test_values_are_shown_and_not_run(rendered: tuple[str, str]) -> None:
    _, html = rendered
    assert "<title>RUN" not in html
    assert html.count("<script>document.title") == 0
    assert "onerror=" not in re.sub(r"&lt;.*?&gt;", "", html)
    assert SCRIPT in text_of(html)
    assert IMAGE in text_of(html)


def test_the_heat_map_and_the_time_lines_need_no_script(rendered: tuple[str, str]) -> None:
    _, html = rendered
    assert "background-color:rgba(214, 40, 40" in html.replace(": rgba", ":rgba")
    lines = re.findall(r"<svg.*?</svg>", html)
    assert ["#c0392b" in line for line in lines[:2]] == [False, True]  # the test split's line is too early


def test_errors_are_escaped_too(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": [1]})
    gxl.audit({"train": frame, f"test{SCRIPT}": frame}, group=[f"y{SCRIPT}"], docs=tmp_path / "docs")
    (page,) = (tmp_path / "docs/validations").rglob("*.html")
    html = page.read_text(encoding="utf-8")
    assert "could not be checked" in html
    assert SCRIPT not in html
    assert "&lt;script&gt;" in html


def test_scores_and_moments_are_pictures_without_scripts(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    y = random.permutation(100) % 2
    frame = pd.DataFrame({"y": y, f"x{SCRIPT}": y, "noise": random.normal(size=100)})
    frame["z"] = (frame["noise"] - frame["noise"].mean()) / frame["noise"].std()
    gxl.audit(
        {"train": frame[:70], "test": frame[70:]},
        target="y",
        feature=[f"x{SCRIPT}", "noise", "z"],
        docs=tmp_path / "docs",
    )
    (page,) = (tmp_path / "docs/validations").rglob("*.html")
    copy = tmp_path / "page.html"
    copy.write_text(re.sub(r'(src|href)="https://[^"]*"', "", page.read_text(encoding="utf-8")), encoding="utf-8")
    html = chromium(copy, tmp_path / "profile", "--dump-dom")
    text = text_of(html)
    for sentence in (
        f"x{SCRIPT} is a copy of y.",
        "z was fitted (standard) on train and test together",
        "leave-one-out balanced accuracy",
        "standard, fitted on all",
        "Rows without a target",
        "The target, in disguise, among the features",
        "A transform fitted on all rows instead of train",
    ):
        assert re.sub(r"\s+", "", sentence) in re.sub(r"\s+", "", text), sentence
    assert "<title>RUN" not in html
    assert html.count("#c0392b") == 2 + 2 * 2  # a bar of two checks, range and deviation of two spreads
    assert html.count("#2471a3") == 2 * 2 * 2


def test_sentences_show_defaults_and_what_differs_from_them() -> None:
    from gx_leakage.gx import rendering

    frames = gxl.ExpectNoInterleavedFramesAcrossBatches(sequence_columns=["v"], frame_column="f")
    kwargs = frames.configuration.kwargs
    assert rendering.arguments(type(frames), kwargs) == {"frame_column": "f", "sequence_columns": "v"}
    given = {**kwargs, "min_gap": {"$PARAMETER": "gap"}, "mostly": 0.995}
    shown = rendering.arguments(type(frames), given)
    assert shown["min_gap"] == "the parameter gap"
    assert shown["mostly"] == "99.5 %"
    assert rendering.sentence(type(frames), given).endswith("At least $mostly of the rows must be free of the leak.")


def test_the_suite_page(page: Path) -> None:
    (suite,) = (
        (page.parents[5] / "expectations").rglob("*.html")
        if (page.parents[5] / "expectations").is_dir()
        else (
            next(parent / "expectations" for parent in page.parents if (parent / "expectations").is_dir()).rglob(
                "*.html"
            )
        )
    )
    html = suite.read_text(encoding="utf-8")
    assert "must occur in one split only" in html
    assert SCRIPT not in html
