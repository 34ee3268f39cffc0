"""The GX metrics: ``leakage.splits``, resolved once a suite, and one for each family of evidence.

A metric never raises: GX retries what raises three times, recomputes the healthy metrics beside it and changes the
order of the results. A :class:`Failure` is returned, and the Expectation raises it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from great_expectations.core.metric_function_types import MetricFunctionTypes
from great_expectations.execution_engine import (
    PandasExecutionEngine,
    SparkDFExecutionEngine,
    SqlAlchemyExecutionEngine,
)
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider
from great_expectations.expectations.registry import register_metric
from great_expectations.validator.metric_configuration import MetricConfiguration

from gx_leakage.errors import CouldNotCheckError
from gx_leakage.splits import resolve as splits
from gx_leakage.splits.relations import Relations

__all__ = ["SPLITS", "Evidence", "Failure", "configurations", "register"]

SPLITS = "leakage.splits"
_SPLIT_KEYS = ("split_column", "batches", "batch_name")
_ENGINES = (PandasExecutionEngine, SqlAlchemyExecutionEngine, SparkDFExecutionEngine)


@dataclass(frozen=True)
class Failure:
    """What kept a metric from its value."""

    error: Exception


def configurations(
    family: str, batch_id: str | None, splits_by: Mapping[str, Any], question: Mapping[str, Any]
) -> dict[str, MetricConfiguration]:
    """Return what an Expectation depends on: the splits, and the answer of a family to its question.

    Two Expectations with the same splits and the same question share one answer, for GX computes a metric once.
    """
    domain = {"batch_id": batch_id}
    own = {key: splits_by.get(key) for key in _SPLIT_KEYS}
    return {
        SPLITS: MetricConfiguration(SPLITS, metric_domain_kwargs=domain, metric_value_kwargs=own),
        family: MetricConfiguration(
            family, metric_domain_kwargs=domain, metric_value_kwargs={**own, "question": dict(question)}
        ),
    }


class _LeakageMetric(TableMetricProvider):
    """A metric that is computed the same way on every execution engine."""

    domain_keys = ("batch_id",)
    metric_name: ClassVar[str]
    compute: ClassVar[Callable[..., Any]]
    """Returns the metric's value, or raises; called with execution engine, domain, value and dependencies."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for engine in _ENGINES if "metric_name" in vars(cls) else ():
            register_metric(
                metric_name=cls.metric_name,
                metric_domain_keys=cls.domain_keys,
                metric_value_keys=cls.value_keys,
                execution_engine=engine,
                metric_class=cls,
                metric_provider=cls._guarded,
                metric_fn_type=MetricFunctionTypes.VALUE,
            )

    @staticmethod
    def _guarded(
        cls: type[_LeakageMetric],
        execution_engine: Any,
        metric_domain_kwargs: Mapping[str, Any],
        metric_value_kwargs: Mapping[str, Any],
        metrics: Mapping[str, Any],
        **_: Any,
    ) -> Any:
        failed = next((value for value in metrics.values() if isinstance(value, Failure)), None)
        if failed is not None:
            return failed
        try:
            return cls.compute(execution_engine, metric_domain_kwargs, metric_value_kwargs, metrics)
        except Exception as error:  # noqa: BLE001 (the Expectation raises it)
            # GX keeps the values of metrics, and a traceback would keep the frames that it went through.
            return Failure(error.with_traceback(None) if isinstance(error, CouldNotCheckError) else error)


class SplitsMetric(_LeakageMetric):
    """The splits that belong with the validated batch, as :class:`~gx_leakage.splits.relations.Relations`."""

    metric_name = SPLITS
    value_keys = _SPLIT_KEYS

    @classmethod
    def compute(
        cls,
        execution_engine: Any,
        domain: Mapping[str, Any],
        value: Mapping[str, Any],
        metrics: Mapping[str, Any],
    ) -> Relations:
        """Find the batch that is validated, and its splits."""
        manager = execution_engine.batch_manager
        batch_id = str(domain.get("batch_id") or manager.active_batch_id)
        return splits.resolve(manager.batch_cache[batch_id], **{key: value.get(key) for key in _SPLIT_KEYS})


class _FamilyMetric(_LeakageMetric):
    """The answer of a family of evidence to one question about the splits."""

    value_keys = (*_SPLIT_KEYS, "question")
    gather: ClassVar[Callable[..., Any]]

    @classmethod
    def _get_evaluation_dependencies(
        cls,
        metric: MetricConfiguration,
        configuration: ExpectationConfiguration | None = None,
        execution_engine: Any = None,
        runtime_configuration: dict[str, Any] | None = None,
    ) -> dict[str, MetricConfiguration]:
        own = {key: metric.metric_value_kwargs.get(key) for key in _SPLIT_KEYS}
        return {
            SPLITS: MetricConfiguration(
                SPLITS, metric_domain_kwargs=metric.metric_domain_kwargs, metric_value_kwargs=own
            )
        }

    @classmethod
    def compute(
        cls,
        execution_engine: Any,
        domain: Mapping[str, Any],
        value: Mapping[str, Any],
        metrics: Mapping[str, Any],
    ) -> Any:
        """Ask the question."""
        return cls.gather(metrics[SPLITS], **value["question"])


class Evidence(Protocol):
    """What answers the question of an Expectation: a module with these functions."""

    __name__: str

    def gather(self, relations: Relations, **question: Any) -> Any:
        """Return the answer: small facts, never rows."""


_registered: dict[str, str] = {}


def register(evidence: Evidence) -> str:
    """Return the name of the metric that holds an answer of this module, which is made if there is none yet.

    A module whose leaks are rows has a function ``leaked_rows(relations, side, **question)`` too, which returns
    :class:`~gx_leakage.splits.relations.LeakedRows`.
    """
    module = evidence.__name__
    if module not in _registered:
        name = f"leakage.{module}"
        type(name, (_FamilyMetric,), {"metric_name": name, "gather": staticmethod(evidence.gather)})
        _registered[module] = name
    return _registered[module]
