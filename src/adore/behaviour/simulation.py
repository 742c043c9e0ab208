"""Simulated behaviour for a shop without events, from its human judgements."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from adore.artifacts import read_table
from adore.data.shoppers import Shoppers
from adore.parquet import schema_of
from adore.types import PAIR

__all__ = ["grades_by_query", "simulate_events"]

VISITS = 4
"""Visits of each simulated shopper."""
LIST_LENGTH = 20
"""Items that a simulated shopper is shown."""
RANKING_NOISE = 2.0
"""Standard deviation of the noise on the grades by which a list is ranked."""


def grades_by_query(pairs: pl.DataFrame) -> dict[str, dict[str, int]]:
    """Collect the grades of each query's items.

    Args:
        pairs: ``query_id, item_id, grade``; queries and items keep their order.

    Returns:
        Query id to item id to grade.
    """
    grades: dict[str, dict[str, int]] = {}
    columns = pairs.select(*PAIR, "grade")
    for query_id, item_id, grade in columns.iter_rows():
        grades_of_query = grades.setdefault(query_id, {})
        grades_of_query[item_id] = grade
    return grades


def _true_grades(prepared: Path) -> dict[str, dict[str, int]]:
    """True grades of the train and dev queries' items."""
    queries = read_table(prepared, "queries")
    truth = read_table(prepared, "truth")
    with_split = truth.join(queries, on="query_id")
    is_usable = pl.col("split") != "test"
    usable = with_split.filter(is_usable).sort(PAIR)
    return grades_by_query(usable)


def _noisy_ranking(grades: dict[str, int], rng: np.random.Generator) -> list[str]:
    """The first items of a ranking by grade with noise."""
    noisy = {}
    for item_id, grade in grades.items():
        noise = RANKING_NOISE * rng.standard_normal()
        noisy[item_id] = grade + noise
    best_first = sorted(
        noisy,
        key=lambda item_id: -noisy[item_id],
    )
    return best_first[:LIST_LENGTH]


def simulate_events(prepared: Path, *, count: int, seed: int) -> pl.DataFrame:
    """Simulate the log of :class:`adore.data.shoppers.Shoppers` on train and dev queries.

    Each visit sees a noisy ranking of its query's list.

    Args:
        prepared: output of ``prepare``; its ``truth`` says what shoppers like.
        count: number of shoppers.
        seed: of the shoppers and of what they see.

    Returns:
        Rows of the table ``events``; none where no query may be used.

    Raises:
        MissingError: a table is not there.
        DataError: a table cannot be read.
    """
    true_grades = _true_grades(prepared)
    query_ids = sorted(true_grades)
    query_count = len(query_ids)
    shoppers = Shoppers(seed=seed, users=count)
    rng = np.random.default_rng(seed)

    events = list[dict[str, Any]]()
    if query_ids:
        for shopper in range(count):
            for visit in range(VISITS):
                index = rng.integers(query_count)
                query_id = query_ids[int(index)]
                grades = true_grades[query_id]
                events += shoppers.visit(
                    shopper,
                    query_id,
                    _noisy_ranking(grades, rng),
                    grades,
                    visit=visit,
                )

    frame = pl.DataFrame(events, schema=schema_of("events"))
    return frame.unique("event_id", maintain_order=True)
