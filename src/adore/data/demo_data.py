"""Stage ``demo-data``: a simulated shop with known truth, as a user would bring it.

The shop is of one of two worlds.
"""

from __future__ import annotations

import gzip
import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypeVar

import yaml
from pydantic import Field

from adore.config import StageConfig
from adore.data import demo_lab
from adore.data.demo_drift import drift
from adore.data.demo_shop import Intent, Spec, make_intents, make_specs, true_grade
from adore.data.demo_text import item_row, query_text
from adore.data.rows import Row
from adore.data.shoppers import Shoppers, noisy_ranking
from adore.errors import check
from adore.types import Grade

__all__ = ["Config", "run"]


class Config(StageConfig):
    """Which world, how large the shop is and how well it is judged."""

    world: Literal["shop", "lab"] = "shop"
    """``shop``: consumer goods.

    ``lab``: laboratory supplies, one-word queries, fields of its own."""
    items: int = Field(1500, ge=24, le=100_000)
    """Items of the catalogue."""
    queries: int = Field(240, ge=4, le=2_000)
    """Queries, judged or not."""
    judged: int = Field(110, ge=0)
    """Queries with human judgements."""
    candidates: int = Field(24, ge=4)
    """Items of each query's list that may be judged."""
    label_noise: float = Field(0.05, ge=0, le=1)
    """Share of human labels that are one grade off."""
    users: int = Field(600, ge=0)
    """Simulated shoppers."""
    visits: int = Field(8, ge=0)
    """Visits of each shopper."""
    bots: float = Field(0.03, ge=0, le=1)
    """Share of shoppers that are bots."""
    drift_round: int = Field(0, ge=0)
    """How often the shop has drifted; 0: its first round.

    Items go and others come, with new brands and words, and shoppers ask for them.
    Judgements and events stay those of the first round."""
    drift_share: float = Field(0.2, ge=0, le=1)
    """Share of the items that each drift replaces."""


class _HasQueryId(Protocol):
    @property
    def query_id(self) -> str: ...


class _HasItemId(Protocol):
    @property
    def item_id(self) -> str | int: ...


IntentT = TypeVar("IntentT", bound=_HasQueryId)
ItemT = TypeVar("ItemT", bound=_HasItemId)
Grades = Mapping[Any, int]
"""True grade by item id; the ids are texts in one world and numbers in the other."""


@dataclass(frozen=True, slots=True)
class _World(Generic[IntentT, ItemT]):
    """How one world makes items and intents, grades them, and writes them down.

    Attributes:
        make_items: a number of items.
        make_intents: a number of intents.
        true_grade: the grade of a pair.
        is_near_miss: whether an irrelevant item looks like what is meant.
        item_row: an item as the catalogue has it.
        query_text: an intent as a shopper types it.
        label: a grade as this world's judges write it.
    """

    make_items: Callable[[random.Random, int], list[ItemT]]
    make_intents: Callable[[random.Random, int], list[IntentT]]
    true_grade: Callable[[IntentT, ItemT], Grade]
    is_near_miss: Callable[[IntentT, ItemT], bool]
    item_row: Callable[[ItemT, random.Random], Row]
    query_text: Callable[[IntentT, random.Random], str]
    label: Callable[[Grade], object]


def _is_near_miss(intent: Intent, spec: Spec) -> bool:
    return spec.category == intent.category or spec.brand == intent.brand


def _letter(grade: Grade) -> str:
    return grade.letter


_WORLDS: dict[str, _World[Any, Any]] = {
    "shop": _World(
        make_specs,
        make_intents,
        true_grade,
        _is_near_miss,
        item_row,
        query_text,
        _letter,
    ),
    "lab": _World(
        demo_lab.make_products,
        demo_lab.make_intents,
        demo_lab.true_grade,
        demo_lab.is_near_miss,
        demo_lab.item_row,
        demo_lab.query_text,
        int,
    ),
}


def _write_lines(path: Path, rows: Iterable[Row]) -> None:
    """JSON lines, compressed where the file's name ends so."""
    lines = []
    for line_row in rows:
        json_text = json.dumps(line_row, ensure_ascii=False)
        lines.append(f"{json_text}\n")
    content = "".join(lines).encode()
    if path.suffix == ".gz":
        # A time in the file would give the same shop other bytes at every run.
        content = gzip.compress(content, mtime=0)
    path.write_bytes(content)


def _candidates(
    intent: IntentT,
    items: list[ItemT],
    rng: random.Random,
    world: _World[IntentT, ItemT],
    count: int,
) -> Grades:
    """A list as retrieval would give it, with true grades."""
    # It has exact items, near misses, accessories, and others that share a word.
    order = rng.sample(items, len(items))
    by_grade: dict[Grade, list[ItemT]] = defaultdict(list)
    for candidate in order:
        by_grade[world.true_grade(intent, candidate)].append(candidate)

    irrelevant = by_grade[Grade.IRRELEVANT]
    near_misses = []
    for candidate in irrelevant:
        if world.is_near_miss(intent, candidate):
            near_misses.append(candidate)

    third = count // 3
    eighth = count // 8
    chosen = [
        *by_grade[Grade.EXACT][:third],
        *by_grade[Grade.SUBSTITUTE][:third],
        *by_grade[Grade.COMPLEMENT][:eighth],
        *near_misses[:eighth],
    ]

    # The rest of the list is whatever else the shop sells.
    chosen_ids = {candidate.item_id for candidate in chosen}
    others = []
    for candidate in irrelevant:
        if candidate.item_id not in chosen_ids:
            others.append(candidate)
    chosen += others[: count - len(chosen)]

    grades = {}
    for candidate in chosen:
        grade = world.true_grade(intent, candidate)
        grades[candidate.item_id] = int(grade)
    # By item, so that the order says nothing of the grade.
    return dict(sorted(grades.items()))


def _noisy_grade(grade: int, rng: random.Random, noise: float) -> int:
    """The grade, or in a share of the cases one beside it."""
    if rng.random() >= noise:
        return grade
    step = rng.choice((-1, 1))
    if not 0 <= grade + step <= 3:
        step = -step
    return grade + step


def _ubi_event(row: Row, queries: Mapping[str, str]) -> Row:
    """One event in OpenSearch's UBI schema."""
    event: Row = {"application": "demo-shop", **row}
    item_id = event.pop("object_id")
    position = event.pop("position")
    event["user_query"] = queries[row["query_id"]]
    event["event_attributes"] = {
        "object": {"object_id": item_id},
        "position": {"ordinal": position},
    }
    return event


def _simulate_events(
    config: Config, lists: Mapping[str, Grades], queries: Mapping[str, str]
) -> list[Row]:
    """Simulated shoppers over the shop's old ranking."""
    # The ranking is the truth under much noise, other noise at every visit.
    shoppers = Shoppers(seed=config.seed, users=config.users, bots=config.bots)
    rng = random.Random(config.seed + 1)
    query_ids = sorted(lists)
    rows_by_id: dict[str, Row] = {}
    for user in range(config.users):
        for visit in range(config.visits):
            query_id = rng.choice(query_ids)
            grades = lists[query_id]
            ranking = noisy_ranking(grades, rng)
            events = shoppers.visit(user, query_id, ranking, grades, visit=visit)
            for event_row in events:
                rows_by_id[event_row["event_id"]] = event_row

    in_order = sorted(rows_by_id.values(), key=_time_order)
    return [_ubi_event(event_row, queries) for event_row in in_order]


def _time_order(row: Row) -> tuple[int, str]:
    return row["timestamp"], row["event_id"]


def _truth_rows(lists: Mapping[str, Grades]) -> list[Row]:
    truth_rows = []
    for query_id, grades in lists.items():
        for item_id, grade in grades.items():
            truth_rows.append(
                {"query_id": query_id, "item_id": item_id, "grade": grade}
            )
    return truth_rows


def _judge(
    config: Config, lists: Mapping[str, Grades], rng: random.Random
) -> list[Row]:
    """Judgements of some queries, with noise, as this world's judges write them."""
    write_label = _WORLDS[config.world].label
    query_ids = rng.sample(sorted(lists), min(config.judged, len(lists)))
    judgements = []
    for query_id in sorted(query_ids):
        for item_id, grade in lists[query_id].items():
            noisy = Grade(_noisy_grade(grade, rng, config.label_noise))
            label = write_label(noisy)
            judgements.append(
                {"query_id": query_id, "item_id": item_id, "label": label}
            )
    return judgements


@dataclass(frozen=True, slots=True)
class _Shop:
    """One round's catalogue and queries, and the true grades of the queries' candidates."""

    items: list[Any]
    intents: list[Any]
    item_rows: list[Row]
    queries: dict[str, str]
    """Text by query id."""
    lists: dict[str, Grades]


def _drifted(config: Config, first: _Shop) -> _Shop:
    """The shop after its drifts; what stays is as it was, but for the lists."""
    check(
        config.world == "shop",
        "drift_round",
        config.drift_round,
        must="0 in the world lab",
        fix="set world: shop",
    )
    items, intents = drift(
        first.items,
        first.intents,
        config.drift_round,
        share=config.drift_share,
        seed=config.seed,
    )
    known_rows = {item_row["item_id"]: item_row for item_row in first.item_rows}
    item_rows = []
    for item in items:
        # By the id alone, so that an item is the same in every later round.
        rng = random.Random(f"{config.seed}|{item.item_id}")
        item_rows.append(known_rows.get(item.item_id) or item_row(item, rng))

    queries = {}
    lists = {}
    for intent in intents:
        query_id = intent.query_id
        rng = random.Random(f"{config.seed}|{query_id}")
        text = first.queries.get(query_id) or query_text(intent, rng)
        queries[query_id] = text
        world = _WORLDS[config.world]
        lists[query_id] = _candidates(intent, items, rng, world, config.candidates)
    return _Shop(items, intents, item_rows, queries, lists)


def run(config: Config, output: Path) -> dict[str, float]:
    """Write ``items``, ``queries``, ``judgements``, ``events``, ``truth`` and ``dataset.yaml``.

    Args:
        config: which world, how large, how well judged; its seed decides every draw.
        output: the folder to write to.

    Returns:
        Numbers of items, queries, judgements and events.
    """
    # One generator draws for all of it, so the order of the steps decides what comes out.
    world = _WORLDS[config.world]
    rng = random.Random(config.seed)
    items = world.make_items(rng, config.items)
    intents = world.make_intents(rng, config.queries)
    queries = {intent.query_id: world.query_text(intent, rng) for intent in intents}

    lists: dict[str, Grades] = {}
    for intent in intents:
        candidates = _candidates(intent, items, rng, world, config.candidates)
        lists[intent.query_id] = candidates

    judgements = _judge(config, lists, rng)
    events = _simulate_events(config, lists, queries)
    item_rows = [world.item_row(item, rng) for item in items]
    shop = _Shop(items, intents, item_rows, queries, lists)
    if config.drift_round:
        shop = _drifted(config, shop)
    texts = []
    for query_id, text in shop.queries.items():
        texts.append({"query_id": query_id, "query": text})
    _write_lines(output / "items.jsonl.gz", shop.item_rows)
    _write_lines(output / "queries.jsonl", texts)
    _write_lines(output / "judgements.jsonl", judgements)
    _write_lines(output / "truth.jsonl.gz", _truth_rows(shop.lists))
    _write_lines(output / "events.jsonl.gz", events)
    info = {
        "name": f"demo {config.world}",
        "language": "en",
        "rulebook": "general",
        "simulated": True,
    }
    (output / "dataset.yaml").write_text(yaml.safe_dump(info), "utf-8")
    return {
        "items": len(shop.items),
        "queries": len(shop.queries),
        "judgements": len(judgements),
        "events": len(events),
    }
