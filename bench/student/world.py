"""Part ``world``: a shop that nobody tuned for, through the loop as it is;
does its student beat BM25?
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import bm25s
import numpy as np
import polars as pl

from adore.artifacts import read_table
from adore.attributes.language_packs import load_language
from adore.data import demo_data
from adore.measures import ndcg
from adore.pipeline.graph import STEPS
from adore.pipeline.runner import run_step
from adore.text import word_stems
from adore.types import item_from_row

SHOP = {"items": 900, "queries": 140, "judged": 80, "users": 300, "visits": 6}
ENGLISH = load_language("en")
LAST = "evaluate"


def walk(data: Path, run: Path, seed: int) -> None:
    """Every step up to :data:`LAST` on the laptop profile; no flag, no setting of its own."""
    for name in STEPS:
        if name != "demo-data":
            run_step(name, str(run), data=str(data), profile="laptop", seed=seed)
        if name == LAST:
            return


def every_field(run: Path) -> float:
    """Mean test nDCG@10 of BM25 over all that an item says,
    so that the student's lead is not the fields' alone.
    """
    items = [
        item_from_row(row)
        for row in read_table(run / "prepare", "items").iter_rows(named=True)
    ]
    at = {item.item_id: n for n, item in enumerate(items)}
    index = bm25s.BM25()
    texts = [" ".join([i.title, *map(str, i.attributes.values())]) for i in items]
    index.index([word_stems(text, ENGLISH) for text in texts], show_progress=False)
    judged = read_table(run / "prepare", "judgements").join(
        read_table(run / "prepare", "queries"), on="query_id"
    )
    found = []
    for (query,), one in judged.filter(split="test").group_by(
        "query", maintain_order=True
    ):
        asked = [w for w in word_stems(str(query), ENGLISH) if w in index.vocab_dict]
        scores = index.get_scores(asked) if asked else np.zeros(len(items))
        found.append(
            ndcg(scores[[at[i] for i in one["item_id"]]], one["grade"].to_numpy())
        )
    return float(np.nanmean(found))


def measure(seed: int) -> dict[str, Any]:
    """The laboratory supplier of the demo generator:
    test measures of every system, and the student against each.
    """
    with tempfile.TemporaryDirectory() as home:
        data, run = Path(home) / "data", Path(home) / "run"
        data.mkdir()
        made = demo_data.run(
            demo_data.Config(world="lab", seed=seed, **SHOP), output=data
        )
        walk(data, run, seed)
        table = read_table(run / LAST, "measures").filter(split="test", slice="all")
        table = table.filter(pl.col("measure").is_in(["nDCG@10", "macro-F1"]))
        against = json.loads((run / LAST / "comparisons.json").read_text("utf-8"))
        full = every_field(run)
    rows = table.select("system", "measure", "value", "low", "high", "n").to_dicts()
    return {
        "shop": made,
        "measures": rows,
        "comparisons": against,
        "bm25_every_field": full,
    }


def render(result: dict[str, Any]) -> str:
    """The table of systems, and the student's lead over BM25."""
    shop, rows = (
        result["shop"],
        {(r["system"], r["measure"]): r for r in result["measures"]},
    )
    ranked = sorted(
        (r for (_, m), r in rows.items() if m == "nDCG@10"), key=lambda r: -r["value"]
    )
    lines = [
        "### Another world",
        "",
        f"A simulated laboratory supplier ({shop['items']:.0f} items, "
        f"{shop['judgements']:.0f} judgements): no categories, no brands, twenty "
        "fields of its own, grades 0-3, one-word queries; no setting is its own. "
        f"{ranked[0]['n']} test queries.",
        "",
        "| system | nDCG@10 | 95 % interval | macro-F1 |",
        "|---|---:|---|---:|",
    ]
    for r in ranked:
        graded = rows.get((r["system"], "macro-F1"), {}).get("value")
        f1 = "" if graded is None else f"{graded:.3f}"
        lines.append(
            f"| {r['system']} | {r['value']:.3f} | {r['low']:.3f} to {r['high']:.3f} | {f1} |"
        )
    lead = next(c for c in result["comparisons"]["against"] if c["system"] == "bm25")
    over = f"{lead['difference']:+.3f} [{lead['low']:+.3f}, {lead['high']:+.3f}], p {lead['p']:.2g}"
    full = result["bm25_every_field"]
    return "\n".join(
        [
            *lines,
            "",
            f"Student over BM25: {over}. BM25 over every field, own ones too: {full:.3f}.",
        ]
    )
