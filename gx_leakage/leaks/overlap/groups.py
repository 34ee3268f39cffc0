"""Which columns are ids of groups: by how alike the rows of one value are, and a little by their names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from gx_leakage.leaks.overlap.likeness import Likeness, likeness
from gx_leakage.splits.calendars import calendar_of
from gx_leakage.splits.names import words_of

if TYPE_CHECKING:
    import pandas as pd

    from gx_leakage.splits.profile import ColumnProfile, Profile

__all__ = ["groups_of"]

PEOPLE = {
    "patient", "subject", "participant", "customer", "client", "user", "person", "member", "household", "borrower",
    "student", "pupil", "employee", "respondent", "individual", "donor", "animal", "player", "speaker", "author",
    "driver", "tenant", "account", "device", "vehicle",
}  # fmt: skip
"""What is a group by its name alone, if it is the whole of it but for a word such as id."""

_ID = {"id", "uid", "uuid", "guid", "key", "nr", "no", "number", "code", "num"}
_UNITS = PEOPLE | {
    "id", "uid", "uuid", "guid", "family", "mother", "litter", "child", "pig", "cow", "dog", "rat", "mare", "tree",
    "plant", "plot", "site", "center", "centre", "hospital", "clinic", "doctor", "judge", "prof", "professor",
    "teacher", "school", "class", "classroom", "district", "county", "country", "state", "province", "region", "city",
    "town", "village", "municipality", "community", "commune", "comm", "cluster", "neighborhood", "zip", "nation",
    "firm", "company", "business", "airline", "bank", "store", "shop", "supplier", "seller", "product", "item", "brand",
    "hotel", "restaurant", "station", "location", "sensor", "machine", "lot", "batch", "run", "quake", "event",
    "experiment", "stratum", "panel", "idcode", "case", "mom", "kid",
}  # fmt: skip
_MEASURES = {
    "age", "price", "weight", "income", "wage", "salary", "score", "height", "size", "length", "width", "count", "rate",
    "cost", "sales", "amount", "total", "number", "percent", "years", "days", "hours", "minutes", "speed", "distance",
    "dist", "time", "start", "stop", "date", "day", "week", "month", "year", "hour", "quarter", "exper", "experience",
    "ses", "education", "educ", "rank", "grade", "level", "dose", "futime",
}  # fmt: skip
_ORDERED = {"time", "day", "days", "week", "month", "year", "quarter", "date", "wave", "visit", "period", "occasion"}

FEWEST_NAMED = 10
"""Values of a group whose name says what it is, where its rows are only a little alike."""
FEWEST_UNNAMED = 15
ALIKE_NAMED = 0.04
ALIKE_UNNAMED = 0.25
ALIKE_CROSSED = 0.1
"""The mean likeness of all other columns: with a name that says so, without, and with a column it is crossed with."""
ALIKE_IN_ONE = 0.15
FEWEST_CONSTANT = 2
OFTEN_EQUAL = 0.5
FEWEST_GROUPS = 5
"""Values with several rows."""


def groups_of(profile: Profile, taken: Mapping[str, Sequence[str]]) -> Iterable[tuple[Sequence[str], str]]:
    """Yield the columns that are ids of groups, those with most values first, each with the reason in figures.

    One that is alike only because of another is none: a patient's baseline is the same in all its rows, but among the
    patients says nothing of them. So of each group that is found one row is left, before the next is looked for.
    """
    if profile.grouped is None:
        return
    free = {column.name: column for column in profile.free(taken) if column.name in profile.grouped.candidates}
    calendars = {column.name for column in profile.columns if calendar_of(profile, column)}
    free = {name: column for name, column in free.items() if name not in calendars}
    found: list[str] = []
    judged = {name: _of(profile.grouped.of(name), name, profile.grouped.columns) for name in free}
    whole = dict(judged)
    while True:
        chosen = {name: of for name, of in judged.items() if _is_group(free[name], of, whole, calendars)}
        if not chosen:
            break
        best = max(chosen, key=lambda name: (bool(chosen[name].crossed), _named(name), chosen[name].mean))
        same = [name for name in free if name != best and _same(profile.grouped.of(best), best, name)]
        yield [best], _reason(chosen[best], [name for name in same if name in judged])
        found.append(best)
        judged = {
            name: _of(_apart(profile.grouped.of(name), name, found, whole), name, profile.grouped.columns)
            for name in judged
            if name != best and name not in same
        }
        free = {name: free[name] for name in judged}
    for name, column in free.items():
        if _by_name(name) and column.shared and not _loses(whole[name], whole, found):
            yield [name], f"{name} looks like a group id, by its name: {_shared(profile, column)}"


def _of(rows: pd.DataFrame, name: str, columns: Sequence[str]) -> Likeness:
    return likeness(rows, name, [other for other in columns if other != name])


def _apart(rows: pd.DataFrame, name: str, groups: Sequence[str], whole: Mapping[str, Likeness]) -> pd.DataFrame:
    """Return one row of each of some groups, but of those that a column is crossed with: that would leave it none."""
    for group in groups:
        if group not in whole[name].crossed and name not in whole[group].crossed:
            rows = rows[~rows.duplicated(group) | rows[group].isna()]
    return rows


def _is_group(column: ColumnProfile, of: Likeness, whole: Mapping[str, Likeness], calendars: Iterable[str]) -> bool:
    name, values = column.name, column.distinct_in_all
    if of.groups < FEWEST_GROUPS or _measure(name) or _loses(whole[name], whole, ()):
        return False
    if of.crossed:
        in_order = any(other in calendars or _ORDERED & set(words_of(other)) for other in of.crossed)
        if in_order or _named(name) or of.mean >= ALIKE_CROSSED:
            return True
    if _named(name):
        most = max((one.score for one in of.agreements if one.certain), default=0.0)
        return values >= FEWEST_NAMED and (of.mean >= ALIKE_NAMED or most >= ALIKE_IN_ONE)
    return values >= FEWEST_UNNAMED and of.mean >= ALIKE_UNNAMED and len(of.constant) >= FEWEST_CONSTANT


def _loses(of: Likeness, judged: Mapping[str, Likeness], found: Iterable[str]) -> bool:
    """Return whether a column is what rows of another one differ by: the number of a visit, of a student in a class."""
    if _named(of.column) and of.mean >= ALIKE_CROSSED:
        return False  # people and the items that each of them answers are both groups
    crossed = {*of.crossed, *(name for name, it in judged.items() if of.column in it.crossed)}
    if crossed & set(found):
        return True
    own = (_named(of.column), of.mean, of.groups)
    return any((_named(it.column), it.mean, it.groups) > own for name in crossed if (it := judged.get(name)))


def _same(rows: pd.DataFrame, one: str, other: str) -> bool:
    known = rows[[one, other]].dropna()
    pairs = len(known.drop_duplicates())
    return bool(pairs == known[one].nunique() == known[other].nunique())


def _named(name: str) -> bool:
    found = words_of(name)
    return bool(_UNITS & set(found) or (len(found) == 1 and found[0].endswith("id") and len(found[0]) > 3)) and not (
        _MEASURES - {"number"}
    ) & set(found)


def _measure(name: str) -> bool:
    return bool(_MEASURES & set(words_of(name))) and not _named(name)


def _by_name(name: str) -> bool:
    found = [word for word in words_of(name) if not word.isdigit()]
    people = [word for word in found if word in PEOPLE]
    return bool(people) and all(word in PEOPLE | _ID for word in found)


def _shared(profile: Profile, column: ColumnProfile) -> str:
    both = "both" if len(profile.splits) == 2 else "several"
    return f"{column.shared:,} of its {column.distinct_in_all:,} values are in {both} splits"


def _reason(of: Likeness, same: Sequence[str]) -> str:
    certain = [one for one in of.agreements if one.certain and one.score > ALIKE_CROSSED]
    equal = sorted((one for one in certain if one.equal >= OFTEN_EQUAL), key=lambda one: one.equal_anyhow)[:3]
    reasons = []
    if equal:
        own, others = (
            round(100 * sum(shares) / len(equal))
            for shares in zip(*((e.equal, e.equal_anyhow) for e in equal), strict=True)
        )
        names = listed([one.column for one in equal])
        reasons.append(f"rows of one {of.column} agree in {names} {own} % of the time, others {others} %")
    elif certain:
        share = round(100 * min(1.0, sum(one.score for one in certain[:3]) / len(certain[:3])))
        names = listed([one.column for one in certain[:3]])
        reasons.append(
            f"rows of one {of.column} are nearer in {names} than others, by {share} % of how far these are apart"
        )
    if of.crossed:
        reasons.append(f"each {of.crossed[0]} is once in one {of.column}")
    if same:
        reasons.append(f"{listed(same)} {'is' if len(same) == 1 else 'are'} the same by another name")
    return f"{of.column} looks like a group id: {'; '.join(reasons)}"


def listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
