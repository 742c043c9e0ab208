"""Score, evaluate and gate in one pod, for a profile with ``cluster.shared_pods: [examine]``."""

from kfp import dsl

from components import image

__all__ = ["examine"]


@dsl.component(base_image=image("student"), install_kfp_package=False)
def examine(
    run: str,
    prepared: dsl.Input[dsl.Dataset],
    evidence: dsl.Input[dsl.Dataset],
    student: dsl.Input[dsl.Model],
    adversarial: dsl.Input[dsl.Dataset],
    profile: str,
    seed: int,
    scores: dsl.Output[dsl.Dataset],
    measures: dsl.Output[dsl.Dataset],
    verdict: dsl.Output[dsl.Dataset],
    score_metrics: dsl.Output[dsl.Metrics],
    evaluate_metrics: dsl.Output[dsl.Metrics],
    gate_metrics: dsl.Output[dsl.Metrics],
) -> str:
    """Scores and measures every system, and decides whether the student may be released.

    Returns yes or no.
    """
    from adore.pipeline.component import run_component

    inputs = {"prepared": prepared, "student": student, "adversarial": adversarial}
    run_component(
        "score", run, inputs, scores, score_metrics, profile=profile, seed=seed
    )
    inputs = {"prepared": prepared, "evidence": evidence, "scores": scores}
    run_component(
        "evaluate", run, inputs, measures, evaluate_metrics, profile=profile, seed=seed
    )
    inputs = {"measures": measures}
    made = run_component(
        "gate", run, inputs, verdict, gate_metrics, profile=profile, seed=seed
    )
    return "yes" if made.metrics["passed"] else "no"
