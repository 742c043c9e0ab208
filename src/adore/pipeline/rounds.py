"""Round after round: each is a run of the loop whose profile names what is in force."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import yaml

from adore import __version__, storage
from adore.artifacts import read_manifest, same_content
from adore.config import Profile, profile_name
from adore.errors import check
from adore.pipeline import local, runner, settings
from adore.progress import log_line
from adore.rounds.ending import end_unchanged
from adore.rounds.entries import Action, Document, Kind, Status
from adore.rounds.registry import Draft, append, read_state
from adore.rounds.state import Round, State
from adore.rounds.values import merged, values_of
from adore.run_record import RunStatus, begin_run, check_free, read_run

__all__ = [
    "Shop",
    "begin_round",
    "choose_shop",
    "profile_of",
    "run_rounds",
    "shop_place",
]


MS_PER_SECOND = 1000


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop, and what its next round is made from.

    Attributes:
        place: a folder, or ``s3://…``.
        data: the input folder or place, or ``demo``.
        profile: the shop's own profile, a name or a file.
        seed: seeds every stage.
        deploy: whether releases go to a cluster.
    """

    place: str
    data: str
    profile: str
    seed: int
    deploy: bool = False


def choose_shop(data: str, profile: str, seed: int, root: Path = Path("runs")) -> str:
    """Choose the place of a shop with these arguments.

    Args:
        data: the user's input folder or place, or ``demo``.
        profile: a profile's name or file.
        seed: seeds every stage.
        root: the folder of all runs.

    Returns:
        The same place for the same arguments.

    Raises:
        ConfigError: a shop of other data, of the same name, has that place.
    """
    data_name = Path(data).name or "data"
    place = str(root / f"shop-{data_name}-{profile_name(profile)}-{seed}")
    state = read_state(place)
    # Folders of two shops may have the same name.
    if state.rounds:
        known_data = state.rounds[-1].started.details["data"]
        check(
            known_data == local.input_place(data),
            "--data",
            data,
            must=f"{known_data}, as in the last round of {place}",
            fix="name another place: SHOP, or --shop",
        )
    return place


def shop_place(place: str) -> str:
    """Make a shop's place the same from every working folder.

    Args:
        place: a folder, or ``s3://…``.

    Returns:
        An absolute place.
    """
    return place if storage.is_remote(place) else str(Path(place).absolute())


def run_rounds(shop: Shop, count: int) -> State:
    """Run rounds on this machine until the shop has so many ended ones.

    An unfinished round is continued first. It stops early if nothing is new, or if the last
    experiment is undecided and the profile says ``wait``.

    Args:
        shop: where the rounds are, and what they are made from.
        count: how many ended rounds the shop shall have.

    Returns:
        The state at the end.

    Raises:
        AdoreError: a step failed, or another process runs the round.
    """
    while True:
        state = read_state(shop.place)
        ended_rounds = state.ended
        if ended_rounds >= count:
            log_line(
                f"{shop.place} has {ended_rounds} ended rounds, {count} are wanted"
            )
            return state
        current_round = begin_round(shop)
        if current_round is None:
            return read_state(shop.place)
        local.run_local(
            current_round.started.details["data"],
            current_round.run,
            profile=profile_of(current_round),
            seed=current_round.started.details["seed"],
        )
        # A round that ended well is in the registry; else the loop would not come to an end.
        ended_round = read_state(shop.place).find_round(current_round.number)
        check(
            ended_round is not None and ended_round.ended is not None,
            "round",
            current_round.number,
            must="ended in the registry",
            fix=f"see {current_round.run}/index.html",
        )


def _may_go(_: str) -> bool:
    """Whether a run on Kubeflow Pipelines still runs: without its server nobody knows."""
    return True


def begin_round(
    shop: Shop, *, is_going: Callable[[str], bool] = _may_go
) -> Round | None:
    """Start the next round, or go on with the unfinished one, and look for something new.

    Args:
        shop: where the rounds are, and what they are made from.
        is_going: says whether a run on Kubeflow Pipelines still runs, by its id; by default
            every run that is recorded as running does.

    Returns:
        The round, with its input prepared; None if it waits, if nothing is new, or if a cluster
        is running it.

    Raises:
        ConfigError: the profile is wrong.
        DataError: the input or the registry cannot be read.
        AdoreError: another process runs the round.
    """
    settings.check_profile(shop.profile)
    base = _base_profile(shop)
    state = append(shop.place, lambda state: _start(state, shop, base, is_going))
    current_round = state.unfinished
    if current_round is None:
        undecided = state.experiment.round if state.experiment else len(state.rounds)
        log_line(f"round {undecided} is undecided: the next one waits (rounds.on_hold)")
        return None
    log_line(f"round {current_round.number}: {current_round.run}")
    _tell_what_waits(current_round, shop, base)
    job = _job_of(current_round, is_going)
    if job:
        log_line(f"round {current_round.number}: run {job} does it on the cluster")
        return None
    _prepare(current_round)
    if not _is_new(current_round, state):
        reason = _why_nothing(current_round)
        log_line(f"round {current_round.number}: nothing is new, it stops here{reason}")
        end_unchanged(shop.place, current_round.number, current_round.run)
        storage.delete(current_round.run)
        return None
    return current_round


def _job_of(current_round: Round, is_going: Callable[[str], bool]) -> str:
    """Id of the run on Kubeflow Pipelines that does a round; empty where none does."""
    record = read_run(current_round.run)
    job = str(record.get("owner", {}).get("job", ""))
    if job and record.get("status") == RunStatus.RUNNING and is_going(job):
        return job
    return ""


def _base_profile(shop: Shop) -> Profile:
    sections = settings.sections_of(shop.profile)
    if shop.deploy:
        return merged(sections, {"rounds": {"deploy": True}})
    return sections


def _start(
    state: State, shop: Shop, base: Profile, is_going: Callable[[str], bool]
) -> Draft | None:
    """The first entry of the next round; None: go on with the last one, or wait."""
    unfinished = state.unfinished
    number = len(state.rounds) + 1
    if unfinished:
        if not _may_begin_again(unfinished, is_going):
            return None
        changed_names = _changed_arguments(unfinished, shop, base)
        if not changed_names:
            return None
        check_free(unfinished.run)
        number = unfinished.number
        log_line(f"round {number} begins again with another {_listed(changed_names)}")
    elif _waits(state, base):
        return None
    details: Document = {
        "run": storage.join(shop.place, "rounds", f"{number:04d}"),
        **_arguments(shop, base),
        "version": __version__,
        "values": values_of(state, shop.place, number, base),
    }
    return Draft(Kind.STARTED, number, details)


def _arguments(shop: Shop, base: Profile) -> Document:
    """What a person gave, as a round's first entry has it."""
    return {
        "data": local.input_place(shop.data),
        "profile": profile_name(shop.profile),
        "seed": shop.seed,
        "base": base,
    }


def _changed_arguments(current_round: Round, shop: Shop, base: Profile) -> list[str]:
    """Names of what a person gives otherwise than when the round began."""
    details = current_round.started.details
    names = []
    for name, value in _arguments(shop, base).items():
        if details[name] != value:
            names.append("profile" if name == "base" else name)
    return sorted(set(names))


def _may_begin_again(unfinished: Round, is_going: Callable[[str], bool]) -> bool:
    """Whether a round may take other arguments: a person corrects what made it fail."""
    # What was decided on its student is in force, so that student must stay.
    return not unfinished.decisions and not _job_of(unfinished, is_going)


def _tell_what_waits(current_round: Round, shop: Shop, base: Profile) -> None:
    """Say that a round which goes on keeps the arguments with which it began."""
    changed_names = _changed_arguments(current_round, shop, base)
    if changed_names:
        log_line(
            f"round {current_round.number} goes on as it began; "
            f"another {_listed(changed_names)} counts from the next round on"
        )


def _listed(names: list[str]) -> str:
    return " and ".join(names)


def _waits(state: State, base: Profile) -> bool:
    """Whether the last release is undecided, and the shop waits for that."""
    if not state.rounds:
        return False
    section = settings.section_config(json.dumps(base), "rounds")
    if section.on_hold == "auto":
        return state.experiment is not None and section.deploy
    last_round = state.rounds[-1]
    is_undecided = last_round.action in (None, Action.HOLD)
    is_released = last_round.status is Status.PASSED
    return section.on_hold == "wait" and is_released and is_undecided


def profile_of(current_round: Round) -> str:
    """Write a round's profile beside its run, as its first entry says.

    Args:
        current_round: a round that has started.

    Returns:
        The profile's place.
    """
    details = current_round.started.details
    place = storage.join(current_round.run, f"{details['profile']}.yaml")
    profile = merged(details["base"], details["values"])
    if profile.get("prepare", {}).get("logs"):
        started = datetime.fromisoformat(current_round.started.time)
        until = int(started.timestamp() * MS_PER_SECOND)
        profile = merged(profile, {"prepare": {"logged_until": until}})
    text = yaml.safe_dump(profile, sort_keys=False, allow_unicode=True)
    storage.write_bytes(text.encode(), place)
    return place


def _prepare(current_round: Round) -> None:
    """Read the input of a round: the first steps of its run, which keeps them."""
    details = current_round.started.details
    run, data, seed = current_round.run, details["data"], details["seed"]
    profile = profile_of(current_round)
    check_free(run)
    begin_run(run, data=data, profile=profile, seed=seed)
    is_first_pass = read_manifest(storage.join(run, "prepare")) is None
    understood = local.check_input(data, run, profile=profile, seed=seed)
    if is_first_pass:
        log_line(f"how the input is understood:\n\n{understood}\n")
    runner.run_step("prepare", run, data=data, profile=profile, seed=seed)


def _why_nothing(current_round: Round) -> str:
    """Why nothing was logged, where that is known; empty where it is not."""
    values = current_round.started.details["values"]
    if current_round.champion or values.get("prepare", {}).get("logs"):
        return ""
    return (
        ": no round has passed its gate yet, so nothing serves and nobody is logged; "
        "give more data, or change the profile"
    )


def _is_new(current_round: Round, state: State) -> bool:
    """Whether a round would learn from anything that the last one did not."""
    if not state.worked:
        return True
    last_round = state.worked[-1]
    before, now = last_round.started.details, current_round.started.details
    for name in ("base", "version", "seed"):
        if before[name] != now[name]:
            return True
    earlier = storage.join(last_round.run, "prepare")
    if read_manifest(earlier) is None:
        return True
    return not same_content(earlier, storage.join(current_round.run, "prepare"))
