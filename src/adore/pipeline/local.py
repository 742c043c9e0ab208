"""One round of the loop on this machine: the KFP pipeline under ``kfp.local``."""

from __future__ import annotations

import builtins
import contextlib
import io
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from adore import artifacts, storage
from adore.config import profile_name
from adore.errors import AdoreError, DataError, MissingError
from adore.pipeline import graph, runner, settings
from adore.pipeline.compiler import load_pipeline
from adore.pipeline.component import (
    RUN_PID,
    Artefact,
    MetricsArtefact,
    is_local_run,
    report_failure,
    run_component,
)
from adore.progress import LOG_PREFIX
from adore.run_record import RUN, begin_run, check_free, read_run

if TYPE_CHECKING:
    from adore.data.check import CheckReport

__all__ = [
    "begin_on_cluster",
    "check_input",
    "choose_out",
    "examine_folder",
    "input_place",
    "read_input",
    "run_local",
]


def input_place(data: str) -> str:
    """Return the input's absolute place, so that it is the same from every working folder.

    Args:
        data: the user's input folder or place, or ``demo``.

    Returns:
        An absolute place, or ``demo``.
    """
    if data == "demo" or storage.is_remote(data):
        return data
    return str(Path(data).absolute())


def choose_out(data: str, profile: str, seed: int, root: Path = Path("runs")) -> str:
    """Choose where to write a run with these arguments.

    Args:
        data: the user's input folder or place, or ``demo``.
        profile: a profile's name or file.
        seed: seeds every stage.
        root: the folder of all runs.

    Returns:
        The newest run of the same arguments under ``root``, to be continued, or else
        ``root/<time>``.
    """
    arguments = {"data": input_place(data), "profile": profile, "seed": seed}
    earlier_runs = []
    for record_file in root.glob(f"*/{RUN}"):
        run_record = read_run(str(record_file.parent))
        if arguments.items() <= run_record.items():
            earlier_runs.append(
                (run_record.get("started", ""), str(record_file.parent))
            )
    # Times sort as text, so the greatest pair is the newest run.
    if earlier_runs:
        return max(earlier_runs)[1]
    return str(root / datetime.now(UTC).strftime("%Y%m%d-%H%M%S"))


class _Console(io.TextIOBase):
    """Writes everything to the log file, and ADORE's own lines to the terminal."""

    def __init__(self, log: io.TextIOBase) -> None:
        self._log = log
        self._line = ""

    def write(self, text: str) -> int:
        self._log.write(text)
        self._log.flush()
        # A text may end within a line: the rest waits for the next call.
        *whole_lines, self._line = (self._line + text).split("\n")
        for whole_line in whole_lines:
            if LOG_PREFIX in whole_line:
                print(whole_line.split(LOG_PREFIX, 1)[1], file=sys.stderr, flush=True)
        return len(text)

    def isatty(self) -> bool:
        return False


@contextlib.contextmanager
def _same_logging() -> Iterator[None]:
    """Undo what kfp.local does to the root logger and to ``print``.

    Its tasks leave handlers of closed files; those of one loop, which run together, leave a
    ``print`` that indents.
    """
    usual_print = builtins.print
    root_logger = logging.getLogger()
    handlers = root_logger.handlers[:]
    root_level = root_logger.level
    try:
        yield
    finally:
        root_logger.handlers[:] = handlers
        root_logger.setLevel(root_level)
        builtins.print = usual_print


def _run_pipeline(run: str, arguments: Mapping[str, object]) -> None:
    # Steps run as processes: this environment's programs come before others of the same name.
    program_folder = Path(sys.executable).parent
    os.environ["PATH"] = f"{program_folder}{os.pathsep}{os.environ['PATH']}"
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ[RUN_PID] = str(os.getpid())
    kfp_folder = ".kfp" if storage.is_remote(run) else storage.join(run, ".kfp")
    kfp_root = Path(kfp_folder).absolute()
    kfp_root.mkdir(parents=True, exist_ok=True)
    with (
        (kfp_root / "log.txt").open("a", encoding="utf-8") as log_file,
        contextlib.redirect_stdout(_Console(log_file)),
        _same_logging(),
    ):
        import warnings

        from kfp import local

        # It warns that our images are not run, which is the point.
        warnings.filterwarnings("ignore", module="kfp")

        pipeline = load_pipeline()
        local.init(
            runner=local.SubprocessRunner(use_venv=False), pipeline_root=str(kfp_root)
        )
        try:
            pipeline(**arguments)
        except RuntimeError as error:  # what kfp.local raises for any failed task
            raise AdoreError(
                "a step failed (see its reason above); "
                f"the whole log: {kfp_root / 'log.txt'}"
            ) from error


def check_input(data: str, run: str, *, profile: str, seed: int) -> str:
    """Check the input before anything is run or paid; make the demo shop if it is the input.

    Args:
        data: the user's input folder or place, or ``demo``.
        run: the place that will be written to; an earlier report of its step ``prepare`` is
            reused if the input is the same.
        profile: a profile's name or file.
        seed: seeds every stage.

    Returns:
        How the input is understood, as text for a person.

    Raises:
        ConfigError: the profile is wrong.
        MissingError: the folder is not there.
        DataError: a run cannot begin with it; the reason is in the text.
    """
    from adore.data.prepare import CHECK

    settings.check_profile(profile)
    _check_folder(data)
    if data == "demo":
        data = storage.join(run, "demo-data")
        runner.run_stage("demo-data", {}, data, profile=profile, seed=seed)
    data = input_place(data)
    # A large folder is not read twice; the report of its preparation is shown again.
    if _is_prepared(run, data=data, profile=profile, seed=seed):
        with contextlib.suppress(MissingError):
            earlier_check = storage.local_copy(storage.join(run, "prepare", CHECK))
            return earlier_check.read_text("utf-8").rstrip()
    folder_report = examine_folder(data, profile)
    if not folder_report.can_run:
        raise DataError(
            f"data == {data!r}, must be one that a run can begin with; "
            f"correct the errors below\n\n{folder_report.text}"
        )
    return folder_report.text


def examine_folder(data: str, profile: str) -> CheckReport:
    """Read an input folder as ``prepare`` would, without writing anything.

    Args:
        data: the folder, or its place.
        profile: a profile's name or file; its section ``prepare`` says how to read it.

    Returns:
        How the folder is understood, and whether a run can begin with it.

    Raises:
        ConfigError: the section ``prepare`` of the profile is wrong.
        MissingError: the folder is not there.
        UnavailableError: the store does not answer.
    """
    from adore.data.check import check_folder
    from adore.data.round_inputs import Sources

    prepare_config = settings.config_of("prepare", profile)
    places = runner.add_configured_inputs(graph.STEPS["prepare"], prepare_config, {})
    sources = Sources(**artifacts.local_copies(places))
    return check_folder(storage.local_copy(data), prepare_config, sources, data)


def _is_prepared(run: str, *, data: str, profile: str, seed: int) -> bool:
    """Return whether ``prepare`` of a run has already read this input.

    Args:
        run: the run's place.
        data: the user's input folder or place.
        profile: a profile's name or file.
        seed: seeds every stage.

    Returns:
        True if running ``prepare`` again would keep its output.
    """
    prepare_step = graph.STEPS["prepare"]
    manifest = artifacts.read_manifest(storage.join(run, prepare_step.name))
    # Without an earlier output the input, which may be large, is not hashed.
    if manifest is None:
        return False
    prepare_module, config = settings.stage_of(prepare_step, profile, {"seed": seed})
    step_inputs = runner.inputs_of(prepare_step.name, run, data=data, profile=profile)
    all_inputs = runner.add_configured_inputs(prepare_step, config, step_inputs)
    growing = runner.growing_inputs(prepare_step, config)
    wanted_fingerprint = artifacts.fingerprint(
        prepare_module, prepare_step.name, config, all_inputs, growing=growing
    )
    return manifest.matches(wanted_fingerprint)


def _check_folder(data: str) -> None:
    if data != "demo" and not storage.is_remote(data) and not Path(data).is_dir():
        raise MissingError(
            f"data == {data!r}, must be a folder with items and queries; "
            "set DATA to one, or to demo"
        )


def run_local(data: str, run: str, *, profile: str, seed: int) -> None:
    """Run the whole pipeline; the outputs of unchanged steps are kept.

    Args:
        data: the user's input folder, or ``demo``.
        run: the place to write to.
        profile: a profile's name or file.
        seed: seeds every stage.

    Raises:
        AdoreError: a step failed; its own error was printed.
    """
    settings.check_profile(profile)
    _check_folder(data)
    data = input_place(data)
    run = run if storage.is_remote(run) else str(Path(run).absolute())
    check_free(run)
    begin_run(run, data=data, profile=profile, seed=seed)
    shard_count = settings.shards(profile)
    arguments = {
        "run": run,
        "data": data,
        "profile": profile,
        "seed": seed,
        "shard_ids": list(range(shard_count)),
        "shards": shard_count,
    }
    _run_pipeline(run, arguments)


def read_input(
    run: str,
    data: str,
    output: Artefact,
    metrics: MetricsArtefact,
    *,
    profile: str,
    seed: int,
) -> None:
    """Run the first step: read the user's input, or the demo shop, into validated tables.

    Args:
        run: the run's place.
        data: the user's input folder or place, or ``demo``.
        output: the KFP artefact that will point to the tables.
        metrics: a ``dsl.Metrics``.
        profile: a profile's name or place.
        seed: seeds the stage.
    """
    if data == "demo":
        data = storage.join(run, "demo-data")
        with report_failure("demo-data", run):
            runner.run_stage("demo-data", {}, data, profile=profile, seed=seed)
    run_component(
        "prepare", run, {"data": data}, output, metrics, profile=profile, seed=seed
    )


def begin_on_cluster(run: str, *, data: str, profile: str, seed: int, job: str) -> None:
    """Record that a run begins on a cluster; ``adore run`` records its own runs.

    Args:
        run: the run's place.
        data: its input's place, or ``demo``.
        profile: a profile's name or place; its name is written.
        seed: seeds every stage.
        job: id of the run on Kubeflow Pipelines.
    """
    if not is_local_run():
        begin_run(run, data=data, profile=profile_name(profile), seed=seed, job=job)
