"""Serves a release on the cluster that the pipeline runs on."""

from kfp import dsl

from components import image

__all__ = ["deploy"]


@dsl.component(base_image=image("student"), install_kfp_package=False)
def deploy(run: str, release: dsl.Input[dsl.Model], profile: str) -> int:
    """Serves a release on the cluster that the pipeline runs on; the release's number."""
    from adore.pipeline.cluster import deploy as serve
    from adore.pipeline.component import place_of, quiet, report_failure

    quiet()
    with report_failure("deploy", run):
        return serve(place_of(release), profile)
