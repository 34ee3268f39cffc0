"""What all Expectations over several batches share: the splits, the judgement, the result and the rendering."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Union

from great_expectations.compatibility import pydantic
from great_expectations.core.batch_definition import BatchDefinition
from great_expectations.expectations.expectation import BatchExpectation, render_suite_parameter_string
from great_expectations.expectations.expectation_configuration import (
    ExpectationConfiguration,
    parse_result_format,
)
from great_expectations.render import LegacyDiagnosticRendererType, LegacyRendererType
from great_expectations.render.renderer.renderer import renderer
from great_expectations.render.renderer_configuration import RendererConfiguration, RendererValueType
from great_expectations.validator.validator import ValidationDependencies

from gx_leakage.disclosure import Value, disclosed
from gx_leakage.errors import CouldNotCheckError, EmptySplitError, nearest
from gx_leakage.gx import metrics as leakage_metrics
from gx_leakage.gx import rendering
from gx_leakage.gx.blocks import Block
from gx_leakage.gx.planning import Given
from gx_leakage.gx.verdicts import Verdict, severity_of
from gx_leakage.splits.relations import LeakedRows, Relations

__all__ = ["CrossBatchExpectation", "Judgement", "Parameter", "Text", "Texts"]

Parameter = dict[str, Any]
"""A suite parameter: ``{"$PARAMETER": name}``, replaced before an Expectation is validated."""

Text = Union[str, Parameter]
"""An argument that is a text, or a suite parameter that holds one."""

Texts = Union[list[str], Parameter, str]
"""An argument that is a list of texts, a text as a list of one, or a suite parameter that holds one."""

_NOT_HONOURED = {
    "row_condition": "filter the rows where the batches are defined, in a view or a query asset.",
    "condition_parser": "filter the rows where the batches are defined, in a view or a query asset.",
    "unexpected_index_column_names": "leaked_rows_query finds whole rows.",
    "include_unexpected_rows": "leaked_rows_query finds whole rows.",
}
"""Arguments of GX's own Expectations, and options of its result format, that would change nothing here."""

MOST_UNEXPECTED = 1_000
"""How many leaked keys a result of format COMPLETE lists at most."""


@dataclass(frozen=True)
class Judgement:
    """What an Expectation makes of its evidence."""

    observed_value: int | float
    splits: Sequence[dict[str, Any]]
    """For each split ``name``, ``rows``, ``null_keys`` and what the family adds."""
    leaked: dict[str, int]
    """Leaked rows by split."""
    summary: str
    samples: Sequence[Any] = ()
    details: dict[str, Any] = field(default_factory=dict)
    query: Union[str, Value, None] = None
    judged: Sequence[str] | None = None
    """The splits whose rows are judged, where that is not as usual: all but train."""


class CrossBatchExpectation(BatchExpectation, ABC):
    """An Expectation about several splits of one data set, of which GX validates one.

    A subclass declares its arguments as fields, its ``case`` (the page of the handbook), its ``evidence`` (the module
    that answers its question), the ``sentence`` that Data Docs show, the ``roles`` that its arguments are given by, and
    two methods: what it asks of the data, and what it makes of the answer.
    """

    split_column: Union[Text, None] = pydantic.Field(
        default=None, description="The column whose values name the split of each row."
    )
    batches: Union[dict[str, dict[str, Any]], Parameter, None] = pydantic.Field(
        default=None,
        description="Other batch definitions, by the name of their split: data_source, asset, batch_definition, "
        "batch_parameters.",
    )
    batch_name: Union[Text, None] = pydantic.Field(
        default=None, description="The name of the split that the validated batch is, where batches is given."
    )
    train: Text = pydantic.Field(
        default="train", description="The split that models are fitted on; the rows of all others are judged."
    )
    mostly: Union[float, Parameter] = pydantic.Field(
        default=1.0, description="The share of judged rows that have to be free of the leak, from 0 to 1."
    )
    show_values: bool = pydantic.Field(
        default=True, description="Whether values of the data may be in results and Data Docs."
    )

    case: ClassVar[str]
    """The page of the handbook."""
    evidence: ClassVar[Any]
    """What answers the question: see :class:`gx_leakage.gx.metrics.Evidence`."""
    checks: ClassVar[str]
    """What is checked, in a few words."""
    fewest_splits: ClassVar[int] = 2
    """How many splits it needs: 1 where rows are not compared with those of another."""
    place: ClassVar[int] = 50
    """Where it stands among those of its family: lower ones first, then by name."""
    roles: ClassVar[Mapping[str, str]] = {}
    """By argument the role that gives it in an audit."""
    optional_roles: ClassVar[Mapping[str, str]] = {}
    """The same for arguments that the check can do without."""
    sentence: ClassVar[str]
    """What is expected, with ``$argument`` for arguments."""
    sentence_arguments: ClassVar[tuple[str, ...]] = ()
    """The arguments that the sentence shows."""
    how_to_tell: ClassVar[str] = ""
    """Where it suggests a leak and does not prove it: what would decide."""
    more: ClassVar[Mapping[str, str]] = {}
    """By argument a further sentence, where it is not at its default."""
    of_split: ClassVar[Mapping[str, str]] = {}
    """By key of ``details["splits"]`` its title in a table, besides name and rows."""

    family: ClassVar[str]
    """The metric that holds the evidence."""
    domain_keys: ClassVar[tuple[str, ...]] = ("batch_id",)

    class Config:
        title = "Expectation across batches"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # The keys by which GX tells two Expectations of one type in a suite apart: every argument of ours.
        cls.success_keys = tuple(name for name in cls.__fields__ if name not in BatchExpectation.__fields__)
        cls.args_keys = cls.success_keys
        if hasattr(cls, "evidence"):
            missing = [name for name in ("case", "checks", "sentence") if not hasattr(cls, name)]
            if missing:
                raise TypeError(f"{cls.__name__} does not declare {', '.join(missing)}")
            cls.family = leakage_metrics.register(cls.evidence)

    @pydantic.root_validator(pre=True)
    def _arguments_are_known(cls, values: dict[str, Any]) -> dict[str, Any]:  # noqa: N805 (a pydantic validator)
        for name in values:
            if name in _NOT_HONOURED:
                raise ValueError(f"{name} is not honoured across batches: {_NOT_HONOURED[name]}")
            if name not in cls.__fields__ and name != "type":
                raise ValueError(f"there is no argument '{name}'. {nearest(name, cls.success_keys)}")
        return values

    @pydantic.validator("*", pre=True)
    def _one_is_a_list_of_one(cls, value: Any, field: Any) -> Any:  # noqa: N805
        if field.outer_type_ not in (Texts, Union[Texts, None]):
            return value
        if value in ([], ()) and field.name.endswith("columns") and field.default != []:
            raise ValueError(f"{field.name} names no column")
        return [value] if isinstance(value, str) else value

    @pydantic.validator("batches", pre=True)
    def _names_of_batch_definitions(cls, value: Any) -> Any:  # noqa: N805 (a pydantic validator)
        if not isinstance(value, dict) or "$PARAMETER" in value:
            return value
        return {name: _reference(given) for name, given in value.items()}

    @pydantic.validator("*", pre=True)
    def _numbers_are_finite(cls, value: Any) -> Any:  # noqa: N805
        # GX would store NaN as None, and the argument were not there.
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{value} is no number that anything can be compared with")
        return value

    @pydantic.validator("mostly")
    def _mostly_is_a_share(cls, value: Any) -> Any:  # noqa: N805
        if isinstance(value, (int, float)) and not 0 <= value <= 1:
            raise ValueError(f"mostly={value} is not between 0 and 1")
        return value

    @property
    def configuration(self) -> ExpectationConfiguration:
        """The configuration with the severity of this type: GX leaves defaults out, and takes critical for them."""
        made = super().configuration
        made.severity = self.severity
        return made

    @abstractmethod
    def question(self, samples: int) -> dict[str, Any]:
        """Return the arguments with which the family gathers its evidence, ``samples`` values of the data at most."""

    @abstractmethod
    def judge(self, evidence: Any) -> Judgement:
        """Return what the evidence means."""

    @classmethod
    def planned(cls, given: Given) -> list[dict[str, Any]]:
        """Return the arguments of each check of this type that an audit makes for the roles that are given.

        Raises:
            NotPlannedError: it makes none.
        """
        return given.arguments(cls.roles, cls.optional_roles)

    @classmethod
    def picture(cls, details: Mapping[str, Any]) -> list[Block]:
        """Return what Data Docs show of the evidence, besides the table of the splits and a sample."""
        return []

    @property
    def rows_leak(self) -> bool:
        """Whether what leaks are rows that can be dropped or moved; otherwise it is a column."""
        return hasattr(self.evidence, "leaked_rows")

    def leaked_rows(self, relations: Relations, side: str) -> LeakedRows:
        """Return how the rows are found that leak.

        Args:
            relations: The splits.
            side: ``"judged"`` for rows of the judged splits, ``"train"`` for rows of train.

        Raises:
            CouldNotCheckError: of that side no rows can be dropped.
        """
        found: LeakedRows = self.evidence.leaked_rows(relations, side, **self.question(0))
        return found

    def leaking_columns(self, details: Mapping[str, Any]) -> dict[str, str | None]:
        """Return the columns of a result's details that leak, each with its own severity, or None.

        Splits without these columns do not have the leak.
        """
        listed = [column for column in details.get("columns", ()) if isinstance(column, Mapping)]
        return {column["column"]: column.get("severity") for column in listed if column.get("leaks")}

    def get_validation_dependencies(
        self,
        execution_engine: Any = None,
        runtime_configuration: dict[str, Any] | None = None,
    ) -> ValidationDependencies:
        """Declare the two metrics. No data is touched here: an error here would end the whole run of GX."""
        dependencies = super().get_validation_dependencies(execution_engine, runtime_configuration)
        kwargs = self.configuration.kwargs
        samples = self._samples(parse_result_format(dependencies.result_format)) if self.show_values else 0
        wanted = leakage_metrics.configurations(self.family, kwargs.get("batch_id"), kwargs, self.question(samples))
        for name, configuration in wanted.items():
            dependencies.set_metric_configuration(name, configuration)
        return dependencies

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: Any = None,
    ) -> dict[str, Any]:
        evidence, splits = metrics[self.family], metrics[leakage_metrics.SPLITS]
        # GX computes all metrics of a suite before it validates the first Expectation, and never drops their values.
        if not isinstance(splits, leakage_metrics.Failure):
            splits.close()
        if isinstance(evidence, leakage_metrics.Failure):
            raise self._told(evidence.error)
        judgement = self.judge(evidence)
        empty = [split["name"] for split in judgement.splits if not split["rows"]]
        if empty:
            raise EmptySplitError(empty[0])
        result_format = parse_result_format(self._get_result_format(runtime_configuration))
        for name in _NOT_HONOURED:
            if result_format.get(name):
                raise CouldNotCheckError(f"result_format: {name} is not honoured across batches: {_NOT_HONOURED[name]}")
        judged = judgement.judged
        if judged is None:
            judged = [splits.names[i] for i in splits.judged(self.train) if splits.names[i] in judgement.leaked]
        sizes = {split["name"]: split["rows"] for split in judgement.splits}
        if any(rows > sizes.get(name, 0) for name, rows in judgement.leaked.items()):
            raise CouldNotCheckError(f"{self.expectation_type} counts more leaked rows than its splits have.")
        if splits.rows_without_split:
            judgement.details["rows_without_split"] = splits.rows_without_split
            aside = f" {splits.rows_without_split:,} rows are in no split, and were not checked."
            judgement = replace(judgement, summary=judgement.summary + aside)
        return self._result(judgement, judged, result_format)

    def _told(self, error: Exception) -> Exception:
        """Return an error as it may be shown: libraries put values of the data into their messages."""
        if self.show_values:
            return error
        if isinstance(error, CouldNotCheckError):
            return error.without_values()
        return CouldNotCheckError(f"the check could not be made ({type(error).__name__}).")

    def _result(self, judgement: Judgement, judged: Sequence[str], result_format: dict[str, Any]) -> dict[str, Any]:
        rows = sum(split["rows"] for split in judgement.splits if split["name"] in judged)
        leaked = sum(judgement.leaked.get(name, 0) for name in judged)
        allowed = rows * (1 - float(self.mostly))  # type: ignore[arg-type]
        details = {
            "case": self.case,
            "splits": list(judgement.splits),
            "summary": judgement.summary,
            "leaked_rows": {name: judgement.leaked.get(name, 0) for name in judged},
            **judgement.details,
        }
        for column in details.get("columns", ()):
            if isinstance(column, dict) and column.get("leaks"):
                column.setdefault("severity", severity_of(None, self.severity))
        success = leaked <= allowed + 1e-9
        if success and leaked:
            details["summary"] += f" That is within mostly={self.mostly:g}, and so it passes."
        severity = severity_of({"details": details}, self.severity)
        if self.how_to_tell and Verdict.of(success=success, severity=severity) is Verdict.SUSPICION:
            details["how_to_tell"] = self.how_to_tell
        level = str(getattr(result_format["result_format"], "value", result_format["result_format"]))
        if judgement.query is not None and level != "BASIC":
            details["leaked_rows_query"] = judgement.query
        partial = int(result_format.get("partial_unexpected_count", 20))
        result = {
            "observed_value": judgement.observed_value,
            "element_count": rows,
            "unexpected_count": leaked,
            "unexpected_percent": 100 * leaked / rows if rows else 0.0,
            "partial_unexpected_list": list(judgement.samples)[:partial],
            "details": details,
        }
        if level == "COMPLETE":
            result["unexpected_list"] = list(judgement.samples)[:MOST_UNEXPECTED]
            details["unexpected_list_is_capped"] = len(judgement.samples) > MOST_UNEXPECTED
        return {"success": success, "result": disclosed(result, show=self.show_values)}

    @staticmethod
    def _samples(result_format: dict[str, Any]) -> int:
        level = str(getattr(result_format["result_format"], "value", result_format["result_format"]))
        if level == "BOOLEAN_ONLY":
            return 0
        # One more than is shown tells that there are more.
        return MOST_UNEXPECTED + 1 if level == "COMPLETE" else int(result_format["partial_unexpected_count"])

    # What Data Docs show. GX finds these by their decorators and parameter names.

    @classmethod
    def _prescriptive_template(cls, renderer_configuration: RendererConfiguration[Any]) -> Any:
        kwargs = renderer_configuration.kwargs
        for name, value in rendering.arguments(cls, kwargs).items():
            renderer_configuration.add_param(name, RendererValueType.STRING, value=value)
        renderer_configuration.template_str = rendering.sentence(cls, kwargs)
        return renderer_configuration

    @classmethod
    @renderer(renderer_type=LegacyRendererType.PRESCRIPTIVE)
    @render_suite_parameter_string
    def _prescriptive_renderer(
        cls,
        configuration: ExpectationConfiguration | None = None,
        result: Any = None,
        runtime_configuration: dict[str, Any] | None = None,
        **_: Any,
    ) -> list[Any]:
        found = configuration or result.expectation_config
        return rendering.prescription(cls, found.kwargs, (runtime_configuration or {}).get("styling"))

    @classmethod
    @renderer(renderer_type=LegacyDiagnosticRendererType.OBSERVED_VALUE)
    def _diagnostic_observed_value_renderer(
        cls,
        configuration: ExpectationConfiguration | None = None,
        result: Any = None,
        runtime_configuration: dict[str, Any] | None = None,
        **_: Any,
    ) -> Any:
        return rendering.observed(result.result if result else None)

    @classmethod
    @renderer(renderer_type=LegacyDiagnosticRendererType.UNEXPECTED_STATEMENT)
    def _diagnostic_unexpected_statement_renderer(
        cls,
        configuration: ExpectationConfiguration | None = None,
        result: Any = None,
        runtime_configuration: dict[str, Any] | None = None,
        **_: Any,
    ) -> list[Any]:
        return rendering.statement(result)

    @classmethod
    @renderer(renderer_type=LegacyDiagnosticRendererType.UNEXPECTED_TABLE)
    def _diagnostic_unexpected_table_renderer(
        cls,
        configuration: ExpectationConfiguration | None = None,
        result: Any = None,
        runtime_configuration: dict[str, Any] | None = None,
        **_: Any,
    ) -> list[Any] | None:
        return rendering.evidence(cls, result.result if result else None)


def _reference(given: Any) -> Any:
    """Return the names by which a batch definition is found again, so that a suite can be stored."""
    if isinstance(given, BatchDefinition):
        asset = given.data_asset
        return {
            "data_source": asset.datasource.name,
            "asset": asset.name,
            "batch_definition": given.name,
        }
    return given
