"""The loop as one KFP pipeline."""

from typing import List

from components import parallelism, place
from components.align import align
from components.deploy import deploy
from components.distil import distil
from components.evaluate import evaluate
from components.evidence import evidence
from components.experiment import experiment
from components.feedback import feedback
from components.gate import gate
from components.judge import judge
from components.prepare import prepare
from components.release import release
from components.report import report
from components.retrieve import retrieve
from components.score import score
from components.synthesise import synthesise
from components.verify import verify
from kfp import dsl

__all__ = ["adore"]


def collected(task: dsl.PipelineTask) -> dsl.Collected:
    """All shards' outputs; made anew for each reader, because KFP changes the object that it is given."""
    return dsl.Collected(task.outputs["output"])


@dsl.pipeline(
    name="adore", description="judge, align, judge, synthesise, verify, distil, evaluate, gate, release, prove"
)
def adore(
    run: str,
    data: str = "demo",
    profile: str = "laptop",
    seed: int = 0,
    shard_ids: List[int] = [0],
    shards: int = 1,
    target: str = "local",
) -> None:
    """One round of the loop.

    Args:
        run: the place that holds one folder a step.
        data: the input folder, or ``demo``.
        profile: name or path of the profile.
        seed: seeds every stage.
        shard_ids: ``[0 .. shards)``, the judge's parallel shards.
        shards: how many they are.
        target: ``kubernetes`` serves the release on this cluster as well.
    """
    common = {"run": run, "profile": profile, "seed": seed}
    with dsl.ExitHandler(report(run=run)):
        prepared = prepare(data=data, **common).outputs["output"]
        read = evidence(prepared=prepared, **common).outputs["output"]
        found = retrieve(prepared=prepared, evidence=read, **common).outputs["output"]
        with dsl.ParallelFor(shard_ids, parallelism=parallelism()) as shard:
            judged = judge(step="judge", prepared=prepared, evidence=read, shard=shard, shards=shards, **common)
        wishes = feedback(prepared=prepared, evidence=read, answers=collected(judged), **common).outputs["output"]
        teacher = align(prepared=prepared, evidence=read, answers=collected(judged), feedback=wishes, **common).outputs[
            "output"
        ]
        with dsl.ParallelFor(shard_ids, parallelism=parallelism()) as shard:
            again = judge(
                step="judge-again",
                prepared=prepared,
                evidence=read,
                teacher=teacher,
                retrieved=found,
                shard=shard,
                shards=shards,
                **common,
            )
        made = synthesise(
            prepared=prepared, evidence=read, answers=collected(again), feedback=wishes, **common
        ).outputs["output"]
        with dsl.ParallelFor(shard_ids, parallelism=parallelism()) as shard:
            checked = judge(
                step="judge-candidates",
                prepared=prepared,
                evidence=read,
                candidates=made,
                teacher=teacher,
                shard=shard,
                shards=shards,
                **common,
            )
        kept = verify(prepared=prepared, evidence=read, candidates=made, answers=collected(checked), **common).outputs[
            "output"
        ]
        student = distil(
            prepared=prepared, evidence=read, answers=collected(again), synthetic=kept, retrieved=found, **common
        ).outputs["output"]
        scores = score(prepared=prepared, student=student, adversarial=kept, **common).outputs["output"]
        measures = evaluate(prepared=prepared, evidence=read, scores=scores, **common).outputs["output"]
        passed = gate(measures=measures, **common)
        with dsl.If(passed.outputs["Output"] == "yes", name="passed"):
            shipped = release(prepared=prepared, student=student, gate=passed.outputs["output"], **common)
            experiment(prepared=prepared, release=shipped.outputs["output"], **common)
            with dsl.If(target == "kubernetes", name="kubernetes"):
                deploy(release=shipped.outputs["output"], profile=profile)
    place()
