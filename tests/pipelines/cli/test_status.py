"""The `ringway status` command, beside a server on a real port."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result
from client_server import MODEL, ModelServer

from pipelines.cli.status import command
from pipelines.errors import RingwayError


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


def invoke(server: ModelServer, *arguments: str, model: str = MODEL) -> Result:
    result = CliRunner().invoke(command, [model, "--server", server.address, *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_versions_errors_and_signatures_are_shown(server: ModelServer) -> None:
    result = invoke(server)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[:4] == [
        "double: available",
        "  version 3  AVAILABLE",
        "  version 2  END  INTERNAL: out of memory",
        "signatures of version 3:",
    ]
    at = lines.index("  columns")
    assert lines[at : at + 5] == [
        "  columns",
        "    input   company: string (any)",
        "    input   fare: float (any)",
        "    input   seconds: int64 (any)",
        "    output  outputs: float (any)",
    ]


def test_JSON_holds_the_same(server: ModelServer) -> None:
    report = json.loads(invoke(server, "--format", "json", "--label", "canary").stdout)
    assert report["available"] is True
    assert report["versions"][1] == {
        "version": 2,
        "state": "END",
        "code": "INTERNAL",
        "message": "out of memory",
    }
    assert (report["answers"], report["labels"]) == (3, {"canary": 3})
    assert report["signatures"]["rows"]["inputs"] == {"examples": "string (any)"}


def test_a_model_that_loads_exits_with_1(server: ModelServer) -> None:
    server.state = 20
    result = invoke(server, "--label", "stable")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "double: not available",
        "  version 3  LOADING",
        "  version 2  END  INTERNAL: out of memory",
        "  label stable  points nowhere",
    ]


def test_an_unknown_model_is_told(server: ModelServer) -> None:
    with pytest.raises(RingwayError, match="Could not find any versions of model nope") as caught:
        invoke(server, model="nope")
    assert caught.value.exit_code == 1
    assert "ringway serve nope" in caught.value.remedy


def test_a_server_that_is_not_there_is_told_with_how_to_start_one() -> None:
    with ModelServer() as gone:
        pass
    with pytest.raises(RingwayError, match="no answer from a model server") as caught:
        invoke(gone, model="taxi")
    assert "ringway serve taxi" in caught.value.remedy


def test_waiting_in_vain_is_told(server: ModelServer) -> None:
    server.state = 20
    with pytest.raises(RingwayError, match="version 3 is LOADING"):
        invoke(server, "--wait", "0.3")
    server.state = 30
    assert invoke(server, "--wait", "30").exit_code == 0
