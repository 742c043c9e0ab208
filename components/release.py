"""Makes the variants and the experiment of a student that passed."""

from kfp import dsl

from components import image

__all__ = ["release"]


@dsl.component(base_image=image("student"), install_kfp_package=False)
def release(
    run: str,
    prepared: dsl.Input[dsl.Dataset],
    student: dsl.Input[dsl.Model],
    gate: dsl.Input[dsl.Dataset],
    profile: str,
    seed: int,
    output: dsl.Output[dsl.Model],
    metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Makes the variants and the experiment of a student that passed."""
    from adore.pipeline.component import run_component

    run_component(
        "release",
        run,
        {"prepared": prepared, "student": student, "gate": gate},
        output,
        metrics,
        profile=profile,
        seed=seed,
    )
