"""Stage ``align``: the tiny teacher learns from human grades (SFT), then from behaviour (KTO), then meets its gate."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from adore.artifacts import read_table, write_json
from adore.config import StageConfig
from adore.errors import check
from adore.prompts import trace
from adore.teacher.gate import decide, rates
from adore.types import Evidence, Grade

__all__ = ["Config", "run"]


class Config(StageConfig):
    """Sizes and settings of the tiny teacher."""

    layers: int = 4
    width: int = 128
    sft_rows: int = 3000
    sft_epochs: float = 3.0
    sft_rate: float = 2e-3
    kto_rows: int = 800
    kto_epochs: float = 2.0
    kto_rate: float = 1e-4
    beta: float = 0.1
    batch: int = 32


def _labelled(prepared: Path, evidence: Path, answers: list[Path]) -> pl.DataFrame:
    """Pairs with evidence, split, the rules' grade and, where judged, the human grade."""
    judged = read_table(prepared, "judgements").rename({"grade": "human"})
    rules = pl.concat([read_table(a, "answers").select("query_id", "item_id", "grade") for a in answers])
    splits = read_table(prepared, "queries").select("query_id", "split")
    keys = ["query_id", "item_id"]
    pairs = read_table(evidence, "pairs").join(rules, on=keys).join(splits, on="query_id")
    return pairs.join(judged, on=keys, how="left").sort(keys)


def _sft_set(table: pl.DataFrame, config: Config) -> list[dict[str, str]]:
    """Human-graded train pairs (the rules' grades where nobody judged), rarer grades drawn more often."""
    from adore.teacher.tiny import sft_row

    train = table.filter(pl.col("split") == "train")
    judged = train.filter(pl.col("human").is_not_null())
    train = judged.with_columns(pl.col("human").alias("grade")) if judged.height else train
    check(
        train.height > 0, "train pairs", 0, must="1 or more", fix="give judgements for train queries, or more queries"
    )
    rng = np.random.default_rng(config.seed)
    grades = train["grade"].to_numpy()
    weights = np.array([1 / np.sqrt((grades == g).sum()) for g in grades])
    chosen = rng.choice(len(grades), size=config.sft_rows, p=weights / weights.sum())
    return [sft_row(Evidence.many_from_json(train["evidence"][int(i)]), Grade(int(grades[i]))) for i in chosen]


def _kto_set(feedback: Path, config: Config) -> list[dict[str, Any]]:
    rows = [
        {"prompt": r["prompt"], "completion": r["completion"], "label": r["desirable"]}
        for r in read_table(feedback, "feedback").iter_rows(named=True)
    ]
    order = np.random.default_rng(config.seed).permutation(len(rows))[: config.kto_rows]
    return [rows[i] for i in order]


def _judged_by(folder: Path, table: pl.DataFrame, threads: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    from adore.teacher.tiny import TinyGrader

    grader = TinyGrader(folder, threads=threads)
    many = [Evidence.many_from_json(e) for e in table["evidence"]]
    return np.array([int(np.argmax(p)) for p in grader.grade(many)], dtype=np.int64)


def _train(table: pl.DataFrame, feedback: Path, config: Config, output: Path) -> dict[str, list[dict[str, float]]]:
    import torch

    from adore.teacher.tiny import new_model, new_tokenizer, product_words
    from adore.teacher.training import kto, sft

    torch.set_num_threads(config.threads)
    tokenizer = new_tokenizer(product_words(trace(Evidence.many_from_json(e)) for e in table["evidence"]))
    model = new_model(tokenizer, layers=config.layers, width=config.width, seed=config.seed)
    common = {"seed": config.seed, "batch": config.batch}
    curves = {
        "sft": sft(
            model,
            tokenizer,
            _sft_set(table, config),
            output / "sft",
            epochs=config.sft_epochs,
            rate=config.sft_rate,
            **common,
        )
    }
    rows = _kto_set(feedback, config)
    if len(rows) >= config.batch:
        settings = {"epochs": config.kto_epochs, "rate": config.kto_rate, **common}
        curves["kto"] = kto(output / "sft", rows, output / "model", beta=config.beta, **settings)
    else:
        shutil.copytree(output / "sft", output / "model")
    return curves


def run(
    config: Config, prepared: Path, evidence: Path, answers: list[Path], feedback: Path, output: Path
) -> dict[str, float]:
    """Train, measure on held-out (dev) human judgements, decide; writes ``model/``, ``gate.json``, ``curves.json``."""
    table = _labelled(prepared, evidence, answers)
    write_json(_train(table, feedback, config, output), output / "curves.json")
    held = table.filter((pl.col("split") == "dev") & pl.col("human").is_not_null())
    metrics: dict[str, float] = {}
    gate: dict[str, Any] = {
        "promoted": False,
        "reasons": ["no held-out human judgements: the rules stay"],
        "systems": {},
    }
    if held.height:
        human = held["human"].to_numpy()
        given = {
            "rules": held["grade"].to_numpy(),
            "sft": _judged_by(output / "sft", held, config.threads),
            "kto": _judged_by(output / "model", held, config.threads),
        }
        groups = held["query_id"].rank("dense").cast(pl.Int64).to_numpy()
        gate = decide(human, given["rules"], given["kto"], groups, seed=config.seed)
        gate["systems"] = {}
        for name, grades in given.items():
            r = rates(human, grades)
            gate["systems"][name] = {"macro_f1": r.macro_f1, "fnr": r.fnr, "fpr": r.fpr, "n": r.n}
            metrics |= {f"macro_f1_{name}": r.macro_f1, f"fnr_{name}": r.fnr, f"fpr_{name}": r.fpr}
    shutil.rmtree(output / "sft")
    (output / "model" / "training_args.bin").unlink(missing_ok=True)
    write_json(gate, output / "gate.json")
    return {"promoted": float(gate["promoted"]), "held_out": float(held.height), **metrics}
