"""The rounds of the shop that a run belongs to: what served when, gates, decisions, errors."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from adore.report.plots import Interval, forest

__all__ = ["ROUNDS", "production_counts", "read_timeline"]

ROUNDS = "rounds.json"
"""File in a run's folder: one JSON object for each round of its shop so far, in order."""
Document = dict[str, Any]
MOST_ERROR_TYPES = 12
"""Error types that are shown, the most frequent first."""
COUNTS = {
    "exposures": "lists shown",
    "impressions": "impressions",
    "events": "events",
    "repeats": "logged twice",
    "outside_window": "outside the window",
    "unknown_searches": "of texts that are no query",
    "unknown_items": "of items that are not in the catalogue",
    "sampled_out": "left out, because there are too many",
    "new_texts": "texts that are no query of the shop",
}
"""Count of ``production.json`` to what it says."""


def production_counts(production: Document) -> list[tuple[str, int]]:
    """List what the logs of production gave.

    Args:
        production: ``production.json`` of ``prepare``; empty: there is none.

    Returns:
        Text and count of what is there; empty where no log was read.
    """
    if not production.get("logs"):
        return []
    counts = []
    for name, text in COUNTS.items():
        if production.get(name):
            counts.append((text, int(production[name])))
    counts.append(("new requests to judge", len(production.get("requests", []))))
    return counts


def read_timeline(run: Path) -> Document:
    """Collect what the page shows of a shop's rounds.

    Args:
        run: a run's folder.

    Returns:
        ``rounds`` as the file has them, the plots ``relevance`` and ``purchases``, and
        ``errors`` by type; empty if the run is no round.
    """
    path = run / ROUNDS
    if not path.is_file():
        return {}
    rounds: list[Document] = json.loads(path.read_text("utf-8"))
    return {
        "rounds": rounds,
        "relevance": forest(
            list(_relevance(rounds)),
            "nDCG@10 of each round's student on the same held-out queries",
        ),
        "purchases": forest(
            list(_effects(rounds)),
            "Effect of each round's challenger on purchases per user",
        ),
        "errors": _errors(rounds),
    }


def _name(shown_round: Document) -> str:
    return f"round {shown_round['round']}"


def _relevance(rounds: Sequence[Document]) -> Iterator[Interval]:
    for shown_round in rounds:
        measure = shown_round.get("measures", {}).get("nDCG@10")
        if measure:
            ends = measure["low"], measure["high"]
            yield Interval(_name(shown_round), measure["value"], *ends)


def _effects(rounds: Sequence[Document]) -> Iterator[Interval]:
    for shown_round in rounds:
        experiment = shown_round.get("experiment", {})
        if "effect" in experiment:
            ends = experiment["low"], experiment["high"]
            yield Interval(_name(shown_round), experiment["effect"], *ends)


def _errors(rounds: Sequence[Document]) -> Document:
    """Errors that each round's synthesis was weighted by, over all sources.

    Returns:
        ``sources`` of each round as counts by name, and ``rows`` with a ``type`` and its
        ``counts`` by round.
    """
    by_round: list[Counter[str]] = []
    sources: list[Document] = []
    for shown_round in rounds:
        all_types = Counter[str]()
        totals = {}
        for source, type_counts in shown_round.get("errors", {}).items():
            all_types.update(type_counts)
            totals[source] = sum(type_counts.values())
        by_round.append(all_types)
        sources.append(totals)

    overall = sum(by_round, Counter[str]())
    rows = []
    for error_type, _ in overall.most_common(MOST_ERROR_TYPES):
        counts = [type_counts[error_type] for type_counts in by_round]
        rows.append({"type": error_type, "counts": counts})
    return {"sources": sources, "rows": rows}
