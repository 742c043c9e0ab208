"""Which grades would change if one rule book replaced another.

It says by which rule, and how the new grades compare with what people judged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np
import polars as pl

from adore.artifacts import read_table
from adore.errors import MissingError, check
from adore.measures import MEASURES, GradeMeasure, confusion
from adore.rulebook import RuleBook, Verdict
from adore.storage import local_copy
from adore.tables import TABLES
from adore.types import LABELS, PAIR, Evidence, Grade

__all__ = [
    "BookComparison",
    "ChangedPair",
    "GradeReason",
    "HumanComparison",
    "MeasureChange",
    "compare_books",
    "read_pairs",
    "render",
]

_LETTERS = "ESCI"


@dataclass(frozen=True, slots=True)
class GradeReason:
    """The grade that one book gives to a pair, by its letter, and why."""

    grade: str
    reason: str


@dataclass(frozen=True, slots=True)
class ChangedPair:
    """A pair whose grade changes.

    Attributes:
        pair: ``query_id, item_id``, with ``query`` and ``title`` where they are known.
        a: grade of the book in use.
        b: grade of the book that would replace it.
        human: letter of the human grade; None: nobody judged the pair.
    """

    pair: dict[str, str]
    a: GradeReason
    b: GradeReason
    human: str | None

    def to_json(self) -> dict[str, object]:
        """Write it for ``adore rulebook diff --json``."""
        return {
            **self.pair,
            "a": asdict(self.a),
            "b": asdict(self.b),
            "human": self.human,
        }


@dataclass(frozen=True, slots=True)
class MeasureChange:
    """One measure of both books."""

    a: float
    b: float


@dataclass(frozen=True, slots=True)
class HumanComparison:
    """Both books against what people judged.

    Attributes:
        pairs: number of judged pairs.
        measures: name of a measure to its value of each book.
        nearer: pairs that come nearer to the human grade.
        farther: pairs that go farther from it.
    """

    pairs: int
    measures: dict[str, MeasureChange]
    nearer: int
    farther: int


@dataclass(frozen=True, slots=True)
class BookComparison:
    """Two rule books on the same evidence.

    Attributes:
        a: version of the book in use.
        b: version of the book that would replace it.
        pairs: number of pairs.
        changed: pairs whose grade changes.
        table: grade by a to grade by b to pairs.
        rules: what each rule lowered or no longer lowers, to pairs, the commonest first.
        examples: some changed pairs.
        human: both books where people judged; None: nobody did.
    """

    a: str
    b: str
    pairs: int
    changed: int
    table: dict[str, dict[str, int]]
    rules: dict[str, int]
    examples: list[ChangedPair]
    human: HumanComparison | None

    def to_json(self) -> dict[str, object]:
        """Write it for ``adore rulebook diff --json``."""
        human = asdict(self.human) if self.human else None
        return {
            "a": self.a,
            "b": self.b,
            "pairs": self.pairs,
            "changed": self.changed,
            "table": self.table,
            "rules": self.rules,
            "examples": [example.to_json() for example in self.examples],
            "human": human,
        }


@dataclass(frozen=True, slots=True)
class _Verdicts:
    """What both books say of one pair.

    ``row`` is the pair's; ``human`` is None where nobody judged it.
    """

    row: dict[str, str]
    human: int | None
    before: Verdict
    after: Verdict

    @property
    def grades(self) -> tuple[str, str]:
        return self.before.grade.letter, self.after.grade.letter


def read_pairs(place: str, *, category: str = "", split: str = "") -> pl.DataFrame:
    """Read pairs with evidence.

    Where a run is around them, they have ``query``, ``title`` and the human ``grade``, too.

    Args:
        place: a run's folder, its evidence step, or a ``pairs.parquet``.
        category: only items whose category holds this text (case ignored); needs a run.
        split: only queries of this split; needs a run.

    Returns:
        The pairs, sorted.

    Raises:
        MissingError: no pairs are there, no run is around them for ``category`` or
            ``split``, or it has no pair of those.
        ConfigError: the pairs lack a column.
        DataError: a table cannot be read.
        UnavailableError: the store does not answer.
    """
    local_path = local_copy(place)
    folder = local_path
    if local_path.is_file():
        folder = local_path.parent
    elif (local_path / "evidence").is_dir():
        folder = local_path / "evidence"

    pairs = read_table(
        folder, local_path.stem if local_path.suffix == ".parquet" else "pairs"
    )
    columns = list(TABLES["pairs"])
    check(
        set(columns) <= set(pairs.columns),
        "columns of pairs",
        pairs.columns,
        must=f"with {columns}",
        fix="give an evidence step's pairs",
    )
    pairs = pairs.select(columns).sort(PAIR)

    prepared = folder.parent / "prepare"
    if (prepared / "items.parquet").is_file():
        return _with_texts(pairs, prepared, category=category, split=split)

    needs_run = bool(category or split)
    check(
        not needs_run,
        "--on",
        place,
        must="a run, for --category or --split",
        fix="give the run",
        error=MissingError,
    )
    return pairs


def _with_texts(
    pairs: pl.DataFrame, prepared: Path, *, category: str, split: str
) -> pl.DataFrame:
    """The pairs with texts and human grades, of one category or split where it is given."""
    items = read_table(prepared, "items")
    texts = items.select("item_id", "title", "category")
    queries = read_table(prepared, "queries").select("query_id", "query", "split")
    judgements = read_table(prepared, "judgements")
    # Pairs stay even where the run does not know their query or item.
    pairs = pairs.join(queries, on="query_id", how="left")
    pairs = pairs.join(texts, on="item_id", how="left")
    pairs = pairs.join(judgements, on=PAIR, how="left").sort(PAIR)

    if category:
        lower = pl.col("category").str.to_lowercase()
        contains = lower.str.contains(category.lower(), literal=True)
        pairs = _filter(pairs, "category", category, contains)
    if split:
        pairs = _filter(pairs, "split", split, pl.col("split") == split)
    return pairs.drop("category", "split")


def _filter(
    pairs: pl.DataFrame, column: str, value: str, condition: pl.Expr
) -> pl.DataFrame:
    """The pairs of a condition; where there are none, an error names the column's values."""
    matching = pairs.filter(condition)

    counts = pairs.filter(pl.col(column) != "")[column].value_counts()
    ordered = counts.sort("count", column, descending=[True, False])
    commonest = ordered[column].head(12).to_list()
    check(
        matching.height > 0,
        f"--{column}",
        value,
        must=f"found in {commonest}",
        fix=f"choose one, or leave --{column} out",
        error=MissingError,
    )
    return matching


def compare_books(
    a: RuleBook, b: RuleBook, pairs: pl.DataFrame, *, examples: int = 5
) -> BookComparison:
    """Apply two rule books to the same evidence.

    Args:
        a: the book in use.
        b: the book that would replace it.
        pairs: from :func:`read_pairs`.
        examples: how many changed pairs to report.

    Returns:
        The grades that change, by which rules, and how near either book is to what people judged.
    """
    verdicts = []
    for pair_row in pairs.iter_rows(named=True):
        evidence = Evidence.many_from_json(pair_row["evidence"])
        human = pair_row.get("grade")
        before = a.apply(evidence)
        after = b.apply(evidence)
        verdicts.append(_Verdicts(pair_row, human, before, after))

    table = {letter: dict.fromkeys(_LETTERS, 0) for letter in _LETTERS}
    changes = []
    causes = Counter[str]()
    for verdict in verdicts:
        letter_before, letter_after = verdict.grades
        table[letter_before][letter_after] += 1
        if letter_before != letter_after:
            changes.append(verdict)
            causes.update(_causes(verdict, a.name, b.name))
    return BookComparison(
        a=a.version,
        b=b.version,
        pairs=len(verdicts),
        changed=len(changes),
        table=table,
        rules=dict(causes.most_common()),
        examples=list(map(_example, _choose(changes, examples))),
        human=_compare_with_people(verdicts),
    )


def _causes(change: _Verdicts, a: str, b: str) -> list[str]:
    """The rules that changed a grade."""
    # Those of b that lower it, or those of a that lower it no longer.
    if change.after.grade < change.before.grade:
        verdict = change.after
        description = f"lowered by {b}"
    else:
        verdict = change.before
        description = f"no longer lowered by {a}"
    # One rule may act on several pieces of evidence of a pair.
    rule_ids = sorted(set(verdict.rule_ids))
    return [f"{description} [{rule_id}]" for rule_id in rule_ids]


def _choose(changes: list[_Verdicts], count: int) -> list[_Verdicts]:
    """Some of every kind of change, the commonest kind first."""
    by_kind: dict[tuple[str, str], list[_Verdicts]] = {}
    for change in changes:
        by_kind.setdefault(change.grades, []).append(change)
    commonest_first = sorted(by_kind.values(), key=len, reverse=True)

    # One of each kind in turn.
    chosen: list[_Verdicts] = []
    for in_turn in zip_longest(*commonest_first):
        chosen += filter(None, in_turn)
    return chosen[:count]


def _example(change: _Verdicts) -> ChangedPair:
    pair_texts = {}
    for column_name in ("query_id", "item_id", "query", "title"):
        cell_text = change.row.get(column_name)
        if cell_text is not None:
            pair_texts[column_name] = cell_text
    return ChangedPair(
        pair_texts,
        _grade_reason(change.before),
        _grade_reason(change.after),
        None if change.human is None else Grade(change.human).letter,
    )


def _grade_reason(verdict: Verdict) -> GradeReason:
    return GradeReason(verdict.grade.letter, verdict.reason)


def _compare_with_people(verdicts: list[_Verdicts]) -> HumanComparison | None:
    judged = [verdict for verdict in verdicts if verdict.human is not None]
    if not judged:
        return None

    human_grades = np.array([verdict.human for verdict in judged])
    grades_before = np.array([verdict.before.grade for verdict in judged])
    grades_after = np.array([verdict.after.grade for verdict in judged])
    confusion_before = confusion(human_grades, grades_before)
    confusion_after = confusion(human_grades, grades_after)

    measures = {}
    for measure_name, measure in MEASURES.items():
        if isinstance(measure, GradeMeasure):
            value_before = float(measure.statistic(confusion_before))
            value_after = float(measure.statistic(confusion_after))
            change = MeasureChange(round(value_before, 4), round(value_after, 4))
            measures[measure_name] = change

    # A pair comes nearer if b's grade is fewer grades from the human one than a's.
    distance_before = np.abs(grades_before - human_grades)
    distance_after = np.abs(grades_after - human_grades)
    return HumanComparison(
        pairs=len(judged),
        measures=measures,
        nearer=int((distance_after < distance_before).sum()),
        farther=int((distance_after > distance_before).sum()),
    )


def render(comparison: BookComparison) -> str:
    """Render the comparison as text for a terminal."""
    return "\n".join(_lines(comparison))


def _lines(comparison: BookComparison) -> Iterator[str]:
    yield (
        f"{comparison.changed} of {comparison.pairs} grades change "
        f"from {comparison.a} (down) to {comparison.b} (across)"
    )
    yield from _table_lines(comparison.table)

    if comparison.rules:
        yield "why (a pair counts for each of its rules)"
    for what, count in comparison.rules.items():
        yield f"{count:>8}  {what}"

    for example in comparison.examples:
        yield from _example_lines(example)
    if comparison.human:
        yield from _human_lines(comparison.human)


def _table_lines(table: dict[str, dict[str, int]]) -> Iterator[str]:
    """Grades by a down, grades by b across."""
    yield _table_row(["", *_LETTERS])
    for grade_before in _LETTERS:
        counts = table[grade_before].values()
        yield _table_row([grade_before, *counts])


def _table_row(cells: Iterable[object]) -> str:
    return "".join([f"{cell!s:>8}" for cell in cells])


def _example_lines(example: ChangedPair) -> Iterator[str]:
    """One changed pair, with the reason of the book that gives the lower grade."""
    pair = example.pair
    before = example.a
    after = example.b
    query = pair.get("query", pair["query_id"])
    title = pair.get("title", pair["item_id"])
    yield f"{before.grade} -> {after.grade}  {query!r} | {title[:80]}"

    # The lower grade is the one that some rule had a reason for.
    lower = before
    if LABELS[after.grade] < LABELS[before.grade]:
        lower = after
    people = ""
    if example.human:
        people = f" (people: {example.human})"
    yield f"        {lower.reason[:150]}{people}"


def _human_lines(human: HumanComparison) -> Iterator[str]:
    """How near either book comes to what people judged."""
    yield (
        f"people judged {human.pairs} of them: "
        f"{human.nearer} come nearer, {human.farther} go farther"
    )
    for name, change in human.measures.items():
        yield f"{name:>16}  {change.a:.4f} -> {change.b:.4f}"
