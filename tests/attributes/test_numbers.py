"""What a shopper means by numbers:
packs, prices, fractions, article numbers, generations, batteries, options.
"""

from __future__ import annotations

from typing import Any

import pytest

from adore.attributes.comparison import compare
from adore.attributes.lexicon import Lexicon
from adore.attributes.reader import Reader
from adore.rulebook import RuleBook
from adore.types import Item

BOOK = RuleBook.load()


def shop(*items: Item) -> Reader:
    return Reader(Lexicon.mine(items))


def item(n: int, title: str, category: str = "", **attributes: Any) -> Item:
    return Item(f"item-{n}", title, "", category, attributes=attributes)


def grades(query: str, items: list[Item]) -> str:
    """One letter an item, by evidence and the general rule book."""
    reader = shop(*items)
    asked = reader.read_query(query)
    return "".join(
        BOOK.apply(compare(asked, reader.read_item(i))).grade.letter for i in items
    )


COLA = [item(n, f"Fizzo Cola {what}", "Grocery > Cola") for n, what in enumerate(
    ("330 ml", "330 ml, Pack of 6", "12 x 330 ml", "330ml x 6",
     "6er Pack 330 ml", "6 x 0,33 l", "6x 2 l")
)]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("cola 6 x 330ml", "SESEEES"),
        ("cola 330 ml x 6", "SESEEES"),
        ("6x330ml cola", "SESEEES"),
        ("cola 330 ml 6er", "SESEEES"),
        ("cola 330 ml 6er-pack", "SESEEES"),
        ("cola 330 ml lot de 6", "SESEEES"),
        ("cola 330 ml paquete de 6", "SESEEES"),
        ("cola 330 ml x6", "SESEEES"),
        ("cola 330 ml 6 pcs", "SESEEES"),
        ("cola 330 ml 6 Stück", "SESEEES"),
        ("cola 330 ml", "EEEEEES"),
        ("cola 2 l", "SSSSSSE"),
        ("cola 1,5 l", "SSSSSSS"),
        ("cola 12-pack 330ml", "SSESSSS"),
    ],
)
def test_multipacks(query: str, wanted: str) -> None:
    assert grades(query, COLA) == wanted


SIDES = [
    item(n, f"Picture frame {what}", "Home > Frame")
    for n, what in enumerate(("16 x 16", "120 x 80 cm", "4x4"))
]


@pytest.mark.parametrize(
    "query",
    ["frame 16 x 16", "frame 120 x 80 cm", "4x4 frame", "3M frame", "2-in-1 frame"],
)
def test_sides_and_names_are_no_packs(query: str) -> None:
    assert "pack" not in shop(*SIDES).read_query(query).values
    assert all("pack" not in shop(*SIDES).read_item(one).values for one in SIDES)


def mugs(*prices: object, **more: object) -> list[Item]:
    return [
        item(n, f"Mug {n}", "Kitchen > Mug", price=price, **more)
        for n, price in enumerate(prices)
    ]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("mug under $50", "EES"),
        ("mug under 50 dollars", "EES"),
        ("mug < 50 usd", "EES"),
        ("mug $20-$40", "SES"),
        ("mug between 20 and 40", "SES"),
        ("mug from $20 to $40", "SES"),
        ("mug max 31", "EES"),
        ("mug over 100", "SSE"),
        ("mug $100 or more", "SSE"),
        ("mug 50 or less", "EES"),
        ("mug at most 30.50 dollars", "EES"),
        ("cheap mug", "EEE"),
        ("mug under 50 €", "EEE"),
        ("mug under 5 lbs", "EEE"),
        ("mug not over $50", "EES"),
        ("mug budget $50", "EES"),
        ("mug more expensive than 50 usd", "SSE"),
    ],
)
def test_limits_against_dollars(query: str, wanted: str) -> None:
    assert grades(query, mugs("12.00 USD", "$30.50", "1,299.00 USD")) == wanted


@pytest.mark.parametrize(
    "query",
    ["mug unter 50 €", "mug moins de 50 euros", "mug menos de 50", "mug bis 50 EUR",
     "mug hasta 50 euros", "mug max. 50 €",
     "mug jusqu'à 50 €", "mug höchstens 50,00 Euro", "mug unter 1.200 €", "mug ≤ 50€"],
)  # fmt: skip
def test_limits_in_four_languages(query: str) -> None:
    assert grades(query, mugs("12,50 €", "EUR 30", "1.299,00 €")) == "EES"


def test_prices_as_they_are_written() -> None:
    written = (
        "CHF 12.-",
        "1 299 kr",
        "12",
        12.0,
        {"amount": "12.00", "currency": "USD"},
        "free",
        "on request",
        None,
        0,
    )
    read = [shop().read_item(one).price for one in mugs(*written)]
    assert [price.value if price else "" for price in read] == [
        "12 CHF",
        "1299 KR",
        "12",
        "12",
        "12 USD",
        "",
        "",
        "",
        "",
    ]


def test_the_sale_price_is_paid_and_the_struck_one_is_not() -> None:
    prices = [
        {"price": "80.00 USD", "sale_price": "40.00 USD"},
        {"price": "80.00 USD", "sale_price": ""},
        {"price": "40.00 USD", "compare_at_price": "80.00 USD"},
        {"price": "<s>80,00 $</s> 40,00 $"},
        {
            "price": "40.00 USD",
            "sale_price": "80.00 USD",
        },  # a sale that costs more is an error
        {"price": 40, "currency": "USD", "originalPrice": 80},
        {"price_eur": 40},
        {"price": "80", "shipping_price": "4"},
    ]
    items = [item(n, "Mug", "Kitchen > Mug", **one) for n, one in enumerate(prices)]
    assert grades("mug under $50", items) == "ESEEEEES"
    other = shop(*items).read_item(items[6]).price
    assert (
        other and other.value == "40 EUR"
    )  # another currency: neither a match nor a conflict


@pytest.mark.parametrize(
    "query",
    [
        "nike air max 90",
        "vitamins women over 50",
        "iphone 15 pro max 30",
        "kids under 5",
        "tray under 30 inches",
    ],
)
def test_numbers_that_limit_no_price(query: str) -> None:
    features = shop(*mugs(12)).read_query(query).values.get("feature", ())
    assert not [v for v in features if v.value.startswith("price:")]


BITS = [
    item(n, f"Drill bit {what}", "Tools > Bit")
    for n, what in enumerate(('1/2"', '3/4"', "6 mm", "38.1 mm"))
]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("bit 1/2 inch", "ESSS"),
        ('bit ½"', "ESSS"),
        ("bit 12,7 mm", "ESSS"),
        ("bit 3⁄4 in", "SESS"),
        ("bit 1 ½ in", "SSSE"),
        ("bit 1½ inch", "SSSE"),
        ("bit 1-1/2 inch", "SSSE"),
        ("bit 5-7 mm", "SSES"),
        ("bit 10–20 mm", "EESS"),
        ("bit 30 to 40 mm", "SSSE"),
        ("bit 5 bis 7 mm", "SSES"),
    ],
)
def test_fractions_and_ranges(query: str, wanted: str) -> None:
    assert grades(query, BITS) == wanted


ARTICLES = [
    item(0, "Steel bottle", gtin="4006381333931", sku="BT-35/A"),
    item(1, "Steel bottle", ean="0 036000 291452", mpn="DW1361"),
    item(2, "Book of birds", isbn="3-16-148410-X"),
    item(3, "Old bottle", barcode=4006381333948.0, upc="4.00638E+12"),
    item(4, "Levi's 501 jeans", mpn="501"),
    item(5, "Levi's 501 jeans, black"),
    item(6, "Apple iPhone 15", sku="IPHONE-15"),
    item(7, "Apple iPhone 15 Pro"),
]


@pytest.mark.parametrize(
    ("query", "right"),
    [
        ("4006381333931", 0),
        ("04006381333931", 0),
        ("EAN 4006381333931", 0),
        ("gtin: 400-6381-333931", 0),
        ("BT-35/A", 0),
        ("sku bt35a", 0),
        ("036000291452", 1),
        ("36000291452", 1),
        ("00036000291452", 1),
        ("dw1361", 1),
        ("DW-1361", 1),
        ("978-3-16-148410-0", 2),
        ("9783161484100", 2),
        ("ISBN 316148410X", 2),
        ("4006381333948", 3),
        ("item-5", 5),
        ("4006381333955", -1),  # right check digit, nobody's
        ("mpn XY-99999", -1),
    ],
)
def test_an_article_number_asks_for_that_article(query: str, right: int) -> None:
    assert grades(query, ARTICLES) == "".join(
        "E" if n == right else "I" for n in range(len(ARTICLES))
    )


@pytest.mark.parametrize(
    "query",
    [
        "2023",
        "501",
        "levis 501",
        "iphone 15",
        "4006381333932",
        "4.00638E+12",
        "16 x 16",
        "12",
    ],
)
def test_what_is_no_article_number(query: str) -> None:
    asked = shop(*ARTICLES).read_query(query)
    assert not [
        v
        for v in asked.values.get("product_type", ())
        if v.value.startswith("article:")
    ]


@pytest.mark.parametrize(
    "field", ["EAN", "ean13", "eanCode", "variantSku", "Barcode", "Artikelnummer",
              "model_number", "Part Number", "GTIN-14", "code_barres", "Variant SKU"]
)  # fmt: skip
def test_fields_of_article_numbers(field: str) -> None:
    items = [
        item(0, "Bottle", **{field: "4006381333931"}),
        item(1, "Bottle", **{field: "4006381333948"}),
    ]
    assert grades("4006381333931", items) == "EI"


def test_a_number_among_words_is_held_against_the_fields() -> None:
    items = [
        item(0, "Makita Drill", "Tools > Drill", mpn="DHP-482Z"),
        item(1, "Makita Drill", "Tools > Drill", mpn="X1"),
    ]
    assert grades("makita drill dhp-482z", items) == "ES"
    assert grades("drill dhp482z", items) == "ES"


PHONES = [item(n, t, "Phones > Smartphone") for n, t in enumerate(
    ("Apple iPhone 15 128 GB", "Apple iPhone 15 Pro 128 GB", "Apple iPhone 14 128 GB",
     "iPhone 15 Plus",
     "Samsung Galaxy S23 Ultra", "Samsung Galaxy S23", "Samsung Galaxy S22 Ultra")
)]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("iphone 15", "ESSS"),
        ("iPhone 15 Pro", "SESS"),
        ("iphone 15 plus smartphone", "SSSE"),
        ("smartphone iphone 14", "SSES"),
    ],
)
def test_generations_of_phones(query: str, wanted: str) -> None:
    assert grades(query, PHONES)[:4] == wanted


def test_galaxies() -> None:
    assert grades("galaxy s23 ultra", PHONES)[4:] == "ESS"
    assert grades("galaxy s23", PHONES)[4:] == "SES"


@pytest.mark.parametrize(
    "query", ["ipad 10th generation", "iPad 10. Generation", "ipad gen 10", "iPad 10"]
)
def test_generations_in_words(query: str) -> None:
    items = [
        item(n, t, "Tablets > iPad")
        for n, t in enumerate(
            ("Apple iPad (10th Gen)", "iPad 9th generation", "iPad 10")
        )
    ]
    assert grades(query, items) == "ESE"


def test_consoles_and_what_fits_them() -> None:
    items = [
        item(n, t, "Games > Console")
        for n, t in enumerate(
            ("Sony PS5 console", "PlayStation 4 console", "PS 5 console")
        )
    ]
    assert grades("ps5 console", items) == "ESE"
    cases = [item(n, t, "Phones > Case") for n, t in enumerate(
        ("Case for iPhone 15", "iPhone 15 Pro case",
         "Case for iPhone 14 / 15", "Case for Galaxy S23")
    )]  # fmt: skip
    assert grades("iphone 15 case", cases) == "ESES"


CELLS = [item(n, f"Alkaline {t}", "Home > Battery") for n, t in enumerate(
    ("AA battery", "AAA battery", "CR2032 battery",
     "LR44 button cell battery", "9V battery", "18650 battery")
)]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "right"),
    [
        ("aa batteries", 0),
        ("AA battery", 0),
        ("LR6 battery", 0),
        ("AAA batteries", 1),
        ("cr2032 battery", 2),
        ("DL2032 battery", 2),
        ("battery AG13", 3),
        ("9V battery", 4),
        ("9 volt battery", 4),
        ("18650 battery", 5),
    ],
)
def test_batteries(query: str, right: int) -> None:
    assert grades(query, CELLS) == "".join(
        "E" if n == right else "S" for n in range(len(CELLS))
    )


def test_aa_is_no_clothing_size() -> None:
    values = shop(*CELLS).read_query("AA batteries").values
    assert [v.value for v in values["size"]] == ["battery:aa"]
    assert "size" not in shop(*CELLS).read_query("bra cup aa").values


JACKETS = [
    item(0, "Rain Jacket", "Clothing > Jacket", Size="M", Color="Red"),
    item(1, "Rain Jacket", "Clothing > Jacket", Size="S", Color="Red"),
    item(2, "Rain Jacket", "Clothing > Jacket", variant="Size: M / Color: Blue"),
    item(3, "Rain Jacket - Size: M / Color: Red", "Clothing > Jacket"),
    item(4, "Rain Jacket", "Clothing > Jacket", options="Color: red; Size: M"),
]


@pytest.mark.parametrize(
    "query",
    [
        "rain jacket Size: M / Color: Red",
        "red rain jacket size m",
        "jacket Color: Red; Size: M",
    ],
)
def test_option_pairs(query: str) -> None:
    assert grades(query, JACKETS) == "ESSEE"


def test_options_and_sizes_in_german() -> None:
    items = [
        item(n, "Jacke", Farbe=colour, **{"Größe": size})
        for n, (colour, size) in enumerate((("red", 42), ("red", 44)))
    ]
    reader = shop(*items)
    sizes = [
        e.state
        for i in items
        for e in compare(reader.read_query("Jacke Größe 42"), reader.read_item(i))
        if e.attribute == "size"
    ]
    assert sizes == ["match", "conflict"]
    assert reader.read_item(items[0]).values["colour"][0].value == "red"
