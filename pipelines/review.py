"""The recurring pipeline: read the live experiment, decide, act."""

from components import place
from components.review import review as review_task
from kfp import dsl

__all__ = ["review"]


@dsl.pipeline(
    name="adore-review",
    description="read the experiment that runs on this cluster, and decide",
)
def review(profile: str = "laptop", act: bool = False) -> None:
    """One look at the live experiment.

    Args:
        profile: its section ``kubernetes`` says which app, and where exposures lie.
        act: promote or roll back as decided; else the decision is only on record.
    """
    review_task(profile=profile, act=act)
    place()
