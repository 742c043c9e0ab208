"""What is done where the gate said no."""

from kfp import dsl

from components import image

__all__ = ["refused"]


@dsl.component(base_image=image("student"), install_kfp_package=False)
def refused(
    run: str,
    prepared: dsl.Input[dsl.Dataset],
    gate: dsl.Input[dsl.Dataset],
    profile: str,
    seed: int,
    output: dsl.Output[dsl.Dataset],
    metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Says why nothing is released, withdraws what was, and serves the champion on."""
    from adore.pipeline.component import place_of, quiet, report_failure, run_component
    from adore.pipeline.ending import withdraw

    quiet()
    with report_failure("refused", run):
        withdraw(run, place_of(gate))
    inputs = {"prepared": prepared}
    run_component(
        "production", run, inputs, output, metrics, profile=profile, seed=seed
    )
