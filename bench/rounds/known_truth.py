"""What a ranker is worth by the demo shop's known truth, on test queries."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from adore.artifacts import read_table
from adore.data.shoppers import (
    CLICK_PROBABILITY,
    PURCHASE_PROBABILITY,
    TOLERANCE,
    TOLERANT_SHARE,
    Shoppers,
)
from adore.measures import confusion, false_exact, macro_f1, missed_exact, ndcg
from adore.student.score import score_pairs
from adore.types import PAIR, Grade

__all__ = ["measure_ranker", "page_share"]


def true_lists(prepared: Path, ranker: Path) -> pl.DataFrame:
    """Every pair of known truth of the test queries, with the ranker's score and grade."""
    queries = read_table(prepared, "queries")
    test_queries = queries.filter(split="test")
    truth = read_table(prepared, "truth").rename({"grade": "true_grade"})
    pairs = truth.join(test_queries, on="query_id", how="semi").sort(PAIR)
    items = read_table(prepared, "items")
    scores = score_pairs(ranker, items, queries.select("query_id", "query"), pairs)
    brands = items.select("item_id", "brand")
    return pairs.join(scores, on=PAIR).join(brands, on="item_id").sort(PAIR)


def purchase_probability(grade: int) -> float:
    """P(a simulated shopper who examines an item of this grade buys it)."""
    purchase = PURCHASE_PROBABILITY[grade]
    if grade == Grade.SUBSTITUTE:
        tolerant = PURCHASE_PROBABILITY[Grade.EXACT] * TOLERANCE
        purchase = TOLERANT_SHARE * tolerant + (1 - TOLERANT_SHARE) * purchase
    return CLICK_PROBABILITY[grade] * purchase


def expected_purchases(grades: Sequence[int]) -> float:
    """Purchases that a visit brings on average, of a list in the order shown."""
    shoppers = Shoppers()
    purchases = 0.0
    for position, grade in enumerate(grades, 1):
        purchases += shoppers.propensity(position) * purchase_probability(grade)
    return purchases


def measure_ranker(prepared: Path, ranker: Path, brand: str) -> dict[str, Any]:
    """Measure a ranker; a baseline names no grades, so it has no errors of grading.

    Args:
        prepared: output of ``prepare``, with the known truth.
        ranker: the ranker's folder.
        brand: the one that bots push.

    Returns:
        ``nDCG@10`` and ``purchases`` (of one visit, on average), and the brand's
        ``page share`` (:func:`page_share`); of a student ``macro-F1``, ``FNR`` and ``FPR`` of
        exact as well.
    """
    ranked: list[float] = []
    purchases: list[float] = []
    counts = np.zeros((4, 4))
    lists = true_lists(prepared, ranker)
    for _, shown in lists.group_by("query_id", maintain_order=True):
        grades = shown["true_grade"].to_numpy()
        scores = shown["score"].to_numpy()
        gain = ndcg(scores, grades)
        if np.isfinite(gain):
            ranked.append(gain)
        order = np.argsort(-scores, kind="stable")
        purchases.append(expected_purchases(grades[order].tolist()))
        if shown["grade"].null_count() == 0:
            counts += confusion(grades, shown["grade"].to_numpy())

    measured = {
        "queries": len(purchases),
        "nDCG@10": float(np.mean(ranked)),
        "purchases": float(np.mean(purchases)),
        "page share": page_share(lists, brand),
    }
    if counts.sum():
        measured["macro-F1"] = float(macro_f1(counts))
        measured["FNR"] = float(missed_exact(counts))
        measured["FPR"] = float(false_exact(counts))
    return measured


def page_share(lists: pl.DataFrame, brand: str) -> float:
    """Share of shoppers' looks that a brand's items get, in points.

    Args:
        lists: pairs with ``query_id``, ``score`` and ``brand``.
        brand: the brand.

    Returns:
        Over test lists that hold one of its items: its items' probabilities of being
        examined, of all items' together; 0 where no list holds one.
    """
    shoppers = Shoppers()
    own = 0.0
    everybody = 0.0
    for _, shown in lists.group_by("query_id", maintain_order=True):
        best_first = shown.sort("score", descending=True, maintain_order=True)
        brands = best_first["brand"].to_list()
        if brand not in brands:
            continue
        for position, item_brand in enumerate(brands, 1):
            looks = shoppers.propensity(position)
            everybody += looks
            own += looks * (item_brand == brand)
    return 100 * own / everybody if everybody else 0.0
