"""Option pairs (``Size: M / Color: Red``) and sizes of batteries."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from adore.attributes.language_packs import listed_in_all_packs
from adore.text import TextValue
from adore.types import Value

__all__ = [
    "OptionPair",
    "as_size",
    "find_batteries",
    "option_names",
    "option_pairs",
    "read_batteries",
]


class OptionPair(NamedTuple):
    """The name and the value of an option."""

    name: str
    value: str


@lru_cache(maxsize=1)
def _pair_pattern() -> re.Pattern[str]:
    """Matches a pair: group 1 is its name, group 2 its value."""
    names = map(re.escape, listed_in_all_packs("options"))
    any_name = "|".join(names)
    return re.compile(
        rf"(?<!\w)({any_name})\s?[:=]\s?([^:=/;|,\n]{{1,40}}?)"
        rf"(?=\s*(?:$|[/;|,\n)\]]|(?:{any_name})\s?[:=]))",
        re.IGNORECASE,
    )


def as_size(name: str, text: str) -> str:
    """Write a short value of a size field as a title would (``size 42``).

    Args:
        name: of the field.
        text: the field's value.

    Returns:
        the text itself where it is long, or the field is no size field.

    Example:
        >>> as_size("Größe", "42"), as_size("shoe_size", "M")
        ('size 42', 'size M')
        >>> as_size("volume", "42"), as_size("Size", "500 ml")
        ('42', '500 ml')
    """
    is_short = len(text) <= 4
    if is_short and name.lower().endswith(listed_in_all_packs("size_words")):
        return f"size {text}"
    return text


def option_pairs(text: str) -> list[OptionPair]:
    """List the options that a text names, in any language that has a pack.

    Returns:
        The pairs, in the order of the text.

    Example:
        >>> [tuple(pair) for pair in option_pairs("Size: M / Color: Red")]
        [('Size', 'M'), ('Color', 'Red')]
        >>> [tuple(pair) for pair in option_pairs("Farbe: Rot; Größe: M")]
        [('Farbe', 'Rot'), ('Größe', 'M')]
        >>> option_pairs("Note: soft")
        []
    """
    if ":" not in text and "=" not in text:
        return []

    pairs: list[OptionPair] = []
    for pair_match in _pair_pattern().finditer(text):
        option_name, option_value = pair_match.groups()
        pairs.append(OptionPair(option_name, option_value.strip()))
    return pairs


def option_names(text: str) -> Iterator[tuple[int, int]]:
    """Yield the start and end of each option's name; names ask for nothing by themselves."""
    if ":" in text or "=" in text:
        for match in _pair_pattern().finditer(text):
            yield match.span(1)


_CELL_NAMES = {
    "aa": "aa lr6 r6 fr6 mignon hr6 am3",
    "aaa": "aaa lr03 lr3 r03 r3 fr03 micro hr03 am4",
    "c": "c lr14 r14 baby hr14",
    "d": "d lr20 r20 mono hr20",
    "aaaa": "aaaa lr61 lr8d425",
    "9v": "9v 6lr61 6f22 6lf22 pp3 9vblock 9volt 9volts",
    "lr44": "lr44 ag13 a76 l1154 sr44 357 v13ga sr44sw",
    "lr41": "lr41 ag3 192 sr41",
    "lr43": "lr43 ag12 186 sr43",
    "lr1130": "lr1130 ag10 lr54 189 sr1130",
    "cr123": "cr123 cr123a 123a cr17345",
    "lr1": "lr1 n lady",
    "a23": "a23 23a mn21",
}
"""Size of a battery to all names of that size."""


def _cells_by_name() -> dict[str, str]:
    cell_of: dict[str, str] = {}
    for cell, names in _CELL_NAMES.items():
        for name in names.split():
            cell_of[name] = cell
    return cell_of


_CELL_OF = _cells_by_name()
"""Any name of a battery to its size."""
_ABOUT_CELLS = re.compile(
    r"batter|batería|bateria|akku|\bpilas?\b|\bpiles?\b|knopfzelle|button cell|coin cell|"
    r"\bcells?\b|accus?\b|duracell|energizer|varta|eneloop",
    re.IGNORECASE,
)
_CELLS = re.compile(
    r"(?<![\w-])(?:((?:[CDBS]R|DL)-?\d{4}[a-z]?|LR-?\d{1,4}|AG\d{1,2}|CR123A?|"
    r"SR\d{2}(?:SW)?|A23|23A|6LR61|PP3)|"
    r"(A{2,4}|(?:mignon|micro|baby|mono)(?=[ -]?(?:batteri|akku|zelle|\(?A))|"
    r"9[ -]?(?:V(?:-?block)?|volts?)|1[048]\d{3}|2[167]\d{3})|"
    r"([CD])(?=[ -](?:cell|batter|size)))(?![\w-])",
    re.IGNORECASE,
)
"""Group 1: names of batteries and of nothing else."""


def find_batteries(text: str) -> Iterator[TextValue]:
    """Yield the sizes of batteries, as ``battery:aa``.

    ``AA`` alone counts where a text speaks of batteries.

    Yields:
        The sizes, in the order of the text.

    Example:
        >>> text = "AA batteries, LR6, CR2032, 18650 cell"
        >>> [battery.value for battery in find_batteries(text)]
        ['battery:aa', 'battery:aa', 'battery:cr2032', 'battery:18650']
        >>> [tuple(battery) for battery in find_batteries("AA")], list(find_batteries("34 AA bra"))
        ([('battery:aa', 0, 2)], [])
    """
    is_about_cells: bool | None = None
    for cell_match in _CELLS.finditer(text):
        is_clear = cell_match.group(1) is not None

        # The text is searched once, and only if some name is not clear.
        if not is_clear and is_about_cells is None:
            is_alone = text == cell_match.group().upper()
            is_about_cells = is_alone or _ABOUT_CELLS.search(text) is not None
        if is_clear or is_about_cells:
            battery = f"battery:{_cell(cell_match.group())}"
            yield TextValue(battery, cell_match.start(), cell_match.end())


def _cell(written: str) -> str:
    """One name of a battery's size."""
    cell_name = written.lower()
    cell_name = cell_name.replace("-", "").replace(" ", "")

    # Makers' own letters before the same number: DL2032 is a CR2032.
    letters = cell_name[:2]
    number = cell_name[2:]
    if letters in ("dl", "br", "dr") and number.isdigit():
        cell_name = f"cr{number}"
    return _CELL_OF.get(cell_name, cell_name)


def read_batteries(text: str, where: str) -> Iterator[Value]:
    """Yield the sizes of batteries that a text names, with quotes.

    Args:
        text: that may name some.
        where: the place of the item, or ``query``, that the text is of.

    Yields:
        The sizes, in the order of the text.
    """
    for battery, start, end in find_batteries(text):
        yield Value(battery, text[start:end], where)
