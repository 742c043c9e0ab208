"""What a judge is asked and what it gives back.

It is asked a :class:`JudgeInput` and gives an :class:`Judgement`, or a :class:`JudgeFailure`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import polars as pl

from adore.artifacts import read_table
from adore.teacher.rationale import RationaleSchema
from adore.types import Evidence, Item, item_from_row

__all__ = [
    "Call",
    "Judge",
    "JudgeFailure",
    "JudgeInput",
    "Judgement",
    "Probabilities",
    "count_pairs",
    "load_cases",
]

Probabilities = tuple[float, float, float, float]
"""P(grade), indexed by grade value; sums to 1."""


@dataclass(frozen=True, slots=True)
class JudgeInput:
    """One pair as a judge sees it: both texts and the evidence that was read out of them."""

    query_id: str
    item_id: str
    query: str
    item: Item
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """How an LLM's answer came about; kept beside the answers, outside their content hash.

    Attributes:
        key: the cache key: hash of model, revision, prompt, rule book version and decoding.
        cached: nothing was paid for it in this execution.
        prompt: the messages, as JSON.
        raw: the text that came back.
        attempts: calls made, repair included; 0 when cached.
        prompt_tokens: tokens read, of which ``prefix_tokens`` came from the backend's prefix cache.
        completion_tokens: tokens written.
    """

    key: str
    cached: bool
    prompt: str
    raw: str
    attempts: int = 1
    prompt_tokens: int = 0
    prefix_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Judgement:
    """A valid judgement: soft labels and the rationale.

    ``call`` is None where no LLM read the texts.
    """

    probabilities: Probabilities
    rationale: RationaleSchema
    call: Call | None = None


@dataclass(frozen=True, slots=True)
class JudgeFailure:
    """No judgement. The pair goes to quarantine.

    Attributes:
        reason: why.
        call: the raw text, if there was one.
        finish: how the backend says that the answer ended (``stop``, ``length``,
            ``content_filter``).
        detail: the endpoint's own words.
    """

    reason: str
    call: Call | None = None
    finish: str = ""
    detail: str = ""


class Judge(Protocol):
    """Anything that judges pairs; ``name`` tells which bytes did it."""

    name: str

    def judge(self, cases: Sequence[JudgeInput]) -> list[Judgement | JudgeFailure]:
        """One answer or fault a case, in order."""
        ...

    def close(self) -> None:
        """Free what was started."""
        ...


def load_cases(
    prepared: Path,
    evidence: Path,
    candidates: Path | None,
    wanted: Callable[[str], bool] = lambda query_id: True,
    retrieved: Path | None = None,
) -> list[JudgeInput]:
    """The pairs to judge, sorted by query and item.

    Args:
        prepared: has ``items`` and ``queries``.
        evidence: has ``pairs``.
        candidates: output of ``synthesise``; if given, its candidates are judged
            instead of the known pairs.
        wanted: which queries (by id).
        retrieved: output of ``retrieve``, whose ``pairs`` are judged besides.
    """
    if candidates is not None:
        table = (
            read_table(candidates, "candidates")
            .unique(["query_id", "item_id"])
            .sort("query_id", "item_id")
        )
        return [
            JudgeInput(
                r["query_id"],
                r["item_id"],
                r["query"],
                item_from_row(json.loads(r["item"])),
                _read(r["evidence"]),
            )
            for r in table.iter_rows(named=True)
            if wanted(r["query_id"])
        ]
    texts = dict(
        read_table(prepared, "queries").select("query_id", "query").iter_rows()
    )
    pairs = _pairs(evidence, retrieved)
    pairs = pairs.filter(
        pl.col("query_id").is_in([q for q in pairs["query_id"].unique() if wanted(q)])
    )
    shown = read_table(prepared, "items").join(
        pairs.select("item_id"), on="item_id", how="semi"
    )
    items = {r["item_id"]: item_from_row(r) for r in shown.iter_rows(named=True)}
    return [
        JudgeInput(q, i, texts[q], items[i], _read(e))
        for q, i, e in pairs.select("query_id", "item_id", "evidence").rows()
    ]


def _pairs(evidence: Path, retrieved: Path | None) -> pl.DataFrame:
    frames = [read_table(place, "pairs") for place in (evidence, retrieved) if place]
    return pl.concat(frames).sort("query_id", "item_id")


def count_pairs(
    evidence: Path, candidates: Path | None, retrieved: Path | None = None
) -> int:
    """How many pairs all shards judge together.

    Args:
        evidence: has ``pairs``.
        candidates: output of ``synthesise``; if given, only its candidates count.
        retrieved: output of ``retrieve``, whose ``pairs`` count besides.
    """
    if candidates is not None:
        return read_table(candidates, "candidates").n_unique(["query_id", "item_id"])
    return _pairs(evidence, retrieved).height


def _read(text: str) -> tuple[Evidence, ...]:
    return Evidence.many_from_json(text)
