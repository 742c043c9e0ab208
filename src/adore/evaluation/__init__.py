"""How good systems are on held-out human judgements, and whether the student may be released."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
