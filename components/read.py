"""Prepare, evidence and retrieve in one pod, for a profile with ``cluster.shared_pods: [read]``."""

from kfp import dsl

from components import image

__all__ = ["read"]


@dsl.component(base_image=image("student"), install_kfp_package=False)
def read(
    run: str,
    data: str,
    profile: str,
    seed: int,
    job: str,
    prepared: dsl.Output[dsl.Dataset],
    evidence: dsl.Output[dsl.Dataset],
    retrieved: dsl.Output[dsl.Model],
    prepare_metrics: dsl.Output[dsl.Metrics],
    evidence_metrics: dsl.Output[dsl.Metrics],
    retrieve_metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Reads the user's folder and what stands in it, and finds pairs that nobody judged."""
    from adore.pipeline.component import run_component
    from adore.pipeline.local import begin_on_cluster, read_input

    begin_on_cluster(run, data=data, profile=profile, seed=seed, job=job)
    read_input(run, data, prepared, prepare_metrics, profile=profile, seed=seed)
    inputs = {"prepared": prepared}
    run_component(
        "evidence", run, inputs, evidence, evidence_metrics, profile=profile, seed=seed
    )
    inputs["evidence"] = evidence
    run_component(
        "retrieve", run, inputs, retrieved, retrieve_metrics, profile=profile, seed=seed
    )
