"""A server for each test, what reaches it, and a compiled pipeline that it takes."""

from collections.abc import Iterator

import pytest
from kubeflow_server import KubeflowServer

from pipelines.submission.credentials import Access
from pipelines.submission.server import Server


@pytest.fixture
def kubeflow() -> Iterator[KubeflowServer]:
    with KubeflowServer() as server:
        yield server


@pytest.fixture
def server(kubeflow: KubeflowServer) -> Server:
    return Server(Access(host=kubeflow.url), sleep=lambda _: None)
