"""Prices: of an item's fields, and the limits that a query sets.

Amounts are read by price-parser.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

from price_parser import Price as Parsed

from adore.attributes.currencies import CURRENCY_OF, codes_of, read_currency
from adore.text import any_of, visible
from adore.types import Item, Value

__all__ = [
    "PRICE",
    "Limit",
    "Price",
    "find_limits",
    "item_price",
    "keeps_limit",
    "price_of",
    "read_price",
]

PRICE = "price:"
"""Begins the value of a price limit.

``price:20`` is at most 20 in any currency; ``price:10-20 EUR``; ``price:10-``.
"""

_AMBIGUOUS = frozenset(("ft", "fr.", "try", "rs", "zl"))
"""Also a foot, Friday, a verb: a currency only in a price field."""

_CLEAR_NAMES = CURRENCY_OF.keys() - _AMBIGUOUS
_SIGNS = {name for name in _CLEAR_NAMES if not name[-1].isalnum()}
_SIGN = any_of(_SIGNS | {"chf", "eur", "usd", "gbp"})
_WORD = any_of(_CLEAR_NAMES)
_NUMBER = (
    r"\d{1,3}(?:[.,'’\u00a0\u202f ]\d{3})+(?:[.,]\d{1,2})?|\d{1,7}(?:[.,]\d{1,2})?"
)
_MONEY = (
    rf"(?:({_SIGN}|{_WORD}) ?)?({_NUMBER})(?:[.,][-–—]{{1,2}})?(?![\d.,]*\d)"
    rf"(?:\s?({_WORD})(?!\w))?(?!\w)"
)
_MOST_WORDS = (
    r"under|below|less than|lower than|cheaper than|no more than|not more than|"
    r"(?:not|no) (?:over|above)|nicht (?:über|mehr als)|pas plus de|no m[áa]s de|"
    r"budget(?: of| de| von)?:?|at most|up to|max(?:imum|\.)?|within|"
    r"unter|weniger als|günstiger als|billiger als|höchstens|maximal|bis(?: zu)?|"
    r"moins de|moins cher que|jusqu['’]?(?:à|a)|au plus|menos de|por menos de|hasta|"
    r"como máximo|m[áa]ximo|<=?|≤"
)
_LEAST_WORDS = (
    r"over|above|more than|more expensive than|teurer als|plus cher que|m[áa]s caro que|at least|"
    r"min(?:imum|\.)?|starting (?:at|from)|from|über|mehr als|mindestens|ab|"
    r"plus de|au moins|à partir de|más de|mas de|al menos|desde|m[íi]nimo|>=?|≥"
)
_LOOSE = re.compile(
    r"within|bis|hasta|from|ab|desde|plus de|más de|mas de|mindestens|min",
    re.IGNORECASE,
)
"""Words that limit many things: they need a currency."""
_LESS_AFTER = (
    r"(?:or|and|oder|ou|o) (?:less|under|below|cheaper|weniger|günstiger|moins|menos)|"
    r"max(?:imum|\.)?|maximal"
)
_MORE_AFTER = r"(?:or|and|oder|ou|o) (?:more|over|above|up|mehr|plus|más|mas)"
_PREFIX = (
    r"(?:(?:price[ds]?|priced|costs?|costing|preis|prix|precio|kosten)"
    r"(?: (?:is|of|range))?:? )?"
)
_BETWEEN = r"(?:between|from|zwischen|von|entre|de|desde)\s+"
_JOIN = r"(?:\s(?:and|und|et|y|e|to|bis|à|a|hasta)\s|\s?[-–—]\s?)"
_BEFORE = r"(?<![\w.,$€£/-])"
_RANGE = re.compile(
    rf"{_BEFORE}{_PREFIX}({_BETWEEN})?{_MONEY}{_JOIN}{_MONEY}", re.IGNORECASE
)
_MOST = re.compile(rf"{_BEFORE}{_PREFIX}({_MOST_WORDS})\s*{_MONEY}", re.IGNORECASE)
_LEAST = re.compile(rf"{_BEFORE}{_PREFIX}({_LEAST_WORDS})\s*{_MONEY}", re.IGNORECASE)
_OR_LESS = re.compile(
    rf"{_BEFORE}{_PREFIX}()(?:for )?{_MONEY}\s(?:{_LESS_AFTER})(?!\w)", re.IGNORECASE
)
_OR_MORE = re.compile(
    rf"{_BEFORE}{_PREFIX}()(?:for )?{_MONEY}\s(?:{_MORE_AFTER})(?!\w)", re.IGNORECASE
)
_MAY_LIMIT = re.compile(r"[<>≤≥$€£]|\d", re.IGNORECASE)
_ENDS = re.compile(r"\s*(?:$|[,.;!?)])")
_NAME_OF_MAX = re.compile(
    r"(?:\d|\b(?:air|pro|alpha|promax|mac|mini|iphone|women|woman|men|man|kids?|girls?|boys?|"
    r"babies|baby|toddlers?|adults?|seniors?|people|dogs?|cats?|children|child|ages?|aged|age|"
    r"birthday|damen|herren|kinder|frauen|männer|"
    r"femmes?|hommes?|enfants?|mujer(?:es)?|hombres?|niñ[oa]s))s?\s*$",
    re.IGNORECASE,
)
"""Before ``max 90`` or ``over 50``: a product's name, or people of that age."""

_SALE = re.compile(
    r"sale|special|offer|discount|promo|angebot|aktion|oferta|reduced|current|final",
    re.IGNORECASE,
)
_PLAIN = re.compile(
    r"(?:^|[^a-z])(?:price|preis|prix|precio)|(?:price|preis|prix|precio)(?:$|[^a-z])|"
    r"angebotspreis|aktionspreis|verkaufspreis",
    re.IGNORECASE,
)
_NO_PRICE = re.compile(
    r"compare|list|original|former|before|previous|vorher|ancien|anterior|msrp|rrp|uvp|old|"
    r"was|strike|struck|statt|cost|purchase|wholesale|unit|per|base|grund|tax|shipping|"
    r"versand|date|range|currency|valid|group|tier|type|level|id$",
    re.IGNORECASE,
)
"""Of a field of prices: it is not what a shopper pays."""
_CURRENCY = re.compile(r"currency|währung|waehrung|devise|moneda", re.IGNORECASE)
_STRUCK = re.compile(
    rf"<(s|del|strike)\b[^>]*>.*?</\1>|~~.*?~~|"
    rf"\b(?:was|statt|uvp|rrp|msrp|instead of|au lieu de|antes)\b:?\s*"
    rf"(?:(?:{_SIGN}) ?)?(?:{_NUMBER})(?:\s?(?:{_WORD})(?!\w))?",
    re.IGNORECASE,
)


class Price(NamedTuple):
    """What something costs; the currency's code, or ``""`` if it is not said."""

    amount: float
    currency: str


class Limit(NamedTuple):
    """What a query allows to be paid, and where it says so."""

    low: float
    high: float
    currency: str
    start: int
    end: int

    @property
    def value(self) -> str:
        """As the value of a reading."""
        low_bound = _bound(self.low)
        high_bound = _bound(self.high)
        amount = high_bound
        if low_bound:
            amount = f"{low_bound}-{high_bound}"
        value = f"{PRICE}{amount} {self.currency}"
        return value.strip()


def _bound(amount: float) -> str:
    """An end of a limit, or nothing where it is open."""
    if 0 < amount < float("inf"):
        return _written(amount)
    return ""


def _written(amount: float) -> str:
    return f"{amount:.2f}".removesuffix(".00")


# ------------------------------------------------------------------ of items


@lru_cache(maxsize=65_536)
def read_price(text: str) -> Price | None:
    """Read the price of a field; of several the first that is not struck out.

    Returns:
        None for a text without a price.

    Example:
        >>> texts = ("1.299,00 €", "$1,299.00", "CHF 12.-", "1 299 kr", "49.9")
        >>> [tuple(read_price(text)) for text in texts]
        [(1299.0, 'EUR'), (1299.0, '$'), (12.0, 'CHF'), (1299.0, 'KR'), (49.9, '')]
        >>> tuple(read_price("statt 49,90 € nur 35,00 €")), read_price("on request")
        ((35.0, 'EUR'), None)
    """
    text = text.strip()[:200]
    if re.fullmatch(r"\d{1,9}(?:\.\d{1,2})?", text):
        price = Price(float(text), "")
    else:
        price = _parse_price(text)
    return price if price.amount > 0 else None


def _parse_price(text: str) -> Price:
    """A price among words; its amount is 0 where there is none."""
    not_struck = _STRUCK.sub(" ", text)
    has_digit = any(map(str.isdigit, not_struck))
    parsed = Parsed.fromstring(not_struck if has_digit else text)
    if parsed.amount is None:
        return Price(0.0, "")

    currency = read_currency(parsed.currency)
    if not currency:
        price_words = re.findall(r"[^\W\d_]+[.$]?|[$€£¥₹]", text)
        currency = read_currency(*price_words)
    return Price(float(parsed.amount), currency)


def price_of(raw: Any) -> Price | None:
    """Read a field's value: a number, a text, or an object with amount and currency."""
    if isinstance(raw, bool):
        return None
    if isinstance(raw, int | float):
        return Price(float(raw), "") if 0 < raw < 1e12 else None
    if isinstance(raw, str):
        return read_price(raw)
    if isinstance(raw, Mapping):
        return _price_of_object(raw)
    return None


def _price_of_object(price_object: Mapping[str, Any]) -> Price | None:
    amount = None
    for field_name in ("amount", "value", "price"):
        if field_name in price_object:
            amount = price_object[field_name]
            break
    if isinstance(amount, Mapping):
        return None
    price = price_of(amount)
    if price is None:
        return None
    for field_name, value in price_object.items():
        if _CURRENCY.search(str(field_name)):
            currency = read_currency(str(value)) or price.currency
            return price._replace(currency=currency)
    return price


@lru_cache(maxsize=8_192)
def _is_price(name: str) -> bool:
    return bool(_PLAIN.search(name)) and not _NO_PRICE.search(name.lower())


class _FieldPrice(NamedTuple):
    """The price of one field."""

    key: str
    price: Price

    @property
    def amount(self) -> float:
        """What is paid."""
        return self.price.amount


def item_price(item: Item) -> Value | None:
    """Return what the item costs now: ``35 USD``, or ``35``.

    The sale price where it is lower than the price.

    Args:
        item: of the catalogue.

    Returns:
        None for an item without a price.

    Example:
        >>> prices = {"price": "35.00 USD", "sale_price": "29.90 USD"}
        >>> item_price(Item("1", "", attributes=prices)).value
        '29.90 USD'
        >>> item_price(Item("1", "", attributes={"price_eur": 12.5, "compare_at_price": 20})).value
        '12.50 EUR'
    """
    usual_prices: list[_FieldPrice] = []
    sale_prices: list[_FieldPrice] = []
    for field_name, field_value in item.attributes.items():
        if not _is_price(field_name):
            continue
        price = price_of(field_value)
        if price is None:
            continue

        # The field's name is more certain: a feed may write $ for any dollar.
        name_words = re.split(r"[_\W]+", field_name)
        currency = read_currency(*name_words) or price.currency
        price = price._replace(currency=currency)
        field_price = _FieldPrice(field_name, price)
        if _SALE.search(field_name):
            sale_prices.append(field_price)
        else:
            usual_prices.append(field_price)

    # A sale that costs more than the price is an error of the shop's.
    usual_amounts = [price.amount for price in usual_prices]
    lowest_usual = min(usual_amounts, default=float("inf"))
    real_sales: list[_FieldPrice] = []
    for field_price in sale_prices:
        if field_price.amount <= lowest_usual:
            real_sales.append(field_price)
    candidates = real_sales or usual_prices
    if not candidates:
        return None

    cheapest = min(candidates, key=attrgetter("amount"))
    currency = cheapest.price.currency or _currency_field(item)
    value = f"{_written(cheapest.amount)} {currency}".strip()
    quote = str(item.attributes[cheapest.key])
    if len(quote) > 60:
        quote = ""
    return Value(value, quote, f"attributes.{cheapest.key}")


def _currency_field(item: Item) -> str:
    """The currency that a field of its own names."""
    for field_name, value in item.attributes.items():
        if _CURRENCY.search(field_name):
            return read_currency(str(value))
    return ""


# ------------------------------------------------------------------ of queries


def find_limits(text: str, priced: bool = False) -> list[Limit]:
    """Find the price limits of a query.

    Args:
        text: the query.
        priced: the catalogue has prices: a limit without a currency (``max 30``) may be meant of
            them.

    Returns:
        the limits in the order of the text.

    Example:
        >>> text = "bag under $20, price lower than 50.00 dollars, under 5 lbs"
        >>> [limit.value for limit in find_limits(text)]
        ['price:20 $', 'price:50 $']
        >>> text = "mug $10-$20, unter 1.299,50 €, 30 dollars or less, over 100 eur"
        >>> [limit.value for limit in find_limits(text)]
        ['price:10-20 $', 'price:1299.50 EUR', 'price:30 $', 'price:100- EUR']
        >>> text = "bottle between 20 and 40"
        >>> [limit.value for limit in find_limits(text, priced=True)]
        ['price:20-40']
        >>> find_limits("bottle max 30")
        []
    """
    text = visible(text)
    if not _MAY_LIMIT.search(text):
        return []

    limits: list[Limit] = []
    for pattern in (_RANGE, _OR_LESS, _OR_MORE, _MOST, _LEAST):
        for limit_match in pattern.finditer(text):
            limit = _limit(limit_match, priced)
            if limit is None:
                continue
            # The patterns come in the order of how much they say: a range is no *from*.
            if not any(_overlap(limit, other) for other in limits):
                limits.append(limit)
    return sorted(limits, key=attrgetter("start"))


def _overlap(first: Limit, second: Limit) -> bool:
    return first.start < second.end and second.start < first.end


def _limit(match: re.Match[str], priced: bool) -> Limit | None:
    """A match as a limit, if it speaks of money."""
    # Group 1 is the word of the limit; three groups follow for each amount.
    _limit_word, *money_groups = match.groups()
    currencies: list[str] = []
    amounts: list[float] = []
    for group_start in range(0, len(money_groups), 3):
        group_end = group_start + 3
        sign, number, word = money_groups[group_start:group_end]
        currencies.append(read_currency(sign, word))
        amounts.append(_amount(number))

    # In $10-20 one amount has the currency of both.
    currency = next(filter(None, currencies), "")
    if not currency and not (priced and _is_bare_limit(match)):
        return None

    # What is not said is open.
    low_amount = 0.0
    high_amount = float("inf")
    if match.re is _RANGE:
        low_amount, high_amount = amounts
        if low_amount >= high_amount:
            return None
    elif match.re in (_MOST, _OR_LESS):
        high_amount = amounts[0]
    else:
        low_amount = amounts[0]
    return Limit(low_amount, high_amount, currency, match.start(), match.end())


def _is_bare_limit(match: re.Match[str]) -> bool:
    """Whether a limit without a currency is meant of prices.

    It has a word that limits little else, ends its phrase, and follows no name (*iPhone Max 90*).

    Returns:
        False if the number may be of anything else.
    """
    limit_word = match.group(1) or ""
    says_limit = bool(limit_word) or match.re in (_OR_LESS, _OR_MORE)
    if not says_limit or _LOOSE.match(limit_word):
        return False

    query = match.string
    ends_phrase = _ENDS.match(query, match.end())
    follows_name = _NAME_OF_MAX.search(query, 0, match.start())
    return ends_phrase is not None and follows_name is None


def _amount(text: str) -> float:
    parsed = Parsed.fromstring(text)
    return float(parsed.amount or 0)


def keeps_limit(limit: str, price: str) -> bool | None:
    """Whether a price keeps a limit; None where their currencies differ.

    Args:
        limit: as :attr:`Limit.value` writes it.
        price: as :func:`item_price` writes it; without a currency it is taken for one in the
            limit's.

    Returns:
        Whether the price is within the limit.

    Example:
        >>> keeps_limit("price:20 $", "12 USD"), keeps_limit("price:10-20", "25")
        (True, False)
        >>> keeps_limit("price:20 EUR", "12 USD") is None
        True
    """
    limit_text = limit.removeprefix(PRICE)
    limit_amounts, _separator, limit_currency = limit_text.partition(" ")
    price_amount, _separator, price_currency = price.partition(" ")
    if limit_currency and price_currency:
        common_currencies = codes_of(limit_currency) & codes_of(price_currency)
        if not common_currencies:
            return None

    # Without a dash, the only amount is the upper bound.
    written_low, _separator, written_high = limit_amounts.rpartition("-")
    lowest = float(written_low or 0)
    highest = float(written_high or "inf")
    return lowest <= float(price_amount) <= highest
