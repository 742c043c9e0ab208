"""Stage ``evaluate``: every system on human judgements, with intervals, by slice; and who wins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field

from adore.artifacts import read_table, write_table
from adore.config import StageConfig, configure
from adore.errors import DataError, check
from adore.evaluation.scores import (
    check_no_duplicates,
    check_scores,
    judged_scores,
    parse_judgements,
    values_by_system,
)
from adore.evaluation.slices import ALL, SLICES, slice_pairs, slice_queries
from adore.measures import MEASURES, RankingMeasure, confusion, mean
from adore.parquet import schema_of
from adore.significance import Interval, draw_weights, interval, paired
from adore.storage import write_json
from adore.types import PAIR, Grade

__all__ = ["Comparison", "Config", "Estimate", "evaluate_scores", "run", "who_wins"]

Floats = npt.NDArray[np.float64]
RANKING = "nDCG@10"
"""The measure by which systems are compared."""
HARD = "adversarial"
"""Slice of ``measures`` with the adversarial set."""
SIDE = "right side of exact"
"""What is measured there."""
BELOW_ALL = -1e300  # an unscored judged pair ranks last: leaving pairs out never helps


_PER_QUERY_SCHEMA = {
    "system": pl.String,
    "split": pl.String,
    "slice": pl.String,
    "query_id": pl.String,
    "value": pl.Float64,
}


class Config(StageConfig):
    """How intervals are made, and who is compared with all others."""

    draws: int = Field(2000, ge=1)
    """Bootstrap samples."""
    level: float = Field(0.95, gt=0, lt=1)
    """Coverage of the intervals."""
    challenger: str = "student"
    """The system that is compared with all others."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measure with its interval, over so many queries (rankings) or pairs (grades)."""

    measure: str
    interval: Interval
    n: int

    def to_row(self, **about: str) -> dict[str, object]:
        """A row of ``measures``; ``about`` names system, split and slice."""
        row: dict[str, object] = {**about, "measure": self.measure}
        row.update(asdict(self.interval))
        row["n"] = self.n
        return row


@dataclass(frozen=True, slots=True)
class Comparison:
    """The challenger against one system, by nDCG@10 of the same queries.

    Attributes:
        system: the opponent.
        value: the challenger's mean.
        other: the opponent's mean.
        difference: mean paired difference, and its interval ``low`` to ``high``.
        low: lower bound.
        high: upper bound.
        p: two-sided.
        n: queries.
        winner: a system, or ``no clear winner``.
    """

    system: str
    value: float
    other: float
    difference: float
    low: float
    high: float
    p: float
    n: int
    winner: str


@dataclass(frozen=True, slots=True)
class _QueryRows:
    """One system's judged pairs: per-query rows that every measure sums."""

    query_ids: list[str]
    ranking: dict[str, Floats]
    """By ranking measure: its value (0 if undefined), 1 if defined. Shape [n, 2]."""
    counts: Floats
    """Confusion counts, human x predicted. Shape [n, 4, 4]."""


@dataclass(frozen=True, slots=True)
class _Members:
    """Queries and pairs of every slice, by its name."""

    queries: dict[str, set[str]]
    pairs: dict[str, set[tuple[str, str]]]

    def select(self, name: str, judged: pl.DataFrame) -> pl.DataFrame:
        """The judged pairs of a slice."""
        if SLICES[name].kind == "query":
            query_ids = sorted(self.queries[name])
            is_member = pl.col("query_id").is_in(query_ids)
            return judged.filter(is_member)
        members = self.pairs[name]
        is_inside = []
        for pair in judged.select(PAIR).iter_rows():
            is_inside.append(pair in members)
        inside_mask = pl.Series(is_inside, dtype=pl.Boolean)
        return judged.filter(inside_mask)


def _ranking_measures() -> dict[str, RankingMeasure]:
    measures = {}
    for measure_name, measure in MEASURES.items():
        if isinstance(measure, RankingMeasure):
            measures[measure_name] = measure
    return measures


def _value_and_count(value: float) -> tuple[float, float]:
    """A query's value and 1; zeros where the measure is undefined."""
    # Sums of such rows give the mean over the queries that have a value.
    if np.isnan(value):
        return 0.0, 0.0
    return value, 1.0


def _confusion_counts(group: pl.DataFrame) -> Floats:
    """Confusion counts of a query's pairs that got a grade."""
    graded = group.filter(pl.col("predicted").is_not_null())
    human_grades = graded["grade"].to_numpy()
    predicted_grades = graded["predicted"].to_numpy()
    return confusion(human_grades, predicted_grades)


def _query_rows(judged: pl.DataFrame) -> _QueryRows:
    """Measure every query of one system's judged pairs."""
    query_ids: list[str] = []
    counts: list[Floats] = []
    ranking_measures = _ranking_measures()
    ranking_values: dict[str, list[tuple[float, float]]] = {}
    for measure_name in ranking_measures:
        ranking_values[measure_name] = []

    by_query = judged.group_by("query_id", maintain_order=True)
    for (query_id,), query_group in by_query:
        query_ids.append(str(query_id))
        counts.append(_confusion_counts(query_group))

        # Shape [items]: the scores and the human grades of the query's judged items.
        filled_scores = query_group["score"].fill_null(BELOW_ALL)
        query_scores = filled_scores.to_numpy()
        human_grades = query_group["grade"].to_numpy()
        for measure_name, measure in ranking_measures.items():
            value = measure.of_query(query_scores, human_grades)
            row = _value_and_count(value)
            ranking_values[measure_name].append(row)

    ranking_tables = {}
    for measure_name, values in ranking_values.items():
        ranking_tables[measure_name] = np.array(values)
    return _QueryRows(query_ids, ranking_tables, np.array(counts))


def _estimates(rows: _QueryRows, config: Config, kind: str) -> Iterator[Estimate]:
    """Measures with intervals; what cannot be counted is left out."""
    if not rows.query_ids:
        return
    weights = draw_weights(len(rows.query_ids), draws=config.draws, seed=config.seed)
    for measure_name, measure in MEASURES.items():
        statistic: Callable[[Floats], Floats]
        if isinstance(measure, RankingMeasure):
            # Pairs of a slice are no whole ranking.
            if kind == "pair":
                continue
            query_table = rows.ranking[measure_name]
            statistic = mean
            sample_count = int(query_table[:, 1].sum())
        else:
            query_table = rows.counts
            statistic = measure.statistic
            sample_count = int(query_table.sum())
        if not sample_count:
            continue
        estimate = interval(query_table, statistic, weights, level=config.level)
        if np.isfinite(estimate.value):
            yield Estimate(measure_name, estimate, sample_count)


def who_wins(
    per_query: pl.DataFrame, challenger: str, config: Config
) -> list[Comparison]:
    """Paired bootstrap of the challenger against every other system, best opponent first.

    Args:
        per_query: columns system, query_id, value (nDCG@10 of the same queries for every system).
        challenger: the system that is compared with all others.
        config: of the intervals.

    Returns:
        One comparison per opponent; none where the challenger has no value.

    Raises:
        ConfigError: a value is not finite.
    """
    complete = values_by_system(per_query)
    if challenger not in complete.columns or not complete.height:
        return []

    own_values = complete[challenger].to_numpy()
    comparisons = []
    opponents = set(complete.columns) - {"query_id", challenger}
    for system in sorted(opponents):
        other_values = complete[system].to_numpy()
        # Every system is measured on the same queries, so their difficulty cancels.
        difference = paired(
            own_values,
            other_values,
            draws=config.draws,
            seed=config.seed,
            level=config.level,
        )
        winner = "no clear winner"
        if difference.low > 0:
            winner = challenger
        elif difference.high < 0:
            winner = system
        comparison = Comparison(
            system=system,
            value=float(own_values.mean()),
            other=float(other_values.mean()),
            **asdict(difference),
            winner=winner,
        )
        comparisons.append(comparison)
    comparisons.sort(key=_best_first)
    return comparisons


def _best_first(comparison: Comparison) -> tuple[float, str]:
    return -comparison.other, comparison.system


def _judged_pairs(prepared: Path) -> pl.DataFrame:
    """Human judgements of dev and test queries."""
    queries = read_table(prepared, "queries")
    is_held_out = pl.col("split").is_in(["dev", "test"])
    held_out = queries.filter(is_held_out)

    judgements = read_table(prepared, "judgements")
    judged = judgements.join(held_out, on="query_id").sort(PAIR)
    check_no_duplicates(judged, PAIR, "judgements")
    return judged


@dataclass(frozen=True, slots=True)
class _Tables:
    """Rows of ``measures`` and of ``per_query``."""

    measures: list[dict[str, object]]
    per_query: list[dict[str, object]]


def _measure_splits(
    judged: pl.DataFrame, scores: pl.DataFrame, members: _Members, config: Config
) -> _Tables:
    """Measure both splits, every system and every slice."""
    tables = _Tables([], [])
    for split in ("dev", "test"):
        of_split = judged.filter(split=split)
        for system in sorted(scores["system"].unique()):
            of_system = judged_scores(of_split, scores, system)
            for slice_name, slice_part in SLICES.items():
                of_slice = members.select(slice_name, of_system)
                query_rows = _query_rows(of_slice)
                about = {"system": system, "split": split, "slice": slice_name}
                for estimate in _estimates(query_rows, config, slice_part.kind):
                    measure_row = estimate.to_row(**about)
                    tables.measures.append(measure_row)

                # A slice of single pairs has no whole ranking of a query.
                if slice_part.kind == "query":
                    ranking_rows = _ranking_rows(query_rows, about)
                    tables.per_query.extend(ranking_rows)
    return tables


def _ranking_rows(
    rows: _QueryRows, about: dict[str, str]
) -> Iterator[dict[str, object]]:
    """nDCG of every query where it is defined."""
    query_values = rows.ranking[RANKING]
    pairs = zip(rows.query_ids, query_values, strict=True)
    for query_id, (value, is_defined) in pairs:
        if is_defined:
            yield {**about, "query_id": query_id, "value": float(value)}


def _adversarial_rows(
    scores: pl.DataFrame, config: Config
) -> Iterator[dict[str, object]]:
    """How often the challenger is on the intended side of exact, whole and by error type."""
    if not scores.height:
        return
    # Both below exact, or both exact: the student did not cross the border.
    exact_grade = int(Grade.EXACT)
    is_exact = pl.col("grade") == exact_grade
    is_meant_exact = pl.col("intended_grade") == exact_grade
    is_right = is_exact == is_meant_exact
    right_sides = scores.select("error_type", "source_query_id", right=is_right)
    named_parts = [(HARD, right_sides)]
    by_type = right_sides.group_by("error_type", maintain_order=True)
    for (error_type,), slice_rows in by_type:
        named_parts.append((f"{HARD}: {error_type}", slice_rows))

    for slice_name, slice_rows in named_parts:
        # Variants of one query are alike, so whole queries are drawn, not pairs.
        by_query = slice_rows.group_by("source_query_id")
        counts = by_query.agg(pl.col("right").sum(), n=pl.len())
        in_order = counts.sort("source_query_id").select("right", "n")
        query_rows = in_order.to_numpy().astype(float)
        weights = draw_weights(len(query_rows), draws=config.draws, seed=config.seed)
        right_share = interval(query_rows, mean, weights, level=config.level)
        estimate = Estimate(SIDE, right_share, slice_rows.height)
        yield estimate.to_row(system=config.challenger, split="test", slice=slice_name)


def _missing_pairs(judged: pl.DataFrame, scores: pl.DataFrame) -> dict[str, int]:
    """Judged pairs that each system did not score."""
    judged_pairs = judged.select(PAIR)
    missing_counts = {}
    for system in sorted(scores["system"].unique()):
        of_system = scores.filter(system=system)
        scored = of_system.join(judged_pairs, on=PAIR, how="semi")
        missing_counts[system] = judged.height - scored.height
    return missing_counts


def run(
    config: Config, prepared: Path, evidence: Path, scores: Path, output: Path
) -> dict[str, float]:
    """Write ``measures``, ``per_query`` and ``comparisons.json`` (test split).

    Args:
        config: of the intervals, and the challenger.
        prepared: the folder of ``prepare``.
        evidence: the folder of ``evidence``, whose readings and pairs make the slices.
        scores: the folder of ``score``.
        output: the folder of this stage.

    Returns:
        Metrics: the challenger's measures on test; judged test queries; judged pairs
        without a score, over all systems.

    Raises:
        MissingError: a table is not there.
        DataError: a table cannot be read.
    """
    judged_pairs = _judged_pairs(prepared)
    scored = check_scores(read_table(scores, "scores"))
    queries = read_table(prepared, "queries")
    readings = read_table(evidence, "readings")
    pairs = read_table(evidence, "pairs")
    members = _Members(slice_queries(queries, readings), slice_pairs(pairs))
    split_tables = _measure_splits(judged_pairs, scored, members, config)
    adversarial = read_table(scores, "adversarial_scores")
    measure_rows = [*split_tables.measures, *_adversarial_rows(adversarial, config)]
    measures = pl.DataFrame(measure_rows, schema=schema_of("measures"))
    in_order = measures.sort("split", "system", "slice", "measure")
    write_table(in_order, output, "measures")

    per_query = pl.DataFrame(split_tables.per_query, schema=_PER_QUERY_SCHEMA)
    per_query.write_parquet(output / "per_query.parquet")

    test_values = per_query.filter(split="test", slice=ALL)
    query_count = test_values["query_id"].n_unique()
    missing = _missing_pairs(judged_pairs, scored)
    against: list[dict[str, object]] = []
    for comparison in who_wins(test_values, config.challenger, config):
        against.append(asdict(comparison))
    comparisons = {
        "measure": RANKING,
        "split": "test",
        "challenger": config.challenger,
        "level": config.level,
        "draws": config.draws,
        "queries": query_count,
        "missing_pairs": missing,
        "against": against,
    }
    write_json(comparisons, output / "comparisons.json")

    # The challenger's values on the whole test split are the stage's metrics.
    on_test = measures.filter(system=config.challenger, split="test", slice=ALL)
    metrics: dict[str, float] = {}
    for measure_name, value in on_test.select("measure", "value").iter_rows():
        metrics[measure_name] = value
    metrics["queries"] = float(query_count)
    metrics["missing_pairs"] = float(sum(missing.values()))
    return metrics


def evaluate_scores(
    scores: pl.DataFrame, judgements: pl.DataFrame, *, seed: int = 0
) -> pl.DataFrame:
    """Measure a user's own scores against human judgements.

    Args:
        scores: columns query_id, item_id, score, optionally grade (0-3) and system.
        judgements: columns query_id, item_id, grade.
        seed: seeds the bootstrap samples.

    Returns:
        Rows (system, measure, value, low, high, n); also counts of judged pairs without
        a score (they rank last) and of scores without a judgement (they are left out).

    Raises:
        DataError: duplicate pairs, unknown grades, scores that are no numbers, or no
            judged pair with a score.
    """
    check(
        scores.height > 0,
        "rows of scores",
        0,
        must="at least 1",
        fix="give a file with rows",
        error=DataError,
    )
    scores = check_scores(scores)
    judgements = parse_judgements(judgements)
    config = configure(Config, {"seed": seed}, "evaluate")
    systems = sorted(scores["system"].unique())
    measure_rows = []
    for system in systems:
        prefix = f"{system}: " if len(systems) > 1 else ""
        for estimate in _system_estimates(scores, judgements, system, config):
            named = replace(estimate, measure=prefix + estimate.measure)
            measure_rows.append(named.to_row(system=system))
    return pl.DataFrame(measure_rows)


def _system_estimates(
    scores: pl.DataFrame, judgements: pl.DataFrame, system: str, config: Config
) -> Iterator[Estimate]:
    """Measures of one system, then its counts of pairs that were not measured."""
    of_system = scores.filter(system=system)
    judged_count = of_system.join(judgements, on=PAIR, how="semi").height
    check(
        judged_count > 0,
        "scored judged pairs",
        0,
        must="at least 1",
        fix="use the same ids in both",
        error=DataError,
    )
    joined = judged_scores(judgements, scores, system)
    query_rows = _query_rows(joined)
    yield from _estimates(query_rows, config, "query")

    # Counts are rows, too, so that they are read beside the measures.
    counts = {
        "missing pairs": judgements.height - judged_count,
        "unjudged pairs": of_system.height - judged_count,
    }
    for count_name, count in counts.items():
        value = float(count)
        no_interval = Interval(value, low=value, high=value)
        yield Estimate(count_name, no_interval, count)
