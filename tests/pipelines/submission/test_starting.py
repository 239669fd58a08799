"""Whatever answers are lost, there is one version of a content and one run of a submission."""

import pytest
from kubeflow_server import KubeflowServer
from kubeflow_template import TINY

from pipelines.submission import starting
from pipelines.submission.names import version_name
from pipelines.submission.records import Source
from pipelines.submission.server import Server
from pipelines.submission.server_errors import ServerError


def rest(_: float) -> None:
    pass


def uploaded(server: Server, content: str = TINY) -> tuple[str, str, bool]:
    return starting.ensure_version(server, "tiny", content, "", "described", sleep=rest)


def started(server: Server, name: str = "tiny-1", **fields: object) -> str:
    pipeline_id, version_id, _ = uploaded(server)
    experiment_id = starting.ensure_experiment(server, "Default", "", sleep=rest)
    source = Source(pipeline_id=pipeline_id, version_id=version_id, **fields)  # type: ignore[arg-type]
    return starting.start_run(server, name, source, experiment_id, "", sleep=rest)


def test_the_same_content_is_uploaded_once(server: Server, kubeflow: KubeflowServer) -> None:
    first = uploaded(server)
    again = uploaded(server)
    assert (first[2], again[2]) == (True, False)
    assert first[:2] == again[:2]
    [version] = kubeflow.versions.values()
    assert version["name"] == version_name("tiny", TINY)


def test_another_content_is_another_version_of_the_same_pipeline(
    server: Server, kubeflow: KubeflowServer
) -> None:
    uploaded(server)
    uploaded(server, TINY.replace("defaultValue: 5", "defaultValue: 6"))
    assert len(kubeflow.pipelines) == 1
    assert len(kubeflow.versions) == 2


@pytest.mark.parametrize("path", ["/experiments", "/pipelines", "/upload_version", "/runs"])
@pytest.mark.parametrize("how", ["lost", "drop", 502, 500])
def test_an_answer_that_does_not_come_doubles_nothing(
    server: Server, kubeflow: KubeflowServer, path: str, how: str | int
) -> None:
    kubeflow.experiments.clear()
    kubeflow.fail("POST", path, how)
    run_id = started(server)
    assert list(kubeflow.runs) == [run_id]
    assert len(kubeflow.experiments) == len(kubeflow.pipelines) == len(kubeflow.versions) == 1


def test_a_lost_answer_to_questions_is_asked_again(
    server: Server, kubeflow: KubeflowServer
) -> None:
    kubeflow.fail("GET", "/", "drop", times=3)
    kubeflow.fail("GET", "/", 503, times=1)
    assert started(server) == kubeflow.only_run()


def test_who_cannot_know_says_so_and_does_not_try_for_ever(
    server: Server, kubeflow: KubeflowServer
) -> None:
    kubeflow.fail("POST", "/runs", 500, times=100)
    with pytest.raises(ServerError, match="not known whether") as caught:
        started(server)
    assert "submitting again" in caught.value.remedy
    assert kubeflow.runs == {}


def test_a_run_gets_what_was_given(server: Server, kubeflow: KubeflowServer) -> None:
    run = kubeflow.runs[started(server, parameters={"epochs": 7}, service_account="trainer")]
    assert run["runtime_config"] == {"parameters": {"epochs": 7}}
    assert run["service_account"] == "trainer"


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"epoch": 7}, r"not required by pipeline: epoch"),
        ({"epochs": "7"}, "requires type double or integer"),
        ({"epochs": True}, "requires type double or integer"),
    ],
)
def test_what_the_server_refuses_is_said_in_its_words(
    server: Server, parameters: dict[str, object], words: str
) -> None:
    with pytest.raises(ServerError, match=words):
        started(server, parameters=parameters)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (TINY.replace("2.1.0", "2.0.0"), "only supports schema version 2.1.0"),
        ("pipelineSpec: {}\n", "unknown template format"),
        (TINY.replace("name: tiny", "name: Tiny_1"), "lowercase alphanumeric"),
        (f"{TINY}---\n{TINY}", "multiple pipeline specs"),
    ],
)
def test_content_that_the_server_refuses_is_no_version(
    server: Server, kubeflow: KubeflowServer, content: str, words: str
) -> None:
    with pytest.raises(ServerError, match=words):
        uploaded(server, content)
    assert kubeflow.versions == {}


def test_a_resolver_is_refused_when_the_run_begins(server: Server) -> None:
    content = TINY.replace(
        "container: {image: images.example/r, command: [python]}", "resolver: {}"
    )
    pipeline_id, version_id, _ = uploaded(server, content)
    source = Source(pipeline_id=pipeline_id, version_id=version_id)
    experiment_id = starting.ensure_experiment(server, "Default", "")
    with pytest.raises(ServerError, match="non-container"):
        starting.start_run(server, "tiny-1", source, experiment_id, "", sleep=rest)


def test_things_on_later_pages_are_found(kubeflow: KubeflowServer, server: Server) -> None:
    kubeflow.page_size = 1
    first = uploaded(server)
    uploaded(server, TINY.replace("defaultValue: 5", "defaultValue: 6"))
    assert uploaded(server) == (*first[:2], False)
