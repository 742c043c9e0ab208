"""The router's counters, and the logs' way off the pod."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from tests.serving.conftest import ITEMS

from adore.release.local import LocalTarget
from adore.serving.exposure import Log, Shipper, read_log, read_shipped
from adore.serving.router import create_app


def samples(text: str) -> dict[tuple[str, str], float]:
    """(name, variant) to value."""
    rows = [s for f in text_string_to_metric_families(text) for s in f.samples]
    return {(s.name, s.labels.get("variant", "")): s.value for s in rows if "le" not in s.labels}


def ask(client: TestClient, users: int) -> None:
    for n in range(users):
        body: dict[str, Any] = {"user_id": f"u{n}", "query": "red shoes", "items": ITEMS}
        assert client.post("/rank", json=body).status_code == 200


def test_a_wrong_version_is_a_mismatch_and_a_dead_variant_degrades(target: LocalTarget, tmp_path: Path) -> None:
    config = json.loads((target.work / "router.json").read_text())
    config["variants"]["control"]["version"] = "another"
    config["variants"]["challenger"]["url"] = "http://127.0.0.1:9/"
    with TestClient(create_app(config, tmp_path / "logs", str(tmp_path / "shipped"))) as client:
        ask(client, 20)
        found = samples(client.get("/metrics").text)
    exposures, _ = read_shipped(str(tmp_path / "shipped"), "exposures")
    assigned = [e["variant"] for e in exposures]
    lost = assigned.count("challenger")
    assert len(exposures) == 20 and 0 < lost < 20
    assert found["adore_degraded_total", "challenger"] == found["adore_variant_failures_total", "challenger"] == lost
    assert found["adore_degraded_total", "control"] == 0
    assert found["adore_mismatch_total", "challenger"] + found["adore_mismatch_total", "control"] == 20
    assert found["adore_request_seconds_count", "control"] == 20 - lost
    assert found["adore_exposure_backlog_bytes", ""] > 0


def test_what_cannot_be_shipped_stays_and_goes_later(tmp_path: Path) -> None:
    log = Log(tmp_path / "logs" / "exposures.jsonl")
    (tmp_path / "place").write_text("no folder")
    shipper = Shipper([log], str(tmp_path / "place"))
    for n in range(3):
        log.append({"n": n})
        shipper.ship()
    assert shipper.failures == 3 and shipper.backlog() == 3 * len('{"n": 0}\n')
    (tmp_path / "place").unlink()
    shipper.ship()
    rows, torn = read_shipped(str(tmp_path / "place"), "exposures")
    assert sorted(r["n"] for r in rows) == [0, 1, 2] and torn == 0 and shipper.backlog() == 0
    log.close()
    assert read_log(log.path) == ([], 0)
