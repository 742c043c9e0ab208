"""Option pairs (``Size: M / Color: Red``), what a field's name means, and sizes of batteries."""

from __future__ import annotations

import re
from collections.abc import Iterator

from adore.types import Value

__all__ = [
    "by_size",
    "find_batteries",
    "option_names",
    "option_pairs",
    "read_batteries",
]

_OPTION = (
    "size|colou?r|style|material|capacity|length|width|pack|model|"
    "farbe|größe|grösse|groesse|stil|länge|breite|inhalt|"
    "modell|couleur|taille|matière|longueur|talla|tamaño|estilo|modelo"
)
_PAIR = re.compile(
    rf"(?<!\w)({_OPTION})\s?[:=]\s?([^:=/;|,\n]{{1,40}}?)"
    rf"(?=\s*(?:$|[/;|,\n)\]]|(?:{_OPTION})\s?[:=]))",
    re.IGNORECASE,
)


def by_size(name: str, text: str) -> str:
    """A short text of a field of sizes as a title would say it (``size 42``), or the text itself.

    Args:
        name: of the field.
        text: the field's value.

    Example:
        >>> by_size("Größe", "42"), by_size("shoe_size", "M")
        ('size 42', 'size M')
        >>> by_size("volume", "42"), by_size("Size", "500 ml")
        ('42', '500 ml')
    """
    short = len(text) <= 4 and re.search(
        r"(?:size|größe|grösse|groesse|taille|talla)$", name.lower()
    )
    return f"size {text}" if short else text


def option_pairs(text: str) -> list[tuple[str, str]]:
    """Names and values of options that a text lists.

    Example:
        >>> option_pairs("Size: M / Color: Red"), option_pairs("Note: soft")
        ([('Size', 'M'), ('Color', 'Red')], [])
        >>> option_pairs("Farbe: Rot; Größe: M")
        [('Farbe', 'Rot'), ('Größe', 'M')]
    """
    if ":" not in text and "=" not in text:
        return []

    pairs: list[tuple[str, str]] = []
    for match in _PAIR.finditer(text):
        name, value = match.groups()
        pairs.append((name, value.strip()))
    return pairs


def option_names(text: str) -> Iterator[tuple[int, int]]:
    """Where the names of a text's options stand; they ask for nothing by themselves."""
    if ":" in text or "=" in text:
        yield from (m.span(1) for m in _PAIR.finditer(text))


_SAME_CELL = {
    "aa": "aa lr6 r6 fr6 mignon hr6 am3", "aaa": "aaa lr03 lr3 r03 r3 fr03 micro hr03 am4",
    "c": "c lr14 r14 baby hr14", "d": "d lr20 r20 mono hr20", "aaaa": "aaaa lr61 lr8d425",
    "9v": "9v 6lr61 6f22 6lf22 pp3 9vblock 9volt 9volts",
    "lr44": "lr44 ag13 a76 l1154 sr44 357 v13ga sr44sw", "lr41": "lr41 ag3 192 sr41",
    "lr43": "lr43 ag12 186 sr43", "lr1130": "lr1130 ag10 lr54 189 sr1130",
    "cr123": "cr123 cr123a 123a cr17345", "lr1": "lr1 n lady", "a23": "a23 23a mn21",
}  # fmt: skip
_CELL = {name: one for one, names in _SAME_CELL.items() for name in names.split()}
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


def find_batteries(text: str) -> Iterator[tuple[str, int, int]]:
    """Sizes of batteries as (``battery:aa``, start, end).

    ``AA`` alone counts where a text speaks of batteries.

    Example:
        >>> [v for v, _, _ in find_batteries("AA batteries, LR6, CR2032, 18650 cell")]
        ['battery:aa', 'battery:aa', 'battery:cr2032', 'battery:18650']
        >>> list(find_batteries("34 AA bra")), list(find_batteries("AA"))
        ([], [('battery:aa', 0, 2)])
    """
    about: bool | None = None
    for m in _CELLS.finditer(text):
        name = m.group().lower().replace("-", "").replace(" ", "")
        if not m.group(1):
            if about is None:
                about = bool(_ABOUT_CELLS.search(text)) or text == m.group().upper()
            if not about:
                continue
        if name.startswith(("dl", "br", "dr")) and name[2:].isdigit():
            name = f"cr{name[2:]}"
        yield f"battery:{_CELL.get(name, name)}", m.start(), m.end()


def read_batteries(text: str, where: str) -> Iterator[Value]:
    """Sizes of batteries that a text names.

    Args:
        text: where they are sought.
        where: the place of the item, or ``query``, that the text is of.
    """
    return (Value(value, text[a:b], where) for value, a, b in find_batteries(text))
