"""Edges of one graph in more than one split: as they are, turned round, or under another relation."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gx_leakage.roles import Pair, Role

if TYPE_CHECKING:
    from gx_leakage.splits.profile import Profile

__all__ = ["PLACE", "ROLES"]

PLACE = 15

_ENDS = (
    ("source", "target"), ("src", "dst"), ("head", "tail"), ("subject", "object"), ("from_node", "to_node"),
    ("node1", "node2"), ("source_id", "target_id"), ("src_id", "dst_id"), ("head_id", "tail_id"),
)  # fmt: skip
_RELATIONS = ("relation", "predicate", "rel", "edge_type", "relation_id")


class Edge(Pair):
    """The two columns of an edge, or three: ``("head", "tail", "relation")``, ``--edge head,tail,relation``."""

    type_ = Sequence[str]

    def __init__(self) -> None:
        super().__init__("SOURCE", "TARGET")
        self.metavar = "SOURCE,TARGET[,RELATION]"
        self.wanted = "a list of two or three columns: source, target, and the relation if there is one"

    def read(self, value: Any) -> Any:
        """Return the columns; the relation is the third."""
        if isinstance(value, str) or not isinstance(value, Sequence) or len(value) not in (2, 3):
            raise ValueError(self.wanted)
        if not all(isinstance(column, str) for column in value):
            raise ValueError(self.wanted)
        return tuple(value)

    def read_option(self, given: Any) -> Any:
        """Split at the commas."""
        (columns,) = csv.reader([given])
        if len(columns) not in (2, 3):
            raise ValueError(f"of the form {self.metavar}")
        return tuple(columns)


def _like_edge(profile: Profile, taken: Mapping[str, Sequence[str]]) -> Iterable[tuple[Sequence[str], str]]:
    free = {column.name.casefold(): column for column in profile.free(taken) if column.is_discrete}
    for ends in _ENDS:
        if not all(end in free for end in ends):
            continue
        source, target = (free[end] for end in ends)
        if (
            source.families != target.families
            or source.unique
            or min(source.distinct_in_all, target.distinct_in_all) < 3
        ):
            continue
        relation = [free[name].name for name in _RELATIONS if name in free][:1]
        reason = f"{source.name} and {target.name} look like the ends of an edge, by their names"
        return [([source.name, target.name, *relation], reason)]
    return []


ROLES = (
    Role(
        "edge",
        Edge(),
        "The columns with the ends of an edge of a graph, and the one with its relation if there is one.",
        looks_like=_like_edge,
        place=5,
    ),
)
