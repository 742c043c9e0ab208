"""Stage ``verify``: keeps the candidates on which all checks agree.

The checks are of the judges' grades, the changed attribute, leakage and fluency. The stage
also writes the frozen adversarial set of the test queries, which measures the student's
robustness.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from pydantic import Field

from adore.artifacts import read_shards, read_table, write_table
from adore.attributes.evidence import language_of
from adore.attributes.language_packs import load_language
from adore.config import StageConfig
from adore.progress import log_line
from adore.storage import write_json
from adore.synthesis.adversarial import adversarial
from adore.synthesis.candidate import UNTYPED, Candidate, normalise
from adore.synthesis.checks import QueryChecks, agrees
from adore.synthesis.minimality import edit_fault
from adore.taxonomy import ERROR_TYPES
from adore.types import PAIR, Evidence, Grade

__all__ = ["REASONS", "Config", "run"]

REASONS: dict[str, str] = {
    "unanswered": "The judge gave no answer for the pair.",
    "judge": "Too few of the judge's answers are near the intended grade.",
    "attribute": "More or less than the intended attribute differs from the good pair.",
    "leakage": "The query is, or nearly is, a query held out for dev or test.",
    "duplicate": "The same query and item are already kept.",
    "fluency": "The edited query reads like no real query.",
    "text": "A text is empty or too long.",
}
"""Why a candidate is not kept; the ``reason`` of the table ``rejected``."""


class Config(StageConfig):
    """How far judge and intention may differ, and what counts as leaked."""

    tolerance: int = 1
    """Largest distance between the judge's grade and the intended one.

    Never across exact / not exact.
    """
    agreement: float = Field(0.67, gt=0, le=1)
    """Share of a pair's answers that must fit the intention (k of n).

    Several folders of answers, of other judges or of samples of one, are so many votes;
    with one answer it alone decides.
    """
    fluency: float = Field(0.02, ge=0, lt=1)
    """Share of real queries that read worse than the threshold.

    Below it, an edited query is refused.
    """
    near: float = Field(0.8, gt=0, le=1)
    """Jaccard index of word stems from which two queries are the same."""
    max_query: int = 200
    """Longest query, in characters."""
    max_title: int = 2_000
    """Longest title, in characters."""
    examples: int = 3
    """Examples per error type in ``yield.json``."""


@dataclass(frozen=True, slots=True)
class _Judged:
    """A candidate with its judges' grades, in the order of their folders; none: no answer."""

    candidate: Candidate
    grades: Sequence[int]

    @property
    def error_type(self) -> str:
        """Name of the candidate's error type."""
        return self.candidate.error_type

    @property
    def title(self) -> str:
        """The item's title."""
        item = json.loads(self.candidate.item)
        title = item.get("title") or ""
        return str(title).strip()

    def to_row(self) -> dict[str, object]:
        """The candidate's columns and the first judge's grade."""
        row = self.candidate.to_row()
        row["answered_grade"] = None
        if self.grades:
            row["answered_grade"] = self.grades[0]
        return row


@dataclass(frozen=True, slots=True)
class _Rejection:
    """Why a candidate is not kept: one of :data:`REASONS`, and what it is about."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class _Rejected:
    """A candidate that is not kept."""

    judged: _Judged
    rejection: _Rejection

    def to_row(self) -> dict[str, object]:
        """The candidate's columns, and why it is not kept."""
        row = self.judged.to_row()
        row["reason"] = self.rejection.reason
        row["detail"] = self.rejection.detail
        return row


def run(
    config: Config,
    prepared: Path,
    evidence: Path,
    candidates: Path,
    judged: list[Path],
    output: Path,
) -> dict[str, float]:
    """Write ``synthetic``, ``rejected`` (with reason), ``adversarial`` and ``yield.json``.

    The last has counts, examples and the human audit of real picks per error type.

    Args:
        config: how strict the checks are.
        prepared: output of ``prepare``.
        evidence: output of ``evidence``.
        candidates: output of ``synthesise``.
        judged: outputs of ``judge`` on the candidates; each is a vote.
        output: folder to write to.

    Returns:
        Candidates made and accepted and their ratio, in all and per error type.

    Raises:
        MissingError: a table is not there.
        DataError: a table cannot be read.
    """
    # in order of the ids: of two equal pairs, the first is kept
    verifier = _Verifier(config, prepared)
    accepted_candidates: list[_Judged] = []
    rejected_candidates: list[_Rejected] = []
    for judged_candidate in _judged_candidates(candidates, judged):
        rejection = verifier.check(judged_candidate)
        if rejection is None:
            accepted_candidates.append(judged_candidate)
        else:
            rejected_candidates.append(_Rejected(judged_candidate, rejection))

    kept_rows = [judged_candidate.to_row() for judged_candidate in accepted_candidates]
    rejected_rows = [
        judged_candidate.to_row() for judged_candidate in rejected_candidates
    ]
    answered = {"answered_grade": pl.Int64}
    with_detail = {**answered, "detail": pl.String}
    _write(kept_rows, output, "synthetic", answered)
    _write(rejected_rows, output, "rejected", with_detail)

    adversarial_pairs = adversarial(prepared, evidence)
    write_table(adversarial_pairs, output, "adversarial")

    plan_path = candidates / "plan.json"
    plan: dict[str, object] = {}
    if plan_path.is_file():
        plan = json.loads(plan_path.read_text("utf-8"))
    summary = _summary(config, accepted_candidates, rejected_candidates)
    summary["nothing"] = plan.get("nothing", {})
    summary["audit"] = plan.get("audit", {})
    write_json(summary, output / "yield.json")
    if rejected_candidates and not accepted_candidates:
        log_line("    verify: no candidate was kept; see rejected.parquet for why")
    return _metrics(accepted_candidates, rejected_candidates)


def _metrics(
    accepted_candidates: Sequence[_Judged], rejected_candidates: Sequence[_Rejected]
) -> dict[str, float]:
    """Candidates made and accepted and their ratio, in all and per error type."""
    made_count = len(accepted_candidates) + len(rejected_candidates)
    accepted_count = len(accepted_candidates)
    metrics: dict[str, float] = {
        "made": made_count,
        "accepted": accepted_count,
        "yield": accepted_count / max(1, made_count),
    }

    # a ratio for each type that was made; the others have none
    accepted_of_type = Counter(judged.error_type for judged in accepted_candidates)
    rejected_of_type = Counter(entry.judged.error_type for entry in rejected_candidates)
    for error_type in (*ERROR_TYPES, UNTYPED):
        accepted_count = accepted_of_type[error_type]
        made_count = accepted_count + rejected_of_type[error_type]
        if made_count:
            metrics[f"yield_{error_type}"] = accepted_count / made_count
    return metrics


def _write(
    rows: list[dict[str, object]],
    output: Path,
    name: str,
    dtypes: Mapping[str, type[pl.DataType]],
) -> None:
    """A table; columns that its schema does not know get the data types that are named."""
    frame = write_table(rows, output, name)
    casts: list[pl.Expr] = []
    for column, dtype in dtypes.items():
        if column in frame.columns:
            cast = pl.col(column).cast(dtype)
            casts.append(cast)

    path = output / f"{name}.parquet"
    frame.with_columns(casts).write_parquet(path)


def _judged_candidates(candidates: Path, judged: list[Path]) -> Iterator[_Judged]:
    """Candidates in the order of their ids, with all of their grades."""
    every_grade = read_shards(judged, "teacher_judgements", [*PAIR, "grade"])

    # all grades of a pair in one list
    by_pair = every_grade.group_by(PAIR, maintain_order=True)
    all_grades = pl.col("grade").alias("grades")
    pair_grades = by_pair.agg(all_grades)

    candidate_table = read_table(candidates, "candidates")
    candidate_table = candidate_table.sort("synthetic_id")
    # a left join: candidates that nobody judged stay, without grades
    judged_table = candidate_table.join(
        pair_grades,
        on=PAIR,
        how="left",
        maintain_order="left",
    )
    for row in judged_table.iter_rows(named=True):
        candidate = Candidate.from_row(row)
        grades = row["grades"] or ()
        yield _Judged(candidate, grades)


class _Verifier:
    """All checks of a candidate; remembers what passed."""

    def __init__(self, config: Config, prepared: Path) -> None:
        self._config = config
        self._kept_pairs: set[tuple[str, str]] = set()
        queries = read_table(prepared, "queries")
        items = read_table(prepared, "items")
        texts = queries.select("query_id", "query")
        self._queries = dict(texts.iter_rows())

        is_held_out = pl.col("split") != "train"
        held_out = queries.filter(is_held_out)
        titles = items["title"].to_list()
        categories = items["category"].unique(maintain_order=True)
        language = load_language(language_of(prepared))
        self._query_checks = QueryChecks(
            texts=[*titles, *categories.to_list()],
            real_queries=self._queries.values(),
            held_out=held_out["query"].to_list(),
            language=language,
            near=config.near,
            fluency=config.fluency,
        )

    def check(self, judged: _Judged) -> _Rejection | None:
        """The first check that fails; None if all pass."""
        # the cheap checks come first
        rejection = (
            self._check_lengths(judged)
            or self._check_query(judged.candidate)
            or self._check_evidence(judged.candidate)
            or self._check_grades(judged)
        )
        if rejection is None:
            self._kept_pairs.add(_normalised_pair(judged.candidate))
        return rejection

    def _check_lengths(self, judged: _Judged) -> _Rejection | None:
        """No text may be empty or too long."""
        query_length = len(judged.candidate.query.strip())
        title_length = len(judged.title)
        query_fits = 0 < query_length <= self._config.max_query
        title_fits = 0 < title_length <= self._config.max_title
        if query_fits and title_fits:
            return None
        detail = f"query of {query_length}, title of {title_length} characters"
        return _Rejection("text", detail)

    def _check_query(self, candidate: Candidate) -> _Rejection | None:
        """The query must be new, and read like one."""
        query = candidate.query.strip()
        repeated = self._query_checks.repeated_query(query)
        if repeated:
            return _Rejection("leakage", f"held-out query: {repeated}")
        if _normalised_pair(candidate) in self._kept_pairs:
            return _Rejection("duplicate", "query and item are already kept")

        source = self._queries[candidate.source_query_id]
        disfluency = self._query_checks.disfluency(query, source)
        if disfluency:
            return _Rejection("fluency", disfluency)
        return None

    def _check_evidence(self, candidate: Candidate) -> _Rejection | None:
        """Only the intended attribute may differ from the good pair."""
        if candidate.error_type == UNTYPED:
            return None
        before = Evidence.many_from_json(candidate.source_evidence)
        after = Evidence.many_from_json(candidate.evidence)
        fault = edit_fault(
            error_type=candidate.error_type,
            attribute=candidate.attribute,
            before=before,
            after=after,
        )
        if fault:
            return _Rejection("attribute", fault)
        return None

    def _check_grades(self, judged: _Judged) -> _Rejection | None:
        """Enough of the judges' grades must be near the intended one."""
        grades = judged.grades
        if not grades:
            return _Rejection("unanswered", "no answer for the pair")

        intended = judged.candidate.intended_grade
        votes = 0
        for grade in grades:
            if agrees(grade, intended, self._config.tolerance):
                votes += 1
        needed = self._config.agreement * len(grades)
        if votes >= needed:
            return None

        letters = ", ".join(Grade(grade).letter for grade in grades)
        intended_letter = Grade(intended).letter
        detail = f"the judge says {letters}, intended is {intended_letter}"
        return _Rejection("judge", detail)


def _normalised_pair(candidate: Candidate) -> tuple[str, str]:
    """What makes two candidates the same: the query, normalised, and the item's id."""
    return normalise(candidate.query), candidate.item_id


# ---------------------------------------------------------------- yield.json


def _summary(
    config: Config,
    accepted_candidates: Sequence[_Judged],
    rejected_candidates: Sequence[_Rejected],
) -> dict[str, object]:
    """The contents of ``yield.json``: in all, and per error type."""
    types: list[dict[str, object]] = []
    for error_type in (*ERROR_TYPES, UNTYPED):
        kept_of_type = [
            judged for judged in accepted_candidates if judged.error_type == error_type
        ]
        reasons = Counter[str]()
        for entry in rejected_candidates:
            if entry.judged.error_type == error_type:
                reasons[entry.rejection.reason] += 1

        accepted_count = len(kept_of_type)
        made_count = accepted_count + reasons.total()
        if error_type == UNTYPED and not made_count:
            continue
        types.append(
            {
                "error_type": error_type,
                "made": made_count,
                "accepted": accepted_count,
                "rejected": dict(sorted(reasons.items())),
                "examples": _examples(kept_of_type, config.examples),
            }
        )

    accepted_count = len(accepted_candidates)
    made_count = accepted_count + len(rejected_candidates)
    return {
        "made": made_count,
        "accepted": accepted_count,
        "yield": accepted_count / max(1, made_count),
        "reasons": REASONS,
        "types": types,
    }


def _examples(accepted: Sequence[_Judged], number: int) -> list[dict[str, str]]:
    """The first candidates of different source queries, as far as there are."""
    first_of_query: dict[str, _Judged] = {}
    for judged in accepted:
        query_id = judged.candidate.source_query_id
        first_of_query.setdefault(query_id, judged)

    different = list(first_of_query.values())
    chosen = different[:number]
    return [_example(judged) for judged in chosen]


def _example(judged: _Judged) -> dict[str, str]:
    """A kept candidate for people, with what is in conflict in the edited attribute."""
    candidate = judged.candidate
    asked_value = ""
    found_value = ""
    for fact in Evidence.many_from_json(candidate.evidence):
        is_edited = fact.attribute == candidate.attribute
        if is_edited and fact.state == "conflict":
            asked_value = fact.asked
            found_value = fact.found
            break

    return {
        "query": candidate.query,
        "title": judged.title,
        "edit": candidate.edit,
        "intended": Grade(candidate.intended_grade).letter,
        "answered": Grade(judged.grades[0]).letter,
        "asked": asked_value,
        "found": found_value,
    }
