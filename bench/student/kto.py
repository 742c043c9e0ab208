"""Part ``kto``: the demo shop's student,
taught by the aligned teacher and by the rule book alone.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from bench.student.judged import GOAL, f1_gap

from adore.artifacts import read_table
from adore.config import load_profile
from adore.measures import confusion, macro_f1, ndcg
from adore.pipeline import runner
from adore.significance import draw_weights, paired

PROFILE = "laptop"
BEFORE = ("demo-data", "prepare", "evidence", "retrieve", "judge", "feedback", "align")
AFTER = ("judge-again", "synthesise", "judge-candidates", "verify", "distil", "score")
"""Steps that a teacher makes different."""


def _walk(run: Path, names: tuple[str, ...], profile: str, seed: int) -> None:
    for name in names:
        runner.run_step(name, str(run), data="demo", profile=profile, seed=seed)


def _by_rules(taught: Path, run: Path, seed: int) -> None:
    """The steps after ``align`` into ``run``, with the rule book as the judge;
    those before are another run's.
    """
    run.mkdir()
    for name in BEFORE:
        (run / name).symlink_to(taught / name)
    sections = load_profile(PROFILE)
    rules = {**sections, "judge": {**sections.get("judge", {}), "backend": "rules"}}
    _walk(run, AFTER, json.dumps(rules), seed)


def _asked(run: Path) -> tuple[np.ndarray, np.ndarray]:
    """nDCG@10 (queries,) and confusion (queries, 4, 4) of the test queries,
    by the shop's known truth.
    """
    keys = ["query_id", "item_id"]
    truth = read_table(run / "prepare", "truth").join(
        read_table(run / "prepare", "queries"), on="query_id"
    )
    student = (
        read_table(run / "score", "scores")
        .filter(system="student")
        .select(*keys, "score", said="grade")
    )
    ranked, counts = [], []
    for _, one in (
        truth.filter(split="test")
        .join(student, on=keys)
        .sort(keys)
        .group_by("query_id", maintain_order=True)
    ):
        grades = one["grade"].to_numpy()
        if np.isfinite(ndcg(np.zeros(len(grades)), grades)):
            ranked.append(ndcg(one["score"].to_numpy(), grades))
            counts.append(confusion(grades, one["said"].to_numpy()))
    return np.array(ranked), np.array(counts)


def measure(seed: int) -> dict[str, Any]:
    """Both students; the teacher's gate is as it is."""
    with tempfile.TemporaryDirectory() as home:
        taught, by_rules = Path(home) / "taught", Path(home) / "rules"
        _walk(taught, (*BEFORE, *AFTER), PROFILE, seed)
        _by_rules(taught, by_rules, seed)
        gate = json.loads((taught / "align" / "gate.json").read_text("utf-8"))
        found = {"aligned teacher": _asked(taught), "rule book": _asked(by_rules)}
    with_kto, without = found.values()
    gap = paired(without[0], with_kto[0], seed=seed)
    return {
        "promoted": gate["promoted"],
        "queries": len(with_kto[0]),
        "students": {
            n: {"nDCG@10": float(r.mean()), "macro-F1": float(macro_f1(c.sum(0)))}
            for n, (r, c) in found.items()
        },
        "nDCG@10": {"difference": gap.difference, "low": gap.low, "high": gap.high},
        "macro-F1": f1_gap(
            without[1], with_kto[1], draw_weights(len(without[0]), seed=seed)
        ),
    }


def render(result: dict[str, Any]) -> str:
    """Both students, and what the aligned teacher is worth."""
    lines = [
        "### Without KTO: the demo shop",
        "",
        "The same shop (simulated shoppers and judgements), judged by the aligned "
        "teacher and by the rule book alone; measured by its known truth on "
        f"{result['queries']} test queries. The teacher's gate "
        f"{'passed' if result['promoted'] else 'did NOT pass, so both students are the same'}.",
        "",
        "| taught by | nDCG@10 | macro-F1 |",
        "|---|---:|---:|",
    ]
    lines += [
        f"| {name} | {m['nDCG@10']:.3f} | {m['macro-F1']:.3f} |"
        for name, m in result["students"].items()
    ]
    gaps = (
        f"{m} {result[m]['difference']:+.3f} [{result[m]['low']:+.3f}, {result[m]['high']:+.3f}]"
        for m in GOAL
    )
    return "\n".join(
        [*lines, "", f"Rule book alone against aligned teacher: {', '.join(gaps)}."]
    )
