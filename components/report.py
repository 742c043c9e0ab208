"""Writes the run's page, however the run ended."""

from kfp import dsl

from components import image

__all__ = ["report"]


@dsl.component(base_image=image("student"), install_kfp_package=False)
def report(
    run: str,
    data: str,
    profile: str,
    seed: int,
    job: str,
    status: dsl.PipelineTaskFinalStatus,
    page: dsl.Output[dsl.HTML],
) -> None:
    """Write ``run.json`` and ``index.html``; the exit handler's task."""
    from adore.pipeline.component import quiet
    from adore.pipeline.ending import finish_on_cluster

    quiet()
    about = {"data": data, "profile": profile, "seed": seed, "job": job}
    finish_on_cluster(run, status.state, status.error_message or "", page, about)
