"""Where the submitter's paths are in a container."""

import json
from pathlib import Path

import pytest
import tfx

from pipelines.errors import RingwayError
from pipelines.runners.kubeflow import paths
from pipelines.runners.kubeflow.paths import PathMap

MAP = PathMap(
    repository=Path("/srv/ringway"),
    image_folder="/opt/ringway",
    packages=(Path("/srv/ringway/.venv/lib/site-packages"),),
    reachable=("/opt/ringway", "/volume"),
)


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("/srv/ringway/schemas/a.pbtxt", "/opt/ringway/schemas/a.pbtxt"),
        ("/srv/ringway", "/opt/ringway"),
        ("--setup_file=/srv/ringway/setup.py", "--setup_file=/opt/ringway/setup.py"),
        ("/srv/ringway-2/a", "/srv/ringway-2/a"),
        ("/mnt/srv/ringway/a", "/mnt/srv/ringway/a"),
        ("/srv/ringway/.venv/lib/site-packages/tfx/data", "package://tfx/data"),
        ('{"a": ["/srv/ringway/b"]}', '{"a": ["/opt/ringway/b"]}'),
        ('{  "a": 1 }', '{  "a": 1 }'),
        ("{no json /srv/ringway/b", "{no json /opt/ringway/b"),
    ],
)
def test_paths_are_mapped_where_they_stand(here: str, there: str) -> None:
    assert MAP.map(here) == there


def test_json_within_json_is_opened() -> None:
    inner = json.dumps({"path": "/srv/ringway/b"})
    mapped = json.loads(json.loads(MAP.map(json.dumps({"inner": inner})))["inner"])
    assert mapped == {"path": "/opt/ringway/b"}


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("/volume/rows", []),
        ("/opt/ringway/schemas", []),
        ("/volumes/rows", ["/volumes/rows"]),
        ("--temp=/tmp/x", ["--temp=/tmp/x"]),
        ("file:///tmp/x", ["file:///tmp/x"]),
        ('["/tmp/x", "/volume/y"]', ["/tmp/x"]),
        ("s3://bucket/tmp", []),
        ("package://tfx/data", []),
        ("a/b", []),
        ("/", []),
        ("/ and then words", []),
    ],
)
def test_paths_that_no_task_finds_are_told(text: str, refused: list[str]) -> None:
    assert list(MAP.unreachable([text])) == refused


def test_a_package_is_found_where_it_is_installed() -> None:
    folder = Path(tfx.__file__).parent
    assert paths.found("package://tfx/examples/data") == f"{folder}/examples/data"
    assert paths.found('{"a": "package://tfx"}') == json.dumps({"a": str(folder)})
    with pytest.raises(RingwayError, match="there is no package 'nothing_like_it' in this image"):
        paths.found("package://nothing_like_it/data")
