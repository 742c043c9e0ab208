from .rankers import Ranker, Student, load_ranker
from .retrieve import Finder
from .score import score_files, score_pairs

__all__ = [
    "Finder",
    "Ranker",
    "Student",
    "load_ranker",
    "score_files",
    "score_pairs",
]
