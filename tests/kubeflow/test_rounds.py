"""Rounds on Kubeflow Pipelines: what is submitted, and what is not, against stand-ins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.kubeflow.conftest import StandIn

from adore.config import load_profile
from adore.errors import MissingError
from adore.pipeline import cluster_rounds
from adore.pipeline.kubeflow.client import Server
from adore.pipeline.rounds import Shop
from adore.rounds.ending import end_round
from adore.rounds.entries import Status
from adore.rounds.registry import read_state
from adore.run_record import begin_run
from adore.storage import join, local_copy

PROFILE = str(Path(__file__).parents[1] / "tiny.yaml")


def submitted(api: StandIn) -> list[dict[str, Any]]:
    bodies = [b for m, p, _, b in api.calls if (m, p) == ("POST", "/runs")]
    return [body["runtime_config"]["parameters"] for body in bodies]  # type: ignore[index]


def test_a_round_is_submitted_once_with_its_profile(api: StandIn, s3: str) -> None:
    shop = Shop(f"{s3}/shop", "demo", PROFILE, 0)
    server = Server(api.url, "shop")
    run = cluster_rounds.submit_round(server, shop, experiment="t", look=False)
    assert run == "r1"
    (arguments,) = submitted(api)
    place = f"{s3}/shop/rounds/0001"
    assert arguments["run"] == place and arguments["target"] == "local"
    profile = load_profile(str(local_copy(arguments["profile"])))
    assert profile["rounds"] == {"shop": f"{s3}/shop", "number": 1}
    assert profile["distil"] == load_profile(PROFILE)["distil"]

    # While that run goes on, another look starts nothing.
    begin_run(place, data="demo", profile=arguments["profile"], seed=0, job="r1")
    api.states = ["RUNNING"]
    assert not cluster_rounds.submit_round(server, shop, experiment="t", look=False)
    assert len(submitted(api)) == 1

    # It died: the same round is submitted again.
    api.states = ["FAILED"]
    assert cluster_rounds.submit_round(server, shop, experiment="t", look=False)
    assert [one["run"] for one in submitted(api)] == [place, place]

    # It ended, and production taught nothing new.
    config = cluster_rounds.settings.section_config(arguments["profile"], "rounds")
    end_round(config, place, Status.REFUSED)
    assert not cluster_rounds.submit_round(server, shop, experiment="t", look=False)
    state = read_state(shop.place)
    assert [one.status for one in state.rounds] == [Status.REFUSED, Status.UNCHANGED]
    assert len(submitted(api)) == 2


def test_a_place_that_pods_cannot_read_is_refused_before_anything_is_written(
    api: StandIn, tmp_path: Path
) -> None:
    shop = tmp_path / "shop"
    with pytest.raises(MissingError, match="shop == "):
        cluster_rounds.submit_round(
            Server(api.url, "shop"),
            Shop(str(shop), "demo", PROFILE, 0),
            experiment="t",
            look=False,
        )
    assert not shop.exists()


def test_rounds_recur(api: StandIn, s3: str) -> None:
    server = Server(api.url, "shop")
    shop = Shop(join(s3, "other"), f"{s3}/data", PROFILE, 7, deploy=True)
    cluster_rounds.schedule_rounds(
        server, shop, cron="0 0 3 * * 1", experiment="weekly"
    )
    (body,) = [b for m, p, _, b in api.calls if (m, p) == ("POST", "/recurringruns")]
    assert isinstance(body, dict)
    assert body["trigger"]["cron_schedule"]["cron"] == "0 0 3 * * 1"
    assert body["max_concurrency"] == 1
    arguments = body["runtime_config"]["parameters"]
    profile = arguments.pop("profile")
    assert load_profile(str(local_copy(profile))) == load_profile(PROFILE)
    assert arguments == {
        "shop": f"{s3}/other",
        "data": f"{s3}/data",
        "seed": 7,
        "deploy": True,
        "host": api.url,
        "namespace": "shop",
        "experiment": "weekly",
    }


def test_the_recurring_pipeline_has_one_task(tmp_path: Path) -> None:
    from adore.pipeline.compiler import compile_pipeline

    path = Path(compile_pipeline("rounds", str(tmp_path)))
    spec, platform = yaml.safe_load_all(path.read_text("utf-8"))
    assert list(spec["deploymentSpec"]["executors"]) == ["exec-advance"]
    labels = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert labels["exec-advance"]["podMetadata"]["labels"] == {
        "access-ml-pipeline": "true"
    }
