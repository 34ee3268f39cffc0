"""What a score is worth: a quick model is fitted and scored on the splits as they are, and without what leaks.

The comparison is made on the same judged rows. Where keys are in train too (patients, identical rows, videos), each of
these rows is predicted by a model that has seen no train row of its key: the judged keys are dealt into folds, and for
each fold the model is fitted on train without the rows of that fold's keys. Nothing else changes, neither the rows that
are scored, nor their order in time, nor (but for a fold) the size of train; that is the score of a key that is new.
Dropping the shared rows, as ``fix`` does, may leave few, and others than those that the score was about: what is left
of them is scored too (``without_leaked_rows``). Leaking columns are not given to the model; rows that leak by
themselves (early rows, label windows) are left out.

What is proved (severity critical) makes the score's worth; what is suspected is measured beside it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from gx_leakage.engines import require
from gx_leakage.errors import CouldNotCheckError, TypesDifferError
from gx_leakage.gx.planning import Given
from gx_leakage.gx.report import Finding
from gx_leakage.leaks.association.targets import target_of
from gx_leakage.splits.relations import LeakedRows, Relations
from gx_leakage.sql.keys import NUMBERS, TIMES, Family, Key
from gx_leakage.sql.values import rounded

__all__ = ["MOST_ROWS", "measured", "require_model"]

MOST_ROWS = 100_000
"""How many rows are fetched at most."""

FOLDS, REPEATS = 10, 3
FEW_FOLDS, FEW_REPEATS, MANY_ROWS = 5, 2, 20_000
"""Of more rows than that a model takes longer, and its score varies less."""

DRAWS = 400
FEWEST_DRAWN = 5
"""Of fewer keys, draws are hardly any different ones: their percentiles would be a false precision."""
MOST_CATEGORIES = 250
"""The model takes 255 at most; rarer ones are missing values to it."""

IMBALANCED = 0.2
"""With a smaller share of the rarer of two classes, accuracy alone says little."""

_CATEGORIES = {Family.TEXT, Family.UUID}
_PLAIN = NUMBERS | {Family.BOOLEAN}


def require_model() -> None:
    """Raise where scikit-learn is not installed."""
    try:
        import sklearn.ensemble
    except ImportError as error:
        raise require("measure", error) from error
    del sklearn


@dataclass(frozen=True)
class _Leak:
    finding: Finding
    rows: LeakedRows
    proved: bool


@dataclass(frozen=True)
class _Rows:
    """The rows that were fetched, as a model takes them."""

    x: Any
    names: list[str]
    categorical: Any
    y: Any
    classes: int
    """How many there are; 0 of a number."""
    judged: Any
    keys: list[Any]
    """For each leak the number of a row's key, -1 where it is unknown, or none where no keys leak."""
    dropped: list[Any]
    """For each leak whether a row leaks by itself."""
    left_out: list[str]
    of: int
    times: bool
    """Whether the target is a time, of which each value is a class here."""


@dataclass(frozen=True)
class _Predicted:
    """Predictions of judged rows, for each repeat, and how sure the model is of the second class."""

    rows: Any
    values: list[Any]
    scores: list[Any]


def measured(relations: Relations, findings: Sequence[Finding], given: Given, model: Any = None) -> dict[str, Any]:
    """Return what the score of a quick model is, and what it is worth without the leaks that were found.

    At most 100,000 rows leave the database for it: of more, whole keys where keys leak, or else rows, at equal
    distances in the order of their values. The interval holds 95 % of 400 draws, with replacement, of the judged keys
    (of rows, where no check is about keys), each with the predictions of one of the repeats, whose folds and seeds
    differ; the variance that R² is relative to stays that of all judged rows. That train could have been another one is
    not in it. Of fewer than five keys, and where all draws give one score, there is none.

    Args:
        relations: The splits.
        findings: What was found in them.
        given: The roles, of which the target is needed.
        model: An estimator of scikit-learn; None for histogram gradient boosting. It is given an array of numbers in
            which categories are whole ones, and what is missing is NaN.

    Raises:
        CouldNotCheckError: there is no target, no feature, no train split, or too little is left of it.
    """
    require_model()
    if "target" not in given:
        raise CouldNotCheckError("a score cannot be measured without a target: name the column with target.")
    if given.train not in relations.names:
        raise CouldNotCheckError(
            f"a score cannot be measured without a split called '{given.train}': name it by train."
        )
    errors = [finding.sentence for finding in findings if finding.error is not None]
    if errors:
        raise CouldNotCheckError(f"what a score is worth cannot be measured: {' '.join(errors)}")
    leaks = _leaks(relations, findings)
    every = leaks
    columns = _columns(findings)
    data = _fetched(relations, given, leaks)
    figures = _Figures(data, leaks, model)
    leaks = figures.droppable()
    as_it_is = figures.predicted([], set())
    proved = [leak for leak in leaks if leak.finding.leaked and leak.proved]
    suspected = [leak for leak in leaks if leak.finding.leaked and not leak.proved]
    known = {name for name, is_proved in columns.items() if is_proved and name in data.names}
    doubtful = {name for name in columns if name in data.names} - known
    honest = figures.predicted(proved, known) if proved or known else as_it_is
    found: dict[str, Any] = {
        "rows": len(data.y),
        "of_rows": data.of,
        "model": "histogram gradient boosting" if model is None else type(model).__name__,
        "interval": "95 %, judged keys or rows drawn anew, over repeats with other folds and seeds",
        "left_out": data.left_out,
        "classes": data.classes,
        "times_as_classes": data.times,
        "without_columns": sorted(known),
        "keys_apart": [leak.finding.title for leak in proved if leak.rows.together],
        "metrics": [],
    }
    left = figures.left(proved) if proved else None
    suspicious = figures.predicted([*proved, *suspected], known | doubtful) if suspected or doubtful else None
    for name, measure in figures.metrics().items():
        one = {
            "metric": name,
            "as_it_is": figures.figure(as_it_is, measure),
            "worth": figures.figure(honest, measure),
        }
        if left is not None:
            kept = figures.figure(figures.only(as_it_is, left), measure) if left.any() else None
            one["without_leaked_rows"] = {"rows": int(left.sum()), **(kept or {})}
        if suspicious is not None:
            one["worth_if_suspicions_leak"] = figures.figure(suspicious, measure)
        found["metrics"].append(one)
    found["too_few_keys"] = figures.too_few(honest)
    found["suspected"] = sorted([*doubtful, *(leak.finding.title for leak in suspected)])
    found["not_measured"] = [leak.finding.title for leak in every if leak not in leaks]
    found["summary"] = _summary(found)
    return found


def _summary(found: Mapping[str, Any]) -> str:
    sentences = []
    for one in found["metrics"]:
        words = f"Your score of {one['as_it_is']['score']:.3g} ({one['metric']}) is worth {_told(one['worth'])}"
        if "worth_if_suspicions_leak" in one:
            told = _told(one["worth_if_suspicions_leak"])
            words += f", and {told} if what is suspected leaks ({', '.join(found['suspected'])})"
        sentences.append(f"{words}.")
    if found["times_as_classes"]:
        sentences.append(
            f"The target is a time, and is taken for {found['classes']:,} classes: make it a number, such as days "
            f"since a day, for a score of how far off predictions are."
        )
    if found["too_few_keys"] is not None:
        sentences.append(
            f"There is no interval: of {found['too_few_keys']} keys in the judged rows ({FEWEST_DRAWN} are the fewest) "
            f"none can be told."
        )
    elif any(one["worth"]["low"] is None for one in found["metrics"]):
        sentences.append("There is no interval where all draws give one score, as when all, or no, rows are right.")
    if found["not_measured"]:
        sentences.append(f"Not in it, for nearly all rows leak by it: {', '.join(found['not_measured'])}.")
    sampled = f" of {found['of_rows']:,}" if found["of_rows"] != found["rows"] else ""
    return f"{' '.join(sentences)} Measured with {found['model']} on {found['rows']:,}{sampled} rows."


def _told(figure: Mapping[str, Any]) -> str:
    if figure["low"] is None:
        return f"{figure['score']:.3g}"
    half = (figure["high"] - figure["low"]) / 2
    return f"{figure['score']:.2f} ± {half:.2f}" if half >= 0.005 else f"{figure['score']:.3f} ± {half:.3f}"


def _leaks(relations: Relations, findings: Sequence[Finding]) -> list[_Leak]:
    """Return the leaks of rows, and the clean checks of keys, which say what rows are alike."""
    found = []
    for finding in findings:
        expectation = finding.rebuilt()
        if expectation.rows_leak:
            rows = expectation.leaked_rows(relations, "judged")
            if finding.leaked or rows.together:
                found.append(_Leak(finding, rows, finding.severity == "critical"))
    # Rows of other patients that are equal are rows of other patients: beside such keys, they are no leak to measure.
    named = [one for one in found if one.finding.leaked and one.rows.together and not one.rows.null_is_a_value]
    return [one for one in found if not (named and one.rows.together and one.rows.null_is_a_value)]


def _columns(findings: Sequence[Finding]) -> dict[str, bool]:
    """Return the leaking columns, and of each whether some finding proves it."""
    found: dict[str, bool] = {}
    for finding in findings:
        expectation = finding.rebuilt()
        if finding.leaked and not expectation.rows_leak:
            for column, own in expectation.leaking_columns(finding.result["details"]).items():
                found[column] = found.get(column, False) or (own or finding.severity) == "critical"
    return found


def _fetched(relations: Relations, given: Given, leaks: Sequence[_Leak]) -> _Rows:
    (target,) = given.columns("target")
    common = relations.common_columns()
    relations.require([target])
    stack = relations.stack(common)
    asked = given.columns("feature") or [name for name in common if name not in given.aside]
    keys: list[Key] = []
    left_out = []
    for name in asked:
        if name == target:
            continue
        try:
            (key,) = relations.keys(stack, [name])
        except TypesDifferError:
            left_out.append(name)
            continue
        fits = bool(key.families) and key.families <= _PLAIN | _CATEGORIES | TIMES
        (keys if fits else left_out).append(key if fits else name)  # type: ignore[arg-type]
    if not keys:
        raise CouldNotCheckError("a score cannot be measured: no column is a feature.")
    (label,) = relations.keys(stack, [target])
    marks = [[mark.name for mark in leak.rows.marks(stack.relation_of(0))] for leak in leaks]

    def read(relation: sa.FromClause) -> list[Any]:
        columns = [key.of(relation).element.label(f"x{i}") for i, key in enumerate(keys)]
        columns.append(label.of(relation).element.label("y"))
        for i, leak in enumerate(leaks):
            columns += [mark.element.label(f"m{i}_{mark.name}") for mark in leak.rows.marks(relation)]
        return columns

    rows = stack.select(read).subquery("stacked")
    kind = target_of(relations, rows, label)
    for i, leak in enumerate(leaks):
        if leak.finding.leaked and not leak.rows.together:
            own = [rows.c[f"m{i}_{name}"].label(name) for name in marks[i]]
            source, conditions = leak.rows.keep(sa.select(rows, *own).subquery(f"marked_{i}"))
            flag = sa.case((sa.and_(*conditions), 1), else_=0).label(f"leaked_{i}")
            rows = sa.select(*(source.c[column.name] for column in rows.c), flag).subquery(f"flagged_{i}")
    together = [i for i, leak in enumerate(leaks) if leak.rows.together]
    by = next(([f"m{i}_{n}" for n in leaks[i].rows.together] for i in together if leaks[i].finding.leaked), None)
    wanted = [column.name for column in rows.c]
    fetched = relations.fetch(_some(rows, wanted, by, kind.known_rows()))
    frame = pd.DataFrame([tuple(row) for row in fetched], columns=pd.Index(wanted))
    x, categorical = _numbers(frame, keys)
    if kind.classes:
        y, _ = pd.factorize(frame["y"].astype(str), sort=True)
    else:
        y = frame["y"].astype(float).to_numpy()
    split = frame["split_no"].astype(int).to_numpy()
    return _Rows(
        x, [key.name for key in keys], categorical, y, len(kind.classes),
        split != relations.names.index(given.train),
        [
            _codes(frame, [f"m{i}_{n}" for n in leak.rows.together], leak.rows.null_is_a_value)
            if leak.rows.together else None
            for i, leak in enumerate(leaks)
        ],
        [frame[f"leaked_{i}"].to_numpy() == 1 if f"leaked_{i}" in wanted else None for i in range(len(leaks))],
        left_out, kind.known_rows(), label.families <= TIMES,
    )  # fmt: skip


def _some(rows: sa.FromClause, wanted: list[str], by: list[str] | None, known: int) -> sa.Select[Any]:
    """Return the statement for the rows, or for some of them: whole keys, for a key of one row has no leak to measure.

    No hash of a row is the same in all databases; its place among all is.
    """
    labelled = rows.c.y.is_not(None)
    if known <= MOST_ROWS:
        return sa.select(*(rows.c[name] for name in wanted)).where(labelled)
    step = -(-known // MOST_ROWS)
    in_order = [rows.c[name] for name in wanted[:50]]
    each = sa.select(rows, sa.func.row_number().over(order_by=in_order).label("row_no")).where(labelled)
    numbered = each.subquery("numbered")
    no: Any = numbered.c.row_no
    if by is not None:
        unknown = sa.or_(*(numbered.c[name].is_(None) for name in by))
        alone = sa.case((unknown, numbered.c.row_no), else_=0)
        no = sa.func.dense_rank().over(order_by=[*(numbered.c[name] for name in by), alone])
    placed = sa.select(numbered, no.label("place")).subquery("placed")
    chosen = sa.select(*(placed.c[name] for name in wanted)).where(placed.c.place % step == 0)
    return chosen.order_by(placed.c.place).limit(MOST_ROWS)


def _codes(frame: pd.DataFrame, columns: list[str], null_is_a_value: bool) -> Any:
    codes = frame.groupby(columns, dropna=not null_is_a_value, sort=False).ngroup()
    return codes.fillna(-1).astype(int).to_numpy()


def _numbers(frame: pd.DataFrame, keys: Sequence[Key]) -> tuple[Any, Any]:
    columns, categorical = [], []
    for i, key in enumerate(keys):
        values = frame[f"x{i}"]
        is_category = not key.families <= _PLAIN | TIMES
        if is_category:
            texts = values[values.notna()].astype(str)
            places = {name: no for no, name in enumerate(texts.value_counts().index[:MOST_CATEGORIES])}
            values = texts.map(places).reindex(frame.index)
        elif key.families <= TIMES and not pd.api.types.is_numeric_dtype(values):
            moments = pd.to_datetime(values, utc=True, errors="coerce")
            values = (moments - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
        column = values.astype(float).to_numpy()
        columns.append(np.where(np.isfinite(column), column, np.nan))
        categorical.append(is_category)
    return np.column_stack(columns), np.array(categorical)


class _Figures:
    """Fits, and scores what was predicted."""

    def __init__(self, data: _Rows, leaks: Sequence[_Leak], model: Any) -> None:
        self.data, self.leaks, self.model = data, list(leaks), model
        few = len(data.y) > MANY_ROWS
        self.folds, self.repeats = (FEW_FOLDS, FEW_REPEATS) if few else (FOLDS, REPEATS)
        keys = [k for k, leak in zip(data.keys, leaks, strict=True) if k is not None and not leak.rows.null_is_a_value]
        self.units = _each(min(keys, key=lambda k: len(np.unique(k)))) if keys else np.arange(len(data.y))

    def droppable(self) -> list[_Leak]:
        """Return the leaks of which rows are left to be fitted on, and scored, one after the other."""
        data, found, gone = self.data, [], np.zeros(len(self.data.y), dtype=bool)
        for leak, dropped in zip(self.leaks, data.dropped, strict=True):
            more = gone | dropped if dropped is not None else gone
            sides = (data.y[data.judged & ~more], data.y[~data.judged & ~more])
            if dropped is None or all(len(np.unique(side)) > 1 for side in sides):
                found.append(leak)
                gone = more
        return found

    def predicted(self, leaks: Sequence[_Leak], without: set[str]) -> _Predicted:
        """Return what is predicted of the judged rows without what leaks."""
        data = self.data
        at = [self.leaks.index(leak) for leak in leaks]
        keys = [data.keys[i] for i in at if data.keys[i] is not None]
        gone = np.zeros(len(data.y), dtype=bool)
        for i in at:
            gone |= data.dropped[i] if data.dropped[i] is not None else False
        used = [i for i, name in enumerate(data.names) if name not in without]
        train, judged = np.flatnonzero(~data.judged & ~gone), np.flatnonzero(data.judged & ~gone)
        if not used or not len(train) or not len(judged):
            what = "features" if not used else "rows of train" if not len(train) else "judged rows"
            raise CouldNotCheckError(
                f"what a score is worth cannot be measured: without what leaks, no {what} are left."
            )
        values, scores = [], []
        for repeat in range(self.repeats):
            value, score = np.zeros(len(judged)), np.zeros(len(judged))
            for fold in self._dealt(keys, judged, repeat):
                kept = train
                for key in keys:
                    own = np.unique(key[judged[fold]])
                    kept = kept[~np.isin(key[kept], own[own >= 0])]
                if not len(kept):
                    raise CouldNotCheckError(
                        "what a score is worth cannot be measured: train holds no rows of other keys than those that "
                        "are judged."
                    )
                value[fold], score[fold] = self._fitted(kept, judged[fold], used, repeat)
            values.append(value)
            scores.append(score)
        return _Predicted(judged, values, scores)

    def _dealt(self, keys: list[Any], judged: Any, repeat: int) -> list[Any]:
        """Return the positions of judged rows, by fold: rows of one key (the one of fewest values) are in one."""
        if not keys:
            return [np.arange(len(judged))]
        coarse = _each(min(keys, key=lambda k: len(np.unique(k))))[judged]
        distinct, own = np.unique(coarse, return_inverse=True)
        dealt = np.random.default_rng(repeat).permutation(len(distinct)) % self.folds
        return [np.flatnonzero(dealt[own] == fold) for fold in np.unique(dealt)]

    def _fitted(self, train: Any, judged: Any, used: list[int], seed: int) -> tuple[Any, Any]:
        from threadpoolctl import threadpool_limits

        data = self.data
        y = data.y[train]
        if data.classes and len(np.unique(y)) == 1:
            return np.full(len(judged), y[0]), np.full(len(judged), float(y[0]))
        model = self._made(used, seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            x = data.x[np.ix_(judged, used)]
            with threadpool_limits(1 if len(data.y) <= MANY_ROWS else None):  # small fits only wait for their threads
                value = model.fit(data.x[np.ix_(train, used)], y).predict(x)
            score = model.predict_proba(x)[:, -1] if data.classes == 2 and hasattr(model, "predict_proba") else value
        return value, score

    def _made(self, used: list[int], seed: int) -> Any:
        if self.model is not None:
            from sklearn.base import clone

            model = clone(self.model)
            if "random_state" in model.get_params():
                model.set_params(random_state=seed)
            return model
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        kind = HistGradientBoostingClassifier if self.data.classes else HistGradientBoostingRegressor
        rounds = max(10, min(100, 1000 // max(1, self.data.classes)))  # a tree a class and round
        return kind(
            categorical_features=self.data.categorical[used], early_stopping=False, max_iter=rounds, random_state=seed
        )

    def left(self, leaks: Sequence[_Leak]) -> Any:
        """Return which judged rows have no key in train, and do not leak by themselves."""
        data = self.data
        keep = data.judged.copy()
        for i in map(self.leaks.index, leaks):
            if data.keys[i] is not None:
                inside = np.unique(data.keys[i][~data.judged])
                keep &= ~np.isin(data.keys[i], inside[inside >= 0])
            if data.dropped[i] is not None:
                keep &= ~data.dropped[i]
        return keep

    def only(self, predicted: _Predicted, keep: Any) -> _Predicted:
        """Return the predictions of some rows."""
        of = keep[predicted.rows]
        return _Predicted(predicted.rows[of], [v[of] for v in predicted.values], [s[of] for s in predicted.scores])

    def metrics(self) -> dict[str, Callable[[Any, Any, Any, Any], float]]:
        """Return what is measured, by name: of the true values, the predicted ones, how sure, and weights."""
        if not self.data.classes:
            return {"R²": _r2}
        found: dict[str, Any] = {"accuracy": lambda y, value, _, weight: float(np.average(y == value, weights=weight))}
        if self.data.classes == 2 and np.bincount(self.data.y.astype(int)).min() < IMBALANCED * len(self.data.y):
            found["ROC AUC"] = _auc
        return found

    def figure(self, predicted: _Predicted, measure: Callable[[Any, Any, Any, Any], float]) -> dict[str, Any]:
        """Return the score, the mean of all repeats, and the ends of its interval: None where nothing tells them."""
        y = self.data.y[predicted.rows]
        pairs = list(zip(predicted.values, predicted.scores, strict=True))
        every = np.ones(len(y))
        score = float(np.mean([measure(y, value, sure, every) for value, sure in pairs]))
        distinct, own = np.unique(self.units[predicted.rows], return_inverse=True)
        random = np.random.default_rng(0)
        drawn = []
        for draw in range(DRAWS):
            weight = np.bincount(random.integers(0, len(distinct), len(distinct)), minlength=len(distinct))[own]
            value, sure = pairs[draw % len(pairs)]
            drawn.append(measure(y, value, sure, weight))
        known = [one for one in drawn if np.isfinite(one)]
        if not np.isfinite(score) or not known:
            raise CouldNotCheckError("a score cannot be measured: the judged rows have one value of the target only.")
        low, high = map(float, np.percentile(known, [2.5, 97.5]))
        if self.too_few(predicted) is not None or low == high:
            return {"score": rounded(score), "low": None, "high": None}
        return {"score": rounded(score), "low": rounded(low), "high": rounded(high)}

    def too_few(self, predicted: _Predicted) -> int | None:
        """Return how many keys the judged rows have where these are too few for an interval, and None otherwise."""
        drawn = len(np.unique(self.units[predicted.rows]))
        return drawn if drawn < FEWEST_DRAWN else None


def _each(key: Any) -> Any:
    """Return keys in which each row whose key is unknown has one of its own."""
    return np.where(key < 0, -1 - np.arange(len(key)), key)


def _r2(y: Any, value: Any, _: Any, weight: Any) -> float:
    # The variance stays that of all rows: of few keys, some draws would have next to none.
    around = np.var(y)
    return float(1 - np.average((y - value) ** 2, weights=weight) / around) if around > 0 else float("nan")


def _auc(y: Any, _: Any, sure: Any, weight: Any) -> float:
    from sklearn.metrics import roc_auc_score

    drawn = weight > 0
    if len(np.unique(y[drawn])) < 2:
        return float("nan")
    return float(roc_auc_score(y[drawn], sure[drawn], sample_weight=weight[drawn]))
