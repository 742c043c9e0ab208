from .position import PositionBias, position_bias
from .signs import fit_grade_model
from .trust import untrusted

__all__ = [
    "PositionBias",
    "fit_grade_model",
    "position_bias",
    "untrusted",
]
