"""How a round ends: who serves after it, and what it made, are written to the registry."""

from __future__ import annotations

from adore.errors import DataError, MissingError, check
from adore.experiment.design import CHALLENGER, CONTROL
from adore.rounds.config import Config
from adore.rounds.entries import Action, Document, Kind, Status
from adore.rounds.made import card_of, made_in
from adore.rounds.registry import Draft, append, read_state
from adore.rounds.state import State
from adore.storage import copy_folder, join, local_copy
from adore.student.export import check_sealed

__all__ = ["CHAMPIONS", "decide", "end_round", "end_unchanged", "set_champion"]

CHAMPIONS = "champions"
"""Folder of a shop's place with a copy of every ranker that became the champion."""
SIMULATED = "simulated experiment"
"""Who decided, where a round's own shoppers did."""
_ACTIONS = {
    "promote": Action.PROMOTE,
    "hold": Action.HOLD,
    "roll back": Action.ROLL_BACK,
}
"""An experiment's word for what to do, to the registry's."""


def end_round(config: Config, run: str, status: Status) -> State:
    """Write what was decided in a round, then that it ended; a repeated call adds nothing.

    Args:
        config: the shop, and the round's number.
        run: the run's place.
        status: how the run ended.

    Returns:
        The state after it.

    Raises:
        DataError: the registry cannot be read.
        UnavailableError: the store does not answer.
    """
    shop, number = config.shop, config.number
    made = made_in(run, status)
    release = join(run, "release")
    if status is Status.PASSED:
        _set_first_champion(shop, number, release)
        experiment = made["experiment"]
        if config.deploy:
            made["live"] = release
        elif experiment:
            decide(
                shop,
                number,
                _ACTIONS[experiment["action"]],
                by=SIMULATED,
                reason=experiment["reason"],
            )
    # The last entry comes last: without it the round is unfinished and is done again.
    return _end(shop, number, made)


def end_unchanged(shop: str, number: int, run: str) -> State:
    """Write that a round found nothing new.

    Args:
        shop: the shop's place.
        number: number of the round.
        run: its run's place.

    Returns:
        The state after it.
    """
    return _end(shop, number, {"status": Status.UNCHANGED.value, "run": run})


def _end(shop: str, number: int, made: Document) -> State:
    def choose(state: State) -> Draft | None:
        ended_round = state.find_round(number)
        if ended_round is None or ended_round.ended is not None:
            return None
        return Draft(Kind.ENDED, number, made)

    return append(shop, choose)


def _set_first_champion(shop: str, number: int, release: str) -> None:
    """Make the control of the first release the champion: it serves until a decision."""
    if read_state(shop).champion is not None:
        return
    champion = _keep(shop, join(release, "variants", CONTROL), run="")
    reason = "the control of the first release serves until a decision"
    set_champion(
        shop, champion, by=f"round {number}", reason=reason, round_number=number
    )


def set_champion(
    shop: str, champion: Document, *, by: str, reason: str, round_number: int = 0
) -> State:
    """Write that a ranker is the champion without an experiment, unless it is already.

    Args:
        shop: the shop's place.
        champion: its ``version``, ``kind``, ``place`` and ``run``.
        by: who says so.
        reason: why.
        round_number: the round since which it serves; 0: the last one.

    Returns:
        The state after it.

    Raises:
        DataError: the registry cannot be read.
        UnavailableError: the store does not answer.
    """
    details: Document = {"action": Action.SET.value, "by": by, "reason": reason}

    def choose(state: State) -> Draft | None:
        if state.champion and state.champion.version == champion["version"]:
            return None
        number = round_number or len(state.rounds)
        return Draft(Kind.DECISION, number, {**details, "champion": champion})

    return append(shop, choose)


def decide(
    shop: str, number: int, action: Action, *, by: str, reason: str = ""
) -> State:
    """Write a decision on a round's experiment; the same one is not written twice.

    A promoted challenger is copied to the shop's place, and is the champion from then on.

    Args:
        shop: the shop's place.
        number: number of the round.
        action: promote, hold or roll back.
        by: who decided.
        reason: why.

    Returns:
        The state after it.

    Raises:
        DataError: the registry cannot be read.
        UnavailableError: the store does not answer.
    """
    details: Document = {"action": action.value, "by": by, "reason": reason}
    if action is Action.PROMOTE:
        details["champion"] = _challenger(shop, number)

    def choose(state: State) -> Draft | None:
        decided_round = state.find_round(number)
        if decided_round is None:
            return None
        if decided_round.action is action and not _is_replaced(state, details):
            return None
        if "champion" in details or state.champion is None:
            return Draft(Kind.DECISION, number, {"champion": {}, **details})
        serving = state.champion
        champion = {
            "version": serving.version,
            "kind": serving.kind,
            "place": serving.place,
            "run": serving.run,
        }
        return Draft(Kind.DECISION, number, {**details, "champion": champion})

    return append(shop, choose)


def _is_replaced(state: State, details: Document) -> bool:
    """Whether a student that was promoted is promoted again, after another one served."""
    if "champion" not in details or state.champion is None:
        return False
    return bool(details["champion"]["version"] != state.champion.version)


def _challenger(shop: str, number: int) -> Document:
    """Copy the challenger of a round to the shop's place, unless that was done before."""
    decided_round = read_state(shop).find_round(number)
    run = decided_round.run if decided_round else ""
    for entry in decided_round.decisions if decided_round else ():
        if entry.details["action"] == Action.PROMOTE:
            return dict(entry.details["champion"])
    return _keep(shop, join(run, "release", "variants", CHALLENGER), run=run)


def _keep(shop: str, folder: str, *, run: str) -> Document:
    """Copy a ranker to the shop's place, so that its run may be deleted."""
    card = card_of(folder)
    check(
        bool(card),
        "champion",
        folder,
        must="a ranker with its card",
        fix="restore the run",
        error=MissingError,
    )
    place = join(shop, CHAMPIONS, card["version"])
    if not _is_whole(place, card):
        copy_folder(folder, place)
    return {**card, "place": place, "run": run}


def _is_whole(place: str, card: Document) -> bool:
    """Whether a ranker was copied to the end: a store gets its files one by one."""
    if card_of(place) != card:
        return False
    try:
        check_sealed(local_copy(place))
    except DataError:
        return False
    return True
