"""Packs of words: alike in shape, without contradictions, and read alike in every language."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from adore.attributes.comparison import compare
from adore.attributes.language_packs import PACKS, load_language
from adore.attributes.lexicon import Lexicon
from adore.attributes.negation import find_absences
from adore.attributes.reader import Reader
from adore.text import tokenize, word_stems
from adore.types import Item

FOLDER = Path(__import__("adore").__file__).parent / "attributes" / "languages"
VALUED = ("colours", "materials", "audiences", "contrasts", "offers")


def pack(code: str) -> dict[str, object]:
    loaded: dict[str, object] = yaml.load(
        (FOLDER / f"{code}.yaml").read_text("utf-8"), Loader=yaml.BaseLoader
    )
    return loaded


def test_there_are_four_packs() -> None:
    assert PACKS == ("de", "en", "es", "fr")


@pytest.mark.parametrize("code", PACKS)
def test_packs_have_the_same_keys_and_english_values(code: str) -> None:
    own, english = pack(code), pack("en")
    assert own.keys() == english.keys()
    for section in ("absence", "say"):
        assert own[section].keys() == english[section].keys(), section
    assert list(own["audiences"]) == list(
        english["audiences"]
    )  # say.people follows their order
    assert len(load_language(code).says("people")) == len(own["audiences"])
    for name in ("colours", "materials", "audiences", "fields"):
        assert set(own[name]) == set(english[name]), name
    for name in ("contrasts", "offers"):
        assert set(own[name]) <= set(english[name]), name


@pytest.mark.parametrize("code", PACKS)
def test_no_word_contradicts_another(code: str) -> None:
    language = load_language(code)  # loading refuses a stem with two values of one list
    assert not language.audiences.keys() & language.colours.keys()
    assert not language.audiences.keys() & language.materials.keys()
    assert not language.absence.stems & language.colours.keys()
    assert not language.stop & (
        language.colours.keys() | language.materials.keys() | language.audiences.keys()
    )
    assert language.absence.stems <= language.breaks
    assert language.stop <= language.request
    assert language.vague <= language.colours.keys() | {
        "cherry",
        "jade",
    }  # tastes and stones of shops' own colours
    for name in VALUED:
        written = pack(code)[name]
        listed = [
            word.strip()
            for words_of in written.values()
            for word in words_of.split(",")
        ]
        assert len(listed) == len(set(listed)), name


def test_a_word_of_two_values_is_refused() -> None:
    from adore.attributes import language_packs
    from adore.errors import ConfigError

    wrong = {**pack("en"), "colours": {"red": "red, wine", "blue": "wines"}}
    with pytest.raises(
        ConfigError,
        match=r"colours: 'wines' == 'blue', but its stem 'wine' is already 'red'",
    ):
        language_packs._Pack("en", wrong).language()


@pytest.mark.parametrize(
    ("code", "text", "absent"),
    [
        ("en", "mug w/o handle", ["handle"]),
        ("en", "mug W / O handle", ["handle"]),
        ("en", "mug w/out handle", ["handle"]),
        ("en", "mug w/ handle", []),
        ("en", "mug sans handle", ["handle"]),
        ("en", "San Francisco mug", []),
        ("de", "Tasse ohne Henkel oder Deckel", ["henkel", "deckel"]),
        ("de", "keine Farbstoffe", ["Farbstoffe"]),
        (
            "de",
            "frei von Gluten, laktosefrei, zucker-frei",
            ["Gluten", "Laktose", "Zucker"],
        ),
        ("de", "ärmelloses Kleid", ["Ärmel"]),
        ("de", "kostenlose, bügelfreie, versandkostenfreie Bluse", []),
        ("fr", "tasse sans anse ni couvercle", ["anse", "couvercle"]),
        ("fr", "pas d'anse", ["anse"]),
        ("fr", "jus sans sucre ajouté", ["sucre"]),
        ("fr", "sans frais", []),
        ("es", "taza sin asa o tapa", ["asa", "tapa"]),
        ("es", "camiseta s/ mangas", ["mangas"]),
        ("es", "libre de gluten", ["gluten"]),
        ("es", "no incluye pilas", []),
    ],
)
def test_absence_in_every_language(code: str, text: str, absent: list[str]) -> None:
    language = load_language(code)
    found = {a.value for a in find_absences(text, tokenize(text, language), language)}
    assert found == {" ".join(word_stems(word, language)) for word in absent}


@pytest.mark.parametrize(
    ("code", "forms", "family"),
    [
        ("en", "red crimson", "red"),
        ("de", "rot rote roter rotes roten Rotes", "red"),
        ("de", "grün grüne gruen grünes", "green"),
        ("de", "schwarz schwarze schwarzer", "black"),
        ("fr", "noir noire noirs noires Noire", "black"),
        ("fr", "blanc blanche blanches", "white"),
        ("fr", "vert verte vertes", "green"),
        ("es", "rojo roja rojos rojas", "red"),
        ("es", "verde verdes", "green"),
        ("es", "marrón marron marrones", "brown"),
    ],
)
def test_inflected_colours_are_one(code: str, forms: str, family: str) -> None:
    thing = {"en": "mug", "de": "Tasse", "fr": "tasse", "es": "taza"}[code]
    reader = Reader(Lexicon.mine([Item("1", thing, category=f"x > {thing}")] * 2, code))
    for form in forms.split():
        query = f"{thing} {form}" if reader.language.head_first else f"{form} {thing}"
        asked = reader.read_query(query).values
        assert [v.value for v in asked["colour"]] == [family], query
        assert [v.quote for v in asked["colour"]] == [form], query
        assert asked["product_type"][0].quote == thing, query


SHOPS = {
    "de": [
        Item("0", "Kaffeetasse mit Henkel 350 ml rot", category="Küche > Tassen"),
        Item("1", "Rote Tasse für Kaffee ohne Henkel", category="Küche > Tassen"),
        Item("2", "Lederjacke für Damen braun", category="Mode > Jacken"),
        Item(
            "3",
            "Herren-Winterjacke",
            category="Mode > Jacken",
            attributes={"Farbe": "Schwarz", "Material": "Wolle"},
        ),
        Item("4", "Kaffee gemahlen 500 g", category="Lebensmittel > Kaffee"),
        Item("5", "Kaffee Bohnen", category="Lebensmittel > Kaffee"),
    ],
    "fr": [
        Item("0", "Tasse à café avec anse noire", category="Cuisine > Tasses"),
        Item("1", "Tasse à café sans anse blanche", category="Cuisine > Tasses"),
        Item("2", "Veste femme en cuir marron", category="Mode > Vestes"),
        Item(
            "3",
            "Veste d'hiver homme",
            category="Mode > Vestes",
            attributes={"couleur": "noire", "matière": "laine"},
        ),
    ],
    "es": [
        Item("0", "Taza de café con asa roja", category="Cocina > Tazas"),
        Item("1", "Taza de café sin asa blanca", category="Cocina > Tazas"),
        Item("2", "Chaqueta de cuero para mujer marrón", category="Moda > Chaquetas"),
        Item(
            "3",
            "Chaqueta niño",
            category="Moda > Chaquetas",
            attributes={"color": "negra", "material": "lana"},
        ),
    ],
}


def states(code: str, query: str, n: int) -> dict[str, str]:
    reader = Reader(Lexicon.mine(SHOPS[code], code))
    asked = reader.read_query(query)
    for values in asked.values.values():
        assert all(v.quote in query for v in values)
    return {
        e.attribute: e.state for e in compare(asked, reader.read_item(SHOPS[code][n]))
    }


@pytest.mark.parametrize(
    ("code", "query", "n", "attribute", "state"),
    [
        ("de", "tasse ohne henkel", 0, "exclusion", "conflict"),
        ("de", "tasse ohne henkel", 1, "exclusion", "match"),
        ("de", "kaffeetasse", 0, "product_type", "match"),
        ("de", "kaffeetasse", 1, "product_type", "match"),
        ("de", "kaffeetasse", 2, "product_type", "conflict"),
        ("de", "kaffee tasse", 0, "feature", "match"),
        ("de", "rote tassen", 0, "colour", "match"),
        ("de", "jacke damen", 2, "audience", "match"),
        ("de", "damenjacke", 3, "audience", "conflict"),
        ("de", "damenjacke", 2, "product_type", "match"),
        ("de", "jacke aus leder", 2, "material", "match"),
        ("de", "schwarze jacke", 3, "colour", "match"),
        ("de", "lederjacke", 3, "material", "conflict"),
        ("fr", "tasse sans anse", 0, "exclusion", "conflict"),
        ("fr", "tasse sans anse", 1, "exclusion", "match"),
        ("fr", "tasses noires", 0, "colour", "match"),
        ("fr", "tasse noir", 1, "colour", "conflict"),
        ("fr", "vestes en cuir", 2, "material", "match"),
        ("fr", "veste pour femmes", 2, "audience", "match"),
        ("fr", "veste pour femmes", 3, "audience", "conflict"),
        ("fr", "veste cuir", 3, "material", "conflict"),
        ("fr", "veste noir", 3, "colour", "match"),
        ("es", "taza sin asa", 0, "exclusion", "conflict"),
        ("es", "taza sin asa", 1, "exclusion", "match"),
        ("es", "tazas rojas", 0, "colour", "match"),
        ("es", "chaqueta cuero", 2, "material", "match"),
        ("es", "chaquetas de mujer", 2, "audience", "match"),
        ("es", "chaqueta niña", 3, "audience", "conflict"),
        ("es", "chaqueta nino", 3, "audience", "match"),
        ("es", "chaqueta negro", 3, "colour", "match"),
    ],
)
def test_every_language_is_read_like_english(
    code: str, query: str, n: int, attribute: str, state: str
) -> None:
    assert states(code, query, n)[attribute] == state


@pytest.mark.parametrize("code", PACKS)
def test_what_is_written_for_a_language_is_read_in_it(code: str) -> None:
    thing, part = {
        "en": ("mug", "lid"),
        "de": ("Tasse", "Deckel"),
        "fr": ("tasse", "couvercle"),
        "es": ("taza", "tapa"),
    }[code]
    reader = Reader(Lexicon.mine([Item("1", thing, category=f"x > {thing}")] * 2, code))
    language = reader.language
    for form in language.says("excluded"):
        assert (
            "exclusion" in reader.read_query(f"{thing} {form.format(part)}").values
        ), form
    for form in language.says("free"):
        assert (
            "exclusion" in reader.read_query(f"{form.format(part)} {thing}").values
        ), form
    for form in (*language.says("know"), *language.says("know_held")):
        assert (
            reader.read_query(form.format(thing)).values["product_type"][0].value
            == "guide"
        ), form
    for audience in pack(code)["audiences"]:
        for form in (*language.says("added"), *language.says("audience")):
            asked = reader.read_query(
                f"{thing} {form.format(language.people(audience))}"
            ).values
            assert [v.value for v in asked["audience"]] == [audience], (form, audience)
            if form in language.says("added"):
                assert set(asked) == {"product_type", "audience"}, (form, audience)


def test_a_language_without_a_pack_reads_words_but_no_meaning() -> None:
    items = [
        Item("1", "Rode mok zonder handvat", "Acme", "Keuken > Mokken"),
        Item("2", "Mokken", "Acme", "K > Mokken"),
    ]
    reader = Reader(Lexicon.mine(items, "nl"))
    asked = reader.read_query("acme rode mok zonder handvat").values
    assert not asked.keys() & {"exclusion", "colour", "material", "audience"}
    assert asked["brand"][0].value == "acme"
    found = compare(reader.read_query("mokken"), reader.read_item(items[0]))
    assert [e.state for e in found] == ["match"]


@pytest.mark.parametrize("code", [*PACKS, "nl", "ja"])
def test_the_lexicon_keeps_its_language(code: str) -> None:
    lexicon = Lexicon.mine(SHOPS["de"], code)
    again = Lexicon.from_json(lexicon.to_json())
    assert again == lexicon and Reader(again).language is load_language(code)


TEES = [
    Item("a", "Cotton T-Shirt red", category="Clothing > T-Shirts"),
    Item("b", "Acme Raincoat", category="Clothing > Coats"),
    Item("c", "Zeta Raincoat long", category="Clothing > Coats"),
    Item("d", "Rain Coat for kids", category="Clothing > Coats"),
    Item("e", "Car seat", category="Cars > Seats"),
    Item("f", "Pet car bed", category="Pets > Beds"),
]


@pytest.mark.parametrize(
    ("query", "item", "state"),
    [
        ("tshirt", "a", "match"),
        ("t shirt", "a", "match"),
        ("T-Shirts", "a", "match"),
        ("raincoat", "b", "match"),
        ("raincoat", "d", "match"),
        ("rain coat", "b", "match"),
        ("rain-coat", "d", "match"),
        ("carpet", "f", "conflict"),
        ("carpet", "e", "conflict"),
    ],
)
def test_joined_hyphened_and_apart_are_one(query: str, item: str, state: str) -> None:
    reader = Reader(Lexicon.mine(TEES))
    one = next(i for i in TEES if i.item_id == item)
    found = {
        e.attribute: e.state
        for e in compare(reader.read_query(query), reader.read_item(one))
    }
    assert found["product_type"] == state
    assert "feature" not in found or found["feature"] == "match"
