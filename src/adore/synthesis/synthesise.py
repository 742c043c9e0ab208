"""Stage ``synthesise``: good pairs of the training queries into candidates, one edit and one error type each."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any, Literal

import polars as pl
from pydantic import Field, field_validator

from adore.artifacts import read_table, write_table
from adore.config import StageConfig
from adore.errors import check
from adore.progress import progress, say
from adore.storage import write_json
from adore.synthesis.audit import audit
from adore.synthesis.edits import REAL, Draft, Edit, Source
from adore.synthesis.registry import EDITS, PICKS
from adore.synthesis.weights import confusions, mix, quotas
from adore.synthesis.workshop import UNTYPED, Workshop, rank, row_of, sources_of
from adore.types import Evidence, Grade

__all__ = ["Config", "candidates", "of_type", "run"]

KEYS = ["query_id", "item_id"]
Rows = dict[str, list[dict[str, Any]]]


class Config(StageConfig):
    """How many candidates of which error types, from which pairs."""

    strategy: Literal["aware", "uniform", "untyped"] = "aware"
    """Error types by the errors that are seen, or evenly; untyped: random items and unedited good pairs."""
    total: int = Field(1_200, gt=0)
    """Candidates in all."""
    per_type: int = Field(300, gt=0)
    """Most candidates of one error type."""
    weights: dict[str, float] = Field(default_factory=dict)
    """Error type to weight; empty: as the strategy says."""
    per_query: int = 12
    """Good pairs of one query that are edited."""
    per_pair: int = 2
    """Most candidates of one error type from one pair."""
    previous: str = ""
    """Place of an earlier run on the same data, whose student's errors on dev queries count too; empty: none."""
    confidence: float = 0.8
    """P(E) from which a judge's E counts as good where no human graded."""

    @field_validator("weights")
    @classmethod
    def _weigh(cls, weights: dict[str, float]) -> dict[str, float]:
        mix(weights)
        return weights


def run(
    config: Config,
    prepared: Path,
    evidence: Path,
    answers: list[Path],
    output: Path,
    scores: Path | None = None,
    feedback: Path | None = None,
) -> dict[str, float]:
    """Write ``candidates`` and ``plan.json``: weights and why, what was made and dropped, the human audit.

    Args:
        scores: output of ``distil`` of the run before: its student's answers to dev queries it had not learnt from.
        feedback: output of ``feedback``: what shoppers skip or return of what was judged exact, and keep of what was
            judged strictly, counts too.

    Returns:
        Candidates made, in all and per error type; good pairs used; drafts whose evidence did not hold.
    """
    workshop = Workshop(prepared, evidence)
    sources = _sources(config, workshop, prepared, answers)
    errors = _errors(prepared, evidence, answers, scores, feedback)
    shares = mix(
        config.weights, *(errors.values() if config.strategy == "aware" else ())
    )
    if config.strategy == "untyped":
        made, shares = {UNTYPED: _untyped(config, workshop, sources)}, {UNTYPED: 1.0}
    else:
        made = _typed(config, workshop, sources, shares)
    counts = {name: len(rows) for name, rows in made.items()}
    most = config.total if config.strategy == "untyped" else config.per_type
    kept = quotas(shares, total=config.total, per_type=most, available=counts)
    rows = sorted(
        (r for n, k in kept.items() for r in made[n][:k]),
        key=lambda r: r["synthetic_id"],
    )
    write_table(rows, output, "candidates")
    told = audit(sources, workshop)
    plan = {
        "strategy": config.strategy,
        "errors": errors,
        "shares": shares,
        "available": counts,
        "made": kept,
    }
    write_json(
        {**plan, "nothing": _why_nothing(workshop, counts), "audit": told},
        output / "plan.json",
    )
    if not rows:
        say(
            "    synthesise: no good pair could be edited; the student learns from judged pairs alone"
        )
    dropped = sum(sum(c.values()) for c in workshop.dropped.values())
    metrics = {"made": len(rows), "good_pairs": len(sources), "drafts_dropped": dropped}
    return {**metrics, **{f"made_{n}": k for n, k in kept.items()}}


def _why_nothing(workshop: Workshop, counts: Mapping[str, int]) -> dict[str, str]:
    """Why types of which nothing was made have nothing."""
    why = {}
    for name in (n for n, count in counts.items() if not count):
        dropped = workshop.dropped.get(name)
        common = dropped.most_common(1)[0] if dropped else None
        why[name] = (
            f"no draft held; {common[1]} times: {common[0]}"
            if common
            else "no good pair offers what it needs"
        )
    return why


# ---------------------------------------------------------------- good pairs


def _good(config: Config, prepared: Path, answers: list[Path]) -> dict[str, list[str]]:
    """Query id to items of training queries that a human, or else a confident judge, calls exact."""
    train = (
        read_table(prepared, "queries")
        .filter(pl.col("split") == "train")
        .select("query_id")
    )
    human = read_table(prepared, "judgements").select(*KEYS, "grade")
    judged = _answers(answers).with_columns(
        pl.col("probabilities").list.get(int(Grade.EXACT)).alias("sure")
    )
    sure = judged.filter(
        (pl.col("grade") == int(Grade.EXACT)) & (pl.col("sure") >= config.confidence)
    )
    sure = sure.select(*KEYS, "grade").join(human, on=KEYS, how="anti")
    both = pl.concat([human.filter(pl.col("grade") == int(Grade.EXACT)), sure]).join(
        train, on="query_id"
    )
    good: dict[str, list[str]] = defaultdict(list)
    for query_id, item_id in both.sort(KEYS).select(KEYS).iter_rows():
        good[query_id].append(item_id)
    return good


def _answers(folders: list[Path]) -> pl.DataFrame:
    frames = [
        read_table(f, "answers").select(*KEYS, "grade", "probabilities")
        for f in folders
    ]
    return pl.concat(frames).unique(KEYS, keep="first", maintain_order=True)


def _sources(
    config: Config, workshop: Workshop, prepared: Path, answers: list[Path]
) -> list[Source]:
    graded: dict[str, dict[str, int]] = defaultdict(dict)
    for query_id, item_id, grade in (
        read_table(prepared, "judgements").select(*KEYS, "grade").iter_rows()
    ):
        graded[query_id][item_id] = grade
    good = _good(config, prepared, answers)
    return sources_of(
        workshop, good, graded, per_query=config.per_query, seed=config.seed
    )


# ---------------------------------------------------------------- errors


def _errors(
    prepared: Path,
    evidence: Path,
    answers: list[Path],
    scores: Path | None,
    feedback: Path | None,
) -> dict[str, dict[str, int]]:
    """Wrong answers per error type: the teacher's and the student's on dev queries, and those that shoppers show."""
    pairs = read_table(evidence, "pairs")
    dev = (
        read_table(prepared, "queries")
        .filter(pl.col("split") == "dev")
        .select("query_id")
    )
    human = (
        read_table(prepared, "judgements")
        .join(dev, on="query_id")
        .select(*KEYS, "grade")
        .join(pairs, on=KEYS)
    )
    found = {"teacher": _confused(human, _answers(answers))}
    if scores is not None:
        graded = read_table(scores, "scores")
        both = human.join(graded, on=KEYS, how="semi").height
        check(
            both > 0,
            "synthesise.previous",
            str(scores),
            must="of a run on the same dev pairs",
            fix="name another",
        )
        found["student"] = _confused(human, graded)
    if feedback is not None:
        found["online"] = _online(
            read_table(feedback, "feedback").join(
                pairs.select(*KEYS, "evidence"), on=KEYS
            )
        )
    return found


def _online(signs: pl.DataFrame) -> dict[str, int]:
    """Pairs that were judged exact and are skipped or returned, and those judged strictly that shoppers keep."""
    wanted = {
        "skipped, judged exact": Grade.IRRELEVANT,
        "returned, judged exact": Grade.IRRELEVANT,
        "bought, judged strictly": Grade.EXACT,
    }
    seen = signs.filter(pl.col("kind").is_in(list(wanted))).unique(KEYS).sort(KEYS)
    rows = seen.select("kind", "evidence").iter_rows()
    graded = (
        (wanted[kind], kind == "bought, judged strictly", Evidence.many_from_json(text))
        for kind, text in rows
    )
    return confusions(
        (want, Grade.IRRELEVANT if strict else Grade.EXACT, e)
        for want, strict, e in graded
    )


def _confused(human: pl.DataFrame, answered: pl.DataFrame) -> dict[str, int]:
    both = human.join(
        answered.select(*KEYS, pl.col("grade").alias("answered")), on=KEYS
    ).sort(KEYS)
    rows = (
        both.drop_nulls("answered").select("grade", "answered", "evidence").iter_rows()
    )
    return confusions(
        (grade, answer, Evidence.many_from_json(text)) for grade, answer, text in rows
    )


# ---------------------------------------------------------------- drafts


def _typed(
    config: Config,
    workshop: Workshop,
    sources: list[Source],
    shares: Mapping[str, float],
) -> Rows:
    """Candidates per type, up to three times its share: enough for what other types lack."""
    made: Rows = {}
    for name in progress(
        [n for n, share in shares.items() if share > 0], "error types"
    ):
        limit = min(config.per_type, math.ceil(3 * shares[name] * config.total))
        make = _maker(config, workshop, name)
        made[name] = of_type(
            sources, make, limit=limit, rounds=config.per_query * config.per_pair
        )
    return made


def _maker(
    config: Config, workshop: Workshop, error: str
) -> Callable[[Source], Iterator[dict[str, Any]]]:
    def make(source: Source) -> Iterator[dict[str, Any]]:
        rng = Random(rank(config.seed, error, source.query_id, source.item.item_id))
        return candidates(
            workshop, source, error, EDITS[error], rng=rng, limit=config.per_pair
        )

    return make


def of_type(
    sources: list[Source],
    make: Callable[[Source], Iterator[dict[str, Any]]],
    *,
    limit: int,
    rounds: int,
) -> list[dict[str, Any]]:
    """Candidates of one type, a pair of every query in turn, so that no query crowds out the others.

    Args:
        make: a pair's candidates.
        limit: most candidates.
        rounds: most candidates of one query.
    """
    turns: dict[str, list[Iterator[dict[str, Any]]]] = defaultdict(list)
    for source in sources:
        turns[source.query_id].append(make(source))
    found: dict[str, dict[str, Any]] = {}
    for _ in range(rounds):
        for queue in turns.values():
            while queue and len(found) < limit:
                row = next(queue[0], None)
                if row is None:
                    queue.pop(0)
                    continue
                queue.append(queue.pop(0))
                found.setdefault(row["synthetic_id"], row)
                break
    return list(found.values())


def candidates(
    workshop: Workshop,
    source: Source,
    error: str,
    edits: tuple[Edit, ...],
    *,
    rng: Random,
    limit: int,
) -> Iterator[dict[str, Any]]:
    """Up to ``limit`` candidates: the first draft that holds of each edit, then the second, ...; real items first."""
    real = 1 if error in PICKS and edits[0] == PICKS[error] else 0
    rest = list(edits[real:])
    queues = [
        edit(source, workshop.catalogue, rng)
        for edit in (*edits[:real], *rng.sample(rest, len(rest)))
    ]
    made = 0
    while queues and made < limit:
        queue = queues.pop(0)
        for draft in queue:
            found = workshop.hold(source, draft, error)
            if found:
                made += 1
                queues.append(queue)
                yield row_of(source, draft, error, found)
                break


def _untyped(
    config: Config, workshop: Workshop, sources: list[Source]
) -> list[dict[str, Any]]:
    """The comparator that knows no error type: random items as irrelevant, good pairs as they are, half and half."""
    rng, ids = (
        Random(config.seed),
        [i for i in sorted(workshop.catalogue.items) if workshop.open(i)],
    )
    rows: dict[str, dict[str, Any]] = {}
    for at in range(2 * config.total if sources else 0):
        source = sources[at % len(sources)]
        item = workshop.catalogue.items[rng.choice(ids)]
        if item.item_id in source.known or len(rows) >= config.total:
            continue
        random = row_of(
            source,
            Draft(source.query, item, "", REAL),
            "category",
            workshop.found(source.query, item),
        )
        good = row_of(
            source,
            Draft(source.query, source.item, "", "none"),
            "synonym",
            source.evidence,
        )
        for row in (random, good):
            rows.setdefault(row["synthetic_id"], {**row, "error_type": UNTYPED})
    return list(rows.values())
