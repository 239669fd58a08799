"""A Kubeflow Pipelines server on loopback, as strict as the real one and under a test's control.

    with KubeflowServer() as server:
        server.fail("POST", "/runs", "lost")        # done, and the answer dropped
        ...
        run = server.only_run()
        server.set_task(run, "trainer", "RUNNING")
        server.end(run, "SUCCEEDED")

Request bodies must be what the models of `kfp_server_api` know: unknown fields and other types are
refused. Rules and error texts follow backend/src/apiserver of kubeflow/pipelines (2.17); storage is
a few dicts.
"""

import base64
import datetime
import json
import re
import threading
import uuid
from collections.abc import Callable
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from kubeflow_http import Call, Fault, Handler, ReplyError, matches, offset
from kubeflow_template import check_parameters, compile_run, parse

API = "/apis/v2beta1"
_EPOCH = "1970-01-01T00:00:00Z"


class KubeflowServer:
    """The server; a context manager that serves while it is open.

    Args:
        version: What it says its release is.
        multi_user: Whether requests need a token and a namespace.
        tokens: Token to the namespaces that it may touch.
        page_size: Greatest page that lists give.
        on_run: Called in a thread of its own with each new run's id.
    """

    def __init__(
        self,
        *,
        version: str = "2.15.0",
        multi_user: bool = False,
        tokens: dict[str, list[str]] | None = None,
        page_size: int = 200,
        on_run: Callable[[str], None] | None = None,
    ) -> None:
        self.version = version
        self.multi_user = multi_user
        self.tokens = tokens
        self.page_size = page_size
        self.on_run = on_run
        self.experiments: dict[str, dict[str, Any]] = {}
        self.pipelines: dict[str, dict[str, Any]] = {}
        self.versions: dict[str, dict[str, Any]] = {}
        self.runs: dict[str, dict[str, Any]] = {}
        self.recurring: dict[str, dict[str, Any]] = {}
        self.manifests: dict[str, str] = {}
        self.requests: list[tuple[str, str]] = []
        self.deleted: list[tuple[str, str]] = []
        self.on_look: Callable[[str, int], None] | None = None
        self._looks: dict[str, int] = {}
        self._faults: list[Fault] = []
        self._lock = threading.RLock()
        self._clock = 1_790_000_000
        self._http: ThreadingHTTPServer | None = None
        self._threads: list[threading.Thread] = []
        if not multi_user:
            self._add(self.experiments, "experiment_id", display_name="Default", namespace="")

    def __enter__(self) -> "KubeflowServer":
        """Begins to serve."""
        fake = self

        class Bound(Handler):
            service = fake

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
        self._http.daemon_threads = True
        thread = threading.Thread(target=self._http.serve_forever, args=(0.05,))
        thread.start()
        self._threads.append(thread)
        return self

    def __exit__(self, *_: object) -> None:
        """Ends."""
        assert self._http is not None
        self._http.shutdown()
        self._http.server_close()
        for thread in self._threads:
            thread.join(60)

    @property
    def url(self) -> str:
        """Its address."""
        assert self._http is not None
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    # What a test does.

    @property
    def looks(self) -> int:
        """How often somebody asked how a run stands."""
        return sum(self._looks.values())

    def fail(self, method: str, path: str, how: str | int, times: int = 1) -> None:
        """Lets the next requests of a kind go wrong; see `Fault`."""
        self._faults.append(Fault(method, path, how, times))

    def only_run(self) -> str:
        """Returns the id of the one run."""
        [run_id] = self.runs
        return run_id

    def set_task(self, run_id: str, name: str, state: str, error: str = "") -> None:
        """Gives a task a state, as the persistence agent does; the server's own come along."""
        with self._lock:
            details = self.runs[run_id].setdefault("run_details", {})
            tasks: list[dict[str, Any]] = details.setdefault("task_details", [])
            found = next((task for task in tasks if task["display_name"] == name), None)
            if found is None:
                if not name.endswith("-driver"):
                    self.set_task(run_id, f"{name}-driver", "SUCCEEDED")
                found = {
                    "run_id": run_id,
                    "task_id": str(uuid.uuid4()),
                    "display_name": name,
                    "create_time": self._now(),
                    "start_time": self._now(),
                    # Of a task that has not ended the real one says the epoch.
                    "end_time": _EPOCH,
                    "child_tasks": [{"pod_name": f"{name}-pod"}],
                }
                tasks.append(found)
            found["state"] = state
            if state in ("SUCCEEDED", "FAILED", "SKIPPED"):
                found["end_time"] = self._now()
            if error:
                found["error"] = {"code": 13, "message": error}

    def end(self, run_id: str, state: str, error: str = "") -> None:
        """Ends a run."""
        with self._lock:
            run = self.runs[run_id]
            run["state"] = state
            run["finished_at"] = self._now()
            if error:
                run["error"] = {"code": 13, "message": error}

    def firing(self) -> list[str]:
        """Returns the recurring runs that are enabled."""
        return [key for key, one in self.recurring.items() if one["status"] == "ENABLED"]

    def add_recurring_run(self, recurring_run_id: str, state: str) -> str:
        """Lets a recurring run have a run."""
        with self._lock:
            one = self.recurring[recurring_run_id]
            return self._add(
                self.runs,
                "run_id",
                display_name=f"{one['display_name']} 1",
                experiment_id=one["experiment_id"],
                recurring_run_id=recurring_run_id,
                state=state,
            )

    # What a request does. Names of methods are the API's.

    def answer(self, method: str, target: str, headers: Any, body: bytes) -> Any:
        """Returns the JSON value of an answer.

        Raises:
            ReplyError: It is an error.
        """
        parts = urlsplit(target)
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        path = unquote(parts.path)
        with self._lock:
            self.requests.append((method, path))
            if path in (f"{API}/healthz", "/apis/v1beta1/healthz"):
                return {
                    "commit_sha": "unknown",
                    "tag_name": self.version,
                    "multi_user": self.multi_user,
                    "pipeline_store": "database",
                }
            allowed = self._allowed(headers)
            for pattern, known_method, handler in _ROUTES:
                match = re.fullmatch(API + pattern, path)
                if match and method == known_method:
                    call = Call(query, body, allowed, headers.get("Content-Type", ""))
                    return getattr(self, handler)(call, *match.groups())
        raise ReplyError(404, "Not Found")

    def fault(self, method: str, path: str) -> str | int:
        """Returns what goes wrong with a request; empty when nothing does."""
        with self._lock:
            for fault in self._faults:
                if fault.method == method and fault.path in path and fault.times > 0:
                    fault.times -= 1
                    return fault.how
        return ""

    def _allowed(self, headers: Any) -> list[str] | None:
        if self.tokens is None:
            return None
        token = (headers.get("Authorization") or "").removeprefix("Bearer ")
        if token not in self.tokens:
            raise ReplyError(
                401,
                "Failed to check authorization. User identity is empty in the request header"
                if not token
                else "Review.Status.Authenticated is false. Error token has expired",
            )
        return self.tokens[token]

    def _check(self, call: Call, namespace: str, verb: str) -> None:
        if not self.multi_user:
            return
        if not namespace:
            raise ReplyError(400, "A run cannot have an empty namespace in multi-user mode")
        if call.allowed is not None and namespace not in call.allowed:
            raise ReplyError(
                403, f"User 'someone' is not authorized to {verb} in namespace {namespace}"
            )

    def list_experiments(self, call: Call) -> Any:
        namespace = self._namespace(call.query.get("namespace", ""))
        self._check(call, namespace, "list")
        found = [e for e in self.experiments.values() if e["namespace"] == namespace]
        return self._page(call, found, "experiments")

    def create_experiment(self, call: Call) -> Any:
        body = call.json("V2beta1Experiment")
        name = body.get("display_name", "")
        namespace = self._namespace(body.get("namespace", ""))
        self._check(call, namespace, "create")
        if not name:
            raise ReplyError(500, "Internal Server Error")
        if len(name) > 128:
            raise ReplyError(400, "Experiment.Name length cannot exceed 128")
        same = {(e["display_name"], e["namespace"]) for e in self.experiments.values()}
        if (name, namespace) in same:
            raise ReplyError(
                409,
                f"Failed to create a new experiment. The name {name} already exists. "
                "Please specify a new name",
            )
        key = self._add(self.experiments, "experiment_id", display_name=name, namespace=namespace)
        return self.experiments[key]

    def list_pipelines(self, call: Call) -> Any:
        namespace = self._namespace(call.query.get("namespace", ""))
        found = [p for p in self.pipelines.values() if p["namespace"] == namespace]
        return self._page(call, found, "pipelines")

    def create_pipeline(self, call: Call) -> Any:
        body = call.json("V2beta1Pipeline")
        name = body.get("name") or body.get("display_name", "")
        namespace = self._namespace(body.get("namespace", ""))
        if not name:
            raise ReplyError(400, "name is required")
        if len(name) > 128:
            raise ReplyError(400, "Pipeline.Name length cannot exceed 128")
        if any((p["name"], p["namespace"]) == (name, namespace) for p in self.pipelines.values()):
            raise ReplyError(
                409,
                f"Failed to create a new pipeline. The name {name} already exist. "
                "Please specify a new name",
            )
        key = self._add(
            self.pipelines, "pipeline_id", name=name, display_name=name, namespace=namespace
        )
        return self.pipelines[key]

    def list_versions(self, call: Call, pipeline_id: str) -> Any:
        found = [v for v in self.versions.values() if v["pipeline_id"] == pipeline_id]
        return self._page(call, found, "pipeline_versions")

    def upload_version(self, call: Call) -> Any:
        pipeline_id = call.query.get("pipelineid", "")
        if pipeline_id not in self.pipelines:
            raise ReplyError(400, "Failed to create a pipeline version")
        filename, content = call.upload()
        if not filename.endswith((".yaml", ".yml")):
            raise ReplyError(400, "Failed to create a pipeline version")
        name = call.query.get("name") or filename
        if len(name) > 127:
            raise ReplyError(400, "PipelineVersion.Name length cannot exceed 127")
        parse(content)
        mine = [v for v in self.versions.values() if v["pipeline_id"] == pipeline_id]
        if any(version["name"] == name for version in mine):
            raise ReplyError(409, "Failed to create a pipeline version")
        key = self._add(
            self.versions,
            "pipeline_version_id",
            pipeline_id=pipeline_id,
            name=name,
            display_name=name,
            description=call.query.get("description", ""),
        )
        self.manifests[key] = content
        return self.versions[key]

    def list_runs(self, call: Call) -> Any:
        return self._page(call, self._in_experiment(call, self.runs), "runs")

    def create_run(self, call: Call) -> Any:
        body = call.json("V2beta1Run")
        if not body.get("display_name"):
            raise ReplyError(500, "Internal Server Error")
        self._begin(call, body)
        key = self._add(
            self.runs,
            "run_id",
            **body,
            state="PENDING",
            scheduled_at=self._now(),
            # Of a run that has not ended the real one says the epoch.
            finished_at=_EPOCH,
        )
        if self.on_run is not None:
            thread = threading.Thread(target=self.on_run, args=(key,))
            thread.start()
            self._threads.append(thread)
        return self.runs[key]

    def get_run(self, call: Call, run_id: str) -> Any:
        if run_id not in self.runs:
            raise ReplyError(404, f"Run {run_id} not found")
        experiment = self.experiments[self.runs[run_id]["experiment_id"]]
        self._check(call, experiment["namespace"], "get")
        looks = self._looks[run_id] = self._looks.get(run_id, 0) + 1
        if self.on_look is not None:
            self.on_look(run_id, looks)
        return self.runs[run_id]

    def terminate_run(self, call: Call, run_id: str) -> Any:
        if run_id not in self.runs:
            raise ReplyError(404, f"Run {run_id} not found")
        self.runs[run_id]["state"] = "CANCELED"
        return {}

    def list_recurring(self, call: Call) -> Any:
        return self._page(call, self._in_experiment(call, self.recurring), "recurringRuns")

    def create_recurring(self, call: Call) -> Any:
        body = call.json("V2beta1RecurringRun")
        if not body.get("display_name"):
            raise ReplyError(500, "Internal Server Error")
        concurrency = int(body.get("max_concurrency", "0"))
        if not 1 <= concurrency <= 10:
            raise ReplyError(
                400,
                "Max concurrency of a recurring run must be at least 1 and at most 10. "
                f"Received {concurrency}",
            )
        cron = body.get("trigger", {}).get("cron_schedule", {}).get("cron", "")
        # With five fields the first one is the seconds.
        if len(cron.split()) not in (5, 6):
            raise ReplyError(
                400,
                "Schedule cron is not a supported format(https://godoc.org/github.com/robfig/cron)."
                f" Error: Expected 5 to 6 fields, found {len(cron.split())}: {cron}",
            )
        self._begin(call, body)
        enabled = body.get("mode") == "ENABLE"
        body["service_account"] = body.get("service_account") or "pipeline-runner"
        status = "ENABLED" if enabled else "DISABLED"
        key = self._add(self.recurring, "recurring_run_id", **body, status=status)
        return self.recurring[key]

    def enable_recurring(self, call: Call, key: str, action: str) -> Any:
        one = self._recurring_of(key)
        one["status"] = "ENABLED" if action == "enable" else "DISABLED"
        one["mode"] = "ENABLE" if action == "enable" else "DISABLE"
        return {}

    def delete_recurring(self, call: Call, key: str) -> Any:
        self._recurring_of(key)
        del self.recurring[key]
        self.deleted.append((key, call.query.get("propagation_policy", "")))
        return {}

    def _recurring_of(self, key: str) -> dict[str, Any]:
        if key not in self.recurring:
            raise ReplyError(404, f"Job {key} not found")
        return self.recurring[key]

    def _begin(self, call: Call, body: dict[str, Any]) -> None:
        """Checks what a run and a recurring run have in common."""
        experiment_id = body.get("experiment_id", "")
        if not experiment_id and self.multi_user:
            raise ReplyError(400, "Experiment id can not be empty in multi-user mode")
        experiment = self.experiments.get(experiment_id)
        if experiment is None:
            raise ReplyError(404, f"Experiment {experiment_id} not found")
        self._check(call, experiment["namespace"], "create")
        reference = body.get("pipeline_version_reference", {})
        version = self.versions.get(reference.get("pipeline_version_id", ""))
        if version is None or version["pipeline_id"] != reference.get("pipeline_id"):
            raise ReplyError(500, "Internal Server Error")
        spec = parse(self.manifests[version["pipeline_version_id"]])
        check_parameters(spec, body.get("runtime_config", {}).get("parameters", {}))
        compile_run(spec)

    def _in_experiment(self, call: Call, things: dict[str, Any]) -> list[Any]:
        experiment_id = call.query.get("experiment_id", "")
        if experiment_id not in self.experiments:
            raise ReplyError(404, f"Experiment {experiment_id} not found")
        self._check(call, self.experiments[experiment_id]["namespace"], "list")
        return [one for one in things.values() if one["experiment_id"] == experiment_id]

    def _namespace(self, asked: str) -> str:
        return asked if self.multi_user else ""

    def _page(self, call: Call, things: list[Any], field: str) -> Any:
        things = [one for one in things if matches(one, call.query.get("filter", ""))]
        order = call.query.get("sort_by", "created_at").split()
        if order[0] not in ("created_at", "display_name", "name"):
            raise ReplyError(400, f"Invalid sorting field: {order[0]!r}")
        things.sort(key=lambda one: one[order[0]], reverse=order[1:] == ["desc"])
        begin = offset(call.query.get("page_token", ""))
        size = min(int(call.query.get("page_size", "0")) or 20, self.page_size)
        if size < 0:
            raise ReplyError(400, f"The page size should be greater than 0. Got {size}")
        answer: dict[str, Any] = {"total_size": len(things)}
        if things[begin : begin + size]:
            answer[field] = things[begin : begin + size]
        if begin + size < len(things):
            token = json.dumps({"offset": begin + size}).encode()
            answer["next_page_token"] = base64.b64encode(token).decode()
        return answer

    def _add(self, things: dict[str, Any], id_name: str, **fields: Any) -> str:
        key = str(uuid.uuid4())
        things[key] = {**fields, id_name: key, "created_at": self._now()}
        return key

    def _now(self) -> str:
        self._clock += 1
        moment = datetime.datetime.fromtimestamp(self._clock, tz=datetime.UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


_ROUTES = (
    ("/experiments", "GET", "list_experiments"),
    ("/experiments", "POST", "create_experiment"),
    ("/pipelines", "GET", "list_pipelines"),
    ("/pipelines", "POST", "create_pipeline"),
    ("/pipelines/upload_version", "POST", "upload_version"),
    ("/pipelines/([^/]+)/versions", "GET", "list_versions"),
    ("/runs", "GET", "list_runs"),
    ("/runs", "POST", "create_run"),
    ("/runs/([^/:]+)", "GET", "get_run"),
    ("/runs/([^/:]+):terminate", "POST", "terminate_run"),
    ("/recurringruns", "GET", "list_recurring"),
    ("/recurringruns", "POST", "create_recurring"),
    ("/recurringruns/([^/:]+):(enable|disable)", "POST", "enable_recurring"),
    ("/recurringruns/([^/:]+)", "DELETE", "delete_recurring"),
)
