"""Reads key attributes out of queries and items."""

from kfp import dsl

from components import image

__all__ = ["evidence"]


@dsl.component(base_image=image("student"), install_kfp_package=False)
def evidence(
    run: str,
    prepared: dsl.Input[dsl.Dataset],
    profile: str,
    seed: int,
    output: dsl.Output[dsl.Dataset],
    metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Reads key attributes out of queries and items."""
    from adore.pipeline.component import run_component

    run_component(
        "evidence",
        run,
        {"prepared": prepared},
        output,
        metrics,
        profile=profile,
        seed=seed,
    )
