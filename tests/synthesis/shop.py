"""A small real shop: bottles, shoes, phone cases and pillows,
with evidence and the rule book's answers.
"""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

from adore.artifacts import read_table, write_table
from adore.attributes import evidence as evidence_stage
from adore.rulebook import RuleBook
from adore.synthesis import synthesise, verify
from adore.types import Evidence

QUERIES = {
    "q1": ("nike red running shoes", "train"),
    "q2": ("500ml steel water bottle", "train"),
    "q3": ("leather case for galaxy s9", "train"),
    "q4": ("water bottle without straw", "train"),
    "q5": ("blue shoes for women", "train"),
    "q8": ("round cotton pillow for women", "train"),
    "q9": ("soft cotton pillow for women", "test"),
    "q6": ("adidas running shoes", "dev"),
    "q7": ("red water bottle with handle", "test"),
}


def _item(
    item_id: str, title: str, brand: str, category: str, **attributes: object
) -> dict[str, object]:
    return {
        "item_id": item_id,
        "title": title,
        "brand": brand,
        "category": category,
        "description": f"{title}, made by {brand}",
        "bullet_points": ["Good value", "Easy to use"],
        "attributes": json.dumps(attributes),
    }


def _items() -> list[dict[str, object]]:
    rows = []
    for i, (brand, colour) in enumerate(
        product(("Nike", "Adidas", "Asics"), ("Red", "Navy", "Black", "Green"))
    ):
        title = f"{brand} Running Shoes for Women, {colour}"
        rows.append(
            _item(
                f"runm{i:02}",
                title,
                brand,
                "Clothing > Women > Shoes > Running Shoes",
                colour=colour,
            )
        )
    for i, (brand, size, part) in enumerate(
        product(
            ("Hydra", "Aqua"),
            ("500ml", "750 ml", "1 l"),
            ("with Handle", "without Straw", "with Straw"),
        )
    ):
        title = f"{brand} Steel Water Bottle {size} {part}"
        colour = ("Blue", "Red")[i % 2]
        rows.append(
            _item(
                f"bottlem{i:02}",
                title,
                brand,
                "Kitchen > Drinking > Water Bottles",
                colour=colour,
            )
        )
    for i, (brand, device) in enumerate(
        product(("Spigen", "Otter"), ("Galaxy S9", "Galaxy S10", "Pixel 5"))
    ):
        title = f"{brand} Leather Case for {device}"
        rows.append(
            _item(
                f"case{i:02}",
                title,
                brand,
                "Electronics > Phones > Cases",
                compatibility=[device],
            )
        )
    looks = product(
        ("Electric", "Manual"),
        ("Round", "Square"),
        ("Soft", "Firm"),
        ("Cotton", "Linen"),
    )
    for i, (power, shape, degree, cloth) in enumerate(looks):
        who, place = ("Women", "Kids")[i // 2 % 2], ("Indoor", "Outdoor")[i % 2]
        title = (
            f"Cosy {power} {degree} {shape} {cloth} {place} Heating Pillow for {who}, "
            f"Pack of {2 + i % 2}"
        )
        more = {"price": 30.0 + i, "series": ("Nap", "Doze")[i % 2]}
        rows.append(
            _item(f"pillow{i:02}", title, "Cosy", "Home > Bedding > Pillows", **more)
        )
    rows += [
        _item(f"brush{i}", f"{b} Water Bottle Brush", b, "Home > Cleaning > Brushes")
        for i, b in enumerate(("Oxo", "Vim"))
    ]
    rows += [
        _item(
            f"bag{i}", f"{b} Blue Leather Bag for Women", b, "Luggage > Bags > Handbags"
        )
        for i, b in enumerate(("Ona", "Uma"))
    ]
    return rows


def write_answers(pairs: Path, output: Path, table: str = "candidates") -> None:
    """The rule book's verdict on every pair of a table, as ``teacher_judgements``."""
    output.mkdir(parents=True)
    book, rows = RuleBook.load(), []
    pairs_table = (
        read_table(pairs, table)
        .select("query_id", "item_id", "evidence")
        .unique(["query_id", "item_id"])
    )
    for query_id, item_id, text in pairs_table.sort("query_id", "item_id").iter_rows():
        verdict = book.apply(Evidence.many_from_json(text))
        row = {"query_id": query_id, "item_id": item_id, "grade": int(verdict.grade)}
        rows.append(
            {
                **row,
                "probabilities": list(verdict.probabilities),
                "rationale": "{}",
                "judge": "rules",
            }
        )
        rows[-1]["rulebook"] = book.version
    write_table(rows, output, "teacher_judgements")


def write_shop(home: Path) -> None:
    """Write ``prepare``, ``evidence`` and ``answers`` into a folder.

    Humans graded good pairs and two dev pairs.
    """
    prepared = home / "prepare"
    evidence = home / "evidence"
    prepared.mkdir()
    evidence.mkdir()
    items = _items()
    good = {
        "q1": ["runm00"],
        "q2": ["bottlem00", "bottlem01", "bottlem09"],
        "q3": ["case00", "case03"],
        "q4": ["bottlem01", "bottlem04"],
        "q5": ["runm01", "runm05"],
        "q8": ["pillow00", "pillow08"],
        "q9": ["pillow00", "pillow04", "pillow08", "pillow12"],
        "q6": ["runm04", "runm05"],
    }
    graded = [
        {"query_id": q, "item_id": i, "grade": 3}
        for q, many in good.items()
        for i in many
    ]
    graded.append(
        {"query_id": "q6", "item_id": "runm00", "grade": 3}
    )  # a human who does not mind the brand
    write_table(items, prepared, "items")
    write_table(
        [{"query_id": q, "query": t, "split": s} for q, (t, s) in QUERIES.items()],
        prepared,
        "queries",
    )
    write_table(graded, prepared, "judgements")
    write_table(graded, prepared, "truth")
    write_table([], prepared, "events")
    evidence_stage.run(evidence_stage.Config(), prepared, evidence)
    write_answers(evidence, home / "answers", "pairs")


def synthesise_shop(home: Path, output: Path, **config: object) -> dict[str, float]:
    """Run ``synthesise`` on the shop."""
    output.mkdir(parents=True)
    settings = synthesise.Config.model_validate(config)
    return synthesise.run(
        settings, home / "prepare", home / "evidence", [home / "answers"], output
    )


def verify_shop(
    home: Path, made: Path, output: Path, answers: Path | None = None, **config: object
) -> dict[str, float]:
    """Run ``verify`` on candidates of the shop; by default with the answers beside them."""
    output.mkdir(parents=True, exist_ok=True)
    settings = verify.Config.model_validate(config)
    folders = [answers or made.parent / "answers"]
    return verify.run(
        settings, home / "prepare", home / "evidence", made, folders, output
    )
