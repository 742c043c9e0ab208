"""ADORE: a search-relevance model for any shop.

It comes from a rule book, a teacher and shoppers' behaviour.

What most people need, by task:

- judge: :class:`Item`, :class:`Query`, :class:`RuleBook`, :func:`judge`, :class:`Judgement`,
  :class:`Grade`
- rank with a student that was trained: :func:`load_ranker`
- measure: :func:`evaluate_scores`
- experiment: :func:`assign`, :class:`Design`, :func:`analyse`, :class:`ExperimentResult`,
  :class:`MetricEffect`, :func:`decide`, :class:`Decision`
- run the loop: :func:`run`

A name is loaded when it is first used, so that importing this costs nothing.
"""

import lazy_loader

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
