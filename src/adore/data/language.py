"""Which language a shop's texts are read in.

It is said in ``dataset.yaml``, or told by the shop's titles and queries.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from adore.attributes.language_packs import PACKS, load_language
from adore.errors import check

__all__ = [
    "KNOWN",
    "ChosenLanguage",
    "choose_language",
    "language_shares",
    "parse_language_code",
]

KNOWN: tuple[str, ...] = (
    "af", "ar", "bg", "ca", "cs", "da", "de", "el", "en", "es", "et", "eu", "fa", "fi", "fr",
    "ga", "gl", "he", "hi", "hr", "hu", "hy", "id", "is", "it", "ja", "ko", "lt", "lv", "ms",
    "nl", "no", "pl", "pt", "ro", "ru", "sk", "sl", "sq", "sr", "sv", "th", "tr", "uk", "vi",
    "zh",
)  # fmt: skip
"""Languages that are told apart (ISO 639-1)."""

DEFAULT = "en"
"""Where there is too little text to tell."""
_SAMPLE = 2_000
"""Texts that are looked at."""
_LEAST_TEXTS = 4
_LEAST_LETTERS = 80
"""Less text than that tells no language."""
_SURE = 0.5
"""Share from which a language is the catalogue's."""
_MIXED = 0.1
"""Share from which another language makes a catalogue mixed ..."""
_MIXED_TEXTS = 5
"""... if it is of so many texts."""
_ROUNDS = 50


@dataclass(frozen=True, slots=True)
class ChosenLanguage:
    """The language of a shop's texts.

    Attributes:
        code: ISO 639-1.
        how: ``said``, ``detected`` or ``assumed``.
        shares: language to its share of the texts, the largest first; empty where there is too
            little text.
    """

    code: str
    how: str
    shares: dict[str, float] = field(default_factory=dict)

    @property
    def mixed(self) -> bool:
        """Whether several languages have a good share."""
        return len(self.shares) > 1

    def sentence(self) -> str:
        """What a person should know of it."""
        name = _name(self.code)
        why = {
            "said": f"{name}, as dataset.yaml says",
            "detected": (
                f"{name}, told by titles and queries "
                "(say another in dataset.yaml, as in language: de)"
            ),
            "assumed": (
                f"{name} is assumed: there is too little text to tell "
                "(say it in dataset.yaml: language: de)"
            ),
        }[self.how]
        return why if load_language(self.code).packed else f"{why}; {self._lacks()}"

    def _lacks(self) -> str:
        packed = ", ".join(map(_name, PACKS))
        return (
            f"there is no pack of words for it ({packed} have one), "
            "so negation, colours, materials and audiences are not read; "
            "words, brands, sizes and the shop's own fields are"
        )

    def warnings(self) -> list[str]:
        """What may go wrong with it, one sentence each."""
        parts = ", ".join(
            f"{_name(code)} {share:.0%}" for code, share in self.shares.items()
        )
        notes = []
        if self.mixed:
            notes.append(
                f"WARNING: the texts are of several languages ({parts}); "
                f"all are read as {_name(self.code)}, so split the shop by language, "
                "or say which one counts in dataset.yaml (language: de)"
            )
        elif self.how == "said" and self.shares and self.code not in self.shares:
            notes.append(
                f"WARNING: dataset.yaml says language: {self.code}, but the texts look like {parts}"
            )
        if not load_language(self.code).packed:
            notes.append(f"WARNING: {_name(self.code)}: {self._lacks()}")
        return notes

    def record(self) -> dict[str, Any]:
        """For ``data_report.json``."""
        shares = {code: round(share, 4) for code, share in self.shares.items()}
        packed = load_language(self.code).packed
        return {
            "code": self.code,
            "how": self.how,
            "shares": shares,
            "mixed": self.mixed,
            "pack": packed,
        }


def _name(code: str) -> str:
    return (
        f"{load_language(code).name} ({code})" if code in PACKS else f"language {code}"
    )


def parse_language_code(said: str) -> str:
    """``de`` of ``DE`` or ``de-AT``; nothing of nothing.

    Raises:
        ConfigError: it is no code that is known.

    Example:
        >>> parse_language_code("de-AT"), parse_language_code(" FR "), parse_language_code("")
        ('de', 'fr', '')
    """
    code = said.strip().replace("_", "-").partition("-")[0].lower()
    packs = ", ".join(f"{pack} ({load_language(pack).name})" for pack in PACKS)
    check(
        not code or code in KNOWN,
        "dataset.yaml language",
        said,
        must=(
            f"a two-letter code; {packs} have a pack of words, "
            f"any other of {', '.join(KNOWN)} is read without"
        ),
        fix="write one of them, or leave it out to have it told by the texts",
    )
    return code


def choose_language(said: str, texts: Iterable[str]) -> ChosenLanguage:
    """The language that a shop says, or else that most of its texts are of.

    Args:
        said: ``language`` of ``dataset.yaml``; empty: told by the texts.
        texts: titles and queries.

    Raises:
        ConfigError: what is said is no code that is known.
    """
    code = parse_language_code(said)
    shares = language_shares(texts)
    if code:
        return ChosenLanguage(code, "said", shares)
    first = next(iter(shares), "")
    if not first or (shares[first] < _SURE and len(shares) == 1):
        return ChosenLanguage(DEFAULT, "assumed")
    return ChosenLanguage(first, "detected", shares)


def language_shares(texts: Iterable[str]) -> dict[str, float]:
    """Language to its share of the texts, the largest first; those with a small share are left out.

    One title or query says little (*LED lamp* is of many languages). How much of the whole each
    language has, and of which each text then is, are found together by expectation maximisation.

    Source: Saerens, Latinne and Decaestecker 2002, Adjusting the outputs of a classifier to new
    a priori probabilities.
    """
    import numpy as np  # not in the router's image, which only reads items

    distinct = dict.fromkeys(texts)
    kept = _sampled([text for text in distinct if _letters(text) >= 4])
    letters = sum(_letters(text) for text in kept)
    if len(kept) < _LEAST_TEXTS or letters < _LEAST_LETTERS:
        return {}

    # The classifier's probability of each language (column) for each text (row).
    identifier = _identifier()
    rows = []
    for text in kept:
        of_text = dict(identifier.rank(text.lower()))
        rows.append([of_text[code] for code in KNOWN])
    likely = np.array(rows)

    share = np.full(len(KNOWN), 1.0 / len(KNOWN))
    for _ in range(_ROUNDS):
        # E step: P(language | text) under the present shares.
        of_texts = likely * share
        of_texts /= np.maximum(of_texts.sum(axis=1, keepdims=True), 1e-300)

        # M step: a language's share is its mean over the texts.
        share = of_texts.mean(axis=0)

    largest_first = np.argsort(-share, kind="stable")
    found: dict[str, float] = {}
    for index in largest_first:
        part = float(share[index])
        is_large = part >= _MIXED and part * len(kept) >= _MIXED_TEXTS
        if not found or is_large:  # the largest always stays
            found[KNOWN[index]] = part
    return found


def _letters(text: str) -> int:
    return sum(character.isalpha() for character in text)


def _sampled(texts: Sequence[str]) -> list[str]:
    """At most :data:`_SAMPLE` texts, evenly from all of them."""
    step = max(1, -(-len(texts) // _SAMPLE))
    return [text[:200] for text in texts[::step]]


@lru_cache(maxsize=1)
def _identifier() -> Any:
    """The classifier, with its calibrated probabilities."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(KNOWN)
    return identifier
