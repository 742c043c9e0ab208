"""Stage ``evaluate``: every system on human judgements, with intervals, by slice; and who wins."""

from __future__ import annotations

from collections.abc import Iterator
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
from adore.evaluation.measures import MEASURES, confusion, ndcg
from adore.evaluation.significance import draw_weights, interval, paired
from adore.evaluation.slices import ALL, SLICES, slice_pairs, slice_queries
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


@dataclass(frozen=True, slots=True)
class _Rows:
    """One system's judged pairs: per-query rows that every measure sums."""

    queries: list[str]
    ranking: Floats  # [n, 2]: nDCG (0 if undefined), 1 if defined
    counts: Floats  # [n, 4, 4]


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
        grade = grade.replace(
            "", None
        )  # an empty cell of a CSV file: a baseline claims no grade
    try:
        scores = scores.select(
            pl.col("system", *PAIR).cast(pl.String),
            pl.col("score").cast(pl.Float64),
            grade.cast(pl.Float64)
            .fill_nan(None)
            .alias("grade"),  # integers beside gaps are written as 3.0 and NaN
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
    queries, ranking, counts = [], [], []
    for (query,), group in joined.group_by("query_id", maintain_order=True):
        value = ndcg(
            group["score"].fill_null(BELOW_ALL).to_numpy(), group["grade"].to_numpy()
        )
        graded = group.filter(pl.col("given").is_not_null())
        queries.append(str(query))
        ranking.append((0.0, 0.0) if np.isnan(value) else (value, 1.0))
        counts.append(confusion(graded["grade"].to_numpy(), graded["given"].to_numpy()))
    return _Rows(queries, np.array(ranking), np.array(counts))


def _measured(rows: _Rows, config: Config, kind: str) -> Iterator[dict[str, Any]]:
    """Measures with intervals; whatever cannot be counted is left out."""
    if not rows.queries:
        return
    weights = draw_weights(len(rows.queries), draws=config.draws, seed=config.seed)
    for measure in MEASURES.values():
        table = rows.ranking if measure.needs == "score" else rows.counts
        n = int(
            rows.ranking[:, 1].sum() if measure.needs == "score" else rows.counts.sum()
        )
        if not n or (measure.needs == "score" and kind == "pair"):
            continue
        found = interval(table, measure.of, weights, level=config.level)
        if np.isfinite(found.value):
            yield {"measure": measure.name, **asdict(found), "n": n}


def _slices(
    evidence: Path, queries: pl.DataFrame
) -> tuple[dict[str, set[str]], dict[str, set[tuple[str, str]]]]:
    return slice_queries(queries, read_table(evidence, "readings")), slice_pairs(
        read_table(evidence, "pairs")
    )


def _by_slice(
    joined: pl.DataFrame, members: tuple[dict[str, Any], dict[str, Any]]
) -> Iterator[tuple[str, pl.DataFrame]]:
    for one in SLICES.values():
        if one.kind == "query":
            yield (
                one.name,
                joined.filter(pl.col("query_id").is_in(sorted(members[0][one.name]))),
            )
        else:
            inside = [
                pair in members[1][one.name] for pair in joined.select(PAIR).iter_rows()
            ]
            yield one.name, joined.filter(pl.Series(inside, dtype=pl.Boolean))


def who_wins(
    per_query: pl.DataFrame, challenger: str, config: Config
) -> list[dict[str, Any]]:
    """Paired bootstrap of the challenger against every other system, best opponent first.

    Args:
        per_query: columns system, query_id, value (nDCG@10 of the same queries for every system).
        challenger: the system that is compared with all others.
    """
    wide = (
        per_query.pivot(on="system", index="query_id", values="value")
        .sort("query_id")
        .drop_nulls()
    )
    if challenger not in wide.columns or not wide.height:
        return []
    mine, out = wide[challenger].to_numpy(), []
    for system in sorted(set(wide.columns) - {"query_id", challenger}):
        theirs = wide[system].to_numpy()
        found = paired(
            mine, theirs, draws=config.draws, seed=config.seed, level=config.level
        )
        winner = (
            challenger
            if found.low > 0
            else system
            if found.high < 0
            else "no clear winner"
        )
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
            joined, about = (
                _joined(part, scores, system),
                {"system": system, "split": split},
            )
            for name, frame in _by_slice(joined, members):
                rows = _rows(frame)
                found = _measured(rows, config, SLICES[name].kind)
                measures += [{**about, "slice": name, **row} for row in found]
                if SLICES[name].kind == "query":
                    known = [
                        (q, v)
                        for q, (v, ok) in zip(rows.queries, rows.ranking, strict=True)
                        if ok
                    ]
                    per_query += [
                        {**about, "slice": name, "query_id": q, "value": float(v)}
                        for q, v in known
                    ]
    return measures, per_query


def _robust(hard: pl.DataFrame, config: Config) -> Iterator[dict[str, Any]]:
    """How often the challenger is on the intended side of exact, over the adversarial set and per error type."""
    side = (pl.col("grade") == int(Grade.EXACT)) == (
        pl.col("intended_grade") == int(Grade.EXACT)
    )
    sides = hard.select("error_type", "source_query_id", right=side)
    about = {"system": config.challenger, "split": "test", "measure": SIDE}
    parts = [
        (HARD, sides),
        *(
            (f"{HARD}: {e}", p)
            for (e,), p in sides.group_by("error_type", maintain_order=True)
        ),
    ]
    for name, part in parts if hard.height else ():
        counts = (
            part.group_by("source_query_id")
            .agg(pl.col("right").sum(), n=pl.len())
            .sort("source_query_id")
        )
        weights = draw_weights(counts.height, draws=config.draws, seed=config.seed)
        found = interval(
            counts.select("right", "n").to_numpy().astype(float),
            _share,
            weights,
            level=config.level,
        )
        yield {**about, "slice": name, **asdict(found), "n": part.height}


def _share(sums: Floats) -> Floats:
    return sums[..., 0] / np.maximum(sums[..., 1], 1)


def run(
    config: Config, prepared: Path, evidence: Path, scores: Path, output: Path
) -> dict[str, float]:
    """Write ``measures``, ``per_query`` and ``comparisons.json`` (test split)."""
    judged, given = _judged(prepared), _clean(read_table(scores, "scores"))
    members = _slices(evidence, read_table(prepared, "queries"))
    measures, per_query = _split_tables(judged, given, members, config)
    measures += _robust(read_table(scores, "hard"), config)
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
    systems = sorted(given["system"].unique())
    pairs = judged.select(PAIR)
    scored = [
        given.filter(pl.col("system") == s).join(pairs, on=PAIR, how="semi").height
        for s in systems
    ]
    missing = {s: judged.height - n for s, n in zip(systems, scored, strict=True)}
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
    mine = [
        r
        for r in measures
        if r["slice"] == ALL
        and r["split"] == "test"
        and r["system"] == config.challenger
    ]
    return {
        **{r["measure"]: r["value"] for r in mine},
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

    Returns:
        Rows (system, measure, value, low, high, n); also counts of judged pairs without a score (they
        rank last) and of scores without a judgement (they are left out).

    Raises:
        DataError: duplicate pairs, unknown grades, scores that are no numbers, or no judged pair at all.
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
    config, out, systems = (
        configure(Config, {"seed": seed}, "evaluate"),
        [],
        sorted(scores["system"].unique()),
    )
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
        rows = list(
            _measured(_rows(_joined(judgements, scores, system)), config, "query")
        )
        rows += [
            {"measure": k, "value": float(v), "low": float(v), "high": float(v), "n": v}
            for k, v in counts.items()
        ]
        prefix = f"{system}: " if len(systems) > 1 else ""
        out += [{"system": system, **r, "measure": prefix + r["measure"]} for r in rows]
    return pl.DataFrame(out)
