"""A client of Kubeflow Pipelines: uploads pipelines, starts runs and reads their state."""

from __future__ import annotations

import contextlib
import io
import json
import os
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adore.errors import NotInstalledError, UnavailableError, check
from adore.pipeline.kubeflow.tasks import Task, tasks_of
from adore.progress import log_line

__all__ = ["ENDED", "Server"]

TOKEN = "KFP_TOKEN"
"""Environment variable with a bearer token; without it, a pod uses its own token."""
POD_TOKEN = Path("/var/run/secrets/kubeflow/pipelines/token")
ENDED = frozenset({"SUCCEEDED", "SKIPPED", "FAILED", "CANCELED"})
"""A run's last states."""


class Server:
    """Kubeflow Pipelines at one address, seen from one namespace.

    Args:
        host: its address, as KFP_HOST.
        namespace: sent with every request, since a server may serve several.

    Raises:
        ConfigError: one of them is empty.
        NotInstalledError: no ``kfp`` package.
        UnavailableError: the server does not answer, or refuses the token.
    """

    def __init__(self, host: str, namespace: str) -> None:
        try:
            import kfp
            from kfp.client import ServiceAccountTokenVolumeCredentials
        except ModuleNotFoundError as error:
            raise NotInstalledError(
                "module == 'kfp', must be installed; pip install 'adore-relevance[kubeflow]'"
            ) from error
        check(
            bool(host),
            "--host",
            host,
            must="given",
            fix="set KFP_HOST to the address of Kubeflow Pipelines",
        )
        check(
            bool(namespace),
            "--namespace",
            namespace,
            must="given",
            fix="set NAMESPACE to the one the run belongs to",
        )
        self.host = host.rstrip("/")
        self.namespace = namespace
        bearer_token = os.environ.get(TOKEN)
        pod_credentials = None
        if not bearer_token and POD_TOKEN.is_file():
            pod_credentials = ServiceAccountTokenVolumeCredentials(str(POD_TOKEN))
        with self._answering(), warnings.catch_warnings():
            # The client warns that it needs a server of version 2, which this one is.
            warnings.simplefilter("ignore", FutureWarning)
            self.client = kfp.Client(
                host=self.host,
                namespace=namespace,
                existing_token=bearer_token,
                credentials=pod_credentials,
            )

    def _answering(self) -> _Answering:
        return _Answering(self.host)

    def many_users(self) -> bool:
        """Return whether the server was installed for many users.

        A server for one user runs everything in its own namespace and ignores the requested one.

        Returns:
            True for an installation with Profiles.
        """
        with self._answering():
            health = self.client._healthz_api.healthz_service_get_healthz()
            return bool(health.multi_user)

    def upload(self, package: str, name: str) -> tuple[str, str]:
        """Upload a compiled pipeline as a new version, named by the time.

        Args:
            package: path of the compiled pipeline, as YAML.
            name: the pipeline's name; created if it does not exist.

        Returns:
            Ids of the pipeline and of the version.
        """
        version_name = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
        with self._answering():
            known_id = self._pipeline(name)
            if not known_id:
                known_id = self.client.upload_pipeline(
                    package, name, namespace=self.namespace
                ).pipeline_id
            uploaded = self.client.upload_pipeline_version(
                package, version_name, pipeline_id=known_id
            )
            return known_id, uploaded.pipeline_version_id

    def _pipeline(self, name: str) -> str:
        name_filter = {
            "operation": "EQUALS",
            "key": "display_name",
            "stringValue": name,
        }
        filter_json = json.dumps({"predicates": [name_filter]})
        response = self.client.list_pipelines(
            namespace=self.namespace, filter=filter_json
        )
        found_pipelines = response.pipelines or []
        return str(found_pipelines[0].pipeline_id) if found_pipelines else ""

    def start(
        self,
        ids: tuple[str, str],
        arguments: Mapping[str, object],
        *,
        experiment: str,
        account: str,
        root: str = "",
    ) -> str:
        """Start a run, and print its link.

        Args:
            ids: of the pipeline and its version, from :meth:`upload`.
            arguments: the pipeline's own.
            experiment: the experiment's name; created if it does not exist.
            account: service account of the run's pods.
            root: where KFP keeps its pointer files; empty: its own store.

        Returns:
            The run's id.
        """
        with self._answering():
            run_experiment = self.client.create_experiment(
                experiment, namespace=self.namespace
            )
            run_name = f"{experiment} {datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
            options = {
                "pipeline_root": root or None,
                "enable_caching": False,
                "service_account": account,
            }
            started_run = self.client.run_pipeline(
                run_experiment.experiment_id,
                run_name,
                params=arguments,
                pipeline_id=ids[0],
                version_id=ids[1],
                **options,
            )
        if not self.many_users():
            log_line(
                "note: this Kubeflow Pipelines has one user; "
                "the run is in its own namespace (docs/operations.md)"
            )
        log_line(f"run: {self.host}/#/runs/details/{started_run.run_id}")
        return str(started_run.run_id)

    def repeat(
        self,
        ids: tuple[str, str],
        arguments: Mapping[str, object],
        *,
        experiment: str,
        account: str,
        cron: str,
        root: str = "",
    ) -> str:
        """Make the pipeline a recurring run, one at a time.

        Args:
            ids: of the pipeline and its version, from :meth:`upload`.
            arguments: the pipeline's own.
            experiment: name of the experiment and of the recurring run; created if it does not
                exist.
            account: the service account of the runs' pods.
            cron: six fields, seconds first.
            root: where KFP keeps its pointer files; empty: its own store.

        Returns:
            The recurring run's id.
        """
        with self._answering():
            run_experiment = self.client.create_experiment(
                experiment, namespace=self.namespace
            )
            options = {
                "max_concurrency": 1,
                "no_catchup": True,
                "enable_caching": False,
                "service_account": account,
                "pipeline_root": root or None,
            }
            recurring_run = self.client.create_recurring_run(
                run_experiment.experiment_id,
                experiment,
                cron_expression=cron,
                params=arguments,
                pipeline_id=ids[0],
                version_id=ids[1],
                **options,
            )
        log_line(
            f"recurring run: {self.host}/#/recurringrun/details/{recurring_run.recurring_run_id}"
        )
        return str(recurring_run.recurring_run_id)

    def is_going(self, run: str) -> bool:
        """Return whether a run still runs; one that the server does not know does not."""
        from kfp_server_api.exceptions import ApiException

        try:
            with self._answering():
                return str(self.client.get_run(run).state or "PENDING") not in ENDED
        except UnavailableError as error:
            cause = error.__cause__
            if isinstance(cause, ApiException) and cause.status == 404:
                return False
            raise

    def look(self, run: str) -> tuple[str, list[Task]]:
        """Read the state of a run as the server names it, and the run's tasks on the cluster.

        A run that somebody cancelled ends as FAILED; only its history shows the cancellation.

        Returns:
            The state, and the tasks.
        """
        with self._answering():
            run_details = self.client.get_run(run)
            run_document = self._get(f"/apis/v1beta1/runs/{run}", "object")
        run_state = str(run_details.state or "PENDING")
        past_states = [
            state_change.state for state_change in run_details.state_history or []
        ]
        if run_state == "FAILED" and "CANCELING" in past_states:
            run_state = "CANCELED"
        workflow = run_document.get("pipeline_runtime", {}).get("workflow_manifest", "")
        return run_state, tasks_of(workflow)

    def log(self, run: str, pod: str) -> str:
        """Read what a pod of a run printed, if its log still exists.

        Args:
            run: the run's id.
            pod: the pod's name.

        Returns:
            Its log; empty if the server has none.
        """
        log_path = f"/apis/v1alpha1/runs/{run}/nodes/{pod}/log"
        try:
            with self._answering():
                log_text = self._get(log_path, "object")
        except UnavailableError:
            return ""
        # Without a log the server answers with an object that says why.
        return log_text if isinstance(log_text, str) else ""

    def _get(self, path: str, kind: str) -> Any:
        """Call an older endpoint of the server for which the client has no method."""
        kfp_api = self.client._run_api.api_client
        return kfp_api.call_api(
            path,
            "GET",
            response_type=kind,
            auth_settings=["Bearer"],
            _return_http_data_only=True,
        )


class _Answering:
    """Converts the client's errors, of an unreachable or refusing server, into our own.

    The client's own output is hidden, so that each error is printed once.
    """

    def __init__(self, host: str) -> None:
        self.host = host
        self._silenced = contextlib.redirect_stdout(io.StringIO())

    def __enter__(self) -> None:
        self._silenced.__enter__()

    def __exit__(
        self, kind: object, value: BaseException | None, trace: object
    ) -> None:
        from kfp_server_api.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        self._silenced.__exit__(None, None, None)
        if isinstance(value, ApiException):
            server_message = f"{value.status} {str(value.body)[:300]}"
            advice = f"check the namespace, and {TOKEN}"
            raise UnavailableError(
                f"KFP_HOST == {self.host!r}, must accept this; {advice} ({server_message})"
            ) from value
        # Neither class is the client's: the connection failed before the server answered.
        if isinstance(value, HTTPError | OSError):
            raise UnavailableError(
                f"KFP_HOST == {self.host!r}, must answer; check the address ({value})"
            ) from value
