"""Compares what a query asks with what an item says: one :class:`Evidence` per asked value.

Sellers write titles and texts, the shop keeps fields: a field outweighs the title, the title
outweighs the rest. Nothing in a title that lists rival values counts as a match, so that stuffing
can only lower a grade.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from adore.attributes.codes import ARTICLE, canonical
from adore.attributes.contrasts import is_offer, same_or_contrast
from adore.attributes.devices import parse_device, same_device
from adore.attributes.prices import PRICE, keeps_limit
from adore.attributes.units import same_size, size_dimension
from adore.types import ATTRIBUTES, Evidence, Reading, Relation, State, Value

__all__ = ["GUIDE", "KEYWORD_STUFFED", "asks_article", "compare", "is_stuffed"]

GUIDE = "guide"
"""The product type that a query asks which wants to know something."""

KEYWORD_STUFFED = "stuffed title"
"""What is found of a product type where the title is stuffed with keywords.

No evidence of such an item can be trusted.
"""

_NOTHING = Value("", "", "")
_TRUST = {
    "brand": 0,
    "attributes": 1,
    "category": 2,
    "title": 3,
    "bullet_points": 4,
    "description": 5,
}
"""Where a value may stand, to its rank: the most trusted place first."""
_BODY = ("bullet_points", "description")
_PLACES = ("title", "category", "attributes", *_BODY)
_AMOUNTS = ("volume", "mass", "memory")
_ANY_ADULT = {"unisex", "adults"}
_COMPATIBLE_AGES = {
    ("girls", "kids"),
    ("boys", "kids"),
    ("kids", "girls"),
    ("kids", "boys"),
    ("toddlers", "kids"),
    ("kids", "toddlers"),
    ("babies", "toddlers"),
    ("toddlers", "babies"),
}


class _Outcome(NamedTuple):
    """How an item answers one asked value."""

    state: State
    value: Value
    relation: Relation = "value"


_UNKNOWN = _Outcome("unknown", _NOTHING)


def compare(query: Reading, item: Reading) -> tuple[Evidence, ...]:
    """Compare every value that the query asks, in the order of :data:`adore.types.ATTRIBUTES`.

    Args:
        query: from :meth:`Reader.read_query`.
        item: from :meth:`Reader.read_item`.

    Returns:
        one evidence per asked value.
    """
    return tuple(
        _compare_asked(attribute, asked, query, item)
        for attribute in ATTRIBUTES
        for asked in query.values.get(attribute, ())
    )


def asks_article(evidence: Iterable[Evidence]) -> bool:
    """Whether the query is an article number and nothing else."""
    return any(
        fact.attribute == "product_type" and fact.asked.startswith(ARTICLE)
        for fact in evidence
    )


def is_stuffed(evidence: Iterable[Evidence]) -> bool:
    """Whether the item's title is stuffed with keywords, see :data:`KEYWORD_STUFFED`."""
    return any(fact.relation == "stuffing" for fact in evidence)


def _compare_asked(
    attribute: str, asked: Value, query: Reading, item: Reading
) -> Evidence:
    outcome = _outcome(attribute, asked, query, item)
    state, found, relation = outcome
    if state == "match" and item.stuffed and found.where == "title":
        state = "unknown" if attribute == "feature" else "conflict"
    return Evidence(
        attribute,
        asked.value,
        asked.quote,
        found.value,
        found.quote,
        found.where,
        state,
        relation,
    )


def _outcome(attribute: str, asked: Value, query: Reading, item: Reading) -> _Outcome:
    if attribute == "product_type":
        return _product_type(asked, query, item)
    if attribute == "exclusion":
        return _exclusion(asked, item)
    if attribute == "pack":
        return _pack(asked, query, item)
    if attribute == "feature":
        in_fields = _custom_field(asked, query, item)
        return in_fields or _feature(asked.value, query, item)
    return _compare_value(attribute, asked, item)


# ------------------------------------------------------------------ words


def _mentions(stems: tuple[str, ...] | list[str], item: Reading) -> Iterator[Value]:
    """Every place of an item that has all the stems; the last stem is quoted."""
    for place in _PLACES:
        words = item.words_of(place)
        if all(stem in words for stem in stems):
            yield Value(" ".join(stems), words[stems[-1]], place)


def _mentioned(stems: tuple[str, ...] | list[str], item: Reading) -> _Outcome:
    mention = next(_mentions(stems, item), None)
    if mention is None:
        return _UNKNOWN
    return _Outcome("match", mention)


def _custom_field(asked: Value, query: Reading, item: Reading) -> _Outcome | None:
    """A value of the shop's own fields, if the item fills them.

    Another value is a conflict, unless a text has the asked one.

    Returns:
        None if the query asks no value of a field, or the item fills none.
    """
    fields = query.asked_fields.get(asked.value, ())
    values: list[Value] = []
    for field in fields:
        values.extend(item.custom_fields.get(field, ()))
    if not values:
        return None

    for value in values:
        if value.value == asked.value:
            return _Outcome("match", value)

    mention = _mentioned(asked.value.split(), item)
    if mention.state == "match":
        return _Outcome("unknown", mention.value)
    return _Outcome("conflict", values[0])


def _feature(asked: str, query: Reading, item: Reading) -> _Outcome:
    """A word is mentioned or not.

    A contrast in the title, a price beyond the limit or an offer of new things is a conflict.

    Returns:
        The outcome for one word.
    """
    if asked.startswith(PRICE):
        return _price(asked, item)

    mention = _mentioned(asked.split(), item)
    if mention.state == "match":
        return mention
    parts = query.parts.get(asked, ())
    if parts:
        mention_of_parts = _mentioned(parts, item)
        if mention_of_parts.state == "match":
            return mention_of_parts

    title = item.words_of("title")
    contrast = same_or_contrast(asked, title)
    if contrast.word:
        value = Value(contrast.word, title[contrast.word], "title")
        return _Outcome("match" if contrast.is_same else "conflict", value)
    if is_offer(asked):
        return _Outcome("conflict", Value("new", "", "title"))
    return mention


def _price(limit: str, item: Reading) -> _Outcome:
    """Whether the item's price keeps the limit; unknown without one, or in another currency."""
    if item.price is None:
        return _UNKNOWN
    keeps = keeps_limit(limit, item.price.value)
    if keeps is None:
        return _UNKNOWN
    return _Outcome("match" if keeps else "conflict", item.price)


def _exclusion(asked: Value, item: Reading) -> _Outcome:
    """Match: the item says that it lacks it. Conflict: it says that it has it.

    Silence is unknown.

    Returns:
        The outcome for one word.
    """
    stems = asked.value.split()
    first, last = stems[0], stems[-1]
    absent = item.terms.absent
    if last in absent or first in absent:
        return _Outcome("match", Value(asked.value, "", "title"))

    mention = next(_mentions([last], item), None)
    if mention is None and last in item.words_of("untrusted"):
        mention = Value(last, "", "description")
    if mention is None:
        return _UNKNOWN
    return _Outcome("conflict", mention)


# ------------------------------------------------------------------ product type


def _product_type(asked: Value, query: Reading, item: Reading) -> _Outcome:
    """The category decides; a title counts where titles of its category use the word."""
    word = asked.value
    category = item.words_of("category")
    if word == GUIDE:
        return _guide(item, category)
    if word.startswith(ARTICLE):
        return _article(word.removeprefix(ARTICLE), item)
    if word in category:
        return _Outcome("match", Value(word, category[word], "category"))
    return _named_product(word, query, item)


def _named_product(word: str, query: Reading, item: Reading) -> _Outcome:
    """Whether an item is called so whose category is called otherwise."""
    if item.stuffed:
        stuffed = Value(KEYWORD_STUFFED, "", "title")
        return _Outcome("conflict", stuffed, "stuffing")

    accessory = _accessory(word, query, item)
    if accessory:
        return _Outcome("conflict", accessory, "accessory")

    outcome = _title_names(word, item)
    if outcome.state != "match":
        by_parts = _title_names_parts(query.parts.get(word, ()), item)
        return by_parts or outcome
    return outcome


def _guide(item: Reading, category: Mapping[str, str]) -> _Outcome:
    """Only something to read or watch answers a question."""
    places = (("category", category), ("title", item.words_of("title")))
    for place, words in places:
        for stem in item.terms.guides:
            if stem in words:
                return _Outcome("match", Value(stem, words[stem], place))
    if category:
        return _Outcome("conflict", _last_word(category))
    return _Outcome("conflict", Value("no guide", "", "title"))


def _last_word(category: Mapping[str, str]) -> Value:
    """The last word of a category, which an index has first; nothing without a category."""
    for stem, word in category.items():
        return Value(stem, word, "category")
    return Value("", "", "category")


def _article(code: str, item: Reading) -> _Outcome:
    """Only the article that has the asked number, in whatever field."""
    for value in item.codes:
        if value.value == code:
            return _Outcome("match", value)
    return _Outcome("conflict", Value("another article", "", "title"))


def _title_names(word: str, item: Reading) -> _Outcome:
    """Whether the title, or else titles of the same category, or the texts name the item so."""
    title = item.words_of("title")
    category = item.words_of("category")
    named = _ends_with(word, item.terms.names)
    if named:
        return _Outcome("match", Value(named, title[named], "title"))
    named = _ends_with(word, category)
    if named:
        return _Outcome("match", Value(named, category[named], "category"))

    if word in item.terms.field_heads:
        written = item.words_of("attributes").get(word, "")
        return _Outcome("match", Value(word, written, "attributes"))
    return _not_named(word, item)


def _not_named(word: str, item: Reading) -> _Outcome:
    """What speaks for or against a name that neither title nor category has."""
    category = item.words_of("category")
    if word in item.terms.category_names:
        return _Outcome("unknown", _last_word(category))
    for place in _BODY:
        body = item.words_of(place)
        if word in body:
            return _Outcome("unknown", Value(word, body[word], place))
    if category:
        return _Outcome("conflict", _last_word(category))
    return _UNKNOWN


def _ends_with(word: str, stems: Iterable[str]) -> str:
    """The word itself if it is one of the stems, or else the first stem that ends with it."""
    if word in stems:
        return word
    if len(word) <= 3:
        return ""
    for stem in stems:
        if stem.endswith(word):
            return stem
    return ""


def _title_names_parts(parts: tuple[str, ...], item: Reading) -> _Outcome | None:
    """Whether both parts of a compound name an item that the compound does not.

    The last part alone may mean it.

    Returns:
        None if the parts do not name the item.
    """
    if not parts:
        return None
    mention = next(_mentions(parts, item), None)
    if mention and mention.where not in _BODY:
        return _Outcome("match", mention)
    outcome = _title_names(parts[-1], item)
    if outcome.state == "match":
        return _Outcome("unknown", outcome.value)
    return None


def _accessory(word: str, query: Reading, item: Reading) -> Value | None:
    """Where an item says that it goes *with* the asked product.

    Nothing if the query asks for such a thing.

    Returns:
        What says so, or None.
    """
    if word not in item.terms.names:
        return None
    fits = item.words_of("fits")
    if word in fits:
        return Value(f"accessory {word}", fits[word], "title")

    accessories = item.terms.accessories
    if not accessories:
        return None
    for attribute in ("feature", "product_type"):
        for asked in query.values.get(attribute, ()):
            if asked.value in accessories:
                return None
    first = accessories[0]
    written = item.words_of("title").get(first, "")
    return Value(f"accessory {first}", written, "title")


# ------------------------------------------------------------------ values


def _pack(asked: Value, query: Reading, item: Reading) -> _Outcome:
    """How many pieces.

    An item that has the asked size (``6 x 330 ml``) and does not say how many is one piece.

    Returns:
        The outcome for one number of pieces.
    """
    if item.values.get("pack") or asked.value == "1":
        return _compare_value("pack", asked, item)

    asked_amounts = [
        size.value
        for size in query.values.get("size", ())
        if size_dimension(size.value) in _AMOUNTS
    ]
    for size in item.values.get("size", ()):
        if size.where in _BODY:
            continue
        if any(same_size(amount, size.value) for amount in asked_amounts):
            return _Outcome("conflict", Value("1", size.quote, size.where))
    return _UNKNOWN


def _compare_value(attribute: str, asked: Value, item: Reading) -> _Outcome:
    """Only the most trusted place that speaks of the attribute counts."""
    exact = _device_or_code(attribute, asked.value, item)
    if exact:
        return exact

    values = _most_trusted(_comparable(attribute, asked.value, item))
    for value in values:
        if _is_same(attribute, asked.value, value.value):
            return _Outcome("match", value)

    may_be_a_word = attribute in ("model", "compatibility", "material")
    if may_be_a_word or (attribute == "brand" and not values):
        mention = _mentioned(asked.value.split(), item)
        if mention.state == "match" and mention.value.where not in _BODY:
            return mention

    # A size in a text may be that of a part.
    if not values or (attribute == "size" and values[0].where in _BODY):
        return _UNKNOWN
    return _Outcome("conflict", values[0])


def _device_or_code(attribute: str, asked: str, item: Reading) -> _Outcome | None:
    """The outcome for a known device, or for an article number that the item has."""
    if attribute in ("model", "compatibility"):
        device = _device(asked, item)
        if device:
            return device
    if attribute == "model":
        code = canonical(asked)
        for value in item.codes:
            if value.value == code:
                return _Outcome("match", value)
    return None


def _device(asked: str, item: Reading) -> _Outcome | None:
    """A device of a known family, where the item names some of those, too."""
    if parse_device(asked) is None:
        return None
    first: Value | None = None
    for attribute in ("model", "compatibility"):
        for value in item.values.get(attribute, ()):
            if parse_device(value.value) is None:
                continue
            if same_device(asked, value.value):
                return _Outcome("match", value)
            first = first or value
    if first is None:
        return None
    return _Outcome("conflict", first)


def _comparable(attribute: str, asked: str, item: Reading) -> tuple[Value, ...]:
    """The item's values of an attribute; sizes only of the asked dimension."""
    values = item.values.get(attribute, ())
    if attribute != "size" or not values:
        return values
    dimension = size_dimension(asked)
    return tuple(value for value in values if size_dimension(value.value) == dimension)


def _most_trusted(values: tuple[Value, ...]) -> tuple[Value, ...]:
    """The values of the most trusted place."""
    if len(values) <= 1:
        return values
    best_rank = min(_trust_rank(value) for value in values)
    return tuple(value for value in values if _trust_rank(value) == best_rank)


def _trust_rank(value: Value) -> int:
    return _TRUST[value.where.split(".", 1)[0]]


def _is_same(attribute: str, asked: str, stated: str) -> bool:
    if attribute == "size":
        return same_size(asked, stated)
    if asked == stated:
        return True
    if attribute == "audience":
        return stated in _ANY_ADULT or (asked, stated) in _COMPATIBLE_AGES
    if attribute in ("brand", "model", "compatibility"):
        return f" {asked} " in f" {stated} "
    return False
