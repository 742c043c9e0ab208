"""Finds real pairs that nobody judged, and embeds the catalogue."""

from kfp import dsl

from components import image

__all__ = ["retrieve"]


@dsl.component(base_image=image("student"), install_kfp_package=False)
def retrieve(
    run: str,
    prepared: dsl.Input[dsl.Dataset],
    evidence: dsl.Input[dsl.Dataset],
    profile: str,
    seed: int,
    output: dsl.Output[dsl.Model],
    metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Finds real pairs that nobody judged, and embeds the catalogue."""
    from adore.pipeline.component import run_component

    inputs = {"prepared": prepared, "evidence": evidence}
    run_component("retrieve", run, inputs, output, metrics, profile=profile, seed=seed)
