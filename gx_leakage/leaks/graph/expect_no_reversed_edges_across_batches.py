"""The same edge in two splits, turned round or under another relation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Union

from great_expectations.compatibility import pydantic

from gx_leakage.disclosure import value
from gx_leakage.gx.blocks import LEAKED, Block, filled, table
from gx_leakage.gx.expectation import CrossBatchExpectation, Judgement, Parameter, Text
from gx_leakage.gx.planning import Given
from gx_leakage.gx.words import joined
from gx_leakage.leaks.graph import edges
from gx_leakage.leaks.graph.edges import Alike, Edges, SplitEdges
from gx_leakage.sql.values import rounded

__all__ = ["ExpectNoReversedEdgesAcrossBatches"]

_HOW = {"same": "as it is", "reversed": "turned round", "alike": "by another relation"}


class ExpectNoReversedEdgesAcrossBatches(CrossBatchExpectation):
    """Expect no edge of a graph, nor its reverse, to be in more than one split.

    Where edges are split at random, and one of them stands in the table in both directions, a model that is to predict
    a test edge finds it turned round in train. Relations do the same: "has part" is "part of" turned round. WN18 and
    FB15k leaked so, and a rule that turns triples round predicts their tests (Toutanova and Chen 2015, doi
    10.18653/v1/W15-4007; Dettmers et al. 2018, arXiv 1707.01476).

    An edge is leaked when another split has it, or its reverse; with a relation, when that is the same or says the
    same. Two relations say the same when each has at least 80 % of its pairs of ends in common with the other (Akrami
    et al. 2020, doi 10.1145/3318464.3380599), at least five, all turned round or all as they are:
    ``details["relations"]``, over the edges of all splits. Rows without an end or a relation cannot be judged:
    ``null_keys``. Counts are exact.

    Args:
        source_column: The end that an edge begins at.
        target_column: The end that it leads to.
        relation_column: What the edge says, where there are several kinds.
        directed: Whether an edge and its reverse are two things: then only the same edge leaks.

    The observed value is the number of leaked rows of the judged splits. See the page ``reversed_edges`` of the
    handbook.
    """

    source_column: Text = pydantic.Field(description="The end that an edge begins at.")
    target_column: Text = pydantic.Field(description="The end that an edge leads to.")
    relation_column: Union[Text, None] = pydantic.Field(default=None, description="What the edge says.")
    directed: Union[bool, Parameter] = pydantic.Field(
        default=False, description="Whether an edge and its reverse are two things."
    )

    case: ClassVar[str] = "reversed_edges"
    evidence: ClassVar[Any] = edges
    checks: ClassVar[str] = "reversed edges"
    roles: ClassVar[Mapping[str, str]] = {"source_column": "edge", "target_column": "edge"}
    sentence: ClassVar[str] = "No edge from $source_column to $target_column, nor its reverse, may be in two splits."
    sentence_arguments: ClassVar[tuple[str, ...]] = ("source_column", "target_column")
    more: ClassVar[Mapping[str, str]] = {"relation_column": "Its relation: $relation_column."}
    of_split: ClassVar[Mapping[str, str]] = {
        "null_keys": "Rows without an edge",
        "same": "Leaked as they are",
        "reversed": "Leaked turned round",
        "alike": "Leaked by another relation",
    }

    class Config:
        title = "Expect no reversed edges across batches"

    def question(self, samples: int) -> dict[str, Any]:
        """Ask which edges splits share."""
        return {
            "source": self.source_column,
            "target": self.target_column,
            "relation": self.relation_column,
            "directed": self.directed,
            "train": self.train,
            "samples": samples,
        }

    def judge(self, evidence: Edges) -> Judgement:
        """Every edge that another split has is a leak."""
        judged = [split for split in evidence.splits if split.name != self.train]
        total = sum(split.leaked for split in judged)
        parts = [_words(split) for split in sorted(judged, key=lambda split: -split.leaked) if split.leaked]
        rows = sum(split.rows - split.null_keys for split in judged)
        reverse = "" if self.directed else ", nor is its reverse"
        clean = f"None of the {rows:,} edges in {joined([s.name for s in judged])} is in another split{reverse}"
        unknown = [f"{split.null_keys:,} rows in {split.name}" for split in evidence.splits if split.null_keys]
        aside = f" Without an edge, and so not checked, are {joined(unknown)}." if unknown else ""
        return Judgement(
            observed_value=total,
            splits=[
                {
                    "name": s.name,
                    "rows": s.rows,
                    "null_keys": s.null_keys,
                    "same": s.same,
                    "reversed": s.reversed,
                    "alike": s.alike,
                }
                for s in evidence.splits
            ],
            leaked={split.name: split.leaked for split in evidence.splits},
            summary=f"{joined(parts, most=2) if parts else clean}.{_relations(evidence.alike)}{aside}",
            samples=[
                {
                    "split": split,
                    str(self.source_column): source,
                    **({} if self.relation_column is None else {str(self.relation_column): relation}),
                    str(self.target_column): target,
                    "also in": other,
                    "how": _HOW[how],
                }
                for split, other, how, source, target, relation in evidence.samples
            ],
            details={
                "relations": [
                    {
                        "relation": value(one.relation),
                        "other": value(one.other),
                        "reversed": one.reversed,
                        "pairs": one.pairs,
                        "share": rounded(one.share),
                    }
                    for one in evidence.alike
                ],
            },
            query=evidence.leaked_rows_query,
        )

    @classmethod
    def planned(cls, given: Given) -> list[dict[str, Any]]:
        """Return the check of the one kind of edges."""
        given.need("edge")
        source, target, *relation = given["edge"]
        more = {"relation_column": relation[0]} if relation else {}
        return [{"source_column": source, "target_column": target} | more]

    @classmethod
    def picture(cls, details: Mapping[str, Any]) -> list[Block]:
        """Return how edges leak, as bars, and the relations that say the same."""
        rows = []
        for split in details["splits"]:
            if split["name"] not in details["leaked_rows"]:
                continue
            for way, word in _HOW.items():
                share = split[way] / split["rows"] if split["rows"] else 0.0
                rows.append([split["name"], word, split[way], f"{100 * share:.3g} %", filled(share, LEAKED)])
        blocks = [table(["Split", "In another split", "Rows", "Share", ""], rows)]
        shown = [one for one in details["relations"][:10] if "relation" in one]
        if shown:
            listed = [
                [
                    one["relation"],
                    one["other"],
                    "turned round" if one["reversed"] else "as they are",
                    one["pairs"],
                    f"{100 * one['share']:.3g} %",
                ]
                for one in shown
            ]
            blocks.append(table(["Relation", "Says the same as", "Its pairs", "In common", "Share"], listed))
        return blocks


def _words(split: SplitEdges) -> str:
    counts = {
        "as they are": split.same,
        "turned round": split.reversed,
        "by a relation that says the same": split.alike,
    }
    ways = [f"{count:,} {how}" for how, count in counts.items() if count]
    return f"{split.leaked:,} of {split.rows:,} edges in {split.name} are in another split too ({', '.join(ways)})"


def _relations(alike: tuple[Alike, ...]) -> str:
    """Return a sentence on the relations that say the same, the largest of them by name."""
    if not alike:
        return ""
    named = [
        f"{value(one.relation)} is {value(one.other)}{' turned round' if one.reversed else ''} "
        f"({100 * one.share:.3g} % of {one.pairs:,} pairs)"
        for one in alike
    ]
    return f" Relations say the same: {joined(named, most=3)}."
