"""Options as texts become the tasks' settings, or an error that names the option."""

from typing import Any

import pytest

from pipelines.errors import UsageError
from pipelines.runners.kubeflow.settings import Parameter, Resources, Secret, Volume
from pipelines.submission import parameters
from pipelines.submission.asked import Asked


def test_what_is_asked_becomes_settings() -> None:
    settings = Asked(
        image="i",
        root="s3://bucket/runs/",
        gpus=["Trainer=2:amd.com/gpu", "Tuner=1"],
        memory=["Trainer=8G", "*=512Mi"],
        cpus=["Trainer=500m"],
        volumes=["ringway:/ringway-home/"],
        metadata_secret="store:url",
        secrets=["AWS_ACCESS_KEY_ID=bucket:key", "PLAIN=other"],
        env=["A=b=c", "EMPTY="],
        cache=False,
    ).settings("because")
    assert settings.pipeline_root == "s3://bucket/runs"
    assert dict(settings.resources) == {
        "Trainer": Resources(cpu="500m", memory="8G", gpu=2, gpu_kind="amd.com/gpu"),
        "Tuner": Resources(gpu=1),
        "*": Resources(memory="512Mi"),
    }
    assert settings.volumes == (Volume(claim="ringway", path="/ringway-home"),)
    assert settings.metadata_secret == Secret(
        name="store", key="url", variable="RINGWAY_METADATA_URL"
    )
    assert settings.secrets == (
        Secret(name="bucket", key="key", variable="AWS_ACCESS_KEY_ID"),
        Secret(name="other", key="PLAIN", variable="PLAIN"),
    )
    assert settings.env == {"A": "b=c", "EMPTY": ""}
    assert (settings.cache, settings.trigger) == (False, "because")


@pytest.mark.parametrize(
    "wrong",
    [
        {"gpus": ["Trainer"]},
        {"gpus": ["Trainer=0"]},
        {"gpus": ["Trainer=1:nvidia"]},
        {"memory": ["Trainer=8GB"]},
        {"memory": ["=8G"]},
        {"cpus": ["Trainer=two"]},
        {"volumes": ["ringway"]},
        {"volumes": ["ringway:relative"]},
        {"volumes": ["ringway:/"]},
        {"metadata_secret": "No_Name"},
        {"secrets": ["NAME"]},
        {"env": ["1A=b"]},
    ],
)
def test_a_text_of_another_form_names_its_option(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"--\w+"):
        Asked(**wrong).settings()


DECLARED = {
    "epochs": Parameter(name="epochs", type="int", default=5),
    "rate": Parameter(name="rate", type="float", default=0.5),
    "note": Parameter(name="note", type="str", default=""),
    "fast": Parameter(name="fast", type="bool", default=False),
}


def test_parameters_get_the_types_that_are_declared() -> None:
    texts = ["epochs=7", "rate=1", "note=true", "fast=true"]
    values, findings = parameters.typed(texts, DECLARED)
    assert values == {"epochs": 7, "rate": 1, "note": "true", "fast": True}
    assert findings == ()


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["epoch=7"], "no parameter 'epoch'"),
        (["epochs=seven"], "expected an integer, received 'seven'"),
        (["epochs=7.0"], "expected an integer"),
        (["epochs=true"], "expected an integer"),
        (["epochs=9007199254740993"], "expected an integer"),
        (["rate=NaN"], "expected a number"),
        (["fast=1"], "expected true or false"),
        (["epochs=7", "epochs=8"], "given twice"),
    ],
)
def test_what_is_wrong_with_parameters_is_told(texts: list[str], words: str) -> None:
    _, [finding] = parameters.typed(texts, DECLARED)
    assert words in finding.problem


def test_a_parameter_without_default_has_to_be_given() -> None:
    declared = {"epochs": Parameter(name="epochs", type="int")}
    _, [finding] = parameters.typed([], declared)
    assert "epochs has no default" in finding.problem


def test_all_that_is_wrong_is_told_at_once() -> None:
    _, findings = parameters.typed(["epoch=7", "fast=1"], DECLARED)
    assert len(findings) == 2
