from .evaluate import evaluate_scores, who_wins
from .measures import confusion, macro_f1, ndcg
from .significance import interval, paired

__all__ = [
    "confusion",
    "evaluate_scores",
    "interval",
    "macro_f1",
    "ndcg",
    "paired",
    "who_wins",
]
