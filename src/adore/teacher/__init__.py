"""The teacher: who judges pairs, how a judge learns, and when it may replace another.

To add a judge backend: :data:`BACKENDS`, :class:`JudgeBackend`. To judge:
:func:`load_judge`, :class:`Judge`, :class:`JudgeInput`, :class:`Judgement`,
:class:`JudgeFailure`. What the gate says of a new teacher: :class:`GateReport`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
