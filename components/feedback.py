"""Turns shoppers' behaviour into feedback for KTO."""

from typing import List

from kfp import dsl

from components import image

__all__ = ["feedback"]


@dsl.component(base_image=image("student"), install_kfp_package=False)
def feedback(
    run: str,
    prepared: dsl.Input[dsl.Dataset],
    evidence: dsl.Input[dsl.Dataset],
    judged: dsl.Input[List[dsl.Dataset]],
    profile: str,
    seed: int,
    output: dsl.Output[dsl.Dataset],
    metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Turns shoppers' behaviour into feedback for KTO."""
    from adore.pipeline.component import run_component

    run_component(
        "feedback",
        run,
        {"prepared": prepared, "evidence": evidence, "judged": judged},
        output,
        metrics,
        profile=profile,
        seed=seed,
    )
