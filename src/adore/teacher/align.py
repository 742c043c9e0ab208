"""Stage ``align``: the teacher learns, then meets its gate.

It learns from human grades first (SFT), then from behaviour (KTO).
"""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from adore.artifacts import read_table
from adore.attributes.attacks import ATTACKS
from adore.rulebook import RuleBook
from adore.storage import write_json
from adore.teacher.backends.evidence import EvidenceJudge, RulesGrader
from adore.teacher.factory import load_judge, promoted_model
from adore.teacher.judgements import Judge
from adore.teacher.operating_point import OperatingPoint
from adore.teacher.training.base import Curve, Teacher
from adore.teacher.training.config import Config
from adore.teacher.training.datasets import agreeing_pairs, labelled
from adore.teacher.validation.calibration import calibrate, trade_off_report
from adore.teacher.validation.gate import (
    GateReport,
    GradedPairs,
    Rates,
    Robustness,
    decide,
    rates,
)
from adore.teacher.validation.validation_set import (
    UNKNOWN,
    Predictions,
    ValidationSet,
    load_calibration_set,
    load_validation_set,
    predict,
)

__all__ = ["Config", "new_teacher", "run", "train"]


def new_teacher(
    config: Config, table: pl.DataFrame, prepared: Path, evidence: Path
) -> Teacher:
    """The teacher that the config asks for, untrained.

    Args:
        config: ``large`` None: a tiny one.
        table: from :func:`adore.teacher.training.datasets.labelled`.
        prepared: output of ``prepare``.
        evidence: output of ``evidence``.

    Returns:
        A tiny teacher, or one trained by LoRA.

    Raises:
        MissingError: the rule book is not there.
        ConfigError: the rule book is not valid.
    """
    if config.large is None:
        from adore.teacher.training.tiny import TinyTeacher

        return TinyTeacher(config, table)

    from adore.teacher.training.lora import LoraTeacher

    rulebook = RuleBook.of_dataset(prepared, config.rulebook)
    return LoraTeacher(config, config.large, prepared, evidence, rulebook)


def train(
    teacher: Teacher, table: pl.DataFrame, feedback: pl.DataFrame, output: Path
) -> dict[str, Curve]:
    """SFT to ``output/sft``, KTO from there to ``output/model``.

    Args:
        teacher: from :func:`new_teacher`.
        table: from :func:`adore.teacher.training.datasets.labelled`.
        feedback: the ``feedback`` table.
        output: folder of the stage's output.

    Returns:
        The loss curves; without ``kto`` where feedback has too little to learn from, and
        the SFT model is the teacher then.

    Raises:
        ConfigError: there is no train pair to learn from.
    """
    curves = {"sft": teacher.fit_sft(agreeing_pairs(table), output / "sft")}
    kto = teacher.fit_kto(output / "sft", feedback, output / "model")
    if kto is None:
        shutil.copytree(output / "sft", output / "model")
    else:
        curves["kto"] = kto
    return curves


def _predict(
    judge: Judge, validation: ValidationSet, *, attacks: bool = False
) -> Predictions:
    with closing(judge):
        return predict(judge, validation, attacks=attacks)


def _answered_by_both(old: Predictions, new: Predictions) -> npt.NDArray[np.bool_]:
    """The pairs that have a valid answer of both teachers. Shape [n]."""
    by_old = old.grades != UNKNOWN
    by_new = new.grades != UNKNOWN
    return np.asarray(by_old & by_new)


def _decide(
    validation: ValidationSet,
    old: Predictions,
    new: Predictions,
    flipped: dict[str, float],
    seed: int,
) -> GateReport:
    """The gate's decision; only attacks that no honest shop would write are gated."""
    attack_success: dict[str, float | None] = {}
    for attack in ATTACKS:
        # an honest shop may write what a plausible attack writes: measured, not gated
        if not attack.plausible:
            attack_success[attack.name] = new.attack_success.get(attack.name)

    # both teachers are measured on the same pairs, or the easier ones would flatter one
    is_answered = _answered_by_both(old, new)
    is_judged = validation.human != UNKNOWN
    has_sign = validation.sign != UNKNOWN
    people = GradedPairs(validation.human, old.grades, new.grades, validation.queries)
    shoppers = GradedPairs(validation.sign, old.grades, new.grades, validation.queries)
    robustness = Robustness(
        attack_success=attack_success,
        flipped=flipped,
        unanswered_old=old.unanswered,
        unanswered_new=new.unanswered,
    )
    return decide(
        people.take(is_judged & is_answered),
        shoppers.take(has_sign & is_answered),
        validation.slices(is_answered),
        robustness,
        seed=seed,
    )


def _rates(validation: ValidationSet, predictions: Predictions) -> Rates:
    """Of one system, on the human-judged pairs that it answered."""
    rows = (validation.human != UNKNOWN) & (predictions.grades != UNKNOWN)
    return rates(validation.human[rows], predictions.grades[rows])


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
    judged: list[Path],
    feedback: Path,
    output: Path,
    before: Path | None = None,
) -> dict[str, float]:
    """Train, validate on held-out judgements and behaviour, decide.

    Writes ``model/``, ``gate.json`` and ``curves.json``.

    Args:
        config: sizes and settings of the teacher, and of its validation.
        prepared: output of ``prepare``: queries, items and human judgements.
        evidence: output of ``evidence``.
        judged: outputs of ``judge``, one a shard.
        feedback: output of ``behaviour``: feedback to learn from, held-out signs.
        output: where to write.
        before: ``align`` of the run that ``previous`` names.

    Returns:
        Metrics for the stage's manifest.

    Raises:
        ConfigError: there is no train pair to learn from, or ``before`` is no complete
            output of ``align``.
        MissingError: a table is not there.
        DataError: a table cannot be read.
        NotInstalledError: a package that the model needs is not installed.
    """
    table = labelled(prepared, evidence, judged)
    previous: Path | None = None
    if before:
        previous = promoted_model(before)
    if table.filter(split="train").is_empty():
        # neither judgements nor events: the rule book alone teaches
        reason = "no pair of a train query is known: the previous teacher stays"
        nothing = GateReport(False, (reason,), Robustness({}, {}))
        write_json({**nothing.to_json(), "systems": {}}, output / "gate.json")
        is_kept = _keep_previous(previous, output)
        return {"promoted": 0.0, "kept_previous": float(is_kept)}

    # it learns from train queries only
    teacher = new_teacher(config, table, prepared, evidence)
    curves = train(teacher, table, read_table(feedback, "feedback"), output)
    write_json(curves, output / "curves.json")

    rulebook = RuleBook.of_dataset(prepared, config.rulebook)
    rules: Judge = EvidenceJudge(RulesGrader(rulebook), rulebook)

    def load(folder: Path) -> Judge:
        return load_judge(folder, rulebook, config.threads)

    old_judge = load(previous) if previous else rules
    point = OperatingPoint()
    # an LLM writes its grade with its reasons: a shifted grade would contradict them
    if config.large is None:
        pairs = load_calibration_set(prepared, evidence, feedback)
        by_old = predict(old_judge, pairs, attacks=False)
        by_new = _predict(load(output / "model"), pairs)
        point = calibrate(pairs, by_old, by_new, config.false_exact_share)
        point.write(output / "model")

    # what follows is of dev queries
    validation = load_validation_set(
        prepared,
        evidence,
        feedback,
        attack_pairs=config.attack_pairs,
        seed=config.seed,
    )
    # attacks are tried on what may judge alone: the rules, and the new teacher
    systems = {"rules": _predict(rules, validation, attacks=True)}
    old = systems["rules"]
    if previous:
        old = _predict(old_judge, validation)
        systems["previous"] = old
    systems["sft"] = _predict(load(output / "sft"), validation)
    new = _predict(load(output / "model"), validation, attacks=True)
    systems["kto"] = new

    behaviour = json.loads((feedback / "behaviour.json").read_text("utf-8"))
    flipped = behaviour["poisoning"]["flipped"]
    report = _decide(validation, old, new, flipped, config.seed)
    shutil.rmtree(output / "sft")
    is_kept = not report.promoted and _keep_previous(previous, output)

    rates_of = {name: _rates(validation, system) for name, system in systems.items()}
    gate = {
        **report.to_json(),
        "attack_success": new.attack_success,
        "attack_success_rules": systems["rules"].attack_success,
        "systems": {name: asdict(values) for name, values in rates_of.items()},
    }
    if config.large is None:
        gate["trade_off"] = trade_off_report(validation, systems, point)
    write_json(gate, output / "gate.json")

    metrics = {
        "promoted": float(report.promoted),
        "kept_previous": float(is_kept),
        "held_out": float((validation.human != UNKNOWN).sum()),
        "held_signs": float((validation.sign != UNKNOWN).sum()),
        "shift": point.shift,
    }
    for name, values in rates_of.items():
        metrics[f"macro_f1_{name}"] = values.macro_f1
        metrics[f"fnr_{name}"] = values.fnr
        metrics[f"fpr_{name}"] = values.fpr
    return metrics
