"""What the outputs of a node tell about it: rows, metrics, where a model went.

Reads artifacts; gates have a module of their own.
"""

from __future__ import annotations

import math
from collections import defaultdict

import ml_metadata
from ml_metadata.proto import metadata_store_pb2
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx.dsl.io import fileio

from pipelines.runners.local.gates import Outputs, slice_name

_EXAMPLES_COMPARED = "examples_compared"  # on an InfraBlessing of ServingValidator

# A Resolver's outputs are internal: other nodes made them.
_OUTPUT_EVENTS = (
    metadata_store_pb2.Event.OUTPUT,
    metadata_store_pb2.Event.INTERNAL_OUTPUT,
)


def outputs_of(store: ml_metadata.MetadataStore, execution_id: int) -> Outputs:
    """Returns the outputs of an execution by key, each with the name of its type."""
    outputs: dict[str, list[tuple[str, metadata_store_pb2.Artifact]]] = defaultdict(list)
    events = [
        event
        for event in store.get_events_by_execution_ids([execution_id])
        if event.type in _OUTPUT_EVENTS
    ]
    artifacts = {a.id: a for a in store.get_artifacts_by_id([e.artifact_id for e in events])}
    for event in events:
        artifact = artifacts[event.artifact_id]
        outputs[event.path.steps[0].key].append((artifact.type, artifact))
    return outputs


def rows(outputs: Outputs) -> int | None:
    """Returns how many examples a node has looked at, as far as it tells.

    That is what its statistics cover, over all splits, or what it replayed against a server.
    """
    total = None
    for artifact in _of_type(outputs, "InfraBlessing"):
        if _EXAMPLES_COMPARED in artifact.custom_properties:
            total = int(artifact.custom_properties[_EXAMPLES_COMPARED].int_value)
    for artifact in _of_type(outputs, "ExampleStatistics"):
        for folder in fileio.listdir(artifact.uri):
            path = f"{artifact.uri}/{folder.rstrip('/')}/FeatureStats.pb"
            if fileio.exists(path):
                with fileio.open(path, "rb") as file:
                    statistics = statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read())
                total = (total or 0) + sum(data.num_examples for data in statistics.datasets)
    return total


def pushed_to(outputs: Outputs) -> str:
    """Returns the folder of the pushed model version, or an empty string."""
    for artifact in _of_type(outputs, "PushedModel"):
        if artifact.custom_properties["pushed"].int_value:
            return str(artifact.custom_properties["pushed_destination"].string_value)
    return ""


def metrics(outputs: Outputs) -> dict[str, dict[str, float]]:
    """Returns the metrics of an evaluation: slice name to metric name to value.

    Metrics that are no finite number (plots, an AUC of a slice with one class) are left out.
    """
    found: dict[str, dict[str, float]] = {}
    for artifact in _of_type(outputs, "ModelEvaluation"):
        import tensorflow_model_analysis as tfma

        for per_slice in tfma.load_metrics(artifact.uri):
            name = slice_name(per_slice.slice_key.single_slice_keys)
            for item in per_slice.metric_keys_and_values:
                value = item.value.double_value.value
                kind = item.value.WhichOneof("type")
                if kind != "double_value" or not math.isfinite(value):
                    continue
                key = item.key.name + ("_diff" if item.key.is_diff else "")
                model = item.key.model_name
                if model != "baseline":
                    found.setdefault(name, {})[key] = value
    return found


def _of_type(outputs: Outputs, name: str) -> list[metadata_store_pb2.Artifact]:
    return [
        artifact for pairs in outputs.values() for type_name, artifact in pairs if type_name == name
    ]
