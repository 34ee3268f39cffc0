"""What of a hidden column is recovered, against pandas and hashlib, value by value."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from typing import Any

import hypothesis.strategies as st
import pandas as pd

import gx_leakage as gxl
from tests.evidence.test_association_oracle import run, validated
from tests.platforms import Platform

TYPES = {"code": "integer", "hidden": "text", "name": "text"}
KINDS = ("md5", "sha1", "sha256")


def one_to_one(rows: list[tuple[Any, ...]]) -> bool:
    pairs = [(row[0], row[2]) for row in rows if row[0] is not None and row[2] is not None]
    sizes = Counter(pairs)
    k = len(sizes)
    if not k == len({x for x, _ in sizes}) == len({y for _, y in sizes}) or k < 2:
        return False
    ways = math.factorial(len(pairs)) // math.prod(math.factorial(n) for n in sizes.values())
    return math.factorial(k) / ways <= 0.001


def recovered(rows: list[tuple[Any, ...]]) -> float:
    hidden = {row[1].lower() for row in rows if row[1] is not None}
    names = {row[2] for row in rows if row[2] is not None}
    shares = [0.0]
    for kind in KINDS:
        digests = [hashlib.new(kind, name.encode()).hexdigest() for name in names]
        lengths = {len(one) for one in hidden}
        shares += [sum(any(d[:n] == one for d in digests) for one in hidden) / len(hidden) for n in lengths]
    return max(shares)


def test_recovered(platform: Platform) -> None:
    def check(data: dict[str, list[tuple[Any, ...]]], layout: str) -> None:
        rows = [row for part in data.values() for row in part]
        if any(all(row[i] is None for row in part) for part in data.values() for i in range(3)):
            return
        columns = ["code", "hidden"]
        expectation = gxl.ExpectAnonymisedColumnsNotToBeRecoverable(
            anonymised_columns=columns, reference_columns=["name"]
        )
        (found,) = validated(platform, [expectation], TYPES, data, layout)
        by = {one["column"]: one for one in found["details"]["columns"]}
        # Few names in few rows are in no order of 20 steps, so that nothing else is found of codes.
        assert by["code"]["leaks"] == one_to_one(rows) == (by["code"]["relation"] == "one-to-one")
        share = recovered(rows)
        if share:
            assert abs(by["hidden"]["score"] - share) < 1e-5
            assert by["hidden"]["relation"] in KINDS
        else:
            assert by["hidden"]["relation"] not in KINDS
        assert found["observed_value"] == sum(one["leaks"] for one in by.values())

    names = st.sampled_from(["anna", "Bärbel", "c d", None])

    def row(name: Any, code: Any, how: tuple[str, int, bool]) -> tuple[Any, ...]:
        kind, length, upper = how
        hashed = hashlib.new(kind, str(name).encode()).hexdigest()[:length]
        own = {"anna": 3, "c d": 1}.get(name, 2)
        return own if code is None else code, hashed.upper() if upper else hashed, name

    how = st.tuples(st.sampled_from([*KINDS, "sha512"]), st.sampled_from([10, 32]), st.booleans())
    rows = st.builds(row, names, st.sampled_from([None, None, None, None, 7]), how)
    run(
        platform,
        check,
        st.fixed_dictionaries({n: st.lists(rows, min_size=4, max_size=14) for n in ("train", "test")}),
    )


def test_columns_that_no_row_has_together() -> None:
    """Neither an order nor a line can be told of them: only hashes are compared, which is said."""
    hidden, known = {"h": range(40), "n": [None] * 40}, {"h": [None] * 40, "n": range(40)}
    rows = pd.concat([pd.DataFrame(hidden), pd.DataFrame(known)]).astype("Int64")
    (finding,) = gxl.audit({"all": rows, "more": rows}, anonymised="h", reference="n").findings[-1:]
    assert "No row has both of h and n, so that only hashes could be compared" in finding.sentence
    whole = pd.DataFrame({"h": range(40), "n": range(40)})
    (finding,) = gxl.audit({"all": whole, "more": whole}, anonymised="h", reference="n").findings[-1:]
    assert finding.leaked
    assert "No row has both" not in finding.sentence
