"""Synthetic pairs: minimal edits of good pairs, each of one error type.

To add an edit: :func:`register_edit`, :class:`Source`, :class:`Draft`, :class:`Catalogue`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
