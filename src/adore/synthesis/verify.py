"""Stage ``verify``: keeps the candidates on which all checks agree.

The checks are of judges, attribute difference, leakage and fluency. It also writes the
frozen adversarial set of the test queries, on which the student is examined.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import Field

from adore.artifacts import read_table, write_table
from adore.attributes.evidence import language_of
from adore.attributes.held_out import HeldOut
from adore.attributes.language_packs import load_language
from adore.config import StageConfig
from adore.progress import log_line
from adore.storage import write_json
from adore.synthesis.adversarial import adversarial
from adore.synthesis.fluency import Fluency
from adore.synthesis.generator import UNTYPED, plain
from adore.synthesis.minimality import fault
from adore.taxonomy import ERROR_TYPES
from adore.types import PAIR, Evidence, Grade

__all__ = ["REASONS", "Config", "agrees", "run"]

REASONS: dict[str, str] = {
    "unanswered": "The judge gave no answer for the pair.",
    "judge": "Too few of the judge's answers are near the intended grade.",
    "attribute": "More or less than the intended attribute differs from the good pair.",
    "leakage": "The query is, or nearly is, a query held out for dev or test.",
    "duplicate": "The same query and item are already kept.",
    "fluency": "The edited query reads like no real query.",
    "text": "A text is empty or too long.",
}
"""Why a candidate is not kept; the ``reason`` of the table ``rejected``."""


class Config(StageConfig):
    """How far judge and intention may differ, and what counts as leaked."""

    tolerance: int = 1
    """Largest distance between the judge's grade and the intended one.

    Never across exact / not exact.
    """
    agreement: float = Field(0.67, gt=0, le=1)
    """Share of a pair's answers that must fit the intention (k of n).

    Several folders of answers, of other judges or of samples of one, are so many votes;
    with one answer it alone decides.
    """
    fluency: float = Field(0.02, ge=0, lt=1)
    """Share of real queries that read worse than the threshold.

    Below it, an edited query is refused.
    """
    near: float = Field(0.8, gt=0, le=1)
    """Jaccard index of word stems from which two queries are the same."""
    max_query: int = 200
    """Longest query, in characters."""
    max_title: int = 2_000
    """Longest title, in characters."""
    examples: int = 3
    """Examples per error type in ``yield.json``."""


def agrees(answered: int, intended: int, tolerance: int) -> bool:
    """True if both grades are exact, or both are not and lie within ``tolerance``.

    Args:
        answered: the judge's grade, 0 to 3.
        intended: the grade that the edit means to make, 0 to 3.
        tolerance: largest distance between the two.

    Example:
        >>> agrees(3, 3, 1), agrees(3, 2, 1), agrees(1, 2, 1), agrees(0, 2, 1)
        (True, False, True, False)
    """
    same_side = (answered == Grade.EXACT) == (intended == Grade.EXACT)
    return same_side and abs(answered - intended) <= tolerance


def run(
    config: Config,
    prepared: Path,
    evidence: Path,
    candidates: Path,
    answers: list[Path],
    output: Path,
) -> dict[str, float]:
    """Write ``synthetic``, ``rejected`` (with reason), ``adversarial`` and ``yield.json``.

    The last has counts, examples and the human audit of real picks per error type.

    Args:
        config: how strict the checks are.
        prepared: output of ``prepare``.
        evidence: output of ``evidence``.
        candidates: output of ``synthesise``.
        answers: outputs of ``judge`` on the candidates; each is a vote.
        output: folder to write to.

    Returns:
        Candidates made and accepted and their ratio, in all and per error type.
    """
    checks = _Checks(config, prepared)
    rows = _joined(candidates, answers)
    kept: list[dict[str, Any]] = []
    rejected: list[dict[str, Any]] = []
    for row in rows:
        reason, detail = checks.fault(row)
        if reason:
            rejected.append({**row, "reason": reason, "detail": detail})
        else:
            kept.append(row)

    grade = {"answered_grade": pl.Int64}
    _write(kept, output, "synthetic", grade)
    _write(rejected, output, "rejected", {**grade, "detail": pl.String})
    write_table(adversarial(prepared, evidence), output, "adversarial")

    plan = candidates / "plan.json"
    told = json.loads(plan.read_text("utf-8")) if plan.is_file() else {}
    summary = _yield(config, kept, rejected)
    summary["nothing"] = told.get("nothing", {})
    summary["audit"] = told.get("audit", {})
    write_json(summary, output / "yield.json")
    if rows and not kept:
        log_line("    verify: no candidate held; see rejected.parquet for why")
    return _metrics(rows, kept)


def _metrics(
    rows: list[dict[str, Any]], kept: list[dict[str, Any]]
) -> dict[str, float]:
    """Candidates made and accepted and their ratio, in all and per error type."""
    made = Counter(row["error_type"] for row in rows)
    accepted = Counter(row["error_type"] for row in kept)
    metrics: dict[str, float] = {
        "made": len(rows),
        "accepted": len(kept),
        "yield": len(kept) / max(1, len(rows)),
    }
    for name in (*ERROR_TYPES, UNTYPED):
        if made[name]:
            metrics[f"yield_{name}"] = accepted[name] / made[name]
    return metrics


def _write(
    rows: list[dict[str, Any]], output: Path, name: str, extra: dict[str, Any]
) -> None:
    """A table whose ``extra`` columns have the types that are told."""
    frame = write_table(rows, output, name)
    casts = [
        pl.col(column).cast(kind)
        for column, kind in extra.items()
        if column in frame.columns
    ]
    frame.with_columns(casts).write_parquet(output / f"{name}.parquet")


def _joined(candidates: Path, answers: list[Path]) -> list[dict[str, Any]]:
    """Candidates in the order of their ids, each with all its ``grades`` and the first.

    None: no answer.
    """
    frames = [
        read_table(folder, "teacher_judgements").select(*PAIR, "grade")
        for folder in answers
    ]
    graded = (
        pl.concat(frames)
        .group_by(PAIR, maintain_order=True)
        .agg(pl.col("grade").alias("grades"))
    )
    graded = graded.with_columns(pl.col("grades").list.first().alias("answered_grade"))
    made = read_table(candidates, "candidates").sort("synthetic_id")
    return made.join(graded, on=PAIR, how="left", maintain_order="left").to_dicts()


class _Checks:
    """All checks of a candidate; remembers what passed."""

    def __init__(self, config: Config, prepared: Path) -> None:
        self._config = config
        self._seen: set[tuple[str, str]] = set()
        queries = read_table(prepared, "queries")
        items = read_table(prepared, "items")
        language = load_language(language_of(prepared))

        held = queries.filter(pl.col("split") != "train")
        texts = held["query"].to_list()
        self._held = HeldOut(texts, config.near, language)
        self._real = dict(queries.select("query_id", "query").iter_rows())

        titles = items["title"].to_list()
        categories = items["category"].unique(maintain_order=True)
        texts = [*titles, *categories.to_list()]
        real = self._real.values()
        self._fluency = Fluency(texts, real, config.fluency, language)

    def fault(self, row: dict[str, Any]) -> tuple[str, str]:
        """Reason and detail of the first check that fails, or two empty strings."""
        grades = row.pop("grades")
        reason, detail = self._text(row)
        if not reason and row["error_type"] != UNTYPED:
            before = Evidence.many_from_json(row["source_evidence"])
            after = Evidence.many_from_json(row["evidence"])
            detail = fault(row["error_type"], row["attribute"], before, after)
            reason = "attribute" if detail else ""
        if not reason:
            reason, detail = self._judged(grades, row["intended_grade"])
        if not reason:
            self._seen.add(_identity(row))
        return reason, detail

    def _text(self, row: dict[str, Any]) -> tuple[str, str]:
        """What is wrong with the texts alone."""
        query = row["query"].strip()
        title = _title(row)
        empty = not query or not title
        long_query = len(query) > self._config.max_query
        long_title = len(title) > self._config.max_title
        if empty or long_query or long_title:
            return "text", f"query of {len(query)}, title of {len(title)} characters"

        leaked = self._held.near(query)
        if leaked:
            return "leakage", f"held-out query: {leaked}"
        if _identity(row) in self._seen:
            return "duplicate", "query and item are already kept"

        source = self._real[row["source_query_id"]]
        if query != source and self._fluency.salad(query, source):
            score = self._fluency.score(query)
            threshold = self._fluency.threshold
            return "fluency", f"{score:.2f} is below {threshold:.2f}"
        return "", ""

    def _judged(self, grades: list[int] | None, intended: int) -> tuple[str, str]:
        """What is wrong with the judges' grades; None: they gave none."""
        if not grades:
            return "unanswered", "no answer for the pair"

        tolerance = self._config.tolerance
        fit = [grade for grade in grades if agrees(grade, intended, tolerance)]
        if len(fit) >= self._config.agreement * len(grades):
            return "", ""

        said = ", ".join(Grade(grade).letter for grade in grades)
        return "judge", f"the judge says {said}, intended is {Grade(intended).letter}"


def _identity(row: dict[str, Any]) -> tuple[str, str]:
    return plain(row["query"]), row["item_id"]


def _title(row: dict[str, Any]) -> str:
    return str(json.loads(row["item"]).get("title") or "").strip()


def _yield(
    config: Config, kept: list[dict[str, Any]], rejected: list[dict[str, Any]]
) -> dict[str, Any]:
    """The table of ``yield.json``: in all, and per error type."""
    types: list[dict[str, Any]] = []
    for name in (*ERROR_TYPES, UNTYPED):
        good = [row for row in kept if row["error_type"] == name]
        bad = [row for row in rejected if row["error_type"] == name]
        if name == UNTYPED and not good and not bad:
            continue

        reasons = Counter(row["reason"] for row in bad)
        shown = [_example(row) for row in _spread(good, config.examples)]
        types.append(
            {
                "error_type": name,
                "made": len(good) + len(bad),
                "accepted": len(good),
                "rejected": dict(sorted(reasons.items())),
                "examples": shown,
            }
        )

    made = len(kept) + len(rejected)
    accepted = len(kept)
    return {
        "made": made,
        "accepted": accepted,
        "yield": accepted / max(1, made),
        "reasons": REASONS,
        "types": types,
    }


def _spread(rows: list[dict[str, Any]], k: int) -> list[dict[str, Any]]:
    """The first rows of ``k`` different source queries, as far as there are."""
    first: dict[str, dict[str, Any]] = {}
    for row in rows:
        first.setdefault(row["source_query_id"], row)
    return list(first.values())[:k]


def _example(row: dict[str, Any]) -> dict[str, Any]:
    """A kept row for people, with what is in conflict in the attribute that was moved."""
    shown = None
    for fact in Evidence.many_from_json(row["evidence"]):
        if fact.attribute == row["attribute"] and fact.state == "conflict":
            shown = fact
            break

    return {
        "query": row["query"],
        "title": _title(row),
        "edit": row["edit"],
        "intended": Grade(row["intended_grade"]).letter,
        "answered": Grade(row["answered_grade"]).letter,
        "asked": shown.asked if shown else "",
        "found": shown.found if shown else "",
    }
