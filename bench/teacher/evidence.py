"""The evidence reader: values labelled by hand, speed,
and what faked relevance does to the rules judge.

``measure`` reads ../shared/data (labels: tests/attributes/labelled.jsonl) and a fresh demo shop.
"""

from __future__ import annotations

import gzip
import json
import math
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from adore.attributes.attacks import ATTACKS
from adore.attributes.comparison import compare
from adore.attributes.language_packs import load_language
from adore.attributes.lexicon import Lexicon
from adore.attributes.reader import Reader
from adore.attributes.units import same_size
from adore.data import demo_data
from adore.measures import confusion, expected_gain, macro_f1, ndcg
from adore.rulebook import RuleBook
from adore.text import word_stems
from adore.types import LABELS, Grade, Item, Value, item_from_row

ENGLISH = load_language("en")
ROOT = Path(__file__).parents[2]
DATA = ROOT / "../shared/data"
LABELLED = ROOT / "tests/attributes/labelled.jsonl"
SCORED = (
    "brand", "size", "pack", "colour", "exclusion",
    "audience", "material", "product_type", "compatibility", "model",
)  # fmt: skip
PAIRS = 1_000
"""Pairs attacked in each data set."""


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The JSON lines of a file, plain or gzip."""
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")
    return [json.loads(line) for line in text.split("\n") if line]


def items_of(folder: Path) -> list[Item]:
    """Every item of one data set."""
    path = next(
        p for p in (folder / "items.jsonl.gz", folder / "items.jsonl") if p.is_file()
    )
    return [item_from_row(row) for row in rows_of(path)]


# ------------------------------------------------------------ precision and recall


def matches(attribute: str, label: str, value: str) -> bool:
    """Whether a read value is one of the label's equally right values."""
    if attribute == "size":
        return any(same_size(one, value) for one in label.split("|"))
    return any(
        word_stems(one, ENGLISH) == word_stems(value, ENGLISH)
        for one in label.split("|")
    )


def readings(
    reader: Reader, items: dict[str, Item]
) -> Iterator[tuple[dict[str, Any], dict[str, list[Value]]]]:
    """Each labelled text with what the reader finds in that text alone."""
    queries = {(s, r["query_id"]): r["query"] for s in ("esci", "esci_pairs200", "webshop")
               for r in rows_of(DATA / s / "queries.jsonl")}  # fmt: skip
    for record in rows_of(LABELLED)[1:]:
        where = record["where"]
        if where == "query":
            found = reader.read_query(queries[record["set"], record["id"]])
        elif where == "title":
            found = reader.read_item(Item("", items[record["id"]].title))
        else:
            found = reader.read_item(
                Item(
                    "",
                    "",
                    attributes={"colour": items[record["id"]].attributes["colour"]},
                )
            )
        yield (
            record,
            {k: [v for v in vs if v.where == where] for k, vs in found.values.items()},
        )


def count(
    record: dict[str, Any], found: dict[str, list[Value]]
) -> Iterator[tuple[str, str, str]]:
    """(attribute, outcome, value) of one text;
    outcomes: right, wrong (of the read), found, missed (of the labels).
    """
    for attribute in SCORED:
        if attribute == "product_type" and record["where"] != "query":
            continue  # labelled in queries only
        labels = [one for one in record["labels"] if one[0] == attribute]
        sure = [one for one in labels if len(one) == 3]
        for v in found.get(attribute, []):
            if v.value.startswith("battery:"):
                continue  # sizes of batteries are not labelled
            if any(matches(attribute, one[1], v.value) for one in sure):
                yield attribute, "right", v.value
            elif not any(matches(attribute, one[1], v.value) for one in labels):
                yield attribute, "wrong", v.value
        for one in sure:
            hit = any(
                matches(attribute, one[1], v.value) for v in found.get(attribute, [])
            )
            yield attribute, "found" if hit else "missed", one[1]


def share(hits: int, misses: int) -> dict[str, Any]:
    """A share with its count and Wilson's 95 % interval. Source: Wilson 1927."""
    n, z = hits + misses, 1.959964
    p = hits / max(1, n)
    middle, half = (
        p + z * z / (2 * max(1, n)),
        z * math.sqrt(p * (1 - p) / max(1, n) + (z / (2 * max(1, n))) ** 2),
    )
    low, high = ((middle + s * half) / (1 + z * z / max(1, n)) for s in (-1, 1))
    return {
        "value": p,
        "hits": hits,
        "n": n,
        "low": max(0.0, low) if n else 0.0,
        "high": min(1.0, high) if n else 1.0,
    }


def scores(show: str = "") -> dict[str, Any]:
    """Precision and recall by half and attribute;
    the catalogue's own colour field stands apart from free text.

    ``show``: the half whose mistakes are printed
    (``dev``; the held-out half is not for looking at).
    """
    items = [i for s in ("esci", "esci_pairs200") for i in items_of(DATA / s)]
    reader = Reader(Lexicon.mine(items))
    counts = Counter[tuple[str, str, str]]()
    for record, found in readings(reader, {i.item_id: i for i in items}):
        for attribute, outcome, value in count(record, found):
            name = (
                f"{attribute} (field)"
                if record["where"].startswith("attributes")
                else attribute
            )
            counts[record["half"], name, outcome] += 1
            if show == record["half"] and outcome in ("wrong", "missed"):
                print(outcome, attribute, value, record["set"], record["id"])
    halves = dict.fromkeys(half for half, _, _ in counts)
    return {
        half: {
            name: {
                "precision": share(
                    counts[half, name, "right"], counts[half, name, "wrong"]
                ),
                "recall": share(
                    counts[half, name, "found"], counts[half, name, "missed"]
                ),
            }
            for name in (*SCORED, "colour (field)")
        }
        for half in halves
    }


# ------------------------------------------------------------ speed and attacks


class Shop(NamedTuple):
    """A data set: items and query texts by id, (query id, item id) pairs, human grades."""

    items: dict[str, Item]
    queries: dict[str, str]
    pairs: list[tuple[str, str]]
    grades: list[Grade]


def load(folder: Path) -> Shop:
    """Read one data set in the shop's own layout."""
    judged = sorted(
        rows_of(folder / "judgements.jsonl"),
        key=lambda r: (r["query_id"], r["item_id"]),
    )
    items = {i.item_id: i for i in items_of(folder)}
    judged = [r for r in judged if r["item_id"] in items]
    return Shop(
        items,
        {r["query_id"]: r["query"] for r in rows_of(folder / "queries.jsonl")},
        [(r["query_id"], r["item_id"]) for r in judged],
        [LABELS[r["label"]] for r in judged],
    )


def judged(shop: Shop, seed: int) -> dict[str, Any]:
    """Speed, quality and gullibility of evidence + rules on one process."""
    book, reader = RuleBook.load(), Reader(Lexicon.mine(shop.items.values()))
    used = dict.fromkeys(i for _, i in shop.pairs)
    begun = time.process_time()
    items = {i: reader.read_item(shop.items[i]) for i in used}
    queries = {q: reader.read_query(text) for q, text in shop.queries.items()}
    read = time.process_time()
    verdicts = [book.apply(compare(queries[q], items[i])) for q, i in shop.pairs]
    done = time.process_time()
    rng = random.Random(seed)
    sample = rng.sample(range(len(verdicts)), min(PAIRS, len(verdicts)))
    raised = {}
    for attack in ATTACKS:
        hits = 0
        for n in sample:
            q, i = shop.pairs[n]
            cheat = reader.read_item(attack.apply(shop.queries[q], shop.items[i], rng))
            hits += book.apply(compare(queries[q], cheat)).grade > verdicts[n].grade
        raised[attack.name] = share(hits, len(sample) - hits)
    score = expected_gain(np.array([v.probabilities for v in verdicts]))
    given, human = np.array([v.grade for v in verdicts]), np.array(shop.grades)
    of = np.array([q for q, _ in shop.pairs])
    return {
        "pairs": len(verdicts),
        "items": len(used),
        "pairs_per_second": len(verdicts) / (done - read),
        "pairs_per_second_with_reading": len(verdicts) / (done - begun),
        "items_read_per_second": len(used) / (read - begun),
        "ndcg": float(
            np.nanmean(
                [ndcg(score[of == q], human[of == q]) for q in dict.fromkeys(of)]
            )
        ),
        "macro_f1": float(macro_f1(confusion(human, given))),
        "raised": raised,
    }


def measure(seed: int) -> dict[str, Any]:
    """Everything this part prints, as plain JSON."""
    with tempfile.TemporaryDirectory() as folder:
        demo_data.run(demo_data.Config(seed=seed), output=Path(folder))
        demo = load(Path(folder))
    shops = {"demo shop": demo, "esci": load(DATA / "esci")}
    return {
        "reader": scores(),
        "judge": {name: judged(shop, seed) for name, shop in shops.items()},
    }


def _cell(x: dict[str, Any]) -> str:
    return (
        f"{x['value']:.3f} ({x['hits']}/{x['n']}) | {x['low']:.3f} to {x['high']:.3f}"
    )


def render(result: dict[str, Any]) -> str:
    """Markdown section."""
    names = {"dev": "development (tuned on)", "held": "held out"}
    lines = [
        "### The evidence reader",
        "",
        "Values labelled by hand in real texts (queries, titles, the colour field), "
        "read from that text alone.",
        "",
        "| half | attribute | precision | 95 % interval | recall | 95 % interval |",
        "|---|---|---:|---|---:|---|",
    ]
    for half, table in result["reader"].items():
        for name, x in table.items():
            lines.append(
                f"| {names[half]} | {name} | {_cell(x['precision'])} | {_cell(x['recall'])} |"
            )
    lines += [
        "",
        "Evidence + rules, all human-judged pairs; per CPU second of one process, so "
        "other load does not count.",
        "",
        "| data | pairs | items | pairs/s, read before | pairs/s, read now "
        "| items read/s | nDCG@10 | macro-F1 |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, x in result["judge"].items():
        speeds = (
            x["pairs_per_second"],
            x["pairs_per_second_with_reading"],
            x["items_read_per_second"],
        )
        speed = " | ".join(f"{s:,.0f}" for s in speeds)
        lines.append(
            f"| {name} | {x['pairs']} | {x['items']} | {speed} | {x['ndcg']:.3f} "
            f"| {x['macro_f1']:.3f} |"
        )
    lines += ["", "Share of pairs whose grade by the rules an attack raises.", ""]
    lines += ["| data | attack | raised | 95 % interval |", "|---|---|---:|---|"]
    for name, x in result["judge"].items():
        lines += [
            f"| {name} | {a.name}: {a.definition} | {_cell(x['raised'][a.name])} |"
            for a in ATTACKS
        ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(render(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 0)))
