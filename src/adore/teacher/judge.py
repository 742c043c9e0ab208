"""Stage ``judge``: a grade, its probabilities and a rationale for every pair of one shard."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, Protocol

import polars as pl

from adore.artifacts import read_manifest, write_table
from adore.config import StageConfig
from adore.errors import check
from adore.progress import progress
from adore.rulebook import RuleBook
from adore.teacher.answers import Answer, Call, Case, Fault, Judge, Probabilities, load_cases
from adore.teacher.rationale import rationale
from adore.types import Evidence, Grade

__all__ = ["CALLS", "Config", "EvidenceJudge", "Grader", "RulesGrader", "choose_judge", "run", "shard_of"]

CALLS = "_calls.parquet"
"""How each LLM answer came about; the underscore keeps it out of the output's content hash."""


class Config(StageConfig):
    """Who judges, and which part.

    ``auto`` asks the aligned teacher if one was given and promoted, else the rules.
    """

    backend: Literal["auto", "rules", "transformers"] = "auto"
    rulebook: str = "general"
    shard: int = 0
    shards: int = 1
    batch: int = 256


class Grader(Protocol):
    """Gives P(grade) from the evidence alone."""

    name: str

    def grade(self, many: Sequence[tuple[Evidence, ...]]) -> list[Probabilities]:
        """One distribution a pair, in order."""
        ...


class RulesGrader:
    """The rule book applied to the evidence: no model, the baseline and the fallback."""

    name = "rules"

    def __init__(self, rulebook: RuleBook) -> None:
        self._rulebook = rulebook

    def grade(self, many: Sequence[tuple[Evidence, ...]]) -> list[Probabilities]:
        """See :class:`Grader`."""
        return [self._rulebook.apply(evidence).probabilities for evidence in many]


class EvidenceJudge:
    """A judge that reads evidence, not texts: the rationale is written from the evidence and the rule book."""

    def __init__(self, grader: Grader, rulebook: RuleBook) -> None:
        self.name, self._grader, self._rulebook = grader.name, grader, rulebook

    def judge(self, cases: Sequence[Case]) -> list[Answer | Fault]:
        """See :class:`adore.teacher.answers.Judge`."""
        given = self._grader.grade([c.evidence for c in cases])
        return [self._answer(case, p) for case, p in zip(cases, given, strict=True)]

    def _answer(self, case: Case, p: Probabilities) -> Answer:
        grade = Grade(max(range(4), key=lambda g: p[g]))
        return Answer(p, rationale(case.evidence, self._rulebook, grade, p[grade]))


def shard_of(query_id: str, shards: int) -> int:
    """The shard of a query, so that one query's pairs stay together."""
    return int(hashlib.sha256(query_id.encode()).hexdigest()[:8], 16) % shards


def choose_judge(config: Config, rulebook: RuleBook, teacher: Path | None) -> Judge:
    """The judge that the config asks for."""
    manifest = read_manifest(teacher) if teacher else None
    promoted = bool(manifest and manifest.metrics.get("promoted"))
    if config.backend == "rules" or (config.backend == "auto" and not promoted):
        return EvidenceJudge(RulesGrader(rulebook), rulebook)
    check(teacher is not None, "teacher", teacher, must="an align output", fix="run align first, or set backend: rules")
    from adore.teacher.tiny import TinyGrader

    grader = TinyGrader(Path(str(teacher)) / "model", threads=config.threads, batch=config.batch)
    return EvidenceJudge(grader, rulebook)


def _row(case: Case, answer: Answer, by: tuple[str, str]) -> dict[str, Any]:
    return {
        "query_id": case.query_id,
        "item_id": case.item_id,
        "grade": int(max(range(4), key=lambda g: answer.probabilities[g])),
        "probabilities": [round(x, 6) for x in answer.probabilities],
        "rationale": answer.rationale.model_dump_json(),
        "judge": by[0],
        "rulebook": by[1],
    }


def _bad(case: Case, line: int, fault: Fault) -> dict[str, Any]:
    row = {"query_id": case.query_id, "item_id": case.item_id, "raw": fault.call.raw if fault.call else ""}
    return {
        "table": "pairs",
        "line": line,
        "reason": fault.reason,
        "row": json.dumps(row, ensure_ascii=False),
    }


def _write_calls(calls: list[tuple[Case, Call]], output: Path) -> None:
    rows = [{"query_id": case.query_id, "item_id": case.item_id, **asdict(call)} for case, call in calls]
    pl.DataFrame(rows).write_parquet(output / CALLS)


def run(
    config: Config,
    prepared: Path,
    evidence: Path,
    output: Path,
    candidates: Path | None = None,
    teacher: Path | None = None,
) -> dict[str, float]:
    """Judge one shard of the known pairs (or of ``candidates``) into ``answers``; faults go to ``quarantine``."""
    check(0 <= config.shard < config.shards, "shard", config.shard, must=f"0 .. {config.shards - 1}", fix="set shards")
    rulebook = RuleBook.load(config.rulebook)
    judge = choose_judge(config, rulebook, teacher)
    cases = load_cases(prepared, evidence, candidates, lambda q: shard_of(q, config.shards) == config.shard)
    rows, bad, calls = list[dict[str, Any]](), list[dict[str, Any]](), list[tuple[Case, Call]]()
    for start in progress(range(0, len(cases), 2048), f"batches judged by {judge.name}"):
        part = cases[start : start + 2048]
        for at, (case, answer) in enumerate(zip(part, judge.judge(part), strict=True), start):
            if isinstance(answer, Fault):
                bad.append(_bad(case, at, answer))
            else:
                rows.append(_row(case, answer, (judge.name, rulebook.version)))
            if answer.call:
                calls.append((case, answer.call))
    write_table(rows, output, "answers")
    if bad:
        write_table(bad, output, "quarantine")
    if calls:
        _write_calls(calls, output)
    counts = {f"grade_{g.letter}": float(sum(r["grade"] == g for r in rows)) for g in reversed(Grade)}
    return {"pairs": float(len(rows)), "faults": float(len(bad)), "by_model": float(judge.name != "rules"), **counts}
