"""What columns are for, and the Expectations that follow from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from great_expectations.compatibility import pydantic

from gx_leakage.errors import CouldNotCheckError, nearest
from gx_leakage.leaks import (
    CrossBatchExpectation,
    ExpectBatchesToBeOrderedInTime,
    ExpectFeaturesToBeAvailableAtPredictionTime,
    ExpectLabelWindowsNotToOverlapAcrossBatches,
    ExpectMetadataNotToPredictTarget,
    ExpectMissingnessNotToRevealTarget,
    ExpectNoFeatureToRevealTarget,
    ExpectNoIdenticalRowsAcrossBatches,
    ExpectNoInterleavedFramesAcrossBatches,
    ExpectNoSharedGroupIdsAcrossBatches,
    ExpectPreprocessingToBeFittedOnTrainBatchOnly,
    ExpectRowIdsToBeIndependentOfTarget,
    expectation_types,
)
from gx_leakage.splits.relations import USUAL_ORDER, Relations
from gx_leakage.sql.keys import NUMBERS, family

__all__ = ["Plan", "Roles", "plan"]


@dataclass(frozen=True)
class Roles:
    """What columns are for, and how the splits are to be compared: the arguments of :func:`gx_leakage.audit`."""

    group: Sequence[str] = ()
    time: str | None = None
    target: str | None = None
    id: Sequence[str] = ()
    metadata: Sequence[str] = ()
    feature: Sequence[str] = ()
    available_at: Mapping[str, str] = field(default_factory=dict)
    sequence: Sequence[str] = ()
    frame: str | None = None
    window: tuple[str, str] | None = None
    embargo: Any = None
    order: Sequence[str] | None = None
    gap: Any = None
    unit: str | None = None
    normalize: Sequence[str] = ()
    train: str = "train"
    mostly: float = 1.0
    show_values: bool = True

    @property
    def given(self) -> bool:
        """Whether any column has a role."""
        return bool(self.columns or self.target or self.feature or self.frame)

    @property
    def columns(self) -> list[str]:
        """The columns that have a role other than to be features or the target."""
        times = [self.time, self.frame, *(self.window or ()), *self.available_at.values()]
        found = [*self.group, *self.id, *self.metadata, *self.sequence, *(name for name in times if name)]
        return list(dict.fromkeys(name for name in found if name != self.target and name not in self.feature))


@dataclass(frozen=True)
class Plan:
    """The Expectations to check, and what is not checked, each with what it wants."""

    expectations: tuple[CrossBatchExpectation, ...]
    not_checked: tuple[str, ...]


def plan(
    roles: Roles,
    splits_by: Mapping[str, Any],
    names: Sequence[str],
    relations: Relations,
    arguments: Mapping[str, Mapping[str, Any]] | None = None,
) -> Plan:
    """Return the Expectations for the roles that are given; without any, those that need none.

    Args:
        roles: What columns are for.
        splits_by: The arguments by which each Expectation finds the splits.
        names: The splits in the order in which they were given.
        relations: The splits.
        arguments: By type of Expectation, arguments that are not to be as they are by default.
    """
    common: dict[str, Any] = {
        **splits_by,
        "train": roles.train,
        "mostly": roles.mostly,
        "show_values": roles.show_values,
    }
    _complete(roles)
    comparison: dict[str, Any] = {"normalize": list(roles.normalize)} if roles.normalize else {}
    found: list[CrossBatchExpectation] = []
    left_out: list[str] = []

    if roles.group:
        found.append(
            ExpectNoSharedGroupIdsAcrossBatches(
                group_columns=list(roles.group),
                target_column=_everywhere(roles.target, relations),
                **comparison,
                **common,
            )
        )
    else:
        left_out.append("shared group ids (group)")
    found.append(
        ExpectNoIdenticalRowsAcrossBatches(
            exclude_columns=list(roles.id), target_column=_everywhere(roles.target, relations), **comparison, **common
        )
    )
    if roles.time is not None:
        order = list(roles.order) if roles.order else None
        if order is None and "split_column" not in splits_by and any(n.casefold() not in USUAL_ORDER for n in names):
            order = list(names)
        found.append(
            ExpectBatchesToBeOrderedInTime(
                time_column=roles.time, order=order, gap=roles.gap, unit=roles.unit, **common
            )
        )
    else:
        left_out.append("the order in time (time)")
    if roles.available_at and roles.time is not None:
        found.append(
            ExpectFeaturesToBeAvailableAtPredictionTime(
                prediction_time_column=roles.time, available_at=dict(roles.available_at), **common
            )
        )
    else:
        left_out.append("features from after the prediction (available_at)")
    if roles.window:
        start, end = roles.window
        found.append(
            ExpectLabelWindowsNotToOverlapAcrossBatches(
                start_column=start, end_column=end, embargo=roles.embargo, **common
            )
        )
    else:
        left_out.append("label windows (window)")
    if roles.sequence and roles.frame:
        found.append(
            ExpectNoInterleavedFramesAcrossBatches(
                sequence_columns=list(roles.sequence), frame_column=roles.frame, **common
            )
        )
    else:
        left_out.append("interleaved frames (sequence, frame)")
    of_target, without = _of_target(roles, relations, common)
    found += of_target
    left_out += without
    looked_at = roles.feature if roles.given else relations.common_columns()
    numbers = _numbers(looked_at, relations)
    if numbers and roles.train in relations.names:
        found.append(ExpectPreprocessingToBeFittedOnTrainBatchOnly(columns=numbers, **common))
    else:
        wanted = "feature" if not looked_at else f"a split called {roles.train}" if numbers else "a feature of numbers"
        left_out.append(f"what preprocessing was fitted on ({wanted})")
    return Plan(tuple(_changed(found, arguments or {}, common)), tuple(left_out))


_NEEDS = {
    "metadata": ("target", "what they must not predict"),
    "available_at": ("time", "the moment at which a row predicts"),
    "order": ("time", "the column that says when a row was"),
    "gap": ("time", "the column that says when a row was"),
    "unit": ("time", "the column that says when a row was"),
    "embargo": ("window", "the columns with the time that a label is about"),
    "sequence": ("frame", "the number of a frame within its sequence"),
    "frame": ("sequence", "what a frame is a number within"),
}


def _complete(roles: Roles) -> None:
    """Raise for what is given and would not be looked at for want of something else."""
    for name, (other, what) in _NEEDS.items():
        if getattr(roles, name) not in (None, (), [], {}) and not getattr(roles, other):
            raise CouldNotCheckError(f"{name} needs {other}, {what}.")


def _changed(
    planned: Sequence[CrossBatchExpectation], arguments: Mapping[str, Mapping[str, Any]], common: Mapping[str, Any]
) -> list[CrossBatchExpectation]:
    """Return the Expectations with the arguments that are given; those that no role asks for are added."""
    classes: dict[str, Any] = {cls.expectation_type: cls for cls in expectation_types()}
    for name in arguments:
        if name not in classes:
            raise CouldNotCheckError(f"there is no Expectation '{name}'. {nearest(name, classes)}")
    changed = []
    for one in planned:
        given = arguments.get(one.expectation_type, {})
        changed.append(type(one)(**{**one.configuration.kwargs, "severity": one.severity, **given}) if given else one)
    for name in arguments.keys() - {one.expectation_type for one in planned}:
        try:
            changed.append(classes[name](**{**common, **arguments[name]}))
        except pydantic.ValidationError as error:
            wanted = ", ".join(str(problem["loc"][0]) for problem in error.errors())
            raise CouldNotCheckError(
                f"{name} is given arguments, but no role asks for it: give the role, or these arguments too: {wanted}."
            ) from error
    return changed


def _everywhere(target: str | None, relations: Relations) -> str | None:
    """Return the target unless only some of the splits have it, as those that are still to be predicted have not."""
    held = [target in names for names in relations.columns().values()]
    return None if any(held) and not all(held) else target


def _of_target(
    roles: Roles, relations: Relations, common: Mapping[str, Any]
) -> tuple[list[CrossBatchExpectation], list[str]]:
    """Return the Expectations about what says too much of the target."""
    target = roles.target
    what = "features and gaps that reveal the target"
    if target is None:
        return [], [f"{what} (target)", "metadata (metadata, target)", "ids in the order of the target (id, target)"]
    found: list[CrossBatchExpectation] = []
    left_out = []
    judged = relations.having(target)
    features = list(roles.feature) or [c for c in judged.common_columns() if c not in (*roles.columns, target)]
    if features:
        exclude = [] if roles.feature else [c for c in roles.columns if c in judged.common_columns()]
        chosen: dict[str, Any] = {"columns": list(roles.feature) or None, "exclude_columns": exclude}
        found.append(ExpectNoFeatureToRevealTarget(target_column=target, **chosen, **common))
        found.append(ExpectMissingnessNotToRevealTarget(target_column=target, **chosen, **common))
    else:
        left_out.append(f"{what} (no column without a role)")
    if roles.metadata:
        found.append(
            ExpectMetadataNotToPredictTarget(target_column=target, metadata_columns=list(roles.metadata), **common)
        )
    else:
        left_out.append("metadata (metadata)")
    found += [ExpectRowIdsToBeIndependentOfTarget(id_column=c, target_column=target, **common) for c in roles.id]
    if not roles.id:
        left_out.append("ids in the order of the target (id)")
    return found, left_out


def _numbers(columns: Sequence[str], relations: Relations) -> list[str]:
    """Return those of the columns that hold numbers in all splits; a name that is wrong is an error further on."""
    existing = relations.columns()
    if not columns or not all(c in names for names in existing.values() for c in columns):
        return list(columns)
    stack = relations.stack(columns)
    types = [stack.relation_of(i).c for i in range(len(relations.names))]
    return [c for c in columns if all(family(of[c].type) in NUMBERS for of in types)]
