"""How one language writes: its words, loaded from ``languages/CODE.yaml``; there is one pack a language."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from adore.attributes.stemming import Stems, lower_form
from adore.errors import ConfigError

__all__ = ["PACKS", "AbsenceWords", "Language", "load_language"]

_FOLDER = Path(__file__).parent / "languages"
PACKS: tuple[str, ...] = tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))
"""Codes of the languages that have a pack."""
_SNOWBALL = {
    "ar": "arabic", "ca": "catalan", "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish",
    "et": "estonian", "eu": "basque", "fi": "finnish", "fr": "french", "ga": "irish", "hi": "hindi", "hu": "hungarian",
    "hy": "armenian", "id": "indonesian", "it": "italian", "lt": "lithuanian", "ne": "nepali", "nl": "dutch",
    "no": "norwegian", "pt": "portuguese", "ro": "romanian", "ru": "russian", "sr": "serbian", "sv": "swedish",
    "ta": "tamil", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip
"""Snowball's stemmers, for languages without a pack."""
_NEVER = re.compile(r"(?!)")


@dataclass(frozen=True, slots=True)
class AbsenceWords:
    """How a text says that something is not there.

    Attributes:
        words: lower-case words before what is absent (*without*).
        stems: their stems, to pass most words over at once.
        phrases: markers of several words or with marks (*free of*, *w/o*).
        numbered: words that before a number deny nothing (*no 7*).
        reach: words after the marker that may name what is absent.
        ends: stems that end it.
        also: stems after which another absent thing follows (*no lid or cap*).
        no_noun: stems that name no thing (*no more*).
        hints: lower-case parts without which neither ``free`` nor ``less`` matches.
        free: *sugar-free*; group 1 is what is absent.
        free_but: what such a word may name without denying a part (*hands-free*).
        less: *strapless*; group 1 is what is absent.
    """

    words: frozenset[str]
    stems: frozenset[str]
    phrases: re.Pattern[str]
    numbered: frozenset[str]
    reach: int
    ends: frozenset[str]
    also: frozenset[str]
    no_noun: frozenset[str]
    hints: tuple[str, ...]
    free: re.Pattern[str]
    free_but: frozenset[str]
    less: re.Pattern[str]


@dataclass(frozen=True)
class Language:
    """The words of one language. Sets and keys are stems, but for those that are called forms.

    Attributes:
        code: ISO 639-1.
        name: in English.
        packed: whether there is a pack; without one all lists are empty.
        stems: word to stem.
        inflected: colour words have endings; else a word with an ending is a product (*wine glasses*, *whites*).
        head_first: a product's name begins with what it is (*tasse à café*).
        links: what may join the parts of a word that is written as one (``s`` of *Handlungsraum*); empty: words are
            not taken apart.
        stop, request, breaks, joins: words that say nothing; of a request; that end a noun phrase; that join two.
        holders, of: *a box of X* asks for X.
        particles, on: *slip on shoes* goes on after *on*.
        adjective: a word that hardly is a product.
        absence: how something is said not to be there.
        colours: to the family's English name; two words of one family do not conflict.
        colour_forms: lower-case forms of a colour, as the pack lists them.
        vague: colour words that more often name a taste, scent or thing.
        colour_words: *colour*, *coloured*.
        not_colour, not_audience: pairs of words whose first is none.
        materials: to the material's English name.
        material_forms: lower-case forms, as the pack lists them.
        not_material: words after which a material is none (*wood glue*).
        no_thing: materials that are never a product (*glass* may be).
        audiences: to the audience's English name.
        ages: words beside a number that is an age.
        accessories: words that make a thing a part or an addition.
        fits: before what an item is used with.
        before_device: words before a device that a thing is made for.
        guides: what answers a question.
        easy: phrases whose next word is no wish of its own.
        knowledge: begins a query that wants to know something.
        fields: kind of field to parts of its names in this language or in English, in lower case.
        contrasts, offers: to their English names, see :mod:`adore.attributes.rivals`.
        field_names: any of those parts.
        forms: per list ``audiences`` and ``materials``, lower-case forms that may begin a compound.
        written: every list as the pack has it, for who writes queries.
    """

    code: str
    name: str
    packed: bool
    stems: Stems
    inflected: bool
    head_first: bool
    links: tuple[str, ...]
    stop: frozenset[str]
    request: frozenset[str]
    breaks: frozenset[str]
    joins: frozenset[str]
    holders: frozenset[str]
    of: frozenset[str]
    particles: frozenset[str]
    on: frozenset[str]
    adjective: re.Pattern[str]
    absence: AbsenceWords
    colours: Mapping[str, str]
    colour_forms: frozenset[str]
    vague: frozenset[str]
    colour_words: frozenset[str]
    not_colour: frozenset[tuple[str, str]]
    materials: Mapping[str, str]
    material_forms: frozenset[str]
    not_material: frozenset[str]
    no_thing: frozenset[str]
    audiences: Mapping[str, str]
    not_audience: frozenset[tuple[str, str]]
    ages: frozenset[str]
    accessories: frozenset[str]
    fits: re.Pattern[str]
    before_device: frozenset[str]
    guides: frozenset[str]
    easy: re.Pattern[str]
    knowledge: re.Pattern[str]
    fields: Mapping[str, tuple[str, ...]]
    field_names: re.Pattern[str]
    contrasts: Mapping[str, str]
    offers: Mapping[str, str]
    forms: Mapping[str, Mapping[str, str]]
    written: Mapping[str, Any]

    def stem(self, word: str) -> str:
        """The stem of one word."""
        return self.stems[word]


@lru_cache(maxsize=64)
def load_language(code: str) -> Language:
    """The pack of a language; a language without one gets empty lists and, if Snowball has one, its stemmer.

    Args:
        code: ISO 639-1, in lower case.

    Raises:
        ConfigError: a pack puts one word under two values.

    Example:
        >>> load_language("de").stem("rote"), load_language("de").colours["rot"], load_language("nl").packed
        ('rot', 'red', False)
    """
    written = _written(code) if code in PACKS else {"name": code, "stemmer": _SNOWBALL.get(code, "")}
    return _Pack(code, written).language()


@lru_cache(maxsize=64)
def _written(code: str) -> dict[str, Any]:
    """A pack's file; ``no`` and ``on`` are words there, not YAML's truth values."""
    written: dict[str, Any] = yaml.load((_FOLDER / f"{code}.yaml").read_text("utf-8"), Loader=yaml.BaseLoader)
    return written


def _split(text: str) -> list[str]:
    return [word for word in (part.strip() for part in text.split(",")) if word]


class _Pack:
    """A pack as it is written, on its way to a :class:`Language`."""

    def __init__(self, code: str, written: Mapping[str, Any]) -> None:
        self.code, self.written = code, written
        self._elisions = _split(written.get("elisions", ""))
        self.stems = Stems(written["stemmer"], written.get("irregular", {}), self._elisions)

    def listed(self, name: str, part: str = "") -> list[str]:
        """The words of a list."""
        place = self.written.get(part, {}) if part else self.written
        return _split(place.get(name, ""))

    def of_stems(self, name: str, part: str = "") -> frozenset[str]:
        return frozenset(self.stems[word] for word in self.listed(name, part))

    def lowered(self, words: Iterable[str]) -> frozenset[str]:
        return frozenset(lower_form(word, self._elisions) for word in words)

    def pairs(self, name: str) -> frozenset[tuple[str, str]]:
        return frozenset(
            (self.stems[first], self.stems[second])
            for first, _, second in (phrase.partition(" ") for phrase in self.listed(name))
        )

    def forms(self, name: str) -> dict[str, str]:
        """Lower-case form to value, of a list by value."""
        by_value: Mapping[str, str] = self.written.get(name, {})
        return {lower_form(word, self._elisions): value for value, words in by_value.items() for word in _split(words)}

    def values(self, name: str) -> dict[str, str]:
        """Stem to value, of a list by value."""
        found: dict[str, str] = {}
        for form, value in self.forms(name).items():
            stem = self.stems[form]
            if found.setdefault(stem, value) != value:
                raise ConfigError(
                    f"languages/{self.code}.yaml {name}: {form!r} == {value!r}, but its stem {stem!r} is already "
                    f"{found[stem]!r}; take one away or give it a stem of its own under irregular"
                )
        return found

    def fields(self) -> dict[str, tuple[str, ...]]:
        """Parts of field names; many shops keep English ones whatever their language."""
        english = _written("en")["fields"]
        own: Mapping[str, str] = self.written.get("fields", {})
        return {kind: tuple(dict.fromkeys(_split(f"{parts}, {own.get(kind, '')}"))) for kind, parts in english.items()}

    def absence(self) -> AbsenceWords:
        section = "absence"
        words = self.listed("words", section)
        free, less = self.listed("free", section), self.listed("less", section)
        return AbsenceWords(
            words=self.lowered(words),
            stems=self.of_stems("words", section),
            phrases=_markers([*self.listed("phrases", section), *self.listed("written", section)]),
            numbered=self.lowered(self.listed("numbered", section)),
            reach=int(self.written.get(section, {}).get("reach", 1)),
            ends=self.of_stems("ends", section),
            also=self.of_stems("also", section),
            no_noun=self.of_stems("no_noun", section),
            hints=tuple({min((e for e in endings), key=len) for endings in (free, less) if endings}),
            free=_free(free, self.listed("free_before", section), joined=self._says("free_joined", section)),
            free_but=self.lowered(self.listed("free_but", section)),
            less=_less(less, self.listed("less_roots", section)),
        )

    def _says(self, name: str, section: str = "") -> bool:
        place = self.written.get(section, {}) if section else self.written
        return str(place.get(name, "false")) == "true"

    def language(self) -> Language:
        """All of it."""
        names = ("stop", "request", "breaks", "joins", "holders", "of", "particles", "on", "vague", "colour_words")
        names += ("not_material", "no_thing", "ages", "accessories", "before_device", "guides")
        sets = {name: self.of_stems(name) for name in names}
        sets["request"] |= sets["stop"]
        sets["breaks"] |= self.of_stems("words", "absence")
        return Language(
            code=self.code,
            name=self.written["name"],
            packed=self.code in PACKS,
            stems=self.stems,
            inflected=self._says("inflected"),
            head_first=self.written.get("head") == "first",
            links=tuple(self.listed("links")),
            adjective=_adjective(self.of_stems("adjectives"), self.listed("adjective_endings")),
            absence=self.absence(),
            colours=self.values("colours"),
            colour_forms=frozenset(self.forms("colours")),
            not_colour=self.pairs("not_colour"),
            materials=self.values("materials"),
            material_forms=frozenset(self.forms("materials")),
            audiences=self.values("audiences"),
            not_audience=self.pairs("not_audience"),
            fits=_phrases(self.listed("fits")),
            easy=_phrases(self.listed("easy"), after=r" \w+"),
            knowledge=_phrases(self.listed("knowledge"), before=r"\s*"),
            fields=self.fields(),
            field_names=_phrases([part for parts in self.fields().values() for part in parts], before="", after=""),
            contrasts=self.values("contrasts"),
            offers=self.values("offers"),
            forms={name: self.forms(name) for name in ("audiences", "materials")},
            written=self.written,
            **sets,
        )


def _any(words: Collection[str]) -> str:
    """An alternation, the longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=lambda w: (-len(w), w)))


def _phrases(phrases: Collection[str], before: str = r"\b", after: str = r"\b") -> re.Pattern[str]:
    if not phrases:
        return _NEVER
    return re.compile(rf"{before}(?:{_any(phrases)}){after}", re.IGNORECASE)


def _markers(phrases: Collection[str]) -> re.Pattern[str]:
    """Phrases with any spacing: between words as many spaces, around a mark none or some."""
    if not phrases:
        return _NEVER
    patterns = []
    for phrase in sorted(phrases, key=lambda p: (-len(p), p)):
        words = re.findall(r"\w+|[^\w\s]", phrase)
        pattern = re.escape(words[0])
        for before, word in zip(words, words[1:], strict=False):
            both = before.isalnum() and word.isalnum()
            pattern += (r"\s+" if both else r"\s*") + re.escape(word)
        patterns.append(pattern + (r"(?!\w)" if words[-1].isalnum() else ""))
    return re.compile(rf"(?<![\w/])(?:{'|'.join(patterns)})", re.IGNORECASE)


def _free(endings: Collection[str], before: Collection[str], *, joined: bool) -> re.Pattern[str]:
    """``sugar-free``, ``sugar free``; where words are written as one, ``zuckerfrei`` and ``zucker-frei``."""
    if not endings:
        return _NEVER
    if joined:
        return re.compile(rf"(?<![\w-])([^\W\d_]{{2,30}}?)-?(?:{_any(endings)})\b", re.IGNORECASE)
    never = rf"(?![ -]?(?:\w*{'|'.join(before)}))" if before else ""
    end = _any(endings)
    return re.compile(rf"(?<![\w-])([^\W\d_]{{3,30}})(?:-(?:{end})\b|[ ](?:{end})\b{never})", re.IGNORECASE)


def _less(endings: Collection[str], roots: Collection[str]) -> re.Pattern[str]:
    if not endings or not roots:
        return _NEVER
    return re.compile(rf"\b({_any(roots)})(?:{_any(endings)})\b", re.IGNORECASE)


def _adjective(words: Collection[str], endings: Collection[str]) -> re.Pattern[str]:
    patterns = [re.escape(word) for word in sorted(words)]
    patterns += [rf"\w{{3,}}(?:{_any(endings)})"] if endings else []
    return re.compile("|".join(patterns)) if patterns else _NEVER
