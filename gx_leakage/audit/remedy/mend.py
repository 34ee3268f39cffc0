"""What is to be mended, how, what it costs, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from gx_leakage.audit.remedy.columns import LeftOut
from gx_leakage.errors import CouldNotCheckError
from gx_leakage.gx.expectation import CrossBatchExpectation
from gx_leakage.gx.report import costs
from gx_leakage.splits.relations import LeakedRows, Relations

__all__ = ["STRATEGIES", "Made", "Mend", "Tally", "tally"]

STRATEGIES = ("judged", "train", "reassign", "resplit")

MOST_CLASSES = 20
"""Values of a target of which shares are shown; one of more values is no class."""
MOST_LOST, MOST_MOVED = 0.5, 0.2
"""The share of a split's rows that may be lost, and how far its proportion may move, unless that is allowed."""


@dataclass(frozen=True)
class Tally:
    """How many rows each split has, and of each class where the target has classes: by split, its name or None."""

    rows: dict[str, int]
    classes: dict[str, dict[str, int]] = field(default_factory=dict)


def tally(relations: Relations, target: str | None) -> Tally:
    """Count the rows of splits."""
    if target not in relations.common_columns():
        target = None
    stack = relations.stack([target] if target else relations.common_columns()[:1])
    if target is None:
        rows = stack.select(lambda _: []).subquery("stacked")
        by = [rows.c.split_no]
    else:
        (key,) = relations.keys(stack, [target])
        rows = stack.select(lambda relation: [key.of(relation).label("class_")]).subquery("stacked")
        distinct = relations.fetch(sa.select(sa.func.count(sa.distinct(rows.c.class_))))[0][0]
        if int(distinct) > MOST_CLASSES:
            return tally(relations, None)
        by = [rows.c.split_no, rows.c.class_]
    found = Tally(dict.fromkeys(relations.names, 0), {} if target is None else {n: {} for n in relations.names})
    for no, *class_, count in relations.fetch(sa.select(*by, sa.func.count()).group_by(*by)):
        name = relations.names[int(no)]
        found.rows[name] += int(count)
        if class_:
            found.classes[name][str(key.shown(class_[0]))] = int(count)
    return found


@dataclass(frozen=True)
class Mend:
    """The Expectations whose leaks are to be mended, one after the other, and the strategy."""

    expectations: Sequence[CrossBatchExpectation]
    strategy: str
    train: str
    split_column: str | None
    target: str | None = None
    """The column whose classes are to keep their shares, and whose shares are shown."""
    seed: int = 0
    allow: bool = False
    """Whether it may cost whatever it does."""
    shown: Callable[[str], None] = field(default=lambda _: None)
    """Told what it costs, before anything is written."""
    left: LeftOut = field(default_factory=LeftOut)
    """The columns that no clean split has."""
    show_values: bool = True
    """Whether classes, which are values of the data, may be named."""

    @property
    def moves(self) -> bool:
        """Whether rows are moved, and not dropped."""
        return self.strategy == "reassign"

    @property
    def anew(self) -> bool:
        """Whether splits are made anew, from all rows."""
        return self.strategy == "resplit"

    def leaked(self, expectation: CrossBatchExpectation, relations: Relations) -> LeakedRows:
        """Return how the rows are found that are to be dropped, or of which those that belong together are moved.

        Raises:
            CouldNotCheckError: the strategy does not mend this leak.
        """
        found = expectation.leaked_rows(relations, "train" if self.strategy == "train" else "judged")
        if self.moves and not found.together:
            raise CouldNotCheckError(
                f"{expectation.expectation_type} is not mended by bringing groups to one split: choose 'judged', "
                f"'train' or 'resplit'."
            )
        return found

    def require_features(self, relations: Relations) -> None:
        """Raise where the splits, without the columns that are left out, have no feature any more."""
        features = [column for column in relations.common_columns() if column not in self.left.kept]
        if self.left.columns and not features:
            raise CouldNotCheckError(
                f"without the columns that leak ({', '.join(self.left.columns)}) there is no feature left."
            )

    def accept(self, before: Tally, after: Tally, notes: Sequence[str] = ()) -> Cost:
        """Show what the clean splits cost, and return it.

        Raises:
            CouldNotCheckError: a split would be left without rows, or it costs more than is allowed.
        """
        for name, count in after.rows.items():
            if not count:
                raise CouldNotCheckError(
                    f"this would leave split '{name}' without rows, for all of them leak: choose another strategy, "
                    f"such as 'resplit', or split anew."
                )
        cost = Cost(before, after, tuple(notes))
        said = costs(cost.rows, cost.shares if self.show_values else [], self.left.columns, cost.notes)
        if cost.problems and not self.allow:
            other = "Leave out a role" if self.anew else "Choose another strategy, such as 'resplit'"
            raise CouldNotCheckError(
                f"this would cost much: {'; '.join(cost.problems)}. {said} {other}, or allow it: --allow, or "
                f"allow=True in Python."
            )
        self.shown(said)
        return cost


@dataclass(frozen=True)
class Cost:
    """What clean splits cost."""

    before: Tally
    after: Tally
    notes: tuple[str, ...] = ()
    """What has to be known of how they were made."""

    @property
    def rows(self) -> list[dict[str, Any]]:
        """For each split ``name``, the rows ``before`` and ``after``."""
        return [{"name": n, "before": count, "after": self.after.rows[n]} for n, count in self.before.rows.items()]

    @property
    def shares(self) -> list[dict[str, Any]]:
        """For each split, and each class in it, ``name``, ``class``, and its share ``before`` and ``after``."""
        return [
            {"name": name, "class": one, **{
                when: of.classes[name].get(one, 0) / of.rows[name] if of.rows[name] else 0.0
                for when, of in (("before", self.before), ("after", self.after))
            }}
            for name in (self.before.classes if self.after.classes else ())
            for one in sorted(self.before.classes[name].keys() | self.after.classes[name].keys())
        ]  # fmt: skip

    @property
    def problems(self) -> list[str]:
        """Why nobody is likely to want this."""
        found = []
        totals = [sum(of.rows.values()) for of in (self.before, self.after)]
        for name, before in self.before.rows.items():
            after = self.after.rows[name]
            # Some more rows in one split are no loss, when the others have as many less.
            if after < before * (1 - MOST_LOST):
                found.append(f"split '{name}' would lose {before - after:,} of its {before:,} rows")
            shares = [count / total for count, total in zip((before, after), totals, strict=True)]
            if abs(shares[1] - shares[0]) > MOST_MOVED:
                found.append(f"split '{name}' would hold {shares[1]:.1%} of all rows, instead of {shares[0]:.1%}")
        return found


@dataclass(frozen=True)
class Made:
    """Clean splits."""

    splits: dict[str, Any]
    """By name a frame, the path of a file, or the name of a table."""
    cost: Cost
    sql: list[str] = field(default_factory=list)
    """In a warehouse, the statements that make the tables."""
    files: bool = False
    """Whether these are files, which somebody could take for clean ones."""
