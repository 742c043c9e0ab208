"""Sticky online experiments: who gets which variant, what came of it, what to do."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
