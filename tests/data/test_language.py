"""The language of a shop: said or told, kept for every later step;
and HTML decoded where texts come in.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from adore.artifacts import read_table
from adore.attributes import evidence
from adore.attributes.lexicon import Lexicon
from adore.config import configure
from adore.data.check import check_folder
from adore.data.language import choose_language, language_shares, parse_language_code
from adore.data.prepare import Config, run
from adore.data.queries import normalise_query
from adore.data.shop import ReadConfig
from adore.entities import decoded, decoded_values
from adore.errors import ConfigError
from adore.serving.request import parse
from adore.student.inputs import ItemReader
from adore.student.text_index import TextIndex
from adore.teacher import judge
from adore.types import item_from_row

TEXTS = {
    "de": ["Kaffeetasse mit Henkel 350 ml weiß", "Damen Winterjacke mit Kapuze",
           "Trinkflasche auslaufsicher", "Holztisch Eiche massiv", "Kinder Regenjacke rot",
           "Bettwäsche aus Baumwolle", "tasse ohne henkel", "laufschuhe herren"],
    "en": ["Coffee mug with handle 350 ml white", "Women's winter jacket with hood",
           "Leakproof water bottle", "Solid oak table", "Kids rain jacket red",
           "Cotton bedding for the whole family", "mug without handle",
           "running shoes for men"],
    "es": ["Taza de café con asa 350 ml blanca", "Chaqueta de invierno para mujer con capucha",
           "Botella de agua", "Mesa de madera de roble", "Impermeable infantil rojo",
           "Juego de sábanas de algodón", "taza sin asa", "zapatillas de hombre"],
    "fr": ["Tasse à café avec anse 350 ml blanche", "Veste d'hiver pour femme à capuche",
           "Gourde en acier", "Table en bois de chêne massif", "Imperméable enfant rouge",
           "Parure de lit en coton", "tasse sans anse", "chaussures de course homme"],
    "it": ["Tazza da caffè con manico 350 ml bianca", "Giacca invernale da donna con cappuccio",
           "Borraccia in acciaio", "Tavolo in legno di rovere", "Impermeabile rosso da bambino",
           "Lenzuola di cotone", "tazza senza manico", "scarpe da corsa uomo"],
}  # fmt: skip


@pytest.mark.parametrize("code", TEXTS)
def test_the_language_is_told_by_the_texts(code: str) -> None:
    chosen = choose_language("", TEXTS[code])
    assert (chosen.code, chosen.how, chosen.mixed) == (code, "detected", False)
    assert choose_language("", [t.upper() for t in reversed(TEXTS[code])]).code == code
    assert ("no pack" in " ".join(chosen.warnings())) == (code == "it")


@pytest.mark.parametrize(
    "texts",
    [[], ["LED 12V", "X-200", "A4"], ["Tasse"], ["123", "456 789"] * 40, ["Mug"] * 500],
)
def test_too_little_text_is_said_and_read_as_english(texts: list[str]) -> None:
    chosen = choose_language("", texts)
    assert (chosen.code, chosen.how) == (
        "en",
        "assumed",
    ) and "too little text" in chosen.sentence()


def test_a_mixed_catalogue_is_told_with_its_shares() -> None:
    chosen = choose_language("", TEXTS["de"] + TEXTS["en"] + TEXTS["en"][:0])
    assert chosen.mixed and {"de", "en"} == set(chosen.shares)
    assert all(0.3 < share < 0.7 for share in chosen.shares.values())
    assert (
        "German (de)" in chosen.warnings()[0] and "English (en)" in chosen.warnings()[0]
    )
    assert not choose_language("", TEXTS["de"] * 4 + TEXTS["en"][:1]).mixed


def test_what_is_said_outweighs_what_is_told() -> None:
    chosen = choose_language("fr-CH", TEXTS["de"])
    assert (chosen.code, chosen.how) == ("fr", "said")
    assert "look like German (de)" in chosen.warnings()[0]
    assert choose_language("de", TEXTS["de"]).warnings() == []


@pytest.mark.parametrize("said", ["xx", "german", "deutsch", "e", "en,de"])
def test_an_unknown_code_lists_the_packs(said: str) -> None:
    with pytest.raises(
        ConfigError,
        match=rf"'{said}'.*de \(German\), en \(English\), es \(Spanish\), fr \(French\)",
    ):
        parse_language_code(said)


def test_shares_do_not_depend_on_order_or_number_of_rows() -> None:
    texts = [f"{text} {n}" for n in range(400) for text in TEXTS["de"]]
    assert list(language_shares(texts)) == list(language_shares(texts[::-1])) == ["de"]


def shop(folder: Path, dataset: str = "", **tables: list[dict[str, Any]]) -> Path:
    for name, rows in tables.items():
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(lines, "utf-8")
    if dataset:
        (folder / "dataset.yaml").write_text(dataset, "utf-8")
    return folder


GERMAN_ITEMS = [
    {
        "item_id": "t1",
        "title": "Kaffeetasse mit Henkel 350 ml rot",
        "category": "K&uuml;che > Tassen",
    },
    {
        "item_id": "t2",
        "title": "Kaffeetasse ohne Henkel 350 ml wei&szlig;",
        "category": "Küche > Tassen",
    },
    {"item_id": "t3", "title": "Rote Tasse für Kaffee", "category": "Küche > Tassen"},
    {
        "item_id": "j1",
        "title": "Winterjacke für Damen aus Leder",
        "category": "Mode > Jacken",
        "Farbe": "Schwarz",
    },
    {
        "item_id": "j2",
        "title": "Winterjacke für Herren",
        "category": "Mode > Jacken",
        "Farbe": "Schwarz",
    },
    {
        "item_id": "k1",
        "title": "Kaffee gemahlen 500 g",
        "category": "Lebensmittel > Kaffee",
    },
    {
        "item_id": "k2",
        "title": "Kaffee ganze Bohnen",
        "category": "Lebensmittel > Kaffee",
    },
]
GERMAN_QUERIES = [
    {"query_id": "q1", "query": "kaffeetasse ohne henkel", "split": "train"},
    {"query_id": "q2", "query": "rote Kaffee Tasse", "split": "dev"},
    {"query_id": "q3", "query": "schwarze damenjacke", "split": "test"},
    {"query_id": "q4", "query": "winterjacke f&uuml;r Herren", "split": "train"},
]
GERMAN_TRUTH = {
    ("q1", "t1"): "S", ("q1", "t2"): "E", ("q1", "j1"): "I",
    ("q2", "t1"): "E", ("q2", "t2"): "S", ("q2", "t3"): "E",
    ("q3", "j1"): "E", ("q3", "j2"): "S", ("q3", "t1"): "I", ("q4", "j1"): "S", ("q4", "j2"): "E",
}  # fmt: skip


def german(folder: Path, dataset: str = "") -> Path:
    judged = [
        {"query_id": q, "item_id": i, "label": label}
        for (q, i), label in GERMAN_TRUTH.items()
    ]
    return shop(
        folder, dataset, items=GERMAN_ITEMS, queries=GERMAN_QUERIES, judgements=judged
    )


def prepared(data: Path, home: Path) -> tuple[Path, Path]:
    """The outputs of prepare and evidence."""
    places = home / "prepared", home / "evidence"
    for place in places:
        place.mkdir()
    run(configure(Config, {}, "prepare"), data, places[0])
    evidence.run(evidence.Config(), *places)
    return places


def test_a_german_shop_is_judged_by_rules_as_a_shopper_means(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    first, second = prepared(german(data), tmp_path)
    output = tmp_path / "judge"
    output.mkdir()
    judge.run(
        configure(judge.Config, {"backend": "rules", "shards": 1}, "judge"),
        first,
        second,
        output,
    )
    answers = (
        read_table(output, "teacher_judgements")
        .select("query_id", "item_id", "grade")
        .rows()
    )
    assert {(q, i): "ICSE"[grade] for q, i, grade in answers} == GERMAN_TRUTH


def test_the_chosen_language_is_kept_for_training_and_serving(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    first, second = prepared(german(data), tmp_path)
    report = json.loads((first / "data_report.json").read_text("utf-8"))["language"]
    assert report["code"] == "de" and report["how"] == "detected" and report["pack"]
    assert json.loads((first / "dataset.json").read_text("utf-8"))["language"] == "de"
    lexicon = Lexicon.from_json((second / "lexicon.json").read_text("utf-8"))
    assert lexicon.language == "de"
    reader = ItemReader(lexicon)
    stored = {(q, i): e for q, i, e in read_table(second, "pairs").iter_rows()}
    served = parse(
        {"query": "kaffeetasse ohne henkel", "items": GERMAN_ITEMS[:2]}, "instances[0]"
    )
    for item, found in zip(
        served.items, reader.evidence(served.query, served.items), strict=True
    ):
        assert json.loads(stored["q1", item.item_id]) == [
            {"attribute": e.attribute, "asked": e.asked, "asked_quote": e.asked_quote,
             "found": e.found, "found_quote": e.found_quote,
             "where": e.where, "state": e.state} for e in found
        ]  # fmt: skip
    index = TextIndex.build(served.items, reader._reader.language)
    again = TextIndex.from_json(index.to_json())
    assert again.language_code == "de" and again.counts("rote Tassen") == {
        "rot": 1,
        "tass": 1,
    }


def test_check_says_the_language_and_what_is_wrong_with_it(tmp_path: Path) -> None:
    report = check_folder(german(tmp_path), configure(ReadConfig, {}, "prepare"))
    assert report.can_run and "German (de), told by titles and queries" in report.text
    report = check_folder(
        german(tmp_path, "language: nl\n"), configure(ReadConfig, {}, "prepare")
    )
    assert (
        report.can_run
        and "negation, colours" in " ".join(report.text.split())
        and "look like German (de)" in " ".join(report.text.split())
    )
    report = check_folder(
        german(tmp_path, "language: klingon\n"), configure(ReadConfig, {}, "prepare")
    )
    assert (
        not report.can_run
        and "'klingon'" in report.text
        and "de (German)" in report.text
    )
    german(tmp_path, "language: en\n")
    assert (
        "English (en), as dataset.yaml says"
        in check_folder(tmp_path, configure(ReadConfig, {}, "prepare")).text
    )


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Cup &amp; Saucer", "Cup & Saucer"),
        ("1000&nbsp;ml", "1000 ml"),
        ("kids&#39; cup", "kids' cup"),
        ("caf&eacute;", "café"),
        ("8&#x22; frame", '8" frame'),
        ("8&amp;quot; frame", '8" frame'),
        ("A&amp;amp;amp;B", "A&B"),
        ("Kaffee&shy;tasse", "Kaffeetasse"),
        ("R&D at AT&T; a=1&copy=2", "R&D at AT&T; a=1&copy=2"),
        ("&notanentity; &", "&notanentity; &"),
        ("&#xD800; &#0;", "\ufffd \ufffd"),
    ],
)
def test_html_is_decoded_wherever_a_text_comes_in(
    written: str, read: str, tmp_path: Path
) -> None:
    assert decoded(written) == read and decoded(decoded(written)) == read
    row = {"item_id": "a&amp;b", "title": written, "brand": written, "category": f"x > {written}",
           "description": written, "bullet_points": [written],
           "attributes": {"note": [written]}}  # fmt: skip
    data = tmp_path / "data"
    data.mkdir()
    splits = ("train", "dev", "test")
    queries = [
        {"query_id": split, "query": f"{written} {split} mug", "split": split}
        for split in splits
    ]
    first, _ = prepared(shop(data, items=[row], queries=queries), tmp_path)
    (stored,) = (
        item_from_row(one) for one in read_table(first, "items").iter_rows(named=True)
    )
    served = parse({"query": f"{written} dev mug", "items": [row]}, "instances[0]")
    assert served.items == (stored,) and stored.item_id == "a&amp;b"
    assert (stored.title, stored.brand, stored.bullet_points, stored.attributes) == (
        read,
        read,
        (read,),
        {"note": [read]},
    )
    assert (
        read_table(first, "queries")["query"].to_list()[0]
        == served.query
        == f"{read} dev mug"
    )
    assert normalise_query(f"{written} MUG") == normalise_query(f"{read} mug")


def test_names_and_nested_values_are_decoded_and_others_kept() -> None:
    assert decoded_values({"a&amp;b": ["&lt;", 1, None, True, {"c": "&gt;"}]}) == {
        "a&b": ["<", 1, None, True, {"c": ">"}]
    }
