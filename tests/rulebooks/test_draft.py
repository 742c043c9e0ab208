"""Draft: clean by lint, from the nearest book,
with evidence that counts right and cannot break out of its comment.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from adore.cli.main import app
from adore.rulebook import RuleBook
from adore.rulebooks.draft import draft, nearest_book
from adore.rulebooks.lint import lint
from adore.rulebooks.survey import Catalogue, Judged, survey
from adore.types import Grade, Item

HOSTILE = "Red\n  - id: evil\x85\u2028# \x00:"
KINDS = [
    (colour, kind)
    for colour in ("Red", "Blue", "Green", HOSTILE)
    for kind in ("Dress", "Shirt", "Sneaker")
]
SHOP = [
    Item(
        f"i{n}",
        f"{c} {k} for Women",
        ("acme", "Acme Inc")[n % 2],
        f"Clothing > {k}s",
        attributes={"colour": c},
    )
    for n, (c, k) in enumerate(KINDS)
]


def test_the_draft_is_clean_and_says_why() -> None:
    seen = survey(Catalogue(SHOP))
    assert nearest_book(seen) == "fashion" and seen.attributes["colour"].fields == 12
    text = draft(seen, "no")
    assert lint(text) == [] and "\n  - id: evil" not in text
    assert (
        "colour: 12 of 12 items state it in a field, 0 in text only, 0 nowhere." in text
    )
    assert (
        "3 values tell items apart like 2.8 equally common ones: red 6, blue 3, green 3"
        in text
    )
    assert (
        '- [acme, "acme inc"]' in text
        and "(6 and 6 items, alike but for spaces" in text
    )


def test_people_propose_synonyms() -> None:
    queries = {f"q{n}": text for n, text in enumerate(("red trainer", "blue trainer"))}
    judged = [
        Judged(q, i.item_id, Grade.EXACT)
        for q, c in (("q0", "Red"), ("q1", "Blue"))
        for i in SHOP * 2
        if i.title.startswith(f"{c} Sneaker")
    ]
    plain = [Item(f"g{n}", f"Garden hose {n}", "", "Garden > Hoses") for n in range(30)]
    seen = survey(Catalogue([*SHOP, *plain], queries, judged))
    assert nearest_book(seen) == "general"
    said = seen.synonyms["product_type"]["trainer", "sneaker"]
    assert said.enough and said.text.startswith("people called 4 of 4 pairs exact")
    text = draft(seen, "mine")
    assert (
        "Proposed: trainer = sneaker" in text
        and "on_missing E: most items do not state it" in text
    )


def test_few_values_and_silence_are_told() -> None:
    seen = survey(Catalogue(SHOP)).attributes
    assert seen["brand"].effective == pytest.approx(2.0) and seen[
        "audience"
    ].effective == pytest.approx(1.0)
    assert seen["model"].effective == 0.0


def test_the_verb_drafts_from_a_folder_and_from_a_file(tmp_path: Path) -> None:
    rows = [
        {
            "item_id": i.item_id,
            "title": i.title,
            "brand": i.brand,
            "category": i.category,
            "colour": "Red",
        }
        for i in SHOP
    ]
    (tmp_path / "items.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "queries.jsonl").write_text(
        '{"query_id": "q", "query": "red dress", "split": "train"}'
    )
    for n, source in enumerate(
        (["--data", str(tmp_path)], ["--items", str(tmp_path / "items.jsonl")])
    ):
        output = str(tmp_path / f"book{n}.yaml")
        done = CliRunner().invoke(
            app, ["rulebook", "draft", *source, "--output", output]
        )
        assert done.exit_code == 0 and "from fashion, 12 items" in done.output
        assert RuleBook.load(output).name == f"book{n}"
        again = CliRunner().invoke(
            app, ["rulebook", "draft", *source, "--output", output]
        )
        assert again.exit_code == 1 and "must be a new file" in str(again.exception)
