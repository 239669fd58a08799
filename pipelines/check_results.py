"""What pipelines that check something read of other runs, and of their own.

What they are made of is in `check_nodes`. Nothing here imports TFX before it is needed.
"""

from __future__ import annotations

from pathlib import Path

from pipelines.lineage import graph, url
from pipelines.lineage.records import History
from pipelines.lineage.store import open_store
from pipelines.runners.local.report import RunReport
from pipelines.workspace import Workspace


def history_of(name: str, workspace: Workspace) -> History | None:
    """Returns what ML Metadata holds of a pipeline; None where it never ran.

    Raises:
        MetadataError: The store cannot be read.
    """
    path = url.parse(workspace.metadata_url).path
    if path is not None and not path.exists():
        return None
    store = open_store(workspace.metadata_url, read_only=True)
    return graph.load(store, name) if name in graph.pipelines(store) else None


def result_folder(workspace: Workspace, report: RunReport, node_id: str, key: str) -> Path | None:
    """Returns the folder of what a node of a run made, or None where it did not end well.

    Args:
        workspace: That it ran in.
        report: Of the run.
        node_id: The node.
        key: Of its output.
    """
    ids = [node.execution_id for node in report.nodes if node.id == node_id]
    if not ids or ids[0] is None:
        return None
    from pipelines.runners.local import evidence

    outputs = evidence.outputs_of(open_store(workspace.metadata_url), ids[0])
    for _, artifact in outputs.get(key, ()):
        if Path(artifact.uri).is_dir():
            return Path(artifact.uri)
    return None
