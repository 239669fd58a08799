"""The overlay with `ringway watch`: one loop at a time, and one workspace for it and the fronts."""

from __future__ import annotations

import copy
import functools
import shutil
import tempfile
from pathlib import Path, PurePosixPath
from typing import Any

import kubernetes_validate
import pytest
from deploy_manifests import DEPLOY, KUBERNETES, OLDEST, Document, named, of_kind, rendered

from pipelines import config as configuration
from pipelines.cli.serve import command as serve
from pipelines.cli.watch import command as watch
from pipelines.workspace import Workspace

LOOP = KUBERNETES / "overlays/loop"
VERSIONS = [OLDEST, kubernetes_validate.latest_version()]


def _as_cron() -> list[Document]:
    """The overlay with a CronJob in place of the pod that stays, as its first lines say."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(DEPLOY, Path(folder) / "deploy")
        overlay = Path(folder) / "deploy/kubernetes/overlays/loop"
        path = overlay / "kustomization.yaml"
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("components/watch\n", "components/watch-cron\n"), "utf-8")
        return rendered(overlay)


FORMS = {"pod": lambda: rendered(LOOP), "cron": _as_cron}


@functools.cache
def _form(name: str) -> list[Document]:
    return FORMS[name]()


@pytest.fixture(params=FORMS)
def loop(request: pytest.FixtureRequest) -> list[Document]:
    """All resources of one form; a test may change its copy."""
    return copy.deepcopy(_form(request.param))


def _pod(resources: list[Document]) -> Document:
    """The pod of the loop, of whichever kind."""
    found = {one["kind"]: one for one in resources if one["metadata"]["name"] == "ringway-watch"}
    if "CronJob" in found:
        return found["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]
    return found["Deployment"]["spec"]["template"]


def _container(resources: list[Document]) -> Document:
    (container,) = _pod(resources)["spec"]["containers"]
    return container


def _front(resources: list[Document]) -> Document:
    return named(resources, "Deployment", "ringway")["spec"]["template"]


def _place(pod: Document, path: str) -> tuple[str, str]:
    """The claim that a path of a pod's container lies in, and where in it."""
    (container,) = pod["spec"]["containers"]
    claims = {
        volume["name"]: volume["persistentVolumeClaim"]["claimName"]
        for volume in pod["spec"]["volumes"]
        if "persistentVolumeClaim" in volume
    }
    wanted = PurePosixPath(path)
    mounts = [one for one in container["volumeMounts"] if wanted.is_relative_to(one["mountPath"])]
    mount = max(mounts, key=lambda one: len(one["mountPath"]))
    inside = PurePosixPath(mount.get("subPath", "")) / wanted.relative_to(mount["mountPath"])
    return claims[mount["name"]], str(inside)


def _workspace(pod: Document) -> Workspace:
    (container,) = pod["spec"]["containers"]
    environment = {one["name"]: one["value"] for one in container["env"] if "value" in one}
    return Workspace.from_environment(environment)


def _parsed(pod: Document) -> dict[str, Any]:
    """What the verb makes of the container's arguments."""
    (container,) = pod["spec"]["containers"]
    verb, *arguments = container["args"]
    command = {"serve": serve, "watch": watch}[verb]
    return command.make_context(verb, arguments).params


@pytest.mark.parametrize("version", VERSIONS)
def test_every_resource_meets_the_strict_schema(loop: list[Document], version: str) -> None:
    for resource in loop:
        kubernetes_validate.validate(resource, version, strict=True)


@pytest.mark.parametrize(
    ("form", "kind", "where", "change"),
    [
        ("pod", "Deployment", ("spec", "strategy"), {"typ": "Recreate"}),
        ("pod", "Deployment", ("spec", "template", "spec"), {"container": []}),
        ("cron", "CronJob", ("spec",), {"concurencyPolicy": "Forbid"}),
        ("cron", "CronJob", ("spec", "jobTemplate", "spec"), {"backOffLimit": 0}),
        ("cron", "CronJob", ("spec", "jobTemplate", "spec", "template", "spec"), {"restart": "No"}),
    ],
)
def test_a_mistake_is_refused(
    form: str, kind: str, where: tuple[str, ...], change: Document
) -> None:
    resource = named(copy.deepcopy(_form(form)), kind, "ringway-watch")
    spot: Any = resource
    for step in where:
        spot = spot[step]
    spot.update(change)
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(resource, OLDEST, strict=True)


def test_all_but_the_namespace_lie_in_it(loop: list[Document]) -> None:
    others = [one for one in loop if one["kind"] != "Namespace"]
    assert {one["metadata"].get("namespace") for one in others} == {"ringway"}


def test_of_a_pod_that_stays_there_are_never_two() -> None:
    spec = named(_form("pod"), "Deployment", "ringway-watch")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert _parsed(_pod(_form("pod")))["once"] is False
    assert of_kind(_form("pod"), "CronJob") == []


def test_of_a_job_there_are_never_two_and_it_is_not_tried_twice() -> None:
    spec = named(_form("cron"), "CronJob", "ringway-watch")["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    # Kubernetes gives a CronJob up that missed a hundred times, counted over this many seconds.
    assert 10 <= spec["startingDeadlineSeconds"] < 100 * 60
    job = spec["jobTemplate"]["spec"]
    assert (job["backoffLimit"], job["template"]["spec"]["restartPolicy"]) == (0, "Never")
    assert _parsed(_pod(_form("cron")))["once"] is True
    assert [one["metadata"]["name"] for one in of_kind(_form("cron"), "Deployment")] == ["ringway"]


def test_both_forms_run_the_same_pod_but_for_once() -> None:
    pods = [copy.deepcopy(_pod(_form(name))) for name in ("pod", "cron")]
    for pod in pods:
        pod["spec"].pop("restartPolicy", None)
        (container,) = pod["spec"]["containers"]
        container["args"] = [one for one in container["args"] if one != "--once"]
    assert pods[0] == pods[1]


def test_whoever_goes_on_has_the_name_of_whoever_began(loop: list[Document]) -> None:
    # Without the option it is the machine's name, which is another one for each pod.
    assert _parsed(_pod(loop))["owner"] == "kubernetes"


def test_the_settings_are_those_of_the_pipeline(loop: list[Document]) -> None:
    pod, given = _pod(loop), _parsed(_pod(loop))
    (mount,) = [one for one in _container(loop)["volumeMounts"] if one["name"] == "settings"]
    (volume,) = [one for one in pod["spec"]["volumes"] if one["name"] == "settings"]
    (settings,) = [
        one for one in of_kind(loop, "ConfigMap")
        if one["metadata"]["name"] == volume["configMap"]["name"]
    ]  # fmt: skip
    file = PurePosixPath(given["config_file"]).relative_to(mount["mountPath"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / str(file)
        path.write_text(settings["data"][str(file)], encoding="utf-8")
        config = configuration.load(configuration.named(given["pipeline"]), path)
    assert config.rollout.strategy == "canary"


def test_secrets_are_named_and_not_shipped(loop: list[Document]) -> None:
    assert of_kind(loop, "Secret") == []
    secrets = {
        one["name"]: one["valueFrom"]["secretKeyRef"]
        for one in _container(loop)["env"]
        if "valueFrom" in one
    }
    assert secrets == {
        "RINGWAY_WEBHOOK_SECRET": {"name": "ringway-webhook", "key": "secret", "optional": True},
        "RINGWAY_METADATA_URL": {"name": "ringway-metadata", "key": "url", "optional": True},
    }


def test_the_loop_and_the_fronts_mean_the_same_folders(loop: list[Document]) -> None:
    pod, front = _pod(loop), _front(loop)
    ours, theirs = _workspace(pod), _workspace(front)
    served = _parsed(front)
    assert served["name"] == _parsed(pod)["pipeline"] == "taxi"
    pairs = {
        "models": (ours.model_root("taxi"), theirs.model_root("taxi")),
        "orders": (ours.rollout_root("taxi"), theirs.rollout_root("taxi")),
        "log": (ours.request_log_root("taxi"), served["request_log"]),
    }
    places = {name: [_place(pod, str(ours_)), _place(front, str(theirs_))]
              for name, (ours_, theirs_) in pairs.items()}  # fmt: skip
    assert places == {
        "models": [("models", "taxi")] * 2,
        "orders": [("workspace", "rollouts/taxi")] * 2,
        "log": [("workspace", "requests/taxi")] * 2,
    }


def test_fronts_write_what_they_have_to_and_no_models(loop: list[Document]) -> None:
    (container,) = _front(loop)["spec"]["containers"]
    only_read = {one["name"]: bool(one.get("readOnly")) for one in container["volumeMounts"]}
    assert only_read == {"workspace": False, "models": True, "scratch": False}


def test_every_volume_exists(loop: list[Document]) -> None:
    there = {one["metadata"]["name"] for one in loop}
    for pod in (_pod(loop), _front(loop)):
        (container,) = pod["spec"]["containers"]
        volumes = {one["name"]: one for one in pod["spec"]["volumes"]}
        assert {one["name"] for one in container["volumeMounts"]} == set(volumes)
        for volume in volumes.values():
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            assert claim is None or claim in there
            assert volume.get("configMap", {}).get("name", claim) in {None, *there}
    claims = {one["metadata"]["name"] for one in of_kind(loop, "PersistentVolumeClaim")}
    assert claims == {"models", "workspace"}


def test_the_pod_meets_the_restricted_standard(loop: list[Document]) -> None:
    pod, container = _pod(loop)["spec"], _container(loop)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    # What fronts write, the loop may read, and the other way round.
    assert pod["securityContext"] == _front(loop)["spec"]["securityContext"]


def test_front_and_loop_run_the_images_made_for_them_at_one_version(loop: list[Document]) -> None:
    (front,) = _front(loop)["spec"]["containers"]
    assert front["image"].partition(":")[0] == "ringway-serving"
    assert _container(loop)["image"].partition(":")[0] == "ringway-pipeline"
    tags = {_container(loop)["image"].partition(":")[2], front["image"].partition(":")[2]}
    assert len(tags) == 1
    assert not tags & {"", "latest"}


def test_nobody_may_call_the_loop(loop: list[Document]) -> None:
    policy = named(loop, "NetworkPolicy", "ringway-watch")["spec"]
    labels = _pod(loop)["metadata"]["labels"]
    assert policy["podSelector"]["matchLabels"].items() <= labels.items()
    assert policy["ingress"] == []
    # No Service and no other Deployment takes its pods for its own.
    others = [one["spec"]["selector"] for one in of_kind(loop, "Service")]
    front = named(loop, "Deployment", "ringway")["spec"]["selector"]["matchLabels"]
    assert not any(selector.items() <= labels.items() for selector in (*others, front))


def test_nothing_is_left_of_tensorflow_serving(loop: list[Document]) -> None:
    names = [one["metadata"]["name"] for one in loop]
    assert not [name for name in names if name.startswith("tensorflow-serving")]
    assert "--backend" not in _front(loop)["spec"]["containers"][0]["args"]
    assert "tensorflow-serving" not in str(named(loop, "NetworkPolicy", "ringway"))
