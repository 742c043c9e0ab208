"""The recurring pipeline: look at a shop, and start its next round."""

from components import place
from components.advance import advance
from kfp import dsl, kubernetes

__all__ = ["rounds"]


@dsl.pipeline(
    name="adore-rounds",
    description="start a run of the loop, if production has taught anything new",
)
def rounds(
    shop: str,
    host: str,
    namespace: str,
    data: str = "demo",
    profile: str = "laptop",
    seed: int = 0,
    deploy: bool = False,
    experiment: str = "adore",
) -> None:
    """One look at a shop.

    Args:
        shop: the shop's place.
        host: Kubeflow Pipelines' address, as its pods reach it.
        namespace: the namespace that the run belongs to.
        data: the input folder, or ``demo``.
        profile: name or path of the shop's own profile.
        seed: seeds every stage.
        deploy: serve a student that passes its gate on this cluster.
        experiment: Kubeflow Pipelines' experiment.
    """
    task = advance(
        shop=shop,
        data=data,
        profile=profile,
        seed=seed,
        deploy=deploy,
        host=host,
        namespace=namespace,
        experiment=experiment,
    )
    # An installation with Profiles gives pods of this label a token of its API.
    kubernetes.add_pod_label(task, "access-ml-pipeline", "true")
    place()
