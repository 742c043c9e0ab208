"""Release and experiment in one pod, for a profile with ``cluster.shared_pods: [prove]``."""

from kfp import dsl

from components import image

__all__ = ["prove"]


@dsl.component(base_image=image("student"), install_kfp_package=False)
def prove(
    run: str,
    prepared: dsl.Input[dsl.Dataset],
    evidence: dsl.Input[dsl.Dataset],
    student: dsl.Input[dsl.Model],
    gate: dsl.Input[dsl.Dataset],
    profile: str,
    seed: int,
    shipped: dsl.Output[dsl.Model],
    proof: dsl.Output[dsl.Dataset],
    release_metrics: dsl.Output[dsl.Metrics],
    experiment_metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Makes the variants of a student that passed, and serves them to simulated shoppers."""
    from adore.pipeline.component import run_component

    inputs = {"prepared": prepared, "student": student, "gate": gate}
    run_component(
        "release", run, inputs, shipped, release_metrics, profile=profile, seed=seed
    )
    inputs = {"prepared": prepared, "evidence": evidence, "release": shipped}
    run_component(
        "experiment", run, inputs, proof, experiment_metrics, profile=profile, seed=seed
    )
