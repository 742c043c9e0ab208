"""A small real release (BM25 against random) behind real KServe servers and the real router."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from adore.release.local import LocalTarget
from adore.student.rankers import save_baseline
from adore.types import Item

ITEMS = [
    {"item_id": f"i{n}", "title": f"{colour} {kind}", "brand": brand, "category": kind}
    for n, (colour, kind, brand) in enumerate(
        (c, k, b)
        for c in ("red", "blue", "green")
        for k in ("running shoes", "water bottle")
        for b in ("Alder", "Birch")
    )
]
HALF = {"control": 0.5, "challenger": 0.5}


def write_release(folder: Path, items: list[dict[str, str]] = ITEMS) -> Path:
    """What the release stage writes, with rankers that load at once."""
    import polars as pl

    variants = {}
    for name, kind in (("control", "random"), ("challenger", "bm25")):
        (folder / "variants" / name).mkdir(parents=True)
        save_baseline(kind, [Item(**i) for i in items], folder / "variants" / name)
        card = json.loads((folder / "variants" / name / "card.json").read_text())
        variants[name] = {
            "folder": f"variants/{name}",
            "kind": kind,
            "version": card["version"],
        }
    plan = {
        "name": "t",
        "salt": "s",
        "weights": HALF,
        "variants": variants,
        "catalogue": "catalogue.parquet",
    }
    rows = [
        {**i, "description": "", "bullet_points": ["light"], "attributes": "{}"}
        for i in items
    ]
    pl.DataFrame(rows).write_parquet(folder / "catalogue.parquet")
    (folder / "experiment.json").write_text(json.dumps(plan))
    return folder


@pytest.fixture(scope="session")
def shop_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release folder."""
    return write_release(tmp_path_factory.mktemp("release"))


@pytest.fixture(scope="session")
def target(
    shop_release: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalTarget]:
    """The release, up."""
    with LocalTarget(shop_release, tmp_path_factory.mktemp("target")) as up:
        yield up


@pytest.fixture(scope="session")
def servers(target: LocalTarget) -> dict[str, str]:
    """Base address of each model server."""
    plan = json.loads((target.work / "router.json").read_text())
    return {name: v["url"].partition("/v1/")[0] for name, v in plan["variants"].items()}


@pytest.fixture(scope="session")
def rank(target: LocalTarget) -> Iterator[Callable[..., httpx.Response]]:
    """Asks the router."""
    with httpx.Client(base_url=target.url, timeout=30) as client:

        def ask(
            user: object = "u1",
            query: object = "red shoes",
            items: object = ITEMS,
            **more: object,
        ) -> httpx.Response:
            body = {"user_id": user, "query": query, "items": items, **more}
            return client.post(
                "/rank",
                content=json.dumps(body),
                headers={"content-type": "application/json"},
            )

        yield ask
