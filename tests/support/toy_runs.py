"""Runs of small pipelines made of `toy_components`; as a script, a run that hangs."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipelines.lineage.store import connection_config
from pipelines.runners.local import runner
from pipelines.runners.local.report import RunReport
from pipelines.runners.local.runner import RunOptions
from pipelines.workspace import Workspace

TOYS = "toy_components"


def pipeline_of(workspace: Workspace, make: Callable) -> Callable:
    def make_pipeline() -> Any:
        import toy_components as toys
        from tfx.orchestration.pipeline import Pipeline

        return Pipeline(
            pipeline_name="toy",
            pipeline_root=str(workspace.pipeline_root("toy")),
            components=make(toys),
            enable_cache=True,
            metadata_connection_config=connection_config(workspace.metadata_url),
        )

    return make_pipeline


def run(workspace: Workspace, make: Callable, **options: Any) -> RunReport:
    identity = options.pop("identity", None)
    return runner.run(
        "toy",
        pipeline_of(workspace, make),
        workspace,
        options=RunOptions(preload=(TOYS,), **options),
        identity=identity,
    )


def chain(number: int = 21) -> Callable:
    def make(toys: Any) -> list:
        source = toys.Source(number=number)
        return [source, toys.Double(data=source.outputs["data"])]

    return make


def hanging(flag: Path) -> Callable:
    def make(toys: Any) -> list:
        source = toys.Source(number=1)
        return [source, toys.Hang(data=source.outputs["data"], flag=str(flag))]

    return make


if __name__ == "__main__":
    # Whoever starts the tests in the background starts them with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    root = Path(sys.argv[1])
    workspace = Workspace(root=root, metadata_url=f"sqlite:///{root / 'metadata.sqlite'}")
    sys.exit(run(workspace, hanging(root / "flag")).outcome.exit_code)
