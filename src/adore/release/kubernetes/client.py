"""Cluster client: server-side apply, lists, events and logs; changes our objects only."""

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
from adore.release.kubernetes.objects import KINDS, Object, selector

__all__ = ["MANAGER", "Cluster", "api_root", "connect", "title"]

MANAGER = "adore"
"""Our name as field manager."""


def connect(context: str | None = None) -> Any:
    """Connect by KUBECONFIG or ``~/.kube/config``, else by the pod's service account.

    Args:
        context: context of the configuration; None: the current one.

    Returns:
        The client.

    Raises:
        NotInstalledError: the ``kubernetes`` package is missing.
        ConfigError: there is no configuration, or no such context.
    """
    try:
        from kubernetes import client, config
    except ModuleNotFoundError as error:
        raise NotInstalledError(
            "module == 'kubernetes', must be installed; pip install kubernetes"
        ) from error
    configuration = client.Configuration()
    # Connections are retried, but no request that had a response: a write is not repeated.
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
    """Return the path of an API version; the core API, ``v1``, has a path of its own."""
    if "/" in version:
        return f"/apis/{version}"
    return f"/api/{version}"


def title(thing: Object) -> str:
    """Return an object's kind and name, for messages."""
    return f"{thing['kind']} {thing['metadata']['name']}"


def _translate(error: Any, subject: str, verb: str) -> AdoreError:
    """Convert an ``ApiException`` to one of our errors."""
    try:
        message = json.loads(error.body)["message"]
    except (TypeError, ValueError, KeyError):
        message = str(error.body or error.reason).strip()
    # Webhooks refuse with 403 too, but about the object, not about the account's rights.
    if error.status == 403 and "admission webhook" not in message:
        advice = "bind the pipeline's Roles of manifests/ to this account"
        return ConfigError(
            f"{verb} {subject} == refused ({message}), must be allowed; {advice}"
        )
    if error.status == 404:
        return MissingError(
            f"{subject} == not found ({message}), must exist; "
            "install its CRD, or create its namespace"
        )
    if error.status == 409:
        advice = "remove the other manager's fields, or use --force to take them over"
        return ConfigError(
            f"{subject} == owned by another manager ({message}), must be ours alone; {advice}"
        )
    if error.status in (400, 403, 422):
        return ConfigError(
            f"{subject} == refused ({message}), must be valid for this cluster; "
            "change the profile"
        )
    return UnavailableError(
        f"cluster == {error.status} on {verb} {subject} ({message}), must answer; "
        "check its API server"
    )


class Cluster:
    """Our objects in one namespace.

    Args:
        config: names the namespace and the app.
        api: an ``ApiClient``; None: from :func:`connect`.
        force: take over fields that another manager owns.
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
        """Call the API.

        Args:
            method: HTTP method.
            path: path on the API server, from ``/api`` or ``/apis`` on.
            subject: name of the object in errors.
            body: body of the request; a patch applies a whole object, and merges a part.
            **query: query parameters.

        Returns:
            The body of the response.

        Raises:
            AdoreError: the request is refused, or the object does not exist.
            UnavailableError: the server does not respond.
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
        """Get one object.

        Args:
            kind: one of :data:`adore.release.kubernetes.objects.KINDS`.
            name: name of the object.

        Returns:
            The live object; None if it does not exist, or the cluster lacks its kind.
        """
        try:
            return dict(self._call("GET", kind, name))
        except MissingError:
            return None

    def ours(self, kind: str, component: str = "") -> list[Object]:
        """List our objects of a kind.

        Args:
            kind: one of :data:`adore.release.kubernetes.objects.KINDS`.
            component: ``server``, ``router`` or ``experiment``; empty: all components.

        Returns:
            Live objects; empty if the cluster does not know the kind.
        """
        return self.matching(kind, selector(self.config, component))

    def matching(self, kind: str, label_selector: str) -> list[Object]:
        """List objects of a kind by labels, whether ours or not.

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
        """List warning events about one object, oldest first."""
        field_selector = f"type=Warning,involvedObject.name={name}"
        response = self._call("GET", "Event", fieldSelector=field_selector)

        def time_of(event: Object) -> str:
            return str(event.get("lastTimestamp") or event.get("eventTime") or "")

        return sorted(response["items"], key=time_of)

    def log(self, pod: str, container: str, lines: int) -> str:
        """Read the last lines of a container's log.

        Args:
            pod: name of the pod.
            container: name of one of its containers.
            lines: number of lines.

        Returns:
            The lines; empty if there are none, or this account may not read them.
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
        """Create or update an object by server-side apply.

        Args:
            thing: the whole object, with our labels.
            dry_run: apply admission and defaults, but store nothing.

        Returns:
            The object after that, with defaults.

        Raises:
            ConfigError: an object of this name is not ours, another manager owns one of its
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
        """Add annotations to one of our objects; nothing else changes.

        Args:
            kind: one of :data:`adore.release.kubernetes.objects.KINDS`.
            name: name of the object.
            annotations: value by key; existing keys are replaced.

        Raises:
            MissingError: the object does not exist.
        """
        patch = {"metadata": {"annotations": annotations}}
        self._call("PATCH", kind, name, body=patch, fieldManager=MANAGER)

    def delete(self, thing: Object) -> None:
        """Delete one of our objects, in the background, if it still exists."""
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
