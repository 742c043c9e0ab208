from .config import Config
from .entries import Action, Entry, Kind, Status
from .registry import append, read_state
from .state import Champion, Round, State
from .table import history, render

__all__ = [
    "Action",
    "Champion",
    "Config",
    "Entry",
    "Kind",
    "Round",
    "State",
    "Status",
    "append",
    "history",
    "read_state",
    "render",
]
