"""How many pieces are sold together.

``pack of 6``, ``6er``, ``lot de 6``, ``6 x 330 ml``, ``x6``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from operator import attrgetter

from adore.attributes.units import find_multipacks, has_times, matches_at, number_starts
from adore.text import TextValue, visible
from adore.types import Value

__all__ = ["find_packs", "read_packs"]

_WRITTEN_NUMBERS = {
    1: "one single",
    2: "two zwei deux dos",
    3: "three drei trois tres",
    4: "four vier quatre cuatro",
    5: "five fünf cinq cinco",
    6: "six sechs seis",
    8: "eight acht huit ocho",
    10: "ten zehn dix diez",
    12: "twelve zwölf douze doce",
}
_WRITTEN_JOINED = {
    2: "doppel zweier twin duo double",
    3: "dreier triple trio",
    4: "vierer",
    5: "fünfer",
    6: "sechser six",
    8: "achter",
    10: "zehner",
    12: "zwölfer",
}
"""Numbers that are written as one word with the pack: *Doppelpack*."""


def _numbers_by_word(written: Mapping[int, str]) -> dict[str, int]:
    number_of: dict[str, int] = {}
    for number, words in written.items():
        for word in words.split():
            number_of[word] = number
    return number_of


_NUMBER_WORDS = _numbers_by_word(_WRITTEN_NUMBERS)
_JOINED_NUMBERS = _numbers_by_word(_WRITTEN_JOINED)
_HOLDER = (
    "pack|set|box|lot|case|bag|bundle|carton|paquet|paquete|caja|juego|boîte|boite|sachet|"
    "packung|karton|kiste"
)
_PIECES = (
    "packs?|pk|count|ct|pcs|pieces?|pc|pairs?|stücke?|stueck|stck|stk|pièces?|piezas?|pzas?|"
    "unidades|uds|unités|unites|packungen|paare?|paires?|pares|teilig(?:e[smnr]?)?"
)
_OF = re.compile(
    rf" (?:of|de|mit|à|von|aus|con) (\d{{1,4}}|{'|'.join(_NUMBER_WORDS)})\b(?!\s?%)",
    re.IGNORECASE,
)
_HOLDER_BEFORE = re.compile(rf"(?<![\w./])(?:{_HOLDER})s?$", re.IGNORECASE)
_COUNTED = re.compile(
    rf"(?<![\w./])(\d{{1,4}})(?:[ -]?|, )(?:{_PIECES})\b", re.IGNORECASE
)
_PACK_WORD = re.compile(
    r"packs?\b|packung\b|stück\b|teilig(?:e[smnr]?)?\b", re.IGNORECASE
)
_NUMBER_BEFORE = re.compile(
    rf"(?<![\w./])(?:({'|'.join(_NUMBER_WORDS)})[ -]|({'|'.join(_JOINED_NUMBERS)})[ -]?)$",
    re.IGNORECASE,
)
_DOZEN = re.compile(r"(?<![\w./])(\d{1,2}|a) dozen\b", re.IGNORECASE)
_LONGEST = 12
"""Characters of a holder or a written number, and the gap."""
_TEN = re.compile(
    r"(?<![\w./-])(?<!bmw )(\d{1,3})er(?:[ -]?(?:(multi)?packs?|packung|sets?|karton|box|"
    r"kasten|kiste|träger|gebinde|bund|beutel|tray))?(?!\w)",
    re.IGNORECASE,
)
"""German ``6er`` and ``6er-Pack``."""
_DECADES = frozenset(("50", "60", "70", "80", "90"))
_TENS = re.compile(r"\der\b", re.IGNORECASE)
_X_LAST = re.compile(
    r"(?<!\w)(?:(?-i:x)|×) ?(\d{1,3})(?=\s*(?:$|[,;)\]|+]|/(?!\d)))", re.IGNORECASE
)
_X_FIRST = re.compile(
    r"\s*(\d{1,2}) ?[x×] (?=[^\W\d_]{2})"
    r"(?!\s*(?:large|small|tall|wide|long|xl|zoom|magnif|optical|digital|faster|"
    r"speed|lens|mirror|loupe|lupe|scope|binocular|power|strength|the|more|concentrat|fach|storage)\w*)",
    re.IGNORECASE,
)
_SIDE_BEFORE = re.compile(
    r"(?:\d|(?<![^\W\d_])(?:mm|cm|m|in|inch(?:es)?|ft|feet|zoll|w|l|h|d)\.?|[\"”″'])\s*$",
    re.IGNORECASE,
)
"""Before ``x 7``: the other side of a size."""


def find_packs(text: str) -> Iterator[TextValue]:
    """Yield every number of pieces, in the order of the text."""
    text = visible(text)
    packs = [*_find_words(text), *_find_marks(text)]

    starts = number_starts(text)
    for count_match in matches_at(_COUNTED, text, starts):
        packs.append(_number_of_pieces(count_match.group(1), *count_match.span()))
    for multipack in find_multipacks(text):
        pieces = str(multipack.number)
        packs.append(TextValue(pieces, multipack.start, multipack.end))

    yield from sorted(packs, key=attrgetter("start"))


def _number_of_pieces(digits: str, start: int, end: int) -> TextValue:
    return TextValue(str(int(digits)), start, end)


def _find_words(text: str) -> Iterator[TextValue]:
    """``pack of 6``, ``two pack``, ``Doppelpack``, ``a dozen``: found by their rarest part."""
    for pack_match in _OF.finditer(text):
        holder = _HOLDER_BEFORE.search(_text_before(text, pack_match.start()))
        if holder:
            number_text = pack_match.group(1).casefold()
            pieces = _NUMBER_WORDS.get(number_text) or int(number_text)
            holder_length = len(holder.group())
            start = pack_match.start() - holder_length
            yield TextValue(str(pieces), start, pack_match.end())

    for pack_match in _PACK_WORD.finditer(text):
        number_before = _NUMBER_BEFORE.search(_text_before(text, pack_match.start()))
        if number_before is None:
            continue
        apart, joined = number_before.groups()

        # Doppelpack, and no Doppelstück.
        is_pack = "ack" in pack_match.group()[:4].lower()
        if apart or (joined and is_pack):
            number_text = (apart or joined).casefold()
            pieces = _NUMBER_WORDS.get(number_text) or _JOINED_NUMBERS[number_text]
            number_length = len(number_before.group())
            start = pack_match.start() - number_length
            yield TextValue(str(pieces), start, pack_match.end())

    if "ozen" in text or "OZEN" in text:
        for pack_match in _DOZEN.finditer(text):
            dozens = pack_match.group(1).lower()
            pieces = 12
            if dozens != "a":
                pieces *= int(dozens)
            yield TextValue(str(pieces), *pack_match.span())


def _text_before(text: str, place: int) -> str:
    """What may be a holder or a number before a place."""
    return text[max(0, place - _LONGEST) : place]


def _find_marks(text: str) -> Iterator[TextValue]:
    """``6er``, ``x6`` at an end, ``6 x`` at the beginning."""
    if _TENS.search(text):
        for mark_match in _TEN.finditer(text):
            pieces = mark_match.group(1)
            is_bare = mark_match.end() == mark_match.end(1) + 2

            # A bare 80er is a decade.
            if is_bare and pieces in _DECADES:
                continue
            yield _number_of_pieces(pieces, *mark_match.span())

    if has_times(text):
        for mark_match in _X_LAST.finditer(text):
            # In 5 x 7 the number is a side; at the beginning of a text it counts nothing.
            before = text[: mark_match.start()]
            if before.strip() and not _SIDE_BEFORE.search(before):
                yield _number_of_pieces(mark_match.group(1), *mark_match.span())

        first_match = _X_FIRST.match(text)
        if first_match:
            yield _number_of_pieces(first_match.group(1), *first_match.span(1))


def read_packs(text: str, where: str) -> Iterator[Value]:
    """Yield how many pieces are sold together, with quotes.

    Args:
        text: that may say so.
        where: the place that the text is of.

    Yields:
        Numbers of pieces, in the order of the text.

    Example:
        >>> [pack.value for pack in read_packs("Cups (Pack of 6), 12-pk, two pack", "title")]
        ['6', '12', '2']
        >>> texts = ("6er Pack", "lot de 6", "cola x6", "6 x 330ml", "16 x 16")
        >>> [pack.value for text in texts for pack in read_packs(text, "")]
        ['6', '6', '6', '6']
    """
    for pieces, start, end in find_packs(text):
        yield Value(pieces, text[start:end], where)
