"""Starts a shop's next round on Kubeflow Pipelines, if anything is new."""

from kfp import dsl

from components import image

__all__ = ["advance"]


@dsl.component(base_image=image("student"), install_kfp_package=False)
def advance(
    shop: str,
    data: str,
    profile: str,
    seed: int,
    deploy: bool,
    host: str,
    namespace: str,
    experiment: str,
) -> str:
    """Starts a shop's next round; the id of its run, empty if there is nothing to run."""
    from adore.pipeline.cluster_rounds import submit_round
    from adore.pipeline.component import quiet, report_failure
    from adore.pipeline.kubeflow.client import Server
    from adore.pipeline.rounds import Shop

    quiet()
    with report_failure("advance"):
        wanted = Shop(shop, data, profile, seed, deploy)
        # A pod may not read Secrets; the run's own pods say what they lack.
        return submit_round(
            Server(host, namespace), wanted, experiment=experiment, look=False
        )
