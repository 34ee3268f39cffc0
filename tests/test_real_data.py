"""Leaks that are known to be in real data sets, as scikit-learn and statsmodels ship them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler, TargetEncoder

import gx_leakage as gxl
from gx_leakage import sample


def details(expectation: gxl.CrossBatchExpectation, train: Any, test: Any) -> dict[str, Any]:
    """Return the details of a result, whether it leaks or not."""
    try:
        report = gxl.assert_expectation(expectation, train=train, test=test)
    except gxl.LeakFoundError as leak:
        report = leak.report
    found: dict[str, Any] = report.findings[0].result["details"]
    return {**found, "success": report.success}


def halves(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    train, test = train_test_split(rows, test_size=0.3, random_state=0)
    return train, test


def test_area_and_perimeter_reveal_the_radius() -> None:
    """The breast cancer data derive area and perimeter from the same outline as the radius."""
    rows = load_breast_cancer(as_frame=True).frame
    found = details(gxl.ExpectNoFeatureToRevealTarget(target_column="mean radius"), *halves(rows))
    leaking = {column["column"] for column in found["columns"] if column["leaks"]}
    assert leaking == {"mean perimeter", "mean area", "worst radius", "worst perimeter", "worst area"}
    unrelated = [c for c in rows if "smoothness" in c or "fractal" in c or "symmetry" in c]
    clean = gxl.ExpectNoFeatureToRevealTarget(target_column="mean radius", columns=unrelated)
    assert details(clean, *halves(rows))["success"]


def test_the_logarithm_of_a_target() -> None:
    """The American national election study of 1996 holds the population of a place, and its logarithm."""
    rows = sm.datasets.anes96.load_pandas().data
    found = details(gxl.ExpectNoFeatureToRevealTarget(target_column="popul"), *halves(rows))
    assert [column["column"] for column in found["columns"] if column["leaks"]] == ["logpopul"]


def test_whole_numbers_are_a_number_where_frequent_ones_stand_together() -> None:
    """The radius in full micrometres is one; coded in another order, or by how common each is, it is classes."""
    cells = load_breast_cancer(as_frame=True).frame
    whole = cells["mean radius"].round().astype(int)
    rows = pd.DataFrame({"y": whole, "area": cells["mean area"], "texture": cells["mean texture"]})
    count = whole.nunique()
    found = details(gxl.ExpectNoFeatureToRevealTarget(target_column="y"), *halves(rows))
    assert found["target"] == {"column": "y", "classes": None}
    assert [column["column"] for column in found["columns"] if column["leaks"]] == ["area"]
    assert found["summary"].endswith(f"y, {count} whole numbers, was taken for a number.")

    shuffled = dict(zip(sorted(whole.unique()), np.random.default_rng(0).permutation(count), strict=True))
    common = {number: code for code, number in enumerate(whole.value_counts().index)}
    for codes in (shuffled, common):
        coded = rows.assign(y=whole.map(codes))
        found = details(gxl.ExpectNoFeatureToRevealTarget(target_column="y"), *halves(coded))
        assert found["target"]["classes"] == count
        assert found["summary"].endswith(f"y, {count} whole numbers, was taken for classes.")


def test_the_square_of_a_target() -> None:
    """Greene's credit card data hold the income, and its square."""
    rows = sm.datasets.ccard.load_pandas().data
    found = details(gxl.ExpectNoFeatureToRevealTarget(target_column="INCOME"), *halves(rows))
    assert [column["column"] for column in found["columns"] if column["leaks"]] == ["INCOMESQ"]


def modes_of_travel() -> Any:
    """Return the journeys of Greene and Hensher's survey, with the mode that was taken; a car has no terminal."""
    rows = sm.datasets.modechoice.load_pandas().data
    taken = rows[rows["choice"] == 1].assign(car=rows["mode"] == 4)
    found = taken.assign(ttme=taken["ttme"].where(taken["ttme"] > 0))
    return found[["car", "ttme", "invt", "hinc", "psize"]]


def test_a_gap_that_says_the_mode_of_travel() -> None:
    rows = modes_of_travel()
    found = details(gxl.ExpectMissingnessNotToRevealTarget(target_column="car"), *halves(rows))
    assert [(column["column"], column["score"]) for column in found["columns"] if column["leaks"]] == [("ttme", 1.0)]
    clean = gxl.ExpectMissingnessNotToRevealTarget(target_column="car", exclude_columns=["ttme"])
    assert details(clean, *halves(rows))["success"]


@pytest.mark.parametrize("load", [load_iris, load_wine])
def test_classes_saved_one_after_the_other(load: Any) -> None:
    rows = load(as_frame=True).frame.rename_axis("row").reset_index()
    order = gxl.ExpectRowIdsToBeIndependentOfTarget(id_column="row", target_column="target")
    assert not details(order, *halves(rows))["success"]
    metadata = gxl.ExpectMetadataNotToPredictTarget(target_column="target", metadata_columns=["row"])
    assert not details(metadata, *halves(rows))["success"]

    shuffled = rows.assign(row=np.random.default_rng(0).permutation(len(rows)))
    assert details(order, *halves(shuffled))["success"]
    assert details(metadata, *halves(shuffled))["success"]


@pytest.mark.parametrize("smooth", ["auto", 0.0, 25.0])
def test_scikit_learn_s_target_encoder(smooth: Any) -> None:
    """Fit followed by transform is in-sample, fit_transform is not."""
    train, test = halves(pd.read_csv(sample.file("firms.csv")))
    encoder = TargetEncoder(smooth=smooth, target_type="continuous", random_state=0)
    expectation = gxl.ExpectTargetEncodingsToBeOutOfFold(encodings={"firm": "code"}, target_column="invest")

    def verdict(encoded: Any) -> dict[str, Any]:
        coded = encoder.transform(test[["firm"]])[:, 0]
        return details(expectation, train.assign(code=encoded[:, 0]), test.assign(code=coded))

    encoder.fit(train[["firm"]], train["invest"])
    leaky = verdict(encoder.transform(train[["firm"]]))
    assert not leaky["success"]
    assert leaky["columns"][0]["fitted_on"] == "train"
    assert verdict(encoder.fit_transform(train[["firm"]], train["invest"]))["success"]
    everything = pd.concat([train, test])
    encoder.fit(everything[["firm"]], everything["invest"])
    assert verdict(encoder.transform(train[["firm"]]))["columns"][0]["fitted_on"] == "all"


@pytest.mark.parametrize("stored", ["float64", "float32", "four decimals"])
@pytest.mark.parametrize(
    "transform",
    [StandardScaler(), MinMaxScaler(), MaxAbsScaler(), RobustScaler(), PCA(8)],
    ids=lambda value: type(value).__name__,
)
def test_a_transform_fitted_before_the_split(transform: Any, stored: str) -> None:
    rows = load_breast_cancer(as_frame=True).data
    train, test = halves(rows)
    transform.set_output(transform="pandas")

    def made(fitted: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
        parts = [fitted.transform(part) for part in (train, test)]
        if stored == "four decimals":
            return parts[0].round(4), parts[1].round(4)
        return parts[0].astype(stored), parts[1].astype(stored)

    expectation = gxl.ExpectPreprocessingToBeFittedOnTrainBatchOnly()
    leaky = details(expectation, *made(transform.fit(rows)))
    fitted_on_all = [column for column in leaky["columns"] if column["fitted_on"] == "all"]
    if isinstance(transform, MinMaxScaler):
        # Where train holds both bounds, a fit on train and one on all rows are one and the same.
        expected = int(((train.min() > rows.min()) | (train.max() < rows.max())).sum())
    elif isinstance(transform, MaxAbsScaler):
        expected = int((train.max() < rows.max()).sum())
    else:
        expected = len(leaky["columns"])
    if stored == "four decimals" and isinstance(transform, MaxAbsScaler):
        assert len(fitted_on_all) < expected  # so coarse that 1.0000 need not be the bound of a scaler
    else:
        assert len(fitted_on_all) == expected > 5
    if isinstance(transform, MinMaxScaler):
        either = [c["column"] for c in leaky["columns"] if (c["method"], c["fitted_on"]) == ("minmax", "unknown")]
        assert len(either) == len(leaky["columns"]) - expected > 0
        assert "may have been fitted on train alone or with others" in leaky["summary"]
        assert "were fitted on train alone" not in leaky["summary"]
    assert details(expectation, *made(transform.fit(train)))["success"]


@pytest.mark.parametrize("strategy", ["mean", "median"])
def test_gaps_filled_before_the_split(strategy: str) -> None:
    rows = load_breast_cancer(as_frame=True).data
    holes = rows.mask(np.random.default_rng(0).random(rows.shape) < 0.1)
    train, test = halves(holes)
    expectation = gxl.ExpectPreprocessingToBeFittedOnTrainBatchOnly(methods=["impute"])
    imputer = SimpleImputer(strategy=strategy).set_output(transform="pandas")
    imputer.fit(holes)
    leaky = details(expectation, imputer.transform(train), imputer.transform(test))
    assert leaky["columns"][0]["fitted_on"] == "all"
    assert sum(column["leaks"] for column in leaky["columns"]) >= 20
    imputer.fit(train)
    assert details(expectation, imputer.transform(train), imputer.transform(test))["success"]


def test_measurements_as_they_are_raise_no_alarm() -> None:
    for load in (load_breast_cancer, load_iris, load_wine):
        train, test = halves(load(as_frame=True).data)
        found = details(gxl.ExpectPreprocessingToBeFittedOnTrainBatchOnly(), train, test)
        assert {column["fitted_on"] for column in found["columns"]} == {"unknown"}


def identical(train: pd.DataFrame, test: pd.DataFrame) -> dict[str, Any]:
    return details(gxl.ExpectNoIdenticalRowsAcrossBatches(), train, test)


def test_answers_to_a_survey_are_alike() -> None:
    """Answers of the election study of 1996 repeat by chance, as many within train as between splits; copies do not."""
    answers = sm.datasets.anes96.load_pandas().data[["TVnews", "selfLR", "ClinLR", "DoleLR", "PID"]]
    train, test = halves(answers)
    found = identical(train, test)
    assert found["success"]
    assert found["overlap"][0]["rows"]["test"] > 20
    assert found["leaked_rows"] == {"test": 0}
    assert "So no leak is proved" in found["summary"]

    unique = train[~train.duplicated(keep=False)]
    copied = pd.concat([test, unique.sample(40, random_state=0)])
    found = identical(train, copied)
    assert not found["success"]
    assert "Coincidence does not explain that" in found["summary"]


def test_two_columns_of_an_iris() -> None:
    rows = load_iris(as_frame=True).data
    found = identical(*halves(rows[["petal length (cm)", "petal width (cm)"]]))
    assert found["success"]
    assert found["overlap"][0]["rows"]["test"] > 10


@pytest.mark.parametrize("load", [load_breast_cancer, load_wine])
@pytest.mark.parametrize("copies", [1, 5])
def test_copies_of_measurements(load: Any, copies: int) -> None:
    train, test = halves(load(as_frame=True).data)
    assert identical(train, test)["success"]
    found = identical(train, pd.concat([test, train[:copies]]))
    assert not found["success"]
    assert found["leaked_rows"] == {"test": copies}
    (example,) = examples(train, pd.concat([test, train[:1]]))
    assert len(example) < 130
    assert " more" in example


def examples(train: pd.DataFrame, test: pd.DataFrame) -> list[str]:
    report = gxl.audit({"train": train, "test": test})
    finding = next(f for f in report.findings if f.expectation == "expect_no_identical_rows_across_batches")
    return finding.examples


def test_clean_splits_keep_what_chance_made_equal() -> None:
    rows = load_breast_cancer(as_frame=True).data
    coarse = pd.DataFrame(np.nan, index=range(6), columns=rows.columns)
    train, test = halves(rows)
    splits = {"train": pd.concat([train, coarse]), "test": pd.concat([test, train[:2], coarse])}
    report = gxl.audit(splits)
    assert [f.result["unexpected_count"] for f in report.findings if "identical" in f.expectation] == [2]
    cleaned = report.clean_splits().splits["test"]
    assert len(cleaned) == len(test) + len(coarse)


def test_texts() -> None:
    """Long texts that are equal are copies, short answers need not be."""
    random = np.random.default_rng(0)
    words = np.array(["data", "leak", "of", "a", "model", "row", "test", "train", "split", "the", "is", "score"])
    texts = pd.DataFrame({"text": [" ".join(random.choice(words, 15)) for _ in range(300)]})
    train, test = halves(texts)
    assert identical(train, test)["success"]
    assert identical(train, pd.concat([test, train[:2]]))["leaked_rows"] == {"test": 2}
    assert identical(*halves(texts.assign(text=texts["text"].str.split().str[0])))["success"]


@pytest.mark.parametrize(("columns", "share", "success"), [(60, 0.5, False), (200, 0.5, False), (60, 0.01, True)])
def test_many_flags(columns: int, share: float, success: bool) -> None:
    """A flag says a bit at most: more of them are counted than of other columns. Rare ones repeat by chance."""
    rows = pd.DataFrame(np.random.default_rng(1).random((3_000, columns)) < share).astype(int).add_prefix("c")
    train, test = halves(rows)
    found = identical(train, pd.concat([test, *([] if success else [train[:5]])]))
    assert found["success"] is success
    assert found["leaked_rows"] == {"test": 0 if success else 5}
    assert (found["overlap"][0]["rows"]["test"] > 100) is success


def test_small_tables_of_coarse_columns_share_rows_by_chance() -> None:
    """Forty passengers by class and sex repeat within train as between the splits; copies of telling rows do not."""
    random = np.random.default_rng(4)
    rows = pd.DataFrame({"cls": random.integers(1, 4, 40), "sex": random.integers(0, 2, 40)})
    coarse = gxl.audit({"train": rows[:28], "test": rows[28:]})
    assert coarse.success
    assert "So no leak is proved" in coarse.findings[0].sentence
    telling = pd.DataFrame(random.normal(size=(40, 3)), columns=list("abc"))
    copied = gxl.audit({"train": telling[:28], "test": pd.concat([telling[28:], telling[:2]])})
    assert [f.result["unexpected_count"] for f in copied.findings if f.leaked] == [2]
