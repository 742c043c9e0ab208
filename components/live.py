"""Finds where the champion's grades and shoppers' behaviour differ."""

from kfp import dsl

from components import image

__all__ = ["live"]


@dsl.component(base_image=image("student"), install_kfp_package=False)
def live(
    run: str,
    prepared: dsl.Input[dsl.Dataset],
    evidence: dsl.Input[dsl.Dataset],
    feedback: dsl.Input[dsl.Dataset],
    profile: str,
    seed: int,
    output: dsl.Output[dsl.Dataset],
    metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Finds where the champion's grades and shoppers' behaviour differ."""
    from adore.pipeline.component import run_component

    inputs = {"prepared": prepared, "evidence": evidence, "feedback": feedback}
    run_component("live", run, inputs, output, metrics, profile=profile, seed=seed)
