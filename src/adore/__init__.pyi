from .evaluation.evaluate import evaluate_scores
from .experiment.analysis import analyse
from .experiment.assignment import assign
from .experiment.decision import Decision, decide
from .experiment.design import Design
from .experiment.result import ExperimentResult, MetricEffect
from .library import judge, run
from .rulebook import RuleBook
from .student.rankers import load_ranker
from .teacher.judgements import Judgement
from .types import Evidence, Grade, Item, Query, Score

__all__ = [
    "Decision",
    "Design",
    "Evidence",
    "ExperimentResult",
    "Grade",
    "Item",
    "Judgement",
    "MetricEffect",
    "Query",
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
