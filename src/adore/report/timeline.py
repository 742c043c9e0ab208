"""The rounds of the shop that a run belongs to: what served when, gates, decisions, errors."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from adore.report.plots import Interval, forest
from adore.taxonomy import mean_shares

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
    "unknown_searches": "lists of texts that are no query of the shop",
    "unknown_items": "impressions and events of items that are not in the catalogue",
    "sampled_out": "left out, because there are too many",
    "new_texts": "such texts, each counted once",
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
    """Errors that each round's synthesis was weighted by.

    Returns:
        ``sources`` of each round as counts by name, and ``rows`` with a ``type`` and its
        ``shares`` by round, see :func:`adore.taxonomy.mean_shares`.
    """
    by_round: list[dict[str, float]] = []
    sources: list[Document] = []
    for shown_round in rounds:
        errors = shown_round.get("errors", {})
        totals = {source: sum(counts.values()) for source, counts in errors.items()}
        by_round.append(mean_shares(errors.values()))
        sources.append(totals)

    overall: defaultdict[str, float] = defaultdict(float)
    for type_shares in by_round:
        for error_type, share in type_shares.items():
            overall[error_type] += share
    seen = [error_type for error_type, share in overall.items() if share > 0]
    most_frequent = sorted(seen, key=lambda name: (-overall[name], name))
    rows = []
    for error_type in most_frequent[:MOST_ERROR_TYPES]:
        shares = [type_shares.get(error_type, 0.0) for type_shares in by_round]
        rows.append({"type": error_type, "shares": shares})
    return {"sources": sources, "rows": rows}
