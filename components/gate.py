"""Decides whether the student may be released; returns yes or no."""

from kfp import dsl

from components import image

__all__ = ["gate"]


@dsl.component(base_image=image("student"), install_kfp_package=False)
def gate(
    run: str,
    measures: dsl.Input[dsl.Dataset],
    profile: str,
    seed: int,
    output: dsl.Output[dsl.Dataset],
    metrics: dsl.Output[dsl.Metrics],
) -> str:
    """Decides whether the student may be released; returns yes or no."""
    from adore.pipeline.component import run_component

    manifest = run_component(
        "gate", run, {"measures": measures}, output, metrics, profile=profile, seed=seed
    )
    return "yes" if manifest.metrics["passed"] else "no"
