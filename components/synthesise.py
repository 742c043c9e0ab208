"""Edits good pairs, one error type each."""

from typing import List

from kfp import dsl

from components import image

__all__ = ["synthesise"]


@dsl.component(base_image=image("student"), install_kfp_package=False)
def synthesise(
    run: str,
    prepared: dsl.Input[dsl.Dataset],
    evidence: dsl.Input[dsl.Dataset],
    judged: dsl.Input[List[dsl.Dataset]],
    feedback: dsl.Input[dsl.Dataset],
    live: dsl.Input[dsl.Dataset],
    profile: str,
    seed: int,
    output: dsl.Output[dsl.Dataset],
    metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Edits good pairs, one error type each."""
    from adore.pipeline.component import run_component

    run_component(
        "synthesise",
        run,
        {
            "prepared": prepared,
            "evidence": evidence,
            "judged": judged,
            "feedback": feedback,
            "live": live,
        },
        output,
        metrics,
        profile=profile,
        seed=seed,
    )
