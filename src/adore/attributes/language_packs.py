"""Loads the packs of words, ``languages/CODE.yaml``: one a language, all with the same keys."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import yaml

from adore.attributes.language import AbsenceWords, Language
from adore.attributes.stemming import Stems, lower_form
from adore.errors import ConfigError
from adore.text import any_of, longest_first

__all__ = ["PACKS", "foreign_field", "listed_in_all_packs", "load_language"]

_FOLDER = Path(__file__).parent / "languages"
_PACK_FILES = sorted(_FOLDER.glob("*.yaml"))
PACKS: tuple[str, ...] = tuple(pack_file.stem for pack_file in _PACK_FILES)
"""Codes of the languages that have a pack."""
_SNOWBALL = {
    "ar": "arabic",
    "ca": "catalan",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "et": "estonian",
    "eu": "basque",
    "fi": "finnish",
    "fr": "french",
    "ga": "irish",
    "hi": "hindi",
    "hu": "hungarian",
    "hy": "armenian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "ne": "nepali",
    "nl": "dutch",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
    "yi": "yiddish",
}
"""Snowball's stemmers, for languages without a pack."""
_NEVER = re.compile(r"(?!)")
_LISTS = (
    "stop",
    "request",
    "breaks",
    "joins",
    "holders",
    "of",
    "particles",
    "on",
    "vague",
    "colour_words",
    "not_material",
    "no_thing",
    "ages",
    "accessories",
    "parts",
    "before_device",
    "adds_part",
    "ends_part",
    "goes_with",
    "guides",
)
"""Lists that are kept as stems."""


@lru_cache(maxsize=64)
def load_language(code: str) -> Language:
    """Load the pack of a language.

    A language without one gets empty lists and, if Snowball has one, its stemmer. A pack that puts
    one word under two values is refused with :class:`adore.errors.ConfigError`.

    Args:
        code: ISO 639-1, in lower case.

    Returns:
        The words of the language; the same object at every call.

    Example:
        >>> german = load_language("de")
        >>> german.stem("rote"), german.colours["rot"], load_language("nl").packed
        ('rot', 'red', False)
    """
    pack_content: Mapping[str, Any] = {
        "name": code,
        "stemmer": _SNOWBALL.get(code, ""),
    }
    if code in PACKS:
        pack_content = _written(code)
    pack = _Pack(code, pack_content)
    return pack.language()


@lru_cache(maxsize=4_096)
def foreign_field(name: str) -> str:
    """Return the kind of field that a whole name is in any pack, or nothing.

    Exports keep names in another language than their texts.

    Args:
        name: in lower case.

    Returns:
        A key of ``fields`` in the packs.

    Example:
        >>> foreign_field("größe"), foreign_field("couleur"), foreign_field("installation")
        ('size', 'colour', '')
    """
    for language_code in PACKS:
        fields_of_pack: Mapping[str, str] = _written(language_code)["fields"]
        for kind, field_names in fields_of_pack.items():
            if name in _split(field_names):
                return kind
    return ""


@lru_cache(maxsize=16)
def listed_in_all_packs(name: str) -> tuple[str, ...]:
    """Return a list's words in the languages of all packs.

    Exports keep words in another language than their texts.

    Args:
        name: of the list.

    Returns:
        Words as they are written, by language.

    Example:
        >>> listed_in_all_packs("size_words")
        ('größe', 'grösse', 'groesse', 'size', 'talla', 'taille')
    """
    words: list[str] = []
    for language_code in PACKS:
        pack = _written(language_code)
        words += _split(pack[name])
    return tuple(words)


@lru_cache(maxsize=64)
def _written(code: str) -> dict[str, Any]:
    """A pack's file; ``no`` and ``on`` are words there, not YAML's truth values."""
    pack_path = _FOLDER / f"{code}.yaml"
    pack_text = pack_path.read_text("utf-8")
    pack_content: dict[str, Any] = yaml.load(pack_text, Loader=yaml.BaseLoader)
    return pack_content


def _split(text: str) -> list[str]:
    """The words or phrases of a list."""
    parts: list[str] = []
    for written_part in text.split(","):
        part = written_part.strip()
        if part:
            parts.append(part)
    return parts


class _Pack:
    """A pack as it is written, on its way to a :class:`Language`."""

    def __init__(self, code: str, written: Mapping[str, Any]) -> None:
        self.code = code
        self.written = written
        self._elisions = _split(written.get("elisions", ""))
        irregular = written.get("irregular", {})
        self.stems = Stems(written["stemmer"], irregular, self._elisions)

    def _text(self, name: str, section: str) -> str:
        """What the pack has under a name; nothing for a list that the language lacks."""
        mapping = self.written
        if section:
            mapping = self.written.get(section, {})
        text: str = mapping.get(name, "")
        return text

    def listed(self, name: str, section: str = "") -> list[str]:
        """The words of a list."""
        return _split(self._text(name, section))

    def stems_of(self, name: str, section: str = "") -> frozenset[str]:
        """The stems of a list's words."""
        words = self.listed(name, section)
        return frozenset(self.stems[word] for word in words)

    def lowered(self, words: Iterable[str]) -> frozenset[str]:
        """Words in lower case."""
        return frozenset(lower_form(word, self._elisions) for word in words)

    def pairs(self, name: str) -> frozenset[tuple[str, str]]:
        """The stems of a list of phrases of two words."""
        stem_pairs: list[tuple[str, str]] = []
        for phrase in self.listed(name):
            first_word, _space, second_word = phrase.partition(" ")
            first_stem = self.stems[first_word]
            second_stem = self.stems[second_word]
            stem_pairs.append((first_stem, second_stem))
        return frozenset(stem_pairs)

    def forms(self, name: str) -> dict[str, str]:
        """Lower-case form to value, of a list by value."""
        by_value: Mapping[str, str] = self.written.get(name, {})
        value_of: dict[str, str] = {}
        for value, written_words in by_value.items():
            for written_word in _split(written_words):
                form = lower_form(written_word, self._elisions)
                value_of[form] = value
        return value_of

    def values(self, name: str) -> dict[str, str]:
        """Stem to value, of a list by value.

        Returns:
            The table.

        Raises:
            ConfigError: one word stands under two values.
        """
        value_of: dict[str, str] = {}
        for form, value in self.forms(name).items():
            stem = self.stems[form]
            if value_of.setdefault(stem, value) != value:
                raise ConfigError(
                    f"languages/{self.code}.yaml {name}: {form!r} == {value!r}, "
                    f"but its stem {stem!r} is already {value_of[stem]!r}; "
                    "take one away or give it a stem of its own under irregular"
                )
        return value_of

    def fields(self) -> dict[str, tuple[str, ...]]:
        """Parts of field names; many shops keep English ones whatever their language."""
        english: Mapping[str, str] = _written("en")["fields"]
        of_language: Mapping[str, str] = self.written.get("fields", {})
        fields: dict[str, tuple[str, ...]] = {}
        for field_kind, english_parts in english.items():
            part_names = _split(english_parts)
            more_parts = of_language.get(field_kind, "")
            part_names += _split(more_parts)

            # The two languages may share a name.
            without_repeats = dict.fromkeys(part_names)
            fields[field_kind] = tuple(without_repeats)
        return fields

    def absence(self) -> AbsenceWords:
        """How texts say that something is absent."""
        section = "absence"
        marker_words = self.listed("words", section)
        free_endings = self.listed("free", section)
        less_endings = self.listed("less", section)
        marker_phrases = self.listed("phrases", section)
        marker_phrases += self.listed("written", section)
        free_before = self.listed("free_before", section)
        less_roots = self.listed("less_roots", section)
        numbered = self.listed("numbered", section)
        free_but = self.listed("free_but", section)
        is_joined = self._is_true("free_joined", section)
        reach = self._text("reach", section) or "1"
        return AbsenceWords(
            words=self.lowered(marker_words),
            stems=self.stems_of("words", section),
            phrases=_markers(marker_phrases),
            numbered=self.lowered(numbered),
            reach=int(reach),
            ends=self.stems_of("ends", section),
            also=self.stems_of("also", section),
            no_noun=self.stems_of("no_noun", section),
            hints=tuple(_shortest_of_each(free_endings, less_endings)),
            free=_free(free_endings, free_before, joined=is_joined),
            free_but=self.lowered(free_but),
            less=_less(less_endings, less_roots),
        )

    def _is_true(self, name: str, section: str = "") -> bool:
        return self._text(name, section) == "true"

    def language(self) -> Language:
        """All of it."""
        lists: dict[str, frozenset[str]] = {}
        for name in _LISTS:
            lists[name] = self.stems_of(name)

        # A request has words that say nothing, too; *without* ends a noun phrase.
        lists["request"] |= lists["stop"]
        lists["breaks"] |= self.stems_of("words", "absence")

        fields = self.fields()
        field_names = list(chain.from_iterable(fields.values()))

        adjectives = self.stems_of("adjectives")
        adjective_endings = self.listed("adjective_endings")
        forms: dict[str, dict[str, str]] = {}
        for name in ("audiences", "materials", "colours"):
            forms[name] = self.forms(name)
        return Language(
            code=self.code,
            name=self.written["name"],
            packed=self.code in PACKS,
            stems=self.stems,
            inflected=self._is_true("inflected"),
            head_first=self.written.get("head") == "first",
            links=tuple(self.listed("links")),
            adjective=_adjective(adjectives, adjective_endings),
            absence=self.absence(),
            colours=self.values("colours"),
            colour_forms=frozenset(forms["colours"]),
            not_colour=self.pairs("not_colour"),
            materials=self.values("materials"),
            material_forms=frozenset(forms["materials"]),
            audiences=self.values("audiences"),
            not_audience=self.pairs("not_audience"),
            before_thing=_phrases(self.listed("before_thing")),
            fits=_phrases(self.listed("fits")),
            easy=_phrases(self.listed("easy"), after=r" \w+"),
            knowledge=_phrases(self.listed("knowledge"), before=r"\s*"),
            fields=fields,
            field_names=_phrases(field_names, before="", after=""),
            contrasts=self.values("contrasts"),
            offers=self.values("offers"),
            forms=forms,
            written=self.written,
            **lists,
        )


def _shortest_of_each(*lists: list[str]) -> Iterator[str]:
    """The shortest word of each list, which a text must have to have any of the list."""
    for words in lists:
        if words:
            yield min(words, key=len)


# ------------------------------------------------------------------ patterns


def _phrases(
    phrases: Collection[str], before: str = r"\b", after: str = r"\b"
) -> re.Pattern[str]:
    """Any of the phrases."""
    if not phrases:
        return _NEVER
    return re.compile(rf"{before}(?:{any_of(phrases)}){after}", re.IGNORECASE)


def _markers(phrases: Collection[str]) -> re.Pattern[str]:
    """Phrases with any spacing: between words as many spaces, around a mark none or some."""
    if not phrases:
        return _NEVER
    patterns = list(map(_marker, longest_first(phrases)))
    return re.compile(rf"(?<![\w/])(?:{'|'.join(patterns)})", re.IGNORECASE)


def _marker(phrase: str) -> str:
    """The pattern of one phrase of words and marks (*w/o*)."""
    phrase_words = re.findall(r"\w+|[^\w\s]", phrase)
    regex: str = re.escape(phrase_words[0])
    for previous, following in pairwise(phrase_words):
        are_words = previous.isalnum() and following.isalnum()
        between = r"\s+" if are_words else r"\s*"
        regex = f"{regex}{between}{re.escape(following)}"
    if phrase_words[-1].isalnum():
        regex += r"(?!\w)"
    return regex


def _free(
    endings: Collection[str], before: Collection[str], *, joined: bool
) -> re.Pattern[str]:
    """``sugar-free``, ``sugar free``.

    Where words are written as one, ``zuckerfrei`` and ``zucker-frei``.

    Returns:
        The pattern; group 1 is what is absent.
    """
    if not endings:
        return _NEVER
    any_ending = any_of(endings)
    if joined:
        pattern = rf"(?<![\w-])([^\W\d_]{{2,30}}?)-?(?:{any_ending})\b"
        return re.compile(pattern, re.IGNORECASE)

    not_before = ""
    if before:
        not_before = rf"(?![ -]?(?:\w*{'|'.join(before)}))"
    return re.compile(
        rf"(?<![\w-])([^\W\d_]{{3,30}})(?:-(?:{any_ending})\b|[ ](?:{any_ending})\b{not_before})",
        re.IGNORECASE,
    )


def _less(endings: Collection[str], roots: Collection[str]) -> re.Pattern[str]:
    """``strapless``."""
    if not endings or not roots:
        return _NEVER
    pattern = rf"\b({any_of(roots)})(?:{any_of(endings)})\b"
    return re.compile(pattern, re.IGNORECASE)


def _adjective(words: Collection[str], endings: Collection[str]) -> re.Pattern[str]:
    """Some words, and any word with one of the endings."""
    patterns = list(map(re.escape, sorted(words)))
    if endings:
        patterns.append(rf"\w{{3,}}(?:{any_of(endings)})")
    if not patterns:
        return _NEVER
    return re.compile("|".join(patterns))
