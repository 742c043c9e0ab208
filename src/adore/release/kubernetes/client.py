"""Server-side apply, listing, events and logs, on the official client; refuses what is not ours."""

from __future__ import annotations

import json
from typing import Any

from adore.errors import (
    AdoreError,
    ConfigError,
    MissingError,
    NotInstalledError,
    UnavailableError,
)
from adore.progress import log_line
from adore.release.kubernetes.config import Config
from adore.release.kubernetes.objects import KINDS, selector

__all__ = ["MANAGER", "Cluster", "api_root", "connect", "title"]

MANAGER = "adore"
"""Our name as a field manager."""
Object = dict[str, Any]


def connect(context: str | None = None) -> Any:
    """Connect to the cluster of KUBECONFIG or ``~/.kube/config``, else of the pod that runs this.

    Args:
        context: a context of the configuration; None: its current one.

    Returns:
        The client.

    Raises:
        NotInstalledError: no ``kubernetes`` package.
        ConfigError: neither configuration is there.
    """
    try:
        from kubernetes import client, config
    except ModuleNotFoundError as error:
        raise NotInstalledError(
            "module == 'kubernetes', must be installed; pip install kubernetes"
        ) from error
    configuration = client.Configuration()
    # of connections; a request that was answered is not sent again
    configuration.retries = 3
    context_option = {"context": context} if context else {}
    try:
        config.load_config(client_configuration=configuration, **context_option)
    except (config.ConfigException, TypeError) as error:
        advice = "set KUBECONFIG, or run in a pod with a service account"
        raise ConfigError(
            f"cluster == {str(error)!r}, must be reachable; {advice}"
        ) from error
    return client.ApiClient(configuration)


def api_root(version: str) -> str:
    """Path of an API version."""
    return f"/apis/{version}" if "/" in version else f"/api/{version}"


def title(thing: Object) -> str:
    """What an object is called in messages: its kind and name."""
    return f"{thing['kind']} {thing['metadata']['name']}"


def _translate(error: Any, subject: str, verb: str) -> AdoreError:
    """An ``ApiException`` as one of our errors."""
    try:
        message = json.loads(error.body)["message"]
    except (TypeError, ValueError, KeyError):
        message = str(error.body or error.reason).strip()
    if error.status == 403 and "admission webhook" not in message:
        advice = "bind the pipeline's Roles of manifests/ to this account"
        return ConfigError(
            f"{verb} {subject} == refused ({message}), must be allowed; {advice}"
        )
    if error.status == 404:
        return MissingError(
            f"{subject} == not found ({message}), must exist; "
            "install its CRD, or make its namespace"
        )
    if error.status == 409:
        advice = "end the other manager's claim, or use --force to take the fields over"
        return ConfigError(
            f"{subject} == held by another manager ({message}), must be ours alone; {advice}"
        )
    if error.status in (400, 403, 422):
        return ConfigError(
            f"{subject} == refused ({message}), must be valid for this cluster; "
            "change the profile"
        )
    return UnavailableError(
        f"cluster == {error.status} on {verb} {subject} ({message}), must answer; "
        "see its API server"
    )


class Cluster:
    """One namespace through our eyes.

    Args:
        config: names the namespace and the app.
        api: an ``ApiClient``; None: :func:`connect`.
        force: take over fields that another manager holds.
    """

    def __init__(self, config: Config, api: Any = None, *, force: bool = False) -> None:
        self.config = config
        self.force = force
        self.api = api or connect()

    def _call(
        self,
        method: str,
        kind: str,
        name: str = "",
        *,
        body: Object | None = None,
        **query: str,
    ) -> Any:
        api_version, plural = KINDS[kind]
        request_path = (
            f"{api_root(api_version)}/namespaces/{self.config.namespace}/{plural}"
        )
        subject = kind
        if name:
            request_path = f"{request_path}/{name}"
            subject = f"{kind} {name}"
        return self.request(
            method,
            request_path,
            subject,
            body=body,
            **query,
        )

    def request(
        self,
        method: str,
        path: str,
        subject: str,
        *,
        body: Object | None = None,
        **query: str,
    ) -> Any:
        """Make one call of the API.

        Args:
            method: ``GET``, ``PATCH`` or ``DELETE``.
            path: on the API server, from ``/api`` or ``/apis`` on.
            subject: names its object in errors.
            body: of a patch; a whole object is applied, a part of one merged.
            **query: parameters of the query.

        Returns:
            The body of the answer.

        Raises:
            AdoreError: it is refused, or not there.
            UnavailableError: nobody answers.
        """
        from kubernetes.client import ApiException
        from urllib3.exceptions import HTTPError

        headers = {"Accept": "application/json"}
        if method == "PATCH":
            is_complete = "kind" in (body or {})
            patch_type = "apply-patch+yaml" if is_complete else "merge-patch+json"
            headers["Content-Type"] = f"application/{patch_type}"
        try:
            response = self.api.call_api(
                path,
                method,
                query_params=list(query.items()),
                header_params=headers,
                body=body,
                auth_settings=["BearerToken"],
                response_type="object",
                _request_timeout=30,
            )
        except ApiException as error:
            refusal: AdoreError = _translate(error, subject, method.lower())
            raise refusal from error
        except HTTPError as error:
            advice = "check the network and the kubeconfig"
            raise UnavailableError(
                f"cluster == {str(error)!r}, must answer; {advice}"
            ) from error
        return response[0]

    def get(self, kind: str, name: str) -> Object | None:
        """One object, or None; None as well if the cluster does not know the kind.

        Args:
            kind: one of :data:`adore.release.kubernetes.objects.KINDS`.
            name: the object's.

        Returns:
            The live object, or None.
        """
        try:
            return dict(self._call("GET", kind, name))
        except MissingError:
            return None

    def ours(self, kind: str, component: str = "") -> list[Object]:
        """All our objects of a kind; none if the cluster does not know the kind.

        Args:
            kind: one of :data:`adore.release.kubernetes.objects.KINDS`.
            component: whose objects, ``server`` or ``router`` say; empty: everybody's.

        Returns:
            Live objects.
        """
        return self.matching(kind, selector(self.config, component))

    def matching(self, kind: str, label_selector: str) -> list[Object]:
        """All objects of a kind with these labels, ours or not.

        Args:
            kind: one of :data:`adore.release.kubernetes.objects.KINDS`.
            label_selector: ``key=value,key=value``.

        Returns:
            Live objects, each with its kind.
        """
        try:
            response = self._call("GET", kind, labelSelector=label_selector)
        except MissingError:
            return []
        return [{"kind": kind, **live_object} for live_object in response["items"]]

    def warnings(self, name: str) -> list[Object]:
        """The namespace's events of type Warning about one object, oldest first."""
        field_selector = f"type=Warning,involvedObject.name={name}"
        response = self._call("GET", "Event", fieldSelector=field_selector)

        def time_of(event: Object) -> str:
            return str(event.get("lastTimestamp") or event.get("eventTime") or "")

        return sorted(response["items"], key=time_of)

    def log(self, pod: str, container: str, lines: int) -> str:
        """The last lines of a container's log.

        Empty if it has none, or this account may not read it.

        Args:
            pod: the pod's name.
            container: the name of one of its containers.
            lines: how many of the last ones.

        Returns:
            The lines; empty if there are none.
        """
        log_path = f"/api/v1/namespaces/{self.config.namespace}/pods/{pod}/log"
        try:
            log_text = self.request(
                "GET",
                log_path,
                f"log of {pod}",
                container=container,
                tailLines=str(lines),
            )
        except AdoreError:
            return ""
        return str(log_text).strip()

    def _check_owner(self, thing: Object, live: Object | None) -> None:
        live_labels = (live or thing)["metadata"].get("labels") or {}
        our_labels = thing["metadata"]["labels"]
        owner_labels = ("app.kubernetes.io/managed-by", "app.kubernetes.io/part-of")
        if any(
            live_labels.get(label_name) != our_labels[label_name]
            for label_name in owner_labels
        ):
            advice = "rename it, or set kubernetes.app to another prefix"
            raise ConfigError(
                f"{title(thing)} == someone else's (labels {live_labels}), "
                f"must be ours to be changed; {advice}"
            )

    def apply(self, thing: Object, *, dry_run: bool = False) -> Object:
        """Server-side apply; returns the object as it is then.

        Args:
            thing: the whole object, with our labels.
            dry_run: admission and defaults as for the real thing, and nothing is stored.

        Returns:
            The object as it is then, defaults included.

        Raises:
            ConfigError: it is there and not ours, or another manager holds one of its
                fields, or it is invalid.
            MissingError: the cluster does not know its kind.
        """
        object_kind = thing["kind"]
        object_name = thing["metadata"]["name"]
        self._check_owner(thing, self.get(object_kind, object_name))

        parameters = {
            "fieldManager": MANAGER,
            "force": "true" if self.force else "false",
        }
        if dry_run:
            parameters["dryRun"] = "All"
        return dict(
            self._call("PATCH", object_kind, object_name, body=thing, **parameters)
        )

    def annotate(self, kind: str, name: str, annotations: dict[str, str]) -> None:
        """Add annotations to one of our objects; nothing else of it changes.

        Args:
            kind: one of :data:`adore.release.kubernetes.objects.KINDS`.
            name: the object's.
            annotations: annotations by their keys; one that is there is replaced.

        Raises:
            MissingError: it is not there.
        """
        patch = {"metadata": {"annotations": annotations}}
        self._call("PATCH", kind, name, body=patch, fieldManager=MANAGER)

    def delete(self, thing: Object) -> None:
        """Delete one of our objects, in the background; what is gone already is fine."""
        live_object = self.get(thing["kind"], thing["metadata"]["name"])
        if live_object is not None:
            self._check_owner(thing, live_object)
            self._call(
                "DELETE",
                thing["kind"],
                thing["metadata"]["name"],
                propagationPolicy="Background",
            )
            log_line(f"deleted {title(thing)}")
