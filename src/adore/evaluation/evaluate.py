"""Stage ``evaluate``: every system on human judgements, with intervals, by slice; and who wins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field

from adore.artifacts import read_table, write_table
from adore.config import StageConfig, configure
from adore.errors import DataError, check
from adore.evaluation.slices import ALL, SLICES, slice_pairs, slice_queries
from adore.measures import MEASURES, RankingMeasure, confusion, mean
from adore.significance import draw_weights, interval, paired
from adore.storage import write_json
from adore.types import Grade

__all__ = ["Config", "evaluate_scores", "run", "who_wins"]

Floats = npt.NDArray[np.float64]
PAIR = ["query_id", "item_id"]
RANKING = "nDCG@10"
HARD, SIDE = "adversarial", "right side of exact"
"""Slice of ``measures`` with the adversarial set, and what is measured there."""
GRADES = [float(g) for g in Grade]
BELOW_ALL = -1e300  # an unscored judged pair ranks last: leaving pairs out never helps


class Config(StageConfig):
    """How intervals are made, and who is compared with all others."""

    draws: int = Field(2000, ge=1)
    """Bootstrap samples."""
    level: float = Field(0.95, gt=0, lt=1)
    """Coverage of the intervals."""
    challenger: str = "student"
    """The system that is compared with all others."""


@dataclass(frozen=True, slots=True)
class _Rows:
    """One system's judged pairs: per-query rows that every measure sums."""

    queries: list[str]
    ranking: dict[str, Floats]
    """By ranking measure: its value (0 if undefined), 1 if defined. Shape [n, 2]."""
    counts: Floats
    """Confusion counts, human x predicted. Shape [n, 4, 4]."""


def _clean(scores: pl.DataFrame) -> pl.DataFrame:
    """One row a system and pair, with finite scores and known grades (or none)."""
    absent = [c for c in (*PAIR, "score") if c not in scores.columns]
    check(
        not absent,
        "columns of scores",
        scores.columns,
        must=f"with {absent}",
        fix="add them",
        error=DataError,
    )
    if "system" not in scores.columns:
        scores = scores.with_columns(system=pl.lit("scores"))
    grade = pl.col("grade") if "grade" in scores.columns else pl.lit(None)
    if scores.schema.get("grade") == pl.String:
        # An empty cell of a CSV file: a baseline claims no grade.
        grade = grade.replace("", None)
    try:
        scores = scores.select(
            pl.col("system", *PAIR).cast(pl.String),
            pl.col("score").cast(pl.Float64),
            # Integers beside gaps are written as 3.0 and NaN.
            grade.cast(pl.Float64).fill_nan(None).alias("grade"),
        )
    except pl.exceptions.PolarsError as error:
        kinds = {
            c: str(scores[c].dtype) for c in ("score", "grade") if c in scores.columns
        }
        raise DataError(
            f"kinds of scores == {kinds}, must be numbers, grades 0 to 3; map labels first"
        ) from error
    bad = scores.filter(pl.col("score").is_null() | ~pl.col("score").is_finite())
    check(
        not bad.height,
        "score",
        bad.head(1).to_dicts(),
        must="finite",
        fix="mend these rows",
        error=DataError,
    )
    bad = scores.filter(~pl.col("grade").is_in(GRADES))
    check(
        not bad.height,
        "grade",
        bad.head(1).to_dicts(),
        must="0 to 3 or empty",
        fix="map the labels",
        error=DataError,
    )
    scores = scores.with_columns(pl.col("grade").cast(pl.Int64))
    _no_duplicates(scores, ["system", *PAIR], "scores")
    return scores


def _no_duplicates(frame: pl.DataFrame, keys: list[str], name: str) -> None:
    twice = frame.filter(frame.select(keys).is_duplicated()).select(keys)
    shown = twice.head(1).to_dicts()
    check(
        not twice.height,
        f"duplicate rows of {name}",
        shown,
        must="none",
        fix="keep one row a pair",
        error=DataError,
    )


def _joined(
    judgements: pl.DataFrame, scores: pl.DataFrame, system: str
) -> pl.DataFrame:
    mine = scores.filter(pl.col("system") == system).select(
        *PAIR, "score", given="grade"
    )
    return judgements.select(*PAIR, "grade").join(mine, on=PAIR, how="left").sort(PAIR)


def _rows(joined: pl.DataFrame) -> _Rows:
    queries: list[str] = []
    counts: list[Floats] = []
    measures: dict[str, RankingMeasure] = {}
    for name, measure in MEASURES.items():
        if isinstance(measure, RankingMeasure):
            measures[name] = measure
    ranking: dict[str, list[tuple[float, float]]] = {name: [] for name in measures}

    for (query,), group in joined.group_by("query_id", maintain_order=True):
        queries.append(str(query))

        scores = group["score"].fill_null(BELOW_ALL).to_numpy()
        grades = group["grade"].to_numpy()
        for name, ranking_measure in measures.items():
            value = ranking_measure.of_query(scores, grades)
            if np.isnan(value):
                ranking[name].append((0.0, 0.0))
            else:
                ranking[name].append((value, 1.0))

        graded = group.filter(pl.col("given").is_not_null())
        human = graded["grade"].to_numpy()
        given = graded["given"].to_numpy()
        counts.append(confusion(human, given))
    tables = {name: np.array(values) for name, values in ranking.items()}
    return _Rows(queries, tables, np.array(counts))


def _measured(rows: _Rows, config: Config, kind: str) -> Iterator[dict[str, Any]]:
    """Measures with intervals; whatever cannot be counted is left out."""
    if not rows.queries:
        return
    weights = draw_weights(len(rows.queries), draws=config.draws, seed=config.seed)
    for name, measure in MEASURES.items():
        statistic: Callable[[Floats], Floats]
        if isinstance(measure, RankingMeasure):
            if kind == "pair":
                continue
            table = rows.ranking[name]
            statistic = mean
            n = int(table[:, 1].sum())
        else:
            table = rows.counts
            statistic = measure.statistic
            n = int(table.sum())
        if not n:
            continue
        estimate = interval(table, statistic, weights, level=config.level)
        if np.isfinite(estimate.value):
            yield {"measure": name, **asdict(estimate), "n": n}


def _slices(
    evidence: Path, queries: pl.DataFrame
) -> tuple[dict[str, set[str]], dict[str, set[tuple[str, str]]]]:
    of_queries = slice_queries(queries, read_table(evidence, "readings"))
    of_pairs = slice_pairs(read_table(evidence, "pairs"))
    return of_queries, of_pairs


def _by_slice(
    joined: pl.DataFrame, members: tuple[dict[str, Any], dict[str, Any]]
) -> Iterator[tuple[str, pl.DataFrame]]:
    of_queries, of_pairs = members
    for one in SLICES.values():
        if one.kind == "query":
            queries = sorted(of_queries[one.name])
            yield one.name, joined.filter(pl.col("query_id").is_in(queries))
        else:
            pairs = of_pairs[one.name]
            inside = [pair in pairs for pair in joined.select(PAIR).iter_rows()]
            yield one.name, joined.filter(pl.Series(inside, dtype=pl.Boolean))


def who_wins(
    per_query: pl.DataFrame, challenger: str, config: Config
) -> list[dict[str, Any]]:
    """Paired bootstrap of the challenger against every other system, best opponent first.

    Args:
        per_query: columns system, query_id, value (nDCG@10 of the same queries for every system).
        challenger: the system that is compared with all others.
        config: of the intervals.

    Returns:
        One row an opponent; none where the challenger has no value.
    """
    wide = (
        per_query.pivot(on="system", index="query_id", values="value")
        .sort("query_id")
        .drop_nulls()
    )
    if challenger not in wide.columns or not wide.height:
        return []
    mine = wide[challenger].to_numpy()
    out = []
    for system in sorted(set(wide.columns) - {"query_id", challenger}):
        theirs = wide[system].to_numpy()
        found = paired(
            mine, theirs, draws=config.draws, seed=config.seed, level=config.level
        )
        winner = "no clear winner"
        if found.low > 0:
            winner = challenger
        elif found.high < 0:
            winner = system
        values = {"value": float(mine.mean()), "other": float(theirs.mean())}
        out.append({"system": system, **values, **asdict(found), "winner": winner})
    return sorted(out, key=lambda r: (-r["other"], r["system"]))


def _judged(prepared: Path) -> pl.DataFrame:
    queries = read_table(prepared, "queries").filter(
        pl.col("split").is_in(["dev", "test"])
    )
    judged = read_table(prepared, "judgements").join(queries, on="query_id").sort(PAIR)
    _no_duplicates(judged, PAIR, "judgements")
    return judged


def _split_tables(
    judged: pl.DataFrame,
    scores: pl.DataFrame,
    members: tuple[dict[str, Any], dict[str, Any]],
    config: Config,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of ``measures`` and of ``per_query``, for both splits and every system."""
    measures, per_query = [], []
    for split in ("dev", "test"):
        part = judged.filter(pl.col("split") == split)
        for system in sorted(scores["system"].unique()):
            joined = _joined(part, scores, system)
            about = {"system": system, "split": split}
            for name, frame in _by_slice(joined, members):
                rows = _rows(frame)
                found = _measured(rows, config, SLICES[name].kind)
                measures += [{**about, "slice": name, **row} for row in found]
                if SLICES[name].kind == "query":
                    per_query += [
                        {**about, "slice": name, **row} for row in _ranked(rows)
                    ]
    return measures, per_query


def _ranked(rows: _Rows) -> Iterator[dict[str, Any]]:
    """nDCG of every query where it is defined."""
    for query, (value, is_defined) in zip(
        rows.queries, rows.ranking[RANKING], strict=True
    ):
        if is_defined:
            yield {"query_id": query, "value": float(value)}


def _robust(hard: pl.DataFrame, config: Config) -> Iterator[dict[str, Any]]:
    """How often the challenger is on the intended side of exact.

    Rows are of the whole adversarial set, and of each error type.
    """
    if not hard.height:
        return
    side = (pl.col("grade") == int(Grade.EXACT)) == (
        pl.col("intended_grade") == int(Grade.EXACT)
    )
    sides = hard.select("error_type", "source_query_id", right=side)
    about = {"system": config.challenger, "split": "test", "measure": SIDE}
    parts = [(HARD, sides)]
    for (error_type,), part in sides.group_by("error_type", maintain_order=True):
        parts.append((f"{HARD}: {error_type}", part))

    for name, part in parts:
        counts = (
            part.group_by("source_query_id")
            .agg(pl.col("right").sum(), n=pl.len())
            .sort("source_query_id")
        )
        rows = counts.select("right", "n").to_numpy().astype(float)
        weights = draw_weights(counts.height, draws=config.draws, seed=config.seed)
        found = interval(rows, _share, weights, level=config.level)
        yield {**about, "slice": name, **asdict(found), "n": part.height}


def _share(sums: Floats) -> Floats:
    return sums[..., 0] / np.maximum(sums[..., 1], 1)


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
    """
    judged = _judged(prepared)
    given = _clean(read_table(scores, "scores"))
    members = _slices(evidence, read_table(prepared, "queries"))
    measures, per_query = _split_tables(judged, given, members, config)
    measures += _robust(read_table(scores, "adversarial_scores"), config)
    schema = {
        "system": pl.String,
        "split": pl.String,
        "slice": pl.String,
        "query_id": pl.String,
        "value": pl.Float64,
    }
    values = pl.DataFrame(per_query, schema=schema)
    write_table(_sorted(measures), output, "measures")
    values.write_parquet(output / "per_query.parquet")

    test = values.filter((pl.col("split") == "test") & (pl.col("slice") == ALL))
    pairs = judged.select(PAIR)
    missing = {}
    for system in sorted(given["system"].unique()):
        mine = given.filter(pl.col("system") == system)
        missing[system] = judged.height - mine.join(pairs, on=PAIR, how="semi").height

    against = who_wins(test, config.challenger, config)
    about = {
        "measure": RANKING,
        "split": "test",
        "challenger": config.challenger,
        "level": config.level,
    }
    queries = test["query_id"].n_unique()
    found = {
        **about,
        "draws": config.draws,
        "queries": queries,
        "missing_pairs": missing,
        "against": against,
    }
    write_json(found, output / "comparisons.json")

    metrics = {}
    for row in measures:
        is_whole = row["slice"] == ALL and row["split"] == "test"
        if is_whole and row["system"] == config.challenger:
            metrics[row["measure"]] = row["value"]
    return {
        **metrics,
        "queries": float(queries),
        "missing_pairs": float(sum(missing.values())),
    }


def _sorted(rows: list[dict[str, Any]]) -> pl.DataFrame | list[dict[str, Any]]:
    return (
        pl.DataFrame(rows).sort("split", "system", "slice", "measure") if rows else rows
    )


def evaluate_scores(
    scores: pl.DataFrame, judgements: pl.DataFrame, *, seed: int = 0
) -> pl.DataFrame:
    """Measure score files of a user's own against human judgements.

    Args:
        scores: columns query_id, item_id, score, optionally grade (0-3) and system.
        judgements: columns query_id, item_id, grade.
        seed: seeds the bootstrap samples.

    Returns:
        Rows (system, measure, value, low, high, n); also counts of judged pairs without a
        score (they rank last) and of scores without a judgement (they are left out).

    Raises:
        DataError: duplicate pairs, unknown grades, scores that are no numbers, or no judged
            pair at all.
    """
    check(
        scores.height > 0,
        "rows of scores",
        0,
        must="at least 1",
        fix="give a file with rows",
        error=DataError,
    )
    scores = _clean(scores)
    judgements = judgements.with_columns(
        pl.col(*PAIR).cast(pl.String), pl.col("grade").cast(pl.Float64)
    )
    bad = judgements.filter(pl.col("grade").is_null() | ~pl.col("grade").is_in(GRADES))
    check(
        not bad.height,
        "grade",
        bad.head(1).to_dicts(),
        must="0 to 3",
        fix="map the labels",
        error=DataError,
    )
    judgements = judgements.with_columns(pl.col("grade").cast(pl.Int64))
    _no_duplicates(judgements, PAIR, "judgements")
    config = configure(Config, {"seed": seed}, "evaluate")
    systems = sorted(scores["system"].unique())
    out = []
    for system in systems:
        mine = scores.filter(pl.col("system") == system)
        judged = mine.join(judgements, on=PAIR, how="semi").height
        check(
            judged > 0,
            "scored judged pairs",
            0,
            must="at least 1",
            fix="use the same ids in both",
            error=DataError,
        )
        counts = {
            "missing pairs": judgements.height - judged,
            "unjudged pairs": mine.height - judged,
        }
        summed = _rows(_joined(judgements, scores, system))
        rows = list(_measured(summed, config, "query"))
        for name, count in counts.items():
            value = float(count)
            same = {"value": value, "low": value, "high": value}
            rows.append({"measure": name, **same, "n": count})

        prefix = f"{system}: " if len(systems) > 1 else ""
        for row in rows:
            out.append({"system": system, **row, "measure": prefix + row["measure"]})
    return pl.DataFrame(out)
