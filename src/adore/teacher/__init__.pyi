from .backends.base import BACKENDS, JudgeBackend
from .factory import load_judge
from .judgements import Judge, JudgeFailure, JudgeInput, Judgement
from .validation.gate import GateReport

__all__ = [
    "BACKENDS",
    "GateReport",
    "Judge",
    "JudgeBackend",
    "JudgeFailure",
    "JudgeInput",
    "Judgement",
    "load_judge",
]
