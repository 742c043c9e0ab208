"""Bad input is a clear error or a counted quarantine row, never a stack trace or a silent loss."""

from __future__ import annotations

import gzip
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from adore.artifacts import Manifest, read_table
from adore.data.prepare import Config, run
from adore.errors import ConfigError, DataError, MissingError, QuarantineError
from adore.pipeline.runner import run_stage
from adore.storage import write_json

ITEMS = [{"item_id": f"i{n}", "title": f"Mug {n}", "price": n} for n in range(12)]
QUERIES = [{"query_id": f"q{n}", "query": f"mug number {n}"} for n in range(8)]
LABELS = [
    {"query_id": "q1", "item_id": "i1", "label": "E"},
    {"query_id": "q1", "item_id": "i2", "label": "I"},
]


def lines(path: Path, rows: list[Any]) -> None:
    text = "\n".join(r if isinstance(r, str) else json.dumps(r) for r in rows).encode(
        "utf-8", "surrogatepass"
    )
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)


def prepared(tmp: Path, **tables: list[Any]) -> tuple[Path, dict[str, float]]:
    data, out = tmp / "data", tmp / "out"
    data.mkdir(exist_ok=True)
    out.mkdir(exist_ok=True)
    for name, rows in {
        "items": ITEMS,
        "queries": QUERIES,
        "judgements": LABELS,
        **tables,
    }.items():
        lines(data / f"{name}.jsonl", rows)
    return out, run(Config(max_bad_share=0.5), data=data, output=out)


def test_unknown_columns_become_attributes(tmp_path: Path) -> None:
    out, _ = prepared(tmp_path)
    assert json.loads(read_table(out, "items")["attributes"][3])["price"] >= 0
    assert read_table(out, "truth").equals(read_table(out, "judgements"))


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl.gz"])
def test_every_format_reads_the_same(tmp_path: Path, suffix: str) -> None:
    out, _ = prepared(tmp_path)
    want = read_table(out, "items")
    (tmp_path / "data" / "items.jsonl").unlink()
    path = tmp_path / "data" / f"items{suffix}"
    frame = pl.DataFrame(ITEMS)
    if suffix == ".csv":
        frame.write_csv(path)
    elif suffix == ".parquet":
        frame.write_parquet(path)
    else:
        lines(path, ITEMS)
    again = tmp_path / "again"
    again.mkdir()
    run(Config(), data=tmp_path / "data", output=again)
    assert read_table(again, "items").drop("attributes").equals(want.drop("attributes"))


@pytest.mark.parametrize(
    ("table", "row", "reason"),
    [
        ("items", {"item_id": "i1", "title": "again"}, "duplicate item_id"),
        ("items", {"item_id": "x"}, "no title"),
        ("items", {"item_id": "x", "title": "y" * 10_000_000}, "longer than"),
        ("items", '{"item_id": "x", ', "not JSON"),
        ("items", "[1, 2]", "not a JSON object"),
        ("items", {"item_id": "x", "title": "t", "attributes": 7}, "wrong type"),
        ("queries", {"query_id": "q1", "query": "again"}, "duplicate query_id"),
        ("queries", {"query_id": "qx", "query": "  "}, "no query"),
        ("judgements", {"query_id": "q1", "item_id": "", "label": "E"}, "no item_id"),
        (
            "judgements",
            {"query_id": None, "item_id": "i1", "label": "E"},
            "no query_id",
        ),
    ],
)
def test_bad_rows_go_to_quarantine(
    tmp_path: Path, table: str, row: Any, reason: str
) -> None:
    base = {"items": ITEMS, "queries": QUERIES, "judgements": LABELS}[table]
    out, metrics = prepared(tmp_path, **{table: [*base, row]})
    bad = read_table(out, "quarantine").to_dicts()
    assert (
        metrics["quarantined"] == 1
        and reason in bad[0]["reason"]
        and bad[0]["table"] == table
    )
    assert bad[0]["line"] == len(base) + 1 and len(bad[0]["row"]) <= 500


def test_broken_utf8_is_quarantined_where_the_rest_is_utf8(tmp_path: Path) -> None:
    prepared(tmp_path)
    path = tmp_path / "data" / "items.jsonl"
    good = '{"item_id": "y", "title": "Glühwein-Becher größer"}'.encode()
    path.write_bytes(
        path.read_bytes() + b"\n" + good + b'\n{"item_id": "x", "title": "caf\xe9"}'
    )
    run(Config(max_bad_share=0.5), data=tmp_path / "data", output=tmp_path / "out")
    assert read_table(tmp_path / "out", "quarantine")["reason"].to_list() == [
        "not UTF-8"
    ]


def test_too_many_bad_rows_stop_with_the_worst_reasons(tmp_path: Path) -> None:
    with pytest.raises(
        QuarantineError, match=r"(?s)bad share of items == 0.6.*3 x no title \(line 1"
    ):
        prepared(tmp_path, items=[{"item_id": "x"}] * 3 + ITEMS[:2])


def test_missing_and_empty_tables(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"items\.\*.*found: other.txt"):
        (tmp_path / "d").mkdir()
        (tmp_path / "d" / "other.txt").write_text("x")
        run(Config(), data=tmp_path / "d", output=tmp_path)
    with pytest.raises(DataError, match="rows of queries == 0"):
        prepared(tmp_path, queries=[])


def test_labels_of_the_shop(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "dataset.yaml").write_text("labels: {good: 3, bad: 0}\n")
    rows = [
        {"query_id": "q1", "item_id": "i1", "label": "good"},
        {"query_id": "q1", "item_id": "i2", "label": "E"},
    ]
    out, _ = prepared(tmp_path, judgements=rows[:1])
    assert read_table(out, "judgements")["grade"].to_list() == [3]
    with pytest.raises(
        DataError,
        match=r"must each be one of dataset.yaml's labels \(good, bad\): E \(1\) is not",
    ):
        prepared(tmp_path, judgements=rows)
    (data / "dataset.yaml").write_text("lables: {}\n")
    with pytest.raises(ConfigError, match="lables"):
        prepared(tmp_path)


def test_same_text_is_never_in_two_splits(tmp_path: Path) -> None:
    rows = [
        {
            "query_id": f"q{n}",
            "query": f" Red  MUG {n % 20}" if n % 2 else f"red mug {n % 20}",
        }
        for n in range(80)
    ]
    out, _ = prepared(tmp_path, queries=rows)
    frame = read_table(out, "queries").with_columns(
        text=pl.col("query")
        .str.to_lowercase()
        .str.split(" ")
        .list.eval(pl.element().filter(pl.element() != ""))
        .list.join(" ")
    )
    assert frame.group_by("text").agg(pl.col("split").n_unique())["split"].max() == 1
    assert set(frame["split"]) == {"train", "dev", "test"}


def test_other_action_names_are_mapped_or_ignored(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "dataset.yaml").write_text("actions: {kauf: purchase, hover: ignore}\n")
    names = ["kauf", "hover", "on_search", "item_click", "dance", "click"]
    base = {
        "query_id": "q1",
        "client_id": "c",
        "timestamp": 1767225600000,
        "object_id": "i1",
    }
    events = [
        {**base, "event_id": f"e{n}", "action_name": name}
        for n, name in enumerate(names)
    ]
    out, metrics = prepared(tmp_path, events=events)
    assert read_table(out, "events")["action_name"].to_list() == [
        "purchase",
        "click",
        "click",
    ]
    assert metrics["ignored_events"] == 2 and metrics["quarantined"] == 1  # dance
    (data / "dataset.yaml").write_text("actions: {kauf: bought}\n")
    with pytest.raises(ConfigError, match="kauf"):
        prepared(tmp_path)


def test_requests_come_from_the_folder_or_from_a_named_file(tmp_path: Path) -> None:
    out, _ = prepared(tmp_path, requests=[{"query": "a mug to travel with"}])
    assert (
        read_table(out, "queries")
        .filter(split="train", query_id="request:a mug to travel with")
        .height
        == 1
    )
    path = (tmp_path / "data" / "requests.jsonl").rename(tmp_path / "others.jsonl")
    run(Config(max_bad_share=0.5), data=tmp_path / "data", output=out)
    assert "request:a mug to travel with" not in set(
        read_table(out, "queries")["query_id"]
    )
    config, places = (
        {"max_bad_share": 0.5, "requests": str(path)},
        ({"data": str(tmp_path / "data")}, str(out)),
    )
    for text in (
        "a mug to travel with",
        "a mug for soup",
    ):  # the second time the step's output is there already
        lines(path, [{"query": text}])
        run_stage("prepare", *places, **config)
        assert text in read_table(out, "queries")["query"].to_list()


def test_an_edited_copy_of_a_stages_output_is_read_again(tmp_path: Path) -> None:
    data = tmp_path / "data"
    prepared(tmp_path)
    made = Manifest(
        "demo-data", "0", "code", {}, {}, {}, "as it was made", {}, {}, 1.0, 0.0
    )
    write_json(asdict(made), data / "manifest.json")
    for text in ("red mug", "blue mug"):
        lines(
            data / "queries.jsonl",
            [{"query_id": "q1", "query": text, "split": "train"}, *QUERIES[2:]],
        )
        run_stage("prepare", {"data": str(data)}, str(tmp_path / "out"))
        assert read_table(tmp_path / "out", "queries")["query"].to_list()[0] == text


def test_lists_of_names_and_values_are_attributes_and_lists_of_text_are_text(
    tmp_path: Path,
) -> None:
    pairs = [
        {"name": "seal", "value": "viton"},
        {"name": "use", "value": "lab"},
        {"name": "use", "value": "home"},
    ]
    row = {
        "item_id": "i1",
        "title": "Mug",
        "brand": ["Acme", "Zeta"],
        "attributes": pairs,
    }
    faulty = {"item_id": "i2", "title": "Mug", "attributes": [1, 2]}
    out, counts = prepared(tmp_path, items=[row, faulty], judgements=[])
    item = read_table(out, "items").row(0, named=True)
    assert json.loads(item["attributes"]) == {"seal": "viton", "use": ["lab", "home"]}
    assert item["brand"] == "Acme, Zeta" and counts["quarantined"] == 1
