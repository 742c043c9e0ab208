from .exposure import read_log
from .messages import Exposure, RankAnswer
from .request import RankRequest
from .router import Router, create_app

__all__ = [
    "Exposure",
    "RankAnswer",
    "RankRequest",
    "Router",
    "create_app",
    "read_log",
]
