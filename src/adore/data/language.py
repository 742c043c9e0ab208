"""Which language a shop's texts are read in.

``dataset.yaml`` sets it; otherwise it is detected from the shop's titles and queries.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from adore.attributes.language_packs import PACKS, load_language
from adore.data.rows import Row
from adore.errors import check

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

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
"""Languages that are detected (ISO 639-1)."""

DEFAULT = "en"
"""Where there is too little text to detect a language."""
_SAMPLE = 2_000
"""Texts that are classified."""
_TEXT_LENGTH = 200
"""Characters of each text that are classified."""
_MIN_TEXTS = 4
_MIN_LETTERS = 80
"""Less text than that detects no language."""
_MIN_WORD = 4
"""Letters that a text must have."""
_MAIN_SHARE = 0.5
"""Share from which a language is the catalogue's."""
_MIXED_SHARE = 0.1
"""Share from which another language makes a catalogue mixed ..."""
_MIXED_TEXTS = 5
"""... if it is of so many texts."""
_ROUNDS = 50


@dataclass(frozen=True, slots=True)
class ChosenLanguage:
    """The language of a shop's texts.

    Attributes:
        code: ISO 639-1.
        how: ``said`` (by ``dataset.yaml``), ``detected`` or ``assumed``.
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
        """Say in one sentence which language it is and why."""
        language_name = _name(self.code)
        sentences = {
            "said": f"{language_name}, as dataset.yaml says",
            "detected": (
                f"{language_name}, told by titles and queries "
                "(say another in dataset.yaml, as in language: de)"
            ),
            "assumed": (
                f"{language_name} is assumed: there is too little text to tell "
                "(say it in dataset.yaml: language: de)"
            ),
        }
        sentence = sentences[self.how]
        if load_language(self.code).packed:
            return sentence
        return f"{sentence}; {self._limits()}"

    def _limits(self) -> str:
        packed = ", ".join(map(_name, PACKS))
        return (
            f"there is no pack of words for it ({packed} have one), "
            "so negation, colours, materials and audiences are not read; "
            "words, brands, sizes and the shop's own fields are"
        )

    def warnings(self) -> list[str]:
        """List what may go wrong with it, one sentence each."""
        parts = ", ".join(
            [f"{_name(code)} {share:.0%}" for code, share in self.shares.items()]
        )
        warnings = []
        if self.mixed:
            warnings.append(
                f"WARNING: the texts are of several languages ({parts}); "
                f"all are read as {_name(self.code)}, so split the shop by language, "
                "or say which one counts in dataset.yaml (language: de)"
            )
        elif self.how == "said" and self.shares and self.code not in self.shares:
            warnings.append(
                f"WARNING: dataset.yaml says language: {self.code}, but the texts look like {parts}"
            )
        if not load_language(self.code).packed:
            warnings.append(f"WARNING: {_name(self.code)}: {self._limits()}")
        return warnings

    def to_json(self) -> Row:
        """Write it for ``data_report.json``."""
        return {
            "code": self.code,
            "how": self.how,
            "shares": {code: round(share, 4) for code, share in self.shares.items()},
            "mixed": self.mixed,
            "pack": load_language(self.code).packed,
        }


def _name(code: str) -> str:
    if code in PACKS:
        return f"{load_language(code).name} ({code})"
    return f"language {code}"


def parse_language_code(configured: str) -> str:
    """Read a language code.

    Args:
        configured: ``language`` of ``dataset.yaml``.

    Returns:
        ``de`` of ``DE`` or ``de-AT``; ``""`` of ``""``.

    Raises:
        ConfigError: the code is not known.

    Example:
        >>> [parse_language_code(code) for code in ("de-AT", " FR ", "")]
        ['de', 'fr', '']
    """
    code = configured.strip().replace("_", "-").partition("-")[0].lower()
    packs = ", ".join([f"{pack} ({load_language(pack).name})" for pack in PACKS])
    check(
        not code or code in KNOWN,
        "dataset.yaml language",
        configured,
        must=(
            f"a two-letter code; {packs} have a pack of words, "
            f"any other of {', '.join(KNOWN)} is read without"
        ),
        fix="write one of them, or leave it out to have it told by the texts",
    )
    return code


def choose_language(configured: str, texts: Iterable[str]) -> ChosenLanguage:
    """Choose the language that a shop configures, or else that most of its texts are of.

    Args:
        configured: ``language`` of ``dataset.yaml``; empty: detected from the texts.
        texts: titles and queries.

    Returns:
        The language, and why it was chosen.

    Raises:
        ConfigError: the configured code is not known.
    """
    code = parse_language_code(configured)
    shares = language_shares(texts)
    if code:
        return ChosenLanguage(code, "said", shares)
    if not shares:
        return ChosenLanguage(DEFAULT, "assumed")

    main = next(iter(shares))
    if len(shares) == 1 and shares[main] < _MAIN_SHARE:
        return ChosenLanguage(DEFAULT, "assumed")
    return ChosenLanguage(main, "detected", shares)


def language_shares(texts: Iterable[str]) -> dict[str, float]:
    """Estimate the share of each language among texts.

    One title or query says little (*LED lamp* is of many languages). The share of each language
    and the language of each text are therefore estimated together by expectation maximisation.

    Source: Saerens, Latinne and Decaestecker 2002, Adjusting the outputs of a classifier to new
    a priori probabilities.

    Args:
        texts: titles and queries; each counts once.

    Returns:
        Language to share, the largest first, without small shares; empty for too little text.
    """
    import numpy as np  # not in the router's image, which only reads items

    distinct = dict.fromkeys(texts)
    with_words = []
    for text in distinct:
        if _letters(text) >= _MIN_WORD:
            with_words.append(text)
    sample = _sample(with_words)
    if len(sample) < _MIN_TEXTS or sum(map(_letters, sample)) < _MIN_LETTERS:
        return {}

    # The classifier's probability of each language (column) for each text (row).
    classifier = _identifier()
    likely = np.empty((len(sample), len(KNOWN)))
    for index, sample_text in enumerate(sample):
        by_language = dict(classifier.rank(sample_text.lower()))
        likely[index] = [by_language[code] for code in KNOWN]

    shares = np.full(len(KNOWN), 1.0 / len(KNOWN))
    for _ in range(_ROUNDS):
        # E step: P(language | text) under the present shares.
        posterior = likely * shares
        posterior /= np.maximum(posterior.sum(axis=1, keepdims=True), 1e-300)

        # M step: a language's share is its mean over the texts.
        shares = posterior.mean(axis=0)

    largest_first = np.argsort(-shares, kind="stable")
    by_share: dict[str, float] = {}
    for index in largest_first:
        share = float(shares[index])
        is_large = share >= _MIXED_SHARE and share * len(sample) >= _MIXED_TEXTS
        if not by_share or is_large:  # the largest always stays
            by_share[KNOWN[index]] = share
    return by_share


def _letters(text: str) -> int:
    return sum(map(str.isalpha, text))


def _sample(texts: Sequence[str]) -> list[str]:
    """At most :data:`_SAMPLE` texts, evenly from all of them."""
    # A step that is rounded down would give more texts than that.
    rounded_up = math.ceil(len(texts) / _SAMPLE)
    step = max(1, rounded_up)
    sample = []
    for text in texts[::step]:
        sample.append(text[:_TEXT_LENGTH])
    return sample


@lru_cache(maxsize=1)
def _identifier() -> LanguageIdentifier:
    """The classifier, with its calibrated probabilities."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    classifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    classifier.set_languages(KNOWN)
    return classifier
