"""Serves the variants to simulated shoppers, analyses and decides."""

from kfp import dsl

from components import image

__all__ = ["experiment"]


@dsl.component(base_image=image("student"), install_kfp_package=False)
def experiment(
    run: str,
    prepared: dsl.Input[dsl.Dataset],
    evidence: dsl.Input[dsl.Dataset],
    release: dsl.Input[dsl.Model],
    profile: str,
    seed: int,
    output: dsl.Output[dsl.Dataset],
    metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Serves the variants to simulated shoppers, analyses and decides."""
    from adore.pipeline.component import run_component

    run_component(
        "experiment",
        run,
        {"prepared": prepared, "evidence": evidence, "release": release},
        output,
        metrics,
        profile=profile,
        seed=seed,
    )
