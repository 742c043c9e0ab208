"""The history of a shop's rounds, as rows and as a table for people."""

from __future__ import annotations

from adore.rounds.entries import Document, Status
from adore.rounds.state import State

__all__ = ["history", "render"]

NOTHING = "-"
"""What a cell shows that has no value."""
VERSION_DIGITS = 8
"""Characters of a version that are shown."""
COLUMNS = (
    ("round", 5),
    ("ended", 10),
    ("events", 7),
    ("new", 4),
    ("teacher", 8),
    ("student", 8),
    ("gate", 10),
    ("bought", 6),
    ("experiment", 21),
    ("decision", 8),
    ("serves", 9),
)
"""Heading and width of each column."""


def history(state: State) -> list[Document]:
    """List the rounds of a shop.

    Args:
        state: from :func:`adore.rounds.read_state`.

    Returns:
        One JSON object for each round, in order: what it started from, made and measured,
        what was decided, what people bought of the champion (``bought``), and what served
        from then on (empty fields: nothing).
    """
    return [_row(state, position) for position in range(len(state.rounds))]


def _row(state: State, position: int) -> Document:
    shown_round = state.rounds[position]
    later_rounds = state.rounds[position + 1 :]
    serving = later_rounds[0].champion if later_rounds else state.champion
    made = shown_round.made
    action = shown_round.action
    return {
        "round": shown_round.number,
        "run": shown_round.run,
        "started": shown_round.started.time,
        "ended": shown_round.ended.time if shown_round.ended else "",
        "status": str(shown_round.status or "unfinished"),
        "data": made.get("data", {}),
        "teacher": made.get("teacher", {}),
        "student": made.get("student", {}),
        "gate": made.get("gate", {}),
        "measures": made.get("measures", {}),
        "errors": made.get("errors", {}),
        "experiment": made.get("experiment", {}),
        "bought": _bought(made),
        "decision": str(action or ""),
        "decisions": [entry.to_json() for entry in shown_round.decisions],
        "serves": _served(serving.version, serving.kind) if serving else {},
    }


def _bought(made: Document) -> Document:
    """Purchases per user of the champion of a round, beside a challenger or alone."""
    experiment = made.get("experiment", {})
    if "control" in experiment:
        return {"value": experiment["control"], "simulated": experiment["simulated"]}
    alone: Document = made.get("production", {})
    return alone


def _served(version: str, kind: str) -> Document:
    return {"version": version, "kind": kind}


def render(state: State) -> str:
    """Print the rounds as a table of at most 106 columns.

    Args:
        state: from :func:`adore.rounds.read_state`.

    Returns:
        The table, with a line below on what is in force.
    """
    heading = [name for name, _ in COLUMNS]
    table_lines = [_line(heading)]
    is_simulated = False
    for row in history(state):
        table_lines.append(_line(_cells(row)))
        for figures in (row["experiment"], row["bought"]):
            is_simulated = is_simulated or bool(figures.get("simulated"))
    if is_simulated:
        table_lines.append("* measured on simulated shoppers")
    return "\n".join([*table_lines, *_in_force(state)])


def _line(cells: list[str]) -> str:
    padded_cells = []
    for cell, (_, width) in zip(cells, COLUMNS, strict=True):
        padded_cells.append(cell[:width].ljust(width))
    return " ".join(padded_cells).rstrip()


def _cells(row: Document) -> list[str]:
    made_nothing = row["status"] == Status.UNCHANGED
    return [
        str(row["round"]),
        row["ended"] or NOTHING,
        _count(row, "events"),
        _count(row, "requests"),
        _teacher(row["teacher"]),
        _version(row["student"]),
        "unchanged" if made_nothing else _gate(row["gate"]),
        _purchases(row["bought"]),
        _experiment(row["experiment"]),
        row["decision"] or NOTHING,
        _serves(row["serves"]),
    ]


def _count(row: Document, table: str) -> str:
    """Rows of a table: what the logs gave, where that is known."""
    data = row["data"]
    production = data.get("production", {})
    # Without logs of production the shop's own files are all there is.
    if table == "events" and not production.get("logs"):
        production = data.get("rows", {})
    if table not in production:
        return NOTHING
    count = production[table]
    return f"{len(count) if isinstance(count, list) else count:.0f}"


def _teacher(teacher: Document) -> str:
    if not teacher:
        return NOTHING
    if teacher["promoted"]:
        return "promoted"
    return "kept" if teacher["kept_previous"] else "rules"


def _gate(gate: Document) -> str:
    if not gate:
        return NOTHING
    verdict = "yes" if gate["passed"] else "no"
    if "difference" not in gate:
        return verdict
    return f"{gate['difference']:+.3f} {verdict}"


def _purchases(bought: Document) -> str:
    if not bought:
        return NOTHING
    mark = "*" if bought.get("simulated") else ""
    return f"{bought['value']:.2f}{mark}"


def _experiment(experiment: Document) -> str:
    if "effect" not in experiment:
        return NOTHING
    mark = "*" if experiment["simulated"] else ""
    interval = f"[{experiment['low']:+.2f}, {experiment['high']:+.2f}]"
    return f"{experiment['effect']:+.2f} {interval}{mark}"


def _serves(serving: Document) -> str:
    if not serving:
        return NOTHING
    if serving["kind"] == "student":
        return _version(serving)
    return str(serving["kind"])


def _version(card: Document) -> str:
    """The digits of a version such as ``student-0123456789ab``."""
    if not card:
        return NOTHING
    digits = str(card["version"]).rpartition("-")[2]
    return digits[:VERSION_DIGITS]


def _in_force(state: State) -> list[str]:
    lines = [""]
    if state.champion:
        champion = state.champion
        lines.append(
            f"champion: {champion.version} ({champion.kind}), "
            f"since round {champion.since}: {champion.place}"
        )
    lines.append(f"teacher: {state.teacher or 'the rule book'}")
    if state.experiment:
        live = state.experiment
        lines.append(f"live experiment: of round {live.round}: {live.release}")
    return lines
