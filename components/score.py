"""Scores judged pairs with the student and the baselines."""

from kfp import dsl

from components import image

__all__ = ["score"]


@dsl.component(base_image=image("student"), install_kfp_package=False)
def score(
    run: str,
    prepared: dsl.Input[dsl.Dataset],
    student: dsl.Input[dsl.Model],
    adversarial: dsl.Input[dsl.Dataset],
    profile: str,
    seed: int,
    output: dsl.Output[dsl.Dataset],
    metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Scores judged pairs with the student and the baselines."""
    from adore.pipeline.component import run_component

    inputs = {"prepared": prepared, "student": student, "adversarial": adversarial}
    run_component("score", run, inputs, output, metrics, profile=profile, seed=seed)
