"""The REST server that a tutorial has one write: FastAPI, a pydantic body, one uvicorn process.

    python -m benchmarks.serving_peers.fastapi_rest FOLDER_OF_A_VERSION PORT

Takes the same requests as TensorFlow Serving's REST interface, as far as the taxi model needs them,
and serves until it is ended.
"""

from __future__ import annotations

import sys
from typing import Any

import fastapi
import pydantic
import tensorflow as tf
import uvicorn


class Trip(pydantic.BaseModel):
    """One row, by column."""

    trip_miles: float
    fare: float
    trip_seconds: int
    payment_type: str
    trip_start_hour: int
    trip_start_day: int
    trip_start_month: int
    pickup_community_area: int
    dropoff_community_area: int
    company: str


class Request(pydantic.BaseModel):
    """The body of a request."""

    signature_name: str
    instances: list[Trip]


def application(model: Any) -> fastapi.FastAPI:
    """Returns the application.

    Args:
        model: As `tf.saved_model.load` returns it, with the signature `serving_tensors`.
    """
    signature = model.signatures["serving_tensors"]
    types = {name: spec.dtype for name, spec in signature.structured_input_signature[1].items()}
    app = fastapi.FastAPI()

    # Not async: FastAPI runs it in a thread, so that the model does not hold up the event loop.
    def predict(request: Request) -> dict[str, Any]:
        inputs = {
            name: tf.constant([getattr(trip, name) for trip in request.instances], dtype)
            for name, dtype in types.items()
        }
        (output,) = signature(**inputs).values()
        return {"predictions": output.numpy().tolist()}

    # FastAPI reads the types here, so the postponed annotations of a nested function do no harm.
    app.post("/v1/models/taxi:predict")(predict)
    return app


def main() -> None:
    """Entry point."""
    folder, port = sys.argv[1:]
    app = application(tf.saved_model.load(folder))
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning")


if __name__ == "__main__":
    main()
