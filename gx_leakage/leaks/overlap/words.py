"""What splits share, in plain words and in the shape that results have."""

from __future__ import annotations

from typing import Any

from gx_leakage.gx.words import joined
from gx_leakage.leaks.overlap.coincidence import Coincidence
from gx_leakage.leaks.overlap.damage import Damage, LookUp
from gx_leakage.leaks.overlap.evidence import Overlap, SplitOverlap
from gx_leakage.sql.values import rounded

__all__ = [
    "coincidence_details", "coincidence_summary", "leaked_rows", "named_samples", "overlap_details", "overlap_splits",
    "overlap_summary",
]  # fmt: skip


def overlap_details(evidence: Overlap, train: str) -> dict[str, Any]:
    """Return the pairs of splits that share keys, and the damage that train's can do."""
    damage = {} if evidence.damage is None else {"damage": _damage(evidence.damage, train)}
    single = {"compared_as_float32": list(evidence.single_columns)} if evidence.single_columns else {}
    return (
        damage
        | single
        | {
            "overlap": [
                {
                    "splits": list(pair.splits),
                    "keys": pair.keys,
                    "rows": dict(zip(pair.splits, pair.rows, strict=True)),
                }
                for pair in evidence.pairs
            ]
        }
    )


def coincidence_details(found: Coincidence) -> dict[str, Any]:
    """Return the figures by which rows that chance makes equal, and others, are told apart."""
    rule = found.rule
    return {
        "bits": rounded(found.bits),
        "bits_by_chance": rounded(rule.reached),
        "bits_needed": rounded(rule.needed),
        "distinct_rows": rule.distinct,
        "distinct_rows_compared": rule.compared,
        "rows_that_occur_twice": rule.twice,
        "in_two_splits": rule.split,
        "expected_in_two_splits": rounded(rule.expected),
        "p_value": rounded(rule.p_value),
    }


def coincidence_summary(found: Coincidence) -> str:
    """Return what chance explains, in a sentence or two."""
    rule = found.rule
    dealt = (
        f"of the {rule.twice:,} rows that occur twice {rule.split:,} are in two splits, and {rule.expected:,.1f} "
        f"would be if rows were dealt out at random"
    )
    if rule.more_than_within:
        return f"Coincidence does not explain that: {dealt} (p = {rule.p_value:.2g})."
    if not found.keys:
        compared = (
            f"{rule.compared:,} of the {rule.distinct:,}" if rule.compared < rule.distinct else f"all {rule.distinct:,}"
        )
        return (
            f"That can be chance: in the {len(rule.columns)} columns that say most a shared row carries at most "
            f"{found.bits:.0f} bits, and up to {rule.needed:.0f} can be chance, by the number of rows and by what "
            f"different ones agree in, among {compared} distinct rows; {dealt}. So no leak is proved."
        )
    rows = "1 distinct row carries" if found.keys == 1 else f"{found.keys:,} distinct rows carry"
    return f"Of them {rows} {rule.needed:.0f} bits or more, by which no two rows agree by chance."


def leaked_rows(evidence: Overlap) -> dict[str, int]:
    """Return by split how many of its rows have leaked: are shared, and not by chance."""
    chance = evidence.coincidence
    of = [split.shared_rows for split in evidence.splits] if chance is None else chance.leaked
    return {split.name: rows for split, rows in zip(evidence.splits, of, strict=True)}


def _damage(damage: Damage, train: str) -> dict[str, Any]:
    found = damage.found or LookUp()
    figures = {
        "accuracy": found.accuracy, "base_accuracy": found.base_accuracy, "r2": found.r2, "lift": damage.lift,
        "largest_inflation": damage.largest_inflation,
    }  # fmt: skip
    answers = f"A look-up table of {train} would answer {100 * damage.share:.3g} % of the judged rows"
    at_most = f"by {100 * (damage.largest_inflation or 0):.3g} percentage points at most"
    if damage.found is None:
        words = f"{answers}. How rightly, and so what that does to a score, is said where the target is known."
    elif damage.lift is not None:
        words = (
            f"{answers}, {100 * float(found.accuracy or 0):.3g} % of them rightly, where the most frequent class is "
            f"right in {100 * float(found.base_accuracy or 0):.3g} %. Looking up changes an "
            f"accuracy by {100 * damage.lift:+.3g} percentage points, and shared keys can raise one {at_most}."
        )
    elif found.r2 is not None:
        words = (
            f"{answers}, with an R² of {found.r2:.3g} by the means of their keys. That is no bound: a model can make "
            f"more of a key."
        )
    else:
        why = found.unknown or "the target of these rows is not known, or one value only."
        words = f"{answers}. What that does to a score is not known: {why}"
    return {
        "answered_rows": damage.answered,
        "answered_share": rounded(damage.share),
        **{name: None if figure is None else rounded(figure) for name, figure in figures.items()},
        "summary": words,
    }


def overlap_splits(evidence: Overlap) -> list[dict[str, Any]]:
    """Return the splits with their rows and distinct keys."""
    return [
        {"name": split.name, "rows": split.rows, "null_keys": split.null_keys, "keys": split.keys}
        for split in evidence.splits
    ]


def named_samples(evidence: Overlap) -> list[Any]:
    """Return shared keys: the plain value of a single column, a mapping of several."""
    if len(evidence.columns) == 1:
        return [sample[0] for sample in evidence.samples]
    return [dict(zip(evidence.columns, sample, strict=True)) for sample in evidence.samples]


def overlap_summary(evidence: Overlap, train: str, what: str, unit: str) -> str:
    """Return one sentence on the worst pair of splits; ``unit`` is what is counted, ``"keys"`` or ``"rows"``."""
    splits = {split.name: split for split in evidence.splits}
    unknown = [f"{split.null_keys:,} rows in {split.name}" for split in evidence.splits if split.null_keys]
    not_checked = f" Without a key, and so not checked, are {joined(unknown)}." if unknown else ""

    def counted(split: SplitOverlap) -> int:
        return split.keys if unit == "keys" else split.rows

    if not evidence.pairs:
        total = sum(counted(split) for name, split in splits.items() if name != train)
        return f"None of the {total:,} {what} in {_others(splits, train)} is in another split.{not_checked}"
    sentences = []
    for pair in evidence.pairs:
        # The judged split of the two, seen from the other one.
        position = 1 if pair.splits[0] == train or pair.splits[1] != train else 0
        judged, other = pair.splits[position], pair.splits[1 - position]
        count = pair.keys if unit == "keys" else pair.rows[position]
        sentences.append((count, f"{count:,} of {counted(splits[judged]):,} {what} in {judged} are also in {other}"))
    first, *rest = [sentence for _, sentence in sorted(sentences, key=lambda s: -s[0])]
    return f"{first}{f'; {joined(rest, most=2)}' if rest else ''}.{not_checked}"


def _others(splits: dict[str, SplitOverlap], train: str) -> str:
    return joined([name for name in splits if name != train])
