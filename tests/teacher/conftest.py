"""A small shop with evidence and human judgements, and an endpoint that fails."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from adore.artifacts import read_table, write_table
from adore.attributes.comparison import compare
from adore.attributes.lexicon import Lexicon
from adore.attributes.reader import Reader
from adore.rulebook import RULEBOOK_FILE, RULEBOOKS
from adore.storage import write_json
from adore.teacher.judge import Config, run
from adore.types import Evidence, item_from_row

COLOURS = ["red", "blue", "green", "black", "white"]
KINDS = ["mug", "lamp", "bottle", "towel"]
BRANDS = ["Acme", "Zeta"]


def write_shop(folder: Path) -> Path:
    """40 items, 10 queries, all 400 pairs,
    of which the train queries' are judged by the rule of ``judgement``.
    """
    items = [
        {
            "item_id": f"i{n:02}",
            "title": f"{BRANDS[n % 2]} {COLOURS[n % 5]} {KINDS[n // 10]} {n}",
            "brand": BRANDS[n % 2],
            "category": f"Home > {KINDS[n // 10].title()}s",
            "description": "",
            "bullet_points": ["made to last"],
            "attributes": f'{{"colour": "{COLOURS[n % 5]}"}}',
        }
        for n in range(40)
    ]
    texts = [f"{BRANDS[n % 2]} {COLOURS[n % 5]} {KINDS[n % 4]}" for n in range(10)]
    queries = [
        {"query_id": f"q{n}", "query": t, "split": "train" if n < 6 else "test"}
        for n, t in enumerate(texts)
    ]
    reader = Reader(Lexicon.mine([item_from_row(i) for i in items]))
    pairs, judged = [], []
    for q in queries:
        for i in items:
            found = compare(
                reader.read_query(q["query"]), reader.read_item(item_from_row(i))
            )
            pair = {"query_id": q["query_id"], "item_id": i["item_id"]}
            pairs.append({**pair, "evidence": Evidence.many_to_json(found)})
            if q["split"] == "train":
                there = [w for w in q["query"].split() if w in i["title"].split()]
                judged.append(
                    {
                        **pair,
                        "grade": 3 if len(there) == 3 else 2 if len(there) == 2 else 0,
                    }
                )
    for name, rows in {
        "items": items,
        "queries": queries,
        "pairs": pairs,
        "judgements": judged,
    }.items():
        write_table(rows, folder, name)
    shutil.copyfile(RULEBOOKS / "general.yaml", folder / RULEBOOK_FILE)
    return folder


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="session")
def school(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop with one dev query, what the rules answer,
    and the output of a feedback step that found one sign.
    """
    folder = tmp_path_factory.mktemp("school")
    shutil.copytree(shop, folder, dirs_exist_ok=True)
    queries = read_table(shop, "queries").to_dicts()
    write_table(
        [q | {"split": "dev" if n == 2 else q["split"]} for n, q in enumerate(queries)],
        folder,
        "queries",
    )
    held = [
        {
            "query_id": "q2",
            "item_id": "i07",
            "kind": "bought, judged strictly",
            "wanted_exact": True,
            "event_ids": [],
        }
    ]
    write_table(held, folder, "dev_signs")
    write_table([], folder, "feedback")
    write_table([], folder, "clear_pairs")
    write_json({"poisoning": {"flipped": {}}}, folder / "behaviour.json")
    items = [item_from_row(r) for r in read_table(shop, "items").iter_rows(named=True)]
    (folder / "lexicon.json").write_text(Lexicon.mine(items).to_json(), "utf-8")
    run(Config(backend="rules"), prepared=shop, evidence=shop, output=folder)
    return folder


@pytest.fixture(scope="session")
def faulty() -> Any:
    """The module ``faulty_server``; tests of this folder are no package."""
    spec = importlib.util.spec_from_file_location(
        "faulty_server", Path(__file__).with_name("faulty_server.py")
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def serve(faulty: Any) -> Iterator[Callable[..., Any]]:
    """Starts servers, closes them at the end."""
    started: list[Any] = []

    def start(**settings: Any) -> Any:
        started.append(faulty.FaultyServer(**settings))
        return started[-1]

    yield start
    for server in started:
        server.close()
