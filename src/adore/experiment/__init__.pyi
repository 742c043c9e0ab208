from .analyse import Design, Metric, analyse_tables
from .assignment import assign
from .decision import decide
from .sequential import confidence_sequence

__all__ = [
    "Design",
    "Metric",
    "analyse_tables",
    "assign",
    "confidence_sequence",
    "decide",
]
