"""Stage ``retrieve``: new pairs of real queries and items, and the catalogue's vectors.

Hybrid retrieval, BM25 and vectors, proposes items for train queries and people's requests,
never for a held-out query or a near-duplicate of one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from pydantic import Field

from adore.artifacts import read_table, write_table
from adore.attributes.codes import codes_in, item_codes
from adore.attributes.comparison import compare
from adore.attributes.held_out import HeldOut
from adore.attributes.language import Language
from adore.attributes.language_packs import load_language
from adore.attributes.lexicon import Lexicon
from adore.config import StageConfig
from adore.data.queries import REQUEST_PREFIX
from adore.data.requests import NEAR
from adore.progress import progress
from adore.student.fields import full_text, query_text, title_text, typed_text
from adore.student.onnx_models import OnnxEncoder
from adore.text import word_stems
from adore.types import PAIR, Evidence, Item, Reading, item_from_row

__all__ = ["Config", "HybridRetriever", "new_pairs", "reciprocal_rank_fusion", "run"]

_RRF_CONSTANT = 60
"""Source: Cormack, Clarke and Buettcher 2009."""
_NO_WORDS = ["_"]
"""One token stands for an item without words: no text of the index may be empty."""


class Config(StageConfig):
    """How many new pairs; ``k: 0`` and ``unjudged_queries: 0`` for none."""

    backbone: str = "minilm"
    """Encoder of the student and of the retrieval."""
    k: int = Field(4, ge=0)
    """New items for each train query that people judged."""
    unjudged_queries: int = Field(30, ge=0)
    """Train queries and requests without any known pair that get a list."""
    unjudged_k: int = Field(16, ge=2)
    """Items of such a list."""
    depth: int = Field(50, ge=1)
    """Ranks of each ranking that are fused."""
    near: float = Field(NEAR, gt=0, le=1)
    """Jaccard index of words from which a query is a near-duplicate of a held-out one."""


def reciprocal_rank_fusion(rankings: Sequence[Sequence[int]]) -> list[int]:
    """Reciprocal rank fusion, best first; ties go to the smaller number.

    Args:
        rankings: numbers of documents, each ranking best first.

    Returns:
        Every number once.

    Example:
        >>> reciprocal_rank_fusion([[3, 1, 2], [1, 4]])
        [1, 3, 4, 2]
    """
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, document in enumerate(ranking, 1):
            # Only the rank counts: scores of two rankings have no common scale.
            gain = 1 / (_RRF_CONSTANT + rank)
            scores[document] = scores.get(document, 0.0) + gain

    def best_first(document: int) -> tuple[float, int]:
        return -scores[document], document

    return sorted(scores, key=best_first)


class HybridRetriever:
    """Searches a catalogue by BM25 and by vectors; items with the query's number go first.

    BM25 is over the full and the typed text, the cosine with title and typed text. The BM25
    is that of bm25s, an inverted index over the whole catalogue;
    :class:`adore.student.text_index.TextIndex` scores the few items of one list, and with
    other constants.

    Args:
        items: the catalogue.
        encoder: with the catalogue's vectors.
        depth: ranks of each ranking that are fused.
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

        self._by_code: dict[str, list[int]] = {}
        for item_number, item in enumerate(items):
            for code in item_codes(item):
                self._by_code.setdefault(code.value, []).append(item_number)

        item_stems = []
        for item in items:
            stems = word_stems(f"{full_text(item)} {typed_text(item)}", language)
            item_stems.append(stems or _NO_WORDS)
        self._index = bm25s.BM25()
        self._index.index(item_stems, show_progress=False)
        self._vocabulary = set[str]().union(*item_stems)

        # A product with the sum of both vectors is the sum of both cosines.
        self._vectors = encoder.vectors([title_text(item) for item in items])
        self._vectors += encoder.vectors([typed_text(item) for item in items])

    def find(self, query: str) -> list[int]:
        """Search the catalogue.

        Args:
            query: the query's text.

        Returns:
            Numbers of items, best first; items whose article number is in the query come
            before all others.
        """
        numbered: list[int] = []
        for article_number in codes_in(query):
            numbered.extend(self._by_code.get(article_number, ()))

        rankings = [self._rank_by_words(query), self._rank_by_vectors(query)]
        fused = reciprocal_rank_fusion(rankings)

        # A dict keeps the first of equal numbers, and the order.
        return list(dict.fromkeys([*numbered, *fused]))

    def _rank_by_words(self, query: str) -> list[int]:
        """BM25's ranking of the items that have a word of the query."""
        stems = word_stems(query, self._language)
        known_stems = [stem for stem in stems if stem in self._vocabulary]
        if not known_stems:
            return []
        scores = self._index.get_scores(known_stems)
        order = np.argsort(-scores, kind="stable")
        best_items = order[: self._depth]
        return [
            int(item_number) for item_number in best_items if scores[item_number] > 0
        ]

    def _rank_by_vectors(self, query: str) -> list[int]:
        """The ranking by cosine."""
        query_vector = self._encoder.vectors([query_text(query)])[0]
        cosines = self._vectors @ query_vector
        order = np.argsort(-cosines, kind="stable")
        nearest = order[: self._depth]
        return [int(item_number) for item_number in nearest]


@dataclass(frozen=True, slots=True)
class _Search:
    """A query to search for, and how many new items it gets."""

    query_id: str
    text: str
    k: int


def _searches(
    config: Config, prepared: Path, evidence: Path, language: Language
) -> Iterator[_Search]:
    """Searches of judged train queries, then of a sample of those without any pair."""
    queries = read_table(prepared, "queries").sort("query_id")
    train = queries.filter(split="train")
    others = queries.filter(pl.col("split") != "train")
    held_out = HeldOut(others["query"], config.near, language)

    judgements = read_table(prepared, "judgements")
    judged_ids = set(judgements["query_id"])
    judged = train.filter(pl.col("query_id").is_in(judged_ids))
    for query_id, text in judged.select("query_id", "query").iter_rows():
        if config.k and not held_out.near(text):
            yield _Search(query_id, text, config.k)

    remaining = config.unjudged_queries
    for query_id, text in _unpaired(train, evidence, config.seed):
        if remaining and not held_out.near(text):
            remaining -= 1
            yield _Search(query_id, text, config.unjudged_k)


def _unpaired(
    train: pl.DataFrame, evidence: Path, seed: int
) -> Iterator[tuple[str, str]]:
    """Ids and texts of train queries without any pair, in random order."""
    pairs = read_table(evidence, "pairs")
    paired_ids = set(pairs["query_id"])
    is_paired = pl.col("query_id").is_in(paired_ids)
    unpaired = train.filter(~is_paired)
    shuffled = unpaired.sample(fraction=1.0, shuffle=True, seed=seed)

    # The shop's own queries come before people's requests.
    is_request = pl.col("query_id").str.starts_with(REQUEST_PREFIX)
    own_first = shuffled.sort(is_request, maintain_order=True)
    yield from own_first.select("query_id", "query").iter_rows()


def _readings(evidence: Path, kind: str, ids: set[str]) -> dict[str, Reading]:
    """Readings of queries or items by id."""
    reading_table = read_table(evidence, "readings").filter(
        (pl.col("kind") == kind) & pl.col("id").is_in(ids)
    )
    readings = {}
    for reading_row in reading_table.iter_rows(named=True):
        readings[reading_row["id"]] = Reading.from_json(reading_row["reading"])
    return readings


def new_pairs(
    config: Config,
    items: list[Item],
    encoder: OnnxEncoder,
    prepared: Path,
    evidence: Path,
) -> list[dict[str, str]]:
    """Retrieve pairs that are not known yet.

    Args:
        config: how many.
        items: the catalogue.
        encoder: with the catalogue's vectors.
        prepared: the folder of ``prepare``.
        evidence: the folder of ``evidence``.

    Returns:
        Rows of ``retrieved_pairs``: query id, item id, evidence.

    Raises:
        MissingError: a table is not there.
        DataError: a table cannot be read.
    """
    if not (config.k or config.unjudged_queries):
        return []
    lexicon = Lexicon.from_json((evidence / "lexicon.json").read_text("utf-8"))
    language = load_language(lexicon.language)
    retriever = HybridRetriever(items, encoder, config.depth, language)
    known_pairs = set(read_table(evidence, "pairs").select(PAIR).iter_rows())

    retrieved_pairs: list[tuple[str, str]] = []
    searches = list(_searches(config, prepared, evidence, language))
    for search in progress(searches, "queries searched"):
        candidates = []
        for item_number in retriever.find(search.text):
            pair = (search.query_id, items[item_number].item_id)
            if pair not in known_pairs:
                candidates.append(pair)
        retrieved_pairs += candidates[: search.k]

    query_ids = set[str]()
    item_ids = set[str]()
    for query_id, item_id in retrieved_pairs:
        query_ids.add(query_id)
        item_ids.add(item_id)
    query_readings = _readings(evidence, "query", query_ids)
    item_readings = _readings(evidence, "item", item_ids)
    pair_rows = []
    for query_id, item_id in sorted(retrieved_pairs):
        statements = compare(query_readings[query_id], item_readings[item_id])
        pair_rows.append(
            {
                "query_id": query_id,
                "item_id": item_id,
                "evidence": Evidence.many_to_json(statements),
            }
        )
    return pair_rows


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
        Metrics: how many pairs were retrieved, of how many queries, among how many items.

    Raises:
        ConfigError: no backbone has the configured name.
        NotInstalledError: the backbone is not on this machine and cannot be downloaded.
        MissingError: a table is not there.
        DataError: a table cannot be read.
    """
    from adore.student.export import export_catalogue

    item_table = read_table(prepared, "items")
    items = [item_from_row(table_row) for table_row in item_table.iter_rows(named=True)]
    encoder = export_catalogue(config.backbone, items, output, threads=config.threads)
    pair_rows = new_pairs(config, items, encoder, prepared, evidence)
    write_table(pair_rows, output, "pairs")
    query_ids = set[str]()
    for pair_row in pair_rows:
        query_ids.add(pair_row["query_id"])
    return {
        "pairs": float(len(pair_rows)),
        "queries": float(len(query_ids)),
        "items": float(len(items)),
    }
