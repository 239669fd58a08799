"""Each check lets a sound submission pass and names what is wrong with another."""

import dataclasses
import json
from typing import Any

import pytest
import yaml
from kubeflow_template import TINY

from pipelines.runners.kubeflow.compiler import CompiledPipeline
from pipelines.runners.kubeflow.settings import Resources, Secret, Settings, Volume
from pipelines.submission import checks
from pipelines.submission.findings import Finding, NotReadyError, raise_serious
from pipelines.submission.snapshot import Contact, Health, Snapshot

IMAGE = "images.example/ringway@sha256:" + "0123456789abcdef" * 4
SETTINGS = Settings(
    image=IMAGE,
    volumes=(Volume(claim="ringway", path="/ringway-home"),),
    metadata_secret=Secret(name="store"),
)
SOUND = Snapshot(
    settings=SETTINGS,
    contact=Contact(host="https://kubeflow.example", health=Health(version="2.15.0")),
)


def found(check: str, settings: dict[str, Any] | None = None, **change: Any) -> list[Finding]:
    changed = dataclasses.replace(SETTINGS, **(settings or {}))
    snapshot = dataclasses.replace(SOUND, settings=changed, **change)
    findings = checks.all_findings(snapshot)
    assert {finding.check for finding in findings} <= {check}
    return list(findings)


def told(check: str, settings: dict[str, Any] | None = None, **change: Any) -> list[str]:
    return [finding.problem for finding in found(check, settings, **change) if finding.serious]


def test_a_sound_submission_has_nothing_to_mend() -> None:
    assert checks.all_findings(SOUND) == ()


def test_an_image_needs_a_digest_or_leave_for_a_tag() -> None:
    tagged = {"image": "images.example/ringway:1"}
    assert "may mean another" in told("image", tagged)[0]
    assert told("image", tagged, allow_tag=True) == []


KEYED = {"service_account": "writer"}
ENDPOINT = {"AWS_ENDPOINT_URL": "http://minio:9000"}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"pipeline_root": "runs"}, "expected gs://"),
        ({"pipeline_root": "/elsewhere/runs"}, "none of the volumes"),
        ({"pipeline_root": "/ringway-homely/runs"}, "none of the volumes"),
        ({"pipeline_root": "hdfs://name/runs"}, "hdfs:// is not supported"),
        ({"pipeline_root": "s3://", **KEYED}, "names no bucket"),
        ({"pipeline_root": "s3://b/../c", **KEYED}, "names no bucket"),
        ({"pipeline_root": "minio://b/runs", **KEYED}, "AWS_ENDPOINT_URL is not set"),
        ({"pipeline_root": "minio://b/runs", "env": ENDPOINT}, "no task is given a key"),
    ],
)
def test_a_root_that_tasks_cannot_write_to_is_refused(settings: dict[str, Any], words: str) -> None:
    assert words in told("root", settings)[0]


@pytest.mark.parametrize(
    "settings",
    [
        {"pipeline_root": "gs://bucket/runs"},
        {"pipeline_root": "s3://bucket/runs", **KEYED},
        {"pipeline_root": "minio://bucket", "env": ENDPOINT, **KEYED},
        {"pipeline_root": "/ringway-home/runs"},
        {"pipeline_root": "s3://b", "secrets": (Secret(name="n", key="AWS_ACCESS_KEY_ID"),)},
    ],
)
def test_a_root_that_tasks_share_is_taken(settings: dict[str, Any]) -> None:
    assert found("root", settings) == []


def test_a_workspace_of_ours_lies_on_a_volume() -> None:
    assert "none of the volumes" in told("workspace", {"workspace": "/elsewhere"})[0]
    assert told("workspace", {"workspace": "/elsewhere"}, of_repository=False) == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", ""),
        ("sqlite:////ringway-home/metadata.sqlite", ""),
        ("mysql://ringway@store.example/db", ""),
        ("sqlite:////tmp/metadata.sqlite", "none of the volumes"),
        ("sqlite:///metadata.sqlite", "none of the volumes"),
        ("mysql://ringway@localhost/db", "on the machine that asks"),
        ("postgresql://ringway@127.0.0.1/db", "on the machine that asks"),
        ("postgresql:///db?host=/var/run/postgresql", "on the machine that asks"),
        ("oracle://store.example/db", "cannot be used"),
    ],
)
def test_a_store_that_tasks_do_not_share_is_refused(url: str, words: str) -> None:
    env = {"RINGWAY_METADATA_URL": url} if url else {}
    problems = told("metadata store", {"metadata_secret": None, "env": env})
    assert (words in problems[0]) if words else problems == []


def test_a_password_in_the_pipeline_is_remarked() -> None:
    env = {"RINGWAY_METADATA_URL": "mysql://me:hush@store.example/db"}
    [finding] = found("metadata store", {"metadata_secret": None, "env": env})
    assert not finding.serious
    assert "hush" not in str(finding)
    [finding] = found("environment", {"env": {"WEBHOOK_SECRET": "hush"}})
    assert not finding.serious
    assert "hush" not in str(finding)


@pytest.mark.parametrize(
    ("version", "serious"),
    [("2.0.5", None), ("2.17.3", None), ("2.18.0", False), ("", False), ("1.8.5", True)],
)
def test_the_server_is_of_a_known_version(version: str, serious: bool | None) -> None:
    contact = Contact(host="https://kubeflow.example", health=Health(version=version))
    findings = found("server", contact=contact)
    assert [finding.serious for finding in findings] == ([] if serious is None else [serious])


def test_a_server_that_does_not_answer_stops_the_submission() -> None:
    contact = Contact(host="https://kubeflow.example", problem="no answer", remedy="Is it up?")
    [finding] = found("server", contact=contact)
    assert finding.serious
    assert finding.remedy == "Is it up?"


@pytest.mark.parametrize(
    ("host", "remarked"),
    [
        ("http://kubeflow.example", True),
        ("https://kubeflow.example", False),
        ("http://127.0.0.1:8888", False),
        ("http://ml-pipeline.kubeflow.svc.cluster.local:8888", False),
    ],
)
def test_a_token_on_an_open_line_is_remarked(host: str, remarked: bool) -> None:
    contact = Contact(host=host, health=Health(version="2.5.0"), sends_token=True)
    assert [f.serious for f in found("server", contact=contact)] == ([False] if remarked else [])


@pytest.mark.parametrize(
    ("multi_user", "namespace", "serious"),
    [(True, "", [True]), (True, "team", []), (False, "team", [False]), (False, "", [])],
)
def test_a_namespace_is_asked_for_where_there_are_many(
    multi_user: bool, namespace: str, serious: list[bool]
) -> None:
    health = Health(version="2.5.0", multi_user=multi_user)
    contact = Contact(host="https://kubeflow.example", health=health)
    findings = found("namespace", contact=contact, namespace=namespace)
    assert [finding.serious for finding in findings] == serious


def test_names_fit_the_servers_columns() -> None:
    assert "at most 128" in told("experiment", experiment="e" * 129)[0]
    assert "small letters" in told("namespace", namespace="Team_1", contact=None)[0]


def test_a_schedule_is_read_as_the_server_does() -> None:
    assert told("schedule", schedule="0 3 * * *") == []
    assert "Sunday is 0" in found("schedule", schedule="0 3 * * 7")[0].remedy


def pipeline(arguments: list[str]) -> CompiledPipeline:
    spec = yaml.safe_load(TINY)
    container = spec["deploymentSpec"]["executors"]["exec-one"]["container"]
    container["image"] = IMAGE
    container["args"] = arguments
    spec = json.loads(json.dumps(spec))
    return CompiledPipeline(
        name="tiny",
        spec=spec,
        platform_spec=None,
        parameters={},
        tasks={"one": "One"},
        upstream={"one": ()},
    )


def problems(snapshot: Snapshot, check: str) -> list[str]:
    return [f.problem for f in checks.all_findings(snapshot) if f.check == check]


def test_a_path_of_this_machine_is_found_in_any_argument() -> None:
    folders = ("/srv/me/ringway",)
    for argument, expected in (
        ("--rules=/srv/me/ringway/schemas/x.toml", 1),
        ("/srv/me/ringway-2/x", 0),
        ("/mnt/srv/me/ringway/x", 0),
    ):
        snapshot = dataclasses.replace(SOUND, compiled=pipeline([argument]), local_folders=folders)
        assert len(problems(snapshot, "local paths")) == expected


def test_resources_of_a_node_that_is_not_there_are_told() -> None:
    settings = dataclasses.replace(SETTINGS, resources={"Two": Resources(cpu="1")})
    snapshot = dataclasses.replace(SOUND, settings=settings, compiled=pipeline([]))
    assert "no node 'Two'" in problems(snapshot, "resources")[0]


def test_a_violation_of_kubeflows_rules_is_a_finding() -> None:
    compiled = pipeline([])
    compiled.spec["schemaVersion"] = "2.0.0"
    snapshot = dataclasses.replace(SOUND, compiled=compiled)
    assert any("2.0.0" in problem for problem in problems(snapshot, "compiled pipeline"))


def test_all_findings_stand_in_one_error() -> None:
    settings = dataclasses.replace(SETTINGS, image="", workspace="/elsewhere")
    snapshot = dataclasses.replace(SOUND, settings=settings, schedule="never")
    with pytest.raises(NotReadyError) as caught:
        raise_serious(checks.all_findings(snapshot))
    assert [f.check for f in caught.value.findings] == ["image", "workspace", "schedule"]
    assert "3 things to mend; nothing was uploaded" in str(caught.value)
    assert caught.value.exit_code == 2
