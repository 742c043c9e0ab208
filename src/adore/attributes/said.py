"""A text with its words, and what the reader does with them: find phrases, quote them, keep them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from adore.attributes.language import Language
from adore.attributes.negation import find_absences
from adore.attributes.text import MAX_TEXT, Token, believable, tokens, visible
from adore.types import Item, Value

__all__ = [
    "Found", "Said", "absent_in", "add", "by_first", "extend", "grams", "index", "inside", "is_stuffed", "quote",
    "texts_of",
]  # fmt: skip

Found = dict[str, list[Value]]
_LETTERS = {w: w for w in "xs s m l xl xxl xxxl 2xl 3xl".split()}
_RIVALS = 4
"""So many rival values of one attribute in a row make a title stuffed."""


class Said(NamedTuple):
    """A text, where it stands, and its words."""

    where: str
    text: str
    toks: list[Token]


def by_first(phrases: Iterable[str]) -> dict[str, set[str]]:
    """Phrases by their first word, so that most words are passed over at once."""
    table: dict[str, set[str]] = {}
    for phrase in phrases:
        table.setdefault(phrase.split(" ", 1)[0], set()).add(phrase)
    return table


def grams(
    toks: list[Token], phrases: Mapping[str, set[str]], used: set[int]
) -> Iterator[tuple[int, int]]:
    """Longest known phrases, left to right, that do not overlap."""
    a = 0
    while a < len(toks):
        known = phrases.get(toks[a].stem, ())
        for b in range(min(len(toks), a + 5), a, -1) if known else ():
            if " ".join(t.stem for t in toks[a:b]) in known and not used.intersection(
                range(a, b)
            ):
                yield a, b
                a = b - 1
                break
        a += 1


def inside(toks: list[Token], start: int, end: int) -> set[int]:
    """Places of the words that ``text[start:end]`` touches."""
    return {i for i, t in enumerate(toks) if t.start < end and t.end > start}


def quote(found: Found, name: str, said: Said, span: tuple[int, int]) -> None:
    """Add the phrase ``toks[a:b]`` as it stands in the text."""
    where, text, toks = said
    a, b = span
    add(
        found,
        name,
        " ".join(t.stem for t in toks[a:b]),
        text[toks[a].start : toks[b - 1].end],
        where,
    )


def add(found: Found, name: str, value: str, quote: str, where: str) -> None:
    """Keep a value once, where it stood first."""
    values = found.setdefault(name, [])
    if value and all(v.value != value for v in values):
        values.append(Value(value, quote, where))


def extend(found: Found, name: str, values: Iterable[Value]) -> None:
    """Keep every value once."""
    for value in values:
        add(found, name, value.value, value.quote, value.where)


def index(*texts: Said, more: Mapping[str, str] | None = None) -> str:
    """Stem to the word as it first stands, in one line.

    Args:
        texts: whose words.
        more: other stems and the words that stand for them.
    """
    words_of: dict[str, str] = dict(more or {})
    for _, text, toks in texts:
        for t in toks:
            words_of.setdefault(t.stem, text[t.start : t.end])
    return " ".join(f"{s}={q}" for s, q in reversed(words_of.items()))


def absent_in(texts: Iterable[Said], doubted: Said, language: Language) -> set[str]:
    """Stems that the texts say are not there, and neither they nor the doubted text say otherwise."""
    absent, said = set[str](), {t.stem for t in doubted.toks}
    for _, text, toks in texts:
        absences = list(find_absences(visible(text), toks, language))
        denied = {i for a in absences for i in range(a.first, a.stop)}
        absent |= {w for a in absences for w in a.value.split()}
        said |= {t.stem for i, t in enumerate(toks) if i not in denied}
    return absent - said


def is_stuffed(title: Said, language: Language) -> bool:
    """Whether a title hides words, or lists four or more rival values of one attribute, at most one word apart."""
    if visible(title.text) != title.text:
        return True
    for table in (language.colours, language.audiences, _LETTERS):
        run: list[str] = []
        since = 0
        for token in title.toks:
            since = 0 if token.stem in table else since + 1
            run = [*run, table[token.stem]] if since == 0 else run if since == 1 else []
            if len(set(run)) >= _RIVALS:
                return True
    return False


def texts_of(item: Item, language: Language) -> tuple[list[Said], Said]:
    """The texts of an item that are read, the title first, and what is not believed because it speaks to the judge."""
    body = [("bullet_points", b[:300]) for b in item.bullet_points] + [
        ("description", item.description[:500])
    ]
    honest = [bool(text and believable(text)) for _, text in body]
    bullets = [said for said, ok in zip(body[:-1], honest, strict=False) if ok][:6]
    read = [
        ("title", item.title[:MAX_TEXT]),
        *bullets,
        *(body[-1:] if honest[-1] else ()),
    ]
    doubted = " ".join(
        text for (_, text), ok in zip(body, honest, strict=True) if not ok
    )
    return [Said(where, text, tokens(text, language)) for where, text in read], Said(
        "doubted", doubted, tokens(doubted, language)
    )
