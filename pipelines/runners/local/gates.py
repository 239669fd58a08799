"""Reads from artifacts what the gates of a pipeline said.

Two kinds of artifacts make a node a gate: `ExampleAnomalies` and the blessings. What a gate's
answer means for the run is decided in `pipelines.verdicts`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ml_metadata.proto import metadata_store_pb2
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.dsl.io import fileio
from tfx.proto.orchestration import pipeline_pb2

from pipelines import diagnosis
from pipelines.lineage.keys import RunState
from pipelines.verdicts import GateResult, Objection

_ANOMALIES = "ExampleAnomalies"
_BLESSINGS = ("ModelBlessing", "InfraBlessing")
_EVALUATION = "ModelEvaluation"
_CAUSE = "cause"  # on an InfraBlessing of ServingValidator

Outputs = Mapping[str, Sequence[tuple[str, metadata_store_pb2.Artifact]]]


def is_gate(node: pipeline_pb2.PipelineNode) -> bool:
    """Whether a node's outputs can stop a run."""
    if node.node_info.type.name.startswith("tfx.dsl.components.common."):
        return False  # a Resolver hands on an earlier run's blessing, it does not judge
    types = {output.artifact_spec.type.name for output in node.outputs.outputs.values()}
    return bool(types & {_ANOMALIES, *_BLESSINGS})


def read(
    node_id: str, outputs: Outputs, *, fail_on: Literal["error", "warning", "never"]
) -> GateResult | None:
    """Returns what a gate said, or None when the node is no gate.

    Args:
        node_id: The node.
        outputs: Its output artifacts by key, each with the name of its type.
        fail_on: The severity of anomalies that stops a run: `error`, `warning` or `never`.
    """
    by_type: dict[str, metadata_store_pb2.Artifact] = {
        type_name: artifact for artifacts in outputs.values() for type_name, artifact in artifacts
    }
    if _ANOMALIES in by_type:
        return _read_anomalies(node_id, by_type[_ANOMALIES], fail_on)
    for type_name in _BLESSINGS:
        if type_name in by_type:
            return _read_blessing(node_id, by_type[type_name], by_type.get(_EVALUATION))
    return None


def _read_anomalies(
    node_id: str,
    artifact: metadata_store_pb2.Artifact,
    fail_on: Literal["error", "warning", "never"],
) -> GateResult:
    # The same anomaly in several splits is one objection, which names them.
    splits: dict[tuple[str, str, str], list[str]] = {}
    for folder in sorted(fileio.listdir(artifact.uri)):
        path = f"{artifact.uri}/{folder}/SchemaDiff.pb"
        if not fileio.exists(path):
            continue
        with fileio.open(path, "rb") as file:
            anomalies = anomalies_pb2.Anomalies.FromString(file.read())
        for report in diagnosis.describe(anomalies, fail_on):
            key = (report.feature, report.long or report.short, report.remedy)
            splits.setdefault(key, []).append(folder.removeprefix("Split-").rstrip("/"))
    objections = tuple(
        Objection(
            subject=feature,
            reason=f"{reason} (split {', '.join(names)})",
            remedy=remedy,
        )
        for (feature, reason, remedy), names in splits.items()
    )
    return GateResult(node_id=node_id, state=RunState.ANOMALIES, objections=objections)


def _read_blessing(
    node_id: str,
    blessing: metadata_store_pb2.Artifact,
    evaluation: metadata_store_pb2.Artifact | None,
) -> GateResult:
    custom = blessing.custom_properties
    blessed = (
        custom["blessed"].int_value == 1
        if "blessed" in custom
        else fileio.exists(f"{blessing.uri}/INFRA_BLESSED")
    )
    if blessed:
        return GateResult(node_id=node_id, state=RunState.REJECTED, blessed=True)
    objections: tuple[Objection, ...] = ()
    if evaluation is not None:
        import tensorflow_model_analysis as tfma

        objections = objections_to_model(tfma.load_validation_result(evaluation.uri))
    if _CAUSE in custom:
        objections = (
            Objection(
                subject="serving",
                reason=custom[_CAUSE].string_value,
                # The answer is cached like any other, and the model may not be what is to blame.
                remedy=(
                    f"The log of {node_id} tells more, the model server's last lines included. "
                    f"To have the same model served again: --from {node_id} --force."
                ),
            ),
        )
    if not objections:
        objections = (
            Objection(subject="the model", reason="was not blessed, and no bound is named"),
        )
    return GateResult(node_id=node_id, state=RunState.REJECTED, objections=objections)


def objections_to_model(result: Any) -> tuple[Objection, ...]:
    """Returns what TFMA's `ValidationResult` holds against a model, worst news first."""
    objections: list[Objection] = []
    for validation in result.metric_validations_per_slice:
        name = slice_name(validation.slice_key.single_slice_keys)
        objections.extend(
            Objection(
                subject=f"{failure.metric_key.name} on {name}",
                reason=_reason(failure),
                remedy=(
                    "Look at the evaluation by slice. Improve the model or the data, or set "
                    "another bound under [evaluation] in the configuration."
                ),
            )
            for failure in validation.failures
        )
    for missing in result.missing_slices:
        columns = ", ".join(missing.feature_keys) or "the whole"
        objections.append(
            Objection(
                subject=f"slice {columns}",
                reason="has a bound but no example in the eval split",
                remedy="Remove the slice from the configuration, or evaluate on data that has it.",
            )
        )
    return tuple(sorted(objections, key=lambda objection: "overall" not in objection.subject))


def slice_name(keys: Sequence[Any]) -> str:
    """Returns the name of a slice, such as `payment_type=Cash`; the whole is `overall`."""

    def value(key: Any) -> str:
        kind = key.WhichOneof("kind")
        raw = getattr(key, kind) if kind else ""
        return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)

    return " and ".join(f"{key.column}={value(key)}" for key in keys) or "overall"


def _reason(failure: Any) -> str:
    value = failure.metric_value.double_value.value
    threshold = failure.metric_threshold
    if failure.metric_key.is_diff:
        bound = threshold.change_threshold
        allowed = bound.absolute.value or bound.relative.value
        return f"differs from the blessed model by {value:+.4f}; allowed is {allowed:+g}"
    bounds = threshold.value_threshold
    if bounds.HasField("lower_bound") and value < bounds.lower_bound.value:
        return f"{value:.4f} is below the bound {bounds.lower_bound.value:g}"
    if bounds.HasField("upper_bound") and value > bounds.upper_bound.value:
        return f"{value:.4f} is above the bound {bounds.upper_bound.value:g}"
    return failure.message or f"{value:.4f} does not meet its bound"
