"""Stage ``synthesise``: good pairs of the training queries into candidates.

One edit and one error type each.
"""

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
from adore.progress import log_line, progress
from adore.storage import write_json
from adore.synthesis.allocation import confusions, mix, quotas
from adore.synthesis.audit import audit
from adore.synthesis.edits import REAL, Draft, Edit, Source
from adore.synthesis.generator import UNTYPED, EditContext, rank, row_of, sources_of
from adore.synthesis.registry import EDITS, PICKS
from adore.types import PAIR, Evidence, Grade

__all__ = ["Config", "candidates", "of_type", "run"]

Rows = dict[str, list[dict[str, Any]]]
Graded = tuple[int, int, tuple[Evidence, ...]]
"""Human grade, answered grade and evidence of a pair."""


class Config(StageConfig):
    """How many candidates of which error types, from which pairs."""

    strategy: Literal["aware", "uniform", "untyped"] = "aware"
    """Error types by the errors that are seen, or evenly.

    Untyped: random items and unedited good pairs.
    """
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
    """Place of an earlier run on the same data.

    Its student's errors on dev queries count too; empty: none.
    """
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
    """Write ``candidates`` and ``plan.json``.

    The plan has the weights and why, what was made and dropped, the human audit.

    Args:
        config: how many candidates of which error types, from which pairs.
        prepared: output of ``prepare``.
        evidence: output of ``evidence``.
        answers: outputs of ``judge``; a pair's first answer counts.
        output: folder to write to.
        scores: output of ``distil`` of the run before: its student's answers to dev
            queries it had not learnt from.
        feedback: output of ``feedback``: what shoppers skip or return of what was judged
            exact, and keep of what was judged strictly, counts too.

    Returns:
        Candidates made, in all and per error type; good pairs used; drafts whose evidence
        did not hold.
    """
    workshop = EditContext(prepared, evidence)
    sources = _sources(config, workshop, prepared, answers)
    errors = _errors(prepared, evidence, answers, scores, feedback)

    seen = errors.values() if config.strategy == "aware" else ()
    shares = mix(config.weights, *seen)
    if config.strategy == "untyped":
        made = {UNTYPED: _untyped(config, workshop, sources)}
        shares = {UNTYPED: 1.0}
        most = config.total
    else:
        made = _typed(config, workshop, sources, shares)
        most = config.per_type

    counts = {name: len(many) for name, many in made.items()}
    kept = quotas(shares, total=config.total, per_type=most, available=counts)
    rows: list[dict[str, Any]] = []
    for name, number in kept.items():
        rows += made[name][:number]
    rows.sort(key=lambda row: row["synthetic_id"])
    write_table(rows, output, "candidates")

    told = audit(sources, workshop)
    plan = {
        "strategy": config.strategy,
        "errors": errors,
        "shares": shares,
        "available": counts,
        "made": kept,
        "nothing": _why_nothing(workshop, counts),
        "audit": told,
    }
    write_json(plan, output / "plan.json")
    if not rows:
        log_line(
            "    synthesise: no good pair could be edited; "
            "the student learns from judged pairs alone"
        )

    dropped = sum(reasons.total() for reasons in workshop.dropped.values())
    metrics = {"made": len(rows), "good_pairs": len(sources), "drafts_dropped": dropped}
    return {**metrics, **{f"made_{name}": number for name, number in kept.items()}}


def _why_nothing(workshop: EditContext, counts: Mapping[str, int]) -> dict[str, str]:
    """Why types of which nothing was made have nothing."""
    why: dict[str, str] = {}
    for name, count in counts.items():
        if count:
            continue
        dropped = workshop.dropped.get(name)
        if dropped:
            reason, times = dropped.most_common(1)[0]
            why[name] = f"no draft held; {times} times: {reason}"
        else:
            why[name] = "no good pair offers what it needs"
    return why


# ---------------------------------------------------------------- good pairs


def _good(config: Config, prepared: Path, answers: list[Path]) -> dict[str, list[str]]:
    """Query id to items of training queries that people call exact.

    Or, where no human graded the pair, that a confident judge does.
    """
    train = _queries_of(prepared, "train")
    human = read_table(prepared, "judgements").select(*PAIR, "grade")
    exact = human.filter(pl.col("grade") == int(Grade.EXACT))
    sure = _confident(answers, config.confidence)
    sure = sure.join(human, on=PAIR, how="anti")

    both = pl.concat([exact, sure])
    both = both.join(train, on="query_id")
    both = both.sort(PAIR)

    good: dict[str, list[str]] = defaultdict(list)
    for query_id, item_id in both.select(PAIR).iter_rows():
        good[query_id].append(item_id)
    return good


def _confident(answers: list[Path], confidence: float) -> pl.DataFrame:
    """Pairs that the judge calls exact with this probability or more."""
    best = int(Grade.EXACT)
    exact = pl.col("grade") == best
    probabilities = pl.col("probabilities")
    confident = probabilities.list.get(best) >= confidence

    answered = _answers(answers)
    sure = answered.filter(exact & confident)
    return sure.select(*PAIR, "grade")


def _queries_of(prepared: Path, split: str) -> pl.DataFrame:
    queries = read_table(prepared, "queries")
    return queries.filter(pl.col("split") == split).select("query_id")


def _answers(folders: list[Path]) -> pl.DataFrame:
    """The first answer to each pair."""
    frames = [
        read_table(folder, "teacher_judgements").select(*PAIR, "grade", "probabilities")
        for folder in folders
    ]
    return pl.concat(frames).unique(PAIR, keep="first", maintain_order=True)


def _sources(
    config: Config, workshop: EditContext, prepared: Path, answers: list[Path]
) -> list[Source]:
    judgements = read_table(prepared, "judgements").select(*PAIR, "grade")
    graded: dict[str, dict[str, int]] = defaultdict(dict)
    for query_id, item_id, grade in judgements.iter_rows():
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
    """Wrong answers per error type.

    The teacher's and the student's on dev queries, and those that shoppers show.
    """
    pairs = read_table(evidence, "pairs")
    dev = _queries_of(prepared, "dev")
    human = (
        read_table(prepared, "judgements")
        .join(dev, on="query_id")
        .select(*PAIR, "grade")
        .join(pairs, on=PAIR)
    )

    found = {"teacher": _confused(human, _answers(answers))}
    if scores is not None:
        graded = read_table(scores, "scores")
        both = human.join(graded, on=PAIR, how="semi").height
        check(
            both > 0,
            "synthesise.previous",
            str(scores),
            must="of a run on the same dev pairs",
            fix="name another",
        )
        found["student"] = _confused(human, graded)
    if feedback is not None:
        signs = read_table(feedback, "feedback")
        of_pairs = pairs.select(*PAIR, "evidence")
        found["online"] = _online(signs.join(of_pairs, on=PAIR))
    return found


def _online(signs: pl.DataFrame) -> dict[str, int]:
    """Pairs on which shoppers and the judge differ.

    Those that were judged exact and are skipped or returned, and those judged strictly
    that shoppers keep.
    """
    # what shoppers show, and what the judge had said
    grades = {
        "skipped, judged exact": (Grade.IRRELEVANT, Grade.EXACT),
        "returned, judged exact": (Grade.IRRELEVANT, Grade.EXACT),
        "bought, judged strictly": (Grade.EXACT, Grade.IRRELEVANT),
    }
    seen = signs.filter(pl.col("kind").is_in(list(grades))).unique(PAIR).sort(PAIR)

    graded: list[Graded] = []
    for kind, text in seen.select("kind", "evidence").iter_rows():
        wanted, answered = grades[kind]
        graded.append((wanted, answered, Evidence.many_from_json(text)))
    return confusions(graded)


def _confused(human: pl.DataFrame, answered: pl.DataFrame) -> dict[str, int]:
    """Error types of the pairs on which answers and humans differ."""
    given = answered.select(*PAIR, pl.col("grade").alias("answered"))
    both = human.join(given, on=PAIR).sort(PAIR)
    both = both.drop_nulls("answered")
    both = both.select("grade", "answered", "evidence")

    graded: list[Graded] = []
    for grade, answer, text in both.iter_rows():
        found = Evidence.many_from_json(text)
        graded.append((grade, answer, found))
    return confusions(graded)


# ---------------------------------------------------------------- drafts


def _typed(
    config: Config,
    workshop: EditContext,
    sources: list[Source],
    shares: Mapping[str, float],
) -> Rows:
    """Candidates per type, up to three times its share: enough for what other types lack."""
    made: Rows = {}
    rounds = config.per_query * config.per_pair
    names = [name for name, share in shares.items() if share > 0]
    for name in progress(names, "error types"):
        enough = math.ceil(3 * shares[name] * config.total)
        limit = min(config.per_type, enough)
        make = _maker(config, workshop, name)
        made[name] = of_type(sources, make, limit=limit, rounds=rounds)
    return made


def _maker(
    config: Config, workshop: EditContext, error: str
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
    """Candidates of one type, a pair of every query in turn: no query crowds out the others.

    Args:
        sources: good pairs; the order of their queries is the order of the turns.
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
    workshop: EditContext,
    source: Source,
    error: str,
    edits: tuple[Edit, ...],
    *,
    rng: Random,
    limit: int,
) -> Iterator[dict[str, Any]]:
    """A pair's candidates: the first draft that holds of each edit, then the second, ...

    Real items come first.

    Args:
        workshop: catalogue, and the check whether a draft holds.
        source: the good pair.
        error: name of the error type.
        edits: what makes it, one or more; the first may be the type's pick of real
            items.
        rng: draws the order of the other edits, and then for all of them.
        limit: most candidates.

    Returns:
        Rows of the table ``candidates``.
    """
    real = 1 if error in PICKS and edits[0] == PICKS[error] else 0
    rest = list(edits[real:])
    ordered = (*edits[:real], *rng.sample(rest, len(rest)))
    queues = [edit(source, workshop.catalogue, rng) for edit in ordered]

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
    config: Config, workshop: EditContext, sources: list[Source]
) -> list[dict[str, Any]]:
    """The comparator that knows no error type.

    Random items as irrelevant, good pairs as they are, half and half.
    """
    if not sources:
        return []

    rng = Random(config.seed)
    items = workshop.catalogue.items
    ids = [item_id for item_id in sorted(items) if workshop.open(item_id)]
    rows: dict[str, dict[str, Any]] = {}
    for at in range(2 * config.total):
        source = sources[at % len(sources)]
        item = items[rng.choice(ids)]
        if item.item_id in source.known or len(rows) >= config.total:
            continue

        drawn = Draft(source.query, item, "", REAL)
        evidence = workshop.found(source.query, item)
        random = row_of(source, drawn, "category", evidence)

        unedited = Draft(source.query, source.item, "", "none")
        good = row_of(source, unedited, "synonym", source.evidence)

        for row in (random, good):
            rows.setdefault(row["synthetic_id"], {**row, "error_type": UNTYPED})
    return list(rows.values())
