"""Passages and similarity of texts against a loop over sets of tuples, on texts that Hypothesis makes up."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings

import gx_leakage as gxl
from gx_leakage.leaks.texts.reading import words_of
from tests.platforms import LAYOUTS, Platform, Table

EXAMPLES = {"pandas": 40, "duckdb": 10, "sqlite": 15, "postgresql": 10, "mariadb": 6, "snowflake": 3, "spark": 2}
WORDS = ["a", "b", "A", "-b", "é", "e\u0301", "E\u0301!", "7", "'", "ab\tb", "日本"]

NAMES = ("train", "validation", "test")
texts = st.one_of(st.none(), st.lists(st.sampled_from(WORDS), max_size=9).map(" ".join))


def words(text: str | None) -> list[str]:
    """Return the words of a text, a character at a time."""
    folded = unicodedata.normalize("NFC", text or "").lower().replace("\u03c2", "\u03c3").replace("ß", "ss")
    parts = []
    for one in folded:
        alone = "CJK" in unicodedata.name(one, "") or "HIRAGANA" in unicodedata.name(one, "")
        parts.append(f" {one} " if alone else one if unicodedata.category(one)[0] in "LMN" else " ")
    return "".join(parts).split()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.none(), st.text(st.sampled_from("aB é日本ひñ.\u0301\x00\x85 \u00a0\tΣß7_")), st.text())))
def test_words(given_texts: list[str | None]) -> None:
    known = [t if t is None else t.encode(errors="ignore").decode() for t in given_texts]
    array = pa.array([*known, "x"], pa.large_string()).slice(0, len(known))
    for part in (array, array.slice(len(known) // 2)):
        found, starts = words_of(part)
        listed = found.to_pylist()
        expected = [
            words(t) if t is None or all(c < "\u0250" or c in "\u0301日本ひΣ" for c in t) else None
            for t in part.to_pylist()
        ]
        assert len(starts) == len(part) + 1
        assert starts[-1] == len(listed)
        for i, own in enumerate(expected):
            if own is not None:  # elsewhere Python and RE2 know other versions of Unicode
                assert listed[starts[i] : starts[i + 1]] == own


def grams(text: str | None, n: int) -> list[tuple[str, ...]]:
    own = words(text)
    return [tuple(own[i : i + n]) for i in range(len(own) - n + 1)]


def test_ngrams(platform: Platform) -> None:
    @settings(max_examples=EXAMPLES[platform.name], deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.fixed_dictionaries({name: st.lists(texts, min_size=1, max_size=8) for name in NAMES}),
        st.integers(1, 6), st.integers(1, 3), st.sampled_from(LAYOUTS),
    )  # fmt: skip
    def check_one(data: dict[str, list[str | None]], n: int, least: int, layout: str) -> None:
        made = {name: Table({"t": "text"}, [(t,) for t in of]) for name, of in data.items()}
        check: Any = gxl.ExpectNoSharedNgramsAcrossBatches(text_column="t", n=n, min_shared=least)
        (result,) = platform.validate([check], made, layout)
        if any(not any(grams(t, n) for t in of) for of in data.values()):
            assert result.exception_info["raised_exception"] is True
            return
        assert result.exception_info["raised_exception"] is False, result.exception_info
        found = result.result
        train = {gram for t in data["train"] for gram in grams(t, n)}
        judged = {name: data[name] for name in ("validation", "test")}
        hits = {name: [sum(gram in train for gram in grams(t, n)) for t in of] for name, of in judged.items()}
        assert found["unexpected_count"] == sum(hit >= least for of in hits.values() for hit in of)
        assert found["element_count"] == sum(map(len, judged.values()))
        distinct = {gram for of in judged.values() for t in of for gram in grams(t, n)}
        counted = {"distinct": len(distinct), "shared": len(distinct & train), "in_most_texts": 0}
        assert found["details"]["ngrams"] == counted
        for one in found["details"]["texts"]:
            own = [
                runs(t, n, train) for t, hit in zip(data[one["split"]], hits[one["split"]], strict=True) if hit >= least
            ]
            assert one["longest_run"] == max((longest for longest, _ in own), default=0)
            total = sum(len(words(t)) for t in data[one["split"]])
            assert one["shared_words"] == pytest.approx(sum(covered for _, covered in own) / total, rel=1e-5)
        for split in found["details"]["splits"]:
            assert split["null_keys"] == sum(t is None for t in data[split["name"]])
            assert split["short"] == sum(t is not None and len(words(t)) < n for t in data[split["name"]])

    check_one()


def runs(text: str | None, n: int, train: set[tuple[str, ...]]) -> tuple[int, int]:
    """Return the longest run of words of which each n are in train, and how many words are in any."""
    longest = run = 0
    covered: set[int] = set()
    for i, gram in enumerate(grams(text, n)):
        run = run + 1 if gram in train else 0
        if run:
            longest = max(longest, run + n - 1)
            covered.update(range(i, i + n))
    return longest, len(covered)


def text_runs(text: str) -> set[str]:
    folded = f" {' '.join(words(text))}"
    return {folded[i : i + 5] for i in range(len(folded) - 4)}


def test_similar_texts() -> None:
    """All pairs are compared: at the bound nearly none is missed, and none is found that is not so similar."""
    random = np.random.default_rng(7)
    known = ["".join(random.choice(list("abcdefghij"), random.integers(2, 9))) for _ in range(4_000)]
    train = [" ".join(random.choice(known, length)) for length in random.integers(8, 60, 600)]
    test = [" ".join(w if random.random() > 0.06 else str(random.choice(known)) for w in t.split()) for t in train]
    check = gxl.ExpectNoNearDuplicateTextsAcrossBatches(text_column="t")
    pairs = [(text_runs(a), text_runs(b)) for a, b in zip(train, test, strict=True)]
    expected = sum(len(a & b) / len(a | b) > 0.8 for a, b in pairs if min(len(a), len(b)) >= 20)
    assert 200 < expected < 500
    report = gxl.audit(
        {"train": pd.DataFrame({"t": train}), "test": pd.DataFrame({"t": test[::-1]})}, expectations=[check]
    )
    (found,) = (f for f in report.findings if f.expectation == "expect_no_near_duplicate_texts_across_batches")
    assert 0.99 * expected <= found.result["observed_value"] <= expected


@pytest.mark.parametrize("strategy", ["judged", "train"])
def test_clean_splits(strategy: str, tmp_path: Path) -> None:
    """Rows are dropped by their whole text, however it is written, on the side that is named."""
    train = pd.DataFrame({"t": ["a b c d e f", "x 'y' \\z u v", "q r s t u v", "a b c d e f"], "row": [1, 2, 3, 4]})
    test = pd.DataFrame(
        {"t": ["b c d e", "Ärger: b C d e", "1 2 3 4 5 6", None, "'Y\" z u v %"], "row": [5, 6, 7, 8, 9]}
    )
    kept = {"judged": ([1, 2, 3, 4], [7, 8]), "train": ([3], [5, 6, 7, 8, 9])}[strategy]
    check = [("expect_no_shared_ngrams_across_batches", {"text_column": "t", "n": 4})]
    report = gxl.audit({"train": train, "test": test}, expectations=check)
    cleaned = report.clean_splits(strategy, allow=True).splits
    assert tuple(cleaned[name]["row"].tolist() for name in ("train", "test")) == kept
    files = {"train": tmp_path / "train.csv", "test": tmp_path / "test.csv"}
    train.to_csv(files["train"], index=False)
    test.to_csv(files["test"], index=False)
    made = gxl.audit(files, expectations=check).clean_splits(strategy, directory=tmp_path / "clean", allow=True)
    read = [pd.read_csv(made.splits[name]) for name in ("train", "test")]
    assert tuple(one["row"].tolist() for one in read) == kept
