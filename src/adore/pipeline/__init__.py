"""The loop: its steps, how they run, and why a pair stands where it does.

Steps: :data:`STEPS`, :data:`LOOP`, :class:`Step`, :func:`run_step`. Whole runs:
:func:`run_local`, :func:`submit`. KFP: :func:`compile_pipeline`. Lineage:
:func:`explain_pair`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
