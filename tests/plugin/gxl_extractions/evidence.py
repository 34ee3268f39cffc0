"""Which rows of the judged splits came with an extraction that train has rows of, or with an earlier one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from gx_leakage.splits.relations import LeakedRows, Relations

__all__ = ["Extractions", "gather", "leaked_rows"]


@dataclass(frozen=True)
class Extractions:
    """By split its rows, its last extraction, and how many rows are not from after train's."""

    splits: tuple[tuple[str, int, int | None, int], ...]
    leaked_rows_query: str | None


def gather(relations: Relations, *, column: str, train: str) -> Extractions:
    """Return how the extractions of the splits follow one another."""
    relations.require_several()
    (no,) = relations.on_side("train", train)
    stack = relations.stack([column])
    rows = stack.select(lambda relation: [relation.c[column].label("x")]).subquery("stacked")
    last = sa.select(sa.func.max(rows.c.x)).where(rows.c.split_no == no).scalar_subquery()
    early = sa.case((sa.and_(rows.c.split_no != no, rows.c.x <= last), 1), else_=0)
    counts = [sa.func.count(), sa.func.max(rows.c.x), sa.func.sum(early)]
    found = {row[0]: row[1:] for row in relations.fetch(sa.select(rows.c.split_no, *counts).group_by(rows.c.split_no))}
    splits = tuple((name, *found.get(i, (0, None, 0))) for i, name in enumerate(relations.names))
    leaks = any(split[3] for split in splits)
    question = {"column": column, "train": train}
    query = relations.query(lambda: leaked_rows(relations, "judged", **question)) if leaks else None
    return Extractions(splits, query)


def leaked_rows(relations: Relations, side: str, *, column: str, train: str) -> LeakedRows:
    """Return how the rows are found that are not from after train's last extraction, or train's that are too late."""
    (no,) = relations.on_side("train", train)

    def keep(stacked: sa.FromClause) -> tuple[sa.FromClause, list[Any]]:
        other = stacked.alias("other")
        of_train, judged = other.c.split_no == no, other.c.split_no != no
        last = sa.select(sa.func.max(other.c.extraction_)).where(of_train).scalar_subquery()
        first = sa.select(sa.func.min(other.c.extraction_)).where(judged).scalar_subquery()
        if side == "train":
            return stacked, [stacked.c.split_no == no, stacked.c.extraction_ >= first]
        return stacked, [stacked.c.split_no != no, stacked.c.extraction_ <= last]

    return LeakedRows(lambda relation: [relation.c[column].label("extraction_")], keep)
