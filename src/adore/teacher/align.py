"""Stage ``align``: the teacher learns from human grades (SFT), then from behaviour (KTO), then meets its gate."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import Field

from adore.artifacts import local_copy, read_table, write_json
from adore.config import StageConfig
from adore.prompts import trace
from adore.rulebook import RuleBook
from adore.teacher.answers import Judge
from adore.teacher.backends import ask_folder
from adore.teacher.exam import Exam, Paper, load_exam, sit
from adore.teacher.gate import decide, rates
from adore.teacher.graders import EvidenceJudge, RulesGrader
from adore.teacher.large import Large
from adore.teacher.sets import agreed, kto_traces, labelled, mixed, sft_texts, sft_traces, text_feedback
from adore.types import Evidence

__all__ = ["Config", "run", "train"]

Curves = dict[str, list[dict[str, float]]]


class Config(StageConfig):
    """Sizes and settings of the teacher; ``large`` None: a tiny one that reads evidence traces."""

    layers: int = 3
    width: int = 96
    sft_rows: int = Field(2500, ge=1)
    sft_epochs: float = 3.0
    sft_rate: float = 2e-3
    kto_rows: int = Field(4000, ge=0)
    """Most feedback rows; corrections come first."""
    kto_epochs: float = 3.0
    kto_rate: float = 1e-3
    beta: float = Field(0.1, gt=0)
    desirable_weight: float = 1.0
    undesirable_weight: float = 1.0
    loss: Literal["kto", "apo_zero_unpaired"] = "kto"
    batch: int = Field(32, ge=2)
    processes: int = Field(1, ge=1)
    """Processes of this machine that train together (torchrun)."""
    large: Large | None = None
    previous: str = ""
    """Place of an earlier align output: the teacher that stays if the new one is refused; empty: the rules."""
    attacked: int = Field(200, ge=0)
    """Held-out pairs that each attack is tried on."""
    rulebook: str = ""
    """Empty: the data set's."""


def _train_tiny(table: pl.DataFrame, feedback: pl.DataFrame, config: Config, output: Path) -> Curves:
    import torch

    from adore.teacher.tiny import new_model, new_tokenizer, product_words
    from adore.teacher.training import launch

    torch.set_num_threads(config.threads)
    tokenizer = new_tokenizer(product_words(trace(Evidence.many_from_json(e)) for e in table["evidence"]))
    new_model(tokenizer, layers=config.layers, width=config.width, seed=config.seed).save_pretrained(output / "new")
    tokenizer.save_pretrained(output / "new")
    common = {"seed": config.seed, "batch": config.batch}
    rows = sft_traces(agreed(table), config.sft_rows, config.seed)
    first = {"epochs": config.sft_epochs, "rate": config.sft_rate, **common}
    curves = {"sft": launch("sft", output / "new", rows, output / "sft", config.processes, **first)}
    shutil.rmtree(output / "new")
    told = mixed(kto_traces(feedback, config.kto_rows, config.seed), config.batch, config.seed)
    if len(told) < config.batch:
        shutil.copytree(output / "sft", output / "model")
        return curves
    then = {"epochs": config.kto_epochs, "rate": config.kto_rate, "beta": config.beta, "loss_type": config.loss}
    weights = {"desirable_weight": config.desirable_weight, "undesirable_weight": config.undesirable_weight}
    then |= {**weights, **common}
    return curves | {"kto": launch("kto", output / "sft", told, output / "model", config.processes, **then)}


def _train_large(
    table: pl.DataFrame, feedback: pl.DataFrame, places: tuple[Path, Path], config: Config, output: Path
) -> Curves:
    from adore.teacher import large

    if config.large is None:
        return {}
    book, seed = _rulebook(config, places[0]), config.seed
    rows = sft_texts(agreed(table), places, book, config.sft_rows, seed)
    curves = {"sft": large.sft(config.large, rows, output / "sft", seed=seed)}
    told = mixed(text_feedback(feedback, places, book, config.kto_rows), config.large.batch, seed)
    if not told:
        shutil.copytree(output / "sft", output / "model")
        return curves
    return curves | {"kto": large.kto(config.large, output / "sft", told, output / "model", seed=seed)}


def train(
    config: Config, table: pl.DataFrame, feedback: pl.DataFrame, places: tuple[Path, Path], output: Path
) -> Curves:
    """SFT to ``output/sft``, KTO from there to ``output/model``; returns both loss curves.

    Args:
        table: from :func:`adore.teacher.sets.labelled`.
        feedback: the ``feedback`` table.
        places: outputs of prepare and evidence.
    """
    if config.large is None:
        return _train_tiny(table, feedback, config, output)
    return _train_large(table, feedback, places, config, output)


def _rulebook(config: Config, prepared: Path) -> RuleBook:
    return RuleBook.of_data(prepared, config.rulebook)


def _sat(judge: Judge, exam: Exam, *, attacks: bool = False) -> Paper:
    with closing(judge):
        return sit(judge, exam, attacks=attacks)


def _verdict(exam: Exam, papers: dict[str, Paper], config: Config) -> dict[str, Any]:
    """The gate's decision between ``previous`` and ``kto``, and every system's rates on human-judged pairs."""
    old, new = papers["previous"], papers["kto"]
    both = (old.grades >= 0) & (new.grades >= 0)

    def part(truth: Any) -> Any:
        rows = (truth >= 0) & both
        return truth[rows], old.grades[rows], new.grades[rows], exam.groups[rows]

    gate = decide(part(exam.human), part(exam.sign), exam.slices(both), new.fooled, seed=config.seed)
    systems = {}
    for name, paper in papers.items():
        rows = (exam.human >= 0) & (paper.grades >= 0)
        r = rates(exam.human[rows], paper.grades[rows])
        systems[name] = {"macro_f1": r.macro_f1, "fnr": r.fnr, "fpr": r.fpr, "recall": r.recall, "n": r.n}
    return {**gate, "systems": systems}


def _keep_previous(config: Config, output: Path) -> bool:
    """Put the previous teacher in the refused one's place, if there is one."""
    if not config.previous:
        return False
    shutil.rmtree(output / "model")
    shutil.copytree(local_copy(config.previous) / "model", output / "model")
    return True


def run(
    config: Config, prepared: Path, evidence: Path, answers: list[Path], feedback: Path, output: Path
) -> dict[str, float]:
    """Train, examine on held-out judgements and behaviour, decide: ``model/``, ``gate.json``, ``curves.json``."""
    table = labelled(prepared, evidence, answers)
    curves = train(config, table, read_table(feedback, "feedback"), (prepared, evidence), output)
    write_json(curves, output / "curves.json")
    book = _rulebook(config, prepared)
    rules: Judge = EvidenceJudge(RulesGrader(book), book)
    exam = load_exam(prepared, evidence, feedback, attacked=config.attacked, seed=config.seed)
    last = ask_folder(local_copy(config.previous) / "model", book, config.threads) if config.previous else rules
    papers = {"rules": _sat(rules, exam, attacks=True), "previous": _sat(last, exam)}
    papers["sft"] = _sat(ask_folder(output / "sft", book, config.threads), exam)
    papers["kto"] = _sat(ask_folder(output / "model", book, config.threads), exam, attacks=True)
    gate = _verdict(exam, papers, config)
    if not config.previous:
        gate["systems"].pop("previous")
    shutil.rmtree(output / "sft")
    kept = not gate["promoted"] and _keep_previous(config, output)
    write_json({**gate, "fooled_rules": papers["rules"].fooled}, output / "gate.json")
    return {
        "promoted": float(gate["promoted"]),
        "kept_previous": float(kept),
        "held_out": float((exam.human >= 0).sum()),
        "held_signs": float((exam.sign >= 0).sum()),
        "fooled": float(max(papers["kto"].fooled.values(), default=0.0)),
        **{f"{m}_{s}": r[m] for s, r in gate["systems"].items() for m in ("macro_f1", "fnr", "fpr")},
    }
