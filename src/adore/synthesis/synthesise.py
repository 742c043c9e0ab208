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
from typing import Literal

import polars as pl
from pydantic import Field, field_validator

from adore.artifacts import read_shards, read_table, write_table
from adore.config import StageConfig
from adore.errors import check
from adore.progress import log_line, progress
from adore.storage import write_json
from adore.synthesis.allocation import GradedPair, count_errors, quotas, type_shares
from adore.synthesis.audit import audit
from adore.synthesis.candidate import UNTYPED, Candidate, make_candidate
from adore.synthesis.edits import Source, training_edits
from adore.synthesis.edits.base import REAL_ITEM
from adore.synthesis.generator import (
    EditContext,
    candidates_of_type,
    find_sources,
    generate,
    read_grades,
    read_human_grades,
    shuffle_key,
)
from adore.types import PAIR, Evidence, Grade, Item

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
    scores: Path | None = None,
    feedback: Path | None = None,
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
        scores: output of ``distil`` of an earlier run: its student's answers to dev
            queries that it did not learn from.
        feedback: output of ``feedback``. What shoppers skip or return although it was
            judged exact, and what they buy although it was judged strictly, counts too.

    Returns:
        Candidates made, in all and per error type; good pairs used; drafts that were
        dropped because of their evidence.

    Raises:
        ConfigError: an unknown or negative weight, or ``scores`` of other dev pairs.
        MissingError: a table is not there.
        DataError: a table cannot be read.
    """
    context = EditContext(prepared, evidence)
    sources = _sources(config, context, prepared, judged)
    errors = _errors(prepared, evidence, judged, scores, feedback)

    if config.strategy == "untyped":
        shares = {UNTYPED: 1.0}
        candidates_by_type = {UNTYPED: _untyped(config, context, sources)}
        per_type = config.total
    else:
        shares = type_shares(config.weights)
        if config.strategy == "aware":
            shares = type_shares(config.weights, *errors.values())
        candidates_by_type = _typed(config, context, sources, shares)
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
        "errors": errors,
        "shares": shares,
        "available": counts,
        "made": selected,
        "nothing": _reasons_for_nothing(context, counts),
        "audit": audit(sources, context),
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
        "good_pairs": len(sources),
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

    train = _queries_of_split(prepared, "train")
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

    answered = _first_answers(judged)
    confident = answered.filter(is_exact, is_confident)
    return confident.select(*PAIR, "grade")


def _queries_of_split(prepared: Path, split: str) -> pl.DataFrame:
    """The ids of a split's queries."""
    queries = read_table(prepared, "queries")
    is_in_split = pl.col("split") == split
    return queries.filter(is_in_split).select("query_id")


def _first_answers(folders: list[Path]) -> pl.DataFrame:
    """The first answer to each pair."""
    columns = [*PAIR, "grade", "probabilities"]
    every_answer = read_shards(folders, "teacher_judgements", columns)
    return every_answer.unique(PAIR, keep="first", maintain_order=True)


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


# ---------------------------------------------------------------- errors


def _errors(
    prepared: Path,
    evidence: Path,
    judged: list[Path],
    scores: Path | None,
    feedback: Path | None,
) -> dict[str, dict[str, int]]:
    """Errors per error type: of teacher and student on dev queries, and seen by shoppers."""
    pairs = read_table(evidence, "pairs")
    dev = _queries_of_split(prepared, "dev")
    human_grades = read_grades(prepared, "judgements")
    human_grades = human_grades.join(dev, on="query_id")
    human_grades = human_grades.join(pairs, on=PAIR)

    teacher_grades = _first_answers(judged)
    errors = {"teacher": _offline_errors(human_grades, teacher_grades)}
    if scores is not None:
        student_scores = read_table(scores, "scores")
        shared = human_grades.join(student_scores, on=PAIR, how="semi")
        check(
            shared.height > 0,
            "synthesise.previous",
            str(scores),
            must="of a run on the same dev pairs",
            fix="name another",
        )
        errors["student"] = _offline_errors(human_grades, student_scores)
    if feedback is not None:
        signs = read_table(feedback, "feedback")
        evidence_of_pairs = pairs.select(*PAIR, "evidence")
        signs = signs.join(evidence_of_pairs, on=PAIR)
        errors["online"] = _online_errors(signs)
    return errors


_SHOWN_AND_JUDGED = {
    "skipped, judged exact": (Grade.IRRELEVANT, Grade.EXACT),
    "returned, judged exact": (Grade.IRRELEVANT, Grade.EXACT),
    "bought, judged strictly": (Grade.EXACT, Grade.IRRELEVANT),
}
"""Kind of feedback to the grade that shoppers show and the grade that the judge gave."""


def _online_errors(signs: pl.DataFrame) -> dict[str, int]:
    """Error types of the pairs on which shoppers and the judge differ."""
    kinds = list(_SHOWN_AND_JUDGED)
    is_error = pl.col("kind").is_in(kinds)
    errors = signs.filter(is_error)
    errors = errors.unique(PAIR).sort(PAIR)
    errors = errors.select("kind", "evidence")

    pairs: list[GradedPair] = []
    for kind, evidence_text in errors.iter_rows():
        shown_grade, judged_grade = _SHOWN_AND_JUDGED[kind]
        pair = GradedPair(
            human=shown_grade,
            answered=judged_grade,
            evidence=Evidence.many_from_json(evidence_text),
        )
        pairs.append(pair)
    return count_errors(pairs)


def _offline_errors(
    human_grades: pl.DataFrame, answered: pl.DataFrame
) -> dict[str, int]:
    """Error types of the pairs on which answers and humans differ."""
    answered_grade = pl.col("grade").alias("answered")
    grades = answered.select(*PAIR, answered_grade)
    graded_twice = human_grades.join(grades, on=PAIR)
    graded_twice = graded_twice.sort(PAIR)
    graded_twice = graded_twice.drop_nulls("answered")
    graded_twice = graded_twice.select("grade", "answered", "evidence")

    pairs: list[GradedPair] = []
    for human_grade, other_grade, evidence_text in graded_twice.iter_rows():
        pair = GradedPair(
            human=human_grade,
            answered=other_grade,
            evidence=Evidence.many_from_json(evidence_text),
        )
        pairs.append(pair)
    return count_errors(pairs)


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
