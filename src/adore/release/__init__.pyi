from .event_store import load_logs
from .kubernetes.target import KubernetesTarget
from .local import LocalTarget
from .review import LiveAnalysis, Review, analyse_live

__all__ = [
    "KubernetesTarget",
    "LiveAnalysis",
    "LocalTarget",
    "Review",
    "analyse_live",
    "load_logs",
]
