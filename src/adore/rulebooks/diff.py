"""Which grades would change if one rule book took another's place, by which rule, and what people say to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from adore.artifacts import read_table
from adore.errors import MissingError, check
from adore.evaluation.measures import MEASURES, confusion
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
    """Pairs with evidence, and where a run lies around them, ``query``, ``title`` and the human ``grade``.

    Args:
        place: a run's folder, its evidence step, or a ``pairs.parquet``.
        category: only items whose category holds this text (case ignored); needs a run.
        split: only queries of this split; needs a run.

    Raises:
        MissingError: no pairs there, no run around them for ``category`` or ``split``, or no pair of those.
    """
    path = local_copy(place)
    folder = (
        path.parent
        if path.is_file()
        else path / "evidence"
        if (path / "evidence").is_dir()
        else path
    )
    pairs = read_table(folder, path.stem if path.suffix == ".parquet" else "pairs")
    columns, has = list(TABLES["pairs"]), pairs.columns
    check(
        set(columns) <= set(has),
        "columns of pairs",
        has,
        must=f"with {columns}",
        fix="give an evidence step's pairs",
    )
    pairs, prepared = (
        pairs.select(columns).sort("query_id", "item_id"),
        folder.parent / "prepare",
    )
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
    pairs = pairs.join(queries, on="query_id", how="left").join(
        items, on="item_id", how="left"
    )
    pairs = pairs.join(read_table(prepared, "judgements"), on=keys, how="left").sort(
        keys
    )
    if category:
        holds = (
            pl.col("category")
            .str.to_lowercase()
            .str.contains(category.lower(), literal=True)
        )
        pairs = _narrowed(pairs, "category", category, holds)
    if split:
        pairs = _narrowed(pairs, "split", split, pl.col("split") == split)
    return pairs.drop("category", "split")


def _narrowed(
    pairs: pl.DataFrame, column: str, value: str, keep: pl.Expr
) -> pl.DataFrame:
    """The pairs to keep; an error that names the commonest values of the column where there are none."""
    kept, counts = (
        pairs.filter(keep),
        pairs.filter(pl.col(column) != "")[column].value_counts(),
    )
    known = (
        counts.sort("count", column, descending=[True, False])[column]
        .head(12)
        .to_list()
    )
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
        ``table`` (grade by a to grade by b to pairs), ``rules`` (what each rule lowered or no longer holds down),
        ``examples``, and ``human``: measures of both books where people judged (None: nobody did).
    """
    rows = [
        _Change(row, a.apply(evidence), b.apply(evidence))
        for row in pairs.iter_rows(named=True)
        for evidence in (Evidence.many_from_json(row["evidence"]),)
    ]
    cells = Counter((c.before.grade.letter, c.after.grade.letter) for c in rows)
    changed = [c for c in rows if c.before.grade != c.after.grade]
    return {
        "a": a.version,
        "b": b.version,
        "pairs": len(rows),
        "changed": len(changed),
        "table": {x: {y: cells[x, y] for y in _LETTERS} for x in _LETTERS},
        "rules": dict(
            Counter(
                r for c in changed for r in _causes(c, a.name, b.name)
            ).most_common()
        ),
        "examples": [_example(c) for c in _choose(changed, examples)],
        "human": _human(rows),
    }


def _causes(change: _Change, a: str, b: str) -> list[str]:
    """The rules that changed a grade: those of b that lower it, or those of a that no longer hold it down."""
    lowered = change.after.grade < change.before.grade
    verdict, what = (
        (change.after, f"lowered by {b}")
        if lowered
        else (change.before, f"no longer held down by {a}")
    )
    return sorted({f"{what} [{rule}]" for rule in verdict.rule_ids})


def _choose(changed: list[_Change], count: int) -> list[_Change]:
    """Some of every kind of change, the commonest kind first."""
    kinds = [cell for cell, _ in Counter(c.cell for c in changed).most_common()]
    of_kind = {cell: [c for c in changed if c.cell == cell] for cell in kinds}
    turns = range(max(map(len, of_kind.values()), default=0))
    return [
        of_kind[cell][turn]
        for turn in turns
        for cell in kinds
        if turn < len(of_kind[cell])
    ][:count]


def _example(change: _Change) -> dict[str, Any]:
    row, human = change.row, change.row.get("grade")
    return {
        **{
            k: row[k]
            for k in ("query_id", "item_id", "query", "title")
            if row.get(k) is not None
        },
        "a": {"grade": change.before.grade.letter, "reason": change.before.reason},
        "b": {"grade": change.after.grade.letter, "reason": change.after.reason},
        "human": None if human is None else Grade(human).letter,
    }


def _human(rows: list[_Change]) -> dict[str, Any] | None:
    judged = [c for c in rows if c.row.get("grade") is not None]
    if not judged:
        return None
    human = np.array([c.row["grade"] for c in judged])
    given = {
        "a": np.array([c.before.grade for c in judged]),
        "b": np.array([c.after.grade for c in judged]),
    }
    measures = {
        name: {
            side: round(float(m.of(confusion(human, grades))), 4)
            for side, grades in given.items()
        }
        for name, m in MEASURES.items()
        if m.needs == "grade"
    }
    away = {side: np.abs(grades - human) for side, grades in given.items()}
    nearer, farther = (
        int((away["b"] < away["a"]).sum()),
        int((away["b"] > away["a"]).sum()),
    )
    return {
        "pairs": len(judged),
        "measures": measures,
        "nearer": nearer,
        "farther": farther,
    }


def render(result: dict[str, Any]) -> str:
    """The comparison as text for a terminal."""
    return "\n".join(_lines(result))


def _lines(result: dict[str, Any]) -> Iterator[str]:
    yield f"{result['changed']} of {result['pairs']} grades change from {result['a']} (down) to {result['b']} (across)"
    yield "".join(f"{x:>8}" for x in ("", *_LETTERS))
    for x in _LETTERS:
        yield f"{x:>8}" + "".join(f"{result['table'][x][y]:>8}" for y in _LETTERS)
    if result["rules"]:
        yield "why (a pair counts for each of its rules)"
    yield from (f"{n:>8}  {what}" for what, n in result["rules"].items())
    for e in result["examples"]:
        query, title = e.get("query", e["query_id"]), e.get("title", e["item_id"])
        yield f"{e['a']['grade']} -> {e['b']['grade']}  {query!r} | {title[:80]}"
        low = min(("a", "b"), key=lambda side: LABELS[e[side]["grade"]])
        yield f"        {e[low]['reason'][:150]}" + (
            f" (people: {e['human']})" if e["human"] else ""
        )
    human = result["human"]
    if human:
        yield f"people judged {human['pairs']} of them: {human['nearer']} come nearer, {human['farther']} go farther"
        yield from (
            f"{name:>16}  {m['a']:.4f} -> {m['b']:.4f}"
            for name, m in human["measures"].items()
        )
