"""A shop's rounds: what is in force, and how it came so.

Registry: :func:`read_state`, :func:`append`, :class:`State`, :class:`Entry`. Its table:
:func:`history`. The profile's section: :class:`Config`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
