from .balance import Sign, balance_feedback
from .grade_model import GradeModel, fit_grade_model, trials
from .poisoning import PoisoningResult, flipped_shares
from .position import BiasSource, PositionBias, position_bias
from .signs import SignKind, SignRule, find_signs
from .trust import coarse_clock, untrusted

__all__ = [
    "BiasSource",
    "GradeModel",
    "PoisoningResult",
    "PositionBias",
    "Sign",
    "SignKind",
    "SignRule",
    "balance_feedback",
    "coarse_clock",
    "find_signs",
    "fit_grade_model",
    "flipped_shares",
    "position_bias",
    "trials",
    "untrusted",
]
