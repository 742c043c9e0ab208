"""A text with its words, and what the reader does with them.

It finds phrases, quotes them and keeps them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from adore.attributes.language import Language
from adore.attributes.negation import find_absences
from adore.text import MAX_TEXT, Token, is_trustworthy, tokenize, visible
from adore.types import Item, Value

__all__ = [
    "Found",
    "TextSpan",
    "absent_stems",
    "add",
    "by_first",
    "extend",
    "grams",
    "index",
    "inside",
    "is_stuffed",
    "item_texts",
    "quote",
]

Found = dict[str, list[Value]]
_LETTERS = {w: w for w in "xs s m l xl xxl xxxl 2xl 3xl".split()}
_RIVALS = 4
"""So many rival values of one attribute in a row make a title stuffed."""
_BULLETS = 6
"""Bullet points that are read."""


class TextSpan(NamedTuple):
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
    """Longest known phrases, left to right, that do not overlap.

    Args:
        toks: the text's words.
        phrases: known phrases by their first word, from :func:`by_first`.
        used: places of words that no phrase may have.

    Returns:
        of each phrase the place of its first word and that after its last.
    """
    first = 0
    while first < len(toks):
        known = phrases.get(toks[first].stem)
        if not known:
            first += 1
            continue

        longest = min(len(toks), first + 5)
        for stop in range(longest, first, -1):
            phrase = " ".join(token.stem for token in toks[first:stop])
            if phrase in known and not used.intersection(range(first, stop)):
                yield first, stop
                first = stop - 1
                break
        first += 1


def inside(toks: list[Token], start: int, end: int) -> set[int]:
    """Places of the words that ``text[start:end]`` touches.

    Args:
        toks: the text's words.
        start: of the part of the text.
        end: of it.
    """
    return {i for i, t in enumerate(toks) if t.start < end and t.end > start}


def quote(found: Found, name: str, said: TextSpan, span: tuple[int, int]) -> None:
    """Add a phrase as it stands in the text.

    Args:
        found: what was found so far; the phrase is added to it.
        name: the attribute that the phrase is a value of.
        said: the text.
        span: the place of the phrase's first word and that after its last.
    """
    where, text, toks = said
    first, stop = span
    words = toks[first:stop]
    phrase = " ".join(word.stem for word in words)
    start = words[0].start
    end = words[-1].end
    add(found, name, phrase, text[start:end], where)


def add(found: Found, name: str, value: str, quote: str, where: str) -> None:
    """Keep a value once, where it stood first.

    Args:
        found: what was found so far; the value is added to it.
        name: the attribute.
        value: in its canonical form; an empty one is not kept.
        quote: as the text has it.
        where: the place that the text is of.
    """
    values = found.setdefault(name, [])
    if not value or any(one.value == value for one in values):
        return
    values.append(Value(value, quote, where))


def extend(found: Found, name: str, values: Iterable[Value]) -> None:
    """Keep every value once.

    Args:
        found: what was found so far; the values are added to it.
        name: the attribute.
        values: of it.
    """
    for value in values:
        add(found, name, value.value, value.quote, value.where)


def index(*texts: TextSpan, more: Mapping[str, str] | None = None) -> str:
    """Stem to the word as it first stands, in one line.

    Args:
        texts: whose words.
        more: other stems and the words that stand for them.
    """
    word_of: dict[str, str] = dict(more or {})
    for _, text, toks in texts:
        for token in toks:
            word = text[token.start : token.end]
            word_of.setdefault(token.stem, word)

    last_first = reversed(word_of.items())
    pairs = [f"{stem}={word}" for stem, word in last_first]
    return " ".join(pairs)


def absent_stems(
    texts: Iterable[TextSpan], untrusted: TextSpan, language: Language
) -> set[str]:
    """Stems that the texts say are not there, if nothing says otherwise.

    Args:
        texts: what is believed.
        untrusted: what is not believed, but may say that something is there.
        language: of the texts.
    """
    absent = set[str]()
    said = {token.stem for token in untrusted.toks}
    for _, text, toks in texts:
        denied = set[int]()
        for absence in find_absences(visible(text), toks, language):
            absent.update(absence.value.split())
            denied.update(range(absence.first, absence.stop))
        for i, token in enumerate(toks):
            if i not in denied:
                said.add(token.stem)
    return absent - said


def is_stuffed(title: TextSpan, language: Language) -> bool:
    """Whether a title is written to look relevant.

    It hides words, or lists four or more rival values of one attribute, at most one word apart.

    Args:
        title: its text and words.
        language: whose colours and audiences are counted; letters of sizes are in any.
    """
    if visible(title.text) != title.text:
        return True
    for table in (language.colours, language.audiences, _LETTERS):
        run: list[str] = []
        since = 0
        for token in title.toks:
            if token.stem in table:
                since = 0
                run.append(table[token.stem])
            else:
                since += 1
                if since > 1:
                    run = []
            if len(set(run)) >= _RIVALS:
                return True
    return False


def item_texts(item: Item, language: Language) -> tuple[list[TextSpan], TextSpan]:
    """The texts of an item.

    Args:
        item: of the catalogue.
        language: that takes their words.

    Returns:
        what is read, the title first; and, as one text, what is not believed because it speaks
        to the judge.
    """
    body = [("bullet_points", bullet[:300]) for bullet in item.bullet_points]
    body.append(("description", item.description[:500]))

    read = [("title", item.title[:MAX_TEXT])]
    untrusted: list[str] = []
    for where, text in body:
        honest = text and is_trustworthy(text)
        if not honest:
            untrusted.append(text)
        elif where == "description" or len(read) <= _BULLETS:  # the title is read, too
            read.append((where, text))

    texts = [TextSpan(where, text, tokenize(text, language)) for where, text in read]
    rest = " ".join(untrusted)
    unread = TextSpan("untrusted", rest, tokenize(rest, language))
    return texts, unread
