"""Exports as shops really have them: each is recognised, said, and read into the right fields."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from adore.config import configure
from adore.data.check import check_folder
from adore.data.shop import ReadConfig, Shop, read_shop

EXPORTS = Path(__file__).parent / "exports"
CONFIG = configure(ReadConfig, {}, "prepare")
ITEMS = [
    {"item_id": i, "title": t}
    for i, t in (("a", "Camp Kettle"), ("b", "Teapot"), ("c", "Stand"))
]
QUERIES = [{"query_id": "1", "query": "camp kettle", "split": "train"},
           {"query_id": "2", "query": "green kettle", "split": "test"}]  # fmt: skip


def lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def folder(
    tmp: Path, *exports: str, dataset: str = "", **tables: list[dict[str, Any]]
) -> Path:
    """A shop of exports, under the names that they really have, and of tables of ours."""
    for name in exports:
        shutil.copyfile(EXPORTS / name, tmp / name)
    for table, rows in tables.items():
        lines(tmp / f"{table}.jsonl", rows)
    if dataset:
        (tmp / "dataset.yaml").write_text(dataset)
    return tmp


def shop_of(data: Path) -> Shop:
    shop = read_shop(data, CONFIG)
    assert not shop.report.problems, shop.report.problems
    return shop


def items_of(data: Path) -> dict[str, dict[str, Any]]:
    return {
        r["item_id"]: {**r, "attributes": json.loads(r["attributes"])}
        for r in shop_of(data).tables["items"]
    }


def grades_of(data: Path) -> dict[tuple[str, str], int]:
    return {
        (r["query_id"], r["item_id"]): r["grade"]
        for r in shop_of(data).tables["judgements"]
    }


def test_shopify_variants_are_items_that_inherit_their_product(tmp_path: Path) -> None:
    items = items_of(folder(tmp_path, "products_export_1.csv", queries=QUERIES))
    assert sorted(items) == ["KET-GR-12", "KET-OR-12", "KET-OR-20", "gift-voucher"]
    orange = items["KET-OR-20"]
    assert (orange["title"], orange["brand"]) == ("Camp Kettle & Lid", "Halden")
    assert orange["category"] == "Sporting Goods > Camping > Cookware"
    assert orange["description"] == "Boils fast, packs flat.\nfolding handle\n1.2 l"
    more = {
        k: orange["attributes"][k]
        for k in ("Color", "Size", "price", "barcode", "type", "mpn", "tags")
    }
    assert more == {"Color": "Orange", "Size": "2 l", "price": "49.95",
                    "barcode": "4001234500031", "type": "Kettles",
                    "mpn": "HK-12", "tags": ["outdoor", "summer"]}  # fmt: skip
    assert "Title" not in items["gift-voucher"]["attributes"], (
        "an only variant has no options"
    )
    assert not [
        k
        for item in items.values()
        for k in item["attributes"]
        if "Image" in k or "Variant" in k
    ]


def test_a_shops_own_column_goes_before_the_presets(tmp_path: Path) -> None:
    own = "columns: {items: {item_id: Variant Barcode, colour: Option1 Value}}\n"
    data = folder(tmp_path, "products_export_1.csv", queries=QUERIES, dataset=own)
    items = {
        r["item_id"]: json.loads(r["attributes"])
        for r in read_shop(data, CONFIG).tables["items"]
    }
    assert items["'4001234500031"]["colour"] == "Orange"


def test_woocommerce_variations_inherit_what_they_leave_empty(tmp_path: Path) -> None:
    items = items_of(
        folder(tmp_path, "wc-product-export-1-3-2026.csv", queries=QUERIES)
    )
    assert sorted(items) == ["TEA-CLASS", "TEA-POT", "TEA-POT-06", "TEA-POT-10"]
    small, parent = items["TEA-POT-06"], items["TEA-POT"]
    assert (
        small["title"] == "Glass Teapot - 600 ml"
        and small["category"] == "Kitchen > Tea > Teapots"
    )
    assert (
        small["description"] == "For loose tea.\nBorosilicate glass & bamboo lid."
        and small["brand"] == "Morka"
    )
    assert small["attributes"] | {"tags": 0} == {
        "Volume": "600 ml", "Material": "Glass", "price": "29.90", "sale_price": "24.90",
        "gtin": "5901234500010",
        "more_categories": ["Gifts"], "tags": 0, "Weight (kg)": "0.5",
    }  # fmt: skip
    assert parent["attributes"]["Volume"] == ["600 ml", "1 l"]
    assert items["TEA-POT-10"]["brand"] == "Morka", "a parent may be named by its id"


@pytest.mark.parametrize("name", ["google_feed.tsv", "google_feed.xml"])
def test_a_google_feed_as_table_and_as_xml(tmp_path: Path, name: str) -> None:
    items = items_of(folder(tmp_path, name, queries=QUERIES))
    oak = items["SW-1"]
    assert (
        oak["title"] == '27" Monitor Stand, oak'
        and oak["category"] == "Office > Stands"
        and oak["brand"] == "Lumbr"
    )
    assert oak["description"] == "Holds a screen & a keyboard"
    assert (
        oak["attributes"]["price"] == "79.00 EUR"
        and items["SW-2"]["attributes"]["price"] == "1,079.00 EUR"
    )
    assert (
        oak["attributes"]["color"] == "oak"
        and oak["attributes"]["gtin"] == "4001234500116"
    )
    assert not {"link", "image link", "image_link", "availability", "shipping"} & set(
        oak["attributes"]
    )
    if name.endswith("xml"):
        assert oak["bullet_points"] == ["Carries 20 kg", "Made of one board"]
        assert oak["attributes"]["Wood"] == "European oak"


@pytest.mark.parametrize("name", ["icecat.json", "icecat.xml"])
def test_icecats_feature_lists_become_attributes(tmp_path: Path, name: str) -> None:
    items = items_of(folder(tmp_path, name, queries=QUERIES))
    drill = items["5100017"]
    assert (
        drill["title"] == "Voltrix VX-200 cordless drill 18 V Black, Red"
        and drill["brand"] == "Voltrix"
    )
    assert drill["category"] == "Power drills" and drill["description"].startswith(
        "Two gears."
    )
    assert (
        drill["attributes"]["Battery voltage"] == "18 V"
        and drill["attributes"]["Product colour"] == "Black, Red"
    )
    assert (
        drill["attributes"]["mpn"] == "VX200-18"
        and drill["attributes"]["gtin"] == "4001234500215"
    )
    assert items["5100018"]["title"] == "Voltrix CB-1 charger"


def test_lines_of_one_item_each_name_an_attribute(tmp_path: Path) -> None:
    items = items_of(folder(tmp_path, "product_features.csv", queries=QUERIES))
    assert items["D-1"]["attributes"] == {
        "Battery voltage": "18 V",
        "Product colour": ["Black", "Red"],
    }
    assert items["D-2"]["title"] == "Charger" and items["D-2"]["attributes"] == {
        "Charging time": "60 min"
    }


def test_lists_of_features_with_units_are_attributes(tmp_path: Path) -> None:
    features = [
        {"feature": "Weight", "value": 1.5, "unit": "kg"},
        {"feature": "Colour", "value": "red"},
    ]
    rows = [{"item_id": "x", "title": "Drill", "attributes": features}]
    assert items_of(folder(tmp_path, items=rows, queries=QUERIES))["x"][
        "attributes"
    ] == {
        "Weight": "1.5 kg",
        "Colour": "red",
    }


def test_quepid_names_queries_by_their_text_and_leaves_blanks_unrated(
    tmp_path: Path,
) -> None:
    data = folder(tmp_path, "case_7_judgements.csv", items=ITEMS, queries=QUERIES)
    assert grades_of(data) == {
        ("1", "a"): 3,
        ("1", "b"): 1,
        ("2", "a"): 2,
        ("2", "b"): 0,
    }
    left = shop_of(data).report.left_out["judgements"]
    assert left == {"not rated": 2, "of a query that is not among the queries": 1}


def test_without_a_file_of_queries_their_texts_are_the_queries(tmp_path: Path) -> None:
    shop = read_shop(folder(tmp_path, "case_7_judgements.csv", items=ITEMS), CONFIG)
    assert {r["query"] for r in shop.tables["queries"]} == {
        "camp kettle",
        "green kettle",
        '27" stand',
        "teapot",
    }
    assert {(r["query_id"], r["grade"]) for r in shop.tables["judgements"]} >= {
        ('27" stand', 3)
    }


def test_quepids_other_exports(tmp_path: Path) -> None:
    wanted = {("1", "a"): 3, ("1", "b"): 1, ("2", "b"): 0}
    assert (
        grades_of(folder(tmp_path, "case_7_detailed.csv", items=ITEMS, queries=QUERIES))
        == wanted
    )
    (tmp_path / "case_7_detailed.csv").unlink()
    data = folder(tmp_path, "quepid_ratings.json", items=ITEMS, queries=QUERIES)
    assert grades_of(data) == {**wanted, ("2", "a"): 2}


def test_a_quepid_book_has_a_column_a_judge(tmp_path: Path) -> None:
    data = folder(tmp_path, "book_3_judgements.csv", items=ITEMS, queries=QUERIES)
    assert "set judges: majority" in str(read_shop(data, CONFIG).report.problems[0])
    (data / "dataset.yaml").write_text("judges: median\n")
    shop = shop_of(data)
    assert {(r["query_id"], r["item_id"]): r["grade"] for r in shop.tables["judgements"]} == {
        ("1", "a"): 3, ("1", "b"): 0, ("2", "a"): 2,
    }  # fmt: skip
    assert {"query_id": "1", "item_id": "a", "grade": 2, "votes": 1} in shop.tables[
        "votes"
    ]


def test_opensearch_lists_with_their_own_scale(tmp_path: Path) -> None:
    scale = "labels: {100.000: 3, 10.000: 2, 1.000: 1, 0.000: 0}\n"
    data = folder(
        tmp_path,
        "opensearch_judgments.json",
        items=ITEMS,
        queries=QUERIES,
        dataset=scale,
    )
    assert grades_of(data) == {
        ("1", "a"): 3,
        ("1", "b"): 2,
        ("2", "a"): 1,
        ("2", "b"): 0,
    }
    (data / "dataset.yaml").write_text("thresholds: [0.5, 5, 50]\n")
    assert grades_of(data) == {
        ("1", "a"): 3,
        ("1", "b"): 2,
        ("2", "a"): 1,
        ("2", "b"): 0,
    }


def test_trec_qrels(tmp_path: Path) -> None:
    data = folder(tmp_path, "shop.qrels", "bm25.run", items=ITEMS, queries=QUERIES)
    assert grades_of(data) == {
        ("1", "a"): 3,
        ("1", "b"): 1,
        ("2", "a"): 2,
        ("2", "b"): 0,
    }
    assert "adore evaluate" in shop_of(data).report.unread["bm25.run"]


def test_esci_as_it_is_published(tmp_path: Path) -> None:
    products = {
        "product_id": ["B1", "B2"], "product_title": ["Red mug", "Blue mug"],
        "product_description": ["Fine", None], "product_bullet_point": ["one\ntwo", None],
        "product_brand": ["Acme", None], "product_color": ["Red", "Blue"],
        "product_locale": ["us", "us"],
    }  # fmt: skip
    examples = {
        "example_id": [0, 1, 2, 3], "query": ["red mug", "red mug", "blue mug", "blue mug"],
        "query_id": [7, 7, 8, 8], "product_id": ["B1", "B2", "B1", "B2"],
        "product_locale": ["us"] * 4, "esci_label": ["E", "S", "I", "E"],
        "small_version": [1] * 4, "large_version": [1] * 4,
        "split": ["train", "train", "test", "test"],
    }  # fmt: skip
    pl.DataFrame(products).write_parquet(
        tmp_path / "shopping_queries_dataset_products.parquet"
    )
    pl.DataFrame(examples).write_parquet(
        tmp_path / "shopping_queries_dataset_examples.parquet"
    )
    shop = shop_of(tmp_path)
    assert grades_of(tmp_path) == {
        ("7", "B1"): 3,
        ("7", "B2"): 2,
        ("8", "B1"): 0,
        ("8", "B2"): 3,
    }
    assert {r["query_id"]: r["split"] for r in shop.tables["queries"]}["8"] == "test"
    red = items_of(tmp_path)["B1"]
    assert (
        red["bullet_points"] == ["one", "two"]
        and red["attributes"] == {"color": "Red"}
        and red["brand"] == "Acme"
    )
    other = pl.DataFrame(
        {**products, "product_locale": ["us", "es"], "product_id": ["B1", "B1"]}
    )
    other.write_parquet(tmp_path / "shopping_queries_dataset_products.parquet")
    assert sorted(
        r["item_id"] for r in read_shop(tmp_path, CONFIG).tables["items"]
    ) == ["es:B1", "us:B1"]


def test_beir(tmp_path: Path) -> None:
    lines(
        tmp_path / "corpus.jsonl",
        [
            {"_id": f"d{n}", "title": "Mug", "text": "Fine", "metadata": {}}
            for n in (1, 2)
        ],
    )
    lines(
        tmp_path / "queries.jsonl",
        [{"_id": "9", "text": "mug", "metadata": {}}, {"_id": "10", "text": "red mug"}],
    )
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "test.tsv").write_text(
        "query-id\tcorpus-id\tscore\n9\td1\t2\n10\td1\t3\n10\td2\t0\n"
    )
    shop = read_shop(tmp_path, CONFIG)
    assert {(r["query_id"], r["grade"]) for r in shop.tables["judgements"]} == {
        ("9", 2),
        ("10", 3),
        ("10", 0),
    }
    assert shop.tables["items"][0]["description"] == "Fine"


UBI = ("ubi_queries.ndjson", "ubi_events.ndjson")
KETTLE = [
    {"query_id": "1", "item_id": "a", "label": "E"},
    {"query_id": "1", "item_id": "b", "label": "C"},
]


def check_ubi(shop: Shop) -> None:
    events = [
        (e["query_id"], e["action_name"], e["object_id"], e["position"])
        for e in shop.tables["events"]
    ]
    assert events == [
        ("1", "impression", "a", 1), ("1", "impression", "b", 2),
        ("1", "click", "b", 2), ("1", "purchase", "b", 2),
        ("1", "impression", "a", 1), ("1", "impression", "c", 2),
    ]  # fmt: skip
    assert "places count from 0 in this log; 1 was added to each" in shop.report.notes
    assert shop.report.left_out["events"] == {
        "click on what this search never showed": 1
    }


def test_ubi_searches_and_events(tmp_path: Path) -> None:
    check_ubi(
        shop_of(folder(tmp_path, *UBI, items=ITEMS, queries=QUERIES, judgements=KETTLE))
    )


def test_ubi_as_one_bulk_file_and_as_exported_hits(tmp_path: Path) -> None:
    rows = {name: [json.loads(r) for r in (EXPORTS / f"{name}.ndjson").read_text().splitlines()]
            for name in ("ubi_queries", "ubi_events")}  # fmt: skip
    bulk = [
        r
        for name, found in rows.items()
        for row in found
        for r in ({"index": {"_index": name, "_id": "x"}}, row)
    ]
    lines(tmp_path / "ubi_queries_events.jsonl", bulk)
    check_ubi(
        shop_of(folder(tmp_path, items=ITEMS, queries=QUERIES, judgements=KETTLE))
    )
    hits = [{"_index": n, "_id": str(i), "_score": 1.0, "_source": row} for n, found in rows.items()
            for i, row in enumerate(found)]  # fmt: skip
    (tmp_path / "ubi_queries_events.jsonl").unlink()
    lines(tmp_path / "dump.ndjson", hits)
    check_ubi(shop_of(tmp_path))


def test_ubi_without_queries_gives_them_itself(tmp_path: Path) -> None:
    shop = read_shop(folder(tmp_path, *UBI, items=ITEMS), CONFIG)
    assert [r["query"] for r in shop.tables["queries"]] == ["camp kettle"]
    assert {e["query_id"] for e in shop.tables["events"]} == {"camp kettle"}


FIXTURES = {
    "products_export_1.csv": "Shopify product CSV",
    "wc-product-export-1-3-2026.csv": "WooCommerce product CSV",
    "google_feed.tsv": "Google Merchant feed",
    "google_feed.xml": "Google Merchant feed",
    "icecat.json": "Icecat product data",
    "icecat.xml": "Icecat product data",
    "product_features.csv": "one line an attribute",
    "case_7_judgements.csv": "Quepid judgements",
    "case_7_detailed.csv": "Quepid detailed export",
    "book_3_judgements.csv": "Quepid book, one column a judge",
    "quepid_ratings.json": "OpenSearch judgement list",
    "opensearch_judgments.json": "OpenSearch judgement list",
    "shop.qrels": "TREC qrels",
    "ubi_events.ndjson": "UBI events",
    "ubi_queries.ndjson": "UBI searches",
}


@pytest.mark.parametrize("name", FIXTURES)
def test_check_says_the_preset_of_each_export_on_one_screen(
    tmp_path: Path, name: str
) -> None:
    tables = {"items": ITEMS, "queries": QUERIES, "judgements": KETTLE}
    holds = read_shop(folder(tmp_path, name), CONFIG).report.files[0].table
    own = {table: rows for table, rows in tables.items() if table != holds}
    report = check_folder(folder(tmp_path, **own), CONFIG)
    text = " ".join(report.text.split())
    assert f"{name}: {holds}" in text and f"read as {FIXTURES[name]}" in text
    assert (
        len(report.text.splitlines()) <= 60
        and max(map(len, report.text.splitlines())) <= 120
    )
