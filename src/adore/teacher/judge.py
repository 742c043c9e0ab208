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
from adore.teacher.factory import Config, choose_judge
from adore.teacher.judge_inputs import count_pairs, load_judge_inputs
from adore.teacher.judgements import Judge, JudgeFailure, JudgeInput, Judgement
from adore.teacher.llm import TextJudge
from adore.teacher.plan import Plan, plan_judging, render
from adore.types import Grade

__all__ = [
    "CALLS",
    "Config",
    "plan",
    "render",
    "run",
    "shard_of",
]

CALLS = "_calls.parquet"
"""How each LLM answer came about; the underscore keeps it out of the output's content hash."""
BATCH = 2048
"""Pairs that are judged and written at a time."""

TableRow = dict[str, Any]
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
    judge_inputs: list[JudgeInput]
    results: list[Result]

    def numbered(self) -> Iterator[tuple[int, JudgeInput, Result]]:
        """Number, pair and result."""
        line_number = self.start
        for judge_input, result in zip(self.judge_inputs, self.results, strict=True):
            yield line_number, judge_input, result
            line_number += 1


def _judgement_row(
    judge_input: JudgeInput, judgement: Judgement, judge: str, rulebook: str
) -> TableRow:
    """A row of ``teacher_judgements``."""
    return {
        "query_id": judge_input.query_id,
        "item_id": judge_input.item_id,
        "grade": int(judgement.grade),
        "probabilities": [round(value, 6) for value in judgement.probabilities],
        "rationale": judgement.rationale.model_dump_json(),
        "judge": judge,
        "rulebook": rulebook,
    }


def _quarantine_row(
    judge_input: JudgeInput, line_number: int, failure: JudgeFailure
) -> TableRow:
    """A row of ``quarantine``: the pair, the raw text and why it is no judgement."""
    table_row = {
        "query_id": judge_input.query_id,
        "item_id": judge_input.item_id,
        "raw": failure.call.raw if failure.call else "",
        "finish_reason": failure.finish,
        "detail": failure.detail,
    }
    return {
        "table": "pairs",
        "line": line_number,
        "reason": failure.reason,
        "row": json.dumps(table_row, ensure_ascii=False),
    }


class _CallWriter:
    """Writes calls batch by batch: a million prompts do not fit in memory, and compress well."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: Any = None

    def write(self, batch: _Batch) -> None:
        table_rows: list[TableRow] = []
        for _, judge_input, result in batch.numbered():
            if result.call:
                row_key = {
                    "query_id": judge_input.query_id,
                    "item_id": judge_input.item_id,
                }
                table_rows.append({**row_key, **asdict(result.call)})
        if not table_rows:
            return

        table = pa.Table.from_pylist(table_rows)
        if self._writer is None:
            self._writer = pq.ParquetWriter(
                self._path, table.schema, compression="zstd"
            )
        self._writer.write_table(table)

    def close(self) -> None:
        if self._writer:
            self._writer.close()


def _shard_inputs(
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

    return load_judge_inputs(prepared, evidence, candidates, is_in_shard, retrieved)


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

    Raises:
        ConfigError: the shard is not one of ``shards``, or the judge's settings do not
            fit.
        MissingError: a table is not there.
        DataError: a table cannot be read.
    """
    judge_inputs = _shard_inputs(config, prepared, evidence, candidates, retrieved)
    judge = choose_judge(
        config,
        RuleBook.of_dataset(prepared, config.rulebook),
        prepared,
        evidence,
        teacher,
    )
    if not isinstance(judge, TextJudge):
        return Plan(len(judge_inputs))
    return plan_judging(judge, judge_inputs, config.prices)


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
        BudgetError: the budget's cap is reached; a higher one continues from there.
        UnavailableError: no pair or too many in a row got no usable answer.
        ConfigError: the shard is not one of ``shards``, or the judge's settings do not
            fit.
        MissingError: a table is not there.
        DataError: a table cannot be read.
    """
    rulebook = RuleBook.of_dataset(prepared, config.rulebook)
    judge_inputs = _shard_inputs(config, prepared, evidence, candidates, retrieved)
    all_pairs = count_pairs(evidence, candidates, retrieved)
    # a shard may spend its part of the budget, by number of pairs
    share = len(judge_inputs) / max(1, all_pairs)
    judge = choose_judge(config, rulebook, prepared, evidence, teacher, share)

    judged: list[TableRow] = []
    failed: list[TableRow] = []
    with closing(judge), closing(_CallWriter(output / CALLS)) as calls:
        for batch in _judge_in_batches(judge, judge_inputs):
            calls.write(batch)
            for line_number, judge_input, result in batch.numbered():
                if isinstance(result, JudgeFailure):
                    failed.append(_quarantine_row(judge_input, line_number, result))
                else:
                    table_row = _judgement_row(
                        judge_input, result, judge.name, rulebook.version
                    )
                    judged.append(table_row)
    _report_failures(judge.name, len(judge_inputs), failed)
    write_table(judged, output, "teacher_judgements")
    if failed:
        write_table(failed, output, "quarantine")
    return _metrics(judge, judged, failed)


def _metrics(
    judge: Judge, judged: list[TableRow], failed: list[TableRow]
) -> dict[str, float]:
    """For the stage's manifest."""
    metrics = {
        "pairs": float(len(judged)),
        "faults": float(len(failed)),
        "by_model": float(judge.name != "rules"),
    }
    count_of_grade = Counter(table_row["grade"] for table_row in judged)
    for grade in reversed(Grade):
        metrics[f"grade_{grade.letter}"] = float(count_of_grade[int(grade)])
    if isinstance(judge, TextJudge):
        metrics |= judge.ledger.metrics()
    return metrics


def _report_failures(judge: str, pairs: int, failed: list[TableRow]) -> None:
    """Log how many pairs got no judgement, and why.

    Raises:
        UnavailableError: none got one.
    """
    if not failed:
        return
    reasons = Counter(table_row["reason"] for table_row in failed)
    reason_counts = [
        f"{count:,} x {reason}" for reason, count in reasons.most_common(5)
    ]
    counts = ", ".join(reason_counts)
    if len(failed) < pairs:
        log_line(
            f"    {judge}: {len(failed):,} of {pairs:,} pairs got no usable answer ({counts}); "
            "see the table quarantine for what it wrote"
        )
        return

    # nothing at all worked: the last failure is as telling as any
    last_failure = json.loads(failed[-1]["row"])
    clues: list[str] = []
    for name in ("finish_reason", "detail", "raw"):
        if last_failure[name]:
            clues.append(f"{name} {last_failure[name]!r}")
    raise UnavailableError(
        f"usable answers of {judge} == 0 for {pairs} pairs ({counts}), must be some; "
        f"{'; '.join(clues) or 'the answers are empty'}; "
        "correct the model, its endpoint or judge.decoding.max_tokens"
    )


def _judge_in_batches(judge: Judge, judge_inputs: list[JudgeInput]) -> Iterator[_Batch]:
    batch_starts = range(0, len(judge_inputs), BATCH)
    for start in progress(batch_starts, f"batches judged by {judge.name}"):
        batch = judge_inputs[start : start + BATCH]
        try:
            results = judge.judge(batch)
        except BudgetError as error:
            raise BudgetError(
                f"{error}; {start + error.done} of {len(judge_inputs)} pairs are done "
                "and kept in the cache: run the same command with a higher judge.budget "
                "to go on, nothing is paid twice"
            ) from error
        yield _Batch(start, batch, results)
