"""Sizes of the images that a docker engine has, over their base."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

from adore import __version__

BASE = os.environ.get("BASE", "python:3.11-slim-bookworm")
KINDS = ("router", "server", "student", "teacher")


def _size(image: str) -> int:
    """Bytes; 0 if the engine does not have it."""
    command = ["docker", "image", "inspect", "-f", "{{json .Size}}", image]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return int(json.loads(done.stdout)) if done.returncode == 0 else 0


def measure(seed: int) -> dict[str, Any]:
    """Megabytes of each image, and of each over its base."""
    registry, tag = (
        os.environ.get("REGISTRY", "adore"),
        os.environ.get("TAG", __version__),
    )
    base = _size(BASE)
    sizes = {kind: _size(f"{registry}/{kind}:{tag}") for kind in KINDS}
    found = {
        kind: {"mb": size / 1e6, "over_base_mb": (size - base) / 1e6}
        for kind, size in sizes.items()
        if size
    }
    return {"base": BASE, "base_mb": base / 1e6, "images": found}


def render(result: dict[str, Any]) -> str:
    """A table."""
    lines = [
        "### Images",
        "",
        f"After `make images`, on the base `{result['base']}` "
        f"({result['base_mb']:.0f} MB), uncompressed.",
        "",
        "| image | MB | over its base |",
        "|---|---:|---:|",
    ]
    for kind, sizes in result["images"].items():
        lines.append(f"| {kind} | {sizes['mb']:.0f} | {sizes['over_base_mb']:.0f} |")
    return "\n".join(lines)
