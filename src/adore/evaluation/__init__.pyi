from .evaluate import evaluate_scores, who_wins

__all__ = ["evaluate_scores", "who_wins"]
