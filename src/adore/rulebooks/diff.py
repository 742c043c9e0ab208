"""Which grades would change if one rule book took another's place.

It says by which rule, and what people say to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from adore.artifacts import read_table
from adore.errors import MissingError, check
from adore.measures import MEASURES, GradeMeasure, confusion
from adore.rulebook import RuleBook, Verdict
from adore.storage import local_copy
from adore.types import LABELS, TABLES, Evidence, Grade

__all__ = ["compare_books", "read_pairs", "render"]

_LETTERS = "ESCI"


@dataclass(frozen=True, slots=True)
class _Change:
    row: dict[str, Any]
    before: Verdict
    after: Verdict

    @property
    def cell(self) -> str:
        return f"{self.before.grade.letter} -> {self.after.grade.letter}"


def read_pairs(place: str, *, category: str = "", split: str = "") -> pl.DataFrame:
    """Pairs with evidence.

    Where a run lies around them, they have ``query``, ``title`` and the human ``grade``, too.

    Args:
        place: a run's folder, its evidence step, or a ``pairs.parquet``.
        category: only items whose category holds this text (case ignored); needs a run.
        split: only queries of this split; needs a run.

    Raises:
        MissingError: no pairs there, no run around them for ``category`` or ``split``, or no pair
            of those.
    """
    path = local_copy(place)
    folder = path
    if path.is_file():
        folder = path.parent
    elif (path / "evidence").is_dir():
        folder = path / "evidence"

    pairs = read_table(folder, path.stem if path.suffix == ".parquet" else "pairs")
    columns = list(TABLES["pairs"])
    has = pairs.columns
    check(
        set(columns) <= set(has),
        "columns of pairs",
        has,
        must=f"with {columns}",
        fix="give an evidence step's pairs",
    )
    pairs = pairs.select(columns).sort("query_id", "item_id")

    prepared = folder.parent / "prepare"
    if (prepared / "items.parquet").is_file():
        return _with_texts(pairs, prepared, category=category, split=split)

    narrow = bool(category or split)
    check(
        not narrow,
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
    items = read_table(prepared, "items").select("item_id", "title", "category")
    queries = read_table(prepared, "queries").select("query_id", "query", "split")
    keys = ["query_id", "item_id"]
    judgements = read_table(prepared, "judgements")
    pairs = pairs.join(queries, on="query_id", how="left")
    pairs = pairs.join(items, on="item_id", how="left")
    pairs = pairs.join(judgements, on=keys, how="left").sort(keys)

    if category:
        lower = pl.col("category").str.to_lowercase()
        holds = lower.str.contains(category.lower(), literal=True)
        pairs = _narrowed(pairs, "category", category, holds)
    if split:
        pairs = _narrowed(pairs, "split", split, pl.col("split") == split)
    return pairs.drop("category", "split")


def _narrowed(
    pairs: pl.DataFrame, column: str, value: str, keep: pl.Expr
) -> pl.DataFrame:
    """The pairs to keep.

    Where there are none, an error names the commonest values of the column.
    """
    kept = pairs.filter(keep)

    counts = pairs.filter(pl.col(column) != "")[column].value_counts()
    ordered = counts.sort("count", column, descending=[True, False])
    known = ordered[column].head(12).to_list()

    fix = f"choose one, or leave --{column} out"
    check(
        kept.height > 0,
        f"--{column}",
        value,
        must=f"found in {known}",
        fix=fix,
        error=MissingError,
    )
    return kept


def compare_books(
    a: RuleBook, b: RuleBook, pairs: pl.DataFrame, *, examples: int = 5
) -> dict[str, Any]:
    """Apply two rule books to the same evidence.

    Args:
        a: the book in use.
        b: the book that would take its place.
        pairs: from :func:`read_pairs`.
        examples: how many changed pairs to tell of.

    Returns:
        ``table`` (grade by a to grade by b to pairs), ``rules`` (what each rule lowered or no
        longer holds down), ``examples``, and ``human``: measures of both books where people
        judged (None: nobody did).
    """
    rows = []
    for row in pairs.iter_rows(named=True):
        evidence = Evidence.many_from_json(row["evidence"])
        rows.append(_Change(row, a.apply(evidence), b.apply(evidence)))

    cells = Counter(
        (change.before.grade.letter, change.after.grade.letter) for change in rows
    )
    table = {}
    for before in _LETTERS:
        table[before] = {after: cells[before, after] for after in _LETTERS}

    changed = [change for change in rows if change.before.grade != change.after.grade]
    causes = Counter[str]()
    for change in changed:
        causes.update(_causes(change, a.name, b.name))
    return {
        "a": a.version,
        "b": b.version,
        "pairs": len(rows),
        "changed": len(changed),
        "table": table,
        "rules": dict(causes.most_common()),
        "examples": [_example(change) for change in _choose(changed, examples)],
        "human": _human(rows),
    }


def _causes(change: _Change, a: str, b: str) -> list[str]:
    """The rules that changed a grade.

    Those of b that lower it, or those of a that no longer hold it down.
    """
    lowered = change.after.grade < change.before.grade
    if lowered:
        verdict = change.after
        what = f"lowered by {b}"
    else:
        verdict = change.before
        what = f"no longer held down by {a}"
    return sorted({f"{what} [{rule}]" for rule in verdict.rule_ids})


def _choose(changed: list[_Change], count: int) -> list[_Change]:
    """Some of every kind of change, the commonest kind first."""
    counts = Counter(change.cell for change in changed)
    of_kind: dict[str, list[_Change]] = {kind: [] for kind, _ in counts.most_common()}
    for change in changed:
        of_kind[change.cell].append(change)

    most = max(map(len, of_kind.values()), default=0)
    chosen = []
    for turn in range(most):
        for of_one in of_kind.values():
            if turn < len(of_one):
                chosen.append(of_one[turn])
    return chosen[:count]


def _example(change: _Change) -> dict[str, Any]:
    row = change.row
    human = row.get("grade")

    texts = {}
    for name in ("query_id", "item_id", "query", "title"):
        if row.get(name) is not None:
            texts[name] = row[name]
    return {
        **texts,
        "a": {"grade": change.before.grade.letter, "reason": change.before.reason},
        "b": {"grade": change.after.grade.letter, "reason": change.after.reason},
        "human": None if human is None else Grade(human).letter,
    }


def _human(rows: list[_Change]) -> dict[str, Any] | None:
    judged = [change for change in rows if change.row.get("grade") is not None]
    if not judged:
        return None

    human = np.array([change.row["grade"] for change in judged])
    given = {
        "a": np.array([change.before.grade for change in judged]),
        "b": np.array([change.after.grade for change in judged]),
    }

    measures: dict[str, dict[str, float]] = {}
    for name, measure in MEASURES.items():
        if not isinstance(measure, GradeMeasure):
            continue
        measures[name] = {}
        for side, grades in given.items():
            value = float(measure.statistic(confusion(human, grades)))
            measures[name][side] = round(value, 4)

    # A pair comes nearer if b's grade is fewer grades away from the human one than a's.
    away_a = np.abs(given["a"] - human)
    away_b = np.abs(given["b"] - human)
    return {
        "pairs": len(judged),
        "measures": measures,
        "nearer": int((away_b < away_a).sum()),
        "farther": int((away_b > away_a).sum()),
    }


def render(result: dict[str, Any]) -> str:
    """The comparison as text for a terminal."""
    return "\n".join(_lines(result))


def _lines(result: dict[str, Any]) -> Iterator[str]:
    yield (
        f"{result['changed']} of {result['pairs']} grades change "
        f"from {result['a']} (down) to {result['b']} (across)"
    )
    yield from _table_lines(result["table"])

    if result["rules"]:
        yield "why (a pair counts for each of its rules)"
    for what, count in result["rules"].items():
        yield f"{count:>8}  {what}"

    for example in result["examples"]:
        yield from _example_lines(example)
    if result["human"]:
        yield from _human_lines(result["human"])


def _table_lines(table: dict[str, dict[str, int]]) -> Iterator[str]:
    """Grades by a down, grades by b across."""
    yield _table_row(["", *_LETTERS])
    for before in _LETTERS:
        counts = [table[before][after] for after in _LETTERS]
        yield _table_row([before, *counts])


def _table_row(cells: Iterable[object]) -> str:
    return "".join(f"{cell!s:>8}" for cell in cells)


def _example_lines(example: dict[str, Any]) -> Iterator[str]:
    """One changed pair, with the reason of the book that gives the lower grade."""
    query = example.get("query", example["query_id"])
    title = example.get("title", example["item_id"])
    before = example["a"]
    after = example["b"]
    change = f"{before['grade']} -> {after['grade']}"
    yield f"{change}  {query!r} | {title[:80]}"

    lower = min((before, after), key=lambda side: LABELS[side["grade"]])
    reason = lower["reason"][:150]
    human = example["human"]
    people = f" (people: {human})" if human else ""
    yield f"        {reason}{people}"


def _human_lines(human: dict[str, Any]) -> Iterator[str]:
    """How near either book comes to what people judged."""
    yield (
        f"people judged {human['pairs']} of them: "
        f"{human['nearer']} come nearer, {human['farther']} go farther"
    )
    for name, measure in human["measures"].items():
        yield f"{name:>16}  {measure['a']:.4f} -> {measure['b']:.4f}"
