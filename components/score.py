"""Scores judged pairs with the student and the baselines."""

from kfp import dsl

from components import image

__all__ = ["score"]


@dsl.component(base_image=image("student"), install_kfp_package=False)
def score(
    run: str,
    prepared: dsl.Input[dsl.Dataset],
    student: dsl.Input[dsl.Model],
    profile: str,
    seed: int,
    output: dsl.Output[dsl.Dataset],
    metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Scores judged pairs with the student and the baselines."""
    from adore.stages import envelope

    envelope("score", run, {"prepared": prepared, "student": student}, output, metrics, profile=profile, seed=seed)
