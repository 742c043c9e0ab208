"""Stage ``judge``: a grade, its probabilities and a rationale for every pair of one shard."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
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
from adore.teacher.judge_inputs import count_pairs, load_cases
from adore.teacher.judgements import Judge, JudgeFailure, JudgeInput, Judgement
from adore.teacher.llm import TextJudge
from adore.teacher.plan import Plan, plan_cases, render
from adore.types import Grade

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
BATCH = 2048
"""Pairs that are judged and written at a time."""

Row = dict[str, Any]
Result = Judgement | JudgeFailure


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


@dataclass(frozen=True, slots=True)
class _Batch:
    """Some of the pairs with their results; ``start`` numbers the first among all."""

    start: int
    cases: list[JudgeInput]
    results: list[Result]

    def rows(self) -> Iterator[tuple[int, JudgeInput, Result]]:
        """Number, pair and result."""
        line = self.start
        for case, result in zip(self.cases, self.results, strict=True):
            yield line, case, result
            line += 1


def _judgement_row(
    case: JudgeInput, judgement: Judgement, judge: str, rulebook: str
) -> Row:
    """A row of ``teacher_judgements``."""
    return {
        "query_id": case.query_id,
        "item_id": case.item_id,
        "grade": int(judgement.grade),
        "probabilities": [round(value, 6) for value in judgement.probabilities],
        "rationale": judgement.rationale.model_dump_json(),
        "judge": judge,
        "rulebook": rulebook,
    }


def _quarantine_row(case: JudgeInput, line: int, failure: JudgeFailure) -> Row:
    """A row of ``quarantine``: the pair, the raw text and why it is no judgement."""
    row = {
        "query_id": case.query_id,
        "item_id": case.item_id,
        "raw": failure.call.raw if failure.call else "",
        "finish_reason": failure.finish,
        "detail": failure.detail,
    }
    return {
        "table": "pairs",
        "line": line,
        "reason": failure.reason,
        "row": json.dumps(row, ensure_ascii=False),
    }


class _CallWriter:
    """Writes calls batch by batch: a million prompts do not fit in memory, and compress well."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: Any = None

    def write(self, batch: _Batch) -> None:
        rows: list[Row] = []
        for _, case, result in batch.rows():
            if result.call:
                key = {"query_id": case.query_id, "item_id": case.item_id}
                rows.append({**key, **asdict(result.call)})
        if not rows:
            return

        table = pa.Table.from_pylist(rows)
        if self._writer is None:
            self._writer = pq.ParquetWriter(
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
    """The pairs of the config's shard."""
    check(
        0 <= config.shard < config.shards,
        "shard",
        config.shard,
        must=f"0 .. {config.shards - 1}",
        fix="set shards",
    )

    def is_in_shard(query_id: str) -> bool:
        return shard_of(query_id, config.shards) == config.shard

    return load_cases(prepared, evidence, candidates, is_in_shard, retrieved)


def plan(
    config: Config,
    prepared: Path,
    evidence: Path,
    candidates: Path | None = None,
    teacher: Path | None = None,
    retrieved: Path | None = None,
) -> Plan:
    """Estimate what :func:`run` would cost; nothing is asked and no model is loaded.

    Args:
        config: who judges, and which part.
        prepared: output of ``prepare``.
        evidence: output of ``evidence``.
        candidates: output of ``synthesise``; if given, its candidates are judged
            instead of the known pairs.
        teacher: output of ``align``, whose model is asked if it was promoted.
        retrieved: output of ``retrieve``, whose ``pairs`` are judged besides.

    Returns:
        Pairs, tokens, seconds and dollars of the shard.
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

    Pairs without a judgement go to ``quarantine``.

    Args:
        config: who judges, and which part.
        prepared: output of ``prepare``.
        evidence: output of ``evidence``.
        output: where to write.
        candidates: output of ``synthesise``; if given, its candidates are judged
            instead of the known pairs.
        teacher: output of ``align``, whose model is asked if it was promoted.
        retrieved: output of ``retrieve``, whose ``pairs`` are judged besides.

    Returns:
        Metrics for the stage's manifest.

    Raises:
        BudgetError: the cap is reached; a higher one goes on from there.
        UnavailableError: no pair got a usable answer, or too many in a row got none.
    """
    rulebook = RuleBook.of_dataset(prepared, config.rulebook)
    cases = _cases(config, prepared, evidence, candidates, retrieved)
    all_pairs = count_pairs(evidence, candidates, retrieved)
    share = len(cases) / max(1, all_pairs)
    judge = choose_judge(config, rulebook, prepared, evidence, teacher, share)

    judged: list[Row] = []
    failed: list[Row] = []
    with closing(judge), closing(_CallWriter(output / CALLS)) as calls:
        for batch in _judge_in_batches(judge, cases):
            calls.write(batch)
            for line, case, result in batch.rows():
                if isinstance(result, JudgeFailure):
                    failed.append(_quarantine_row(case, line, result))
                else:
                    row = _judgement_row(case, result, judge.name, rulebook.version)
                    judged.append(row)
    _report_failures(judge.name, len(cases), failed)
    write_table(judged, output, "teacher_judgements")
    if failed:
        write_table(failed, output, "quarantine")
    return _metrics(judge, judged, failed)


def _metrics(judge: Judge, judged: list[Row], failed: list[Row]) -> dict[str, float]:
    """For the stage's manifest."""
    metrics = {
        "pairs": float(len(judged)),
        "faults": float(len(failed)),
        "by_model": float(judge.name != "rules"),
    }
    count_of_grade = Counter(row["grade"] for row in judged)
    for grade in reversed(Grade):
        metrics[f"grade_{grade.letter}"] = float(count_of_grade[int(grade)])
    if isinstance(judge, TextJudge):
        metrics |= judge.ledger.metrics()
    return metrics


def _report_failures(judge: str, pairs: int, failed: list[Row]) -> None:
    """Log how many pairs got no judgement, and why.

    Raises:
        UnavailableError: none got one.
    """
    if not failed:
        return
    reasons = Counter(row["reason"] for row in failed)
    parts = [f"{count:,} x {reason}" for reason, count in reasons.most_common(5)]
    counts = ", ".join(parts)
    if len(failed) < pairs:
        log_line(
            f"    {judge}: {len(failed):,} of {pairs:,} pairs got no usable answer ({counts}); "
            "see the table quarantine for what it wrote"
        )
        return

    last = json.loads(failed[-1]["row"])
    clues: list[str] = []
    for name in ("finish_reason", "detail", "raw"):
        if last[name]:
            clues.append(f"{name} {last[name]!r}")
    raise UnavailableError(
        f"usable answers of {judge} == 0 for {pairs} pairs ({counts}), must be some; "
        f"{'; '.join(clues) or 'the answers are empty'}; "
        "correct the model, its endpoint or judge.decoding.max_tokens"
    )


def _judge_in_batches(judge: Judge, cases: list[JudgeInput]) -> Iterator[_Batch]:
    starts = range(0, len(cases), BATCH)
    for start in progress(starts, f"batches judged by {judge.name}"):
        batch = cases[start : start + BATCH]
        try:
            results = judge.judge(batch)
        except BudgetError as error:
            raise BudgetError(
                f"{error}; {start + error.done} of {len(cases)} pairs are done "
                "and kept in the cache: run the same command with a higher judge.budget "
                "to go on, nothing is paid twice"
            ) from error
        yield _Batch(start, batch, results)
