"""What the router's page shows: candidates by BM25, ordered by every variant."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from adore.serving.messages import ItemFields, Json, PageVariant, PageView, ScoredItem
from adore.serving.variants import FAILURES, Variant
from adore.types import Item, item_from_row

if TYPE_CHECKING:
    import bm25s

__all__ = ["Comparer"]

MAX_CANDIDATES = 50
"""Candidates that each variant orders."""
PAGE_ITEMS = 10
"""Items that the page shows of each variant."""
MAX_PAGE_QUERY = 300
"""Characters of a query; the rest is cut."""
MAX_PAGE_TITLE = 200
"""Characters of a title; the rest is cut."""


def _read_catalogue(catalogue: str) -> list[ItemFields]:
    import polars as pl  # not in the router's image, whose config names no catalogue

    item_rows = []
    for table_row in pl.read_parquet(catalogue).iter_rows(named=True):
        fields = dict(table_row)
        fields["attributes"] = json.loads(table_row["attributes"])
        item_rows.append(fields)
    return item_rows  # type: ignore[return-value]


def _build_index(rows: list[ItemFields]) -> bm25s.BM25:
    import bm25s

    item_texts = []
    for item_row in rows:
        item_texts.append(
            f"{item_row['title']} {item_row['brand']} {item_row['category']}"
        )
    item_tokens = bm25s.tokenize(item_texts, show_progress=False)
    index = bm25s.BM25()
    index.index(item_tokens, show_progress=False)
    return index


class Comparer:
    """Retrieves candidates from a catalogue and asks every variant to order them.

    Args:
        catalogue: Parquet file of items; None: no query has candidates.
        variants: by name.
    """

    def __init__(self, catalogue: str | None, variants: Mapping[str, Variant]) -> None:
        self.items: list[ItemFields] = []
        self.variants = variants
        if catalogue:
            self.items = _read_catalogue(catalogue)
        self._by_id = {item_row["item_id"]: item_row for item_row in self.items}
        if self.items:
            self._index = _build_index(self.items)

    def get(self, item_id: str) -> Item | None:
        """An item of the catalogue, or None."""
        item_row = self._by_id.get(item_id)
        if item_row is None:
            return None
        return item_from_row(dict(item_row))

    def find(self, query: str, count: int) -> list[ItemFields]:
        """Retrieve the items that share a word with the query.

        Args:
            query: what a shopper would type; a blank one has no candidates.
            count: largest number of items.

        Returns:
            The items, best first.
        """
        if not self.items or not query.strip():
            return []
        import bm25s

        query_tokens = bm25s.tokenize(query, show_progress=False)
        limit = min(count, len(self.items))
        positions, scores = self._index.retrieve(
            query_tokens, k=limit, show_progress=False
        )

        # Items without a word of the query score 0 and only fill the list up.
        matching_items = []
        for position, score in zip(positions[0], scores[0], strict=True):
            if score > 0:
                matching_items.append(self.items[int(position)])
        return matching_items

    async def compare(self, body: Json) -> PageView:
        """Rank the same candidates by every variant.

        Args:
            body: has the ``query``.

        Returns:
            The first items of each variant with the reasons for their scores, or why it
            does not answer.
        """
        typed_text = str(body.get("query") or "")[:MAX_PAGE_QUERY]
        query = typed_text.encode("utf-8", "replace").decode()
        candidates = self.find(query, MAX_CANDIDATES)

        answers = {}
        for variant_name, variant in self.variants.items():
            answers[variant_name] = await self._ask(variant, query, candidates)
        return {
            "query": query,
            "candidates": len(candidates),
            "variants": answers,
        }

    async def _ask(
        self, variant: Variant, query: str, candidates: list[ItemFields]
    ) -> PageVariant:
        """One variant's first items, or its failure."""
        try:
            answer = await variant.ask(query, candidates)
        except FAILURES as error:
            failure = f"{variant.name} does not answer: {error}"
            return {"error": failure, "items": []}

        first_items: list[ScoredItem] = []
        best_first = sorted(
            answer["items"], key=lambda scored_item: -scored_item["score"]
        )
        for scored_item in best_first[:PAGE_ITEMS]:
            title = self._by_id[scored_item["item_id"]]["title"]
            first_items.append({**scored_item, "title": title[:MAX_PAGE_TITLE]})
        return {
            "model_version": answer["model_version"],
            "items": first_items,
        }
