"""The loop as one KFP pipeline."""

from typing import List

from components import parallelism, place, shares_pod
from components.align import align
from components.deploy import deploy
from components.distil import distil
from components.evaluate import evaluate
from components.evidence import evidence
from components.examine import examine
from components.experiment import experiment
from components.feedback import feedback
from components.gate import gate
from components.judge import judge
from components.listen import listen
from components.live import live
from components.prepare import prepare
from components.prove import prove
from components.read import read
from components.refused import refused
from components.release import release
from components.report import report
from components.retrieve import retrieve
from components.score import score
from components.synthesise import synthesise
from components.verify import verify
from kfp import dsl

__all__ = ["adore"]


def collected(task: dsl.PipelineTask) -> dsl.Collected:
    """All shards' outputs; made anew for each reader: KFP changes the object that it is given."""
    return dsl.Collected(task.outputs["output"])


@dsl.pipeline(
    name="adore",
    description="judge, align, judge, synthesise, verify, distil, evaluate, gate, release, prove",
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
    job = dsl.PIPELINE_JOB_ID_PLACEHOLDER
    with dsl.ExitHandler(report(data=data, job=job, **common), name="the loop"):
        if shares_pod("read"):
            opened = read(data=data, job=job, **common).outputs
            prepared, seen, candidates = (
                opened["prepared"],
                opened["evidence"],
                opened["retrieved"],
            )
        else:
            prepared = prepare(data=data, job=job, **common).outputs["output"]
            seen = evidence(prepared=prepared, **common).outputs["output"]
            candidates = retrieve(prepared=prepared, evidence=seen, **common).outputs[
                "output"
            ]
        with dsl.ParallelFor(
            shard_ids, name="judge, by shard", parallelism=parallelism()
        ) as shard:
            first_judging = judge(
                step="judge",
                prepared=prepared,
                evidence=seen,
                shard=shard,
                shards=shards,
                **common,
            )
        if shares_pod("listen"):
            behaviour = listen(
                prepared=prepared,
                evidence=seen,
                judged=collected(first_judging),
                **common,
            ).outputs
            learnt, differing = behaviour["learnt"], behaviour["differing"]
        else:
            learnt = feedback(
                prepared=prepared,
                evidence=seen,
                judged=collected(first_judging),
                **common,
            ).outputs["output"]
            differing = live(
                prepared=prepared, evidence=seen, feedback=learnt, **common
            ).outputs["output"]
        aligned = align(
            prepared=prepared,
            evidence=seen,
            judged=collected(first_judging),
            feedback=learnt,
            **common,
        )
        teacher = aligned.outputs["output"]
        with dsl.ParallelFor(
            shard_ids, name="judge again, by shard", parallelism=parallelism()
        ) as shard:
            second_judging = judge(
                step="judge-again",
                prepared=prepared,
                evidence=seen,
                teacher=teacher,
                retrieved=candidates,
                shard=shard,
                shards=shards,
                **common,
            ).set_display_name("judge-again")
        made = synthesise(
            prepared=prepared,
            evidence=seen,
            judged=collected(second_judging),
            feedback=learnt,
            live=differing,
            **common,
        )
        synthetic = made.outputs["output"]
        with dsl.ParallelFor(
            shard_ids, name="judge candidates, by shard", parallelism=parallelism()
        ) as shard:
            candidate_judging = judge(
                step="judge-candidates",
                prepared=prepared,
                evidence=seen,
                candidates=synthetic,
                teacher=teacher,
                shard=shard,
                shards=shards,
                **common,
            ).set_display_name("judge-candidates")
        verified = verify(
            prepared=prepared,
            evidence=seen,
            candidates=synthetic,
            judged=collected(candidate_judging),
            **common,
        ).outputs["output"]
        student = distil(
            prepared=prepared,
            evidence=seen,
            judged=collected(second_judging),
            synthetic=verified,
            retrieved=candidates,
            **common,
        ).outputs["output"]
        if shares_pod("examine"):
            verdict = examine(
                prepared=prepared,
                evidence=seen,
                student=student,
                adversarial=verified,
                **common,
            )
            reasons = verdict.outputs["verdict"]
        else:
            scores = score(
                prepared=prepared, student=student, adversarial=verified, **common
            ).outputs["output"]
            measures = evaluate(
                prepared=prepared, evidence=seen, scores=scores, **common
            ).outputs["output"]
            verdict = gate(measures=measures, **common)
            reasons = verdict.outputs["output"]
        with dsl.If(verdict.outputs["Output"] == "yes", name="passed"):
            if shares_pod("prove"):
                shipped = prove(
                    prepared=prepared,
                    evidence=seen,
                    student=student,
                    gate=reasons,
                    **common,
                ).outputs["shipped"]
            else:
                shipped = release(
                    prepared=prepared, student=student, gate=reasons, **common
                ).outputs["output"]
                experiment(prepared=prepared, evidence=seen, release=shipped, **common)
            with dsl.If(target == "kubernetes", name="kubernetes"):
                deploy(run=run, release=shipped, profile=profile)
        # A branch that runs whenever the other does not: without it Kubeflow Pipelines tells
        # the exit task RUNNING.
        with dsl.Else(name="refused"):
            refused(prepared=prepared, gate=reasons, **common)
    place()
