"""A Kubeflow Pipelines server: what it has as plain values, and what is asked of it.

One method for each thing that a submission needs. Whether an answer that was lost is asked for
again is decided in `starting` and `schedules`; connections, tokens and errors are `transport`'s.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import kfp_server_api

from pipelines.submission.credentials import Access
from pipelines.submission.records import FINAL_STATES, Recurring, RunStatus, Source, TaskStatus
from pipelines.submission.server_errors import NotThereError, ServerError
from pipelines.submission.snapshot import Health
from pipelines.submission.transport import Transport, raw_get

_HEALTH = "/apis/v2beta1/healthz"
_PAGE_SIZE = 50


class Server:
    """One server, asked with one identity.

    Args:
        access: Where it is, and the token.
        ui: Address of its pages; the server's own where empty.
        sleep: Waits between two tries.
    """

    def __init__(
        self, access: Access, *, ui: str = "", sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.access = access
        self._ui = (ui or access.host).rstrip("/").removesuffix("/#")
        self._transport = Transport(access, sleep)
        client = self._transport.api_client
        self._pipelines = kfp_server_api.PipelineServiceApi(client)
        self._uploads = kfp_server_api.PipelineUploadServiceApi(client)
        self._experiments = kfp_server_api.ExperimentServiceApi(client)
        self._runs = kfp_server_api.RunServiceApi(client)
        self._recurring = kfp_server_api.RecurringRunServiceApi(client)

    def health(self) -> Health:
        """Returns what the server says of itself; asked once, so that a wrong address shows soon.

        Raises:
            ServerError: It does not answer, or is no Kubeflow Pipelines 2.
        """
        told = raw_get(self._transport, _HEALTH)
        version = str(told.get("tag_name") or "")
        return Health(
            version="" if version == "unknown" else version,
            multi_user=told.get("multi_user") is True,
        )

    def experiment(self, name: str, namespace: str) -> str | None:
        """Returns the id of an experiment; None when there is none of that name."""
        call = self._experiments.experiment_service_list_experiments
        found = self._listed(call, "experiments", name, namespace=namespace)
        return next((str(e.experiment_id) for e in found if e.display_name == name), None)

    def create_experiment(self, name: str, namespace: str) -> str:
        """Creates an experiment and returns its id."""
        body = kfp_server_api.V2beta1Experiment(display_name=name, namespace=namespace or None)
        call = self._experiments.experiment_service_create_experiment
        return str(self._transport.change(call, body).experiment_id)

    def pipeline(self, name: str, namespace: str) -> str | None:
        """Returns the id of a pipeline; None when there is none of that name."""
        call = self._pipelines.pipeline_service_list_pipelines
        found = self._listed(call, "pipelines", name, namespace=namespace)
        return next((str(p.pipeline_id) for p in found if _name(p) == name), None)

    def create_pipeline(self, name: str, namespace: str) -> str:
        """Creates a pipeline without versions and returns its id."""
        # Old servers know a display name alone, and new ones take it for the name.
        body = kfp_server_api.V2beta1Pipeline(display_name=name, namespace=namespace or None)
        call = self._pipelines.pipeline_service_create_pipeline
        return str(self._transport.change(call, body).pipeline_id)

    def version(self, pipeline_id: str, name: str) -> str | None:
        """Returns the id of a pipeline's version; None when there is none of that name."""
        call = self._pipelines.pipeline_service_list_pipeline_versions
        found = self._listed(call, "pipeline_versions", name, pipeline_id)
        return next((str(v.pipeline_version_id) for v in found if _name(v) == name), None)

    def upload_version(self, pipeline_id: str, name: str, path: Path, description: str) -> str:
        """Uploads a compiled pipeline as a version and returns its id."""
        call = self._uploads.upload_pipeline_version
        version = self._transport.change(
            call, str(path), name=name, pipelineid=pipeline_id, description=description
        )
        return str(version.pipeline_version_id)

    def create_run(self, name: str, source: Source, experiment_id: str, description: str) -> str:
        """Starts a run and returns its id.

        Raises:
            AnswerLostError: It may have been started.
        """
        body = kfp_server_api.V2beta1Run(
            display_name=name,
            description=description,
            experiment_id=experiment_id,
            pipeline_version_reference=_reference(source),
            runtime_config=_runtime_config(source),
            service_account=source.service_account or None,
        )
        return str(self._transport.change(self._runs.run_service_create_run, body).run_id)

    def run(self, run_id: str) -> RunStatus:
        """Returns how a run stands; asked once, as who watches asks again by itself."""
        return _run_status(self._transport.ask_once(self._runs.run_service_get_run, run_id))

    def runs_named(self, name: str, experiment_id: str) -> list[str]:
        """Returns the ids of the runs of a name in an experiment."""
        call = self._runs.run_service_list_runs
        found = self._listed(call, "runs", name, experiment_id=experiment_id)
        return [str(run.run_id) for run in found if run.display_name == name]

    def active_recurring(self, experiment_id: str) -> set[str]:
        """Returns the recurring runs of which a run in the experiment has not ended."""
        call = self._runs.run_service_list_runs
        # The newest page will do: a recurring run has one unfinished run, its last.
        page = self._transport.ask(
            call, experiment_id=experiment_id, page_size=_PAGE_SIZE, sort_by="created_at desc"
        )
        runs = [_run_status(run) for run in page.runs or []]
        return {run.recurring_run_id for run in runs if run.recurring_run_id and not run.ended}

    def terminate(self, run_id: str) -> None:
        """Asks for a run's end."""
        self._transport.ask(self._runs.run_service_terminate_run, run_id)

    def recurring(self, name: str, experiment_id: str) -> list[Recurring]:
        """Returns the recurring runs of a name in an experiment."""
        call = self._recurring.recurring_run_service_list_recurring_runs
        found = self._listed(call, "recurring_runs", name, experiment_id=experiment_id)
        return [_recurring(one) for one in found if one.display_name == name]

    def create_recurring(self, wanted: Recurring, experiment_id: str, description: str) -> str:
        """Creates a recurring run, enabled or not as it says, and returns its id."""
        body = kfp_server_api.V2beta1RecurringRun(
            display_name=wanted.name,
            description=description,
            experiment_id=experiment_id,
            pipeline_version_reference=_reference(wanted.source),
            runtime_config=_runtime_config(wanted.source),
            service_account=wanted.source.service_account or None,
            # A run that is still at work is let end, and times that were missed are not made up.
            max_concurrency="1",
            no_catchup=True,
            trigger=kfp_server_api.V2beta1Trigger(
                cron_schedule=kfp_server_api.V2beta1CronSchedule(cron=wanted.cron)
            ),
            mode="ENABLE" if wanted.enabled else "DISABLE",
        )
        call = self._recurring.recurring_run_service_create_recurring_run
        return str(self._transport.change(call, body).recurring_run_id)

    def enable_recurring(self, recurring_run_id: str, enabled: bool) -> None:
        """Lets a recurring run fire, or not."""
        api = self._recurring
        call = (
            api.recurring_run_service_enable_recurring_run
            if enabled
            else api.recurring_run_service_disable_recurring_run
        )
        self._transport.ask(call, recurring_run_id)

    def delete_recurring(self, recurring_run_id: str) -> None:
        """Deletes a recurring run, and nothing that it started where the server can tell."""
        try:
            # By hand, as the older client does not know the policy, and older servers ignore it.
            self._transport.ask(
                self._transport.api_client.call_api,
                f"/apis/v2beta1/recurringruns/{recurring_run_id}",
                "DELETE",
                query_params=[("propagation_policy", "ORPHAN")],
                header_params={"Accept": "application/json"},
                auth_settings=["Bearer"],
            )
        except NotThereError:
            return

    def run_page(self, run_id: str) -> str:
        """Returns the address of a run's page."""
        return f"{self._ui}/#/runs/details/{run_id}"

    def recurring_page(self, recurring_run_id: str) -> str:
        """Returns the address of a recurring run's page."""
        return f"{self._ui}/#/recurringrun/details/{recurring_run_id}"

    def _listed(
        self, call: Callable[..., Any], field: str, name: str, *args: Any, **where: str
    ) -> Iterator[Any]:
        """Yields what a list call gives for a name, page after page."""
        predicate = {"operation": "EQUALS", "key": "display_name", "stringValue": name}
        asked: dict[str, Any] = {key: value for key, value in where.items() if value}
        asked |= {"page_size": _PAGE_SIZE, "filter": json.dumps({"predicates": [predicate]})}
        token = ""
        while True:
            page = self._transport.ask(call, *args, **asked, page_token=token)
            yield from getattr(page, field) or []
            token = page.next_page_token or ""
            if not token:
                return


def _name(thing: Any) -> str:
    # The older client knows a display name alone.
    return str(getattr(thing, "name", None) or thing.display_name)


def _reference(source: Source) -> Any:
    return kfp_server_api.V2beta1PipelineVersionReference(
        pipeline_id=source.pipeline_id, pipeline_version_id=source.version_id
    )


def _runtime_config(source: Source) -> Any:
    return kfp_server_api.V2beta1RuntimeConfig(
        parameters=dict(source.parameters), pipeline_root=source.root or None
    )


def _run_status(run: Any) -> RunStatus:
    if not run.run_id:
        raise ServerError("The server's answer holds no run.")
    details = run.run_details.task_details if run.run_details else None
    # A task that is tried again is there several times; the last one that began counts.
    ordered = sorted(details or [], key=lambda task: _seconds(task.create_time))
    return RunStatus(
        run_id=str(run.run_id),
        name=str(run.display_name or ""),
        state=str(run.state or ""),
        tasks={str(task.display_name): _task_status(task) for task in ordered},
        error=_error(run.error),
        recurring_run_id=str(run.recurring_run_id or ""),
    )


def _task_status(task: Any) -> TaskStatus:
    state = str(task.state or "")
    took_sec = _seconds(task.end_time) - _seconds(task.start_time or task.create_time)
    return TaskStatus(
        name=str(task.display_name),
        state=state,
        error=_error(task.error),
        seconds=took_sec if state in FINAL_STATES and took_sec >= 0 else None,
    )


def _error(status: Any) -> str:
    return str(status.message or "").strip() if status else ""


def _seconds(moment: datetime | None) -> float:
    return moment.timestamp() if moment else 0.0


def _recurring(one: Any) -> Recurring:
    reference = one.pipeline_version_reference
    config = one.runtime_config
    schedule = one.trigger.cron_schedule if one.trigger else None
    return Recurring(
        name=str(one.display_name),
        cron=str(schedule.cron) if schedule else "",
        source=Source(
            pipeline_id=str(reference.pipeline_id) if reference else "",
            version_id=str(reference.pipeline_version_id) if reference else "",
            parameters=dict(config.parameters or {}) if config else {},
            root=str(config.pipeline_root or "") if config else "",
            service_account=str(one.service_account or ""),
        ),
        recurring_run_id=str(one.recurring_run_id),
        enabled=str(one.status) == "ENABLED",
    )
