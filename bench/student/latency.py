"""Part ``latency``: a list of 100 items on one core:
the student, and a plain cross-encoder in the same run.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bench.student.cross_encoder import Cross, probabilities
from bench.student.folds import DATA, Loop, inputs_of, make_fold
from bench.student.judged import HOME

from adore.artifacts import read_table
from adore.student import distil, fitting
from adore.student.backbone import load_backbone, load_tokenizer
from adore.student.export import export_net, seal
from adore.student.forest import export_forest
from adore.student.rankers import load_ranker
from adore.types import Item, item_from_row

ITEMS, LISTS = 100, 30


def _student(fold: Any, inputs: Path, seed: int, folder: Path) -> None:
    """A student's folder of one fold; its figures of quality are another part's."""
    shutil.copytree(inputs, folder)
    config = distil.Config(seed=seed, threads=1)
    fitted = fitting.fit(fold.train["aware"], [], config)
    export_net(fitted.net, folder)
    export_forest(fitted.forest, folder / "forest.onnx")
    prior = fitting.prior_of(fold.train["aware"]).tolist()
    card = {
        "kind": "student",
        "name": "student",
        "temperature": 1.0,
        "prior": prior,
        "prior_power": 0.4,
    }
    seal(
        folder,
        {**card, "list_context": True, "attribute_heads": True, "precision": "fp32"},
    )


def _times(work: Callable[[str], object], queries: list[str]) -> dict[str, float]:
    """Milliseconds a list, after one list that is not counted."""
    work(queries[0])
    seconds = []
    for query in queries[1:]:
        begun = time.perf_counter()
        work(query)
        seconds.append(time.perf_counter() - begun)
    found = 1000 * np.quantile(seconds, [0.5, 0.95])
    return {"p50": float(found[0]), "p95": float(found[1])}


def _first(folder: Path, query: str, items: list[Item]) -> float:
    """Milliseconds of the first list of a ranker just loaded; the median of five."""
    seconds = []
    for _ in range(5):
        ranker = load_ranker(folder, threads=1)
        begun = time.perf_counter()
        ranker.rank(query, items)
        seconds.append(time.perf_counter() - begun)
    return float(1000 * np.median(seconds))


def _strange(item: Item) -> Item:
    return replace(item, item_id=f"new {item.item_id}", title=f"{item.title} II")


def measure(seed: int) -> dict[str, Any]:
    """Both rankers on the same lists;
    items' vectors and readings are there (as for a catalogue), queries are new.
    """
    if not DATA.is_dir():
        return {"skipped": "shared/data/esci is not there"}
    torch.set_num_threads(1)
    loop = Loop(HOME, 0, seed, aligned=False)
    fold = make_fold(loop)
    rows = (
        read_table(HOME / "0" / "prepare", "items")
        .sample(ITEMS, seed=seed)
        .iter_rows(named=True)
    )
    items = [item_from_row(row) for row in rows]
    queries = [pairs[0][0] for _, pairs in sorted(fold.pairs.items())][: LISTS + 1]
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "student"
        inputs_of(loop, *loop.prepared()[:2])
        _student(fold, loop.shared / "inputs", seed, folder)
        size = sum(f.stat().st_size for f in folder.iterdir()) / 2**20
        ranker = load_ranker(folder, threads=1)
        mine = _times(lambda q: ranker.rank(q, items), queries)
        first, strange = (
            _first(folder, queries[0], items),
            _first(folder, queries[0], [_strange(i) for i in items]),
        )
        version = json.loads((folder / "card.json").read_text("utf-8"))["version"]
    model, tokenizer = Cross(load_backbone("minilm")).eval(), load_tokenizer()
    theirs = _times(
        lambda q: probabilities(model, tokenizer, [(q, i.title, 0) for i in items]),
        queries[:9],
    )
    return {
        "student": mine,
        "first_list": first,
        "strange": strange,
        "cross": theirs,
        "megabytes": size,
        "version": version,
    }


def render(result: dict[str, Any]) -> str:
    """The section of its page."""
    head = "### Latency of a list of 100 items, one thread"
    if "skipped" in result:
        return f"{head}\n\nSKIPPED: {result['skipped']}"
    mine, theirs = result["student"], result["cross"]
    return "\n".join(
        [
            head,
            "",
            "| ranker | p50, ms | p95, ms |",
            "|---|---:|---:|",
            "| student (new query, items' vectors and readings known) "
            f"| {mine['p50']:.1f} | {mine['p95']:.1f} |",
            f"| MiniLM cross-encoder (torch, title only) | {theirs['p50']:.1f} "
            f"| {theirs['p95']:.1f} |",
            "",
            f"Ratio {theirs['p50'] / mine['p50']:.0f}. The first list after loading "
            f"takes {result['first_list']:.0f} ms, and {result['strange']:.0f} ms if "
            "no item is in the catalogue. The student's folder has "
            f"{result['megabytes']:.0f} MB.",
        ]
    )
