"""A tiny student folder, made once by the real stages from a simulated shop."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from adore.artifacts import read_table, write_table
from adore.pipeline.runner import run_stage
from adore.synthesis.adversarial import adversarial
from adore.types import Item, item_from_row

PROFILE = {
    "demo_data": {
        "items": 60,
        "queries": 12,
        "judged": 10,
        "candidates": 8,
        "users": 10,
        "visits": 1,
    },
    "retrieve": {"backbone": "tiny", "k": 0, "unjudged_queries": 0},
    "distil": {"net": {"epochs": 2}, "forest": {"trees": 8}},
}


def _synthetic(prepared: Path, evidence: Path) -> list[dict[str, object]]:
    """One made pair a train query: its first item under another title."""
    queries = read_table(prepared, "queries").filter(split="train").sort("query_id")
    items = {
        row["item_id"]: row
        for row in read_table(prepared, "items").iter_rows(named=True)
    }
    pairs = (
        read_table(evidence, "pairs")
        .join(queries, on="query_id")
        .sort("query_id", "item_id")
    )
    rows = []
    for row in pairs.unique("query_id", keep="first", maintain_order=True).iter_rows(
        named=True
    ):
        item = {
            **items[row["item_id"]],
            "item_id": f"made-{row['item_id']}",
            "title": "Spare strap",
        }
        rows.append(
            {
                "query_id": row["query_id"],
                "item_id": item["item_id"],
                "synthetic_id": f"s-{row['query_id']}",
                "source_query_id": row["query_id"],
                "source_item_id": row["item_id"],
                "query": row["query"],
                "item": json.dumps(item),
                "error_type": "accessory",
                "attribute": "product_type",
                "edit": "",
                "source_grade": 3,
                "intended_grade": 1,
                "evidence": row["evidence"],
            }
        )
    return rows


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with profile.yaml, demo-data, prepare, evidence, retrieve, judge and verify."""
    home = tmp_path_factory.mktemp("student")
    (home / "profile.yaml").write_text(yaml.safe_dump(PROFILE), "utf-8")
    (home / "verify").mkdir()
    for name, inputs in (
        ("demo-data", {}),
        ("prepare", {"data": "demo-data"}),
        ("evidence", {"prepared": "prepare"}),
        ("retrieve", {"prepared": "prepare", "evidence": "evidence"}),
        ("judge", {"prepared": "prepare", "evidence": "evidence"}),
    ):
        places = {k: str(home / v) for k, v in inputs.items()}
        run_stage(name, places, str(home / name), profile=str(home / "profile.yaml"))
    write_table(
        _synthetic(home / "prepare", home / "evidence"), home / "verify", "synthetic"
    )
    write_table(
        adversarial(home / "prepare", home / "evidence"), home / "verify", "adversarial"
    )
    return home


@pytest.fixture(scope="session")
def student(shop: Path) -> Path:
    """The student's folder."""
    distil(shop, shop / "distil")
    return shop / "distil"


def distil(
    shop: Path, output: Path, settings: dict[str, object] | None = None, **places: str
):
    """Run stage distil on a shop's folders, with some settings of its own; returns the manifest."""
    inputs = {
        "prepared": str(shop / "prepare"),
        "evidence": str(shop / "evidence"),
        "judged": [str(shop / "judge")],
        "synthetic": str(shop / "verify"),
        "retrieved": str(shop / "retrieve"),
    }
    profile = str(shop / "profile.yaml")
    return run_stage(
        "distil", {**inputs, **places}, str(output), profile=profile, **(settings or {})
    )


@pytest.fixture(scope="session")
def distilled():
    """The function that runs stage distil."""
    return distil


@pytest.fixture(scope="session")
def catalogue(shop: Path) -> list[Item]:
    """A dozen items of the shop."""
    rows = read_table(shop / "prepare", "items").sort("item_id").head(12)
    return [item_from_row(row) for row in rows.iter_rows(named=True)]
