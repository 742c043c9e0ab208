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
from adore.attributes.compare import compare
from adore.attributes.lexicon import Lexicon
from adore.attributes.reader import Reader
from adore.config import StageConfig
from adore.progress import progress
from adore.types import Evidence, Reading, item_from_row

__all__ = ["Config", "known_pairs", "language_of", "run"]


class Config(StageConfig):
    """Nothing to set yet."""


def language_of(prepared: Path) -> str:
    """Code of the language that ``prepare`` chose; English where an older one said none."""
    path = prepared / "dataset.json"
    chosen = (
        json.loads(path.read_text("utf-8")).get("language", "")
        if path.is_file()
        else ""
    )
    return str(chosen or "en")


def known_pairs(prepared: Path) -> list[tuple[str, str]]:
    """Every pair that somebody judged, saw or may see: judgements, truth and events, sorted."""
    frames = [
        read_table(prepared, name).select("query_id", "item_id")
        for name in ("judgements", "truth")
    ]
    events = read_table(prepared, "events").select(
        "query_id", pl.col("object_id").alias("item_id")
    )
    return pl.concat([*frames, events]).unique().sort("query_id", "item_id").rows()


def run(config: Config, prepared: Path, output: Path) -> dict[str, float]:
    """Write ``lexicon.json``, ``readings`` and ``pairs``.

    Args:
        config: of the stage.
        prepared: folder that ``prepare`` wrote.
        output: folder to write to.

    Returns:
        metrics that say how fast and how much was found.
    """
    items = [
        item_from_row(row)
        for row in read_table(prepared, "items").iter_rows(named=True)
    ]
    lexicon = Lexicon.mine(items, language_of(prepared))
    (output / "lexicon.json").write_text(lexicon.to_json(), "utf-8")
    reader = Reader(lexicon)
    read_items = {i.item_id: reader.read_item(i) for i in progress(items, "items read")}
    queries = read_table(prepared, "queries")
    read_queries = {
        q: reader.read_query(text)
        for q, text in queries.select("query_id", "query").iter_rows()
    }
    _write_readings(read_queries, read_items, output)
    pairs = known_pairs(prepared)
    begun = time.perf_counter()
    states = Counter[str]()
    rows = []
    for query_id, item_id in progress(pairs, "pairs compared"):
        found = compare(read_queries[query_id], read_items[item_id])
        states.update(e.state for e in found)
        rows.append(
            {
                "query_id": query_id,
                "item_id": item_id,
                "evidence": Evidence.many_to_json(found),
            }
        )
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
    rows = [
        {"kind": kind, "id": key, "reading": reading.to_json()}
        for kind, table in (("query", queries), ("item", items))
        for key, reading in table.items()
    ]
    write_table(rows, output, "readings")
