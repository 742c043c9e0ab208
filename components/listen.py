"""Feedback and live in one pod, for a profile with ``cluster.shared_pods: [listen]``."""

from typing import List

from kfp import dsl

from components import image

__all__ = ["listen"]


@dsl.component(base_image=image("student"), install_kfp_package=False)
def listen(
    run: str,
    prepared: dsl.Input[dsl.Dataset],
    evidence: dsl.Input[dsl.Dataset],
    judged: dsl.Input[List[dsl.Dataset]],
    profile: str,
    seed: int,
    learnt: dsl.Output[dsl.Dataset],
    differing: dsl.Output[dsl.Dataset],
    feedback_metrics: dsl.Output[dsl.Metrics],
    live_metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Reads what shoppers did, and where the champion's grades say otherwise."""
    from adore.pipeline.component import run_component

    inputs = {"prepared": prepared, "evidence": evidence, "judged": judged}
    run_component(
        "feedback", run, inputs, learnt, feedback_metrics, profile=profile, seed=seed
    )
    inputs = {"prepared": prepared, "evidence": evidence, "feedback": learnt}
    run_component(
        "live", run, inputs, differing, live_metrics, profile=profile, seed=seed
    )
