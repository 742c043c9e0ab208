"""Runs on Kubeflow Pipelines: the real client against a stand-in for the server's API."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.kubeflow.conftest import API, StandIn

from adore import loop, remote
from adore.config import load_profile
from adore.doctor.cluster import _pipelines
from adore.errors import ConfigError, MissingError, UnavailableError
from adore.kubeflow.submit import TOKEN, Server
from adore.release.local import free_port
from adore.stages import config_of

PACKAGE = Path(__file__).parents[2] / "tests" / "tiny.yaml"


def test_a_version_is_uploaded_and_a_run_of_it_started_and_followed(
    api: StandIn, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(TOKEN, "t0ken")
    server = Server(api.url, "shop")
    run = remote.submit(server, "demo", "s3://b/run", profile="laptop", seed=3, experiment="trial", target="kubernetes")
    assert server.follow(run, every=0.01) == 0
    sent = {(m, p): (q, b) for m, p, q, b in api.calls}
    assert sent["POST", "/pipelines/upload"][0]["namespace"] == ["shop"]
    assert sent["POST", "/experiments"][1]["namespace"] == "shop"
    body = sent["POST", "/runs"][1]
    arguments = body["runtime_config"]["parameters"]
    assert arguments["run"] == "s3://b/run" and arguments["target"] == "kubernetes" and arguments["shard_ids"] == [0, 1]
    assert body["pipeline_version_reference"] == {"pipeline_id": "p1", "pipeline_version_id": "v1"}
    assert body["service_account"] == "adore-pipeline"
    assert api.tokens == {"Bearer t0ken"}
    told = capfd.readouterr().err
    assert f"{api.url}/#/runs/details/r1" in told and "run r1: succeeded" in told


def test_a_known_pipeline_gets_a_version_only(api: StandIn) -> None:
    api.pipelines["adore"] = "p1"
    assert Server(api.url, "shop").upload(str(PACKAGE), "adore") == ("p1", "v1")
    assert [p for m, p, _, _ in api.calls if m == "POST"] == ["/pipelines/upload_version"]


@pytest.mark.parametrize(("states", "status"), [(["RUNNING", "FAILED"], 1), (["CANCELED"], 1)])
def test_a_run_that_does_not_succeed_is_an_exit_status(api: StandIn, states: list[str], status: int) -> None:
    api.states = states
    assert Server(api.url, "shop").follow("r1", every=0.01) == status


def test_a_server_that_is_silent_for_a_while_does_not_end_the_following(api: StandIn) -> None:
    api.states = ["RUNNING", "", "", "SUCCEEDED"]
    assert Server(api.url, "shop").follow("r1", every=0.01) == 0
    api.states = ["RUNNING", ""]
    with pytest.raises(UnavailableError):
        Server(api.url, "shop").follow("r1", every=0.01, patience=0.05)


def test_where_the_runs_of_an_installation_for_one_user_are_is_said(
    api: StandIn, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert _pipelines("shop").needed is False
    monkeypatch.setenv("KFP_HOST", api.url)
    assert "runs are in shop" in _pipelines("shop").text
    api.many = False
    assert _pipelines("shop").ok and "manifests/standalone.yaml" in _pipelines("shop").text
    remote.submit(Server(api.url, "shop"), "demo", "s3://b/run", profile="laptop", seed=0, experiment="t")
    assert "the run is in its own namespace" in capfd.readouterr().err


def test_the_online_pipeline_recurs_one_at_a_time(api: StandIn) -> None:
    server = Server(api.url, "shop")
    assert remote.schedule(server, profile="laptop", cron="0 0 * * * *", experiment="online", act=True) == "j1"
    (body,) = [b for m, p, _, b in api.calls if (m, p) == ("POST", "/recurringruns")]
    assert body["trigger"]["cron_schedule"]["cron"] == "0 0 * * * *" and body["max_concurrency"] == 1
    assert body["runtime_config"]["parameters"] == {"profile": "laptop", "act": True}


def test_a_server_that_refuses_or_is_not_there_is_said(api: StandIn) -> None:
    with pytest.raises(UnavailableError, match=r"must accept this.*404"):
        Server(api.url, "shop").follow("no-such-run")
    with pytest.raises(UnavailableError, match="must answer; check the address"):
        Server(f"http://127.0.0.1:{free_port()}", "shop").follow("r1")


def test_a_profile_that_is_a_file_goes_to_the_pods_as_its_content(api: StandIn) -> None:
    remote.submit(Server(api.url, "shop"), "demo", "s3://b/run", profile=str(PACKAGE), seed=0, experiment="t")
    (body,) = [b for m, p, _, b in api.calls if (m, p) == ("POST", "/runs")]
    told = body["runtime_config"]["parameters"]["profile"]
    assert load_profile(told) == load_profile(str(PACKAGE)) and config_of("distil", told).trees == 10


def test_a_place_that_pods_cannot_read_is_refused(api: StandIn) -> None:
    with pytest.raises(MissingError, match=r"run == 'runs/x', must be an s3:// place"):
        remote.submit(Server(api.url, "shop"), "demo", "runs/x", profile="laptop", seed=0, experiment="t")


def test_what_is_not_given_or_does_not_fit_is_said_before_anything_is_sent(api: StandIn, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--host == '', must be given"):
        Server("", "shop")
    with pytest.raises(ConfigError, match="--namespace == '', must be given"):
        Server(api.url, "")
    for text, word in (("lists: 3", "a multiple of 2"), ("lists: 4", "'shop', the run's")):
        (tmp_path / "p.yaml").write_text(f"distil: {{{text}}}\ncluster: {{train: {{stages: [distil]}}}}")
        with pytest.raises(ConfigError, match=word):
            remote.submit(
                Server(api.url, "shop"), "demo", "s3://b/r", profile=str(tmp_path / "p.yaml"), seed=0, experiment="t"
            )
    assert not [p for m, p, _, _ in api.calls if m == "POST"]


def test_the_end_of_a_run_is_told_to_the_hook(api: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADORE_NOTIFY_URL", f"{api.url}{API}/hook")
    (tmp_path / "run.json").write_text("{}")
    page = loop.finish(str(tmp_path), "FAILED", "a step failed")
    (told,) = [b for m, p, _, b in api.calls if (m, p) == ("POST", "/hook")]
    assert told == {"run": str(tmp_path), "status": "failed", "error": "a step failed", "page": page}
    monkeypatch.setenv("ADORE_NOTIFY_URL", f"http://127.0.0.1:{free_port()}/")
    assert loop.finish(str(tmp_path), "FAILED", "a step failed") == page
