"""The demo shop: a truth that follows its rules, a log that follows its shoppers,
the same bytes for the same seed.
"""

from __future__ import annotations

import gzip
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adore.artifacts import hash_tree, read_table
from adore.data import demo_data, demo_lab, prepare
from adore.data.demo_shop import (
    CATEGORIES,
    COLOURS,
    Intent,
    Spec,
    make_intents,
    make_specs,
    true_grade,
)
from adore.types import Grade

ASKED = ("brand", "colour", "size", "material", "audience", "device")
CHOICES = {
    "brand": "brands",
    "size": "sizes",
    "material": "materials",
    "audience": "audiences",
    "device": "devices",
}


def exact_pair(seed: int) -> tuple[Intent, Spec]:
    """An intent, and an item that gives all that is asked."""
    rng = random.Random(seed)
    intent = make_intents(rng, 1)[0]
    spec = make_specs(rng, len(CATEGORIES))[intent.category]
    fits = {n: getattr(intent, n) for n in ASKED if getattr(intent, n)}
    return intent, replace(
        spec,
        accessory=False,
        has_option=spec.has_option and not intent.without_option,
        **fits,
    )


def others(intent: Intent, name: str) -> list[Any]:
    values = (
        COLOURS
        if name == "colour"
        else getattr(CATEGORIES[intent.category], CHOICES[name])
    )
    return [v for v in values if v != getattr(intent, name)]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.integers(0, 10_000))
def test_editing_what_was_asked_lowers_the_grade(seed: int) -> None:
    intent, spec = exact_pair(seed)
    assert true_grade(intent, spec) == Grade.EXACT
    for name in ASKED:
        for value in others(intent, name):
            asked = bool(getattr(intent, name))
            want = Grade.SUBSTITUTE if asked else Grade.EXACT
            assert true_grade(intent, replace(spec, **{name: value})) == want
    excluded = replace(spec, has_option=True)
    assert true_grade(intent, excluded) == (
        Grade.SUBSTITUTE if intent.without_option else Grade.EXACT
    )


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_every_further_fault_never_raises_the_grade(seed: int, order: int) -> None:
    intent, spec = exact_pair(seed)
    rng = random.Random(order)
    grades = [true_grade(intent, spec)]
    for name in rng.sample(
        [n for n in ASKED if getattr(intent, n)],
        k=sum(bool(getattr(intent, n)) for n in ASKED),
    ):
        spec = replace(spec, **{name: rng.choice(others(intent, name))})
        grades.append(true_grade(intent, spec))
    assert grades == sorted(grades, reverse=True)


def test_other_category_is_irrelevant_and_accessory_a_complement() -> None:
    intent, spec = exact_pair(3)
    assert true_grade(intent, replace(spec, accessory=True)) == Grade.COMPLEMENT
    elsewhere = replace(spec, category=(spec.category + 1) % len(CATEGORIES))
    assert true_grade(intent, elsewhere) == Grade.IRRELEVANT
    assert true_grade(intent, replace(elsewhere, accessory=True)) == Grade.IRRELEVANT


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("shop")
    demo_data.run(
        demo_data.Config(items=600, queries=120, judged=80, users=120, visits=3),
        output=data,
    )
    return data


def rows(path: Path) -> list[dict[str, Any]]:
    raw = (
        gzip.decompress(path.read_bytes())
        if path.suffix == ".gz"
        else path.read_bytes()
    )
    return [json.loads(line) for line in raw.decode().splitlines()]


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        (tmp_path / name).mkdir()
        config = demo_data.Config(
            items=48, queries=12, judged=4, users=10, visits=2, seed=seed
        )
        demo_data.run(config, output=tmp_path / name)
    a, b, c = (hash_tree(tmp_path / name) for name in "abc")
    assert a == b != c


def test_prepare_takes_the_shop_as_a_user_would_bring_it(
    shop: Path, tmp_path: Path
) -> None:
    metrics = prepare.run(prepare.Config(), data=shop, output=tmp_path)
    assert (
        metrics["quarantined"] == 0
        and metrics["items"] == 600
        and metrics["queries"] == 120
    )
    about = json.loads((tmp_path / "dataset.json").read_text())
    assert about["simulated"] is True and about["rulebook"] == "general"
    assert (
        read_table(tmp_path, "truth").height > read_table(tmp_path, "judgements").height
    )
    assert (
        rows(shop / "events.jsonl.gz")[0]["event_attributes"]["position"]["ordinal"]
        == 1
    )


def test_the_shop_is_neither_trivial_nor_noise(shop: Path) -> None:
    truth = pl.DataFrame(rows(shop / "truth.jsonl.gz"))
    share = {g: n / truth.height for g, n in truth["grade"].value_counts().iter_rows()}
    assert set(share) == {0, 1, 2, 3} and all(0.08 < s < 0.5 for s in share.values())
    mixed = truth.group_by("query_id").agg(pl.col("grade").n_unique())["grade"]
    assert (mixed >= 3).mean() > 0.9
    texts = [r["query"] for r in rows(shop / "queries.jsonl")]
    assert len(set(texts)) == len(texts) and any(
        " no " in t or "without" in t for t in texts
    )
    titles = " ".join(r["title"] for r in rows(shop / "items.jsonl.gz"))
    assert all(w in titles for w in ("🔥", "&amp;", "fl oz")) and any(
        t.isupper() for t in titles.split()
    )


def test_human_labels_are_the_truth_with_the_asked_noise(shop: Path) -> None:
    truth = {
        (r["query_id"], r["item_id"]): r["grade"] for r in rows(shop / "truth.jsonl.gz")
    }
    off = [
        abs("ICSE".index(r["label"]) - truth[r["query_id"], r["item_id"]])
        for r in rows(shop / "judgements.jsonl")
    ]
    assert set(off) == {0, 1} and len(off) == 80 * 24
    assert abs(sum(off) / len(off) - 0.05) < 5 * (0.05 * 0.95 / len(off)) ** 0.5


def test_position_hides_good_items_in_the_log(shop: Path) -> None:
    truth = pl.DataFrame(rows(shop / "truth.jsonl.gz")).rename({"item_id": "object_id"})
    flat = []
    for r in rows(shop / "events.jsonl.gz"):
        where = r["event_attributes"]
        place = {
            "object_id": where["object"]["object_id"],
            "position": where["position"]["ordinal"],
        }
        flat.append(
            {"query_id": r["query_id"], "action_name": r["action_name"], **place}
        )
    log = pl.DataFrame(flat)
    exact = log.join(truth, on=["query_id", "object_id"]).filter(pl.col("grade") == 3)

    def rate(low: int, high: int) -> float:
        here = exact.filter(pl.col("position").is_between(low, high))
        return (here["action_name"] == "click").sum() / (
            here["action_name"] == "impression"
        ).sum()

    assert rate(1, 2) > 2 * rate(8, 16) > 0


def test_the_other_world_has_one_word_queries_integer_grades_and_a_truth_of_its_own(
    tmp_path: Path,
) -> None:
    demo_data.run(
        demo_data.Config(
            world="lab", items=240, queries=60, judged=40, users=20, visits=2
        ),
        output=tmp_path,
    )
    items = pl.read_ndjson(
        gzip.decompress((tmp_path / "items.jsonl.gz").read_bytes()),
        infer_schema_length=None,
    )
    queries = pl.read_ndjson(tmp_path / "queries.jsonl")["query"].to_list()
    labels = set(pl.read_ndjson(tmp_path / "judgements.jsonl")["label"])
    fields = set(items.columns) - {"item_id", "title"}
    assert (
        labels == {0, 1, 2, 3}
        and len(fields) >= 20
        and not fields & {"category", "brand", "bullet_points"}
    )
    assert all(len(q.split()) == 1 for q in queries)
    assert (
        prepare.run(prepare.Config(), data=tmp_path, output=tmp_path)["quarantined"]
        == 0
    )


def test_the_other_world_grades_by_what_a_thing_is() -> None:
    rng = random.Random(0)
    supply = next(
        s
        for s in demo_lab.make_products(rng, 200)
        if not s.is_part and s.fields["body"] == "polystyrene"
    )
    kind = demo_lab.PRODUCT_TYPES[supply.product_type]
    need = demo_lab.Intent("q", kind.noun, supply.product_type, "body", "polystyrene")
    assert demo_lab.true_grade(need, supply) == Grade.EXACT
    assert (
        demo_lab.true_grade(replace(need, value="polyethylene"), supply)
        == Grade.SUBSTITUTE
    )
    assert demo_lab.true_grade(need, replace(supply, is_part=True)) == Grade.COMPLEMENT
    assert demo_lab.true_grade(replace(need, product_type=-1), supply) == Grade.EXACT
    assert (
        demo_lab.true_grade(demo_lab.Intent("q", field="maker", value="nobody"), supply)
        == Grade.IRRELEVANT
    )


def test_a_drifting_shop_has_new_brands_and_words_and_the_judgements_of_its_first_round(
    tmp_path: Path,
) -> None:
    size = {"items": 240, "queries": 60, "judged": 30, "users": 10, "visits": 2}
    for number in range(3):
        (tmp_path / str(number)).mkdir()
        config = demo_data.Config(**size, drift_round=number)
        demo_data.run(config, output=tmp_path / str(number))
    items, texts, bytes_of = [], [], []
    for number in range(3):
        folder = tmp_path / str(number)
        items.append({r["item_id"]: r for r in rows(folder / "items.jsonl.gz")})
        texts.append(
            {r["query_id"]: r["query"] for r in rows(folder / "queries.jsonl")}
        )
        kept = ("judgements.jsonl", "events.jsonl.gz")
        bytes_of.append([(folder / name).read_bytes() for name in kept])
    assert bytes_of[0] == bytes_of[1] == bytes_of[2]

    for earlier, later in ((0, 1), (1, 2)):
        new = items[later].keys() - items[earlier].keys()
        assert len(items[later]) == 240 and len(new) == 48
        old = items[later].keys() & items[earlier].keys()
        assert all(items[later][i] == items[earlier][i] for i in old)
        brands = {r["brand"] for r in items[earlier].values()}
        assert not ({items[later][i]["brand"] for i in new} - {""}) & brands
        assert texts[earlier].items() < texts[later].items()

    truth = pl.DataFrame(rows(tmp_path / "2" / "truth.jsonl.gz"))
    assert set(truth["item_id"]) <= items[2].keys()
    asked = truth.filter(pl.col("query_id").str.starts_with("q-2-"))
    assert asked["query_id"].n_unique() >= 10
    exact = asked.filter(pl.col("grade") == 3)
    assert exact.height and exact["item_id"].str.starts_with("item-2-").all()
