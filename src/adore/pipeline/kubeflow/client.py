"""Upload a pipeline as a new version, start a run of it, follow the run to its end."""

from __future__ import annotations

import contextlib
import io
import json
import os
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adore.errors import NotInstalledError, UnavailableError, check
from adore.pipeline.kubeflow.tasks import Task, tasks_of
from adore.progress import log_line

__all__ = ["ENDED", "Server"]

TOKEN = "KFP_TOKEN"
"""Environment variable with a bearer token; without it, the pod's own where there is one."""
POD_TOKEN = Path("/var/run/secrets/kubeflow/pipelines/token")
ENDED = frozenset({"SUCCEEDED", "SKIPPED", "FAILED", "CANCELED"})
"""A run's last states."""


class Server:
    """Kubeflow Pipelines at one address, seen from one namespace.

    Args:
        host: its address, as KFP_HOST.
        namespace: always named to the server, which may serve many.

    Raises:
        ConfigError: one of them is empty.
        NotInstalledError: no ``kfp`` package.
        UnavailableError: it does not answer, or refuses the token.
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
        token = os.environ.get(TOKEN)
        pod = None
        if not token and POD_TOKEN.is_file():
            pod = ServiceAccountTokenVolumeCredentials(str(POD_TOKEN))
        with self._answering(), warnings.catch_warnings():
            # That it wants a server of version 2.
            warnings.simplefilter("ignore", FutureWarning)
            self.client = kfp.Client(
                host=self.host,
                namespace=namespace,
                existing_token=token,
                credentials=pod,
            )

    def _answering(self) -> Any:
        return _Answering(self.host)

    def many_users(self) -> bool:
        """Whether it was installed for many users.

        Else it runs everything in its own namespace, whatever it is asked.

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
            name: the pipeline's name; made if the server has none of that name.

        Returns:
            Ids of the pipeline and of the version.
        """
        version = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
        with self._answering():
            known = self._pipeline(name)
            if not known:
                known = self.client.upload_pipeline(
                    package, name, namespace=self.namespace
                ).pipeline_id
            done = self.client.upload_pipeline_version(
                package, version, pipeline_id=known
            )
            return known, done.pipeline_version_id

    def _pipeline(self, name: str) -> str:
        rule = {"operation": "EQUALS", "key": "display_name", "stringValue": name}
        query = json.dumps({"predicates": [rule]})
        answer = self.client.list_pipelines(namespace=self.namespace, filter=query)
        listed = answer.pipelines or []
        return str(listed[0].pipeline_id) if listed else ""

    def start(
        self,
        ids: tuple[str, str],
        arguments: dict[str, Any],
        *,
        experiment: str,
        account: str,
        root: str = "",
    ) -> str:
        """Start a run, and print its link.

        Args:
            ids: of the pipeline and its version, from :meth:`upload`.
            arguments: the pipeline's own.
            experiment: the experiment's name; made if it is not there.
            account: the service account of the run's pods.
            root: where KFP keeps its pointer files; empty: its own store.

        Returns:
            The run's id.
        """
        with self._answering():
            home = self.client.create_experiment(experiment, namespace=self.namespace)
            name = f"{experiment} {datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
            options = {
                "pipeline_root": root or None,
                "enable_caching": False,
                "service_account": account,
            }
            run = self.client.run_pipeline(
                home.experiment_id,
                name,
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
        log_line(f"run: {self.host}/#/runs/details/{run.run_id}")
        return str(run.run_id)

    def repeat(
        self,
        ids: tuple[str, str],
        arguments: dict[str, Any],
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
            experiment: the experiment's name, and the recurring run's; made if it is not there.
            account: the service account of the runs' pods.
            cron: six fields, seconds first.
            root: where KFP keeps its pointer files; empty: its own store.

        Returns:
            The recurring run's id.
        """
        with self._answering():
            home = self.client.create_experiment(experiment, namespace=self.namespace)
            options = {
                "max_concurrency": 1,
                "no_catchup": True,
                "enable_caching": False,
                "service_account": account,
                "pipeline_root": root or None,
            }
            job = self.client.create_recurring_run(
                home.experiment_id,
                experiment,
                cron_expression=cron,
                params=arguments,
                pipeline_id=ids[0],
                version_id=ids[1],
                **options,
            )
        log_line(
            f"recurring run: {self.host}/#/recurringrun/details/{job.recurring_run_id}"
        )
        return str(job.recurring_run_id)

    def is_going(self, run: str) -> bool:
        """Whether a run has not ended; one that the server does not know has."""
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
        """The state of a run in the server's word, and its tasks as the cluster has them.

        A run that somebody cancelled ends as FAILED; only its history says so.

        Returns:
            The state, and the tasks.
        """
        with self._answering():
            about = self.client.get_run(run)
            answer = self._get(f"/apis/v1beta1/runs/{run}", "object")
        state = str(about.state or "PENDING")
        before = [step.state for step in about.state_history or []]
        if state == "FAILED" and "CANCELING" in before:
            state = "CANCELED"
        workflow = answer.get("pipeline_runtime", {}).get("workflow_manifest", "")
        return state, tasks_of(workflow)

    def log(self, run: str, pod: str) -> str:
        """What a pod of a run printed, as far as it is still kept.

        Args:
            run: the run's id.
            pod: the pod's name.

        Returns:
            Its log; empty where the server cannot say.
        """
        path = f"/apis/v1alpha1/runs/{run}/nodes/{pod}/log"
        try:
            with self._answering():
                answer = self._get(path, "object")
        except UnavailableError:
            return ""
        # Where there is no log, an object says why.
        return answer if isinstance(answer, str) else ""

    def _get(self, path: str, kind: str) -> Any:
        """One of the server's older calls, which the client has no method for."""
        api = self.client._run_api.api_client
        return api.call_api(
            path,
            "GET",
            response_type=kind,
            auth_settings=["Bearer"],
            _return_http_data_only=True,
        )


class _Answering:
    """Turns what the client raises when its server is away, or says no, into one of our errors.

    What the client prints is kept from the terminal: it is said here, once.
    """

    def __init__(self, host: str) -> None:
        self.host = host
        self._silenced = contextlib.redirect_stdout(io.StringIO())

    def __enter__(self) -> None:
        self._silenced.__enter__()

    def __exit__(self, kind: Any, value: BaseException | None, trace: object) -> None:
        from kfp_server_api.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        self._silenced.__exit__(None, None, None)
        if isinstance(value, ApiException):
            text = f"{value.status} {str(value.body)[:300]}"
            fix = f"check the namespace, and {TOKEN}"
            raise UnavailableError(
                f"KFP_HOST == {self.host!r}, must accept this; {fix} (it said {text})"
            ) from value
        if isinstance(value, HTTPError | OSError):
            raise UnavailableError(
                f"KFP_HOST == {self.host!r}, must answer; check the address ({value})"
            ) from value
