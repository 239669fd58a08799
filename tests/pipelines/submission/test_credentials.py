"""Where the server is and which token is sent: as asked, as the environment says, as in a pod."""

from pathlib import Path

import pytest

from pipelines.errors import UsageError
from pipelines.submission import credentials

POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}


def test_what_is_asked_comes_first() -> None:
    environment = {"KF_PIPELINES_ENDPOINT": "https://other.example", **POD}
    access = credentials.find("https://kubeflow.example/pipeline/", None, environment)
    assert access.host == "https://kubeflow.example/pipeline"
    assert not access.sends_token


@pytest.mark.parametrize(
    ("host", "environment", "expected"),
    [
        ("kubeflow.example", {}, "https://kubeflow.example"),
        ("https://kubeflow.example/#/", {}, "https://kubeflow.example"),
        ("", {"KF_PIPELINES_ENDPOINT": "http://localhost:8080"}, "http://localhost:8080"),
        ("", POD, "http://ml-pipeline.kubeflow.svc.cluster.local:8888"),
    ],
)
def test_an_address_is_found(host: str, environment: dict[str, str], expected: str) -> None:
    assert credentials.find(host, None, environment).host == expected


@pytest.mark.parametrize("host", ["", "ftp://kubeflow.example"])
def test_no_address_is_an_error(host: str) -> None:
    with pytest.raises(UsageError, match="--host"):
        credentials.find(host, None, {})


def test_a_file_is_read_anew_and_a_variable_is_not(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(" one\n")
    access = credentials.find("h.example", file, {"KF_PIPELINES_TOKEN": "variable"})
    assert (access.current_token(), access.renews) == ("one", True)
    file.write_text("two")
    assert access.current_token() == "two"
    access = credentials.find("h.example", None, {"KF_PIPELINES_TOKEN": "variable"})
    assert (access.current_token(), access.renews) == ("variable", False)
    assert "variable" not in repr(access)


def test_a_pods_own_token_is_taken_from_where_it_is_mounted(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("pod")
    environment = {"KF_PIPELINES_SA_TOKEN_PATH": str(file), **POD}
    assert credentials.find("", None, environment).current_token() == "pod"


@pytest.mark.parametrize("content", [None, "", b"\xff\xfe"])
def test_a_file_without_a_token_is_named(tmp_path: Path, content: str | bytes | None) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UsageError, match=str(file)):
        credentials.find("h.example", file, {}).current_token()
