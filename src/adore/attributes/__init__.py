"""Key attributes read out of queries and items, with quotes, and compared.

Read: :class:`Lexicon` (mined from a catalogue), :class:`Reader` (reads queries and items with it).
Compare: :func:`compare` (one evidence per asked value), :func:`is_stuffed`, :func:`asks_article`.
Values: :func:`read_sizes`, :func:`same_size`, :func:`read_packs`, :func:`read_price`,
:func:`item_price`, :func:`find_limits`, :func:`keeps_limit`, :func:`item_codes`,
:func:`parse_device`.
Languages: :func:`load_language`, :class:`Language`, :data:`PACKS`.
Tests of a judge: :data:`ATTACKS`, :class:`Attack`; of a data set: :class:`HeldOut`.

Example:
    >>> from adore.attributes import Lexicon, Reader, compare
    >>> from adore.types import Item
    >>> mugs = [Item("1", "Red mug 300 ml"), Item("2", "Blue mug 300 ml")]
    >>> reader = Reader(Lexicon.mine(mugs))
    >>> asked = reader.read_query("red mug")
    >>> [fact.state for fact in compare(asked, reader.read_item(mugs[1]))]
    ['match', 'conflict']
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
