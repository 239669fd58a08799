"""What importing the client brings along."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import serving.client as package

REPOSITORY = Path(__file__).parents[3]

SCRIPT = """
import json, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"tensorflow", "tensorflow_serving", "tfx", "apache_beam"}:
            raise ImportError(f"{name} was imported")

sys.meta_path.insert(0, Blocked())
from client_server import MODEL, ModelServer
from serving.client import Client

with ModelServer() as server, Client(server.address) as client:
    answer = client.predict(MODEL, examples=[{"fare": 2.5}], signature="rows")
print(json.dumps([answer.outputs["outputs"].tolist(), sorted(sys.modules)]))
"""


def test_the_client_works_where_tensorflow_cannot_be_imported() -> None:
    paths = [str(REPOSITORY), str(REPOSITORY / "tests" / "support")]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {paths!r}\n{SCRIPT}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    outputs, modules = json.loads(done.stdout)
    assert outputs == [[5.0]]
    loaded = {name.partition(".")[0] for name in modules}
    assert loaded.isdisjoint({"tensorflow", "tfx", "apache_beam", "pandas", "keras", "pipelines"})


def test_all_that_is_exported_is_there() -> None:
    assert sorted(package.__all__) == package.__all__
    assert all(hasattr(package, name) for name in package.__all__)
