from .language_packs import load_language
from .lexicon import Lexicon
from .reader import Reader

__all__ = [
    "Lexicon",
    "Reader",
    "load_language",
]
