"""Article numbers in one form, and queries that ask for one.

GTIN, EAN, UPC, ISBN, MPN, SKU, and the shop's own ids.
"""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Any

from stdnum import ean, isbn

from adore.attributes.language import Language
from adore.text import tokenize, visible
from adore.types import Item, Value

__all__ = [
    "ARTICLE",
    "CodeSet",
    "asked_article",
    "canonical",
    "codes_in",
    "find_codes",
    "is_global",
    "item_codes",
    "mine_codes",
]

ARTICLE = "article:"
"""Begins the product type that a query asks which is only an article number."""

_FIELD = re.compile(
    r"(?:^|[^a-z])(?:gtin|ean|upc|isbn|jan|mpn|sku|asin|barcode|oem)s?"
    r"(?:[ _-]?(?:code|number|nummer|num|nr|no))?(?:[^a-z]|$)|"
    r"(?:article|artikel|item|part|manufacturer|product|model|hersteller|bestell|stock)s?[ _-]*"
    r"(?:part[ _-]*)?(?:number|nummer|num|nr|no|code)(?:[^a-z]|$)|reference|référence|referencia|"
    r"code[ _-]?(?:à[ _-])?barres?|c[oó]digo[ _-](?:de[ _-])?barras",
    re.IGNORECASE,
)
"""Names of fields that hold article numbers."""
_SPREADSHEET = re.compile(r"\d+(?:[.,]\d+)?E\+\d+|\d[.,]\d+E\d+", re.IGNORECASE)
"""``4.00638E+12``: what a spreadsheet leaves of a long number; its last digits are lost."""
_SEPARATORS = re.compile(r"[\s\-‐‑–—./_]+")
_CODE = re.compile(r"[A-Z\d]{1,40}")
_GLOBAL_LENGTHS = (8, 12, 13, 14)
_LABEL = re.compile(
    r"\s*(?:gtin|ean|upc|isbn|mpn|sku|asin|barcode|jan)(?:[- ]?(?:8|10|12|13|14)(?=\s|:))?"
    r"(?:[ -]?(?:code|number|nummer|no|nr|num))?\s*[.:#]?\s*(?=\S)|"
    r"\s*(?:(?:article|artikel|item|part|product|model|manufacturer|bestell)"
    r"[ -]?(?:number|nummer|no\.|nr\.?|num|#)|"
    r"art\.?[ -]?(?:nr|no)\.?|ref\.|réf\.?|référence|referencia|reference)\s*[:#]?\s*(?=\S)",
    re.IGNORECASE,
)
"""A word that says that an article number follows."""
_SHORT = 8
"""Numbers of fewer characters may be words too."""
_LEAST = 3
_ISBN = 10
_NO_ARTICLE = ("", 0, 0)
_DIGEST = 6
"""Bytes kept of each number's digest.

A catalogue of a million has a false hit in 300 million questions.
"""
_FOR = re.compile(
    r"\b(?:for|fits?|compatible|replacement|für|pour|para)\b", re.IGNORECASE
)
_JOINED = re.compile(r"(?<![\w-])(?=[\w-]*\d)[A-Za-z\d]+(?:-[A-Za-z\d]+)*(?![\w-])")


@lru_cache(maxsize=65_536)
def canonical(text: str) -> str:
    """One form of an article number; ``""`` if it is none.

    No separators, no leading zeros, ISBN-10 as ISBN-13.

    Example:
        >>> canonical("978-3-16-148410-0"), canonical("3-16-148410-X"), canonical("0 36000 29145 2")
        ('9783161484100', '9783161484100', '36000291452')
        >>> canonical("dw-1361"), canonical("4.00638E+12"), canonical("1234567.0")
        ('DW1361', '', '1234567')
    """
    text = (
        unicodedata.normalize("NFKC", text)
        .strip()
        .removeprefix("'")
        .removesuffix("'")
        .strip()
    )
    if _SPREADSHEET.fullmatch(text):
        return ""
    if re.fullmatch(r"\d{4,}\.0+", text):  # how tables write whole numbers beside gaps
        text = text.partition(".")[0]
    code = _SEPARATORS.sub("", text).upper()
    if not _CODE.fullmatch(code):
        return ""
    if len(code) == 10 and isbn.is_valid(code):
        return str(isbn.to_isbn13(code))
    return code.lstrip("0") if code.isdecimal() else code


def is_global(code: str) -> bool:
    """Whether digits with their check digit are a GTIN, EAN, UPC or ISBN.

    A leading zero may be missing.

    Example:
        >>> is_global("4006381333931"), is_global("36000291452")
        (True, True)
        >>> is_global("4006381333932"), is_global("2023")
        (False, False)
    """
    if not code.isdecimal() or len(code) < _SHORT:
        return False

    # A canonical number has lost its leading zeros; a number of this kind has one at most.
    length = next((one for one in _GLOBAL_LENGTHS if len(code) <= one), 0)
    missing = length - len(code)
    if length == 0 or missing > 1:
        return False
    return bool(ean.is_valid(code.zfill(length)))


def _texts(raw: Any) -> Iterator[str]:
    """A field's numbers: one, a list, or several in one text."""
    if isinstance(raw, list | tuple):
        for one in raw:
            yield from _texts(one)
    elif isinstance(raw, float):
        yield str(int(raw)) if raw.is_integer() else ""
    elif isinstance(raw, int) and not isinstance(raw, bool):
        yield str(raw)
    elif isinstance(raw, str):
        yield from (part.strip() for part in re.split(r"[;|,]", raw[:300]))


@lru_cache(maxsize=8_192)
def _holds_codes(name: str) -> bool:
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)  # variantSku
    return name == "item_id" or _FIELD.search(parted) is not None


def item_codes(item: Item) -> Iterator[Value]:
    """Every article number of an item, its id first; ``quote`` is as the field has it.

    Example:
        >>> item = Item("A-1", "cup", attributes={"gtin": "04006381333931"})
        >>> [(v.value, v.where) for v in item_codes(item)]
        [('A1', 'attributes.item_id'), ('4006381333931', 'attributes.gtin')]
    """
    fields: Mapping[str, Any] = {"item_id": item.item_id, **item.attributes}
    seen = set[str]()
    for name, raw in fields.items():
        if not _holds_codes(name):
            continue
        for text in _texts(raw):
            code = canonical(text) if len(text) <= 60 else ""
            if code and code not in seen and any(c.isdigit() for c in code):
                seen.add(code)
                # The id is none of an item's texts.
                quote = "" if name == "item_id" else text
                yield Value(code, quote, f"attributes.{name}")


class CodeSet:
    """The article numbers of a catalogue, packed: six bytes each.

    Args:
        packed: from :func:`mine_codes`.

    Example:
        >>> from adore.attributes.language_packs import load_language
        >>> item = Item("A-1", "cup", attributes={"gtin": "4006381333931"})
        >>> codes = CodeSet(mine_codes([item], load_language("en")))
        >>> "A1" in codes, "4006381333931" in codes, "A2" in codes
        (True, True, False)
    """

    def __init__(self, packed: str) -> None:
        self._raw = base64.b64decode(packed)

    def __contains__(self, code: str) -> bool:
        digest = _digest(code)
        count = len(self._raw) // _DIGEST
        place = bisect_left(range(count), digest, key=self._at)
        return self._at(place) == digest

    def _at(self, place: int) -> bytes:
        return self._raw[place * _DIGEST : (place + 1) * _DIGEST]


def _digest(code: str) -> bytes:
    return hashlib.blake2b(code.encode(), digest_size=_DIGEST).digest()


def mine_codes(items: Iterable[Item], language: Language) -> str:
    """The article numbers of a catalogue, for :class:`CodeSet`.

    A short number that titles of other items use, too, is a word of this shop (``501`` of jeans,
    ``PS5``).

    Args:
        items: the catalogue.
        language: of the catalogue.

    Returns:
        the numbers' digests, sorted, in base 64.
    """
    items = list(items)
    owners: dict[str, set[int]] = defaultdict(set)
    for at, item in enumerate(items):
        for value in item_codes(item):
            owners[value.value].add(at)
    words = set[str]()
    for at, item in enumerate(items):
        for code in _said(item.title, language):
            if code in owners and at not in owners[code]:
                words.add(code)
    known = sorted(_digest(code) for code in owners if code not in words)
    return base64.b64encode(b"".join(known)).decode()


def _said(title: str, language: Language) -> Iterator[str]:
    """Short words and pairs of words of a title, in the form of article numbers.

    Not those after *for*: they name what the item is made for.
    """
    fits = _FOR.search(title)
    stems = [
        t.stem.upper()
        for t in tokenize(title[: fits.start()] if fits else title, language)
    ]
    yield from (stem for stem in stems if len(stem) < _SHORT)
    pairs = (first + second for first, second in pairwise(stems))
    yield from (pair for pair in pairs if len(pair) < 2 * _SHORT)


def asked_article(
    query: str, codes: CodeSet, is_word: Callable[[str], bool], language: Language
) -> tuple[str, int, int]:
    """The article number that a query consists of.

    A number counts if it is labelled (``EAN 400...``), if an item of the catalogue has it, or if
    its check digit is right; ``iphone 15`` is no number although some article may be called
    ``IPHONE15``.

    Args:
        query: its text.
        codes: of the catalogue.
        is_word: whether the shop's titles, brands or types use a word.
        language: of the catalogue.

    Returns:
        its one form, and where it starts and ends; ``("", 0, 0)`` if the query asks anything else.
    """
    shown = visible(query)
    label = _LABEL.match(shown)
    text = shown[label.end() if label else 0 :].strip().strip("\"'#")
    code = canonical(text) if _LEAST <= len(text) <= 60 else ""
    if len(code) < _LEAST - 1:
        return _NO_ARTICLE
    start = shown.rfind(text)
    found = code, start, start + len(text)
    names = [
        t.stem
        for t in tokenize(text, language)
        if t.stem.isalpha() and len(t.stem) >= _LEAST
    ]
    speaks = len(text.split()) > 1 and bool(names)
    has_digit = any(c.isdigit() for c in code)
    if label and not speaks:
        return found if has_digit or code in codes else _NO_ARTICLE
    if code in codes and has_digit:
        word = (
            any(map(is_word, names))
            if speaks
            else len(code) < _SHORT and is_word(text.lower())
        )
        return _NO_ARTICLE if word else found
    parted = len(code) < _ISBN and not text.isdecimal()  # 2023-12-24
    return found if is_global(code) and not parted else _NO_ARTICLE


def codes_in(query: str) -> list[str]:
    """Whatever may be an article number in a query.

    All of it, what follows a label, and single words.

    Example:
        >>> codes_in("EAN 4006381333931"), codes_in("red mug"), codes_in("drill dw-1361")
        (['4006381333931'], [], ['DRILLDW1361', 'DW1361'])
    """
    shown = visible(query)
    label = _LABEL.match(shown)
    rest = shown[label.end() if label else 0 :].strip()
    words = [m.group() for m in _JOINED.finditer(rest)] if " " in rest else []
    codes = (canonical(text) for text in (rest, *words) if _LEAST <= len(text) <= 60)
    named = [code for code in codes if any(c.isdigit() for c in code)]
    return [
        code
        for code in dict.fromkeys(named)
        if code == canonical(rest) or len(code) >= 5
    ]


def find_codes(query: str, codes: CodeSet) -> Iterator[tuple[str, int, int]]:
    """Article numbers among other words of a query (``bosch 4006381333931``).

    Args:
        query: its text.
        codes: of the catalogue.

    Returns:
        of each its one form, its start and its end.
    """
    for m in _JOINED.finditer(visible(query)):
        if len(m.group()) < 5 or len(m.group()) > 40:
            continue
        code = canonical(m.group())
        if len(code) >= 5 and (
            code in codes or (len(code) > _SHORT and is_global(code))
        ):
            yield code, m.start(), m.end()
