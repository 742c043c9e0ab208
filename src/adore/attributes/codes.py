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
from typing import Any, NamedTuple

from stdnum import ean, isbn

from adore.attributes.language import Language
from adore.text import visible, word_stems
from adore.types import Item, Value

__all__ = [
    "ARTICLE",
    "ArticleCode",
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

_FIELD_NAME = re.compile(
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
_LONG_CODE = 8
"""Numbers of fewer characters may be words too."""
_LEAST_CODE = 3
"""Characters of a number that is asked alone."""
_LEAST_AMONG_WORDS = 5
_LONGEST_CODE = 60
"""Characters, with separators, of a number."""
_ISBN_LENGTH = 10
_DIGEST_BYTES = 6
"""Bytes kept of each number's digest.

A catalogue of a million has a false hit in 300 million questions.
"""
_MADE_FOR = re.compile(
    r"\b(?:for|fits?|compatible|replacement|für|pour|para)\b", re.IGNORECASE
)
_CODE_IN_TEXT = re.compile(
    r"(?<![\w-])(?=[\w-]*\d)[A-Za-z\d]+(?:-[A-Za-z\d]+)*(?![\w-])"
)


class ArticleCode(NamedTuple):
    """An article number in its one form, and where a query has it."""

    code: str
    start: int
    end: int


_NO_ARTICLE = ArticleCode("", 0, 0)


@lru_cache(maxsize=65_536)
def canonical(text: str) -> str:
    """Write an article number in its one form; ``""`` if it is none.

    No separators, no leading zeros, ISBN-10 as ISBN-13.

    Returns:
        Capital letters and digits.

    Example:
        >>> canonical("978-3-16-148410-0"), canonical("3-16-148410-X"), canonical("0 36000 29145 2")
        ('9783161484100', '9783161484100', '36000291452')
        >>> canonical("dw-1361"), canonical("4.00638E+12"), canonical("1234567.0")
        ('DW1361', '', '1234567')
    """
    text = unicodedata.normalize("NFKC", text).strip()
    text = text.removeprefix("'").removesuffix("'").strip()
    if _SPREADSHEET.fullmatch(text):
        return ""
    if re.fullmatch(r"\d{4,}\.0+", text):  # how tables write whole numbers beside gaps
        text = text.partition(".")[0]

    bare_code = _SEPARATORS.sub("", text).upper()
    if not _CODE.fullmatch(bare_code):
        return ""
    if len(bare_code) == _ISBN_LENGTH and isbn.is_valid(bare_code):
        return str(isbn.to_isbn13(bare_code))
    return bare_code.lstrip("0") if bare_code.isdecimal() else bare_code


def is_global(code: str) -> bool:
    """Whether digits with their check digit are a GTIN, EAN, UPC or ISBN.

    A leading zero may be missing.

    Returns:
        False for digits whose check digit is wrong.

    Example:
        >>> is_global("4006381333931"), is_global("36000291452")
        (True, True)
        >>> is_global("4006381333932"), is_global("2023")
        (False, False)
    """
    if not code.isdecimal() or len(code) < _LONG_CODE:
        return False

    # A canonical number has lost its leading zeros; a number of this kind has one at most.
    for length in _GLOBAL_LENGTHS:
        if len(code) in (length - 1, length):
            return bool(ean.is_valid(code.zfill(length)))
    return False


def _has_digit(text: str) -> bool:
    return any(character.isdigit() for character in text)


def _is_length_of_code(text: str) -> bool:
    return _LEAST_CODE <= len(text) <= _LONGEST_CODE


# ------------------------------------------------------------------ of items


def _texts(field_value: Any) -> Iterator[str]:
    """A field's numbers: one, a list, or several in one text."""
    if isinstance(field_value, list | tuple):
        for list_element in field_value:
            yield from _texts(list_element)
    elif isinstance(field_value, float):
        yield str(int(field_value)) if field_value.is_integer() else ""
    elif isinstance(field_value, int) and not isinstance(field_value, bool):
        yield str(field_value)
    elif isinstance(field_value, str):
        for code_text in re.split(r"[;|,]", field_value[:300]):
            yield code_text.strip()


@lru_cache(maxsize=8_192)
def _is_code_field(name: str) -> bool:
    words_apart = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)  # variantSku
    return name == "item_id" or _FIELD_NAME.search(words_apart) is not None


def item_codes(item: Item) -> Iterator[Value]:
    """Yield every article number of an item, its id first; ``quote`` is as the field has it.

    Yields:
        The numbers, each once.

    Example:
        >>> item = Item("A-1", "cup", attributes={"gtin": "04006381333931"})
        >>> [(code.value, code.where) for code in item_codes(item)]
        [('A1', 'attributes.item_id'), ('4006381333931', 'attributes.gtin')]
    """
    code_fields: Mapping[str, Any] = {"item_id": item.item_id, **item.attributes}
    known_codes = set[str]()
    for field_name, field_value in code_fields.items():
        if not _is_code_field(field_name):
            continue
        for code_text in _texts(field_value):
            if len(code_text) > _LONGEST_CODE:
                continue
            code = canonical(code_text)
            if code in known_codes or not _has_digit(code):
                continue
            known_codes.add(code)

            # The id is none of an item's texts.
            quote = "" if field_name == "item_id" else code_text
            yield Value(code, quote, f"attributes.{field_name}")


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
        self._digests = base64.b64decode(packed)

    def __contains__(self, code: str) -> bool:
        digest = _digest(code)
        digest_count = len(self._digests) // _DIGEST_BYTES

        # The digests are sorted; only those on the way are cut out.
        positions = range(digest_count)
        position = bisect_left(positions, digest, key=self._digest_at)
        return self._digest_at(position) == digest

    def _digest_at(self, position: int) -> bytes:
        first_byte = position * _DIGEST_BYTES
        return self._digests[first_byte : first_byte + _DIGEST_BYTES]


def _digest(code: str) -> bytes:
    return hashlib.blake2b(code.encode(), digest_size=_DIGEST_BYTES).digest()


def mine_codes(items: Iterable[Item], language: Language) -> str:
    """Collect the article numbers of a catalogue, for :class:`CodeSet`.

    A short number that titles of other items use, too, is a word of this shop (``501`` of jeans,
    ``PS5``).

    Args:
        items: the catalogue.
        language: of the catalogue.

    Returns:
        the numbers' digests, sorted, in base 64.
    """
    items = list(items)

    # Items of one model share a code, so it may have several rows.
    rows_of_code: dict[str, set[int]] = defaultdict(set)
    for item_row, item in enumerate(items):
        for code in item_codes(item):
            rows_of_code[code.value].add(item_row)

    shop_words = set[str]()
    for item_row, item in enumerate(items):
        for title_word in _words_like_codes(item.title, language):
            rows = rows_of_code.get(title_word)
            if rows is not None and item_row not in rows:
                shop_words.add(title_word)

    # Sorted, so that a code is looked up by bisection.
    article_codes = rows_of_code.keys() - shop_words
    digests = map(_digest, article_codes)
    return base64.b64encode(b"".join(sorted(digests))).decode()


def _words_like_codes(title: str, language: Language) -> Iterator[str]:
    """Short words and pairs of words of a title, in the form of article numbers.

    Not those after *for*: they name what the item is made for.

    Yields:
        Words, in capital letters.
    """
    made_for = _MADE_FOR.search(title)
    item_name = title
    if made_for:
        item_name = title[: made_for.start()]
    stems = [stem.upper() for stem in word_stems(item_name, language)]
    for stem in stems:
        if len(stem) < _LONG_CODE:
            yield stem
    for first_stem, second_stem in pairwise(stems):
        if len(first_stem + second_stem) < 2 * _LONG_CODE:
            yield first_stem + second_stem


# ------------------------------------------------------------------ of queries


def asked_article(
    query: str, codes: CodeSet, is_word: Callable[[str], bool], language: Language
) -> ArticleCode:
    """Find the article number that a query consists of.

    A number counts if it is labelled (``EAN 400...``), if an item of the catalogue has it, or if
    its check digit is right; ``iphone 15`` is no number although some article may be called
    ``IPHONE15``.

    Args:
        query: its text.
        codes: of the catalogue.
        is_word: whether the shop's titles, brands or types use a word.
        language: of the catalogue.

    Returns:
        the number; its code is empty if the query asks anything else.
    """
    label, code_text = _split_label(visible(query))
    code_text = code_text.strip("\"'#")
    code = canonical(code_text) if _is_length_of_code(code_text) else ""
    if len(code) < _LEAST_CODE - 1:
        return _NO_ARTICLE

    start = visible(query).rfind(code_text)
    article = ArticleCode(code, start, start + len(code_text))
    letter_stems: list[str] = []
    for stem in word_stems(code_text, language):
        if stem.isalpha() and len(stem) >= _LEAST_CODE:
            letter_stems.append(stem)
    has_words = len(code_text.split()) > 1 and bool(letter_stems)
    # A label says that a number follows, even if no item has that number.
    if label and not has_words:
        is_code = _has_digit(code) or code in codes
        return article if is_code else _NO_ARTICLE

    # A number of the catalogue may still be a phrase of the shop (jeans 501).
    if code in codes and _has_digit(code):
        if has_words:
            is_phrase = any(is_word(word) for word in letter_stems)
        else:
            is_phrase = len(code) < _LONG_CODE and is_word(code_text.lower())
        return _NO_ARTICLE if is_phrase else article

    # The digits of a date (2023-12-24) may have a right check digit by chance.
    looks_like_date = len(code) < _ISBN_LENGTH and not code_text.isdecimal()
    if is_global(code) and not looks_like_date:
        return article
    return _NO_ARTICLE


def _split_label(text: str) -> tuple[str, str]:
    """A word that says that an article number follows, or nothing; what follows."""
    label_match = _LABEL.match(text)
    if label_match is None:
        return "", text.strip()
    following = text[label_match.end() :]
    return label_match.group(), following.strip()


def codes_in(query: str) -> list[str]:
    """List whatever may be an article number in a query.

    All of it, what follows a label, and single words.

    Returns:
        The numbers in their one form, in the order of the query.

    Example:
        >>> codes_in("EAN 4006381333931"), codes_in("red mug"), codes_in("drill dw-1361")
        (['4006381333931'], [], ['DRILLDW1361', 'DW1361'])
    """
    _label, without_label = _split_label(visible(query))
    code_texts = [without_label]
    if " " in without_label:
        for match in _CODE_IN_TEXT.finditer(without_label):
            code_texts.append(match.group())
    candidates = [canonical(text) for text in code_texts if _is_length_of_code(text)]

    whole_code = canonical(without_label)
    codes: list[str] = []
    for candidate in dict.fromkeys(candidates):
        is_long_enough = candidate == whole_code or len(candidate) >= _LEAST_AMONG_WORDS
        if is_long_enough and _has_digit(candidate):
            codes.append(candidate)
    return codes


def find_codes(query: str, codes: CodeSet) -> Iterator[ArticleCode]:
    """Yield article numbers among other words of a query (``bosch 4006381333931``).

    Args:
        query: its text.
        codes: of the catalogue.

    Yields:
        The numbers, in the order of the query.
    """
    for code_match in _CODE_IN_TEXT.finditer(visible(query)):
        if not _LEAST_AMONG_WORDS <= len(code_match.group()) <= 40:
            continue
        code = canonical(code_match.group())
        if len(code) < _LEAST_AMONG_WORDS:
            continue
        is_long = len(code) > _LONG_CODE
        if code in codes or (is_long and is_global(code)):
            yield ArticleCode(code, *code_match.span())
