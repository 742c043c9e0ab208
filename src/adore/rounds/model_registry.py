"""A shop's students in Kubeflow Model Registry, which then shows what serves and what was tried.

The shop's own registry stays the truth: it is copied after every round.
"""

from __future__ import annotations

import asyncio
import json
import warnings
from collections.abc import Coroutine
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from adore import __version__
from adore.errors import NotInstalledError, UnavailableError, check
from adore.rounds.entries import Document
from adore.rounds.made import measures_by_slice, read_document
from adore.rounds.state import Round, State
from adore.storage import join, local_copy
from adore.student.export import CARD

__all__ = ["register_models"]

AUTHOR = "adore"
DEFAULT_PORTS = {"http": 8080, "https": 443}


def register_models(shop: str, address: str, state: State) -> None:
    """Register every student that was released, and set which of them are live.

    The registered model is the shop, a version is a student's. Its artefact is the student's
    folder; its metadata are card, gate, experiment and lineage. Champion and the challenger of a
    live experiment are ``LIVE``, all others ``ARCHIVED``.

    Args:
        shop: the shop's place; its last part names the registered model.
        address: the server's, as ``http://model-registry-service.kubeflow.svc:8080``.
        state: what is in force.

    Raises:
        ConfigError: the address has no scheme.
        NotInstalledError: no ``model-registry`` package.
        UnavailableError: the server does not answer, or refuses.
    """
    try:
        from aiohttp import ClientError
        from model_registry import ModelRegistry
        from model_registry.exceptions import StoreError
        from mr_openapi.exceptions import OpenApiException
    except ModuleNotFoundError as error:
        raise NotInstalledError(
            "module == 'model_registry', must be installed; "
            "pip install 'adore-relevance[registry]'"
        ) from error

    url = urlsplit(address)
    check(
        url.scheme in DEFAULT_PORTS,
        "rounds.registry_address",
        address,
        must="an address with http:// or https://",
        fix="set it",
    )
    loop = asyncio.new_event_loop()

    # The client's own runner patches every event loop of the process.
    def wait_for(work: Coroutine[Any, Any, Any]) -> Any:
        return loop.run_until_complete(work)

    try:
        with warnings.catch_warnings():
            # It warns that there is no token: inside a cluster none may be needed.
            warnings.simplefilter("ignore", UserWarning)
            client = ModelRegistry(
                f"{url.scheme}://{url.hostname}",
                url.port or DEFAULT_PORTS[url.scheme],
                author=AUTHOR,
                is_secure=url.scheme == "https",
                async_runner=wait_for,
            )
        _register(client, PurePosixPath(shop).name, state)
    except (ClientError, StoreError, OpenApiException, OSError) as error:
        raise UnavailableError(
            f"rounds.registry_address == {address!r}, must accept this; "
            f"check the address and the token ({error})"
        ) from error
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def _register(client: Any, name: str, state: State) -> None:
    """Register what is missing, then set the state of every version."""
    from model_registry.types import ModelVersionState

    live_versions = _live_versions(state)
    for made_round in state.worked:
        version = made_round.made["student"].get("version", "")
        # A refused student is released nowhere, so there is nothing to register.
        if not version or not made_round.made["gate"].get("passed"):
            continue
        registered = _registered_version(client, name, state, made_round)
        wanted_state = ModelVersionState.ARCHIVED
        if version in live_versions:
            wanted_state = ModelVersionState.LIVE
        if registered.state != wanted_state:
            registered.state = wanted_state
            client.update(registered)


def _registered_version(client: Any, name: str, state: State, made_round: Round) -> Any:
    """Find the version of a round's student, or register what is missing of it."""
    # The client's own register_model refuses a version that is there. So by it a call that was
    # killed before it registered the artefact could never be finished.
    from model_registry.types import ModelArtifact, ModelVersion, RegisteredModel

    api, wait_for = client._api, client.async_runner
    version = made_round.made["student"]["version"]
    place = _place_of(state, made_round, version)
    model = client.get_registered_model(name)
    if model is None:
        new_model = RegisteredModel(name=name, owner=AUTHOR)
        model = wait_for(api.upsert_registered_model(new_model))
    registered = client.get_model_version(name, version)
    if registered is None:
        new_version = ModelVersion(
            name=version,
            author=AUTHOR,
            custom_properties=_metadata(made_round, place),
        )
        registered = wait_for(api.upsert_model_version(new_version, model.id))
    if not wait_for(api.get_model_artifacts(registered.id)):
        artifact = ModelArtifact(
            name=name,
            uri=place,
            model_format_name="adore",
            model_format_version=__version__,
        )
        wait_for(api.upsert_model_version_artifact(artifact, registered.id))
    return registered


def _live_versions(state: State) -> set[str]:
    """Versions that serve somebody."""
    versions = set()
    if state.champion:
        versions.add(state.champion.version)
    if state.experiment:
        tried = state.find_round(state.experiment.round)
        if tried:
            versions.add(tried.made["student"]["version"])
    return versions


def _place_of(state: State, made_round: Round, version: str) -> str:
    """Where a student lies: with the champions, or in its round's release."""
    for entry in made_round.decisions:
        champion = entry.details["champion"]
        if champion.get("version") == version:
            return str(champion["place"])
    return join(made_round.run, "release", "variants", "challenger")


def _card(made_round: Round, place: str) -> Document:
    """What a student is: base, what it learnt from, bytes by file, measures by slice."""
    student = made_round.made["student"]
    # Of a run that was deleted the shop's registry knows kind and version.
    card = {**student, **read_document(join(place, CARD))}
    if len(card) > len(student):
        folder = local_copy(place)
        files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        card["bytes"] = {
            path.relative_to(folder).as_posix(): path.stat().st_size for path in files
        }
    card["measures"] = measures_by_slice(made_round.run)
    return card


def _metadata(made_round: Round, place: str) -> dict[str, str | int | float | bool]:
    """Card, lineage and figures; what is an object is written as JSON."""
    made = made_round.made
    champion: Document = {}
    if made_round.champion:
        champion = {"version": made_round.champion.version}
    documents = {
        "card": _card(made_round, place),
        "gate": made["gate"],
        "experiment": made["experiment"],
        "teacher": made["teacher"],
        "champion": champion,
    }
    metadata: dict[str, str | int | float | bool] = {}
    for name, document in documents.items():
        metadata[name] = json.dumps(document, ensure_ascii=False)
    metadata["round"] = made_round.number
    metadata["run"] = made_round.run
    metadata["data"] = str(made.get("data", {}).get("content", ""))
    metadata["lexicon"] = str(made.get("lexicon", ""))
    metadata["rulebook"] = str(made.get("rulebook", ""))
    return metadata
