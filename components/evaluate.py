"""Measures every system on judged queries, with intervals."""

from kfp import dsl

from components import image

__all__ = ["evaluate"]


@dsl.component(base_image=image("student"), install_kfp_package=False)
def evaluate(
    run: str,
    prepared: dsl.Input[dsl.Dataset],
    evidence: dsl.Input[dsl.Dataset],
    scores: dsl.Input[dsl.Dataset],
    profile: str,
    seed: int,
    output: dsl.Output[dsl.Dataset],
    metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Measures every system on judged queries, with intervals."""
    from adore.pipeline.component import run_component

    run_component(
        "evaluate",
        run,
        {"prepared": prepared, "evidence": evidence, "scores": scores},
        output,
        metrics,
        profile=profile,
        seed=seed,
    )
