"""Servers: the router that splits traffic, and what it takes, answers and logs.

Router: :class:`Router`, :func:`create_app`. Messages: :class:`RankRequest`,
:class:`RankAnswer`, :class:`Exposure`. To read a log: :func:`read_log`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
