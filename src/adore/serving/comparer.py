"""What the router's page shows: candidates by BM25, ordered by every variant."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from adore.serving.variants import FAILURES, Variant
from adore.types import Item, item_from_row

__all__ = ["Comparer"]


def _read(catalogue: str) -> list[dict[str, Any]]:
    import polars as pl  # not in the router's image, whose config names no catalogue

    return pl.read_parquet(catalogue).to_dicts()


class Comparer:
    """Finds candidates in a catalogue and asks every variant to order them.

    Args:
        catalogue: Parquet file of items; None: nothing is ever found.
        variants: by name.
    """

    def __init__(self, catalogue: str | None, variants: Mapping[str, Variant]) -> None:
        rows = _read(catalogue) if catalogue else []
        self.items = []
        self.titles = {}
        self._places = {}
        self.variants = variants
        for place, row in enumerate(rows):
            item_id = row["item_id"]
            attributes = json.loads(row["attributes"])
            self.items.append({**row, "attributes": attributes})
            self.titles[item_id] = row["title"][:200]
            self._places[item_id] = place
        if rows:
            import bm25s

            texts = []
            for row in rows:
                texts.append(f"{row['title']} {row['brand']} {row['category']}")
            tokens = bm25s.tokenize(texts, show_progress=False)
            self._index = bm25s.BM25()
            self._index.index(tokens, show_progress=False)

    def get(self, item_id: str) -> Item | None:
        """An item of the catalogue, or None."""
        place = self._places.get(item_id)
        return None if place is None else item_from_row(self.items[place])

    def find(self, query: str, count: int) -> list[dict[str, Any]]:
        """The items that share a word with the query, best first.

        Args:
            query: what a shopper would type; a blank one finds nothing.
            count: most items.
        """
        if not self.items or not query.strip():
            return []
        import bm25s

        tokens = bm25s.tokenize(query, show_progress=False)
        most = min(count, len(self.items))
        found, scores = self._index.retrieve(tokens, k=most, show_progress=False)

        # what shares no word with the query scores 0 and only fills the list up
        items = []
        for place, score in zip(found[0], scores[0], strict=True):
            if score > 0:
                items.append(self.items[int(place)])
        return items

    async def compare(self, body: dict[str, Any]) -> dict[str, Any]:
        """Every variant's first ten of the same 50 candidates, with why."""
        text = str(body.get("query") or "")[:300]
        query = text.encode("utf-8", "replace").decode()
        items = self.find(query, 50)

        out: dict[str, Any] = {}
        for name, variant in self.variants.items():
            try:
                answer = await variant.ask(query, items)
            except FAILURES as error:
                failure = f"{name} does not answer: {error}"
                out[name] = {"error": failure, "items": []}
                continue

            shown = []
            ranked = sorted(answer["items"], key=lambda one: -one["score"])
            for one in ranked[:10]:
                title = self.titles[one["item_id"]]
                shown.append({**one, "title": title})
            out[name] = {
                "model_version": answer["model_version"],
                "items": shown,
            }
        return {
            "query": query,
            "candidates": len(items),
            "variants": out,
        }
