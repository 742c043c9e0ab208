"""How code reads, in figures: ``python -m bench.style [FOLDER ...]``.

Another project's source is measured alike.
"""

from __future__ import annotations

import argparse
import ast
import statistics
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parents[1] / "src" / "adore"
LONG = 100
"""Characters of a line that are too many."""
DENSE = 14.0
"""Syntax nodes a line, over which a function is hard to read."""
VAGUE = {"asked", "found", "held", "said", "told"}
"""Participles that say nothing of a value when they are its whole name."""
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
Function = ast.FunctionDef | ast.AsyncFunctionDef
COMPREHENSION = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(slots=True)
class Counts:
    """What was counted in a tree of Python files."""

    modules: list[int] = field(default_factory=list)
    """Lines of each."""
    functions: list[int] = field(default_factory=list)
    """Lines of each body, docstring apart."""
    parameters: list[int] = field(default_factory=list)
    densities: list[float] = field(default_factory=list)
    """Syntax nodes a code line, of each function of three lines or more."""
    densest: list[tuple[float, str]] = field(default_factory=list)
    without_args: list[str] = field(default_factory=list)
    """Public functions of two parameters or more that do not describe them."""
    names: list[str] = field(default_factory=list)
    vague: list[str] = field(default_factory=list)
    """Names of :data:`VAGUE` that something is bound to, each with its place.

    Fields of a record do not count: they are read with their owner (``evidence.asked``)."""
    nodes: int = 0
    code_lines: int = 0
    comment_lines: int = 0
    long_lines: int = 0
    comprehensions: int = 0
    ternaries: int = 0
    pairs: int = 0
    """``a, b = x, y``."""
    deferred: int = 0
    module_docstrings: int = 0
    public: int = 0
    documented: int = 0
    with_parameters: int = 0
    with_args: int = 0
    typed: int = 0
    any_typed: int = 0


def code_lines_of(path: Path) -> tuple[set[int], int]:
    """Numbers of the lines that hold code, docstrings apart; how many lines hold a comment."""
    code, comments = set[int](), 0
    with path.open("rb") as stream:
        for token in tokenize.tokenize(stream.readline):
            if token.type == tokenize.COMMENT:
                comments += 1
            elif token.type in (
                tokenize.NAME,
                tokenize.NUMBER,
                tokenize.OP,
                tokenize.STRING,
            ):
                code.update(range(token.start[0], token.end[0] + 1))
    return code, comments


def docstring_lines(tree: ast.AST) -> set[int]:
    """Lines of strings that stand alone: of modules, classes, functions and attributes."""
    lines = set[int]()
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            lines.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines


def read_module(path: Path, counts: Counts) -> None:
    """Add one file to the counts."""
    text = path.read_text("utf-8")
    tree = ast.parse(text)
    lines = text.splitlines()
    code, comments = code_lines_of(path)
    code -= docstring_lines(tree)
    counts.modules.append(len(lines))
    counts.module_docstrings += ast.get_docstring(tree) is not None
    counts.code_lines += len(code)
    counts.comment_lines += comments
    counts.long_lines += sum(len(line) > LONG for line in lines)
    counts.nodes += sum(1 for _ in ast.walk(tree))
    fields = {
        id(statement.target)
        for owner in ast.walk(tree)
        if isinstance(owner, ast.ClassDef)
        for statement in owner.body
        if isinstance(statement, ast.AnnAssign)
    }
    for node in ast.walk(tree):
        _count_node(node, counts)
        name = bound_name(node)
        if name in VAGUE and id(node) not in fields:
            counts.vague.append(f"{path}:{getattr(node, 'lineno', 0)} {name}")
    verbs = verbs_of(tree)
    for node, is_public in functions_of(tree):
        is_verb = node.name in verbs
        _count_function(node, code, path, counts, is_public=is_public, is_verb=is_verb)


def bound_name(node: ast.AST) -> str:
    """The name that a node gives to a variable, a parameter, a function or a class."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return node.id
    if isinstance(node, ast.arg):
        return node.arg
    if isinstance(node, (*FUNCTION, ast.ClassDef)):
        return node.name
    return ""


def functions_of(tree: ast.Module) -> Iterator[tuple[Function, bool]]:
    """Every function, and whether it is public.

    Public: of the module or of a public class, without an underscore.
    """
    public = set[int]()
    for node in tree.body:
        if isinstance(node, FUNCTION):
            public.add(id(node))
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            public.update(
                id(inner) for inner in node.body if isinstance(inner, FUNCTION)
            )
    for node in ast.walk(tree):
        if isinstance(node, FUNCTION):
            yield node, id(node) in public and not node.name.startswith("_")


def verbs_of(tree: ast.Module) -> set[str]:
    """Functions that typer makes verbs of; they need no Args: every option carries its own help."""
    verbs = set[str]()
    for node in tree.body:
        if isinstance(node, FUNCTION):
            decorators = {
                ast.unparse(one).partition("(")[0] for one in node.decorator_list
            }
            if any(name.endswith((".command", ".callback")) for name in decorators):
                verbs.add(node.name)
        elif isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "VERBS":
            listed = node.value.values if isinstance(node.value, ast.Dict) else []
            verbs.update(ast.unparse(value) for value in listed)
    return verbs


def _count_node(node: ast.AST, counts: Counts) -> None:
    counts.comprehensions += isinstance(node, COMPREHENSION)
    counts.ternaries += isinstance(node, ast.IfExp)
    if isinstance(node, ast.Assign):
        both = isinstance(node.targets[0], ast.Tuple) and isinstance(
            node.value, ast.Tuple
        )
        counts.pairs += both
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        counts.names.append(node.id)
    if isinstance(node, FUNCTION):
        for inner in ast.walk(node):
            counts.deferred += isinstance(inner, ast.Import | ast.ImportFrom)


def _count_function(
    node: Function,
    code: set[int],
    path: Path,
    counts: Counts,
    *,
    is_public: bool,
    is_verb: bool,
) -> None:
    body = node.body[1:] if ast.get_docstring(node) else node.body
    if not body:
        return
    span = range(body[0].lineno, (body[-1].end_lineno or body[-1].lineno) + 1)
    counts.functions.append(len(span))
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    own = [a for a in arguments if a.arg not in ("self", "cls")]
    counts.parameters.append(len(own))
    counts.typed += node.returns is not None and all(
        a.annotation is not None for a in own
    )
    hints = [a.annotation for a in own] + [node.returns]
    counts.any_typed += any(
        "Any" in ast.unparse(hint) for hint in hints if hint is not None
    )
    written = len(code & set(span))
    if written >= 3:
        density = sum(1 for statement in body for _ in ast.walk(statement)) / written
        counts.densities.append(density)
        counts.densest.append((density, f"{path}:{node.lineno} {node.name}"))
    if is_public:
        text = ast.get_docstring(node) or ""
        counts.public += 1
        counts.documented += bool(text)
        if text and len(own) >= 2 and not is_verb:
            counts.with_parameters += 1
            told = "Args:" in text or ":param" in text or "Parameters\n" in text
            counts.with_args += told
            if not told:
                counts.without_args.append(f"{path}:{node.lineno} {node.name}")


def measure(folder: Path) -> Counts:
    """Everything below a folder; files that this Python cannot read are left out."""
    counts = Counts()
    for path in sorted(folder.rglob("*.py")):
        try:
            read_module(path, counts)
        except SyntaxError as error:
            print(f"left out: {path} ({error})")
    return counts


def three(values: list[int]) -> str:
    """Median, ninth decile and maximum."""
    ordered = sorted(values)
    decile = ordered[int(0.9 * (len(ordered) - 1))]
    return f"{statistics.median(ordered):g} / {decile} / {ordered[-1]}"


def percent(part: int, whole: int) -> str:
    """``12.3 %``."""
    return f"{100 * part / whole:.1f} %" if whole else "-"


def rows(counts: Counts) -> dict[str, str]:
    """The table's rows: label to value."""
    lines = counts.code_lines
    names = counts.names
    median = statistics.median(counts.densities)
    return {
        "files / lines": f"{len(counts.modules)} / {sum(counts.modules):,}",
        "lines of a module: median / p90 / max": three(counts.modules),
        "lines of a function: median / p90 / max": three(counts.functions),
        "parameters: median / p90 / max": three(counts.parameters),
        "syntax nodes a code line": f"{counts.nodes / lines:.1f}",
        "of a function: median / max": f"{median:.1f} / {max(counts.densities):.1f}",
        f"lines over {LONG} characters": percent(
            counts.long_lines, sum(counts.modules)
        ),
        "comprehensions / 100 lines": f"{100 * counts.comprehensions / lines:.1f}",
        "ternaries / 100 lines": f"{100 * counts.ternaries / lines:.1f}",
        "a, b = x, y / 100 lines": f"{100 * counts.pairs / lines:.2f}",
        "one-letter names": percent(sum(len(name) == 1 for name in names), len(names)),
        "mean length of a name": f"{statistics.mean(map(len, names)):.1f}",
        "comment lines": percent(counts.comment_lines, sum(counts.modules)),
        "module docstrings": percent(counts.module_docstrings, len(counts.modules)),
        "public functions documented": percent(counts.documented, counts.public),
        "Args, with two parameters or more": percent(
            counts.with_args, counts.with_parameters
        ),
        "typed functions": percent(counts.typed, len(counts.functions)),
        "signatures with Any": percent(counts.any_typed, len(counts.functions)),
        "imports within functions": str(counts.deferred),
    }


def faults(counts: Counts) -> list[str]:
    """What the house does not allow, each with its place."""
    dense = [
        f"{where} has {density:.1f} syntax nodes a line, at most {DENSE:g}"
        for density, where in sorted(counts.densest, reverse=True)
        if density > DENSE
    ]
    vague = [f"{where} is no name for a value" for where in counts.vague]
    return dense + vague + [f"{where} has no Args" for where in counts.without_args]


def main() -> None:
    """Print the table, one column a folder, and the densest functions of the first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, default=[HERE])
    parser.add_argument(
        "--densest",
        type=int,
        default=0,
        help="how many of the densest functions are named",
    )
    parser.add_argument(
        "--faults", action="store_true", help="only what the house does not allow"
    )
    given = parser.parse_args()
    measured = [measure(folder) for folder in given.folders]
    if given.faults:
        print(*(line for counts in measured for line in faults(counts)), sep="\n")
        return
    columns = [rows(counts) for counts in measured]
    heads = [folder.name for folder in given.folders]
    print("| |" + "|".join(heads) + "|\n|---|" + "---:|" * len(heads))
    for label in columns[0]:
        print(f"|{label}|" + "|".join(column[label] for column in columns) + "|")
    for density, where in sorted(measured[0].densest, reverse=True)[: given.densest]:
        print(f"{density:5.1f}  {where}")


if __name__ == "__main__":
    main()
