"""Stage ``verify``: keeps the candidates on which judge, attribute difference and leakage check agree."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl

from adore.artifacts import read_table, write_json, write_table
from adore.config import StageConfig
from adore.errors import check
from adore.progress import say
from adore.synthesis.changes import fault
from adore.synthesis.leakage import HeldOut
from adore.taxonomy import ERROR_TYPES
from adore.types import Evidence, Grade

__all__ = ["REASONS", "Config", "agrees", "run"]

REASONS: dict[str, str] = {
    "unanswered": "The judge gave no answer for the pair.",
    "judge": "The judge's grade is not the intended one.",
    "attribute": "More or less than the intended attribute differs from the good pair.",
    "leakage": "The query is, or nearly is, a query held out for dev or test.",
    "duplicate": "The same query and item are already kept.",
    "text": "A text is empty or too long.",
}
"""Why a candidate is not kept; the ``reason`` of the table ``rejected``."""


class Config(StageConfig):
    """How far judge and intention may differ, and what counts as leaked."""

    tolerance: int = 1
    """Largest distance between the judge's grade and the intended one; never across exact / not exact."""
    near: float = 0.8
    """Jaccard index of word stems from which two queries are the same."""
    max_query: int = 200
    """Longest query, in characters."""
    max_title: int = 2_000
    """Longest title, in characters."""
    examples: int = 3
    """Examples per error type in ``yield.json``."""


def agrees(answered: int, intended: int, tolerance: int) -> bool:
    """True if both grades are exact, or both are not and lie within ``tolerance``.

    Example:
        >>> agrees(3, 3, 1), agrees(3, 2, 1), agrees(1, 2, 1), agrees(0, 2, 1)
        (True, False, True, False)
    """
    same_side = (answered == Grade.EXACT) == (intended == Grade.EXACT)
    return same_side and abs(answered - intended) <= tolerance


def run(config: Config, prepared: Path, candidates: Path, answers: list[Path], output: Path) -> dict[str, float]:
    """Write ``synthetic``, ``rejected`` (with reason) and ``yield.json`` (counts, examples and
    the human audit of real picks per error type).

    Returns:
        Candidates made and accepted and their ratio, in all and per error type.
    """
    check(0 < config.near <= 1, "verify.near", config.near, must="in (0, 1]", fix="set it to 0.8")
    queries = read_table(prepared, "queries").filter(pl.col("split") != "train")
    held = HeldOut(queries["query"].to_list(), config.near)
    rows = _joined(candidates, answers)
    kept: list[dict[str, Any]] = []
    rejected: list[dict[str, Any]] = []
    seen: set[tuple[str, str]] = set()
    for row in rows:
        reason, detail = _fault(config, row, held, seen)
        if reason:
            rejected.append({**row, "reason": reason, "detail": detail})
        else:
            seen.add(_identity(row))
            kept.append(row)
    _write(kept, output, "synthetic", {"answered_grade": pl.Int64})
    _write(rejected, output, "rejected", {"answered_grade": pl.Int64, "detail": pl.String})
    plan = candidates / "plan.json"
    told = json.loads(plan.read_text("utf-8")).get("audit", {}) if plan.is_file() else {}
    write_json({**_yield(config, kept, rejected), "audit": told}, output / "yield.json")
    if rows and not kept:
        say("    verify: no candidate held; see rejected.parquet for why")
    ratios = {
        t: (sum(r["error_type"] == t for r in kept), sum(r["error_type"] == t for r in rows)) for t in _types(rows)
    }
    metrics = {"made": len(rows), "accepted": len(kept), "yield": len(kept) / max(1, len(rows))}
    return {**metrics, **{f"yield_{t}": a / m for t, (a, m) in ratios.items()}}


def _write(rows: list[dict[str, Any]], output: Path, name: str, extra: dict[str, Any]) -> None:
    frame = write_table(rows, output, name)
    more = [c for c in extra if c in frame.columns]
    frame.with_columns(pl.col(c).cast(extra[c]) for c in more).write_parquet(output / f"{name}.parquet")


def _types(rows: list[dict[str, Any]]) -> list[str]:
    present = {r["error_type"] for r in rows}
    return [e.name for e in ERROR_TYPES if e.name in present]


def _joined(candidates: Path, answers: list[Path]) -> list[dict[str, Any]]:
    """Candidates in the order of their ids, each with the judge's grade (None: no answer)."""
    keys = ["query_id", "item_id"]
    frames = [read_table(f, "answers").select(*keys, pl.col("grade").alias("answered_grade")) for f in answers]
    graded = pl.concat(frames).unique(keys, keep="first", maintain_order=True)
    made = read_table(candidates, "candidates").sort("synthetic_id")
    return made.join(graded, on=keys, how="left", maintain_order="left").to_dicts()


def _identity(row: dict[str, Any]) -> tuple[str, str]:
    return " ".join(row["query"].lower().split()), row["item_id"]


def _fault(config: Config, row: dict[str, Any], held: HeldOut, seen: set[tuple[str, str]]) -> tuple[str, str]:
    """Reason and detail of the first check that fails, or two empty strings."""
    query, title = row["query"].strip(), _title(row)
    if not query or not title or len(query) > config.max_query or len(title) > config.max_title:
        return "text", f"query of {len(query)}, title of {len(title)} characters"
    leaked = held.near(query)
    if leaked:
        return "leakage", f"held-out query: {leaked}"
    if _identity(row) in seen:
        return "duplicate", "query and item are already kept"
    before, after = (Evidence.many_from_json(row[c]) for c in ("source_evidence", "evidence"))
    moved = fault(row["error_type"], row["attribute"], before, after)
    return ("attribute", moved) if moved else _judged(config, row)


def _judged(config: Config, row: dict[str, Any]) -> tuple[str, str]:
    if row["answered_grade"] is None:
        return "unanswered", "no answer for the pair"
    answered, intended = Grade(row["answered_grade"]), Grade(row["intended_grade"])
    fits = agrees(answered, intended, config.tolerance)
    return ("", "") if fits else ("judge", f"the judge says {answered.letter}, intended is {intended.letter}")


def _title(row: dict[str, Any]) -> str:
    return str(json.loads(row["item"]).get("title") or "").strip()


def _yield(config: Config, kept: list[dict[str, Any]], rejected: list[dict[str, Any]]) -> dict[str, Any]:
    types = []
    for name in (e.name for e in ERROR_TYPES):
        good = [r for r in kept if r["error_type"] == name]
        bad = [r for r in rejected if r["error_type"] == name]
        reasons = dict(sorted(Counter(r["reason"] for r in bad).items()))
        shown = [_example(r) for r in _spread(good, config.examples)]
        types.append(
            {
                "error_type": name,
                "made": len(good) + len(bad),
                "accepted": len(good),
                "rejected": reasons,
                "examples": shown,
            }
        )
    made, accepted = len(kept) + len(rejected), len(kept)
    return {"made": made, "accepted": accepted, "yield": accepted / max(1, made), "reasons": REASONS, "types": types}


def _spread(rows: list[dict[str, Any]], k: int) -> list[dict[str, Any]]:
    """The first rows of ``k`` different source queries, as far as there are."""
    first: dict[str, dict[str, Any]] = {}
    for row in rows:
        first.setdefault(row["source_query_id"], row)
    return list(first.values())[:k]


def _example(row: dict[str, Any]) -> dict[str, Any]:
    moved = [e for e in Evidence.many_from_json(row["evidence"]) if e.attribute == row["attribute"]]
    shown = next((e for e in moved if e.state == "conflict"), None)
    return {
        "query": row["query"],
        "title": _title(row),
        "edit": row["edit"],
        "intended": Grade(row["intended_grade"]).letter,
        "answered": Grade(row["answered_grade"]).letter,
        "asked": shown.asked if shown else "",
        "found": shown.found if shown else "",
    }
