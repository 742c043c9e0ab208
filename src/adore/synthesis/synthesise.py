"""Stage ``synthesise``: good pairs of the training queries into candidates, one edit and one error type each."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
from pydantic import Field

from adore.artifacts import read_table, write_json, write_table
from adore.attributes.compare import compare
from adore.attributes.lexicon import Lexicon
from adore.attributes.reader import Reader
from adore.config import StageConfig
from adore.errors import check
from adore.progress import progress, say
from adore.synthesis.audit import audit
from adore.synthesis.candidates import Catalogue
from adore.synthesis.changes import clean, fault
from adore.synthesis.edits import EDITS, Draft, Source
from adore.synthesis.positives import POSITIVES
from adore.synthesis.weights import confusions, mix, quotas
from adore.taxonomy import ERROR_TYPES, error_type
from adore.types import Evidence, Grade, Item, Reading, item_from_row

__all__ = ["Config", "run"]

KEYS = ("query_id", "item_id")


class Config(StageConfig):
    """How many candidates of which error types, from which pairs."""

    total: int = 1_200
    """Candidates in all."""
    per_type: int = 300
    """Most candidates of one error type."""
    weights: dict[str, float] = Field(default_factory=dict)
    """Error type to weight; empty: by the errors that the judge makes on dev queries."""
    per_query: int = 12
    """Good pairs of one query that are edited."""
    per_pair: int = 2
    """Most candidates of one error type from one pair."""
    confidence: float = 0.8
    """P(E) from which a judge's E counts as good where no human graded."""


def run(config: Config, prepared: Path, evidence: Path, answers: list[Path], output: Path) -> dict[str, float]:
    """Write ``candidates``, ``pairs`` (their evidence) and ``plan.json`` (weights and why, audit).

    Returns:
        Candidates made, in all and per error type; good pairs used; drafts whose evidence did not hold.
    """
    check(config.total > 0 and config.per_type > 0, "synthesise.total", config.total, must="above 0", fix="raise it")
    workshop = _Workshop(prepared, evidence)
    sources = _sources(config, workshop, prepared, answers)
    wrong = _wrong(prepared, evidence, answers)
    shares = mix(config.weights, wrong)
    made = {e.name: _of_type(config, workshop, sources, e.name) for e in ERROR_TYPES if shares[e.name] > 0}
    counts = {name: len(rows) for name, rows in made.items()}
    kept = quotas(shares, total=config.total, per_type=config.per_type, available=counts)
    rows = sorted((r for n, k in kept.items() for r in made[n][:k]), key=lambda r: r["synthetic_id"])
    write_table(rows, output, "candidates")
    pairs = {(r["query_id"], r["item_id"]): r["evidence"] for r in rows}
    write_table([{"query_id": q, "item_id": i, "evidence": e} for (q, i), e in sorted(pairs.items())], output, "pairs")
    graded = {(q, i): g for q, i, g in read_table(prepared, "judgements").select(*KEYS, "grade").iter_rows()}
    dropped = sum(workshop.dropped.values())
    told = audit(sources, workshop.catalogue, graded, workshop.hold)
    plan = {"wrong_on_dev": wrong, "shares": shares, "available": counts, "made": kept, "audit": told}
    write_json(plan, output / "plan.json")
    if not rows:
        say("    synthesise: no good pair could be edited; the student learns from judged pairs alone")
    metrics = {"made": len(rows), "good_pairs": len(sources), "drafts_dropped": dropped}
    return {**metrics, **{f"made_{n}": k for n, k in kept.items()}}


class _Workshop:
    """Catalogue, reader and readings; reads a draft and drops it unless its evidence holds."""

    def __init__(self, prepared: Path, evidence: Path) -> None:
        rows = read_table(prepared, "items").sort("item_id")
        items = {row["item_id"]: item_from_row(row) for row in rows.iter_rows(named=True)}
        readings = read_table(evidence, "readings")
        of_items = readings.filter(pl.col("kind") == "item").select("id", "reading").iter_rows()
        lexicon = Lexicon.from_json((evidence / "lexicon.json").read_text("utf-8"))
        self.reader = Reader(lexicon)
        self.catalogue = Catalogue(items, {i: Reading.from_json(text) for i, text in of_items}, lexicon)
        self.texts = dict(read_table(prepared, "queries").select("query_id", "query").iter_rows())
        self.taken = {_plain(text) for text in self.texts.values()}
        self.dropped = Counter[str]()
        self._asked: dict[str, Reading] = {}

    def asked(self, query: str) -> Reading:
        """A query's reading, read once."""
        if query not in self._asked:
            self._asked[query] = self.reader.read_query(query)
        return self._asked[query]

    def said(self, item: Item) -> Reading:
        """An item's reading: the stored one of a catalogue item, a new one of an edited one."""
        if self.catalogue.items.get(item.item_id) == item:
            return self.catalogue.readings[item.item_id]
        return self.reader.read_item(item)

    def hold(self, source: Source, draft: Draft, error: str) -> tuple[Evidence, ...]:
        """The draft's evidence, or nothing if more or less than the intended attribute moved."""
        if draft.query != source.query and _plain(draft.query) in self.taken:
            self.dropped["repeats a real query"] += 1
            return ()
        found = compare(self.asked(draft.query), self.said(draft.item))
        why = fault(error, draft.attribute, source.evidence, found)
        if why:
            self.dropped[why] += 1
            return ()
        return found


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def _rank(seed: int, *parts: str) -> str:
    return hashlib.sha256("\0".join([str(seed), *parts]).encode()).hexdigest()


def _good(config: Config, prepared: Path, answers: list[Path]) -> pl.DataFrame:
    """Pairs of training queries that a human, or else a confident judge, calls exact."""
    train = read_table(prepared, "queries").filter(pl.col("split") == "train").select("query_id")
    human = read_table(prepared, "judgements").select("query_id", "item_id", "grade")
    judged = _answers(answers).with_columns(pl.col("probabilities").list.get(int(Grade.EXACT)).alias("sure"))
    sure = judged.filter((pl.col("grade") == int(Grade.EXACT)) & (pl.col("sure") >= config.confidence))
    sure = sure.select("query_id", "item_id", "grade").join(human, on=["query_id", "item_id"], how="anti")
    good = pl.concat([human.filter(pl.col("grade") == int(Grade.EXACT)), sure])
    return good.join(train, on="query_id").sort("query_id", "item_id")


def _answers(folders: list[Path]) -> pl.DataFrame:
    frames = [read_table(f, "answers").select("query_id", "item_id", "grade", "probabilities") for f in folders]
    return pl.concat(frames).unique(["query_id", "item_id"], keep="first", maintain_order=True)


def _sources(config: Config, workshop: _Workshop, prepared: Path, answers: list[Path]) -> list[Source]:
    known: dict[str, set[str]] = defaultdict(set)
    for query_id, item_id in read_table(prepared, "judgements").select("query_id", "item_id").iter_rows():
        known[query_id].add(item_id)
    good: dict[str, list[str]] = defaultdict(list)
    for query_id, item_id in _good(config, prepared, answers).select("query_id", "item_id").iter_rows():
        good[query_id].append(item_id)
    return [
        source
        for query_id in sorted(good, key=lambda q: _rank(config.seed, q))
        for source in _of_query(config, workshop, query_id, good[query_id], frozenset(known[query_id]))
    ]


def _of_query(
    config: Config, workshop: _Workshop, query_id: str, good: list[str], known: frozenset[str]
) -> Iterator[Source]:
    """Up to ``per_query`` good pairs whose evidence holds no conflict."""
    query, left = workshop.texts[query_id], config.per_query
    asked = workshop.asked(query)
    for item_id in sorted(good, key=lambda i: _rank(config.seed, query_id, i)):
        evidence = compare(asked, workshop.catalogue.readings[item_id])
        if left and clean(evidence):
            left -= 1
            item = workshop.catalogue.items[item_id]
            others = known | set(good)
            yield Source(query_id, query, item, int(Grade.EXACT), asked, evidence, others, tuple(good))


def _wrong(prepared: Path, evidence: Path, answers: list[Path]) -> dict[str, int]:
    dev = read_table(prepared, "queries").filter(pl.col("split") == "dev").select("query_id")
    keys = list(KEYS)
    graded = read_table(prepared, "judgements").join(dev, on="query_id").select(*keys, "grade")
    both = graded.join(_answers(answers).select(*keys, pl.col("grade").alias("answered")), on=keys)
    both = both.join(read_table(evidence, "pairs"), on=keys).sort(keys)
    rows = both.select("grade", "answered", "evidence").iter_rows()
    return confusions((grade, answered, Evidence.many_from_json(text)) for grade, answered, text in rows)


# ---------------------------------------------------------------- drafts


def _of_type(config: Config, workshop: _Workshop, sources: list[Source], error: str) -> list[dict[str, Any]]:
    """Candidates of one type, a pair of every query in turn, so that no query crowds out the others."""
    turns: dict[str, list[Iterator[dict[str, Any]]]] = defaultdict(list)
    for source in sources:
        turns[source.query_id].append(_candidates(config, workshop, source, error))
    found: dict[str, dict[str, Any]] = {}
    label = f"{error} edits"
    for _ in progress(range(config.per_query * config.per_pair), label):
        for queue in turns.values():
            while queue and len(found) < config.per_type:
                row = next(queue[0], None)
                if row is None:
                    queue.pop(0)
                    continue
                queue.append(queue.pop(0))
                found.setdefault(row["synthetic_id"], row)
                break
    return list(found.values())


def _candidates(config: Config, workshop: _Workshop, source: Source, error: str) -> Iterator[dict[str, Any]]:
    """Up to ``per_pair`` candidates: the first draft that holds of each edit, then the second, ..."""
    rng = Random(_rank(config.seed, error, source.query_id, source.item.item_id))
    edits = list(POSITIVES if error == "synonym" else EDITS[error])
    first = edits[0:1] if error != "synonym" else []  # real items are preferred
    rest = edits[len(first) :]
    queues = [edit(source, workshop.catalogue, rng) for edit in (*first, *rng.sample(rest, len(rest)))]
    made = 0
    while queues and made < config.per_pair:
        queue = queues.pop(0)
        for draft in queue:
            found = workshop.hold(source, draft, error)
            if found:
                made += 1
                queues.append(queue)
                yield _row(source, draft, error, found)
                break


def _row(source: Source, draft: Draft, error: str, found: tuple[Evidence, ...]) -> dict[str, Any]:
    body = {**asdict(draft.item), "bullet_points": list(draft.item.bullet_points), "item_id": ""}
    body["attributes"] = json.dumps(dict(draft.item.attributes), ensure_ascii=False, sort_keys=True)
    edited = draft.item != source.item and not draft.edit.startswith("item: a real one")
    item_id = f"syn-i-{_digest(body)}" if edited else draft.item.item_id
    query_id = source.query_id if draft.query == source.query else f"syn-q-{_digest(_plain(draft.query))}"
    return {
        "query_id": query_id,
        "item_id": item_id,
        "synthetic_id": f"syn-{_digest([error, query_id, item_id])}",
        "source_query_id": source.query_id,
        "source_item_id": source.item.item_id,
        "query": draft.query,
        "item": json.dumps({**body, "item_id": item_id}, ensure_ascii=False, sort_keys=True),
        "error_type": error,
        "attribute": draft.attribute,
        "edit": draft.edit,
        "source_grade": source.grade,
        "intended_grade": error_type(error).grade,
        "evidence": Evidence.many_to_json(found),
        "source_evidence": Evidence.many_to_json(source.evidence),
    }


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, ensure_ascii=False, sort_keys=True).encode()).hexdigest()[:16]
