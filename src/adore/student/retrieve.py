"""Stage ``retrieve``: real pairs that nobody judged or saw, and the catalogue's vectors.

Pairs are found by words and by meaning. They are of train queries and of people's requests,
never of a held-out query or one that nearly is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from pydantic import Field

from adore.artifacts import read_table, write_table
from adore.attributes.codes import codes_in, item_codes
from adore.attributes.compare import compare
from adore.attributes.held_out import HeldOut
from adore.attributes.language import Language
from adore.attributes.language_packs import load_language
from adore.attributes.lexicon import Lexicon
from adore.config import StageConfig
from adore.data.queries import REQUEST_PREFIX
from adore.progress import progress
from adore.student.fields import full_text, query_text, title_text, typed_text
from adore.student.onnx_models import OnnxEncoder
from adore.text import word_stems
from adore.types import Evidence, Item, Reading, item_from_row

__all__ = ["Config", "HybridRetriever", "new_pairs", "reciprocal_rank_fusion", "run"]

_RRF = 60
"""Reciprocal rank fusion's constant. Source: Cormack, Clarke and Buettcher 2009."""


class Config(StageConfig):
    """How many pairs; 0 and 0 for none."""

    backbone: str = "minilm"
    """Encoder of the student and of the retrieval."""
    k: int = Field(4, ge=0)
    """New items for each train query that people judged."""
    fresh: int = Field(30, ge=0)
    """Train queries and requests without any known pair that get a list."""
    fresh_k: int = Field(16, ge=2)
    """Items of such a list."""
    depth: int = Field(50, ge=1)
    """Places of each ranking that are fused."""
    near: float = Field(0.8, gt=0, le=1)
    """Jaccard index of words from which a query nearly is a held-out one."""


def reciprocal_rank_fusion(rankings: Sequence[Sequence[int]]) -> list[int]:
    """Reciprocal rank fusion, best first; ties go to the smaller number.

    Args:
        rankings: each best first.

    Example:
        >>> reciprocal_rank_fusion([[3, 1, 2], [1, 4]])
        [1, 3, 4, 2]
    """
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, place in enumerate(ranking, 1):
            # Only the rank counts: scores of two rankings have no common scale.
            share = 1 / (_RRF + rank)
            scores[place] = scores.get(place, 0.0) + share

    def best_first(place: int) -> tuple[float, int]:
        return -scores[place], place

    return sorted(scores, key=best_first)


class HybridRetriever:
    """Searches a catalogue by words and by meaning; items whose number is named go first.

    Words are searched by BM25 over the full and the typed text, meaning by the cosine with
    title and typed text.

    Args:
        items: the catalogue.
        encoder: with the catalogue's vectors.
        depth: places of each ranking that are fused.
        language: of the catalogue's lexicon.
    """

    def __init__(
        self,
        items: Sequence[Item],
        encoder: OnnxEncoder,
        depth: int,
        language: Language,
    ) -> None:
        import bm25s

        self._language = language
        self._encoder = encoder
        self._depth = min(depth, len(items))

        self._codes: dict[str, list[int]] = {}
        for at, item in enumerate(items):
            for value in item_codes(item):
                self._codes.setdefault(value.value, []).append(at)

        # No text is left empty: one token stands for an item without words.
        texts = []
        for item in items:
            found = word_stems(f"{full_text(item)} {typed_text(item)}", language)
            texts.append(found or ["_"])
        self._index = bm25s.BM25()
        self._index.index(texts, show_progress=False)
        self._known = {word for text in texts for word in text}

        # A product with the sum of both vectors is the sum of both cosines.
        self._vectors = encoder.vectors([title_text(item) for item in items])
        self._vectors += encoder.vectors([typed_text(item) for item in items])

    def find(self, query: str) -> list[int]:
        """Places of items in the catalogue, best first.

        Items whose article number the query has come first, then the others.
        """
        numbered: list[int] = []
        for code in codes_in(query):
            numbered.extend(self._codes.get(code, ()))

        by_words = self._by_words(query)
        by_meaning = self._by_meaning(query)
        others = reciprocal_rank_fusion([by_words, by_meaning])

        # A dict keeps the first of equal places, and the order.
        return list(dict.fromkeys([*numbered, *others]))

    def _by_words(self, query: str) -> list[int]:
        """BM25's ranking of the items that have a word of the query."""
        found = word_stems(query, self._language)
        asked = [word for word in found if word in self._known]
        if not asked:
            return []
        scores = self._index.get_scores(asked)
        order = np.argsort(-scores, kind="stable")
        best = order[: self._depth]
        return [int(at) for at in best if scores[at] > 0]

    def _by_meaning(self, query: str) -> list[int]:
        """The ranking by cosine."""
        own = self._encoder.vectors([query_text(query)])
        cosines = self._vectors @ own[0]
        order = np.argsort(-cosines, kind="stable")
        nearest = order[: self._depth]
        return [int(at) for at in nearest]


def _wanted(
    config: Config, prepared: Path, evidence: Path, language: Language
) -> Iterator[tuple[str, str, int]]:
    """Query id, text and number of new items.

    Judged train queries come first, then a sample of those without any pair; in it the
    shop's own queries come before people's requests.
    """
    queries = read_table(prepared, "queries").sort("query_id")
    held = HeldOut(
        queries.filter(pl.col("split") != "train")["query"], config.near, language
    )
    train = queries.filter(split="train")
    judged = set(read_table(prepared, "judgements")["query_id"])
    known = set(read_table(evidence, "pairs")["query_id"])
    fresh = train.filter(~pl.col("query_id").is_in(known)).sample(
        fraction=1.0, shuffle=True, seed=config.seed
    )
    fresh = fresh.sort(
        pl.col("query_id").str.starts_with(REQUEST_PREFIX), maintain_order=True
    )

    seen = train.filter(pl.col("query_id").is_in(judged))
    for query_id, text in seen.select("query_id", "query").iter_rows():
        if config.k and not held.near(text):
            yield query_id, text, config.k

    left = config.fresh
    for query_id, text in fresh.select("query_id", "query").iter_rows():
        if left and not held.near(text):
            left -= 1
            yield query_id, text, config.fresh_k


def _readings(evidence: Path, kind: str, ids: set[str]) -> dict[str, Reading]:
    table = read_table(evidence, "readings").filter(
        (pl.col("kind") == kind) & pl.col("id").is_in(ids)
    )
    return {
        row["id"]: Reading.from_json(row["reading"])
        for row in table.iter_rows(named=True)
    }


def new_pairs(
    config: Config,
    items: list[Item],
    encoder: OnnxEncoder,
    prepared: Path,
    evidence: Path,
) -> list[dict[str, str]]:
    """Rows of ``pairs`` (query id, item id, evidence), none of them known yet.

    Args:
        config: how many.
        items: the catalogue.
        encoder: with the catalogue's vectors.
        prepared: the folder of ``prepare``.
        evidence: the folder of ``evidence``.
    """
    if not (config.k or config.fresh):
        return []
    language = load_language(
        Lexicon.from_json((evidence / "lexicon.json").read_text("utf-8")).language
    )
    finder = HybridRetriever(items, encoder, config.depth, language)
    known = set(read_table(evidence, "pairs").select("query_id", "item_id").iter_rows())
    pairs: list[tuple[str, str]] = []
    for query_id, text, k in progress(
        list(_wanted(config, prepared, evidence, language)), "queries searched"
    ):
        found = ((query_id, items[at].item_id) for at in finder.find(text))
        pairs += [pair for pair in found if pair not in known][:k]
    queries = _readings(evidence, "query", {q for q, _ in pairs})
    shown = _readings(evidence, "item", {i for _, i in pairs})
    return [
        {
            "query_id": q,
            "item_id": i,
            "evidence": Evidence.many_to_json(compare(queries[q], shown[i])),
        }
        for q, i in sorted(pairs)
    ]


def run(
    config: Config, prepared: Path, evidence: Path, output: Path
) -> dict[str, float]:
    """Write the encoder with the catalogue's vectors, and ``pairs`` with their evidence.

    Args:
        config: the encoder's name, and how many pairs.
        prepared: the folder of ``prepare``.
        evidence: the folder of ``evidence``.
        output: the folder of this stage, empty.

    Returns:
        Metrics: how many pairs were found, of how many queries, among how many items.
    """
    from adore.student.export import export_catalogue

    items = [
        item_from_row(row)
        for row in read_table(prepared, "items").iter_rows(named=True)
    ]
    encoder = export_catalogue(config.backbone, items, output, threads=config.threads)
    rows = new_pairs(config, items, encoder, prepared, evidence)
    write_table(rows, output, "pairs")
    return {
        "pairs": float(len(rows)),
        "queries": float(len({r["query_id"] for r in rows})),
        "items": float(len(items)),
    }
