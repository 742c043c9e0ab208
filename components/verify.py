"""Keeps the candidates on which judge, attribute difference and leakage check agree."""

from typing import List

from kfp import dsl

from components import image

__all__ = ["verify"]


@dsl.component(base_image=image("student"), install_kfp_package=False)
def verify(
    run: str,
    prepared: dsl.Input[dsl.Dataset],
    evidence: dsl.Input[dsl.Dataset],
    candidates: dsl.Input[dsl.Dataset],
    judged: dsl.Input[List[dsl.Dataset]],
    profile: str,
    seed: int,
    output: dsl.Output[dsl.Dataset],
    metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Keeps the candidates on which judge, attribute difference and leakage check agree."""
    from adore.pipeline.component import run_component

    run_component(
        "verify",
        run,
        {
            "prepared": prepared,
            "evidence": evidence,
            "candidates": candidates,
            "judged": judged,
        },
        output,
        metrics,
        profile=profile,
        seed=seed,
    )
