"""Prices: of an item's fields, and the limits that a query sets.

Amounts are read by price-parser.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from price_parser import Price as Parsed

from adore.text import visible
from adore.types import Item, Value

__all__ = [
    "PRICE",
    "Limit",
    "Price",
    "find_limits",
    "item_price",
    "keeps_limit",
    "limit_of",
    "price_of",
    "read_price",
]

PRICE = "price:"
"""Begins the value of a price limit.

``price:20`` is at most 20 in any currency; ``price:10-20 EUR``; ``price:10-``.
"""

_DOLLARS = "USD CAD AUD NZD HKD SGD MXN"
_ONE_OF = {
    "$": _DOLLARS,
    "KR": "SEK NOK DKK ISK",
    "¥": "JPY CNY",
    "RS": "INR PKR LKR",
    "PESO": "MXN ARS CLP COP PHP",
}
"""What may be written for several currencies, and those."""
_CODES = (
    "EUR GBP CHF SEK NOK DKK ISK PLN CZK HUF RON JPY CNY INR BRL TRY ILS KRW ZAR ARS CLP COP "
    "RUB UAH PHP PKR LKR"
)
_NAMES: dict[str, str] = {
    **{code.lower(): code for code in (*_DOLLARS.split(), *_CODES.split())},
    "€": "EUR", "euro": "EUR", "euros": "EUR", "£": "GBP", "quid": "GBP", "sterling": "GBP",
    "¥": "¥", "yen": "JPY", "yuan": "CNY", "rmb": "CNY", "₹": "INR", "rs": "RS", "rs.": "RS",
    "rupee": "RS", "rupees": "RS", "₽": "RUB", "₩": "KRW", "₺": "TRY", "₪": "ILS",
    "$": "$", "us$": "USD", "c$": "CAD", "ca$": "CAD", "a$": "AUD", "au$": "AUD", "nz$": "NZD",
    "hk$": "HKD", "s$": "SGD", "r$": "BRL", "reais": "BRL", "mx$": "MXN", "dollar": "$",
    "dollars": "$", "bucks": "$", "dólares": "$", "dolares": "$", "kr": "KR", "kr.": "KR",
    "kronor": "SEK", "kroner": "KR", "zł": "PLN", "zl": "PLN", "złotych": "PLN", "kč": "CZK",
    "ft": "HUF", "fr.": "CHF", "sfr": "CHF", "franken": "CHF", "stutz": "CHF", "pesos": "PESO",
}  # fmt: skip
"""How a currency is written, lower case, to its code, or to a key of ``_ONE_OF``."""
_AMBIGUOUS = frozenset(("ft", "fr.", "try", "rs", "zl"))
"""Also a foot, Friday, a verb: a currency only in a price field."""


def _one_of(names: Iterator[str] | list[str]) -> str:
    return "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))


_SIGN = _one_of(
    [n for n in _NAMES if not n[-1].isalnum() and n not in _AMBIGUOUS]
    + ["chf", "eur", "usd", "gbp"]
)
_WORD = _one_of([n for n in _NAMES if n not in _AMBIGUOUS])
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
        low = _bound(self.low)
        high = _bound(self.high)
        amount = f"{low}-{high}" if low else high
        return f"{PRICE}{amount} {self.currency}".strip()


def _bound(amount: float) -> str:
    """An end of a limit, or nothing where it is open."""
    return _written(amount) if 0 < amount < float("inf") else ""


def _written(amount: float) -> str:
    return f"{amount:.2f}".removesuffix(".00")


def _currency(*texts: str | None) -> str:
    """The code of the first text that names a currency."""
    named = (_NAMES.get((text or "").strip().lower(), "") for text in texts)
    return next((code for code in named if code), "")


@lru_cache(maxsize=65_536)
def read_price(text: str) -> Price | None:
    """Read the price of a field; of several the first that is not struck out.

    Example:
        >>> texts = ("1.299,00 €", "$1,299.00", "CHF 12.-", "1 299 kr", "49.9")
        >>> [tuple(read_price(text)) for text in texts]
        [(1299.0, 'EUR'), (1299.0, '$'), (12.0, 'CHF'), (1299.0, 'KR'), (49.9, '')]
        >>> tuple(read_price("statt 49,90 € nur 35,00 €")), read_price("on request")
        ((35.0, 'EUR'), None)
    """
    text = text.strip()[:200]
    if re.fullmatch(r"\d{1,9}(?:\.\d{1,2})?", text):
        amount, currency = float(text), ""
    else:
        rest = _STRUCK.sub(" ", text)
        parsed = Parsed.fromstring(rest if any(c.isdigit() for c in rest) else text)
        if parsed.amount is None:
            return None
        amount, currency = float(parsed.amount), _currency(parsed.currency)
        if not currency:
            words = re.findall(r"[^\W\d_]+[.$]?|[$€£¥₹]", text)
            currency = _currency(*words)
    return Price(amount, currency) if amount > 0 else None


def price_of(raw: Any) -> Price | None:
    """The price of a field's value: a number, a text, or an object with amount and currency."""
    if isinstance(raw, bool) or raw is None:
        return None
    if isinstance(raw, int | float):
        return Price(float(raw), "") if 0 < raw < 1e12 else None
    if isinstance(raw, str):
        return read_price(raw)
    if isinstance(raw, Mapping):
        amount = next((raw[k] for k in ("amount", "value", "price") if k in raw), None)
        found = price_of(amount) if not isinstance(amount, Mapping) else None
        named = next((str(raw[k]) for k in raw if _CURRENCY.search(str(k))), "")
        return (
            found._replace(currency=_currency(named) or found.currency)
            if found
            else None
        )
    return None


@lru_cache(maxsize=8_192)
def _is_price(name: str) -> bool:
    return bool(_PLAIN.search(name)) and not _NO_PRICE.search(name.lower())


def item_price(item: Item) -> Value | None:
    """What the item costs now: ``35 USD``, or ``35``.

    The sale price where it is lower than the price.

    Example:
        >>> prices = {"price": "35.00 USD", "sale_price": "29.90 USD"}
        >>> item_price(Item("1", "", attributes=prices)).value
        '29.90 USD'
        >>> item_price(Item("1", "", attributes={"price_eur": 12.5, "compare_at_price": 20})).value
        '12.50 EUR'
    """
    prices: list[tuple[bool, Price, str]] = []
    for key, raw in item.attributes.items():
        if not _is_price(key):
            continue
        price = price_of(raw)
        if price:
            named = _currency(*re.split(r"[_\W]+", key)) or price.currency
            prices.append(
                (bool(_SALE.search(key)), price._replace(currency=named), key)
            )
    if not prices:
        return None
    usual = [one for one in prices if not one[0]]
    sales = [
        one
        for one in prices
        if one[0] and all(one[1].amount <= u[1].amount for u in usual)
    ]
    _, price, key = min(sales or usual or prices, key=lambda one: one[1].amount)
    told = next((str(v) for k, v in item.attributes.items() if _CURRENCY.search(k)), "")
    quote = str(item.attributes[key])
    value = f"{_written(price.amount)} {price.currency or _currency(told)}".strip()
    return Value(value, quote if len(quote) <= 60 else "", f"attributes.{key}")


def find_limits(text: str, priced: bool = False) -> list[Limit]:
    """Price limits of a query.

    Args:
        text: the query.
        priced: the catalogue has prices: a limit without a currency (``max 30``) may be meant of
            them.

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
    shown = visible(text)
    found: list[Limit] = []
    if not _MAY_LIMIT.search(shown):
        return found
    for pattern in (_RANGE, _OR_LESS, _OR_MORE, _MOST, _LEAST):
        for m in pattern.finditer(shown):
            limit = _limit(m, priced)
            if limit and all(
                limit.end <= other.start or limit.start >= other.end for other in found
            ):
                found.append(limit)
    return sorted(found, key=lambda limit: limit.start)


def _limit(m: re.Match[str], priced: bool) -> Limit | None:
    """A match as a limit, if it speaks of money."""
    word, *money = m.groups()
    currencies = [_currency(money[at], money[at + 2]) for at in range(0, len(money), 3)]
    amounts = [_amount(money[at + 1]) for at in range(0, len(money), 3)]
    currency = next((c for c in currencies if c), "")
    if not currency:
        bare = (
            priced
            and (word or m.re in (_OR_LESS, _OR_MORE))
            and not _LOOSE.match(word or "")
        )
        if (
            not bare
            or not _ENDS.match(m.string, m.end())
            or _NAME_OF_MAX.search(m.string, 0, m.start())
        ):
            return None
    if m.re is _RANGE:
        low, high = amounts
        return Limit(low, high, currency, *m.span()) if low < high else None
    if m.re in (_MOST, _OR_LESS):
        return Limit(0.0, amounts[0], currency, *m.span())
    return Limit(amounts[0], float("inf"), currency, *m.span())


def _amount(text: str) -> float:
    return float(Parsed.fromstring(text).amount or 0)


def limit_of(value: str) -> Price | None:
    """The most that a limit's value allows, or None if it only asks for more."""
    amount, _, currency = value.removeprefix(PRICE).partition(" ")
    high = amount.rpartition("-")[2]
    if not high:
        return None
    return Price(float(high), currency)


def keeps_limit(limit: str, price: str) -> bool | None:
    """Whether a price keeps a limit; None where their currencies differ.

    Args:
        limit: as :attr:`Limit.value` writes it.
        price: as :func:`item_price` writes it; without a currency it is taken for one in the
            limit's.

    Example:
        >>> keeps_limit("price:20 $", "12 USD"), keeps_limit("price:10-20", "25")
        (True, False)
        >>> keeps_limit("price:20 EUR", "12 USD") is None
        True
    """
    amounts, _, asked = limit.removeprefix(PRICE).partition(" ")
    costs, _, given = price.partition(" ")
    if asked and given and not _codes(asked) & _codes(given):
        return None

    low, _, high = amounts.rpartition("-")
    least = float(low or 0)
    most = float(high or "inf")
    return least <= float(costs) <= most


def _codes(currency: str) -> set[str]:
    return {currency, *_ONE_OF.get(currency, "").split()}
