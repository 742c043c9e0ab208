from .position import PositionBias, position_bias
from .signs import learn_taste
from .trust import untrusted

__all__ = [
    "PositionBias",
    "learn_taste",
    "position_bias",
    "untrusted",
]
