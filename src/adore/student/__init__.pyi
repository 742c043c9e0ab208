from .rankers import Ranker, Student, load_ranker
from .retrieve import HybridRetriever
from .score import score_files, score_pairs

__all__ = [
    "HybridRetriever",
    "Ranker",
    "Student",
    "load_ranker",
    "score_files",
    "score_pairs",
]
