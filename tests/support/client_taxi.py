"""A server whose model has the taxi model's name and signatures, and says twice the fare."""

from __future__ import annotations

from client_server import FLOAT, INT64, TEXT, ModelServer

from serving.wire import messages

COLUMNS = {
    **dict.fromkeys(("fare", "trip_miles"), FLOAT),
    **dict.fromkeys(("payment_type", "company"), TEXT),
    **dict.fromkeys(
        (
            *("trip_seconds", "trip_start_hour", "trip_start_day", "trip_start_month"),
            *("pickup_community_area", "dropoff_community_area"),
        ),
        INT64,
    ),
}


def taxi_server() -> ModelServer:
    """Returns the server, not started yet."""
    server = ModelServer()
    server.model = "taxi"
    server.signatures = {
        "serving_default": ({"examples": TEXT}, {"outputs": FLOAT}),
        "serving_tensors": (COLUMNS, {"outputs": FLOAT}),
    }
    return server


def sent_examples(server: ModelServer) -> list[dict[str, tuple[str, list[object]]]]:
    """Returns the rows of the last request: kind and values of each feature."""
    request = messages.PredictRequest.FromString(server.received[-1].body)
    rows = []
    for text in request.inputs["examples"].string_val:
        features = messages.Example.FromString(text).features.feature
        kinds = {name: feature.WhichOneof("kind") for name, feature in features.items()}
        rows.append({n: (k, list(getattr(features[n], k).value)) for n, k in kinds.items()})
    return rows
