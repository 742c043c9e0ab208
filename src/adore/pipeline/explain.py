"""From a served score back to evidence, rule, judgement and source: walks manifests and tables of a run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from adore.artifacts import read_manifest, read_table
from adore.attributes.compare import caught, compare
from adore.attributes.lexicon import Lexicon
from adore.attributes.reader import Reader
from adore.data.queries import normalised
from adore.errors import MissingError, check
from adore.prompts import ANSWER_PREFIX, trace
from adore.rulebook import BOOK, RuleBook
from adore.storage import join, local_copy
from adore.types import Evidence, Grade, item_from_row

__all__ = ["explain_pair", "render"]


def _queries(run: Path, text: str) -> dict[str, str]:
    """Id and split of every query of that text."""
    rows = read_table(run / "prepare", "queries").select("query_id", "split", "query").iter_rows()
    return {query_id: split for query_id, split, query in rows if normalised(query) == normalised(text)}


def _of_pair(frame: pl.DataFrame, query_id: str, item_id: str) -> list[dict[str, Any]]:
    return frame.filter((pl.col("query_id") == query_id) & (pl.col("item_id") == item_id)).to_dicts()


def _judgements(run: Path, place: str, query_id: str, item_id: str) -> list[dict[str, Any]]:
    """Human and every teacher's judgement of the pair, or why there is none, with the folder that holds each."""
    found: list[dict[str, Any]] = []
    for row in _of_pair(read_table(run / "prepare", "judgements"), query_id, item_id):
        found.append({"by": "human", "grade": Grade(row["grade"]).letter, "source": join(place, "prepare")})
    for step in ("judge", "judge-again", "judge-candidates"):
        for folder in sorted((run / step).glob("*/")):
            for row in _of_pair(read_table(folder, "answers"), query_id, item_id):
                why = json.loads(row["rationale"])
                by, grade = f"{row['judge']} ({step})", Grade(row["grade"]).letter
                entry = {
                    "by": by,
                    "grade": grade,
                    "rulebook": row["rulebook"],
                    "source": join(place, step, folder.name),
                }
                call = _call(folder, query_id, item_id)
                found.append({**entry, "rules": why["rule_ids"], "verdict": why["verdict"], **call})
            for reason in _refused(folder, query_id, item_id):
                source = join(place, step, folder.name)
                found.append({"by": step, "refused": reason, "source": source, **_call(folder, query_id, item_id)})
    return found


def _refused(folder: Path, query_id: str, item_id: str) -> list[str]:
    """Why a judge's answer went to quarantine."""
    if not (folder / "quarantine.parquet").is_file():
        return []
    rows = read_table(folder, "quarantine").select("reason", "row").iter_rows()
    keys = ((reason, json.loads(row)) for reason, row in rows)
    return [reason for reason, row in keys if (row["query_id"], row["item_id"]) == (query_id, item_id)]


def _call(folder: Path, query_id: str, item_id: str) -> dict[str, Any]:
    """The exact prompt of an LLM's answer, its raw text, and whether it came from the cache."""
    path = folder / "_calls.parquet"
    rows = _of_pair(pl.read_parquet(path), query_id, item_id) if path.is_file() else []
    return {"call": {**rows[0], "prompt": json.loads(rows[0]["prompt"])}} if rows else {}


def _with_trace(judgement: dict[str, Any], evidence: tuple[Evidence, ...]) -> dict[str, Any]:
    """The tiny LM's prompt is the evidence trace: its answers have no call of their own.

    It is not asked of an item that was caught cheating, see :class:`adore.teacher.graders.EvidenceJudge`.
    """
    if not judgement["by"].startswith("tiny-llama@"):
        return judgement
    if caught(evidence):
        return {**judgement, "by": f"the rule book alone (stuffed title), for {judgement['by']}"}
    return {**judgement, "prompt": trace(evidence) + ANSWER_PREFIX}


def _table_rows(run: Path, step: str, table: str, **match: list[str]) -> list[dict[str, Any]]:
    folder = run / step
    if not (folder / f"{table}.parquet").is_file():
        return []
    frame = read_table(folder, table)
    for column, values in match.items():
        frame = frame.filter(pl.col(column).is_in(values))
    return frame.to_dicts()


def _served(run: Path, query: str, query_ids: list[str], item: dict[str, Any]) -> dict[str, Any]:
    """The student's score and place of the item in the query's known list."""
    from adore.student.rankers import load_ranker

    ranker = load_ranker(run / "distil")
    known = read_table(run / "evidence", "pairs").filter(pl.col("query_id").is_in(query_ids))["item_id"].to_list()
    ids = sorted({*known, item["item_id"]})
    catalogue = read_table(run / "prepare", "items").filter(pl.col("item_id").is_in(ids))
    items = [item_from_row(row) for row in catalogue.iter_rows(named=True)]
    scores = sorted(ranker.rank(query, items), key=lambda s: -s.score)
    place = next(i for i, s in enumerate(scores, 1) if s.item_id == item["item_id"])
    score = scores[place - 1]
    p = dict(zip("ICSE", (round(x, 4) for x in score.probabilities), strict=True))
    return {
        "model": ranker.version,
        "score": round(score.score, 4),
        "grade": score.grade.letter,
        "probabilities": p,
        "rank": place,
        "of": len(scores),
        "attributes": {k: dict(v) for k, v in score.attributes.items()},
    }


def _flat(places: Mapping[str, str | list[str]]) -> list[str]:
    return [one for v in places.values() for one in (v if isinstance(v, list) else [v])]


def _lineage(last: list[str]) -> list[dict[str, Any]]:
    """The steps behind some places, last first, and the input that no step made."""
    out, seen, queue = [], set[str](), [(place, "") for place in last]
    while queue:
        place, content = queue.pop(0)
        if place in seen:
            continue
        seen.add(place)
        manifest = read_manifest(place)
        if manifest:
            queue += zip(_flat(manifest.sources), _flat(manifest.inputs), strict=True)
        step, content, code = (manifest.stage, manifest.content, manifest.code) if manifest else ("input", content, "")
        out.append({"step": step, "place": place, "content": content[:12], "code": code})
    return out


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
    run, fix = local_copy(run_place), "run the steps prepare and evidence"
    check(bool(read_manifest(run / "evidence")), "run", run_place, must="with evidence", fix=fix, error=MissingError)
    student = bool(read_manifest(run / "distil"))
    rows = _table_rows(run, "prepare", "items", item_id=[item_id])
    check(
        bool(rows), "item", item_id, must="in the catalogue", fix="use an item_id of prepare/items", error=MissingError
    )
    known, item = _queries(run, query), item_from_row(rows[0])
    ids = sorted(known)
    reader = Reader(Lexicon.from_json((run / "evidence" / "lexicon.json").read_text("utf-8")))
    evidence = compare(reader.read_query(query), reader.read_item(item))
    rulebook = RuleBook.load(str(run / ("distil" if student else "prepare") / BOOK))
    verdict = rulebook.apply(evidence)
    guidelines = {r.id: r.guideline for r in rulebook.rules}
    feedback = _table_rows(run, "feedback", "feedback", query_id=ids, item_id=[item_id])
    synthetic = _table_rows(run, "verify", "synthetic", source_query_id=ids, source_item_id=[item_id])
    return {
        "query": {"text": query, "query_id": ", ".join(ids), "split": next(iter(known.values()), "unseen")},
        "item": {"item_id": item_id, "title": item.title},
        "served": _served(run, query, ids, rows[0]) if student else {},
        "evidence": [{f: getattr(e, f) for f in e.__dataclass_fields__} for e in evidence],
        "rules": {
            "rulebook": rulebook.version,
            "grade": verdict.grade.letter,
            "reason": verdict.reason,
            "applied": {i: guidelines.get(i, "") for i in verdict.rule_ids},
        },
        "judgements": [_with_trace(j, evidence) for one in ids for j in _judgements(run, run_place, one, item_id)],
        "feedback": [{"kind": r["kind"], "desirable": r["desirable"], "events": r["event_ids"]} for r in feedback],
        "synthetic": [{"id": r["synthetic_id"], "error_type": r["error_type"], "edit": r["edit"]} for r in synthetic],
        "lineage": _lineage(_last(run, run_place, student)),
    }


def _last(run: Path, place: str, student: bool) -> list[str]:
    """The places of the last steps that are done, of those that say why."""
    if student:
        return [join(place, "distil")]
    judged = (sorted((run / step).glob("*/manifest.json")) for step in ("judge-again", "judge"))
    shards = next((found for found in judged if found), [])
    return [join(place, p.parent.parent.name, p.parent.name) for p in shards] or [join(place, "evidence")]


def _judgement_lines(judgement: dict[str, Any], told: set[str]) -> list[str]:
    said = f"{judgement['grade']} by {judgement['by']}" if "grade" in judgement else f"none: {judgement['refused']}"
    lines = [f"  {said}, {judgement['source']}"]
    if "prompt" in judgement:
        lines += ["    prompt (evidence trace)", *_indented(judgement["prompt"])]
    if call := judgement.get("call"):
        tokens = f"{call['prompt_tokens']} + {call['completion_tokens']} tokens"
        origin = "from the cache" if call["cached"] else f"asked in that run: {call['attempts']} call(s), {tokens}"
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
    served, rules = answer["served"], answer["rules"]
    lines = [
        f"query   {answer['query']['text']!r} ({answer['query']['query_id'] or 'new'}, {answer['query']['split']})",
        f"item    {answer['item']['item_id']}  {answer['item']['title'][:90]}",
        f"served  rank {served['rank']} of {served['of']}, score {served['score']}, grade {served['grade']}, "
        f"P {served['probabilities']}, by {served['model']}"
        if served
        else "served  not yet: no student",
        "evidence",
    ]
    for e in answer["evidence"]:
        found = f"{e['found_quote'] or e['found']!r} in {e['where']}" if e["found"] else "nothing"
        lines.append(f"  {e['state']:<9} {e['attribute']:<13} asked {e['asked_quote']!r}, found {found}")
    lines.append(f"rules   {rules['grade']} by {rules['rulebook']}: {rules['reason']}")
    lines += [f"  [{i}] {text}" for i, text in rules["applied"].items()]
    lines.append("judgements" if answer["judgements"] else "judgements: none for this pair")
    told = set[str]()
    lines += [line for j in answer["judgements"] for line in _judgement_lines(j, told)]
    lines += [
        f"feedback  {f['kind']} (desirable: {f['desirable']}), events {', '.join(f['events'][:3])}"
        for f in answer["feedback"]
    ]
    lines += [f"synthetic {s['id']} {s['error_type']}: {s['edit']}" for s in answer["synthetic"]]
    lines.append("made by")
    lines += [f"  {s['step']:<11} {s['content']}  {s['place']}" for s in answer["lineage"]]
    return "\n".join(lines)
