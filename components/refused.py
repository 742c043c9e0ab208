"""What is done where the gate said no."""

from kfp import dsl

from components import image

__all__ = ["refused"]


@dsl.component(base_image=image("student"), install_kfp_package=False)
def refused(run: str, gate: dsl.Input[dsl.Dataset]) -> None:
    """Says why nothing is released, and takes away what an earlier pass of this run released."""
    from adore.pipeline.component import place_of, quiet, report_failure
    from adore.pipeline.ending import withdraw

    quiet()
    with report_failure("refused", run):
        withdraw(run, place_of(gate))
