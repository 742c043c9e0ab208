from .evaluation.evaluate import evaluate_scores
from .experiment.analyse import Design, analyse
from .experiment.assignment import assign
from .experiment.decision import decide
from .library import Judgement, judge, run
from .rulebook import RuleBook
from .student.rankers import load_ranker
from .types import Evidence, Grade, Item, Score

__all__ = [
    "Design",
    "Evidence",
    "Grade",
    "Item",
    "Judgement",
    "RuleBook",
    "Score",
    "analyse",
    "assign",
    "decide",
    "evaluate_scores",
    "judge",
    "load_ranker",
    "run",
]
__version__: str
