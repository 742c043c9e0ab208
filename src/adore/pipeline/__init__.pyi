from .cluster import submit
from .compiler import compile_pipeline
from .explain import explain_pair
from .graph import LOOP, STEPS, Step
from .local import run_local
from .runner import run_step

__all__ = [
    "LOOP",
    "STEPS",
    "Step",
    "compile_pipeline",
    "explain_pair",
    "run_local",
    "run_step",
    "submit",
]
