"""Stage ``judge``: a grade, its probabilities and a rationale for every pair of one shard."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from adore.artifacts import write_table
from adore.errors import BudgetError, UnavailableError, check
from adore.progress import log_line, progress
from adore.rulebook import RuleBook
from adore.teacher.backends.evidence import EvidenceJudge, Grader, RulesGrader
from adore.teacher.factory import Config, choose_judge
from adore.teacher.judgements import (
    Judge,
    JudgeFailure,
    JudgeInput,
    Judgement,
    count_pairs,
    load_cases,
)
from adore.teacher.llm import TextJudge
from adore.teacher.plan import Plan, plan_cases, render
from adore.types import LABELS, Grade

__all__ = [
    "CALLS",
    "Config",
    "EvidenceJudge",
    "Grader",
    "RulesGrader",
    "plan",
    "render",
    "run",
    "shard_of",
]

CALLS = "_calls.parquet"
"""How each LLM answer came about; the underscore keeps it out of the output's content hash."""


def shard_of(query_id: str, shards: int) -> int:
    """The shard of a query, so that one query's pairs stay together.

    Args:
        query_id: of the query.
        shards: how many there are.

    Returns:
        From 0 to ``shards`` - 1.
    """
    digest = hashlib.sha256(query_id.encode()).hexdigest()
    return int(digest[:8], 16) % shards


def _row(case: JudgeInput, answer: Judgement, by: tuple[str, str]) -> dict[str, Any]:
    return {
        "query_id": case.query_id,
        "item_id": case.item_id,
        "grade": int(LABELS[answer.rationale.grade]),
        "probabilities": [round(x, 6) for x in answer.probabilities],
        "rationale": answer.rationale.model_dump_json(),
        "judge": by[0],
        "rulebook": by[1],
    }


def _bad(case: JudgeInput, line: int, fault: JudgeFailure) -> dict[str, Any]:
    raw = fault.call.raw if fault.call else ""
    row = {"query_id": case.query_id, "item_id": case.item_id, "raw": raw}
    row |= {"finish_reason": fault.finish, "detail": fault.detail}
    return {
        "table": "pairs",
        "line": line,
        "reason": fault.reason,
        "row": json.dumps(row, ensure_ascii=False),
    }


class _Calls:
    """Writes calls batch by batch: a million prompts do not fit in memory, and compress well."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: Any = None

    def write(
        self, part: list[JudgeInput], answers: list[Judgement | JudgeFailure]
    ) -> None:
        rows = [
            {"query_id": case.query_id, "item_id": case.item_id, **asdict(answer.call)}
            for case, answer in zip(part, answers, strict=True)
            if answer.call
        ]
        if rows:
            table = pa.Table.from_pylist(rows)
            self._writer = self._writer or pq.ParquetWriter(
                self._path, table.schema, compression="zstd"
            )
            self._writer.write_table(table)

    def close(self) -> None:
        if self._writer:
            self._writer.close()


def _cases(
    config: Config,
    prepared: Path,
    evidence: Path,
    candidates: Path | None,
    retrieved: Path | None,
) -> list[JudgeInput]:
    check(
        0 <= config.shard < config.shards,
        "shard",
        config.shard,
        must=f"0 .. {config.shards - 1}",
        fix="set shards",
    )
    return load_cases(
        prepared,
        evidence,
        candidates,
        lambda q: shard_of(q, config.shards) == config.shard,
        retrieved,
    )


def plan(
    config: Config,
    prepared: Path,
    evidence: Path,
    candidates: Path | None = None,
    teacher: Path | None = None,
    retrieved: Path | None = None,
) -> Plan:
    """What :func:`run` would take; nothing is asked and no model is loaded.

    Args:
        config: who judges, and which part.
        prepared: output of ``prepare``.
        evidence: output of ``evidence``.
        candidates: output of ``synthesise``; if given, its candidates are judged
            instead of the known pairs.
        teacher: output of ``align``, whose model is asked if it is in force.
        retrieved: output of ``retrieve``, whose ``pairs`` are judged besides.
    """
    cases = _cases(config, prepared, evidence, candidates, retrieved)
    judge = choose_judge(
        config,
        RuleBook.of_dataset(prepared, config.rulebook),
        prepared,
        evidence,
        teacher,
    )
    if not isinstance(judge, TextJudge):
        return Plan(len(cases))
    return plan_cases(judge, cases, config.prices)


def run(
    config: Config,
    prepared: Path,
    evidence: Path,
    output: Path,
    candidates: Path | None = None,
    teacher: Path | None = None,
    retrieved: Path | None = None,
) -> dict[str, float]:
    """Judge one shard of the known (and retrieved) pairs, or of ``candidates``.

    Faults go to ``quarantine``.

    Args:
        config: who judges, and which part.
        prepared: output of ``prepare``.
        evidence: output of ``evidence``.
        output: where to write.
        candidates: output of ``synthesise``; if given, its candidates are judged
            instead of the known pairs.
        teacher: output of ``align``, whose model is asked if it is in force.
        retrieved: output of ``retrieve``, whose ``pairs`` are judged besides.

    Returns:
        Metrics for the stage's manifest.

    Raises:
        BudgetError: the cap is reached; a higher one goes on from there.
        UnavailableError: no pair got a usable answer, or too many in a row got none.
    """
    rulebook = RuleBook.of_dataset(prepared, config.rulebook)
    cases = _cases(config, prepared, evidence, candidates, retrieved)
    share = len(cases) / max(1, count_pairs(evidence, candidates, retrieved))
    judge = choose_judge(config, rulebook, prepared, evidence, teacher, share)

    rows = list[dict[str, Any]]()
    bad = list[dict[str, Any]]()
    with closing(judge), closing(_Calls(output / CALLS)) as calls:
        for start, part, answers in _judged(judge, cases):
            calls.write(part, answers)
            for at, (case, answer) in enumerate(zip(part, answers, strict=True), start):
                if isinstance(answer, JudgeFailure):
                    bad.append(_bad(case, at, answer))
                else:
                    rows.append(_row(case, answer, (judge.name, rulebook.version)))
    _tell_faults(judge.name, len(cases), bad)
    write_table(rows, output, "teacher_judgements")
    if bad:
        write_table(bad, output, "quarantine")

    counts = dict[str, float]()
    for grade in reversed(Grade):
        given = sum(row["grade"] == grade for row in rows)
        counts[f"grade_{grade.letter}"] = float(given)
    paid = judge.ledger.metrics() if isinstance(judge, TextJudge) else {}
    by_model = float(judge.name != "rules")
    return {
        "pairs": float(len(rows)),
        "faults": float(len(bad)),
        "by_model": by_model,
        **counts,
        **paid,
    }


def _tell_faults(name: str, pairs: int, bad: list[dict[str, Any]]) -> None:
    """Say how many pairs got no answer, and why.

    Raises:
        UnavailableError: none got one.
    """
    if not bad:
        return
    counts = ", ".join(
        f"{n:,} x {reason}"
        for reason, n in Counter(row["reason"] for row in bad).most_common(5)
    )
    if len(bad) == pairs:
        last = json.loads(bad[-1]["row"])
        words = "; ".join(
            f"{key} {last[key]!r}"
            for key in ("finish_reason", "detail", "raw")
            if last[key]
        )
        raise UnavailableError(
            f"usable answers of {name} == 0 for {pairs} pairs ({counts}), must be some; "
            f"{words or 'the answers are empty'}; "
            "correct the model, its endpoint or judge.decoding.max_tokens"
        )
    log_line(
        f"    {name}: {len(bad):,} of {pairs:,} pairs got no usable answer ({counts}); "
        "see the table quarantine for what it wrote"
    )


def _judged(
    judge: Judge, cases: list[JudgeInput]
) -> Iterator[tuple[int, list[JudgeInput], list[Judgement | JudgeFailure]]]:
    for start in progress(
        range(0, len(cases), 2048), f"batches judged by {judge.name}"
    ):
        part = cases[start : start + 2048]
        try:
            answers = judge.judge(part)
        except BudgetError as error:
            raise BudgetError(
                f"{error}; {start + error.done} of {len(cases)} pairs are done "
                "and kept in the cache: run the same command with a higher judge.budget "
                "to go on, nothing is paid twice"
            ) from error
        yield start, part, answers
