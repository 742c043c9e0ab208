"""A query that is an article number, and items as the shop's file has them,
through the student and its server.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adore.artifacts import read_table
from adore.attributes.language_packs import load_language
from adore.attributes.lexicon import Lexicon
from adore.serving.model import RankerModel
from adore.student.features import FEATURES
from adore.student.inputs import ItemReader, ListInputs
from adore.student.onnx_models import OnnxEncoder
from adore.student.rankers import load_ranker
from adore.student.retrieve import HybridRetriever
from adore.types import Item, item_from_row

NESTED = [
    {"item_id": "n1", "title": "Nordpeak drinking bottle", "brand": "Nordpeak",
     "attributes": {"colour": "red", "material": "steel", "price": 12.0}},
    {"item_id": "n2", "title": "Nordpeak drinking bottle", "brand": "Nordpeak",
     "attributes": {"colour": "blue", "material": "glass", "price": 80.0}},
]  # fmt: skip
FLAT = [
    {k: v for k, v in one.items() if k != "attributes"} | one["attributes"]
    for one in NESTED
]


def test_evidence_and_features_tell_the_one_article(student: Path) -> None:
    items = [
        Item("a-1", "Steel bottle", attributes={"gtin": "4006381333931"}),
        Item("a-2", "Steel bottle"),
    ]
    inputs = ListInputs(student, threads=1)
    inputs.reader = ItemReader(Lexicon.mine(items))
    matrix = inputs.compute("EAN 04006381333931", items).matrix
    columns = [
        FEATURES.index(f"product_type_{state}") for state in ("match", "conflict")
    ]
    np.testing.assert_array_equal(matrix[:, columns], [[1, 0], [0, 1]])
    exact = matrix[:, FEATURES.index("rules_exact")]
    assert exact[0] > 0.8 and exact[1] < 0.1


def test_the_student_gives_the_article_e_and_the_others_i(
    student: Path, shop: Path
) -> None:
    rows = read_table(shop / "prepare", "items").sort("item_id").head(8)
    items = [item_from_row(row) for row in rows.iter_rows(named=True)]
    scores = load_ranker(student, threads=1).rank(items[3].item_id, items)
    assert [s.grade.letter for s in scores] == [
        "E" if n == 3 else "I" for n in range(8)
    ]
    assert max(scores, key=lambda s: s.score).item_id == items[3].item_id


def test_retrieval_finds_the_article_first(student: Path) -> None:
    items = [
        Item(f"x{n}", f"Thing {n}", attributes={"ean": f"{4006381333900 + n}"})
        for n in range(60)
    ]
    finder = HybridRetriever(
        items, OnnxEncoder(student), depth=3, language=load_language("en")
    )
    assert (
        finder.find("4006381333931")[0] == 31
        and finder.find("gtin 0400638-1333931")[0] == 31
    )
    assert finder.find("X17")[0] == 17 and finder.find("thing 4006381333950")[0] == 50


@pytest.fixture(scope="module")
def model(student: Path) -> RankerModel:
    served = RankerModel("challenger", student, variant="challenger")
    served.load()
    return served


def answer(
    model: RankerModel, query: str, items: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    (request,) = model.preprocess(
        {"instances": [{"query": query, "items": items}]}
    ).requests
    return list(model.rank(request)["items"])


def test_flat_items_score_like_nested_ones(model: RankerModel) -> None:
    nested, flat = (
        answer(model, "red steel bottle under $20", items) for items in (NESTED, FLAT)
    )
    assert nested == flat
    assert nested[0]["score"] != nested[1]["score"]
    assert nested[0]["attributes"].keys() >= {"colour", "material"}


def test_an_id_alone_is_enough(model: RankerModel, shop: Path) -> None:
    rows = read_table(shop / "prepare", "items").sort("item_id").head(5).to_dicts()
    whole = [{**row, "attributes": json.loads(row["attributes"])} for row in rows]
    assert answer(
        model, "water bottle", [{"item_id": row["item_id"]} for row in rows]
    ) == answer(model, "water bottle", whole)
