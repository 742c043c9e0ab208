"""Simulated shoppers at real servers: the same log at every run, traffic beside the experiment."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from tests.serving.conftest import ITEMS

from adore.artifacts import read_table
from adore.attributes import evidence as evidence_stage
from adore.data import prepare
from adore.release import simulated_experiment, simulated_production

COLOURS = ("red", "blue", "green")
KINDS = ("running shoes", "water bottle")


def write_rows(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The catalogue of the small release, with queries and their truth."""
    data, output = (tmp_path_factory.mktemp(name) for name in ("data", "prepared"))
    queries: list[dict[str, object]] = []
    truth: list[dict[str, object]] = []
    for colour in COLOURS:
        for kind in KINDS:
            query = f"{colour} {kind}"
            split = {"red": "train", "blue": "dev", "green": "test"}[colour]
            queries.append({"query_id": query, "query": query, "split": split})
            for item in ITEMS:
                grade = 3 if item["title"] == query else 2 * (item["category"] == kind)
                pair = {"query_id": query, "item_id": item["item_id"]}
                truth.append({**pair, "grade": grade})
    write_rows(data / "items.jsonl", [dict(item) for item in ITEMS])
    write_rows(data / "queries.jsonl", queries)
    write_rows(data / "truth.jsonl", truth)
    write_rows(data / "judgements.jsonl", [{**r, "grade": "E"} for r in truth[:1]])
    prepare.run(prepare.Config(), data=data, output=output)
    return output


@pytest.fixture(scope="module")
def evidence(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the queries ask for."""
    output = tmp_path_factory.mktemp("evidence")
    evidence_stage.run(evidence_stage.Config(), prepared, output)
    return output


def test_the_same_seed_logs_the_same_and_traffic_is_not_measured(
    prepared: Path, evidence: Path, shop_release: Path, tmp_path: Path
) -> None:
    exposures, events, results = [], [], []
    for name, traffic in (("a", 60), ("b", 60), ("alone", 0)):
        (tmp_path / name).mkdir()
        config = simulated_experiment.Config(
            users=30,
            visits=1,
            traffic=traffic,
            new_texts=0.5,
            bots=0.1 if traffic else 0,
        )
        simulated_experiment.run(
            config, prepared, evidence, shop_release, tmp_path / name
        )
        exposures.append(read_table(tmp_path / name, "exposures").drop("latency_ms"))
        events.append(read_table(tmp_path / name, "events"))
        results.append(json.loads((tmp_path / name / "result.json").read_text()))
    assert exposures[0].equals(exposures[1]) and events[0].equals(events[1])
    assert exposures[0].filter("measured").equals(exposures[2])
    assert results[0]["users"] == results[2]["users"]
    assert results[0]["pushed_brand"] and not results[2]["pushed_brand"]

    assert exposures[0].height == 90 and exposures[0]["exposure_id"].is_unique().all()
    first = events[0].group_by("session_id").agg(begin=pl.col("timestamp").min())
    begins = exposures[0].join(first, on="session_id")
    assert begins.filter(pl.col("begin") != pl.col("timestamp")).is_empty()


def test_a_champion_alone_serves_every_shopper_and_is_explored(
    prepared: Path, evidence: Path, shop_release: Path, tmp_path: Path
) -> None:
    """What the next round learns from where the gate refused: the visits of the experiment."""
    champion = shop_release / "variants" / "control"
    config = simulated_production.Config(
        users=30, visits=1, traffic=60, champion=str(champion), explore=0.5
    )
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        figures = simulated_production.run(config, prepared, tmp_path / name, champion)
    exposures, again = (read_table(tmp_path / name, "exposures") for name in "ab")
    assert exposures.drop("latency_ms").equals(again.drop("latency_ms"))
    assert read_table(tmp_path / "a", "events").equals(
        read_table(tmp_path / "b", "events")
    )
    assert exposures.height == figures["requests"] == 90
    assert set(exposures["served"]) == {"control"} and exposures["explored"].any()

    result = json.loads((tmp_path / "a" / "result.json").read_text())
    purchases = result["metrics"]["purchases_per_user"]
    events = read_table(tmp_path / "a", "events")
    measured = exposures.filter("measured")["client_id"].unique()
    bought = events.filter(
        pl.col("client_id").is_in(measured.to_list()), action_name="purchase"
    )
    assert result["users"] == 30 and result["simulated"]
    assert purchases["value"] == pytest.approx(bought.height / 30)
    assert purchases["low"] < purchases["value"] < purchases["high"]

    (tmp_path / "experiment").mkdir()
    simulated_experiment.run(
        simulated_experiment.Config(**config.model_dump()),
        prepared,
        evidence,
        shop_release,
        tmp_path / "experiment",
    )
    visits = read_table(tmp_path / "experiment", "exposures")
    columns = ["client_id", "session_id", "query_id", "measured"]
    assert visits.select(columns).equals(exposures.select(columns))


def test_where_nothing_serves_nothing_is_logged(prepared: Path, tmp_path: Path) -> None:
    config = simulated_production.Config()
    assert simulated_production.run(config, prepared, tmp_path)["requests"] == 0
    for table in ("exposures", "events"):
        assert read_table(tmp_path, table).is_empty()
