"""Items of a request are read as prepare reads the rows of an items file;
what cannot be read gets a 400.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from adore.artifacts import read_table
from adore.data.dataset import DatasetInfo
from adore.data.prepare import Config, run
from adore.errors import RequestError
from adore.release.local import LocalTarget
from adore.serving.request import Reading, parse, row_of
from adore.serving.router import create_app
from adore.student.known import KnownItems, save_items
from adore.types import Item, item_from_row

ROWS: list[dict[str, Any]] = [
    {"item_id": "a", "title": "Mug", "brand": "Tassa", "colour": "red",
     "price": "12.00 USD", "gtin": 4006381333931},
    {"item_id": "b", "title": "Mug", "category": ["Kitchen", "Mugs"],
     "material": ["steel", "wood"], "empty": ""},
    {"item_id": "c", "title": "Mug", "attributes": {"colour": "blue"}, "size": "350 ml",
     "bullet_points": ["light"]},
    {"item_id": "d", "title": "Mug", "attributes": [{"name": "Colour", "value": "blue"},
                                                        {"name": "w", "value": 3, "unit": "kg"}]},
    {"item_id": "e", "title": "Mug", "attributes": "{\"colour\": \"blue\"}",
     "description": "<b>A mug</b>"},
    {"item_id": "f", "title": "Mug", "bullet_points": "[\"one\", \"two\"]",
     "stock": 3, "dims": {"h": 1}},
    {"item_id": 17, "title": "Mug", "colour": None},
]  # fmt: skip


def prepared(
    folder: Path, rows: list[dict[str, Any]], settings: str = ""
) -> dict[str, Item]:
    """What prepare makes of the same rows in a file."""
    folder.mkdir(parents=True)
    (folder / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "queries.jsonl").write_text(
        '{"query_id": "q", "query": "mug", "split": "train"}\n'
    )
    first = rows[0].get("item_id") or next(iter(rows[0].values()))
    (folder / "judgements.jsonl").write_text(
        json.dumps({"query_id": "q", "item_id": str(first), "label": "E"}) + "\n"
    )
    if settings:
        (folder / "dataset.yaml").write_text(settings)
    (folder / "out").mkdir()
    run(Config(), data=folder, output=folder / "out")
    return {
        row["item_id"]: item_from_row(row)
        for row in read_table(folder / "out", "items").iter_rows(named=True)
    }


def served(
    rows: list[dict[str, Any]], reading: Reading | None = None
) -> dict[str, Item]:
    request = parse({"query": "mug", "items": rows}, "body", reading or Reading())
    return {item.item_id: item for item in request.items}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row["item_id"]))
def test_one_reading_in_prepare_and_serving(
    tmp_path: Path, row: dict[str, Any]
) -> None:
    assert served([row]) == prepared(tmp_path / "data", [row])


@pytest.mark.parametrize(
    ("row", "settings"),
    [
        ({"Item ID": "a", "Title": "Mug", "Bullet Points": ["x"], "colour": "red"}, ""),
        ({"SKU": "a", "Bezeichnung": "Mug", "Farbe": "rot"},
         "columns: {items: {item_id: SKU, title: Bezeichnung}}\n"),
        ({"item_id": "a", "title": "Mug", "colour": "red", "stock": 4}, "attributes: [colour]\n"),
        (
            {"id": "a", "title": "Mug", "link": "https://x.example",
             "price": "35.00 USD", "availability": "in_stock",
             "brand": "Tassa", "product_type": "Kitchen > Mugs", "color": "red"}, "",
        ),
    ],
)  # fmt: skip
def test_columns_by_the_shops_map_and_by_preset(
    tmp_path: Path, row: dict[str, Any], settings: str
) -> None:
    wanted = prepared(tmp_path / "data", [row], settings)
    info = json.loads((tmp_path / "data" / "out" / "dataset.json").read_text())
    reading = Reading(
        DatasetInfo(
            **{name: info[name] for name in ("columns", "preset", "attributes")}
        )
    )
    assert served([row, {**row, next(iter(row)): "z"}], reading)["a"] == wanted["a"]


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (3, ["items[0] == 3", "an object"]),
        ("a", ["items[0] == 'a'", "an object"]),
        ({"title": "Mug"}, ["items[0].item_id == None", "a string"]),
        ({"item_id": "", "title": "Mug"}, ["items[0].item_id == ''"]),
        ({"item_id": {"x": 1}, "title": "Mug"}, ["items[0].item_id == {'x': 1}"]),
        ({"item_id": True, "title": "Mug"}, ["items[0].item_id == True"]),
        (
            {"item_id": "a"},
            [
                "items[0].title == None",
                "a string",
                "the id of an item of the catalogue",
            ],
        ),
        ({"item_id": "a", "title": 7}, ["items[0].title == 7"]),
        ({"item_id": "a", "title": ["Mug"]}, ["items[0].title == ['Mug']"]),
        (
            {"item_id": "a", "title": "Mug", "brand": {"n": "x"}},
            ["items[0].brand ==", "{'n': 'x'}", "a string"],
        ),
        (
            {"item_id": "a", "title": "Mug", "category": True},
            ["items[0].category ==", "a list from the top"],
        ),
        (
            {"item_id": "a", "title": "Mug", "attributes": "red"},
            ["items[0].attributes == 'red'", "an object"],
        ),
        (
            {"item_id": "a", "title": "Mug", "attributes": [1]},
            ["items[0].attributes == '[1]'"],
        ),
        (
            {"item_id": "a", "title": "Mug", "bullet_points": {"x": 1}},
            ["items[0].bullet_points == {'x': 1}"],
        ),
        (
            {"item_id": "a", "title": "x" * 100_001},
            ["items[0].title", "at most 100000 characters"],
        ),
        (
            {"item_id": "a", "title": "Mug", "x": [[[[[[[[[1]]]]]]]]]},
            ["items[0] == 'a'", "at most 8 deep"],
        ),
    ],
)
def test_unknown_shapes_are_refused_by_field_and_value(
    item: Any, words: list[str]
) -> None:
    with pytest.raises(RequestError) as told:
        parse({"query": "mug", "items": [item]}, "body")
    assert all(word in str(told.value) for word in words), told.value


def test_a_known_id_brings_the_item_and_what_is_sent_goes_over_it(
    tmp_path: Path,
) -> None:
    mug = Item("a", "Mug", "Tassa", attributes={"colour": "red", "price": 12})
    save_items([mug], tmp_path)
    reading = Reading(known=KnownItems(tmp_path))
    assert served([{"item_id": "a"}], reading)["a"] == mug
    assert served([{"item_id": "a", "price": 9}], reading)["a"].attributes == {
        "colour": "red",
        "price": 9,
    }
    with pytest.raises(RequestError, match=r"items\[0\].title == None"):
        served([{"item_id": "b"}], reading)


def test_what_is_sent_on_is_read_alike() -> None:
    once = served(ROWS)
    assert served([row_of(item) for item in once.values()]) == once


def post(servers: dict[str, str], items: list[Any]) -> httpx.Response:
    body = {"instances": [{"query": "red shoes", "items": items}]}
    return httpx.post(
        f"{servers['challenger']}/v1/models/challenger:predict", json=body, timeout=30
    )


def test_the_server_knows_its_catalogue(servers: dict[str, str]) -> None:
    known = post(servers, [{"item_id": "i0"}, {"item_id": "i2"}]).json()["predictions"][
        0
    ]["items"]
    whole = [
        {
            "item_id": "i0",
            "title": "red running shoes",
            "brand": "Alder",
            "category": "running shoes",
        },
        {
            "item_id": "i2",
            "title": "red water bottle",
            "brand": "Alder",
            "category": "water bottle",
        },
    ]
    assert known == post(servers, whole).json()["predictions"][0]["items"]
    refused = post(servers, [{"item_id": "nobody"}])
    assert (
        refused.status_code == 400
        and "items[0].title == None" in refused.json()["error"]
    )


def test_the_router_reads_items_alike(rank: Callable[..., httpx.Response]) -> None:
    flat = rank(
        items=[
            {"item_id": "n1", "title": "red shoes", "colour": "red"},
            {"item_id": 7, "title": "blue bottle"},
        ]
    )
    assert flat.status_code == 200 and {s["item_id"] for s in flat.json()["items"]} == {
        "n1",
        "7",
    }
    assert not flat.json()["degraded"]
    alone = rank(items=[{"item_id": "i0"}, {"item_id": "i2"}])
    assert alone.status_code == 200 and not alone.json()["degraded"]
    unknown = rank(items=[{"item_id": "i0"}, {"item_id": "nobody"}])
    assert (
        unknown.status_code == 400
        and "items[1].title == None" in unknown.json()["detail"]
    )


def test_a_router_without_a_catalogue_asks_its_variants(
    target: LocalTarget, tmp_path: Path
) -> None:
    plan = json.loads((target.work / "router.json").read_text())
    plan.pop("catalogue", None)
    with TestClient(create_app(plan, tmp_path)) as client:
        body = {
            "user_id": "u",
            "query": "red shoes",
            "items": [{"item_id": "i0"}, {"item_id": "i2"}],
        }
        known = client.post("/rank", json=body)
        unknown = client.post("/rank", json={**body, "items": [{"item_id": "nobody"}]})
    assert known.status_code == 200 and not known.json()["degraded"]
    assert (
        unknown.status_code == 400
        and "items[0].title == None" in unknown.json()["detail"]
    )


NO_TABLES = (
    "polars",
    "duckdb",
    "torch",
    "krippendorff",
    "charset_normalizer",
    "py3langid",
)
ROUTER_LACKS = (
    *NO_TABLES,
    "numpy",
    "Stemmer",
    "price_parser",
    "stdnum",
    "onnxruntime",
    "kserve",
)
BLOCKED = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in {missing}:
            raise ImportError(name)
sys.meta_path.insert(0, Blocked())
import {modules}
from adore.serving.request import Reading
row = {{'Item ID': 'a', 'title': 't', 'colour': 'red', 'price': '35.00 USD'}}
print(Reading().item(row, 'items[0]').attributes)
"""


@pytest.mark.parametrize(
    ("missing", "modules"),
    [
        (NO_TABLES, "adore.serving.server, adore.student.known, adore.student.rankers"),
        (ROUTER_LACKS, "adore.serving.router, adore.serving.reach"),
    ],
    ids=["server", "router"],
)
def test_what_reads_items_asks_for_nothing_that_its_slim_image_lacks(
    missing: tuple[str, ...], modules: str
) -> None:
    code = BLOCKED.format(missing=missing, modules=modules)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "{'colour': 'red', 'price': '35.00 USD'}", done.stderr
