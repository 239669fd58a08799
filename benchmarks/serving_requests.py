"""The requests of `benchmarks/serving.py`: a taxi trip, once or many times, by gRPC and REST."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np

from benchmarks.serving_load import Load
from serving.wire import messages, tensors

MODEL = "taxi"
PREDICT = f"/{messages.PREDICTION_SERVICE}/Predict"
REST_PATH = f"/v1/models/{MODEL}"

TRIP = {
    "trip_miles": 2.0,
    "fare": 10.0,
    "trip_seconds": 600,
    "payment_type": "Credit Card",
    "trip_start_hour": 10,
    "trip_start_day": 1,
    "trip_start_month": 2,
    "pickup_community_area": 8,
    "dropoff_community_area": 8,
    "company": "Taxi Affiliation Services",
}


@dataclasses.dataclass(frozen=True)
class Bodies:
    """Files with bodies of requests, made as they are asked for.

    Attributes:
        folder: Where they are.
    """

    folder: Path

    def example(self) -> Path:
        """Returns a file with the trip as a serialized tf.Example."""
        return self._file("example.bin", example())

    def grpc(self, port: int, callers: int, examples: int) -> Load:
        """Returns a load of Predict on `serving_default`, some examples a request."""
        message = predict_request(examples)
        return Load(
            url=f"http://127.0.0.1:{port}{PREDICT}",
            # gRPC's frame: not compressed, and the length.
            body=self._file(
                f"predict-{examples}.bin", b"\0" + len(message).to_bytes(4, "big") + message
            ),
            headers=("content-type: application/grpc", "te: trailers"),
            callers=callers,
        )

    def rest(self, port: int, callers: int) -> Load:
        """Returns a load of `serving_tensors`, one row a request."""
        return Load(
            url=f"http://127.0.0.1:{port}{REST_PATH}:predict",
            body=self._file("predict.json", rest_request()),
            headers=("content-type: application/json",),
            callers=callers,
            http1=True,
        )

    def _file(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path


def example() -> bytes:
    """Returns the trip as a serialized tf.Example."""
    message = messages.Example()
    for name, value in TRIP.items():
        feature = message.features.feature[name]
        if isinstance(value, str):
            feature.bytes_list.value.append(value.encode())
        elif isinstance(value, int):
            feature.int64_list.value.append(value)
        else:
            feature.float_list.value.append(value)
    encoded: bytes = message.SerializeToString()
    return encoded


def predict_request(examples: int) -> bytes:
    """Returns a serialized PredictRequest with the trip as often as asked for."""
    request = messages.PredictRequest(model_spec={"name": MODEL})
    trips = np.full(examples, example(), object)
    tensors.fill(request.inputs["examples"], trips)
    encoded: bytes = request.SerializeToString()
    return encoded


def rest_request() -> bytes:
    """Returns the body of a REST request with the trip once, by columns."""
    return json.dumps({"signature_name": "serving_tensors", "instances": [TRIP]}).encode()
