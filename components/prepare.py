"""Reads the user's folder (or makes the demo shop) into validated tables."""

from kfp import dsl

from components import image

__all__ = ["prepare"]


@dsl.component(base_image=image("student"), install_kfp_package=False)
def prepare(
    run: str,
    data: str,
    profile: str,
    seed: int,
    job: str,
    output: dsl.Output[dsl.Dataset],
    metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Reads the user's folder (or makes the demo shop) into validated tables."""
    from adore.pipeline.local import begin_on_cluster, read_input

    begin_on_cluster(run, data=data, profile=profile, seed=seed, job=job)
    read_input(run, data, output, metrics, profile=profile, seed=seed)
