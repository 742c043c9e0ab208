"""Trains the teacher with SFT and KTO and holds it to its gate."""

from typing import List

from kfp import dsl

from components import image

__all__ = ["align"]


@dsl.component(base_image=image("teacher"), install_kfp_package=False)
def align(
    run: str,
    prepared: dsl.Input[dsl.Dataset],
    evidence: dsl.Input[dsl.Dataset],
    judged: dsl.Input[List[dsl.Dataset]],
    feedback: dsl.Input[dsl.Dataset],
    profile: str,
    seed: int,
    output: dsl.Output[dsl.Model],
    metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Trains the teacher with SFT and KTO and holds it to its gate."""
    from adore.pipeline.component import run_component

    run_component(
        "align",
        run,
        {
            "prepared": prepared,
            "evidence": evidence,
            "judged": judged,
            "feedback": feedback,
        },
        output,
        metrics,
        profile=profile,
        seed=seed,
    )
