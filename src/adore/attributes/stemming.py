"""One stem for the forms of a word, the same in mining, reading, training and serving."""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Callable, Collection, Mapping

__all__ = ["LIGHT", "Stems", "lower_form"]

LIGHT = "light"
"""Name of the stemmer that takes an English plural off and nothing else."""
_CACHED_WORDS = 200_000
"""Words that are remembered."""


def lower_form(word: str, elisions: Collection[str] = ()) -> str:
    """Write a word in lower case and NFKC, without possessive and elided article; never empty.

    Args:
        word: as it is written.
        elisions: lower-case articles that are dropped before an apostrophe (the *l* of *l'eau*);
            empty: none is.

    Returns:
        The form; ``_`` where nothing is left.

    Example:
        >>> lower_form("Women's"), lower_form("L’EAU", {"l"}), lower_form("ﬁx")
        ('women', 'eau', 'fix')
    """
    lower = unicodedata.normalize("NFKC", word).lower()
    one_apostrophe = lower.replace("’", "'")
    before, _apostrophe, after = one_apostrophe.partition("'")
    is_elided = after and before in elisions
    without_affixes = after if is_elided else before

    # NFKC may bring spaces in.
    joined = "".join(without_affixes.split())
    return joined.replace("=", "") or "_"


def _light(word: str) -> str:
    """An English word without its plural."""
    length = len(word)
    if length > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if length > 4 and word.endswith(("sses", "xes", "ches", "shes")):
        return word[:-2]

    # *glass*, *cactus* and *tennis* are no plurals.
    is_singular = word.endswith(("ss", "us", "is"))
    if length > 3 and word.endswith("s") and not is_singular:
        return word[:-1]
    return word


def _folded(word: str) -> str:
    """A word without its accents: shoppers leave them out."""
    if word.isascii():
        return word
    decomposed = unicodedata.normalize("NFD", word)
    letters: list[str] = []
    for character in decomposed:
        if not unicodedata.combining(character):
            letters.append(character)

    # Letters that are no accent, as of Hangul, are composed again.
    return unicodedata.normalize("NFC", "".join(letters))


def _stemmer(name: str) -> Callable[[str], str]:
    """A stemmer by name: the light one, Snowball's of a language, or none for ``""``."""
    if name == LIGHT:
        return _light
    if not name:
        return _folded
    import Stemmer

    snowball = Stemmer.Stemmer(name)
    return lambda word: _folded(snowball.stemWord(word)) or word


class Stems(dict[str, str]):
    """Word as it is written to its stem; computed once.

    Args:
        name: of the stemmer.
        irregular: lower-case forms to their stems.
        elisions: articles that end in an apostrophe.

    Example:
        >>> english = Stems("light", {"women": "woman"})
        >>> [english[w] for w in ("Glasses", "batteries", "Women's", "dress", "socks")]
        ['glass', 'battery', 'woman', 'dress', 'sock']
        >>> [Stems("german")[w] for w in ("rote", "Roter", "rot", "Tassen", "weiße")]
        ['rot', 'rot', 'rot', 'tass', 'weiss']
    """

    def __init__(
        self,
        name: str,
        irregular: Mapping[str, str] | None = None,
        elisions: Collection[str] = (),
    ) -> None:
        super().__init__()
        self._stem = _stemmer(name)
        self._irregular = dict(irregular or {})
        self._elisions = frozenset(elisions)
        self._lock = threading.Lock()

    def __missing__(self, word: str) -> str:
        """Stem a word that was not seen before; Snowball's stemmers serve one thread at a time."""
        lower = lower_form(word, self._elisions)
        with self._lock:
            stem = self._irregular.get(lower) or self._stem(lower)
            # Codes and misspellings of millions of items would fill the memory.
            if len(self) >= _CACHED_WORDS:
                self.clear()
            self[word] = stem
        return stem
