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
    path = prepared / "dataset.json"
    if not path.is_file():
        return "en"
    dataset = json.loads(path.read_text("utf-8"))
    return str(dataset.get("language", "") or "en")


def known_pairs(prepared: Path) -> list[tuple[str, str]]:
    """List every pair that somebody judged, saw or may see, sorted.

    Args:
        prepared: folder with the tables ``judgements``, ``truth`` and ``events``.

    Returns:
        ids of query and item.
    """
    judged = read_table(prepared, "judgements")
    truth = read_table(prepared, "truth")
    events = read_table(prepared, "events")
    seen = events.rename({"object_id": "item_id"})

    tables = [table.select(PAIR) for table in (judged, truth, seen)]
    pairs = pl.concat(tables).unique()
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
    items = [item_from_row(row) for row in item_rows]
    lexicon = Lexicon.mine(items, language_of(prepared))
    (output / "lexicon.json").write_text(lexicon.to_json(), "utf-8")

    reader = Reader(lexicon)
    item_readings: dict[str, Reading] = {}
    for item in progress(items, "items read"):
        item_readings[item.item_id] = reader.read_item(item)
    query_readings: dict[str, Reading] = {}
    queries = read_table(prepared, "queries").select("query_id", "query")
    for query_id, text in queries.iter_rows():
        query_readings[query_id] = reader.read_query(text)
    _write_readings(query_readings, item_readings, output)

    pairs = known_pairs(prepared)
    begun = time.perf_counter()
    states = Counter[str]()
    rows: list[dict[str, str]] = []
    for query_id, item_id in progress(pairs, "pairs compared"):
        evidence = compare(query_readings[query_id], item_readings[item_id])
        states.update(fact.state for fact in evidence)
        row = {"query_id": query_id, "item_id": item_id}
        row["evidence"] = Evidence.many_to_json(evidence)
        rows.append(row)
    seconds = time.perf_counter() - begun

    write_table(rows, output, "pairs")
    return {
        "pairs": len(pairs),
        "pairs_per_second": len(pairs) / max(seconds, 1e-9),
        "items": len(items),
        **states,
    }


def _write_readings(
    queries: dict[str, Reading], items: dict[str, Reading], output: Path
) -> None:
    rows: list[dict[str, str]] = []
    for kind, readings in (("query", queries), ("item", items)):
        for identifier, reading in readings.items():
            row = {"kind": kind, "id": identifier, "reading": reading.to_json()}
            rows.append(row)
    write_table(rows, output, "readings")
