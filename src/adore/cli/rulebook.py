"""``adore rulebook <verb>``: draft, lint, diff, keys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from adore.errors import ConfigError, check

if TYPE_CHECKING:
    from adore.rulebook import RuleBook

__all__ = ["app"]

app = typer.Typer(
    name="rulebook", help="Write, check and compare rule books.", no_args_is_help=True
)


@app.command("draft")
def draft_book(
    output: Annotated[
        str, typer.Option(help="The .yaml file to write; its name is the book's.")
    ],
    data: Annotated[str, typer.Option(help="The shop's folder or s3://… place.")] = "",
    items: Annotated[
        str, typer.Option(help="An items file, where there is no folder.")
    ] = "",
) -> None:
    """Propose a rule book from a catalogue; comments say on what evidence."""
    path = Path(output)
    sources = [source for source in (data, items) if source]
    check(
        len(sources) == 1,
        "--data, --items",
        sources,
        must="one of them",
        fix="give --data DIR or --items FILE",
    )
    check(
        path.suffix == ".yaml", "--output", output, must="a .yaml file", fix="rename it"
    )
    check(
        not path.exists(),
        "--output",
        output,
        must="a new file",
        fix="remove it or choose another name",
    )
    from adore.rulebooks.draft import draft, nearest_book
    from adore.rulebooks.survey import read_catalogue, survey

    seen = survey(read_catalogue(data=data, items=items))
    text = draft(seen, path.stem)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    counts = f"{seen.items} items, {seen.queries} queries, {seen.judged} judgements"
    typer.echo(f"{output}: from {nearest_book(seen)}, {counts}")


@app.command("lint")
def lint_books(
    books: Annotated[
        list[str], typer.Argument(help="Rule books: names or .yaml files.")
    ],
    language: Annotated[
        str, typer.Option(help="Of the shop's texts: en, de, ...")
    ] = "en",
) -> None:
    """Check rule books; exit status 1 if one has an error."""
    from adore.rulebook import find_book
    from adore.rulebooks.lint import lint_file

    errors = 0
    for book in books:
        path = find_book(book)
        findings = lint_file(path, language)
        for level in ("error", "warning"):
            for fault in findings:
                if fault.level == level:
                    typer.echo(f"{path}:{fault.line}: {level}: {fault.text}")
        errors_of_book = sum(fault.level == "error" for fault in findings)
        warnings = len(findings) - errors_of_book
        typer.echo(f"{path}: {errors_of_book} errors, {warnings} warnings")
        errors += errors_of_book
    raise typer.Exit(1 if errors else 0)


@app.command("diff")
def diff_books(
    a: Annotated[str, typer.Argument(help="Rule book in use: a name or a .yaml file.")],
    b: Annotated[str, typer.Argument(help="Rule book to put in its place.")],
    on: Annotated[
        str, typer.Option(help="A run, its evidence step, or a pairs.parquet.")
    ],
    category: Annotated[
        str, typer.Option(help="Only items whose category holds this text.")
    ] = "",
    split: Annotated[
        str, typer.Option(help="Only queries of this split: train, dev or test.")
    ] = "",
    examples: Annotated[int, typer.Option(min=0, help="Changed pairs to show.")] = 5,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say which grades would change if book B took the place of A."""
    import json

    from adore.rulebooks.diff import compare_books, read_pairs, render

    pairs = read_pairs(on, category=category, split=split)
    result = compare_books(_load(a), _load(b), pairs, examples=examples)
    if json_:
        typer.echo(json.dumps(result.to_json(), indent=2, ensure_ascii=False))
    else:
        typer.echo(render(result))


def _load(book: str) -> RuleBook:
    """A rule book, or one error that tells of its faults as ``lint`` does."""
    from adore.rulebook import RuleBook, find_book
    from adore.rulebooks.lint import lint_file

    try:
        return RuleBook.load(book)
    except ConfigError as error:
        path = find_book(book)
        lines = []
        for fault in lint_file(path):
            if fault.level == "error":
                lines.append(f"  {path}:{fault.line}: {fault.text}")
        faults = "\n".join(lines)
        raise ConfigError(
            f"rule book == {str(path)!r}, must be a valid rule book; mend:\n{faults}"
        ) from error


@app.command("keys")
def keys() -> None:
    """Print the tables of docs/rulebooks.md, made from the schema."""
    from adore.rulebooks.keys import tables

    typer.echo(tables())
