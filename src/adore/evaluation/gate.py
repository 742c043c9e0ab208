"""Stage ``gate``: may the student be released?

It must hold in a paired bootstrap against the champion, and on guarded slices.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
from pydantic import Field

from adore.artifacts import read_table
from adore.config import StageConfig
from adore.evaluation.evaluate import HARD, RANKING, SIDE
from adore.evaluation.slices import ALL
from adore.significance import paired
from adore.storage import write_json

__all__ = ["Config", "champion_of", "decide", "run"]


_PAIRS = 30


class Config(StageConfig):
    """What a student must show."""

    margin: float = 0.02
    """The interval of the difference must stay above minus this."""
    slice_drop: float = 0.1
    """No guarded slice may fall by more than this (nDCG@10)."""
    robust: float = Field(0.8, ge=0, le=1)
    """Least share of the adversarial set on the right side of exact.

    With fewer than 30 pairs it is not guarded.
    """
    min_queries: int = 5
    """Slices with fewer judged test queries are not guarded."""
    draws: int = Field(2000, ge=1)
    """Bootstrap samples."""
    level: float = Field(0.95, gt=0, lt=1)
    """Coverage of the interval."""
    challenger: str = "student"
    """The system that asks to be released."""
    fallback: str = "hybrid"
    """The champion where no dev query is judged; the test split never chooses it."""


def champion_of(measures: pl.DataFrame, config: Config) -> str:
    """The best baseline by nDCG@10 on the dev split.

    Args:
        measures: the ``measures`` table of evaluate; empty: there is no baseline.
        config: names the challenger, which is no baseline, and the fallback.

    Returns:
        Its name; ``config.fallback`` where dev holds no judged query; ``""`` if there is no
        baseline.
    """
    others = measures
    if measures.height:
        others = measures.filter(pl.col("system") != config.challenger)
    if not others.height:
        return ""
    ranked = others.filter(
        (pl.col("split") == "dev")
        & (pl.col("slice") == ALL)
        & (pl.col("measure") == RANKING)
    )
    best = ranked.sort(["value", "system"], descending=[True, False])
    if best.height:
        return str(best["system"][0])
    names = sorted(others["system"].unique())
    return config.fallback if config.fallback in names else str(names[0])


def _check(
    name: str, value: float, threshold: float, passed: bool, **more: Any
) -> dict[str, Any]:
    return {
        "name": name,
        "value": round(value, 6),
        "threshold": threshold,
        "passed": bool(passed),
        **more,
    }


def _slices(
    per_query: pl.DataFrame, champion: str, config: Config
) -> list[dict[str, Any]]:
    checks = []
    for name in sorted(set(per_query["slice"].unique()) - {ALL}):
        wide = _wide(per_query, name)
        if (
            not {config.challenger, champion} <= set(wide.columns)
            or wide.height < config.min_queries
        ):
            continue
        fall = float((wide[config.challenger] - wide[champion]).mean() or 0.0)  # type: ignore[arg-type]
        checks.append(
            _check(
                f"slice: {name}",
                fall,
                -config.slice_drop,
                fall >= -config.slice_drop,
                queries=wide.height,
            )
        )
    return checks


def _robust(measures: pl.DataFrame, config: Config) -> list[dict[str, Any]]:
    hard = measures.filter(
        pl.col("slice") == HARD,
        pl.col("system") == config.challenger,
        pl.col("n") >= _PAIRS,
    )
    shares = hard.select("value", "n").rows()
    return [
        _check(f"{HARD}: {SIDE}", v, config.robust, v >= config.robust, pairs=n)
        for v, n in shares
    ]


def _wide(per_query: pl.DataFrame, name: str) -> pl.DataFrame:
    part = per_query.filter((pl.col("split") == "test") & (pl.col("slice") == name))
    return (
        part.pivot(on="system", index="query_id", values="value")
        .sort("query_id")
        .drop_nulls()
    )


def _reason(one: dict[str, Any], champion: str) -> str:
    name = one["name"]
    sign = "holds" if one["passed"] else "fails"

    # The adversarial set is measured without a champion.
    against = f" against {champion}"
    if name.startswith(HARD):
        against = ""

    value = f"{one['value']:+.3f}"
    threshold = f"{one['threshold']:+.3f}"
    return f"{name} {sign}: {value}{against}, must be above {threshold}"


def decide(
    measures: pl.DataFrame, per_query: pl.DataFrame, config: Config
) -> dict[str, Any]:
    """Choose the champion on dev, compare on test, check the guarded slices.

    Args:
        measures: the ``measures`` table of evaluate, with its ``split`` column.
        per_query: nDCG@10 by system, split, slice and query.
        config: what the student must show.

    Returns:
        ``passed``, ``champion``, ``reasons`` and ``checks`` (name, value, threshold, passed).
    """
    champion = champion_of(measures, config)
    refused = {"passed": False, "champion": champion, "checks": []}
    if not champion:
        return {
            **refused,
            "reasons": [
                "no baseline was scored on judged queries: there is nothing to beat"
            ],
        }

    wide = _wide(per_query, ALL)
    if not {config.challenger, champion} <= set(wide.columns) or wide.height < 2:
        return {
            **refused,
            "reasons": [
                "fewer than 2 judged test queries with both systems: nothing can be shown"
            ],
        }

    found = paired(
        wide[config.challenger].to_numpy(),
        wide[champion].to_numpy(),
        draws=config.draws,
        seed=config.seed,
        level=config.level,
    )
    checks = [
        _check(
            f"{RANKING} difference",
            found.difference,
            0.0,
            found.difference > 0,
            queries=found.n,
        ),
        _check(
            "lower bound of the difference",
            found.low,
            -config.margin,
            found.low > -config.margin,
        ),
        *_slices(per_query, champion, config),
        *_robust(measures, config),
    ]

    failed = [one for one in checks if not one["passed"]]
    reasons = [_reason(one, champion) for one in failed or checks[:2]]
    numbers = {
        "difference": found.difference,
        "low": found.low,
        "high": found.high,
        "p": found.p,
        "queries": found.n,
    }
    return {
        "passed": not failed,
        "champion": champion,
        "reasons": reasons,
        "checks": checks,
        **numbers,
    }


def run(config: Config, measures: Path, output: Path) -> dict[str, float]:
    """Write ``gate.json``; a student that does not pass is a result, not an error.

    Args:
        config: what the student must show.
        measures: the folder of ``evaluate``.
        output: the folder of this stage.

    Returns:
        Metrics: 1 if the student passed, else 0; the difference to the champion, 0 where
        none was measured.
    """
    found = decide(
        read_table(measures, "measures"),
        pl.read_parquet(measures / "per_query.parquet"),
        config,
    )
    write_json(found, output / "gate.json")
    return {
        "passed": float(found["passed"]),
        "difference": float(found.get("difference", 0.0)),
    }
