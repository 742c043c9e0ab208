"""The router's counters, and the logs' way off the pod."""

from __future__ import annotations

import json
import socket
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from tests.serving.conftest import ITEMS

from adore.release.local import LocalTarget
from adore.serving.exposure import Log, Shipper, read_log, read_shipped
from adore.serving.router import create_app


def samples(text: str) -> dict[tuple[str, str], float]:
    """(name, variant) to value."""
    rows = [s for f in text_string_to_metric_families(text) for s in f.samples]
    return {
        (s.name, s.labels.get("variant", "")): s.value
        for s in rows
        if "le" not in s.labels
    }


def ask(client: TestClient, users: int) -> None:
    for n in range(users):
        body: dict[str, Any] = {
            "user_id": f"u{n}",
            "query": "red shoes",
            "items": ITEMS,
        }
        assert client.post("/rank", json=body).status_code == 200


def test_a_wrong_version_is_a_mismatch_and_a_dead_variant_degrades(
    target: LocalTarget, tmp_path: Path
) -> None:
    config = json.loads((target.work / "router.json").read_text())
    config["variants"]["control"]["version"] = "another"
    config["variants"]["challenger"]["url"] = "http://127.0.0.1:9/"
    with TestClient(
        create_app(config, tmp_path / "logs", str(tmp_path / "shipped"))
    ) as client:
        ask(client, 20)
        found = samples(client.get("/metrics").text)
    exposures, _ = read_shipped(
        str(tmp_path / "shipped"), f"exposures/{config['name']}"
    )
    assigned = [e["variant"] for e in exposures]
    lost = assigned.count("challenger")
    assert len(exposures) == 20 and 0 < lost < 20
    assert (
        found["adore_degraded_total", "challenger"]
        == found["adore_variant_failures_total", "challenger"]
        == lost
    )
    assert found["adore_degraded_total", "control"] == 0
    assert (
        found["adore_mismatch_total", "challenger"]
        + found["adore_mismatch_total", "control"]
        == 20
    )
    assert found["adore_request_seconds_count", "control"] == 20 - lost
    assert found["adore_exposure_backlog_bytes", ""] > 0


def test_what_cannot_be_shipped_stays_and_goes_later(tmp_path: Path) -> None:
    log = Log(tmp_path / "logs" / "exposures.jsonl")
    (tmp_path / "place").write_text("no folder")
    shipper = Shipper({"exposures/e": log}, str(tmp_path / "place"))
    for n in range(3):
        log.append({"n": n})
        shipper.ship()
    assert shipper.failures == 3 and log.size() == 3 * len('{"n": 0}\n')
    (tmp_path / "place").unlink()
    shipper.ship()
    rows, torn = read_shipped(str(tmp_path / "place"), "exposures/e")
    assert sorted(r["n"] for r in rows) == [0, 1, 2] and torn == 0 and log.size() == 0
    log.close()
    assert read_log(log.path) == ([], 0)


def test_events_lie_by_day_and_exposures_by_experiment_and_day(
    target: LocalTarget, tmp_path: Path
) -> None:
    config = json.loads((target.work / "router.json").read_text()) | {"release": 7}
    before = datetime.now(UTC).date()
    with TestClient(
        create_app(config, tmp_path / "logs", str(tmp_path / "shipped"))
    ) as client:
        ask(client, 1)
        event = {
            "event_id": "e",
            "client_id": "u0",
            "action_name": "click",
            "timestamp": 1767225600000,
        }
        assert client.post("/events", json=[event]).json() == {"accepted": 1}
    days = {str(before), str(datetime.now(UTC).date())}
    (shown,) = (tmp_path / "shipped" / "exposures").glob("*/*/*.jsonl")
    (done,) = (tmp_path / "shipped" / "events").glob("*/*.jsonl")
    assert (
        shown.parent.name in days
        and shown.parent.parent.name == config["name"]
        and done.parent.name in days
    )
    assert (
        json.loads(shown.read_text())["release"] == 7
        and json.loads(done.read_text()) == event
    )


def test_a_mistyped_endpoint_is_counted_and_the_thread_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": "minio:9000",
        "AWS_ACCESS_KEY_ID": "k",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    log = Log(tmp_path / "x.jsonl")
    log.append({"n": 1})
    shipper = Shipper({"x": log}, "s3://bucket/place", every=0.01)
    shipper.start()
    until = time.monotonic() + 60
    while shipper.failures < 2 and time.monotonic() < until:
        time.sleep(0.01)
    shipper.stop()
    assert shipper.failures >= 3 and log.size() == len('{"n": 1}\n')
    assert "Invalid endpoint" in caplog.text and "bytes left" in caplog.text
    log.close()


def test_a_place_that_hangs_does_not_hold_up_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log(tmp_path / "x.jsonl")
    log.append({"n": 1})
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with socket.create_server(("127.0.0.1", 0)) as store:
        monkeypatch.setenv(
            "AWS_ENDPOINT_URL", f"http://127.0.0.1:{store.getsockname()[1]}"
        )
        shipper = Shipper({"x": log}, "s3://bucket/place")
        shipper.start()
        shipper.stop(patience=1.0)
        assert shipper._thread.is_alive() and shipper.failures == 0
    shipper._thread.join(60)  # the store is gone: the connection is reset
    assert shipper.failures == 1 and log.size() == len('{"n": 1}\n')
    log.close()
