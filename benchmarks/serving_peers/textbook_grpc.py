"""The gRPC server that a textbook has one write: grpcio, ten threads, the official stubs.

    python -m benchmarks.serving_peers.textbook_grpc FOLDER_OF_A_VERSION PORT

Prints a line once it listens, and serves until it is ended.
"""

from __future__ import annotations

import sys
from concurrent import futures
from typing import Any

import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

THREADS = 10


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Answers Predict by a call of the default signature.

    Args:
        model: As `tf.saved_model.load` returns it.
    """

    def __init__(self, model: Any) -> None:
        self._signature = model.signatures["serving_default"]

    def Predict(self, request: Any, context: Any) -> Any:  # noqa: N802  (the stub's name)
        """Answers a PredictRequest with a PredictResponse."""
        inputs = {name: tf.constant(tf.make_ndarray(t)) for name, t in request.inputs.items()}
        response = predict_pb2.PredictResponse()
        response.model_spec.CopyFrom(request.model_spec)
        for name, tensor in self._signature(**inputs).items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(tensor.numpy()))
        return response


def main() -> None:
    """Entry point."""
    folder, port = sys.argv[1:]
    server = grpc.server(futures.ThreadPoolExecutor(THREADS))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        PredictionService(tf.saved_model.load(folder)), server
    )
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    print("listening", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
