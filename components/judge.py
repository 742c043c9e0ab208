"""Judges one shard of pairs; ``step`` says which of the loop's three judgings this is."""

from kfp import dsl

from components import image

__all__ = ["judge"]


@dsl.component(base_image=image("teacher"), install_kfp_package=False)
def judge(
    run: str,
    prepared: dsl.Input[dsl.Dataset],
    evidence: dsl.Input[dsl.Dataset],
    step: str,
    shard: int,
    shards: int,
    profile: str,
    seed: int,
    output: dsl.Output[dsl.Dataset],
    metrics: dsl.Output[dsl.Metrics],
    candidates: dsl.Input[dsl.Dataset] = None,
    teacher: dsl.Input[dsl.Model] = None,
    retrieved: dsl.Input[dsl.Model] = None,
) -> None:
    """Judges one shard of pairs; ``step`` says which of the loop's three judgings this is."""
    from adore.pipeline.component import run_component

    inputs = {
        "prepared": prepared,
        "evidence": evidence,
        "candidates": candidates,
        "teacher": teacher,
        "retrieved": retrieved,
    }
    run_component(
        step,
        run,
        inputs,
        output,
        metrics,
        profile=profile,
        seed=seed,
        shard=shard,
        shards=shards,
    )
