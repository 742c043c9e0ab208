"""Stage ``evidence``: lexicon, readings, evidence.

The lexicon is of the catalogue, readings are of queries and items, evidence is of every known pair.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path

import polars as pl

from adore.artifacts import read_table, write_table
from adore.attributes.comparison import compare
from adore.attributes.lexicon import Lexicon
from adore.attributes.reader import Reader
from adore.config import StageConfig
from adore.progress import progress
from adore.types import PAIR, Evidence, Reading, item_from_row

__all__ = ["Config", "known_pairs", "language_of", "run"]


class Config(StageConfig):
    """Nothing to set yet."""


def language_of(prepared: Path) -> str:
    """Return the code of the language that ``prepare`` chose; English if it chose none.

    Args:
        prepared: folder that ``prepare`` wrote.

    Returns:
        An ISO 639-1 code.
    """
    dataset_path = prepared / "dataset.json"
    if not dataset_path.is_file():
        return "en"
    dataset = json.loads(dataset_path.read_text("utf-8"))
    return str(dataset.get("language", "") or "en")


def known_pairs(prepared: Path) -> list[tuple[str, str]]:
    """List every pair that somebody judged, saw or may see, sorted.

    Args:
        prepared: folder with the tables ``judgements``, ``truth`` and ``events``.

    Returns:
        ids of query and item.
    """
    judgements = read_table(prepared, "judgements")
    truth = read_table(prepared, "truth")
    events = read_table(prepared, "events")
    seen_pairs = events.rename({"object_id": "item_id"})

    # Only the ids: each table has other columns beside them.
    pair_tables: list[pl.DataFrame] = []
    for table in (judgements, truth, seen_pairs):
        pair_tables.append(table.select(PAIR))
    pairs = pl.concat(pair_tables).unique()
    return pairs.sort(PAIR).rows()


def run(config: Config, prepared: Path, output: Path) -> dict[str, float]:
    """Write ``lexicon.json``, ``readings`` and ``pairs``.

    Args:
        config: of the stage.
        prepared: folder that ``prepare`` wrote.
        output: folder to write to.

    Returns:
        metrics that say how fast and how much was found.
    """
    item_rows = read_table(prepared, "items").iter_rows(named=True)
    items = [item_from_row(item_row) for item_row in item_rows]
    lexicon = Lexicon.mine(items, language_of(prepared))
    (output / "lexicon.json").write_text(lexicon.to_json(), "utf-8")

    # Every text is read once, however many pairs it is in.
    reader = Reader(lexicon)
    item_readings: dict[str, Reading] = {}
    for item in progress(items, "items read"):
        item_readings[item.item_id] = reader.read_item(item)
    query_readings: dict[str, Reading] = {}
    queries = read_table(prepared, "queries").select("query_id", "query")
    for query_id, query_text in queries.iter_rows():
        query_readings[query_id] = reader.read_query(query_text)
    reading_rows = _reading_rows("query", query_readings)
    reading_rows += _reading_rows("item", item_readings)
    write_table(reading_rows, output, "readings")

    pairs = known_pairs(prepared)
    started = time.perf_counter()
    state_counts = Counter[str]()
    evidence_rows: list[dict[str, str]] = []
    for query_id, item_id in progress(pairs, "pairs compared"):
        evidence = compare(query_readings[query_id], item_readings[item_id])
        state_counts.update(fact.state for fact in evidence)
        text = Evidence.many_to_json(evidence)
        row = {"query_id": query_id, "item_id": item_id, "evidence": text}
        evidence_rows.append(row)
    seconds = time.perf_counter() - started

    write_table(evidence_rows, output, "pairs")
    return {
        "pairs": len(pairs),
        "pairs_per_second": len(pairs) / max(seconds, 1e-9),
        "items": len(items),
        **state_counts,
    }


def _reading_rows(kind: str, readings: dict[str, Reading]) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = []
    for identifier, reading in readings.items():
        text = reading.to_json()
        rows.append({"kind": kind, "id": identifier, "reading": text})
    return rows
