"""The effect by slice of queries, and what counts as lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from adore.artifacts import write_table
from adore.experiment.assignment import assign
from adore.experiment.design import Design
from adore.experiment.result import MetricEffect
from adore.release.segments import lost_purchases, segments
from adore.types import Reading, Value

DESIGN = Design("x", "s", {"control": 0.5, "challenger": 0.5}, min_users=20)
ASKS = {"red mug": "colour", "acme mug": "brand", "cup": ""}
USERS = 600


def shop(folder: Path, split: dict[str, str]) -> tuple[Path, Path]:
    """Three queries: one asks a colour, one a brand, one nothing."""
    prepared, evidence = folder / "prepare", folder / "evidence"
    for place in (prepared, evidence):
        place.mkdir()
    readings = []
    for query, attribute in ASKS.items():
        asked = {attribute: (Value("v", "v", "query"),)} if attribute else {}
        reading = Reading(asked).to_json()
        readings.append({"kind": "query", "id": query, "reading": reading})
    queries = [
        {"query_id": q, "query": q, "split": split.get(q, "train")} for q in ASKS
    ]
    write_table(queries, prepared, "queries")
    write_table(readings, evidence, "readings")
    return prepared, evidence


def logs(lift: dict[str, float]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Everybody searches every query once; the challenger's lift is by query."""
    generator = np.random.default_rng(0)
    exposures: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []
    for user in range(USERS):
        client = f"u{user}"
        variant = assign(client, DESIGN.salt, DESIGN.weights)
        for query in ASKS:
            about = {"client_id": client, "query_id": query, "timestamp": user}
            name = f"{user}-{query}"
            served = {"variant": variant, "served": variant, "model_version": "m"}
            exposures.append({"exposure_id": name, **about, **served})
            mean = 1 + lift.get(query, 0.0) * (variant == "challenger")
            for number in range(generator.poisson(mean)):
                act = {"event_id": f"{name}-{number}", "action_name": "purchase"}
                events.append({**act, **about})
    return pl.DataFrame(exposures), pl.DataFrame(events)


def test_a_loss_is_found_where_it_is(tmp_path: Path) -> None:
    folders = shop(tmp_path, {})
    exposures, events = logs({"red mug": -0.5})
    rows = {r["slice"]: r for r in segments(DESIGN, *folders, exposures, events)}
    assert set(rows) == {"asks colour", "asks brand", "short query"}
    red = rows["asks colour"]
    users = exposures.unique("client_id").group_by("variant").len()
    assert red["users"] == dict(users.iter_rows())
    counts = (
        events.filter(query_id="red mug")
        .join(exposures.unique("client_id"), on="client_id")
        .group_by("variant")
        .len()
    )
    for variant, count in counts.iter_rows():
        assert red[variant] == pytest.approx(count / red["users"][variant])
    assert red["error_type"] == "colour" and red["high"] < 0
    assert 0.8 < red["lost"] / (0.5 * red["users"]["challenger"]) < 1.2
    assert rows["asks brand"]["error_type"] == "brand"
    assert rows["asks brand"]["lost"] < 0.2 * red["lost"]
    assert rows["short query"]["error_type"] == ""


def test_test_queries_weigh_nothing_where_others_were_searched(tmp_path: Path) -> None:
    exposures, events = logs({"red mug": -0.5})
    (tmp_path / "a").mkdir()
    folders = shop(tmp_path / "a", {"red mug": "test"})
    found = {r["slice"] for r in segments(DESIGN, *folders, exposures, events)}
    assert found == {"asks brand", "short query"}

    # The shop's only queries: there is nothing else to learn from.
    (tmp_path / "b").mkdir()
    folders = shop(tmp_path / "b", dict.fromkeys(ASKS, "test"))
    found = {r["slice"] for r in segments(DESIGN, *folders, exposures, events)}
    assert "asks colour" in found


def test_too_few_users_are_no_segment(tmp_path: Path) -> None:
    folders = shop(tmp_path, {})
    exposures, events = logs({})
    few = exposures.filter((pl.col("query_id") == "cup") | (pl.col("timestamp") < 30))
    found = {r["slice"] for r in segments(DESIGN, *folders, few, events)}
    assert found == {"short query"}


@pytest.mark.parametrize(
    ("difference", "half_width", "lost"),
    [
        (0.2, 0.1, 0.0),
        (-0.1, 0.3, 0.0),
        (-0.2, 0.196, 75.0),
        (-0.2, 0.0, 100 * 0.2 * 5),
    ],
)
def test_a_loss_is_shrunk_by_its_noise(
    difference: float, half_width: float, lost: float
) -> None:
    effect = MetricEffect(
        control=1.0,
        treatment=1 + difference,
        effect=difference,
        low=difference - half_width,
        high=difference + half_width,
        relative=difference,
        p=0.5,
        guardrail=False,
    )
    assert lost_purchases(effect, 500, 0.05) == pytest.approx(lost, rel=1e-3)
