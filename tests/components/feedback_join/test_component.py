from __future__ import annotations

import json
from typing import Any

import pytest
from tfx.types import channel, standard_artifacts

from components.feedback_join import FeedbackJoin

GIVEN: dict[str, Any] = {
    "labels_folder": "/labels",
    "columns": ("arr_delay",),
    "identifiers": ("flight_id",),
    "max_delay_sec": 3600,
    "as_of_sec": 1e9,
}


def node(**changes: Any) -> FeedbackJoin:
    served = channel.Channel(type=standard_artifacts.Examples)
    return FeedbackJoin(served_examples=served, **{**GIVEN, **changes})


def test_parameters_are_plain_values() -> None:
    made = node(labels_fingerprint="f")
    assert {key: made.exec_properties[key] for key in made.exec_properties} == {
        "labels_folder": "/labels",
        "labels_fingerprint": "f",
        "columns": json.dumps(["arr_delay"]),
        "identifiers": json.dumps(["flight_id"]),
        "max_delay_sec": 3600.0,
        "as_of_sec": 1e9,
        "contradictions": "latest",
    }
    assert list(made.outputs) == ["labelled_examples"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"columns": ()}, "columns: expected distinct names"),
        ({"columns": ("a", "a")}, "columns: expected distinct names"),
        ({"columns": ("flight_id",)}, "columns: expected distinct names"),
        ({"columns": ("ringway_row",)}, "columns: expected distinct names"),
        ({"columns": ("request_id",)}, "columns: expected distinct names"),
        ({"max_delay_sec": -1}, "max_delay_sec: expected seconds from 0 on, received -1"),
        ({"as_of_sec": float("inf")}, "as_of_sec: expected seconds"),
        ({"contradictions": "first"}, "contradictions: expected 'latest' or 'drop'"),
        ({"labels_folder": ""}, "labels_folder"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        node(**changes)
