"""Signs of behaviour against the demo shop's known truth:
how many of each kind, and how many are right.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from bench.teacher.poisoning import PROFILE, Bench, shop

from adore.artifacts import read_table
from adore.behaviour.signs import SignKind
from adore.data.shoppers import Shoppers
from adore.pipeline import runner
from adore.types import Grade


def right(run: Path, table: str) -> list[dict[str, Any]]:
    """By kind: signs, and the share that the truth confirms
    (bought: it is exact; else: it is not).
    """
    keys = ["query_id", "item_id"]
    signs = (
        read_table(run / "feedback", table)
        .unique([*keys, "kind"])
        .join(read_table(run / "prepare", "truth"), on=keys)
    )
    agrees = (pl.col("grade") == int(Grade.EXACT)) == pl.col("kind").str.starts_with(
        "bought"
    )
    found = {
        kind: (n, ok)
        for kind, n, ok in signs.group_by("kind")
        .agg(pl.len(), agrees.mean())
        .iter_rows()
    }
    return [
        {
            "kind": k,
            "signs": found.get(k, (0, 0))[0],
            "right": found.get(k, (0, 0.0))[1],
        }
        for k in [kind.value for kind in SignKind]
    ]


def measure(seed: int) -> dict[str, Any]:
    """Run the demo shop's first steps and the feedback stage."""
    with tempfile.TemporaryDirectory() as home:
        run = Path(home)
        shop(Bench(run, seed))
        inputs = runner.inputs_of("feedback", str(run), data="demo", profile=PROFILE)
        metrics = runner.run_stage(
            "feedback", inputs, str(run / "feedback"), profile=PROFILE, seed=seed
        ).metrics
        about = json.loads((run / "feedback" / "behaviour.json").read_text("utf-8"))
        known = np.array(
            [Shoppers().propensity(k) for k in range(1, len(about["propensity"]) + 1)]
        )
        error = float(np.abs(np.array(about["propensity"]) - known).max())
        tables = {table: right(run, table) for table in ("feedback", "dev_signs")}
        return {
            "seed": seed,
            "simulated": True,
            "metrics": metrics,
            "behaviour": about,
            "bias_error": error,
            **tables,
        }


def render(result: dict[str, Any]) -> str:
    """The section of its page."""
    about, metrics = result["behaviour"], result["metrics"]
    eta = about["position"]["eta"]
    lines = [
        "### Signs of behaviour (simulated shoppers, known truth)",
        "",
        "| sign | train signs used | right | held-out (dev) signs | right |",
        "|---|---:|---:|---:|---:|",
    ]
    for a, b in zip(result["feedback"], result["dev_signs"], strict=True):
        shown = [
            f"{r['signs']} | {format(r['right'], '.3f') if r['signs'] else ''}"
            for r in (a, b)
        ]
        lines.append(f"| {a['kind']} | {shown[0]} | {shown[1]} |")
    text = (
        f"{metrics['rows']:.0f} KTO rows, {metrics['desirable']:.0f} of them "
        f"desirable. Position bias: eta {eta:.2f} (known {Shoppers().eta}), largest "
        f"error of a propensity {result['bias_error']:.3f}."
    )
    return "\n".join([*lines, "", text])
