"""The aligned teacher over seeds of the demo shop: promoted or not, and both errors
before and after, by people, by shoppers and by the shop's known truth.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from bench.headline import RESULTS

from adore.artifacts import read_manifest, read_table
from adore.pipeline import runner, settings
from adore.progress import log_line
from adore.rulebook import RuleBook
from adore.storage import write_json
from adore.teacher.backends.evidence import EvidenceJudge, RulesGrader
from adore.teacher.factory import load_judge
from adore.teacher.judge_inputs import load_judge_inputs
from adore.teacher.judgements import Judge, Judgement
from adore.teacher.validation.gate import rates
from adore.types import PAIR

PROFILE = "laptop"
SEEDS = 10
STEPS = ("demo-data", "prepare", "evidence", "judge", "feedback", "align")
KEPT = RESULTS / "teacher-kto.json"
"""Written after every seed: a bench that was killed goes on with the next one."""
KINDS = {
    "people": "people, held-out",
    "shoppers": "shoppers, held-out",
    "truth": "truth, test queries",
}
ERRORS = {"fnr": "missed", "fpr": "falsely exact"}


def align_settings() -> dict[str, Any]:
    """What makes two measurements of one seed the same."""
    config = settings.config_of("align", PROFILE, seed=0).model_dump(mode="json")
    return {key: value for key, value in config.items() if key != "seed"}


def kept_rows(about: dict[str, Any]) -> dict[int, dict[str, Any]]:
    """The seeds that were measured with these settings."""
    if not KEPT.is_file():
        return {}
    result = json.loads(KEPT.read_text("utf-8"))["result"]
    if result["settings"] != about:
        return {}
    return {row["seed"]: row for row in result["rows"]}


def true_errors(run: Path, judges: dict[str, Judge]) -> dict[str, dict[str, float]]:
    """Both errors of each judge on the test queries, by the shop's known truth."""
    queries = read_table(run / "prepare", "queries").filter(split="test")
    truth = read_table(run / "prepare", "truth").select(*PAIR, "grade")
    right_grade = {(query, item): grade for query, item, grade in truth.iter_rows()}
    judge_inputs = [
        judge_input
        for judge_input in load_judge_inputs(
            run / "prepare",
            run / "evidence",
            None,
            set(queries["query_id"]).__contains__,
        )
        if (judge_input.query_id, judge_input.item_id) in right_grade
    ]
    right = [right_grade[one.query_id, one.item_id] for one in judge_inputs]
    errors = {}
    for name, judge in judges.items():
        grades = [
            int(one.grade)
            for one in judge.judge(judge_inputs)
            if isinstance(one, Judgement)
        ]
        measured = rates(np.array(right), np.array(grades))
        errors[name] = {"fnr": measured.fnr, "fpr": measured.fpr}
    return errors


def measure_seed(run: Path, seed: int) -> dict[str, Any]:
    """The loop up to its aligned teacher; steps that the run has are kept."""
    for name in STEPS[:-1]:
        runner.run_step(name, str(run), data="demo", profile=PROFILE, seed=seed)
    begun = time.process_time()
    runner.run_step("align", str(run), data="demo", profile=PROFILE, seed=seed)
    cpu_seconds = time.process_time() - begun

    gate = json.loads((run / "align" / "gate.json").read_text("utf-8"))
    manifest = read_manifest(run / "align")
    book = RuleBook.of_dataset(run / "prepare")
    judges: dict[str, Judge] = {
        "old": EvidenceJudge(RulesGrader(book), book),
        "new": load_judge(run / "align" / "model", book, 1),
    }
    row = {
        "seed": seed,
        "promoted": gate["promoted"],
        "reasons": gate["reasons"],
        "shift": gate["trade_off"]["shift"],
        "seconds": manifest.seconds if manifest else 0.0,
        "cpu_seconds": cpu_seconds,
        "truth": true_errors(run, judges),
    }
    for kind in ("people", "shoppers"):
        compared = gate[kind]
        row[kind] = {
            side: {error: compared[side][error] for error in ERRORS}
            for side in ("old", "new")
        }
    return row


def measure(seed: int) -> dict[str, Any]:
    """Ten seeds from ``seed`` on; those that were measured before are not run again."""
    about = align_settings()
    rows = kept_rows(about)
    for one in range(seed, seed + SEEDS):
        if one not in rows:
            with tempfile.TemporaryDirectory(prefix="adore-kto-") as home:
                rows[one] = measure_seed(Path(home), one)
            keep(about, rows)
            log_line(f"kto: {rows[one]}")
    return summary(about, rows)


def keep(about: dict[str, Any], rows: dict[int, dict[str, Any]]) -> None:
    """Write what is known so far, as the bench itself will at its end."""
    seconds = sum(row["seconds"] for row in rows.values())
    known = {
        "seed": min(rows),
        "seconds": round(seconds, 1),
        "result": summary(about, rows),
    }
    write_json(known, KEPT)


def summary(about: dict[str, Any], rows: dict[int, dict[str, Any]]) -> dict[str, Any]:
    """All seeds, with mean and standard deviation of each error."""
    ordered = [rows[seed] for seed in sorted(rows)]
    spread: dict[str, Any] = {}
    for kind in KINDS:
        spread[kind] = {}
        for side in ("old", "new"):
            frame = pl.DataFrame([row[kind][side] for row in ordered])
            spread[kind][side] = {
                error: {"mean": frame[error].mean(), "sd": frame[error].std() or 0.0}
                for error in ERRORS
            }
    return {
        "settings": about,
        "simulated": True,
        "promoted": sum(row["promoted"] for row in ordered),
        "seeds": len(ordered),
        "spread": spread,
        "rows": ordered,
    }


def render(result: dict[str, Any]) -> str:
    """The section of its page."""
    lines = [
        "### The aligned teacher over seeds (demo shop)",
        "",
        "Every seed makes its own shop, shoppers (**simulated**) and teacher. "
        f"{result['promoted']} of {result['seeds']} aligned teachers were promoted. "
        "Missed: exact pairs called less. Falsely exact: others called exact. Rule book "
        "-> aligned teacher; people's and shoppers' are what the gate looks at.",
        "",
        f"| seed | promoted | shift | {' | '.join(cells_head())} | align, s | its CPU, s |",
        f"|---:|---|---:|{'---:|' * len(cells_head())}---:|---:|",
    ]
    for row in result["rows"]:
        cells = []
        for kind in KINDS:
            for error in ERRORS:
                old, new = row[kind]["old"][error], row[kind]["new"][error]
                cells.append(f"{old:.3f} -> {new:.3f}")
        promoted = "yes" if row["promoted"] else "no"
        cpu_seconds = "" if row["cpu_seconds"] is None else f"{row['cpu_seconds']:.0f}"
        lines.append(
            f"| {row['seed']} | {promoted} | {row['shift']:+.2f} | {' | '.join(cells)} "
            f"| {row['seconds']:.0f} | {cpu_seconds} |"
        )
    lines.append(f"| **mean** | | | {' | '.join(means(result))} | | |")
    refused = [
        f"- Seed {row['seed']}: {'; '.join(row['reasons'])}."
        for row in result["rows"]
        if not row["promoted"]
    ]
    if refused:
        lines += ["", "Why refused:", "", *refused]
    return "\n".join(lines)


def cells_head() -> list[str]:
    """Heads of the error columns."""
    return [f"{kind}: {error}" for kind in KINDS.values() for error in ERRORS.values()]


def means(result: dict[str, Any]) -> list[str]:
    """Mean and standard deviation over the seeds, of each error before and after."""
    cells = []
    for kind in KINDS:
        for error in ERRORS:
            sides = [result["spread"][kind][side][error] for side in ("old", "new")]
            old, new = (f"{one['mean']:.3f} ± {one['sd']:.3f}" for one in sides)
            cells.append(f"{old} -> {new}")
    return cells
