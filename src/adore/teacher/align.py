"""Stage ``align``: the teacher learns, then meets its gate.

It learns from human grades first (SFT), then from behaviour (KTO).
"""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import Field

from adore.artifacts import read_table
from adore.attributes.attacks import ATTACKS
from adore.progress import log_line
from adore.prompts import trace
from adore.rulebook import BookConfig, RuleBook
from adore.storage import write_json
from adore.teacher.backends.evidence import EvidenceJudge, RulesGrader
from adore.teacher.factory import load_judge, promoted_model
from adore.teacher.judgements import Judge
from adore.teacher.training.datasets import (
    agreeing_pairs,
    batch_distinct,
    kto_traces,
    labelled,
    sft_texts,
    sft_traces,
    text_feedback,
)
from adore.teacher.training.lora import LoraTeacherConfig
from adore.teacher.validation.gate import decide, rates
from adore.teacher.validation.validation_set import (
    Predictions,
    ValidationSet,
    load_validation_set,
    predict,
)
from adore.types import Evidence, Grade

__all__ = ["Config", "kto_settings", "predict_grades", "run", "train"]

Curves = dict[str, list[dict[str, float]]]


class Config(BookConfig):
    """Sizes and settings of the teacher; ``large`` None: a tiny one that reads evidence traces."""

    layers: int = 3
    """Layers of the tiny teacher."""
    width: int = 96
    """Width of the tiny teacher."""
    sft_rows: int = Field(4000, ge=1)
    """Most rationales of SFT."""
    sft_epochs: float = 5.0
    """Epochs of SFT."""
    sft_rate: float = 3e-3
    """Learning rate of SFT."""
    kto_rows: int = Field(4000, ge=0)
    """Most feedback rows; corrections come first."""
    max_direction_ratio: float = Field(8.0, ge=1)
    """Most right answers of one direction for one of the other, in KTO."""
    kto_epochs: float = 4.0
    """Epochs of KTO."""
    kto_rate: float = 1e-3
    """Learning rate of KTO."""
    beta: float = Field(0.5, gt=0)
    """How closely KTO keeps to the SFT teacher; larger is closer."""
    desirable_weight: float = 1.0
    """Weight of desirable answers in KTO's loss."""
    undesirable_weight: float = 1.0
    """Weight of undesirable answers in KTO's loss."""
    loss: Literal["kto", "apo_zero_unpaired"] = "kto"
    """TRL's loss type."""
    batch: int = Field(32, ge=2)
    """Rows of one step."""
    processes: int = Field(1, ge=1)
    """Processes of this machine that train together (torchrun).

    A large teacher takes one a card.
    """
    save_steps: int = Field(100, ge=0)
    """Steps of SFT and KTO after which their state is kept beside the output.

    A later start goes on from there; 0: never.
    """
    large: LoraTeacherConfig | None = None
    """A large teacher with LoRA in place of the tiny one."""
    previous: str = ""
    """An earlier run, whose teacher stays if the new one is refused.

    Empty: the rules.
    """
    attack_pairs: int = Field(200, ge=1)
    """Held-out pairs that each attack is tried on.

    With fewer than 30 answered nothing is promoted.
    """


def _train_tiny(
    table: pl.DataFrame, feedback: pl.DataFrame, config: Config, output: Path
) -> Curves:
    from adore.teacher.training.tiny import launch
    from adore.teacher.training.tiny_model import (
        new_model,
        new_tokenizer,
        product_words,
    )

    tokenizer = new_tokenizer(
        product_words(trace(Evidence.many_from_json(e)) for e in table["evidence"])
    )
    model = new_model(
        tokenizer, layers=config.layers, width=config.width, seed=config.seed
    )
    model.save_pretrained(output / "new")
    tokenizer.save_pretrained(output / "new")

    common = {
        "seed": config.seed,
        "batch": config.batch,
        "save_steps": config.save_steps,
    }

    rows = sft_traces(agreeing_pairs(table), config.sft_rows, config.seed)
    first = {"epochs": config.sft_epochs, "rate": config.sft_rate, **common}
    curves = {
        "sft": launch(
            "sft", output / "new", rows, output / "sft", config.processes, **first
        )
    }
    shutil.rmtree(output / "new")

    # KTO judges what the fine-tuned teacher itself says of these pairs
    grades = predict_grades(output / "sft", table, feedback, config.threads)
    wishes = kto_traces(
        feedback,
        grades,
        max_direction_ratio=config.max_direction_ratio,
        most=config.kto_rows,
        seed=config.seed,
    )
    told = batch_distinct(wishes, config.batch, config.seed)
    if len(told) < config.batch:
        log_line(
            f"    KTO: left out, {len(told)} rows that speak both ways, "
            f"less than a batch of {config.batch}"
        )
        shutil.copytree(output / "sft", output / "model")
        return curves

    then = kto_settings(config) | {"save_steps": config.save_steps}
    return curves | {
        "kto": launch(
            "kto", output / "sft", told, output / "model", config.processes, **then
        )
    }


def kto_settings(config: Config) -> dict[str, Any]:
    """The tiny teacher's KTO settings, as :func:`adore.teacher.training.tiny.kto` takes them."""
    return {
        "seed": config.seed,
        "batch": config.batch,
        "epochs": config.kto_epochs,
        "rate": config.kto_rate,
        "beta": config.beta,
        "loss_type": config.loss,
        "desirable_weight": config.desirable_weight,
        "undesirable_weight": config.undesirable_weight,
    }


def predict_grades(
    folder: Path, table: pl.DataFrame, feedback: pl.DataFrame, threads: int
) -> dict[tuple[str, str], Grade]:
    """What the tiny teacher in ``folder`` says of every pair that has feedback.

    Args:
        folder: of the trained model and its tokenizer.
        table: every known pair with its evidence, from
            :func:`adore.teacher.training.datasets.labelled`.
        feedback: the ``feedback`` table, which names the pairs to grade.
        threads: of the CPU.

    Returns:
        (query, item) to the likeliest grade.
    """
    from adore.teacher.backends.tiny import TinyGrader

    pairs = table.join(
        feedback.select("query_id", "item_id").unique(),
        on=["query_id", "item_id"],
        how="semi",
    )
    evidence = [Evidence.many_from_json(text) for text in pairs["evidence"]]
    given = TinyGrader(folder, threads=threads).grade(evidence)

    keys = pairs.select("query_id", "item_id").rows()
    likeliest = dict[tuple[str, str], Grade]()
    for (query_id, item_id), probabilities in zip(keys, given, strict=True):
        best = max(range(4), key=probabilities.__getitem__)
        likeliest[query_id, item_id] = Grade(best)
    return likeliest


def _train_large(
    table: pl.DataFrame,
    feedback: pl.DataFrame,
    places: tuple[Path, Path],
    config: Config,
    output: Path,
) -> Curves:
    from adore.teacher.training import lora

    if config.large is None:
        return {}

    book = _rulebook(config, places[0])
    seed = config.seed
    crew = {
        "seed": seed,
        "processes": config.processes,
        "save_steps": config.save_steps,
    }
    rows = sft_texts(agreeing_pairs(table), places, book, config.sft_rows, seed)
    curves = {"sft": lora.sft(config.large, rows, output / "sft", **crew)}

    wishes = text_feedback(feedback, places, book, config.kto_rows, seed)
    start = (str(output / "sft"), "")
    fits = lora.drop_overlong(wishes, start, config.large.max_length)
    told = batch_distinct(fits, config.large.batch, seed)
    if not told:
        log_line("    KTO: left out, no feedback that speaks both ways")
        shutil.copytree(output / "sft", output / "model")
        return curves

    return curves | {
        "kto": lora.kto(config.large, output / "sft", told, output / "model", **crew)
    }


def train(
    config: Config,
    table: pl.DataFrame,
    feedback: pl.DataFrame,
    places: tuple[Path, Path],
    output: Path,
) -> Curves:
    """SFT to ``output/sft``, KTO from there to ``output/model``; returns both loss curves.

    Args:
        config: sizes and settings of the teacher.
        table: from :func:`adore.teacher.training.datasets.labelled`.
        feedback: the ``feedback`` table.
        places: outputs of prepare and evidence.
        output: folder of the stage's output.
    """
    if config.large is None:
        return _train_tiny(table, feedback, config, output)
    return _train_large(table, feedback, places, config, output)


def _rulebook(config: Config, prepared: Path) -> RuleBook:
    return RuleBook.of_dataset(prepared, config.rulebook)


def _sat(judge: Judge, exam: ValidationSet, *, attacks: bool = False) -> Predictions:
    with closing(judge):
        return predict(judge, exam, attacks=attacks)


def _unanswered(paper: Predictions) -> float:
    return float((paper.grades < 0).mean()) if len(paper.grades) else 0.0


def _verdict(
    exam: ValidationSet,
    papers: dict[str, Predictions],
    flipped: dict[str, float],
    config: Config,
) -> dict[str, Any]:
    """The gate's decision between ``previous`` and ``kto``.

    Every system's rates on human-judged pairs come with it.
    """
    old = papers["previous"]
    new = papers["kto"]
    both = (old.grades >= 0) & (new.grades >= 0)

    def part(truth: Any) -> Any:
        rows = (truth >= 0) & both
        return truth[rows], old.grades[rows], new.grades[rows], exam.groups[rows]

    cheats = {
        a.name: new.attack_success.get(a.name) for a in ATTACKS if not a.plausible
    }
    gate = decide(
        part(exam.human),
        part(exam.sign),
        exam.slices(both),
        cheats,
        flipped,
        unanswered=(_unanswered(old), _unanswered(new)),
        seed=config.seed,
    )

    systems = {}
    for name, paper in papers.items():
        rows = (exam.human >= 0) & (paper.grades >= 0)
        found = rates(exam.human[rows], paper.grades[rows])
        systems[name] = {
            "macro_f1": found.macro_f1,
            "fnr": found.fnr,
            "fpr": found.fpr,
            "recall": found.recall,
            "n": found.n,
        }
    return {**gate, "attack_success": new.attack_success, "systems": systems}


def _keep_previous(previous: Path | None, output: Path) -> bool:
    """Put the previous teacher in the refused one's place, if there is one."""
    if previous is None:
        return False
    shutil.rmtree(output / "model", ignore_errors=True)
    shutil.copytree(previous, output / "model")
    return True


def run(
    config: Config,
    prepared: Path,
    evidence: Path,
    answers: list[Path],
    feedback: Path,
    output: Path,
    before: Path | None = None,
) -> dict[str, float]:
    """Train, examine on held-out judgements and behaviour, decide.

    Writes ``model/``, ``gate.json`` and ``curves.json``.

    Args:
        config: sizes and settings of the teacher, and of its exam.
        prepared: output of ``prepare``: queries, items and human judgements.
        evidence: output of ``evidence``.
        answers: outputs of ``judge``, one a shard.
        feedback: output of ``behaviour``: feedback to learn from, held-out signs.
        output: where to write.
        before: ``align`` of the run that ``previous`` names.

    Returns:
        Metrics for the stage's manifest.
    """
    table = labelled(prepared, evidence, answers)
    previous = before and promoted_model(before)
    if table.filter(split="train").is_empty():
        # neither judgements nor events: the rule book alone teaches
        reasons = ["no pair of a train query is known: the previous teacher stays"]
        write_json(
            {
                "promoted": False,
                "reasons": reasons,
                "attack_success": {},
                "systems": {},
            },
            output / "gate.json",
        )
        return {
            "promoted": 0.0,
            "kept_previous": float(_keep_previous(previous, output)),
        }

    curves = train(
        config, table, read_table(feedback, "feedback"), (prepared, evidence), output
    )
    write_json(curves, output / "curves.json")

    book = _rulebook(config, prepared)
    rules: Judge = EvidenceJudge(RulesGrader(book), book)
    exam = load_validation_set(
        prepared, evidence, feedback, attack_pairs=config.attack_pairs, seed=config.seed
    )
    papers = {"rules": _sat(rules, exam, attacks=True)}
    papers["previous"] = papers["rules"]
    if previous:
        papers["previous"] = _sat(load_judge(previous, book, config.threads), exam)
    papers["sft"] = _sat(load_judge(output / "sft", book, config.threads), exam)
    papers["kto"] = _sat(
        load_judge(output / "model", book, config.threads), exam, attacks=True
    )

    poisoning = json.loads((feedback / "behaviour.json").read_text("utf-8"))[
        "poisoning"
    ]
    gate = _verdict(exam, papers, poisoning["flipped"], config)
    if previous is None:
        gate["systems"].pop("previous")
    shutil.rmtree(output / "sft")
    kept = not gate["promoted"] and _keep_previous(previous, output)
    write_json(
        {**gate, "attack_success_rules": papers["rules"].attack_success},
        output / "gate.json",
    )

    metrics = {
        "promoted": float(gate["promoted"]),
        "kept_previous": float(kept),
        "held_out": float((exam.human >= 0).sum()),
        "held_signs": float((exam.sign >= 0).sum()),
    }
    for system, found in gate["systems"].items():
        for measure in ("macro_f1", "fnr", "fpr"):
            metrics[f"{measure}_{system}"] = found[measure]
    return metrics
