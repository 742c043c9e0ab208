"""Stage ``judge``: a grade, its probabilities and a rationale for every pair of one shard."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

from adore.artifacts import read_manifest, read_table, write_table
from adore.config import StageConfig
from adore.errors import check
from adore.progress import progress
from adore.rulebook import RuleBook
from adore.teacher.rationale import rationale
from adore.types import Evidence, Grade

__all__ = ["Config", "Judge", "RulesJudge", "choose_judge", "run", "shard_of"]

Evidences = Sequence[tuple[Evidence, ...]]
Probabilities = tuple[float, float, float, float]


class Config(StageConfig):
    """Who judges, and which part.

    ``auto`` asks the aligned teacher if one was given and promoted, else the rules.
    """

    backend: Literal["auto", "rules", "transformers"] = "auto"
    rulebook: str = "general"
    shard: int = 0
    shards: int = 1
    batch: int = 256


class Judge(Protocol):
    """Anything that gives P(grade), indexed by grade value, for the evidence of each pair."""

    name: str

    def judge(self, many: Evidences) -> list[Probabilities]:
        """One distribution a pair, in order."""
        ...


class RulesJudge:
    """The rule book applied to the evidence: no model, the baseline and the fallback."""

    name = "rules"

    def __init__(self, rulebook: RuleBook) -> None:
        self._rulebook = rulebook

    def judge(self, many: Evidences) -> list[Probabilities]:
        """See :class:`Judge`."""
        return [self._rulebook.apply(evidence).probabilities for evidence in many]


def shard_of(query_id: str, shards: int) -> int:
    """The shard of a query, so that one query's pairs stay together."""
    return int(hashlib.sha256(query_id.encode()).hexdigest()[:8], 16) % shards


def choose_judge(config: Config, rulebook: RuleBook, teacher: Path | None) -> Judge:
    """The judge that the config asks for."""
    manifest = read_manifest(teacher) if teacher else None
    promoted = bool(manifest and manifest.metrics.get("promoted"))
    if config.backend == "rules" or (config.backend == "auto" and not promoted):
        return RulesJudge(rulebook)
    check(teacher is not None, "teacher", teacher, must="an align output", fix="run align first, or set backend: rules")
    from adore.teacher.tiny import TinyJudge

    return TinyJudge(Path(str(teacher)) / "model", threads=config.threads, batch=config.batch)


def _answer(
    ids: tuple[str, str], evidence: tuple[Evidence, ...], p: Probabilities, by: tuple[Judge, RuleBook]
) -> dict[str, Any]:
    judge, rulebook = by
    grade = Grade(max(range(4), key=lambda g: p[g]))
    why = rationale(evidence, rulebook.apply(evidence), grade, p[grade])
    return {
        "query_id": ids[0],
        "item_id": ids[1],
        "grade": int(grade),
        "probabilities": [round(x, 6) for x in p],
        "rationale": why.model_dump_json(),
        "judge": judge.name,
        "rulebook": rulebook.version,
    }


def run(config: Config, pairs: Path, output: Path, teacher: Path | None = None) -> dict[str, float]:
    """Judge one shard of a ``pairs`` table into ``answers``."""
    check(0 <= config.shard < config.shards, "shard", config.shard, must=f"0 .. {config.shards - 1}", fix="set shards")
    rulebook = RuleBook.load(config.rulebook)
    judge = choose_judge(config, rulebook, teacher)
    table = read_table(pairs, "pairs")
    mine = [r for r in table.iter_rows() if shard_of(r[0], config.shards) == config.shard]
    rows: list[dict[str, Any]] = []
    starts = range(0, len(mine), 2048)
    for start in progress(starts, f"batches judged by {judge.name}"):
        part = mine[start : start + 2048]
        evidences = [Evidence.many_from_json(r[2]) for r in part]
        for r, evidence, p in zip(part, evidences, judge.judge(evidences), strict=True):
            rows.append(_answer((r[0], r[1]), evidence, p, (judge, rulebook)))
    write_table(rows, output, "answers")
    counts = {f"grade_{g.letter}": float(sum(r["grade"] == g for r in rows)) for g in reversed(Grade)}
    return {"pairs": float(len(rows)), "by_model": float(judge.name != "rules"), **counts}
