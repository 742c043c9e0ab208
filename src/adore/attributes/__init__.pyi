from .attacks import ATTACKS, Attack
from .codes import item_codes
from .comparison import asks_article, compare, is_stuffed
from .devices import parse_device
from .held_out import HeldOut
from .language import Language
from .language_packs import PACKS, load_language
from .lexicon import Lexicon
from .packs import read_packs
from .prices import find_limits, item_price, keeps_limit, read_price
from .reader import Reader
from .units import read_sizes, same_size

__all__ = [
    "ATTACKS",
    "PACKS",
    "Attack",
    "HeldOut",
    "Language",
    "Lexicon",
    "Reader",
    "asks_article",
    "compare",
    "find_limits",
    "is_stuffed",
    "item_codes",
    "item_price",
    "keeps_limit",
    "load_language",
    "parse_device",
    "read_packs",
    "read_price",
    "read_sizes",
    "same_size",
]
