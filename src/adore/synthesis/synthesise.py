"""Stage ``synthesise``: edits good pairs of the training queries into candidates.

Each candidate is one edit of one error type.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Literal, Unpack

import polars as pl
from pydantic import Field, field_validator

from adore.artifacts import write_table
from adore.config import StageConfig
from adore.progress import log_line, progress
from adore.storage import write_json
from adore.synthesis.allocation import quotas, type_shares
from adore.synthesis.audit import audit
from adore.synthesis.candidate import UNTYPED, Candidate, make_candidate
from adore.synthesis.edits import Source, training_edits
from adore.synthesis.edits.base import REAL_ITEM
from adore.synthesis.error_sources import (
    ErrorSources,
    errors_by_source,
    first_answers,
    queries_of_split,
)
from adore.synthesis.generator import (
    EditContext,
    candidates_of_type,
    find_sources,
    generate,
    read_grades,
    read_human_grades,
    shuffle_key,
)
from adore.types import PAIR, Grade, Item

__all__ = ["Config", "run"]

Candidates = dict[str, list[Candidate]]
"""Error type to its candidates."""


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
    experiment: str = ""
    """Place of an earlier round's ``experiment``.

    Purchases that its challenger lost count by error type; empty: none.
    """
    confidence: float = 0.8
    """P(E) from which a judge's E counts as good where no human graded."""

    @field_validator("weights")
    @classmethod
    def _check_weights(cls, weights: dict[str, float]) -> dict[str, float]:
        type_shares(weights)
        return weights


def run(
    config: Config,
    prepared: Path,
    evidence: Path,
    judged: list[Path],
    output: Path,
    **sources: Unpack[ErrorSources],
) -> dict[str, float]:
    """Write ``candidates`` and ``plan.json``.

    The plan has the shares of the error types and their reasons, what was made and
    dropped, and the human audit.

    Args:
        config: how many candidates of which error types, from which pairs.
        prepared: output of ``prepare``.
        evidence: output of ``evidence``.
        judged: outputs of ``judge``; a pair's first answer counts.
        output: folder to write to.
        **sources: outputs of the steps that tell errors, see :class:`ErrorSources`.

    Returns:
        Candidates made, in all and per error type; good pairs used; drafts that were
        dropped because of their evidence.

    Raises:
        ConfigError: an unknown or negative weight, or ``scores`` of other dev pairs.
        MissingError: a table is not there.
        DataError: a table cannot be read.
    """
    context = EditContext(prepared, evidence)
    good_pairs = _sources(config, context, prepared, judged)
    errors = errors_by_source(prepared, evidence, judged, sources)

    if config.strategy == "untyped":
        shares = {UNTYPED: 1.0}
        candidates_by_type = {UNTYPED: _untyped(config, context, good_pairs)}
        per_type = config.total
    else:
        shares = type_shares(config.weights)
        if config.strategy == "aware":
            shares = type_shares(config.weights, *errors.values())
        candidates_by_type = _typed(config, context, good_pairs, shares)
        per_type = config.per_type

    counts: dict[str, int] = {}
    for error_type, candidates in candidates_by_type.items():
        counts[error_type] = len(candidates)
    selected = quotas(shares, total=config.total, per_type=per_type, available=counts)
    selected_candidates: list[Candidate] = []
    for error_type, number in selected.items():
        selected_candidates += candidates_by_type[error_type][:number]
    _write_candidates(selected_candidates, output)

    plan = {
        "strategy": config.strategy,
        "errors_weigh": config.strategy == "aware" and not config.weights,
        "errors": errors,
        "shares": shares,
        "available": counts,
        "made": selected,
        "nothing": _reasons_for_nothing(context, counts),
        "audit": audit(good_pairs, context),
    }
    write_json(plan, output / "plan.json")
    if not selected_candidates:
        log_line(
            "    synthesise: no good pair could be edited; "
            "the student learns from judged pairs alone"
        )

    dropped = 0
    for reasons in context.dropped.values():
        dropped += reasons.total()

    metrics: dict[str, float] = {
        "made": len(selected_candidates),
        "good_pairs": len(good_pairs),
        "drafts_dropped": dropped,
    }
    for error_type, number in selected.items():
        metrics[f"made_{error_type}"] = number
    return metrics


def _write_candidates(candidates: list[Candidate], output: Path) -> None:
    """Write the table, in order of the ids."""
    # by id, so that the order says nothing of how they were made
    candidates.sort(key=lambda candidate: candidate.synthetic_id)
    rows = [candidate.to_row() for candidate in candidates]
    write_table(rows, output, "candidates")


def _reasons_for_nothing(
    context: EditContext, counts: Mapping[str, int]
) -> dict[str, str]:
    """Why error types without a candidate have none."""
    reasons: dict[str, str] = {}
    for error_type, count in counts.items():
        if count:
            continue
        reasons[error_type] = "no good pair offers what it needs"
        dropped = context.dropped.get(error_type, Counter())
        for reason, times in dropped.most_common(1):
            reasons[error_type] = f"no draft was valid; {times} times: {reason}"
    return reasons


# ---------------------------------------------------------------- good pairs


def _good_pairs(
    config: Config, prepared: Path, judged: list[Path]
) -> dict[str, list[str]]:
    """Training query id to its good items: exact for people, or else for a confident judge."""
    human_grades = read_grades(prepared, "judgements")
    is_exact = pl.col("grade") == int(Grade.EXACT)
    human_exact = human_grades.filter(is_exact)

    # a judge's grade counts only where no human graded the pair
    confident = _confident_answers(judged, config.confidence)
    ungraded = confident.join(human_grades, on=PAIR, how="anti")

    train = queries_of_split(prepared, "train")
    pairs = pl.concat([human_exact, ungraded])
    pairs = pairs.join(train, on="query_id")
    pairs = pairs.sort(PAIR).select(PAIR)

    good_items: dict[str, list[str]] = defaultdict(list)
    for query_id, item_id in pairs.iter_rows():
        good_items[query_id].append(item_id)
    return good_items


def _confident_answers(judged: list[Path], confidence: float) -> pl.DataFrame:
    """Pairs that the judge calls exact with this probability or more."""
    exact = int(Grade.EXACT)
    is_exact = pl.col("grade") == exact
    probability = pl.col("probabilities").list.get(exact)
    is_confident = probability >= confidence

    answered = first_answers(judged)
    confident = answered.filter(is_exact, is_confident)
    return confident.select(*PAIR, "grade")


def _sources(
    config: Config, context: EditContext, prepared: Path, judged: list[Path]
) -> list[Source]:
    """The good pairs to edit."""
    graded = read_human_grades(prepared)
    good = _good_pairs(config, prepared, judged)
    return find_sources(
        context,
        good,
        graded,
        per_query=config.per_query,
        seed=config.seed,
    )


# ---------------------------------------------------------------- candidates


def _typed(
    config: Config,
    context: EditContext,
    sources: list[Source],
    shares: Mapping[str, float],
) -> Candidates:
    """Candidates per type, up to three times its share: enough for what other types lack."""
    candidates_by_type: Candidates = {}
    per_query = config.per_query * config.per_pair
    wanted_types: list[str] = []
    for error_type, share in shares.items():
        if share > 0:
            wanted_types.append(error_type)

    for error_type in progress(wanted_types, "error types"):
        # more than its share: other types may have fewer
        enough = math.ceil(3 * shares[error_type] * config.total)
        candidates_by_type[error_type] = candidates_of_type(
            sources,
            _maker(config, context, error_type),
            limit=min(config.per_type, enough),
            per_query=per_query,
        )
    return candidates_by_type


def _maker(
    config: Config, context: EditContext, error_type: str
) -> Callable[[Source], Iterator[Candidate]]:
    """From a good pair to its candidates of an error type."""
    edits = training_edits(error_type)

    def make(source: Source) -> Iterator[Candidate]:
        item_id = source.item.item_id
        key = shuffle_key(config.seed, error_type, source.query_id, item_id)
        return generate(
            context,
            source,
            error_type,
            edits,
            rng=Random(key),
            limit=config.per_pair,
        )

    return make


def _untyped(
    config: Config, context: EditContext, sources: Sequence[Source]
) -> list[Candidate]:
    """Candidates without an error type: random items as irrelevant, good pairs as they are."""
    if not sources:
        return []

    rng = Random(config.seed)
    items = context.catalogue.items
    item_ids: list[str] = []
    for item_id in sorted(items):
        if context.is_eligible(item_id):
            item_ids.append(item_id)

    # each source in turn, with a random item; twice as often as needed
    candidates: dict[str, Candidate] = {}
    turns = itertools.cycle(sources)
    for source in itertools.islice(turns, 2 * config.total):
        item_id = rng.choice(item_ids)
        is_enough = len(candidates) >= config.total
        if is_enough or item_id in source.excluded:
            continue

        for candidate in _untyped_pair(context, source, items[item_id]):
            untyped = replace(candidate, error_type=UNTYPED)
            candidates.setdefault(untyped.synthetic_id, untyped)
    return list(candidates.values())


def _untyped_pair(
    context: EditContext, source: Source, item: Item
) -> Iterator[Candidate]:
    """A random pair and a good one, by types with the grades irrelevant and exact."""
    random_draft = source.with_pick(item, REAL_ITEM)
    evidence = context.evidence(source.query, item)
    yield make_candidate(
        source=source,
        draft=random_draft,
        error_type="category",
        evidence=evidence,
    )

    unedited = source.with_item(source.item, "none")
    yield make_candidate(
        source=source,
        draft=unedited,
        error_type="synonym",
        evidence=source.evidence,
    )
