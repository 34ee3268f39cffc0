"""Audits of what scikit-learn is given: the arrays of train_test_split, and the folds of a cross-validation."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from gx_leakage.audit.run import audit, telling
from gx_leakage.disclosure import value
from gx_leakage.errors import CouldNotCheckError
from gx_leakage.gx.report import Cleaned, Finding, Report
from gx_leakage.gx.verdicts import FAIL_ON
from gx_leakage.gx.words import joined
from gx_leakage.splits.frames import TARGET, column_beside, mentioned, opened

__all__ = ["audit_arrays", "audit_folds"]

MOST_FOLDS = 1000
MOST_SAMPLES = 20
MOST_TOLD = 5
"""How many folds a sentence tells of."""


@telling
def audit_arrays(
    x_train: Any,
    x_test: Any,
    y_train: Any = None,
    y_test: Any = None,
    *,
    groups: tuple[Any, Any] | None = None,
    times: tuple[Any, Any] | None = None,
    **options: Any,
) -> Report:
    """Check train and test as :func:`sklearn.model_selection.train_test_split` returns them, and in its order.

    Args:
        x_train: The features of train: a frame, a table or an array, as :func:`gx_leakage.audit` takes it.
        x_test: Those of test.
        y_train: The target of train: a Series or an array.
        y_test: That of test.
        groups: Of train and of test what must not be on both sides, such as patients, one value a row.
        times: Of train and of test when each row was.
        **options: Further roles and settings of :func:`gx_leakage.audit`, but those for files and tables.

    Raises:
        CouldNotCheckError: something of it cannot be read, or does not fit together.
    """
    if (y_train is None) != (y_test is None):
        raise CouldNotCheckError("y is given of one of train and test: give that of both, or of none.")
    pairs = {"groups": groups, "times": times}
    for name, pair in pairs.items():
        if pair is not None and (not isinstance(pair, (tuple, list)) or len(pair) != 2):
            raise CouldNotCheckError(f"{name}= has to be a pair, of train and of test: {name}=(of_train, of_test).")
    rows = {"train": (x_train, y_train), "test": (x_test, y_test)}
    held = opened({name: x if y is None else (x, y) for name, (x, y) in rows.items()}, mentioned(options))
    frames, told = {}, []
    for no, (name, frame) in enumerate(held.splits.items()):
        beside = {argument: None if pair is None else pair[no] for argument, pair in pairs.items()}
        frames[name], named = _beside(frame, beside, f" of {name}")
        told.append(named)
    if told[0] != told[1]:
        raise CouldNotCheckError(f"groups and times of train and test have other names: {told[0]} and {told[1]}.")
    return audit(frames, **_with_roles(options, told[0], held.target))


@telling
def audit_folds(x: Any, y: Any = None, *, cv: Any, groups: Any = None, times: Any = None, **options: Any) -> Report:
    """Check the folds of a cross-validation, each against the rows that its model is fitted on.

    The report has a finding for each check, which says the folds that leak; ``details["folds"]`` has what each came to.
    The splits are called ``fold 1`` and ``fold 1 train``, and so on.

    Args:
        x: The features: a frame, a table or an array, as :func:`gx_leakage.audit` takes it.
        y: The target: a Series or an array.
        cv: A splitter of scikit-learn, or pairs of index arrays, positions or masks, of train and test. One that
            shuffles needs a seed: without, these folds are not those that a model is judged by.
        groups: What must not be on both sides of a fold, such as patients, one value a row; also for the splitter.
        times: When each row was.
        **options: Further roles and settings of :func:`gx_leakage.audit`, but those for files and tables.

    Raises:
        CouldNotCheckError: something of it cannot be read, or there are no such folds.
    """
    held = opened({"rows": x if y is None else (x, y)}, mentioned(options))
    frame, named = _beside(held.splits["rows"], {"groups": groups, "times": times}, "")
    options = _with_roles(options, named, held.target)
    for own in ("train", "docs", "measure"):
        if options.get(own):
            raise CouldNotCheckError(f"{own}= is for two splits, not for folds: leave it out, or audit one fold.")
    of_target = None if held.target is None else frame[held.target].to_numpy()
    of_groups = None if groups is None else frame[named["group"]].to_numpy()
    reports = {}
    for no, (train, test) in enumerate(_folds(cv, x, frame, of_target, of_groups), start=1):
        name = f"fold {no}"
        fold = {f"{name} train": frame.iloc[train], name: frame.iloc[test]}
        try:
            reports[name] = audit(fold, train=f"{name} train", **options)
        except CouldNotCheckError as error:
            raise CouldNotCheckError(f"{name}: {error.marked}") from error
    return _together(reports)


def _beside(frame: Any, given: Mapping[str, Any], of: str) -> tuple[Any, dict[str, str]]:
    """Return a frame with groups and times beside its columns, and what these are called, by role."""
    if not isinstance(frame, pd.DataFrame):
        raise CouldNotCheckError(
            "arrays and folds are of rows in memory: give frames, tables or arrays, and files, tables of a database "
            "and frames of Spark to gx_leakage.audit()."
        )
    named = {}
    for argument, values in given.items():
        if values is None:
            continue
        role = argument.removesuffix("s")
        if isinstance(values, str):
            named[role] = values
            continue
        frame, series = column_beside(frame, values, role, f"{argument}{of}")
        named[role] = str(series.name)
    return frame, named


def _with_roles(options: Mapping[str, Any], named: Mapping[str, str], target: str | None) -> dict[str, Any]:
    """Return roles and settings with those that arrays bring.

    Raises:
        CouldNotCheckError: a role that one column has is given twice, or a setting is for files or tables.
    """
    for name in ("connection", "split_column", "save"):
        if options.get(name) is not None:
            raise CouldNotCheckError(f"{name}= is not for arrays: give what it is about to gx_leakage.audit().")
    given = dict(options) if target is None else {TARGET: target, **options}
    for role, column in named.items():
        known = given.get(role)
        if role == "group":
            given[role] = [*([known] if isinstance(known, str) else known or ()), column]
        elif known not in (None, column):
            raise CouldNotCheckError(f"{role}s= is column '{column}', and {role}= is '{known}': give one of them.")
        else:
            given[role] = column
    return given


def _folds(cv: Any, given: Any, frame: pd.DataFrame, target: Any, groups: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the positions of the rows of train and of test, fold by fold."""
    if hasattr(cv, "split"):
        # Of splitters that shuffle on demand, the seed counts where they do.
        seed = getattr(cv, "random_state", 0) if getattr(cv, "shuffle", True) else 0
        if not isinstance(seed, (int, np.integer)):
            raise CouldNotCheckError(
                f"{type(cv).__name__} shuffles anew each time, so that these folds are not those that a model is "
                f"judged by: give it a number as random_state=, or give the pairs, list(cv.split(X, y))."
            )
        rows = given if isinstance(given, (pd.DataFrame, np.ndarray)) else frame
        pairs = _split(cv, rows, target, groups)
    elif isinstance(cv, (str, Mapping)) or not isinstance(cv, Iterable):
        raise CouldNotCheckError(
            f"cv={cv!r} makes no folds: give a splitter of scikit-learn, such as GroupKFold(5), or pairs of index "
            f"arrays."
        )
    else:
        pairs = iter(cv)
    no = 0
    for no, pair in enumerate(pairs, start=1):
        if no > MOST_FOLDS:
            raise CouldNotCheckError(f"cv makes more than {MOST_FOLDS:,} folds: give those to check as pairs.")
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise CouldNotCheckError(f"fold {no} of cv is no pair of index arrays, of train and of test.")
        train, test = (
            _positions(one, len(frame), f"{side} of fold {no}") for one, side in zip(pair, _SIDES, strict=True)
        )
        yield train, test
    if not no:
        raise CouldNotCheckError("cv makes no folds.")


_SIDES = ("train", "test")


def _split(cv: Any, rows: Any, target: Any, groups: Any) -> Iterator[Any]:
    try:
        yield from cv.split(rows, target, groups)
    except CouldNotCheckError:
        raise
    except Exception as error:
        raise CouldNotCheckError(
            f"{type(cv).__name__} could not split the rows ({type(error).__name__}){value(f': {error}')}"
        ) from error


def _positions(given: Any, rows: int, what: str) -> Any:
    """Return positions of rows, of positions or a mask."""
    try:
        array = np.asarray(given)
    except (TypeError, ValueError) as error:
        raise CouldNotCheckError(f"{what} is no array of positions.") from error
    if array.ndim != 1:
        raise CouldNotCheckError(f"{what} is an array of {array.ndim} dimensions: it has to be one of positions.")
    if not array.size:
        raise CouldNotCheckError(f"{what} has no rows.")
    if array.dtype == bool:
        if len(array) != rows:
            raise CouldNotCheckError(f"{what} is a mask of {len(array):,} rows, but there are {rows:,}.")
        if not array.any():
            raise CouldNotCheckError(f"{what} has no rows.")
        return np.flatnonzero(array)
    if array.dtype.kind not in "iu":
        raise CouldNotCheckError(f"{what} is an array of {array.dtype}: it has to be one of positions, whole numbers.")
    if int(array.min()) < 0 or int(array.max()) >= rows:
        raise CouldNotCheckError(
            f"{what} names rows {int(array.min())} to {int(array.max())}, but there are rows 0 to {rows - 1}: give "
            f"positions, not labels of an index."
        )
    return array


def _together(reports: Mapping[str, Report]) -> Report:
    """Return one report of those of all folds: a finding for each check, and one for what could not be checked."""
    by_check: dict[str, dict[str, Finding]] = {}
    for fold, report in reports.items():
        for one in report.findings:
            kwargs = {name: value for name, value in one.kwargs.items() if name not in _OF_A_FOLD}
            key = json.dumps([one.expectation, kwargs], sort_keys=True, default=str)
            key = key.replace(f'"{fold} train"', "train").replace(f'"{fold}"', "fold")  # as in an order of splits
            by_check.setdefault(key, {})[fold] = replace(one, kwargs=kwargs)
    findings = []
    for found in by_check.values():
        made = {fold: one for fold, one in found.items() if one.error is None}
        wrong = {fold: one for fold, one in found.items() if one.error is not None}
        findings += [_made(made, len(reports))] if made else []
        findings += [_not_made(wrong, len(reports))] if wrong else []
    first = next(iter(reports.values()))
    return replace(
        first,
        success=all(report.success for report in reports.values()),
        splits=[split for report in reports.values() for split in report.splits],
        findings=findings,
        data_docs=None,
        remedy=_not_cleaned,
    )


_OF_A_FOLD = ("train", "batches", "batch_name", "batch_id")


def _made(found: Mapping[str, Finding], folds: int) -> Finding:
    """Return the finding of a check over the folds in which it could be made."""
    leaking = {fold: one for fold, one in found.items() if one.leaked}
    told = leaking or found
    worst = max(told.values(), key=lambda one: float(one.result.get("unexpected_percent") or 0))
    results = [one.result for one in found.values()]
    details = [result.get("details", {}) for result in results]
    sentences = " ".join(one.sentence for one in list(told.values())[: MOST_TOLD if leaking else 1])
    more = len(told) - MOST_TOLD
    whole: dict[str, Any] = {
        **worst.result,
        "element_count": sum(result.get("element_count") or 0 for result in results),
        "unexpected_count": sum(result.get("unexpected_count") or 0 for result in results),
        "partial_unexpected_list": _samples(told.values()),
        "details": {
            **worst.result.get("details", {}),
            "splits": [split for one in details for split in one.get("splits", [])],
            "leaked_rows": {name: rows for one in details for name, rows in one.get("leaked_rows", {}).items()},
            "folds": [
                {"fold": fold, "verdict": one.verdict.value, "summary": one.sentence} for fold, one in found.items()
            ],
            "summary": f"{len(leaking)} of {folds} folds leak. {sentences}"
            + (f" And so on, {more:,} more." if leaking and more > 0 else "")
            if leaking
            else f"None of {len(found)} folds leaks. {sentences}"
            if len(found) > 1
            else sentences,
        },
    }
    if any("overlap" in one for one in details):
        whole["details"]["overlap"] = [pair for one in details for pair in one.get("overlap", [])]
    rows, leaked = whole["element_count"], whole["unexpected_count"]
    whole["unexpected_percent"] = 100 * leaked / rows if rows else 0.0
    severity = min((one.severity for one in told.values()), key=FAIL_ON.index)
    return replace(worst, success=not leaking, severity=severity, result=whole)


def _samples(found: Iterable[Finding]) -> list[Any]:
    held: list[Any] = []
    for one in found:
        held += [sample for sample in one.result.get("partial_unexpected_list", []) if sample not in held]
    return held[:MOST_SAMPLES]


def _not_made(found: Mapping[str, Finding], folds: int) -> Finding:
    """Return the finding of a check for the folds in which it could not be made."""
    by_reason: dict[str, list[str]] = {}
    for fold, one in found.items():
        by_reason.setdefault(str(one.error).replace(fold, "the fold"), []).append(fold)
    reasons = [f"{joined(where[:MOST_TOLD])}: {reason}" for reason, where in by_reason.items()]
    told = f"{len(found)} of {folds} folds could not be checked. {' '.join(reasons[:MOST_TOLD])}"
    return replace(next(iter(found.values())), success=False, result={}, error=told)


def _not_cleaned(*_: Any, **__: Any) -> Cleaned:
    raise CouldNotCheckError(
        "folds are not cleaned by dropping rows: use a splitter that keeps together what belongs together, such as "
        "GroupKFold or TimeSeriesSplit."
    )
