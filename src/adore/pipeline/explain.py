"""From a served score back to evidence, rule, judgement and source.

Reads manifests and tables of a run.
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
"""Begins the name of a judge whose prompt is the evidence trace."""


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
    wanted = normalise_query(text)
    queries = read_table(run.folder / "prepare", "queries")
    splits = {}
    for query_id, split, query in queries.select(
        "query_id", "split", "query"
    ).iter_rows():
        if normalise_query(query) == wanted:
            splits[query_id] = split
    return splits


def _of_pair(frame: pl.DataFrame, query_id: str, item_id: str) -> list[Row]:
    is_query = pl.col("query_id") == query_id
    is_item = pl.col("item_id") == item_id
    return frame.filter(is_query & is_item).to_dicts()


def _table_rows(run: _Run, step: str, table: str, **match: list[str]) -> list[Row]:
    """Rows of a table whose columns have one of the given values; none without the table."""
    folder = run.folder / step
    if not (folder / f"{table}.parquet").is_file():
        return []
    frame = read_table(folder, table)
    for column, values in match.items():
        frame = frame.filter(pl.col(column).is_in(values))
    return frame.to_dicts()


# ---------------------------------------------------------------- judgements


def _judgements(run: _Run, query_id: str, item_id: str) -> Iterator[PairJudgement]:
    """Human and every teacher's judgement of the pair, or why there is none."""
    human = read_table(run.folder / "prepare", "judgements")
    for row in _of_pair(human, query_id, item_id):
        letter = Grade(row["grade"]).letter
        yield PairJudgement("human", join(run.place, "prepare"), letter)
    for step in ("judge", "judge-again", "judge-candidates"):
        for folder in sorted((run.folder / step).glob("*/")):
            source = join(run.place, step, folder.name)
            for judgement in _of_shard(folder, step, query_id, item_id):
                yield replace(judgement, source=source)


def _of_shard(
    folder: Path, step: str, query_id: str, item_id: str
) -> Iterator[PairJudgement]:
    """What one shard of a judging step says of the pair."""
    answers = read_table(folder, "teacher_judgements")
    for row in _of_pair(answers, query_id, item_id):
        rationale = json.loads(row["rationale"])
        details = {
            "rulebook": row["rulebook"],
            "rules": rationale["rule_ids"],
            "verdict": rationale["verdict"],
        }
        yield PairJudgement(
            by=f"{row['judge']} ({step})",
            source="",
            grade=Grade(row["grade"]).letter,
            details=details,
            call=_call(folder, query_id, item_id),
        )
    for reason in _refusals(folder, query_id, item_id):
        call = _call(folder, query_id, item_id)
        yield PairJudgement(by=step, source="", refused=reason, call=call)


def _refusals(folder: Path, query_id: str, item_id: str) -> Iterator[str]:
    """Why a judge's answers went to quarantine."""
    if not (folder / "quarantine.parquet").is_file():
        return
    quarantine = read_table(folder, "quarantine").select("reason", "row")
    for reason, text in quarantine.iter_rows():
        row = json.loads(text)
        if row["query_id"] == query_id and row["item_id"] == item_id:
            yield reason


def _call(folder: Path, query_id: str, item_id: str) -> Call | None:
    """The call of an LLM behind an answer; None where no LLM was called."""
    path = folder / "_calls.parquet"
    if not path.is_file():
        return None
    rows = _of_pair(pl.read_parquet(path), query_id, item_id)
    if not rows:
        return None
    row = rows[0]
    return Call({**row, "prompt": json.loads(row["prompt"])})


def _with_trace(
    judgement: PairJudgement, evidence: Sequence[Evidence]
) -> PairJudgement:
    """The tiny LM's prompt is the evidence trace: its answers have no call of their own.

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

    pairs = read_table(run.folder / "evidence", "pairs")
    of_query = pairs.filter(pl.col("query_id").is_in(query_ids))
    item_ids = sorted({*of_query["item_id"].to_list(), item_id})
    catalogue = read_table(run.folder / "prepare", "items")
    listed = catalogue.filter(pl.col("item_id").is_in(item_ids))
    items = [item_from_row(row) for row in listed.iter_rows(named=True)]

    ranker = load_ranker(run.folder / "distil")
    scores = sorted(ranker.rank(query, items), key=lambda score: -score.score)
    ranked_ids = [score.item_id for score in scores]
    position = ranked_ids.index(item_id)
    score = scores[position]
    probabilities = [round(probability, 4) for probability in score.probabilities]
    return ServedScore(
        model=ranker.version,
        score=round(score.score, 4),
        grade=score.grade.letter,
        probabilities=by_letter(probabilities),
        rank=position + 1,
        of=len(scores),
        attributes={name: dict(state) for name, state in score.attributes.items()},
    )


def _flat(places: Mapping[str, str | list[str]]) -> list[str]:
    flat = []
    for place in places.values():
        if isinstance(place, list):
            flat += place
        else:
            flat.append(place)
    return flat


def _lineage(last: list[str]) -> list[LineageStep]:
    """The steps behind some places, last first, and the input that no step made."""
    lineage = []
    seen = set[str]()
    # Breadth first: each place with the content hash that its reader saw.
    queue = [(place, "") for place in last]
    while queue:
        place, content = queue.pop(0)
        if place in seen:
            continue
        seen.add(place)
        manifest = read_manifest(place)
        if manifest is None:
            lineage.append(LineageStep("input", place, content[:12], ""))
            continue
        content = manifest.content[:12]
        lineage.append(LineageStep(manifest.stage, place, content, manifest.code))
        queue += zip(_flat(manifest.sources), _flat(manifest.inputs), strict=True)
    return lineage


def _last_places(run: _Run) -> list[str]:
    """Where the lineage of a score begins: the last step that is done."""
    if run.has("distil"):
        return [join(run.place, "distil")]
    for step in ("judge-again", "judge"):
        shards = sorted((run.folder / step).glob("*/manifest.json"))
        if shards:
            return [join(run.place, step, path.parent.name) for path in shards]
    return [join(run.place, "evidence")]


# ---------------------------------------------------------------- the whole


def explain_pair(run_place: str, query: str, item_id: str) -> Explanation:
    """Collect everything that is known of why an item stands where it stands.

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
    splits = _query_splits(run, query)
    query_ids = sorted(splits)
    served = None
    if run.has("distil"):
        served = _served_score(run, query, query_ids, item_id)

    judgements = []
    for query_id in query_ids:
        for judgement in _judgements(run, query_id, item_id):
            judgements.append(_with_trace(judgement, evidence))
    return Explanation(
        query=QueryMatch(
            text=query,
            query_id=", ".join(query_ids),
            split=next(iter(splits.values()), "unseen"),
        ),
        item={"item_id": item_id, "title": item.title},
        served=served,
        evidence=evidence,
        rules=_applied_rules(run, evidence),
        judgements=judgements,
        feedback=_feedback(run, query_ids, item_id),
        synthetic=_synthetic(run, query_ids, item_id),
        lineage=_lineage(_last_places(run)),
    )


def _item(run: _Run, item_id: str) -> Item:
    rows = _table_rows(run, "prepare", "items", item_id=[item_id])
    check(
        bool(rows),
        "item",
        item_id,
        must="in the catalogue",
        fix="use an item_id of prepare/items",
        error=MissingError,
    )
    return item_from_row(rows[0])


def _evidence(run: _Run, query: str, item: Item) -> list[Evidence]:
    path = run.folder / "evidence" / "lexicon.json"
    lexicon = Lexicon.from_json(path.read_text("utf-8"))
    reader = Reader(lexicon)

    query_reading = reader.read_query(query)
    item_reading = reader.read_item(item)
    return list(compare(query_reading, item_reading))


def _applied_rules(run: _Run, evidence: list[Evidence]) -> AppliedRules:
    """What the rule book says: the student's own one, if there is a student."""
    step = "distil" if run.has("distil") else "prepare"
    rulebook = RuleBook.load(str(run.folder / step / RULEBOOK_FILE))
    verdict = rulebook.apply(evidence)
    guidelines = {rule.id: rule.guideline for rule in rulebook.rules}
    return AppliedRules(
        rulebook=rulebook.version,
        grade=verdict.grade.letter,
        reason=verdict.reason,
        applied={rule: guidelines.get(rule, "") for rule in verdict.rule_ids},
    )


def _feedback(run: _Run, query_ids: list[str], item_id: str) -> list[Row]:
    rows = _table_rows(
        run, "feedback", "feedback", query_id=query_ids, item_id=[item_id]
    )
    signs = []
    for row in rows:
        sign = {key: row[key] for key in ("kind", "desirable")}
        sign["events"] = row["event_ids"]
        signs.append(sign)
    return signs


def _synthetic(run: _Run, query_ids: list[str], item_id: str) -> list[Row]:
    """Synthetic pairs that were made of this pair."""
    rows = _table_rows(
        run,
        "verify",
        "synthetic",
        source_query_id=query_ids,
        source_item_id=[item_id],
    )
    pairs = []
    for row in rows:
        pair = {"id": row["synthetic_id"]}
        pair.update({key: row[key] for key in ("error_type", "edit")})
        pairs.append(pair)
    return pairs
