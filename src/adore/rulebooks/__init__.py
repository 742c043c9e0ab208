"""Tools around a rule book: check one, compare two, draft one for a catalogue.

:func:`lint_file` gives :class:`Issue` records; :func:`compare_books` gives a
:class:`BookComparison`; :func:`nearest_book` names the book to begin with.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
