"""Small records of a request log, and looking at what was written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from serving.request_log.shard_names import finished_shards
from serving.request_log.tfrecord import read_records
from serving.wire import messages

DT_FLOAT = 1
NOW = 1_795_278_600.0  # 2026-11-21 16:30:00 UTC


def predict_messages() -> tuple[Any, Any]:
    """Makes a request for model m and its answer by version 7."""
    request = messages.PredictRequest()
    request.model_spec.name = "m"
    request.inputs["x"].dtype = DT_FLOAT
    request.inputs["x"].tensor_shape.dim.add().size = 2
    request.inputs["x"].float_val.extend([1.5, -2.0])
    response = messages.PredictResponse()
    response.model_spec.name = "m"
    response.model_spec.version.value = 7
    response.model_spec.signature_name = "serving_default"
    response.outputs["y"].dtype = DT_FLOAT
    response.outputs["y"].float_val.append(0.25)
    return request, response


def record(request_id: str = "id-1", now: float = NOW) -> Any:
    """Makes a PredictionLog."""
    made = messages.PredictionLog()
    request, response = predict_messages()
    made.predict_log.request.CopyFrom(request)
    made.predict_log.response.CopyFrom(response)
    made.log_metadata.model_spec.CopyFrom(response.model_spec)
    made.log_metadata.sampling_config.sampling_rate = 0.5
    made.log_metadata.timestamp_secs = int(now)
    made.log_metadata.request_id = request_id
    return made


def written_records(folder: Path) -> list[bytes]:
    """Reads every finished shard, in order; a damaged one raises."""
    return [data for _, path in finished_shards(folder) for data in read_records(path)]


def unfinished_files(folder: Path) -> list[Path]:
    """Lists what is not finished."""
    return sorted(path for path in folder.iterdir() if path.name.endswith(".tmp"))
