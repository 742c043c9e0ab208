"""The pairs to judge, read from the tables of the stages before."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl

from adore.artifacts import read_table
from adore.teacher.judgements import JudgeInput
from adore.types import PAIR, Evidence, item_from_row, items_by_id

__all__ = ["count_pairs", "load_judge_inputs"]


def _every_query(query_id: str) -> bool:
    return True


def load_judge_inputs(
    prepared: Path,
    evidence: Path,
    candidates: Path | None,
    wanted: Callable[[str], bool] = _every_query,
    retrieved: Path | None = None,
) -> list[JudgeInput]:
    """Read the pairs to judge, sorted by query and item.

    Args:
        prepared: has ``items`` and ``queries``.
        evidence: has ``pairs``.
        candidates: output of ``synthesise``; if given, its candidates are judged
            instead of the known pairs.
        wanted: which queries, by their ids.
        retrieved: output of ``retrieve``, whose ``pairs`` are judged besides.

    Returns:
        One input a pair.

    Raises:
        MissingError: a table is not there.
        DataError: a table cannot be read.
    """
    if candidates is not None:
        return _candidate_inputs(candidates, wanted)

    queries = read_table(prepared, "queries").select("query_id", "query")
    text_of_query = dict(queries.iter_rows())
    pairs = _known_pairs(evidence, retrieved)
    query_ids = [
        query_id for query_id in pairs["query_id"].unique() if wanted(query_id)
    ]
    pairs = pairs.filter(pl.col("query_id").is_in(query_ids)).sort(PAIR)

    # a catalogue may be far larger than the judged part of it
    item_rows = read_table(prepared, "items").join(
        pairs.select("item_id"), on="item_id", how="semi"
    )
    items = items_by_id(item_rows.iter_rows(named=True))

    judge_inputs: list[JudgeInput] = []
    for query_id, item_id, evidence_json in pairs.select(*PAIR, "evidence").rows():
        judge_input = JudgeInput(
            query_id=query_id,
            item_id=item_id,
            query=text_of_query[query_id],
            item=items[item_id],
            evidence=Evidence.many_from_json(evidence_json),
        )
        judge_inputs.append(judge_input)
    return judge_inputs


def _candidate_inputs(
    candidates: Path, wanted: Callable[[str], bool]
) -> list[JudgeInput]:
    table = read_table(candidates, "candidates").unique(PAIR).sort(PAIR)
    judge_inputs: list[JudgeInput] = []
    for candidate_row in table.iter_rows(named=True):
        if not wanted(candidate_row["query_id"]):
            continue
        judge_input = JudgeInput(
            query_id=candidate_row["query_id"],
            item_id=candidate_row["item_id"],
            query=candidate_row["query"],
            item=item_from_row(json.loads(candidate_row["item"])),
            evidence=Evidence.many_from_json(candidate_row["evidence"]),
        )
        judge_inputs.append(judge_input)
    return judge_inputs


def _known_pairs(evidence: Path, retrieved: Path | None) -> pl.DataFrame:
    frames = [read_table(evidence, "pairs")]
    if retrieved:
        frames.append(read_table(retrieved, "pairs"))
    return pl.concat(frames)


def count_pairs(
    evidence: Path, candidates: Path | None, retrieved: Path | None = None
) -> int:
    """Count the pairs that all shards judge together.

    Args:
        evidence: has ``pairs``.
        candidates: output of ``synthesise``; if given, only its candidates count.
        retrieved: output of ``retrieve``, whose ``pairs`` count besides.

    Returns:
        Number of pairs.

    Raises:
        MissingError: a table is not there.
        DataError: a table cannot be read.
    """
    if candidates is not None:
        return read_table(candidates, "candidates").n_unique(PAIR)
    return _known_pairs(evidence, retrieved).height
