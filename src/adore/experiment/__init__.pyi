from .analysis import analyse, analyse_tables
from .assignment import assign
from .decision import Action, Decision, decide
from .design import Design, design_of
from .metrics import Metric, register_metric
from .result import ExperimentResult, MetricEffect
from .sequential import confidence_sequence

__all__ = [
    "Action",
    "Decision",
    "Design",
    "ExperimentResult",
    "Metric",
    "MetricEffect",
    "analyse",
    "analyse_tables",
    "assign",
    "confidence_sequence",
    "decide",
    "design_of",
    "register_metric",
]
