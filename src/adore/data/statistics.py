"""Statistics of the prepared tables, for ``data_report.json`` and the page."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass

import polars as pl

from adore.data.queries import SPLITS
from adore.data.rows import Row
from adore.types import Grade

__all__ = ["PairsPerQuery", "SplitStatistics", "TableStatistics", "summarise_tables"]

_TEXT_FIELDS = ("title", "brand", "category", "description")


@dataclass(frozen=True, slots=True)
class PairsPerQuery:
    """Judged pairs of a query that has any."""

    min: int
    median: float
    max: int


@dataclass(frozen=True, slots=True)
class SplitStatistics:
    """Sizes of one split."""

    queries: int
    judged_queries: int
    judgements: int


@dataclass(frozen=True, slots=True)
class TableStatistics:
    """What the prepared tables hold.

    Attributes:
        rows: rows of each table.
        labels: judgements of each grade, by its letter, exact first.
        coverage: share of the items that fill each field.
        judged_per_query: judged pairs of a query.
        splits: sizes by split.
        actions: events by action.
        quarantine: rows in quarantine by table and reason, the commonest first.
    """

    rows: dict[str, int]
    labels: dict[str, int]
    coverage: dict[str, float]
    judged_per_query: PairsPerQuery
    splits: dict[str, SplitStatistics]
    actions: dict[str, int]
    quarantine: dict[str, int]

    def to_json(self) -> Row:
        """Write it for ``data_report.json``."""
        return asdict(self)


def summarise_tables(
    frames: dict[str, pl.DataFrame], quarantine: list[Row]
) -> TableStatistics:
    """Count what the prepared tables hold.

    Args:
        frames: the tables of ``prepare`` by name.
        quarantine: rows of the quarantine table.

    Returns:
        Counts, label mix, field coverage, judged pairs per query, splits and quarantine reasons.
    """
    judgements = frames["judgements"]
    labels = {}
    for grade in sorted(Grade, reverse=True):
        labels[grade.letter] = int((judgements["grade"] == int(grade)).sum())

    reasons = Counter[str]()
    for quarantined_row in quarantine:
        reasons[f"{quarantined_row['table']}: {quarantined_row['reason']}"] += 1

    actions = Counter(frames["events"]["action_name"])
    return TableStatistics(
        rows={name: frame.height for name, frame in frames.items()},
        labels=labels,
        coverage=_coverage(frames["items"]),
        judged_per_query=_pairs_per_query(judgements),
        splits=_split_statistics(frames["queries"], judgements),
        actions=dict(sorted(actions.items())),
        quarantine=dict(reasons.most_common()),
    )


def _coverage(items: pl.DataFrame) -> dict[str, float]:
    filled = {field_name: items[field_name] != "" for field_name in _TEXT_FIELDS}
    filled["bullet_points"] = items["bullet_points"].list.len() > 0

    total = max(1, items.height)
    coverage = {}
    for field_name, is_filled in filled.items():
        filled_items = int(is_filled.sum())
        coverage[field_name] = round(filled_items / total, 4)
    return coverage


def _pairs_per_query(judgements: pl.DataFrame) -> PairsPerQuery:
    counts = judgements.group_by("query_id").len()["len"]
    if counts.is_empty():
        return PairsPerQuery(0, 0.0, 0)
    return PairsPerQuery(
        min=int(counts.min()),  # type: ignore[arg-type]
        median=float(counts.median()),  # type: ignore[arg-type]
        max=int(counts.max()),  # type: ignore[arg-type]
    )


def _split_statistics(
    queries: pl.DataFrame, judgements: pl.DataFrame
) -> dict[str, SplitStatistics]:
    judged = judgements.join(queries, on="query_id")
    splits = {}
    for split in SPLITS:
        of_split = judged.filter(pl.col("split") == split)
        splits[split] = SplitStatistics(
            queries=queries.filter(pl.col("split") == split).height,
            judged_queries=of_split["query_id"].n_unique(),
            judgements=of_split.height,
        )
    return splits
