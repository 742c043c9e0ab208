"""Distils judgements into a student."""

from typing import List

from kfp import dsl

from components import image

__all__ = ["distil"]


@dsl.component(base_image=image("student"), install_kfp_package=False)
def distil(
    run: str,
    prepared: dsl.Input[dsl.Dataset],
    evidence: dsl.Input[dsl.Dataset],
    judged: dsl.Input[List[dsl.Dataset]],
    synthetic: dsl.Input[dsl.Dataset],
    retrieved: dsl.Input[dsl.Model],
    profile: str,
    seed: int,
    output: dsl.Output[dsl.Model],
    metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Distils judgements into a student."""
    from adore.pipeline.component import run_component

    inputs = {
        "prepared": prepared,
        "evidence": evidence,
        "judged": judged,
        "synthetic": synthetic,
        "retrieved": retrieved,
    }
    run_component("distil", run, inputs, output, metrics, profile=profile, seed=seed)
