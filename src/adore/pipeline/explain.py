"""From a served score back to evidence, rule, judgement and source.

Walks manifests and tables of a run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from adore.artifacts import read_manifest, read_table
from adore.attributes.compare import compare, is_stuffed
from adore.attributes.lexicon import Lexicon
from adore.attributes.reader import Reader
from adore.data.queries import normalise_query
from adore.errors import MissingError, check
from adore.prompts import ANSWER_PREFIX, trace
from adore.rulebook import RULEBOOK_FILE, RuleBook
from adore.storage import join, local_copy
from adore.types import Evidence, Grade, by_letter, item_from_row

__all__ = ["explain_pair", "render"]


def _queries(run: Path, text: str) -> dict[str, str]:
    """Id and split of every query of that text."""
    queries = read_table(run / "prepare", "queries")
    rows = queries.select("query_id", "split", "query").iter_rows()
    return {
        query_id: split
        for query_id, split, query in rows
        if normalise_query(query) == normalise_query(text)
    }


def _of_pair(frame: pl.DataFrame, query_id: str, item_id: str) -> list[dict[str, Any]]:
    is_pair = (pl.col("query_id") == query_id) & (pl.col("item_id") == item_id)
    return frame.filter(is_pair).to_dicts()


def _judgements(
    run: Path, place: str, query_id: str, item_id: str
) -> list[dict[str, Any]]:
    """Human and every teacher's judgement of the pair, or why there is none.

    Each with the folder that holds it.
    """
    found: list[dict[str, Any]] = []
    for row in _of_pair(read_table(run / "prepare", "judgements"), query_id, item_id):
        judgement = {
            "by": "human",
            "grade": Grade(row["grade"]).letter,
            "source": join(place, "prepare"),
        }
        found.append(judgement)
    for step in ("judge", "judge-again", "judge-candidates"):
        for folder in sorted((run / step).glob("*/")):
            source = join(place, step, folder.name)
            found += _of_shard(folder, step, source, query_id, item_id)
    return found


def _all_judgements(
    run: Path, place: str, query_ids: list[str], item_id: str
) -> list[dict[str, Any]]:
    """:func:`_judgements` of every query of one text."""
    found = []
    for query_id in query_ids:
        found += _judgements(run, place, query_id, item_id)
    return found


def _of_shard(
    folder: Path, step: str, source: str, query_id: str, item_id: str
) -> list[dict[str, Any]]:
    """What one shard of a judging step says of the pair."""
    found: list[dict[str, Any]] = []
    for row in _of_pair(read_table(folder, "teacher_judgements"), query_id, item_id):
        why = json.loads(row["rationale"])
        answer = {
            "by": f"{row['judge']} ({step})",
            "grade": Grade(row["grade"]).letter,
            "rulebook": row["rulebook"],
            "source": source,
            "rules": why["rule_ids"],
            "verdict": why["verdict"],
        }
        found.append({**answer, **_call(folder, query_id, item_id)})
    for reason in _refused(folder, query_id, item_id):
        refusal = {"by": step, "refused": reason, "source": source}
        found.append({**refusal, **_call(folder, query_id, item_id)})
    return found


def _refused(folder: Path, query_id: str, item_id: str) -> list[str]:
    """Why a judge's answer went to quarantine."""
    if not (folder / "quarantine.parquet").is_file():
        return []
    reasons = []
    quarantine = read_table(folder, "quarantine").select("reason", "row")
    for reason, text in quarantine.iter_rows():
        row = json.loads(text)
        if (row["query_id"], row["item_id"]) == (query_id, item_id):
            reasons.append(reason)
    return reasons


def _call(folder: Path, query_id: str, item_id: str) -> dict[str, Any]:
    """The exact prompt of an LLM's answer, its raw text, and whether it came from the cache."""
    path = folder / "_calls.parquet"
    if not path.is_file():
        return {}
    rows = _of_pair(pl.read_parquet(path), query_id, item_id)
    if not rows:
        return {}
    return {"call": {**rows[0], "prompt": json.loads(rows[0]["prompt"])}}


def _with_trace(
    judgement: dict[str, Any], evidence: tuple[Evidence, ...]
) -> dict[str, Any]:
    """The tiny LM's prompt is the evidence trace: its answers have no call of their own.

    It is not asked of an item that was caught cheating, see
    :class:`adore.teacher.backends.evidence.EvidenceJudge`.
    """
    if not judgement["by"].startswith("tiny-llama@"):
        return judgement
    if is_stuffed(evidence):
        return {
            **judgement,
            "by": f"the rule book alone (stuffed title), for {judgement['by']}",
        }
    return {**judgement, "prompt": trace(evidence) + ANSWER_PREFIX}


def _table_rows(
    run: Path, step: str, table: str, **match: list[str]
) -> list[dict[str, Any]]:
    folder = run / step
    if not (folder / f"{table}.parquet").is_file():
        return []
    frame = read_table(folder, table)
    for column, values in match.items():
        frame = frame.filter(pl.col(column).is_in(values))
    return frame.to_dicts()


def _served(
    run: Path, query: str, query_ids: list[str], item: dict[str, Any]
) -> dict[str, Any]:
    """The student's score and place of the item in the query's known list."""
    from adore.student.rankers import load_ranker

    ranker = load_ranker(run / "distil")

    pairs = read_table(run / "evidence", "pairs")
    known = pairs.filter(pl.col("query_id").is_in(query_ids))["item_id"].to_list()
    ids = sorted({*known, item["item_id"]})
    catalogue = read_table(run / "prepare", "items")
    listed = catalogue.filter(pl.col("item_id").is_in(ids))
    items = [item_from_row(row) for row in listed.iter_rows(named=True)]

    scores = sorted(ranker.rank(query, items), key=lambda score: -score.score)
    ranked = [score.item_id for score in scores]
    rank = ranked.index(item["item_id"]) + 1
    score = scores[rank - 1]
    probabilities = [round(probability, 4) for probability in score.probabilities]
    return {
        "model": ranker.version,
        "score": round(score.score, 4),
        "grade": score.grade.letter,
        "probabilities": by_letter(probabilities),
        "rank": rank,
        "of": len(scores),
        "attributes": {k: dict(v) for k, v in score.attributes.items()},
    }


def _flat(places: Mapping[str, str | list[str]]) -> list[str]:
    flat = []
    for place in places.values():
        if isinstance(place, list):
            flat += place
        else:
            flat.append(place)
    return flat


def _lineage(last: list[str]) -> list[dict[str, Any]]:
    """The steps behind some places, last first, and the input that no step made."""
    lineage = []
    seen = set[str]()
    queue = [(place, "") for place in last]
    while queue:
        place, content = queue.pop(0)
        if place in seen:
            continue
        seen.add(place)
        step = "input"
        code = ""
        manifest = read_manifest(place)
        if manifest:
            step = manifest.stage
            content = manifest.content
            code = manifest.code
            queue += zip(_flat(manifest.sources), _flat(manifest.inputs), strict=True)
        lineage.append(
            {"step": step, "place": place, "content": content[:12], "code": code}
        )
    return lineage


def explain_pair(run_place: str, query: str, item_id: str) -> dict[str, Any]:
    """Everything that is known of why an item stands where it stands.

    Args:
        run_place: a run's folder or place.
        query: the query's text; it need not be one of the shop's.
        item_id: an item of the catalogue.

    Raises:
        MissingError: the run has no evidence yet, or the catalogue no such item.

    Without a student ``served`` is empty.
    """
    run = local_copy(run_place)
    check(
        bool(read_manifest(run / "evidence")),
        "run",
        run_place,
        must="with evidence",
        fix="run the steps prepare and evidence",
        error=MissingError,
    )
    student = bool(read_manifest(run / "distil"))
    rows = _table_rows(run, "prepare", "items", item_id=[item_id])
    check(
        bool(rows),
        "item",
        item_id,
        must="in the catalogue",
        fix="use an item_id of prepare/items",
        error=MissingError,
    )
    known = _queries(run, query)
    item = item_from_row(rows[0])
    ids = sorted(known)

    lexicon = (run / "evidence" / "lexicon.json").read_text("utf-8")
    reader = Reader(Lexicon.from_json(lexicon))
    evidence = compare(reader.read_query(query), reader.read_item(item))
    rulebook = RuleBook.load(
        str(run / ("distil" if student else "prepare") / RULEBOOK_FILE)
    )
    verdict = rulebook.apply(evidence)
    guidelines = {rule.id: rule.guideline for rule in rulebook.rules}
    feedback = _table_rows(run, "feedback", "feedback", query_id=ids, item_id=[item_id])
    synthetic = _table_rows(
        run, "verify", "synthetic", source_query_id=ids, source_item_id=[item_id]
    )
    return {
        "query": {
            "text": query,
            "query_id": ", ".join(ids),
            "split": next(iter(known.values()), "unseen"),
        },
        "item": {"item_id": item_id, "title": item.title},
        "served": _served(run, query, ids, rows[0]) if student else {},
        "evidence": [_fields(one) for one in evidence],
        "rules": {
            "rulebook": rulebook.version,
            "grade": verdict.grade.letter,
            "reason": verdict.reason,
            "applied": {rule: guidelines.get(rule, "") for rule in verdict.rule_ids},
        },
        "judgements": [
            _with_trace(judgement, evidence)
            for judgement in _all_judgements(run, run_place, ids, item_id)
        ],
        "feedback": [
            {
                "kind": row["kind"],
                "desirable": row["desirable"],
                "events": row["event_ids"],
            }
            for row in feedback
        ],
        "synthetic": [
            {
                "id": row["synthetic_id"],
                "error_type": row["error_type"],
                "edit": row["edit"],
            }
            for row in synthetic
        ],
        "lineage": _lineage(_last(run, run_place, student)),
    }


def _fields(evidence: Evidence) -> dict[str, Any]:
    """One piece of evidence, field by field."""
    return {name: getattr(evidence, name) for name in evidence.__dataclass_fields__}


def _last(run: Path, place: str, student: bool) -> list[str]:
    """The places of the last steps that are done, of those that say why."""
    if student:
        return [join(place, "distil")]
    for step in ("judge-again", "judge"):
        shards = sorted((run / step).glob("*/manifest.json"))
        if shards:
            return [join(place, step, path.parent.name) for path in shards]
    return [join(place, "evidence")]


def _judgement_lines(judgement: dict[str, Any], told: set[str]) -> list[str]:
    if "grade" in judgement:
        said = f"{judgement['grade']} by {judgement['by']}"
    else:
        said = f"none: {judgement['refused']}"
    lines = [f"  {said}, {judgement['source']}"]
    if "prompt" in judgement:
        lines += ["    prompt (evidence trace)", *_indented(judgement["prompt"])]
    call = judgement.get("call")
    if call:
        origin = "from the cache"
        if not call["cached"]:
            tokens = f"{call['prompt_tokens']} + {call['completion_tokens']} tokens"
            origin = f"asked in that run: {call['attempts']} call(s), {tokens}"
        lines.append(f"    {origin}; key {call['key'][:12]}")
        if call["key"] in told:
            return [*lines, "    prompt and raw answer as above"]
        told.add(call["key"])
        for message in call["prompt"]:
            lines += [f"    prompt, {message['role']}", *_indented(message["content"])]
        lines += ["    raw answer", *_indented(call["raw"])]
    return lines


def _indented(text: str) -> list[str]:
    return [f"      | {line}" for line in text.splitlines()]


def render(answer: dict[str, Any]) -> str:
    """The explanation as text for a terminal."""
    query = answer["query"]
    item = answer["item"]
    rules = answer["rules"]
    lines = [
        f"query   {query['text']!r} ({query['query_id'] or 'new'}, {query['split']})",
        f"item    {item['item_id']}  {item['title'][:90]}",
        _served_line(answer["served"]),
        "evidence",
    ]
    lines += [_evidence_line(one) for one in answer["evidence"]]
    lines.append(f"rules   {rules['grade']} by {rules['rulebook']}: {rules['reason']}")
    for rule, guideline in rules["applied"].items():
        lines.append(f"  [{rule}] {guideline}")
    some = bool(answer["judgements"])
    lines.append("judgements" if some else "judgements: none for this pair")
    told = set[str]()
    for judgement in answer["judgements"]:
        lines += _judgement_lines(judgement, told)
    for said in answer["feedback"]:
        events = ", ".join(said["events"][:3])
        lines.append(
            f"feedback  {said['kind']} (desirable: {said['desirable']}), events {events}"
        )
    for made in answer["synthetic"]:
        lines.append(f"synthetic {made['id']} {made['error_type']}: {made['edit']}")
    lines.append("made by")
    for step in answer["lineage"]:
        lines.append(f"  {step['step']:<11} {step['content']}  {step['place']}")
    return "\n".join(lines)


def _served_line(served: dict[str, Any]) -> str:
    if not served:
        return "served  not yet: no student"
    return (
        f"served  rank {served['rank']} of {served['of']}, score {served['score']}, "
        f"grade {served['grade']}, P {served['probabilities']}, by {served['model']}"
    )


def _evidence_line(one: dict[str, Any]) -> str:
    asked = one["asked_quote"]
    found = "nothing"
    if one["found"]:
        quote = one["found_quote"] or one["found"]
        found = f"{quote!r} in {one['where']}"
    head = f"  {one['state']:<9} {one['attribute']:<13}"
    return f"{head} asked {asked!r}, found {found}"
