"""Explains a served score by its evidence, rules, judgements and sources.

It reads the manifests and tables of a run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from adore.artifacts import read_manifest, read_table
from adore.attributes.comparison import compare, is_stuffed
from adore.attributes.lexicon import Lexicon
from adore.attributes.reader import Reader
from adore.data.queries import normalise_query
from adore.errors import MissingError, check
from adore.pipeline.explanation import (
    AppliedRules,
    Call,
    Explanation,
    LineageStep,
    PairJudgement,
    QueryMatch,
    ServedScore,
)
from adore.prompts import ANSWER_PREFIX, trace
from adore.rulebook import RULEBOOK_FILE, RuleBook
from adore.storage import join, local_copy
from adore.types import Evidence, Grade, Item, by_letter, item_from_row

__all__ = ["explain_pair"]

Row = dict[str, Any]
TINY_TEACHER = "tiny-llama@"
"""Prefix of the name of a judge whose prompt is the evidence trace."""


@dataclass(frozen=True, slots=True)
class _Run:
    """A run: where it lies, and a local copy of it."""

    place: str
    folder: Path

    def has(self, step: str) -> bool:
        """Whether a step of one output is done."""
        return read_manifest(self.folder / step) is not None


# ---------------------------------------------------------------- tables


def _query_splits(run: _Run, text: str) -> dict[str, str]:
    """Id and split of every query of that text."""
    wanted_text = normalise_query(text)
    queries = read_table(run.folder / "prepare", "queries")
    split_of_query = {}
    for query_id, split, query in queries.select(
        "query_id", "split", "query"
    ).iter_rows():
        if normalise_query(query) == wanted_text:
            split_of_query[query_id] = split
    return split_of_query


def _of_pair(frame: pl.DataFrame, query_id: str, item_id: str) -> list[Row]:
    is_query = pl.col("query_id") == query_id
    is_item = pl.col("item_id") == item_id
    return frame.filter(is_query & is_item).to_dicts()


def _table_rows(run: _Run, step: str, table: str, **match: list[str]) -> list[Row]:
    """Rows of a table whose columns have one of the given values; none without the table."""
    step_folder = run.folder / step
    if not (step_folder / f"{table}.parquet").is_file():
        return []
    matching_rows = read_table(step_folder, table)
    for column, values in match.items():
        matching_rows = matching_rows.filter(pl.col(column).is_in(values))
    return matching_rows.to_dicts()


# ---------------------------------------------------------------- judgements


def _judgements(run: _Run, query_id: str, item_id: str) -> Iterator[PairJudgement]:
    """Yield human and teacher judgements of the pair, or why a judge gave none."""
    human_judgements = read_table(run.folder / "prepare", "judgements")
    for human_row in _of_pair(human_judgements, query_id, item_id):
        grade_letter = Grade(human_row["grade"]).letter
        yield PairJudgement("human", join(run.place, "prepare"), grade_letter)
    for judging_step in ("judge", "judge-again", "judge-candidates"):
        for shard_folder in sorted((run.folder / judging_step).glob("*/")):
            shard_place = join(run.place, judging_step, shard_folder.name)
            for judgement in _of_shard(shard_folder, judging_step, query_id, item_id):
                yield replace(judgement, source=shard_place)


def _of_shard(
    folder: Path, step: str, query_id: str, item_id: str
) -> Iterator[PairJudgement]:
    """Yield what one shard of a judging step says of the pair."""
    teacher_judgements = read_table(folder, "teacher_judgements")
    for judgement_row in _of_pair(teacher_judgements, query_id, item_id):
        rationale = json.loads(judgement_row["rationale"])
        teacher_details = {
            "rulebook": judgement_row["rulebook"],
            "rules": rationale["rule_ids"],
            "verdict": rationale["verdict"],
        }
        yield PairJudgement(
            by=f"{judgement_row['judge']} ({step})",
            source="",
            grade=Grade(judgement_row["grade"]).letter,
            details=teacher_details,
            call=_call(folder, query_id, item_id),
        )
    for reason in _refusals(folder, query_id, item_id):
        llm_call = _call(folder, query_id, item_id)
        yield PairJudgement(by=step, source="", refused=reason, call=llm_call)


def _refusals(folder: Path, query_id: str, item_id: str) -> Iterator[str]:
    """Yield why a judge's answers went to quarantine."""
    if not (folder / "quarantine.parquet").is_file():
        return
    quarantine = read_table(folder, "quarantine").select("reason", "row")
    for reason, row_json in quarantine.iter_rows():
        refused_row = json.loads(row_json)
        if refused_row["query_id"] == query_id and refused_row["item_id"] == item_id:
            yield reason


def _call(folder: Path, query_id: str, item_id: str) -> Call | None:
    """The call of an LLM behind an answer; None where no LLM was called."""
    calls_file = folder / "_calls.parquet"
    if not calls_file.is_file():
        return None
    calls_of_pair = _of_pair(pl.read_parquet(calls_file), query_id, item_id)
    if not calls_of_pair:
        return None
    call_row = calls_of_pair[0]
    return Call({**call_row, "prompt": json.loads(call_row["prompt"])})


def _with_trace(
    judgement: PairJudgement, evidence: Sequence[Evidence]
) -> PairJudgement:
    """Add the tiny LM's prompt, the evidence trace: its answers have no recorded call.

    It does not judge items with a stuffed title, see
    :class:`adore.teacher.backends.evidence.EvidenceJudge`.

    Returns:
        The judgement, with its prompt where the tiny LM gave it.
    """
    if not judgement.by.startswith(TINY_TEACHER):
        return judgement
    if is_stuffed(tuple(evidence)):
        by = f"the rule book alone (stuffed title), for {judgement.by}"
        return replace(judgement, by=by)
    return replace(judgement, prompt=trace(evidence) + ANSWER_PREFIX)


# ---------------------------------------------------------------- score and lineage


def _served_score(
    run: _Run, query: str, query_ids: list[str], item_id: str
) -> ServedScore:
    """The student's score and rank of the item in the query's known list."""
    from adore.student.rankers import load_ranker

    all_pairs = read_table(run.folder / "evidence", "pairs")
    pairs_of_query = all_pairs.filter(pl.col("query_id").is_in(query_ids))
    item_ids = sorted({*pairs_of_query["item_id"].to_list(), item_id})
    # The item may be new to the query: it is then ranked among the query's known items.
    all_items = read_table(run.folder / "prepare", "items")
    listed_items = all_items.filter(pl.col("item_id").is_in(item_ids))
    candidate_items = [
        item_from_row(item_row) for item_row in listed_items.iter_rows(named=True)
    ]

    ranker = load_ranker(run.folder / "distil")
    ranked_scores = sorted(
        ranker.rank(query, candidate_items), key=lambda score: -score.score
    )
    ranked_ids = [score.item_id for score in ranked_scores]
    position = ranked_ids.index(item_id)
    score = ranked_scores[position]
    probabilities = [round(probability, 4) for probability in score.probabilities]
    return ServedScore(
        model=ranker.version,
        score=round(score.score, 4),
        grade=score.grade.letter,
        probabilities=by_letter(probabilities),
        rank=position + 1,
        of=len(ranked_scores),
        attributes={name: dict(state) for name, state in score.attributes.items()},
    )


def _flat(places: Mapping[str, str | list[str]]) -> list[str]:
    flat_places = []
    for place in places.values():
        if isinstance(place, list):
            flat_places += place
        else:
            flat_places.append(place)
    return flat_places


def _lineage(last: list[str]) -> list[LineageStep]:
    """The steps behind some places, last first, and the input that no step made."""
    lineage = []
    seen_places = set[str]()
    # Breadth first: each place with the content hash that its reader saw.
    waiting = [(place, "") for place in last]
    while waiting:
        place, content = waiting.pop(0)
        if place in seen_places:
            continue
        seen_places.add(place)
        manifest = read_manifest(place)
        # Without a manifest it is a file of the user's, where the lineage ends.
        if manifest is None:
            lineage.append(LineageStep("input", place, content[:12], ""))
            continue
        content = manifest.content[:12]
        lineage.append(LineageStep(manifest.stage, place, content, manifest.code))
        waiting += zip(_flat(manifest.sources), _flat(manifest.inputs), strict=True)
    return lineage


def _last_places(run: _Run) -> list[str]:
    """Where the lineage of a score begins: the last step that is done."""
    if run.has("distil"):
        return [join(run.place, "distil")]
    # Without a student, the latest judgements are the last step that concerns the pair.
    for step in ("judge-again", "judge"):
        shard_manifests = sorted((run.folder / step).glob("*/manifest.json"))
        if shard_manifests:
            return [
                join(run.place, step, manifest_file.parent.name)
                for manifest_file in shard_manifests
            ]
    return [join(run.place, "evidence")]


# ---------------------------------------------------------------- the whole


def explain_pair(run_place: str, query: str, item_id: str) -> Explanation:
    """Explain the rank of an item for a query, from everything that the run knows.

    Args:
        run_place: a run's folder or place.
        query: the query's text; it need not be one of the shop's.
        item_id: an item of the catalogue.

    Returns:
        The explanation; without a student nothing is served.

    Raises:
        MissingError: the run has no evidence yet, or the catalogue no such item.
    """
    run = _Run(run_place, local_copy(run_place))
    check(
        run.has("evidence"),
        "run",
        run_place,
        must="with evidence",
        fix="run the steps prepare and evidence",
        error=MissingError,
    )
    item = _item(run, item_id)
    evidence = _evidence(run, query, item)
    split_of_query = _query_splits(run, query)
    query_ids = sorted(split_of_query)
    served_score = None
    if run.has("distil"):
        served_score = _served_score(run, query, query_ids, item_id)

    judgements = []
    for query_id in query_ids:
        for judgement in _judgements(run, query_id, item_id):
            judgements.append(_with_trace(judgement, evidence))
    return Explanation(
        query=QueryMatch(
            text=query,
            query_id=", ".join(query_ids),
            split=next(iter(split_of_query.values()), "unseen"),
        ),
        item={"item_id": item_id, "title": item.title},
        served=served_score,
        evidence=evidence,
        rules=_applied_rules(run, evidence),
        judgements=judgements,
        feedback=_feedback(run, query_ids, item_id),
        synthetic=_synthetic(run, query_ids, item_id),
        lineage=_lineage(_last_places(run)),
    )


def _item(run: _Run, item_id: str) -> Item:
    item_rows = _table_rows(run, "prepare", "items", item_id=[item_id])
    check(
        bool(item_rows),
        "item",
        item_id,
        must="in the catalogue",
        fix="use an item_id of prepare/items",
        error=MissingError,
    )
    return item_from_row(item_rows[0])


def _evidence(run: _Run, query: str, item: Item) -> list[Evidence]:
    lexicon_file = run.folder / "evidence" / "lexicon.json"
    lexicon = Lexicon.from_json(lexicon_file.read_text("utf-8"))
    reader = Reader(lexicon)

    query_reading = reader.read_query(query)
    item_reading = reader.read_item(item)
    return list(compare(query_reading, item_reading))


def _applied_rules(run: _Run, evidence: list[Evidence]) -> AppliedRules:
    """Apply the rule book: the one of the student, if there is a student."""
    rulebook_step = "distil" if run.has("distil") else "prepare"
    rulebook = RuleBook.load(str(run.folder / rulebook_step / RULEBOOK_FILE))
    verdict = rulebook.apply(evidence)
    guidelines = {rule_id.id: rule_id.guideline for rule_id in rulebook.rules}
    return AppliedRules(
        rulebook=rulebook.version,
        grade=verdict.grade.letter,
        reason=verdict.reason,
        applied={rule_id: guidelines.get(rule_id, "") for rule_id in verdict.rule_ids},
    )


def _feedback(run: _Run, query_ids: list[str], item_id: str) -> list[Row]:
    feedback_rows = _table_rows(
        run, "feedback", "feedback", query_id=query_ids, item_id=[item_id]
    )
    signs = []
    for feedback_row in feedback_rows:
        sign = {key: feedback_row[key] for key in ("kind", "desirable")}
        sign["events"] = feedback_row["event_ids"]
        signs.append(sign)
    return signs


def _synthetic(run: _Run, query_ids: list[str], item_id: str) -> list[Row]:
    """Synthetic pairs that were made of this pair."""
    synthetic_rows = _table_rows(
        run,
        "verify",
        "synthetic",
        source_query_id=query_ids,
        source_item_id=[item_id],
    )
    synthetic_pairs = []
    for synthetic_row in synthetic_rows:
        synthetic_pair = {"id": synthetic_row["synthetic_id"]}
        synthetic_pair.update(
            {key: synthetic_row[key] for key in ("error_type", "edit")}
        )
        synthetic_pairs.append(synthetic_pair)
    return synthetic_pairs
