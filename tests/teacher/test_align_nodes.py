"""Stage align's own command under torchrun:
two processes make the teacher of one, the tiny one and a large one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from safetensors.numpy import load_file
from tests.teacher.training.test_lora import byte_tokenizer, short_lesson

from adore.artifacts import read_manifest
from adore.distributed import launch
from adore.pipeline.runner import run_step
from adore.teacher.training.lora import StartModel, _base
from adore.teacher.training.tiny_model import new_model

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
CODE = "from adore.cli.main import main; main()"
TINY = yaml.safe_load((Path(__file__).parents[1] / "tiny.yaml").read_text("utf-8"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run up to align."""
    home = tmp_path_factory.mktemp("nodes") / "run"
    profile = write(home.parent / "profile.yaml", {})
    for name in ("demo-data", "prepare", "evidence", "judge", "feedback"):
        run_step(name, str(home), data="demo", profile=profile, seed=0)
    return home


def write(path: Path, align: dict[str, Any]) -> str:
    path.write_text(
        yaml.safe_dump(
            {
                **TINY,
                "align": {**TINY["align"], "sft_rows": 32, "kto_rows": 32, **align},
            }
        )
    )
    return str(path)


def align(
    run: Path, profile: str, processes: int, log: Path
) -> subprocess.Popen[bytes]:
    """``adore align``, alone or under torchrun."""
    launch = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        str(processes),
    ]
    command = [
        sys.executable,
        "-c",
        CODE,
        "align",
        "--run",
        str(run),
        "--profile",
        profile,
    ]
    with log.open("wb") as told:
        return subprocess.Popen(
            [*launch, "--no-python", "--", *command] if processes > 1 else command,
            stdout=told,
            stderr=told,
        )


def curves(run: Path, name: str) -> list[float]:
    return [
        point["loss"]
        for point in json.loads((run / "align" / "curves.json").read_text())[name]
    ]


def made(
    run: Path, profile: str, processes: int, log: Path
) -> tuple[list[float], list[float]]:
    assert align(run, profile, processes, log).wait(timeout=500) == 0, log.read_text()[
        -3000:
    ]
    assert (run / "align" / "model" / "model.safetensors").is_file()
    assert not list(run.glob(".unfinished-*")) and read_manifest(run / "align")
    return curves(run, "sft"), curves(run, "kto")


def test_the_tiny_teacher(run: Path, tmp_path: Path) -> None:
    profile = write(tmp_path / "profile.yaml", {"sft_epochs": 4, "kto_epochs": 4})
    one = made(run, profile, 1, tmp_path / "log")
    (run / "align").rename(tmp_path / "alone")
    two = made(run, profile, 2, tmp_path / "log")
    np.testing.assert_allclose(two[0], one[0], rtol=1e-2)
    assert len(two[1]) == len(one[1]) > 0


def test_a_few_steps_of_kto_teach_without_a_point_of_the_curve(
    run: Path, tmp_path: Path
) -> None:
    profile = write(tmp_path / "profile.yaml", {"kto_epochs": 1})
    assert made(run, profile, 1, tmp_path / "log")[1] == []


LARGE = """
import json, sys
from pathlib import Path
from adore import artifacts
from adore.config import StageConfig
from adore.teacher.training.config import LoraTeacherConfig
from adore.teacher.training.lora import train_kto, train_sft
from adore.distributed import leave, process_group, worker_loop

def run(config, output):
    told = json.loads(Path(sys.argv[1]).read_text())
    large = LoraTeacherConfig(**told["large"])
    curves = {"sft": train_sft(large, told["rows"], output / "sft")}
    if told["stop"]:
        raise SystemExit(3)
    curves["kto"] = train_kto(large, output / "sft", told["rows"], output / "model")
    (output / "curves.json").write_text(json.dumps(curves))
    return {}

if __name__ == "__main__":
    with process_group() as is_main:
        if is_main:
            artifacts.execute(sys.modules["__main__"], "align", StageConfig(), {}, sys.argv[2])
        else:
            worker_loop()
    leave(SystemExit(0))  # as the command line ends
"""


def large(
    home: Path,
    output: str,
    processes: int,
    *,
    stop: bool = False,
    sharded: bool = False,
) -> tuple[int, str]:
    """SFT, then KTO, of a one-layer Llama by LoRA, as the stage calls them; four rows a step."""
    home.mkdir(exist_ok=True)
    (home / "stage.py").write_text(LARGE)
    rows = short_lesson(home / "base", layers=1)
    rates = {"sft_rate": 1e-2, "kto_rate": 1e-2, "sft_epochs": 2, "kto_epochs": 2}
    sizes = {
        "lora": {"rank": 2, "alpha": 4},
        "max_length": 256,
        "batch": 2,
        "accumulate": 2 // processes,
        "sharded": sharded,
    }
    told = {
        "large": {"base_model": str(home / "base"), **rates, **sizes},
        "rows": rows,
        "stop": stop,
    }
    (home / f"{output}.json").write_text(json.dumps(told))
    launch = [
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        str(processes),
    ]
    command = [
        sys.executable,
        *(launch if processes > 1 else []),
        str(home / "stage.py"),
    ]
    done = subprocess.run(
        [*command, str(home / f"{output}.json"), str(home / output)],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("sharded", [False, True])
def test_a_large_teacher_and_its_sft_is_not_learnt_twice(
    sharded: bool, tmp_path: Path
) -> None:
    assert large(tmp_path, "one", 1)[0] == 0
    assert large(tmp_path, "two", 2, stop=True, sharded=sharded)[0] != 0
    code, told = large(tmp_path, "two", 2, sharded=sharded)
    assert code == 0, told[-3000:]
    assert "SFT: kept by an earlier start" in told and not list(
        tmp_path.glob(".unfinished-*")
    )
    one, two = (
        json.loads((tmp_path / name / "curves.json").read_text())
        for name in ("one", "two")
    )
    for kind in ("sft", "kto"):
        losses = [[point["loss"] for point in curve[kind]] for curve in (one, two)]
        np.testing.assert_allclose(losses[1], losses[0], rtol=2e-2)
    alone, both = (
        load_file(tmp_path / name / "model" / "model.safetensors")
        for name in ("one", "two")
    )
    assert alone.keys() == both.keys() and all(
        both[k].shape == alone[k].shape for k in alone
    )
    assert max(float(np.abs(both[k] - alone[k]).max()) for k in alone) < 1e-3


def held(folder: str) -> tuple[int, int]:
    """Weights that this process holds of a sharded model, and all that it has."""
    parts = list(_base(StartModel(folder), False, sharded=True).parameters())
    return sum(p.to_local().numel() for p in parts), sum(p.numel() for p in parts)


def test_each_process_holds_its_share_of_a_sharded_model(tmp_path: Path) -> None:
    new_model(byte_tokenizer(["x"]), layers=2, width=64, seed=0).save_pretrained(
        tmp_path / "base"
    )
    mine, all_of_it = launch(2, f"{__name__}:held", folder=str(tmp_path / "base"))
    assert mine == pytest.approx(all_of_it / 2, rel=0.01)
