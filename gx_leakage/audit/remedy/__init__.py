"""Clean splits: leaked rows dropped, groups brought to one split, splits made anew, leaking columns left out.

How leaked rows are found is said by each family (:class:`gx_leakage.splits.relations.LeakedRows`). What is made of it
depends on the place: frames and files (by way of tables in DuckDB), a warehouse, Spark: a module each.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from pathlib import Path
from typing import Any, Protocol

from gx_leakage.audit.remedy.columns import LeftOut, left_out, mended
from gx_leakage.audit.remedy.files import Files
from gx_leakage.audit.remedy.frames import Frames
from gx_leakage.audit.remedy.mend import STRATEGIES, Made, Mend
from gx_leakage.audit.remedy.spark import Spark
from gx_leakage.audit.remedy.warehouse import Warehouse
from gx_leakage.disclosure import value
from gx_leakage.errors import CouldNotCheckError, nearest
from gx_leakage.gx.expectation import CrossBatchExpectation
from gx_leakage.gx.report import Cleaned, Report
from gx_leakage.gx.sources import name_of, require_folder
from gx_leakage.splits.frames import TARGET, Opened, is_frame, is_spark
from gx_leakage.splits.resolve import rows_without_split

__all__ = ["STRATEGIES", "Inputs", "Place"]


class Place(Protocol):
    """Where splits are, and where clean ones are made."""

    @property
    def checked(self) -> bool:
        """Whether the clean splits are there at once, to be checked again."""

    def cleaned(self, mend: Mend) -> Made:
        """Return the clean splits.

        Raises:
            CouldNotCheckError: they cannot be made; nothing is left behind then.
        """

    def set_aside(self, made: Made) -> str:
        """Return what there is of clean splits that could not be checked again, which must not look finished."""


def mending(report: Report, strategy: str, left: LeftOut, **how: Any) -> tuple[Mend, list[str]]:
    """Return what is to be mended, and what of the rest has to be mended by hand.

    Raises:
        CouldNotCheckError: there is no such strategy, a check could not be made, or the strategy does not fit a leak.
    """
    if strategy not in STRATEGIES:
        raise CouldNotCheckError(f"there is no strategy '{strategy}'. {nearest(strategy, STRATEGIES)}")
    if report.errors:
        raise CouldNotCheckError("\n".join(finding.sentence for finding in report.errors))
    checked = [(finding, finding.rebuilt()) for finding in report.findings]
    by_hand = [
        finding.sentence for finding, one in checked
        if finding.leaked and not one.rows_leak and not mended(finding, left.columns)
    ]  # fmt: skip
    # New splits keep what these have kept.
    chosen = [one for finding, one in checked if one.rows_leak and (finding.leaked or strategy == "resplit")]
    if strategy == "resplit" and not chosen:
        raise CouldNotCheckError("nothing says how rows have to stand in new splits: give roles, such as group=.")
    predicted = next((column for _, one in checked if (column := _predicted(one)) is not None), None)
    return Mend(chosen, strategy, target=predicted, left=left, **how), by_hand


def _predicted(expectation: CrossBatchExpectation) -> str | None:
    """Return the column that is predicted, whatever the argument is called that has this role."""
    given = {role: argument for argument, role in {**expectation.roles, **expectation.optional_roles}.items()}
    return getattr(expectation, given[TARGET]) if TARGET in given else None


@dataclass(frozen=True)
class Inputs:
    """What was audited, so that it can be cleaned and audited again."""

    # Rows and credentials are for nobody who prints a report's remedy.
    opened: Opened = field(repr=False)
    split_column: str | None
    connection: str | None = field(repr=False)
    date_format: str | None
    train: str
    show_values: bool
    again: functools.partial[Report] = field(repr=False)
    """Audits clean splits as these were."""

    def clean(
        self, report: Report, strategy: str, *, directory: str | os.PathLike[str] | None = None, run: bool = False,
        seed: int = 0, allow: bool = False, drop_columns: bool = False,
        shown: Callable[[str], None] = lambda _: None,
    ) -> Cleaned:  # fmt: skip
        """Return the splits without what leaks: see :meth:`gx_leakage.gx.report.Report.clean_splits`."""
        if isinstance(seed, bool) or not isinstance(seed, Integral):
            raise CouldNotCheckError(f"seed has to be a whole number, and is {seed!r}.")
        left = left_out(report, self.again.keywords) if drop_columns else LeftOut()
        mend, by_hand = mending(
            report, strategy, left, train=self.train, split_column=self.split_column, seed=seed, allow=allow,
            shown=shown, show_values=self.show_values,
        )  # fmt: skip
        place = self._place(Path(directory) if directory is not None else None, run, left.columns)
        made = place.cleaned(mend)
        again = self._checked(place, made, mend) if place.checked else None
        shares = made.cost.shares if self.show_values else []
        given_back = self.opened.given_back(made.splits)
        return Cleaned(
            given_back, made.cost.rows, by_hand, made.sql, again, shares, list(left.columns), list(made.cost.notes)
        )

    def _checked(self, place: Place, made: Made, mend: Mend) -> Report:
        """Return the report of the clean splits.

        Raises:
            CouldNotCheckError: they could not be checked again, of which files are set aside.
        """
        reasons, still = "", list[str]()
        try:
            with rows_without_split():
                report = self.again(made.splits, **(mend.left.settings or {}))
            reasons = "\n".join(finding.sentence for finding in report.errors) if made.files else ""
            still = [finding.sentence for finding in report.findings if finding.leaked and finding.rebuilt().rows_leak]
        except CouldNotCheckError as error:
            reasons = error.marked
        except Exception as error:  # noqa: BLE001 (whatever it is, what was made must not look finished)
            reasons = f"{type(error).__name__}{value(f': {error}')}"
        except BaseException:
            place.set_aside(made)
            raise
        if mend.anew and still and not reasons:
            raise CouldNotCheckError(f"{place.set_aside(made)}, in which rows still leak: {' '.join(still)}")
        if not reasons:
            return report
        raise CouldNotCheckError(f"{place.set_aside(made)}, which could not be checked again: {reasons}")

    def _place(self, folder: Path | None, run: bool, columns: Sequence[str]) -> Place:
        splits = self.opened.splits
        given = dict(splits) if isinstance(splits, Mapping) else {name_of(splits): splits}
        named = {str(name): value for name, value in given.items()}
        if self.connection is not None:
            return Warehouse(named, self.connection, run)
        frames = [is_frame(value) for value in named.values()]
        if any(frames) and not all(frames):
            raise CouldNotCheckError("frames and files are not cleaned together: give only one of them.")
        spark = [is_spark(value) for value in named.values()]
        if any(spark) and not all(spark):
            raise CouldNotCheckError("frames of Spark and others are not cleaned together: give only one of them.")
        if all(spark):
            return Spark(named)
        if all(frames):
            return Frames.without(named, columns)
        if folder is None:
            raise CouldNotCheckError("name the folder that clean files are written to: directory=.")
        return Files({name: Path(value) for name, value in named.items()}, require_folder(folder), self.date_format)
