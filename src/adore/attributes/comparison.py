"""Compares what a query asks with what an item says: one :class:`Evidence` per asked value.

Sellers write titles and texts, the shop keeps fields: a field outweighs the title, the title
outweighs the rest. Nothing in a title that lists rival values counts as a match, so that stuffing
can only lower a grade.
"""

from __future__ import annotations

from collections.abc import Iterable

from adore.attributes.codes import ARTICLE, canonical
from adore.attributes.contrasts import is_offer, same_or_contrast
from adore.attributes.devices import parse_device, same_device
from adore.attributes.outcomes import (
    BODY,
    UNKNOWN,
    Outcome,
    first_mention,
    mentioned,
)
from adore.attributes.prices import PRICE, keeps_limit
from adore.attributes.product_types import (
    GUIDE,
    KEYWORD_STUFFED,
    compare_product_type,
)
from adore.attributes.units import same_size, size_dimension
from adore.types import ATTRIBUTES, Evidence, Reading, Value

__all__ = ["GUIDE", "KEYWORD_STUFFED", "asks_article", "compare", "is_stuffed"]

_TRUST_RANKS = {
    "brand": 0,
    "attributes": 1,
    "category": 2,
    "title": 3,
    "bullet_points": 4,
    "description": 5,
}
"""Places of a value to their ranks: the most trusted place first."""
_AMOUNTS = ("volume", "mass", "memory")
"""Dimensions that say how much there is in one piece."""
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
_DEVICE_ATTRIBUTES = ("model", "compatibility")
_PHRASE_ATTRIBUTES = ("brand", *_DEVICE_ATTRIBUTES)
"""Attributes of which a part of the phrase is enough (*iPhone 8* of *Apple iPhone 8*)."""
_WORD_ATTRIBUTES = (*_DEVICE_ATTRIBUTES, "material")
"""Attributes whose values are also looked for among the item's words."""


def compare(query: Reading, item: Reading) -> tuple[Evidence, ...]:
    """Compare every value that the query asks, in the order of :data:`adore.types.ATTRIBUTES`.

    Args:
        query: from :meth:`Reader.read_query`.
        item: from :meth:`Reader.read_item`.

    Returns:
        one evidence per value of the query.
    """
    evidence: list[Evidence] = []
    for attribute in ATTRIBUTES:
        for query_value in query.values.get(attribute, ()):
            fact = _compare_query_value(attribute, query_value, query, item)
            evidence.append(fact)
    return tuple(evidence)


def asks_article(evidence: Iterable[Evidence]) -> bool:
    """Whether the query is an article number and nothing else."""
    return any(
        fact.attribute == "product_type" and fact.asked.startswith(ARTICLE)
        for fact in evidence
    )


def is_stuffed(evidence: Iterable[Evidence]) -> bool:
    """Whether the item's title is stuffed with keywords, see :data:`KEYWORD_STUFFED`."""
    return any(fact.relation == "stuffing" for fact in evidence)


def _compare_query_value(
    attribute: str,
    query_value: Value,
    query: Reading,
    item: Reading,
) -> Evidence:
    """The evidence of one value of the query."""
    outcome = _outcome(attribute, query_value, query, item)
    state = outcome.state
    item_value = outcome.value

    # A stuffed title names everything, so it proves nothing.
    if state == "match" and item.stuffed and item_value.where == "title":
        state = "unknown" if attribute == "feature" else "conflict"

    return Evidence(
        attribute,
        query_value.value,
        query_value.quote,
        item_value.value,
        item_value.quote,
        item_value.where,
        state,
        outcome.relation,
    )


def _outcome(
    attribute: str,
    query_value: Value,
    query: Reading,
    item: Reading,
) -> Outcome:
    requested = query_value.value
    if attribute == "product_type":
        return compare_product_type(requested, query, item)
    if attribute == "exclusion":
        return _compare_exclusion(requested, item)
    if attribute == "pack":
        return _compare_pack(requested, query, item)
    if attribute == "feature":
        in_fields = _compare_custom_field(requested, query, item)
        return in_fields or _compare_feature(requested, query, item)
    return _compare_value(attribute, requested, item)


# ------------------------------------------------------------------ words


def _compare_custom_field(
    requested: str,
    query: Reading,
    item: Reading,
) -> Outcome | None:
    """A value of the shop's own fields, if the item fills them.

    Another value is a conflict, unless a text has the requested one.

    Returns:
        None if the query asks no value of a field, or the item fills none.
    """
    fields = query.asked_fields.get(requested, ())
    values: list[Value] = []
    for field in fields:
        values.extend(item.custom_fields.get(field, ()))
    if not values:
        return None

    for item_value in values:
        if item_value.value == requested:
            return Outcome("match", item_value)

    stems = requested.split()
    mention = first_mention(stems, item)
    if mention:
        return Outcome("unknown", mention)
    return Outcome("conflict", values[0])


def _compare_feature(requested: str, query: Reading, item: Reading) -> Outcome:
    """A word is mentioned or not.

    A contrast in the title, a price beyond the limit or an offer of new things is a conflict.

    Returns:
        The outcome for one word.
    """
    if requested.startswith(PRICE):
        return _compare_price(requested, item)

    stems = requested.split()
    mention = mentioned(stems, item)
    if mention.state == "match":
        return mention
    parts = query.parts.get(requested)
    if parts:
        mention_of_parts = mentioned(parts, item)
        if mention_of_parts.state == "match":
            return mention_of_parts

    title = item.words_of("title")
    contrast = same_or_contrast(requested, title)
    if contrast.word:
        written = title[contrast.word]
        value = Value(contrast.word, written, "title")
        return Outcome("match" if contrast.is_same else "conflict", value)

    # The query asks for a used thing; what does not say so is new.
    if is_offer(requested):
        return Outcome("conflict", Value("new", "", "title"))
    return mention


def _compare_price(limit: str, item: Reading) -> Outcome:
    """Whether the item's price keeps the limit; unknown without one, or in another currency."""
    price = item.price
    if price is None:
        return UNKNOWN
    is_within = keeps_limit(limit, price.value)
    if is_within is None:
        return UNKNOWN
    if is_within:
        return Outcome("match", price)
    return Outcome("conflict", price)


def _compare_exclusion(requested: str, item: Reading) -> Outcome:
    """Match: the item says that it lacks it. Conflict: it says that it has it.

    Silence is unknown.

    Returns:
        The outcome for one word.
    """
    stems = requested.split()
    last = stems[-1]
    absent = item.terms.absent
    if last in absent or stems[0] in absent:
        return Outcome("match", Value(requested, "", "title"))

    mention = first_mention([last], item)
    if mention:
        return Outcome("conflict", mention)

    # Text that addresses the judge cannot earn a match, but it can lose one.
    if last in item.words_of("untrusted"):
        return Outcome("conflict", Value(last, "", "description"))
    return UNKNOWN


# ------------------------------------------------------------------ values


def _compare_pack(requested: str, query: Reading, item: Reading) -> Outcome:
    """How many pieces.

    An item that has the requested size (``6 x 330 ml``) and does not say how many is one piece.

    Returns:
        The outcome for one number of pieces.
    """
    if item.values.get("pack") or requested == "1":
        return _compare_value("pack", requested, item)

    amounts: list[str] = []
    for query_size in query.values.get("size", ()):
        if size_dimension(query_size.value) in _AMOUNTS:
            amounts.append(query_size.value)

    for item_size in item.values.get("size", ()):
        if item_size.where in BODY:
            continue
        if any(same_size(amount, item_size.value) for amount in amounts):
            single_piece = Value("1", item_size.quote, item_size.where)
            return Outcome("conflict", single_piece)
    return UNKNOWN


def _compare_value(attribute: str, requested: str, item: Reading) -> Outcome:
    """Only the most trusted place that speaks of the attribute counts."""
    exact = _compare_exactly(attribute, requested, item)
    if exact:
        return exact

    comparable = _comparable(attribute, requested, item)
    trusted = _most_trusted(comparable)
    for item_value in trusted:
        if _is_same(attribute, requested, item_value.value):
            return Outcome("match", item_value)

    may_be_word = attribute in _WORD_ATTRIBUTES
    if may_be_word or (attribute == "brand" and not trusted):
        stems = requested.split()
        mention = first_mention(stems, item)
        if mention and mention.where not in BODY:
            return Outcome("match", mention)

    if not trusted:
        return UNKNOWN
    # A size in a text may be that of a part.
    if attribute == "size" and trusted[0].where in BODY:
        return UNKNOWN
    return Outcome("conflict", trusted[0])


def _compare_exactly(attribute: str, requested: str, item: Reading) -> Outcome | None:
    """The outcome for a known device, or for an article number that the item has."""
    if attribute not in _DEVICE_ATTRIBUTES:
        return None
    device_outcome = _compare_device(requested, item)
    if device_outcome or attribute != "model":
        return device_outcome

    code = canonical(requested)
    for item_code in item.codes:
        if item_code.value == code:
            return Outcome("match", item_code)
    return None


def _compare_device(requested: str, item: Reading) -> Outcome | None:
    """A device of a known family, where the item names some of those, too."""
    if parse_device(requested) is None:
        return None
    other_device: Value | None = None
    for attribute in _DEVICE_ATTRIBUTES:
        for item_value in item.values.get(attribute, ()):
            if parse_device(item_value.value) is None:
                continue
            if same_device(requested, item_value.value):
                return Outcome("match", item_value)
            other_device = other_device or item_value

    if other_device is None:
        return None
    return Outcome("conflict", other_device)


def _comparable(attribute: str, requested: str, item: Reading) -> tuple[Value, ...]:
    """The item's values of an attribute; sizes only of the requested dimension."""
    values = item.values.get(attribute, ())
    if attribute != "size" or not values:
        return values

    dimension = size_dimension(requested)
    return tuple(
        item_size
        for item_size in values
        if size_dimension(item_size.value) == dimension
    )


def _most_trusted(values: tuple[Value, ...]) -> tuple[Value, ...]:
    """The values of the most trusted place."""
    if len(values) <= 1:
        return values
    ranks = [_trust_rank(value) for value in values]
    best_rank = min(ranks)

    trusted: list[Value] = []
    for value, rank in zip(values, ranks, strict=True):
        if rank == best_rank:
            trusted.append(value)
    return tuple(trusted)


def _trust_rank(value: Value) -> int:
    place = value.where.split(".", 1)[0]
    return _TRUST_RANKS[place]


def _is_same(attribute: str, requested: str, stated: str) -> bool:
    if attribute == "size":
        return same_size(requested, stated)
    if requested == stated:
        return True
    if attribute == "audience":
        if stated in _ANY_ADULT:
            return True
        return (requested, stated) in _COMPATIBLE_AGES
    if attribute in _PHRASE_ATTRIBUTES:
        return f" {requested} " in f" {stated} "
    return False
