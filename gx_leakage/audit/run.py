"""Splits and the roles of their columns, turned into a suite and a checkpoint, run, and reported."""

from __future__ import annotations

import functools
import inspect
import os
import textwrap
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from great_expectations.checkpoint.actions import UpdateDataDocsAction
from great_expectations.compatibility import pydantic

import great_expectations as gx
from gx_leakage.audit.plan import Asked, plan, read_roles
from gx_leakage.audit.proposals import accepted, proposals
from gx_leakage.audit.remedy import Inputs
from gx_leakage.errors import CouldNotCheckError, nearest
from gx_leakage.families import roles
from gx_leakage.gx.actions import LeakageReportAction
from gx_leakage.gx.expectation import CrossBatchExpectation
from gx_leakage.gx.planning import Given
from gx_leakage.gx.report import LeakFoundError, Report
from gx_leakage.gx.sources import Prepared, data_context, only_one, prepare, relations_of, require_folder
from gx_leakage.gx.verdicts import require_severity
from gx_leakage.roles import Proposal
from gx_leakage.splits import profile
from gx_leakage.splits.frames import TARGET, Opened, is_frame, mentioned, opened
from gx_leakage.splits.relations import train_among

if TYPE_CHECKING:
    from great_expectations.data_context.data_context.abstract_data_context import AbstractDataContext

__all__ = ["assert_expectation", "audit", "proposed", "telling"]

_Audit = TypeVar("_Audit", bound=Callable[..., Any])


def telling(run: _Audit) -> _Audit:
    """Let no value of the data out by an error of an audit that is not to show any."""

    @functools.wraps(run)
    def audited(*args: Any, **kwargs: Any) -> Any:
        return _guarded(run, kwargs.get("show_values", True))(*args, **kwargs)

    return audited  # type: ignore[return-value]


def _guarded(run: _Audit, show_values: bool) -> _Audit:
    """Let no value of the data out by an error of what is run, where none is to be shown."""
    if show_values:
        return run

    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return run(*args, **kwargs)
        except CouldNotCheckError as error:
            raise error.without_values() from None
        except Exception as error:  # noqa: BLE001 (libraries put values of the data into their messages)
            raise CouldNotCheckError(f"it failed ({type(error).__name__}).") from None

    return guarded  # type: ignore[return-value]


@telling
def audit(
    splits: Mapping[str, Any] | Any,
    *,
    split_column: str | None = None,
    connection: str | None = None,
    exclude: Sequence[str] | str = (),
    train: str = "train",
    mostly: float = 1.0,
    show_values: bool = True,
    arguments: Mapping[str, Mapping[str, Any]] | None = None,
    expectations: Sequence[Any] = (),
    accept: bool = False,
    fail_on: str = "critical",
    measure: Any = False,
    docs: str | os.PathLike[str] | None = None,
    save: str | os.PathLike[str] | None = None,
    memory_limit: str | None = None,
    date_format: str | None = None,
    **named: Any,
) -> Report:
    """Check splits for leaks, as a GX Checkpoint does in a pipeline.

    Without any role the checks that need none are made, and roles are proposed in the report.

    Args:
        splits: By name, DataFrames (pandas, polars, Spark), tables of Arrow, relations of DuckDB, data sets of Hugging
            Face, arrays of two dimensions, pairs ``(X, y)`` of these, paths of CSV, Parquet or JSON files (folders
            too), or, with ``connection``, names of tables. With ``split_column``, one of these that holds all splits.
        split_column: The column whose values name the split of each row.
        connection: A SQLAlchemy URL; ``${VAR}`` in it is replaced from the environment, and kept as written in what
            is saved.
        exclude: Columns that no check looks at.
        train: The split that models are fitted on; also the only one that has it as a word of its name.
        mostly: The share of judged rows that have to be free of each leak.
        show_values: Whether values of the data may be in the report and in Data Docs.
        arguments: By type of Expectation, arguments other than their defaults: thresholds, a severity, ``mostly``.
        expectations: Further Expectations of ours, or pairs of a type and its arguments, to check besides.
        accept: Whether to check roles that are proposed and sure, too, for what is not given.
        fail_on: The lowest severity of a finding that makes the report fail: ``"critical"``, what is proved, or
            ``"warning"``, suspicions too.
        measure: Whether to fit a quick model (scikit-learn, the extra ``measure``) and say what its score is worth
            without the leaks that were found, in ``report.measured``; or an estimator to take for it. It needs a
            target, and up to 100,000 rows leave the database for it. See :mod:`gx_leakage.audit.measure`.
        docs: A folder to build Data Docs in.
        save: A folder that becomes a GX project with this data source, suite and checkpoint.
        memory_limit: How much memory DuckDB may use for files, such as ``"2GB"``; beyond it spills to disk.
        date_format: How dates are written in text files, as ``strptime`` has it, such as ``"%d/%m/%Y"``; by default ISO
            8601, and any other form in which the dates of all splits can only be read in one way.
        **named: Roles: what columns are for.

    Raises:
        CouldNotCheckError: an input is missing or cannot be read. Checks that could not be made are in the report.
    """
    for name in named:
        if name not in roles():
            known = [*roles(), *_SETTINGS]
            raise CouldNotCheckError(f"audit() has no argument '{name}'. {nearest(name, known)}")
    expectations = [_typed(one) for one in expectations]
    asked = Asked(
        roles=read_roles(named),
        exclude=[exclude] if isinstance(exclude, str) else list(exclude),
        train=train,
        common={"mostly": mostly, "show_values": show_values},
        arguments=arguments or {},
        expectations=expectations,
    )
    require_severity(fail_on)
    held = Opened(splits)
    if connection is None:
        held = opened(
            splits, mentioned(list(named.values()), asked.exclude, split_column, asked.arguments, expectations)
        )
        splits = held.splits
    if held.target is not None and TARGET in roles():
        asked = replace(asked, roles=read_roles({TARGET: held.target, **asked.roles}))
    if save is not None and not show_values and any(map(is_frame, _given(splits))):
        raise CouldNotCheckError("a saved project keeps the rows of frames: give files, or save without hiding values.")
    if measure is not False:
        from gx_leakage.audit.measure import measured, require_model

        require_model()
        if "target" not in asked.roles and not accept:
            raise CouldNotCheckError("a score cannot be measured without a target: name the column with target.")
    with ExitStack() as stack:
        folder = require_folder(save) if save is not None else None
        if docs is not None:
            require_folder(docs)
        context = data_context(folder)
        prepared = stack.enter_context(
            prepare(context, splits, split_column, connection, memory_limit, folder, date_format, alone=True)
        )
        relations = relations_of(prepared)
        found: list[Proposal] = []
        unsure: list[str] = []
        try:
            asked = replace(asked, train=train_among(relations.names, train))
            if asked.bare or accept:
                found = proposals(profile.gather(relations, asked.train), asked.roles, asked.exclude)
            if accept:
                asked = replace(asked, roles=accepted(asked.roles, found))
                unsure = [] if any(one.sure for one in found) else ["proposed roles (one that is sure)"]
            planned = plan(asked, prepared.splits_by, prepared.names, relations)
            if len(relations.names) < 2 and not planned.expectations:
                raise only_one(prepared.names[0])
        except pydantic.ValidationError as error:
            problems = (f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
            raise CouldNotCheckError(f"{'; '.join(problems)}.") from error
        finally:
            relations.close()
        report = _run(
            context, prepared, planned.expectations, docs=docs, saved=folder,
            not_checked=[*planned.not_checked, *unsure],
            fail_on=fail_on,
        )  # fmt: skip
        if measure is not False:
            splits_again = relations_of(prepared)
            try:
                needed = Given(
                    asked.roles, roles(), splits_again, prepared.names, train=asked.train,
                    named="split_column" not in prepared.splits_by, exclude=asked.exclude,
                )  # fmt: skip
                model = None if measure is True else measure
                report = replace(report, measured=measured(splits_again, report.findings, needed, model))
            finally:
                splits_again.close()
        again = functools.partial(
            audit, split_column=split_column, connection=connection, exclude=exclude, train=asked.train,
            mostly=mostly, show_values=show_values, arguments=arguments, expectations=expectations,
            memory_limit=memory_limit, date_format=date_format, fail_on=fail_on, **asked.roles,
        )  # fmt: skip
        given = Inputs(held, split_column, connection, date_format, asked.train, show_values, again)
        return replace(
            report,
            proposals=found,
            remedy=_guarded(given.clean, show_values),
            places=_places(splits, prepared.names, files=connection is None),
        )


def _typed(expectation: Any) -> tuple[str, Mapping[str, Any]]:
    """Return type and arguments of an Expectation, or of such a pair."""
    if isinstance(expectation, CrossBatchExpectation):
        kwargs = expectation.configuration.kwargs
        return expectation.expectation_type, {**kwargs, "severity": expectation.severity}
    if isinstance(expectation, (tuple, list)) and len(expectation) == 2:
        type_, arguments = expectation
        return type_, arguments
    raise CouldNotCheckError(
        f"expectations= holds {expectation!r}: give Expectations of ours, or pairs of a type and its arguments. "
        f"Arguments for those that roles ask for are given by arguments=."
    )


def _described(run: Any) -> None:
    """Give a function that takes roles the signature and the help of all that there are."""
    signature = inspect.signature(run)
    first, *settings = (one for one in signature.parameters.values() if one.kind is not one.VAR_KEYWORD)
    keyword = inspect.Parameter.KEYWORD_ONLY
    named = [
        inspect.Parameter(role.name, keyword, default=role.form.empty, annotation=role.form.type_)
        for role in roles().values()
    ]
    run.__signature__ = signature.replace(parameters=[first, *named, *settings])
    lines = [
        textwrap.fill(f"{role.name}: {role.help}", 112, initial_indent=" " * 4, subsequent_indent=" " * 8)
        for role in roles().values()
    ]
    run.__doc__ = inspect.cleandoc(str(run.__doc__)).replace(
        "    **named: Roles: what columns are for.", "\n".join(lines)
    )


def _places(splits: Mapping[str, Any] | Any, names: Sequence[str], *, files: bool) -> dict[str, Path | str]:
    """Return by split its file or its table: one that holds all splits is the place of each."""
    named = splits if isinstance(splits, Mapping) else dict.fromkeys(names, splits)
    if len(named) == 1:
        named = dict.fromkeys(names, *named.values())
    placed = {str(name): place for name, place in named.items() if isinstance(place, (str, os.PathLike))}
    return {name: Path(place) if files else str(place) for name, place in placed.items()}


def _given(splits: Mapping[str, Any] | Any) -> list[Any]:
    return list(splits.values()) if isinstance(splits, Mapping) else [splits]


def proposed(
    splits: Mapping[str, Any] | Any, *, split_column: str | None = None, connection: str | None = None
) -> tuple[list[Proposal], str]:
    """Return the roles that columns look like they have, and the split that looks like train."""
    with prepare(data_context(None), splits, split_column, connection, None, None) as prepared:
        relations = relations_of(prepared)
        try:
            train = train_among(relations.names)
            return proposals(profile.gather(relations, train)), train
        finally:
            relations.close()


def assert_expectation(expectation: CrossBatchExpectation, /, **splits: Any) -> Report:
    """Validate one Expectation over splits given as :func:`audit` takes them, and raise if it fails.

    Raises:
        LeakFoundError: the Expectation failed. It is an ``AssertionError``, so that a test fails by it.
        CouldNotCheckError: the check could not be made.
    """
    __tracebackhide__ = True
    context = data_context(None)
    column: Any = expectation.split_column
    splits = opened(splits, mentioned(expectation.configuration.kwargs)).splits
    with prepare(context, splits, column, None, None, None, alone=True) as prepared:
        given: Any = expectation.configuration.to_domain_obj()
        for name, value in prepared.splits_by.items():
            if getattr(given, name) is None:
                setattr(given, name, value)
        report = _run(context, prepared, [given], docs=None, saved=None, not_checked=[])
    try:
        report.raise_for_leaks()
    except (LeakFoundError, CouldNotCheckError) as error:
        raise error.with_traceback(None) from None  # what is wrong is at the caller's line
    return report


def _run(
    context: AbstractDataContext,
    prepared: Prepared,
    expectations: Sequence[CrossBatchExpectation],
    *,
    docs: str | os.PathLike[str] | None,
    saved: Path | None,
    not_checked: Sequence[str],
    fail_on: str = "info",
) -> Report:
    suite = context.suites.add_or_update(gx.ExpectationSuite(name="leakage", expectations=list(expectations)))
    validation = context.validation_definitions.add_or_update(
        gx.ValidationDefinition(name="leakage", data=prepared.definition, suite=suite)
    )
    sites = [_docs_site(context, docs)] if docs is not None else []
    actions: list[Any] = [LeakageReportAction(directory="uncommitted/leakage" if saved else None)]
    if sites or saved:
        actions.append(UpdateDataDocsAction(name="data_docs", site_names=sites))
    checkpoint = context.checkpoints.add_or_update(
        gx.Checkpoint(name="leakage", validation_definitions=[validation], actions=actions)
    )
    result = checkpoint.run(batch_parameters=prepared.batch_parameters)
    page = None
    if sites:
        page = str(Path(docs or ".", "index.html").resolve())
    return Report.of(result, data_docs=page, not_checked=not_checked, fail_on=fail_on)


def _docs_site(context: AbstractDataContext, docs: str | os.PathLike[str]) -> str:
    name = "leakage"
    site: Any = {
        "class_name": "SiteBuilder",
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        "store_backend": {
            "class_name": "TupleFilesystemStoreBackend",
            "base_directory": str(Path(docs).resolve()),
        },
    }
    if name in context.get_site_names():
        context.update_data_docs_site(name, site)
    else:
        context.add_data_docs_site(name, site)
    return name


_SETTINGS = [name for name, one in inspect.signature(audit).parameters.items() if one.kind is one.KEYWORD_ONLY]
_described(audit)
