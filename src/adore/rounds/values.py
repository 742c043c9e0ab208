"""What a round sets in its profile: the production that it starts from."""

from __future__ import annotations

from adore.artifacts import read_manifest
from adore.config import Profile
from adore.rounds.entries import Status
from adore.rounds.state import Round, State
from adore.storage import join

__all__ = ["merged", "values_of"]

VISITS_OF_A_ROUND = 100
"""Simulated visits of one shopper that a round may number; the demo's log has fewer."""
DEFAULTS: Profile = {
    "release": {"explore": 0.1},
    "experiment": {"traffic": 1200},
}
"""Settings that only rounds need; the shop's profile may set others."""


def merged(profile: Profile, values: Profile) -> Profile:
    """Set values in the sections of a profile.

    Args:
        profile: sections by name.
        values: keys and values that replace the profile's, by section.

    Returns:
        A new profile.
    """
    sections = {name: dict(section) for name, section in profile.items()}
    for name, section in values.items():
        sections[name] = {**sections.get(name, {}), **section}
    return sections


def values_of(state: State, shop: str, number: int, base: Profile) -> Profile:
    """Compute what the next round sets.

    Args:
        state: what is in force; every round of it has ended.
        shop: the shop's place.
        number: number of the round.
        base: the shop's own profile.

    Returns:
        Values by key and section; what is not known is absent.
    """
    values: Profile = {
        "rounds": {"shop": shop, "number": number},
        "experiment": {"first_visit": VISITS_OF_A_ROUND * number},
    }
    for name, section in DEFAULTS.items():
        own_section = base.get(name, {})
        for key, value in section.items():
            if key not in own_section:
                values.setdefault(name, {})[key] = value
    # The champion's lists are explored alike where it serves without a release.
    explore = merged(base, values)["release"]["explore"]
    values["experiment"]["explore"] = explore
    values = merged(values, _prepare_values(state, base))
    return merged(values, _in_force(state, base))


def _prepare_values(state: State, base: Profile) -> Profile:
    """What was logged since the first round, and the split that stays."""
    logs = list(base.get("prepare", {}).get("logs", []))
    exposures = base.get("kubernetes", {}).get("exposures", "")
    # What simulated shoppers did says nothing of a shop's own.
    if exposures and _is_deployed(base):
        logs.append(exposures)
    else:
        for earlier_round in state.worked:
            logs += _log_of(earlier_round)
    section: dict[str, object] = {}
    if logs:
        section["logs"] = logs
    frozen = _newest_with(state, "prepare")
    if frozen:
        section["frozen"] = join(frozen.run, "prepare")
    return {"prepare": section} if section else {}


def _log_of(earlier_round: Round) -> list[str]:
    """Where a round's simulated shoppers were logged; empty where nothing served."""
    step = "experiment"
    if earlier_round.status is Status.REFUSED:
        step = "production"
    place = join(earlier_round.run, step)
    manifest = read_manifest(place)
    if manifest is None or not manifest.rows.get("exposures"):
        return []
    return [place]


def _is_deployed(base: Profile) -> bool:
    """Whether a cluster serves real shoppers."""
    return bool(base.get("rounds", {}).get("deploy"))


def _in_force(state: State, base: Profile) -> Profile:
    """The champion, the teacher, and what is known of the student's errors."""
    values: Profile = {}
    if state.champion:
        sections = ["score", "release", "live"]
        # Behind a refused gate a cluster's champion goes on with real shoppers.
        if not _is_deployed(base):
            sections.append("experiment")
        for section in sections:
            values[section] = {"champion": state.champion.place}
    if state.teacher:
        values["align"] = {"previous": state.teacher}
    student_run = state.champion.run if state.champion else ""
    # While a baseline serves, the last student's errors are the best that is known.
    if not student_run or not read_manifest(join(student_run, "distil")):
        newest = _newest_with(state, "distil")
        student_run = newest.run if newest else ""
    errors: dict[str, object] = {}
    if student_run:
        errors["previous"] = student_run
    last_proof = _newest_with(state, "experiment")
    if last_proof:
        errors["experiment"] = join(last_proof.run, "experiment")
    if errors:
        values["synthesise"] = errors
    return values


def _newest_with(state: State, step: str) -> Round | None:
    """The newest round that worked and whose run still has the output of a step."""
    for earlier_round in reversed(state.worked):
        if read_manifest(join(earlier_round.run, step)):
            return earlier_round
    return None
