"""A killed training goes on from its checkpoint to the very weights of one
that was not; none takes another's.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tests.teacher.training.test_lora import short_lesson

from adore.artifacts import execute
from adore.config import StageConfig
from adore.errors import ConfigError, check
from adore.storage import local_copy
from adore.teacher.training.base import FitSettings
from adore.teacher.training.datasets import sft_row
from adore.teacher.training.tiny import train
from adore.teacher.training.tiny_model import new_model, new_tokenizer
from adore.types import Evidence, Grade

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
LORA = {"rank": 2, "alpha": 4, "dropout": 0.1}
STAGE = """
import glob, json, os, signal, sys, threading, time
from pathlib import Path
from adore import artifacts
from adore.config import StageConfig
from adore.teacher.training.base import FitSettings
from adore.teacher.training.config import LoraTeacherConfig
from adore.teacher.training.lora import train_kto, train_sft
from adore.teacher.training.tiny import train
from adore.distributed import leave, process_group, worker_loop

told, output = json.loads(Path(sys.argv[1]).read_text()), sys.argv[2]

def die():
    while not glob.glob(f"{Path(output).parent}/.unfinished-*/{told['killed']}-*.tar"):
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGKILL)

class Config(StageConfig):
    of: str = ""

def run(config, output):
    base, rows, steps = Path(told["base"]), told["rows"], {"save_steps": told["every"]}
    if told["large"]:
        large, shape = LoraTeacherConfig(**told["large"]), {"processes": told["processes"], **steps}
        curves = {"sft": train_sft(large, rows, output / "sft", **shape)}
        curves["kto"] = train_kto(large, output / "sft", rows, output / "model", **shape)
    else:
        how, shape = FitSettings(told["epochs"], 1e-2, 4), {"processes": told["processes"], **steps}
        curves = {"sft": train("sft", base, rows, output / "sft", how, **shape)}
        curves["kto"] = train("kto", output / "sft", rows, output / "model", how, **shape)
    (output / "curves.json").write_text(json.dumps(curves))
    return {}

if __name__ == "__main__":
    with process_group() as is_main:
        if not is_main:
            worker_loop()
        else:
            if told["killed"]:
                threading.Thread(target=die, daemon=True).start()
            artifacts.execute(sys.modules["__main__"], "align", Config(of=told["of"]), {}, output)
    leave(SystemExit(0))  # as the command line ends
"""


def start(
    home: Path, name: str, told: dict[str, Any], processes: int = 1
) -> tuple[int, str]:
    (home / "stage.py").write_text(STAGE)
    (home / name).mkdir(exist_ok=True)
    (home / name / "told.json").write_text(json.dumps(told))
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
        [*command, str(home / name / "told.json"), str(home / name / "out")],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    return done.returncode, done.stderr


def told_tiny(home: Path) -> dict[str, Any]:
    tokenizer = new_tokenizer()
    new_model(tokenizer, layers=1, width=16, seed=0).save_pretrained(home / "base")
    tokenizer.save_pretrained(home / "base")
    seen = [
        (Evidence("brand", "a", "a", "a", "a", "title", s),)
        for s in ("match", "conflict")
    ]  # type: ignore[arg-type]
    rows = [
        {**sft_row(seen[n % 2], Grade(n % 4)), "label": n % 3 > 0} for n in range(16)
    ]
    return {
        "base": str(home / "base"),
        "rows": rows,
        "large": None,
        "every": 7,
        "epochs": 40,
    }


def told_large(home: Path, *, sharded: bool, world: int) -> dict[str, Any]:
    rows = short_lesson(home / "base", layers=2)
    rates = {"sft_rate": 1e-2, "kto_rate": 1e-2, "sft_epochs": 30, "kto_epochs": 30}
    sizes = {
        "lora": LORA,
        "max_length": 256,
        "batch": 2,
        "accumulate": 2 // world,
        "sharded": sharded,
    }
    return {
        "base": "",
        "rows": rows,
        "large": {"base_model": str(home / "base"), **rates, **sizes},
        "every": 7,
    }


def weights(home: Path, name: str) -> dict[str, torch.Tensor]:
    return load_file(home / name / "out" / "model" / "model.safetensors")


@pytest.mark.parametrize(
    ("kind", "torchrun", "killed"),
    [
        ("tiny", 1, "kto"),
        ("large", 1, "sft"),
        ("large", 2, "kto"),
        ("sharded", 2, "sft"),
    ],
)
def test_a_killed_training_ends_where_it_would_have(
    kind: str, torchrun: int, killed: str, tmp_path: Path
) -> None:
    told = (
        told_tiny(tmp_path)
        if kind == "tiny"
        else told_large(tmp_path, sharded=kind == "sharded", world=torchrun)
    )
    told |= {"processes": 1, "of": "", "killed": ""}
    code, said = start(tmp_path, "whole", told, torchrun)
    assert code == 0 and "goes on after" not in said, said[-3000:]
    code, _ = start(tmp_path, "cut", {**told, "killed": killed}, torchrun)
    assert code == (-signal.SIGKILL if torchrun == 1 else 1) and list(
        (tmp_path / "cut").glob(f".unf*/{killed}-*.tar")
    )
    code, said = start(tmp_path, "cut", told, torchrun)
    assert code == 0 and "goes on after step" in said, said[-3000:]
    assert not list((tmp_path / "cut").glob(".unfinished-*"))
    one, two = (
        json.loads((tmp_path / name / "out" / "curves.json").read_text())
        for name in ("whole", "cut")
    )
    assert [p["step"] for p in one[killed]] == [p["step"] for p in two[killed]]
    for name, tensor in weights(tmp_path, "whole").items():
        torch.testing.assert_close(
            weights(tmp_path, "cut")[name], tensor, rtol=0, atol=0, msg=name
        )


def test_a_checkpoint_of_other_rows_is_not_taken(tmp_path: Path) -> None:
    told = {**told_tiny(tmp_path), "processes": 1, "of": "", "killed": "sft"}
    start(tmp_path, "cut", told)
    (kept,) = (tmp_path / "cut").glob(".unfinished-*/sft-*.tar")
    code, said = start(
        tmp_path, "cut", {**told, "killed": "", "rows": told["rows"][::-1]}
    )
    assert code == 0 and "goes on after" not in said, said[-3000:]
    assert not kept.exists(), "the step is whole"


HERE: dict[str, Any] = {}


def run(config: StageConfig, output: Path) -> dict[str, float]:
    """A stage that trains and then, the first time, fails."""
    how = FitSettings(3, 1e-2, 4)
    base = Path(HERE["base"])
    curve = train("sft", base, HERE["rows"], output / "model", how, save_steps=5)
    check(HERE["well"], "end", "bad", must="good", fix="start again")
    return {"points": float(len(curve))}


def test_a_checkpoint_in_a_store_is_found_again(
    tmp_path: Path,
    s3: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    stage = (sys.modules[__name__], "align", StageConfig(), {}, f"{s3}/run/out")
    HERE.update(told_tiny(tmp_path), well=False)
    with pytest.raises(ConfigError):
        execute(*stage)
    assert "goes on after" not in capfd.readouterr().err
    HERE["well"] = True
    assert execute(*stage).metrics["points"] == 2
    assert "goes on after step 12" in capfd.readouterr().err
    assert [p.name for p in local_copy(f"{s3}/run").iterdir()] == ["out"], (
        "what was kept is removed"
    )
