"""Reads the user's folder (or makes the demo shop) into validated tables."""

from kfp import dsl

from components import image

__all__ = ["prepare"]


@dsl.component(base_image=image("student"), install_kfp_package=False)
def prepare(
    run: str,
    data: str,
    profile: str,
    seed: int,
    output: dsl.Output[dsl.Dataset],
    metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Reads the user's folder (or makes the demo shop) into validated tables."""
    from adore.stages import call, envelope
    from adore.storage import join

    if data == "demo":
        data = join(run, "demo-data")
        call("demo-data", {}, data, profile=profile, seed=seed)
    envelope("prepare", run, {"data": data}, output, metrics, profile=profile, seed=seed)
