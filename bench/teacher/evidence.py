"""The evidence reader against values labelled by hand (tests/attributes/labelled.jsonl)."""

from __future__ import annotations

import gzip
import json
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from adore.attributes.lexicon import Lexicon
from adore.attributes.reader import Reader
from adore.attributes.text import words
from adore.attributes.units import same_size
from adore.types import Item, Value, item_from_row

ROOT = Path(__file__).parents[2]
DATA = ROOT / "../shared/data"
LABELS = ROOT / "tests/attributes/labelled.jsonl"
SCORED = (
    "brand", "size", "pack", "colour", "exclusion", "audience", "material", "product_type", "compatibility", "model",
)  # fmt: skip


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The JSON lines of a file, plain or gzip."""
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")
    return [json.loads(line) for line in text.split("\n") if line]


def items_of(name: str) -> list[Item]:
    """Every item of one data set."""
    folder = DATA / name
    path = next(p for p in (folder / "items.jsonl.gz", folder / "items.jsonl") if p.is_file())
    return [item_from_row(row) for row in rows_of(path)]


def matches(attribute: str, label: str, value: str) -> bool:
    """Whether a read value is one of the label's equally right values."""
    if attribute == "size":
        return any(same_size(one, value) for one in label.split("|") if ":" in one)
    return any(words(one) == words(value) for one in label.split("|"))


def readings(reader: Reader, items: dict[str, Item]) -> Iterator[tuple[dict[str, Any], dict[str, list[Value]]]]:
    """Each labelled text with what the reader finds in that text alone."""
    queries = {(s, r["query_id"]): r["query"] for s in ("esci", "esci_pairs200", "webshop")
               for r in rows_of(DATA / s / "queries.jsonl")}  # fmt: skip
    for record in rows_of(LABELS)[1:]:
        if record["where"] == "query":
            found = reader.read_query(queries[record["set"], record["id"]])
        else:
            item = items[record["id"]]
            title = record["where"] == "title"
            colour = {"colour": item.attributes.get("colour", "")}
            found = reader.read_item(Item(item.item_id, item.title) if title else Item("", "", attributes=colour))
        yield record, {k: [v for v in vs if v.where == record["where"]] for k, vs in found.values.items()}


def count(record: dict[str, Any], found: dict[str, list[Value]]) -> Iterator[tuple[str, str, str, str]]:
    """(attribute, outcome, value, quote) of one text; outcomes: right, wrong, found, missed."""
    for attribute in SCORED:
        if attribute == "product_type" and record["where"] != "query":
            continue
        labels = [one for one in record["labels"] if one[0] == attribute]
        sure = [one for one in labels if len(one) == 3]
        for v in found.get(attribute, []):
            if any(matches(attribute, one[1], v.value) for one in sure):
                yield attribute, "right", v.value, v.quote
            elif not any(matches(attribute, one[1], v.value) for one in labels):
                yield attribute, "wrong", v.value, v.quote
        for one in sure:
            hit = any(matches(attribute, one[1], v.value) for v in found.get(attribute, []))
            yield attribute, "found" if hit else "missed", one[1], one[2]


def wilson(hits: int, n: int) -> tuple[float, float]:
    """95 % interval of a share. Source: Wilson 1927."""
    if n == 0:
        return 0.0, 1.0
    z, p = 1.959964, hits / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)


def share(hits: int, misses: int) -> dict[str, Any]:
    """A share with its count and interval."""
    low, high = wilson(hits, hits + misses)
    return {"value": hits / max(1, hits + misses), "hits": hits, "n": hits + misses, "low": low, "high": high}


def scores(seed: int = 0, show: str = "") -> dict[str, Any]:
    """Precision and recall by half, attribute and kind of text (a field's own words apart from free text)."""
    del seed
    items = [i for s in ("esci", "esci_pairs200") for i in items_of(s)]
    reader = Reader(Lexicon.mine(items))
    counts = Counter[tuple[str, str, str]]()
    for record, found in readings(reader, {i.item_id: i for i in items}):
        for attribute, outcome, value, quote in count(record, found):
            name = f"{attribute} (field)" if record["where"].startswith("attributes") else attribute
            counts[record["half"], name, outcome] += 1
            if show == record["half"] and outcome in ("wrong", "missed"):
                print(outcome, attribute, value, repr(quote), record["set"], record["id"])
    return {
        half: {
            name: {
                "precision": share(counts[half, name, "right"], counts[half, name, "wrong"]),
                "recall": share(counts[half, name, "found"], counts[half, name, "missed"]),
            }
            for name in (*SCORED, "colour (field)")
        }
        for half in ("dev", "held")
    }
