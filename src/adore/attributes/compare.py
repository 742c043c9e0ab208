"""Holds what a query asks against what an item says: one :class:`Evidence` per asked value.

Sellers write titles and texts, the shop keeps fields: a field outweighs the title, the title
outweighs the rest. A title that lists rival values is believed in nothing, so stuffing can only
lower a grade.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from adore.attributes.codes import ARTICLE, canonical
from adore.attributes.contrasts import is_offer, same_or_contrast
from adore.attributes.devices import parse_device, same_device
from adore.attributes.prices import PRICE, holds
from adore.attributes.units import same_size, size_dimension
from adore.types import ATTRIBUTES, Evidence, Reading, State, Value

__all__ = ["GUIDE", "KEYWORD_STUFFED", "asks_article", "compare", "is_stuffed"]

GUIDE = "guide"
"""The product type that a query asks which wants to know something."""

KEYWORD_STUFFED = "stuffed title"
"""What is found of a product type where a title was caught stuffing.

No evidence of such an item can be trusted.
"""

_NOTHING = Value("", "", "")
_TRUST = ("brand", "attributes", "category", "title", "bullet_points", "description")
"""Where a value may stand, the most trusted first."""
_BODY = ("bullet_points", "description")
_AMOUNTS = ("volume", "mass", "memory")
_BOTH = {"unisex", "adults"}
_WITHIN = {
    ("girls", "kids"),
    ("boys", "kids"),
    ("kids", "girls"),
    ("kids", "boys"),
    ("toddlers", "kids"),
    ("kids", "toddlers"),
    ("babies", "toddlers"),
    ("toddlers", "babies"),
}


@lru_cache(maxsize=65_536)
def _words(index: str) -> dict[str, str]:
    """Stem to the word as it was written (in a list of stems: to itself)."""
    return {
        stem: word or stem
        for stem, _, word in (pair.partition("=") for pair in index.split())
    }


def _index_of(item: Reading, where: str) -> dict[str, str]:
    values = item.values.get(f"words.{where}")
    return _words(values[0].value) if values else {}


def compare(query: Reading, item: Reading) -> tuple[Evidence, ...]:
    """Evidence for every value that the query asks, in the order of :data:`adore.types.ATTRIBUTES`.

    Args:
        query: from :meth:`Reader.read_query`.
        item: from :meth:`Reader.read_item`.
    """
    return tuple(
        _judge(name, asked, query, item)
        for name in ATTRIBUTES
        for asked in query.values.get(name, ())
    )


def asks_article(evidence: Iterable[Evidence]) -> bool:
    """Whether the query is an article number and nothing else."""
    return any(
        e.attribute == "product_type" and e.asked.startswith(ARTICLE) for e in evidence
    )


def is_stuffed(evidence: Iterable[Evidence]) -> bool:
    """Whether the item was caught cheating: see :data:`KEYWORD_STUFFED`."""
    return any(e.found == KEYWORD_STUFFED for e in evidence)


def _judge(name: str, asked: Value, query: Reading, item: Reading) -> Evidence:
    if name == "product_type":
        state, found = _product_type(asked, query, item)
    elif name == "exclusion":
        state, found = _exclusion(asked, item)
    elif name == "feature":
        state, found = _in_own_fields(asked, query, item) or _feature(
            asked.value, query, item
        )
    elif name == "pack":
        state, found = _pack(asked, query, item)
    else:
        state, found = _compare_value(name, asked, item)
    if state == "match" and found.where == "title" and "words.stuffed" in item.values:
        state = "unknown" if name == "feature" else "conflict"
    return Evidence(
        name, asked.value, asked.quote, found.value, found.quote, found.where, state
    )


def _mentions(stems: list[str], item: Reading) -> Iterator[Value]:
    """Every place of an item that has all the stems; quoted is the last."""
    for where in ("title", "category", "attributes", *_BODY):
        index = _index_of(item, where)
        if all(stem in index for stem in stems):
            phrase = " ".join(stems)
            yield Value(phrase, index[stems[-1]], where)


def _mentioned(stems: list[str], item: Reading) -> tuple[State, Value]:
    found = next(_mentions(stems, item), None)
    if found is None:
        return "unknown", _NOTHING
    return "match", found


def _in_own_fields(
    asked: Value, query: Reading, item: Reading
) -> tuple[State, Value] | None:
    """A value of the shop's own fields, if the item fills them.

    Another value is a conflict, unless a text has the asked one.
    """
    own: list[Value] = []
    for field in query.values.get(f"own.{asked.value}", ()):
        own.extend(item.values.get(f"own.{field.value}", ()))
    if not own:
        return None

    hit = next((value for value in own if value.value == asked.value), None)
    if hit:
        return "match", hit

    state, found = _mentioned(asked.value.split(), item)
    if state == "match":
        return "unknown", found
    return "conflict", own[0]


def _parts(word: str, query: Reading) -> list[str]:
    """Stems of the words that a compound of the query is made of."""
    parts = query.values.get(f"parts.{word}", ())
    return parts[0].value.split() if parts else []


def _feature(asked: str, query: Reading, item: Reading) -> tuple[State, Value]:
    """A word is found or not.

    Its rival in the title, a price above the limit or an offer of new things contradicts.
    """
    if asked.startswith(PRICE):
        return _price(asked, item)
    state, found = _mentioned(asked.split(), item)
    if state == "match":
        return state, found
    parts = _parts(asked, query)
    if parts and _mentioned(parts, item)[0] == "match":
        return _mentioned(parts, item)
    title = _index_of(item, "title")
    word, same = same_or_contrast(asked, title)
    if word:
        return ("match" if same else "conflict"), Value(word, title[word], "title")
    if is_offer(asked):
        return "conflict", Value("new", "", "title")
    return state, found


def _price(limit: str, item: Reading) -> tuple[State, Value]:
    """Whether the item's price keeps the limit; unknown without one, or in another currency."""
    price = next(iter(item.values.get("words.price", ())), None)
    if price is None:
        return "unknown", _NOTHING
    kept = holds(limit, price.value)
    if kept is None:
        return "unknown", _NOTHING
    return ("match" if kept else "conflict"), price


def _product_type(asked: Value, query: Reading, item: Reading) -> tuple[State, Value]:
    """The category decides; a title calls the item only what others of its category are called."""
    word, category = asked.value, _index_of(item, "category")
    if word == GUIDE:
        return _guide(item, category)
    if word.startswith(ARTICLE):
        return _article(word.removeprefix(ARTICLE), item)
    if word in category:
        return "match", Value(word, category[word], "category")
    if "words.stuffed" in item.values:
        return "conflict", Value(KEYWORD_STUFFED, "", "title")
    accessory = _accessory(word, query, item)
    if accessory:
        return "conflict", accessory
    state, found = _title_names(word, item)
    parts = _parts(word, query) if state != "match" else []
    return _title_names_parts(parts, item) or (state, found)


def _guide(item: Reading, category: dict[str, str]) -> tuple[State, Value]:
    """Only something to read or watch answers a question."""
    guides = _index_of(item, "guides")
    for where, index in (("category", category), ("title", _index_of(item, "title"))):
        hit = next((s for s in guides if s in index), "")
        if hit:
            return "match", Value(hit, index[hit], where)
    last = next(iter(category), "")
    if last:
        return "conflict", Value(last, category[last], "category")
    return "conflict", Value("no guide", "", "title")


def _article(code: str, item: Reading) -> tuple[State, Value]:
    """Only the article that has the asked number, in whatever field."""
    hit = next((v for v in item.values.get("words.codes", ()) if v.value == code), None)
    if hit:
        return "match", hit
    return "conflict", Value("another article", "", "title")


def _title_names(word: str, item: Reading) -> tuple[State, Value]:
    """Whether the title, or else titles of the same category, or the texts call the item so."""
    title, kinds, category = (
        _index_of(item, where) for where in ("title", "kind", "category")
    )
    for where, index in (
        ("title", {s: title[s] for s in kinds}),
        ("category", category),
    ):
        hit = (
            word
            if word in index
            else next((s for s in index if len(word) > 3 and s.endswith(word)), "")
        )
        if hit:
            return "match", Value(hit, index[hit], where)
    if word in _index_of(item, "heads"):
        return "match", Value(
            word, _index_of(item, "attributes").get(word, ""), "attributes"
        )
    last = next(iter(category), "")
    if word in _index_of(item, "common"):
        return "unknown", Value(last, category.get(last, ""), "category")
    for where in _BODY:
        body = _index_of(item, where)
        if word in body:
            return "unknown", Value(word, body[word], where)
    if last:
        return "conflict", Value(last, category[last], "category")
    return "unknown", _NOTHING


def _title_names_parts(parts: list[str], item: Reading) -> tuple[State, Value] | None:
    """Whether both parts of a compound call an item that the compound does not.

    The last part alone may mean it.
    """
    if not parts:
        return None
    whole = next(_mentions(parts, item), None)
    if whole and whole.where not in _BODY:
        return "match", whole
    state, found = _title_names(parts[-1], item)
    return ("unknown", found) if state == "match" else None


def _accessory(word: str, query: Reading, item: Reading) -> Value | None:
    """Where an item says that it goes *with* the asked product.

    Nothing if the query asks for such a thing.
    """
    title, fits = _index_of(item, "title"), _index_of(item, "fits")
    if word not in _index_of(item, "kind"):
        return None
    if word in fits:
        return Value(f"accessory {word}", fits[word], "title")
    kinds = _index_of(item, "accessory")
    asked = {
        v.value
        for name in ("feature", "product_type")
        for v in query.values.get(name, ())
    }
    if not kinds or asked & set(kinds):
        return None
    first = next(iter(kinds))
    return Value(f"accessory {first}", title.get(first, ""), "title")


def _exclusion(asked: Value, item: Reading) -> tuple[State, Value]:
    """Match: the item says that it lacks it. Conflict: it says that it has it.

    Silence is unknown.
    """
    stems = asked.value.split()
    first, last = stems[0], stems[-1]
    absent = _index_of(item, "absent")
    if last in absent or first in absent:
        return "match", Value(asked.value, "", "title")

    found = next(_mentions([last], item), None)
    if found is None and last in _index_of(item, "untrusted"):
        found = Value(last, "", "description")
    if found is None:
        return "unknown", _NOTHING
    return "conflict", found


def _pack(asked: Value, query: Reading, item: Reading) -> tuple[State, Value]:
    """How many pieces.

    An item that has the asked size (``6 x 330 ml``) and says nothing of pieces is one piece.
    """
    if item.values.get("pack") or asked.value == "1":
        return _compare_value("pack", asked, item)
    sizes = [v for v in item.values.get("size", ()) if v.where not in _BODY]
    amounts = [
        v.value
        for v in query.values.get("size", ())
        if size_dimension(v.value) in _AMOUNTS
    ]
    one = next(
        (v for v in sizes if any(same_size(amount, v.value) for amount in amounts)),
        None,
    )
    if one:
        return "conflict", Value("1", one.quote, one.where)
    return "unknown", _NOTHING


def _device(asked: str, item: Reading) -> tuple[State, Value] | None:
    """A device of which generations and tiers are known, where the item names some, too."""
    if parse_device(asked) is None:
        return None
    named = [
        v
        for name in ("model", "compatibility")
        for v in item.values.get(name, ())
        if parse_device(v.value)
    ]
    hit = next((v for v in named if same_device(asked, v.value)), None)
    if hit:
        return "match", hit
    return ("conflict", named[0]) if named else None


def _compare_value(name: str, asked: Value, item: Reading) -> tuple[State, Value]:
    """Only the most trusted place that speaks of the attribute is heard."""
    values = item.values.get(name, ())
    device = _device(asked.value, item) if name in ("model", "compatibility") else None
    if device:
        return device
    codes = item.values.get("words.codes", ()) if name == "model" else ()
    hit = next((v for v in codes if v.value == canonical(asked.value)), None)
    if hit:
        return "match", hit
    if name == "size":
        values = tuple(
            v for v in values if size_dimension(v.value) == size_dimension(asked.value)
        )
    if len(values) > 1:
        most = min(map(_trust, values))
        values = tuple(v for v in values if _trust(v) == most)
    hit = next((v for v in values if _same(name, asked.value, v.value)), None)
    if hit:
        return "match", hit
    if name in ("model", "compatibility", "material") or (
        name == "brand" and not values
    ):
        state, found = _mentioned(asked.value.split(), item)
        if state == "match" and found.where not in _BODY:
            return state, found
    if not values or (name == "size" and values[0].where in _BODY):
        return "unknown", _NOTHING
    return "conflict", values[0]


def _trust(value: Value) -> int:
    return _TRUST.index(value.where.split(".")[0])


def _same(name: str, asked: str, found: str) -> bool:
    if name == "size":
        return same_size(asked, found)
    if name == "audience":
        return asked == found or found in _BOTH or (asked, found) in _WITHIN
    if name in ("brand", "model", "compatibility"):
        return asked == found or f" {asked} " in f" {found} "
    return asked == found
