from .catalogue import Catalogue
from .edits.base import Draft, Source
from .edits.registry import register_edit

__all__ = [
    "Catalogue",
    "Draft",
    "Source",
    "register_edit",
]
