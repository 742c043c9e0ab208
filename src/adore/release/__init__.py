"""Releases: where they run, what their logs hold, and what a look at them says.

Targets: :class:`LocalTarget`, :class:`KubernetesTarget`. To look at a live experiment:
:func:`analyse_live`, :class:`LiveAnalysis`, :class:`Review`, :func:`load_logs`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
