"""Where the pipeline's steps run on a cluster, from the profile's section ``cluster``.

The section is compiled into the pipeline.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from adore.config import StageConfig
from adore.release.kubernetes.objects import GROUP, POD_SECURITY

if TYPE_CHECKING:
    from kfp.dsl import PipelineTask

__all__ = ["Config", "Gpu", "Stage", "Toleration", "Train", "place", "place_all"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Toleration(_Part):
    """As in a pod."""

    key: str
    """The taint's key."""
    operator: Literal["Equal", "Exists"] = "Exists"
    """Whether the taint's value matters."""
    value: str | None = None
    """The taint's value, for ``Equal``."""
    effect: Literal["NoExecute", "NoSchedule", "PreferNoSchedule"] | None = None
    """The taint's effect; null: every effect."""


class Gpu(_Part):
    """What stages on GPUs get in addition to their own requests."""

    stages: tuple[str, ...] = ()
    """Components: judge, align, ..."""
    type: str = "nvidia.com/gpu"
    """The resource's name."""
    count: Annotated[int, Field(ge=1)] = 1
    """GPUs of each pod."""
    node_selector: dict[str, str] = Field(default_factory=dict)
    """Labels of the nodes that have GPUs."""
    tolerations: tuple[Toleration, ...] = ()
    """Taints of those nodes that the pods tolerate."""
    queue: str = ""
    """Kueue's LocalQueue."""
    priority: str = ""
    """Kueue's WorkloadPriorityClass; Kubeflow Pipelines has no field for a pod's own priority."""

    @property
    def queue_labels(self) -> dict[str, str]:
        """Labels by which Kueue admits a pod or a job; empty where it has no queue."""
        kueue_labels = {}
        if self.queue:
            kueue_labels["kueue.x-k8s.io/queue-name"] = self.queue
        if self.priority:
            kueue_labels["kueue.x-k8s.io/priority-class"] = self.priority
        return kueue_labels


class Stage(_Part):
    """Requests and patience of one component; limits equal requests for memory."""

    cpu: str = "1"
    """Requested cores."""
    cpu_limit: str = "4"
    """Most cores."""
    memory: str = "4Gi"
    """Requested memory, and its limit."""
    retries: Annotated[int, Field(ge=0)] = 2
    """How often the step retries what was unavailable (a store, an endpoint).

    Kubeflow Pipelines retries a lost pod as often."""
    timeout: Annotated[int, Field(ge=0)] = 6 * 3600
    """Seconds; 0: no limit."""
    image: str = ""
    """Image that replaces the component's own."""


class Train(_Part):
    """Stages that the nodes of a Kubeflow TrainJob share.

    Each node has the stage's own size, image and GPUs.
    """

    stages: tuple[Literal["align", "distil"], ...] = ()
    """Stages that run as a TrainJob."""
    nodes: Annotated[int, Field(ge=1)] = 2
    """Nodes of each TrainJob."""
    processes: Annotated[int, Field(ge=1)] = 1
    """Processes on each node without GPUs; a node with GPUs runs one per GPU."""
    runtime: str = "torch-distributed"
    """A ClusterTrainingRuntime whose job and container are named ``node``.

    Kubeflow Trainer's own runtimes have these names."""


GROUPS = {
    "read": {"prepare", "evidence", "retrieve"},
    "listen": {"feedback", "live"},
    "examine": {"score", "evaluate", "gate"},
    "prove": {"release", "experiment"},
}
"""Stages of each group that can share a pod."""
RETRIES = "ADORE_STEP_RETRIES"
"""Environment variable with a step's ``retries``, for what the step retries itself."""
NOTIFY_URL = "ADORE_NOTIFY_URL"
"""Environment variable, and key of the Secret, with the hook that hears how a run ended."""
LAUNCHER = {"cpu": "250m", "cpu_limit": "1", "memory": "2Gi"}
"""Size of a step that only follows its TrainJob."""


class Config(StageConfig):
    """The profile's section ``cluster``."""

    default: Stage = Stage()
    """Size and patience of every stage that ``stages`` does not name."""
    stages: dict[str, Stage] = Field(default_factory=dict)
    """Sizes by component; other components take ``default``."""
    gpu: Gpu = Gpu()
    """Which stages get GPUs, and where."""
    train: Train = Train()
    """Which stages run on several nodes."""
    shared_pods: tuple[Literal["read", "listen", "examine", "prove"], ...] = ()
    """Groups of small stages that share a pod: Kubeflow Pipelines takes some ten seconds to start
    one. ``read`` (prepare, evidence, retrieve), ``listen`` (feedback, live), ``examine`` (score,
    evaluate, gate), ``prove`` (release, experiment). ``stages`` sizes a group by its name."""
    parallelism: Annotated[int, Field(ge=0)] = 0
    """Judging shards at a time; 0: all."""
    secrets: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Secret to the keys that become environment variables of the same name, in every step."""
    notify: str = ""
    """Secret whose key ADORE_NOTIFY_URL receives how the run ended."""
    claim: str = ""
    """``NAME:/mount``: a PersistentVolumeClaim for artefacts, where there is no object store."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Further labels of the pods."""

    @model_validator(mode="after")
    def _sizes_are_used(self) -> Self:
        """Refuse a size or a GPU for a stage that has no pod of its own."""
        for group in self.shared_pods:
            unused_sizes = sorted(GROUPS[group] & ({*self.stages, *self.gpu.stages}))
            if unused_sizes:
                raise ValueError(
                    f"shared_pods: {group} runs {', '.join(unused_sizes)} in its own pod; "
                    f"size stages.{group} instead"
                )
        return self


def place_all(config: Config) -> None:
    """Write the profile's section ``cluster`` into the KFP pipeline that is being traced."""
    from kfp.dsl import pipeline_context

    place(pipeline_context.Pipeline.get_default_pipeline().tasks.values(), config)


def place(tasks: Iterable[PipelineTask], config: Config) -> None:
    """Give every task its resources, place, patience, user, secrets and labels.

    The user is set although the images define it: a restricted namespace refuses a container
    without one.

    Args:
        tasks: KFP tasks of a pipeline that is being traced.
        config: the profile's section ``cluster``.
    """
    from kfp import kubernetes

    for task in tasks:
        component = task.component_spec.name
        stage_size = config.stages.get(component, config.default)
        # A launcher only follows its TrainJob, so it needs neither the stage's size nor a GPU.
        launches = component in config.train.stages
        _size(task, stage_size.model_copy(update=LAUNCHER) if launches else stage_size)
        if component in config.gpu.stages and not launches:
            _accelerate(task, config.gpu)
        kubernetes.set_security_context(
            task,
            run_as_user=POD_SECURITY["runAsUser"],
            run_as_group=POD_SECURITY["runAsGroup"],
            run_as_non_root=True,
        )
        for secret_name, secret_keys in config.secrets.items():
            kubernetes.use_secret_as_env(
                task,
                secret_name,
                {label_name: label_name for label_name in secret_keys},
            )
        # Only the exit task sends notifications.
        if config.notify and component == "report":
            kubernetes.use_secret_as_env(task, config.notify, {NOTIFY_URL: NOTIFY_URL})
        if config.claim:
            claim_name, _, mount_path = config.claim.partition(":")
            kubernetes.mount_pvc(task, claim_name, mount_path)
        our_labels = {
            "app.kubernetes.io/part-of": "adore",
            f"{GROUP}/role": "pipeline",
            f"{GROUP}/stage": component,
        }
        for label_name, label_value in {**our_labels, **config.labels}.items():
            kubernetes.add_pod_label(task, label_name, label_value)


def _size(task: PipelineTask, stage: Stage) -> None:
    from kfp import kubernetes

    task.set_cpu_request(stage.cpu).set_cpu_limit(stage.cpu_limit)
    task.set_memory_request(stage.memory).set_memory_limit(stage.memory)
    task.set_caching_options(False)  # ours are keyed by content: see adore.artifacts
    task.set_env_variable(RETRIES, str(stage.retries))
    if stage.retries:
        task.set_retry(
            stage.retries,
            backoff_duration="30s",
            backoff_factor=2.0,
            backoff_max_duration="600s",
        )
    if stage.timeout:
        kubernetes.set_timeout(task, stage.timeout)
    if stage.image:
        task.set_container_image(stage.image)


def _accelerate(task: PipelineTask, gpu: Gpu) -> None:
    from kfp import kubernetes

    task.set_accelerator_type(gpu.type).set_accelerator_limit(gpu.count)
    # NCCL exchanges tensors between GPUs through shared memory.
    kubernetes.empty_dir_mount(
        task, "shm", "/dev/shm", medium="Memory", size_limit="2Gi"
    )
    for key, value in gpu.node_selector.items():
        kubernetes.add_node_selector(task, key, value)
    for toleration in gpu.tolerations:
        kubernetes.add_toleration(
            task,
            toleration.key,
            toleration.operator,
            toleration.value,
            toleration.effect,
        )
    for key, value in gpu.queue_labels.items():
        kubernetes.add_pod_label(task, key, value)
