"""The loop as data: each step, the module that runs it, and the steps that it reads.

Everything that names steps reads this: the command line, the KFP components, the page, the
documents.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["LOOP", "STEPS", "Step"]


@dataclass(frozen=True, slots=True)
class Step:
    """One node of the pipeline.

    Attributes:
        name: folder under the run, and the name on the command line.
        module: where ``Config`` and ``run`` are.
        inputs: argument of ``run`` to the step whose output it takes.
        sharded: the step runs once per shard and its readers take a list.
    """

    name: str
    module: str
    inputs: dict[str, str]
    sharded: bool = False
    previous: dict[str, str] = field(default_factory=dict)
    """Inputs from an earlier run, where the step's config names one (``previous``)."""
    files: tuple[str, ...] = ()
    """Config fields that hold a path or a list of paths.

    Each is added to the step's inputs under its own name."""
    growing: tuple[str, ...] = ()
    """Of these, fields whose places others go on writing to while the step's run goes on.

    If the config's ``logged_until`` fixes what of them counts, what they hold is not hashed."""
    settings: str = ""
    """The profile's section, where it is not named after the module."""

    @property
    def section(self) -> str:
        """The profile's section: judge, judge-again and judge-candidates share one."""
        return self.settings or self.module.rsplit(".", 1)[-1]


STEPS: dict[str, Step] = {
    step.name: step
    for step in (
        Step("demo-data", "adore.data.demo_data", {}),
        Step(
            "prepare",
            "adore.data.prepare",
            {"data": "demo-data"},
            files=("requests", "logs", "frozen"),
            growing=("logs",),
        ),
        Step("evidence", "adore.attributes.evidence", {"prepared": "prepare"}),
        Step(
            "retrieve",
            "adore.student.retrieve",
            {"prepared": "prepare", "evidence": "evidence"},
        ),
        Step(
            "judge",
            "adore.teacher.judge",
            {"prepared": "prepare", "evidence": "evidence"},
            sharded=True,
        ),
        Step(
            "feedback",
            "adore.behaviour.feedback",
            {"prepared": "prepare", "evidence": "evidence", "judged": "judge"},
        ),
        Step(
            "live",
            "adore.student.live",
            {"prepared": "prepare", "evidence": "evidence", "feedback": "feedback"},
            files=("champion",),
        ),
        Step(
            "align",
            "adore.teacher.align",
            {
                "prepared": "prepare",
                "evidence": "evidence",
                "judged": "judge",
                "feedback": "feedback",
            },
            previous={"before": "align"},
        ),
        Step(
            "judge-again",
            "adore.teacher.judge",
            {
                "prepared": "prepare",
                "evidence": "evidence",
                "teacher": "align",
                "retrieved": "retrieve",
            },
            sharded=True,
        ),
        Step(
            "synthesise",
            "adore.synthesis.synthesise",
            {
                "prepared": "prepare",
                "evidence": "evidence",
                "judged": "judge-again",
                "feedback": "feedback",
                "live": "live",
            },
            previous={"scores": "distil"},
            files=("experiment",),
        ),
        Step(
            "judge-candidates",
            "adore.teacher.judge",
            {
                "prepared": "prepare",
                "evidence": "evidence",
                "candidates": "synthesise",
                "teacher": "align",
            },
            sharded=True,
        ),
        Step(
            "verify",
            "adore.synthesis.verify",
            {
                "prepared": "prepare",
                "evidence": "evidence",
                "candidates": "synthesise",
                "judged": "judge-candidates",
            },
        ),
        Step(
            "distil",
            "adore.student.distil",
            {
                "prepared": "prepare",
                "evidence": "evidence",
                "judged": "judge-again",
                "synthetic": "verify",
                "retrieved": "retrieve",
            },
        ),
        Step(
            "score",
            "adore.student.score",
            {"prepared": "prepare", "student": "distil", "adversarial": "verify"},
            files=("champion",),
        ),
        Step(
            "evaluate",
            "adore.evaluation.evaluate",
            {"prepared": "prepare", "evidence": "evidence", "scores": "score"},
        ),
        Step("gate", "adore.evaluation.gate", {"measures": "evaluate"}),
        Step(
            "release",
            "adore.release.release",
            {"prepared": "prepare", "student": "distil", "gate": "gate"},
            files=("champion",),
        ),
        Step(
            "experiment",
            "adore.release.simulated_experiment",
            {"prepared": "prepare", "evidence": "evidence", "release": "release"},
            settings="experiment",
        ),
        Step(
            "production",
            "adore.release.simulated_production",
            {"prepared": "prepare"},
            files=("champion",),
            settings="experiment",
        ),
    )
}

LOOP = tuple(name for name in STEPS if name != "demo-data")
"""Names of a shop's steps, in their order: the demo stands in for a shop's own files."""
