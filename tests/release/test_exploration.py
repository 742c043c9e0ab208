"""The share of explored lists travels from the release's settings to every router."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.serving.conftest import ITEMS, write_release

from adore.artifacts import write_table
from adore.release.kubernetes.config import Config as Cluster
from adore.release.kubernetes.objects import name_services
from adore.release.kubernetes.records import promote_variant, router_config
from adore.release.kubernetes.releases import read_plan
from adore.release.release import Config, run

EMPTY = {"description": "", "bullet_points": [], "attributes": "{}"}


@pytest.mark.parametrize("share", [0.0, 0.05])
def test_a_plan_has_the_share_of_explored_lists(tmp_path: Path, share: float) -> None:
    variants = write_release(tmp_path / "rankers") / "variants"
    for folder in ("prepared", "gate", "release"):
        (tmp_path / folder).mkdir()
    write_table([{**item, **EMPTY} for item in ITEMS], tmp_path / "prepared", "items")
    verdict = {"passed": True, "champion": "bm25", "baseline": "bm25"}
    (tmp_path / "gate" / "gate.json").write_text(json.dumps(verdict))

    release = tmp_path / "release"
    student = variants / "challenger"
    run(
        Config(explore=share),
        tmp_path / "prepared",
        student,
        tmp_path / "gate",
        release,
    )
    local = json.loads((release / "experiment.json").read_text())
    assert local.get("explore", 0.0) == share

    cluster = Cluster(claim=f"data:{tmp_path}")
    plan = name_services(cluster, read_plan(cluster, str(release)))
    promoted = name_services(cluster, promote_variant(plan, "challenger"))
    for served in (plan, promoted):
        assert router_config(cluster, served, 1).get("explore", 0.0) == share
