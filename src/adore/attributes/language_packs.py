"""Loads a language's pack, ``languages/CODE.yaml``.

There is one a language, and all have the same keys.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from adore.attributes.language import AbsenceWords, Language
from adore.attributes.stemming import Stems, lower_form
from adore.errors import ConfigError

__all__ = ["PACKS", "foreign_field", "listed_in_all_packs", "load_language"]

_FOLDER = Path(__file__).parent / "languages"
PACKS: tuple[str, ...] = tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))
"""Codes of the languages that have a pack."""
_SNOWBALL = {
    "ar": "arabic", "ca": "catalan", "da": "danish", "de": "german", "el": "greek",
    "en": "english", "es": "spanish", "et": "estonian", "eu": "basque", "fi": "finnish",
    "fr": "french", "ga": "irish", "hi": "hindi", "hu": "hungarian", "hy": "armenian",
    "id": "indonesian", "it": "italian", "lt": "lithuanian", "ne": "nepali", "nl": "dutch",
    "no": "norwegian", "pt": "portuguese", "ro": "romanian", "ru": "russian", "sr": "serbian",
    "sv": "swedish", "ta": "tamil", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip
"""Snowball's stemmers, for languages without a pack."""
_NEVER = re.compile(r"(?!)")
_LISTS = (
    "stop", "request", "breaks", "joins", "holders", "of", "particles", "on", "vague",
    "colour_words", "not_material", "no_thing", "ages", "accessories", "parts", "before_device",
    "adds_part", "ends_part", "goes_with", "guides",
)  # fmt: skip
"""Lists that are kept as stems."""


@lru_cache(maxsize=64)
def load_language(code: str) -> Language:
    """The pack of a language.

    A language without one gets empty lists and, if Snowball has one, its stemmer.

    Args:
        code: ISO 639-1, in lower case.

    Raises:
        ConfigError: a pack puts one word under two values.

    Example:
        >>> german = load_language("de")
        >>> german.stem("rote"), german.colours["rot"], load_language("nl").packed
        ('rot', 'red', False)
    """
    written = (
        _written(code)
        if code in PACKS
        else {"name": code, "stemmer": _SNOWBALL.get(code, "")}
    )
    return _Pack(code, written).language()


@lru_cache(maxsize=4_096)
def foreign_field(name: str) -> str:
    """Which kind of field a whole name is in any pack, or nothing.

    Exports keep names in another language than their texts.

    Args:
        name: in lower case.

    Example:
        >>> foreign_field("größe"), foreign_field("couleur"), foreign_field("installation")
        ('size', 'colour', '')
    """
    for code in PACKS:
        for kind, parts in _written(code)["fields"].items():
            if name in _split(parts):
                return str(kind)
    return ""


@lru_cache(maxsize=16)
def listed_in_all_packs(name: str) -> tuple[str, ...]:
    """Return a list's words in the languages of all packs.

    Exports keep words in another language than their texts.

    Args:
        name: of the list.

    Example:
        >>> listed_in_all_packs("size_words")
        ('größe', 'grösse', 'groesse', 'size', 'talla', 'taille')
    """
    return tuple(word for code in PACKS for word in _split(_written(code)[name]))


@lru_cache(maxsize=64)
def _written(code: str) -> dict[str, Any]:
    """A pack's file; ``no`` and ``on`` are words there, not YAML's truth values."""
    written: dict[str, Any] = yaml.load(
        (_FOLDER / f"{code}.yaml").read_text("utf-8"), Loader=yaml.BaseLoader
    )
    return written


def _split(text: str) -> list[str]:
    return [word for word in (part.strip() for part in text.split(",")) if word]


class _Pack:
    """A pack as it is written, on its way to a :class:`Language`."""

    def __init__(self, code: str, written: Mapping[str, Any]) -> None:
        self.code, self.written = code, written
        self._elisions = _split(written.get("elisions", ""))
        self.stems = Stems(
            written["stemmer"], written.get("irregular", {}), self._elisions
        )

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
            for first, _, second in (
                phrase.partition(" ") for phrase in self.listed(name)
            )
        )

    def forms(self, name: str) -> dict[str, str]:
        """Lower-case form to value, of a list by value."""
        by_value: Mapping[str, str] = self.written.get(name, {})
        return {
            lower_form(word, self._elisions): value
            for value, words in by_value.items()
            for word in _split(words)
        }

    def values(self, name: str) -> dict[str, str]:
        """Stem to value, of a list by value."""
        found: dict[str, str] = {}
        for form, value in self.forms(name).items():
            stem = self.stems[form]
            if found.setdefault(stem, value) != value:
                raise ConfigError(
                    f"languages/{self.code}.yaml {name}: {form!r} == {value!r}, "
                    f"but its stem {stem!r} is already {found[stem]!r}; "
                    "take one away or give it a stem of its own under irregular"
                )
        return found

    def fields(self) -> dict[str, tuple[str, ...]]:
        """Parts of field names; many shops keep English ones whatever their language."""
        english = _written("en")["fields"]
        own: Mapping[str, str] = self.written.get("fields", {})
        return {
            kind: tuple(dict.fromkeys(_split(f"{parts}, {own.get(kind, '')}")))
            for kind, parts in english.items()
        }

    def absence(self) -> AbsenceWords:
        section = "absence"
        words = self.listed("words", section)
        free, less = self.listed("free", section), self.listed("less", section)
        return AbsenceWords(
            words=self.lowered(words),
            stems=self.of_stems("words", section),
            phrases=_markers(
                [*self.listed("phrases", section), *self.listed("written", section)]
            ),
            numbered=self.lowered(self.listed("numbered", section)),
            reach=int(self.written.get(section, {}).get("reach", 1)),
            ends=self.of_stems("ends", section),
            also=self.of_stems("also", section),
            no_noun=self.of_stems("no_noun", section),
            hints=tuple(
                {
                    min((e for e in endings), key=len)
                    for endings in (free, less)
                    if endings
                }
            ),
            free=_free(
                free,
                self.listed("free_before", section),
                joined=self._says("free_joined", section),
            ),
            free_but=self.lowered(self.listed("free_but", section)),
            less=_less(less, self.listed("less_roots", section)),
        )

    def _says(self, name: str, section: str = "") -> bool:
        place = self.written.get(section, {}) if section else self.written
        return str(place.get(name, "false")) == "true"

    def language(self) -> Language:
        """All of it."""
        sets = {name: self.of_stems(name) for name in _LISTS}
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
            adjective=_adjective(
                self.of_stems("adjectives"), self.listed("adjective_endings")
            ),
            absence=self.absence(),
            colours=self.values("colours"),
            colour_forms=frozenset(self.forms("colours")),
            not_colour=self.pairs("not_colour"),
            materials=self.values("materials"),
            material_forms=frozenset(self.forms("materials")),
            audiences=self.values("audiences"),
            not_audience=self.pairs("not_audience"),
            before_thing=_phrases(self.listed("before_thing")),
            fits=_phrases(self.listed("fits")),
            easy=_phrases(self.listed("easy"), after=r" \w+"),
            knowledge=_phrases(self.listed("knowledge"), before=r"\s*"),
            fields=self.fields(),
            field_names=_phrases(
                [part for parts in self.fields().values() for part in parts],
                before="",
                after="",
            ),
            contrasts=self.values("contrasts"),
            offers=self.values("offers"),
            forms={
                name: self.forms(name) for name in ("audiences", "materials", "colours")
            },
            written=self.written,
            **sets,
        )


def _any(words: Collection[str]) -> str:
    """An alternation, the longest first."""
    return "|".join(
        re.escape(word) for word in sorted(words, key=lambda w: (-len(w), w))
    )


def _phrases(
    phrases: Collection[str], before: str = r"\b", after: str = r"\b"
) -> re.Pattern[str]:
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
        for before, word in pairwise(words):
            both = before.isalnum() and word.isalnum()
            pattern += (r"\s+" if both else r"\s*") + re.escape(word)
        patterns.append(pattern + (r"(?!\w)" if words[-1].isalnum() else ""))
    return re.compile(rf"(?<![\w/])(?:{'|'.join(patterns)})", re.IGNORECASE)


def _free(
    endings: Collection[str], before: Collection[str], *, joined: bool
) -> re.Pattern[str]:
    """``sugar-free``, ``sugar free``.

    Where words are written as one, ``zuckerfrei`` and ``zucker-frei``.
    """
    if not endings:
        return _NEVER
    if joined:
        return re.compile(
            rf"(?<![\w-])([^\W\d_]{{2,30}}?)-?(?:{_any(endings)})\b", re.IGNORECASE
        )
    never = rf"(?![ -]?(?:\w*{'|'.join(before)}))" if before else ""
    end = _any(endings)
    return re.compile(
        rf"(?<![\w-])([^\W\d_]{{3,30}})(?:-(?:{end})\b|[ ](?:{end})\b{never})",
        re.IGNORECASE,
    )


def _less(endings: Collection[str], roots: Collection[str]) -> re.Pattern[str]:
    if not endings or not roots:
        return _NEVER
    return re.compile(rf"\b({_any(roots)})(?:{_any(endings)})\b", re.IGNORECASE)


def _adjective(words: Collection[str], endings: Collection[str]) -> re.Pattern[str]:
    patterns = [re.escape(word) for word in sorted(words)]
    if endings:
        patterns.append(rf"\w{{3,}}(?:{_any(endings)})")
    if not patterns:
        return _NEVER
    return re.compile("|".join(patterns))
