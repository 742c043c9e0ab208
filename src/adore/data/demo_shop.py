"""The demo shop's world: categories, item specs, intents, and the true grade of any pair.

All of it is simulated.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from adore.types import Grade

__all__ = [
    "CATEGORIES",
    "Category",
    "Intent",
    "Spec",
    "make_intents",
    "make_specs",
    "true_grade",
]

ACCESSORY_SHARE = 1 / 7
MAX_WRONG = 2
"""Wrong properties with which an item is still a substitute."""
COLOURS = (
    "black",
    "white",
    "grey",
    "red",
    "blue",
    "green",
    "pink",
    "brown",
    "yellow",
    "purple",
)


@dataclass(frozen=True, slots=True)
class Category:
    """One product type: its path, words, accessory, and what its items vary in."""

    path: str
    noun: str
    synonyms: tuple[str, ...]
    accessory: str
    brands: tuple[str, ...]
    series: tuple[str, ...]
    unit: str
    sizes: tuple[float, ...]
    materials: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    option: str = ""
    """A part that an item may have or lack; queries exclude it."""


_PHONES = ("iphone 13", "iphone 14", "galaxy s22", "galaxy s23", "pixel 7")
CATEGORIES: tuple[Category, ...] = (
    Category("Kitchen > Drinkware > Water Bottles", "water bottle", ("drinking bottle", "flask"),
             "bottle brush", ("Hydra", "Nordpeak", "Aquila", "Steelo"), ("Trail", "Pure"),
             "ml", (350, 500, 750, 1000),
             ("steel", "glass", "plastic"), option="straw"),
    Category("Kitchen > Cookware > Frying Pans", "frying pan", ("skillet",), "pan lid",
             ("Ferrum", "Casana", "Steelo", "Kuchen"), ("Pro", "Classic"), "cm", (20, 24, 28, 32),
             ("aluminum", "steel", "ceramic"), option="lid"),
    Category("Electronics > Audio > Headphones", "headphones", ("headset", "earphones"),
             "headphone stand",
             ("Sonora", "Bassline", "Audix", "Tunely"), ("X2", "Studio"), "h", (20, 30, 40),
             devices=(), option="microphone"),
    Category("Electronics > Phones > Phone Cases", "phone case", ("phone cover",),
             "screen protector",
             ("Casemo", "Shelly", "Guardix", "Armora"), ("Slim", "Rugged"), "", (),
             ("silicone", "leather", "plastic"), devices=_PHONES, option="strap"),
    Category("Electronics > Power > Chargers", "charger", ("power adapter",), "charging cable",
             ("Voltio", "Ampere", "Chargely", "Guardix"), ("Nano", "Max"), "w", (20, 30, 65),
             devices=_PHONES, option="cable"),
    Category("Fashion > Shoes > Sneakers", "sneakers", ("trainers", "running shoes"), "shoe laces",
             ("Veloce", "Stride", "Kanga", "Urbano"), ("Air", "Flow"), "", (),
             ("leather", "canvas"), ("women", "men", "kids"), option="laces"),
    Category("Fashion > Jackets > Rain Jackets", "rain jacket", ("raincoat",), "jacket hanger",
             ("Nordpeak", "Regna", "Urbano", "Alpina"), ("Storm", "Light"), "", (),
             ("polyester", "nylon"), ("women", "men", "kids"), option="hood"),
    Category("Fashion > Bags > Backpacks", "backpack", ("rucksack",), "backpack cover",
             ("Alpina", "Urbano", "Trekko", "Packard"), ("City", "Summit"), "l", (15, 20, 30, 45),
             ("canvas", "nylon", "leather"), option="wheels"),
    Category("Home > Bedding > Pillows", "pillow", ("cushion",), "pillow case",
             ("Somna", "Dormio", "Casana", "Nuvola"), ("Soft", "Cool"), "cm", (40, 50, 80),
             ("cotton", "bamboo", "linen"), option="zipper"),
    Category("Home > Lighting > Desk Lamps", "desk lamp", ("table lamp",), "light bulb",
             ("Lumo", "Brillant", "Casana", "Voltio"), ("Arc", "Mini"), "w", (5, 9, 12),
             ("metal", "wood"), option="clamp"),
    Category("Grocery > Drinks > Coffee", "coffee beans", ("espresso beans",), "coffee filter",
             ("Montana", "Roasta", "Cafina", "Arabico"), ("Gold", "Crema"), "g", (250, 500, 1000),
             option="caffeine"),
    Category("Pets > Dogs > Dog Food", "dog food", ("kibble",), "dog bowl",
             ("Canino", "Wuffi", "Petora", "Natura"), ("Adult", "Senior"), "kg", (1, 2.5, 5, 12),
             option="grain"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Spec:
    """What an item really is; its title may say less."""

    item_id: str
    category: int
    accessory: bool
    brand: str
    series: str
    colour: str
    size: float
    material: str
    audience: str
    device: str
    pack: int
    has_option: bool


@dataclass(frozen=True, slots=True)
class Intent:
    """What a shopper really wants; empty: it does not matter."""

    query_id: str
    category: int
    brand: str = ""
    colour: str = ""
    size: float = 0.0
    material: str = ""
    audience: str = ""
    device: str = ""
    without_option: bool = False


def _choose(rng: random.Random, values: tuple[str, ...]) -> str:
    """One of the values; ``""``, without a draw, where there are none."""
    return rng.choice(values) if values else ""


def _choose_size(rng: random.Random, category: Category) -> float:
    return rng.choice(category.sizes) if category.sizes else 0.0


def make_specs(rng: random.Random, count: int) -> list[Spec]:
    """Make items spread evenly over the categories, one in seven an accessory.

    Args:
        rng: gives every draw.
        count: number of items.

    Returns:
        The items.
    """
    specs = []
    for number in range(count):
        index = number % len(CATEGORIES)
        category = CATEGORIES[index]

        # The order of the draws decides which shop comes out.
        spec = Spec(
            item_id=f"item-{number:05d}",
            category=index,
            accessory=rng.random() < ACCESSORY_SHARE,
            brand=rng.choice(category.brands),
            series=rng.choice(category.series),
            colour=rng.choice(COLOURS[:6]),
            size=_choose_size(rng, category),
            material=_choose(rng, category.materials),
            audience=_choose(rng, category.audiences),
            device=_choose(rng, category.devices),
            pack=rng.choice((1, 1, 1, 1, 2, 3)),
            has_option=rng.random() < 0.5,
        )
        specs.append(spec)
    return specs


def make_intents(rng: random.Random, count: int) -> list[Intent]:
    """Make intents that ask for one to three properties each, all different.

    Args:
        rng: gives every draw.
        count: number of intents.

    Returns:
        The intents.
    """
    intents: dict[Intent, None] = {}
    while len(intents) < count:
        index = rng.randrange(len(CATEGORIES))
        category = CATEGORIES[index]
        choices = {
            "brand": rng.choice(category.brands),
            "colour": rng.choice(COLOURS[:6]),
            "size": _choose_size(rng, category),
            "material": _choose(rng, category.materials),
            "audience": _choose(rng, category.audiences),
            "device": _choose(rng, category.devices),
            "without_option": True,
        }
        available = [property_name for property_name, value in choices.items() if value]
        # Shoppers ask for one or two properties more often than for none or three.
        number = rng.choice((0, 1, 1, 2, 2, 3))
        names = rng.sample(available, k=min(len(available), number))
        properties = {property_name: choices[property_name] for property_name in names}
        intents[Intent("", index, **properties)] = None  # type: ignore[arg-type]

    numbered = []
    for number, intent in enumerate(intents):
        numbered.append(replace(intent, query_id=f"q-{number:04d}"))
    return numbered


def true_grade(intent: Intent, spec: Spec) -> Grade:
    """Grade a pair by the known truth.

    An item of another category is I, an accessory C. Else it is E if every property is right,
    S if one or two are wrong, and I if more are.

    Args:
        intent: what the shopper really wants.
        spec: what the item really is.

    Returns:
        The grade.
    """
    if spec.category != intent.category:
        return Grade.IRRELEVANT
    if spec.accessory:
        return Grade.COMPLEMENT

    wrong = 0
    for property_name in ("brand", "colour", "size", "material", "audience", "device"):
        wanted = getattr(intent, property_name)
        if wanted and wanted != getattr(spec, property_name):
            wrong += 1
    if intent.without_option and spec.has_option:
        wrong += 1

    if wrong == 0:
        return Grade.EXACT
    return Grade.SUBSTITUTE if wrong <= MAX_WRONG else Grade.IRRELEVANT
