"""Currencies as shops and shoppers write them, and their codes."""

from __future__ import annotations

__all__ = ["CURRENCY_OF", "codes_of", "read_currency"]

_DOLLARS = "USD CAD AUD NZD HKD SGD MXN"
_CURRENCIES_OF = {
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
_WRITTEN_AS = {
    "EUR": "€ euro euros",
    "GBP": "£ quid sterling",
    "CHF": "fr. sfr franken stutz",
    "USD": "us$",
    "CAD": "c$ ca$",
    "AUD": "a$ au$",
    "NZD": "nz$",
    "HKD": "hk$",
    "SGD": "s$",
    "MXN": "mx$",
    "BRL": "r$ reais",
    "JPY": "yen",
    "CNY": "yuan rmb",
    "INR": "₹",
    "RUB": "₽",
    "KRW": "₩",
    "TRY": "₺",
    "ILS": "₪",
    "SEK": "kronor",
    "PLN": "zł zl złotych",
    "CZK": "kč",
    "HUF": "ft",
    "$": "$ dollar dollars bucks dólares dolares",
    "KR": "kr kr. kroner",
    "¥": "¥",
    "RS": "rs rs. rupee rupees",
    "PESO": "pesos",
}
"""How a currency is written beside its code, in lower case."""


def _currency_of_names() -> dict[str, str]:
    currency_of: dict[str, str] = {}
    for code in (*_DOLLARS.split(), *_CODES.split()):
        currency_of[code.lower()] = code
    for code, written_names in _WRITTEN_AS.items():
        for name in written_names.split():
            currency_of[name] = code
    return currency_of


CURRENCY_OF: dict[str, str] = _currency_of_names()
"""How a currency is written, in lower case, to its code, or to a mark of several currencies."""


def read_currency(*texts: str | None) -> str:
    """Return the code of the first text that names a currency.

    Args:
        *texts: marks, codes or names, in any case.

    Returns:
        A code, or a mark of several currencies; ``""`` if no text names one.

    Example:
        >>> read_currency(None, "Euros"), read_currency("$"), read_currency("cup")
        ('EUR', '$', '')
    """
    for text in texts:
        written_currency = (text or "").strip().lower()
        if written_currency in CURRENCY_OF:
            return CURRENCY_OF[written_currency]
    return ""


def codes_of(currency: str) -> set[str]:
    """Return a code and those that it may stand for.

    Returns:
        The code alone, unless it is a mark of several currencies.

    Example:
        >>> codes_of("EUR"), sorted(codes_of("¥"))
        ({'EUR'}, ['CNY', 'JPY', '¥'])
    """
    codes = _CURRENCIES_OF.get(currency, "")
    return {currency, *codes.split()}
