"""The hash of a stage's code: of everything that it imports, and of nothing else."""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from pathlib import Path
from types import ModuleType

from adore import __version__
from adore.registry import plugins

__all__ = ["code_hash", "import_closure"]

PACKAGE = Path(__file__).parent
ALSO = {
    "adore.rulebook": "rulebooks/*.yaml",
    "adore.attributes.language_packs": "attributes/languages/*.yaml",
    "adore.teacher.prompting": "teacher/prompts/*.j2",
    "adore.release.local": "serving/*.py",
}
"""What a module uses beside its imports, as a pattern of files, by module.

The module reads the files, starts one as a process, or imports one by a computed name."""


def code_hash(module: ModuleType) -> str:
    """Compute the version and a hash of all code that a stage may run.

    A stage whose hash has changed runs again.

    Args:
        module: the stage's module; of one that is not ours, its own file counts.

    Returns:
        The version and twelve hexadecimal digits.

    Example:
        >>> from adore.data import prepare, queries
        >>> code_hash(prepare) == code_hash(queries)
        False
    """
    paths = [Path(str(module.__file__))]
    if _is_module(module.__name__):
        paths = _files(module.__name__)

    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode() + b"\0")
        digest.update(path.read_bytes())
    # Any stage may look up a part that a plugin registers.
    for entry in plugins():
        version = ""
        if entry.dist:
            version = entry.dist.version
        digest.update(f"{entry.value}=={version}".encode())
    return f"{__version__}+{digest.hexdigest()[:12]}"


def _files(module: str) -> list[Path]:
    files = set[Path]()
    for name in import_closure(module):
        files.add(_path(name))
        files.update(_also(name))
    return sorted(files)


def _also(module: str) -> list[Path]:
    """What a module uses beside its imports."""
    if module not in ALSO:
        return []
    return sorted(PACKAGE.glob(ALSO[module]))


def import_closure(module: str) -> set[str]:
    """Find a module and all of ours that it imports, directly or not, also within functions.

    Args:
        module: its dotted name.

    Returns:
        Dotted names.
    """
    closure = set[str]()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in closure:
            closure.add(name)
            waiting.extend(_imports(name))
    return closure


def _path(module: str) -> Path:
    """The file of one of our modules."""
    _, *parts = module.split(".")
    path = PACKAGE.joinpath(*parts)
    if path.is_dir():
        return path / "__init__.py"
    return path.with_suffix(".py")


def _is_module(name: str) -> bool:
    package = name.partition(".")[0]
    return package == "adore" and _path(name).is_file()


@cache
def _imports(module: str) -> frozenset[str]:
    """Our modules that a module names in an import, and the packages that hold them."""
    named = set[str]()
    tree = ast.parse(_path(module).read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                named.add(alias.name)
        elif isinstance(node, ast.ImportFrom) and node.module:
            named.add(node.module)
            for alias in node.names:
                named.add(f"{node.module}.{alias.name}")

    for path in _also(module):
        if path.suffix == ".py":
            named.add(_name(path))

    # Importing a module runs the __init__ of every package that holds it.
    parts = module.split(".")
    for end in range(1, len(parts)):
        named.add(".".join(parts[:end]))

    return frozenset(name for name in named if _is_module(name))


def _name(path: Path) -> str:
    """The dotted name of one of our files."""
    relative = path.relative_to(PACKAGE).with_suffix("")
    return ".".join(["adore", *relative.parts])
