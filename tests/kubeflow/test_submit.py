"""Runs on Kubeflow Pipelines: the real client against a stand-in for the server's API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.kubeflow.conftest import API, StandIn

from adore.config import load_profile
from adore.errors import ConfigError, MissingError, UnavailableError
from adore.pipeline import cluster
from adore.pipeline.ending import finish
from adore.pipeline.kubeflow.client import TOKEN, Server
from adore.pipeline.kubeflow.follow import follow
from adore.pipeline.settings import config_of
from adore.release.local import free_port
from adore.run_record import begin_run
from adore.storage import local_copy

PACKAGE = Path(__file__).parents[2] / "tests" / "tiny.yaml"


def start(
    api: StandIn, run: str = "s3://b/run", profile: str = "laptop", **more: Any
) -> str:
    """Start a run, without a look at a cluster that is not there."""
    server = Server(api.url, "shop")
    return cluster.submit(
        server, "demo", run, profile=profile, seed=0, experiment="t", look=False, **more
    )


def test_a_version_is_uploaded_and_a_run_of_it_started_and_followed(
    api: StandIn, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(TOKEN, "t0ken")
    server = Server(api.url, "shop")
    run = start(api, target="kubernetes")
    assert follow(server, run, every=0.01) == 0
    sent = {(m, p): (q, b) for m, p, q, b in api.calls}
    assert sent["POST", "/pipelines/upload"][0]["namespace"] == ["shop"]
    assert sent["POST", "/experiments"][1]["namespace"] == "shop"
    body = sent["POST", "/runs"][1]
    arguments = body["runtime_config"]["parameters"]
    assert (
        arguments["run"] == "s3://b/run"
        and arguments["target"] == "kubernetes"
        and arguments["shard_ids"] == [0, 1]
    )
    assert body["pipeline_version_reference"] == {
        "pipeline_id": "p1",
        "pipeline_version_id": "v1",
    }
    assert body["service_account"] == "adore-pipeline"
    assert api.tokens == {"Bearer t0ken"}
    told = capfd.readouterr().err
    assert f"{api.url}/#/runs/details/r1" in told and "run r1: passed" in told


def test_a_known_pipeline_gets_a_version_only(api: StandIn) -> None:
    api.pipelines["adore"] = "p1"
    assert Server(api.url, "shop").upload(str(PACKAGE), "adore") == ("p1", "v1")
    assert [p for m, p, _, _ in api.calls if m == "POST"] == [
        "/pipelines/upload_version"
    ]


@pytest.mark.parametrize(
    ("states", "status"), [(["RUNNING", "FAILED"], 1), (["CANCELED"], 1)]
)
def test_a_run_that_does_not_succeed_is_an_exit_status(
    api: StandIn, states: list[str], status: int
) -> None:
    api.states = states
    assert follow(Server(api.url, "shop"), "r1", every=0.01) == status


def test_a_server_that_is_silent_for_a_while_does_not_end_the_following(
    api: StandIn,
) -> None:
    api.states = ["RUNNING", "", "", "SUCCEEDED"]
    assert follow(Server(api.url, "shop"), "r1", every=0.01) == 0
    api.states = ["RUNNING", ""]
    with pytest.raises(UnavailableError):
        follow(Server(api.url, "shop"), "r1", every=0.01, patience=0.05)


def test_where_the_runs_of_an_installation_for_one_user_are_is_said(
    api: StandIn, capfd: pytest.CaptureFixture[str]
) -> None:
    api.many = False
    start(api)
    assert "the run is in its own namespace" in capfd.readouterr().err


def test_the_review_recurs_one_at_a_time(api: StandIn) -> None:
    server = Server(api.url, "shop")
    assert (
        cluster.schedule(
            server, profile="laptop", cron="0 0 * * * *", experiment="review", act=True
        )
        == "j1"
    )
    (body,) = [b for m, p, _, b in api.calls if (m, p) == ("POST", "/recurringruns")]
    assert (
        body["trigger"]["cron_schedule"]["cron"] == "0 0 * * * *"
        and body["max_concurrency"] == 1
    )
    assert body["runtime_config"]["parameters"] == {"profile": "laptop", "act": True}


def test_a_server_that_refuses_or_is_not_there_is_said(api: StandIn) -> None:
    with pytest.raises(UnavailableError, match=r"must accept this.*404"):
        follow(Server(api.url, "shop"), "no-such-run")
    with pytest.raises(UnavailableError, match="must answer; check the address"):
        follow(Server(f"http://127.0.0.1:{free_port()}", "shop"), "r1")


def profile_of(api: StandIn) -> str:
    (body,) = [b for m, p, _, b in api.calls if (m, p) == ("POST", "/runs")]
    return str(body["runtime_config"]["parameters"]["profile"])


def test_a_profile_that_is_a_file_goes_to_the_pods_by_its_place(
    api: StandIn, s3: str
) -> None:
    start(api, f"{s3}/run", str(PACKAGE))
    place = profile_of(api)
    assert place.startswith(f"{s3}/run/.profiles/") and place.endswith("/tiny.yaml")
    assert (
        load_profile(str(local_copy(place))) == load_profile(str(PACKAGE))
        and config_of("distil", place).forest.trees == 10
    )


def test_on_a_claim_it_goes_as_its_content(api: StandIn, tmp_path: Path) -> None:
    profile = tmp_path / "claim.yaml"
    profile.write_text(PACKAGE.read_text() + "\ncluster: {claim: 'data:/claim'}\n")
    start(api, "/claim/run", str(profile))
    assert (
        load_profile(profile_of(api)) == load_profile(str(profile))
        and config_of("distil", profile_of(api)).forest.trees == 10
    )


def test_more_shards_than_a_workflow_can_hold_are_refused(
    api: StandIn, tmp_path: Path
) -> None:
    profile = tmp_path / "many.yaml"
    profile.write_text("judge: {shards: 51}")
    with pytest.raises(
        ConfigError,
        match=r"judge\.shards == 51, must be at most 50 on Kubeflow Pipelines",
    ):
        start(api, profile=str(profile))


def test_a_place_that_a_run_still_writes_to_is_refused(api: StandIn, s3: str) -> None:
    begin_run(f"{s3}/busy", data="demo", profile="laptop", seed=0, job="r1")
    api.states = ["RUNNING"]
    with pytest.raises(ConfigError, match=r"one that no run writes to \(run r1 does\)"):
        start(api, f"{s3}/busy")
    api.states = ["FAILED"]
    assert start(api, f"{s3}/busy") == "r1"
    begin_run(f"{s3}/busy", data="demo", profile="laptop", seed=0, job="forgotten")
    assert start(api, f"{s3}/busy") == "r1", (
        "a run that the server does not know has ended"
    )


def test_the_clients_own_prints_are_kept_from_the_terminal(
    api: StandIn, capfd: pytest.CaptureFixture[str]
) -> None:
    start(api)
    assert capfd.readouterr().out == ""


def test_a_place_that_pods_cannot_read_is_refused(api: StandIn) -> None:
    with pytest.raises(MissingError, match=r"run == 'runs/x', must be an s3:// place"):
        start(api, "runs/x")


def test_what_is_not_given_or_does_not_fit_is_said_before_anything_is_sent(
    api: StandIn, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="--host == '', must be given"):
        Server("", "shop")
    with pytest.raises(ConfigError, match="--namespace == '', must be given"):
        Server(api.url, "")
    for text, word in (
        ("net: {lists_per_step: 3}", "a multiple of 2"),
        ("net: {lists_per_step: 4}", "'shop', the run's"),
    ):
        (tmp_path / "p.yaml").write_text(
            f"distil: {{{text}}}\ncluster: {{train: {{stages: [distil]}}}}"
        )
        with pytest.raises(ConfigError, match=word):
            start(api, "s3://b/r", str(tmp_path / "p.yaml"))
    assert not [p for m, p, _, _ in api.calls if m == "POST"]


def test_the_end_of_a_run_is_told_to_the_hook(
    api: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADORE_NOTIFY_URL", f"{api.url}{API}/hook")
    (tmp_path / "run.json").write_text("{}")
    page = finish(str(tmp_path), "FAILED", "a step failed")
    (told,) = [b for m, p, _, b in api.calls if (m, p) == ("POST", "/hook")]
    assert told == {
        "run": str(tmp_path),
        "status": "failed",
        "error": "a step failed",
        "page": page,
    }
    monkeypatch.setenv("ADORE_NOTIFY_URL", f"http://127.0.0.1:{free_port()}/")
    assert finish(str(tmp_path), "FAILED", "a step failed") == page
