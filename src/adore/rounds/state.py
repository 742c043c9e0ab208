"""What is in force in a shop: the fold of its registry's entries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from adore.rounds.entries import Action, Document, Entry, Kind, Status

__all__ = ["Champion", "LiveExperiment", "Round", "State", "fold"]


@dataclass(frozen=True, slots=True)
class Champion:
    """The ranker that serves.

    Attributes:
        version: as its card names it.
        kind: ``student``, or the kind of a baseline.
        place: its folder.
        since: number of the round since which it serves.
        run: the run that made it; empty where it is not known.
    """

    version: str
    kind: str
    place: str
    since: int
    run: str = ""


@dataclass(frozen=True, slots=True)
class LiveExperiment:
    """An experiment on a cluster that has not been decided.

    Attributes:
        round: number of the round whose student is the challenger.
        release: place of the release.
    """

    round: int
    release: str


@dataclass(frozen=True, slots=True)
class Round:
    """One round, with what was written about it.

    Attributes:
        started: its first entry.
        ended: its last entry; None: it is not finished.
        decisions: what was decided in it or about it, in order.
        champion: what served when it started; None: nothing did.
    """

    started: Entry
    ended: Entry | None = None
    decisions: tuple[Entry, ...] = ()
    champion: Champion | None = None

    @property
    def number(self) -> int:
        """Its number, from 1."""
        return self.started.round

    @property
    def run(self) -> str:
        """Place of its run."""
        return str(self.started.details["run"])

    @property
    def status(self) -> Status | None:
        """How it ended; None: it is not finished."""
        if self.ended is None:
            return None
        return Status(self.ended.details["status"])

    @property
    def made(self) -> Document:
        """What it made and measured; empty as long as it is not finished."""
        if self.ended is None:
            return {}
        return self.ended.details

    @property
    def action(self) -> Action | None:
        """What its experiment decided; None: nothing so far."""
        for entry in reversed(self.decisions):
            action = Action(entry.details["action"])
            if action is not Action.SET:
                return action
        return None


@dataclass(frozen=True, slots=True)
class State:
    """What is in force, and every round.

    Attributes:
        last: number of the last entry; 0: there is none.
        champion: the ranker that serves; None: no round has released anything.
        teacher: the run whose aligned teacher is in force; empty: the rule book judges.
        lexicon: version of the lexicon of the last round.
        rulebook: version of the rule book of the last round.
        experiment: the experiment that a cluster runs; None: there is none.
        rounds: in their order.
    """

    last: int = 0
    champion: Champion | None = None
    teacher: str = ""
    lexicon: str = ""
    rulebook: str = ""
    experiment: LiveExperiment | None = None
    rounds: tuple[Round, ...] = ()

    @property
    def unfinished(self) -> Round | None:
        """The round that has not ended; None where all have."""
        if self.rounds and self.rounds[-1].ended is None:
            return self.rounds[-1]
        return None

    @property
    def ended(self) -> int:
        """Number of ended rounds."""
        return len(self.rounds) - bool(self.unfinished)

    @property
    def worked(self) -> tuple[Round, ...]:
        """Ended rounds in which something was new."""
        return tuple(
            ended_round
            for ended_round in self.rounds
            if ended_round.status in (Status.PASSED, Status.REFUSED)
        )

    def find_round(self, number: int) -> Round | None:
        """Find a round by its number.

        Args:
            number: from 1.

        Returns:
            The round; None if it has not started.
        """
        if 0 < number <= len(self.rounds):
            return self.rounds[number - 1]
        return None


def fold(entries: Iterable[Entry]) -> State:
    """Compute what is in force after some entries.

    Args:
        entries: all of them, in order.

    Returns:
        The state.
    """
    state = State()
    for entry in entries:
        state = replace(_STEPS[entry.kind](state, entry), last=entry.number)
    return state


def _start(state: State, entry: Entry) -> State:
    started_round = Round(entry, champion=state.champion)
    earlier_rounds = state.rounds
    # A round that failed may begin again, with what a person corrected.
    if state.unfinished:
        earlier_rounds = earlier_rounds[:-1]
    return replace(state, rounds=(*earlier_rounds, started_round))


def _with_round(state: State, changed: Round | None) -> State:
    """Replace the round of the same number."""
    if changed is None:
        return state
    position = changed.number - 1
    before, after = state.rounds[:position], state.rounds[position + 1 :]
    return replace(state, rounds=(*before, changed, *after))


def _end(state: State, entry: Entry) -> State:
    ended_round = state.find_round(entry.round)
    if ended_round:
        state = _with_round(state, replace(ended_round, ended=entry))
    made = entry.details
    if made["status"] == Status.UNCHANGED:
        return state
    teacher = made.get("teacher", {})
    # A refused teacher's run keeps a copy of the one that stays, so older runs may go.
    if teacher.get("promoted") or teacher.get("kept_previous"):
        state = replace(state, teacher=made["run"])
    if made.get("live"):
        live_experiment = LiveExperiment(entry.round, made["live"])
        state = replace(state, experiment=live_experiment)
    return replace(
        state, lexicon=made.get("lexicon", ""), rulebook=made.get("rulebook", "")
    )


def _decide(state: State, entry: Entry) -> State:
    decided_round = state.find_round(entry.round)
    if decided_round:
        decisions = (*decided_round.decisions, entry)
        state = _with_round(state, replace(decided_round, decisions=decisions))
    action = Action(entry.details["action"])
    if action in (Action.PROMOTE, Action.SET):
        champion = Champion(since=entry.round, **entry.details["champion"])
        state = replace(state, champion=champion)
    if action in (Action.PROMOTE, Action.ROLL_BACK):
        state = replace(state, experiment=None)
    return state


_STEPS = {Kind.STARTED: _start, Kind.ENDED: _end, Kind.DECISION: _decide}
